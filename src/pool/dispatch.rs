//! Who gets a slot, and who ends without one.
//!
//! ```text
//!            came_up                  checkout, next             finished
//!   down ─────────────► idle (LIFO) ─────────────────► in use ─────────────► idle
//!     ▲                   │   ▲  lease / release                              │
//!     └──── went_down ────┘   └───────────────► leased ◄── begin / finished ──┘
//! ```
//!
//! It is told what happened, and [`Dispatcher::next`] says what to do about it, one action at a
//! time, until there is nothing left to do. Whoever told it something asks until then.
//!
//! Rules, all kept here and nowhere else:
//! - A slot is in the idle stack if and only if it is up, carries no exchange and has no lease.
//! - A lane is served before the lanes below it, and may keep slots for itself ([`super::lanes`]).
//! - A request may ask for a source, and goes only from that ([`sources`]).
//! - While somebody waits who may have an idle slot, it goes to the first of them, and to no other.
//! - A heartbeat may use a free slot, also a reserved one, and also a leased one. A request of the
//!   lease's holder that meets it waits for that very slot, and is sent when the heartbeat is over.
//! - Check-out is LIFO: the connection that was used last is the most likely to be good. A lane of
//!   the queue is FIFO by ticket, and tickets are numbered in the order of the calls.
//! - A request that cannot be answered in time is not sent ([`ExchangeTime`]).
//! - During a pause, in a drain, and after the end of the pool, nothing is sent and none waits. A
//!   lane may be exempt from pauses, and from a drain ([`open`]). A pause may hold one source only
//!   ([`sources`]).
//! - A report about a connection carries its epoch, so that a late report about an old connection
//!   changes nothing.
//!
//! It knows neither connections nor requests: a request is any value `R`, and a caller that waits
//! for a lease any value `L`. All times are in
//! nanoseconds on any clock that never goes back.

mod apart;
mod open;
mod route;
mod sources;
mod terms;

use std::collections::{BTreeMap, BTreeSet};

use super::exchange_time::{Due, Estimate, ExchangeTime, Spent};
use super::idle::Idle;
use super::lanes::{LaneRules, Shares};
use super::pause::Scope;
use super::pauses::Pauses;
use super::queue::Queue;
use super::slot::NoStart;
use crate::lane::{Lane, LaneSet};
use crate::source::{Source, SourceSet};
pub use terms::{
    Action, AfterCancel, Cancel, Counts, End, Lease, LeaseRoute, Queued, Refusal, Route, SlotIndex,
    Waiter, Want,
};

/// No such time.
const NEVER: u64 = u64::MAX;

#[derive(Debug)]
struct Waiting<R, L> {
    deadline_ns: u64,
    who: Waiter<R, L>,
}

#[derive(Debug, Default)]
struct Slot {
    up: bool,
    epoch: u32,
    in_use: bool,
    /// It is in use by a heartbeat.
    has_heartbeat: bool,
    lease: Option<u64>,
    /// A request waits for the end of that heartbeat.
    has_behind: bool,
    /// The lane that it counts for while it is in use or leased.
    lane: Option<Lane>,
    /// The addresses of its connection, as a number.
    path: u64,
}

/// A request that has left the queue and is not sent yet.
#[derive(Debug)]
struct OnItsWay {
    ticket: u64,
    cancelled: bool,
    /// It waited for that slot only.
    is_bound: bool,
}

/// The slots of one pool, and who waits for them.
#[derive(Debug)]
pub struct Dispatcher<R, L> {
    slots: Vec<Slot>,
    idle: Idle,
    queue: Queue<Waiting<R, L>>,
    /// By ticket: requests that wait for the end of a heartbeat on their leased slot.
    behind: BTreeMap<u64, (SlotIndex, Waiting<R, L>)>,
    /// Deadline and ticket of each request in `queue` and `behind`.
    deadlines: BTreeSet<(u64, u64)>,
    lanes: LaneRules,
    shares: Shares,
    on_their_way: Vec<OnItsWay>,
    exchange_time: ExchangeTime,
    pauses: Pauses,
    leases: u64,
    /// The lanes whose requests are accepted.
    accepted: LaneSet,
    is_closed: bool,
}

