//! What the dispatcher is asked and what it answers: leases, requests that wait, actions, refusals.
//!
//! Types and their conversions; the rules are in [`super`].

use crate::error::{Outcome, Status};
use crate::lane::Lane;
use crate::pool::exchange_time::Due;

/// The number of a slot in the pool, from 0.
pub type SlotIndex = u32;

/// A slot reserved for one caller. A value, not an object: a stale one is recognised by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The reserved slot.
    pub slot: SlotIndex,
    /// Never used twice in one pool, never 0.
    pub generation: u64,
}

/// Who waits, and for what.
#[derive(Debug, PartialEq, Eq)]
pub enum Waiter<R, L> {
    /// A request, for a slot to be sent on.
    Request(R, Due),
    /// A caller, for a slot of its own.
    Caller(L),
}

/// A request in the queue, or on its way from there to a slot.
#[derive(Debug, PartialEq, Eq)]
pub struct Queued<R> {
    /// Its number, never used twice in one pool. A smaller one is served first.
    pub ticket: u64,
    /// When the waiting ends without success.
    pub deadline_ns: u64,
    /// When it was submitted, and when its answer must be there.
    pub due: Due,
    /// The request.
    pub request: R,
}

/// On which slot a request may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want<'a> {
    /// On any idle slot, and only at once.
    Idle,
    /// On any idle slot; it waits in the queue until there is one.
    IdleOrQueue,
    /// On the slot of that lease; it waits for the end of a heartbeat there.
    Leased(Lease),
    /// On any idle slot but these, and only at once: it is a copy of what was sent on them.
    Apart(&'a [SlotIndex]),
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To that slot.
    Send(SlotIndex),
    /// To those who wait: [`wait`](super::Dispatcher::wait).
    Wait,
    /// To its end, without a slot.
    End(End),
    /// Nowhere: it is not accepted.
    Refuse(Refusal),
}

/// What becomes of a caller that wants a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseRoute {
    /// It has one.
    Given(Lease),
    /// It may wait in the queue: [`enqueue_caller`](super::Dispatcher::enqueue_caller).
    Wait,
    /// It is refused.
    Refuse(Refusal),
}

impl LeaseRoute {
    /// What follows from what [`lease`](super::Dispatcher::lease) has answered.
    pub fn of(answer: Result<Lease, Refusal>) -> Self {
        match answer {
            Ok(lease) => Self::Given(lease),
            Err(Refusal::NoSlot) => Self::Wait,
            Err(refusal) => Self::Refuse(refusal),
        }
    }
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub enum Action<R, L> {
    /// Send this request on that slot. Then say [`sent`](super::Dispatcher::sent) or
    /// [`not_sent`](super::Dispatcher::not_sent).
    Send(SlotIndex, Queued<R>),
    /// Give the lease to the caller that waits for one.
    Lease(Lease, L),
    /// Tell whoever waits that it ends without a slot.
    End(Waiter<R, L>, End),
}

/// Why the waiting ends without a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its deadline has passed, or no answer can be there by then.
    TooLate,
    /// Its engine does not want it any more.
    Cancelled,
    /// The pool is suspended.
    Suspended,
    /// The pool is drained, and its lane is not open any more.
    Draining,
    /// The pool has been shut down.
    Closed,
    /// It waited for its leased slot, and the slot has lost its connection.
    SlotDown,
}

/// Why a slot cannot be had at once, or not be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No slot is free.
    NoSlot,
    /// A slot is free, but the request cannot be answered in time.
    TooLate,
    /// The queue is full.
    QueueFull,
    /// The pool is suspended.
    Suspended,
    /// The pool is drained, and does not accept requests of that lane any more.
    Draining,
    /// The pool has been shut down.
    Closed,
    /// The lease was given back, or never given.
    StaleLease,
    /// An exchange is in flight on the leased slot.
    SlotBusy,
    /// A heartbeat is in flight on the leased slot: the request can wait for its end.
    Heartbeat,
    /// The leased slot has no live connection.
    SlotDown,
    /// The leased slot has another source than the request.
    OtherSource,
}

