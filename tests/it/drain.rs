//! Drains: no new order, and the lanes that are open go on, so that an engine can reconcile.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mock_venue::{Fault, FaultKind, Options, Script, ScriptServer, Venue};
use venuepool::completion::{Callback, Completion};
use venuepool::config::Drive;
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{Outcome, Status, WireState};
use venuepool::http::Request;
use venuepool::lane::{Lane, LaneSet};

use crate::rig::{PATIENCE, body, config, order, request, status, switch, until, venue_config};

const MS: u64 = 1_000_000;
const DRIVES: [Drive; 2] = [Drive::Thread, Drive::Caller];

/// All lanes but that of the orders.
fn but_orders() -> LaneSet {
    LaneSet::from_bits(13).unwrap()
}

fn next(pool: &Pool) -> Completion {
    let mut taken = None;
    assert_eq!(pool.wait(1, PATIENCE, |done| taken = Some(done)), Ok(Some(1)));
    taken.unwrap()
}

fn ask(pool: &Pool, lane: Lane, path: &str) -> Request {
    let mut request = request(pool);
    request.set_lane(lane);
    request.begin(b"GET", path.as_bytes()).unwrap();
    request
}

fn new_order(pool: &Pool, id: &str) -> Request {
    let mut request = request(pool);
    order(&mut request, id);
    request
}

#[test]
fn in_a_drain_orders_are_refused_and_the_open_lanes_go_on() {
    for drive in DRIVES {
        let venue = Venue::start(Options::plain()).unwrap();
        let mut config = venue_config(&venue, 2);
        config.set_drive(drive);
        config.set_heartbeat(b"GET", b"/api/v3/ping", 5 * MS, 2_000 * MS).unwrap();
        let pool = Pool::open(&config).unwrap();
        let lease = pool.acquire(PATIENCE).unwrap();
        pool.submit_on(lease, &mut new_order(&pool, "before"), None).unwrap();
        assert_eq!(next(&pool).outcome, Outcome::Ok);
        assert_eq!(pool.open_lanes(), LaneSet::ALL);
        (0..2).for_each(|_| assert_eq!(pool.drain(but_orders()), Ok(())));
        assert_eq!(pool.open_lanes(), but_orders());
        let mut refused = new_order(&pool, "refused");
        let draining = Status::ERR_DRAINING;
        for when_busy in [WhenBusy::Refuse, WhenBusy::Queue] {
            assert_eq!(pool.submit(&mut refused, None, when_busy), Err(draining));
            assert_eq!(pool.execute(&mut refused, when_busy).err(), Some(draining));
        }
        assert_eq!(pool.submit_on(lease, &mut refused, None), Err(draining));
        assert_eq!((pool.try_acquire(), pool.acquire(PATIENCE)), (Err(draining), Err(draining)));
        // Also on the lease, and the heartbeats beside them.
        pool.submit_on(lease, &mut ask(&pool, Lane::Queries, "/api/v3/time"), None).unwrap();
        assert_eq!(status(&next(&pool)), 200);
        let beats = pool.stats().heartbeats.get();
        for lane in [Lane::Urgent, Lane::Queries, Lane::Background] {
            let mut request = ask(&pool, lane, "/api/v3/time");
            assert_eq!(status(&pool.execute(&mut request, WhenBusy::Queue).unwrap()), 200);
        }
        until(|| (pool.stats().heartbeats.get() >= beats + 4).then_some(()));
        pool.release(lease).unwrap();
        assert_eq!((venue.orders_with_id("before"), venue.orders_with_id("refused")), (1, 0));
        assert_eq!(pool.counts().outstanding(), 0);
        pool.shutdown(Duration::ZERO);
        assert_eq!(pool.drain(LaneSet::NONE), Err(Status::ERR_CLOSED));
        assert_eq!(pool.open_lanes(), LaneSet::NONE);
        pool.close().unwrap();
        assert_eq!(pool.drain(LaneSet::NONE), Err(Status::ERR_CLOSED));
    }
}

