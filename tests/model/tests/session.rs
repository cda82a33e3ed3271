//! A WebSocket session between those who send, call, cancel, take and close, and who drives it.
//!
//! The session's own thread serves until it has seen enough. Were an end of a call lost, or a
//! wake-up, one would sleep for ever, and the checker reports that as a deadlock.

mod checker;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use checker::{check, spawn};
use loom::thread::JoinHandle;
use venuepool_model::error::{Outcome, Status, WireState};
use venuepool_model::session::Session;
use venuepool_model::session::event::{Event, Told};
use venuepool_model::session::model::{Model, WakeFdModel};
use venuepool_model::ws::frame::Kind;
use venuepool_model::ws::session::life::Stage;

/// The venue answers whatever comes.
const ALL: usize = usize::MAX;

/// When calls have their deadline, if they are to meet it.
const SOON_NS: u64 = 1_000;
/// No model takes so long.
const LONG_NS: u64 = 1_000_000_000_000;

/// A session, and its UP is taken.
fn model() -> Arc<Model> {
    let model = Model::new(None);
    assert_eq!(taken(&model, Duration::ZERO), Some(vec![Event::Up]));
    model
}

/// What is told, waiting for the first of it.
fn taken(model: &Model, patience: Duration) -> Option<Vec<Event>> {
    let mut event = Vec::new();
    let taken = model.session.poll(8, patience, |kept| event.push(kept.event)).unwrap();
    taken.map(|_| event)
}

/// A call whose key is also its message.
fn call(model: &Model, key: u8, timeout_ns: u64) -> Result<u64, Status> {
    let id = model.session.call(Kind::Text, &[key], key.into(), timeout_ns, 0);
    model.sent();
    id
}

/// The session's own thread, until something is so.
fn serve(
    model: &Arc<Model>,
    answers: usize,
    done: impl FnMut(&Session) -> bool + Send + 'static,
) -> JoinHandle<()> {
    let model = Arc::clone(model);
    spawn(move || model.serve(answers, done))
}

fn has_no_calls(session: &Session) -> bool {
    session.health().calls == 0
}

/// How calls have ended, in the order in which it was told.
fn ends(event: &[Event]) -> Vec<(u64, Outcome)> {
    let end = |event: &Event| match event {
        Event::Completion(ended, _) => Some((ended.call.id, ended.outcome)),
        _ => None,
    };
    event.iter().filter_map(end).collect()
}

/// Ends a session whose own thread has left already, and takes the rest of what is told.
fn close(model: &Model) -> Vec<Event> {
    let _ = model.session.shutdown(None, "");
    model.hang_up();
    model.serve(0, |_| false);
    let mut all = Vec::new();
    while let Some(event) = taken(model, Duration::ZERO) {
        all.extend(event);
    }
    assert_eq!(all.last(), Some(&Event::Closed));
    all
}

/// Who sleeps in the queue is woken by what is told, each time.
#[test]
fn whoever_sleeps_is_woken_by_what_is_told() {
    check(2, || {
        let model = model();
        let server = serve(&model, ALL, has_no_calls_after(2));
        let mut seen = Vec::new();
        for key in [1, 2] {
            call(&model, key, LONG_NS).unwrap();
            while seen.len() < key.into() {
                seen.extend(ends(&taken(&model, Duration::MAX).unwrap()));
            }
        }
        assert_eq!(seen, [(1, Outcome::Ok), (2, Outcome::Ok)]);
        server.join().unwrap();
        assert_eq!(ends(&close(&model)), []);
    });
}

/// Whether so many calls have begun, and all have ended.
fn has_no_calls_after(calls: u64) -> impl FnMut(&Session) -> bool + Send + 'static {
    move |session| session.last_call() == calls && has_no_calls(session)
}

#[test]
fn nothing_that_is_told_is_left_behind_a_descriptor_that_is_not_readable() {
    check(3, || {
        let model = model();
        let server = serve(&model, ALL, has_no_calls_after(1));
        call(&model, 1, LONG_NS).unwrap();
        model.session.event_fd().unwrap();
        let mut seen = taken(&model, Duration::ZERO).unwrap().len();
        server.join().unwrap();
        assert!(seen == 1 || model.is_readable(), "the engine would sleep on a completion");
        seen += taken(&model, Duration::ZERO).unwrap().len();
        assert_eq!(seen, 1);
        assert!(!model.is_readable(), "the engine would spin");
        close(&model);
    });
}

