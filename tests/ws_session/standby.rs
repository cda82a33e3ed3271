//! Connections that wait to take over, and connections that are replaced before they are too old.

use std::collections::HashMap;
use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use tungstenite::Message;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use venuepool::error::{Outcome, Status, WireState};
use venuepool::session::event::{Event, Switched, WsLoss};
use venuepool::session::settings::Settings;
use venuepool::ws::frame::Kind;

use super::desk::{Desk, SECOND, settings, text};
use crate::peer::{Peer, Server, exchange};

const PATIENCE: Duration = Duration::from_secs(20);

/// A login that is acknowledged, on each of so many connections.
fn logged_in(connections: usize) -> Settings {
    let mut settings = settings();
    settings.add_opening(Kind::Text, b"login", true).unwrap();
    settings.add_opening(Kind::Text, b"subscribe", false).unwrap();
    settings.set_connections(connections).unwrap();
    settings
}

/// Takes the login and the subscription.
fn takes_login(peer: &mut Peer) {
    assert_eq!(peer.read().unwrap(), Message::text("login"));
    peer.send(Message::text("login ok")).unwrap();
    assert_eq!(peer.read().unwrap(), Message::text("subscribe"));
}

/// Up, and so many connections wait.
fn open(server: &Server, settings: &Settings, ready: usize) -> Desk {
    let mut desk = Desk::untaken(server, settings);
    assert_eq!(desk.message(), "login ok");
    desk.up();
    desk.until(|session| session.health().ready == ready);
    desk
}

#[test]
fn a_connection_that_is_ready_takes_over_at_once_and_the_lost_one_heals() {
    for is_tls in [false, true] {
        let server = Server::start(is_tls, |number, peer| {
            takes_login(peer);
            if number == 0 {
                while peer.read().unwrap() != Message::text("end") {}
                return;
            }
            exchange(peer);
        });
        let mut desk = open(&server, &logged_in(2), 1);
        assert_eq!(desk.send("x"), 3, "two opening messages have numbers of the live connection");
        let id = desk.call(7);
        desk.send("end");
        let lost = desk.lost();
        assert_eq!((lost.fate.last, lost.fate.sent_through), (5, 5));
        assert_eq!(desk.fails(id).1, WireState::Sent);
        let (connection, switched) = desk.switched();
        assert_eq!((connection, switched.previous, switched.loss), (2, 1, lost.loss));
        // It is up, and its two opening messages have the numbers behind.
        assert_eq!(desk.send("on the other one"), 8);
        assert_eq!(desk.message(), "on the other one");
        desk.until(|session| session.health().ready == 1);
        assert_eq!(server.accepted(), 3);
        let lost = desk.close().unwrap();
        assert_eq!(lost.loss, WsLoss::Closed);
    }
}

#[test]
fn the_loss_of_a_connection_that_waits_is_told_with_its_number_and_the_session_stays_up() {
    let server = Server::start(false, |number, peer| {
        takes_login(peer);
        if number != 1 {
            exchange(peer);
        }
    });
    let mut desk = Desk::untaken(&server, &logged_in(2));
    assert_eq!(desk.message(), "login ok");
    desk.up();
    let kept = desk.next();
    let Event::Lost(lost) = kept.event else { panic!("{:?}", kept.event) };
    assert_eq!((kept.connection, lost.fate.last, lost.until_ns > 0), (2, 0, true));
    assert_eq!(desk.send("still up"), 3, "the numbers are those of the live connection");
    assert_eq!(desk.message(), "still up");
    desk.until(|session| session.health().ready == 1);
    assert_eq!(desk.session.health().connections, 3);
    desk.close();
}

#[test]
fn without_one_that_is_ready_the_session_is_down_and_up_again() {
    let server = Server::start(false, |number, peer| {
        takes_login(peer);
        if number < 2 {
            let _ = peer.read();
            return;
        }
        exchange(peer);
    });
    let mut desk = open(&server, &logged_in(1), 0);
    desk.send("end");
    desk.lost();
    assert_eq!(desk.message(), "login ok");
    desk.up();
    desk.send("end");
    desk.lost();
    assert_eq!(desk.message(), "login ok");
    desk.up();
    desk.close();
}

