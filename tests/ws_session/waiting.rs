//! Calls that wait until they can go: while the session is down, and while the socket takes no more
//! bytes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tungstenite::{Message, accept};
use venuepool::error::{Outcome, Status, WireState};
use venuepool::lane::Lane;
use venuepool::session::frame::Frame;
use venuepool::session::settings::Settings;
use venuepool::ws::frame::Kind;

use super::desk::{Desk, SECOND, settings};
use crate::peer::{Server, exchange};

/// Longer than anything takes, unless it is lost.
const PATIENCE: Duration = Duration::from_secs(20);
const LONG: u64 = 60 * SECOND;

/// Opened when this is dropped.
struct Gate {
    _open: Sender<()>,
    closed: Arc<Mutex<Receiver<()>>>,
}

impl Gate {
    fn new() -> Self {
        let (open, closed) = channel();
        Self { _open: open, closed: Arc::new(Mutex::new(closed)) }
    }

    /// What waits until it is open.
    fn waits(&self) -> impl Fn() + Send + Sync + 'static {
        let closed = Arc::clone(&self.closed);
        move || assert!(closed.lock().unwrap().recv().is_err())
    }
}

/// The first connection ends behind its first message; the others begin when the gate is open.
fn server_behind(gate: &Gate, is_tls: bool) -> Server {
    let waits = gate.waits();
    Server::of_streams(is_tls, move |number, stream| {
        if number > 0 {
            waits();
        }
        let Ok(mut peer) = accept(stream) else { return };
        match number {
            0 => drop(peer.read()),
            _ => exchange(&mut peer),
        }
    })
}

fn patient(capacity: usize) -> Settings {
    let mut settings = settings();
    settings.set_waiting(capacity).unwrap();
    // The gate is closed for longer than an upgrade may take, on a machine that is busy.
    settings.set_timeouts(20 * SECOND, 20 * SECOND, SECOND).unwrap();
    settings
}

/// A session that is down, until the gate is opened.
fn down(server: &Server, settings: &Settings) -> Desk {
    let mut desk = Desk::open(server, settings);
    desk.send("end");
    desk.lost();
    desk
}

fn frame(desk: &Desk, lane: Lane) -> Frame {
    let mut frame = desk.session.frame(64).unwrap();
    frame.set_lane(lane).unwrap();
    frame
}

/// A call with that key, whose answer begins with `id:KEY`.
fn call(desk: &Desk, frame: &mut Frame, key: u64, timeout_ns: u64) -> Result<u64, Status> {
    let text = format!("id:{key} 00000000");
    frame.room()?[..text.len()].copy_from_slice(text.as_bytes());
    desk.session.call_frame(frame, Kind::Text, text.len(), key, timeout_ns, key)
}

#[test]
fn calls_wait_while_the_session_is_down_and_go_by_lane_signed_when_they_go() {
    for is_tls in [false, true] {
        let gate = Gate::new();
        let server = server_behind(&gate, is_tls);
        let mut desk = down(&server, &patient(8));
        let numbers = Arc::new(AtomicU64::new(0));
        let lanes = [Lane::Orders, Lane::Background, Lane::Urgent, Lane::Orders, Lane::Queries];
        let mut frames = lanes.map(|lane| frame(&desk, lane));
        let mut ids = Vec::new();
        for (key, frame) in frames.iter_mut().enumerate() {
            let numbers = Arc::clone(&numbers);
            let sign = move |_: u64, message: &mut [u8]| {
                let number = numbers.fetch_add(1, Ordering::SeqCst);
                let at = message.len() - 8;
                message[at..].copy_from_slice(format!("{number:08}").as_bytes());
                true
            };
            frame.set_on_send(Some(Box::new(sign))).unwrap();
            ids.push(call(&desk, frame, key as u64, LONG).unwrap());
            assert_eq!(frame.room().err(), Some(Status::ERR_PHASE), "it is the session's");
            assert_eq!(frame.set_on_send(None), Err(Status::ERR_PHASE));
            assert_eq!(frame.set_lane(Lane::Orders), Err(Status::ERR_PHASE));
        }
        let health = desk.session.health();
        assert_eq!((health.waiting, health.calls, numbers.load(Ordering::SeqCst)), (5, 5, 0));
        drop(gate);
        desk.up();
        // The venue has them in this order, and signed in it.
        for (number, key) in [2, 0, 3, 4, 1].into_iter().enumerate() {
            let (ended, answer) = desk.completion();
            assert_eq!(answer, format!("id:{key} {number:08} ok"));
            assert_eq!((ended.call.id, ended.outcome), (ids[key as usize], Outcome::Ok));
            assert_eq!((ended.call.sequence, ended.call.connection), (number as u64 + 2, 2));
            assert!(frames[key as usize].room().is_ok(), "it is the engine's again");
        }
        assert_eq!(desk.session.health().waiting, 0);
        desk.close();
    }
}

