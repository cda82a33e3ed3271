//! Pools that share a thread: all of them on one, each with its turn, ended one by one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;

use mock_venue::{Options, Venue};
use venuepool::completion::Completion;
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{Outcome, Status};
use venuepool::threads::shared_thread::SharedThread;

use crate::rig::{PATIENCE, body, get, order, request, status, until, until_idle, venue_config};

const DRIVES: [Drive; 2] = [Drive::Thread, Drive::Caller];

/// A thread of a name that no other test has.
fn thread(name: &str) -> Arc<SharedThread> {
    let mut config = Config::default();
    config.set_thread_name(name.as_bytes()).unwrap();
    SharedThread::start(&config).unwrap()
}

/// How many threads of this process have that name.
fn threads(name: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    // One that has just ended has no name any more.
    let names =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|its| its.trim_end() == name).count()
}

fn pool_on(
    shared: &Arc<SharedThread>,
    venue: &Venue,
    connections: usize,
    drive: Drive,
) -> Arc<Pool> {
    let mut config = venue_config(venue, connections);
    config.set_drive(drive);
    config.set_thread_name(b"vp-not-shared").unwrap();
    Pool::open_on(Some(shared), &config).unwrap()
}

fn next(pool: &Pool) -> Completion {
    let mut taken = None;
    assert_eq!(pool.wait(1, PATIENCE, |done| taken = Some(done)), Ok(Some(1)));
    taken.unwrap()
}

#[test]
fn all_pools_are_on_one_thread_and_end_one_by_one() {
    const POOLS: usize = 20;
    let venue = Venue::start(Options::tls()).unwrap();
    let shared = thread("vp-one-thread");
    let pools: Vec<_> =
        (0..POOLS).map(|index| pool_on(&shared, &venue, 2, DRIVES[index % 2])).collect();
    assert_eq!((threads("vp-one-thread"), threads("vp-not-shared")), (1, 0));
    // It lives as long as a pool is on it.
    drop(shared);
    for (closed, pool) in pools.iter().enumerate() {
        for (index, pool) in pools[closed..].iter().enumerate() {
            let mut request = request(pool);
            order(&mut request, &format!("order-{closed}-{index}"));
            let id = pool.submit(&mut request, None, WhenBusy::Queue).unwrap();
            let done = next(pool);
            assert_eq!((done.id, done.outcome), (id, Outcome::Ok));
            assert!(body(&done).contains(&format!("order-{closed}-{index}")));
        }
        assert_eq!(threads("vp-one-thread"), 1);
        pool.close().unwrap();
        assert_eq!(pool.close(), Err(Status::ERR_CLOSED));
    }
    until(|| (threads("vp-one-thread") == 0).then_some(()));
    until(|| (venue.stats().open == 0).then_some(()));
}

#[test]
fn a_closed_pool_is_freed_although_its_thread_goes_on() {
    let venue = Venue::start(Options::plain()).unwrap();
    let shared = thread("vp-goes-on");
    for drive in DRIVES {
        let pool = pool_on(&shared, &venue, 2, drive);
        assert_eq!(status(&get(&pool, "/api/v3/time")), 200);
        let weak = Arc::downgrade(&pool);
        pool.close().unwrap();
        drop(pool);
        assert!(weak.upgrade().is_none(), "{drive:?}: a task still has it");
    }
    drop(shared);
    until(|| (threads("vp-goes-on") == 0).then_some(()));
}

#[test]
fn what_would_wait_for_the_thread_is_refused_in_callbacks_of_all_its_pools() {
    let venue = Venue::start(Options::plain()).unwrap();
    let shared = thread("vp-refuses");
    let [calls, other] = [0, 1].map(|_| pool_on(&shared, &venue, 1, Drive::Thread));
    let config = venue_config(&venue, 1);
    let (tell, told) = channel();
    let (inner, on) = (Arc::clone(&other), Arc::clone(&shared));
    let callback = Arc::new(move |_| {
        let mut request = request(&inner);
        order(&mut request, "in-a-callback");
        tell.send([
            inner.close().err(),
            inner.execute(&mut request, WhenBusy::Refuse).err(),
            Pool::open_on(Some(&on), &config).err().map(|error| error.step),
            // What does not wait is allowed.
            inner.submit(&mut request, None, WhenBusy::Refuse).err(),
        ])
        .unwrap();
    });
    let mut request = request(&calls);
    order(&mut request, "calls-back");
    calls.submit(&mut request, Some(callback), WhenBusy::Refuse).unwrap();
    let deadlock = Some(Status::ERR_WOULD_DEADLOCK);
    assert_eq!(told.recv_timeout(PATIENCE), Ok([deadlock, deadlock, deadlock, None]));
    assert_eq!(next(&other).outcome, Outcome::Ok);
    [calls, other].iter().for_each(|pool| pool.close().unwrap());
}

/// Large answers on all connections of one pool, the next request of each sent by its callback.
#[test]
fn a_flood_on_one_pool_lets_another_have_its_turns() {
    let venue = Venue::start(Options::plain()).unwrap();
    let shared = thread("vp-flood");
    let flooded = pool_on(&shared, &venue, 8, Drive::Thread);
    let beside = pool_on(&shared, &venue, 1, Drive::Thread);
    let (is_over, floods) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let sender = std::thread::spawn({
        let (pool, is_over, floods) =
            (Arc::clone(&flooded), Arc::clone(&is_over), Arc::clone(&floods));
        move || {
            let (count, ends) = (Arc::clone(&floods), Arc::clone(&is_over));
            let callback: venuepool::completion::Callback = Arc::new(move |done: Completion| {
                assert!(done.outcome == Outcome::Ok || ends.load(Ordering::Relaxed));
                count.fetch_add(1, Ordering::Relaxed);
            });
            let mut request = request(&pool);
            request.begin(b"GET", b"/api/v3/exchangeInfo?bytes=4000000").unwrap();
            while !is_over.load(Ordering::Relaxed) {
                match pool.submit(&mut request, Some(Arc::clone(&callback)), WhenBusy::Queue) {
                    Ok(_) => {}
                    Err(Status::ERR_WAITING_FULL) => std::thread::yield_now(),
                    Err(refusal) => panic!("{refusal:?}"),
                }
            }
        }
    });
    until(|| (floods.load(Ordering::Relaxed) > 8).then_some(()));
    for number in 0..100 {
        let mut request = request(&beside);
        order(&mut request, &format!("beside-{number}"));
        beside.submit(&mut request, None, WhenBusy::Queue).unwrap();
        assert_eq!(next(&beside).outcome, Outcome::Ok);
        // No turn of the flood's was left out either.
        assert!(flooded.counts().in_use > 0);
    }
    is_over.store(true, Ordering::Relaxed);
    sender.join().unwrap();
    flooded.close().unwrap();
    until_idle(&beside, 1);
    beside.close().unwrap();
}
