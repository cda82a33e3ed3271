//! A WebSocket session beside the pool of a round: calls with ids that are used once, which meet
//! faults of their own, while the venue's faults for connections reach it, too.
//!
//! What must hold: each accepted call ends exactly once, with its own answer or with the truth
//! about it; the session is up again when all is well; the venue has no order twice.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use fastrand::Rng;
use venuepool::config::Config;
use venuepool::error::{Outcome, Status, WireState};
use venuepool::session::Session;
use venuepool::session::event::{Event, Told};
use venuepool::session::settings::{Settings, Verdict};
use venuepool::ws::frame::Kind;
use venuepool::ws::session::life::Stage;

use crate::venue::VenueProcess;

const MS: u64 = 1_000_000;

/// Orders that one session may send at most.
const MOST_ORDERS: u64 = 20_000;

/// It is up so long after the last fault at the latest.
const HEALED_IN: Duration = Duration::from_secs(10);

/// One order in so many meets one of these.
const FAULT_EVERY: u32 = 400;

const FAULTS: &[&str] = &[
    r#""fault":"close","code":1012"#,
    r#""fault":"close","code":4000"#,
    r#""fault":"half-frame""#,
    r#""fault":"half-stall""#,
    r#""fault":"rst""#,
    r#""fault":"stall""#,
    r#""fault":"mute""#,
    r#""fault":"late","ms":150"#,
    r#""fault":"twice""#,
    r#""fault":"slow""#,
    r#""fault":"pings","count":300"#,
];

/// What became of the sessions of all rounds.
#[derive(Default)]
pub(crate) struct Sessions {
    opened: u64,
    calls: u64,
    looked_up: u64,
    messages: u64,
    failed_dials: u64,
    /// Outcomes, wire states and losses, by name.
    counts: BTreeMap<String, u64>,
    /// From lost to up, in nanoseconds.
    heals: Vec<u64>,
}

/// What has become of one session so far.
#[derive(Default)]
struct Record {
    ended: HashMap<u64, (Outcome, WireState)>,
    messages: u64,
    failed_dials: u64,
    losses: BTreeMap<String, u64>,
    lost_ns: Option<u64>,
    heals: Vec<u64>,
    is_closed: bool,
}

/// What is told, and the name of its orders.
struct Book {
    prefix: String,
    told: Mutex<Record>,
}

/// The session of one round.
pub(crate) struct Trading {
    session: Arc<Session>,
    book: Arc<Book>,
    /// Whether what is told is polled.
    is_polled: bool,
    next: AtomicU64,
    /// The orders whose call was accepted.
    accepted: Mutex<Vec<u64>>,
}

impl Book {
    fn told(&self) -> MutexGuard<'_, Record> {
        self.told.lock().unwrap()
    }

    fn name(&self, number: u64) -> String {
        format!("{}-{number}", self.prefix)
    }

    fn tell(&self, told: &Told<'_>) {
        let mut book = self.told();
        match told.event {
            Event::Completion(ended, _) => {
                let number = ended.call.user_data;
                let end = (ended.outcome, ended.wire_state);
                assert_eq!(ended.outcome == Outcome::Ok, ended.wire_state == WireState::Answered);
                assert_ne!(ended.outcome, Outcome::Internal, "a defect");
                if ended.outcome == Outcome::Ok {
                    let answer = std::str::from_utf8(told.padded).unwrap();
                    assert!(answer.contains(&format!("\"{}\"", self.name(number))), "{answer}");
                }
                let before = book.ended.insert(number, end);
                assert_eq!(before, None, "call {number} has ended twice: {end:?}");
            }
            Event::Message(..) => book.messages += 1,
            Event::Lost(lost) => {
                let fate = lost.fate;
                let is_true = fate.acked_through <= fate.sent_through
                    && fate.sent_through <= fate.last
                    && (fate.partial == 0 || fate.partial == fate.sent_through + 1);
                assert!(is_true, "{lost:?}");
                *book.losses.entry(lost.loss.name().to_string_lossy().into()).or_default() += 1;
                book.lost_ns.get_or_insert(told.time_ns);
            }
            Event::Failed(_) => book.failed_dials += 1,
            Event::Switched(_) => panic!("a session of one connection has no other to go over to"),
            Event::Up => {
                if let Some(lost_ns) = book.lost_ns.take() {
                    book.heals.push(told.time_ns - lost_ns);
                }
            }
            Event::Dropped(count) => panic!("{count} were dropped, and the queue has room"),
            Event::Closed => book.is_closed = true,
        }
    }
}

