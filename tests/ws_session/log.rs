//! What the engine's log is told of a session: each thing that happens, and no byte of a message.

use std::sync::{Arc, Mutex};

use socket2::SockRef;
use tungstenite::accept;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use venuepool::config::Config;
use venuepool::error::Status;
use venuepool::log::{Level, LogHook, Record};
use venuepool::session::Session;
use venuepool::session::settings::Settings;
use venuepool::ws::frame::Kind;

use super::desk::{Desk, config, settings};
use crate::peer::{Server, Stream, exchange};

/// It is in everything that either side sends.
const SECRET: &str = "s3cret";
const REFUSAL: &[u8] = b"HTTP/1.1 401 s3cret\r\nX-Echo: s3cret\r\nContent-Length: 6\r\n\r\ns3cret";

/// One record: its level, its target, and all its text.
type Line = (Level, &'static str, String);
type Lines = Arc<Mutex<Vec<Line>>>;

fn listen(config: &mut Config, level: Level) -> Lines {
    let lines = Lines::default();
    let kept = Arc::clone(&lines);
    let function = Arc::new(move |record: &Record<'_>| {
        assert!(record.time_ns > 0);
        let pair = |(key, value): &(&str, String)| format!(" {key}={value}");
        let pairs: String = record.pairs.iter().map(pair).collect();
        let text = format!("{}{pairs}", record.message);
        kept.lock().unwrap().push((record.level, record.target, text));
    });
    config.set_log_hook(Some(LogHook { level, function }));
    lines
}

fn secret_settings() -> Settings {
    let mut settings = settings();
    settings.add_header(b"Authorization", SECRET.as_bytes()).unwrap();
    settings.add_opening(Kind::Text, b"login ok s3cret", true).unwrap();
    settings
}

/// Reads the head of the request for the upgrade, and answers without an upgrade.
fn refuse(mut stream: Box<dyn Stream>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(String::from_utf8(head).unwrap().contains(SECRET));
    stream.write_all(REFUSAL).unwrap();
}

/// A venue that refuses, then closes, then resets, and then serves.
fn venue() -> Server {
    Server::of_streams(false, |number, stream| {
        if number == 0 {
            return refuse(stream);
        }
        let Ok(mut peer) = accept(stream) else { return };
        let login = peer.read().unwrap();
        peer.send(login).unwrap();
        if number == 3 {
            return exchange(&mut peer);
        }
        let message = peer.read().unwrap();
        if number == 1 {
            peer.send(message).unwrap();
            let (code, reason) = (CloseCode::Restart, SECRET.into());
            peer.close(Some(CloseFrame { code, reason })).unwrap();
            while peer.read().is_ok() {}
        } else {
            let socket = SockRef::from(peer.get_ref().socket());
            socket.set_linger(Some(std::time::Duration::ZERO)).unwrap();
        }
    })
}

#[test]
fn a_run_with_failures_is_logged_without_a_byte_of_a_message() {
    let server = venue();
    let mut config = config(&server);
    config.set_allow_degraded_open(true);
    let lines = listen(&mut config, Level::Trace);
    let session = Session::open(&config, &secret_settings(), b"/ws?key=s3cret").unwrap();
    let mut desk = Desk::of(session);
    assert!(desk.failed().1.contains(SECRET), "the engine is given the body");
    for connection in 1..=3 {
        assert_eq!(desk.message(), "login ok s3cret");
        desk.up();
        desk.send("an order s3cret");
        if connection != 2 {
            assert_eq!(desk.message(), "an order s3cret");
        }
        if connection < 3 {
            desk.lost();
        }
    }
    desk.close();
    let mut told = lines.lock().unwrap().clone();
    told.retain(|line| line.1 != "dial" || line.0 != Level::Debug);
    let expected = [
        (Level::Warn, "dial", "session: upgrade: answered 401", "status=VP_ERR_UPGRADE"),
        (Level::Info, "connection", "session: up", "connection=1"),
        (Level::Warn, "connection", "session: lost: the peer has closed", "close_code=1012"),
        (Level::Info, "connection", "session: up", "connection=2"),
        (Level::Warn, "connection", "session: lost", "reason=VP_WS_LOSS_RESET"),
        (Level::Info, "connection", "session: up", "connection=3"),
        (Level::Info, "connection", "session: lost", "reason=VP_WS_LOSS_CLOSED"),
        (Level::Info, "pool", "session: closed", "event=VP_WS_EVENT_CLOSED"),
    ];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    for ((level, target, text), line) in told.iter().zip(&expected) {
        assert_eq!((*level, *target), (line.0, line.1), "{told:?}");
        assert!(text.starts_with(line.2) && text.contains(line.3), "{text}");
        assert!(text.contains(" pool=venuepool host=127.0.0.1"), "{text}");
    }
    let lines = lines.lock().unwrap();
    let dials = lines.iter().filter(|line| line.2.starts_with("session: dials"));
    assert_eq!(dials.count(), 4);
    // The path, the header, the login, orders, answers, the body and the reason of the close.
    assert!(lines.iter().all(|line| !line.2.contains(SECRET)), "{lines:?}");
}

#[test]
fn a_session_that_cannot_be_opened_is_logged_without_the_body() {
    let server = Server::of_streams(false, |_, stream| refuse(stream));
    let mut config = config(&server);
    let lines = listen(&mut config, Level::Error);
    let error = Session::open(&config, &secret_settings(), b"/ws").err().unwrap();
    assert_eq!(error.step, Status::ERR_UPGRADE);
    assert!(error.text.contains(SECRET), "the engine is given the body");
    let told = lines.lock().unwrap();
    let [(Level::Error, "pool", text)] = &told[..] else { panic!("{told:?}") };
    assert!(text.starts_with("session: not opened: upgrade: answered 401"), "{text}");
    assert!(text.ends_with(" status=VP_ERR_UPGRADE") && !text.contains(SECRET), "{text}");
}

#[test]
fn a_level_that_is_not_wanted_is_not_told() {
    let server = Server::start(false, |_, peer| exchange(peer));
    let mut config = config(&server);
    let lines = listen(&mut config, Level::Warn);
    let mut desk = Desk::of(Session::open(&config, &settings(), b"/ws").unwrap());
    desk.up();
    desk.close();
    assert_eq!(*lines.lock().unwrap(), []);
}
