//! Many threads call while the venue ends one connection after the other: each accepted call ends
//! exactly once, and what is told of it agrees with what the venue has received.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tungstenite::Message;
use venuepool::error::{Outcome, Status, WireState};
use venuepool::lane::Lane;
use venuepool::session::Session;
use venuepool::session::event::Event;
use venuepool::session::frame::Frame;
use venuepool::ws::frame::Kind;

use super::desk::{Desk, SECOND, settings};
use crate::peer::Server;

const LOSSES: u32 = 40;
const THREADS: u64 = 4;

/// What the venue has received, by key: how often.
type Received = Arc<Mutex<HashMap<u64, u32>>>;

/// Serves a random number of orders, then ends the connection in one of three ways. The last
/// connection is served to its end.
fn server(is_tls: bool, received: &Received) -> Server {
    let received = Arc::clone(received);
    Server::start(is_tls, move |number, peer| {
        let mut left = match number {
            0..LOSSES => fastrand::u32(1..400),
            _ => u32::MAX,
        };
        while left > 0
            && let Ok(message) = peer.read()
        {
            let Message::Text(text) = message else { continue };
            let key = text.strip_prefix("id:").unwrap().split(' ').next().unwrap().parse();
            *received.lock().unwrap().entry(key.unwrap()).or_default() += 1;
            if fastrand::u8(..) > 5 && peer.send(Message::text(format!("{text} ok"))).is_err() {
                return;
            }
            left -= 1;
        }
        match number % 3 {
            0 => {
                let socket = socket2::SockRef::from(peer.get_ref().socket());
                let _ = socket.set_linger(Some(Duration::ZERO));
            }
            1 => drop(peer.close(None).and_then(|()| peer.flush())),
            _ => {}
        }
    })
}

/// The frames of one thread: those of calls that wait are with the session.
struct Frames(Vec<Frame>);

impl Frames {
    fn call(&mut self, session: &Session, text: &str, key: u64) -> Result<u64, Status> {
        if fastrand::bool() {
            return session.call(Kind::Text, text.as_bytes(), key, SECOND / 4, key);
        }
        let free = self.0.iter_mut().find_map(|it| it.room().is_ok().then_some(it));
        let frame = free.ok_or(Status::ERR_WAITING_FULL)?;
        let lane = Lane::ALL[fastrand::usize(..Lane::ALL.len())];
        frame.set_lane(lane).unwrap();
        frame.room().unwrap()[..text.len()].copy_from_slice(text.as_bytes());
        session.call_frame(frame, Kind::Text, text.len(), key, SECOND / 4, key)
    }
}

fn storm(is_tls: bool, waits: bool) {
    let received = Received::default();
    let server = server(is_tls, &received);
    let mut settings = settings();
    settings.set_counts(1 << 16, 4096).unwrap();
    settings.set_waiting(if waits { 16 } else { 0 }).unwrap();
    let mut desk = Desk::open(&server, &settings);
    let (is_over, keys) = (AtomicBool::new(false), AtomicU64::new(0));
    let accepted: Mutex<HashMap<u64, u64>> = Mutex::default();
    let mut ends: HashMap<u64, (Outcome, WireState)> = HashMap::new();
    let session = Arc::clone(&desk.session);
    thread::scope(|scope| {
        let callers: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let frames = (0..32).map(|_| session.frame(1000).unwrap());
                    let mut frames = Frames(frames.collect());
                    while !is_over.load(Ordering::Relaxed) {
                        let key = keys.fetch_add(1, Ordering::Relaxed);
                        let text = format!("id:{key} {}", "x".repeat(fastrand::usize(..500)));
                        let called = match waits {
                            true => frames.call(&session, &text, key),
                            false => {
                                session.call(Kind::Text, text.as_bytes(), key, SECOND / 4, key)
                            }
                        };
                        match called {
                            Ok(id) => drop(accepted.lock().unwrap().insert(id, key)),
                            Err(Status::ERR_SLOT_DOWN) if waits => panic!("it waits"),
                            Err(Status::ERR_SLOT_DOWN | Status::ERR_WAITING_FULL) => {
                                thread::sleep(Duration::from_micros(200));
                            }
                            Err(status) => panic!("{status:?}"),
                        }
                    }
                })
            })
            .collect();
        let mut losses = 0;
        while losses < LOSSES {
            match desk.next().event {
                Event::Completion(ended, _) => {
                    let end = (ended.outcome, ended.wire_state);
                    assert!(ends.insert(ended.call.id, end).is_none(), "a call ends once");
                }
                Event::Lost(lost) => {
                    losses += 1;
                    assert!(lost.fate.acked_through <= lost.fate.sent_through, "{lost:?}");
                }
                _ => {}
            }
        }
        is_over.store(true, Ordering::Relaxed);
        callers.into_iter().for_each(|caller| caller.join().unwrap());
    });
    let accepted = accepted.into_inner().unwrap();
    while ends.len() < accepted.len() {
        if let Event::Completion(ended, _) = desk.next().event {
            let end = (ended.outcome, ended.wire_state);
            assert!(ends.insert(ended.call.id, end).is_none(), "a call ends once");
        }
    }
    desk.close();
    assert_eq!(accepted.keys().collect::<HashSet<_>>(), ends.keys().collect());
    let received = received.lock().unwrap();
    let times = |key: u64| received.get(&key).copied().unwrap_or(0);
    for (id, (outcome, wire_state)) in &ends {
        let times = times(accepted[id]);
        assert!(times <= 1, "no message is sent twice");
        match wire_state {
            WireState::NotSent | WireState::Partial => assert_eq!(times, 0, "{outcome:?}"),
            _ if *outcome == Outcome::Ok => assert_eq!(times, 1),
            _ => {}
        }
    }
    let of = |outcome| ends.values().filter(|(its, _)| *its == outcome).count();
    assert!(of(Outcome::Ok) > 100 && ends.len() > of(Outcome::Ok), "{}", ends.len());
}

#[test]
fn each_call_ends_once_and_with_the_truth_while_connections_are_lost() {
    storm(false, false);
}

#[test]
fn also_over_tls() {
    storm(true, false);
}

#[test]
fn also_while_calls_of_all_lanes_wait() {
    storm(false, true);
}
