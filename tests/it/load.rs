//! Many threads at once: exactly one completion each (promise 1), each with its own answer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mock_venue::{How, Options, Peer, Script, Venue};
use nix::time::{ClockId, clock_gettime};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{Outcome, Status};

use crate::rig::{config, order, request, until, until_idle, venue_pool};

const THREADS: u64 = 8;

/// Submits `count` orders from each thread; `id` is what the order is named.
fn storm(pool: &Arc<Pool>, count: u64, submit: impl Fn(&Pool, &str, u64) + Send + Sync) {
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let submit = &submit;
            scope.spawn(move || {
                for number in 0..count {
                    let tag = thread * count + number;
                    submit(pool, &format!("t{thread}-{number}"), tag);
                }
            });
        }
    });
}

#[test]
fn eight_threads_over_four_slots_get_one_matching_answer_each() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = venue_pool(&venue, 4);
    let per_thread = 2_500;
    let total = THREADS * per_thread;
    let expected: Mutex<HashMap<u64, String>> = Mutex::default();
    std::thread::scope(|scope| {
        let (consumer_pool, expected) = (&pool, &expected);
        let consumer = scope.spawn(move || {
            let mut seen = vec![false; total as usize];
            let mut left = total;
            while left > 0 {
                let taken = consumer_pool.completions().wait(64, Duration::from_secs(30), |done| {
                    assert_eq!(done.outcome, Outcome::Ok);
                    assert!(!std::mem::replace(&mut seen[done.user_data as usize], true));
                    let name = expected.lock().unwrap().remove(&done.user_data).unwrap();
                    let response = &done.response.as_ref().unwrap().response;
                    assert_eq!(response.find(b"x-request-id"), Some(name.as_bytes()));
                    let body = String::from_utf8_lossy(response.body());
                    assert!(body.contains(&format!("\"{name}\"")), "{name}: {body}");
                    left -= 1;
                });
                assert!(taken.is_some_and(|taken| taken > 0), "{left} never came");
            }
        });
        storm(&pool, per_thread, |pool, name, tag| {
            expected.lock().unwrap().insert(tag, name.to_owned());
            let mut request = request(pool);
            order(&mut request, name);
            request.set_user_data(tag);
            until(|| match pool.submit(&mut request, None, WhenBusy::Queue) {
                Ok(_) => Some(()),
                Err(Status::ERR_WAITING_FULL | Status::ERR_COMPLETIONS_FULL) => None,
                Err(status) => panic!("{status:?}"),
            });
        });
        consumer.join().unwrap();
    });
    assert_eq!(pool.completions().poll(1, drop), Some(0), "and not one more");
    let stats = venue.stats();
    assert_eq!((stats.orders, stats.distinct_orders, stats.duplicates), (total, total, 0));
    assert_eq!(pool.stats().answered.get(), total);
    pool.close().unwrap();
}

#[test]
fn a_venue_that_loses_connections_under_load_gets_no_order_twice() {
    for options in [Options::plain(), Options::tls()] {
        let venue = Venue::start(options).unwrap();
        let pool = venue_pool(&venue, 4);
        let (accepted, completed) = (AtomicU64::new(0), Arc::new(AtomicU64::new(0)));
        let storm_is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let killer = scope.spawn(|| {
                for how in [How::Rst, How::Fin, How::BareFin].into_iter().cycle() {
                    if storm_is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    venue.kill_one(how);
                    std::thread::sleep(Duration::from_millis(3));
                }
            });
            storm(&pool, 250, |pool, name, tag| {
                let counter = Arc::clone(&completed);
                let callback = Arc::new(move |_| {
                    counter.fetch_add(1, Ordering::SeqCst);
                });
                let mut request = request(pool);
                order(&mut request, &format!("{name}-{tag}"));
                match pool.submit(&mut request, Some(callback), WhenBusy::Queue) {
                    Ok(_) => accepted.fetch_add(1, Ordering::SeqCst),
                    Err(Status::ERR_WAITING_FULL) => 0,
                    Err(status) => panic!("{status:?}"),
                };
            });
            until(|| {
                let all = completed.load(Ordering::SeqCst) == accepted.load(Ordering::SeqCst);
                all.then_some(())
            });
            storm_is_over.store(true, Ordering::SeqCst);
            killer.join().unwrap();
        });
        until_idle(&pool, 4);
        let (stats, ours) = (venue.stats(), pool.stats());
        assert_eq!(stats.duplicates, 0);
        assert_eq!(ours.submitted.get(), ours.answered.get() + ours.failed.get());
        assert!(stats.orders >= ours.answered.get());
        pool.close().unwrap();
        assert_eq!(completed.load(Ordering::SeqCst), accepted.load(Ordering::SeqCst));
    }
}

