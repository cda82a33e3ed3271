//! The outcomes that no other test of the pool comes by: rare ends, each made to happen for real.
//!
//! `tests/outcomes.rs` holds the list of where each outcome is produced.

use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use mock_venue::{CertificateKind, Certificates, Peer, Script, ScriptServer, Transport};
use rustls::version::TLS13;
use venuepool::completion::{Callback, Completion};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{CloseReason, Outcome, WireState};

use crate::rig::{
    body, config, get, next_completion, request, script_pool, status, switch, until, until_idle,
};
use crate::tls_peer::Tls;

/// Waits until one connection was given up for that reason: it is counted behind the completion.
fn until_closed(pool: &Pool, reason: CloseReason) {
    until(|| (pool.stats().closed[reason as usize].get() == 1).then_some(()));
}

/// A scripted server, plain or TLS, and a pool of one connection whose requests may be large.
fn serve(
    tls: bool,
    handler: impl Fn(&mut Peer, usize) + Send + Sync + 'static,
) -> (ScriptServer, Arc<Pool>) {
    let certificates = Certificates::new().unwrap();
    let server = match tls {
        false => Script::serve(handler).unwrap(),
        true => Script::serve_tls(Transport::Tls, &certificates, handler).unwrap(),
    };
    let mut config = config(&server.url(), 1);
    config.set_ca_pem(certificates.ca_pem().as_bytes()).unwrap();
    config.set_request_capacity(32 << 20).unwrap();
    config.set_send_buffer(Some(64 * 1024)).unwrap();
    let pool = Pool::open(&config).unwrap();
    (server, pool)
}

fn send_large(pool: &Pool) -> Completion {
    let mut request = request(pool);
    request.begin(b"POST", b"/large").unwrap();
    request.body(&vec![b'x'; 31 << 20]).unwrap();
    pool.execute(&mut request, WhenBusy::Queue).unwrap()
}

/// RFC 9112 section 9.5: a client looks for a response while it is still sending.
#[test]
fn an_early_answer_over_tls_is_delivered_and_the_connection_given_up() {
    let (over, test_is_over) = switch();
    let (_server, pool) = serve(true, move |peer, _| {
        if peer.read_some(&mut [0]).unwrap() == 1 {
            let early = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig";
            peer.write(early.as_bytes()).unwrap();
            let _ = test_is_over.lock().unwrap().recv();
        }
    });
    let done = send_large(&pool);
    assert_eq!((done.outcome, done.wire_state), (Outcome::Ok, WireState::Answered));
    assert_eq!((status(&done), body(&done).as_str()), (413, "big"));
    assert!(done.bytes_sent < 31 << 20 && done.times.write_ns == 0);
    until_idle(&pool, 1);
    until_closed(&pool, CloseReason::EarlyResponse);
    drop(over);
    pool.close().unwrap();
}

/// The answer is there, and behind it a reset, because the peer had not read all: the failing send
/// must not hide the answer.
#[test]
fn an_early_answer_with_a_reset_behind_it_is_delivered() {
    for tls in [false, true] {
        let (_server, pool) = serve(tls, |peer, _| {
            if peer.read_some(&mut [0]).is_ok_and(|count| count == 1) {
                let early = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno";
                peer.write(early.as_bytes()).unwrap();
            }
        });
        for _ in 0..3 {
            let done = send_large(&pool);
            assert_eq!(done.outcome, Outcome::Ok, "TLS: {tls}");
            assert_eq!((status(&done), body(&done).as_str()), (401, "no"));
        }
        pool.close().unwrap();
    }
}

/// A response that begins before any byte of its request was sent answers nothing. The kernel takes
/// no byte of a request while it is full; here the test fills it, behind the pool's back.
#[test]
fn an_answer_to_a_request_that_was_not_sent_is_unsolicited() {
    let (throw, thrown) = switch();
    let (server, pool) = serve(false, move |peer, _| {
        // Reads nothing at all.
        if thrown.lock().unwrap().recv().is_ok() {
            peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nnobody").unwrap();
            let _ = thrown.lock().unwrap().recv();
        }
    });
    fill(socket_to(server.address().port()));
    let mut request = request(&pool);
    request.begin(b"GET", b"/").unwrap();
    pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
    throw.send(()).unwrap();
    let done = next_completion(&pool);
    assert_eq!(done.outcome, Outcome::UnsolicitedResponse, "{done:?}");
    assert_eq!((done.wire_state, done.bytes_sent), (WireState::NotSent, 0));
    until_closed(&pool, CloseReason::IdleBytes);
    drop(throw);
    pool.close().unwrap();
}

