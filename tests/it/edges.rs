//! A venue of several addresses: which ones the slots use, and how they are moved.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mock_venue::{Certificates, Peer, Script, ScriptServer, Transport};
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{CloseReason, Outcome, Status};
use venuepool::event::{EventHook, EventKind};
use venuepool::pool::edges::{EdgeHealth, Placement};

use crate::cable::on;
use crate::rig::{config, get, order, request, until, until_idle};
use crate::road::{EDGES, Road};

const DRIVES: [Drive; 2] = [Drive::Thread, Drive::Caller];
const MS: u64 = 1_000_000;
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn serve(peer: &mut Peer, _: usize) {
    while let Ok(Some(_)) = peer.read_request() {
        if peer.write(OK).is_err() {
            return;
        }
    }
}

pub(crate) fn ip(last: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, last).into()
}

/// Servers at 127.0.0.1, 127.0.0.2 and so on, all on one port.
pub(crate) fn plain(addresses: u8) -> Vec<ScriptServer> {
    let certificates = Certificates::new().unwrap();
    let at = |last: u8, port| {
        let listen = SocketAddr::new(ip(last), port);
        Script::serve_at(listen, Transport::Plain, &certificates, serve)
    };
    until(|| {
        let first = at(1, 0).unwrap();
        let port = first.address().port();
        let others = (2..=addresses).map(|last| at(last, port)).collect::<Result<Vec<_>, _>>();
        // Somebody else may have that port there.
        others.ok().map(|others| std::iter::once(first).chain(others).collect::<Vec<_>>())
    })
}

/// So many slots for these servers, of which the addresses are given.
pub(crate) fn configured(servers: &[ScriptServer], slots: usize) -> Config {
    let mut config = config(&servers[0].url(), slots);
    let list: Vec<_> = servers.iter().map(|server| server.address().ip().to_string()).collect();
    config.set_addresses(list.join(",").as_bytes()).unwrap();
    config
}

/// Where each slot's connection goes.
pub(crate) fn peers(pool: &Pool) -> Vec<Option<IpAddr>> {
    let peer = |path: Option<venuepool::net::path::Path>| path?.peer.map(|peer| peer.ip());
    pool.slot_paths().into_iter().map(peer).collect()
}

fn slots_of(pool: &Pool) -> Vec<u32> {
    pool.addresses().iter().map(|edge| edge.slots).collect()
}

fn moved(pool: &Pool) -> u64 {
    pool.stats().closed[CloseReason::Moved as usize].get()
}

pub(crate) fn edge(pool: &Pool, address: IpAddr) -> EdgeHealth<IpAddr> {
    *pool.addresses().iter().find(|edge| edge.address == address).unwrap()
}

#[test]
fn slots_are_spread_over_the_addresses_and_each_is_measured() {
    let servers = plain(3);
    for drive in DRIVES {
        let mut config = configured(&servers, 6);
        config.set_drive(drive);
        config.set_placement(Placement::Spread, 20, 0).unwrap();
        let pool = Pool::open(&config).unwrap();
        assert_eq!(slots_of(&pool), [2, 2, 2]);
        for (edge, server) in pool.addresses().iter().zip(&servers) {
            assert_eq!((edge.address, edge.is_listed), (server.address().ip(), true));
            let seen = edge.seen;
            assert_eq!((seen.connections, seen.failures), (2, 0));
            assert!(0 < seen.connect_min_ns && seen.connect_min_ns <= seen.connect_ns, "{seen:?}");
            assert!(0 < seen.rtt_min_ns && seen.rtt_min_ns <= seen.rtt_ns, "{seen:?}");
        }
        assert_eq!(pool.port(), servers[0].address().port());
    }
}

#[test]
fn without_a_placement_all_slots_use_the_first_address_that_is_good() {
    let mut servers = plain(3);
    let config = configured(&servers, 4);
    let pool = Pool::open(&config).unwrap();
    assert_eq!(slots_of(&pool), [4, 0, 0]);
    drop(servers.remove(0));
    until(|| (slots_of(&pool) == [0, 4, 0]).then_some(()));
    assert!(edge(&pool, ip(1)).seen.failures >= 1);
    assert_eq!(moved(&pool), 0);
}

