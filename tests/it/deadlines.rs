//! Deadlines at every step of an exchange, and what becomes of an answer that comes too late.

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mock_venue::{Peer, Script, ScriptServer};
use socket2::SockRef;
use venuepool::clock::now_ns;
use venuepool::completion::Completion;
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{CloseReason, Outcome, WireState};
use venuepool::event::{Event, EventHook, EventKind};

use crate::rig::{
    PATIENCE, config, get, may_filter, next_completion, order, request, switch, until, until_idle,
};

const MS: u64 = 1_000_000;
const DRIVES: [Drive; 2] = [Drive::Thread, Drive::Caller];
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate";

/// What a late answer was.
type Late = (u64, Outcome, WireState, String);

/// A server that reads a request and then does as it is told, once on each connection.
fn server(act: impl Fn(&mut Peer) + Send + Sync + 'static) -> ScriptServer {
    let handler = move |peer: &mut Peer, _| {
        if let Ok(Some(_)) = peer.read_request() {
            act(peer);
            let _ = peer.wait_eof();
        }
    };
    Script::serve(handler).unwrap()
}

fn driven(server: &ScriptServer, drive: Drive) -> Config {
    let mut config = config(&server.url(), 1);
    config.set_drive(drive);
    config
}

fn late_answers(config: &mut Config) -> Receiver<Late> {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    config.set_event_hook(Some(EventHook(Arc::new(move |event: &Event| {
        if event.kind == EventKind::LateResponse {
            let late = event.late.as_ref().unwrap();
            let body = late.response.as_ref().unwrap().response.body();
            let body = String::from_utf8(body.to_vec()).unwrap();
            let _ = tell.lock().unwrap().send((late.id, late.outcome, late.wire_state, body));
        }
    }))));
    told
}

#[test]
fn a_request_that_the_kernel_does_not_take_is_partial_at_the_write_timeout() {
    for drive in DRIVES {
        let (_throw, thrown) = switch();
        // Never reads, so the buffers of both kernels fill.
        let server = Script::serve(move |_: &mut Peer, _| {
            let _ = thrown.lock().unwrap().recv();
        });
        let server = server.unwrap();
        let mut config = driven(&server, drive);
        config.set_request_capacity(32 << 20).unwrap();
        config.set_write_timeout_ns(30 * MS).unwrap();
        let pool = Pool::open(&config).unwrap();
        let mut request = request(&pool);
        request.begin(b"POST", b"/").unwrap();
        request.body(&vec![b'x'; 30 << 20]).unwrap();
        let done = pool.execute(&mut request, WhenBusy::Refuse).unwrap();
        assert_eq!((done.outcome, done.wire_state), (Outcome::Timeout, WireState::Partial));
        assert!(done.times.done_ns - done.times.submit_ns < 5_000 * MS);
        drop(_throw);
        pool.close().unwrap();
    }
}

#[test]
fn silence_ends_at_the_first_byte_timeout() {
    for drive in DRIVES {
        let server = server(|_| {});
        let mut config = driven(&server, drive);
        config.set_first_byte_timeout_ns(30 * MS).unwrap();
        let pool = Pool::open(&config).unwrap();
        let done = get(&pool, "/");
        assert_eq!((done.outcome, done.wire_state), (Outcome::Timeout, WireState::Sent));
        let took = done.times.done_ns - done.times.write_ns;
        assert!((30 * MS..5_000 * MS).contains(&took), "{took}");
        pool.close().unwrap();
    }
}

#[test]
fn after_its_first_byte_an_answer_has_all_the_time_of_the_request() {
    for drive in DRIVES {
        let server = server(|peer| {
            let _ = peer.write_slowly(ANSWER, 8, Duration::from_millis(300));
        });
        let mut config = driven(&server, drive);
        config.set_first_byte_timeout_ns(1_000 * MS).unwrap();
        let pool = Pool::open(&config).unwrap();
        let done = get(&pool, "/");
        assert_eq!(done.outcome, Outcome::Ok);
        assert!(done.times.done_ns - done.times.write_ns > 1_000 * MS);
        pool.close().unwrap();
    }
}

#[test]
fn silence_after_the_first_byte_ends_at_the_deadline() {
    for drive in DRIVES {
        let server = server(|peer| {
            // The first byte comes at about the time at which it would be too late.
            std::thread::sleep(Duration::from_millis(20));
            let _ = peer.write(b"H");
        });
        let mut config = driven(&server, drive);
        config.set_first_byte_timeout_ns(20 * MS).unwrap();
        config.set_request_timeout_ns(60 * MS).unwrap();
        // A request that waited for the next connection is sent all the same.
        config.set_exchange_time_ns(0).unwrap();
        let pool = Pool::open(&config).unwrap();
        let mut answering = 0;
        for _ in 0..20 {
            let done = get(&pool, "/");
            assert_eq!(done.outcome, Outcome::Timeout);
            answering += u32::from(done.wire_state == WireState::Answering);
            let took = done.times.done_ns - done.times.submit_ns;
            assert!((20 * MS..5_000 * MS).contains(&took), "{took}");
        }
        println!("{answering} of 20 had a first byte");
        pool.close().unwrap();
    }
}

