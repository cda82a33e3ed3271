//! A network that swallows packets: faults that no socket on loopback can show.
//!
//! Each test makes two network namespaces with one cable between them: the engine in one, the venue
//! in the other. That takes root; without it they are skipped, loudly.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mock_venue::{Options, Transport, Venue};
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{CloseReason, Outcome, Status, WireState};

use crate::cable::{Net, VENUE, on};
use crate::rig::{order, request, until, until_idle};

const MS: u64 = 1_000_000;

fn venue(net: &Net, transport: Transport) -> Venue {
    let listen = SocketAddr::new(IpAddr::V4(VENUE), 0);
    on(&net.venue, || Venue::start(Options { listen, transport, ..Options::plain() }).unwrap())
}

fn config(venue: &Venue) -> Config {
    let mut config = Config::default();
    let scheme = if venue.url().starts_with("https") { "https" } else { "http" };
    let url = format!("{scheme}://{VENUE}:{}", venue.address().port());
    config.set_url(url.as_bytes()).unwrap();
    config.set_ca_pem(venue.ca_pem().as_bytes()).unwrap();
    config.set_server_name(b"localhost").unwrap();
    config.set_connections(2).unwrap();
    config.set_dials_per_second(1000).unwrap();
    config.set_backoff_ns(MS, 20 * MS).unwrap();
    config.set_connect_timeout_ns(100 * MS).unwrap();
    config.set_tls_handshake_timeout_ns(500 * MS).unwrap();
    config
}

fn open(net: &Net, config: &Config) -> Arc<Pool> {
    on(&net.engine, || Pool::open(config).unwrap())
}

#[test]
fn a_heartbeat_finds_what_the_network_swallowed() {
    let Some(net) = Net::lay() else { return };
    for (transport, drive) in [(Transport::Plain, Drive::Thread), (Transport::Tls, Drive::Caller)] {
        let venue = venue(&net, transport);
        let mut config = config(&venue);
        config.set_drive(drive);
        config.set_heartbeat(b"GET", b"/api/v3/ping", 10 * MS, 100 * MS).unwrap();
        let pool = open(&net, &config);
        until(|| (pool.stats().heartbeats.get() >= 2).then_some(()));
        net.cut();
        let missed = CloseReason::Heartbeat as usize;
        until(|| (pool.stats().closed[missed].get() == 2).then_some(()));
        // Now every SYN is swallowed.
        until(|| (pool.stats().dial_failures[1].get() >= 4).then_some(()));
        assert_eq!(pool.census().live, 0);
        let mut request = request(&pool);
        order(&mut request, "refused");
        let refused = pool.submit(&mut request, None, WhenBusy::Refuse);
        assert_eq!(refused, Err(Status::ERR_NO_SLOT));
        net.mend();
        until(|| (pool.census().live == 2).then_some(()));
        order(&mut request, "after");
        let done = pool.execute(&mut request, WhenBusy::Queue).unwrap();
        assert_eq!(done.outcome, Outcome::Ok);
        assert_eq!((venue.orders_with_id("refused"), venue.orders_with_id("after")), (0, 1));
        pool.close().unwrap();
    }
}

#[test]
fn an_order_that_the_network_swallowed_does_not_arrive_after_its_end() {
    let Some(net) = Net::lay() else { return };
    for transport in [Transport::Plain, Transport::Tls] {
        let venue = venue(&net, transport);
        let mut config = config(&venue);
        // No dial is given up on the way, whose end could be taken for that of the lost order.
        config.set_connect_timeout_ns(20_000 * MS).unwrap();
        let pool = open(&net, &config);
        let mut request = request(&pool);
        order(&mut request, "before");
        assert_eq!(pool.execute(&mut request, WhenBusy::Queue).unwrap().outcome, Outcome::Ok);
        net.cut();
        order(&mut request, "swallowed");
        request.set_timeout_ns(100 * MS);
        let done = pool.execute(&mut request, WhenBusy::Queue).unwrap();
        assert_eq!((done.outcome, done.wire_state), (Outcome::Timeout, WireState::Sent));
        // The kernel took all of it, and the peer has acknowledged none.
        assert_eq!(done.evidence.unwrap().bytes_acked, 0);
        net.mend();
        until_idle(&pool, 2);
        // A connection that was closed instead of reset would send it now, and its end behind it.
        // A retransmission takes its time, a second at the most; so look for longer.
        for number in 0..150 {
            request.set_timeout_ns(0);
            order(&mut request, &format!("after-{number}"));
            assert_eq!(pool.execute(&mut request, WhenBusy::Queue).unwrap().outcome, Outcome::Ok);
            std::thread::sleep(Duration::from_millis(10));
        }
        let stats = venue.stats();
        assert_eq!(venue.orders_with_id("swallowed"), 0);
        assert_eq!((stats.ended_fin, stats.ended_close_notify, stats.duplicates), (0, 0, 0));
        pool.close().unwrap();
    }
}

#[test]
fn opening_into_a_black_hole_ends_in_time_and_so_does_closing() {
    let Some(net) = Net::lay() else { return };
    let venue = venue(&net, Transport::Tls);
    let mut config = config(&venue);
    net.cut();
    let start = Instant::now();
    let error = on(&net.engine, || Pool::open(&config).err().unwrap());
    assert_eq!(error.step, Status::ERR_CONNECT);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    // A pool that keeps trying closes at once, in the midst of a dial.
    config.set_allow_degraded_open(true);
    config.set_connect_timeout_ns(2_000 * MS).unwrap();
    let pool = open(&net, &config);
    let start = Instant::now();
    pool.close().unwrap();
    assert!(start.elapsed() < Duration::from_millis(1_500), "{:?}", start.elapsed());
}
