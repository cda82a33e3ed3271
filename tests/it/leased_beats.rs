//! Heartbeats on leased slots, and the orders that meet them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use mock_venue::{Options, Peer, Script, ScriptServer, Venue};
use venuepool::completion::Completion;
use venuepool::config::Drive;
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{CloseReason, Outcome, Status, WireState};
use venuepool::lane::{Lane, LaneSet};
use venuepool::pool::dispatch::Lease;
use venuepool::pool::health::Activity;

use crate::rig::{PATIENCE, config, get, order, request, status, switch, until, venue_config};

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;
const DRIVES: [Drive; 2] = [Drive::Thread, Drive::Caller];

fn next(pool: &Pool) -> Completion {
    let mut taken = None;
    assert_eq!(pool.wait(1, PATIENCE, |done| taken = Some(done)), Ok(Some(1)));
    taken.unwrap()
}

fn submit(pool: &Pool, lease: Lease, id: &str) -> Result<u64, Status> {
    let mut request = request(pool);
    order(&mut request, id);
    pool.submit_on(lease, &mut request, None)
}

#[test]
fn a_leased_slot_is_kept_good_and_no_order_on_it_is_refused_for_that() {
    for drive in DRIVES {
        for options in [Options::plain(), Options::tls()] {
            let venue = Venue::start(options).unwrap();
            let mut config = venue_config(&venue, 1);
            config.set_drive(drive);
            config.set_heartbeat(b"GET", b"/api/v3/ping", MS, 10 * S).unwrap();
            let pool = Pool::open(&config).unwrap();
            let lease = pool.acquire(PATIENCE).unwrap();
            until(|| (pool.stats().heartbeats.get() >= 5).then_some(()));
            for number in 0..300 {
                submit(&pool, lease, &format!("order-{number}")).unwrap();
                assert_eq!(next(&pool).outcome, Outcome::Ok);
                if number % 10 == 0 {
                    let beats = pool.stats().heartbeats.get();
                    until(|| (pool.stats().heartbeats.get() > beats).then_some(()));
                }
            }
            pool.release(lease).unwrap();
            assert_eq!(status(&get(&pool, "/api/v3/ping")), 200);
            assert_eq!((pool.stats().connected.get(), venue.stats().duplicates), (1, 0));
            assert_eq!(venue.stats().distinct_orders, 300);
            pool.close().unwrap();
        }
    }
}

#[test]
fn a_leased_connection_that_died_silently_is_found() {
    for drive in DRIVES {
        let server = Script::serve(|peer: &mut Peer, connection| {
            while matches!(peer.read_request(), Ok(Some(_))) {
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                if connection > 0 && peer.write(answer).is_err() {
                    return;
                }
            }
        })
        .unwrap();
        let mut config = config(&server.url(), 1);
        config.set_drive(drive);
        config.set_heartbeat(b"GET", b"/ping", 5 * MS, 20 * MS).unwrap();
        let pool = Pool::open(&config).unwrap();
        let lease = pool.try_acquire().unwrap();
        until(|| (pool.stats().closed[CloseReason::Heartbeat as usize].get() == 1).then_some(()));
        until(|| (pool.counts().live == 1).then_some(()));
        submit(&pool, lease, "on-the-next").unwrap();
        assert_eq!(next(&pool).outcome, Outcome::Ok);
        pool.release(lease).unwrap();
        pool.close().unwrap();
    }
}

/// A pool of one leased slot with a heartbeat in flight, whose answer waits for the switch.
struct Held {
    _server: ScriptServer,
    pool: Arc<Pool>,
    lease: Lease,
    answer: Sender<()>,
}

