//! Caller drive: the engine's own loop receives and completes, the pool thread only heals.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mock_venue::{Fault, FaultKind, How, Options, Venue};
use nix::poll::{PollFd, PollFlags, PollTimeout};
use venuepool::completion::Completion;
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{CloseReason, Outcome, Status, WireState};
use venuepool::event::{Event, EventHook, EventKind};

use crate::rig::{
    PATIENCE, body, get, lose_connections, order, request, switch, until, until_idle, venue_config,
};

fn caller_config(venue: &Venue, connections: usize) -> Config {
    let mut config = venue_config(venue, connections);
    config.set_drive(Drive::Caller);
    config
}

fn caller_pool(venue: &Venue, connections: usize) -> Arc<Pool> {
    Pool::open(&caller_config(venue, connections)).unwrap()
}

fn waited(pool: &Pool) -> Completion {
    let mut taken = None;
    let count = pool.wait(1, PATIENCE, |completion| taken = Some(completion));
    assert_eq!(count, Ok(Some(1)));
    taken.unwrap()
}

fn polled(pool: &Pool) -> Completion {
    until(|| {
        let mut taken = None;
        pool.poll(1, |completion| taken = Some(completion)).unwrap();
        taken
    })
}

/// Sleeps on the descriptor by the engine's own means, then polls once.
fn by_descriptor(pool: &Pool) -> Completion {
    loop {
        let fd = pool.event_fd().unwrap();
        let ready = PollFd::new(fd.as_fd(), PollFlags::POLLIN);
        let limit = PollTimeout::try_from(30_000).unwrap();
        assert_eq!(nix::poll::poll(&mut [ready], limit), Ok(1), "the descriptor stays silent");
        let mut taken = None;
        pool.poll(1, |completion| taken = Some(completion)).unwrap();
        if let Some(completion) = taken {
            return completion;
        }
    }
}

#[test]
fn every_way_to_drive_completes_orders() {
    for options in [Options::plain(), Options::tls()] {
        for connections in [1, 4, 20] {
            let venue = Venue::start(options.clone()).unwrap();
            let pool = caller_pool(&venue, connections);
            let mut request = request(&pool);
            for drive in [polled, waited, by_descriptor] {
                for number in 0..30 {
                    order(&mut request, &format!("order-{number}"));
                    let id = pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
                    let done = drive(&pool);
                    assert_eq!((done.id, done.outcome), (id, Outcome::Ok));
                    assert!(body(&done).contains(&format!("order-{number}")));
                }
            }
            assert_eq!(venue.stats().connections, connections as u64);
            pool.close().unwrap();
        }
    }
}

#[test]
fn many_in_flight_and_more_in_the_queue() {
    let venue = Venue::start(Options::tls()).unwrap();
    for connections in [4, 20] {
        let pool = caller_pool(&venue, connections);
        let mut request = request(&pool);
        let mut ids = std::collections::HashSet::new();
        for number in 0..100 {
            order(&mut request, &format!("{connections}-{number}"));
            ids.insert(pool.submit(&mut request, None, WhenBusy::Queue).unwrap());
        }
        while !ids.is_empty() {
            assert!(ids.remove(&waited(&pool).id));
        }
        assert_eq!(pool.wait(1, Duration::ZERO, drop), Ok(Some(0)));
        pool.close().unwrap();
    }
    assert_eq!(venue.stats().duplicates, 0);
}

#[test]
fn callbacks_run_on_the_polling_thread() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = caller_pool(&venue, 1);
    let (tell, told) = channel();
    let inner = Arc::clone(&pool);
    let callback = Arc::new(move |done: Completion| {
        assert_eq!(inner.close(), Err(Status::ERR_WOULD_DEADLOCK));
        assert_eq!(inner.poll(1, drop), Err(Status::ERR_WOULD_DEADLOCK));
        tell.send((std::thread::current().id(), done.outcome)).unwrap();
    });
    let mut request = request(&pool);
    order(&mut request, "called-back");
    pool.submit(&mut request, Some(callback), WhenBusy::Refuse).unwrap();
    let (thread, outcome) = until(|| {
        pool.poll(1, drop).unwrap();
        told.try_recv().ok()
    });
    assert_eq!((thread, outcome), (std::thread::current().id(), Outcome::Ok));
    pool.close().unwrap();
}

#[test]
fn the_pool_thread_heals_without_a_poll() {
    for options in [Options::plain(), Options::tls()] {
        let venue = Venue::start(options).unwrap();
        let pool = caller_pool(&venue, 3);
        for (how, reason) in
            [(How::Fin, CloseReason::IdleClosed), (How::Rst, CloseReason::IdleReset)]
        {
            lose_connections(&venue, how, 3);
            until(|| (pool.stats().closed[reason as usize].get() == 3).then_some(()));
            until_idle(&pool, 3);
        }
        assert_eq!(get(&pool, "/api/v3/ping").outcome, Outcome::Ok);
        pool.close().unwrap();
    }
}