/// Each connection has event of its own, which the engine is told once.
#[test]
fn what_comes_on_a_connection_that_waits_is_not_told() {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let server = Server::start(false, move |number, peer| {
        takes_login(peer);
        peer.send(Message::text(format!("event of {number}"))).unwrap();
        // It has been read when its pong has come.
        peer.send(Message::Ping(vec![1].into())).unwrap();
        while !peer.read().unwrap().is_pong() {}
        tell.lock().unwrap().send(number).unwrap();
        while let Ok(message) = peer.read() {
            match message {
                Message::Text(text) if text.as_str() == "end" => return,
                Message::Text(text) => peer.send(Message::Text(text)).unwrap(),
                _ => {}
            }
        }
    });
    let mut desk = open(&server, &logged_in(2), 1);
    let seen = AtomicU64::new(0);
    desk.until(|_| seen.fetch_add(told.try_iter().count() as u64, Ordering::Relaxed) == 2);
    desk.send("mark");
    let mut messages = Vec::new();
    while messages.last().is_none_or(|last| last != "mark") {
        messages.push(desk.message());
    }
    assert_eq!(messages, ["event of 0", "mark"]);
    desk.send("end");
    desk.lost();
    assert_eq!(desk.switched().0, 2);
    desk.send("mark");
    assert_eq!(desk.message(), "mark", "what had come before the switch is not told behind it");
    desk.close();
}

/// Event come on the one that waits all the time, also in the moment of the switch.
#[test]
fn nothing_of_the_next_connection_is_told_before_the_switch() {
    for round in 0..6 {
        let server = Server::start(false, move |number, peer| {
            takes_login(peer);
            if number == 0 {
                assert_eq!(peer.read().unwrap(), Message::text("end"));
                if round % 2 == 0 {
                    let _ = peer.close(None).and_then(|()| peer.flush());
                    while peer.read().is_ok() {}
                }
                return;
            }
            while peer.send(Message::text("tick")).is_ok() {
                thread::sleep(Duration::from_micros(100));
            }
        });
        let mut settings = logged_in(2);
        settings.set_timeouts(20 * SECOND, 20 * SECOND, SECOND / 50).unwrap();
        let mut desk = open(&server, &settings, 1);
        desk.send("end");
        let mut is_switched = false;
        let mut ticks = 0;
        while ticks < 3 {
            let kept = desk.next();
            match kept.event {
                Event::Switched(_) => is_switched = true,
                Event::Message(..) => {
                    assert!(is_switched, "round {round}: event of connection {}", kept.connection);
                    ticks += 1;
                }
                Event::Lost(_) => {}
                other => panic!("{other:?}"),
            }
        }
        desk.close();
    }
}

