//! A network that swallows packets: faults that no socket on loopback can show.
//!
//! Each test makes two network namespaces with one cable between them: the engine in one, the venue
//! in the other. That takes root; without it they are skipped, loudly.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mock_venue::{Certificates, Options, Peer, Script, Transport, Venue};
use venuepool::config::{Config, Drive, TcpKeepalive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{CloseReason, Outcome, Status, WireState};

use crate::cable::{Net, VENUE, on};
use crate::rig::{PATIENCE, order, request, submit_soon, switch, until, until_idle};

const MS: u64 = 1_000_000;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn venue(net: &Net, transport: Transport) -> Venue {
    let listen = SocketAddr::new(IpAddr::V4(VENUE), 0);
    on(&net.venue, || Venue::start(Options { listen, transport, ..Options::plain() }).unwrap())
}

fn config(venue: &Venue) -> Config {
    let scheme = if venue.url().starts_with("https") { "https" } else { "http" };
    config_to(scheme, venue.address().port(), venue.ca_pem())
}

fn config_to(scheme: &str, port: u16, ca_pem: &str) -> Config {
    let mut config = Config::default();
    config.set_url(format!("{scheme}://{VENUE}:{port}").as_bytes()).unwrap();
    config.set_ca_pem(ca_pem.as_bytes()).unwrap();
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
        assert_eq!(pool.counts().live, 0);
        let mut request = request(&pool);
        order(&mut request, "refused");
        let refused = pool.submit(&mut request, None, WhenBusy::Refuse);
        assert_eq!(refused, Err(Status::ERR_NO_SLOT));
        net.mend();
        until(|| (pool.counts().live == 2).then_some(()));
        order(&mut request, "after");
        let done = pool.execute(&mut request, WhenBusy::Queue).unwrap();
        assert_eq!(done.outcome, Outcome::Ok);
        assert_eq!((venue.orders_with_id("refused"), venue.orders_with_id("after")), (0, 1));
        pool.close().unwrap();
    }
}

/// The keepalive probes end an idle connection after their own number, whether the time of a
/// request is longer or shorter than that takes.
#[test]
fn keepalive_finds_what_the_network_swallowed_in_its_own_time() {
    let Some(net) = Net::lay() else { return };
    let venues = [Transport::Plain, Transport::Tls].map(|transport| venue(&net, transport));
    let begun = Instant::now();
    let mut pools = Vec::new();
    for venue in &venues {
        for (drive, timeout) in [
            (Drive::Thread, 3_600_000 * MS),
            (Drive::Thread, 100 * MS),
            (Drive::Caller, 3_600_000 * MS),
            (Drive::Caller, 100 * MS),
        ] {
            let mut config = config(venue);
            config.set_drive(drive);
            // 4 s.
            let probes = TcpKeepalive { time_ns: 1_000 * MS, interval_ns: 1_000 * MS, count: 3 };
            config.set_tcp_keepalive(Some(probes)).unwrap();
            config.set_request_timeout_ns(timeout).unwrap();
            pools.push(open(&net, &config));
        }
    }
    net.cut();
    let reset = CloseReason::IdleReset as usize;
    for pool in &pools {
        until(|| (pool.stats().closed[reset].get() > 0).then_some(()));
        // The first lost probe, at 2 s, ends no connection.
        assert!(begun.elapsed() > Duration::from_millis(3_500), "{:?}", begun.elapsed());
        until(|| (pool.stats().closed[reset].get() == 2).then_some(()));
    }
    net.mend();
    for pool in &pools {
        until(|| (pool.counts().live == 2).then_some(()));
        pool.close().unwrap();
    }
}

#[test]
fn a_request_has_its_own_time_whatever_that_of_the_pool_is() {
    let Some(net) = Net::lay() else { return };
    for (transport, drive) in [
        (Transport::Plain, Drive::Thread),
        (Transport::Plain, Drive::Caller),
        (Transport::Tls, Drive::Thread),
        (Transport::Tls, Drive::Caller),
    ] {
        let venue = venue(&net, transport);
        let mut config = config(&venue);
        config.set_drive(drive);
        config.set_request_timeout_ns(100 * MS).unwrap();
        let pool = open(&net, &config);
        let mut request = request(&pool);
        order(&mut request, "patient");
        request.set_timeout_ns(PATIENCE.as_nanos() as u64);
        net.cut();
        pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
        // Many times the pool's timeout.
        let early = pool.wait(1, Duration::from_millis(1_500), |done| panic!("{done:?}"));
        assert_eq!(early, Ok(Some(0)));
        net.mend();
        let mut done = None;
        assert_eq!(pool.wait(1, PATIENCE, |completion| done = Some(completion)), Ok(Some(1)));
        let done = done.unwrap();
        assert_eq!((done.outcome, done.wire_state), (Outcome::Ok, WireState::Answered));
        assert_eq!(venue.orders_with_id("patient"), 1);
        pool.close().unwrap();
    }
}

