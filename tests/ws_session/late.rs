//! Messages that are signed in the moment when they are sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use venuepool::error::{Outcome, Status};
use venuepool::session::frame::Frame;
use venuepool::ws::frame::Kind;

use super::desk::{Desk, SECOND, settings};
use crate::peer::{Server, exchange};

/// Fills the eight digits at the end of each message with the next number of all senders.
fn sign_by(frame: &mut Frame, numbers: &Arc<AtomicU64>) {
    let numbers = Arc::clone(numbers);
    let sign = move |wall_ns, message: &mut [u8]| {
        assert!(wall_ns > 1_600_000_000 * SECOND);
        let number = numbers.fetch_add(1, Ordering::SeqCst);
        let at = message.len() - 8;
        message[at..].copy_from_slice(format!("{number:08}").as_bytes());
        true
    };
    frame.set_on_send(Some(Box::new(sign))).unwrap();
}

fn write(room: &mut [u8], text: &str) -> usize {
    room[..text.len()].copy_from_slice(text.as_bytes());
    text.len()
}

/// A nonce must grow from message to message, whoever sends.
#[test]
fn the_order_of_signing_is_the_order_on_the_wire_from_any_threads() {
    const EACH: u64 = 300;
    for is_tls in [false, true] {
        let server = Server::start(is_tls, |_, peer| exchange(peer));
        let mut desk = Desk::open(&server, &settings());
        let (session, numbers) = (&Arc::clone(&desk.session), Arc::default());
        thread::scope(|scope| {
            for _ in 0..4 {
                let numbers = &numbers;
                scope.spawn(move || {
                    let mut frame = session.frame(32).unwrap();
                    sign_by(&mut frame, numbers);
                    for _ in 0..EACH {
                        let len = write(frame.room().unwrap(), "nonce 00000000");
                        session.send_frame(&mut frame, Kind::Text, len).unwrap();
                    }
                });
            }
            for number in 0..4 * EACH {
                assert_eq!(desk.message(), format!("nonce {number:08}"));
            }
        });
        desk.close();
    }
}

#[test]
fn a_call_is_signed_when_it_is_sent_and_not_when_it_is_refused() {
    let server = Server::start(false, |_, peer| exchange(peer));
    let mut desk = Desk::open(&server, &settings());
    let session = Arc::clone(&desk.session);
    let numbers = Arc::new(AtomicU64::new(5));
    let mut frame = session.frame(32).unwrap();
    sign_by(&mut frame, &numbers);
    let call =
        |frame: &mut Frame, len| session.call_frame(frame, Kind::Text, len, 7, 60 * SECOND, 0);
    // What comes back has no key, so the call goes on.
    let len = write(frame.room().unwrap(), "hold 00000000");
    let id = call(&mut frame, len).unwrap();
    assert_eq!(desk.message(), "hold 00000005");
    write(frame.room().unwrap(), "id:7 00000000");
    assert_eq!(call(&mut frame, len), Err(Status::ERR_ARGUMENT), "its key is in use");
    assert_eq!(numbers.load(Ordering::SeqCst), 6, "what is refused takes no nonce");
    session.cancel(id).unwrap();
    assert_eq!(desk.fails(id).0, Outcome::Cancelled);
    // The message that was refused is still there.
    let id = call(&mut frame, len).unwrap();
    let (ended, answer) = desk.completion();
    assert_eq!((ended.call.id, ended.outcome), (id, Outcome::Ok));
    assert_eq!(answer, "id:7 00000006 ok");
    desk.close();
}

#[test]
fn a_message_that_is_withdrawn_is_not_sent_and_has_no_number() {
    let server = Server::start(false, |_, peer| exchange(peer));
    let mut desk = Desk::open(&server, &settings());
    let session = Arc::clone(&desk.session);
    let mut frame = session.frame(32).unwrap();
    frame.set_on_send(Some(Box::new(|_, _| false))).unwrap();
    let len = write(frame.room().unwrap(), "id:1 order");
    let refused = Err(Status::ERR_ARGUMENT);
    assert_eq!(session.send_frame(&mut frame, Kind::Text, len), refused);
    assert_eq!(session.call_frame(&mut frame, Kind::Text, len, 1, SECOND, 0), refused);
    frame.set_on_send(None).unwrap();
    assert_eq!(session.send_frame(&mut frame, Kind::Text, len), Ok(1), "it stays in its room");
    assert_eq!(desk.message(), "id:1 order ok");
    assert_eq!(session.health().calls, 0);
    desk.close();
}
