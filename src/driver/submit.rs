//! The engine's side: submit, wait in line, lease, cancel, execute.
//!
//! The path of one order: [`Pool::submit`] promises a completion, [`Pool::send_now`] takes the
//! hottest idle slot and [`Slot::start`](super::slot::Slot::start) sends on the caller's own
//! thread. Only when no slot is idle does anything else here matter.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::clock::now_ns;
use super::in_flight::{Outgoing, Promise, Recipient};
use super::slot::NotStarted;
use super::{Dispatching, NEVER, Pool};
use crate::completion::{Callback, Completion};
use crate::error::{Outcome, Status};
use crate::http::request::Request;
use crate::pool::dispatch::{Cancel, End, Lease, Queued, Refusal, SlotIndex, Waiter};
use crate::sync::atomic::Ordering;
use crate::sync::{Condvar, Mutex, MutexGuard};

/// What to do when no slot is idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenBusy {
    /// Refuse at once.
    Refuse,
    /// Wait in line, until the request's deadline.
    Queue,
}

/// A request in the queue; its bytes are a copy, because the caller's are his again.
pub struct Copied {
    promise: Promise,
    bytes: Vec<u8>,
    is_head: bool,
    closes: bool,
}

/// Where a caller sleeps until it is given a lease.
#[derive(Default)]
pub struct Parking {
    place: Mutex<Parked>,
    bell: Condvar,
}

#[derive(Default, Clone, Copy)]
enum Parked {
    #[default]
    Waiting,
    Given(Lease),
    Dismissed(Status),
}

impl Pool {
    /// Sends a request on the hottest idle slot, or does what `when_busy` says. `Ok` is a promise
    /// of exactly one completion; after `Err` there is none, and nothing was sent.
    pub fn submit(
        &self,
        request: &mut Request,
        callback: Option<Callback>,
        when_busy: WhenBusy,
    ) -> Result<u64, Status> {
        let (promise, outgoing) = self.promise(request, callback)?;
        let id = promise.id;
        let uses_queue = matches!(promise.recipient, Recipient::Queue);
        let result = match self.send_now(promise, outgoing) {
            Err((Refusal::NoSlot, promise)) if when_busy == WhenBusy::Queue => {
                self.enqueue(promise, outgoing)
            }
            result => result.map_err(|(refusal, _)| refusal.into()),
        };
        self.accepted(result.map(|()| id), uses_queue)
    }

    /// Sends a request on a leased slot.
    pub fn submit_on(
        &self,
        lease: Lease,
        request: &mut Request,
        callback: Option<Callback>,
    ) -> Result<u64, Status> {
        let (promise, outgoing) = self.promise(request, callback)?;
        let id = promise.id;
        let uses_queue = matches!(promise.recipient, Recipient::Queue);
        let result = self.send_leased(lease, promise, outgoing);
        self.accepted(result.map(|()| id), uses_queue)
    }