#[test]
fn a_list_that_is_changed_moves_the_slots_while_orders_go_on() {
    let servers = plain(2);
    for drive in DRIVES {
        let mut config = configured(&servers[..1], 3);
        config.set_drive(drive);
        let pool = Pool::open(&config).unwrap();
        for (round, last) in [2, 1, 2].into_iter().enumerate() {
            pool.set_addresses(&[ip(last)]).unwrap();
            let mut number = 0;
            until(|| {
                let mut order_object = request(&pool);
                order(&mut order_object, &format!("{round}-{number}"));
                number += 1;
                let done = pool.execute(&mut order_object, WhenBusy::Queue).unwrap();
                assert_eq!(done.outcome, Outcome::Ok, "the old connection serves until then");
                assert_eq!(pool.counts().live, 3, "no slot is ever down");
                (peers(&pool) == [Some(ip(last)); 3]).then_some(())
            });
        }
        assert_eq!(moved(&pool), 9);
        assert!(!edge(&pool, ip(1)).is_listed && edge(&pool, ip(2)).is_listed);
    }
}

#[test]
fn an_empty_list_goes_back_to_the_name() {
    let servers = plain(2);
    let port = servers[0].address().port();
    // The name is an address itself, so that nobody is asked.
    let mut config = config(&format!("http://127.0.0.2:{port}"), 2);
    config.set_addresses(b"127.0.0.1").unwrap();
    let pool = Pool::open(&config).unwrap();
    assert_eq!(peers(&pool), [Some(ip(1)); 2]);
    pool.set_addresses(&[]).unwrap();
    until(|| pool.addresses().iter().find(|edge| edge.address == ip(2) && edge.is_listed).copied());
    assert_eq!(peers(&pool), [Some(ip(1)); 2], "what serves stays");
    pool.slot_paths().iter().for_each(|path| assert!(path.is_some()));
    pool.set_addresses(&[ip(2)]).unwrap();
    until(|| (peers(&pool) == [Some(ip(2)); 2]).then_some(()));
}

#[test]
fn an_address_of_the_list_that_nobody_serves_does_not_end_what_lives() {
    let servers = plain(1);
    let pool = Pool::open(&configured(&servers, 2)).unwrap();
    pool.set_addresses(&[ip(9)]).unwrap();
    until(|| (edge(&pool, ip(9)).seen.failures >= 4).then_some(()));
    assert_eq!((pool.counts().live, moved(&pool)), (2, 0));
    assert_eq!(get(&pool, "/").outcome, Outcome::Ok);
    pool.set_addresses(&[ip(1)]).unwrap();
    // The dials for the replacements end where the slots are already.
    until(|| (moved(&pool) == 2).then_some(()));
    until_idle(&pool, 2);
}

#[test]
fn spreading_moves_slots_to_an_address_that_was_added() {
    let servers = plain(2);
    let mut config = configured(&servers[..1], 4);
    config.set_placement(Placement::Spread, 20, MS).unwrap();
    let pool = Pool::open(&config).unwrap();
    assert_eq!(slots_of(&pool), [4]);
    pool.set_addresses(&[ip(1), ip(2)]).unwrap();
    until(|| (slots_of(&pool) == [2, 2]).then_some(()));
    until(|| (moved(&pool) == 2).then_some(()));
}

#[test]
fn the_name_is_looked_up_in_the_background() {
    let servers = plain(1);
    let url = format!("http://localhost:{}", servers[0].address().port());
    let mut config = config(&url, 1);
    config.set_addresses(b"127.0.0.1").unwrap();
    config.set_resolve_interval_ns(MS).unwrap();
    let pool = Pool::open(&config).unwrap();
    pool.set_addresses(&[]).unwrap();
    let dials = pool.stats().dials.get();
    // Only a look-up tells of it: no dial is made.
    until(|| pool.addresses().iter().find(|edge| edge.address == ip(1) && edge.is_listed).copied());
    assert_eq!(pool.stats().dials.get(), dials);
}

