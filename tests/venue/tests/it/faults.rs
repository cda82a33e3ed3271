//! Each fault, as a client meets it.

use crate::client::{Client, fault, is_eof, is_reset, until, with_fault};
use mock_venue::{Options, Venue};
use std::io::{Read, Write};
use std::time::{Duration, Instant};

#[test]
fn a_delay_delays() {
    let (_venue, mut client) = with_fault("delay=20ms,first:1");
    let start = Instant::now();
    assert_eq!(client.order("a").unwrap().status, 200);
    assert!(start.elapsed() >= Duration::from_millis(20));
    let (_venue, mut client) = with_fault("delay=300us");
    let start = Instant::now();
    assert_eq!(client.order("a").unwrap().status, 200);
    assert!(start.elapsed() >= Duration::from_micros(300));
}

#[test]
fn a_stalled_request_is_executed_and_not_answered() {
    let (venue, mut client) = with_fault("stall");
    client.stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(client.order("a").is_err());
    assert_eq!(venue.orders_with_id("a"), 1);
    drop(client);
    until(&venue, |stats| stats.open == 0);
}

#[test]
fn a_response_can_be_a_reset_or_an_end() {
    for spec in ["rst-response=first:1,on:/api/v3/order", "cut=0,rst,first:1,on:/api/v3/order"] {
        let (venue, mut client) = with_fault(spec);
        assert_eq!(client.get("/api/v3/ping").unwrap().status, 200);
        assert!(is_reset(client.order("a")));
        assert_eq!(Client::connect(venue.address()).order("b").unwrap().status, 200);
        assert_eq!(venue.stats().distinct_orders, 2);
    }
    let (venue, mut client) = with_fault("fin-response");
    assert!(is_eof(client.order("a")));
    assert_eq!(venue.orders_with_id("a"), 1);
}

#[test]
fn a_response_is_cut_at_the_byte() {
    let (_venue, mut client) = with_fault("cut=17,fin");
    client.send("GET", "/api/v3/ping", "", "").unwrap();
    let (rest, end) = client.read_rest();
    assert_eq!(rest, b"HTTP/1.1 200 OK\r\n");
    assert!(end.is_ok());
    let (_venue, mut client) = with_fault("cut=17,rst");
    client.send("GET", "/api/v3/ping", "", "").unwrap();
    let (rest, end) = client.read_rest();
    assert_eq!(rest, b"HTTP/1.1 200 OK\r\n");
    assert!(is_reset(end));
}

#[test]
fn half_a_response_has_half_of_the_body() {
    let (_venue, mut client) = with_fault("cut=half,fin");
    client.send("GET", "/api/v3/exchangeInfo?bytes=100000", "", "").unwrap();
    let head = client.read_head().unwrap();
    assert_eq!(head.header("content-length"), Some("100000"));
    let (rest, end) = client.read_rest();
    assert_eq!(rest.len(), 50_000);
    assert!(end.is_ok());
}

#[test]
fn a_slow_response_comes_in_pieces() {
    let (_venue, mut client) = with_fault("slow=300,2ms,first:1");
    let start = Instant::now();
    let answer = client.order("a").unwrap();
    assert_eq!(answer.json()["clientOrderId"], "a");
    let pieces = (answer.head.len() + answer.body.len()).div_ceil(300) as u32;
    assert!(start.elapsed() >= Duration::from_millis(2) * (pieces - 1));
    assert_eq!(client.order("b").unwrap().status, 200);
}

#[test]
fn a_refused_order_is_not_executed() {
    for (spec, status, kind) in [
        ("status=429,retry-after:2", 429, "application/json;charset=UTF-8"),
        ("status=418,retry-date:120", 418, "application/json;charset=UTF-8"),
        ("status=403", 403, "text/html"),
    ] {
        let (venue, mut client) = with_fault(spec);
        let answer = client.order("a").unwrap();
        assert_eq!((answer.status, answer.header("content-type")), (status, Some(kind)));
        match status {
            429 => assert_eq!(answer.header("retry-after"), Some("2")),
            418 => assert!(answer.header("retry-after").unwrap().ends_with(" GMT")),
            _ => assert_eq!(answer.header("retry-after"), None),
        }
        assert_eq!((venue.stats().requests, venue.stats().orders), (1, 0));
    }
}

#[test]
fn a_server_error_leaves_the_order_executed() {
    for status in [500, 502, 503, 504] {
        let (venue, mut client) = with_fault(&format!("status={status},every:2"));
        assert_eq!(client.order("a").unwrap().status, 200);
        let answer = client.order("b").unwrap();
        assert_eq!((answer.status, answer.header("content-type")), (status, Some("text/html")));
        assert!(answer.body.starts_with(b"<html>"));
        assert_eq!(venue.orders_with_id("b"), 1);
        assert_eq!(client.order("c").unwrap().status, 200);
    }
}

