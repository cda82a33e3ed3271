//! Pauses that the venue asks for, or the engine.

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use mock_venue::{Fault, FaultKind, How, Options, Script, Venue};
use venuepool::clock::now_ns;
use venuepool::config::Drive;
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{CloseReason, Outcome, Status, WireState};
use venuepool::pool::health::{Activity, SlotHealth};

use crate::rig::{
    PATIENCE, config, get, next_completion, order, request, status, submit_soon, until, until_idle,
    venue_config,
};

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;

fn limited(code: u16, retry_after: Option<u64>, as_date: bool) -> Fault {
    Fault::first(1, FaultKind::Status { code, retry_after, as_date }).on("/api/v3/order")
}

fn refuse(pool: &Pool) -> Result<u64, Status> {
    let mut request = request(pool);
    order(&mut request, "refused");
    pool.submit(&mut request, None, WhenBusy::Queue)
}

#[test]
fn a_configured_status_suspends_for_as_long_as_it_says() {
    for drive in [Drive::Thread, Drive::Caller] {
        for (retry_after, as_date, longest) in
            [(Some(3), false, 3 * S), (Some(3), true, 3 * S), (None, false, 2 * S)]
        {
            let venue = Venue::start(Options::plain()).unwrap();
            venue.set_fault(limited(429, retry_after, as_date)).unwrap();
            let mut config = venue_config(&venue, 2);
            config.set_drive(drive);
            config.suspend_on(429, 2 * S, false).unwrap();
            let pool = Pool::open(&config).unwrap();
            assert_eq!(status(&get(&pool, "/api/v3/ping")), 200);
            assert_eq!(pool.suspended_until_ns(), 0);
            let mut request = request(&pool);
            order(&mut request, "limited");
            let before = now_ns();
            let done = pool.execute(&mut request, WhenBusy::Queue).unwrap();
            assert_eq!((status(&done), done.outcome), (429, Outcome::Ok));
            let until_ns = pool.suspended_until_ns();
            // The date has whole seconds, so it may be almost one second less.
            let least = if as_date { before + longest - S } else { before + longest };
            assert!((least..=now_ns() + longest).contains(&until_ns), "{until_ns} {before}");
            assert_eq!(refuse(&pool), Err(Status::ERR_SUSPENDED));
            assert_eq!(pool.try_acquire(), Err(Status::ERR_SUSPENDED));
            assert_eq!(pool.acquire(PATIENCE), Err(Status::ERR_SUSPENDED));
            // The connections stay.
            assert_eq!(pool.counts().live, 2);
            pool.suspend(0);
            assert_eq!(pool.suspended_until_ns(), 0);
            assert_eq!(status(&get(&pool, "/api/v3/ping")), 200);
            assert_eq!(venue.orders_with_id("refused"), 0);
            pool.close().unwrap();
        }
    }
}