/// A server that answers one request each time the switch is thrown, and notes the paths.
fn server() -> (ScriptServer, Arc<Mutex<Vec<String>>>, Sender<()>) {
    let (throw, thrown) = switch();
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&arrived);
    let server = Script::serve(move |peer, _| {
        while let Ok(Some(request)) = peer.read_request() {
            noted.lock().unwrap().push(request.target);
            let _ = thrown.lock().unwrap().recv();
            peer.write(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        }
    })
    .unwrap();
    (server, arrived, throw)
}

#[test]
fn what_waits_in_a_lane_that_closes_ends_not_sent() {
    for drive in DRIVES {
        let (server, arrived, throw) = server();
        let mut config = config(&server.url(), 1);
        config.set_drive(drive);
        let pool = Pool::open(&config).unwrap();
        let order = |path| ask(&pool, Lane::Orders, path);
        let in_flight = pool.submit(&mut order("/flies"), None, WhenBusy::Refuse).unwrap();
        let waits = pool.submit(&mut order("/waits"), None, WhenBusy::Queue).unwrap();
        let mut query = ask(&pool, Lane::Queries, "/query");
        let query = pool.submit(&mut query, None, WhenBusy::Queue).unwrap();
        let (told, tells) = std::sync::mpsc::channel();
        let (told, whose) = (Mutex::new(told), Arc::downgrade(&pool));
        let callback: Callback = Arc::new(move |done| {
            let drives = whose.upgrade().is_some_and(|pool| pool.is_delivering());
            told.lock().unwrap().send((done.outcome, done.wire_state, drives)).unwrap();
        });
        pool.submit(&mut order("/called"), Some(callback), WhenBusy::Queue).unwrap();
        std::thread::scope(|scope| {
            let executes = scope.spawn(|| {
                pool.execute(&mut order("/executed"), WhenBusy::Queue).map(|done| done.outcome)
            });
            let acquires = scope.spawn(|| pool.acquire(PATIENCE));
            until(|| (pool.counts().waiting == 5).then_some(()));
            assert_eq!(pool.counts().outstanding(), 6);
            pool.drain(but_orders()).unwrap();
            assert_eq!(pool.counts().outstanding(), 2, "it does not wait for who is told");
            let done = next(&pool);
            assert_eq!((done.id, done.outcome), (waits, Outcome::Draining));
            assert_eq!(
                (done.wire_state, done.bytes_sent, done.slot),
                (WireState::NotSent, 0, None)
            );
            assert_eq!(executes.join().unwrap(), Ok(Outcome::Draining));
            assert_eq!(acquires.join().unwrap(), Err(Status::ERR_DRAINING));
        });
        drop(throw);
        let ended = [next(&pool), next(&pool)].map(|done| (done.id, done.outcome));
        assert_eq!(ended, [(in_flight, Outcome::Ok), (query, Outcome::Ok)]);
        let called = tells.recv_timeout(PATIENCE).unwrap();
        assert_eq!(called, (Outcome::Draining, WireState::NotSent, true));
        assert_eq!(*arrived.lock().unwrap(), ["/flies", "/query"]);
        pool.close().unwrap();
    }
}

#[test]
fn a_callback_may_drain_its_pool() {
    for drive in DRIVES {
        let venue = Venue::start(Options::plain()).unwrap();
        let mut config = venue_config(&venue, 1);
        config.set_drive(drive);
        let pool = Pool::open(&config).unwrap();
        let drained = Arc::new(AtomicU32::new(0));
        let (whose, count) = (Arc::downgrade(&pool), Arc::clone(&drained));
        let callback: Callback = Arc::new(move |done| {
            let pool = whose.upgrade().unwrap();
            assert_eq!(pool.drain(LaneSet::NONE), Ok(()));
            count.fetch_add(u32::from(done.outcome == Outcome::Draining), Ordering::SeqCst);
        });
        // All that still wait when the first one is answered end by its drain.
        let mut request = new_order(&pool, "one-of-many");
        let submit = |request: &mut Request| {
            pool.submit(request, Some(Arc::clone(&callback)), WhenBusy::Queue)
        };
        let accepted = (0..200).map_while(|_| submit(&mut request).ok()).count() as u64;
        let ended = || pool.stats().answered.get() + pool.stats().failed.get();
        until(|| {
            pool.wait(1, Duration::from_millis(1), drop).unwrap();
            (ended() == accepted).then_some(())
        });
        assert_eq!(u64::from(drained.load(Ordering::SeqCst)), pool.stats().failed.get());
        assert_eq!(submit(&mut request), Err(Status::ERR_DRAINING));
        assert_eq!(pool.counts().outstanding(), 0);
        pool.close().unwrap();
    }
}

