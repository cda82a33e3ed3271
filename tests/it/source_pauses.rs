//! Pauses that hold one source: its slots are silent, and the others go on.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mock_venue::{Fault, FaultKind, Options, Venue};
use venuepool::clock::now_ns;
use venuepool::completion::Completion;
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{CloseReason, Outcome, Status};
use venuepool::event::{Event, EventHook, EventKind};
use venuepool::http::request::Request;
use venuepool::lane::Lane;
use venuepool::source::Source;

use crate::rig::{next_completion, status, until, until_idle, venue_config};

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;

/// Four slots of two sources, 127.0.0.2 and 127.0.0.3, of which a pause holds one.
fn config(venue: &Venue, drive: Drive) -> Config {
    let mut config = venue_config(venue, 4);
    config.set_drive(drive);
    config.set_addresses(b"127.0.0.1").unwrap();
    ["127.0.0.2", "127.0.0.3"]
        .iter()
        .for_each(|one| config.add_bind_address(one.as_bytes()).unwrap());
    config.set_suspends_source(true);
    config
}

fn source(number: u32) -> Source {
    Source::from_number(number).unwrap()
}

fn question(pool: &Pool, source: Source) -> Request {
    let mut request = Request::new(Arc::clone(pool.origin()));
    request.begin(b"GET", b"/api/v3/ping").unwrap();
    request.set_source(source);
    request
}

fn ask(pool: &Pool, source: Source) -> Result<Completion, Status> {
    pool.execute(&mut question(pool, source), WhenBusy::Refuse)
}

/// The next question has that status for its answer.
fn limit(venue: &Venue, code: u16, retry_after: Option<u64>) {
    let kind = FaultKind::Status { code, retry_after, as_date: false };
    venue.set_fault(Fault::first(1, kind).on("/api/v3/ping")).unwrap();
}

/// The second source is told to wait.
fn limit_second(venue: &Venue, pool: &Pool, code: u16, retry_after: Option<u64>) {
    limit(venue, code, retry_after);
    assert_eq!(status(&ask(pool, source(1)).unwrap()), code);
    until_idle(pool, 4);
}

/// Until when each slot is held.
fn held(pool: &Pool) -> Vec<u64> {
    pool.slot_healths().iter().map(|slot| slot.suspended_until_ns).collect()
}

#[test]
fn a_retry_after_holds_the_source_that_it_came_by_and_the_other_trades_on() {
    for drive in [Drive::Thread, Drive::Caller] {
        let venue = Venue::start(Options::plain()).unwrap();
        let mut config = config(&venue, drive);
        config.suspend_on(429, S, false).unwrap();
        config.set_lane(Lane::Urgent, 0, 0, true).unwrap();
        let pool = Pool::open(&config).unwrap();
        let before = now_ns();
        limit_second(&venue, &pool, 429, Some(60));
        let until_ns = held(&pool)[1];
        assert!((before + 60 * S..=now_ns() + 60 * S).contains(&until_ns));
        assert_eq!(held(&pool), [0, until_ns, 0, until_ns]);
        assert_eq!((pool.suspended_until_ns(), pool.stats().pauses.get()), (0, 1));
        let asked = venue.stats().requests;
        for when_busy in [WhenBusy::Refuse, WhenBusy::Queue] {
            let refused = pool.execute(&mut question(&pool, source(1)), when_busy);
            assert_eq!(refused.err(), Some(Status::ERR_SUSPENDED), "{drive:?}");
        }
        assert_eq!(pool.try_acquire_from(source(1)), Err(Status::ERR_SUSPENDED));
        assert_eq!(pool.acquire_from(source(1), Duration::MAX), Err(Status::ERR_SUSPENDED));
        let async_from = pool.acquire_async(source(1), S, 0, None);
        assert_eq!(async_from, Err(Status::ERR_SUSPENDED));
        assert_eq!(venue.stats().requests, asked);
        for number in 0..10 {
            let from = if number % 2 == 0 { Source::ANY } else { source(0) };
            let done = ask(&pool, from).unwrap();
            assert_eq!((status(&done), done.slot.map(|slot| slot % 2)), (200, Some(0)));
        }
        let mut cancel = question(&pool, source(1));
        cancel.set_lane(Lane::Urgent);
        let done = pool.execute(&mut cancel, WhenBusy::Refuse).unwrap();
        assert_eq!((status(&done), done.slot.map(|slot| slot % 2)), (200, Some(1)));
        pool.suspend(0);
        assert_eq!((held(&pool), status(&ask(&pool, source(1)).unwrap())), (vec![0; 4], 200));
        pool.close().unwrap();
    }
}