/// Asking for a slot.
impl<R, L> Dispatcher<R, L> {
    /// All `slots` are down, and the queue is empty. `sources`: how many local addresses are spread
    /// over the slots; 0 if the system chooses.
    pub fn new(slots: u32, sources: u32, lanes: LaneRules, estimate: Estimate) -> Self {
        let sources = sources.max(1);
        Self {
            slots: (0..slots).map(|_| Slot::default()).collect(),
            idle: Idle::new(slots, sources),
            queue: Queue::new(sources),
            behind: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            shares: Shares::new(&lanes),
            lanes,
            on_their_way: Vec::with_capacity(slots as usize),
            exchange_time: ExchangeTime::new(estimate),
            pauses: Pauses::new(sources),
            leases: 0,
            accepted: LaneSet::ALL,
            is_closed: false,
        }
    }

    /// Takes the slot that was used last for one exchange; [`Dispatcher::finished`] ends it.
    #[inline(always)]
    pub fn checkout(&mut self, due: &Due, now_ns: u64) -> Result<SlotIndex, Refusal> {
        let sources = self.has_slot(due.lane, due.source, now_ns)?;
        if self.exchange_time.is_too_late(due, now_ns) {
            return Err(Refusal::TooLate);
        }
        let slot = self.take(due.lane, sources, now_ns).ok_or(Refusal::NoSlot)?;
        self.slot(slot).in_use = true;
        Ok(slot)
    }

    /// Takes that very slot for a heartbeat, if it is free or rests with the holder of a lease;
    /// [`Dispatcher::finished`] ends it.
    pub fn heartbeat(&mut self, slot: SlotIndex, now_ns: u64) -> bool {
        if !self.is_open_for_heartbeats(slot, now_ns) {
            return false;
        }
        let here = self.slot(slot);
        if here.lease.is_none() || !here.up || here.in_use || here.has_behind {
            // Not a resting lease, so only a slot that no waiting request may have. It may be
            // a reserved one: the venue would close a connection on which nothing is ever sent.
            if !self.idle.contains(slot) || self.is_wanted(slot, now_ns) {
                return false;
            }
            self.idle.remove(slot);
            self.holds(slot, Lane::Background);
        }
        let here = self.slot(slot);
        (here.in_use, here.has_heartbeat) = (true, true);
        true
    }

    /// Reserves the slot of that source that was used last until [`Dispatcher::release`].
    pub fn lease(&mut self, source: Source, now_ns: u64) -> Result<Lease, Refusal> {
        let sources = self.has_slot(Lane::Orders, source, now_ns)?;
        let slot = self.take(Lane::Orders, sources, now_ns).ok_or(Refusal::NoSlot)?;
        Ok(self.grant_lease(slot))
    }

    /// Begins an exchange on a leased slot; [`Dispatcher::finished`] ends it.
    pub fn begin(&mut self, lease: Lease, due: &Due, now_ns: u64) -> Result<SlotIndex, Refusal> {
        self.is_open(due.lane, || self.source_of(lease.slot), now_ns)?;
        self.leased(lease)?;
        self.fits(lease.slot, due.source)?;
        let slot = self.slot(lease.slot);
        if slot.has_heartbeat && !slot.has_behind {
            return Err(Refusal::Heartbeat);
        }
        if slot.in_use || slot.has_behind {
            return Err(Refusal::SlotBusy);
        }
        if !slot.up {
            return Err(Refusal::SlotDown);
        }
        if self.exchange_time.is_too_late(due, now_ns) {
            return Err(Refusal::TooLate);
        }
        self.slot(lease.slot).in_use = true;
        Ok(lease.slot)
    }

