//! Requests that are signed in the moment when they are sent.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use mock_venue::{Peer, Script, ScriptServer};
use venuepool::completion::Completion;
use venuepool::config::Drive;
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{Outcome, Status, WireState};
use venuepool::http::Request;
use venuepool::http::late::Sending;

use crate::rig::{PATIENCE, config, request, switch};

const DRIVES: [Drive; 2] = [Drive::Thread, Drive::Caller];
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// A venue that keeps the targets of all requests, in the order in which they came.
fn venue(targets: &Arc<Mutex<Vec<String>>>) -> ScriptServer {
    let targets = Arc::clone(targets);
    Script::serve(move |peer: &mut Peer, _| {
        while let Ok(Some(request)) = peer.read_request() {
            targets.lock().unwrap().push(request.target.clone());
            if peer.write(OK).is_err() {
                return;
            }
        }
    })
    .unwrap()
}

fn open(url: &str, slots: usize, drive: Drive) -> Arc<Pool> {
    let mut config = config(url, slots);
    config.set_drive(drive);
    Pool::open(&config).unwrap()
}

/// A request whose nonce is filled when it is sent, with the next number of that counter.
fn numbered(pool: &Pool, counter: &Arc<AtomicU64>) -> Request {
    let counter = Arc::clone(counter);
    let mut request = request(pool);
    request.begin(b"GET", b"/order").unwrap();
    request.query_raw(b"nonce=").unwrap();
    assert_eq!(request.placeholder(6), Ok(0));
    request.set_on_send(Some(Arc::new(move |sending: &mut Sending<'_>| {
        let nonce = counter.fetch_add(1, Ordering::SeqCst);
        sending.fill(0, format!("{nonce:06}").as_bytes()).is_ok()
    })));
    request
}

fn next(pool: &Pool) -> Completion {
    let mut taken = None;
    assert_eq!(pool.wait(1, PATIENCE, |done| taken = Some(done)), Ok(Some(1)));
    taken.unwrap()
}

#[test]
fn direct_queued_and_leased_requests_are_filled_when_they_are_sent() {
    for drive in DRIVES {
        let targets = Arc::default();
        let server = venue(&targets);
        let pool = open(&server.url(), 1, drive);
        let mut request = numbered(&pool, &Arc::new(AtomicU64::new(7)));
        // One slot, so the second one waits.
        for _ in 0..2 {
            pool.submit(&mut request, None, WhenBusy::Queue).unwrap();
        }
        (0..2).for_each(|_| assert_eq!(next(&pool).outcome, Outcome::Ok));
        let lease = pool.acquire(PATIENCE).unwrap();
        pool.submit_on(lease, &mut request, None).unwrap();
        assert_eq!(next(&pool).outcome, Outcome::Ok);
        let expected = ["000007", "000008", "000009"].map(|n| format!("/order?nonce={n}"));
        assert_eq!(*targets.lock().unwrap(), expected);
    }
}

#[test]
fn a_request_that_its_function_withdraws_ends_as_cancelled_and_was_not_sent() {
    for drive in DRIVES {
        let targets = Arc::default();
        let server = venue(&targets);
        let pool = open(&server.url(), 1, drive);
        let mut request = request(&pool);
        let is_wanted = Arc::new(AtomicBool::new(false));
        let wants = Arc::clone(&is_wanted);
        request.begin(b"GET", b"/order").unwrap();
        request.header(b"Sign", b"").unwrap();
        assert_eq!(request.placeholder(2), Ok(0));
        request.set_on_send(Some(Arc::new(move |sending: &mut Sending<'_>| {
            let value = if wants.load(Ordering::SeqCst) { b"ok" } else { b"\r\n" };
            // A refused value is as good as a veto.
            let _ = sending.fill(0, value);
            true
        })));
        for when_busy in [WhenBusy::Refuse, WhenBusy::Queue] {
            pool.submit(&mut request, None, when_busy).unwrap();
            let done = next(&pool);
            assert_eq!((done.outcome, done.wire_state), (Outcome::Cancelled, WireState::NotSent));
            assert_eq!((done.slot, done.bytes_sent), (None, 0));
        }
        assert!(targets.lock().unwrap().is_empty());
        is_wanted.store(true, Ordering::SeqCst);
        pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
        assert_eq!(next(&pool).outcome, Outcome::Ok, "the slot is as good as before");
        assert_eq!(pool.counts().live, 1);
    }
}