/// The rule says 30 s, and the cap is 1000 s.
#[test]
fn a_retry_after_is_read_leniently_and_capped_and_never_cancels_the_pause() {
    for drive in [Drive::Thread, Drive::Caller] {
        for (fields, seconds) in [
            ("Retry-After: 299.997\r\n", 300),
            ("Retry-After: 5\r\nRetry-After: 60\r\n", 60),
            ("Retry-After: 9999999999\r\n", 1000),
            ("Retry-After: 1001\r\n", 1000),
            ("Retry-After: 7\r\n", 7),
            ("Retry-After: 0\r\n", 30),
            ("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 30),
            ("Retry-After: 1000000000\r\n", 30),
            ("Retry-After: soon\r\n", 30),
            ("", 30),
        ] {
            let server = Script::serve(move |peer, _| {
                while let Ok(Some(_)) = peer.read_request() {
                    let head = format!("HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n{fields}\r\n");
                    peer.write(head.as_bytes()).unwrap();
                }
            })
            .unwrap();
            let mut config = config(&server.url(), 1);
            config.set_drive(drive);
            config.suspend_on(429, 30 * S, false).unwrap();
            config.set_suspend_cap_ns(1000 * S).unwrap();
            let pool = Pool::open(&config).unwrap();
            let before = now_ns();
            assert_eq!(status(&get(&pool, "/")), 429);
            let until_ns = pool.suspended_until_ns();
            let expected = before + seconds * S..=now_ns() + seconds * S;
            assert!(expected.contains(&until_ns), "{fields:?}: {} ms", (until_ns - before) / MS);
            pool.close().unwrap();
        }
    }
}

#[test]
fn a_status_that_is_not_configured_does_nothing() {
    let venue = Venue::start(Options::plain()).unwrap();
    venue.set_fault(limited(429, Some(60), false)).unwrap();
    let mut config = venue_config(&venue, 1);
    config.suspend_on(418, S, false).unwrap();
    // Without a Retry-After this one has nothing to say.
    config.suspend_on(403, 0, false).unwrap();
    let pool = Pool::open(&config).unwrap();
    assert_eq!(status(&get(&pool, "/api/v3/order")), 429);
    venue.set_fault(limited(403, None, false)).unwrap();
    assert_eq!(status(&get(&pool, "/api/v3/order")), 403);
    assert_eq!(pool.suspended_until_ns(), 0);
    pool.close().unwrap();
}

#[test]
fn a_pause_empties_the_line() {
    for drive in [Drive::Thread, Drive::Caller] {
        let venue = Venue::start(Options::plain()).unwrap();
        let mut config = venue_config(&venue, 1);
        config.set_drive(drive);
        config.suspend_on(429, 60 * S, false).unwrap();
        let pool = Pool::open(&config).unwrap();
        // The first order is answered with 429 while five wait behind it.
        let lease = pool.try_acquire().unwrap();
        let mut request = request(&pool);
        let mut ids = Vec::new();
        for number in 0..5 {
            order(&mut request, &format!("waiting-{number}"));
            ids.push(pool.submit(&mut request, None, WhenBusy::Queue).unwrap());
        }
        venue.set_fault(limited(429, None, false)).unwrap();
        order(&mut request, "limited");
        pool.submit_on(lease, &mut request, None).unwrap();
        pool.release(lease).unwrap();
        let mut seen = Vec::new();
        until(|| {
            let record = |done: venuepool::completion::Completion| seen.push(done);
            pool.poll(8, record).unwrap();
            (seen.len() == 6).then_some(())
        });
        let waited: Vec<_> = seen.iter().filter(|done| ids.contains(&done.id)).collect();
        assert_eq!(waited.len(), 5);
        for done in waited {
            assert_eq!(done.outcome, Outcome::Suspended);
            assert_eq!(done.wire_state, WireState::NotSent);
        }
        assert_eq!(venue.stats().orders, 0);
        pool.close().unwrap();
    }
}

#[test]
fn sleepers_in_acquire_are_told() {
    for drive in [Drive::Thread, Drive::Caller] {
        let venue = Venue::start(Options::plain()).unwrap();
        let mut config = venue_config(&venue, 1);
        config.set_drive(drive);
        let pool = Pool::open(&config).unwrap();
        let lease = pool.try_acquire().unwrap();
        let sleeper = {
            let pool = Arc::clone(&pool);
            // Without end, so that it is the pause that wakes it.
            std::thread::spawn(move || pool.acquire(Duration::MAX))
        };
        until(|| (pool.counts().waiting == 1).then_some(()));
        pool.suspend(60 * S);
        until(|| sleeper.is_finished().then_some(()));
        assert_eq!(sleeper.join().unwrap(), Err(Status::ERR_SUSPENDED));
        let mut request = request(&pool);
        order(&mut request, "leased");
        assert_eq!(pool.submit_on(lease, &mut request, None), Err(Status::ERR_SUSPENDED));
        pool.close().unwrap();
    }
}

#[test]
fn a_pause_may_close_the_connections_and_dials_none() {
    for drive in [Drive::Thread, Drive::Caller] {
        let venue = Venue::start(Options::tls()).unwrap();
        venue.set_fault(limited(418, None, false)).unwrap();
        let mut config = venue_config(&venue, 3);
        config.set_drive(drive);
        config.suspend_on(418, 60 * S, true).unwrap();
        let pool = Pool::open(&config).unwrap();
        let mut request = request(&pool);
        order(&mut request, "banned");
        pool.execute(&mut request, WhenBusy::Refuse).unwrap();
        until(|| (pool.stats().closed[CloseReason::Suspended as usize].get() == 3).then_some(()));
        until(|| (venue.stats().open == 0).then_some(()));
        let dials = pool.stats().dials.get();
        assert_eq!((pool.counts().live, dials), (0, 3));
        pool.suspend(0);
        until_idle(&pool, 3);
        assert_eq!(pool.stats().dials.get(), dials + 3);
        assert_eq!(status(&get(&pool, "/api/v3/ping")), 200);
        pool.close().unwrap();
    }
}

#[test]
fn a_pause_ends_by_itself_and_a_second_one_only_makes_it_longer() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = Pool::open(&venue_config(&venue, 1)).unwrap();
    pool.suspend(30 * MS);
    let first = pool.suspended_until_ns();
    pool.suspend(MS);
    assert!(pool.suspended_until_ns() == first || first < now_ns());
    let mut request = request(&pool);
    order(&mut request, "later");
    let start = now_ns();
    let accepted = until(|| match pool.submit(&mut request, None, WhenBusy::Refuse) {
        Ok(id) => Some(id),
        Err(status) => {
            assert_eq!(status, Status::ERR_SUSPENDED);
            None
        }
    });
    assert!(now_ns() >= first && now_ns() - start < PATIENCE.as_nanos() as u64);
    assert_eq!(next_completion(&pool).id, accepted);
    pool.close().unwrap();
}