    /// Gives a lease back.
    pub fn release(&mut self, lease: Lease) -> Result<(), Refusal> {
        self.leased(lease)?.lease = None;
        self.rejoin(lease.slot);
        Ok(())
    }

    /// Puts a request at the end of its lane. If a slot is free for it, the next action gives it.
    pub fn enqueue(&mut self, queued: Queued<R>, now_ns: u64) -> Result<(), Refusal> {
        self.has_room(queued.due.lane, queued.due.source, now_ns)?;
        self.join(queued);
        Ok(())
    }

    /// Lets a request wait for the end of the heartbeat on its leased slot. If that is over, the
    /// next action sends it.
    pub fn enqueue_behind(
        &mut self,
        lease: Lease,
        queued: Queued<R>,
        now_ns: u64,
    ) -> Result<(), Refusal> {
        self.is_open(queued.due.lane, || self.source_of(lease.slot), now_ns)?;
        let slot = self.leased(lease)?;
        if slot.has_behind || slot.in_use && !slot.has_heartbeat {
            return Err(Refusal::SlotBusy);
        }
        slot.has_behind = true;
        let Queued { ticket, deadline_ns, due, request } = queued;
        self.deadlines.insert((deadline_ns, ticket));
        let waiting = Waiting { deadline_ns, who: Waiter::Request(request, due) };
        self.behind.insert(ticket, (lease.slot, waiting));
        Ok(())
    }

    /// Puts a caller that wants a lease at the end of the lane of the orders. If a slot of that
    /// source is free for it, the next action gives it. `deadline_ns`: `u64::MAX` if it watches its
    /// own.
    pub fn enqueue_caller(
        &mut self,
        ticket: u64,
        source: Source,
        deadline_ns: u64,
        who: L,
        now_ns: u64,
    ) -> Result<(), Refusal> {
        self.has_room(Lane::Orders, source, now_ns)?;
        if deadline_ns != NEVER {
            self.deadlines.insert((deadline_ns, ticket));
        }
        let who = Waiter::Caller(who);
        self.queue.insert(Lane::Orders, source, ticket, Waiting { deadline_ns, who });
        Ok(())
    }

    /// Ends the waiting of a request or of a caller, wherever it is.
    pub fn cancel(&mut self, ticket: u64) -> Cancel<R, L> {
        if let Some(who) = self.leave(ticket) {
            return Cancel::Left(who);
        }
        match self.on_their_way.iter_mut().find(|one| one.ticket == ticket) {
            Some(one) => {
                one.cancelled = true;
                Cancel::Marked
            }
            None => Cancel::Unknown,
        }
    }
}

/// What happened.
impl<R, L> Dispatcher<R, L> {
    /// A request of [`Action::Send`] was sent. Answers whether it was cancelled on its way.
    pub fn sent(&mut self, ticket: u64) -> bool {
        self.arrived(ticket).is_some_and(|one| one.cancelled)
    }

    fn arrived(&mut self, ticket: u64) -> Option<OnItsWay> {
        let index = self.on_their_way.iter().position(|one| one.ticket == ticket)?;
        Some(self.on_their_way.swap_remove(index))
    }

    /// A request of [`Action::Send`] was not sent. It waits again, before all that came after it,
    /// or ends.
    pub fn not_sent(
        &mut self,
        slot: SlotIndex,
        why: NoStart,
        queued: Queued<R>,
    ) -> Option<(Waiter<R, L>, End)> {
        let arrived = self.arrived(queued.ticket);
        self.start_failed(slot, why);
        let end = match why {
            _ if arrived.as_ref().is_some_and(|one| one.cancelled) => End::Cancelled,
            NoStart::Withdrawn => End::Cancelled,
            NoStart::TooLate => End::TooLate,
            NoStart::Lost(_) if arrived.is_some_and(|one| one.is_bound) => End::SlotDown,
            NoStart::Lost(_) => {
                self.join(queued);
                return None;
            }
        };
        Some((Waiter::Request(queued.request, queued.due), end))
    }

