//! Several local addresses to connect from.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use mock_venue::{How, Options, Venue};
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{Outcome, Status};
use venuepool::http::request::Request;
use venuepool::pool::fanout::{Completes, FanoutRules};
use venuepool::source::Source;

use crate::rig::{get, until, venue_config};

fn ip(last: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, last).into()
}

fn configured(venue: &Venue, slots: usize, sources: &[&str]) -> Config {
    let mut config = venue_config(venue, slots);
    sources.iter().for_each(|one| config.add_bind_address(one.as_bytes()).unwrap());
    config.set_addresses(b"127.0.0.1").unwrap();
    config
}

/// The source of each slot, and the address that it has connected from.
fn sources(pool: &Pool) -> Vec<Option<(Option<u32>, IpAddr)>> {
    let source = |path: Option<venuepool::net::path::Path>| {
        path.map(|path| (path.source, path.local.unwrap().ip()))
    };
    pool.slot_paths().into_iter().map(source).collect()
}

#[test]
fn slots_keep_their_sources_also_when_their_connections_are_lost() {
    for (options, drive) in [(Options::plain(), Drive::Thread), (Options::tls(), Drive::Caller)] {
        let venue = Venue::start(options).unwrap();
        let mut config = configured(&venue, 5, &["127.0.0.2", "127.0.0.3", "127.0.0.4"]);
        config.set_drive(drive);
        let pool = Pool::open(&config).unwrap();
        let spread = [2, 3, 4, 2, 3].map(|last| Some((Some(u32::from(last) - 2), ip(last))));
        assert_eq!(sources(&pool), spread);
        for round in 1..3 {
            assert_eq!(get(&pool, "/api/v3/ping").outcome, Outcome::Ok);
            assert_eq!(venue.kill_connections(How::Fin), 5);
            until(|| (pool.stats().connected.get() == 5 + 5 * round).then_some(()));
            until(|| (sources(&pool) == spread).then_some(()));
        }
    }
}

#[test]
fn without_a_source_the_system_chooses() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = Pool::open(&configured(&venue, 1, &[])).unwrap();
    assert_eq!(sources(&pool), [Some((None, ip(1)))]);
}

#[test]
fn a_source_that_this_machine_does_not_have_costs_its_own_slots_only() {
    let venue = Venue::start(Options::plain()).unwrap();
    let mut config = configured(&venue, 4, &["127.0.0.2", "192.0.2.1"]);
    config.set_allow_degraded_open(true);
    let pool = Pool::open(&config).unwrap();
    until(|| (pool.counts().live == 2).then_some(()));
    until(|| pool.last_dial_error().filter(|error| error.step == Status::ERR_SYSTEM));
    let here = Some((Some(0), ip(2)));
    assert_eq!(sources(&pool), [here, None, here, None]);
    let edge = pool.addresses()[0];
    assert_eq!((edge.address, edge.slots, edge.seen.failures), (ip(1), 2, 0), "it is not to blame");
    assert_eq!(get(&pool, "/api/v3/ping").outcome, Outcome::Ok);
}

/// A question that goes from that source.
fn from(pool: &Pool, source: u32) -> Request {
    let mut request = Request::new(Arc::clone(pool.origin()));
    request.begin(b"GET", b"/api/v3/ping").unwrap();
    request.set_source(Source::from_number(source).unwrap());
    request
}

#[test]
fn a_request_goes_from_its_source_only() {
    for drive in [Drive::Thread, Drive::Caller] {
        let venue = Venue::start(Options::plain()).unwrap();
        let mut config = configured(&venue, 4, &["127.0.0.2", "127.0.0.3"]);
        config.set_drive(drive);
        let pool = Pool::open(&config).unwrap();
        for round in 0..20 {
            let source = round % 2;
            let when_busy = [WhenBusy::Refuse, WhenBusy::Queue][round as usize / 2 % 2];
            let completion = pool.execute(&mut from(&pool, source), when_busy).unwrap();
            let slot = u32::from(completion.slot.unwrap());
            assert_eq!((completion.outcome, slot % 2), (Outcome::Ok, source));
        }
        let leases = [(); 4].map(|()| pool.try_acquire().unwrap());
        for lease in leases {
            let other = 1 - lease.slot % 2;
            let sent = pool.submit_on(lease, &mut from(&pool, other), None);
            assert_eq!(sent, Err(Status::ERR_ADDRESS));
        }
        let free = leases.iter().find(|lease| lease.slot % 2 == 0).unwrap();
        pool.release(*free).unwrap();
        let busy = pool.execute(&mut from(&pool, 1), WhenBusy::Refuse);
        assert_eq!(busy.err(), Some(Status::ERR_NO_SLOT), "the free one is of the other source");
        let answered = pool.execute(&mut from(&pool, 0), WhenBusy::Refuse).unwrap();
        assert_eq!(answered.slot.map(u32::from), Some(free.slot));
        let unknown = pool.execute(&mut from(&pool, 2), WhenBusy::Queue);
        assert_eq!(unknown.err(), Some(Status::ERR_ADDRESS));
    }
}

#[test]
fn all_copies_of_an_order_go_from_its_source() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = Pool::open(&configured(&venue, 4, &["127.0.0.2", "127.0.0.3"])).unwrap();
    let rules = FanoutRules { copies: 4, hedge_after_ns: 0, completes: Completes::First };
    pool.submit_fanout(&mut from(&pool, 1), None, WhenBusy::Refuse, rules).unwrap();
    let mut told = None;
    let patience = Duration::from_secs(10);
    pool.completions().wait(1, patience, |it| told = Some((it.slot, it.copies_sent())));
    let (slot, copies) = told.expect("it completes");
    assert_eq!(slot.map(|slot| slot % 2), Some(1));
    assert!((1..=2).contains(&copies), "{copies} copies, and the source has two slots");
}
