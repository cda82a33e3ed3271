//! Orders that are sent on several connections: their copies, and their one completion.
//!
//! Each copy is a request of its own with the id of its order, and its end comes here instead of to
//! the engine. What that end means, and when to send the next copy, says [`Fanout`]. The lock of an
//! order's bytes is taken before all others, that of its state with no other under it.

use std::sync::{Arc, PoisonError};

use super::submit::WhenBusy;
use super::{Dispatching, Pool};
use crate::clock::NEVER;
use crate::clock::now_ns;
use crate::completion::{Callback, Completion};
use crate::error::Status;
use crate::http::request::Request;
use crate::lane::Lane;
use crate::pool::dispatch::{Cancel, End, Want};
use crate::pool::fanout::{CopyEnd, Fanout, FanoutRules, Meaning, Step};
use crate::recycle::Recycled;
use crate::slot::copied::Copied;
use crate::slot::in_flight::{Ended, Outgoing, Pending, Recipient};
use crate::source::Source;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// One order, and its copies.
pub struct Order {
    /// The id of the order, and of each copy.
    pub(super) id: u64,
    user_data: u64,
    submit_ns: u64,
    deadline_ns: u64,
    lane: Lane,
    source: Source,
    bytes: Mutex<Copied>,
    /// Who receives the answers that come after the completion.
    late_to: Recipient,
    state: Mutex<State>,
}

struct State {
    fanout: Fanout,
    /// Who receives the completion; `None` once it has it.
    recipient: Option<Recipient>,
    /// How the order ends if no copy does better.
    kept: Option<Completion>,
}

/// The orders of a pool of which a copy is open.
#[derive(Default)]
pub(super) struct Orders {
    open: Mutex<Vec<Arc<Order>>>,
    /// How many they are, to be read without the lock.
    count: AtomicUsize,
}

impl Orders {
    fn list(&self) -> MutexGuard<'_, Vec<Arc<Order>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, order: &Arc<Order>) {
        let mut open = self.list();
        open.push(Arc::clone(order));
        self.count.store(open.len(), Ordering::SeqCst);
    }

    fn remove(&self, id: u64) {
        let mut open = self.list();
        open.retain(|order| order.id != id);
        self.count.store(open.len(), Ordering::SeqCst);
    }

    /// All of them; nearly always there are none, and no lock is taken.
    fn all(&self) -> Vec<Arc<Order>> {
        if self.count.load(Ordering::SeqCst) == 0 { Vec::new() } else { self.list().clone() }
    }

    fn find(&self, id: u64) -> Option<Arc<Order>> {
        self.all().into_iter().find(|order| order.id == id)
    }

    /// When the next copy of any order is due.
    pub(super) fn due_ns(&self) -> u64 {
        self.all().iter().map(|order| order.state().fanout.due_ns()).min().unwrap_or(NEVER)
    }
}

impl Order {
    fn new(pending: Pending, outgoing: &Outgoing<'_>, rules: FanoutRules) -> Self {
        let Pending { id, user_data, recipient, submit_ns, deadline_ns, lane, source } = pending;
        let late_to = recipient.clone();
        let state = State { fanout: Fanout::new(rules), recipient: Some(recipient), kept: None };
        let (bytes, state) = (Mutex::new(Copied::of(outgoing)), Mutex::new(state));
        Self { id, user_data, submit_ns, deadline_ns, lane, source, bytes, late_to, state }
    }

    /// A copy, of which an end is owed to this order.
    fn copy(&self) -> Pending {
        let Self { id, user_data, submit_ns, deadline_ns, lane, source, .. } = *self;
        let recipient = Recipient::Copy;
        Pending { id, user_data, recipient, submit_ns, deadline_ns, lane, source }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bytes(&self) -> MutexGuard<'_, Copied> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy is about to be sent on that slot.
    pub(super) fn begins(&self, slot: u32) {
        self.state().fanout.begins(slot);
    }

    /// Whether a copy that was just sent is to be cancelled.
    pub(super) fn is_cancelled(&self) -> bool {
        self.state().fanout.is_cancelled()
    }

    /// It was not sent there.
    pub(super) fn not_begun(&self, slot: u32) {
        self.state().fanout.not_begun(slot);
    }
}

impl State {
    /// A copy has ended. Answers what that means, with the completion for its receiver: the
    /// engine's, a late one, or one that is dropped.
    fn ended(&mut self, completion: Completion) -> (Meaning, Option<Completion>) {
        let Completion { outcome, wire_state, slot, .. } = completion;
        let status = completion.response.as_ref().map(|response| response.response.status());
        let end = CopyEnd::new(outcome, wire_state, status, slot.is_some());
        let meaning = self.fanout.ended(&end);
        match meaning {
            Meaning::Kept => (meaning, self.kept.replace(completion)),
            _ => (meaning, Some(completion)),
        }
    }

    /// The engine's completion, for its recipient.
    fn complete(&mut self, mut completion: Completion) -> Option<Ended> {
        completion.detail_mut().copies_sent = self.fanout.copies_sent();
        Some(Ended { recipient: self.recipient.take()?, completion })
    }
}

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
