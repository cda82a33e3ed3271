//! What was promised for each order, and what was kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};

use venuepool::completion::Completion;
use venuepool::error::{CloseReason, Outcome, WireState};
use venuepool::stats::Stats;

use crate::lanes::number_of;
use crate::sessions::Sessions;
use crate::venue::VenueProcess;

/// Orders that one round may send at most.
pub(crate) const MOST_ORDERS: usize = 200_000;

/// The most copies of one order.
pub(crate) const MOST_COPIES: u32 = 3;

/// The second answer that a faulty venue sends, by a write of its own: when the next order is on
/// its way already, nothing on the wire tells it from the answer to that.
const STRAY: &[u8] = b"{\"surplus\":true}";

/// What an answer turned out to be, beside its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It names the order.
    Own,
    /// It names none, as refusals do; so it can be another order's, one order late.
    Nameless,
    /// What the venue sent by itself.
    Stray,
    /// It names an order before, which was answered by a stray one: from then on each answer on
    /// that connection comes one order late, until there is a pause in which it can be seen.
    Of(usize),
}

/// What is known of an order.
const UNKNOWN: u8 = 0;
const SUBMITTING: u8 = 1;
const COMPLETED: u8 = 2;

/// The ledger of one round: each order is named by its number in it.
pub(crate) struct Page {
    prefix: String,
    state: Vec<AtomicU8>,
    /// Those that may have been sent more than once, on demand.
    on_several: Mutex<BTreeSet<usize>>,
    completed: Mutex<Vec<Line>>,
}

/// A completion.
struct Line {
    number: usize,
    outcome: Outcome,
    wire: WireState,
    status: u16,
    kind: Kind,
}

impl Page {
    /// Names an order.
    pub(crate) fn name(&self, number: usize) -> String {
        format!("{}-{number}", self.prefix)
    }

    /// An order is about to be submitted.
    pub(crate) fn submitting(&self, number: usize) {
        assert_eq!(self.state[number].swap(SUBMITTING, Ordering::SeqCst), UNKNOWN);
    }

    /// It is about to be sent on several connections.
    pub(crate) fn may_be_sent_again(&self, number: usize) {
        self.on_several.lock().unwrap().insert(number);
    }

    /// It was refused, so no completion may come, and may have come, for it.
    pub(crate) fn refused(&self, number: usize) {
        let before = self.state[number].swap(UNKNOWN, Ordering::SeqCst);
        assert_eq!(before, SUBMITTING, "order {number}: refused and completed");
    }

    /// Its completion came.
    pub(crate) fn completed(&self, done: &Completion) {
        let number = number_of(done.user_data);
        let before = self.state[number].swap(COMPLETED, Ordering::SeqCst);
        assert_eq!(before, SUBMITTING, "order {number}: completed twice, or never submitted");
        let response = done.response.as_ref().map(|recycled| &recycled.response);
        // What broke off names nobody, and is not judged.
        let response = response.filter(|response| response.is_complete());
        let status = response.map_or(0, |response| response.status());
        let kind = response.map_or(Kind::Own, |response| self.kind(number, response.body()));
        assert_eq!(done.outcome == Outcome::Ok, status != 0);
        assert_ne!(done.outcome, Outcome::Internal, "a defect");
        assert!(done.times.done_ns >= done.times.submit_ns);
        let (outcome, wire) = (done.outcome, done.wire_state);
        self.completed.lock().unwrap().push(Line { number, outcome, wire, status, kind });
    }

    /// Whose answer that is.
    fn kind(&self, number: usize, body: &[u8]) -> Kind {
        if body == STRAY {
            return Kind::Stray;
        }
        let body = String::from_utf8_lossy(body);
        let named = body.split_once("\"clientOrderId\":\"").and_then(|rest| rest.1.split_once('"'));
        let Some((name, _)) = named else { return Kind::Nameless };
        let other = name.strip_prefix(&self.prefix).and_then(|rest| rest.strip_prefix('-'));
        let other = other.and_then(|other| other.parse().ok());
        let other = other.unwrap_or_else(|| panic!("order {number}: an answer to {name}"));
        if other == number { Kind::Own } else { Kind::Of(other) }
    }