#[test]
fn a_pool_that_is_suspended_closes_at_once() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = Pool::open(&venue_config(&venue, 1)).unwrap();
    let mut request = request(&pool);
    order(&mut request, "before");
    submit_soon(&pool, &mut request);
    pool.suspend(3600 * S);
    pool.shutdown(Duration::from_secs(5));
    assert_eq!(next_completion(&pool).outcome, Outcome::Ok);
    pool.close().unwrap();
}

#[test]
fn a_pause_without_connections_holds_back_dials_that_were_asked_for_before() {
    for drive in [Drive::Thread, Drive::Caller] {
        let venue = Venue::start(Options::tls()).unwrap();
        venue.set_fault(limited(418, None, false)).unwrap();
        let mut config = venue_config(&venue, 2);
        config.set_drive(drive);
        config.set_dials_per_second(1).unwrap();
        config.suspend_on(418, 60 * S, true).unwrap();
        let pool = Pool::open(&config).unwrap();
        // The second time all dials are used up, and the slot waits a second for the next.
        for lost in 1..=2 {
            until_idle(&pool, 2);
            assert!(venue.kill_one(How::Rst));
            let reset = &pool.stats().closed[CloseReason::IdleReset as usize];
            until(|| (reset.get() == lost).then_some(()));
        }
        let mut request = request(&pool);
        order(&mut request, "banned");
        submit_soon(&pool, &mut request);
        until(|| (pool.poll(1, drop) == Ok(Some(1))).then_some(()));
        let until_ns = pool.suspended_until_ns();
        let dials = pool.stats().dials.get();
        until(|| (pool.counts().live == 0).then_some(()));
        // Each of them says what it waits for.
        let waits =
            |slot: &SlotHealth| (slot.state, slot.next_dial_ns) == (Activity::Waiting, until_ns);
        until(|| pool.slot_healths().iter().all(waits).then_some(()));
        assert_eq!(pool.stats().dials.get(), dials);
        pool.close().unwrap();
    }
}

