//! The limits that all pools of one host share: dials in any one second, and connections in all.
//!
//! The first slot of each queue of each pool ([`DialSchedule`](super::dial_schedule::DialSchedule))
//! waits in one line. Its order:
//! 1. Slots without a connection come before replacements.
//! 2. Then those of a pool that has no connection and no dial under way.
//! 3. Then whoever came first. A pool whose slot was let in has come last, so pools take turns.
//!
//! A slot that is let in has a *place*: one of the connections that the host may have. It is given
//! back when the dial fails, or when the socket is closed. Who is first is woken when it may go on.
//!
//! It knows pools and slots by their numbers only. Times are nanoseconds on any clock that never
//! goes back.

use std::collections::{HashMap, VecDeque};
use std::fmt::Debug;

use super::dial_limit::Purpose;
use super::dispatch::SlotIndex;

const SECOND_NS: u64 = 1_000_000_000;

/// The most dials in a second that can be asked for.
const MOST_DIALS: u32 = 1_000;

/// The most connections that can be asked for.
const MOST_CONNECTIONS: u32 = 100_000;

/// The number of a pool among those of its host.
pub type PoolNumber = u32;

/// What the slot is answered that asks for the dial of its pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It dials now, and has a place.
    Granted,
    /// It is the first of all, and asks again at that time or when it is woken.
    At(u64),
    /// Others come first, by estimate until that time. It asks again when it is woken.
    Behind(u64),
    /// All places are taken. It asks again when it is woken.
    NoPlace,
}

/// The limits of its host, as the dials of one pool meet them.
pub trait Gate: Debug + Send {
    /// The first slot of that queue asks for its dial. It waits in the line of the host from then
    /// on, until it may dial or leaves.
    fn ask(&mut self, slot: SlotIndex, purpose: Purpose, now_ns: u64) -> Answer;

    /// The first slot of that queue does not wait for the host any more, if it did.
    fn leave(&mut self, purpose: Purpose);
}

/// How much is allowed; 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Dials in any one second.
    pub dials_per_second: u32,
    /// Connections at any one time, with the dials under way.
    pub connections: u32,
}

impl Limits {
    /// Whether they can be asked for.
    pub fn are_in_range(&self) -> bool {
        self.dials_per_second <= MOST_DIALS && self.connections <= MOST_CONNECTIONS
    }

    /// Whether there is no limit at all.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A slot in the line.
#[derive(Debug)]
struct Waiting {
    pool: PoolNumber,
    purpose: Purpose,
    slot: SlotIndex,
    /// It was told that there is no place.
    knows_of_no_place: bool,
}

/// The limits of one host, and who waits for them.
#[derive(Debug)]
pub struct HostLimits {
    limits: Limits,
    /// When the last dials were granted, the oldest first; at most as many as a second may have.
    granted_ns: VecDeque<u64>,
    /// The places that each pool has, without the pools that have none.
    places: HashMap<PoolNumber, u32>,
    taken: u32,
    /// In the order in which they came.
    line: Vec<Waiting>,
    /// Slots that are to ask again.
    wakes: VecDeque<(PoolNumber, SlotIndex)>,
}

impl HostLimits {
    /// No place is taken, and no slot waits.
    pub fn new(limits: Limits) -> Self {
        let (granted_ns, places, line, wakes) = Default::default();
        Self { limits, granted_ns, places, taken: 0, line, wakes }
    }

    /// How much is allowed.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The first slot of a queue of a pool asks for its dial, and joins the line.
    pub fn ask(
        &mut self,
        pool: PoolNumber,
        slot: SlotIndex,
        purpose: Purpose,
        now_ns: u64,
    ) -> Answer {
        let at = self.join(pool, slot, purpose);
        let has_place = self.has_place();
        self.line[at].knows_of_no_place = !has_place;
        if !has_place {
            return Answer::NoPlace;
        }
        let ahead = self.ahead_of(at);
        if ahead > 0 {
            let interval_ns = SECOND_NS.checked_div(u64::from(self.limits.dials_per_second));
            let wait_ns = interval_ns.unwrap_or(0).saturating_mul(ahead);
            return Answer::Behind(now_ns.saturating_add(wait_ns));
        }
        match self.next_dial_ns() {
            Some(at_ns) if now_ns < at_ns => Answer::At(at_ns),
            _ => {
                self.line.remove(at);
                self.grant(pool, now_ns);
                Answer::Granted
            }
        }
    }

