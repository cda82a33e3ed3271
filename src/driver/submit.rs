//! The engine's side: submit, wait in line, lease, cancel, execute.
//!
//! The path of one order: [`Pool::submit`] promises a completion, [`Pool::send_now`] takes the
//! hottest idle slot and [`Slot::start`](super::slot::Slot::start) sends on the caller's own
//! thread. Only when no slot is idle does anything else here matter.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::clock::now_ns;
use super::in_flight::{Ended, Outgoing, Promise, Recipient};
use super::slot::NotStarted;
use super::{NEVER, Pool};
use crate::completion::{Callback, Completion};
use crate::error::{Outcome, Status};
use crate::http::request::Request;
use crate::pool::roster::{Checkout, Grant, Lease, LeaseError, Roster, Waiting, Wanted};
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

/// Who stands in the waiting line.
pub enum Waiter {
    /// A request with `VP_QUEUE`; whoever frees a slot sends it.
    Request(Box<Queued>),
    /// A caller that sleeps in acquire.
    Lease(Arc<Parking>),
}

/// A request in the waiting line; its bytes are a copy, because the caller's are his again.
pub struct Queued {
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
        let Err(promise) = self.send_now(promise, outgoing) else {
            self.stats.submitted.add();
            return Ok(id);
        };
        let uses_queue = matches!(promise.recipient, Recipient::Queue);
        let result = match when_busy {
            WhenBusy::Refuse => Err(self.busy_or_closed()),
            WhenBusy::Queue => self.join_line(promise, outgoing),
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

    /// Reserves the hottest idle slot, or refuses at once.
    pub fn try_acquire(&self) -> Result<Lease, Status> {
        if self.suspension.is_on(now_ns()) {
            self.stats.refused.add();
            return Err(Status::ERR_SUSPENDED);
        }
        let lease = self.roster().lease();
        lease.ok_or_else(|| {
            self.stats.refused.add();
            self.busy_or_closed()
        })
    }

    /// Reserves a slot, sleeping in the waiting line until there is one, at most for `patience`.
    /// Not on the pool thread.
    pub fn acquire(&self, patience: Duration) -> Result<Lease, Status> {
        let deadline = Instant::now().checked_add(patience);
        if self.suspension.is_on(now_ns()) {
            return Err(Status::ERR_SUSPENDED);
        }
        if let Some(lease) = self.roster().lease() {
            return Ok(lease);
        }
        if self.is_delivering() {
            return Err(Status::ERR_WOULD_DEADLOCK);
        }
        let caller = self.caller.as_ref();
        let _driving = caller.map(|caller| self.begin_to_drive(caller)).transpose()?;
        let parking = Arc::new(Parking::default());
        let ticket = {
            let mut roster = self.roster();
            if roster.is_closed() {
                return Err(Status::ERR_CLOSED);
            }
            if self.suspension.is_on(now_ns()) {
                return Err(Status::ERR_SUSPENDED);
            }
            if let Some(lease) = roster.lease() {
                return Ok(lease);
            }
            let waiter = Waiter::Lease(Arc::clone(&parking));
            let ticket = self.next_id();
            // The sleeper watches its own deadline.
            let place = roster.wait(ticket, Wanted::Lease, NEVER, waiter);
            place.map_err(|_| Status::ERR_WAITING_FULL)?;
            ticket
        };
        let woken = match caller {
            None => parking.sleep(deadline),
            Some(caller) => {
                self.drive_until(caller, patience, || parking.is_woken())?;
                // Woken by now, or out of patience: this does not sleep.
                parking.sleep(Some(Instant::now()))
            }
        };
        woken.unwrap_or_else(|| {
            let withdrawn = self.roster().withdraw(ticket);
            match withdrawn {
                Some(_) => Err(Status::ERR_TIMEOUT),
                // The lease is on its way: whoever gives it is between two lines of code.
                None => parking.sleep(None).unwrap_or(Err(Status::ERR_INTERNAL)),
            }
        })
    }

    /// Gives a lease back.
    pub fn release(&self, lease: Lease) -> Result<(), Status> {
        let released = self.roster().release(lease);
        let grant = released.map_err(|_| Status::ERR_STALE_LEASE)?;
        self.carry_out(grant);
        Ok(())
    }

    /// Asks for the end of a request. Its completion still comes, exactly once: as cancelled, or as
    /// what it became in the meantime.
    pub fn cancel(&self, id: u64) -> Result<(), Status> {
        {
            // Told before the lock is gone: the end of the pool empties the line under it, and
            // comes afterwards.
            let mut roster = self.roster();
            if let Some(waiter) = roster.withdraw(id) {
                let why = (Outcome::Cancelled, Status::ERR_CLOSED);
                self.dismiss(waiter, why, |ended| self.leave(ended));
                return Ok(());
            }
            // On its way from the line to a slot: whoever starts it will know.
            if roster.recall(id) {
                return Ok(());
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
        if self.suspension.is_on(submit_ns) {
            self.stats.refused.add();
            return Err(Status::ERR_SUSPENDED);
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

    /// Starts the request on the hottest slot that takes it. A slot that turns out dead before a
    /// byte was sent costs nothing but a look at the next one. A request that cannot be answered in
    /// time is not sent: its completion says so.
    fn send_now(&self, mut promise: Promise, outgoing: Outgoing<'_>) -> Result<(), Promise> {
        let mut now = promise.submit_ns;
        loop {
            let slot = {
                let mut roster = self.roster();
                match roster.checkout(&promise.due(), now) {
                    Checkout::Slot(slot) => slot,
                    Checkout::NoneIdle => return Err(promise),
                    Checkout::TooLate => {
                        self.leave(promise.unsent(Outcome::Timeout));
                        return Ok(());
                    }
                }
            };
            let Err(not_started) = self.start(slot, promise, outgoing) else { return Ok(()) };
            let Some(again) = self.take_back(slot, not_started) else { return Ok(()) };
            promise = again;
            now = now_ns();
        }
    }

    /// Takes back a slot on which a request could not begin. Answers its promise if the request is
    /// still to be sent, or to be refused; a request that has come to its deadline is completed.
    fn take_back(&self, slot: u32, not_started: NotStarted) -> Option<Promise> {
        let NotStarted { promise, lost } = not_started;
        let mut roster = self.roster();
        if let Some(epoch) = lost {
            roster.went_down(slot, epoch);
        }
        // Of a leased slot a grant only if another thread has given the lease back meanwhile.
        let grant = roster.finished(slot);
        let again = if lost.is_some() || roster.is_closed() {
            Some(promise)
        } else {
            // Told before the lock is gone: the end of the pool comes afterwards.
            self.leave(promise.unsent(Outcome::Timeout));
            None
        };
        drop(roster);
        self.carry_out(grant);
        again
    }

    fn send_leased(
        &self,
        lease: Lease,
        promise: Promise,
        outgoing: Outgoing<'_>,
    ) -> Result<(), Status> {
        let slot = {
            let mut roster = self.roster();
            if roster.is_closed() {
                return Err(Status::ERR_CLOSED);
            }
            let slot = roster.begin(lease).map_err(|error| match error {
                LeaseError::Stale => Status::ERR_STALE_LEASE,
                LeaseError::Busy => Status::ERR_SLOT_BUSY,
                LeaseError::Down => Status::ERR_SLOT_DOWN,
            })?;
            if roster.is_too_late(&promise.due(), promise.submit_ns) {
                self.leave(promise.unsent(Outcome::Timeout));
                // Nobody else could have had the slot since `begin`, so nothing is granted.
                let grant = roster.finished(slot);
                debug_assert!(grant.is_none(), "the lease holds");
                return Ok(());
            }
            slot
        };
        let Err(not_started) = self.start(slot, promise, outgoing) else { return Ok(()) };
        match self.take_back(slot, not_started) {
            Some(_) => Err(Status::ERR_SLOT_DOWN),
            None => Ok(()),
        }
    }

    /// Copies the request into the waiting line, unless a slot came free meanwhile.
    fn join_line(&self, promise: Promise, outgoing: Outgoing<'_>) -> Result<(), Status> {
        let longest_ns = promise.submit_ns.saturating_add(self.policy.queue_timeout_ns);
        let (ticket, deadline_ns) = (promise.id, promise.deadline_ns.min(longest_ns));
        let due = promise.due();
        let Outgoing { bytes, is_head, closes } = outgoing;
        let mut queued = Queued { promise, bytes: bytes.to_vec(), is_head, closes };
        let mut roster = self.roster();
        loop {
            if roster.is_closed() {
                return Err(Status::ERR_CLOSED);
            }
            if self.suspension.is_on(now_ns()) {
                return Err(Status::ERR_SUSPENDED);
            }
            let slot = match roster.checkout(&due, now_ns()) {
                Checkout::Slot(slot) => slot,
                Checkout::NoneIdle => break,
                Checkout::TooLate => {
                    self.leave(queued.promise.unsent(Outcome::Timeout));
                    return Ok(());
                }
            };
            drop(roster);
            let Queued { promise, bytes, .. } = queued;
            let outgoing = Outgoing { bytes: &bytes, is_head, closes };
            let Err(not_started) = self.start(slot, promise, outgoing) else { return Ok(()) };
            let Some(promise) = self.take_back(slot, not_started) else { return Ok(()) };
            queued = Queued { promise, bytes, is_head, closes };
            roster = self.roster();
        }
        let waiter = Waiter::Request(Box::new(queued));
        let place = roster.wait(ticket, Wanted::Exchange(due), deadline_ns, waiter);
        place.map_err(|_| Status::ERR_WAITING_FULL)?;
        drop(roster);
        self.alarm.note(deadline_ns);
        Ok(())
    }

    /// Gives a granted slot to its waiter. Answers the next grant that came out of it.
    pub(super) fn give_slot(&self, grant: Grant<Waiter>) -> Option<Grant<Waiter>> {
        let Grant { slot, lease, waiter } = grant;
        let Waiting { ticket, wanted, deadline_ns, who } = waiter;
        let (queued, due) = match (who, lease, wanted) {
            (Waiter::Lease(parking), Some(lease), _) => {
                self.wake(&parking, Parked::Given(lease));
                return None;
            }
            (Waiter::Request(queued), None, Wanted::Exchange(due)) => (queued, due),
            (who, ..) => {
                debug_assert!(false, "the roster grants what was wanted");
                let why = (Outcome::Internal, Status::ERR_INTERNAL);
                self.dismiss(who, why, |ended| self.deliver(ended));
                return None;
            }
        };
        let too_late = (Outcome::Timeout, Status::ERR_TIMEOUT);
        let roster = self.roster();
        let now = now_ns();
        // Whoever ends the waiting may be late, but no order is sent that cannot be answered.
        if deadline_ns <= now || roster.is_too_late(&due, now) {
            return self.decline(roster, slot, ticket, Waiter::Request(queued), too_late);
        }
        drop(roster);
        let started = self.start_queued(slot, *queued);
        let mut roster = self.roster();
        let Err((queued, lost)) = started else {
            let recalled = roster.carried_out(ticket);
            drop(roster);
            let slot = &self.slots[slot as usize];
            if recalled && slot.cancel(ticket) {
                self.rouse(slot);
            }
            return None;
        };
        let who = Waiter::Request(Box::new(queued));
        let Some(epoch) = lost else { return self.decline(roster, slot, ticket, who, too_late) };
        roster.went_down(slot, epoch);
        // A pause that began meanwhile has emptied the line; looked at under the roster's lock.
        if self.suspension.is_on(now_ns()) {
            let why = (Outcome::Suspended, Status::ERR_SUSPENDED);
            return self.decline(roster, slot, ticket, who, why);
        }
        // Back to the head of the line first, so that what `finished` frees goes to it.
        let again = roster.wait_again(Waiting { ticket, wanted, deadline_ns, who });
        let freed = roster.finished(slot);
        if let Err(recalled) = again {
            let why = (Outcome::Cancelled, Status::ERR_CLOSED);
            self.dismiss(recalled, why, |ended| self.leave(ended));
            return freed;
        }
        drop(roster);
        // The alarm may have looked at the line while the request was not in it.
        self.alarm.note(deadline_ns);
        match (again.unwrap_or(None), freed) {
            (Some(again), Some(freed)) => {
                self.carry_out(Some(again));
                Some(freed)
            }
            (again, freed) => again.or(freed),
        }
    }

    /// Ends the waiting of a request that was granted a slot and is not sent on it. Answers the
    /// next grant that came out of it.
    fn decline(
        &self,
        mut roster: MutexGuard<'_, Roster<Waiter>>,
        slot: u32,
        ticket: u64,
        who: Waiter,
        why: (Outcome, Status),
    ) -> Option<Grant<Waiter>> {
        let recalled = roster.carried_out(ticket);
        let freed = roster.finished(slot);
        let why = if recalled { (Outcome::Cancelled, Status::ERR_CLOSED) } else { why };
        // Told before the lock is gone, as in `cancel`: the end of the pool comes afterwards.
        self.dismiss(who, why, |ended| self.leave(ended));
        freed
    }

    /// Ends the waiting without a slot: a request with that outcome, a caller with that status.
    pub(super) fn dismiss(&self, who: Waiter, why: (Outcome, Status), deliver: impl FnOnce(Ended)) {
        match who {
            Waiter::Request(queued) => deliver(queued.promise.unsent(why.0)),
            Waiter::Lease(parking) => self.wake(&parking, Parked::Dismissed(why.1)),
        }
    }

    /// Wakes a caller in acquire. In caller drive it sleeps where the driver sleeps.
    fn wake(&self, parking: &Parking, with: Parked) {
        parking.wake(with);
        if self.caller.is_some() {
            self.completions.raise();
        }
    }

    /// Starts a request from the waiting line. Gives it back when it could not begin, with the
    /// epoch of the connection if that is gone.
    fn start_queued(&self, slot: u32, queued: Queued) -> Result<(), (Queued, Option<u32>)> {
        let Queued { promise, bytes, is_head, closes } = queued;
        let outgoing = Outgoing { bytes: &bytes, is_head, closes };
        let started = self.start(slot, promise, outgoing);
        started.map_err(|NotStarted { promise, lost }| {
            (Queued { promise, bytes, is_head, closes }, lost)
        })
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

    fn busy_or_closed(&self) -> Status {
        if self.roster().is_closed() { Status::ERR_CLOSED } else { Status::ERR_NO_SLOT }
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
