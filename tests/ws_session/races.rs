//! Several threads at once, functions that are slow, and a close in the midst of something.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use tungstenite::{Message, accept};
use venuepool::error::Status;
use venuepool::session::Session;
use venuepool::session::event::{Event, Told};
use venuepool::ws::frame::Kind;

use crate::desk::{Desk, SECOND, config, settings};
use crate::peer::{Server, exchange};

#[test]
fn each_of_two_closes_waits_until_no_function_runs() {
    let server = Server::start(false, |_, peer| exchange(peer));
    let is_inside = Arc::new(AtomicBool::new(false));
    let (inside, entered) = mpsc::channel();
    let mut settings = settings();
    let flag = Arc::clone(&is_inside);
    settings.set_told(Some(Arc::new(move |told: &Told<'_>| {
        if let Event::Message(..) = told.event {
            flag.store(true, Ordering::SeqCst);
            inside.send(()).unwrap();
            thread::sleep(Duration::from_millis(200));
            flag.store(false, Ordering::SeqCst);
        }
    })));
    let session = Session::open(&config(&server), &settings, b"/").unwrap();
    session.send(Kind::Text, b"x").unwrap();
    entered.recv().unwrap();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let _ = session.shutdown(Some(1000), "");
                session.close().unwrap();
                assert!(!is_inside.load(Ordering::SeqCst), "a function runs behind the close");
            });
        }
    });
}

/// How often the end of each call was told.
type Ends = Arc<Mutex<HashMap<u64, u32>>>;

/// A cancel that meets the end of the session: the call ends once all the same.
#[test]
fn each_call_ends_once_when_it_is_cancelled_while_the_session_closes() {
    const CALLS: u64 = 64;
    let server = Server::start(false, |_, peer| while peer.read().is_ok() {});
    for round in 0..100 {
        let ends = Ends::default();
        let mut settings = settings();
        let counts = Arc::clone(&ends);
        settings.set_told(Some(Arc::new(move |told: &Told<'_>| {
            if let Event::Completion(ended, _) = told.event {
                *counts.lock().unwrap().entry(ended.call.id).or_default() += 1;
            }
        })));
        let session = Session::open(&config(&server), &settings, b"/").unwrap();
        let call = |key| session.call(Kind::Text, b"x", key, 10 * SECOND, 0).unwrap();
        let ids: Vec<u64> = (0..CALLS).map(call).collect();
        thread::scope(|scope| {
            for half in ids.chunks(ids.len() / 2) {
                let session = &session;
                scope.spawn(move || {
                    for id in half {
                        let cancelled = session.cancel(*id);
                        assert!(matches!(cancelled, Ok(()) | Err(Status::ERR_UNKNOWN_ID)));
                    }
                });
            }
            session.shutdown(Some(1000), "").unwrap();
            session.close().unwrap();
        });
        let ends = ends.lock().unwrap();
        assert!(ends.values().all(|count| *count == 1), "round {round}: an end is told twice");
        assert_eq!(ends.len() as u64, CALLS, "round {round}: a call has no end");
    }
}

/// The messages take longer than a pong may. What came meanwhile lies in the socket, and counts.
#[test]
fn a_slow_function_does_not_make_the_venue_silent() {
    const LONG: usize = 100 * 1024;
    let server = Server::of_streams(false, |_, stream| {
        let mut peer = accept(stream).unwrap();
        let stream = peer.get_mut();
        let mut ping = [0; 14];
        stream.read_exact(&mut ping).unwrap();
        assert_eq!(ping[..2], [0x89, 0x88]);
        // More than one turn reads, and the pong right behind it.
        let mut answer = Vec::new();
        for _ in 0..4 {
            answer.extend_from_slice(&[0x82, 127]);
            answer.extend_from_slice(&(LONG as u64).to_be_bytes());
            answer.resize(answer.len() + LONG, b'x');
        }
        answer.extend_from_slice(b"\x8a\x08");
        (0..8).for_each(|at| answer.push(ping[6 + at] ^ ping[2 + at % 4]));
        answer.extend_from_slice(b"\x81\x04next");
        stream.write_all(&answer).unwrap();
        exchange(&mut peer);
    });
    let (tell, told) = mpsc::channel();
    let mut settings = settings();
    settings.set_keep_alive(SECOND / 10, SECOND / 5, SECOND / 5).unwrap();
    settings.set_told(Some(Arc::new(move |its: &Told<'_>| {
        let what = match its.event {
            Event::Message(..) if its.padded.len() > LONG => {
                thread::sleep(Duration::from_millis(250));
                "long"
            }
            Event::Message(..) => "next",
            Event::Lost(..) => "lost",
            _ => return,
        };
        let _ = tell.send(what);
    })));
    let session = Session::open(&config(&server), &settings, b"/").unwrap();
    let patience = Duration::from_secs(20);
    (0..4).for_each(|_| assert_eq!(told.recv_timeout(patience), Ok("long")));
    assert_eq!(told.recv_timeout(patience), Ok("next"));
    session.shutdown(Some(1000), "").unwrap();
    session.close().unwrap();
}

#[test]
fn nothing_is_sent_behind_the_close_frame_of_an_opening_function() {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let server = Server::of_streams(false, move |number, stream| {
        let mut peer = accept(stream).unwrap();
        if number == 0 {
            assert_eq!(peer.read().unwrap(), Message::text("login"));
            return;
        }
        let mut sent = Vec::new();
        peer.get_mut().read_to_end(&mut sent).unwrap();
        tell.lock().unwrap().send(sent).unwrap();
    });
    let mut settings = settings();
    settings.set_timeouts(SECOND, SECOND, SECOND / 20).unwrap();
    let (place, count) = (Arc::new(OnceLock::<Arc<Session>>::new()), AtomicU32::new(0));
    let its = Arc::clone(&place);
    let login = move |_, room: &mut [u8]| {
        if count.fetch_add(1, Ordering::SeqCst) == 1 {
            its.wait().shutdown(Some(1000), "").unwrap();
        }
        room[..5].copy_from_slice(b"login");
        Some(5)
    };
    settings.add_written(Kind::Text, Arc::new(login), false).unwrap();
    let session = Session::open(&config(&server), &settings, b"/").unwrap();
    assert!(place.set(Arc::clone(&session)).is_ok());
    let sent = told.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!((sent[..2].to_vec(), sent.len()), (vec![0x88, 0x82], 8), "{sent:x?}");
    session.close().unwrap();
}

/// More opening messages than may be unacknowledged, and more bytes than may wait for the kernel.
#[test]
fn opening_messages_find_room_whatever_the_limits_are() {
    let big = "x".repeat(1 << 20);
    let expected = big.clone();
    let server = Server::start(false, move |_, peer| {
        for _ in 0..16 {
            assert_eq!(peer.read().unwrap(), Message::text(expected.clone()));
        }
        exchange(peer);
    });
    let mut settings = settings();
    settings.set_sizes(1 << 20, 1 << 20, 1).unwrap();
    settings.set_counts(1, 1).unwrap();
    (0..16).for_each(|_| settings.add_opening(Kind::Text, big.as_bytes(), false).unwrap());
    let mut desk = Desk::open(&server, &settings);
    let is_full = |sent| sent == Err(Status::ERR_WAITING_FULL);
    while is_full(desk.session.send(Kind::Text, b"there")) {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(desk.message(), "there");
    desk.close();
    settings.set_sizes((1 << 20) - 1, 1 << 20, 1).unwrap();
    let error = Session::open(&config(&server), &settings, b"/").err().unwrap();
    assert_eq!((error.step, server.accepted()), (Status::ERR_TOO_LARGE, 1));
}
