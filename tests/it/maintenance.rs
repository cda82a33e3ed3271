//! Connections known good before the order: heartbeat, rotation, announced limits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mock_venue::{Fault, FaultKind, Options, Peer, Script, ScriptServer, Venue};
use venuepool::clock::now_ns;
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{CloseReason, Outcome, Status};
use venuepool::pool::health::{Activity, SlotHealth};

use crate::rig::{
    PATIENCE, config, get, order, request, status, switch, until, until_idle, venue_config,
};

const MS: u64 = 1_000_000;
const DRIVES: [Drive; 2] = [Drive::Thread, Drive::Caller];
const PONG: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";

/// Answers each request with what `answer` makes of the connection's and the request's number.
fn server(
    answer: impl Fn(usize, usize) -> Option<Vec<u8>> + Send + Sync + 'static,
) -> ScriptServer {
    let handler = move |peer: &mut Peer, connection| {
        let mut number = 0;
        while let Ok(Some(_)) = peer.read_request() {
            if let Some(bytes) = answer(connection, number)
                && peer.write(&bytes).is_err()
            {
                return;
            }
            number += 1;
        }
    };
    Script::serve(handler).unwrap()
}

fn closed(pool: &Pool, reason: CloseReason) -> u64 {
    pool.stats().closed[reason as usize].get()
}

fn with_heartbeat(server: &ScriptServer, connections: usize, drive: Drive) -> Config {
    let mut config = config(&server.url(), connections);
    config.set_drive(drive);
    config.set_heartbeat(b"GET", b"/ping", 5 * MS, 2_000 * MS).unwrap();
    config
}

#[test]
fn heartbeats_prove_idle_connections_while_no_thread_drives() {
    for drive in DRIVES {
        let server = server(|_, _| Some(PONG.to_vec()));
        let pool = Pool::open(&with_heartbeat(&server, 3, drive)).unwrap();
        let opened = pool.slot_healths();
        until(|| pool.slot_healths().iter().all(|slot| slot.requests >= 5).then_some(()));
        for (before, slot) in opened.iter().zip(pool.slot_healths()) {
            assert!(slot.proven_ns > before.proven_ns && slot.rtt_ns > 0);
            assert_eq!((slot.connections, slot.last_close_reason), (1, None));
        }
        assert!(pool.stats().heartbeats.get() >= 15);
        // Nothing of them is seen by the engine.
        assert_eq!((pool.stats().submitted.get(), pool.stats().answered.get()), (0, 0));
        assert_eq!(pool.poll(1, |_| panic!("a completion of a heartbeat")), Ok(Some(0)));
        pool.close().unwrap();
    }
}

#[test]
fn a_missed_heartbeat_ends_the_connection_and_it_is_healed() {
    for drive in DRIVES {
        // The first two connections are dead, though their sockets show nothing of it.
        let server = server(|connection, _| (connection >= 2).then(|| PONG.to_vec()));
        let mut config = with_heartbeat(&server, 2, drive);
        config.set_heartbeat(b"GET", b"/ping", 5 * MS, 10 * MS).unwrap();
        let pool = Pool::open(&config).unwrap();
        until(|| (closed(&pool, CloseReason::Heartbeat) >= 2).then_some(()));
        until(|| pool.slot_healths().iter().all(|slot| slot.requests >= 1).then_some(()));
        let slots = pool.slot_healths();
        assert!(slots.iter().all(|slot| slot.last_close_reason == Some(CloseReason::Heartbeat)));
        pool.close().unwrap();
    }
}

#[test]
fn a_heartbeat_leaves_slots_for_orders() {
    let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, peak) = (Arc::clone(&at_once), Arc::clone(&most));
    let server = server(move |_, _| {
        peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(3));
        now.fetch_sub(1, Ordering::SeqCst);
        Some(PONG.to_vec())
    });
    let pool = Pool::open(&with_heartbeat(&server, 7, Drive::Thread)).unwrap();
    until(|| {
        let beating =
            pool.slot_healths().iter().filter(|slot| slot.state == Activity::Heartbeat).count();
        assert!(beating <= 1, "{beating} of 7 slots beat at once");
        (pool.stats().heartbeats.get() >= 40).then_some(())
    });
    assert_eq!(most.load(Ordering::SeqCst), 1);
    pool.close().unwrap();
}