    /// Submits and sleeps until the completion is there. Not on the pool thread.
    pub fn execute(
        &self,
        request: &mut Request,
        when_busy: WhenBusy,
    ) -> Result<Completion, Status> {
        if self.is_delivering() {
            return Err(Status::ERR_WOULD_DEADLOCK);
        }
        // In caller drive the waiting thread drives, so it must be free to do so.
        let caller = self.caller.as_ref();
        let driving = caller.map(|caller| self.begin_to_drive(caller)).transpose()?;
        let answer = Arc::new((Mutex::new(None), Condvar::new()));
        let mine = Arc::clone(&answer);
        let callback: Callback = Arc::new(move |completion| {
            *mine.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(completion);
            mine.1.notify_one();
        });
        self.submit(request, Some(callback), when_busy)?;
        let (place, bell) = &*answer;
        if let Some(caller) = caller {
            let answered = || place.lock().unwrap_or_else(PoisonError::into_inner).is_some();
            self.drive_until(caller, Duration::MAX, answered)?;
            drop(driving);
        }
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            // Each accepted request has a deadline, so this ends.
            if let Some(completion) = place.take() {
                return Ok(completion);
            }
            place = bell.wait(place).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Reserves the slot that was used last, or refuses at once.
    pub fn try_acquire(&self) -> Result<Lease, Status> {
        let lease = self.dispatcher().lease(now_ns());
        lease.map_err(|refusal| {
            self.stats.refused.add();
            refusal.into()
        })
    }

    /// Reserves a slot, sleeping in the queue until there is one, at most for `patience`. Not on
    /// the pool thread.
    pub fn acquire(&self, patience: Duration) -> Result<Lease, Status> {
        let deadline = Instant::now().checked_add(patience);
        match self.dispatcher().lease(now_ns()) {
            Err(Refusal::NoSlot) => {}
            lease => return lease.map_err(Status::from),
        }
        if self.is_delivering() {
            return Err(Status::ERR_WOULD_DEADLOCK);
        }
        let caller = self.caller.as_ref();
        let _driving = caller.map(|caller| self.begin_to_drive(caller)).transpose()?;
        let parking = Arc::new(Parking::default());
        let ticket = self.next_id();
        {
            let mut dispatcher = self.dispatcher();
            dispatcher.enqueue_caller(ticket, Arc::clone(&parking), now_ns())?;
            self.dispatch(dispatcher);
        }
        let woken = match caller {
            None => parking.sleep(deadline),
            Some(caller) => {
                self.drive_until(caller, patience, || parking.is_woken())?;
                // Woken by now, or out of patience: this does not sleep.
                parking.sleep(Some(Instant::now()))
            }
        };
        woken.unwrap_or_else(|| {
            let left = self.dispatcher().cancel(ticket);
            match left {
                Cancel::Left(_) => Err(Status::ERR_TIMEOUT),
                // The lease is on its way: whoever gives it is between two lines of code.
                _ => parking.sleep(None).unwrap_or(Err(Status::ERR_INTERNAL)),
            }
        })
    }

    /// Gives a lease back.
    pub fn release(&self, lease: Lease) -> Result<(), Status> {
        let mut dispatcher = self.dispatcher();
        dispatcher.release(lease)?;
        self.dispatch(dispatcher);
        Ok(())
    }

    /// Asks for the end of a request. Its completion still comes, exactly once: as cancelled, or as
    /// what it became in the meantime.
    pub fn cancel(&self, id: u64) -> Result<(), Status> {
        {
            let mut dispatcher = self.dispatcher();
            match dispatcher.cancel(id) {
                Cancel::Left(who) => {
                    self.end_waiting(&dispatcher, who, End::Cancelled);
                    return Ok(());
                }
                Cancel::Marked => return Ok(()),
                Cancel::Unknown => {}
            }
        }
        let slot = self.slots.iter().find(|slot| slot.cancel(id));
        self.rouse(slot.ok_or(Status::ERR_UNKNOWN_ID)?);
        Ok(())
    }

    /// Owes a completion for a request, and finishes its bytes. The place for the completion is
    /// reserved; [`Pool::accepted`] gives it back when the request is refused after all.
    fn promise<'a>(
        &self,
        request: &'a mut Request,
        callback: Option<Callback>,
    ) -> Result<(Promise, Outgoing<'a>), Status> {
        let submit_ns = now_ns();
        if !Arc::ptr_eq(request.origin(), &self.origin) {
            return Err(Status::ERR_WRONG_POOL);
        }
        let timeout_ns = match request.timeout_ns() {
            0 => self.policy.request_timeout_ns,
            ns => ns,
        };
        let user_data = request.user_data();
        let (is_head, closes) = (request.is_head(), request.closes());
        let bytes = request.finish()?;
        if callback.is_none() && !self.completions.reserve() {
            self.stats.refused.add();
            return Err(Status::ERR_COMPLETIONS_FULL);
        }
        let id = self.next_id();
        let deadline_ns = submit_ns.saturating_add(timeout_ns).min(NEVER - 1);
        let recipient = callback.map_or(Recipient::Queue, Recipient::Callback);
        let promise = Promise { id, user_data, recipient, submit_ns, deadline_ns };
        Ok((promise, Outgoing { bytes, is_head, closes }))
    }

    /// Counts what became of a submit, and takes back the reserved place if it was refused.
    fn accepted(&self, result: Result<u64, Status>, uses_queue: bool) -> Result<u64, Status> {
        match result {
            Ok(_) => self.stats.submitted.add(),
            Err(_) => {
                self.stats.refused.add();
                if uses_queue {
                    self.completions.unreserve();
                }
            }
        }
        result
    }