/// The same, without a frame.
fn call_bytes(desk: &Desk, key: u64, timeout_ns: u64) -> Result<u64, Status> {
    let text = format!("id:{key} 00000000");
    desk.session.call(Kind::Text, text.as_bytes(), key, timeout_ns, key)
}

#[test]
fn calls_of_bytes_wait_too_as_orders_among_those_of_frames() {
    for is_tls in [false, true] {
        let gate = Gate::new();
        let server = server_behind(&gate, is_tls);
        let mut desk = down(&server, &patient(2));
        let lanes = [Lane::Orders, Lane::Urgent, Lane::Queries];
        let mut frames = lanes.map(|lane| frame(&desk, lane));
        call_bytes(&desk, 0, LONG).unwrap();
        call(&desk, &mut frames[0], 1, LONG).unwrap();
        call(&desk, &mut frames[1], 2, LONG).unwrap();
        call(&desk, &mut frames[2], 3, LONG).unwrap();
        assert_eq!(call_bytes(&desk, 4, LONG), Err(Status::ERR_WAITING_FULL));
        assert_eq!((desk.session.health().waiting, desk.session.health().calls), (4, 4));
        drop(gate);
        desk.up();
        for key in [2, 0, 1, 3] {
            assert_eq!(desk.completion().1, format!("id:{key} 00000000 ok"));
        }
        desk.close();
    }
}

#[test]
fn a_call_of_bytes_that_waits_ends_once_and_not_sent() {
    let gate = Gate::new();
    let server = server_behind(&gate, false);
    let mut desk = down(&server, &patient(8));
    let late = call_bytes(&desk, 0, SECOND / 100).unwrap();
    let cancelled = call_bytes(&desk, 1, LONG).unwrap();
    assert_eq!(desk.fails(late), (Outcome::Timeout, WireState::NotSent));
    desk.session.cancel(cancelled).unwrap();
    assert_eq!(desk.fails(cancelled), (Outcome::Cancelled, WireState::NotSent));
    let too_long = vec![b'x'; (64 << 10) + 1];
    let refused = desk.session.call(Kind::Text, &too_long, 2, LONG, 0);
    assert_eq!(refused, Err(Status::ERR_TOO_LARGE), "it could never go");
    let last = call_bytes(&desk, 3, LONG).unwrap();
    assert_eq!(call_bytes(&desk, 3, LONG), Err(Status::ERR_ARGUMENT), "its key waits");
    desk.session.shutdown(Some(1000), "").unwrap();
    assert_eq!(desk.fails(last), (Outcome::Shutdown, WireState::NotSent));
    assert_eq!(call_bytes(&desk, 4, LONG), Err(Status::ERR_CLOSED));
    desk.session.close().unwrap();
    drop(gate);
}

#[test]
fn a_call_that_waits_ends_once_and_not_sent_by_deadline_cancel_function_or_close() {
    let gate = Gate::new();
    let server = server_behind(&gate, false);
    let mut desk = down(&server, &patient(8));
    let mut frames = [(); 4].map(|()| frame(&desk, Lane::Orders));
    let late = call(&desk, &mut frames[0], 0, SECOND / 100).unwrap();
    let cancelled = call(&desk, &mut frames[1], 1, LONG).unwrap();
    assert_eq!(desk.fails(late), (Outcome::Timeout, WireState::NotSent));
    desk.session.cancel(cancelled).unwrap();
    assert_eq!(desk.session.cancel(cancelled), Err(Status::ERR_UNKNOWN_ID));
    assert_eq!(desk.fails(cancelled), (Outcome::Cancelled, WireState::NotSent));
    frames[2].set_on_send(Some(Box::new(|_, _| false))).unwrap();
    let withdrawn = call(&desk, &mut frames[2], 2, LONG).unwrap();
    drop(gate);
    desk.up();
    assert_eq!(desk.fails(withdrawn), (Outcome::Cancelled, WireState::NotSent));
    assert_eq!(desk.session.health().calls, 0);
    // The venue has none of them, and each frame can be used again.
    for (key, frame) in frames.iter_mut().enumerate() {
        frame.set_on_send(None).unwrap();
        let id = call(&desk, frame, key as u64, LONG).unwrap();
        let (ended, answer) = desk.completion();
        assert_eq!((ended.call.id, ended.call.sequence), (id, 2 + key as u64));
        assert_eq!(answer, format!("id:{key} 00000000 ok"));
    }
    desk.close();
}

