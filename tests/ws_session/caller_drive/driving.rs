//! Who drives a session in caller drive, when, and what wakes them.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tungstenite::Message;
use venuepool::error::{Outcome, Status, WireState};
use venuepool::session::Session;
use venuepool::session::event::{Event, Kept, Told, WsLoss};
use venuepool::session::settings::Settings;
use venuepool::ws::frame::Kind;
use venuepool::ws::session::life::Stage;

use super::desk::{Desk, SECOND, config, settings, text};
use crate::peer::{Server, exchange};

const PATIENCE: Duration = Duration::from_secs(20);

/// Sleeps on the descriptor by the engine's own means. `false`: it stays silent.
fn is_readable(session: &Session, patience: Duration) -> bool {
    let fd = session.event_fd().unwrap();
    let limit = PollTimeout::try_from(patience).unwrap();
    poll(&mut [PollFd::new(fd.as_fd(), PollFlags::POLLIN)], limit).unwrap() == 1
}

fn polled(session: &Session) -> Vec<Kept> {
    let mut taken = Vec::new();
    session.poll(16, Duration::ZERO, |kept| taken.push(kept)).unwrap();
    taken
}

/// The next thing that is told, by a loop over the descriptor.
fn by_descriptor(session: &Session) -> Kept {
    let begin = Instant::now();
    loop {
        assert!(begin.elapsed() < PATIENCE, "nothing is told");
        assert!(is_readable(session, PATIENCE), "the descriptor stays silent");
        let mut taken = None;
        session.poll(1, Duration::ZERO, |kept| taken = Some(kept)).unwrap();
        if let Some(kept) = taken {
            return kept;
        }
    }
}

/// The next thing that is told, by polls alone.
fn by_polls(session: &Session) -> Kept {
    let begin = Instant::now();
    loop {
        assert!(begin.elapsed() < PATIENCE, "nothing is told");
        let mut taken = None;
        session.poll(1, Duration::ZERO, |kept| taken = Some(kept)).unwrap();
        if let Some(kept) = taken {
            return kept;
        }
    }
}

fn open(server: &Server, settings: &Settings) -> Arc<Session> {
    let session = Session::open(&config(server), settings, b"/").unwrap();
    assert_eq!(by_polls(&session).event, Event::Up);
    session
}

#[test]
fn every_way_to_drive_completes_calls_plain_and_over_tls() {
    for is_tls in [false, true] {
        let server = Server::start(is_tls, |_, peer| exchange(peer));
        let session = open(&server, &settings());
        for next in [by_polls, by_descriptor] {
            for key in 0..50 {
                let text_of = format!("id:{key}");
                let id = session.call(Kind::Text, text_of.as_bytes(), key, 10 * SECOND, 0).unwrap();
                let kept = next(&session);
                let Event::Completion(ended, _) = kept.event else { panic!("{:?}", kept.event) };
                assert_eq!((ended.call.id, ended.outcome), (id, Outcome::Ok));
                assert_eq!(text(&kept), format!("id:{key} ok"));
            }
        }
        Desk::of(session).close();
    }
}

/// One at a time is taken of many that have come with one read.
#[test]
fn the_descriptor_is_readable_while_anything_is_left_and_silent_without() {
    let server = Server::start(false, |_, peer| exchange(peer));
    let session = open(&server, &settings());
    for _ in 0..20 {
        session.send(Kind::Text, b"sub").unwrap();
    }
    let ticks: Vec<_> = (0..60).map(|_| text(&by_descriptor(&session))).collect();
    assert!(ticks.iter().enumerate().all(|(at, tick)| *tick == format!("tick {}", at % 3 + 1)));
    // What was rung for meanwhile is looked at, and then there is nothing.
    let begin = Instant::now();
    while is_readable(&session, Duration::ZERO) {
        assert!(begin.elapsed() < PATIENCE, "it is always readable");
        assert!(polled(&session).is_empty());
    }
    Desk::of(session).close();
}

