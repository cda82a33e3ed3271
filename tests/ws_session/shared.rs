//! Sessions that share a thread with each other and with pools.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use venuepool::config::{Config, Drive};
use venuepool::error::Status;
use venuepool::session::Session;
use venuepool::session::event::{Event, Told};
use venuepool::threads::shared_thread::SharedThread;
use venuepool::ws::frame::Kind;

use crate::desk::{Desk, config, settings};
use crate::peer::{Server, exchange};

const PATIENCE: Duration = Duration::from_secs(20);

/// A thread of a name that no other test has.
fn thread(name: &str) -> Arc<SharedThread> {
    let mut config = Config::default();
    config.set_thread_name(name.as_bytes()).unwrap();
    SharedThread::start(&config).unwrap()
}

/// How many threads of this process have that name.
fn threads(name: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let comm = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm"));
    let names = tasks.filter_map(|task| comm(task.ok()?).ok());
    names.filter(|its| its.trim_end() == name).count()
}

fn until_there_is_none(name: &str) {
    let begin = std::time::Instant::now();
    while threads(name) > 0 {
        assert!(begin.elapsed() < PATIENCE, "the thread goes on");
        std::thread::yield_now();
    }
}

#[test]
fn sessions_are_on_one_thread_and_end_one_by_one() {
    let shared = thread("vp-ws-shared");
    let servers = [false, true].map(|is_tls| Server::start(is_tls, |_, peer| exchange(peer)));
    let session = |index: usize| {
        let mut config = config(&servers[index % 2]);
        config.set_thread_name(b"vp-ws-own").unwrap();
        Session::open_on(Some(&shared), &config, &settings(), b"/").unwrap()
    };
    let mut desks: Vec<_> = (0..10).map(|index| Desk::of(session(index))).collect();
    assert_eq!((threads("vp-ws-shared"), threads("vp-ws-own")), (1, 0));
    // It lives as long as a session is on it.
    drop(shared);
    desks.iter_mut().for_each(Desk::up);
    while let Some(desk) = desks.pop() {
        for desk in &mut desks {
            let id = desk.call(7);
            assert_eq!(desk.completion().0.call.id, id);
        }
        assert_eq!(threads("vp-ws-shared"), 1);
        let weak = Arc::downgrade(&desk.session);
        desk.close();
        assert!(weak.upgrade().is_none(), "a task still has it");
    }
    until_there_is_none("vp-ws-shared");
}

#[test]
fn what_would_wait_for_the_thread_is_refused_in_functions_of_its_sessions() {
    let shared = thread("vp-ws-refuses");
    let server = Server::start(false, |_, peer| exchange(peer));
    let other = Session::open_on(Some(&shared), &config(&server), &settings(), b"/").unwrap();
    let (tell, told) = mpsc::channel();
    let (inner, on, its_config) = (Arc::clone(&other), Arc::clone(&shared), config(&server));
    let mut with_function = settings();
    with_function.set_told(Some(Arc::new(move |its: &Told<'_>| {
        if let Event::Message(..) = its.event {
            let opened = Session::open_on(Some(&on), &its_config, &settings(), b"/");
            let waited = inner.poll(1, PATIENCE, |_| ());
            // What does not wait is allowed.
            let sent = inner.send(Kind::Text, b"x");
            let step = opened.err().map(|error| error.step);
            tell.send((inner.close(), step, waited, sent.is_ok())).unwrap();
        }
    })));
    let calls = Session::open_on(Some(&shared), &config(&server), &with_function, b"/").unwrap();
    calls.send(Kind::Text, b"go").unwrap();
    let deadlock = Status::ERR_WOULD_DEADLOCK;
    let want = (Err(deadlock), Some(deadlock), Err(deadlock), true);
    assert_eq!(told.recv_timeout(PATIENCE), Ok(want));
    calls.shutdown(Some(1000), "").unwrap();
    calls.close().unwrap();
    Desk::of(other).close();
}

/// Nothing of it is ever done there.
#[test]
fn a_session_in_caller_drive_needs_no_thread() {
    let shared = thread("vp-ws-not-used");
    let server = Server::start(false, |_, peer| exchange(peer));
    let mut config = config(&server);
    config.set_drive(Drive::Caller);
    let session = Session::open_on(Some(&shared), &config, &settings(), b"/").unwrap();
    drop(shared);
    until_there_is_none("vp-ws-not-used");
    let mut desk = Desk::of(session);
    desk.up();
    let id = desk.call(1);
    assert_eq!(desk.completion().0.call.id, id);
    desk.close();
}