#[test]
fn the_end_of_the_session_ends_those_that_wait_in_the_order_of_their_calls() {
    let gate = Gate::new();
    let server = server_behind(&gate, false);
    let mut desk = down(&server, &patient(8));
    let mut frames = [Lane::Queries, Lane::Urgent].map(|lane| frame(&desk, lane));
    let ids: Vec<u64> =
        (0..2).map(|at| call(&desk, &mut frames[at], 5 + at as u64, LONG).unwrap()).collect();
    desk.session.shutdown(Some(1000), "").unwrap();
    for id in ids {
        assert_eq!(desk.fails(id), (Outcome::Shutdown, WireState::NotSent));
    }
    assert!(frames.iter_mut().all(|frame| frame.room().is_ok()));
    assert_eq!(call(&desk, &mut frames[0], 9, LONG), Err(Status::ERR_CLOSED));
    desk.session.close().unwrap();
    drop(gate);
}

#[test]
fn each_lane_has_its_bound_and_what_is_refused_stays_in_its_frame() {
    let gate = Gate::new();
    let server = server_behind(&gate, false);
    let mut desk = down(&server, &patient(1));
    let mut frames = [Lane::Orders, Lane::Orders, Lane::Urgent].map(|lane| frame(&desk, lane));
    call(&desk, &mut frames[0], 1, LONG).unwrap();
    assert_eq!(call(&desk, &mut frames[1], 2, LONG), Err(Status::ERR_WAITING_FULL));
    assert_eq!(call(&desk, &mut frames[2], 1, LONG), Err(Status::ERR_ARGUMENT), "its key waits");
    assert_eq!(frames[2].room().map(|room| room[..4].to_vec()), Ok(b"id:1".to_vec()));
    call(&desk, &mut frames[2], 3, LONG).unwrap();
    assert_eq!(desk.session.send_frame(&mut frames[1], Kind::Text, 4), Err(Status::ERR_SLOT_DOWN));
    // A frame that is dropped meanwhile was accepted all the same.
    drop(frames);
    drop(gate);
    desk.up();
    assert_eq!(desk.completion().1, "id:3 00000000 ok");
    assert_eq!(desk.completion().1, "id:1 00000000 ok");
    desk.close();
}

#[test]
fn by_default_none_waits() {
    let gate = Gate::new();
    let server = server_behind(&gate, false);
    let desk = down(&server, &patient(0));
    let mut frame = frame(&desk, Lane::Urgent);
    assert_eq!(call(&desk, &mut frame, 1, LONG), Err(Status::ERR_SLOT_DOWN));
    assert_eq!(call_bytes(&desk, 1, LONG), Err(Status::ERR_SLOT_DOWN));
    drop(gate);
    desk.close();
}

/// What the venue has received, in its order; of long messages only that they came.
fn stalled(gate: &Gate, is_tls: bool) -> (Server, Receiver<String>) {
    let (told, received) = channel();
    let waits = gate.waits();
    let server = Server::start(is_tls, move |_, peer| {
        waits();
        while let Ok(message) = peer.read() {
            match message {
                Message::Text(text) if text.starts_with('x') => told.send("long".into()).unwrap(),
                Message::Text(text) => {
                    told.send(text.to_string()).unwrap();
                    let _ = peer.send(Message::text(format!("{text} ok")));
                }
                _ => {}
            }
        }
    });
    (server, received)
}