    /// A request that had checked a slot out was not sent on it.
    pub fn start_failed(&mut self, slot: SlotIndex, why: NoStart) {
        if let NoStart::Lost(epoch) = why {
            self.went_down(slot, epoch);
        }
        self.finished(slot, None, 0);
    }

    /// The exchange on a slot is over, and says how it has used its time.
    #[inline(always)]
    pub fn finished(&mut self, slot: SlotIndex, spent: Option<Spent>, now_ns: u64) {
        if let Some(spent) = spent {
            self.exchange_time.ended(spent, now_ns);
        }
        let here = self.slot(slot);
        (here.in_use, here.has_heartbeat) = (false, false);
        self.rejoin(slot);
    }

    /// A slot has a live connection, the `epoch`th of its own, counted from 1. A slot that was up
    /// keeps its state: its connection was replaced by a newer one.
    pub fn came_up(&mut self, slot: SlotIndex, epoch: u32) {
        let here = self.slot(slot);
        if epoch <= here.epoch {
            return;
        }
        here.epoch = epoch;
        if !std::mem::replace(&mut here.up, true) {
            self.rejoin(slot);
        }
    }

    /// The connection of that epoch is gone.
    pub fn went_down(&mut self, slot: SlotIndex, epoch: u32) {
        let here = self.slot(slot);
        if epoch < here.epoch {
            return;
        }
        here.epoch = epoch;
        here.up = false;
        self.idle.remove(slot);
    }

    /// The venue, or the engine, asks for a pause of so long. Answers whether connections are
    /// to be closed for it.
    pub fn suspend(&mut self, scope: Scope, now_ns: u64, for_ns: u64, closes: bool) -> bool {
        self.pauses.begin(scope, now_ns, for_ns, closes)
    }

    /// Ends the pause that ends at that moment. `false`: another one has begun meanwhile.
    pub fn resume(&mut self, scope: Scope, until_ns: u64) -> bool {
        self.pauses.end(scope, until_ns)
    }

    /// Ends all pauses, before their time.
    pub fn resume_all(&mut self) {
        self.pauses.end_all();
    }
}

/// What follows.
impl<R, L> Dispatcher<R, L> {
    /// Whether somebody waits, so that there may be something to do.
    pub fn has_waiting(&self) -> bool {
        !self.queue.is_empty() || !self.behind.is_empty()
    }

    /// What to do now; `None`: nothing, until something happens or [`Dispatcher::next_deadline`].
    pub fn next(&mut self, now_ns: u64) -> Option<Action<R, L>> {
        if !self.has_waiting() {
            return None;
        }
        if let Some((ticket, end)) = self.next_refused(now_ns) {
            return self.leave(ticket).map(|who| Action::End(who, end));
        }
        if let Some(&(_, ticket)) = self.deadlines.first().filter(|first| first.0 <= now_ns) {
            return self.leave(ticket).map(|who| Action::End(who, End::TooLate));
        }
        self.next_behind(now_ns).or_else(|| self.next_in_queue(now_ns))
    }

    /// Serves a request whose leased slot has no heartbeat any more.
    fn next_behind(&mut self, now_ns: u64) -> Option<Action<R, L>> {
        let slots = &self.slots;
        let is_over = |slot: SlotIndex| !slots[slot as usize].in_use;
        let (&ticket, (slot, first)) = self.behind.iter().find(|(_, (slot, _))| is_over(*slot))?;
        let (slot, lane, deadline_ns) = (*slot, first.who.lane(), first.deadline_ns);
        let end = match () {
            () if !slots[slot as usize].up => Some(End::SlotDown),
            () if self.is_too_late(first, now_ns) => Some(End::TooLate),
            () => None,
        };
        let who = self.leave(ticket)?;
        if let Some(end) = end {
            return Some(Action::End(who, end));
        }
        // The lease may have been given back meanwhile: then the slot has become free just now.
        self.idle.remove(slot);
        self.holds(slot, lane);
        Some(self.give(slot, ticket, deadline_ns, who, true))
    }

