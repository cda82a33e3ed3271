//! The ways to a venue that a session shares with a pool: a proxy, a Unix socket, local addresses.

use std::io::{Read, Write, copy};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex};
use std::thread;

use tungstenite::{Message, accept};
use venuepool::config::Config;
use venuepool::error::Status;
use venuepool::session::Session;
use venuepool::session::settings::Settings;
use venuepool::source::Source;
use venuepool::ws::frame::Kind;

use super::desk::{Desk, config, settings};
use crate::peer::{Server, exchange};

fn open(config: &Config) -> Desk {
    open_with(config, &settings())
}

fn open_with(config: &Config, settings: &Settings) -> Desk {
    let mut desk = Desk::of(Session::open(config, settings, b"/ws").unwrap());
    desk.up();
    desk
}

/// An answer, a loss that the venue is asked for, and another answer on the next connection.
fn trade(mut desk: Desk) {
    let id = desk.call(1);
    assert_eq!(desk.completion().0.call.id, id);
    desk.send("end");
    desk.lost();
    desk.up();
    let id = desk.call(2);
    assert_eq!(desk.completion().0.call.id, id);
    desk.close();
}

/// Ends the first connection at the text `end`.
fn venue(is_tls: bool) -> Server {
    Server::start(is_tls, |number, peer| {
        if number > 0 {
            return exchange(peer);
        }
        assert_eq!(peer.read().unwrap(), Message::text("id:1"));
        peer.send(Message::text("id:1 ok")).unwrap();
        assert_eq!(peer.read().unwrap(), Message::text("end"));
    })
}

/// Carries bytes both ways until both sides have ended.
fn relay<R: Read, W: Write + Send>(
    (mut near_in, mut near_out): (R, W),
    far: &TcpStream,
    finish: impl FnOnce(&W) + Send,
) {
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = copy(&mut &*far, &mut near_out);
            finish(&near_out);
        });
        // A peer that goes away early is part of the tests.
        let _ = copy(&mut near_in, &mut &*far);
        let _ = far.shutdown(Shutdown::Write);
    });
}

#[test]
fn a_session_goes_through_a_proxy_and_heals_through_it() {
    for is_tls in [false, true] {
        let venue = venue(is_tls);
        let (target, asked) = (venue.address, Arc::new(Mutex::new(Vec::new())));
        let keep = Arc::clone(&asked);
        let proxy = Server::of_streams(false, move |_, stream| {
            let mut near = stream.socket().try_clone().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                near.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            keep.lock().unwrap().push(String::from_utf8(head).unwrap());
            near.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
            let far = TcpStream::connect(target).unwrap();
            let halves = (near.try_clone().unwrap(), near);
            relay(halves, &far, |near| drop(near.shutdown(Shutdown::Write)));
        });
        let mut config = config(&venue);
        config.add_proxy(proxy.url().as_bytes()).unwrap();
        trade(open(&config));
        let host = if is_tls { "localhost" } else { "127.0.0.1" };
        let line = format!("CONNECT {host}:{} HTTP/1.1\r\n", target.port());
        let asked = asked.lock().unwrap();
        assert!(asked.len() == 2 && asked.iter().all(|head| head.starts_with(&line)), "{asked:?}");
        assert_eq!((proxy.accepted(), venue.accepted()), (2, 2));
    }
}

