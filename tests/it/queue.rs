//! Leases and the queue: who gets a slot, and when.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use mock_venue::{Fault, FaultKind, Options, Peer, Script, Venue};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{Outcome, Status};

use crate::rig::{
    PATIENCE, config, next_completion, order, request, until, until_idle, venue_config, venue_pool,
};

#[test]
fn check_out_is_lifo() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = venue_pool(&venue, 4);
    let mut request = request(&pool);
    let mut slots = HashSet::new();
    for number in 0..20 {
        order(&mut request, &number.to_string());
        let done = pool.execute(&mut request, WhenBusy::Refuse).unwrap();
        slots.insert(done.slot.unwrap());
    }
    assert_eq!(slots.len(), 1, "one order at a time uses one hot connection");
    pool.close().unwrap();
}

#[test]
fn queued_requests_are_sent_in_their_order() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = venue_pool(&venue, 1);
    let mut request = request(&pool);
    let mut ids = Vec::new();
    for number in 0..50 {
        order(&mut request, &number.to_string());
        ids.push(pool.submit(&mut request, None, WhenBusy::Queue).unwrap());
    }
    let completed: Vec<u64> = ids.iter().map(|_| next_completion(&pool).id).collect();
    assert_eq!(completed, ids);
    pool.close().unwrap();
}

#[test]
fn acquire_is_woken_by_a_release_in_fifo_order() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = venue_pool(&venue, 1);
    let lease = pool.try_acquire().unwrap();
    assert_eq!(pool.try_acquire(), Err(Status::ERR_NO_SLOT));
    let mut sleepers = Vec::new();
    let (got, order_of_waking) = std::sync::mpsc::channel();
    for number in 0..5 {
        let (pool, got) = (Arc::clone(&pool), got.clone());
        let before = pool.counts().waiting;
        let waiting = Arc::clone(&pool);
        sleepers.push(std::thread::spawn(move || {
            let lease = pool.acquire(PATIENCE).unwrap();
            got.send(number).unwrap();
            pool.release(lease).unwrap();
        }));
        until(|| (waiting.counts().waiting == before + 1).then_some(()));
    }
    pool.release(lease).unwrap();
    assert_eq!(pool.release(lease), Err(Status::ERR_STALE_LEASE));
    for sleeper in sleepers {
        sleeper.join().unwrap();
    }
    drop(got);
    assert_eq!(order_of_waking.iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    pool.close().unwrap();
}

#[test]
fn acquire_keeps_its_deadline_and_does_not_stay_in_the_queue() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = venue_pool(&venue, 1);
    let lease = pool.try_acquire().unwrap();
    assert_eq!(pool.acquire(Duration::from_millis(5)), Err(Status::ERR_TIMEOUT));
    assert_eq!(pool.counts().waiting, 0);
    pool.release(lease).unwrap();
    until_idle(&pool, 1);
    pool.close().unwrap();
}

#[test]
fn sleepers_in_acquire_are_dismissed_by_a_shutdown() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = venue_pool(&venue, 1);
    let _lease = pool.try_acquire().unwrap();
    let sleeper = {
        let pool = Arc::clone(&pool);
        std::thread::spawn(move || pool.acquire(PATIENCE))
    };
    until(|| (pool.counts().waiting == 1).then_some(()));
    pool.close().unwrap();
    assert_eq!(sleeper.join().unwrap(), Err(Status::ERR_CLOSED));
}

