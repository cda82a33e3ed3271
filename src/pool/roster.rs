//! The roster: which slot is free, leased or at work, and who waits for one.
//!
//! ```text
//!            came_up                   checkout                 finished
//!   down ─────────────► idle (LIFO) ─────────────► at work ────────────────► idle
//!     ▲                   │   ▲  lease / release                              │
//!     └──── went_down ────┘   └───────────────► leased ◄── begin / finished ──┘
//! ```
//!
//! Rules, all kept here and nowhere else:
//! - A slot is in the idle stack if and only if it is up, has no exchange and no lease.
//! - Nobody waits while a slot is idle: whoever frees a slot gets the [`Grant`] for the first
//!   waiter and must carry it out.
//! - Check-out is LIFO (the hottest connection first), waiting is FIFO: by ticket, and tickets are
//!   numbered in the order of the calls.
//! - Whether a request can still be answered in time is judged here ([`ExchangeTime`]), because
//!   every exchange begins and ends here.
//! - News of a connection carry its epoch, so that late news of an old one do no harm; of one
//!   connection, its end is the last news.
//!
//! The roster knows neither connections nor requests: a waiter is any value `W`.

use std::collections::{BTreeMap, BTreeSet};

use super::exchange_time::{Due, Estimate, ExchangeTime, Spent};

/// The place of a slot in the pool, from 0.
pub type SlotIndex = u32;

/// A slot reserved for one caller. A value, not an object: a stale one is recognised by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The reserved slot.
    pub slot: SlotIndex,
    /// Never used twice in one pool, never 0.
    pub generation: u64,
}

/// What a waiter waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A slot to send one request on.
    Exchange(Due),
    /// A slot of its own.
    Lease,
}

/// What a request gets that asks for an idle slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checkout {
    /// This slot, marked as at work.
    Slot(SlotIndex),
    /// No slot is idle.
    NoneIdle,
    /// A slot is idle, but the request cannot be answered in time any more.
    TooLate,
}

/// A slot that became free, and the waiter who gets it.
#[derive(Debug, PartialEq, Eq)]
pub struct Grant<W> {
    /// The slot, already marked as the waiter's.
    pub slot: SlotIndex,
    /// The lease, when the waiter wanted one.
    pub lease: Option<Lease>,
    /// Who waited.
    pub waiter: Waiting<W>,
}

/// One place in the waiting line.
#[derive(Debug, PartialEq, Eq)]
pub struct Waiting<W> {
    /// The waiter's own number, never used twice in one pool. A smaller one is served first.
    pub ticket: u64,
    /// What is waited for.
    pub wanted: Wanted,
    /// When the waiting ends without success, in nanoseconds.
    pub deadline_ns: u64,
    /// Who waits.
    pub who: W,
}

/// Why a lease cannot be used now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseError {
    /// It was given back, or never given.
    Stale,
    /// An exchange is in flight on it.
    Busy,
    /// Its slot has no live connection.
    Down,
}

/// How many slots are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// With a live connection.
    pub live: u32,
    /// Live, and free to be checked out.
    pub idle: u32,
    /// With an exchange.
    pub at_work: u32,
    /// Reserved by a lease.
    pub leased: u32,
    /// Requests and callers in the waiting line.
    pub waiting: u32,
}

#[derive(Debug, Default)]
struct Place {
    up: bool,
    epoch: u32,
    at_work: bool,
    lease: Option<u64>,
}

/// A request between the line and its slot.
#[derive(Debug)]
struct Granted {
    ticket: u64,
    recalled: bool,
}

/// The roster of one pool.
#[derive(Debug)]
pub struct Roster<W> {
    places: Vec<Place>,
    idle: Vec<SlotIndex>,
    /// By ticket, which is the order in which they are served.
    waiting: BTreeMap<u64, Waiting<W>>,
    /// Deadline and ticket of everybody in `waiting`.
    deadlines: BTreeSet<(u64, u64)>,
    waiting_capacity: usize,
    /// Requests that left the line with a grant and are not started yet.
    granted: Vec<Granted>,
    exchange_time: ExchangeTime,
    leases: u64,
    closed: bool,
}

impl<W> Roster<W> {
    /// All `slots` are down, nobody waits.
    pub fn new(slots: u32, waiting_capacity: usize, estimate: Estimate) -> Self {
        Self {
            places: (0..slots).map(|_| Place::default()).collect(),
            idle: Vec::with_capacity(slots as usize),
            waiting: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            waiting_capacity,
            granted: Vec::with_capacity(slots as usize),
            exchange_time: ExchangeTime::new(estimate),
            leases: 0,
            closed: false,
        }
    }