#[test]
fn cancel_races_completion_and_still_each_request_ends_once() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = venue_pool(&venue, 4);
    let completed: Arc<Vec<AtomicU64>> = Arc::new((0..2_000).map(|_| AtomicU64::new(0)).collect());
    storm(&pool, 250, |pool, name, tag| {
        let ends = Arc::clone(&completed);
        let callback = Arc::new(move |_| {
            ends[tag as usize].fetch_add(1, Ordering::SeqCst);
        });
        let mut request = request(pool);
        order(&mut request, name);
        let id =
            until(|| match pool.submit(&mut request, Some(callback.clone()), WhenBusy::Queue) {
                Err(Status::ERR_WAITING_FULL) => None,
                answer => Some(answer.unwrap()),
            });
        if tag % 3 == 0 {
            match pool.cancel(id) {
                Ok(()) | Err(Status::ERR_UNKNOWN_ID) => {}
                Err(status) => panic!("{status:?}"),
            }
        }
    });
    until(|| completed.iter().all(|ends| ends.load(Ordering::SeqCst) >= 1).then_some(()));
    pool.close().unwrap();
    assert!(completed.iter().all(|ends| ends.load(Ordering::SeqCst) == 1));
    assert_eq!(venue.stats().duplicates, 0);
}

/// As many orders as the pool thread can bear, each sent by the callback of the one before.
fn order_for_ever(pool: &Arc<Pool>, stops: &Arc<AtomicBool>) {
    let mut next = request(pool);
    next.begin(b"GET", b"/").unwrap();
    let (again, stopped) = (Arc::downgrade(pool), Arc::clone(stops));
    let callback = move |_| {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_micros(50) {
            std::hint::spin_loop();
        }
        if !stopped.load(Ordering::SeqCst)
            && let Some(pool) = again.upgrade()
        {
            order_for_ever(&pool, &stopped);
        }
    };
    let sent = pool.submit(&mut next, Some(Arc::new(callback)), WhenBusy::Queue);
    assert!(sent.is_ok() || stops.load(Ordering::SeqCst), "{sent:?}");
}

/// With so many busy slots the runtime of the pool thread always has something to do.
#[test]
fn who_waits_is_told_though_the_pool_thread_never_comes_to_rest() {
    let server = Script::serve(|peer: &mut Peer, _| {
        while let Ok(Some(_)) = peer.read_request() {
            if peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_err() {
                return;
            }
        }
    })
    .unwrap();
    let pool = Pool::open(&config(&server.url(), 100)).unwrap();
    let stops = Arc::new(AtomicBool::new(false));
    (0..99).for_each(|_| order_for_ever(&pool, &stops));
    let patience = Duration::from_secs(3);
    let delays = (0..5).map(|_| {
        let mut order = request(&pool);
        order.begin(b"GET", b"/").unwrap();
        pool.submit(&mut order, None, WhenBusy::Queue).unwrap();
        let mut done_ns = 0;
        while done_ns == 0 {
            pool.wait(1, patience, |done| done_ns = done.times.done_ns).unwrap();
        }
        let now = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap());
        now.saturating_sub(Duration::from_nanos(done_ns))
    });
    let longest = delays.max().unwrap();
    stops.store(true, Ordering::SeqCst);
    pool.close().unwrap();
    assert!(longest < patience / 3, "told after {longest:?}");
}
