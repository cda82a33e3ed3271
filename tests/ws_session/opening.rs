//! The upgrade and the opening messages.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tungstenite::Message;
use venuepool::error::Status;
use venuepool::session::Session;
use venuepool::session::event::WsLoss;
use venuepool::ws::frame::Kind;

use super::desk::{Desk, SECOND, config, settings};
use crate::peer::{Server, exchange};

#[test]
fn it_is_up_only_behind_the_acknowledgement_of_its_login() {
    for is_tls in [false, true] {
        let server = Server::start(is_tls, |_, peer| {
            assert_eq!(peer.read().unwrap(), Message::text("login 1"));
            peer.send(Message::text("event before the login")).unwrap();
            peer.send(Message::text("login ok")).unwrap();
            assert_eq!(peer.read().unwrap(), Message::text("subscribe"));
            exchange(peer);
        });
        let logins = Arc::new(AtomicU32::new(0));
        let (count, mut settings) = (Arc::clone(&logins), settings());
        let login = move |wall_ns: u64, room: &mut [u8]| {
            assert!(wall_ns > 1_600_000_000 * SECOND);
            let text = format!("login {}", count.fetch_add(1, Ordering::SeqCst) + 1);
            room[..text.len()].copy_from_slice(text.as_bytes());
            Some(text.len())
        };
        settings.add_written(Kind::Text, Arc::new(login), true).unwrap();
        settings.add_opening(Kind::Text, b"subscribe", false).unwrap();
        let session = Session::open(&config(&server), &settings, b"/").unwrap();
        let mut desk = Desk::of(session);
        assert_eq!(desk.message(), "event before the login");
        assert_eq!(desk.message(), "login ok");
        desk.up();
        assert_eq!(desk.send("x"), 3, "opening messages have numbers, too");
        assert_eq!(desk.message(), "x");
        desk.close();
    }
}

#[test]
fn a_refused_login_and_one_without_an_answer_fail_the_opening() {
    for (answer, text) in [(Some("login bad"), "REFUSED"), (None, "TIMEOUT")] {
        let server = Server::start(false, move |_, peer| {
            peer.read().unwrap();
            if let Some(answer) = answer {
                peer.send(Message::text(answer)).unwrap();
            }
            let _ = peer.read();
        });
        let mut settings = settings();
        settings.add_opening(Kind::Text, b"login", true).unwrap();
        settings.set_timeouts(5 * SECOND, SECOND / 20, SECOND).unwrap();
        let error = Session::open(&config(&server), &settings, b"/").err().unwrap();
        assert_eq!(error.step, Status::ERR_OPENING);
        assert!(error.text.contains(text), "{}", error.text);
    }
}

#[test]
fn every_answer_but_101_is_told_with_status_and_body() {
    let server = Server::of_streams(false, |_, mut stream| {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        let request = String::from_utf8(request).unwrap();
        assert!(request.starts_with("GET /ws?a=1 HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("X-Key: secret\r\n") && request.contains("Upgrade: websocket"));
        let answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\n\r\nno key!";
        stream.write_all(answer).unwrap();
    });
    let mut settings = settings();
    settings.add_header(b"X-Key", b"secret").unwrap();
    assert_eq!(settings.add_header(b"Sec-WebSocket-Key", b"x"), Err(Status::ERR_HEADER_RESERVED));
    let error = Session::open(&config(&server), &settings, b"/ws?a=1").err().unwrap();
    assert_eq!(
        (error.step, error.text.as_str()),
        (Status::ERR_UPGRADE, "upgrade: answered 403: no key!")
    );
    let mut config = config(&server);
    config.set_allow_degraded_open(true);
    let mut desk = Desk::of(Session::open(&config, &settings, b"/ws?a=1").unwrap());
    let mut last_ns = 0;
    for _ in 0..3 {
        let (failed, body) = desk.failed();
        assert_eq!((failed.http_status, body.as_str()), (403, "no key!"));
        assert!(failed.until_ns > last_ns);
        last_ns = failed.until_ns;
    }
    assert_eq!(desk.session.send(Kind::Text, b"x"), Err(Status::ERR_SLOT_DOWN));
    desk.close();
}

#[test]
fn a_server_that_does_not_answer_the_upgrade_is_left() {
    let server = Server::of_streams(false, |_, mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let mut settings = settings();
    settings.set_timeouts(SECOND / 20, SECOND, SECOND).unwrap();
    let error = Session::open(&config(&server), &settings, b"/").err().unwrap();
    assert_eq!(error.step, Status::ERR_UPGRADE);
}

#[test]
fn a_port_without_a_server_fails_by_connecting() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = venuepool::config::Config::default();
    config.set_url(format!("http://{}", listener.local_addr().unwrap()).as_bytes()).unwrap();
    drop(listener);
    let error = Session::open(&config, &settings(), b"/").err().unwrap();
    assert_eq!(error.step, Status::ERR_CONNECT);
}

#[test]
fn what_cannot_be_asked_for_is_refused_before_a_dial() {
    let server = Server::start(false, |_, peer| exchange(peer));
    let step = |path: &[u8]| Session::open(&config(&server), &settings(), path).err().unwrap().step;
    assert_eq!(step(b"no path"), Status::ERR_PATH);
    assert_eq!(server.accepted(), 0);
}

#[test]
fn a_session_that_is_closed_by_the_venue_logs_in_again() {
    let server = Server::start(false, |number, peer| {
        assert_eq!(peer.read().unwrap(), Message::text("login"));
        peer.send(Message::text("login ok")).unwrap();
        if number == 0 {
            assert_eq!(peer.read().unwrap(), Message::text("close"));
            use tungstenite::protocol::CloseFrame;
            let code = tungstenite::protocol::frame::coding::CloseCode::Restart;
            peer.close(Some(CloseFrame { code, reason: "".into() })).unwrap();
        }
        exchange(peer);
    });
    let mut settings = settings();
    settings.add_opening(Kind::Text, b"login", true).unwrap();
    let session = Session::open(&config(&server), &settings, b"/").unwrap();
    let mut desk = Desk::of(session);
    assert_eq!(desk.message(), "login ok");
    desk.up();
    desk.send("close");
    let lost = desk.lost();
    assert_eq!((lost.loss, lost.close_code), (WsLoss::PeerClosed, 1012));
    assert_eq!(desk.message(), "login ok");
    desk.up();
    desk.close();
}
