//! Groups: the completions of many pools by one call, and one descriptor for all of them.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use mock_venue::{Fault, FaultKind, Options, Venue};
use nix::poll::{PollFd, PollFlags, PollTimeout};
use venuepool::completion::Completion;
use venuepool::config::Drive;
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{Outcome, Status};
use venuepool::group::Group;
use venuepool::pool::fair_looks::BUDGET;

use crate::rig::{PATIENCE, body, order, request, until, venue_config};

const DRIVES: [Drive; 2] = [Drive::Thread, Drive::Caller];

fn pool(venue: &Venue, connections: usize, drive: Drive) -> Arc<Pool> {
    let mut config = venue_config(venue, connections);
    config.set_drive(drive);
    Pool::open(&config).unwrap()
}

fn grouped(pools: &[Arc<Pool>]) -> Group<usize> {
    let mut group = Group::new().unwrap();
    for (index, pool) in pools.iter().enumerate() {
        group.add(Arc::clone(pool), index).unwrap();
    }
    group
}

fn submit(pool: &Pool, id: &str) -> u64 {
    let mut request = request(pool);
    order(&mut request, id);
    pool.submit(&mut request, None, WhenBusy::Queue).unwrap()
}

/// Waits for one completion, and says of which pool it is.
fn waited(group: &mut Group<usize>) -> (usize, Completion) {
    let mut taken = None;
    let count =
        group.wait(1, PATIENCE, |pool, completion| taken = Some((*pool, completion.take())));
    assert_eq!(count, Ok(Some(1)));
    taken.unwrap()
}

/// As [`waited`], without sleeping in the library.
fn polled(group: &mut Group<usize>) -> (usize, Completion) {
    until(|| {
        let mut taken = None;
        group.poll(1, |pool, completion| taken = Some((*pool, completion.take()))).unwrap();
        taken
    })
}

fn is_readable(group: &Group<usize>, limit: PollTimeout) -> bool {
    nix::poll::poll(&mut [PollFd::new(group.as_fd(), PollFlags::POLLIN)], limit) == Ok(1)
}

/// Sleeps on the descriptor by the engine's own means, then polls once.
fn by_descriptor(group: &mut Group<usize>) -> (usize, Completion) {
    loop {
        assert!(is_readable(group, PollTimeout::from(30_000_u16)), "the descriptor stays silent");
        let mut taken = None;
        group.poll(1, |pool, completion| taken = Some((*pool, completion.take()))).unwrap();
        if let Some(taken) = taken {
            return taken;
        }
    }
}

/// Polls until nothing is left to be told: a socket that came up says once that it can be written.
fn until_silent(group: &mut Group<usize>) {
    until(|| {
        assert_eq!(group.poll(8, |_, done| panic!("{done:?}")), Ok(Some(0)));
        (!is_readable(group, PollTimeout::ZERO)).then_some(())
    });
}

/// Waits until all that was submitted has its answer, which it leaves in the completion queue.
fn until_answered(pool: &Pool) {
    until(|| {
        pool.poll(0, drop).unwrap();
        (pool.counts().idle == pool.slots()).then_some(())
    });
    // The slot is free before its completion is in the queue.
    let fd = pool.event_fd().unwrap();
    let ready = PollFd::new(fd.as_fd(), PollFlags::POLLIN);
    assert_eq!(nix::poll::poll(&mut [ready], PollTimeout::from(30_000_u16)), Ok(1));
}

#[test]
fn each_completion_says_which_pool_it_is_of_in_both_drives() {
    for options in [Options::plain(), Options::tls()] {
        let venue = Venue::start(options).unwrap();
        let pools: Vec<_> = (0..6).map(|index| pool(&venue, 2, DRIVES[index % 2])).collect();
        let mut group = grouped(&pools);
        for drive in [polled, waited, by_descriptor] {
            for number in 0..30 {
                let at = number * 5 % pools.len();
                let id = submit(&pools[at], &format!("order-{number}"));
                let (from, done) = drive(&mut group);
                assert_eq!((from, done.id, done.outcome), (at, id, Outcome::Ok));
                assert!(body(&done).contains(&format!("order-{number}")));
            }
        }
        until_silent(&mut group);
        drop(group);
        pools.iter().for_each(|pool| pool.close().unwrap());
    }
}