/// Writes until the kernel has taken nothing for a while.
fn fill(socket: RawFd) {
    // SAFETY: it is the pool's, which is idle and keeps it open meanwhile.
    let socket = unsafe { std::os::fd::BorrowedFd::borrow_raw(socket) };
    let socket = socket2::SockRef::from(&socket);
    let mut refused = 0;
    while refused < 20 {
        match socket.send(&[b'x'; 4096][..if refused == 0 { 4096 } else { 1 }]) {
            Ok(_) => refused = 0,
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
                refused += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

#[test]
fn bytes_that_are_no_tls_end_the_exchange() {
    let tls = Tls::new(&TLS13, CertificateKind::Good);
    let (_server, pool) = tls.serve(|mut peer| {
        let tickets = peer.take_records();
        peer.socket.write(&tickets).unwrap();
        if peer.read_request() {
            // In the clear, as a proxy does that gives up.
            peer.socket.write(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
            let _ = peer.socket.wait_eof();
        }
    });
    let done = get(&pool, "/");
    assert_eq!((done.outcome, done.wire_state), (Outcome::TlsError, WireState::Sent));
    until_closed(&pool, CloseReason::Tls);
    pool.close().unwrap();
}

/// RFC 9112 section 9.8.
#[test]
fn a_close_delimited_body_over_tls_needs_its_close_notify() {
    for clean in [true, false] {
        let (_server, pool) = serve(true, move |peer, _| {
            if let Ok(Some(_)) = peer.read_request() {
                peer.write(b"HTTP/1.1 200 OK\r\n\r\nall of it?").unwrap();
                if clean {
                    peer.close_notify().unwrap();
                }
                peer.finish().unwrap();
                let _ = peer.wait_eof();
            }
        });
        let done = get(&pool, "/");
        if clean {
            assert_eq!((done.outcome, body(&done).as_str()), (Outcome::Ok, "all of it?"));
        } else {
            assert_eq!(done.outcome, Outcome::BodyTruncated);
            assert_eq!(done.wire_state, WireState::Answering);
        }
        pool.close().unwrap();
    }
}

/// The descriptor of this process that is connected to `port`.
fn socket_to(port: u16) -> RawFd {
    let numbers = std::fs::read_dir("/proc/self/fd").unwrap();
    let mut numbers = numbers.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_it = |fd: &RawFd| {
        // SAFETY: it may be closed by another test meanwhile, which the call then says; it is
        // looked at and not kept.
        let borrowed = unsafe { std::os::fd::BorrowedFd::borrow_raw(*fd) };
        let peer = socket2::SockRef::from(&borrowed).peer_addr();
        peer.is_ok_and(|peer| peer.as_socket().is_some_and(|peer| peer.port() == port))
    };
    numbers.find(is_it).expect("the pool's connection")
}

/// An error that is neither a reset nor TLS: the host program closes a descriptor that is not its
/// own, and what stands there now is no socket.
#[test]
fn a_socket_that_the_host_program_replaced_is_an_io_error() {
    let (over, test_is_over) = switch();
    let (server, pool) = serve(false, move |peer, _| {
        let _ = peer.read_request();
        let _ = test_is_over.lock().unwrap().recv();
    });
    let mut request = request(&pool);
    request.begin(b"GET", b"/").unwrap();
    // Nothing tells the pool of what happens; it looks when the deadline comes.
    request.set_timeout_ns(50_000_000);
    pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
    let file = std::fs::File::open("/dev/null").unwrap();
    // SAFETY: both descriptors are open. The pool still closes the one it has, once.
    let replaced = unsafe { libc::dup2(file.as_raw_fd(), socket_to(server.address().port())) };
    assert!(replaced >= 0);
    let done = next_completion(&pool);
    assert_eq!((done.outcome, done.wire_state), (Outcome::IoError, WireState::Sent));
    until_closed(&pool, CloseReason::IoError);
    drop(over);
    until_idle(&pool, 1);
    pool.close().unwrap();
}

/// A panic on the pool thread, from a callback of a Rust program, costs the exchange in flight on
/// that slot and no more: its completion comes, and the slot heals.
#[test]
fn a_panic_on_the_pool_thread_ends_the_exchange_in_flight_as_internal() {
    let server = Script::serve(|peer, number| {
        let Ok(Some(_)) = peer.read_request() else { return };
        peer.write(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        // On the first connection the second request gets no answer.
        while let Ok(Some(_)) = peer.read_request() {
            if number > 0 {
                peer.write(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
            }
        }
    })
    .unwrap();
    let pool = script_pool(&server);
    let (sent, is_sent) = switch();
    let panics: Callback = Arc::new(move |_| {
        is_sent.lock().unwrap().recv().unwrap();
        std::panic::resume_unwind(Box::new("on purpose, and without a message"));
    });
    let mut request = request(&pool);
    request.begin(b"GET", b"/").unwrap();
    pool.submit(&mut request, Some(panics), WhenBusy::Refuse).unwrap();
    // The slot is free before its callback runs.
    until_idle(&pool, 1);
    pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
    sent.send(()).unwrap();
    let done = next_completion(&pool);
    assert_eq!((done.outcome, done.wire_state), (Outcome::Internal, WireState::Sent));
    until_closed(&pool, CloseReason::Internal);
    assert_eq!(status(&get(&pool, "/")), 204);
    pool.close().unwrap();
}
