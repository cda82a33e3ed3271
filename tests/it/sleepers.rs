//! Callers that sleep in execute or acquire in caller drive, beside threads that poll, wait, or
//! sleep on the descriptor.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mock_venue::{How, Options, Peer, Script, ScriptServer, Venue};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::time::{ClockId, clock_gettime};
use venuepool::config::Drive;
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{Outcome, Status};

use crate::rig::{PATIENCE, config, request, until, until_idle, venue_config};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// Answers `/120` after 120 ms.
fn server() -> ScriptServer {
    Script::serve(|peer: &mut Peer, _| {
        while let Ok(Some(request)) = peer.read_request() {
            let ms = request.target.trim_start_matches('/').parse().unwrap_or(0);
            std::thread::sleep(Duration::from_millis(ms));
            if peer.write(OK).is_err() {
                return;
            }
        }
    })
    .unwrap()
}

fn pool(server: &ScriptServer, connections: usize) -> Arc<Pool> {
    let mut config = config(&server.url(), connections);
    config.set_drive(Drive::Caller);
    Pool::open(&config).unwrap()
}

fn execute(pool: &Pool, path: &str) -> Outcome {
    let mut request = request(pool);
    request.begin(b"GET", path.as_bytes()).unwrap();
    pool.execute(&mut request, WhenBusy::Queue).unwrap().outcome
}

fn submit(pool: &Pool, path: &str) -> u64 {
    let mut request = request(pool);
    request.begin(b"GET", path.as_bytes()).unwrap();
    pool.submit(&mut request, None, WhenBusy::Queue).unwrap()
}

#[test]
fn execute_and_acquire_wait_for_the_thread_that_polls_and_go_on_when_it_stops() {
    let server = server();
    let pool = pool(&server, 2);
    let polls = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let poller = scope.spawn(|| {
            while polls.load(Ordering::SeqCst) {
                pool.poll(8, drop).expect("who polls may always drive");
            }
        });
        for round in 0..30 {
            assert_eq!(execute(&pool, "/5"), Outcome::Ok);
            let lease = pool.acquire(PATIENCE).unwrap();
            let held = pool.acquire(PATIENCE).unwrap();
            assert_eq!(pool.acquire(Duration::from_millis(20)), Err(Status::ERR_TIMEOUT));
            pool.release(lease).unwrap();
            pool.release(held).unwrap();
            if round == 15 {
                // Nobody else drives from now on.
                polls.store(false, Ordering::SeqCst);
            }
        }
        poller.join().unwrap();
    });
    pool.close().unwrap();
}

#[test]
fn who_waits_is_never_refused_for_a_sleeper_and_both_are_served() {
    let server = server();
    let pool = pool(&server, 2);
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| (0..20).map(|_| execute(&pool, "/10")).collect::<Vec<_>>());
        let mut taken = 0;
        for _ in 0..100 {
            submit(&pool, "/1");
            until(|| {
                let found = pool.wait(8, Duration::from_millis(50), drop).expect("not refused");
                taken += found.unwrap();
                (taken > 0).then_some(())
            });
            taken = 0;
        }
        assert!(sleeper.join().unwrap().iter().all(|outcome| *outcome == Outcome::Ok));
    });
    pool.close().unwrap();
}

#[test]
fn several_sleepers_hand_the_driving_on() {
    let server = server();
    let pool = pool(&server, 4);
    std::thread::scope(|scope| {
        for ms in [1, 7, 30, 60, 5, 90] {
            let pool = &pool;
            scope.spawn(move || {
                for _ in 0..5 {
                    assert_eq!(execute(pool, &format!("/{ms}")), Outcome::Ok);
                }
            });
        }
    });
    pool.close().unwrap();
}

fn is_readable(pool: &Pool, timeout: PollTimeout) -> bool {
    let fd = pool.event_fd().unwrap();
    poll(&mut [PollFd::new(fd.as_fd(), PollFlags::POLLIN)], timeout).unwrap() == 1
}

