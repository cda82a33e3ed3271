//! What a proxy is asked, how several are used, and what becomes of their faults.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mock_venue::{How, Options, Venue};
use venuepool::driver::Pool;
use venuepool::error::{CloseReason, Outcome, Status};
use venuepool::event::{Event, EventHook, EventKind};
use venuepool::net::connect::DialError;

use super::fakes::{Fake, read, trickle};
use super::{PASSWORD, USER, config_through, nobody};
use crate::relay::relay;
use crate::rig::{get, lose_connections, status, until, until_idle};

const MS: u64 = 1_000_000;

fn refused(proxy: String, venue: &Venue) -> DialError {
    Pool::open(&config_through(&[proxy], venue, 1)).err().expect("this proxy gives no connection")
}

#[test]
fn an_http_proxy_is_asked_for_a_tunnel_with_the_name_of_the_venue() {
    let venue = Venue::start(Options::plain()).unwrap();
    let (proxy, asked) = Fake::http(venue.address());
    let url = format!("http://{USER}:{PASSWORD}@{}", proxy.address);
    let pool = Pool::open(&config_through(&[url], &venue, 1)).unwrap();
    let done = get(&pool, "/api/v3/time");
    assert_eq!(status(&done), 200);
    assert_eq!(done.endpoints().unwrap().peer, proxy.address.into(), "the TCP peer");
    pool.close().unwrap();
    let authority = format!("localhost:{}", venue.address().port());
    let expected = format!(
        "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\
         Proxy-Authorization: Basic ZW5naW5lOnMzY3JldA==\r\n\r\n"
    );
    assert_eq!(*asked.lock().unwrap(), [expected]);
}

/// A SOCKS 5 proxy that answers a byte at a time, and with a name in its reply.
#[test]
fn a_socks_proxy_is_asked_with_the_name_of_the_venue_and_its_answers_may_come_in_pieces() {
    let venue = Venue::start(Options::tls()).unwrap();
    let (address, port) = (venue.address(), venue.address().port());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&asked);
    let proxy = Fake::start(move |mut stream| {
        let greeting: [u8; 4] = read(&mut stream)?;
        trickle(&mut stream, &[5, 2])?;
        let credentials: [u8; 15] = read(&mut stream)?;
        trickle(&mut stream, &[1, 0])?;
        let request: [u8; 16] = read(&mut stream)?;
        keep.lock().unwrap().push((greeting, credentials, request));
        trickle(&mut stream, b"\x05\x00\x00\x03\x05proxy\x01\xbb")?;
        relay(stream, TcpStream::connect(address)?);
        Ok(())
    });
    let url = format!("socks5://{USER}:{PASSWORD}@{}", proxy.address);
    let pool = Pool::open(&config_through(&[url], &venue, 1)).unwrap();
    assert_eq!(status(&get(&pool, "/api/v3/time")), 200);
    pool.close().unwrap();
    let mut request = *b"\x05\x01\x00\x03\x09localhost\0\0";
    request[14..].copy_from_slice(&port.to_be_bytes());
    let credentials = *b"\x01\x06engine\x06s3cret";
    assert_eq!(*asked.lock().unwrap(), [([5, 2, 0, 2], credentials, request)]);
}

#[test]
fn several_proxies_are_spread_over_the_slots() {
    let venue = Venue::start(Options::plain()).unwrap();
    let (one, _) = Fake::http(venue.address());
    let (other, _) = Fake::http(venue.address());
    let proxies = [one.http_url(), other.http_url()];
    let pool = Pool::open(&config_through(&proxies, &venue, 6)).unwrap();
    assert_eq!((one.connections(), other.connections()), (3, 3));
    pool.close().unwrap();
}

#[test]
fn a_dead_proxy_costs_its_slots_one_dial_and_no_more() {
    let venue = Venue::start(Options::plain()).unwrap();
    let refusing = Fake::answering(b"HTTP/1.1 503 Service Unavailable\r\n\r\n");
    let (_bound, dead) = nobody();
    let (good, _) = Fake::http(venue.address());
    let proxies = [refusing.http_url(), format!("socks5://{dead}"), good.http_url()];
    // One slot, so that what is learnt by its first dial counts for the next.
    let pool = Pool::open(&config_through(&proxies, &venue, 1)).unwrap();
    assert_eq!((refusing.connections(), good.connections()), (1, 1));
    assert_eq!(pool.stats().dial_failures[1].get(), 0, "the dial has succeeded");
    lose_connections(&venue, How::Fin, 1);
    until(|| (pool.stats().connected.get() == 2).then_some(()));
    until_idle(&pool, 1);
    assert_eq!((refusing.connections(), good.connections()), (1, 2));
    pool.close().unwrap();
}

