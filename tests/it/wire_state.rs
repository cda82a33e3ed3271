//! The truth after a failure (promise 2): what the wire state says, and that nothing is sent twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mock_venue::{
    Certificates, Fault, FaultKind, How, Options, Peer, Place, Script, Transport, Venue,
};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{CloseReason, Outcome, Status, WireState};

use crate::rig::{
    config, may_filter, next_completion, order, request, script_pool, switch, until_idle,
    venue_pool,
};

fn send_order(pool: &Pool, id: &str) -> (Outcome, WireState) {
    let mut request = request(pool);
    order(&mut request, id);
    let done = pool.execute(&mut request, WhenBusy::Queue).unwrap();
    let is_whole = done.response.is_some_and(|recycled| recycled.response.is_complete());
    assert_eq!(is_whole, done.outcome == Outcome::Ok);
    (done.outcome, done.wire_state)
}

#[test]
fn a_reset_instead_of_an_answer_is_sent_and_never_resent() {
    for options in [Options::plain(), Options::tls()] {
        let venue = Venue::start(options).unwrap();
        let pool = venue_pool(&venue, 2);
        // Use both connections first: libcurl resends a POST only on a used one.
        for id in ["warm-1", "warm-2", "warm-3"] {
            assert_eq!(send_order(&pool, id), (Outcome::Ok, WireState::Answered));
        }
        venue.set_fault(Fault::first(1, FaultKind::Cut(Place::Byte(0), How::Rst))).unwrap();
        let (outcome, wire_state) = send_order(&pool, "lost");
        assert_eq!((outcome, wire_state), (Outcome::ConnectionReset, WireState::Sent));
        venue.set_fault(Fault::first(1, FaultKind::Cut(Place::Byte(0), How::Fin))).unwrap();
        let (outcome, wire_state) = send_order(&pool, "closed");
        assert_eq!((outcome, wire_state), (Outcome::ConnectionClosed, WireState::Sent));
        assert_eq!(send_order(&pool, "after"), (Outcome::Ok, WireState::Answered));
        assert_eq!(venue.orders_with_id("lost"), 1);
        assert_eq!(venue.orders_with_id("closed"), 1);
        assert_eq!(venue.stats().duplicates, 0);
        pool.close().unwrap();
    }
}

#[test]
fn a_response_cut_short_is_answering_and_never_a_short_body() {
    for options in [Options::plain(), Options::tls()] {
        let venue = Venue::start(options).unwrap();
        let pool = venue_pool(&venue, 1);
        for how in [How::Rst, How::Fin] {
            venue.set_fault(Fault::first(1, FaultKind::Cut(Place::HalfBody, how))).unwrap();
            let (outcome, wire_state) = send_order(&pool, "half");
            assert!(matches!(outcome, Outcome::ConnectionReset | Outcome::ConnectionClosed));
            assert_eq!(wire_state, WireState::Answering);
        }
        pool.close().unwrap();
    }
}

#[test]
fn a_request_that_the_peer_stops_reading_is_partial_and_reset() {
    let (over, test_is_over) = switch();
    // Reads nothing; the client's kernel fills up, its deadline passes.
    let hold = move |_: &mut Peer, _| {
        let _ = test_is_over.lock().unwrap().recv();
    };
    let server = Script::serve(hold).unwrap();
    let mut config = config(&server.url(), 1);
    config.set_request_capacity(64 << 20).unwrap();
    config.set_send_buffer(Some(16 * 1024)).unwrap();
    let pool = Pool::open(&config).unwrap();
    let mut request = request(&pool);
    request.begin(b"POST", b"/large").unwrap();
    request.body(&vec![b'x'; 63 << 20]).unwrap();
    request.set_timeout_ns(50_000_000);
    pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
    let done = next_completion(&pool);
    assert_eq!(done.wire_state, WireState::Partial);
    assert_eq!(done.outcome, Outcome::Timeout);
    assert!((1..63 << 20).contains(&done.bytes_sent), "{}", done.bytes_sent);
    assert_eq!(done.times.write_ns, 0);
    // Some of it is in the peer's kernel.
    match done.evidence() {
        Some(told) => {
            assert!(told.bytes_acked > 0, "{told:?}");
            assert!(told.bytes_acked + told.bytes_unsent <= done.bytes_sent);
        }
        None => assert!(!may_filter(), "the kernel allows to stop the acknowledgements"),
    }
    pool.close().unwrap();
    drop(over);
}

