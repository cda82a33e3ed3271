//! What becomes of messages and calls when a connection is lost.

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use tungstenite::Message;
use venuepool::error::{Outcome, Status, WireState};
use venuepool::session::Session;
use venuepool::session::event::WsLoss;
use venuepool::session::settings::Settings;
use venuepool::ws::frame::Kind;
use venuepool::ws::text_ping::TextPing;

use super::desk::{Desk, SECOND, config, settings};
use crate::peer::{Peer, Server, exchange};

/// A reset of the socket.
fn reset(peer: &Peer) {
    let socket = socket2::SockRef::from(peer.get_ref().socket());
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

#[test]
fn a_reset_ends_the_calls_with_the_truth_and_the_session_heals() {
    for is_tls in [false, true] {
        let server = Server::start(is_tls, |number, peer| {
            if number > 0 {
                return exchange(peer);
            }
            (0..3).for_each(|_| drop(peer.read().unwrap()));
            reset(peer);
        });
        let mut desk = Desk::open(&server, &settings());
        let ids: Vec<u64> = (1..=3).map(|key| desk.call(key)).collect();
        let lost = desk.lost();
        assert_eq!((lost.loss, lost.close_code), (WsLoss::Reset, 0));
        assert_eq!((lost.fate.last, lost.fate.sent_through, lost.fate.partial), (3, 3, 0));
        for id in ids {
            assert_eq!(desk.fails(id), (Outcome::ConnectionReset, WireState::Sent));
        }
        desk.up();
        let id = desk.call(1);
        assert_eq!(desk.completion().0.call.id, id);
        assert_eq!(server.accepted(), 2);
        desk.close();
    }
}

/// The peer reads nothing: its window fills, then the kernel takes no more.
#[test]
fn messages_that_were_sent_in_part_or_not_at_all_are_told_as_such() {
    for is_tls in [false, true] {
        let server = Server::start(is_tls, |number, peer| {
            if number > 0 {
                return exchange(peer);
            }
            // Until the session gives up; what is in the socket is never read.
            let mut probe = [0];
            loop {
                match peer.get_ref().socket().peek(&mut probe) {
                    Ok(0) | Err(_) => return,
                    Ok(_) => thread::sleep(Duration::from_millis(5)),
                }
            }
        });
        let mut settings = settings();
        settings.set_sizes(1 << 20, 1 << 20, 4 << 20).unwrap();
        settings.set_keep_alive(SECOND / 5, SECOND / 5, 0).unwrap();
        let mut desk = Desk::open(&server, &settings);
        let big = vec![b'x'; 1 << 20];
        let mut last = 0;
        let refused = loop {
            match desk.session.send(Kind::Text, &big) {
                Ok(sequence) => last = sequence,
                Err(status) => break status,
            }
        };
        assert_eq!(refused, Status::ERR_WAITING_FULL);
        let lost = desk.lost();
        assert_eq!((lost.loss, lost.fate.last), (WsLoss::NoPong, last));
        let fate = lost.fate;
        assert!(fate.acked_through <= fate.sent_through && fate.sent_through < last, "{fate:?}");
        assert!(fate.partial == 0 || fate.partial == fate.sent_through + 1, "{fate:?}");
        assert_eq!(fate.of(last), WireState::NotSent);
        desk.up();
        desk.close();
    }
}

#[test]
fn bytes_that_end_within_a_frame_end_the_connection_and_tell_no_message() {
    let server = Server::faulty(|peer| {
        peer.read().unwrap();
        let stream = peer.get_mut();
        stream.write_all(b"\x81\x05whole\x81\x7e\x01\x00half of it").unwrap();
    });
    let mut desk = Desk::open(&server, &settings());
    desk.send("go");
    assert_eq!(desk.message(), "whole");
    assert_eq!(desk.lost().loss, WsLoss::Ended);
    desk.up();
    desk.close();
}

#[test]
fn a_broken_rule_is_told_to_the_peer_and_ends_the_connection() {
    let server = Server::faulty(|peer| {
        peer.read().unwrap();
        let stream = peer.get_mut();
        // A masked frame of a server.
        stream.write_all(b"\x81\x81\x01\x02\x03\x04x").unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert_eq!(answer[..2], [0x88, 0x82]);
        let code = [answer[6] ^ answer[2], answer[7] ^ answer[3]];
        assert_eq!(u16::from_be_bytes(code), 1002);
    });
    let mut desk = Desk::open(&server, &settings());
    desk.send("go");
    let lost = desk.lost();
    assert_eq!(
        (lost.loss, lost.text.as_str()),
        (WsLoss::Protocol, "a frame of the server is masked")
    );
    desk.up();
    desk.close();
}

#[test]
fn a_flood_of_pings_holds_up_no_message() {
    const PINGS: u32 = 20_000;
    let server = Server::start(true, |_, peer| {
        peer.read().unwrap();
        for number in 0..PINGS {
            let payload = number.to_be_bytes().to_vec();
            if number % 1000 == 0 {
                peer.send(Message::text("between")).unwrap();
            }
            peer.write(Message::Ping(payload.into())).unwrap();
        }
        peer.flush().unwrap();
        // The last ping is answered; of the others as many as there was time for.
        let last = (PINGS - 1).to_be_bytes();
        while peer.read().unwrap() != Message::Pong(last.to_vec().into()) {}
        peer.send(Message::text("answered")).unwrap();
        exchange(peer);
    });
    let mut desk = Desk::open(&server, &settings());
    desk.send("go");
    (0..20).for_each(|_| assert_eq!(desk.message(), "between"));
    assert_eq!(desk.message(), "answered");
    desk.close();
}

#[test]
fn a_silent_peer_is_given_up_and_one_that_answers_pings_is_kept() {
    let server = Server::faulty(|peer| {
        // It reads bytes and no frames until the end, so it answers no ping.
        let _ = peer.get_mut().read_to_end(&mut Vec::new());
    });
    let mut settings = settings();
    settings.set_keep_alive(SECOND / 20, SECOND / 5, 0).unwrap();
    let mut desk = Desk::open(&server, &settings);
    assert_eq!(desk.lost().loss, WsLoss::NoPong);
    desk.up();
    desk.until(|session| session.health().rtt_ns > 0);
    desk.close();
}

#[test]
fn a_peer_that_does_not_answer_the_close_is_left_in_time() {
    let server = Server::start(false, |_, peer| {
        let _ = peer.get_mut().read_to_end(&mut Vec::new());
    });
    let mut settings = settings();
    settings.set_timeouts(SECOND, SECOND, SECOND / 20).unwrap();
    let desk = Desk::open(&server, &settings);
    let id = desk.call(5);
    let lost = desk.close().unwrap();
    assert_eq!((id, lost.loss, lost.until_ns), (1, WsLoss::CloseTimeout, 0));
}

/// Pings that are messages, twenty a second.
fn text_pings() -> Settings {
    let mut settings = settings();
    settings.set_keep_alive(SECOND / 20, SECOND / 5, 0).unwrap();
    let ping = br#"{"op":"ping","id":"{number}","ts":{wall_ms}}"#;
    settings.set_text_ping(Some(TextPing::new(Kind::Text, ping, b"\"pong\"").unwrap()));
    settings
}

#[test]
fn pings_as_messages_are_filled_in_answered_and_measured() {
    let server = Server::faulty(|peer| {
        for number in 1..4 {
            let ping = peer.read().unwrap();
            let ping: serde_json::Value = serde_json::from_str(ping.to_text().unwrap()).unwrap();
            assert_eq!((&ping["op"], &ping["id"]), (&"ping".into(), &number.to_string().into()));
            assert!(ping["ts"].as_u64().unwrap() > 1_700_000_000_000);
            peer.send(Message::text(r#"{"op":"pong"}"#)).unwrap();
        }
        exchange(peer);
    });
    let mut desk = Desk::open(&server, &text_pings());
    (0..3).for_each(|_| assert_eq!(desk.message(), r#"{"op":"pong"}"#));
    assert!(desk.session.health().rtt_ns > 0);
    desk.close();
}

#[test]
fn a_peer_that_answers_no_ping_message_is_given_up() {
    let server = Server::faulty(|peer| {
        let ping = peer.read().unwrap();
        assert!(ping.is_text());
        peer.send(Message::text("no such command")).unwrap();
        // It takes the frames, and so it answers control frames. That is no answer to a message.
        while peer.read().is_ok() {}
    });
    let mut desk = Desk::open(&server, &text_pings());
    assert_eq!(desk.message(), "no such command");
    assert_eq!(desk.lost().loss, WsLoss::NoPong);
    desk.up();
    desk.close();
}

#[test]
fn a_ping_message_that_cannot_be_sent_is_refused_at_open() {
    let server = Server::faulty(exchange);
    let mut settings = text_pings();
    settings.set_sizes(50, 1000, 1000).unwrap();
    let refused = Session::open(&config(&server), &settings, b"/").err().unwrap();
    assert_eq!(refused.step, Status::ERR_TOO_LARGE);
}
