//! What is logged of a run through a proxy, with failures: each thing that happens, and no secret.

use std::sync::{Arc, Mutex};

use mock_venue::{How, Options, Venue};
use venuepool::config::Config;
use venuepool::driver::Pool;
use venuepool::log::{Level, LogHook, Record};

use super::fakes::Fake;
use super::secrets::{TOKEN, assert_no_secret, signed};
use super::{PASSWORD, USER, config_through};
use crate::rig::{lose_connections, until, until_idle, venue_config};

/// One record: its level, its target, and all its text.
type Line = (Level, &'static str, String);

pub(super) fn line(record: &Record<'_>) -> Line {
    assert!(record.time_ns > 0);
    let pairs: Vec<_> = record.pairs.iter().map(|(key, value)| format!(" {key}={value}")).collect();
    (record.level, record.target, format!("{}{}", record.message, pairs.concat()))
}

fn listen(config: &mut Config, level: Level) -> Arc<Mutex<Vec<Line>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    let function = Arc::new(move |record: &Record<'_>| kept.lock().unwrap().push(line(record)));
    config.set_log_hook(Some(LogHook { level, function }));
    lines
}

fn has(lines: &Mutex<Vec<Line>>, level: Level, target: &str, part: &str) -> bool {
    let is_it = |line: &Line| line.0 == level && line.1 == target && line.2.contains(part);
    lines.lock().unwrap().iter().any(is_it)
}

fn has_no_secret(lines: &Mutex<Vec<Line>>) {
    assert_no_secret(lines.lock().unwrap().iter().map(|line| line.2.as_str()));
}

fn trade(pool: &Pool) {
    assert!(signed(pool).response.is_some());
}

#[test]
fn a_run_with_failures_is_logged_without_a_secret() {
    let venue = Venue::start(Options::tls()).unwrap();
    let (proxy, _) = Fake::http(venue.address());
    let url = format!("http://{USER}:{PASSWORD}@{}", proxy.address);
    let mut config = config_through(&[url], &venue, 2);
    let authorization = format!("Bearer {TOKEN}");
    config.add_default_header(b"Authorization", authorization.as_bytes()).unwrap();
    let lines = listen(&mut config, Level::Trace);
    let pool = Pool::open(&config).unwrap();
    trade(&pool);
    lose_connections(&venue, How::Fin, 2);
    until(|| (pool.stats().heals.get() == 2).then_some(()));
    until_idle(&pool, 2);
    trade(&pool);
    pool.suspend(3_600_000_000_000);
    until(|| has(&lines, Level::Warn, "pause", "suspended").then_some(()));
    pool.suspend(0);
    until(|| has(&lines, Level::Info, "pause", "resumed").then_some(()));
    pool.close().unwrap();
    let expected = [
        (Level::Debug, "dial", "slot 1: dials pool=venuepool host="),
        (Level::Info, "connection", "slot 0: live"),
        (Level::Info, "pool", "opened pool=venuepool"),
        (Level::Warn, "connection", " reason=VP_CLOSE_REASON_IDLE_CLOSED"),
        (Level::Warn, "pool", "event=VP_EVENT_KIND_DEGRADED"),
        (Level::Info, "pool", "2 of 2 slots are live"),
        (Level::Info, "pool", "shut down"),
    ];
    for (level, target, part) in expected {
        assert!(has(&lines, level, target, part), "{level:?} {part}: {lines:?}");
    }
    has_no_secret(&lines);
}

#[test]
fn a_pool_that_cannot_be_opened_is_logged_without_a_secret() {
    let venue = Venue::start(Options::tls()).unwrap();
    let refusing = Fake::answering(b"HTTP/1.1 407 s3cret s3cret\r\nX-Echo: s3cret\r\n\r\n");
    let url = format!("http://{USER}:{PASSWORD}@{}", refusing.address);
    let mut config = config_through(&[url], &venue, 1);
    let lines = listen(&mut config, Level::Warn);
    Pool::open(&config).err().expect("the proxy refuses");
    assert!(has(&lines, Level::Error, "pool", "not opened"), "{lines:?}");
    assert!(has(&lines, Level::Warn, "dial", "status=VP_ERR_PROXY_AUTH"), "{lines:?}");
    has_no_secret(&lines);
}

#[test]
fn what_is_not_wanted_is_not_made() {
    let venue = Venue::start(Options::tls()).unwrap();
    let (proxy, _) = Fake::http(venue.address());
    let mut config = config_through(&[proxy.http_url()], &venue, 1);
    let lines = listen(&mut config, Level::Warn);
    let pool = Pool::open(&config).unwrap();
    trade(&pool);
    pool.close().unwrap();
    let told = lines.lock().unwrap();
    assert!(told.iter().all(|line| line.0 <= Level::Warn && line.1 != "request"), "{told:?}");
}

#[test]
fn a_rotation_is_logged() {
    let venue = Venue::start(Options::tls()).unwrap();
    let mut config = venue_config(&venue, 1);
    config.set_max_requests(2);
    let lines = listen(&mut config, Level::Info);
    let pool = Pool::open(&config).unwrap();
    trade(&pool);
    until(|| (pool.stats().rotations.get() > 0).then_some(()));
    pool.close().unwrap();
    assert!(has(&lines, Level::Info, "connection", "slot 0: rotated"), "{lines:?}");
}