impl Trading {
    /// Opens a session of random settings; `prefix` begins the names of its orders.
    pub(crate) fn open(venue: &VenueProcess, prefix: String, random: &mut Rng) -> Self {
        let mut config = Config::default();
        config.set_url(venue.url.as_bytes()).unwrap();
        config.set_ca_pem(venue.ca_pem.as_bytes()).unwrap();
        config.set_backoff_ns(MS, 50 * MS).unwrap();
        config.set_dials_per_second(1000).unwrap();
        config.set_resolve_timeout_ns(HEALED_IN.as_nanos() as u64).unwrap();
        config.set_connect_timeout_ns(200 * MS).unwrap();
        config.set_tls_handshake_timeout_ns(200 * MS).unwrap();
        config.set_allow_degraded_open(true);
        let book = Arc::new(Book { prefix, told: Mutex::default() });
        let mut settings = settings(random);
        let is_polled = random.bool();
        if !is_polled {
            let book = Arc::clone(&book);
            settings.set_told(Some(Arc::new(move |told: &Told<'_>| book.tell(told))));
        }
        let session = Session::open(&config, &settings, b"/ws").unwrap();
        let (next, accepted) = (AtomicU64::new(0), Mutex::default());
        Self { session, book, is_polled, next, accepted }
    }

    /// Sends orders until `over`.
    pub(crate) fn send(&self, over: &AtomicBool, mut random: Rng) {
        let mut frame = self.session.frame(256).unwrap();
        while !over.load(Ordering::SeqCst) {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            if number >= MOST_ORDERS {
                return;
            }
            let fault = match random.u32(..FAULT_EVERY) {
                0 => format!(",{}", FAULTS[random.usize(..FAULTS.len())]),
                _ => String::new(),
            };
            let name = self.book.name(number);
            let ids = format!(r#""id":{number},"clientOrderId":"{name}""#);
            let order = format!(r#"{{"op":"order",{ids}{fault}}}"#);
            let timeout_ns = random.u64(20..200) * MS;
            let called = if random.bool() {
                self.session.call(Kind::Text, order.as_bytes(), number, timeout_ns, number)
            } else {
                frame.room().unwrap()[..order.len()].copy_from_slice(order.as_bytes());
                let len = order.len();
                self.session.call_frame(&mut frame, Kind::Text, len, number, timeout_ns, number)
            };
            match called {
                Ok(id) => {
                    self.accepted.lock().unwrap().push(number);
                    if random.u8(..) == 0 {
                        // It may have ended already.
                        let _ = self.session.cancel(id);
                    }
                }
                Err(Status::ERR_SLOT_DOWN | Status::ERR_WAITING_FULL) => {}
                Err(status) => panic!("{status:?}"),
            }
            if random.u8(..) == 0 {
                let subscribe = br#"{"op":"subscribe","count":20,"size":200}"#;
                let _ = self.session.send(Kind::Text, subscribe);
            }
            std::thread::sleep(Duration::from_micros(random.u64(..500)));
        }
    }

    /// Takes what is told until the end of the session, if it is polled.
    pub(crate) fn take(&self) {
        let wait = Duration::from_millis(50);
        let tell = |kept: venuepool::session::event::Kept| self.book.tell(&kept.told());
        while self.is_polled && self.session.poll(64, wait, tell).unwrap().is_some() {}
    }

    /// Waits until it is up.
    pub(crate) fn await_up(&self) {
        let healed = Instant::now() + HEALED_IN;
        while self.session.health().stage != Stage::Up {
            let health = self.session.health();
            assert!(Instant::now() < healed, "the session has not healed: {health:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ends the session. Those who send have ended before.
    pub(crate) fn close(&self) {
        let start = Instant::now();
        self.session.shutdown(Some(1000), "").unwrap();
        self.session.close().unwrap();
        assert!(start.elapsed() < HEALED_IN, "close took {:?}", start.elapsed());
    }

    /// Compares what was told with what the venue saw, and adds it up.
    pub(crate) fn reconcile(self, venue: &mut VenueProcess, sessions: &mut Sessions) {
        let mut told = std::mem::take(&mut *self.book.told());
        assert!(told.is_closed, "nothing said that the session has ended");
        let accepted = self.accepted.into_inner().unwrap();
        assert_eq!(accepted.len(), told.ended.len(), "each accepted call ends once, and no other");
        for number in accepted {
            let end = told.ended.get(&number);
            let (outcome, wire) = *end.unwrap_or_else(|| panic!("call {number} has no end"));
            for name in [outcome.name(), wire.name()] {
                *sessions.counts.entry(name.to_string_lossy().into_owned()).or_default() += 1;
            }
            // Every failure is looked up, and of the many good ones some.
            if outcome == Outcome::Ok && number % 16 != 0 {
                continue;
            }
            sessions.looked_up += 1;
            let found = venue.tell(&format!("orders {}", self.book.name(number)));
            let is_true = match wire {
                WireState::Answered => found == 1,
                WireState::Sent => found <= 1,
                _ => found == 0,
            };
            assert!(is_true, "call {number}: {outcome:?} {wire:?}, and the venue has {found}");
        }
        sessions.opened += 1;
        sessions.calls += told.ended.len() as u64;
        sessions.messages += told.messages;
        sessions.failed_dials += told.failed_dials;
        sessions.heals.append(&mut told.heals);
        for (loss, count) in told.losses {
            *sessions.counts.entry(loss).or_default() += count;
        }
    }
}

fn settings(random: &mut Rng) -> Settings {
    let mut settings = Settings::default();
    settings.set_match(Some(Arc::new(|_, padded: &[u8]| {
        let text = std::str::from_utf8(padded).ok()?.split_once("\"id\":")?.1;
        text.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
    })));
    if random.bool() {
        settings.add_opening(Kind::Text, br#"{"op":"login"}"#, true).unwrap();
        settings.set_match_ack(Some(Arc::new(|_, _, padded: &[u8]| {
            let is_login = padded.windows(7).any(|seven| seven == b"\"login\"");
            if is_login { Verdict::Acknowledged } else { Verdict::Other }
        })));
    }
    settings.set_keep_alive(random.u64(5..20) * MS, 150 * MS, 0).unwrap();
    settings.set_timeouts(500 * MS, 500 * MS, 100 * MS).unwrap();
    settings
}

impl Sessions {
    /// The table.
    pub(crate) fn print(&mut self) {
        println!("\n{:<36}{:>10}", "sessions", self.opened);
        println!("{:<36}{:>10}", "calls accepted, each ended once", self.calls);
        println!("{:<36}{:>10}", "looked up at the venue", self.looked_up);
        println!("{:<36}{:>10}", "messages that answered no call", self.messages);
        println!("{:<36}{:>10}", "dials that failed", self.failed_dials);
        for (name, count) in &self.counts {
            println!("{name:<36}{count:>10}");
        }
        self.heals.sort_unstable();
        for (name, part) in [("p50", 50), ("p90", 90), ("p99", 99), ("max", 100)] {
            if let Some(last) = self.heals.len().checked_sub(1) {
                let ms = self.heals[last * part / 100] as f64 / 1e6;
                println!("{:<36}{ms:>10.1}", format!("lost to up again, {name}, ms"));
            }
        }
    }
}