    fn next_in_queue(&mut self, now_ns: u64) -> Option<Action<R, L>> {
        let (lane, sources) = self.next_turn(now_ns)?;
        let (ticket, first) = self.queue.first(lane, sources.numbers().next()?)?;
        let deadline_ns = first.deadline_ns;
        if self.is_too_late(first, now_ns) {
            return self.leave(ticket).map(|who| Action::End(who, End::TooLate));
        }
        let slot = self.take(lane, sources, now_ns)?;
        let who = self.leave(ticket)?;
        Some(self.give(slot, ticket, deadline_ns, who, false))
    }

    fn is_too_late(&self, waiting: &Waiting<R, L>, now_ns: u64) -> bool {
        match &waiting.who {
            Waiter::Request(_, due) => self.exchange_time.is_too_late(due, now_ns),
            Waiter::Caller(_) => false,
        }
    }

    /// Gives the slot, which is not idle any more, to whoever waited for it.
    fn give(
        &mut self,
        slot: SlotIndex,
        ticket: u64,
        deadline_ns: u64,
        who: Waiter<R, L>,
        is_bound: bool,
    ) -> Action<R, L> {
        let (request, due) = match who {
            Waiter::Request(request, due) => (request, due),
            Waiter::Caller(who) => return Action::Lease(self.grant_lease(slot), who),
        };
        self.slot(slot).in_use = true;
        self.on_their_way.push(OnItsWay { ticket, cancelled: false, is_bound });
        Action::Send(slot, Queued { ticket, deadline_ns, due, request })
    }

    /// The earliest deadline in the queue.
    pub fn next_deadline(&self) -> Option<u64> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Requests that have left the queue and are not sent yet: whoever has them is about to send
    /// them, or to put them back. While there are any, the queue is not finally empty.
    pub fn on_their_way(&self) -> usize {
        self.on_their_way.len()
    }

    /// When the venue answered last, on any slot; 0 before the first answer.
    pub fn answered_ns(&self) -> u64 {
        self.exchange_time.answered_ns()
    }

    /// The pauses of the pool and of its sources.
    pub fn pauses(&self) -> &Pauses {
        &self.pauses
    }

    /// Whether the slot is reserved by a lease.
    pub fn is_leased(&self, slot: SlotIndex) -> bool {
        self.slots[slot as usize].lease.is_some()
    }

    /// Counts the slots, and who waits.
    pub fn counts(&self) -> Counts {
        let count =
            |is: fn(&Slot) -> bool| self.slots.iter().filter(|slot| is(slot)).count() as u32;
        Counts {
            live: count(|slot| slot.up),
            idle: self.idle.count() as u32,
            in_use: count(|slot| slot.in_use),
            beating: count(|slot| slot.has_heartbeat),
            leased: count(|slot| slot.lease.is_some()),
            waiting: self.queue.len() as u32,
            behind: self.behind.len() as u32,
        }
    }
}

impl<R, L> Dispatcher<R, L> {
    /// Whether a request of that lane and source that comes now has a slot. Answers of which
    /// sources it may have one.
    #[inline(always)]
    fn has_slot(&self, lane: Lane, source: Source, now_ns: u64) -> Result<SourceSet, Refusal> {
        self.is_open(lane, || source, now_ns)?;
        // One that was freed just now is for those who wait.
        let sources = if self.idle.is_plain() {
            let free = self.idle.count();
            let passes = self.queue.turns().may_pass(lane, |it| self.shares.may_take(it, free));
            if passes { SourceSet::ALL } else { SourceSet::NONE }
        } else {
            self.passes(lane, source, now_ns)
        };
        if sources.is_empty() { Err(Refusal::NoSlot) } else { Ok(sources) }
    }

