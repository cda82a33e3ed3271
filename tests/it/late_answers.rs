//! Answers that come after the completion of their request, as completions of their own.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use mock_venue::{Script, ScriptServer};
use venuepool::completion::{Callback, Completion};
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{Outcome, WireState};
use venuepool::event::{EventHook, EventKind};
use venuepool::pool::fanout::{Completes, FanoutRules};

use crate::rig::{PATIENCE, body, config, request, switch};

const DRIVES: [Drive; 2] = [Drive::Thread, Drive::Caller];
const MS: u64 = 1_000_000;
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate";

/// A server that answers each request when the switch is thrown.
fn server() -> (ScriptServer, Sender<()>) {
    let (throw, thrown) = switch();
    let script = Script::serve(move |peer, _| {
        while let Ok(Some(_)) = peer.read_request() {
            if thrown.lock().unwrap().recv().is_err() || peer.write(ANSWER).is_err() {
                return;
            }
        }
    });
    (script.unwrap(), throw)
}

fn late(server: &ScriptServer, drive: Drive) -> Config {
    let mut config = config(&server.url(), 2);
    config.set_drive(drive);
    config.set_late_completes(true);
    config.set_linger_ns(60_000 * MS).unwrap();
    config.set_request_timeout_ns(20 * MS).unwrap();
    config
}

fn submit(pool: &Pool, callback: Option<Callback>) -> u64 {
    let mut request = request(pool);
    request.begin(b"GET", b"/").unwrap();
    request.set_user_data(7);
    pool.submit(&mut request, callback, WhenBusy::Refuse).unwrap()
}

fn next(pool: &Pool) -> Completion {
    let mut taken = None;
    assert_eq!(pool.wait(1, PATIENCE, |done| taken = Some(done)), Ok(Some(1)));
    taken.unwrap()
}

/// The ids that are told as events.
fn events(config: &mut Config) -> Receiver<u64> {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    config.set_event_hook(Some(EventHook(Arc::new(move |event| {
        if event.kind == EventKind::LateResponse {
            tell.lock().unwrap().send(event.late.as_ref().unwrap().id).unwrap();
        }
    }))));
    told
}

#[test]
fn a_late_answer_comes_as_a_completion_in_the_queue() {
    for drive in DRIVES {
        let (server, throw) = server();
        let mut config = late(&server, drive);
        let events = events(&mut config);
        let pool = Pool::open(&config).unwrap();
        let id = submit(&pool, None);
        let done = next(&pool);
        assert_eq!((done.id, done.outcome, done.is_late()), (id, Outcome::Timeout, false));
        throw.send(()).unwrap();
        let late = next(&pool);
        assert_eq!((late.id, late.user_data, late.is_late()), (id, 7, true));
        assert_eq!((late.outcome, late.wire_state), (Outcome::Ok, WireState::Answered));
        assert_eq!(body(&late), "late");
        assert_eq!(late.endpoints().unwrap().peer, server.address().into());
        assert_eq!(late.endpoints(), done.endpoints(), "both are of the same connection");
        assert_eq!((pool.stats().late.get(), pool.stats().answered.get()), (1, 0));
        pool.close().unwrap();
        assert!(events.try_recv().is_err(), "no event besides");
    }
}

#[test]
fn a_late_answer_comes_by_the_callback_of_its_request() {
    for drive in DRIVES {
        let (server, throw) = server();
        let pool = Pool::open(&late(&server, drive)).unwrap();
        let (tell, told) = channel();
        let tell = Mutex::new(tell);
        let callback: Callback = Arc::new(move |done| {
            let driver = std::thread::current().id();
            let what = (done.id, done.outcome, done.is_late(), driver);
            tell.lock().unwrap().send(what).unwrap();
        });
        let id = submit(&pool, Some(callback));
        let next = || {
            // In caller drive the callback runs on the thread that waits.
            crate::rig::until(|| {
                let _ = pool.poll(1, |_| panic!("it has a callback")).unwrap();
                told.try_recv().ok()
            })
        };
        let done = next();
        assert_eq!((done.0, done.1, done.2), (id, Outcome::Timeout, false));
        throw.send(()).unwrap();
        let late = next();
        assert_eq!((late.0, late.1, late.2), (id, Outcome::Ok, true));
        assert_eq!(late.3, done.3, "on the thread of the other one");
        assert_eq!(late.3 == std::thread::current().id(), drive == Drive::Caller);
        pool.close().unwrap();
    }
}

#[test]
fn a_late_answer_is_an_event_when_the_queue_is_full() {
    for drive in DRIVES {
        let (server, throw) = server();
        let mut config = late(&server, drive);
        config.set_completion_capacity(1).unwrap();
        let events = events(&mut config);
        let pool = Pool::open(&config).unwrap();
        let first = submit(&pool, None);
        assert_eq!(next(&pool).id, first);
        // Its place is taken until its completion was polled.
        let second = submit(&pool, None);
        throw.send(()).unwrap();
        assert_eq!(events.recv_timeout(PATIENCE).unwrap(), first);
        throw.send(()).unwrap();
        assert_eq!(next(&pool).id, second);
        pool.close().unwrap();
    }
}

#[test]
fn the_answer_of_another_copy_is_a_completion_too() {
    for drive in DRIVES {
        let (server, throw) = server();
        let mut config = late(&server, drive);
        config.set_request_timeout_ns(60_000 * MS).unwrap();
        let pool = Pool::open(&config).unwrap();
        let mut request = request(&pool);
        request.begin(b"GET", b"/").unwrap();
        let completes = Completes::First;
        let rules = FanoutRules { copies: 2, hedge_after_ns: 0, completes };
        let id = pool.submit_fanout(&mut request, None, WhenBusy::Refuse, rules).unwrap();
        throw.send(()).unwrap();
        let done = next(&pool);
        assert_eq!((done.id, done.is_late(), done.copies_sent()), (id, false, 2));
        throw.send(()).unwrap();
        let late = next(&pool);
        assert_eq!((late.id, late.is_late(), late.outcome), (id, true, Outcome::Ok));
        assert_ne!(late.slot, done.slot);
        pool.close().unwrap();
    }
}
