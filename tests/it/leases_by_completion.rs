//! Leases that come as completions, for engines that live in an event loop.

use std::sync::{Arc, mpsc};

use mock_venue::{Options, Venue};
use venuepool::completion::Completion;
use venuepool::config::Drive;
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{Outcome, Status, WireState};
use venuepool::pool::dispatch::Lease;
use venuepool::source::Source;

use crate::rig::{PATIENCE, order, request, venue_config};

const S: u64 = 1_000_000_000;
const DRIVES: [Drive; 2] = [Drive::Thread, Drive::Caller];

fn open(venue: &Venue, drive: Drive) -> Arc<Pool> {
    let mut config = venue_config(venue, 1);
    config.set_drive(drive);
    config.set_completion_capacity(4).unwrap();
    Pool::open(&config).unwrap()
}

fn next(pool: &Pool) -> Completion {
    let mut taken = None;
    assert_eq!(pool.wait(1, PATIENCE, |done| taken = Some(done)), Ok(Some(1)));
    taken.unwrap()
}

/// The lease of a completion that grants one.
fn lease(done: &Completion) -> Lease {
    assert_eq!((done.outcome, done.wire_state), (Outcome::Ok, WireState::NotSent));
    assert!(done.response.is_none() && done.lease_generation() != 0);
    Lease { slot: done.slot.unwrap().into(), generation: done.lease_generation() }
}

#[test]
fn a_lease_comes_at_once_or_when_the_slot_is_free_and_can_be_used() {
    for drive in DRIVES {
        let venue = Venue::start(Options::plain()).unwrap();
        let pool = open(&venue, drive);
        let first = pool.acquire_async(Source::ANY, 60 * S, 7, None).unwrap();
        let second = pool.acquire_async(Source::ANY, 60 * S, 8, None).unwrap();
        let done = next(&pool);
        assert_eq!((done.id, done.user_data), (first, 7));
        let held = lease(&done);
        assert_eq!(pool.counts().waiting, 1);
        let mut request = request(&pool);
        order(&mut request, "on-a-lease");
        pool.submit_on(held, &mut request, None).unwrap();
        assert_eq!(next(&pool).outcome, Outcome::Ok);
        pool.release(held).unwrap();
        let done = next(&pool);
        assert_eq!((done.id, done.user_data), (second, 8));
        pool.release(lease(&done)).unwrap();
        assert_eq!((pool.counts().leased, pool.counts().idle), (0, 1));
    }
}

#[test]
fn a_wait_for_a_lease_ends_by_its_deadline_a_cancel_a_pause_or_the_end_of_the_pool() {
    for drive in DRIVES {
        let venue = Venue::start(Options::plain()).unwrap();
        let pool = open(&venue, drive);
        pool.try_acquire().unwrap();
        let ends = |expected: Outcome| {
            let done = next(&pool);
            assert_eq!((done.outcome, done.wire_state), (expected, WireState::NotSent));
            assert_eq!((done.lease_generation(), done.slot), (0, None));
        };
        pool.acquire_async(Source::ANY, 1_000_000, 0, None).unwrap();
        ends(Outcome::Timeout);
        let id = pool.acquire_async(Source::ANY, 60 * S, 0, None).unwrap();
        pool.cancel(id).unwrap();
        ends(Outcome::Cancelled);
        assert_eq!(pool.cancel(id), Err(Status::ERR_UNKNOWN_ID));
        pool.acquire_async(Source::ANY, 60 * S, 0, None).unwrap();
        pool.suspend(60 * S);
        ends(Outcome::Suspended);
        assert_eq!(pool.acquire_async(Source::ANY, 60 * S, 0, None), Err(Status::ERR_SUSPENDED));
        pool.suspend(0);
        pool.acquire_async(Source::ANY, 60 * S, 0, None).unwrap();
        pool.shutdown(std::time::Duration::ZERO);
        ends(Outcome::Shutdown);
        assert_eq!(pool.acquire_async(Source::ANY, 60 * S, 0, None), Err(Status::ERR_CLOSED));
    }
}

#[test]
fn a_lease_may_go_to_a_callback_and_a_place_in_the_queue_is_reserved_otherwise() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = open(&venue, Drive::Thread);
    let (tell, told) = mpsc::channel();
    let tell = std::sync::Mutex::new(tell);
    let callback = Arc::new(move |done: Completion| tell.lock().unwrap().send(done).unwrap());
    pool.acquire_async(Source::ANY, 60 * S, 9, Some(callback)).unwrap();
    let done = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!(done.user_data, 9);
    let held = lease(&done);
    (0..4).for_each(|_| assert!(pool.acquire_async(Source::ANY, 60 * S, 0, None).is_ok()));
    assert_eq!(pool.acquire_async(Source::ANY, 60 * S, 0, None), Err(Status::ERR_COMPLETIONS_FULL));
    pool.release(held).unwrap();
    for _ in 0..4 {
        pool.release(lease(&next(&pool))).unwrap();
    }
    let mut request = request(&pool);
    order(&mut request, "after");
    assert_eq!(pool.execute(&mut request, WhenBusy::Refuse).unwrap().outcome, Outcome::Ok);
}
