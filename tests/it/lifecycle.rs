//! Shutdown and close: everything ends, in time, once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mock_venue::{Fault, FaultKind, Options, Venue};
use venuepool::config::Drive;
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{Outcome, Status, WireState};

use crate::rig::{
    PATIENCE, get, next_completion, order, request, until, until_idle, venue_config, venue_pool,
};

/// Whether no socket of IPv4 has sent bytes to that port that are not acknowledged: the queues as
/// proc(5) has them. A system may wait 40 ms and more before it acknowledges.
fn all_is_acknowledged(port: u16) -> bool {
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let sent_to = format!(":{port:04X}");
    let waits = |line: &&str| {
        let mut columns = line.split_whitespace().skip(2);
        columns.next().is_some_and(|remote| remote.ends_with(&sent_to))
            && columns.nth(1).is_some_and(|queues| !queues.starts_with("00000000:"))
    };
    !table.lines().any(|line| waits(&line))
}

#[test]
fn close_ends_connections_in_good_order() {
    for (options, tls) in [(Options::plain(), false), (Options::tls(), true)] {
        let venue = Venue::start(options).unwrap();
        let pool = venue_pool(&venue, 3);
        // What the venue has not accepted yet it counts as nothing.
        until(|| (venue.stats().open == 3).then_some(()));
        pool.close().unwrap();
        until(|| (venue.stats().open == 0).then_some(()));
        let stats = venue.stats();
        let ended = if tls { stats.ended_close_notify } else { stats.ended_fin };
        assert_eq!((ended, stats.ended_reset), (3, 0), "{stats:?}");
        assert_eq!(pool.close(), Err(Status::ERR_CLOSED));
        // Neither the thread nor its runtime holds on to the pool.
        until(|| (Arc::strong_count(&pool) == 1).then_some(()));
    }
}

#[test]
fn close_ends_in_good_order_also_connections_that_wait_for_late_answers() {
    for (options, tls) in [(Options::plain(), false), (Options::tls(), true)] {
        let venue = Venue::start(options).unwrap();
        let mut config = venue_config(&venue, 2);
        config.set_linger_ns(3_600_000_000_000).unwrap();
        config.set_request_timeout_ns(20_000_000).unwrap();
        let pool = Pool::open(&config).unwrap();
        venue.set_fault(Fault::first(2, FaultKind::Stall)).unwrap();
        for _ in 0..2 {
            assert_eq!(get(&pool, "/api/v3/ping").outcome, Outcome::Timeout);
        }
        until_idle(&pool, 2);
        until(|| (venue.stats().open == 4).then_some(()));
        // Bytes that the venue's system has not acknowledged are taken back by a reset.
        until(|| all_is_acknowledged(venue.address().port()).then_some(()));
        pool.close().unwrap();
        until(|| (venue.stats().open == 0).then_some(()));
        let stats = venue.stats();
        let ended = if tls { stats.ended_close_notify } else { stats.ended_fin };
        assert_eq!((ended, stats.ended_reset), (4, 0), "{stats:?}");
    }
}

/// A second shutdown can make the end sooner, and never later.
#[test]
fn a_second_shutdown_does_not_lengthen_the_grace() {
    for drive in [Drive::Thread, Drive::Caller] {
        for options in [Options::plain(), Options::tls()] {
            let venue = Venue::start(options).unwrap();
            venue.set_fault(Fault::always(FaultKind::Stall)).unwrap();
            let mut config = venue_config(&venue, 1);
            config.set_drive(drive);
            config.set_request_timeout_ns(3_600_000_000_000).unwrap();
            let pool = Pool::open(&config).unwrap();
            let mut request = request(&pool);
            order(&mut request, "in-flight");
            let id = pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
            pool.shutdown(Duration::from_millis(20));
            pool.shutdown(Duration::from_secs(3_600));
            let mut ended = None;
            pool.wait(1, PATIENCE, |done| ended = Some((done.id, done.outcome))).unwrap();
            assert_eq!(ended, Some((id, Outcome::Shutdown)), "{drive:?}");
            pool.close().unwrap();
        }
    }
}

#[test]
fn grace_lets_what_is_in_flight_finish_and_nothing_new_in() {
    let venue = Venue::start(Options::plain()).unwrap();
    venue.set_fault(Fault::always(FaultKind::Delay(Duration::from_millis(50)))).unwrap();
    let pool = venue_pool(&venue, 1);
    let mut request = request(&pool);
    order(&mut request, "in-flight");
    let in_flight = pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
    order(&mut request, "in-line");
    let queued = pool.submit(&mut request, None, WhenBusy::Queue).unwrap();
    pool.shutdown(PATIENCE);
    for when_busy in [WhenBusy::Refuse, WhenBusy::Queue] {
        assert_eq!(pool.submit(&mut request, None, when_busy), Err(Status::ERR_CLOSED));
    }
    assert_eq!(pool.try_acquire(), Err(Status::ERR_CLOSED));
    assert_eq!(pool.acquire(PATIENCE), Err(Status::ERR_CLOSED));
    let done = next_completion(&pool);
    assert_eq!((done.id, done.outcome), (queued, Outcome::Shutdown));
    assert_eq!(done.wire_state, WireState::NotSent);
    let done = next_completion(&pool);
    assert_eq!((done.id, done.outcome), (in_flight, Outcome::Ok));
    assert_eq!(pool.completions().wait(1, PATIENCE, drop), None, "the end is told");
    pool.close().unwrap();
    assert_eq!(venue.orders_with_id("in-line"), 0);
}