/// Nobody listens on the one port that the kernel may choose for the dialling socket.
#[test]
fn a_dial_that_meets_its_own_socket_fails_and_leaves_the_port_to_the_venue() {
    let Some(net) = Net::lay() else { return };
    let local_ports = |range: &str| {
        let file = "/proc/sys/net/ipv4/ip_local_port_range";
        on(&net.engine, || std::fs::write(file, range)).unwrap();
    };
    let certificates = Certificates::new().unwrap();
    for (scheme, transport, drive, port) in [
        ("http", Transport::Plain, Drive::Thread, 40_001),
        ("https", Transport::Tls, Drive::Caller, 40_002),
    ] {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        local_ports(&format!("{port} {port}"));
        let mut config = config_to(scheme, port, certificates.ca_pem());
        config.set_url(format!("{scheme}://{address}").as_bytes()).unwrap();
        config.set_drive(drive);
        config.set_connections(1).unwrap();
        config.set_allow_degraded_open(true);
        let pool = open(&net, &config);
        until(|| (pool.stats().dial_failures[1].get() >= 3).then_some(()));
        let error = pool.last_dial_error().unwrap();
        assert_eq!((error.step, error.os_error), (Status::ERR_CONNECT, 0));
        assert!(error.text.contains("connected to itself"), "{}", error.text);
        assert_eq!(pool.stats().connected.get(), 0);
        // The venue can have its port, and the pool finds it there.
        let serve = |peer: &mut Peer, _: usize| {
            while matches!(peer.read_request(), Ok(Some(_))) && peer.write(ANSWER).is_ok() {}
        };
        let server = on(&net.engine, || {
            // A dial may have the port just now.
            until(|| Script::serve_at(address, transport, &certificates, serve).ok())
        });
        local_ports("32768 60999");
        until_idle(&pool, 1);
        let mut request = request(&pool);
        order(&mut request, "served");
        assert_eq!(pool.execute(&mut request, WhenBusy::Queue).unwrap().outcome, Outcome::Ok);
        pool.close().unwrap();
        drop(server);
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
        assert_eq!(done.evidence().unwrap().bytes_acked, 0);
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

/// The venue says one answer too many just when an order is on its way, and that order is lost: its
/// own answer never comes, and nothing but the acknowledgement that is missing tells of it.
#[test]
fn what_was_sent_before_the_order_arrived_does_not_answer_it() {
    let Some(net) = Net::lay() else { return };
    let certificates = Certificates::new().unwrap();
    for (transport, drive) in [
        (Transport::Plain, Drive::Thread),
        (Transport::Plain, Drive::Caller),
        (Transport::Tls12, Drive::Thread),
        (Transport::Tls13, Drive::Caller),
    ] {
        let (throw, thrown) = switch();
        let serve = move |peer: &mut Peer, number| {
            while matches!(peer.read_request(), Ok(Some(_))) && peer.write(ANSWER).is_ok() {
                if number == 0 && thrown.lock().unwrap().recv().is_ok() {
                    peer.write(ANSWER).unwrap();
                }
            }
        };
        let listen = SocketAddr::new(IpAddr::V4(VENUE), 0);
        let start = || Script::serve_at(listen, transport, &certificates, serve).unwrap();
        let server = on(&net.venue, start);
        let scheme = if transport == Transport::Plain { "http" } else { "https" };
        let mut config = config_to(scheme, server.address().port(), certificates.ca_pem());
        config.set_connections(1).unwrap();
        config.set_drive(drive);
        let pool = open(&net, &config);
        let mut request = request(&pool);
        order(&mut request, "before");
        assert_eq!(pool.execute(&mut request, WhenBusy::Queue).unwrap().outcome, Outcome::Ok);
        net.cut();
        order(&mut request, "swallowed");
        submit_soon(&pool, &mut request);
        throw.send(()).unwrap();
        let mut done = None;
        assert_eq!(pool.wait(1, PATIENCE, |completion| done = Some(completion)), Ok(Some(1)));
        let done = done.unwrap();
        assert_eq!(done.outcome, Outcome::UnsolicitedResponse, "{transport:?}: {done:?}");
        assert_eq!((done.wire_state, done.evidence().unwrap().bytes_acked), (WireState::Sent, 0));
        let as_idle = CloseReason::IdleBytes as usize;
        until(|| (pool.stats().closed[as_idle].get() == 1).then_some(()));
        net.mend();
        order(&mut request, "after");
        assert_eq!(pool.execute(&mut request, WhenBusy::Queue).unwrap().outcome, Outcome::Ok);
        pool.close().unwrap();
        drop(throw);
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
