//! Callers that sleep: in execute until the answer is there, in acquire until a slot is free.
//!
//! In thread drive the pool thread wakes them. In caller drive somebody must drive meanwhile: if
//! the engine polls or waits on another thread, that one does. Otherwise a sleeper drives
//! ([`Pool::sleep_or_drive`]).

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Pool;
use super::clock::now_ns;
use super::in_flight::Recipient;
use super::sleeper::{Answer, Parking, Sleeper};
use super::submit::WhenBusy;
use crate::completion::Completion;
use crate::error::Status;
use crate::http::request::Request;
use crate::pool::dispatch::{Cancel, Lease, Refusal};

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
        let lease = self.dispatcher().lease(now_ns());
        self.refused(lease.map_err(Status::from))
    }

    /// Reserves a slot, sleeping in the queue until there is one, at most for `patience`. Not on
    /// the pool thread.
    pub fn acquire(&self, patience: Duration) -> Result<Lease, Status> {
        let deadline = Instant::now().checked_add(patience);
        let lease = self.dispatcher().lease(now_ns());
        match lease {
            Err(Refusal::NoSlot) if self.is_delivering() => Err(Status::ERR_WOULD_DEADLOCK),
            Err(Refusal::NoSlot) => self.refused(self.await_lease(deadline)),
            lease => self.refused(lease.map_err(Status::from)),
        }
    }

    fn await_lease(&self, deadline: Option<Instant>) -> Result<Lease, Status> {
        let parking = Arc::new(Parking::default());
        let ticket = self.delivery.next_id();
        {
            let mut dispatcher = self.dispatcher();
            dispatcher.enqueue_caller(ticket, Arc::clone(&parking), now_ns())?;
            self.dispatch(dispatcher);
        }
        self.sleep(&parking, deadline).unwrap_or_else(|| {
            let left = self.dispatcher().cancel(ticket);
            match left {
                Cancel::Left(_) => Err(Status::ERR_TIMEOUT),
                // The lease is on its way: whoever gives it is between two lines of code.
                _ => parking.sleep(None).unwrap_or(Err(Status::ERR_INTERNAL)),
            }
        })
    }

    /// Counts a lease that was not given.
    fn refused(&self, lease: Result<Lease, Status>) -> Result<Lease, Status> {
        lease.inspect_err(|_| self.delivery.stats.refused.add())
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