    /// Takes the idle slot of these sources that was used last, for a request of that lane.
    #[inline(always)]
    fn take(&mut self, lane: Lane, sources: SourceSet, now_ns: u64) -> Option<SlotIndex> {
        if !self.idle.is_plain() {
            return self.take_of(sources, lane, now_ns);
        }
        let free = self.idle.count();
        let slot = self.idle.pop()?;
        let shares = &self.shares;
        self.queue.turns_mut().served(lane, |below| shares.may_take(below, free));
        self.holds(slot, lane);
        Some(slot)
    }

    /// Whose turn it is: the first in that lane that may use these sources.
    fn next_turn(&self, now_ns: u64) -> Option<(Lane, SourceSet)> {
        if !self.idle.is_plain() {
            return self.next_served(now_ns);
        }
        let free = self.idle.count();
        let (lane, _) = self.queue.turns().next(|lane| self.shares.may_take(lane, free))?;
        Some((lane, SourceSet::ALL))
    }

    /// From now on the slot counts for that lane, until it is neither in use nor leased.
    #[inline(always)]
    fn holds(&mut self, slot: SlotIndex, lane: Lane) {
        let here = &mut self.slots[slot as usize];
        if self.shares.is_counted() && here.lane.is_none() {
            here.lane = Some(lane);
            self.shares.took(lane);
        }
    }

    /// A slot may have become free.
    #[inline(always)]
    fn rejoin(&mut self, slot: SlotIndex) {
        let here = &mut self.slots[slot as usize];
        let rests = !here.in_use && here.lease.is_none();
        if rests && let Some(lane) = here.lane.take() {
            self.shares.gave_back(lane);
        }
        if self.is_closed || !rests || !here.up || here.has_behind {
            return;
        }
        debug_assert!(!self.idle.contains(slot));
        self.idle.push(slot);
    }

    fn has_room(&self, lane: Lane, source: Source, now_ns: u64) -> Result<(), Refusal> {
        self.is_open(lane, || source, now_ns)?;
        let has_room = self.queue.len_of(lane) < self.lanes.of(lane).queue_capacity
            || self.may_have_one(lane, source, now_ns);
        if has_room { Ok(()) } else { Err(Refusal::QueueFull) }
    }

    fn join(&mut self, queued: Queued<R>) {
        let Queued { ticket, deadline_ns, due, request } = queued;
        self.deadlines.insert((deadline_ns, ticket));
        let waiting = Waiting { deadline_ns, who: Waiter::Request(request, due) };
        self.queue.insert(due.lane, due.source, ticket, waiting);
    }

    /// Whoever has that ticket waits no more.
    fn leave(&mut self, ticket: u64) -> Option<Waiter<R, L>> {
        let waiting = match self.queue.remove(ticket) {
            Some(waiting) => waiting,
            None => {
                let (slot, waiting) = self.behind.remove(&ticket)?;
                self.slot(slot).has_behind = false;
                // The lease may have been given back meanwhile.
                self.rejoin(slot);
                waiting
            }
        };
        self.deadlines.remove(&(waiting.deadline_ns, ticket));
        Some(waiting.who)
    }

    fn grant_lease(&mut self, slot: SlotIndex) -> Lease {
        self.leases += 1;
        let generation = self.leases;
        self.slot(slot).lease = Some(generation);
        Lease { slot, generation }
    }

    fn leased(&mut self, lease: Lease) -> Result<&mut Slot, Refusal> {
        self.slots
            .get_mut(lease.slot as usize)
            .filter(|slot| slot.lease == Some(lease.generation))
            .ok_or(Refusal::StaleLease)
    }

    fn slot(&mut self, slot: SlotIndex) -> &mut Slot {
        &mut self.slots[slot as usize]
    }
}

#[cfg(test)]
mod tests;