    /// How many have been answered.
    pub(crate) fn answered(&self) -> usize {
        let completed = self.completed.lock().unwrap();
        completed.iter().filter(|line| line.outcome == Outcome::Ok).count()
    }

    /// How many are accepted and not completed.
    pub(crate) fn owed(&self) -> usize {
        self.state.iter().filter(|state| state.load(Ordering::SeqCst) == SUBMITTING).count()
    }
}

/// The ledger of the whole run.
pub(crate) struct Ledger {
    seed: u64,
    pub(crate) rounds: u32,
    pub(crate) page: Page,
    outcomes: BTreeMap<String, u64>,
    wires: BTreeMap<String, u64>,
    statuses: BTreeMap<(u16, &'static str), u64>,
    reasons: BTreeMap<String, u64>,
    /// From lost to up, in nanoseconds.
    pub(crate) heals: Vec<u64>,
    asked: u64,
    /// Copies after the first that each venue has executed, on demand.
    copies: BTreeMap<String, u64>,
    /// Rounds in which all lanes were used, those with a drain, and what it refused.
    pub(crate) with_lanes: u32,
    pub(crate) drains: u32,
    pub(crate) drain_refused: u64,
    pub(crate) sessions: Sessions,
}

impl Ledger {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            rounds: 0,
            page: page(seed, 0),
            outcomes: BTreeMap::new(),
            wires: BTreeMap::new(),
            statuses: BTreeMap::new(),
            reasons: BTreeMap::new(),
            heals: Vec::new(),
            asked: 0,
            copies: BTreeMap::new(),
            with_lanes: 0,
            drains: 0,
            drain_refused: 0,
            sessions: Sessions::default(),
        }
    }

    /// Counts the rounds from there.
    pub(crate) fn begin_with(&mut self, round: u32) {
        self.rounds = round;
        self.page = page(self.seed, round);
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.outcomes.values().sum()
    }

    /// Adds up why connections were given up, and checks that the counters fit each other.
    pub(crate) fn count(&mut self, stats: &Stats) {
        let completed = self.page.completed.lock().unwrap();
        let answered = completed.iter().filter(|line| line.outcome == Outcome::Ok).count() as u64;
        assert_eq!(stats.submitted.get(), completed.len() as u64);
        assert_eq!(stats.answered.get(), answered);
        assert_eq!(stats.failed.get(), completed.len() as u64 - answered);
        let mut closed = 0;
        for reason in CloseReason::ALL {
            let count = stats.closed[*reason as usize].get();
            closed += count;
            if count > 0 {
                let name = reason.name().to_string_lossy().into_owned();
                *self.reasons.entry(name).or_default() += count;
            }
        }
        assert_eq!(stats.connected.get(), closed, "each connection has come to an end, once");
    }

    /// Ends a round: compares what the pool told with what the venue saw.
    pub(crate) fn reconcile(&mut self, venue: &mut VenueProcess) {
        let page = std::mem::replace(&mut self.page, page(self.seed, self.rounds + 1));
        self.rounds += 1;
        assert_eq!(page.owed(), 0, "a completion is missing");
        self.check_duplicates(&page, venue);
        let completed = page.completed.lock().unwrap();
        let kinds: HashMap<_, _> = completed.iter().map(|line| (line.number, line.kind)).collect();
        let has_strays = kinds.values().any(|kind| *kind == Kind::Stray);
        let on_several = page.on_several.lock().unwrap();
        for Line { number, outcome, wire, status, kind } in completed.iter() {
            if let Kind::Of(other) = kind {
                let before = kinds.get(other);
                let late = matches!(before, Some(Kind::Stray | Kind::Nameless | Kind::Of(_)));
                assert!(late, "order {number} has the answer to {other}, which has {before:?}");
            }
            *self.outcomes.entry(outcome.name().to_string_lossy().into_owned()).or_default() += 1;
            *self.wires.entry(wire.name().to_string_lossy().into_owned()).or_default() += 1;
            let kind_name = match kind {
                Kind::Own | Kind::Nameless => "",
                Kind::Stray => ", a stray answer",
                Kind::Of(_) => ", one order late behind a stray answer",
            };
            *self.statuses.entry((*status, kind_name)).or_default() += 1;
            // Every failure is looked up, and of the many good ones some.
            let executed = match (outcome, wire) {
                (Outcome::Ok, _) if number % 16 != 0 => continue,
                // Sent by the venue before it saw the order, which it may have executed then.
                (Outcome::Ok, _) if *status == 408 => None,
                (Outcome::Ok, _) if has_strays && *kind != Kind::Own => None,
                // A refusal is not executed, any other answer is an execution.
                (Outcome::Ok, _) if (400..500).contains(status) => Some(0),
                (Outcome::Ok, _) => Some(1),
                (_, WireState::NotSent | WireState::Partial) => Some(0),
                _ => None,
            };
            self.asked += 1;
            // An answer says nothing of the other copies.
            let has_copies = on_several.contains(number);
            let executed = executed.filter(|_| !has_copies || *wire <= WireState::Partial);
            let most = if has_copies { u64::from(MOST_COPIES) } else { 1 };
            let found = venue.tell(&format!("orders {}", page.name(*number)));
            let as_told = executed.map_or(found <= most, |executed| found == executed);
            let name = page.name(*number);
            assert!(as_told, "{name}: {outcome:?} {wire:?} {status}, and the venue has {found}");
        }
    }

    /// No order was executed twice, but those that were sent on several connections.
    fn check_duplicates(&mut self, page: &Page, venue: &mut VenueProcess) {
        let before = self.copies.entry(venue.url.clone()).or_default();
        for number in page.on_several.lock().unwrap().iter() {
            let executed = venue.tell(&format!("orders {}", page.name(*number)));
            assert!(executed <= u64::from(MOST_COPIES), "more copies than there may be");
            *before += executed.saturating_sub(1);
        }
        assert_eq!(venue.tell("duplicates"), *before, "an order was sent twice");
    }

    /// The table.
    pub(crate) fn print(&mut self) {
        println!("\n{:<36}{:>10}", "rounds (pools)", self.rounds);
        println!("{:<36}{:>10}", "  with all lanes", self.with_lanes);
        println!("{:<36}{:>10}", "  with a drain", self.drains);
        println!("{:<36}{:>10}", "requests refused by a drain", self.drain_refused);
        println!("{:<36}{:>10}", "orders accepted, each completed once", self.accepted());
        println!("{:<36}{:>10}", "looked up at the venue", self.asked);
        println!("{:<36}{:>10}", "duplicates at the venue", 0);
        let copies = self.copies.values().sum::<u64>();
        println!("{:<36}{:>10}", "further copies, on demand", copies);
        let tables = [&self.outcomes, &self.wires, &self.reasons];
        for line in tables.into_iter().flatten() {
            println!("{:<36}{:>10}", line.0, line.1);
        }
        for ((status, kind), count) in &self.statuses {
            println!("{:<36}{count:>10}", format!("HTTP {status}{kind}"));
        }
        self.heals.sort_unstable();
        for (name, part) in [("p50", 50), ("p90", 90), ("p99", 99), ("max", 100)] {
            if let Some(last) = self.heals.len().checked_sub(1) {
                let ms = self.heals[last * part / 100] as f64 / 1e6;
                println!("{:<36}{ms:>10.1}", format!("lost to live again, {name}, ms"));
            }
        }
        self.sessions.print();
    }
}

fn page(seed: u64, round: u32) -> Page {
    let mut state = Vec::new();
    state.resize_with(MOST_ORDERS, || AtomicU8::new(UNKNOWN));
    Page {
        prefix: format!("{seed}-{round}"),
        state,
        on_several: Mutex::default(),
        completed: Mutex::default(),
    }
}