#[test]
fn an_event_loop_hears_of_completions_while_another_thread_executes_and_afterwards() {
    for linger in [false, true] {
        let server = server();
        let pool = pool(&server, 2);
        pool.event_fd().unwrap();
        submit(&pool, "/20");
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| execute(&pool, if linger { "/1500" } else { "/40" }));
            if !linger {
                // It drives the other order too, and leaves its completion behind.
                assert_eq!(sleeper.join().unwrap(), Outcome::Ok);
                assert!(is_readable(&pool, PollTimeout::ZERO), "there is a completion to take");
                assert_eq!(pool.poll(8, drop).unwrap(), Some(1));
                return;
            }
            let mut taken = 0;
            while taken == 0 {
                assert!(is_readable(&pool, PollTimeout::try_from(10_000).unwrap()));
                taken = pool.poll(8, drop).unwrap().unwrap();
            }
            assert!(!sleeper.is_finished(), "it was told in time");
            assert_eq!(sleeper.join().unwrap(), Outcome::Ok);
        });
        pool.close().unwrap();
    }
}

#[test]
fn a_descriptor_that_is_asked_for_late_tells_of_what_is_there() {
    let server = server();
    let pool = pool(&server, 4);
    for _ in 0..4 {
        submit(&pool, "/0");
    }
    assert_eq!(execute(&pool, "/30"), Outcome::Ok, "it drives the others");
    assert!(is_readable(&pool, PollTimeout::ZERO));
    pool.close().unwrap();
}

#[test]
fn a_sleeper_does_not_spin_while_the_queue_is_full_and_the_descriptor_is_out() {
    let server = server();
    let pool = pool(&server, 3);
    pool.event_fd().unwrap();
    submit(&pool, "/0");
    submit(&pool, "/0");
    until(|| {
        let _ = pool.poll(0, drop);
        pool.completions().has_any().then_some(())
    });
    let cpu = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
    let before = cpu();
    assert_eq!(execute(&pool, "/1000"), Outcome::Ok);
    let used = cpu() - before;
    assert!(used < Duration::from_millis(500), "{used:?} of a second that it slept");
    let mut taken = 0;
    until(|| {
        taken += pool.poll(8, drop).unwrap().unwrap();
        (taken == 2).then_some(())
    });
    pool.close().unwrap();
}

/// A sleeper may take over, look around or leave at any time; none of it refuses a poll or a wait.
#[test]
fn who_polls_seldom_is_never_refused_whatever_sleepers_do() {
    for is_out in [false, true] {
        let server = server();
        let pool = pool(&server, 4);
        if is_out {
            pool.event_fd().unwrap();
        }
        let stops = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stops.load(Ordering::SeqCst) {
                        assert_eq!(execute(&pool, "/0"), Outcome::Ok);
                    }
                });
            }
            let refused = (0..400).find_map(|round| {
                submit(&pool, "/0");
                // Longer than a sleeper hesitates, and what is in the queue stays there meanwhile.
                let idle = if round % 40 == 0 { 12_000 } else { round % 5 * 50 };
                std::thread::sleep(Duration::from_micros(idle));
                let polled = (0..20).map(|_| pool.poll(1, drop));
                let mut results = polled.chain([pool.wait(1, Duration::from_micros(50), drop)]);
                results.find_map(Result::err)
            });
            stops.store(true, Ordering::SeqCst);
            assert_eq!(refused, None, "descriptor: {is_out}");
        });
        pool.close().unwrap();
    }
}

/// A sleeper that drives runs callbacks. Who polls meanwhile must not depend on their end.
#[test]
fn a_poll_and_a_wait_end_in_time_though_a_sleeper_is_held_up_in_a_callback() {
    let server = server();
    let pool = pool(&server, 2);
    let (tell, told) = std::sync::mpsc::channel();
    let (go_on, hold) = std::sync::mpsc::channel::<()>();
    let hold = std::sync::Mutex::new(hold);
    let callback = move |done: venuepool::completion::Completion| {
        tell.send(done.outcome).unwrap();
        hold.lock().unwrap().recv_timeout(PATIENCE).expect("this thread polls in time");
    };
    std::thread::scope(|scope| {
        let mut request = request(&pool);
        request.begin(b"GET", b"/5").unwrap();
        pool.submit(&mut request, Some(Arc::new(callback)), WhenBusy::Queue).unwrap();
        let sleeper = scope.spawn(|| execute(&pool, "/10"));
        assert_eq!(told.recv_timeout(PATIENCE), Ok(Outcome::Ok));
        let begin = Instant::now();
        assert_eq!(pool.poll(8, drop), Ok(Some(0)));
        assert_eq!(pool.wait(8, Duration::from_millis(20), drop), Ok(Some(0)));
        assert!(begin.elapsed() >= Duration::from_millis(20), "{:?}", begin.elapsed());
        go_on.send(()).unwrap();
        assert_eq!(sleeper.join().unwrap(), Outcome::Ok);
    });
    pool.close().unwrap();
}