#[test]
fn waiting_in_the_queue_has_a_limit_of_its_own() {
    for drive in DRIVES {
        let server = server(|_| {});
        let mut config = driven(&server, drive);
        config.set_queue_timeout_ns(20 * MS).unwrap();
        let pool = Pool::open(&config).unwrap();
        let lease = pool.try_acquire().unwrap();
        let done = get(&pool, "/");
        assert_eq!((done.outcome, done.wire_state), (Outcome::Timeout, WireState::NotSent));
        assert!(done.times.done_ns - done.times.submit_ns < 5_000 * MS);
        pool.release(lease).unwrap();
        pool.close().unwrap();
    }
}

#[test]
fn a_late_answer_is_told_and_its_connection_closed() {
    for drive in DRIVES {
        let (throw, thrown) = switch();
        let server = server(move |peer| {
            let _ = thrown.lock().unwrap().recv();
            let _ = peer.write(ANSWER);
        });
        let mut config = driven(&server, drive);
        config.set_linger_ns(20_000 * MS).unwrap();
        config.set_request_timeout_ns(20 * MS).unwrap();
        let late = late_answers(&mut config);
        let pool = Pool::open(&config).unwrap();
        let done = get(&pool, "/");
        assert_eq!((done.outcome, done.wire_state), (Outcome::Timeout, WireState::Sent));
        // The slot is good again while the answer is still out.
        until_idle(&pool, 1);
        throw.send(()).unwrap();
        let told = late.recv_timeout(PATIENCE).unwrap();
        let expected = (done.id, Outcome::Ok, WireState::Answered, "late".to_owned());
        assert_eq!(told, expected);
        assert_eq!(pool.stats().late.get(), 1);
        assert_eq!(pool.stats().closed[CloseReason::Timeout as usize].get(), 1);
        drop(throw);
        pool.close().unwrap();
    }
}

#[test]
fn an_answer_beyond_the_linger_time_meets_a_closed_connection() {
    for drive in DRIVES {
        let (tell, closed) = channel();
        let tell = Mutex::new(tell);
        let server = Script::serve(move |peer: &mut Peer, _| {
            if let Ok(Some(_)) = peer.read_request() {
                // Ends when the pool gives up waiting.
                let _ = peer.wait_eof();
                let _ = tell.lock().unwrap().send(());
            }
        });
        let server = server.unwrap();
        let mut config = driven(&server, drive);
        config.set_linger_ns(20 * MS).unwrap();
        config.set_request_timeout_ns(10 * MS).unwrap();
        let late = late_answers(&mut config);
        let pool = Pool::open(&config).unwrap();
        assert_eq!(get(&pool, "/").outcome, Outcome::Timeout);
        closed.recv_timeout(PATIENCE).unwrap();
        assert!(late.try_recv().is_err());
        assert_eq!(pool.stats().late.get(), 0);
        pool.close().unwrap();
    }
}

/// A peer with a small window, which answers its first request without reading its body, and reads
/// on when told. Tells what it had read when the connection ended, and whether that was a reset.
fn reluctant(act: Receiver<()>) -> (String, Receiver<(Vec<u8>, bool)>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    SockRef::from(&listener).set_recv_buffer_size(4096).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let mut peer = listener.accept().unwrap().0;
        peer.read_exact(&mut [0]).unwrap();
        peer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        let _ = act.recv();
        let mut all = Vec::new();
        let is_reset = peer.read_to_end(&mut all).is_err();
        let _ = tell.send((all, is_reset));
    });
    (url, told)
}

fn sends(pool: &Pool, path: &str, size: usize, timeout_ns: u64) -> Completion {
    let mut request = request(pool);
    request.begin(b"POST", path.as_bytes()).unwrap();
    request.body(&vec![b'x'; size]).unwrap();
    request.set_timeout_ns(timeout_ns);
    pool.execute(&mut request, WhenBusy::Refuse).unwrap()
}

