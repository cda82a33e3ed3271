//! Sending, calls and messages while all is well.

use std::collections::HashMap;
use std::thread;

use venuepool::error::{Outcome, Status, WireState};
use venuepool::session::event::{Event, WsLoss};
use venuepool::ws::frame::Kind;
use venuepool::ws::session::life::Stage;

use super::desk::{Desk, SECOND, settings, text};
use crate::peer::{Server, exchange};

#[test]
fn messages_go_out_and_come_in_plain_and_over_tls() {
    for is_tls in [false, true] {
        let server = Server::start(is_tls, |_, peer| exchange(peer));
        let mut desk = Desk::open(&server, &settings());
        assert_eq!(desk.session.health().stage, Stage::Up);
        for size in [0, 1, 125, 126, 65_535, 65_536] {
            let long = "x".repeat(size);
            desk.send(&long);
            assert_eq!(desk.message(), long);
        }
        desk.send("sub");
        let ticks: Vec<_> = (0..3).map(|_| desk.message()).collect();
        assert_eq!(ticks, ["tick 1", "tick 2", "tick 3"]);
        let lost = desk.close().unwrap();
        assert_eq!((lost.loss, lost.until_ns), (WsLoss::Closed, 0));
        assert_eq!(lost.fate.acked_through, 7);
    }
}

#[test]
fn each_call_has_its_own_answer_whatever_their_order() {
    for is_tls in [false, true] {
        // Answers are given in pairs, the later one first.
        let server = Server::start(is_tls, |_, peer| {
            while let (Ok(first), Ok(second)) = (peer.read(), peer.read()) {
                for message in [second, first] {
                    let answer = format!("{} ok", message.into_text().unwrap());
                    peer.send(tungstenite::Message::text(answer)).unwrap();
                }
            }
        });
        let mut desk = Desk::open(&server, &settings());
        let ids: HashMap<u64, u64> = (0..100).map(|key| (desk.call(key), key)).collect();
        for _ in 0..100 {
            let (ended, answer) = desk.completion();
            let key = ids[&ended.call.id];
            assert_eq!((ended.call.user_data, answer), (key, format!("id:{key} ok")));
            assert_eq!((ended.outcome, ended.wire_state), (Outcome::Ok, WireState::Answered));
        }
        assert_eq!(desk.session.health().calls, 0);
        desk.close();
    }
}

#[test]
fn eight_threads_send_and_each_finds_its_messages_in_its_order() {
    let server = Server::start(true, |_, peer| exchange(peer));
    let mut desk = Desk::open(&server, &settings());
    thread::scope(|scope| {
        for thread in 0..8 {
            let session = &desk.session;
            scope.spawn(move || {
                for number in 0..200 {
                    let text = format!("{thread} {number}");
                    session.send(Kind::Text, text.as_bytes()).unwrap();
                }
            });
        }
    });
    let mut next = [0; 8];
    for _ in 0..8 * 200 {
        let message = desk.message();
        let (thread, number) = message.split_once(' ').unwrap();
        let expected = &mut next[thread.parse::<usize>().unwrap()];
        assert_eq!(number.parse(), Ok(*expected));
        *expected += 1;
    }
    desk.close();
}

#[test]
fn a_call_ends_once_at_its_deadline_and_a_late_answer_is_a_message() {
    let server = Server::start(false, |_, peer| {
        let first = peer.read().unwrap().into_text().unwrap();
        // The engine says when its call has ended.
        peer.read().unwrap();
        peer.send(tungstenite::Message::text(format!("{first} late"))).unwrap();
        exchange(peer);
    });
    let mut desk = Desk::open(&server, &settings());
    let id = desk.session.call(Kind::Text, b"id:7", 7, SECOND / 50, 0).unwrap();
    assert_eq!(desk.fails(id), (Outcome::Timeout, WireState::Sent));
    desk.send("go on");
    let kept = desk.next();
    assert_eq!(kept.event, Event::Message(Kind::Text, Some(7)));
    assert_eq!(text(&kept), "id:7 late");
    let again = desk.call(7);
    assert_eq!(desk.completion().0.call.id, again);
    desk.close();
}

#[test]
fn a_cancelled_call_ends_once() {
    let server = Server::start(false, |_, peer| exchange(peer));
    let mut desk = Desk::open(&server, &settings());
    let id = desk.session.call(Kind::Text, b"no answer", 1, 10 * SECOND, 0).unwrap();
    let busy = desk.session.call(Kind::Text, b"no answer", 1, SECOND, 0);
    assert_eq!(busy, Err(Status::ERR_ARGUMENT), "its key is in use");
    desk.session.cancel(id).unwrap();
    assert_eq!(desk.session.cancel(id), Err(Status::ERR_UNKNOWN_ID));
    let mut ends = 0;
    // The two may be told in either order: they come from two threads.
    for _ in 0..2 {
        match desk.next().event {
            Event::Completion(ended, _) => {
                assert_eq!((ended.call.id, ended.outcome), (id, Outcome::Cancelled));
                ends += 1;
            }
            other => assert_eq!(other, Event::Message(Kind::Text, None)),
        }
    }
    assert_eq!(ends, 1);
    desk.close();
}

#[test]
fn a_message_that_is_too_long_and_a_closed_session_are_refused() {
    let server = Server::start(false, |_, peer| exchange(peer));
    let mut settings = settings();
    settings.set_sizes(100, 1000, 1000).unwrap();
    let desk = Desk::open(&server, &settings);
    let send = |len| desk.session.send(Kind::Text, &vec![b'x'; len]);
    assert_eq!((send(101), send(100)), (Err(Status::ERR_TOO_LARGE), Ok(1)));
    desk.session.shutdown(Some(3000), "").unwrap();
    assert_eq!(send(1), Err(Status::ERR_CLOSED));
    assert_eq!(desk.session.shutdown(None, ""), Err(Status::ERR_CLOSED));
    desk.session.close().unwrap();
}
