//! The orders that are sent on several connections: what is kept of each while a copy is open.
//!
//! What the end of a copy means, and when the next one is due, says [`Fanout`]. It knows no pool:
//! copies are sent, and completions delivered, by `src/driver/fanout.rs`. The lock of an order's
//! bytes is taken before all others, that of its state with no other under it.

use std::sync::{Arc, PoisonError};

use crate::clock::NEVER;
use crate::completion::Completion;
use crate::lane::Lane;
use crate::pool::fanout::{CopyEnd, Fanout, FanoutRules, Meaning};
use crate::slot::copied::Copied;
use crate::slot::in_flight::{Ended, Outgoing, Pending, Recipient};
use crate::source::Source;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// One order, and its copies.
pub(crate) struct Order {
    /// The id of the order, and of each copy.
    pub(crate) id: u64,
    user_data: u64,
    pub(crate) submit_ns: u64,
    deadline_ns: u64,
    pub(crate) lane: Lane,
    source: Source,
    bytes: Mutex<Copied>,
    /// Who receives the answers that come after the completion.
    pub(crate) late_to: Recipient,
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) fanout: Fanout,
    /// Who receives the completion; `None` once it has it.
    recipient: Option<Recipient>,
    /// How the order ends if no copy does better.
    pub(crate) kept: Option<Completion>,
}

/// The orders of a pool of which a copy is open.
#[derive(Default)]
pub(crate) struct Orders {
    open: Mutex<Vec<Arc<Order>>>,
    /// How many they are, to be read without the lock.
    count: AtomicUsize,
}

impl Orders {
    fn list(&self) -> MutexGuard<'_, Vec<Arc<Order>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, order: &Arc<Order>) {
        let mut open = self.list();
        open.push(Arc::clone(order));
        self.count.store(open.len(), Ordering::SeqCst);
    }

    pub(crate) fn remove(&self, id: u64) {
        let mut open = self.list();
        open.retain(|order| order.id != id);
        self.count.store(open.len(), Ordering::SeqCst);
    }

    /// All of them; nearly always there are none, and no lock is taken.
    pub(crate) fn all(&self) -> Vec<Arc<Order>> {
        if self.count.load(Ordering::SeqCst) == 0 { Vec::new() } else { self.list().clone() }
    }

    pub(crate) fn find(&self, id: u64) -> Option<Arc<Order>> {
        self.all().into_iter().find(|order| order.id == id)
    }

    /// When the next copy of any order is due.
    pub(crate) fn due_ns(&self) -> u64 {
        self.all().iter().map(|order| order.state().fanout.due_ns()).min().unwrap_or(NEVER)
    }
}

impl Order {
    pub(crate) fn new(pending: Pending, outgoing: &Outgoing<'_>, rules: FanoutRules) -> Self {
        let Pending { id, user_data, recipient, submit_ns, deadline_ns, lane, source } = pending;
        let late_to = recipient.clone();
        let state = State { fanout: Fanout::new(rules), recipient: Some(recipient), kept: None };
        let (bytes, state) = (Mutex::new(Copied::of(outgoing)), Mutex::new(state));
        Self { id, user_data, submit_ns, deadline_ns, lane, source, bytes, late_to, state }
    }

    /// A copy, of which an end is owed to this order.
    pub(crate) fn copy(&self) -> Pending {
        let Self { id, user_data, submit_ns, deadline_ns, lane, source, .. } = *self;
        let recipient = Recipient::Copy;
        Pending { id, user_data, recipient, submit_ns, deadline_ns, lane, source }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn bytes(&self) -> MutexGuard<'_, Copied> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy is about to be sent on that slot.
    pub(crate) fn begins(&self, slot: u32) {
        self.state().fanout.begins(slot);
    }

    /// Whether a copy that was just sent is to be cancelled.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.state().fanout.is_cancelled()
    }

    /// It was not sent there.
    pub(crate) fn not_begun(&self, slot: u32) {
        self.state().fanout.not_begun(slot);
    }
}

impl State {
    /// A copy has ended. Answers what that means, with the completion for its receiver: the
    /// engine's, a late one, or one that is dropped.
    pub(crate) fn ended(&mut self, completion: Completion) -> (Meaning, Option<Completion>) {
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
    pub(crate) fn complete(&mut self, mut completion: Completion) -> Option<Ended> {
        completion.detail_mut().copies_sent = self.fanout.copies_sent();
        Some(Ended { recipient: self.recipient.take()?, completion })
    }
}