    /// Takes the hottest idle slot for one exchange; [`Roster::finished`] ends it.
    pub fn checkout(&mut self, due: &Due, now_ns: u64) -> Checkout {
        let Some(slot) = self.idle.last().copied() else { return Checkout::NoneIdle };
        if self.is_too_late(due, now_ns) {
            return Checkout::TooLate;
        }
        self.idle.pop();
        self.place(slot).at_work = true;
        Checkout::Slot(slot)
    }

    /// Takes that very slot for one exchange, if it is idle; [`Roster::finished`] ends it.
    pub fn take(&mut self, slot: SlotIndex) -> bool {
        let Some(index) = self.idle.iter().position(|idle| *idle == slot) else { return false };
        self.idle.remove(index);
        self.place(slot).at_work = true;
        true
    }

    /// Reserves the hottest idle slot until [`Roster::release`].
    pub fn lease(&mut self) -> Option<Lease> {
        let slot = self.idle.pop()?;
        Some(self.grant_lease(slot))
    }

    /// Starts an exchange on a leased slot; [`Roster::finished`] ends it.
    pub fn begin(&mut self, lease: Lease) -> Result<SlotIndex, LeaseError> {
        let place = self.leased(lease)?;
        if place.at_work {
            return Err(LeaseError::Busy);
        }
        if !place.up {
            return Err(LeaseError::Down);
        }
        place.at_work = true;
        Ok(lease.slot)
    }

    /// Gives a lease back. A slot that is still at work rejoins when it has finished.
    pub fn release(&mut self, lease: Lease) -> Result<Option<Grant<W>>, LeaseError> {
        self.leased(lease)?.lease = None;
        Ok(self.rejoin(lease.slot))
    }

    /// The exchange on a slot is over.
    pub fn finished(&mut self, slot: SlotIndex) -> Option<Grant<W>> {
        self.place(slot).at_work = false;
        self.rejoin(slot)
    }

    /// An exchange that ended at that moment has used its time so.
    pub fn took(&mut self, spent: Spent, now_ns: u64) {
        self.exchange_time.ended(spent, now_ns);
    }

    /// Whether a request cannot be answered in time, if it is sent now.
    pub fn is_too_late(&self, due: &Due, now_ns: u64) -> bool {
        self.exchange_time.is_too_late(due, now_ns)
    }

    /// When the venue answered last, on any slot; 0 before the first answer.
    pub fn answered_ns(&self) -> u64 {
        self.exchange_time.answered_ns()
    }

    /// A slot has a live connection, the `epoch`th of its own, counted from 1. A slot that was up
    /// keeps its place: its connection was replaced by a newer one.
    pub fn came_up(&mut self, slot: SlotIndex, epoch: u32) -> Option<Grant<W>> {
        let place = self.place(slot);
        if epoch <= place.epoch {
            return None;
        }
        place.epoch = epoch;
        let was_up = std::mem::replace(&mut place.up, true);
        if was_up { None } else { self.rejoin(slot) }
    }

    /// The connection of that epoch is gone.
    pub fn went_down(&mut self, slot: SlotIndex, epoch: u32) {
        let place = self.place(slot);
        if epoch < place.epoch {
            return;
        }
        place.epoch = epoch;
        place.up = false;
        self.idle.retain(|idle| *idle != slot);
    }

    /// Joins the end of the waiting line, or gets the waiter back when the line is full.
    /// Only for when no slot is idle.
    pub fn wait(&mut self, ticket: u64, wanted: Wanted, deadline_ns: u64, who: W) -> Result<(), W> {
        debug_assert!(self.idle.is_empty(), "nobody waits while a slot is idle");
        if self.waiting.len() >= self.waiting_capacity {
            return Err(who);
        }
        self.join(Waiting { ticket, wanted, deadline_ns, who });
        Ok(())
    }

    /// The grant of an exchange was carried out: its request is started. Answers whether it was
    /// recalled on the way.
    pub fn carried_out(&mut self, ticket: u64) -> bool {
        let index = self.granted.iter().position(|granted| granted.ticket == ticket);
        index.is_some_and(|index| self.granted.swap_remove(index).recalled)
    }

    /// Requests that are neither in line nor started: whoever holds their grant is about to start
    /// them, or to put them back. While there are any, the line is not finally empty.
    pub fn granted(&self) -> usize {
        self.granted.len()
    }