/// What came of a cancel.
#[derive(Debug, PartialEq, Eq)]
pub enum Cancel<R, L> {
    /// It waited, and does no more: it is to be told.
    Left(Waiter<R, L>),
    /// It is on its way to a slot. Whoever sends it will be told.
    Marked,
    /// There is no such request here.
    Unknown,
}

/// What follows a cancel.
#[derive(Debug, PartialEq, Eq)]
pub enum AfterCancel<R, L> {
    /// It ends as cancelled now.
    Ends(Waiter<R, L>),
    /// Somebody else ends it, and knows.
    IsKnown,
    /// It is to be looked for on the slots.
    MayBeOnSlot,
}

impl<R, L> Cancel<R, L> {
    /// Whether a caller whose patience is over ends without a lease. If not, it is given its lease
    /// or its end just now, and waits for that.
    pub fn is_without_lease(&self) -> bool {
        matches!(self, Self::Left(_))
    }

    /// What follows. `has_copies`: it is an order of several copies, and those that are on slots
    /// were cancelled there.
    pub fn follows(self, has_copies: bool) -> AfterCancel<R, L> {
        match self {
            Self::Left(who) => AfterCancel::Ends(who),
            Self::Marked => AfterCancel::IsKnown,
            Self::Unknown if has_copies => AfterCancel::IsKnown,
            Self::Unknown => AfterCancel::MayBeOnSlot,
        }
    }
}

/// How many slots are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// With a live connection.
    pub live: u32,
    /// Live, and free to be checked out.
    pub idle: u32,
    /// With an exchange.
    pub in_use: u32,
    /// Of these, with a heartbeat.
    pub beating: u32,
    /// Reserved by a lease.
    pub leased: u32,
    /// Requests and callers in the queue.
    pub waiting: u32,
    /// Requests that wait for the end of a heartbeat on their leased slot.
    pub behind: u32,
}

impl Counts {
    /// Requests that were accepted and have not ended, and callers that wait for a lease.
    pub fn outstanding(&self) -> u32 {
        self.in_use - self.beating + self.waiting + self.behind
    }
}

impl<R, L> Waiter<R, L> {
    /// The lane in which it waits.
    pub fn lane(&self) -> Lane {
        match self {
            Self::Request(_, due) => due.lane,
            Self::Caller(_) => Lane::Orders,
        }
    }
}

impl<R> Queued<R> {
    /// A request that is to wait, until its deadline or for so long.
    pub fn new(ticket: u64, due: Due, queue_timeout_ns: u64, request: R) -> Self {
        let longest_ns = due.submit_ns.saturating_add(queue_timeout_ns);
        Self { ticket, deadline_ns: due.deadline_ns.min(longest_ns), due, request }
    }
}

impl End {
    /// How a request ends by it.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::TooLate => Outcome::Timeout,
            Self::Cancelled => Outcome::Cancelled,
            Self::Suspended => Outcome::Suspended,
            Self::Draining => Outcome::Draining,
            Self::Closed => Outcome::Shutdown,
            Self::SlotDown => Outcome::ConnectionClosed,
        }
    }

    /// What a caller that waits for a lease is told.
    pub fn status(self) -> Status {
        match self {
            Self::TooLate => Status::ERR_TIMEOUT,
            Self::Suspended => Status::ERR_SUSPENDED,
            Self::Draining => Status::ERR_DRAINING,
            Self::SlotDown => Status::ERR_SLOT_DOWN,
            Self::Cancelled | Self::Closed => Status::ERR_CLOSED,
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoSlot => Self::ERR_NO_SLOT,
            Refusal::TooLate => Self::ERR_TIMEOUT,
            Refusal::QueueFull => Self::ERR_WAITING_FULL,
            Refusal::Suspended => Self::ERR_SUSPENDED,
            Refusal::Draining => Self::ERR_DRAINING,
            Refusal::Closed => Self::ERR_CLOSED,
            Refusal::StaleLease => Self::ERR_STALE_LEASE,
            Refusal::SlotBusy | Refusal::Heartbeat => Self::ERR_SLOT_BUSY,
            Refusal::SlotDown => Self::ERR_SLOT_DOWN,
            Refusal::OtherSource => Self::ERR_ADDRESS,
        }
    }
}