#[test]
fn a_proxy_that_refuses_is_told_before_the_upgrade() {
    let venue = venue(false);
    let proxy = Server::of_streams(false, |_, mut stream| {
        let answer = b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let mut config = config(&venue);
    config.add_proxy(proxy.url().as_bytes()).unwrap();
    let error = Session::open(&config, &settings(), b"/ws").err().unwrap();
    assert!(error.step != Status::ERR_UPGRADE && error.text.contains("407"), "{}", error.text);
    assert_eq!(venue.accepted(), 0);
}

#[test]
fn a_session_goes_over_a_unix_socket() {
    for is_tls in [false, true] {
        let venue = venue(is_tls);
        let target = venue.address;
        let folder = std::env::temp_dir().join(format!("vp-ws-{:x}", fastrand::u64(..)));
        std::fs::create_dir_all(&folder).unwrap();
        let place = folder.join("venue.sock");
        let listener = UnixListener::bind(&place).unwrap();
        // It ends with the process.
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let far = TcpStream::connect(target).unwrap();
                let halves = (near.try_clone().unwrap(), near);
                let finish = |near: &std::os::unix::net::UnixStream| {
                    let _ = near.shutdown(Shutdown::Write);
                };
                thread::spawn(move || relay(halves, &far, finish));
            }
        });
        let mut config = config(&venue);
        config.set_unix_socket(place.as_os_str().as_encoded_bytes()).unwrap();
        trade(open(&config));
        assert_eq!(venue.accepted(), 2);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

/// Notes where each connection comes from, and ends the first two at their first message.
fn noting_venue() -> (Server, Arc<Mutex<Vec<IpAddr>>>) {
    let seen: Arc<Mutex<Vec<IpAddr>>> = Arc::default();
    let keep = Arc::clone(&seen);
    let venue = Server::of_streams(false, move |number, stream| {
        keep.lock().unwrap().push(stream.socket().peer_addr().unwrap().ip());
        let mut peer = accept(stream).unwrap();
        if number > 1 {
            return exchange(&mut peer);
        }
        peer.read().unwrap();
    });
    (venue, seen)
}

fn with_sources(mut config: Config, addresses: &[&str]) -> Config {
    for address in addresses {
        config.add_bind_address(address.as_bytes()).unwrap();
    }
    config
}

fn from_source(number: u32) -> Settings {
    let mut settings = settings();
    settings.set_source(Source::from_number(number).unwrap());
    settings
}

/// Each of two sessions loses its connection once.
fn heal(desks: [Desk; 2], seen: &Mutex<Vec<IpAddr>>) {
    for mut desk in desks {
        desk.session.send(Kind::Text, b"end").unwrap();
        desk.lost();
        desk.up();
        desk.close();
    }
    let want = ["127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.3"];
    assert_eq!(*seen.lock().unwrap(), want.map(|ip| ip.parse::<IpAddr>().unwrap()));
}

/// A session comes from the first of its local addresses.
#[test]
fn each_session_comes_from_its_own_address_also_behind_a_loss() {
    let (venue, seen) = noting_venue();
    let lists = [["127.0.0.2", "127.0.0.3"], ["127.0.0.3", "127.0.0.2"]];
    heal(lists.map(|list| open(&with_sources(config(&venue), &list))), &seen);
}

/// So do the connections that wait to take over, each in a slot of its own.
#[test]
fn all_connections_of_a_session_come_from_its_first_address() {
    let (venue, seen) = noting_venue();
    let config = with_sources(config(&venue), &["127.0.0.3", "127.0.0.2", "127.0.0.4"]);
    let mut settings = settings();
    settings.set_connections(3).unwrap();
    let mut desk = open_with(&config, &settings);
    desk.until(|session| session.health().ready == 2);
    assert_eq!(*seen.lock().unwrap(), [IpAddr::from([127, 0, 0, 3]); 3]);
    desk.close();
}

/// Or from the one that it asks for.
#[test]
fn a_session_comes_from_the_source_that_it_asks_for() {
    let (venue, seen) = noting_venue();
    let config = with_sources(config(&venue), &["127.0.0.4", "127.0.0.2", "127.0.0.3"]);
    heal([1, 2].map(|number| open_with(&config, &from_source(number))), &seen);
}

#[test]
fn a_source_changes_no_order_of_proxies() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let [first, second] = [1, 2].map(|proxy| {
        let keep = Arc::clone(&seen);
        // It ends the connection.
        Server::of_streams(false, move |_, stream| {
            keep.lock().unwrap().push((proxy, stream.socket().peer_addr().unwrap().ip()));
        })
    });
    let mut config = with_sources(config(&venue(false)), &["127.0.0.2", "127.0.0.3"]);
    for proxy in [&first, &second] {
        config.add_proxy(proxy.url().as_bytes()).unwrap();
    }
    assert!(Session::open(&config, &from_source(1), b"/ws").is_err());
    let source = "127.0.0.3".parse::<IpAddr>().unwrap();
    // A second dial may have begun before the session was closed.
    let seen = seen.lock().unwrap();
    assert_eq!(seen[..2], [(1, source), (2, source)], "{seen:?}");
}

#[test]
fn a_source_that_there_is_not_refuses_the_opening() {
    let venue = venue(false);
    let two = with_sources(config(&venue), &["127.0.0.2", "127.0.0.3"]);
    let mut unix = two.clone();
    unix.set_unix_socket(b"/nowhere.sock").unwrap();
    for (config, number) in [(&two, 2), (&config(&venue), 0), (&unix, 1)] {
        let error = Session::open(config, &from_source(number), b"/ws").err().unwrap();
        assert_eq!(error.step, Status::ERR_ADDRESS, "{}", error.text);
        assert!(error.text.contains("source"), "{}", error.text);
    }
    assert_eq!(venue.accepted(), 0);
}