#[test]
fn a_flood_on_one_pool_does_not_starve_another() {
    const FLOOD: usize = 200;
    for drive in DRIVES {
        let venue = Venue::start(Options::plain()).unwrap();
        let pools: Vec<_> = (0..3).map(|_| pool(&venue, 2, drive)).collect();
        let mut group = grouped(&pools);
        for number in 0..FLOOD {
            submit(&pools[0], &format!("flood-{number}"));
            until_answered(&pools[0]);
        }
        for pool in &pools[1..] {
            submit(pool, "beside");
            until_answered(pool);
        }
        // One call: a budget of the flood, and all of the others, whoever is told of first.
        let mut counts = [0; 3];
        let take = |pool: &usize, _: &mut Completion| counts[*pool] += 1;
        assert_eq!(group.poll(FLOOD, take), Ok(Some(BUDGET + 2)));
        assert_eq!(counts, [BUDGET, 1, 1]);
        // With room for one, each has its turn.
        submit(&pools[1], "behind");
        until_answered(&pools[1]);
        let both = [waited(&mut group).0, waited(&mut group).0];
        assert!(both.contains(&1) && both.contains(&0), "{both:?}");
        for _ in 0..FLOOD - BUDGET - 1 {
            assert_eq!(waited(&mut group).0, 0);
        }
        until_silent(&mut group);
        drop(group);
        pools.iter().for_each(|pool| pool.close().unwrap());
    }
}

#[test]
fn more_pools_than_the_system_tells_of_at_once_all_have_their_turn() {
    const POOLS: usize = 50;
    let venue = Venue::start(Options::plain()).unwrap();
    let pools: Vec<_> = (0..POOLS).map(|index| pool(&venue, 1, DRIVES[index % 2])).collect();
    let mut group = grouped(&pools);
    for round in 0..3 {
        for (index, pool) in pools.iter().enumerate() {
            submit(pool, &format!("{round}-{index}"));
        }
        let mut open: std::collections::BTreeSet<_> = (0..POOLS).collect();
        while !open.is_empty() {
            let count = group.wait(7, PATIENCE, |pool, done| {
                assert_eq!(done.outcome, Outcome::Ok);
                assert!(open.remove(pool), "{pool} is told of once");
            });
            assert!((1..=7).contains(&count.unwrap().unwrap()));
        }
    }
    until_silent(&mut group);
    pools.iter().for_each(|pool| pool.close().unwrap());
}

#[test]
fn callbacks_of_a_pool_in_caller_drive_run_in_the_call_for_the_group() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pools = [pool(&venue, 1, Drive::Caller), pool(&venue, 1, Drive::Thread)];
    let mut group = grouped(&pools);
    let (tell, told) = channel();
    for pool in &pools {
        let (tell, inner) = (tell.clone(), Arc::clone(pool));
        let callback = Arc::new(move |done: Completion| {
            assert_eq!(inner.close(), Err(Status::ERR_WOULD_DEADLOCK));
            tell.send((done.outcome, std::thread::current().id())).unwrap();
        });
        let mut request = request(pool);
        order(&mut request, "called-back");
        pool.submit(&mut request, Some(callback), WhenBusy::Refuse).unwrap();
        let (outcome, thread) = until(|| {
            assert_eq!(group.poll(8, |_, done| panic!("{done:?}")), Ok(Some(0)));
            told.try_recv().ok()
        });
        let is_here = thread == std::thread::current().id();
        assert_eq!((outcome, is_here), (Outcome::Ok, Arc::ptr_eq(pool, &pools[0])));
    }
    drop(group);
    pools.iter().for_each(|pool| pool.close().unwrap());
}