/// The texts of UP events.
fn ups(config: &mut Config) -> Receiver<String> {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    config.set_event_hook(Some(EventHook(Arc::new(move |event| {
        if event.kind == EventKind::Up {
            tell.lock().unwrap().send(event.text.clone()).unwrap();
        }
    }))));
    told
}

#[test]
fn a_slot_tells_between_which_addresses_it_is_and_how_it_came_up() {
    let certificates = Certificates::new().unwrap();
    let listen = SocketAddr::new(ip(1), 0);
    let answer_once = |peer: &mut Peer, _| {
        // The ticket comes before the answer, with which the connection ends.
        if let Ok(Some(_)) = peer.read_request() {
            let _ = peer.write(OK);
        }
    };
    let server = Script::serve_at(listen, Transport::Tls13, &certificates, answer_once).unwrap();
    let mut config = config(&server.url(), 1);
    config.set_ca_pem(certificates.ca_pem().as_bytes()).unwrap();
    let told = ups(&mut config);
    let pool = Pool::open(&config).unwrap();
    let path = pool.slot_paths()[0].unwrap();
    assert_eq!(path.peer, Some(server.address()));
    assert!(path.local.unwrap().ip().is_loopback() && path.local.unwrap().port() != 0);
    assert_eq!((path.tls_version, path.is_resumed), (0x0304, false));
    assert!(path.connect_ns > 0 && path.handshake_ns > 0);
    let text = told.recv().unwrap();
    let (local, peer) = (path.local.unwrap(), path.peer.unwrap());
    assert!(text.starts_with(&format!("slot 0: live, from {local} to {peer} in ")), "{text}");
    assert!(text.contains(" us, TLS 1.3 in ") && !text.contains("resumed"), "{text}");

    assert_eq!(get(&pool, "/").outcome, Outcome::Ok);
    let text = told.recv().unwrap();
    assert!(text.ends_with(", resumed"), "{text}");
    assert!(pool.slot_paths()[0].unwrap().is_resumed);
}

#[test]
fn what_does_not_go_straight_over_tcp_is_not_placed() {
    let mut config = config("http://venue.test:1", 1);
    config.set_unix_socket(b"/nowhere").unwrap();
    config.set_placement(Placement::Best, 20, 0).unwrap();
    assert_eq!(Pool::open(&config).err().unwrap().step, Status::ERR_ADDRESS);
}

/// Round trips of 40 and 10 ms; then the far address becomes the nearer one.
#[test]
fn slots_move_to_the_address_that_is_nearer_by_the_margin() {
    let Some(road) = Road::lay() else { return };
    let [nearest, near, far] = [1, 10, 40].map(Duration::from_millis);
    road.delay(0, far);
    road.delay(1, near);
    let serve = || {
        Script::serve_at(
            "0.0.0.0:0".parse().unwrap(),
            Transport::Plain,
            &Certificates::new().unwrap(),
            serve,
        )
        .unwrap()
    };
    let server = on(&road.venue, serve);
    let url = format!("http://venue.test:{}", server.address().port());
    let mut config = config(&url, 4);
    config.set_addresses(EDGES.map(|edge| edge.to_string()).join(",").as_bytes()).unwrap();
    config.set_placement(Placement::BestAndOther, 50, 10 * MS).unwrap();
    config.set_heartbeat(b"GET", b"/", 20 * MS, 5_000 * MS).unwrap();
    let pool = on(&road.engine, || Pool::open(&config).unwrap());
    until(|| (slots_of(&pool) == [1, 3]).then_some(()));
    let [slow, fast] = [0, 1].map(|at| pool.addresses()[at].seen.rtt_min_ns);
    assert!(slow >= 40 * MS && (10 * MS..40 * MS).contains(&fast), "{slow} and {fast}");
    road.delay(0, nearest);
    until(|| (slots_of(&pool) == [3, 1]).then_some(()));
    assert_eq!(pool.counts().live, 4, "no move is a loss");
    pool.close().unwrap();
}