/// The venue says that it closes, and lets the socket open for long.
#[test]
fn a_close_frame_of_the_venue_is_a_reason_to_take_over_at_once() {
    let (go_on, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let server = Server::start(false, move |number, peer| {
        takes_login(peer);
        if number == 0 {
            assert_eq!(peer.read().unwrap(), Message::text("close"));
            let code = CloseCode::Restart;
            peer.close(Some(CloseFrame { code, reason: "".into() })).unwrap();
            peer.flush().unwrap();
            let _ = wait.lock().unwrap().recv_timeout(PATIENCE);
            // All is read, so that the end is no reset.
            while peer.read().is_ok() {}
            return;
        }
        exchange(peer);
    });
    let mut settings = logged_in(2);
    settings.set_timeouts(20 * SECOND, 20 * SECOND, 20 * SECOND).unwrap();
    let mut desk = open(&server, &settings, 1);
    desk.send("close");
    let (connection, switched) = desk.switched();
    assert_eq!(switched, Switched { previous: 1, loss: WsLoss::PeerClosed });
    assert_eq!(connection, 2);
    desk.send("x");
    assert_eq!(desk.message(), "x");
    go_on.send(()).unwrap();
    let lost = desk.lost();
    assert_eq!((lost.loss, lost.close_code), (WsLoss::PeerClosed, 1012));
    desk.until(|session| session.health().ready == 1);
    desk.close();
}

/// The old connection answers its call only once the new one is used, and then gets a close frame.
#[test]
fn a_connection_is_replaced_before_it_is_too_old_and_its_calls_are_answered() {
    for is_tls in [false, true] {
        let (go_on, wait) = mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        let (tell, closed) = mpsc::channel();
        let tell = Mutex::new(tell);
        let server = Server::start(is_tls, move |number, peer| {
            takes_login(peer);
            if number > 0 {
                return exchange(peer);
            }
            assert_eq!(peer.read().unwrap(), Message::text("id:7"));
            wait.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            peer.send(Message::text("event")).unwrap();
            peer.send(Message::text("id:7 ok")).unwrap();
            loop {
                match peer.read() {
                    Ok(Message::Close(frame)) => tell.lock().unwrap().send(frame).unwrap(),
                    Ok(_) => {}
                    Err(_) => return,
                }
            }
        });
        let mut settings = logged_in(1);
        settings.set_max_age_ns(2 * SECOND, 20 * SECOND).unwrap();
        let mut desk = open(&server, &settings, 0);
        let id = desk.call(7);
        let (connection, switched) = desk.switched();
        assert_eq!(switched, Switched { previous: 1, loss: WsLoss::Rotated });
        assert_eq!(connection, 2);
        assert_eq!(desk.send("by the new one"), 6, "behind its two opening messages");
        assert_eq!(desk.message(), "by the new one");
        go_on.send(()).unwrap();
        assert_eq!(desk.message(), "event");
        let (ended, answer) = desk.completion();
        assert_eq!((ended.call.id, ended.call.connection, answer.as_str()), (id, 1, "id:7 ok"));
        let lost = desk.lost();
        assert_eq!((lost.loss, lost.fate.last, lost.until_ns), (WsLoss::Rotated, 3, 0));
        let frame = closed.recv_timeout(PATIENCE).unwrap().unwrap();
        assert_eq!(u16::from(frame.code), 1000);
        desk.close();
    }
}

#[test]
fn calls_that_are_not_answered_hold_up_no_replacement_and_end_with_the_truth() {
    let server = Server::start(false, |number, peer| {
        takes_login(peer);
        match number {
            0 => while peer.read().is_ok() {},
            _ => exchange(peer),
        }
    });
    let mut settings = logged_in(1);
    settings.set_max_age_ns(SECOND, SECOND / 20).unwrap();
    let mut desk = open(&server, &settings, 0);
    let id = desk.call(7);
    assert_eq!(desk.switched().1.loss, WsLoss::Rotated);
    let busy = desk.session.call(Kind::Text, b"id:7", 7, SECOND, 0);
    assert_eq!(busy, Err(Status::ERR_ARGUMENT), "its key is in use by the old connection");
    assert_eq!(desk.lost().loss, WsLoss::Rotated);
    assert_eq!(desk.fails(id), (Outcome::ConnectionClosed, WireState::Sent));
    desk.close();
}

/// Nothing is lost by replacing: all calls of all threads are answered, on many connections.
#[test]
fn no_call_is_lost_while_connections_are_replaced_all_the_time() {
    let server = Server::start(false, |_, peer| {
        takes_login(peer);
        exchange(peer);
    });
    let mut settings = logged_in(2);
    settings.set_counts(1 << 16, 1 << 16).unwrap();
    settings.set_max_age_ns(SECOND / 10, 20 * SECOND).unwrap();
    let mut desk = Desk::untaken(&server, &settings);
    let (is_over, keys) = (AtomicBool::new(false), AtomicU64::new(0));
    let accepted: Mutex<HashMap<u64, u64>> = Mutex::default();
    let session = std::sync::Arc::clone(&desk.session);
    let (mut switches, mut answered) = (0, 0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let key = keys.fetch_add(1, Ordering::Relaxed);
                    let message = format!("id:{key}");
                    let id = session.call(Kind::Text, message.as_bytes(), key, 60 * SECOND, key);
                    accepted.lock().unwrap().insert(id.unwrap(), key);
                    thread::sleep(Duration::from_micros(300));
                }
            });
        }
        while switches < 20 {
            let kept = desk.next();
            match &kept.event {
                Event::Switched(switched) => {
                    assert_eq!(switched.loss, WsLoss::Rotated);
                    switches += 1;
                }
                Event::Completion(ended, _) => {
                    assert_eq!(ended.outcome, Outcome::Ok);
                    assert_eq!(text(&kept), format!("id:{} ok", ended.call.key));
                    assert_eq!(kept.connection, ended.call.connection);
                    answered += 1;
                }
                Event::Lost(lost) => assert_eq!(lost.loss, WsLoss::Rotated),
                Event::Message(..) | Event::Up => {}
                other => panic!("{other:?}"),
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    while answered < accepted.lock().unwrap().len() {
        if let Event::Completion(ended, _) = desk.next().event {
            assert_eq!(ended.outcome, Outcome::Ok);
            answered += 1;
        }
    }
    desk.close();
}

/// The venue takes no more than one connection: the session goes on, and asks one at a time.
#[test]
fn a_venue_that_refuses_a_second_connection_is_not_asked_by_all_at_once() {
    let server = Server::of_streams(false, |number, mut stream| {
        if number > 0 {
            let _ = stream.read(&mut [0; 4096]);
            return;
        }
        let Ok(mut peer) = tungstenite::accept(stream) else { return };
        takes_login(&mut peer);
        exchange(&mut peer);
    });
    let mut desk = open_alone(&server, &logged_in(4));
    for _ in 0..5 {
        let (failed, _) = desk.failed();
        assert_eq!(failed.status, Status::ERR_UPGRADE);
        desk.send("still up");
        let mut told = desk.next();
        while let Event::Failed(_) = told.event {
            told = desk.next();
        }
        assert_eq!(text(&told), "still up");
    }
    desk.close();
}

fn open_alone(server: &Server, settings: &Settings) -> Desk {
    let mut desk = Desk::untaken(server, settings);
    assert_eq!(desk.message(), "login ok");
    desk.up();
    desk
}
