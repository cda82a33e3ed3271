//! Orders that are sent on several connections: their copies go out, and their one completion.
//!
//! Each copy is a request of its own with the id of its order, and its end comes here instead of to
//! the engine. What that end means, and when to send the next copy, says
//! [`Fanout`](crate::pool::fanout::Fanout).

use std::sync::Arc;

use super::submit::WhenBusy;
use super::{Dispatching, Pool};
use crate::clock::now_ns;
use crate::completion::{Callback, Completion};
use crate::error::Status;
use crate::http::request::Request;
use crate::orders::Order;
use crate::pool::dispatch::{Cancel, End, Want};
use crate::pool::fanout::{FanoutRules, Meaning, Step};
use crate::recycle::Recycled;
use crate::slot::in_flight::{Ended, Pending, Recipient};

impl Pool {
    /// Sends a request on several connections, and completes it once. As [`Pool::submit`] for the
    /// first copy; the others are sent at once or by a hedge, on free slots only.
    pub fn submit_fanout(
        &self,
        request: &mut Request,
        callback: Option<Callback>,
        when_busy: WhenBusy,
        rules: FanoutRules,
    ) -> Result<u64, Status> {
        let (pending, outgoing) = self.pending(request, Recipient::of(callback))?;
        let uses_completion_queue = matches!(pending.recipient, Recipient::Queue);
        let order = Arc::new(Order::new(pending, &outgoing, rules));
        order.state().fanout.next(order.submit_ns);
        // Before the first copy is sent, which may end at any time from then on.
        self.orders.add(&order);
        let sent = self.send(when_busy.want(), order.copy(), order.bytes().outgoing());
        if sent.is_ok() {
            order.state().fanout.accepted();
            self.delivery.stats.fanouts.add();
            self.delivery.stats.copies.add();
            self.send_copies(&order);
        } else {
            self.orders.remove(order.id);
        }
        self.accepted(sent.map(|()| order.id), order.lane, uses_completion_queue)
    }

    /// Sends the copies that are due, and completes the order if it is over. No lock is held.
    fn send_copies(&self, order: &Order) {
        loop {
            let step = order.state().fanout.next(now_ns());
            match step {
                Step::Send => {
                    let mut bytes = order.bytes();
                    // Under the lock of the bytes no other copy is about to be sent.
                    let used = order.state().fanout.used().to_vec();
                    let sent = self.send(Want::Apart(&used), order.copy(), bytes.outgoing());
                    match sent {
                        Ok(()) => self.delivery.stats.copies.add(),
                        Err(_) => order.state().fanout.refused(now_ns()),
                    }
                }
                Step::Complete => {
                    if let Some(ended) = self.over(order) {
                        self.deliver(ended);
                    }
                }
                Step::Nothing => break,
            }
        }
        if order.state().fanout.has_ended() {
            self.orders.remove(order.id);
        }
        self.watches.deadlines.note(order.state().fanout.due_ns());
    }

    /// Who receives the completion of that order.
    pub(super) fn recipient_of_order(&self, id: u64) -> Option<Recipient> {
        Some(self.orders.find(id)?.late_to.clone())
    }

    /// The order of which this is a copy, if it is one.
    pub(super) fn order_of(&self, pending: &Pending) -> Option<Arc<Order>> {
        if pending.recipient.is_order() { self.orders.find(pending.id) } else { None }
    }

    /// Sends the copies of all orders that are due.
    pub(crate) fn send_due_copies(&self, now: u64) {
        for order in self.orders.all() {
            if order.state().fanout.due_ns() <= now {
                self.send_copies(&order);
            }
        }
    }

    /// A copy has ended. No lock is held.
    pub(super) fn copy_ended(&self, completion: Completion) {
        let Some(order) = self.orders.find(completion.id) else { return forget(completion) };
        if let Some(ended) = self.meaning_of(&order, completion) {
            self.deliver(ended);
            // A copy that still waits is not wanted any more.
            let waits = self.dispatcher().cancel(order.id);
            if let Cancel::Left(who) = waits {
                self.end_waiting(&self.dispatcher(), who, End::Cancelled);
            }
        }
        self.send_copies(&order);
    }

    /// As [`Pool::copy_ended`], with the dispatcher held: the copy never had a slot, so that no
    /// further one is sent.
    pub(super) fn copy_ended_locked(&self, held: &Dispatching<'_>, completion: Completion) {
        let Some(order) = self.orders.find(completion.id) else { return forget(completion) };
        let ended = self.meaning_of(&order, completion);
        let step = order.state().fanout.next(now_ns());
        debug_assert!(step != Step::Send, "a final end is the last");
        let ended = ended.or_else(|| if step == Step::Complete { self.over(&order) } else { None });
        if order.state().fanout.has_ended() {
            self.orders.remove(order.id);
        }
        if let Some(ended) = ended {
            self.deliver_locked(held, ended);
        }
    }

    /// What the end of a copy means. Answers the completion of the order if it is complete by it.
    fn meaning_of(&self, order: &Order, completion: Completion) -> Option<Ended> {
        let mut state = order.state();
        let (meaning, completion) = state.ended(completion);
        let completion = completion?;
        match meaning {
            Meaning::Completes => {
                let ended = state.complete(completion);
                let kept = state.kept.take();
                drop(state);
                kept.into_iter().for_each(forget);
                return ended;
            }
            Meaning::Late => {
                let mut completion = completion;
                completion.detail_mut().is_late = true;
                self.delivery.late.tell(Ended { recipient: order.late_to.clone(), completion });
            }
            Meaning::Kept | Meaning::Nothing => forget(completion),
        }
        None
    }

    /// The order is over with what was kept.
    fn over(&self, order: &Order) -> Option<Ended> {
        let mut state = order.state();
        let kept = state.kept.take()?;
        state.complete(kept)
    }

    /// Asks for the end of all copies of an order. `false`: there is no such order.
    pub(super) fn cancel_copies(&self, id: u64) -> bool {
        let Some(order) = self.orders.find(id) else { return false };
        if !order.state().fanout.cancel() {
            return false;
        }
        for slot in self.slots.iter().filter(|slot| slot.cancel(id)) {
            self.wake_driver(slot);
        }
        true
    }
}

/// Drops a completion.
fn forget(completion: Completion) {
    if let Some(response) = completion.response {
        Recycled::release(response);
    }
}
