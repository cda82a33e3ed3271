//! What the engine's log is told, and in which order.

use std::sync::{Arc, Mutex};

use mock_venue::{Fault, FaultKind, How, Options, Venue};
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::error::{CloseReason, Status};
use venuepool::event::{Event, EventHook, EventKind};

use crate::rig::{get, lose_connections, until, until_idle, venue_config};

/// What of an event is compared.
type Told = (EventKind, Option<u32>, u32, Option<CloseReason>, Option<Status>);

fn log_to(config: &mut Config) -> Arc<Mutex<Vec<Told>>> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&log);
    config.set_event_hook(Some(EventHook(Arc::new(move |event: &Event| {
        assert!(event.time_ns > 0 && !event.text.is_empty());
        let line = (event.kind, event.slot, event.live, event.close_reason, event.status);
        told.lock().unwrap().push(line);
    }))));
    log
}

#[test]
fn the_life_of_a_connection_is_told() {
    for drive in [Drive::Thread, Drive::Caller] {
        let venue = Venue::start(Options::plain()).unwrap();
        let mut config = venue_config(&venue, 1);
        config.set_drive(drive);
        config.set_backoff_ns(1_000_000, 1_000_000).unwrap();
        let log = log_to(&mut config);
        let pool = Pool::open(&config).unwrap();
        // Before nobody listens, or the kernel would reset what was not accepted yet.
        until(|| (venue.stats().open == 1).then_some(()));
        venue.set_fault(Fault::always(FaultKind::Refuse)).unwrap();
        lose_connections(&venue, How::Fin, 1);
        until(|| (pool.stats().dial_failures[1].get() >= 2).then_some(()));
        venue.clear_faults().unwrap();
        until_idle(&pool, 1);
        pool.suspend(1_000_000);
        let ended = |told: &Told| told.0 == EventKind::Resumed;
        until(|| log.lock().unwrap().iter().any(ended).then_some(()));
        pool.close().unwrap();
        let mut told = log.lock().unwrap().clone();
        // However often the dial failed.
        told.dedup();
        let failed = (EventKind::DialFailed, Some(0), 0, None, Some(Status::ERR_CONNECT));
        let expected = [
            (EventKind::Up, Some(0), 1, None, None),
            (EventKind::AllLive, None, 1, None, None),
            (EventKind::Lost, Some(0), 0, Some(CloseReason::IdleClosed), None),
            (EventKind::Degraded, None, 0, None, None),
            failed,
            (EventKind::Up, Some(0), 1, None, None),
            (EventKind::AllLive, None, 1, None, None),
            (EventKind::Suspended, None, 1, None, None),
            (EventKind::Resumed, None, 1, None, None),
            (EventKind::Lost, Some(0), 0, Some(CloseReason::Shutdown), None),
            (EventKind::Degraded, None, 0, None, None),
        ];
        assert_eq!(told, expected);
    }
}

#[test]
fn a_replacement_is_told_as_lost_and_up_without_an_alarm() {
    let venue = Venue::start(Options::plain()).unwrap();
    let mut config = venue_config(&venue, 2);
    config.set_max_age_ns(5_000_000).unwrap();
    let log = log_to(&mut config);
    let pool = Pool::open(&config).unwrap();
    let aged = CloseReason::MaxAge as usize;
    until(|| (pool.stats().closed[aged].get() >= 4).then_some(()));
    let told = log.lock().unwrap().clone();
    assert!(told.iter().all(|told| told.0 != EventKind::Degraded), "{told:?}");
    pool.close().unwrap();
}

/// Whoever drives gives a connection up, and the pool thread tells of it: the counts must know by
/// then, or the alarm would stay away.
#[test]
fn a_loss_is_never_told_before_it_is_counted() {
    let venue = Venue::start(Options::plain()).unwrap();
    let announced = FaultKind::CloseAfter { requests: 1, announce: true, how: How::Fin };
    venue.set_fault(Fault::always(announced)).unwrap();
    for drive in [Drive::Thread, Drive::Caller] {
        let mut config = venue_config(&venue, 1);
        config.set_drive(drive);
        config.set_dials_per_second(1000).unwrap();
        let log = log_to(&mut config);
        let pool = Pool::open(&config).unwrap();
        for _ in 0..1000 {
            get(&pool, "/api/v3/ping");
        }
        pool.close().unwrap();
        let told = log.lock().unwrap();
        let mut lost = told.iter().filter(|told| told.0 == EventKind::Lost);
        assert!(lost.all(|told| told.2 == 0), "{drive:?}");
    }
}

#[test]
fn an_event_may_use_the_pool() {
    let venue = Venue::start(Options::plain()).unwrap();
    let mut config = venue_config(&venue, 1);
    let open: Arc<Mutex<Option<Arc<Pool>>>> = Arc::default();
    let (place, closing) = (Arc::clone(&open), Arc::new(Mutex::new(None)));
    let answered = Arc::clone(&closing);
    config.set_event_hook(Some(EventHook(Arc::new(move |_: &Event| {
        if let Some(pool) = &*place.lock().unwrap() {
            pool.counts();
            pool.slot_healths();
            pool.suspend(0);
            *answered.lock().unwrap() = Some(pool.close());
        }
    }))));
    let pool = Pool::open(&config).unwrap();
    *open.lock().unwrap() = Some(Arc::clone(&pool));
    lose_connections(&venue, How::Rst, 1);
    let refused = until(|| *closing.lock().unwrap());
    assert_eq!(refused, Err(Status::ERR_WOULD_DEADLOCK));
    *open.lock().unwrap() = None;
    pool.close().unwrap();
}