#[test]
fn a_connection_that_ends_behind_its_answer_is_healed() {
    let venue = Venue::start(Options::plain()).unwrap();
    let close = FaultKind::CloseAfter { requests: 1, announce: false, how: How::Fin };
    venue.set_fault(Fault::always(close)).unwrap();
    let pool = caller_pool(&venue, 1);
    let mut request = request(&pool);
    for number in 0..20 {
        order(&mut request, &number.to_string());
        pool.submit(&mut request, None, WhenBusy::Queue).unwrap();
        let done = waited(&pool);
        // The close may meet the next order on its way; it is then not answered, and not repeated.
        assert!(done.outcome == Outcome::Ok || done.wire_state == WireState::Sent);
        until_idle(&pool, 1);
    }
    assert_eq!(venue.stats().duplicates, 0);
    pool.close().unwrap();
}

#[test]
fn deadlines_wake_a_sleeping_driver() {
    let venue = Venue::start(Options::plain()).unwrap();
    venue.set_fault(Fault::always(FaultKind::Stall)).unwrap();
    for drive in [waited, by_descriptor] {
        let pool = caller_pool(&venue, 1);
        let mut request = request(&pool);
        request.set_timeout_ns(250_000_000);
        order(&mut request, "stalled");
        let stalled = pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
        let done = drive(&pool);
        assert_eq!((done.id, done.outcome), (stalled, Outcome::Timeout));
        assert_eq!(done.wire_state, WireState::Sent);

        // Only one deadline is near, so on a busy machine, too, it is the first to end.
        until_idle(&pool, 1);
        request.set_timeout_ns(60_000_000_000);
        let stalled = pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
        request.set_timeout_ns(10_000_000);
        let queued = pool.submit(&mut request, None, WhenBusy::Queue).unwrap();
        let done = drive(&pool);
        assert_eq!((done.id, done.outcome), (queued, Outcome::Timeout));
        assert_eq!(done.wire_state, WireState::NotSent);
        pool.cancel(stalled).unwrap();
        let done = drive(&pool);
        assert_eq!((done.id, done.outcome), (stalled, Outcome::Cancelled));
        until_idle(&pool, 1);
        pool.close().unwrap();
    }
}

#[test]
fn a_cancel_from_another_thread_wakes_a_sleeping_driver() {
    let venue = Venue::start(Options::plain()).unwrap();
    venue.set_fault(Fault::always(FaultKind::Stall)).unwrap();
    let pool = caller_pool(&venue, 1);
    let mut request = request(&pool);
    for number in 0..20 {
        order(&mut request, &number.to_string());
        until_idle(&pool, 1);
        let id = pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
        std::thread::scope(|scope| {
            let canceller = scope.spawn(|| pool.cancel(id));
            let done = waited(&pool);
            assert_eq!((done.id, done.outcome), (id, Outcome::Cancelled));
            assert_eq!(canceller.join().unwrap(), Ok(()));
        });
    }
    pool.close().unwrap();
}

#[test]
fn execute_and_acquire_drive_while_they_wait() {
    let venue = Venue::start(Options::tls()).unwrap();
    let pool = caller_pool(&venue, 1);
    let mut request = request(&pool);
    order(&mut request, "first");
    let first = pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
    // Nobody else polls: acquire has to receive the answer that frees the slot.
    let lease = pool.acquire(PATIENCE).unwrap();
    assert_eq!(pool.acquire(Duration::from_millis(5)), Err(Status::ERR_TIMEOUT));
    pool.release(lease).unwrap();
    assert_eq!(get(&pool, "/api/v3/time").outcome, Outcome::Ok);
    assert_eq!(polled(&pool).id, first);
    pool.close().unwrap();
}

#[test]
fn one_thread_drives_at_a_time() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = caller_pool(&venue, 1);
    std::thread::scope(|scope| {
        // It is refused when it comes while the other one polls.
        let sleeper = scope.spawn(|| {
            until(|| match pool.wait(1, PATIENCE, drop) {
                Err(Status::ERR_DRIVEN) => None,
                result => Some(result),
            })
        });
        until(|| (pool.poll(1, drop) == Err(Status::ERR_DRIVEN)).then_some(()));
        let mut request = request(&pool);
        order(&mut request, "from-another-thread");
        pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
        assert_eq!(sleeper.join().unwrap(), Ok(Some(1)));
    });
    pool.close().unwrap();
}