#[test]
fn a_callback_within_a_callback_of_another_pool_is_refused_not_locked_up() {
    let server = server();
    let (outer, inner) = (pool(&server, 2), pool(&server, 2));
    let (tell, told) = std::sync::mpsc::channel();
    let (of_outer, of_inner) = (Arc::clone(&outer), Arc::clone(&inner));
    let in_inner = move |_| {
        let mut request = request(&of_outer);
        request.begin(b"GET", b"/0").unwrap();
        let executed = of_outer.execute(&mut request, WhenBusy::Queue).map(|done| done.outcome);
        let waited = of_outer.wait(1, Duration::ZERO, drop);
        tell.send((executed, waited, of_outer.poll(1, drop), of_outer.close())).unwrap();
    };
    let in_inner: venuepool::completion::Callback = Arc::new(in_inner);
    let in_outer = move |_| {
        let mut request = request(&of_inner);
        request.begin(b"GET", b"/0").unwrap();
        of_inner.submit(&mut request, Some(Arc::clone(&in_inner)), WhenBusy::Queue).unwrap();
        assert_eq!(execute(&of_inner, "/20"), Outcome::Ok);
    };
    let mut request = request(&outer);
    request.begin(b"GET", b"/0").unwrap();
    outer.submit(&mut request, Some(Arc::new(in_outer)), WhenBusy::Queue).unwrap();
    let answers = until(|| {
        outer.poll(1, drop).unwrap();
        told.try_recv().ok()
    });
    let refused = Status::ERR_WOULD_DEADLOCK;
    assert_eq!(answers, (Err(refused), Err(refused), Err(refused), Err(refused)));
    inner.close().unwrap();
    outer.close().unwrap();
}

/// A destructor of the host that runs after those of this library.
#[test]
fn execute_works_while_its_thread_ends() {
    use std::sync::mpsc::Sender;
    thread_local! {
        static LAST: std::cell::RefCell<Option<Executes>> = const { std::cell::RefCell::new(None) };
    }
    struct Executes(Arc<Pool>, Sender<Outcome>);
    impl Drop for Executes {
        fn drop(&mut self) {
            self.1.send(execute(&self.0, "/0")).unwrap();
        }
    }
    let server = server();
    let pool = pool(&server, 1);
    let (tell, told) = std::sync::mpsc::channel();
    let inner = Arc::clone(&pool);
    let thread = std::thread::spawn(move || {
        LAST.set(Some(Executes(Arc::clone(&inner), tell)));
        assert_eq!(execute(&inner, "/0"), Outcome::Ok);
    });
    assert_eq!(told.recv_timeout(PATIENCE), Ok(Outcome::Ok));
    thread.join().unwrap();
    pool.close().unwrap();
}

#[test]
fn what_is_left_in_the_queue_does_not_make_a_short_execute_long() {
    let server = server();
    let pool = pool(&server, 2);
    pool.event_fd().unwrap();
    submit(&pool, "/0");
    until(|| {
        let _ = pool.poll(0, drop);
        pool.completions().has_any().then_some(())
    });
    let times = |_| {
        let begin = Instant::now();
        assert_eq!(execute(&pool, "/0"), Outcome::Ok);
        begin.elapsed()
    };
    // The machine may be busy, but not each time.
    let shortest = (0..100).map(times).min().unwrap();
    assert!(shortest < Duration::from_millis(4), "{shortest:?}");
    assert_eq!(pool.poll(8, drop), Ok(Some(1)));
    pool.close().unwrap();
}

#[test]
fn a_set_of_sockets_that_fails_loses_no_completion_and_no_lease() {
    let server = server();
    let pool = pool(&server, 1);
    let null = std::fs::File::open("/dev/null").unwrap();
    let set = pool.event_fd().unwrap().as_raw_fd();
    // SAFETY: both are open; the set's number is the pool's own again when this pool is closed.
    assert_eq!(unsafe { libc::dup3(null.as_raw_fd(), set, libc::O_CLOEXEC) }, set);
    assert_eq!(pool.wait(1, Duration::from_millis(1), drop), Err(Status::ERR_SYSTEM));
    assert_eq!(execute(&pool, "/20"), Outcome::Ok);
    until_idle(&pool, 1);
    let lease = pool.try_acquire().unwrap();
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| pool.acquire(PATIENCE));
        until(|| (pool.counts().waiting == 1).then_some(()));
        pool.release(lease).unwrap();
        let lease = sleeper.join().unwrap().unwrap();
        pool.release(lease).unwrap();
    });
    pool.shutdown(Duration::ZERO);
}