/// What is still here could go out later, and the order that was told as unsent would be executed.
#[test]
fn a_request_that_the_peer_has_no_room_for_does_not_linger_and_never_arrives() {
    for drive in DRIVES {
        let (throw, thrown) = channel();
        let (url, told) = reluctant(thrown);
        let mut config = config(&url, 1);
        config.set_drive(drive);
        config.set_request_capacity(1 << 20).unwrap();
        config.set_linger_ns(3_600_000 * MS).unwrap();
        let pool = Pool::open(&config).unwrap();
        assert_eq!(sends(&pool, "/first", 64 << 10, 10_000 * MS).outcome, Outcome::Ok);
        let done = sends(&pool, "/second", 10, 100 * MS);
        assert_eq!((done.outcome, done.wire_state), (Outcome::Timeout, WireState::Sent));
        match done.evidence() {
            Some(told) => assert_eq!((told.bytes_acked, told.bytes_unsent), (0, done.bytes_sent)),
            None => assert!(!may_filter(), "the kernel allows to stop the acknowledgements"),
        }
        throw.send(()).unwrap();
        let (all, is_reset) = told.recv_timeout(PATIENCE).unwrap();
        assert!(is_reset);
        assert!(!all.windows(7).any(|window| window == b"/second"));
        pool.close().unwrap();
    }
}

#[test]
fn a_partial_request_does_not_linger() {
    for drive in DRIVES {
        let (throw, thrown) = channel();
        let (url, told) = reluctant(thrown);
        let mut config = config(&url, 1);
        config.set_drive(drive);
        config.set_request_capacity(32 << 20).unwrap();
        config.set_linger_ns(3_600_000 * MS).unwrap();
        let pool = Pool::open(&config).unwrap();
        assert_eq!(sends(&pool, "/first", 64 << 10, 10_000 * MS).outcome, Outcome::Ok);
        let done = sends(&pool, "/second", 30 << 20, 100 * MS);
        assert_eq!((done.outcome, done.wire_state), (Outcome::Timeout, WireState::Partial));
        throw.send(()).unwrap();
        let (all, is_reset) = told.recv_timeout(PATIENCE).unwrap();
        assert!(is_reset, "the reset comes at the deadline, not at the end of the linger time");
        assert!(all.len() < 30 << 20);
        pool.close().unwrap();
    }
}

#[test]
fn what_lingers_does_not_hold_up_the_end() {
    let server = server(|_| {});
    let mut config = driven(&server, Drive::Thread);
    config.set_linger_ns(3_600_000 * MS).unwrap();
    config.set_request_timeout_ns(5 * MS).unwrap();
    let pool = Pool::open(&config).unwrap();
    for _ in 0..5 {
        assert_eq!(get(&pool, "/").outcome, Outcome::Timeout);
    }
    pool.close().unwrap();
}

#[test]
fn requests_with_short_timeouts_of_their_own_keep_them() {
    for drive in DRIVES {
        let server = server(|_| {});
        let mut config = driven(&server, drive);
        config.set_backoff_ns(1_000, 1_000_000).unwrap();
        // Otherwise an order that waits for its connection may end early: nobody ever answers.
        config.set_exchange_time_ns(0).unwrap();
        let pool = Pool::open(&config).unwrap();
        let mut request = request(&pool);
        for number in 0..20 {
            order(&mut request, &format!("order-{number}"));
            request.set_timeout_ns(8 * MS);
            let done = pool.execute(&mut request, WhenBusy::Queue).unwrap();
            assert_eq!(done.outcome, Outcome::Timeout);
            let took = done.times.done_ns - done.times.submit_ns;
            assert!((8 * MS..5_000 * MS).contains(&took), "{took}");
        }
        until(|| (pool.counts().live == 1).then_some(()));
        pool.close().unwrap();
    }
}

#[test]
fn a_queued_request_is_never_sent_behind_its_deadline() {
    let server = Script::serve(|peer: &mut Peer, _| {
        while let Ok(Some(request)) = peer.read_request() {
            assert_ne!(request.target, "/late", "sent behind its deadline");
            peer.write(ANSWER).unwrap();
        }
    });
    let server = server.unwrap();
    let pool = Pool::open(&driven(&server, Drive::Thread)).unwrap();
    let lease = pool.try_acquire().unwrap();
    let (tell, told) = channel();
    let (inner, told) = (Arc::clone(&pool), Mutex::new(told));
    // Holds the pool thread up, which would end the waiting, and then frees the slot.
    let callback = Arc::new(move |_| {
        let deadline_ns: u64 = told.lock().unwrap().recv().unwrap();
        until(|| (now_ns() > deadline_ns).then_some(()));
        inner.release(lease).unwrap();
    });
    let mut request = request(&pool);
    request.begin(b"GET", b"/").unwrap();
    pool.submit_on(lease, &mut request, Some(callback)).unwrap();
    request.begin(b"GET", b"/late").unwrap();
    request.set_timeout_ns(5 * MS);
    pool.submit(&mut request, None, WhenBusy::Queue).unwrap();
    tell.send(now_ns() + 5 * MS).unwrap();
    let done = next_completion(&pool);
    assert_eq!((done.outcome, done.wire_state), (Outcome::Timeout, WireState::NotSent));
    // The slot is the next one's, and nothing was sent on it meanwhile.
    assert_eq!(get(&pool, "/").outcome, Outcome::Ok);
    pool.close().unwrap();
}