#[test]
fn who_may_go_by_another_source_waits_for_it_and_has_the_held_one_when_it_is_open() {
    for drive in [Drive::Thread, Drive::Caller] {
        for ends_by_itself in [true, false] {
            let venue = Venue::start(Options::plain()).unwrap();
            let mut config = config(&venue, drive);
            let for_ns = if ends_by_itself { 300 * MS } else { 60 * S };
            config.suspend_on(429, for_ns, false).unwrap();
            let pool = Pool::open(&config).unwrap();
            let leases = [(); 2].map(|()| pool.try_acquire_from(source(0)).unwrap());
            assert!(leases.iter().all(|lease| lease.slot % 2 == 0));
            limit(&venue, 429, None);
            let limited = ask(&pool, source(1)).unwrap();
            assert_eq!(status(&limited), 429);
            let id = pool.submit(&mut question(&pool, Source::ANY), None, WhenBusy::Queue).unwrap();
            if !ends_by_itself {
                assert_eq!(pool.counts().waiting, 1, "{drive:?}");
                pool.suspend(0);
            }
            let done = taken(&pool);
            assert_eq!(
                (done.id, status(&done), done.slot.map(|slot| slot % 2)),
                (id, 200, Some(1))
            );
            let is_over = done.times.start_ns >= limited.times.done_ns + for_ns;
            assert_eq!(is_over, ends_by_itself, "{drive:?}: not in the pause");
            leases.iter().for_each(|lease| pool.release(*lease).unwrap());
            pool.close().unwrap();
        }
    }
}

/// The next completion of the queue, in either drive.
fn taken(pool: &Pool) -> Completion {
    let mut taken = None;
    until(|| {
        pool.poll(1, |done| taken = Some(done)).unwrap();
        taken.take()
    })
}

#[test]
fn when_all_sources_are_held_it_is_as_a_pause_of_the_pool() {
    for drive in [Drive::Thread, Drive::Caller] {
        let venue = Venue::start(Options::plain()).unwrap();
        let mut config = config(&venue, drive);
        config.suspend_on(429, S, false).unwrap();
        let pool = Pool::open(&config).unwrap();
        limit_second(&venue, &pool, 429, Some(90));
        let lease = pool.try_acquire().unwrap();
        assert_eq!(lease.slot % 2, 0, "of the source that is open");
        limit(&venue, 429, Some(60));
        assert_eq!(status(&ask(&pool, Source::ANY).unwrap()), 429);
        let first_ns = held(&pool)[0];
        assert_eq!(pool.suspended_until_ns(), first_ns, "the first that is open again");
        assert!(held(&pool)[1] > first_ns && pool.stats().pauses.get() == 2);
        assert_eq!(ask(&pool, Source::ANY).err(), Some(Status::ERR_SUSPENDED));
        let leased = pool.submit_on(lease, &mut question(&pool, Source::ANY), None);
        assert_eq!(leased, Err(Status::ERR_SUSPENDED), "{drive:?}");
        pool.suspend(0);
        pool.submit_on(lease, &mut question(&pool, Source::ANY), None).unwrap();
        assert_eq!(taken(&pool).outcome, Outcome::Ok);
        pool.close().unwrap();
    }
}

#[test]
fn a_pause_without_connections_closes_those_of_its_source_and_dials_no_other_for_it() {
    for drive in [Drive::Thread, Drive::Caller] {
        let venue = Venue::start(Options::plain()).unwrap();
        let mut config = config(&venue, drive);
        config.suspend_on(418, 60 * S, true).unwrap();
        let pool = Pool::open(&config).unwrap();
        limit(&venue, 418, None);
        assert_eq!(status(&ask(&pool, source(1)).unwrap()), 418);
        let suspended = &pool.stats().closed[CloseReason::Suspended as usize];
        until(|| (suspended.get() == 2 && venue.stats().open == 2).then_some(()));
        let until_ns = held(&pool)[1];
        let next = |slot: usize| pool.slot_healths()[slot].next_dial_ns;
        until(|| ([1, 3].map(next) == [until_ns; 2]).then_some(()));
        assert!(venue.kill_one(mock_venue::How::Rst));
        until(|| (pool.stats().connected.get() == 5 && pool.counts().live == 2).then_some(()));
        assert_eq!((pool.stats().dials.get(), suspended.get()), (5, 2), "{drive:?}");
        assert_eq!(status(&ask(&pool, Source::ANY).unwrap()), 200);
        pool.suspend(0);
        until_idle(&pool, 4);
        assert_eq!(status(&ask(&pool, source(1)).unwrap()), 200);
        pool.close().unwrap();
    }
}

