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
use venuepool::ws::frame::Kind;

use crate::desk::{Desk, config, settings};
use crate::peer::{Server, exchange};

fn open(config: &Config) -> Desk {
    let mut desk = Desk::of(Session::open(config, &settings(), b"/ws").unwrap());
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

/// A session has one connection, which comes from the first of its local addresses.
#[test]
fn each_session_comes_from_its_own_address_also_behind_a_loss() {
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
    let desks = ["127.0.0.2,127.0.0.3", "127.0.0.3,127.0.0.2"].map(|addresses| {
        let mut config = config(&venue);
        for address in addresses.split(',') {
            config.add_bind_address(address.as_bytes()).unwrap();
        }
        open(&config)
    });
    for mut desk in desks {
        desk.session.send(Kind::Text, b"end").unwrap();
        desk.lost();
        desk.up();
        desk.close();
    }
    let want = ["127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.3"];
    assert_eq!(*seen.lock().unwrap(), want.map(|ip| ip.parse::<IpAddr>().unwrap()));
}
