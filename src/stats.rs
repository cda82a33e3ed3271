//! Counters of one pool. Relaxed atomics: each is exact, their mutual order is not promised.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{CloseReason, Outcome, Status};

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

/// The counters.
#[derive(Debug, Default)]
pub struct Stats {
    /// Requests accepted.
    pub submitted: Counter,
    /// Requests refused because no slot, no place in the queue or no place for a completion was
    /// free.
    pub refused: Counter,
    /// Exchanges that ended with a full response.
    pub answered: Counter,
    /// Requests that ended without one.
    pub failed: Counter,
    /// Connections begun.
    pub dials: Counter,
    /// Connections that came to live.
    pub connected: Counter,
    /// Dials that failed at: resolving, connecting, TLS, a system call.
    pub dial_failures: [Counter; 4],
    /// Heartbeats sent.
    pub heartbeats: Counter,
    /// Answers that came after the completion of their request.
    pub late: Counter,
    /// Connections given up, by [`CloseReason`].
    pub closed: [Counter; CloseReason::ALL.len()],
}

impl Stats {
    /// Counts the end of a request.
    pub fn ended(&self, outcome: Outcome) {
        match outcome {
            Outcome::Ok => self.answered.add(),
            _ => self.failed.add(),
        }
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
