//! No text that the library gives has a secret in it, however a run fails.
//!
//! Searched are the records of the log, the events, the errors of calls and dials, the metrics, and
//! what is told of slots and addresses. So is the flight recorder with its heads.

use std::sync::{Arc, Mutex};

use mock_venue::{Fault, FaultKind, How, Options, Place, Venue};
use venuepool::completion::Completion;
use venuepool::config::Config;
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::Outcome;
use venuepool::event::{Event, EventHook};
use venuepool::log::{Level, LogHook, Record};
use venuepool::metrics::open_metrics::text;
use venuepool::recorder::json::json as for_programs;
use venuepool::recorder::text::text as for_people;

use super::fakes::{Fake, read_head};
use super::logs::line;
use super::{PASSWORD, USER, config_through};
use crate::rig::{request, until};

pub(super) const TOKEN: &str = "t0p-secret-token";
const SIGNATURE: &str = "5ea1ed0def";
const MS: u64 = 1_000_000;

/// All that was told in a run.
type Told = Arc<Mutex<Vec<String>>>;

/// Sends a request with a key and a signature, and gives its completion.
pub(super) fn signed(pool: &Pool) -> Completion {
    let mut orders = request(pool);
    let path = format!("/api/v3/account?timestamp=1&signature={SIGNATURE}");
    orders.begin(b"GET", path.as_bytes()).unwrap();
    orders.header(b"X-MBX-APIKEY", TOKEN.as_bytes()).unwrap();
    pool.execute(&mut orders, WhenBusy::Queue).unwrap()
}

pub(super) fn assert_no_secret<'a>(told: impl Iterator<Item = &'a str>) {
    let told: Vec<_> = told.collect();
    assert!(!told.is_empty());
    // The last one is user and password in base64.
    for secret in [PASSWORD, TOKEN, SIGNATURE, "ZW5naW5lOnMzY3JldA"] {
        let found: Vec<_> = told.iter().filter(|text| text.contains(secret)).collect();
        assert!(found.is_empty(), "{secret}: {found:?}");
    }
    // Only heads name their fields and parameters.
    for name in ["signature", "Authorization"] {
        let has_it = |text: &&&str| text.contains(name) && !has_head(text);
        let found: Vec<_> = told.iter().filter(has_it).collect();
        assert!(found.is_empty(), "{name}: {found:?}");
    }
}

/// Whether it is of the flight recorder.
fn has_head(told: &str) -> bool {
    told.contains("head of the request: ") || told.contains("\"request_head\":")
}

/// A pool of one connection through a proxy with a password, with a token in its headers.
fn secretive(proxy: &Fake, venue: &Venue) -> (Config, Told) {
    let url = format!("http://{USER}:{PASSWORD}@{}", proxy.address);
    let mut config = config_through(&[url], venue, 1);
    let authorization = format!("Bearer {TOKEN}");
    config.add_default_header(b"Authorization", authorization.as_bytes()).unwrap();
    config.set_recorder(64).unwrap();
    config.set_recorder_heads(1024).unwrap();
    let told = Told::default();
    let (by_log, by_event) = (Arc::clone(&told), Arc::clone(&told));
    let function = Arc::new(move |record: &Record<'_>| by_log.lock().unwrap().push(line(record).2));
    config.set_log_hook(Some(LogHook { level: Level::Trace, function }));
    let function = move |event: &Event| by_event.lock().unwrap().push(format!("{event:?}"));
    config.set_event_hook(Some(EventHook(Arc::new(function))));
    (config, told)
}

/// Closes the pool, and searches all that it can be asked for, and all that it has told.
fn search(pool: &Pool, told: &Told) {
    let recording = pool.recording(None).unwrap();
    let asked = [
        for_people(&recording),
        for_programs(&recording),
        text(&[pool.samples()]),
        format!("{:?}", pool.last_dial_error()),
        format!("{:?}", pool.slot_healths()),
        format!("{:?}", pool.addresses()),
    ];
    pool.close().unwrap();
    told.lock().unwrap().extend(asked);
    assert_no_secret(told.lock().unwrap().iter().map(String::as_str));
}

fn has(told: &Told, part: &str) -> bool {
    told.lock().unwrap().iter().any(|text| text.contains(part))
}

fn not_opened(config: &Config, told: &Told) {
    let error = Pool::open(config).err().expect("it cannot be opened");
    told.lock().unwrap().push(format!("{error:?}"));
    assert_no_secret(told.lock().unwrap().iter().map(String::as_str));
}

#[test]
fn a_failed_handshake_tells_no_secret() {
    let venue = Venue::start(Options::tls()).unwrap();
    let (proxy, _) = Fake::http(venue.address());
    let (mut config, told) = secretive(&proxy, &venue);
    let other = Venue::start(Options::tls()).unwrap();
    config.set_ca_pem(other.ca_pem().as_bytes()).unwrap();
    not_opened(&config, &told);
    assert!(has(&told, "TLS handshake"), "{told:?}");
}

#[test]
fn a_dial_that_times_out_tells_no_secret() {
    let venue = Venue::start(Options::tls()).unwrap();
    let silent = Fake::start(|mut stream| {
        read_head(&mut stream)?;
        std::io::Read::read_to_end(&mut stream, &mut Vec::new())?;
        Ok(())
    });
    let (mut config, told) = secretive(&silent, &venue);
    config.set_connect_timeout_ns(50 * MS).unwrap();
    not_opened(&config, &told);
    assert!(has(&told, "no answer within"), "{told:?}");
}

#[test]
fn orders_that_time_out_break_off_or_are_refused_tell_no_secret() {
    let venue = Venue::start(Options::tls()).unwrap();
    let (proxy, _) = Fake::http(venue.address());
    let (mut config, told) = secretive(&proxy, &venue);
    config.set_request_timeout_ns(200 * MS).unwrap();
    config.set_linger_ns(0).unwrap();
    config.suspend_on(429, 50 * MS, false).unwrap();
    let pool = Pool::open(&config).unwrap();
    let faults = [
        (FaultKind::Stall, Outcome::Timeout),
        (FaultKind::Cut(Place::HalfBody, How::BareFin), Outcome::ConnectionClosed),
        (FaultKind::Status { code: 429, retry_after: None, as_date: false }, Outcome::Ok),
    ];
    for (kind, outcome) in faults {
        until(|| (pool.counts().idle == 1).then_some(()));
        venue.set_fault(Fault::first(1, kind)).unwrap();
        assert_eq!(signed(&pool).outcome, outcome);
        until(|| (pool.counts().live == 1).then_some(()));
    }
    until(|| has(&told, "RESUMED").then_some(()));
    until(|| has(&told, "recording: Some(").then_some(()));
    search(&pool, &told);
    assert!(told.lock().unwrap().iter().filter(|text| has_head(text)).count() > 2, "{told:?}");
}
