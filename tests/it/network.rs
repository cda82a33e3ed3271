//! A network that swallows packets: faults that no socket on loopback can show.
//!
//! Each test makes two network namespaces with one cable between them: the engine in one, the venue
//! in the other. That takes root; without it they are skipped, loudly.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mock_venue::{Options, Transport, Venue};
use nix::sched::{CloneFlags, setns};
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{CloseReason, Outcome, Status, WireState};

use crate::rig::{order, request, until, until_idle};

const MS: u64 = 1_000_000;

/// Both ends of the cable; only these two hosts can reach them.
const ENGINE: &str = "10.213.77.1";
const VENUE: Ipv4Addr = Ipv4Addr::new(10, 213, 77, 2);

/// Two hosts and a cable. They are gone when this is dropped.
struct Net {
    engine: String,
    venue: String,
}

fn ip(arguments: &str) -> bool {
    let run = Command::new("ip").args(arguments.split_whitespace()).output();
    run.is_ok_and(|output| output.status.success())
}

impl Net {
    /// `None` when this process may not make any.
    fn lay() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let name = format!("vp{}-{number}", std::process::id());
        let net = Self { engine: format!("{name}-engine"), venue: format!("{name}-venue") };
        let (engine, venue) = (&net.engine, &net.venue);
        if !ip(&format!("netns add {engine}")) || !ip(&format!("netns add {venue}")) {
            eprintln!("SKIPPED: a test across a network, because no namespaces can be made here");
            return None;
        }
        let cable = format!("-n {engine} link add cable type veth peer name cable netns {venue}");
        assert!(ip(&cable));
        for (host, address) in [(engine, ENGINE), (venue, &VENUE.to_string())] {
            assert!(ip(&format!("-n {host} address add {address}/30 dev cable")));
            assert!(ip(&format!("-n {host} link set cable up")));
            assert!(ip(&format!("-n {host} link set lo up")));
        }
        Some(net)
    }

    /// The network swallows what the engine sends, and tells nobody: it goes to a card that is not
    /// there. (A cable that is pulled would not do: its packets are kept until it is back.)
    fn cut(&self) {
        let nobody = "lladdr 02:00:00:00:00:99 dev cable nud permanent";
        assert!(ip(&format!("-n {} neighbour replace {VENUE} {nobody}", self.engine)));
    }

    fn mend(&self) {
        assert!(ip(&format!("-n {} neighbour del {VENUE} dev cable", self.engine)));
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        ip(&format!("netns del {}", self.engine));
        ip(&format!("netns del {}", self.venue));
    }
}

/// Runs on a thread of that host. Threads that it starts are of that host, too.
fn on<T: Send>(host: &str, run: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let namespace = std::fs::File::open(format!("/run/netns/{host}")).unwrap();
            setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
            run()
        });
        thread.join().unwrap()
    })
}

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