fn held(drive: Drive, answer: &'static str, beat_timeout_ns: u64) -> Held {
    let (throw, thrown) = switch();
    // A heartbeat before the lease would keep the slot from being leased.
    let (is_leased, is_held) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (holds, held) = (Arc::clone(&is_leased), Arc::clone(&is_held));
    let server = Script::serve(move |peer: &mut Peer, _| {
        while let Ok(Some(request)) = peer.read_request() {
            let is_beat = request.target == "/ping" && holds.load(Ordering::SeqCst);
            if is_beat {
                held.store(true, Ordering::SeqCst);
                let _ = thrown.lock().unwrap().recv();
            }
            let ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
            if peer.write(if is_beat { answer.as_bytes() } else { ok.as_bytes() }).is_err() {
                return;
            }
        }
    })
    .unwrap();
    let mut config = config(&server.url(), 1);
    config.set_drive(drive);
    config.set_heartbeat(b"GET", b"/ping", 5 * MS, beat_timeout_ns).unwrap();
    config.suspend_on(429, 3600 * S, false).unwrap();
    let pool = Pool::open(&config).unwrap();
    let lease = pool.acquire(PATIENCE).unwrap();
    is_leased.store(true, Ordering::SeqCst);
    until(|| is_held.load(Ordering::SeqCst).then_some(()));
    assert_eq!(pool.slot_healths()[0].state, Activity::Heartbeat);
    Held { _server: server, pool, lease, answer: throw }
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const LIMITED: &str = "HTTP/1.1 429 Slow Down\r\nContent-Length: 0\r\n\r\n";
const LAST: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

#[test]
fn an_order_on_a_leased_slot_goes_right_behind_the_heartbeat() {
    for drive in DRIVES {
        let held = held(drive, OK, 60 * S);
        let id = submit(&held.pool, held.lease, "behind").unwrap();
        assert_eq!(submit(&held.pool, held.lease, "second"), Err(Status::ERR_SLOT_BUSY));
        drop(held.answer);
        let done = next(&held.pool);
        assert_eq!(
            (done.id, done.outcome, done.wire_state),
            (id, Outcome::Ok, WireState::Answered)
        );
        assert_eq!(held.pool.stats().connected.get(), 1);
        held.pool.release(held.lease).unwrap();
        held.pool.close().unwrap();
    }
}

#[test]
fn an_order_behind_a_heartbeat_is_never_sent_on_a_dead_connection_or_in_a_pause() {
    for drive in DRIVES {
        for (answer, is_answered, beat_timeout_ns, outcome) in [
            (OK, false, S, Outcome::ConnectionClosed),
            (LAST, true, 60 * S, Outcome::ConnectionClosed),
            (LIMITED, true, 60 * S, Outcome::Suspended),
        ] {
            let held = held(drive, answer, beat_timeout_ns);
            let id = submit(&held.pool, held.lease, "never").unwrap();
            if is_answered {
                held.answer.send(()).unwrap();
            }
            let done = next(&held.pool);
            let told = (done.id, done.outcome, done.wire_state, done.bytes_sent);
            // The slot may have been healed before anybody came to serve the order.
            let is_healed = outcome == Outcome::ConnectionClosed && done.outcome == Outcome::Ok;
            let is_not_sent = told == (id, outcome, WireState::NotSent, 0);
            assert!(is_not_sent || is_healed, "{drive:?} {answer}: {told:?}");
            drop(held.answer);
            held.pool.suspend(0);
            // The lease goes on.
            until(|| submit(&held.pool, held.lease, "next").ok());
            held.pool.release(held.lease).unwrap();
            held.pool.close().unwrap();
        }
    }
}

#[test]
fn an_order_behind_a_heartbeat_has_its_own_end() {
    for drive in DRIVES {
        let held = held(drive, OK, 60 * S);
        let pool = &held.pool;
        let id = submit(pool, held.lease, "cancelled").unwrap();
        pool.cancel(id).unwrap();
        let done = next(pool);
        assert_eq!((done.id, done.outcome), (id, Outcome::Cancelled));
        assert_eq!(done.wire_state, WireState::NotSent);
        let mut request = request(pool);
        order(&mut request, "late");
        request.set_timeout_ns(50 * MS);
        let id = pool.submit_on(held.lease, &mut request, None).unwrap();
        let done = next(pool);
        assert_eq!((done.id, done.outcome), (id, Outcome::Timeout));
        assert_eq!(done.wire_state, WireState::NotSent);
        // The heartbeat is still waited for, and the connection is good.
        assert_eq!(pool.slot_healths()[0].state, Activity::Heartbeat);
        let id = submit(pool, held.lease, "at-the-end").unwrap();
        pool.shutdown(std::time::Duration::from_secs(60));
        let done = next(pool);
        assert_eq!((done.id, done.outcome), (id, Outcome::Shutdown));
        assert_eq!(done.wire_state, WireState::NotSent);
        drop(held.answer);
        pool.close().unwrap();
    }
}

#[test]
fn an_order_behind_a_heartbeat_ends_in_a_drain_and_the_lease_stays_good() {
    for drive in DRIVES {
        let held = held(drive, OK, 60 * S);
        let pool = &held.pool;
        let id = submit(pool, held.lease, "drained").unwrap();
        assert_eq!(pool.counts().outstanding(), 1, "heartbeats are not counted");
        pool.drain(LaneSet::from_bits(1 << Lane::Queries as u32).unwrap()).unwrap();
        let done = next(pool);
        assert_eq!((done.id, done.outcome), (id, Outcome::Draining));
        assert_eq!((done.wire_state, pool.counts().outstanding()), (WireState::NotSent, 0));
        assert_eq!(submit(pool, held.lease, "refused"), Err(Status::ERR_DRAINING));
        let mut query = request(pool);
        query.set_lane(Lane::Queries);
        query.begin(b"GET", b"/query").unwrap();
        let id = pool.submit_on(held.lease, &mut query, None).unwrap();
        drop(held.answer);
        let done = next(pool);
        assert_eq!((done.id, done.outcome), (id, Outcome::Ok));
        pool.release(held.lease).unwrap();
        pool.close().unwrap();
    }
}

#[test]
fn a_lease_that_is_given_back_during_a_heartbeat_leaves_a_good_slot() {
    for drive in DRIVES {
        let held = held(drive, OK, 60 * S);
        held.pool.release(held.lease).unwrap();
        let mut request = request(&held.pool);
        order(&mut request, "from-another");
        let id = held.pool.submit(&mut request, None, WhenBusy::Queue).unwrap();
        drop(held.answer);
        let done = next(&held.pool);
        assert_eq!((done.id, done.outcome), (id, Outcome::Ok));
        assert_eq!(status(&get(&held.pool, "/")), 200);
        assert_eq!(held.pool.stats().connected.get(), 1);
        held.pool.close().unwrap();
    }
}
