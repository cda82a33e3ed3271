//! Deadlines: one timer for all slots and for the queue. It also wakes the pool thread for
//! callbacks that were handed over to it.
//!
//! The pool thread sleeps until the earliest deadline that it knows, or for one
//! [`WatchPeriod`](crate::pool::watch_period::WatchPeriod) when it knows none. A submit therefore
//! wakes it only if its deadline is earlier than that.

use super::Pool;
use crate::clock::{self, now_ns};
use crate::pool::deadlines::{self, Deadlines, Watched};
use crate::slot::Slot;
use crate::sync::Notify;
use crate::sync::atomic::{AtomicU64, Ordering};

/// When the pool thread looks at the deadlines next.
#[derive(Debug, Default)]
pub struct Timer {
    /// In nanoseconds. 0 before the first look: everything is later, which is right, because the
    /// first look is yet to come.
    armed_ns: AtomicU64,
    /// Asks for a look at once.
    pub rearm: Notify,
}

impl Timer {
    /// A new deadline is known (and stored where [`Pool::keep_deadlines`] looks).
    pub fn note(&self, deadline_ns: u64) {
        if deadline_ns < self.armed_ns.load(Ordering::SeqCst) {
            self.rearm.notify_one();
        }
    }

    /// The next look is at that time; whoever looks must look once more after this call.
    pub(crate) fn arm(&self, at_ns: u64) {
        self.armed_ns.store(at_ns, Ordering::SeqCst);
    }
}

impl Pool {
    /// Ends what is past its deadline, and answers when to look again: within `period_ns`.
    pub(crate) fn keep_deadlines(&self, period_ns: u64) -> u64 {
        clock::compare_clocks();
        deadlines::look(&mut &*self, period_ns)
    }

    /// The earliest deadline of all exchanges in flight and of the queue.
    pub(crate) fn next_deadline(&self) -> u64 {
        let deadlines = Deadlines {
            in_flight: self.slots.iter().map(Slot::deadline_ns).min(),
            waiting: self.dispatcher().next_deadline(),
            copy_ns: self.orders.due_ns(),
            grace_ends_ns: self.lifetime.grace_ns(),
        };
        deadlines.earliest_ns()
    }
}

impl Watched for &Pool {
    fn now_ns(&self) -> u64 {
        now_ns()
    }

    fn deliver_handed_over(&mut self) {
        if self.delivery.caller.is_none() {
            Pool::deliver_handed_over(self);
        }
    }

    fn expire_slots(&mut self, now_ns: u64) {
        let grace_is_over = self.lifetime.grace_ns() <= now_ns;
        for slot in self.slots.iter() {
            if slot.announces_deadline(now_ns) {
                self.wake_driver(slot);
            }
            if grace_is_over {
                slot.wake.notify_one();
            }
        }
    }

    fn serve_waiting(&mut self) {
        self.dispatch(self.dispatcher());
    }

    fn send_due_copies(&mut self, now_ns: u64) {
        Pool::send_due_copies(self, now_ns);
    }

    fn earliest_ns(&self) -> u64 {
        self.next_deadline()
    }

    fn arm(&mut self, at_ns: u64) {
        self.watches.deadlines.arm(at_ns);
    }
}
