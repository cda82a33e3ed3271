//! Orders that are sent on several connections: one completion, and the others' answers as events.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mock_venue::{Script, ScriptServer};
use venuepool::completion::{Callback, Completion};
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{Outcome, Status, WireState};
use venuepool::event::{EventHook, EventKind};
use venuepool::http::late::Sending;
use venuepool::pool::fanout::{Completes, FanoutRules};

use crate::rig::{PATIENCE, config, order, request, status, until};

const DRIVES: [Drive; 2] = [Drive::Thread, Drive::Caller];
const HOUR_NS: u64 = 3_600_000_000_000;
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";

/// What a server does on a connection: writes that, or closes it if it is empty.
type Answer = &'static [u8];

/// The connections on which requests have arrived, in their order, and the raw bytes.
type Arrived = Arc<Mutex<Vec<(usize, Vec<u8>)>>>;

/// A server that answers on each connection when the test says so.
struct Server {
    script: ScriptServer,
    arrived: Arrived,
    answers: Arc<Mutex<HashMap<usize, Sender<Answer>>>>,
}

impl Server {
    fn start() -> Self {
        let (arrived, answers) = (Arrived::default(), Arc::<Mutex<HashMap<_, _>>>::default());
        let (noted, senders) = (Arc::clone(&arrived), Arc::clone(&answers));
        let script = Script::serve(move |peer, number| {
            let (sender, receiver) = channel::<Answer>();
            senders.lock().unwrap().insert(number, sender);
            while let Ok(Some(request)) = peer.read_request() {
                noted.lock().unwrap().push((number, request.raw));
                match receiver.recv_timeout(PATIENCE) {
                    Ok(answer) if !answer.is_empty() => peer.write(answer).unwrap(),
                    _ => return,
                }
            }
        });
        Self { script: script.unwrap(), arrived, answers }
    }

    fn config(&self, slots: usize, drive: Drive) -> Config {
        let mut config = config(&self.script.url(), slots);
        config.set_drive(drive);
        config.set_request_timeout_ns(HOUR_NS).unwrap();
        config
    }

    /// Waits for so many requests, and answers their connections, in the order of their arrival.
    fn arrivals(&self, count: usize) -> Vec<usize> {
        until(|| {
            let arrived = self.arrived.lock().unwrap();
            (arrived.len() == count).then(|| arrived.iter().map(|one| one.0).collect())
        })
    }

    fn answer(&self, connection: usize, answer: Answer) {
        self.answers.lock().unwrap()[&connection].send(answer).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whoever still waits for an answer ends.
        self.answers.lock().unwrap().clear();
    }
}

fn rules(copies: u32, hedge_after_ns: u64) -> FanoutRules {
    FanoutRules { copies, hedge_after_ns, completes: Completes::First }
}

fn submit(pool: &Pool, when_busy: WhenBusy, rules: FanoutRules) -> Result<u64, Status> {
    let mut request = request(pool);
    order(&mut request, "fan-out");
    request.set_user_data(7);
    pool.submit_fanout(&mut request, None, when_busy, rules)
}

fn send(pool: &Pool, rules: FanoutRules) -> u64 {
    submit(pool, WhenBusy::Refuse, rules).unwrap()
}

fn next(pool: &Pool) -> Completion {
    let mut taken = None;
    assert_eq!(pool.wait(1, PATIENCE, |done| taken = Some(done)), Ok(Some(1)));
    taken.unwrap()
}

/// Drives until so many slots are idle.
fn until_rests(pool: &Pool, slots: u32) {
    until(|| {
        let _ = pool.poll(1, |_| panic!("one completion")).unwrap();
        (pool.counts().idle == slots).then_some(())
    });
}

/// What comes late: the id, the slot, the status.
fn late_answers(config: &mut Config) -> Receiver<(u64, Option<u16>, u16)> {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    config.set_event_hook(Some(EventHook(Arc::new(move |event| {
        if event.kind == EventKind::LateResponse {
            let late = event.late.as_ref().unwrap();
            tell.lock().unwrap().send((late.id, late.slot, status(late))).unwrap();
        }
    }))));
    told
}