/// A session that no one drives does nothing, so its thread would be seen.
#[test]
fn there_is_no_thread_and_what_happens_is_done_in_polls() {
    let threads = |name: &str| {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let comm = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm"));
        let names = tasks.filter_map(|task| comm(task.ok()?).ok());
        names.filter(|its| its.trim_end() == name).count()
    };
    let server = Server::start(false, |_, peer| exchange(peer));
    let mut config = config(&server);
    config.set_thread_name(b"vp-none-at-all").unwrap();
    let session = Session::open(&config, &settings(), b"/").unwrap();
    assert_eq!(threads("vp-none-at-all"), 0);
    assert_eq!(by_polls(&session).event, Event::Up);
    let seen = thread::current().id();
    let (tell, told) = mpsc::channel();
    let mut settings = settings();
    settings.set_told(Some(Arc::new(move |told: &Told<'_>| {
        let _ = tell.send((thread::current().id(), told.event.clone()));
    })));
    let with_function = Session::open(&config, &settings, b"/").unwrap();
    assert_eq!(told.recv().unwrap(), (seen, Event::Up));
    with_function.send(Kind::Text, b"x").unwrap();
    let taken = with_function.poll(1, PATIENCE, |_| panic!("the function is told"));
    assert_eq!(taken, Ok(Some(0)));
    assert_eq!(told.recv().unwrap(), (seen, Event::Message(Kind::Text, None)));
    with_function.shutdown(Some(1000), "").unwrap();
    with_function.close().unwrap();
    let rest: Vec<_> = told.try_iter().collect();
    assert!(rest.iter().all(|(thread, _)| *thread == seen));
    assert_eq!(rest.last().unwrap().1, Event::Closed);
    Desk::of(session).close();
}

/// The engine sleeps on the descriptor for all that is due by time: a deadline of a call, a ping,
/// the dial behind a loss, the close that the peer does not answer.
#[test]
fn what_is_due_by_time_makes_the_descriptor_readable() {
    let server = Server::start(false, |number, peer| match number {
        0 => {
            while let Ok(message) = peer.read() {
                if message == Message::text("end") {
                    return;
                }
            }
        }
        _ => while peer.read().is_ok() {},
    });
    let mut settings = settings();
    settings.set_keep_alive(SECOND / 20, 10 * SECOND, 0).unwrap();
    let session = open(&server, &settings);
    let call = |ns| session.call(Kind::Text, b"no answer", ns, ns, 0).unwrap();
    let (late, early) = (call(SECOND / 5), call(SECOND / 50));
    for id in [early, late] {
        let Event::Completion(ended, _) = by_descriptor(&session).event else { panic!() };
        let end = (ended.call.id, ended.outcome, ended.wire_state);
        assert_eq!(end, (id, Outcome::Timeout, WireState::Sent));
    }
    let begin = Instant::now();
    while session.health().rtt_ns == 0 {
        assert!(begin.elapsed() < PATIENCE, "no ping is sent");
        assert!(is_readable(&session, PATIENCE), "a ping is due");
        assert!(polled(&session).is_empty());
    }
    session.send(Kind::Text, b"end").unwrap();
    // A ping that the venue has not read makes its end a reset.
    let Event::Lost(lost) = by_descriptor(&session).event else { panic!() };
    assert!(matches!(lost.loss, WsLoss::Ended | WsLoss::Reset), "{lost:?}");
    assert_eq!(by_descriptor(&session).event, Event::Up);
    assert_eq!(session.health().connections, 2);
    Desk::of(session).close();
}

#[test]
fn what_other_threads_do_wakes_who_waits() {
    let server = Server::start(false, |_, peer| while peer.read().is_ok() {});
    let session = open(&server, &settings());
    let next = || {
        let mut taken = None;
        assert_eq!(session.poll(1, PATIENCE, |kept| taken = Some(kept)), Ok(Some(1)));
        taken.unwrap().event
    };
    let waits = || thread::sleep(Duration::from_millis(20));
    let ended = thread::scope(|scope| {
        scope.spawn(|| {
            waits();
            session.call(Kind::Text, b"no answer", 1, SECOND / 50, 0).unwrap();
        });
        next()
    });
    assert!(matches!(ended, Event::Completion(ended, _) if ended.outcome == Outcome::Timeout));
    let id = session.call(Kind::Text, b"no answer", 2, 600 * SECOND, 0).unwrap();
    let ended = thread::scope(|scope| {
        scope.spawn(|| {
            waits();
            session.cancel(id).unwrap();
        });
        next()
    });
    assert!(matches!(ended, Event::Completion(ended, _) if ended.outcome == Outcome::Cancelled));
    let lost = thread::scope(|scope| {
        scope.spawn(|| {
            waits();
            session.shutdown(Some(1000), "").unwrap();
        });
        next()
    });
    assert!(matches!(lost, Event::Lost(lost) if lost.loss == WsLoss::Closed));
    assert_eq!(next(), Event::Closed);
    session.close().unwrap();
}