#[test]
fn what_is_left_at_close_is_told_on_the_closing_thread() {
    let venue = Venue::start(Options::plain()).unwrap();
    venue.set_fault(Fault::always(FaultKind::Stall)).unwrap();
    let pool = caller_pool(&venue, 1);
    let ends: Arc<Mutex<Vec<_>>> = Arc::default();
    let mut request = request(&pool);
    for id in ["in-flight", "in-line"] {
        let ends = Arc::clone(&ends);
        let callback = Arc::new(move |done: Completion| {
            let thread = std::thread::current().id();
            ends.lock().unwrap().push((thread, done.outcome, done.wire_state));
        });
        order(&mut request, id);
        pool.submit(&mut request, Some(callback), WhenBusy::Queue).unwrap();
    }
    pool.close().unwrap();
    let mut ends = ends.lock().unwrap().clone();
    ends.sort_by_key(|end| end.2);
    let here = std::thread::current().id();
    let shut = |wire_state| (here, Outcome::Shutdown, wire_state);
    assert_eq!(*ends, [shut(WireState::NotSent), shut(WireState::Sent)]);
    assert_eq!(pool.poll(1, drop), Ok(None));
}

#[test]
fn grace_lets_the_engine_take_what_is_in_flight() {
    let venue = Venue::start(Options::plain()).unwrap();
    venue.set_fault(Fault::always(FaultKind::Delay(Duration::from_millis(30)))).unwrap();
    let pool = caller_pool(&venue, 2);
    let mut request = request(&pool);
    for id in ["a", "b"] {
        order(&mut request, id);
        pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
    }
    pool.shutdown(PATIENCE);
    assert_eq!((waited(&pool).outcome, waited(&pool).outcome), (Outcome::Ok, Outcome::Ok));
    assert_eq!(pool.wait(1, PATIENCE, drop), Ok(None));
    pool.close().unwrap();
}

#[test]
fn large_bodies_go_both_ways() {
    let venue = Venue::start(Options::tls()).unwrap();
    let mut config = caller_config(&venue, 1);
    config.set_request_capacity(4 << 20).unwrap();
    let pool = Pool::open(&config).unwrap();
    let mut request = request(&pool);
    let sent: Vec<u8> = (0..3_000_000_u32).map(|n| b'a' + (n % 26) as u8).collect();
    for drive in [polled, waited, by_descriptor] {
        request.begin(b"POST", b"/echo?raw=1").unwrap();
        request.body(&sent).unwrap();
        pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
        let done = drive(&pool);
        assert!(done.response.as_ref().unwrap().response.body() == sent);
    }
    pool.close().unwrap();
}

#[test]
fn many_threads_submit_while_one_drives_and_connections_are_lost() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = caller_pool(&venue, 4);
    let accepted = AtomicU64::new(0);
    let submitting = AtomicU64::new(4);
    let mut completed = 0;
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (pool, accepted, submitting) = (&pool, &accepted, &submitting);
            scope.spawn(move || {
                let mut request = request(pool);
                for number in 0..500 {
                    order(&mut request, &format!("{thread}-{number}"));
                    until(|| match pool.submit(&mut request, None, WhenBusy::Queue) {
                        Ok(_) => Some(()),
                        Err(Status::ERR_WAITING_FULL) => None,
                        Err(status) => panic!("{status:?}"),
                    });
                    accepted.fetch_add(1, Ordering::SeqCst);
                }
                submitting.fetch_sub(1, Ordering::SeqCst);
            });
        }
        let venue = &venue;
        scope.spawn(move || {
            for how in [How::Rst, How::Fin, How::Rst, How::Fin, How::Rst] {
                std::thread::sleep(Duration::from_millis(10));
                venue.kill_one(how);
            }
        });
        while submitting.load(Ordering::SeqCst) > 0 || completed < accepted.load(Ordering::SeqCst) {
            let taken = pool.wait(16, Duration::from_millis(50), drop).unwrap().unwrap();
            completed += taken as u64;
        }
    });
    assert_eq!(completed, 2_000);
    assert_eq!(venue.stats().duplicates, 0);
    pool.close().unwrap();
}

#[test]
fn an_end_right_behind_bytes_is_not_missed() {
    // Both arrive before the engine looks, and the edge-triggered set tells of them once.
    for how in [How::Fin, How::Rst] {
        let venue = Venue::start(Options::plain()).unwrap();
        let pool = caller_pool(&venue, 1);
        venue.set_fault(Fault::always(FaultKind::Cut(mock_venue::Place::HalfBody, how))).unwrap();
        let mut request = request(&pool);
        order(&mut request, "half");
        pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
        until(|| (venue.stats().open == 0).then_some(()));
        let done = waited(&pool);
        assert_ne!(done.outcome, Outcome::Ok);
        assert_ne!(done.outcome, Outcome::Timeout, "the end was missed");
        pool.close().unwrap();
    }
}