/// Sends orders until one is refused by the drain. Each of its accepted orders, by its id.
fn trade(pool: &Pool, name: usize, is_drained: &AtomicBool) -> BTreeMap<u64, String> {
    let mut sent = BTreeMap::new();
    for number in 0.. {
        let (mine, was_drained) = (format!("{name}-{number}"), is_drained.load(Ordering::SeqCst));
        match pool.submit(&mut new_order(pool, &mine), None, WhenBusy::Queue) {
            Ok(id) => {
                assert!(!was_drained, "an order was accepted after the drain");
                sent.insert(id, mine);
            }
            Err(Status::ERR_DRAINING) => return sent,
            Err(Status::ERR_WAITING_FULL | Status::ERR_COMPLETIONS_FULL) => {
                assert!(!was_drained, "a drain is told first");
                std::thread::yield_now();
            }
            Err(status) => panic!("{status:?}"),
        }
    }
    unreachable!("there is no last number")
}

/// How each request ended, by its id.
type Ends = BTreeMap<u64, (Outcome, WireState)>;

fn take(pool: &Pool, ends: &mut Ends) {
    let note = |done: Completion| {
        let end = (done.outcome, done.wire_state);
        assert_eq!(ends.insert(done.id, end), None, "completed twice");
    };
    pool.wait(16, Duration::from_millis(1), note).unwrap();
}

#[test]
fn an_engine_drains_reconciles_and_closes() {
    for drive in DRIVES {
        let venue = Venue::start(Options::plain()).unwrap();
        // Executed, and never answered.
        let stalls = Fault::every(5, FaultKind::Stall);
        venue.set_fault(stalls.on("/api/v3/order")).unwrap();
        let mut config = venue_config(&venue, 4);
        config.set_drive(drive);
        config.set_request_timeout_ns(200 * MS).unwrap();
        config.set_waiting_capacity(16).unwrap();
        let pool = Pool::open(&config).unwrap();
        let is_drained = AtomicBool::new(false);
        let mut ends = Ends::new();
        let sent: BTreeMap<u64, String> = std::thread::scope(|scope| {
            let engines: [_; 3] = std::array::from_fn(|name| {
                let (pool, is_drained) = (&pool, &is_drained);
                scope.spawn(move || trade(pool, name, is_drained))
            });
            until(|| {
                take(&pool, &mut ends);
                (pool.stats().answered.get() >= 20).then_some(())
            });
            pool.drain(but_orders()).unwrap();
            is_drained.store(true, Ordering::SeqCst);
            engines.into_iter().flat_map(|engine| engine.join().unwrap()).collect()
        });
        until(|| {
            take(&pool, &mut ends);
            (pool.counts().outstanding() == 0 && ends.len() == sent.len()).then_some(())
        });
        venue.clear_faults().unwrap();
        reconcile(&pool, &venue, &sent, &ends);
        pool.close().unwrap();
    }
}

/// Asks the venue about each order whose end is not certain; of the others it is as was told.
fn reconcile(pool: &Pool, venue: &Venue, sent: &BTreeMap<u64, String>, ends: &Ends) {
    let mut asked = 0;
    for (id, name) in sent {
        let is_executed = match ends[id] {
            (Outcome::Ok, _) => true,
            (_, WireState::NotSent | WireState::Partial) => false,
            _ => {
                asked += 1;
                let path = format!("/api/v3/order?origClientOrderId={name}");
                let mut query = ask(pool, Lane::Queries, &path);
                let done = pool.execute(&mut query, WhenBusy::Queue).unwrap();
                assert!(status(&done) != 200 || body(&done).contains(name.as_str()));
                status(&done) == 200
            }
        };
        assert_eq!(venue.orders_with_id(name), u64::from(is_executed), "{name}: {:?}", ends[id]);
    }
    assert!(asked > 0, "each fifth order had no answer");
}