#[test]
fn all_copies_are_sent_at_once_and_the_first_answer_completes_the_order() {
    for drive in DRIVES {
        let server = Server::start();
        let mut config = server.config(4, drive);
        let late = late_answers(&mut config);
        let pool = Pool::open(&config).unwrap();
        let id = send(&pool, rules(3, 0));
        let arrivals = server.arrivals(3);
        assert_eq!(pool.counts().idle, 1, "three connections, one copy on each");
        let raw = server.arrived.lock().unwrap().clone();
        assert!(raw.iter().all(|one| one.1 == raw[0].1), "the same bytes");
        server.answer(arrivals[1], BUSY);
        let done = next(&pool);
        assert_eq!((done.id, done.user_data, status(&done)), (id, 7, 503));
        assert_eq!((done.wire_state, done.copies_sent()), (WireState::Answered, 3));
        let winner = done.slot.unwrap();
        server.answer(arrivals[0], OK);
        server.answer(arrivals[2], OK);
        // In caller drive somebody has to drive for it.
        let told: Vec<_> = (0..2)
            .map(|_| {
                until(|| {
                    let _ = pool.poll(1, |_| panic!("one completion")).unwrap();
                    late.try_recv().ok()
                })
            })
            .collect();
        for (late_id, slot, status) in &told {
            assert_eq!((*late_id, *status), (id, 200));
            assert_ne!(*slot, Some(winner));
        }
        assert_ne!(told[0].1, told[1].1);
        until_rests(&pool, 4);
        assert_eq!(pool.stats().submitted.get(), 1);
        assert_eq!(pool.cancel(id), Err(Status::ERR_UNKNOWN_ID));
        pool.close().unwrap();
    }
}

#[test]
fn a_hedge_sends_one_more_copy_each_time_that_no_answer_came() {
    for drive in DRIVES {
        let server = Server::start();
        let pool = Pool::open(&server.config(3, drive)).unwrap();
        send(&pool, rules(2, 20_000_000));
        let arrivals = server.arrivals(2);
        assert_ne!(arrivals[0], arrivals[1]);
        server.answer(arrivals[1], OK);
        let done = next(&pool);
        assert_eq!((status(&done), done.copies_sent()), (200, 2));
        let waited_ns = done.times.start_ns - done.times.submit_ns;
        assert!(waited_ns >= 20_000_000, "the second copy has won, {waited_ns} ns after the first");
        server.answer(arrivals[0], OK);
        pool.close().unwrap();
    }
}

#[test]
fn an_answer_before_the_hedge_saves_the_second_copy() {
    for drive in DRIVES {
        let server = Server::start();
        let pool = Pool::open(&server.config(2, drive)).unwrap();
        send(&pool, rules(2, HOUR_NS));
        server.answer(server.arrivals(1)[0], OK);
        let done = next(&pool);
        assert_eq!((status(&done), done.copies_sent()), (200, 1));
        pool.close().unwrap();
        assert_eq!(server.arrivals(1).len(), 1);
    }
}

#[test]
fn a_lost_copy_is_followed_by_the_next_at_once() {
    for drive in DRIVES {
        let server = Server::start();
        let pool = Pool::open(&server.config(2, drive)).unwrap();
        send(&pool, rules(2, HOUR_NS));
        let first = server.arrivals(1)[0];
        server.answer(first, b"");
        let second = until(|| {
            let _ = pool.poll(1, |_| panic!("no completion yet")).unwrap();
            let arrived = server.arrived.lock().unwrap();
            arrived.get(1).map(|one| one.0)
        });
        server.answer(second, OK);
        let done = next(&pool);
        assert_eq!((status(&done), done.copies_sent()), (200, 2));
        pool.close().unwrap();
    }
}

#[test]
fn only_a_success_completes_the_order_if_it_is_to() {
    for drive in DRIVES {
        let server = Server::start();
        let pool = Pool::open(&server.config(2, drive)).unwrap();
        let success = FanoutRules { completes: Completes::FirstSuccess, ..rules(2, 0) };
        send(&pool, success);
        let arrivals = server.arrivals(2);
        server.answer(arrivals[0], BUSY);
        server.answer(arrivals[1], OK);
        let done = next(&pool);
        assert_eq!((status(&done), done.copies_sent()), (200, 2));
        until_rests(&pool, 2);
        // Without a success it ends as the copy did that got furthest: the first that was answered.
        let id = send(&pool, success);
        let arrivals = server.arrivals(4);
        server.answer(arrivals[2], b"");
        server.answer(arrivals[3], BUSY);
        let done = next(&pool);
        assert_eq!((done.id, done.outcome, status(&done)), (id, Outcome::Ok, 503));
        pool.close().unwrap();
    }
}

#[test]
fn an_order_whose_copies_are_all_lost_ends_as_the_one_that_got_furthest() {
    for drive in DRIVES {
        let server = Server::start();
        let pool = Pool::open(&server.config(2, drive)).unwrap();
        send(&pool, rules(2, 0));
        server.arrivals(2).into_iter().for_each(|one| server.answer(one, b""));
        let done = next(&pool);
        assert_eq!((done.wire_state, done.copies_sent()), (WireState::Sent, 2));
        assert_ne!(done.outcome, Outcome::Ok);
        pool.close().unwrap();
    }
}