/// Everything at once: an event loop that takes one completion at a time, threads that execute and
/// acquire, cancels, and a venue that loses connections.
#[test]
fn no_wake_up_is_lost_among_an_event_loop_and_sleepers_while_connections_are_lost() {
    for options in [Options::plain(), Options::tls()] {
        for drive in [Drive::Caller, Drive::Thread] {
            let venue = Venue::start(options.clone()).unwrap();
            let mut config = venue_config(&venue, 4);
            config.set_drive(drive);
            let pool = Pool::open(&config).unwrap();
            let stops = AtomicBool::new(false);
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| execute_until(&stops, &pool));
                }
                scope.spawn(|| acquire_until(&stops, &pool));
                for round in 0..300 {
                    if round % 50 == 0 {
                        venue.kill_one(How::Rst);
                    }
                    if let Err(silence) = take_by_descriptor(&pool, round % 5 + 1) {
                        stops.store(true, Ordering::SeqCst);
                        panic!("{silence}");
                    }
                }
                stops.store(true, Ordering::SeqCst);
            });
            pool.close().unwrap();
        }
    }
}

fn execute_until(stops: &AtomicBool, pool: &Pool) {
    while !stops.load(Ordering::SeqCst) {
        let begin = Instant::now();
        execute(pool, "/api/v3/ping");
        assert!(begin.elapsed() < PATIENCE, "{:?}", begin.elapsed());
        std::thread::sleep(Duration::from_micros(fastrand::u64(..3_000)));
    }
}

fn acquire_until(stops: &AtomicBool, pool: &Pool) {
    while !stops.load(Ordering::SeqCst) {
        match pool.acquire(Duration::from_millis(fastrand::u64(1..30))) {
            Ok(lease) => pool.release(lease).unwrap(),
            refused => assert_eq!(refused, Err(Status::ERR_TIMEOUT)),
        }
        std::thread::sleep(Duration::from_micros(fastrand::u64(..2_000)));
    }
}

/// Submits so many, cancels one now and then, and takes each when the descriptor tells of it.
fn take_by_descriptor(pool: &Pool, count: usize) -> Result<(), String> {
    let ids: Vec<_> = (0..count).map(|_| submit(pool, "/api/v3/ping")).collect();
    if fastrand::bool() {
        let _ = pool.cancel(ids[0]);
    }
    let mut taken = 0;
    while taken < count {
        let looks_first = fastrand::u8(..4) == 0;
        if !looks_first && !is_readable(pool, PollTimeout::try_from(10_000).unwrap()) {
            let waits = pool.completions().has_any();
            return Err(format!("silent after {taken} of {count}; one waits: {waits}"));
        }
        taken += pool.poll(1, drop).map_err(|refused| format!("{refused:?}"))?.unwrap();
    }
    if fastrand::u8(..20) == 0 {
        // Longer than a sleeper hesitates to drive.
        std::thread::sleep(Duration::from_millis(8));
    }
    Ok(())
}

/// Whoever sleeps, polls or waits while the pool ends is told, and the closing thread is not held
/// up by them.
#[test]
fn a_close_among_sleepers_and_pollers_ends_them_all() {
    let server = server();
    for round in 0..60 {
        let mut config = config(&server.url(), 2);
        config.set_drive(if round % 2 == 0 { Drive::Caller } else { Drive::Thread });
        let pool = Pool::open(&config).unwrap();
        if round % 3 == 0 {
            pool.event_fd().unwrap();
        }
        let begin = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut request = request(&pool);
                    request.begin(b"GET", b"/1").unwrap();
                    while pool.execute(&mut request, WhenBusy::Queue).is_ok() {}
                });
            }
            scope
                .spawn(|| while pool.acquire(PATIENCE).is_ok_and(|it| pool.release(it).is_ok()) {});
            scope
                .spawn(|| while pool.wait(1, Duration::from_millis(1), drop).unwrap().is_some() {});
            std::thread::sleep(Duration::from_micros(fastrand::u64(..4_000)));
            let grace = [None, Some(Duration::ZERO), Some(Duration::from_secs(3_600))][round % 3];
            if let Some(grace) = grace {
                pool.shutdown(grace);
            }
            pool.close().unwrap();
        });
        assert!(begin.elapsed() < PATIENCE, "round {round}: {:?}", begin.elapsed());
    }
}
