//! Sessions in a group whose events the engine takes: the group names those that have some.

use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use venuepool::error::Outcome;
use venuepool::group::Group;
use venuepool::session::Session;
use venuepool::session::event::{Event, Kept};
use venuepool::ws::frame::Kind;

use super::desk::{SECOND, config, settings};
use crate::peer::{Server, exchange};

const PATIENCE: Duration = Duration::from_secs(20);

fn open(server: &Server) -> Arc<Session> {
    let session = Session::open(&config(server), &settings(), b"/").unwrap();
    assert!(session.fits_group());
    session
}

/// Takes what the session has now.
fn take(session: &Session) -> Vec<Kept> {
    let mut taken = Vec::new();
    let _ = session.poll(64, Duration::ZERO, |kept| taken.push(kept)).unwrap();
    taken
}

/// Those that the group names.
fn named(group: &mut Group<usize>) -> BTreeSet<usize> {
    let mut named = BTreeSet::new();
    while let Some(number) = group.take_ready() {
        assert!(named.insert(*number), "each once");
    }
    named
}

fn is_readable(group: &Group<usize>, patience: Duration) -> bool {
    let limit = PollTimeout::try_from(patience).unwrap();
    poll(&mut [PollFd::new(group.as_fd(), PollFlags::POLLIN)], limit).unwrap() == 1
}

#[test]
fn a_group_names_the_sessions_that_have_something_and_sleeps_otherwise() {
    let server = Server::start(false, |_, peer| exchange(peer));
    let sessions = [0; 4].map(|_| open(&server));
    let mut group = Group::new().unwrap();
    for (at, session) in sessions.iter().enumerate() {
        group.add_driven(Arc::<Session>::clone(session), at).unwrap();
    }
    let begin = Instant::now();
    let mut ups = BTreeSet::new();
    while ups.len() < sessions.len() {
        assert!(begin.elapsed() < PATIENCE, "{ups:?}");
        assert_eq!(group.wait(1, PATIENCE, |_, _| ()), Ok(Some(0)));
        for at in named(&mut group) {
            ups.extend(take(&sessions[at]).iter().map(|kept| {
                assert_eq!(kept.event, Event::Up);
                at
            }));
        }
    }
    for round in 0..20 {
        let (one, other) = (round % 4, (round + 1) % 4);
        let id = sessions[one].call(Kind::Text, b"id:1", 1, 10 * SECOND, 0).unwrap();
        let mut ended = None;
        while ended.is_none() {
            assert!(begin.elapsed() < PATIENCE, "{round}");
            assert!(is_readable(&group, PATIENCE), "the descriptor stays silent");
            assert_eq!(group.poll(1, |_, _| ()), Ok(Some(0)));
            let named = named(&mut group);
            assert!(named.is_empty() || named == [one].into(), "{named:?}, and not {other}");
            if !named.is_empty() {
                // What is left is named again, and the group does not sleep.
                assert!(is_readable(&group, PATIENCE));
                while self::named(&mut group) != [one].into() {
                    assert_eq!(group.wait(1, PATIENCE, |_, _| ()), Ok(Some(0)));
                }
                ended = take(&sessions[one]).pop();
            }
        }
        match ended.unwrap().event {
            Event::Completion(ended, _) => {
                assert_eq!((ended.call.id, ended.outcome), (id, Outcome::Ok));
            }
            event => panic!("{event:?}"),
        }
    }
    for (at, session) in sessions.iter().enumerate() {
        assert_eq!(group.remove(|tag| *tag == at), Some(at));
        session.shutdown(Some(1000), "").unwrap();
        session.close().unwrap();
    }
    assert!(named(&mut group).is_empty());
}

#[test]
fn a_session_leaves_the_group_when_its_last_event_was_taken() {
    let server = Server::start(false, |_, peer| exchange(peer));
    let session = open(&server);
    let mut group = Group::new().unwrap();
    group.add_driven(Arc::<Session>::clone(&session), 7).unwrap();
    session.shutdown(Some(1000), "").unwrap();
    session.close().unwrap();
    let mut last = None;
    while !matches!(last, Some(Event::Closed)) {
        // Each look names it, as long as anything is left.
        assert_eq!(group.wait(1, PATIENCE, |_, _| ()), Ok(Some(0)));
        assert_eq!(group.take_ready(), Some(&7));
        let taken = session.poll(1, Duration::ZERO, |kept| last = Some(kept.event)).unwrap();
        assert_eq!(taken, Some(1));
    }
    let begin = Instant::now();
    while group.poll(1, |_, _| ()) != Ok(None) {
        assert!(begin.elapsed() < PATIENCE, "it is still there");
    }
    assert_eq!(group.take_ready(), None);
    assert_eq!(group.remove(|_| true), None);
    let weak = Arc::downgrade(&session);
    drop(session);
    assert!(weak.upgrade().is_none());
}
