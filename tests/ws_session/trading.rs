//! Sending, calls and messages while all is well.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use venuepool::error::{Outcome, Status, WireState};
use venuepool::session::Session;
use venuepool::session::event::{News, WsLoss};
use venuepool::ws::frame::Kind;
use venuepool::ws::session::inbox::Overflow;
use venuepool::ws::session::life::Stage;

use crate::desk::{Desk, SECOND, config, settings, text};
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
    assert_eq!(kept.news, News::Message(Kind::Text, Some(7)));
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
        match desk.next().news {
            News::Completion(ended, _) => {
                assert_eq!((ended.call.id, ended.outcome), (id, Outcome::Cancelled));
                ends += 1;
            }
            other => assert_eq!(other, News::Message(Kind::Text, None)),
        }
    }
    assert_eq!(ends, 1);
    desk.close();
}

#[test]
fn a_function_is_lent_each_message_on_the_sessions_thread() {
    let server = Server::start(false, |_, peer| exchange(peer));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (into, mut settings) = (Arc::clone(&seen), settings());
    settings.set_told(Some(Arc::new(move |told| {
        let name = thread::current().name().map(str::to_owned);
        assert_eq!(name.as_deref(), Some("venuepool"));
        let payload = &told.padded[..told.padded.len().saturating_sub(64)];
        into.lock().unwrap().push((told.news.clone(), payload.to_vec()));
    })));
    let session = Session::open(&config(&server), &settings, b"/").unwrap();
    session.send(Kind::Binary, b"ignored by the exchange").unwrap();
    session.send(Kind::Text, b"hello").unwrap();
    session.call(Kind::Text, b"id:3", 3, 10 * SECOND, 0).unwrap();
    let cancelled = session.call(Kind::Binary, b"id:4", 4, 10 * SECOND, 0).unwrap();
    session.cancel(cancelled).unwrap();
    while session.health().calls > 0 {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(session.poll(1, Duration::ZERO, |_| ()), Err(Status::ERR_PHASE));
    session.shutdown(None, "").unwrap();
    session.close().unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0].0, News::Up);
    assert_eq!(seen.last().unwrap().0, News::Closed);
    let messages = seen.iter().filter(|(news, _)| matches!(news, News::Message(..)));
    assert_eq!(messages.map(|(_, payload)| &payload[..]).collect::<Vec<_>>(), [b"hello"]);
    let ends = seen.iter().filter(|(news, _)| matches!(news, News::Completion(..))).count();
    assert_eq!(ends, 2);
}

#[test]
fn a_slow_taker_is_told_what_was_dropped() {
    let server = Server::start(false, |_, peer| exchange(peer));
    let mut settings = settings();
    settings.set_queue(10, Overflow::DropOldest).unwrap();
    let mut desk = Desk::open(&server, &settings);
    for number in 0..100 {
        desk.send(&number.to_string());
    }
    // A call behind them has its answer only when all of them were told.
    desk.call(1);
    while desk.session.health().calls > 0 {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(desk.next().news, News::Dropped(90));
    (90..100).for_each(|number| assert_eq!(desk.message(), format!("{number}")));
    assert_eq!(desk.completion().0.outcome, Outcome::Ok);
    desk.close();
}

#[test]
fn or_its_connection_is_closed() {
    let server = Server::start(false, |_, peer| exchange(peer));
    let mut settings = settings();
    settings.set_queue(10, Overflow::Close).unwrap();
    let mut desk = Desk::open(&server, &settings);
    for number in 0..11 {
        let _ = desk.session.send(Kind::Text, number.to_string().as_bytes());
    }
    while desk.session.health().connections < 2 {
        thread::sleep(Duration::from_millis(1));
    }
    (0..10).for_each(|number| assert_eq!(desk.message(), format!("{number}")));
    assert_eq!(desk.lost().loss, WsLoss::SlowTaker);
    desk.up();
    desk.close();
}

#[test]
fn calls_are_bounded_with_those_that_were_not_taken() {
    let server = Server::start(false, |_, peer| exchange(peer));
    let mut settings = settings();
    settings.set_counts(4, 4096).unwrap();
    let mut desk = Desk::open(&server, &settings);
    for key in 0..4 {
        desk.call(key);
    }
    let full = |desk: &Desk| desk.session.call(Kind::Text, b"id:9", 9, SECOND, 0);
    assert_eq!(full(&desk), Err(Status::ERR_COMPLETIONS_FULL));
    while desk.session.health().calls > 0 {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(full(&desk), Err(Status::ERR_COMPLETIONS_FULL));
    (0..4).for_each(|_| drop(desk.completion()));
    assert!(full(&desk).is_ok());
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