#[test]
fn a_deadline_wakes_who_waits_for_the_group() {
    for drive in DRIVES {
        let venue = Venue::start(Options::plain()).unwrap();
        venue.set_fault(Fault::always(FaultKind::Stall)).unwrap();
        let pools = [pool(&venue, 1, drive), pool(&venue, 1, drive)];
        let mut group = grouped(&pools);
        let mut request = request(&pools[1]);
        order(&mut request, "unanswered");
        request.set_timeout_ns(20_000_000);
        pools[1].submit(&mut request, None, WhenBusy::Refuse).unwrap();
        let (from, done) = waited(&mut group);
        assert_eq!((from, done.outcome), (1, Outcome::Timeout));
        drop(group);
        pools.iter().for_each(|pool| pool.close().unwrap());
    }
}

#[test]
fn a_wait_ends_by_time_and_a_group_of_none_has_ended() {
    let venue = Venue::start(Options::plain()).unwrap();
    let only = pool(&venue, 1, Drive::Caller);
    let mut group = Group::new().unwrap();
    assert_eq!(group.poll(1, |(), _| ()), Ok(None));
    assert_eq!(group.wait(1, Duration::MAX, |(), _| ()), Ok(None));
    group.add(Arc::clone(&only), ()).unwrap();
    assert_eq!(group.wait(1, Duration::from_millis(2), |(), _| ()), Ok(Some(0)));
    assert_eq!(group.remove(|()| true), Some(()));
    assert_eq!(group.remove(|()| true), None);
    assert_eq!(group.poll(1, |(), _| ()), Ok(None));
    only.close().unwrap();
}

#[test]
fn a_pool_that_ends_leaves_with_its_last_completion() {
    for drive in DRIVES {
        let venue = Venue::start(Options::plain()).unwrap();
        let pools = [pool(&venue, 1, drive), pool(&venue, 1, drive)];
        let mut group = grouped(&pools);
        submit(&pools[0], "last");
        until(|| (venue.orders_with_id("last") == 1).then_some(()));
        pools[0].shutdown(PATIENCE);
        let closer = std::thread::spawn({
            let pool = Arc::clone(&pools[0]);
            move || pool.close()
        });
        let (from, done) = waited(&mut group);
        assert_eq!((from, done.outcome), (0, Outcome::Ok));
        closer.join().unwrap().unwrap();
        // It is gone from the descriptor, too, and the other one goes on.
        until_silent(&mut group);
        assert_eq!(group.remove(|pool| *pool == 0), None);
        let id = submit(&pools[1], "goes-on");
        assert_eq!(by_descriptor(&mut group).1.id, id);
        pools[1].close().unwrap();
        let end = group.wait(8, PATIENCE, |_, done| panic!("{done:?}"));
        assert_eq!((end, group.is_empty()), (Ok(None), true));
    }
}

#[test]
fn a_pool_that_leaves_goes_on_by_itself_or_in_another_group() {
    for drive in DRIVES {
        let venue = Venue::start(Options::plain()).unwrap();
        let pools = [pool(&venue, 1, drive), pool(&venue, 1, drive)];
        let mut group = grouped(&pools);
        let id = submit(&pools[0], "moves");
        assert_eq!(group.remove(|pool| *pool == 0), Some(0));
        let mut other = grouped(&pools[..1]);
        assert_eq!(waited(&mut other).1.id, id);
        drop(other);
        let id = submit(&pools[0], "alone");
        let mut taken = None;
        assert_eq!(pools[0].wait(1, PATIENCE, |done| taken = Some(done.id)), Ok(Some(1)));
        assert_eq!(taken, Some(id));
        until_silent(&mut group);
        pools.iter().for_each(|pool| pool.close().unwrap());
    }
}

#[test]
fn a_pool_thread_is_not_to_sleep_for_a_group() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pools = [pool(&venue, 1, Drive::Thread), pool(&venue, 1, Drive::Caller)];
    let group = std::sync::Mutex::new(grouped(&pools[1..]));
    let (tell, told) = channel();
    let callback = Arc::new(move |_| {
        let mut group = group.lock().unwrap();
        tell.send(group.wait(1, PATIENCE, |_, done| panic!("{done:?}"))).unwrap();
    });
    let mut request = request(&pools[0]);
    order(&mut request, "waits");
    pools[0].submit(&mut request, Some(callback), WhenBusy::Refuse).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE), Ok(Err(Status::ERR_WOULD_DEADLOCK)));
    drop(request);
    pools.iter().for_each(|pool| pool.close().unwrap());
}