#[test]
fn a_descriptor_made_while_something_is_told_tells_of_it() {
    check(3, || {
        let model = model();
        let server = serve(&model, ALL, has_no_calls_after(1));
        call(&model, 1, LONG_NS).unwrap();
        model.session.event_fd().unwrap();
        server.join().unwrap();
        assert!(model.is_readable(), "the engine would sleep on a completion");
        assert_eq!(taken(&model, Duration::ZERO).unwrap().len(), 1);
        assert!(!model.is_readable(), "the engine would spin");
        close(&model);
    });
}

/// Frames are whole on the wire, in the order of their numbers, whoever sends and while who drives
/// reads.
#[test]
fn two_who_send_and_one_who_reads_share_the_connection_frame_by_frame() {
    check(3, || {
        let model = model();
        let sent = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&sent);
        let send = move |model: &Model, byte: u8| {
            let number = model.session.send(Kind::Text, &[byte]).unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            model.sent();
            number
        };
        let (other, theirs) = (Arc::clone(&model), send.clone());
        let other = spawn(move || theirs(&other, b'b'));
        let server = serve(&model, 0, move |_| sent.load(Ordering::SeqCst) == 2);
        let mine = send(&model, b'a');
        let theirs = other.join().unwrap();
        server.join().unwrap();
        let expected = if mine < theirs { b"ab" } else { b"ba" };
        assert_eq!((mine + theirs, &model.received()[..]), (3, &expected[..]));
        close(&model);
    });
}

/// A key that two calls would share answers one of them only.
#[test]
fn of_two_calls_with_one_key_one_is_refused_or_comes_behind_the_end_of_the_other() {
    check(3, || {
        let model = model();
        let other = Arc::clone(&model);
        let other = spawn(move || call(&other, 7, LONG_NS));
        let calls = [call(&model, 7, LONG_NS), other.join().unwrap()];
        let accepted = calls.iter().filter(|call| call.is_ok()).count();
        assert!(calls.contains(&Err(Status::ERR_ARGUMENT)), "{calls:?}");
        assert_eq!((accepted, model.session.health().calls), (1, 1));
        let ended = ends(&close(&model));
        assert!(matches!(ended[..], [(1, outcome)] if outcome != Outcome::Ok), "{ended:?}");
    });
}

/// Its answer, its deadline, a cancel and the loss of the connection meet.
#[test]
fn a_call_ends_once_whatever_ends_it() {
    check(3, || {
        let model = model();
        let id = call(&model, 1, SOON_NS).unwrap();
        let server = serve(&model, 1, has_no_calls);
        let canceller = Arc::clone(&model);
        let canceller = spawn(move || canceller.session.cancel(id));
        model.pass_time_until(2 * SOON_NS);
        model.hang_up();
        let cancelled = canceller.join().unwrap();
        server.join().unwrap();
        let mut event = taken(&model, Duration::ZERO).unwrap();
        event.extend(close(&model));
        let ended = ends(&event);
        assert_eq!(ended.len(), 1, "{ended:?}");
        assert_eq!(ended[0].1 == Outcome::Cancelled, cancelled == Ok(()), "{ended:?}");
    });
}

/// Its deadline, a cancel and the end of the session meet, while there is no connection.
#[test]
fn a_call_that_waits_ends_once_and_unsent_whatever_ends_it() {
    check(2, || {
        let model = Model::patient(1);
        model.hang_up();
        model.serve(0, |session| session.health().stage != Stage::Up);
        assert_eq!(taken(&model, Duration::ZERO).map(|event| event.len()), Some(2));
        let id = call(&model, 1, SOON_NS).unwrap();
        let server = serve(&model, 0, |_| false);
        let canceller = Arc::clone(&model);
        let canceller = spawn(move || canceller.session.cancel(id));
        model.pass_time_until(2 * SOON_NS);
        model.session.shutdown(None, "").unwrap();
        let cancelled = canceller.join().unwrap();
        server.join().unwrap();
        let mut event = Vec::new();
        while let Some(some) = taken(&model, Duration::ZERO) {
            event.extend(some);
        }
        let unsent = event.iter().filter_map(|event| match event {
            Event::Completion(ended, _) => Some((ended.wire_state, ended.outcome)),
            _ => None,
        });
        let unsent: Vec<_> = unsent.collect();
        assert!(matches!(unsent[..], [(WireState::NotSent, _)]), "{unsent:?}");
        assert_eq!(unsent[0].1 == Outcome::Cancelled, cancelled == Ok(()), "{unsent:?}");
        assert!(model.received().is_empty());
    });
}

/// Only its deadline ends this call, and who drives has gone to sleep for ever.
#[test]
fn a_call_whose_deadline_is_earlier_than_the_sleep_of_who_drives_wakes_it() {
    check(3, || {
        let model = model();
        let server = serve(&model, 0, has_no_calls_after(1));
        // Nothing but the call itself wakes it.
        model.session.call(Kind::Text, b"x", 1, SOON_NS, 0).unwrap();
        model.pass_time_until(10 * SOON_NS);
        let event = taken(&model, Duration::MAX).unwrap();
        assert_eq!(ends(&event), [(1, Outcome::Timeout)]);
        server.join().unwrap();
        close(&model);
    });
}