#[test]
fn a_proxy_that_cannot_be_reached_is_named() {
    let venue = Venue::start(Options::plain()).unwrap();
    let (_bound, dead) = nobody();
    for scheme in ["http", "socks5"] {
        let error = refused(format!("{scheme}://{USER}:{PASSWORD}@{dead}"), &venue);
        assert_eq!((error.step, error.os_error), (Status::ERR_PROXY, libc::ECONNREFUSED));
        let begin = format!("proxy {scheme}://{dead}: connect {dead}: ");
        assert!(error.text.starts_with(&begin), "{}", error.text);
    }
    let error = refused("http://no-such-proxy.invalid:3128".to_owned(), &venue);
    assert_eq!(error.step, Status::ERR_PROXY);
    assert!(error.text.contains("resolve no-such-proxy.invalid"), "{}", error.text);
}

#[test]
fn what_an_http_proxy_refuses_is_named_by_its_status() {
    let venue = Venue::start(Options::plain()).unwrap();
    let long = {
        let line = format!("A: {}\r\n", "b".repeat(1000));
        let text = format!("HTTP/1.1 200 OK\r\n{}", line.repeat(40));
        &*Box::leak(text.into_boxed_str())
    };
    let cases: [(&[u8], Status, &str); 7] = [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", Status::ERR_PROXY, "it refuses with status 403"),
        (b"HTTP/1.0 502 x\r\nContent-Length: 4\r\n\r\nbody", Status::ERR_PROXY, "status 502"),
        (b"HTTP/1.1 407 x\r\n\r\n", Status::ERR_PROXY_AUTH, "the password, status 407"),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", Status::ERR_PROXY, "status 302"),
        (b"SSH-2.0-OpenSSH\r\n", Status::ERR_PROXY, "no HTTP: VP_OUTCOME_BAD_STATUS_LINE"),
        (b"HTTP/1.1 200 OK\nA: b\n\n", Status::ERR_PROXY, "its answer is no HTTP"),
        (long.as_bytes(), Status::ERR_PROXY, "no HTTP: VP_OUTCOME_HEAD_TOO_LARGE"),
    ];
    for (answer, step, words) in cases {
        let error = refused(Fake::answering(answer).http_url(), &venue);
        assert_eq!(error.step, step, "{}", error.text);
        let authority = format!("to localhost:{}: ", venue.address().port());
        assert!(error.text.contains(words) && error.text.contains(&authority), "{}", error.text);
    }
    assert_eq!(venue.stats().requests, 0);
}

#[test]
fn what_a_socks_proxy_refuses_is_named_by_its_reply() {
    let venue = Venue::start(Options::plain()).unwrap();
    for (code, words) in [
        (1, "general SOCKS server failure"),
        (2, "connection not allowed by ruleset"),
        (3, "network unreachable"),
        (4, "host unreachable"),
        (5, "connection refused"),
        (6, "TTL expired"),
        (7, "command not supported"),
        (8, "address type not supported"),
        (0x5b, "unassigned"),
    ] {
        let proxy = Fake::start(move |mut stream| {
            read::<3>(&mut stream)?;
            stream.write_all(&[5, 0])?;
            read::<16>(&mut stream)?;
            // No more than that, as some do.
            stream.write_all(&[5, code])
        });
        let error = refused(proxy.socks_url(), &venue);
        assert_eq!(error.step, Status::ERR_PROXY);
        let words = format!("SOCKS reply {code}: {words}");
        assert!(error.text.ends_with(&words), "{}", error.text);
    }
    let choosing = |choice: [u8; 2]| {
        Fake::start(move |mut stream| {
            read::<3>(&mut stream)?;
            stream.write_all(&choice)?;
            stream.read_to_end(&mut Vec::new()).map(drop)
        })
    };
    for (choice, step) in [([5, 0xff], Status::ERR_PROXY_AUTH), ([4, 0x5a], Status::ERR_PROXY)] {
        let error = refused(choosing(choice).socks_url(), &venue);
        assert_eq!(error.step, step, "{}", error.text);
    }
}

