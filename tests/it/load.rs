//! Many threads at once: exactly one completion each (promise 1), each with its own answer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mock_venue::{Fault, FaultKind, How, Options, Peer, Script, Venue};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::time::{ClockId, clock_gettime};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{Outcome, Status};
use venuepool::http::Request;

use crate::rig::{
    PATIENCE, config, order, request, switch, until, until_idle, venue_config, venue_pool,
};

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

/// Handshakes and callbacks of the same turn come before the pool thread sleeps, and so before it
/// rings by itself.
#[test]
fn a_completion_does_not_wait_for_the_end_of_a_turn_with_dials() {
    let venue = Venue::start(Options::tls()).unwrap();
    let mut config = venue_config(&venue, 3);
    config.set_tls_handshake_timeout_ns(60_000_000_000).unwrap();
    let pool = Pool::open(&config).unwrap();
    venue.set_fault(Fault::always(FaultKind::BlackHole)).unwrap();
    until(|| (venue.stats().open == 3).then_some(()));
    assert!(venue.kill_one(How::Rst));
    until(|| (pool.counts().live == 2 && pool.stats().dials.get() == 4).then_some(()));
    pool.event_fd().unwrap();
    let (mut holds, mut order_of) = (request(&pool), request(&pool));
    let heard_in_time = (0..100).any(|number| {
        // While the pool thread is held up by one callback, two answers come: it then finds both.
        let (go_on, held_up) = hold(&pool, &mut holds, &format!("first-{number}"));
        held_up.recv_timeout(PATIENCE).unwrap();
        order(&mut order_of, &format!("told-{number}"));
        pool.submit(&mut order_of, None, WhenBusy::Queue).unwrap();
        let (go_on_again, held_up_again) = hold(&pool, &mut holds, &format!("second-{number}"));
        let executed = |name: &str| venue.orders_with_id(&format!("{name}-{number}")) == 1;
        until(|| (executed("told") && executed("second")).then_some(()));
        drop(go_on);
        held_up_again.recv_timeout(PATIENCE).unwrap();
        // If the callback came first, there is nothing to tell yet.
        let is_there = pool.completions().has_any();
        let fd = pool.event_fd().unwrap();
        let is_told = poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], PollTimeout::ZERO) == Ok(1);
        drop(go_on_again);
        assert_eq!(pool.completions().wait(1, PATIENCE, drop), Some(1));
        until_idle(&pool, 2);
        assert!(is_told || !is_there, "a completion waits for the end of the turn");
        is_there
    });
    assert!(heard_in_time, "the callback came first each time");
    pool.close().unwrap();
}

/// Sends an order whose callback holds the pool thread up until the sender is dropped.
fn hold(pool: &Pool, request: &mut Request, id: &str) -> (Sender<()>, Receiver<()>) {
    let (begin, begun) = channel();
    let (go_on, waits) = switch();
    let callback = Arc::new(move |_| {
        begin.send(()).unwrap();
        let _ = waits.lock().unwrap().recv();
    });
    order(request, id);
    pool.submit(request, Some(callback), WhenBusy::Queue).unwrap();
    (go_on, begun)
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