#[test]
fn a_queued_order_behind_a_heartbeat_waits_for_one_exchange() {
    let server = server(|_, _| Some(PONG.to_vec()));
    let mut config = with_heartbeat(&server, 1, Drive::Thread);
    config.set_heartbeat(b"GET", b"/ping", MS, 2_000 * MS).unwrap();
    let pool = Pool::open(&config).unwrap();
    let mut request = request(&pool);
    for number in 0..500 {
        order(&mut request, &format!("order-{number}"));
        let done = pool.execute(&mut request, WhenBusy::Queue).unwrap();
        assert_eq!(done.outcome, Outcome::Ok);
        if number % 10 == 0 {
            let beats = pool.stats().heartbeats.get();
            until(|| (pool.stats().heartbeats.get() > beats).then_some(()));
        }
    }
    pool.close().unwrap();
}

#[test]
fn an_old_connection_serves_until_its_replacement_is_live() {
    for drive in DRIVES {
        for options in [Options::plain(), Options::tls()] {
            let venue = Venue::start(options).unwrap();
            let mut config = venue_config(&venue, 2);
            config.set_drive(drive);
            config.set_max_age_ns(10 * MS).unwrap();
            let pool = Pool::open(&config).unwrap();
            until(|| {
                assert_eq!(pool.counts().live, 2, "a slot was down for its replacement");
                (closed(&pool, CloseReason::MaxAge) >= 10).then_some(())
            });
            assert_eq!(status(&get(&pool, "/api/v3/ping")), 200);
            pool.close().unwrap();
        }
    }
}

#[test]
fn a_connection_is_replaced_between_two_exchanges_also_without_a_pause() {
    for drive in DRIVES {
        let venue = Venue::start(Options::plain()).unwrap();
        let mut config = venue_config(&venue, 1);
        config.set_drive(drive);
        config.set_max_age_ns(5 * MS).unwrap();
        let pool = Pool::open(&config).unwrap();
        let (mut one, mut two) = (request(&pool), request(&pool));
        let mut number = 0;
        // There is always one in the queue, so the slot is never idle.
        order(&mut two, "first");
        pool.submit(&mut two, None, WhenBusy::Queue).unwrap();
        while closed(&pool, CloseReason::MaxAge) < 5 {
            number += 1;
            order(&mut one, &format!("order-{number}"));
            pool.submit(&mut one, None, WhenBusy::Queue).unwrap();
            let mut outcome = None;
            until(|| {
                pool.poll(1, |done| outcome = Some(done.outcome)).unwrap();
                outcome
            });
            assert_eq!(outcome, Some(Outcome::Ok));
        }
        assert_eq!(venue.stats().duplicates, 0);
        pool.close().unwrap();
    }
}

#[test]
fn an_old_connection_is_better_than_none() {
    // Over TLS, so that nobody takes a connection for live that only the kernel has accepted.
    let venue = Venue::start(Options::tls()).unwrap();
    let mut config = venue_config(&venue, 1);
    config.set_max_age_ns(5 * MS).unwrap();
    config.set_backoff_ns(MS, 5 * MS).unwrap();
    let pool = Pool::open(&config).unwrap();
    venue.set_fault(Fault::always(FaultKind::Refuse)).unwrap();
    until(|| {
        assert_eq!(pool.counts().live, 1);
        (pool.stats().dial_failures[1].get() >= 5).then_some(())
    });
    assert_eq!(status(&get(&pool, "/api/v3/ping")), 200);
    let before = closed(&pool, CloseReason::MaxAge);
    venue.clear_faults().unwrap();
    until(|| (closed(&pool, CloseReason::MaxAge) > before).then_some(()));
    pool.close().unwrap();
}