#[test]
fn events_tell_which_source_is_held() {
    for drive in [Drive::Thread, Drive::Caller] {
        let venue = Venue::start(Options::plain()).unwrap();
        let mut config = config(&venue, drive);
        config.suspend_on(429, 60 * S, false).unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&log);
        config.set_event_hook(Some(EventHook(Arc::new(move |event: &Event| {
            if [EventKind::Suspended, EventKind::Resumed].contains(&event.kind) {
                let second: IpAddr = [127, 0, 0, 3].into();
                let named = event.text.contains(&format!("source 1 ({second})"));
                told.lock().unwrap().push((event.kind, event.source, named));
            }
        }))));
        let pool = Pool::open(&config).unwrap();
        let count = |count: usize| until(|| (log.lock().unwrap().len() == count).then_some(()));
        limit_second(&venue, &pool, 429, None);
        count(1);
        pool.suspend(60 * S);
        count(2);
        pool.suspend(0);
        count(4);
        let held = [
            (EventKind::Suspended, Some(1), true),
            (EventKind::Suspended, None, false),
            (EventKind::Resumed, None, false),
            (EventKind::Resumed, Some(1), true),
        ];
        assert_eq!(*log.lock().unwrap(), held, "{drive:?}");
        pool.close().unwrap();
    }
}

#[test]
fn without_the_setting_or_several_sources_a_pause_holds_the_pool() {
    for sources in [0, 1, 2] {
        let venue = Venue::start(Options::plain()).unwrap();
        let mut config = config(&venue, Drive::Thread);
        config.set_bind_address(b"").unwrap();
        for number in 0..sources {
            config.add_bind_address(format!("127.0.0.{}", number + 2).as_bytes()).unwrap();
        }
        config.set_suspends_source(sources < 2);
        config.suspend_on(429, 60 * S, false).unwrap();
        let pool = Pool::open(&config).unwrap();
        limit(&venue, 429, None);
        assert_eq!(status(&ask(&pool, Source::ANY).unwrap()), 429);
        assert_eq!(ask(&pool, Source::ANY).err(), Some(Status::ERR_SUSPENDED), "{sources}");
        assert_eq!(held(&pool), [pool.suspended_until_ns(); 4]);
        pool.close().unwrap();
    }
}

#[test]
fn a_lease_is_had_on_the_source_that_is_asked_for() {
    for drive in [Drive::Thread, Drive::Caller] {
        let venue = Venue::start(Options::plain()).unwrap();
        let pool = Pool::open(&config(&venue, drive)).unwrap();
        let first = [(); 2].map(|()| pool.try_acquire_from(source(1)).unwrap());
        assert!(first.iter().all(|lease| lease.slot % 2 == 1));
        assert_eq!(pool.try_acquire_from(source(1)), Err(Status::ERR_NO_SLOT), "two are free");
        assert_eq!(pool.acquire_from(source(1), Duration::ZERO), Err(Status::ERR_TIMEOUT));
        pool.acquire_async(source(1), 60 * S, 7, None).unwrap();
        let other = pool.try_acquire().unwrap();
        assert_eq!(other.slot % 2, 0, "who waits for another source delays nobody");
        pool.release(first[0]).unwrap();
        let given = next_completion(&pool);
        assert_eq!((given.user_data, given.slot.map(u32::from)), (7, Some(first[0].slot)));
        let unknown =
            [pool.try_acquire_from(source(2)), pool.acquire_from(source(2), Duration::MAX)];
        assert_eq!(unknown, [Err(Status::ERR_ADDRESS); 2]);
        assert_eq!(pool.acquire_async(source(2), S, 0, None), Err(Status::ERR_ADDRESS));
        pool.close().unwrap();
    }
}
