//! The scripted server: what its peers read and write, byte for byte.

use crate::client::{Client, is_eof, is_reset, tls_connect, trust};
use mock_venue::{Certificates, Script, Transport};
use std::io::Write;
use std::sync::mpsc;
use std::time::{Duration, Instant};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn requests_are_read_whole_and_one_at_a_time() {
    let (sender, requests) = mpsc::channel();
    let server = Script::serve(move |peer, number| {
        while let Some(request) = peer.read_request().unwrap() {
            sender.send((number, Some(request))).unwrap();
            peer.write(OK).unwrap();
        }
        sender.send((number, None)).unwrap();
    })
    .unwrap();
    let mut client = Client::connect(server.address());
    let text = "POST /a?b=1 HTTP/1.1\r\nX-Mixed: Case\r\nContent-Length: 3\r\n\r\nabc";
    client.stream.write_all(text.repeat(2).as_bytes()).unwrap();
    for _ in 0..2 {
        assert_eq!(client.read_answer().unwrap().body, b"ok");
        let (number, request) = requests.recv().unwrap();
        let request = request.unwrap();
        assert_eq!((number, request.method.as_str()), (0, "POST"));
        assert_eq!(request.target, "/a?b=1");
        assert_eq!(request.header("x-mixed"), Some("Case"));
        assert_eq!(request.header("x-none"), None);
        assert_eq!(request.body, b"abc");
        assert_eq!(request.raw, text.as_bytes());
    }
    drop(client);
    assert_eq!(requests.recv().unwrap(), (0, None));
    assert_eq!(server.connections(), 1);
}

#[test]
fn connections_end_as_scripted() {
    let server = Script::serve(|peer, number| {
        peer.read_request().unwrap();
        peer.write(b"HTTP/1.1 2").unwrap();
        match number {
            0 => peer.reset().unwrap(),
            _ => peer.finish().unwrap(),
        }
        assert_eq!(peer.wait_eof().is_ok(), number != 0);
    })
    .unwrap();
    for reset in [true, false] {
        let mut client = Client::connect(server.address());
        client.send("GET", "/", "", "").unwrap();
        let (rest, end) = client.read_rest();
        assert_eq!(rest, b"HTTP/1.1 2");
        assert_eq!(is_reset(end), reset);
    }
    assert_eq!(server.connections(), 2);
}

#[test]
fn slow_writing_takes_its_time() {
    let server = Script::serve(|peer, _| {
        peer.read_request().unwrap();
        peer.write_slowly(OK, 10, Duration::from_millis(2)).unwrap();
        peer.wait_eof().unwrap();
    })
    .unwrap();
    let start = Instant::now();
    let mut client = Client::connect(server.address());
    assert_eq!(client.get("/").unwrap().body, b"ok");
    assert!(start.elapsed() >= Duration::from_millis(2 * (OK.len() as u64 / 10 - 1)));
}

#[test]
fn tls_ends_with_or_without_close_notify() {
    let certificates = Certificates::new().unwrap();
    for transport in [Transport::Tls12, Transport::Tls13] {
        let server = Script::serve_tls(transport, &certificates, |peer, number| {
            peer.read_request().unwrap();
            peer.write(b"HTTP/1.1 2").unwrap();
            if number == 0 {
                peer.close_notify().unwrap();
            }
            peer.finish().unwrap();
        })
        .unwrap();
        assert!(server.url().starts_with("https://localhost:"));
        let config = trust(certificates.ca_pem(), None);
        for truncated in [false, true] {
            let mut client = tls_connect(server.address(), &config).unwrap();
            client.send("GET", "/", "", "").unwrap();
            let (rest, end) = client.read_rest();
            assert_eq!(rest, b"HTTP/1.1 2");
            assert_eq!(is_eof(end), truncated);
        }
    }
}

#[test]
fn dropping_the_server_ends_its_handlers() {
    let (sender, ended) = mpsc::channel();
    let server = Script::serve(move |peer, _| {
        let _ = peer.read_request();
        sender.send(()).unwrap();
    })
    .unwrap();
    let mut client = Client::connect(server.address());
    let start = Instant::now();
    drop(server);
    assert!(start.elapsed() < Duration::from_secs(2));
    // Accepted or still in the queue when the server went: either way it is over.
    let _ = ended.try_recv();
    let end = client.end();
    assert!(end.is_ok() || is_reset(end));
}