    /// Starts the request on the slot that was used last, or on the next one if that turns out
    /// dead before a byte was sent. A request that cannot be answered in time is not sent: its
    /// completion says so.
    fn send_now(
        &self,
        mut promise: Promise,
        outgoing: Outgoing<'_>,
    ) -> Result<(), (Refusal, Promise)> {
        let mut now = promise.submit_ns;
        loop {
            let slot = {
                let mut dispatcher = self.dispatcher();
                match dispatcher.checkout(&promise.due(), now) {
                    Ok(slot) => slot,
                    Err(Refusal::TooLate) => {
                        self.leave(&dispatcher, promise.unsent(Outcome::Timeout));
                        return Ok(());
                    }
                    Err(refusal) => return Err((refusal, promise)),
                }
            };
            let Err(not_started) = self.start(slot, promise, outgoing) else { return Ok(()) };
            promise = not_started.promise;
            let mut dispatcher = self.dispatcher();
            dispatcher.gave_up(slot, not_started.lost);
            self.dispatch(dispatcher);
            now = now_ns();
        }
    }

    fn send_leased(
        &self,
        lease: Lease,
        promise: Promise,
        outgoing: Outgoing<'_>,
    ) -> Result<(), Status> {
        let slot = {
            let mut dispatcher = self.dispatcher();
            match dispatcher.begin(lease, &promise.due(), promise.submit_ns) {
                Err(Refusal::TooLate) => {
                    self.leave(&dispatcher, promise.unsent(Outcome::Timeout));
                    return Ok(());
                }
                Err(Refusal::Heartbeat) => {
                    drop(dispatcher);
                    let queued = self.queued(promise, outgoing);
                    let deadline_ns = queued.deadline_ns;
                    let mut dispatcher = self.dispatcher();
                    dispatcher.enqueue_behind(lease, queued, now_ns())?;
                    self.dispatch(dispatcher);
                    self.alarm.note(deadline_ns);
                    return Ok(());
                }
                begun => begun?,
            }
        };
        let Err(not_started) = self.start(slot, promise, outgoing) else { return Ok(()) };
        let NotStarted { promise, lost } = not_started;
        let mut dispatcher = self.dispatcher();
        // Another thread may have given the lease back meanwhile, so this may free the slot.
        dispatcher.gave_up(slot, lost);
        let result = match lost {
            None if !dispatcher.is_closed() => {
                self.leave(&dispatcher, promise.unsent(Outcome::Timeout));
                Ok(())
            }
            _ => Err(Status::ERR_SLOT_DOWN),
        };
        self.dispatch(dispatcher);
        result
    }

    /// Copies the request into the queue.
    fn enqueue(&self, promise: Promise, outgoing: Outgoing<'_>) -> Result<(), Status> {
        let queued = self.queued(promise, outgoing);
        let deadline_ns = queued.deadline_ns;
        let mut dispatcher = self.dispatcher();
        dispatcher.enqueue(queued, now_ns())?;
        self.dispatch(dispatcher);
        self.alarm.note(deadline_ns);
        Ok(())
    }

    /// A copy of the request that can wait.
    fn queued(&self, promise: Promise, outgoing: Outgoing<'_>) -> Queued<Box<Copied>> {
        let longest_ns = promise.submit_ns.saturating_add(self.policy.queue_timeout_ns);
        let (ticket, due) = (promise.id, promise.due());
        let deadline_ns = promise.deadline_ns.min(longest_ns);
        let Outgoing { bytes, is_head, closes } = outgoing;
        let request = Box::new(Copied { promise, bytes: bytes.to_vec(), is_head, closes });
        Queued { ticket, deadline_ns, due, request }
    }

