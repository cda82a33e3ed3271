//! The dial limit: who may dial first, and what is told when it is too low.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mock_venue::{How, Options, Peer, Script, Venue};
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::error::{CloseReason, Outcome};
use venuepool::event::{Event, EventHook, EventKind};

use crate::rig::{config, get, status, until, until_idle, venue_config};

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;
const DRIVES: [Drive; 2] = [Drive::Thread, Drive::Caller];

#[test]
fn losses_heal_at_once_while_replacements_wait_for_the_dial_limit() {
    for drive in DRIVES {
        let venue = Venue::start(Options::plain()).unwrap();
        let mut config = venue_config(&venue, 4);
        config.set_drive(drive);
        config.set_dials_per_second(1).unwrap();
        config.set_max_age_ns(10 * MS).unwrap();
        let pool = Pool::open(&config).unwrap();
        // All four want a replacement from now on, and may have what is beyond two dials.
        until(|| (pool.stats().connected.get() == 5).then_some(()));
        let open = || (venue.stats().connections, venue.stats().open);
        until(|| (open() == (5, 4)).then_some(()));
        let begun = Instant::now();
        assert_eq!(venue.kill_some(How::Rst, 2), 2);
        let lost = || pool.stats().closed[CloseReason::IdleReset as usize].get();
        until(|| (lost() == 2 && pool.counts().live == 4).then_some(()));
        assert!(begun.elapsed() < Duration::from_millis(800), "they waited for the limit");
        pool.close().unwrap();
    }
}

/// The texts of all events of that kind.
fn texts_of(config: &mut Config, kind: EventKind) -> Arc<Mutex<Vec<String>>> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&log);
    config.set_event_hook(Some(EventHook(Arc::new(move |event: &Event| {
        if event.kind == kind {
            told.lock().unwrap().push(event.text.clone());
        }
    }))));
    log
}

#[test]
fn an_idle_limit_that_asks_for_too_many_dials_is_told_at_once() {
    for drive in DRIVES {
        for (limit_ns, needed) in [(5 * S, 8), (50 * S, 1)] {
            let venue = Venue::start(Options::plain()).unwrap();
            let mut config = venue_config(&venue, 32);
            config.set_drive(drive);
            config.set_dials_per_second(5).unwrap();
            config.set_idle_limit_ns(limit_ns).unwrap();
            let told = texts_of(&mut config, EventKind::TooFewDials);
            let pool = Pool::open(&config).unwrap();
            until(|| (pool.dials_needed_and_allowed() == (needed, 5)).then_some(()));
            pool.close().unwrap();
            let told = told.lock().unwrap();
            assert_eq!(told.len(), usize::from(needed > 5), "{told:?}");
            assert!(told.iter().all(|text| text.contains("ask for 8 dials a second, and 5 are")));
        }
    }
}

#[test]
fn an_announced_idle_time_that_asks_for_too_many_dials_is_told_once() {
    for drive in DRIVES {
        let server = Script::serve(|peer: &mut Peer, _| {
            let head = b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n";
            while matches!(peer.read_request(), Ok(Some(_))) && peer.write(head).is_ok() {}
        })
        .unwrap();
        let mut config = config(&server.url(), 1);
        config.set_drive(drive);
        config.set_dials_per_second(1).unwrap();
        let told = texts_of(&mut config, EventKind::TooFewDials);
        let pool = Pool::open(&config).unwrap();
        assert_eq!(pool.dials_needed_and_allowed(), (0, 1));
        assert_eq!(status(&get(&pool, "/")), 200);
        until(|| (pool.dials_needed_and_allowed() == (2, 1)).then_some(()));
        until(|| (!told.lock().unwrap().is_empty()).then_some(()));
        // The next connection takes it over, and that is nothing new.
        until(|| (pool.slot_healths()[0].connections >= 2).then_some(()));
        until_idle(&pool, 1);
        assert_eq!(get(&pool, "/").outcome, Outcome::Ok);
        pool.close().unwrap();
        assert_eq!(told.lock().unwrap().len(), 1);
    }
}