#[test]
fn close_receives_what_is_in_flight_when_no_thread_drives_any_more() {
    let venue = Venue::start(Options::plain()).unwrap();
    let delay = FaultKind::Delay(Duration::from_millis(30));
    for (fault, outcome) in [(delay, Outcome::Ok), (FaultKind::Stall, Outcome::Timeout)] {
        venue.clear_faults().unwrap();
        venue.set_fault(Fault::always(fault)).unwrap();
        let pool = caller_pool(&venue, 1);
        let mut request = request(&pool);
        order(&mut request, "in-flight");
        if outcome == Outcome::Timeout {
            request.set_timeout_ns(20_000_000);
        }
        pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
        // Without end: only the request's own end can end it.
        pool.shutdown(Duration::MAX);
        pool.close().unwrap();
        assert_eq!(polled(&pool).outcome, outcome);
        assert_eq!(pool.poll(1, drop), Ok(None));
    }
}

#[test]
fn a_pool_thread_that_never_sleeps_does_all_the_same() {
    for options in [Options::plain(), Options::tls()] {
        let venue = Venue::start(options).unwrap();
        let mut config = venue_config(&venue, 2);
        config.set_busy_poll(true);
        let pool = Pool::open(&config).unwrap();
        let mut request = request(&pool);
        for number in 0..50 {
            order(&mut request, &format!("order-{number}"));
            let done = pool.execute(&mut request, WhenBusy::Queue).unwrap();
            assert_eq!(done.outcome, Outcome::Ok);
        }
        lose_connections(&venue, How::Rst, 2);
        until(|| (pool.stats().connected.get() == 4).then_some(()));
        until_idle(&pool, 2);
        let fault = Fault::first(1, FaultKind::Stall).on("/api/v3/order");
        venue.set_fault(fault).unwrap();
        order(&mut request, "stalled");
        request.set_timeout_ns(5_000_000);
        assert_eq!(pool.execute(&mut request, WhenBusy::Queue).unwrap().outcome, Outcome::Timeout);
        until_idle(&pool, 2);
        assert_eq!(body(&get(&pool, "/api/v3/ping")), "{}");
        assert_eq!(venue.stats().duplicates, 0);
        pool.close().unwrap();
    }
}

#[test]
fn all_losses_are_seen_however_many_come_at_once() {
    let connections = 40;
    let venue = Venue::start(Options::plain()).unwrap();
    let (throw, thrown) = switch();
    let mut config = caller_config(&venue, connections);
    // Holds the pool thread up at the first loss, so that it finds all others together.
    config.set_event_hook(Some(EventHook(Arc::new(move |event: &Event| {
        if event.kind == EventKind::Lost {
            let _ = thrown.lock().unwrap().recv();
        }
    }))));
    let pool = Pool::open(&config).unwrap();
    lose_connections(&venue, How::Fin, connections);
    drop(throw);
    let ended = CloseReason::IdleClosed as usize;
    until(|| (pool.stats().closed[ended].get() == connections as u64).then_some(()));
    until_idle(&pool, connections as u32);
    pool.close().unwrap();
}

#[test]
fn the_end_wakes_who_sleeps_in_acquire_before_the_grace_is_over() {
    let venue = Venue::start(Options::plain()).unwrap();
    venue.set_fault(Fault::always(FaultKind::Stall)).unwrap();
    let pool = caller_pool(&venue, 1);
    let mut request = request(&pool);
    order(&mut request, "stalled");
    let stalled = pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| pool.acquire(PATIENCE));
        until(|| (pool.counts().waiting == 1).then_some(()));
        pool.shutdown(PATIENCE);
        assert_eq!(sleeper.join().unwrap(), Err(Status::ERR_CLOSED));
    });
    // It did not wait for what is in flight.
    pool.shutdown(Duration::ZERO);
    let done = waited(&pool);
    assert_eq!((done.id, done.outcome), (stalled, Outcome::Shutdown));
    pool.close().unwrap();
}

#[test]
fn an_end_right_behind_an_answer_is_found_without_another_turn() {
    for is_tls in [false, true] {
        let options = if is_tls { Options::tls() } else { Options::plain() };
        let venue = Venue::start(options).unwrap();
        // Answers, and ends the connection without having announced it.
        let ends = FaultKind::CloseAfter { requests: 1, announce: false, how: How::Fin };
        venue.set_fault(Fault::first(1, ends)).unwrap();
        let pool = caller_pool(&venue, 1);
        let mut request = request(&pool);
        order(&mut request, "the-last");
        pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
        until(|| (venue.stats().open == 0).then_some(()));
        // The pool thread hears of the end while the exchange is the engine's, and leaves it.
        std::thread::sleep(Duration::from_millis(50));
        let done = polled(&pool);
        assert_eq!(done.outcome, Outcome::Ok);
        // From here on nobody drives.
        until(|| (pool.stats().connected.get() == 2).then_some(()));
        assert_eq!(pool.stats().closed[CloseReason::IdleClosed as usize].get(), 1);
        pool.close().unwrap();
    }
}