#[test]
fn without_grace_what_is_in_flight_fails_with_its_wire_state() {
    let venue = Venue::start(Options::tls()).unwrap();
    venue.set_fault(Fault::always(FaultKind::Stall)).unwrap();
    let pool = venue_pool(&venue, 2);
    let mut request = request(&pool);
    for id in ["a", "b", "c"] {
        order(&mut request, id);
        pool.submit(&mut request, None, WhenBusy::Queue).unwrap();
    }
    pool.close().unwrap();
    let mut wire_states = Vec::new();
    while let Some(count) = pool.completions().poll(1, |done| {
        assert_eq!(done.outcome, Outcome::Shutdown);
        wire_states.push(done.wire_state);
    }) {
        assert_eq!(count, 1, "a closed pool has nothing outstanding");
    }
    wire_states.sort();
    assert_eq!(wire_states, [WireState::NotSent, WireState::Sent, WireState::Sent]);
}

#[test]
fn close_does_not_wait_for_dials_handshakes_or_backoff() {
    let venue = Venue::start(Options::tls()).unwrap();
    venue.set_fault(Fault::always(FaultKind::BlackHole)).unwrap();
    let mut config = venue_config(&venue, 2);
    config.set_allow_degraded_open(true);
    config.set_tls_handshake_timeout_ns(50_000_000).unwrap();
    let pool = Pool::open(&config).unwrap();
    let start = Instant::now();
    pool.close().unwrap();
    assert!(start.elapsed() < PATIENCE / 3);
}

#[test]
fn close_and_execute_are_refused_in_a_callback() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = venue_pool(&venue, 1);
    let answers = Arc::new(AtomicUsize::new(0));
    let (inner, counter) = (Arc::clone(&pool), Arc::clone(&answers));
    let callback = Arc::new(move |_| {
        let mut again = request(&inner);
        order(&mut again, "again");
        assert_eq!(inner.close(), Err(Status::ERR_WOULD_DEADLOCK));
        let answer = inner.execute(&mut again, WhenBusy::Refuse);
        assert_eq!(answer.map(drop), Err(Status::ERR_WOULD_DEADLOCK));
        let lease = inner.try_acquire().expect("the slot is free before the callback runs");
        assert_eq!(inner.acquire(PATIENCE), Err(Status::ERR_WOULD_DEADLOCK));
        inner.release(lease).unwrap();
        counter.fetch_add(1, Ordering::SeqCst);
    });
    let mut first = request(&pool);
    order(&mut first, "first");
    pool.submit(&mut first, Some(callback), WhenBusy::Refuse).unwrap();
    until(|| (answers.load(Ordering::SeqCst) == 1).then_some(()));
    pool.close().unwrap();
}

#[test]
fn a_view_outlives_its_connection_and_its_pool() {
    let venue = Venue::start(Options::tls()).unwrap();
    let pool = venue_pool(&venue, 1);
    let mut request = request(&pool);
    order(&mut request, "kept");
    let done = pool.execute(&mut request, WhenBusy::Refuse).unwrap();
    let before = crate::rig::body(&done);
    for id in ["x", "y", "z"] {
        order(&mut request, id);
        pool.execute(&mut request, WhenBusy::Queue).unwrap();
    }
    pool.close().unwrap();
    drop((pool, venue));
    assert_eq!(crate::rig::body(&done), before);
    let padded = done.response.as_ref().unwrap().response.body_padded();
    assert_eq!(&padded[before.len()..], [0; 64]);
}

#[test]
fn grace_does_not_wait_for_a_heartbeat() {
    for drive in [Drive::Thread, Drive::Caller] {
        let venue = Venue::start(Options::plain()).unwrap();
        venue.set_fault(Fault::always(FaultKind::Stall)).unwrap();
        let mut config = venue_config(&venue, 1);
        config.set_drive(drive);
        config.set_heartbeat(b"GET", b"/api/v3/ping", 1_000_000, 3_600_000_000_000).unwrap();
        let pool = Pool::open(&config).unwrap();
        until(|| (venue.stats().requests >= 1).then_some(()));
        let start = Instant::now();
        pool.shutdown(PATIENCE);
        pool.close().unwrap();
        assert!(start.elapsed() < PATIENCE / 3);
    }
}