    /// Sends a request from the queue on its slot, and says what came of it.
    pub(super) fn send_queued(
        &self,
        slot: SlotIndex,
        queued: Queued<Box<Copied>>,
    ) -> Dispatching<'_> {
        let Queued { ticket, deadline_ns, due, request } = queued;
        let Copied { promise, bytes, is_head, closes } = *request;
        let outgoing = Outgoing { bytes: &bytes, is_head, closes };
        let Err(NotStarted { promise, lost }) = self.start(slot, promise, outgoing) else {
            let mut dispatcher = self.dispatcher();
            if dispatcher.sent(ticket) {
                drop(dispatcher);
                let slot = &self.slots[slot as usize];
                if slot.cancel(ticket) {
                    self.rouse(slot);
                }
                dispatcher = self.dispatcher();
            }
            return dispatcher;
        };
        let request = Box::new(Copied { promise, bytes, is_head, closes });
        let queued = Queued { ticket, deadline_ns, due, request };
        let mut dispatcher = self.dispatcher();
        match dispatcher.not_sent(slot, lost, queued) {
            Some((who, end)) => self.end_waiting(&dispatcher, who, end),
            // The alarm may have looked at the queue while the request was not in it.
            None => self.alarm.note(deadline_ns),
        }
        dispatcher
    }

    /// Ends the waiting without a slot.
    pub(super) fn end_waiting(
        &self,
        held: &Dispatching<'_>,
        who: Waiter<Box<Copied>, Arc<Parking>>,
        end: End,
    ) {
        match who {
            Waiter::Request(copied, _) => self.leave(held, copied.promise.unsent(end.outcome())),
            Waiter::Caller(parking) => self.wake(&parking, Parked::Dismissed(end.status())),
        }
    }

    /// Gives a lease to a caller that sleeps in acquire.
    pub(super) fn give_lease(&self, parking: &Parking, lease: Lease) {
        self.wake(parking, Parked::Given(lease));
    }

    /// Wakes a caller in acquire. In caller drive it sleeps where the driver sleeps.
    fn wake(&self, parking: &Parking, with: Parked) {
        parking.wake(with);
        if self.caller.is_some() {
            self.completions.raise();
        }
    }

    /// Starts a request on a slot, and tells the alarm and the driver what they must know of it.
    fn start(&self, slot: u32, promise: Promise, outgoing: Outgoing<'_>) -> Result<(), NotStarted> {
        let deadline_ns = promise.deadline_ns;
        let slot = &self.slots[slot as usize];
        self.flights.add(slot.index);
        let started = slot.start(promise, outgoing, &self.policy).inspect_err(|_| {
            self.flights.remove(slot.index);
        })?;
        if started.needs_turn {
            self.rouse(slot);
        }
        // Its own deadline, if it has ended already.
        self.alarm.note(deadline_ns.min(slot.deadline_ns()));
        Ok(())
    }

    /// A number that this pool has not given out yet.
    fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }
}

impl End {
    /// How a request ends by it.
    fn outcome(self) -> Outcome {
        match self {
            Self::TooLate => Outcome::Timeout,
            Self::Cancelled => Outcome::Cancelled,
            Self::Suspended => Outcome::Suspended,
            Self::Closed => Outcome::Shutdown,
            Self::SlotDown => Outcome::ConnectionClosed,
        }
    }

    /// What a caller in acquire is told.
    fn status(self) -> Status {
        match self {
            Self::TooLate => Status::ERR_TIMEOUT,
            Self::Suspended => Status::ERR_SUSPENDED,
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
            Refusal::Closed => Self::ERR_CLOSED,
            Refusal::StaleLease => Self::ERR_STALE_LEASE,
            Refusal::SlotBusy | Refusal::Heartbeat => Self::ERR_SLOT_BUSY,
            Refusal::SlotDown => Self::ERR_SLOT_DOWN,
        }
    }
}

impl Parking {
    fn wake(&self, with: Parked) {
        *self.lock() = with;
        self.bell.notify_one();
    }

    fn is_woken(&self) -> bool {
        !matches!(*self.lock(), Parked::Waiting)
    }

    /// Sleeps until woken; `None` when the deadline passed first.
    fn sleep(&self, deadline: Option<Instant>) -> Option<Result<Lease, Status>> {
        let mut place = self.lock();
        loop {
            match *place {
                Parked::Given(lease) => return Some(Ok(lease)),
                Parked::Dismissed(why) => return Some(Err(why)),
                Parked::Waiting => {}
            }
            let Some(deadline) = deadline else {
                place = self.bell.wait(place).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let woken = self.bell.wait_timeout(place, left);
            place = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Parked> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