#[test]
fn no_connection_is_used_beyond_its_idle_limit() {
    for drive in DRIVES {
        let server = server(|_, _| Some(PONG.to_vec()));
        let mut config = config(&server.url(), 2);
        config.set_drive(drive);
        config.set_idle_limit_ns(20 * MS).unwrap();
        let pool = Pool::open(&config).unwrap();
        until(|| (closed(&pool, CloseReason::IdleLimit) >= 6).then_some(()));
        until(|| pool.slot_healths().iter().all(|slot| slot.connections >= 3).then_some(()));
        pool.close().unwrap();
    }
}

#[test]
fn no_connection_carries_more_requests_than_it_may() {
    for drive in DRIVES {
        let most = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&most);
        let server = server(move |_, number| {
            seen.fetch_max(number + 1, Ordering::SeqCst);
            Some(PONG.to_vec())
        });
        let mut config = config(&server.url(), 1);
        config.set_drive(drive);
        config.set_max_requests(10);
        let pool = Pool::open(&config).unwrap();
        for _ in 0..100 {
            assert_eq!(status(&get(&pool, "/")), 200);
        }
        until(|| (closed(&pool, CloseReason::MaxRequests) >= 9).then_some(()));
        assert!(most.load(Ordering::SeqCst) <= 10);
        pool.close().unwrap();
    }
}

#[test]
fn what_the_venue_announces_is_kept() {
    let most = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&most);
    let server = server(move |_, number| {
        seen.fetch_max(number + 1, Ordering::SeqCst);
        // As Apache does: `max` says how many more, and the limit is 8.
        let left = 7usize.saturating_sub(number);
        let head = format!("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1, max={left}\r\n");
        Some(format!("{head}Content-Length: 0\r\n\r\n").into_bytes())
    });
    let pool = Pool::open(&config(&server.url(), 1)).unwrap();
    for _ in 0..40 {
        assert_eq!(status(&get(&pool, "/")), 200);
    }
    assert!(most.load(Ordering::SeqCst) <= 8);
    assert!(closed(&pool, CloseReason::MaxRequests) >= 4);
    // A second of idle time is announced, so at nine tenths of it the connection goes; the next
    // ones too, though they have not heard of it themselves.
    until_idle(&pool, 1);
    until(|| (closed(&pool, CloseReason::IdleLimit) >= 1).then_some(()));
    pool.close().unwrap();
}