#[test]
fn a_lease_sends_many_times_on_one_slot() {
    let venue = Venue::start(Options::tls()).unwrap();
    let pool = venue_pool(&venue, 2);
    let lease = pool.try_acquire().unwrap();
    let mut request = request(&pool);
    for number in 0..10 {
        order(&mut request, &number.to_string());
        pool.submit_on(lease, &mut request, None).unwrap();
        let done = next_completion(&pool);
        assert_eq!((done.outcome, done.slot.map(u32::from)), (Outcome::Ok, Some(lease.slot)));
        assert_eq!(pool.counts().idle, 1, "the other slot only");
    }
    venue.set_fault(Fault::always(FaultKind::Stall)).unwrap();
    order(&mut request, "stalled");
    pool.submit_on(lease, &mut request, None).unwrap();
    assert_eq!(pool.submit_on(lease, &mut request, None), Err(Status::ERR_SLOT_BUSY));
    pool.release(lease).unwrap();
    assert_eq!(pool.submit_on(lease, &mut request, None), Err(Status::ERR_STALE_LEASE));
    pool.close().unwrap();
}

#[test]
fn full_queues_are_refused_and_cost_nothing() {
    let venue = Venue::start(Options::plain()).unwrap();
    venue.set_fault(Fault::always(FaultKind::Stall)).unwrap();
    let mut config = venue_config(&venue, 1);
    config.set_waiting_capacity(2).unwrap();
    config.set_completion_capacity(4).unwrap();
    let pool = Pool::open(&config).unwrap();
    let mut request = request(&pool);
    order(&mut request, "x");
    for _ in 0..3 {
        pool.submit(&mut request, None, WhenBusy::Queue).unwrap();
    }
    let refused = pool.submit(&mut request, None, WhenBusy::Queue);
    assert_eq!(refused, Err(Status::ERR_WAITING_FULL));
    assert_eq!(pool.acquire(PATIENCE), Err(Status::ERR_WAITING_FULL));
    let refused = pool.submit(&mut request, None, WhenBusy::Refuse);
    assert_eq!(refused, Err(Status::ERR_NO_SLOT));
    pool.close().unwrap();
}

#[test]
fn outstanding_completions_are_bounded() {
    let venue = Venue::start(Options::plain()).unwrap();
    let mut config = venue_config(&venue, 1);
    config.set_completion_capacity(2).unwrap();
    let pool = Pool::open(&config).unwrap();
    let mut request = request(&pool);
    for id in ["a", "b"] {
        order(&mut request, id);
        pool.submit(&mut request, None, WhenBusy::Queue).unwrap();
    }
    order(&mut request, "c");
    let refused = pool.submit(&mut request, None, WhenBusy::Queue);
    assert_eq!(refused, Err(Status::ERR_COMPLETIONS_FULL));
    next_completion(&pool);
    pool.submit(&mut request, None, WhenBusy::Queue).unwrap();
    pool.close().unwrap();
}

#[test]
fn a_cancel_finds_its_request_wherever_it_is_on_its_way() {
    const EACH: usize = 2_000;
    // Nothing is ever answered, so no request ends but by its cancel, and each cancel must find it:
    // in the queue, in the slot, or between the two, where the healing of the connection puts it.
    let server = Script::serve(|peer: &mut Peer, _| {
        let _ = peer.wait_eof();
    });
    let server = server.unwrap();
    let mut config = config(&server.url(), 2);
    config.set_backoff_ns(1_000, 1_000).unwrap();
    let pool = Pool::open(&config).unwrap();
    std::thread::scope(|scope| {
        for engine in 0..4 {
            let pool = &pool;
            scope.spawn(move || {
                let mut request = request(pool);
                for number in 0..EACH {
                    order(&mut request, &format!("order-{engine}-{number}"));
                    let id = pool.submit(&mut request, None, WhenBusy::Queue).unwrap();
                    // Up to about the time that the healing of a connection takes.
                    (0..(number * 7919) % 8000).for_each(|_| std::hint::spin_loop());
                    assert_eq!(pool.cancel(id), Ok(()));
                }
            });
        }
        let mut seen = HashSet::new();
        while seen.len() < 4 * EACH {
            let done = next_completion(&pool);
            assert_eq!(done.outcome, Outcome::Cancelled);
            assert!(seen.insert(done.id), "told twice");
        }
    });
    pool.close().unwrap();
}
