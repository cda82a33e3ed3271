//! Deadlines: one timer for all slots and for the queue. It also wakes the pool thread for
//! callbacks that were handed over to it.
//!
//! The pool thread sleeps until the earliest deadline that it knows, or for one
//! [`WatchPeriod`](crate::pool::watch_period::WatchPeriod) when it knows none. A submit therefore
//! wakes it only if its deadline is earlier than that.

use super::Pool;
use crate::clock::NEVER;
use crate::clock::{self, now_ns};
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
        if self.delivery.caller.is_none() {
            self.deliver_handed_over();
        }
        self.expire(now_ns());
        clock::compare_clocks();
        let latest = now_ns().saturating_add(period_ns);
        let armed = self.next_deadline().min(latest);
        self.watches.deadlines.arm(armed);
        // A deadline that was stored before it could see the new timer is seen by this second look.
        self.next_deadline().min(armed)
    }

    /// The earliest deadline of all exchanges in flight and of the queue.
    pub(crate) fn next_deadline(&self) -> u64 {
        let in_flight = self.slots.iter().map(Slot::deadline_ns).min();
        let waiting = self.dispatcher().next_deadline();
        let grace = self.lifetime.grace_ns();
        let due = waiting.unwrap_or(NEVER).min(self.orders.due_ns());
        in_flight.unwrap_or(NEVER).min(due).min(grace)
    }

    /// Ends what is past its deadline: tells whoever drives, and ends the waiting.
    fn expire(&self, now: u64) {
        let grace_is_over = self.lifetime.grace_ns() <= now;
        for slot in self.slots.iter() {
            if slot.announces_deadline(now) {
                self.wake_driver(slot);
            }
            if grace_is_over {
                slot.wake.notify_one();
            }
        }
        self.dispatch(self.dispatcher());
        self.send_due_copies(now);
    }
}
