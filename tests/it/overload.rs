//! More orders than the venue can take, and a venue that freezes: orders are answered in time all
//! the same, and one that cannot be is not sent.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use mock_venue::{Certificates, Peer, Script, ScriptServer, Transport};
use venuepool::completion::Completion;
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{Outcome, WireState};
use venuepool::http::Request;

use crate::rig::{config, get, request, until, until_idle};

const MS: u64 = 1_000_000;
const DRIVES: [Drive; 2] = [Drive::Thread, Drive::Caller];
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A venue that takes its time for each request, and can be frozen.
struct SlowVenue {
    server: ScriptServer,
    ca: String,
    /// Held by whoever freezes it.
    ice: Arc<RwLock<()>>,
    executed: Arc<AtomicU64>,
}

impl SlowVenue {
    fn start(takes: Duration, over_tls: bool) -> Self {
        let (ice, executed) = (Arc::new(RwLock::new(())), Arc::new(AtomicU64::new(0)));
        let (frozen, count) = (Arc::clone(&ice), Arc::clone(&executed));
        let handler = move |peer: &mut Peer, _| {
            while let Ok(Some(_)) = peer.read_request() {
                drop(frozen.read().unwrap());
                std::thread::sleep(takes);
                drop(frozen.read().unwrap());
                count.fetch_add(1, Ordering::SeqCst);
                if peer.write(ANSWER).is_err() {
                    return;
                }
            }
        };
        let certificates = Certificates::new().unwrap();
        let ca = certificates.ca_pem().to_owned();
        let server = match over_tls {
            false => Script::serve(handler).unwrap(),
            true => Script::serve_tls(Transport::Tls13, &certificates, handler).unwrap(),
        };
        Self { server, ca, ice, executed }
    }

    fn config(&self, connections: usize, drive: Drive) -> Config {
        let mut config = config(&self.server.url(), connections);
        config.set_ca_pem(self.ca.as_bytes()).unwrap();
        config.set_drive(drive);
        config
    }
}

/// What became of a steady load.
#[derive(Default)]
struct Told {
    submitted: u64,
    answered: u64,
    executed: u64,
}

/// An engine that sends an order each `every`, whatever comes back.
struct Engine<'a> {
    pool: &'a Pool,
    order: Request,
    every: Duration,
    due: Instant,
}

impl<'a> Engine<'a> {
    fn new(pool: &'a Pool, every: Duration) -> Self {
        let mut order = request(pool);
        order.begin(b"POST", b"/order").unwrap();
        Self { pool, order, every, due: Instant::now() }
    }

    fn run(&mut self, until: Instant, venue: &SlowVenue) -> Told {
        let mut told = Told::default();
        let executed = venue.executed.load(Ordering::SeqCst);
        while Instant::now() < until {
            while self.due <= Instant::now() {
                self.due += self.every;
                self.pool.submit(&mut self.order, None, WhenBusy::Queue).unwrap();
                told.submitted += 1;
            }
            let patience = self.due.saturating_duration_since(Instant::now());
            let take = |done: Completion| {
                told.answered += u64::from(done.outcome == Outcome::Ok);
            };
            self.pool.wait(64, patience, take).unwrap();
        }
        told.executed = venue.executed.load(Ordering::SeqCst) - executed;
        told
    }
}

/// Four connections, 10 ms for each exchange, a deadline of 200 ms, and one freeze of 400 ms. The
/// figures are of the time from the end of the freeze and a tenth of a second on.
fn after_a_freeze(percent: u32, drive: Drive, over_tls: bool) -> Told {
    let venue = SlowVenue::start(Duration::from_millis(10), over_tls);
    let mut config = venue.config(4, drive);
    config.set_request_timeout_ns(200 * MS).unwrap();
    let pool = Pool::open(&config).unwrap();
    let every = Duration::from_millis(250) / percent;
    let mut engine = Engine::new(&pool, every);
    let later = |ms| Instant::now() + Duration::from_millis(ms);
    engine.run(later(300), &venue);
    {
        let _frozen = venue.ice.write().unwrap();
        engine.run(later(400), &venue);
    }
    engine.run(later(100), &venue);
    let told = engine.run(later(1_500), &venue);
    pool.close().unwrap();
    told
}

fn goodput_is_back_after_a_freeze(drive: Drive, over_tls: bool) {
    for percent in [50, 125, 400] {
        let Told { submitted, answered, executed } = after_a_freeze(percent, drive, over_tls);
        println!("{percent} %: {answered} answered, {executed} executed of {submitted}");
        // By what the venue has done, because a busy machine makes it slower than it should be.
        assert!(answered * 100 >= executed * 85, "{percent} %: executed for nothing");
        assert!(executed >= 100, "{percent} %: only {executed} in a second and a half");
        if percent == 50 {
            // A pool that stays down answers next to none. A busy machine delays some of them.
            assert!(answered * 100 >= submitted * 70, "half of what it can do is too much");
        }
    }
}

#[test]
fn goodput_is_back_after_a_freeze_in_thread_drive() {
    goodput_is_back_after_a_freeze(Drive::Thread, false);
}

#[test]
fn goodput_is_back_after_a_freeze_in_caller_drive() {
    goodput_is_back_after_a_freeze(Drive::Caller, false);
}

#[test]
fn goodput_is_back_after_a_freeze_in_thread_drive_over_tls() {
    goodput_is_back_after_a_freeze(Drive::Thread, true);
}

#[test]
fn goodput_is_back_after_a_freeze_in_caller_drive_over_tls() {
    goodput_is_back_after_a_freeze(Drive::Caller, true);
}