#[test]
fn a_queued_request_may_be_withdrawn_when_its_turn_comes() {
    let (throw, thrown) = switch();
    let server = Script::serve(move |peer: &mut Peer, _| {
        while let Ok(Some(_)) = peer.read_request() {
            let _ = thrown.lock().unwrap().recv();
            if peer.write(OK).is_err() {
                return;
            }
        }
    })
    .unwrap();
    let pool = open(&server.url(), 1, Drive::Thread);
    let mut plain = request(&pool);
    plain.begin(b"GET", b"/").unwrap();
    pool.submit(&mut plain, None, WhenBusy::Refuse).unwrap();
    let mut late = request(&pool);
    late.begin(b"GET", b"/late").unwrap();
    late.set_on_send(Some(Arc::new(|_: &mut Sending<'_>| false)));
    let id = pool.submit(&mut late, None, WhenBusy::Queue).unwrap();
    drop(throw);
    assert_eq!(next(&pool).outcome, Outcome::Ok);
    let done = next(&pool);
    assert_eq!((done.id, done.outcome), (id, Outcome::Cancelled));
    assert_eq!(pool.counts().waiting, 0);
}

#[test]
fn a_counter_in_the_function_is_a_nonce_also_with_many_threads() {
    const THREADS: u64 = 4;
    const EACH: u64 = 100;
    let targets = Arc::default();
    let server = venue(&targets);
    let pool = open(&server.url(), 1, Drive::Thread);
    let counter = Arc::new(AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut request = numbered(&pool, &counter);
                for _ in 0..EACH {
                    let done = pool.execute(&mut request, WhenBusy::Queue).unwrap();
                    assert_eq!(done.outcome, Outcome::Ok);
                }
            });
        }
    });
    let targets = targets.lock().unwrap();
    let expected = (0..THREADS * EACH).map(|n| format!("/order?nonce={n:06}"));
    assert!(targets.iter().cloned().eq(expected), "one connection shows the order of sending");
}

#[test]
fn over_several_connections_the_order_of_the_calls_is_the_order_of_sending() {
    const THREADS: usize = 4;
    let targets = Arc::default();
    let server = venue(&targets);
    let pool = open(&server.url(), THREADS, Drive::Thread);
    // When each call began, and when the kernel had its request.
    let sent = Arc::new(Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let called_ns = Arc::new(AtomicU64::new(0));
                let calls = Arc::clone(&called_ns);
                let mut request = request(&pool);
                request.begin(b"GET", b"/").unwrap();
                request.set_on_send(Some(Arc::new(move |sending: &mut Sending<'_>| {
                    calls.store(sending.moment.now_ns, Ordering::SeqCst);
                    std::thread::yield_now();
                    true
                })));
                for _ in 0..100 {
                    let done = pool.execute(&mut request, WhenBusy::Queue).unwrap();
                    assert_eq!(done.outcome, Outcome::Ok);
                    let times = (called_ns.load(Ordering::SeqCst), done.times.write_ns);
                    sent.lock().unwrap().push(times);
                }
            });
        }
    });
    let mut sent = sent.lock().unwrap();
    sent.sort_unstable();
    assert_eq!(sent.len(), 100 * THREADS);
    for pair in sent.windows(2) {
        assert!(pair[0].1 <= pair[1].0, "a call began before the one before was sent: {pair:?}");
    }
}

#[test]
fn the_function_is_told_where_and_when_and_sees_what_is_sent() {
    let targets = Arc::default();
    let server = venue(&targets);
    let pool = open(&server.url(), 1, Drive::Thread);
    let seen = Arc::new(Mutex::new(None));
    let sees = Arc::clone(&seen);
    let mut request = request(&pool);
    request.begin(b"POST", b"/order").unwrap();
    request.set_user_data(77);
    request.body(b"time=0000;x").unwrap();
    assert_eq!(request.body_placeholder(5, 4), Ok(0));
    request.set_on_send(Some(Arc::new(move |sending: &mut Sending<'_>| {
        sending.fill(0, b"1234").unwrap();
        *sees.lock().unwrap() = Some((sending.moment, sending.bytes().to_vec()));
        true
    })));
    let id = pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
    let done = next(&pool);
    let (moment, bytes) = seen.lock().unwrap().take().unwrap();
    assert_eq!(
        (moment.id, moment.user_data, Some(moment.slot)),
        (id, 77, done.slot.map(u32::from))
    );
    assert!(done.times.start_ns <= moment.now_ns && moment.now_ns <= done.times.write_ns);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert!(now.as_nanos() - u128::from(moment.wall_ns) < 60_000_000_000);
    assert!(bytes.starts_with(b"POST /order") && bytes.ends_with(b"time=1234;x"));
}

#[test]
fn a_request_with_places_and_without_a_function_is_refused() {
    let targets = Arc::default();
    let server = venue(&targets);
    let pool = open(&server.url(), 1, Drive::Thread);
    let mut request = numbered(&pool, &Arc::default());
    request.set_on_send(None);
    assert_eq!(pool.submit(&mut request, None, WhenBusy::Refuse), Err(Status::ERR_PHASE));
    assert_eq!(pool.counts().in_use, 0);
}
