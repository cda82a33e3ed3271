//! Several local addresses to connect from.

use std::net::{IpAddr, Ipv4Addr};

use mock_venue::{How, Options, Venue};
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::error::{Outcome, Status};

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