#[test]
fn an_early_answer_is_delivered_and_the_connection_given_up() {
    let (over, test_is_over) = switch();
    let server = Script::serve(move |peer, _| {
        let early = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig";
        // Answers at the first byte of the request, and reads no more of it.
        if peer.read_some(&mut [0]).unwrap() == 1 {
            peer.write(early.as_bytes()).unwrap();
            let _ = test_is_over.lock().unwrap().recv();
        }
    })
    .unwrap();
    let mut config = config(&server.url(), 1);
    config.set_request_capacity(64 << 20).unwrap();
    let pool = Pool::open(&config).unwrap();
    let mut request = request(&pool);
    request.begin(b"POST", b"/large").unwrap();
    request.body(&vec![b'x'; 63 << 20]).unwrap();
    let done = pool.execute(&mut request, WhenBusy::Refuse).unwrap();
    assert_eq!((done.outcome, done.wire_state), (Outcome::Ok, WireState::Answered));
    assert_eq!(crate::rig::status(&done), 413);
    until_idle(&pool, 1);
    assert_eq!(pool.stats().closed[CloseReason::EarlyResponse as usize].get(), 1);
    drop(over);
    pool.close().unwrap();
}

#[test]
fn a_timeout_in_the_queue_is_not_sent() {
    let server = Script::serve(|peer, _| {
        let _ = peer.wait_eof();
    })
    .unwrap();
    let pool = script_pool(&server);
    let mut request = request(&pool);
    request.begin(b"GET", b"/").unwrap();
    let first = pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
    request.set_timeout_ns(5_000_000);
    let second = pool.submit(&mut request, None, WhenBusy::Queue).unwrap();
    let done = next_completion(&pool);
    assert_eq!((done.id, done.outcome), (second, Outcome::Timeout));
    assert_eq!((done.wire_state, done.bytes_sent, done.slot), (WireState::NotSent, 0, None));
    pool.cancel(first).unwrap();
    let done = next_completion(&pool);
    assert_eq!((done.id, done.outcome), (first, Outcome::Cancelled));
    assert_eq!(done.wire_state, WireState::Sent);
    assert_eq!(pool.cancel(first), Err(Status::ERR_UNKNOWN_ID));
    pool.close().unwrap();
}

#[test]
fn a_server_that_closes_used_connections_gets_no_order_twice() {
    // The case in which libcurl resends: a reused connection that dies without an answer.
    let closed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&closed);
    let venue_side = Script::serve(move |peer, _| {
        let Ok(Some(_)) = peer.read_request() else { return };
        peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        if let Ok(Some(_)) = peer.read_request() {
            counter.fetch_add(1, Ordering::SeqCst);
            peer.finish().unwrap();
        }
    })
    .unwrap();
    let pool = script_pool(&venue_side);
    for _ in 0..20 {
        assert_eq!(send_order(&pool, "first").0, Outcome::Ok);
        let (outcome, wire_state) = send_order(&pool, "second");
        assert_eq!((outcome, wire_state), (Outcome::ConnectionClosed, WireState::Sent));
    }
    assert_eq!(closed.load(Ordering::SeqCst), 20, "each was received exactly once");
    pool.close().unwrap();
}

#[test]
fn the_kernel_is_asked_what_the_peer_has() {
    let certificates = Certificates::new().unwrap();
    // Reads the request and says nothing.
    let act = |peer: &mut Peer, _| {
        let _ = peer.read_request();
        let _ = peer.wait_eof();
    };
    let plain = Script::serve(act).unwrap();
    let tls = Script::serve_tls(Transport::Tls, &certificates, act).unwrap();
    for server in [plain, tls] {
        let mut config = config(&server.url(), 1);
        config.set_ca_pem(certificates.ca_pem().as_bytes()).unwrap();
        let pool = Pool::open(&config).unwrap();
        let mut request = request(&pool);
        order(&mut request, "silence");
        // Longer than an acknowledgement may be delayed.
        request.set_timeout_ns(500_000_000);
        let done = pool.execute(&mut request, WhenBusy::Refuse).unwrap();
        assert_eq!((done.outcome, done.wire_state), (Outcome::Timeout, WireState::Sent));
        let evidence = done.evidence().unwrap();
        assert_eq!((evidence.bytes_acked, evidence.bytes_unsent), (done.bytes_sent, 0));
        pool.close().unwrap();
    }
}