#[test]
fn interim_answers_come_before_the_answer() {
    for (spec, line) in [
        ("interim=100,first:1", "HTTP/1.1 100 Continue"),
        ("interim=103,first:1", "HTTP/1.1 103 Early Hints"),
    ] {
        let (venue, mut client) = with_fault(spec);
        client.send("GET", "/api/v3/ping", "", "").unwrap();
        assert_eq!(client.read_head().unwrap().head.lines().next(), Some(line));
        assert_eq!(client.read_answer().unwrap().status, 200);
        assert_eq!(client.get("/api/v3/ping").unwrap().status, 200);
        // It does not wait for the answer.
        venue.set_fault(fault(spec)).unwrap();
        venue.set_fault(fault("stall")).unwrap();
        client.send("GET", "/api/v3/ping", "", "").unwrap();
        assert_eq!(client.read_head().unwrap().head.lines().next(), Some(line));
    }
}

#[test]
fn surplus_bytes_follow_the_answer() {
    let (_venue, mut client) = with_fault("surplus=first:1");
    assert_eq!(client.get("/api/v3/ping").unwrap().body, b"{}");
    assert_eq!(client.read_answer().unwrap().body, b"{\"surplus\":true}");
    assert_eq!(client.get("/api/v3/ping").unwrap().body, b"{}");
}

#[test]
fn a_connection_ends_after_its_requests() {
    let (_venue, mut client) = with_fault("close-after=2");
    assert_eq!(client.order("a").unwrap().header("connection"), None);
    assert_eq!(client.order("b").unwrap().header("connection"), None);
    assert!(client.end().is_ok());

    let (_venue, mut client) = with_fault("close-after=2,announce");
    assert_eq!(client.order("a").unwrap().header("connection"), None);
    assert_eq!(client.order("b").unwrap().header("connection"), Some("close"));
    assert!(client.end().is_ok());

    let (_venue, mut client) = with_fault("close-after=1,rst");
    assert_eq!(client.order("a").unwrap().status, 200);
    assert!(is_reset(client.end()));
}

#[test]
fn idle_connections_are_closed() {
    for (spec, reset) in [("idle-close=20ms", false), ("idle-close=20ms,rst", true)] {
        let (_venue, mut client) = with_fault(spec);
        let start = Instant::now();
        assert_eq!(is_reset(client.end()), reset);
        assert!(start.elapsed() >= Duration::from_millis(10));
    }
}

#[test]
fn a_busy_connection_is_not_idle() {
    let (venue, mut client) = with_fault("delay=30ms");
    client.send("GET", "/api/v3/ping", "", "").unwrap();
    until(&venue, |stats| stats.requests == 1);
    venue.set_fault(fault("idle-close=10ms")).unwrap();
    assert_eq!(client.read_answer().unwrap().status, 200);
    assert!(client.end().is_ok());
}

#[test]
fn an_idle_fault_set_later_finds_idle_connections() {
    let venue = Venue::start(Options::plain()).unwrap();
    let mut client = Client::connect(venue.address());
    assert_eq!(client.order("a").unwrap().status, 200);
    venue.set_fault(fault("idle-close=1ms,first:1")).unwrap();
    assert!(client.end().is_ok());
    let mut client = Client::connect(venue.address());
    assert_eq!(client.order("b").unwrap().status, 200);
    assert_eq!(client.order("c").unwrap().status, 200);
}

#[test]
fn an_idle_connection_gets_unrequested_bytes() {
    let (venue, mut client) = with_fault("idle-bytes=10ms,first:1");
    assert_eq!(client.read_answer().unwrap().status, 408);
    assert_eq!(client.order("a").unwrap().status, 200);
    venue.set_fault(fault("idle-bytes=10ms,first:1")).unwrap();
    venue.set_fault(fault("idle-close=20ms,first:1")).unwrap();
    assert_eq!(client.read_answer().unwrap().status, 408);
    assert!(client.end().is_ok());
}

#[test]
fn a_black_hole_never_answers() {
    let (venue, mut client) = with_fault("black-hole=first:1");
    client.send("GET", "/api/v3/ping", "", "").unwrap();
    client.stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(client.stream.read(&mut [0]).is_err());
    assert_eq!(Client::connect(venue.address()).order("a").unwrap().status, 200);
    assert_eq!(venue.stats().requests, 1);
    venue.kill_connections(mock_venue::How::Rst);
    assert!(is_reset(client.stream.read(&mut [0])));
}

#[test]
fn too_many_connections_are_turned_away() {
    let (venue, mut first) = with_fault("max-connections=1");
    assert_eq!(first.order("a").unwrap().status, 200);
    assert!(Client::connect(venue.address()).end().is_ok());
    until(&venue, |stats| stats.open == 1);

    venue.clear_faults().unwrap();
    venue.set_fault(fault("max-connections=1,429")).unwrap();
    let mut second = Client::connect(venue.address());
    let answer = second.order("b").unwrap();
    assert_eq!((answer.status, answer.header("connection")), (429, Some("close")));
    assert!(second.end().is_ok());
    assert_eq!(venue.orders_with_id("b"), 0);
    assert_eq!(first.order("c").unwrap().status, 200);
}

#[test]
fn pipelined_requests_are_answered_in_turn() {
    let (_venue, mut client) = with_fault("close-after=3");
    let ping = "GET /api/v3/ping HTTP/1.1\r\nHost: v\r\n\r\n";
    client.stream.write_all(ping.repeat(3).as_bytes()).unwrap();
    for _ in 0..3 {
        assert_eq!(client.read_answer().unwrap().body, b"{}");
    }
    assert!(client.end().is_ok());
}