#[test]
fn a_copy_without_a_free_connection_is_not_sent() {
    for drive in DRIVES {
        let server = Server::start();
        let pool = Pool::open(&server.config(1, drive)).unwrap();
        send(&pool, rules(3, 0));
        // Nothing is free now.
        assert_eq!(submit(&pool, WhenBusy::Refuse, rules(2, 0)), Err(Status::ERR_NO_SLOT));
        let waits = submit(&pool, WhenBusy::Queue, rules(2, 0)).unwrap();
        assert_eq!(pool.counts().waiting, 1);
        pool.cancel(waits).unwrap();
        let done = next(&pool);
        assert_eq!((done.id, done.outcome), (waits, Outcome::Cancelled));
        assert_eq!((done.wire_state, done.copies_sent()), (WireState::NotSent, 0));
        server.answer(server.arrivals(1)[0], OK);
        let done = next(&pool);
        assert_eq!((status(&done), done.copies_sent()), (200, 1));
        pool.close().unwrap();
    }
}

#[test]
fn a_hedged_copy_waits_for_its_time_and_then_takes_the_slot_that_is_free() {
    let server = Server::start();
    let pool = Pool::open(&server.config(2, Drive::Thread)).unwrap();
    let other = pool.try_acquire().unwrap();
    send(&pool, rules(2, 1_000_000));
    // However often it is due before, no connection is free for the second copy.
    server.arrivals(1);
    pool.release(other).unwrap();
    let arrivals = server.arrivals(2);
    server.answer(arrivals[1], OK);
    assert_eq!(next(&pool).copies_sent(), 2);
    pool.close().unwrap();
}

#[test]
fn a_cancel_and_the_deadline_end_all_copies() {
    for drive in DRIVES {
        let server = Server::start();
        let pool = Pool::open(&server.config(2, drive)).unwrap();
        let id = send(&pool, rules(2, 0));
        server.arrivals(2);
        pool.cancel(id).unwrap();
        let done = next(&pool);
        assert_eq!((done.outcome, done.wire_state), (Outcome::Cancelled, WireState::Sent));
        assert_eq!(done.copies_sent(), 2);
        until_rests(&pool, 2);
        let mut request = request(&pool);
        order(&mut request, "fan-out");
        request.set_timeout_ns(30_000_000);
        pool.submit_fanout(&mut request, None, WhenBusy::Refuse, rules(2, 0)).unwrap();
        let done = next(&pool);
        assert_eq!((done.outcome, done.wire_state), (Outcome::Timeout, WireState::Sent));
        pool.close().unwrap();
    }
}

#[test]
fn a_callback_receives_the_order_once_and_the_end_of_the_pool_ends_it() {
    for drive in DRIVES {
        let server = Server::start();
        let pool = Pool::open(&server.config(2, drive)).unwrap();
        let (tell, told) = channel();
        let tell = Mutex::new(tell);
        let callback: Callback =
            Arc::new(move |done| tell.lock().unwrap().send((done.id, done.outcome)).unwrap());
        let mut request = request(&pool);
        order(&mut request, "fan-out");
        let submit = |request: &mut _, rules| {
            let callback = Some(Arc::clone(&callback));
            pool.submit_fanout(request, callback, WhenBusy::Queue, rules).unwrap()
        };
        let first = submit(&mut request, rules(2, HOUR_NS));
        server.arrivals(1);
        // It is to have a second copy, and another order waits behind a leased slot.
        let _lease = pool.try_acquire().unwrap();
        order(&mut request, "fan-out-2");
        let second = submit(&mut request, rules(2, 0));
        pool.shutdown(Duration::ZERO);
        pool.close().unwrap();
        let mut ended: Vec<_> = told.try_iter().collect();
        ended.sort_unstable_by_key(|one| one.0);
        assert_eq!(ended, [(first, Outcome::Shutdown), (second, Outcome::Shutdown)]);
    }
}

/// No answer comes before both copies are there, so none is withdrawn.
#[test]
fn each_copy_of_an_order_that_is_signed_late_has_a_signature_of_its_own() {
    for drive in DRIVES {
        let server = Server::start();
        let pool = Pool::open(&server.config(2, drive)).unwrap();
        let mut request = request(&pool);
        request.begin(b"GET", b"/order").unwrap();
        request.query_raw(b"nonce=").unwrap();
        assert_eq!(request.placeholder(1), Ok(0));
        let nonces = Mutex::new(b"12".iter());
        request.set_on_send(Some(Arc::new(move |sending: &mut Sending<'_>| {
            let nonce = *nonces.lock().unwrap().next().expect("one for each copy");
            sending.fill(0, &[nonce]).is_ok()
        })));
        pool.submit_fanout(&mut request, None, WhenBusy::Refuse, rules(2, 0)).unwrap();
        let connections = server.arrivals(2);
        let mut sent: Vec<_> =
            server.arrived.lock().unwrap().iter().map(|one| one.1[..20].to_vec()).collect();
        sent.sort();
        assert_eq!(sent, [b"GET /order?nonce=1 H", b"GET /order?nonce=2 H"]);
        connections.into_iter().for_each(|connection| server.answer(connection, OK));
        let done = next(&pool);
        assert_eq!((done.outcome, done.copies_sent()), (Outcome::Ok, 2));
        pool.close().unwrap();
    }
}
