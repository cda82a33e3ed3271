//! What is told while the engine takes nothing: it happens on the session's thread, so in thread
//! drive only.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use venuepool::error::{Outcome, Status};
use venuepool::session::Session;
use venuepool::session::event::{Event, WsLoss};
use venuepool::ws::frame::Kind;
use venuepool::ws::session::inbox::Overflow;

use crate::desk::{Desk, SECOND, config, settings};
use crate::peer::{Server, exchange};

#[test]
fn a_function_is_lent_each_message_on_the_sessions_thread() {
    let server = Server::start(false, |_, peer| exchange(peer));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (into, mut settings) = (Arc::clone(&seen), settings());
    settings.set_told(Some(Arc::new(move |told| {
        let name = thread::current().name().map(str::to_owned);
        assert_eq!(name.as_deref(), Some("venuepool"));
        let payload = &told.padded[..told.padded.len().saturating_sub(64)];
        into.lock().unwrap().push((told.event.clone(), payload.to_vec()));
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
    assert_eq!(seen[0].0, Event::Up);
    assert_eq!(seen.last().unwrap().0, Event::Closed);
    let messages = seen.iter().filter(|(event, _)| matches!(event, Event::Message(..)));
    assert_eq!(messages.map(|(_, payload)| &payload[..]).collect::<Vec<_>>(), [b"hello"]);
    let ends = seen.iter().filter(|(event, _)| matches!(event, Event::Completion(..))).count();
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
    assert_eq!(desk.next().event, Event::Dropped(90));
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