    /// Asks for the end of a request whose grant is under way; whoever carries it out is told.
    /// `false`: there is none of that ticket.
    pub fn recall(&mut self, ticket: u64) -> bool {
        let granted = self.granted.iter_mut().find(|granted| granted.ticket == ticket);
        granted.is_some_and(|granted| {
            granted.recalled = true;
            true
        })
    }

    /// Puts a request back into the line: its grant turned out to be of no use. Its ticket is older
    /// than all others there. An idle slot goes to it at once. One that was recalled is given back
    /// instead.
    pub fn wait_again(&mut self, waiting: Waiting<W>) -> Result<Option<Grant<W>>, W> {
        if self.carried_out(waiting.ticket) {
            return Err(waiting.who);
        }
        self.join(waiting);
        let slot = self.idle.pop();
        Ok(slot.and_then(|slot| self.rejoin(slot)))
    }

    /// Leaves the waiting line. `None` means that the grant is already under way.
    pub fn withdraw(&mut self, ticket: u64) -> Option<W> {
        let waiting = self.waiting.remove(&ticket)?;
        self.deadlines.remove(&(waiting.deadline_ns, ticket));
        Some(waiting.who)
    }

    /// Takes one waiter whose deadline has passed out of the line.
    pub fn expire(&mut self, now_ns: u64) -> Option<W> {
        let &(_, ticket) = self.deadlines.first().filter(|(deadline, _)| *deadline <= now_ns)?;
        self.withdraw(ticket)
    }

    /// The earliest deadline in the waiting line, in nanoseconds.
    pub fn next_deadline(&self) -> Option<u64> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// No slot is given out from now on, also not to who waits already.
    pub fn close(&mut self) {
        self.closed = true;
        self.idle.clear();
    }

    /// Takes everybody out of the waiting line, in the order in which they would be served.
    pub fn take_waiting(&mut self) -> impl Iterator<Item = Waiting<W>> + use<W> {
        self.deadlines.clear();
        std::mem::take(&mut self.waiting).into_values()
    }

    /// Whether [`Roster::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether the slot is reserved by a lease.
    pub fn is_leased(&self, slot: SlotIndex) -> bool {
        self.places[slot as usize].lease.is_some()
    }

    /// Counts the slots and waiters.
    pub fn census(&self) -> Census {
        let count =
            |fits: fn(&Place) -> bool| self.places.iter().filter(|p| fits(p)).count() as u32;
        Census {
            live: count(|place| place.up),
            idle: self.idle.len() as u32,
            at_work: count(|place| place.at_work),
            leased: count(|place| place.lease.is_some()),
            waiting: self.waiting.len() as u32,
        }
    }

    /// A slot may have become free: to the first waiter, else to the top of the idle stack.
    fn rejoin(&mut self, slot: SlotIndex) -> Option<Grant<W>> {
        let closed = self.closed;
        let place = self.place(slot);
        if closed || !place.up || place.at_work || place.lease.is_some() {
            return None;
        }
        let Some((ticket, waiter)) = self.waiting.pop_first() else {
            debug_assert!(!self.idle.contains(&slot));
            self.idle.push(slot);
            return None;
        };
        self.deadlines.remove(&(waiter.deadline_ns, ticket));
        let lease = match waiter.wanted {
            Wanted::Exchange(_) => {
                self.place(slot).at_work = true;
                self.granted.push(Granted { ticket: waiter.ticket, recalled: false });
                None
            }
            Wanted::Lease => Some(self.grant_lease(slot)),
        };
        Some(Grant { slot, lease, waiter })
    }

    fn join(&mut self, waiting: Waiting<W>) {
        self.deadlines.insert((waiting.deadline_ns, waiting.ticket));
        self.waiting.insert(waiting.ticket, waiting);
    }

    fn grant_lease(&mut self, slot: SlotIndex) -> Lease {
        self.leases += 1;
        let generation = self.leases;
        self.place(slot).lease = Some(generation);
        Lease { slot, generation }
    }

    fn leased(&mut self, lease: Lease) -> Result<&mut Place, LeaseError> {
        self.places
            .get_mut(lease.slot as usize)
            .filter(|place| place.lease == Some(lease.generation))
            .ok_or(LeaseError::Stale)
    }

    fn place(&mut self, slot: SlotIndex) -> &mut Place {
        &mut self.places[slot as usize]
    }
}

#[cfg(test)]
mod tests;
