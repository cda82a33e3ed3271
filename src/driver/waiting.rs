//! Callers that sleep: in execute until the answer is there, in acquire until a slot is free.
//!
//! In thread drive the pool thread wakes them. In caller drive somebody must drive meanwhile: if
//! the engine polls or waits on another thread, that one does. Otherwise a sleeper drives
//! ([`Pool::sleep_or_drive`]).

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::submit::WhenBusy;
use super::{Dispatching, Pool};
use crate::clock::NEVER;
use crate::clock::now_ns;
use crate::completion::{Callback, Completion};
use crate::error::Status;
use crate::http::request::Request;
use crate::lane::Lane;
use crate::pool::admission;
use crate::pool::dispatch::{End, Lease, LeaseRoute};
use crate::slot::in_flight::{Acquirer, Pending, Recipient};
use crate::slot::sleeper::{Answer, Parking, Sleeper};
use crate::source::Source;

thread_local! {
    /// Used again by the next execute on this thread, so that it allocates nothing.
    static ANSWER: Cell<Option<Arc<Answer>>> = const { Cell::new(None) };
}

impl Pool {
    /// Submits and sleeps until the completion is there. Not on the pool thread.
    pub fn execute(
        &self,
        request: &mut Request,
        when_busy: WhenBusy,
    ) -> Result<Completion, Status> {
        if self.is_delivering() {
            return Err(Status::ERR_WOULD_DEADLOCK);
        }
        // A thread that ends may have none any more.
        let answer = ANSWER.try_with(Cell::take).ok().flatten().unwrap_or_default();
        self.submit_to(request, Recipient::Sleeper(Arc::clone(&answer)), when_busy)?;
        // Each accepted request has a deadline, so this ends.
        let completion = loop {
            if let Some(completion) = self.sleep(&answer, None) {
                break completion;
            }
        };
        // Whoever gave the completion may still be about to let go of his count.
        let _ = ANSWER.try_with(|kept| kept.set(Some(answer)));
        Ok(completion)
    }

    /// Reserves the slot that was used last, or refuses at once.
    pub fn try_acquire(&self) -> Result<Lease, Status> {
        self.try_acquire_from(Source::ANY)
    }

    /// As [`Pool::try_acquire`], but a slot of that source.
    pub fn try_acquire_from(&self, source: Source) -> Result<Lease, Status> {
        let source = self.known(source)?;
        let lease = self.dispatcher().lease(source, now_ns());
        self.refused(lease.map_err(Status::from))
    }

    /// Reserves a slot, sleeping in the queue until there is one, at most for `patience`. Not on
    /// the pool thread.
    pub fn acquire(&self, patience: Duration) -> Result<Lease, Status> {
        self.acquire_from(Source::ANY, patience)
    }

    /// As [`Pool::acquire`], but a slot of that source.
    pub fn acquire_from(&self, source: Source, patience: Duration) -> Result<Lease, Status> {
        let source = self.known(source)?;
        let deadline = Instant::now().checked_add(patience);
        let lease = self.dispatcher().lease(source, now_ns());
        match LeaseRoute::of(lease) {
            LeaseRoute::Given(lease) => Ok(lease),
            LeaseRoute::Wait if self.is_delivering() => Err(Status::ERR_WOULD_DEADLOCK),
            LeaseRoute::Wait => self.refused(self.await_lease(source, deadline)),
            LeaseRoute::Refuse(refusal) => self.refused(Err(refusal.into())),
        }
    }

    fn await_lease(&self, source: Source, deadline: Option<Instant>) -> Result<Lease, Status> {
        let parking = Arc::new(Parking::default());
        let ticket = self.delivery.next_id();
        {
            let mut dispatcher = self.dispatcher();
            let who = Acquirer::Sleeps(Arc::clone(&parking));
            dispatcher.enqueue_caller(ticket, source, NEVER, who, now_ns())?;
            self.dispatch(dispatcher);
        }
        self.sleep(&parking, deadline).unwrap_or_else(|| {
            let cancel = self.dispatcher().cancel(ticket);
            match cancel.is_without_lease() {
                true => Err(End::TooLate.status()),
                // Whoever gives the lease is between two lines of code.
                false => parking.sleep(None).unwrap_or(Err(Status::ERR_INTERNAL)),
            }
        })
    }

