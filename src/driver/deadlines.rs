//! A look at all deadlines. One timer for all slots and for the queue says when it is due. That
//! also wakes the pool thread for callbacks that were handed over to it.
//!
//! The pool thread sleeps until the earliest deadline that it knows, or for one
//! [`WatchPeriod`](crate::pool::watch_period::WatchPeriod) when it knows none. A submit therefore
//! wakes it only if its deadline is earlier than that.

use super::Pool;
use crate::clock::{self, now_ns};
use crate::pool::deadlines::{self, Deadlines, Watched};
use crate::slot::Slot;

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