/// The close meets an answer that is being told, and one who sleeps in the queue.
#[test]
fn a_close_tells_each_end_once_and_nothing_behind_closed() {
    check(2, || {
        let model = model();
        call(&model, 1, LONG_NS).unwrap();
        let server = serve(&model, 1, |_| false);
        let closing = Arc::clone(&model);
        let closing = spawn(move || {
            closing.session.shutdown(None, "").unwrap();
            closing.hang_up();
        });
        let mut event = Vec::new();
        while let Some(some) = taken(&model, Duration::MAX) {
            event.extend(some);
        }
        assert_eq!(taken(&model, Duration::MAX), None, "something behind the end");
        assert_eq!(ends(&event).len(), 1, "{event:?}");
        let closed = event.iter().filter(|event| **event == Event::Closed).count();
        assert_eq!((closed, event.last()), (1, Some(&Event::Closed)), "{event:?}");
        closing.join().unwrap();
        server.join().unwrap();
    });
}

/// With a function, what another thread tells is handed on by who drives, and before the end.
#[test]
fn a_cancel_while_the_session_closes_is_told_to_its_function_once() {
    check(2, || {
        let (ends, closed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (count, last) = (Arc::clone(&ends), Arc::clone(&closed));
        let model = Model::new(Some(Arc::new(move |told: &Told<'_>| {
            assert_eq!(last.load(Ordering::SeqCst), 0, "something behind the end");
            match told.event {
                Event::Completion(..) => count.fetch_add(1, Ordering::SeqCst),
                Event::Closed => last.fetch_add(1, Ordering::SeqCst),
                _ => 0,
            };
        })));
        let id = call(&model, 1, LONG_NS).unwrap();
        let server = serve(&model, 0, |_| false);
        let canceller = Arc::clone(&model);
        let canceller = spawn(move || canceller.session.cancel(id));
        model.session.shutdown(None, "").unwrap();
        model.hang_up();
        let _ = canceller.join().unwrap();
        server.join().unwrap();
        let told = (ends.load(Ordering::SeqCst), closed.load(Ordering::SeqCst));
        assert_eq!(told, (1, 1));
    });
}

/// What was noted before a notification is seen by who looks, or who sleeps is woken.
#[test]
fn a_bell_that_is_rung_is_heard_by_who_goes_to_sleep() {
    check(4, || {
        let wake_fd = WakeFdModel::new();
        let ringers = [0, 1].map(|_| {
            let wake_fd = Arc::clone(&wake_fd);
            spawn(move || wake_fd.notify())
        });
        let sleeps = wake_fd.begin_sleep();
        ringers.into_iter().for_each(|ringer| ringer.join().unwrap());
        assert!(!sleeps || wake_fd.is_readable(), "it would sleep for ever");
        wake_fd.end_sleep();
        assert!(wake_fd.pass(), "it was notified");
        assert!(!wake_fd.pass() && !wake_fd.is_readable());
    });
}

/// What it was notified of behind a pass is seen by the next one.
#[test]
fn a_bell_that_is_rung_during_a_pass_is_seen_by_it_or_by_the_next_one() {
    check(4, || {
        let wake_fd = WakeFdModel::new();
        wake_fd.give();
        assert!(wake_fd.pass());
        let noted = Arc::new(loom::sync::atomic::AtomicBool::new(false));
        let (ringer, note) = (Arc::clone(&wake_fd), Arc::clone(&noted));
        let ringer = spawn(move || {
            note.store(true, Ordering::Relaxed);
            ringer.notify();
        });
        let is_seen = wake_fd.pass() && noted.load(Ordering::Relaxed);
        ringer.join().unwrap();
        assert!(is_seen || wake_fd.is_readable(), "nobody would look");
        assert!(is_seen || wake_fd.pass());
    });
}

/// The engine asks for the descriptor while a thread that drives awakes.
#[test]
fn a_descriptor_that_is_given_while_a_driver_awakes_is_heard_for_ever() {
    check(4, || {
        let wake_fd = WakeFdModel::new();
        wake_fd.begin_sleep();
        let engine = Arc::clone(&wake_fd);
        let engine = spawn(move || engine.give());
        wake_fd.end_sleep();
        engine.join().unwrap();
        wake_fd.pass();
        wake_fd.notify();
        assert!(wake_fd.is_readable(), "the engine would sleep for ever");
    });
}