/// Takes one completion, in both drives.
fn wait(pool: &Pool) -> Completion {
    let mut taken = None;
    until(|| {
        pool.wait(1, Duration::from_millis(100), |done| taken = Some(done)).unwrap();
        taken.take()
    })
}

#[test]
fn a_request_that_cannot_be_answered_in_time_is_not_sent() {
    for drive in DRIVES {
        let venue = SlowVenue::start(Duration::from_millis(50), false);
        let pool = Pool::open(&venue.config(1, drive)).unwrap();
        assert_eq!(get(&pool, "/").outcome, Outcome::Ok);
        let mut order = request(&pool);
        order.begin(b"POST", b"/order").unwrap();
        // Before the first answer nothing is known but the deadline; now an exchange takes 50 ms.
        for timeout_ns in [1, 1_000, 20 * MS] {
            order.set_timeout_ns(timeout_ns);
            pool.submit(&mut order, None, WhenBusy::Refuse).unwrap();
            let done = wait(&pool);
            let ends = (done.outcome, done.wire_state, done.times.start_ns, done.bytes_sent);
            assert_eq!(ends, (Outcome::Timeout, WireState::NotSent, 0, 0), "{timeout_ns}");
        }
        let lease = pool.try_acquire().unwrap();
        pool.submit_on(lease, &mut order, None).unwrap();
        assert_eq!(wait(&pool).wire_state, WireState::NotSent);
        pool.release(lease).unwrap();
        assert_eq!(venue.executed.load(Ordering::SeqCst), 1, "nothing of that was sent");
        assert_eq!(pool.counts().idle, 1, "and the connection is as good as before");
        pool.close().unwrap();
    }
}

#[test]
fn the_first_request_of_a_pool_is_not_sent_behind_its_deadline() {
    for drive in DRIVES {
        let venue = SlowVenue::start(Duration::ZERO, false);
        let pool = Pool::open(&venue.config(1, drive)).unwrap();
        let mut order = request(&pool);
        order.begin(b"POST", b"/order").unwrap();
        order.set_timeout_ns(1);
        pool.submit(&mut order, None, WhenBusy::Refuse).unwrap();
        let done = wait(&pool);
        assert_eq!((done.outcome, done.wire_state), (Outcome::Timeout, WireState::NotSent));
        until_idle(&pool, 1);
        pool.close().unwrap();
        assert_eq!(venue.executed.load(Ordering::SeqCst), 0);
    }
}

#[test]
fn a_fixed_time_and_none_at_all_are_kept() {
    for drive in DRIVES {
        let venue = SlowVenue::start(Duration::from_millis(20), false);
        for (needed_ns, wire_state) in [(0, WireState::Sent), (100 * MS, WireState::NotSent)] {
            let mut config = venue.config(1, drive);
            config.set_exchange_time_ns(needed_ns).unwrap();
            let pool = Pool::open(&config).unwrap();
            assert_eq!(get(&pool, "/").outcome, Outcome::Ok);
            let mut order = request(&pool);
            order.begin(b"POST", b"/order").unwrap();
            order.set_timeout_ns(10 * MS);
            pool.submit(&mut order, None, WhenBusy::Refuse).unwrap();
            let done = wait(&pool);
            assert_eq!((done.outcome, done.wire_state), (Outcome::Timeout, wire_state));
            pool.close().unwrap();
        }
    }
}

#[test]
fn the_times_tell_waiting_from_being_slow() {
    for drive in DRIVES {
        let venue = SlowVenue::start(Duration::from_millis(30), false);
        let pool = Pool::open(&venue.config(1, drive)).unwrap();
        let mut order = request(&pool);
        order.begin(b"POST", b"/order").unwrap();
        let ids: VecDeque<u64> =
            (0..3).map(|_| pool.submit(&mut order, None, WhenBusy::Queue).unwrap()).collect();
        let mut free_ns = 0;
        for id in ids {
            let done = wait(&pool);
            let times = done.times;
            assert_eq!((done.id, done.outcome), (id, Outcome::Ok));
            assert!(times.submit_ns <= times.start_ns && times.start_ns <= times.write_ns);
            assert!(times.start_ns >= free_ns, "the slot was another's until then");
            assert!(times.done_ns - times.start_ns >= 30 * MS, "what the venue took");
            free_ns = times.done_ns;
        }
        pool.close().unwrap();
    }
}

#[test]
fn a_connection_that_our_deadline_ended_is_replaced_at_once_while_the_venue_is_heard() {
    for drive in DRIVES {
        let handler = |peer: &mut Peer, _| {
            while let Ok(Some(request)) = peer.read_request() {
                if request.target.contains("never") {
                    let _ = peer.wait_eof();
                    return;
                }
                if peer.write(ANSWER).is_err() {
                    return;
                }
            }
        };
        let server = Script::serve(handler).unwrap();
        let mut config = config(&server.url(), 2);
        config.set_drive(drive);
        // A delay between dials would be seen: the longest that there is.
        config.set_backoff_ns(60_000 * MS, 60_000 * MS).unwrap();
        let pool = Pool::open(&config).unwrap();
        for _ in 0..5 {
            // Takes the connection that was made last, which has not answered anything yet.
            until_idle(&pool, 2);
            let mut order = request(&pool);
            order.begin(b"POST", b"/never").unwrap();
            order.set_timeout_ns(50 * MS);
            pool.submit(&mut order, None, WhenBusy::Refuse).unwrap();
            assert_eq!(get(&pool, "/").outcome, Outcome::Ok, "on the other connection");
            let done = wait(&pool);
            assert_eq!((done.outcome, done.wire_state), (Outcome::Timeout, WireState::Sent));
        }
        until_idle(&pool, 2);
        pool.close().unwrap();
    }
}
