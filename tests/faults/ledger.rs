//! What was sent in one case, how each order ended, and whether the far side agrees.

use std::collections::HashMap;
use std::sync::Mutex;

use venuepool::completion::Completion;
use venuepool::driver::Pool;
use venuepool::error::{CloseReason, Outcome, WireState};

use crate::far::Far;

/// How an order ended.
pub(crate) type End = (Outcome, WireState);

/// An order in the ledger.
struct Line {
    number: u64,
    ends: Vec<(Outcome, WireState, u16)>,
}

/// The ledger of one case. Orders are named by numbers, which are their user data.
pub(crate) struct Ledger {
    prefix: String,
    lines: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    next: u64,
    accepted: HashMap<u64, Line>,
}

impl Ledger {
    pub(crate) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), lines: Mutex::default() }
    }

    /// The number of a new order.
    pub(crate) fn next(&self) -> u64 {
        let mut lines = self.lines.lock().unwrap();
        lines.next += 1;
        let number = lines.next;
        lines.accepted.insert(number, Line { number, ends: Vec::new() });
        number
    }

    /// The client order id of an order.
    pub(crate) fn name(&self, number: u64) -> String {
        format!("{}-{number:06}", self.prefix)
    }

    /// The order was refused: no completion may come for it, or have come.
    pub(crate) fn refused(&self, number: u64) {
        let line = self.lines.lock().unwrap().accepted.remove(&number).unwrap();
        assert!(line.ends.is_empty(), "order {number} was refused, and completed");
    }

    /// A completion came.
    pub(crate) fn completed(&self, done: &Completion) -> (u64, End) {
        let number = done.user_data;
        assert_ne!(done.outcome, Outcome::Internal, "a defect");
        let response = done.response.as_ref().map(|recycled| &recycled.response);
        let is_whole = response.is_some_and(|response| response.is_complete());
        assert_eq!(done.outcome == Outcome::Ok, is_whole);
        assert_eq!(done.outcome == Outcome::Ok, done.wire_state == WireState::Answered);
        assert!(done.times.done_ns >= done.times.submit_ns);
        let status = response.map_or(0, |response| response.status());
        if let (Some(response), 200, true) = (response, status, is_whole) {
            let body = String::from_utf8_lossy(response.body());
            let name = self.name(number);
            assert!(body.contains(&name), "the answer to {name} is that to another: {body}");
        }
        let mut lines = self.lines.lock().unwrap();
        let line = lines.accepted.get_mut(&number).expect("completed, but never accepted");
        line.ends.push((done.outcome, done.wire_state, status));
        assert_eq!(line.ends.len(), 1, "order {number} was completed twice: {:?}", line.ends);
        (number, (done.outcome, done.wire_state))
    }

    /// How many are accepted and not completed.
    pub(crate) fn owed(&self) -> usize {
        let lines = self.lines.lock().unwrap();
        lines.accepted.values().filter(|line| line.ends.is_empty()).count()
    }

    /// How many were accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.lines.lock().unwrap().accepted.len()
    }

    /// Compares with the far side: what was answered is there once, what was not sent is not, and
    /// nothing is there twice. For when nothing is on its way any more.
    pub(crate) fn reconcile(&self, far: &Far) {
        assert_eq!(self.owed(), 0, "completions are missing");
        assert_eq!(far.duplicates(), 0, "an order was sent twice");
        for line in self.lines.lock().unwrap().accepted.values() {
            let (outcome, wire_state, status) = line.ends[0];
            let name = self.name(line.number);
            let found = far.times(&name);
            let agrees = match (outcome, wire_state) {
                // Refused by the venue, or told before it saw the order.
                (Outcome::Ok, _) if (400..500).contains(&status) => found <= 1,
                (Outcome::Ok, _) => found == 1,
                (_, WireState::NotSent | WireState::Partial) => found == 0,
                _ => found <= 1,
            };
            let told = format!("{name}: {outcome:?} {wire_state:?} {status}");
            assert!(agrees, "{told}, and the venue has it {found} times");
        }
    }

    /// Checks that the counters of a pool that has ended fit each other and these ledger.
    pub(crate) fn check_counters(&self, pool: &Pool) {
        let stats = pool.stats();
        let lines = self.lines.lock().unwrap();
        let answered = lines.accepted.values().filter(|line| line.ends[0].0 == Outcome::Ok).count();
        let failed = lines.accepted.len() - answered;
        assert_eq!(stats.submitted.get(), lines.accepted.len() as u64);
        assert_eq!((stats.answered.get(), stats.failed.get()), (answered as u64, failed as u64));
        let closed = |reason: &CloseReason| stats.closed[*reason as usize].get();
        let closed: u64 = CloseReason::ALL.iter().map(closed).sum();
        assert_eq!(stats.connected.get(), closed, "each connection came to one end");
    }
}