    /// As [`Pool::acquire_from`], but does not sleep: the lease comes as a completion. Any thread.
    pub fn acquire_async(
        &self,
        source: Source,
        timeout_ns: u64,
        user_data: u64,
        callback: Option<Callback>,
    ) -> Result<u64, Status> {
        let source = self.known(source)?;
        let recipient = Recipient::of(callback);
        let uses_completion_queue = matches!(recipient, Recipient::Queue);
        if uses_completion_queue && !self.delivery.completions.reserve() {
            self.delivery.stats.refused(Status::ERR_COMPLETIONS_FULL);
            return Err(Status::ERR_COMPLETIONS_FULL);
        }
        let (id, submit_ns) = (self.delivery.next_id(), now_ns());
        let lane = Lane::Orders;
        let deadline_ns = admission::deadline_after_ns(submit_ns, timeout_ns);
        let pending = Pending { id, user_data, recipient, submit_ns, deadline_ns, lane, source };
        let result = self.lease_or_wait(pending);
        self.accepted(result.map(|()| id), lane, uses_completion_queue)
    }

    fn lease_or_wait(&self, pending: Pending) -> Result<(), Status> {
        let Pending { id: ticket, deadline_ns, submit_ns: now, source, .. } = pending;
        let mut dispatcher = self.dispatcher();
        match LeaseRoute::of(dispatcher.lease(source, now)) {
            LeaseRoute::Given(lease) => self.deliver_locked(&dispatcher, pending.leased(lease)),
            LeaseRoute::Wait => {
                let who = Acquirer::Completes(Box::new(pending));
                dispatcher.enqueue_caller(ticket, source, deadline_ns, who, now)?;
                self.dispatch(dispatcher);
                self.watches.deadlines.note(deadline_ns);
            }
            LeaseRoute::Refuse(refusal) => return Err(refusal.into()),
        }
        Ok(())
    }

    /// Gives a lease to whoever has waited for one.
    pub(super) fn give_lease(&self, held: &Dispatching<'_>, who: Acquirer, lease: Lease) {
        match who {
            Acquirer::Sleeps(parking) => self.wake(&parking, Ok(lease)),
            Acquirer::Completes(pending) => self.deliver_locked(held, pending.leased(lease)),
        }
    }

    /// Ends the wait for a lease without one.
    pub(super) fn end_acquire(&self, held: &Dispatching<'_>, who: Acquirer, end: End) {
        match who {
            Acquirer::Sleeps(parking) => self.wake(&parking, Err(end.status())),
            Acquirer::Completes(pending) => {
                self.deliver_locked(held, pending.unsent(end.outcome()));
            }
        }
    }

    /// Counts a lease that was not given.
    fn refused(&self, lease: Result<Lease, Status>) -> Result<Lease, Status> {
        lease.inspect_err(|status| self.delivery.stats.refused(*status))
    }

    /// Sleeps until woken; `None` when the deadline passed first.
    fn sleep<T>(&self, sleeper: &Sleeper<T>, deadline: Option<Instant>) -> Option<T> {
        if let Some(caller) = &self.delivery.caller {
            self.sleep_or_drive(caller, deadline, || sleeper.is_woken());
            return sleeper.take();
        }
        sleeper.sleep(deadline)
    }

    /// Gives a sleeper what it sleeps for. In caller drive it may sleep where the driver sleeps.
    pub(super) fn wake<T>(&self, sleeper: &Sleeper<T>, with: T) {
        sleeper.wake(with);
        if let Some(caller) = &self.delivery.caller {
            self.wake_sleepers(caller);
        }
    }
}