#[test]
fn calls_wait_for_the_socket_and_a_cancel_goes_before_orders_but_not_into_a_frame() {
    for is_tls in [false, true] {
        let gate = Gate::new();
        let (server, received) = stalled(&gate, is_tls);
        let mut settings = patient(8);
        settings.set_sizes(1 << 20, 1 << 20, 4 << 20).unwrap();
        settings.set_keep_alive(0, 0, 0).unwrap();
        let mut desk = Desk::open(&server, &settings);
        let long = "x".repeat(1 << 20);
        let mut sent = 0;
        while desk.session.health().unsent == 0 {
            desk.send(&long);
            sent += 1;
        }
        let lanes = [Lane::Orders, Lane::Orders, Lane::Urgent];
        let mut frames = lanes.map(|lane| frame(&desk, lane));
        for (key, frame) in frames.iter_mut().enumerate() {
            call(&desk, frame, key as u64, LONG).unwrap();
        }
        call_bytes(&desk, 3, LONG).unwrap();
        assert_eq!(desk.session.health().waiting, 4);
        // What cannot wait does not go before those that do.
        let refused = Err(Status::ERR_WAITING_FULL);
        assert_eq!(desk.session.send(Kind::Text, b"an order"), refused);
        drop(gate);
        for key in [2, 0, 1, 3] {
            assert_eq!(desk.completion().1, format!("id:{key} 00000000 ok"));
        }
        let received: Vec<String> =
            (0..sent + 4).map(|_| received.recv_timeout(PATIENCE).unwrap()).collect();
        assert!(received[..sent].iter().all(|text| text == "long"), "{received:?}");
        let orders = [2, 0, 1, 3].map(|key| format!("id:{key} 00000000"));
        assert_eq!(received[sent..], orders);
        desk.close();
    }
}

/// Messages that the peer's TCP has not acknowledged are bounded; no event tells that they are.
#[test]
fn a_call_waits_for_acknowledgements() {
    let server = Server::start(false, |_, peer| exchange(peer));
    let mut settings = patient(4);
    settings.set_counts(1024, 1).unwrap();
    let mut desk = Desk::open(&server, &settings);
    let mut frame = frame(&desk, Lane::Orders);
    for key in 0..200 {
        let id = call(&desk, &mut frame, key, LONG).unwrap();
        let (ended, answer) = desk.completion();
        assert_eq!((ended.call.id, ended.outcome), (id, Outcome::Ok), "{answer}");
    }
    desk.close();
}

/// Several threads call as fast as they can while the venue ends connections: none is refused for
/// that, and within a lane each thread's calls arrive in their order.
#[test]
fn the_order_of_calls_is_the_order_on_the_wire_while_connections_are_lost() {
    const THREADS: u64 = 3;
    const EACH: u64 = 400;
    let (told, received) = channel();
    let server = Server::start(false, move |number, peer| {
        let mut left = if number < 8 { 60 } else { u32::MAX };
        while left > 0
            && let Ok(message) = peer.read()
        {
            let Message::Text(text) = message else { continue };
            told.send(text.to_string()).unwrap();
            if peer.send(Message::text(format!("{text} ok"))).is_err() {
                return;
            }
            left -= 1;
        }
    });
    let mut settings = patient(1 << 16);
    settings.set_counts(1 << 16, 4096).unwrap();
    let mut desk = Desk::open(&server, &settings);
    let session = Arc::clone(&desk.session);
    thread::scope(|scope| {
        for sender in 0..THREADS {
            let session = &session;
            scope.spawn(move || {
                let begin = Instant::now();
                let mut frames: Vec<Frame> = (0..64).map(|_| session.frame(32).unwrap()).collect();
                for number in 0..EACH {
                    let key = sender * EACH + number;
                    let text = format!("id:{key} {sender}");
                    // The first frame that is not with the session.
                    loop {
                        assert!(begin.elapsed() < PATIENCE, "{sender} {number}");
                        let free = frames.iter_mut().find_map(|frame| {
                            frame.room().ok()?[..text.len()].copy_from_slice(text.as_bytes());
                            Some(frame)
                        });
                        if let Some(frame) = free {
                            let len = text.len();
                            session.call_frame(frame, Kind::Text, len, key, LONG, 0).unwrap();
                            break;
                        }
                        thread::yield_now();
                    }
                }
            });
        }
        let mut ends = 0;
        while ends < THREADS * EACH {
            if let venuepool::session::event::Event::Completion(ended, _) = desk.next().event {
                // A lost connection may take calls with it that were on their way.
                let is_sent = ended.wire_state != WireState::NotSent;
                assert!(is_sent || ended.call.connection > 0, "{ended:?}");
                ends += 1;
            }
        }
    });
    assert_eq!((session.health().calls, session.health().waiting), (0, 0));
    desk.close();
    let mut last = [None; THREADS as usize];
    for text in received.try_iter() {
        let (key, sender) = text.strip_prefix("id:").unwrap().split_once(' ').unwrap();
        let (key, sender): (u64, usize) = (key.parse().unwrap(), sender.parse().unwrap());
        assert!(last[sender] < Some(key), "{text} behind {:?}", last[sender]);
        last[sender] = Some(key);
    }
}