#[test]
fn a_proxy_that_is_silent_or_goes_away_ends_the_dial_within_the_connect_timeout() {
    let venue = Venue::start(Options::plain()).unwrap();
    let silent = Fake::start(|mut stream| stream.read_to_end(&mut Vec::new()).map(drop));
    let going = Fake::start(|mut stream| read::<1>(&mut stream).map(drop));
    for url in [silent.http_url(), silent.socks_url()] {
        let mut config = config_through(&[url], &venue, 1);
        config.set_connect_timeout_ns(50 * MS).unwrap();
        let start = Instant::now();
        let error = Pool::open(&config).err().unwrap();
        assert_eq!(error.step, Status::ERR_PROXY);
        assert!(error.text.ends_with("no answer within 50ms"), "{}", error.text);
        assert!(start.elapsed() < Duration::from_secs(10));
    }
    for url in [going.http_url(), going.socks_url()] {
        assert_eq!(refused(url, &venue).step, Status::ERR_PROXY);
    }
}

/// A proxy that is silent takes its share of the time, and the next one still has a chance.
#[test]
fn the_next_proxy_is_tried_in_the_time_that_is_left() {
    let venue = Venue::start(Options::plain()).unwrap();
    let silent = Fake::start(|mut stream| stream.read_to_end(&mut Vec::new()).map(drop));
    let (good, _) = Fake::http(venue.address());
    let mut config = config_through(&[silent.http_url(), good.http_url()], &venue, 1);
    config.set_connect_timeout_ns(1_000 * MS).unwrap();
    config.set_resolve_timeout_ns(20_000 * MS).unwrap();
    let pool = Pool::open(&config).unwrap();
    assert_eq!((silent.connections(), good.connections()), (1, 1));
    pool.close().unwrap();
}

/// Whoever is at the other end of a tunnel speaks second. What comes behind the proxy's answer is
/// left where it is, and seen for what it is: bytes that nobody asked for.
#[test]
fn bytes_behind_the_answer_are_not_swallowed_and_answer_no_order() {
    let venue = Venue::start(Options::plain()).unwrap();
    let early = b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly";
    let proxy = Fake::answering(early);
    let mut config = config_through(&[proxy.http_url()], &venue, 1);
    config.set_request_timeout_ns(50 * MS).unwrap();
    let pool = Pool::open(&config).unwrap();
    until(|| (pool.stats().closed[CloseReason::IdleBytes as usize].get() >= 1).then_some(()));
    assert_ne!(get(&pool, "/api/v3/order").outcome, Outcome::Ok);
    pool.close().unwrap();
}

#[test]
fn no_user_and_no_password_is_told() {
    let venue = Venue::start(Options::plain()).unwrap();
    let told = Arc::new(Mutex::new(String::new()));
    let keep = Arc::clone(&told);
    let refusing = Fake::answering(b"HTTP/1.1 407 no\r\nX: engine s3cret\r\n\r\n");
    let (_bound, dead) = nobody();
    let url = |host: &str| format!("http://{USER}:{PASSWORD}@{host}");
    let proxies = [url(&refusing.address.to_string()), url(&dead.to_string())];
    let mut config = config_through(&proxies, &venue, 2);
    config.set_allow_degraded_open(true);
    config.set_backoff_ns(MS, MS).unwrap();
    config.set_event_hook(Some(EventHook(Arc::new(move |event: &Event| {
        if event.kind == EventKind::DialFailed {
            keep.lock().unwrap().push_str(&event.text);
        }
    }))));
    let pool = Pool::open(&config).unwrap();
    until(|| (pool.stats().dial_failures[1].get() >= 4).then_some(()));
    let error = pool.last_dial_error().unwrap();
    pool.close().unwrap();
    let told = told.lock().unwrap();
    assert!(told.contains("proxy http://127.0.0.1:"), "{told}");
    let all = format!("{told} {error:?} {config:?}");
    assert!(!all.contains(USER) && !all.contains(PASSWORD), "{all}");
    assert!(!all.contains("ZW5naW5lOnMzY3JldA"), "{all}");
}

#[test]
fn what_does_not_go_together_with_a_proxy_is_refused_at_open() {
    let venue = Venue::start(Options::plain()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let mut addresses = config_through(std::slice::from_ref(&proxy), &venue, 1);
    addresses.set_addresses(b"127.0.0.1").unwrap();
    let mut unix = config_through(&[proxy], &venue, 1);
    unix.set_unix_socket(b"/nonexistent").unwrap();
    for config in [addresses, unix] {
        assert_eq!(Pool::open(&config).err().unwrap().step, Status::ERR_ADDRESS);
    }
}
