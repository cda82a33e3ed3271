//! Counters of one pool. Relaxed atomics: each is exact, their mutual order is not promised.
//!
//! An order that is answered raises two of them: its lane's, and `answered`. All others belong to
//! what happens seldom.

use std::array::from_fn;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{CloseReason, Outcome, Status, WireState};
use crate::lane::Lane;

/// One counter.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A counter for each of several kinds.
#[derive(Debug)]
pub struct Counters<const KINDS: usize>([Counter; KINDS]);

impl<const KINDS: usize> Counters<KINDS> {
    /// Adds one to the kind of that index.
    pub fn add(&self, index: usize) {
        self.0[index].add();
    }

    /// The count of the kind of that index so far.
    pub fn of(&self, index: usize) -> u64 {
        self.0[index].get()
    }

    /// The count of all kinds so far.
    pub fn get(&self) -> u64 {
        self.0.iter().map(Counter::get).sum()
    }
}

impl<const KINDS: usize> Default for Counters<KINDS> {
    fn default() -> Self {
        Self(from_fn(|_| Counter::default()))
    }
}

/// The counters.
#[derive(Debug, Default)]
pub struct Stats {
    /// Requests accepted, by [`Lane`].
    pub submitted: Counters<{ Lane::ALL.len() }>,
    /// Requests and leases refused because nothing was free, by the place in [`Status::ALL`].
    pub refused: Counters<{ Status::ALL.len() }>,
    /// Requests that ended with OK.
    pub answered: Counter,
    /// Requests that ended otherwise, by the place in [`Outcome::ALL`].
    pub failed: Counters<{ Outcome::ALL.len() }>,
    /// Leases that were given by a completion, which is OK without an exchange.
    leases: Counter,
    /// Of all but the exchanges that were answered, by [`WireState`].
    unanswered: Counters<{ WireState::ALL.len() }>,
    /// Connections begun.
    pub dials: Counter,
    /// Connections that came to live.
    pub connected: Counter,
    /// Dials that failed at: resolving, connecting, TLS, a system call.
    pub dial_failures: [Counter; 4],
    /// Slots that had no connection and have one again.
    pub heals: Counter,
    /// Connections that took over from one that still served.
    pub rotations: Counter,
    /// Pauses that began.
    pub pauses: Counter,
    /// Orders of several copies.
    pub fanouts: Counter,
    /// Their copies, each one's first among them.
    pub copies: Counter,
    /// Heartbeats sent.
    pub heartbeats: Counter,
    /// Answers that came after the completion of their request.
    pub late: Counter,
    /// Connections given up, by [`CloseReason`].
    pub closed: [Counter; CloseReason::ALL.len()],
}

impl Stats {
    /// Counts a refusal.
    pub fn refused(&self, status: Status) {
        self.refused.add(place(Status::ALL, status));
    }

    /// Counts the end of a request.
    pub fn ended(&self, outcome: Outcome, wire_state: WireState) {
        match (outcome, wire_state) {
            (Outcome::Ok, WireState::Answered) => self.answered.add(),
            _ => self.ended_without_answer(outcome, wire_state),
        }
    }

    #[cold]
    fn ended_without_answer(&self, outcome: Outcome, wire_state: WireState) {
        self.unanswered.add(wire_state as usize);
        match outcome {
            Outcome::Ok => {
                self.leases.add();
                self.answered.add();
            }
            _ => self.failed.add(place(Outcome::ALL, outcome)),
        }
    }

    /// How many requests have ended so.
    pub fn outcome(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Ok => self.answered.get(),
            _ => self.failed.of(place(Outcome::ALL, outcome)),
        }
    }

    /// How many requests had come so far on the wire when they ended.
    pub fn wire_state(&self, wire_state: WireState) -> u64 {
        let others = self.unanswered.of(wire_state as usize);
        match wire_state {
            // In this order: a lease is counted before its end is.
            WireState::Answered => {
                let leases = self.leases.get();
                others + self.answered.get().saturating_sub(leases)
            }
            _ => others,
        }
    }

    /// How many requests were refused with that status.
    pub fn refusals(&self, status: Status) -> u64 {
        self.refused.of(place(Status::ALL, status))
    }

    /// Counts a failed dial by its step.
    pub fn dial_failed(&self, step: Status) {
        let index = match step {
            Status::ERR_RESOLVE => 0,
            Status::ERR_CONNECT | Status::ERR_PROXY | Status::ERR_PROXY_AUTH => 1,
            Status::ERR_TLS | Status::ERR_PIN => 2,
            _ => 3,
        };
        self.dial_failures[index].add();
    }

    /// Counts a connection given up.
    pub fn closed(&self, reason: CloseReason) {
        self.closed[reason as usize].add();
    }
}

/// The place of a value in the list of all.
fn place<T: PartialEq>(all: &[T], value: T) -> usize {
    all.iter().position(|each| *each == value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_those_of_all_kinds() {
        let stats = Stats::default();
        for outcome in Outcome::ALL {
            stats.ended(*outcome, WireState::Sent);
        }
        stats.ended(Outcome::Ok, WireState::Answered);
        stats.ended(Outcome::Timeout, WireState::NotSent);
        assert_eq!((stats.answered.get(), stats.failed.get()), (2, Outcome::ALL.len() as u64));
        assert_eq!((stats.outcome(Outcome::Ok), stats.outcome(Outcome::Timeout)), (2, 2));
        let by_wire: Vec<_> = WireState::ALL.iter().map(|state| stats.wire_state(*state)).collect();
        assert_eq!(by_wire, [1, 0, Outcome::ALL.len() as u64, 0, 1]);
        for status in [Status::ERR_NO_SLOT, Status::ERR_SUSPENDED, Status::ERR_NO_SLOT] {
            stats.refused(status);
        }
        assert_eq!((stats.refused.get(), stats.refusals(Status::ERR_NO_SLOT)), (3, 2));
    }
}