    /// The first slot of a queue of a pool leaves the line, if it is in it.
    pub fn leave(&mut self, pool: PoolNumber, purpose: Purpose) {
        self.leave_if(|waiting| (waiting.pool, waiting.purpose) == (pool, purpose));
    }

    /// The pool dials no more. Its places come back one by one.
    pub fn leave_all(&mut self, pool: PoolNumber) {
        self.leave_if(|waiting| waiting.pool == pool);
    }

    /// A dial of the pool has failed, or one of its connections is closed.
    pub fn give_back(&mut self, pool: PoolNumber) {
        if let Some(places) = self.places.get_mut(&pool) {
            *places -= 1;
            if *places == 0 {
                self.places.remove(&pool);
            }
            self.taken -= 1;
            self.wake_first();
        }
    }

    /// A slot that is to ask again; each is answered once.
    pub fn next_wake(&mut self) -> Option<(PoolNumber, SlotIndex)> {
        self.wakes.pop_front()
    }

    /// Where the first slot of the queue is in `line`, in which it is from now on.
    fn join(&mut self, pool: PoolNumber, slot: SlotIndex, purpose: Purpose) -> usize {
        let is_it = |waiting: &Waiting| (waiting.pool, waiting.purpose) == (pool, purpose);
        let at = self.line.iter().position(is_it).unwrap_or_else(|| {
            self.line.push(Waiting { pool, purpose, slot, knows_of_no_place: false });
            self.line.len() - 1
        });
        self.line[at].slot = slot;
        at
    }

    fn grant(&mut self, pool: PoolNumber, now_ns: u64) {
        if self.limits.dials_per_second > 0 {
            if self.granted_ns.len() == self.limits.dials_per_second as usize {
                self.granted_ns.pop_front();
            }
            self.granted_ns.push_back(now_ns);
        }
        *self.places.entry(pool).or_default() += 1;
        self.taken += 1;
        if self.has_place() {
            return self.wake_first();
        }
        // Who opens a pool waits to be told.
        let told = self.line.iter().filter(|waiting| !waiting.knows_of_no_place);
        self.wakes.extend(told.map(|waiting| (waiting.pool, waiting.slot)));
    }

    fn leave_if(&mut self, leaves: impl Fn(&Waiting) -> bool) {
        let was_first = self.first().is_some_and(&leaves);
        self.line.retain(|waiting| !leaves(waiting));
        if was_first {
            self.wake_first();
        }
    }

    fn wake_first(&mut self) {
        if self.has_place() {
            let first = self.first().map(|waiting| (waiting.pool, waiting.slot));
            self.wakes.extend(first);
        }
    }

    /// Of those of the same rank the one that came first.
    fn first(&self) -> Option<&Waiting> {
        self.line.iter().min_by_key(|waiting| self.rank(waiting))
    }

    fn ahead_of(&self, at: usize) -> u64 {
        let rank = (self.rank(&self.line[at]), at);
        let line = self.line.iter().enumerate();
        line.filter(|(at, other)| (self.rank(other), *at) < rank).count() as u64
    }

    /// Who has the least comes first.
    fn rank(&self, waiting: &Waiting) -> (bool, bool) {
        let is_replacement = waiting.purpose == Purpose::Replacement;
        (is_replacement, self.places.contains_key(&waiting.pool))
    }

    fn has_place(&self) -> bool {
        self.limits.connections == 0 || self.taken < self.limits.connections
    }

    /// When the dials of the last second leave room for one more, if they do not now.
    fn next_dial_ns(&self) -> Option<u64> {
        let is_spent = self.granted_ns.len() == self.limits.dials_per_second as usize;
        let oldest_ns = self.granted_ns.front().filter(|_| is_spent)?;
        Some(oldest_ns.saturating_add(SECOND_NS))
    }
}

#[cfg(test)]
mod tests;