#[test]
fn one_thread_drives_at_a_time_and_none_within_a_function() {
    let server = Server::start(false, |_, peer| exchange(peer));
    let place = Arc::new(OnceLock::<Arc<Session>>::new());
    let (inside, entered) = mpsc::channel();
    let (go_on, wait) = mpsc::channel::<()>();
    let (its, wait) = (Arc::clone(&place), Mutex::new(wait));
    let mut settings = settings();
    settings.set_told(Some(Arc::new(move |told: &Told<'_>| {
        if let Event::Message(..) = told.event {
            let session = its.get().unwrap();
            let polled = session.poll(1, Duration::ZERO, |_| ());
            assert_eq!(polled, Err(Status::ERR_WOULD_DEADLOCK));
            assert_eq!(session.close(), Err(Status::ERR_WOULD_DEADLOCK));
            session.send(Kind::Binary, b"it may send").unwrap();
            inside.send(()).unwrap();
            let _ = wait.lock().unwrap().recv();
        }
    })));
    let session = Session::open(&config(&server), &settings, b"/").unwrap();
    assert!(place.set(Arc::clone(&session)).is_ok());
    session.send(Kind::Text, b"x").unwrap();
    thread::scope(|scope| {
        scope.spawn(|| while session.poll(1, PATIENCE, |_| ()) == Ok(Some(0)) {});
        entered.recv_timeout(PATIENCE).unwrap();
        assert_eq!(session.poll(1, Duration::ZERO, |_| ()), Err(Status::ERR_DRIVEN));
        go_on.send(()).unwrap();
        // The other thread sleeps without a limit; the end wakes it.
        session.shutdown(Some(1000), "").unwrap();
        session.close().unwrap();
        assert_eq!(session.poll(1, PATIENCE, |_| ()), Ok(None));
    });
}

#[test]
fn a_close_ends_all_functions_also_while_another_thread_waits() {
    let server = Server::start(true, |_, peer| exchange(peer));
    for _ in 0..50 {
        let is_inside = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_inside);
        let mut settings = settings();
        settings.set_told(Some(Arc::new(move |_: &Told<'_>| {
            flag.store(true, Ordering::SeqCst);
            thread::yield_now();
            flag.store(false, Ordering::SeqCst);
        })));
        let session = Session::open(&config(&server), &settings, b"/").unwrap();
        thread::scope(|scope| {
            scope.spawn(|| while let Ok(Some(_)) = session.poll(1, PATIENCE, |_| ()) {});
            for _ in 0..3 {
                session.send(Kind::Text, b"x").unwrap();
            }
            session.shutdown(Some(1000), "").unwrap();
            session.close().unwrap();
            assert!(!is_inside.load(Ordering::SeqCst), "a function runs behind the close");
            assert_eq!(session.health().stage, Stage::Closed);
        });
    }
}

/// The venue does not answer the handshake. Polls go on meanwhile, each in no time.
#[test]
fn a_poll_waits_for_no_handshake() {
    let (accepted, is_accepted) = mpsc::channel();
    let accepted = Mutex::new(accepted);
    let server = Server::of_streams(true, move |number, stream| {
        if number == 0 {
            let Ok(mut peer) = tungstenite::accept(stream) else { return };
            let _ = peer.read();
            return;
        }
        accepted.lock().unwrap().send(()).unwrap();
        // Nothing is read and nothing sent, for as long as the test takes.
        thread::sleep(PATIENCE);
        drop(stream);
    });
    let session = open(&server, &settings());
    session.send(Kind::Text, b"end").unwrap();
    assert!(matches!(by_polls(&session).event, Event::Lost(_)));
    let begin = Instant::now();
    let mut polls = 0;
    while is_accepted.try_recv().is_err() {
        assert!(begin.elapsed() < PATIENCE, "it does not dial");
        assert!(polled(&session).is_empty());
    }
    // A handshake that is awaited would take them all.
    while polls < 10_000 {
        assert!(polled(&session).is_empty());
        polls += 1;
    }
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert_eq!(session.health().stage, Stage::Dialling);
    assert_eq!(session.send(Kind::Text, b"x"), Err(Status::ERR_SLOT_DOWN));
    Desk::of(session).close();
}
