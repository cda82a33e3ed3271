//! A slot by itself, with a real socket.

use super::*;
use crate::config::Config;
use crate::lane::Lane;
use crate::slot::in_flight::{Label, Payload, Recipient};
use crate::source::Source;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// A slot with a live connection, and the peer's end.
fn live(free_list: &Arc<FreeList>) -> (Slot, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    stream.set_nonblocking(true).unwrap();
    let slot = Slot::new(0);
    slot.install(Connection::plain(stream), None, 0, free_list);
    (slot, listener.accept().unwrap().0)
}

fn pending() -> Pending {
    let recipient = Recipient::Queue;
    Pending {
        id: 1,
        user_data: 0,
        recipient,
        submit_ns: now_ns(),
        deadline_ns: NEVER,
        lane: Lane::Orders,
        source: Source::ANY,
    }
}

/// The peer is gone, and the kernel says so only after it took a part of the request. Another slot
/// must not send it once more, so the slot keeps it and tells its end.
#[test]
fn a_request_of_which_a_part_was_sent_stays_with_its_slot() {
    // No look, so that the FIN is not seen.
    let policy = Policy { look_after_ns: NEVER, ..Policy::new(&Config::default()) };
    let free_list = FreeList::new(2, 1024, None);
    let (slot, peer) = live(&free_list);
    drop(peer);
    let bytes = vec![b'x'; 32 << 20];
    let payload = Payload::Ready(&bytes);
    let label = Label::NONE;
    let mut request = Outgoing { payload, is_head: false, closes: false, label };
    let started = slot.start(pending(), &mut request, &policy);
    assert!(started.is_ok_and(|started| started.needs_turn), "it is the slot's");
    let start = Instant::now();
    let ended = loop {
        let setting = Setting { policy: &policy, free_list: &free_list, grace_ns: NEVER };
        let mut over = None;
        let turn = slot.drive(setting, &mut over);
        if let Some(over) = over {
            assert_eq!(turn.end.fate, slot::Fate::Lost);
            break over.ended;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "nothing happened");
        std::thread::yield_now();
    };
    let done = ended.completion;
    assert_eq!(done.wire_state, WireState::Partial);
    assert!(matches!(done.outcome, Outcome::ConnectionReset | Outcome::ConnectionClosed));
    assert!((1..bytes.len() as u64).contains(&done.bytes_sent));
}

/// Also when the peer has all that was sent, so that only the rest here says that it is not whole.
#[test]
fn a_partial_request_is_not_worth_waiting_for() {
    let policy = Policy::new(&Config::default());
    let free_list = FreeList::new(2, 1024, None);
    let (slot, mut peer) = live(&free_list);
    let bytes = vec![b'x'; 32 << 20];
    let payload = Payload::Ready(&bytes);
    let label = Label::NONE;
    let mut request = Outgoing { payload, is_head: false, closes: false, label };
    assert!(slot.start(pending(), &mut request, &policy).is_ok());
    let mut inner = slot.lock();
    let connection = inner.held.connection.as_ref().unwrap();
    assert_eq!(connection.wire_state(), WireState::Partial);
    peer.read_exact(&mut vec![0; connection.bytes_sent() as usize]).unwrap();
    let start = Instant::now();
    while connection.evidence().unwrap().bytes_acked != connection.bytes_sent() {
        assert!(start.elapsed() < Duration::from_secs(10), "nothing happened");
        std::thread::yield_now();
    }
    let setting = Setting { policy: &policy, free_list: &free_list, grace_ns: NEVER };
    let over = &mut None;
    let hands = Hands { held: &mut inner.held, setting, index: 0, received: 0, over };
    assert!(!hands.is_on_wire());
}