#[test]
fn a_venue_that_announces_the_end_of_each_connection_is_served_by_the_next() {
    for drive in DRIVES {
        let server = server(|_, number| {
            assert_eq!(number, 0, "the venue announced the end of this connection");
            Some(b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\nContent-Length: 0\r\n\r\n".to_vec())
        });
        let mut config = config(&server.url(), 2);
        config.set_drive(drive);
        let pool = Pool::open(&config).unwrap();
        for orders in 1..=20 {
            let done = get(&pool, "/");
            assert_eq!((done.outcome, status(&done)), (Outcome::Ok, 200));
            // Healed before the next order, and nothing is dialled without one.
            until_idle(&pool, 2);
            assert_eq!(pool.stats().dials.get(), 2 + orders);
            assert_eq!(closed(&pool, CloseReason::ResponseClose), orders);
        }
        pool.close().unwrap();
    }
}

#[test]
fn a_venue_that_keeps_idle_connections_for_a_second_is_served_by_all() {
    for drive in DRIVES {
        let server = server(|_, _| {
            let head = "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 0\r\n\r\n";
            Some(head.as_bytes().to_vec())
        });
        let mut config = config(&server.url(), 1);
        config.set_drive(drive);
        let pool = Pool::open(&config).unwrap();
        assert_eq!(status(&get(&pool, "/")), 200);
        // Its idle time is over, or its replacement has taken over: the next one has heard of it.
        until(|| (pool.slot_healths()[0].connections == 2).then_some(()));
        until_idle(&pool, 1);
        let mut request = request(&pool);
        order(&mut request, "on-the-next");
        pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
        pool.close().unwrap();
    }
}

#[test]
fn a_late_pool_thread_does_not_stretch_the_idle_limit() {
    let limit_ns = 50 * MS;
    let server = server(|_, _| Some(PONG.to_vec()));
    let mut config = config(&server.url(), 2);
    config.set_idle_limit_ns(limit_ns).unwrap();
    let pool = Pool::open(&config).unwrap();
    let (begin, begun) = channel();
    let (throw, thrown) = switch();
    let callback = Arc::new(move |_| {
        begin.send(now_ns()).unwrap();
        let _ = thrown.lock().unwrap().recv();
    });
    let mut request = request(&pool);
    order(&mut request, "holds-the-pool-thread-up");
    pool.submit(&mut request, Some(callback), WhenBusy::Queue).unwrap();
    let begun_ns = begun.recv_timeout(PATIENCE).unwrap();
    // Both connections were used before that, or came up.
    until(|| (now_ns() >= begun_ns + limit_ns).then_some(()));
    order(&mut request, "too-late");
    let refused = pool.submit(&mut request, None, WhenBusy::Refuse);
    assert_eq!(refused, Err(Status::ERR_NO_SLOT));
    drop(throw);
    assert_eq!(status(&get(&pool, "/")), 200);
    assert!(closed(&pool, CloseReason::IdleLimit) >= 2);
    pool.close().unwrap();
}

#[test]
fn a_replacement_that_waited_for_an_exchange_is_as_old_as_it_is() {
    // The pool thread has that long to make the replacement live before the exchange ends.
    let patience = [50, 500, 5_000].into_iter().map(|ms| ms * MS);
    let is_older_than_its_turn = |wait_ns| {
        let (slot, end_ns) = replaced_behind_an_exchange(wait_ns);
        assert_eq!(slot.proven_ns, slot.up_ns);
        slot.up_ns < end_ns
    };
    assert!(patience.into_iter().any(is_older_than_its_turn));
}

/// A connection grows old while it carries an exchange, which ends `wait_ns` after its replacement
/// was accepted: what the slot says right behind that exchange, and when it was let end.
fn replaced_behind_an_exchange(wait_ns: u64) -> (SlotHealth, u64) {
    let (tell, accepted) = channel();
    let (carry, carrier) = channel();
    let (answer, answered) = switch();
    let tellers = Mutex::new((tell, carry));
    let serve = move |peer: &mut Peer, connection| {
        let _ = tellers.lock().unwrap().0.send(connection);
        while let Ok(Some(_)) = peer.read_request() {
            let _ = tellers.lock().unwrap().1.send(connection);
            let _ = answered.lock().unwrap().recv();
            let _ = peer.write(PONG);
        }
    };
    let server = Script::serve(serve).unwrap();
    let mut config = config(&server.url(), 1);
    config.set_max_age_ns(20 * MS).unwrap();
    let pool = Pool::open(&config).unwrap();
    // Holds the pool thread up, so that the replacement cannot be replaced as well.
    let (begin, begun) = channel();
    let (throw, thrown) = switch();
    let callback = Arc::new(move |_| {
        begin.send(()).unwrap();
        let _ = thrown.lock().unwrap().recv();
    });
    let mut request = request(&pool);
    order(&mut request, "long");
    pool.submit(&mut request, Some(callback), WhenBusy::Queue).unwrap();
    let carrier = carrier.recv_timeout(PATIENCE).unwrap();
    while accepted.recv_timeout(PATIENCE).unwrap() <= carrier {}
    let accepted_ns = now_ns();
    until(|| (now_ns() >= accepted_ns + wait_ns).then_some(()));
    let end_ns = now_ns();
    drop(answer);
    begun.recv_timeout(PATIENCE).unwrap();
    let slot = pool.slot_healths().pop().unwrap();
    drop(throw);
    pool.close().unwrap();
    (slot, end_ns)
}