/// Carries bytes between each of its connections and the venue; from the third on after the switch
/// was thrown.
fn relay(to: SocketAddr, thrown: Receiver<()>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for (number, near) in listener.incoming().enumerate() {
            let near = near.unwrap();
            if number >= 2 {
                let _ = thrown.recv();
            }
            let Ok(far) = TcpStream::connect(to) else { return };
            for (from, to) in [(&near, &far), (&far, &near)] {
                let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
    port
}

#[test]
fn a_dial_that_a_pause_without_connections_overtakes_is_in_vain() {
    for drive in [Drive::Thread, Drive::Caller] {
        let venue = Venue::start(Options::tls()).unwrap();
        venue.set_fault(limited(418, None, false)).unwrap();
        let (throw, thrown) = channel();
        let port = relay(venue.address(), thrown);
        let mut config = venue_config(&venue, 2);
        config.set_url(format!("https://localhost:{port}").as_bytes()).unwrap();
        config.set_drive(drive);
        config.set_tls_handshake_timeout_ns(60 * S).unwrap();
        config.suspend_on(418, 60 * S, true).unwrap();
        let pool = Pool::open(&config).unwrap();
        until(|| (venue.stats().open == 2).then_some(()));
        assert!(venue.kill_one(How::Fin));
        // Its handshake waits for the switch.
        until(|| (pool.stats().dials.get() == 3).then_some(()));
        let mut request = request(&pool);
        order(&mut request, "banned");
        submit_soon(&pool, &mut request);
        until(|| (pool.poll(1, drop) == Ok(Some(1))).then_some(()));
        drop(throw);
        let suspended = &pool.stats().closed[CloseReason::Suspended as usize];
        until(|| (suspended.get() == 2).then_some(()));
        until(|| (venue.stats().open == 0).then_some(()));
        assert_eq!((pool.counts().live, pool.stats().dials.get()), (0, 3));
        pool.close().unwrap();
    }
}

#[test]
fn a_status_that_comes_too_late_suspends_all_the_same() {
    for drive in [Drive::Thread, Drive::Caller] {
        let venue = Venue::start(Options::plain()).unwrap();
        venue.set_fault(limited(429, None, false)).unwrap();
        venue.set_fault(Fault::first(1, FaultKind::Delay(Duration::from_millis(50)))).unwrap();
        let mut config = venue_config(&venue, 1);
        config.set_drive(drive);
        config.set_linger_ns(60 * S).unwrap();
        config.suspend_on(429, 60 * S, false).unwrap();
        let pool = Pool::open(&config).unwrap();
        let mut request = request(&pool);
        order(&mut request, "limited");
        request.set_timeout_ns(10 * MS);
        let done = pool.execute(&mut request, WhenBusy::Refuse).unwrap();
        assert_eq!(done.outcome, Outcome::Timeout);
        until(|| (pool.stats().late.get() == 1).then_some(()));
        until(|| (pool.suspended_until_ns() != 0).then_some(()));
        assert_eq!(refuse(&pool), Err(Status::ERR_SUSPENDED));
        pool.close().unwrap();
    }
}

#[test]
fn no_heartbeat_is_sent_in_a_pause_and_they_go_on_behind_it() {
    for drive in [Drive::Thread, Drive::Caller] {
        for ends_early in [true, false] {
            let venue = Venue::start(Options::plain()).unwrap();
            let mut config = venue_config(&venue, 2);
            config.set_drive(drive);
            config.set_heartbeat(b"GET", b"/api/v3/ping", 5 * MS, 2 * S).unwrap();
            let pool = Pool::open(&config).unwrap();
            let beats = || pool.stats().heartbeats.get();
            until(|| (beats() >= 4).then_some(()));
            pool.suspend(if ends_early { 3600 * S } else { S });
            // One that was under way when the pause began is counted.
            until_idle(&pool, 2);
            let (before, begun_ns) = (beats(), now_ns());
            // Forty of them would be due.
            until(|| (now_ns() > begun_ns + 200 * MS).then_some(()));
            assert_eq!(beats(), before, "{drive:?}");
            if ends_early {
                pool.suspend(0);
            }
            until(|| (beats() > before + 4).then_some(()));
            pool.close().unwrap();
        }
    }
}
