//! Sessions in a group, beside a pool.

use std::os::fd::AsFd;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mock_venue::{Options, Venue};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::Outcome;
use venuepool::group::Group;
use venuepool::http::request::Request;
use venuepool::session::Session;
use venuepool::session::event::{Event, Told};
use venuepool::ws::frame::Kind;

use super::desk::{SECOND, config, settings};
use crate::peer::{Server, exchange};

const PATIENCE: Duration = Duration::from_secs(20);

type Seen = Arc<Mutex<Vec<(usize, Event)>>>;

/// A session whose function notes what it is told with its number.
fn session(server: &Server, number: usize, seen: &Seen) -> Arc<Session> {
    let (mut settings, seen) = (settings(), Arc::clone(seen));
    settings.set_told(Some(Arc::new(move |told: &Told<'_>| {
        seen.lock().unwrap().push((number, told.event.clone()));
    })));
    let session = Session::open(&config(server), &settings, b"/").unwrap();
    assert!(session.fits_group());
    session
}

fn is_readable(group: &Group<usize>, patience: Duration) -> bool {
    let limit = PollTimeout::try_from(patience).unwrap();
    poll(&mut [PollFd::new(group.as_fd(), PollFlags::POLLIN)], limit).unwrap() == 1
}

#[test]
fn a_group_drives_sessions_beside_a_pool() {
    let venue = Venue::start(Options::plain()).unwrap();
    let mut its = Config::default();
    its.set_url(venue.url().as_bytes()).unwrap();
    its.set_drive(Drive::Caller);
    let pool = Pool::open(&its).unwrap();
    let servers = [false, true].map(|is_tls| Server::start(is_tls, |_, peer| exchange(peer)));
    let seen = Seen::default();
    let sessions: Vec<_> = (0..6).map(|at| session(&servers[at % 2], at, &seen)).collect();
    let mut group = Group::new().unwrap();
    group.add(Arc::clone(&pool), 100).unwrap();
    for (at, session) in sessions.iter().enumerate() {
        group.add_driven(Arc::<Session>::clone(session), at).unwrap();
    }
    let mut request = Request::new(Arc::clone(pool.origin()));
    for round in 0..30 {
        seen.lock().unwrap().clear();
        for session in &sessions {
            session.call(Kind::Text, b"id:1", 1, 10 * SECOND, round).unwrap();
        }
        request.begin(b"GET", b"/api/v3/time").unwrap();
        pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
        let (begin, mut completions) = (Instant::now(), 0);
        while seen.lock().unwrap().len() < sessions.len() || completions == 0 {
            assert!(begin.elapsed() < PATIENCE, "round {round}");
            // Both ways to look, and to sleep.
            let taken = match round % 2 {
                0 => group.wait(4, PATIENCE, |tag, done| {
                    assert_eq!((*tag, done.outcome), (100, Outcome::Ok));
                }),
                _ => {
                    assert!(is_readable(&group, PATIENCE), "the descriptor stays silent");
                    group.poll(4, |tag, done| assert_eq!((*tag, done.outcome), (100, Outcome::Ok)))
                }
            };
            completions += taken.unwrap().unwrap();
        }
        let seen = seen.lock().unwrap();
        let mut ended: Vec<_> = seen.iter().map(|(number, _)| *number).collect();
        ended.sort_unstable();
        assert!(ended.into_iter().eq(0..sessions.len()), "each of them once");
        let is_ok =
            |event: &Event| matches!(event, Event::Completion(it, _) if it.outcome == Outcome::Ok);
        assert!(seen.iter().all(|(_, event)| is_ok(event)), "{seen:?}");
    }
    for session in sessions {
        session.shutdown(Some(1000), "").unwrap();
        session.close().unwrap();
    }
    pool.close().unwrap();
}

#[test]
fn a_session_that_ends_leaves_the_group() {
    let server = Server::start(false, |_, peer| exchange(peer));
    let seen = Seen::default();
    let mut group = Group::new().unwrap();
    let [one, other] = [0, 1].map(|at| session(&server, at, &seen));
    group.add_driven(Arc::<Session>::clone(&one), 0).unwrap();
    group.add_driven(Arc::<Session>::clone(&other), 1).unwrap();
    one.shutdown(Some(1000), "").unwrap();
    // The group drives it to its end.
    let begin = Instant::now();
    while !seen.lock().unwrap().contains(&(0, Event::Closed)) {
        assert!(begin.elapsed() < PATIENCE, "it does not end");
        assert_eq!(group.wait(1, PATIENCE, |_, _| ()), Ok(Some(0)));
    }
    one.close().unwrap();
    let weak = Arc::downgrade(&one);
    drop(one);
    // The other one goes on.
    other.call(Kind::Text, b"id:1", 1, 10 * SECOND, 0).unwrap();
    let is_end = |(number, event): &(usize, Event)| {
        *number == 1 && matches!(event, Event::Completion(it, _) if it.outcome == Outcome::Ok)
    };
    while !seen.lock().unwrap().iter().any(is_end) || weak.upgrade().is_some() {
        assert!(begin.elapsed() < PATIENCE, "it is still there");
        assert_eq!(group.poll(1, |_, _| ()), Ok(Some(0)));
    }
    assert_eq!(group.remove(|tag| *tag == 0), None);
    assert_eq!(group.remove(|tag| *tag == 1), Some(1));
    assert_eq!(group.poll(1, |_, _| ()), Ok(None));
    other.shutdown(Some(1000), "").unwrap();
    other.close().unwrap();
}
