//! Orders of several copies in the simulated pool, put together as src/driver/fanout.rs does it,
//! and what must come of them.

use std::collections::BTreeMap;

use venuepool_model::error::{Outcome, WireState};
use venuepool_model::pool::dispatch::{End, Want};
use venuepool_model::pool::exchange_time::Due;
use venuepool_model::pool::fanout::{Completes, CopyEnd, Fanout, FanoutRules, Meaning, Step};

use crate::pool::{Ended, NEVER, Pool};
use crate::world::MS;

/// How late the cancel of an order may end it.
const TURN_NS: u64 = 100 * MS;

/// One order, what the policy knows of it, and what was seen of it.
pub(crate) struct Order {
    fanout: Fanout,
    rules: FanoutRules,
    due: Due,
    kept: Option<Outcome>,
    /// The slots on which copies were sent, and when.
    sent: Vec<(u32, u64)>,
    /// When a copy has last ended or was sent, or could not be.
    changed_ns: u64,
    /// How far each copy got that has ended without completing the order.
    ends: Vec<WireState>,
    open: u32,
    cancelled_ns: u64,
    /// A copy ended as all others would.
    is_final: bool,
    is_complete: bool,
}

/// The orders of several copies, by their numbers.
pub(crate) type Orders = BTreeMap<u64, Order>;

impl Order {
    fn new(rules: FanoutRules, due: Due) -> Self {
        Self {
            fanout: Fanout::new(rules),
            rules,
            due,
            kept: None,
            sent: Vec::new(),
            changed_ns: due.submit_ns,
            ends: Vec::new(),
            open: 0,
            cancelled_ns: NEVER,
            is_final: false,
            is_complete: false,
        }
    }

    /// A further copy is to be sent now.
    fn check_next(&self, now: u64) {
        assert!(!self.is_complete && self.cancelled_ns == NEVER, "a copy of an order that is over");
        assert!(!self.is_final, "a copy that would end as the last one did");
        let waited_ns = now - self.changed_ns;
        let is_due = waited_ns >= self.rules.hedge_after_ns;
        assert!(is_due || self.open == 0, "a copy before its time");
    }

    fn completes(&mut self, outcome: Outcome) {
        assert!(!std::mem::replace(&mut self.is_complete, true), "one completion");
        let furthest = self.ends.iter().max();
        let is_sent = outcome == Outcome::Ok || furthest > Some(&WireState::NotSent);
        assert!(!is_sent || !self.sent.is_empty(), "no copy left");
    }
}

impl Pool {
    /// An engine sends an order on several connections.
    pub(crate) fn send_copies_of_order(&mut self, id: u64, due: Due, want: Want<'static>) {
        let hedges = self.random.percent(60);
        let rules = FanoutRules {
            copies: self.random.within(1, 4) as u32,
            hedge_after_ns: if hedges { self.random.within(MS, 50 * MS) } else { 0 },
            completes: self.random.one_of(&[Completes::First, Completes::FirstSuccess]),
        };
        let mut order = Order::new(rules, due);
        assert_eq!(order.fanout.next(self.now), Step::Send, "the first copy is due at once");
        order.open = 1;
        self.orders.insert(id, order);
        self.ledger.counts.orders += 1;
        self.go(want, id, due);
    }

    /// Sends what is due, or completes the order.
    pub(crate) fn next_copy(&mut self, id: u64) {
        let now = self.now;
        let Some(order) = self.orders.get_mut(&id) else { return };
        match order.fanout.next(now) {
            Step::Send => {
                order.check_next(now);
                order.open += 1;
                order.changed_ns = now;
                let (used, due) = (order.fanout.used().to_vec(), order.due);
                self.go(Want::Apart(&used), id, due);
            }
            Step::Complete => {
                assert_eq!(order.open, 0, "a copy is open");
                let outcome = order.kept.expect("something was kept");
                order.completes(outcome);
                self.ledger.completed(id, outcome, now);
                self.next_copy(id);
            }
            Step::Nothing => {
                let due_ns = order.fanout.due_ns();
                if order.is_complete && order.open == 0 {
                    self.orders.remove(&id);
                }
                self.note(due_ns);
            }
        }
    }

    /// When the next copy of any order is due.
    pub(crate) fn next_copy_ns(&self) -> u64 {
        self.orders.values().map(|order| order.fanout.due_ns()).min().unwrap_or(NEVER)
    }

    /// Sends all copies that are due.
    pub(crate) fn send_due_copies(&mut self) {
        let is_due = |order: &Order| order.fanout.due_ns() <= self.now;
        let due = self.orders.iter().filter(|(_, order)| is_due(order));
        let due: Vec<_> = due.map(|(id, _)| *id).collect();
        due.into_iter().for_each(|id| self.next_copy(id));
    }

    /// A request that may be a copy is about to be sent on that slot.
    pub(crate) fn copy_begins(&mut self, id: u64, slot: u32) {
        if let Some(order) = self.orders.get_mut(&id) {
            order.fanout.begins(slot);
        }
    }

    /// It was not sent there.
    pub(crate) fn copy_not_begun(&mut self, id: u64, slot: u32) {
        if let Some(order) = self.orders.get_mut(&id) {
            order.fanout.not_begun(slot);
        }
    }

    /// It was sent there.
    pub(crate) fn copy_is_sent(&mut self, id: u64, slot: u32) {
        let now = self.now;
        let Some(order) = self.orders.get_mut(&id) else { return };
        let is_twice = order.sent.iter().any(|sent| sent.0 == slot);
        assert!(!is_twice, "two copies of order {id} on slot {slot}");
        order.sent.push((slot, now));
        assert!(order.sent.len() <= order.rules.copies as usize, "a copy too many of order {id}");
        self.ledger.counts.copies += u64::from(order.sent.len() > 1);
        if order.fanout.is_cancelled() {
            self.cancel_on(slot as usize, id);
        }
    }

    /// A request was accepted; if it is a copy, another may be due.
    pub(crate) fn accepted(&mut self, id: u64) {
        if let Some(order) = self.orders.get_mut(&id) {
            order.fanout.accepted();
        }
        self.next_copy(id);
    }

    /// A request was refused. The first copy takes its order with it.
    pub(crate) fn refused(&mut self, id: u64) {
        let now = self.now;
        match self.orders.get_mut(&id) {
            Some(order) if order.fanout.is_over() || order.kept.is_some() || order.open > 1 => {
                order.fanout.refused(now);
                order.open -= 1;
                self.next_copy(id);
            }
            Some(_) => {
                self.orders.remove(&id);
                self.ledger.refused(id);
            }
            None => self.ledger.refused(id),
        }
    }

    /// A request has ended in flight.
    pub(crate) fn request_ended(&mut self, id: u64, ended: &Ended) {
        if !self.orders.contains_key(&id) {
            return self.ledger.completed(id, ended.outcome, self.now);
        }
        // Who asks for a pause has not executed the order.
        let status = ended.answer.map(|answer| if answer.pause.is_some() { 429 } else { 200 });
        let is_answered = ended.outcome == Outcome::Ok;
        let wire_state = if is_answered { WireState::Answered } else { WireState::Sent };
        let end = CopyEnd::new(ended.outcome, wire_state, status, true);
        assert_eq!(end.status.is_some(), is_answered, "only a whole answer has a status");
        if self.copy_ended(id, &end, ended.outcome) {
            self.ledger.completed(id, ended.outcome, self.now);
            // As a copy that ended in the queue: it is not wanted any more.
            if let venuepool_model::pool::dispatch::Cancel::Left(_) = self.desk.cancel(id) {
                self.copy_without_slot(id, End::Cancelled);
            }
        }
        self.next_copy(id);
    }

    /// A request has ended without a slot.
    pub(crate) fn copy_without_slot(&mut self, id: u64, end: End) {
        if !self.orders.contains_key(&id) {
            return self.ledger.completed(id, end.outcome(), self.now);
        }
        let unsent = CopyEnd::new(end.outcome(), WireState::NotSent, None, false);
        assert!(unsent.is_final, "no other copy would have a slot");
        let completes = self.copy_ended(id, &unsent, end.outcome());
        assert!(!completes, "without an answer");
        self.next_copy(id);
    }

    /// Answers whether the copy completes the order.
    fn copy_ended(&mut self, id: u64, end: &CopyEnd, outcome: Outcome) -> bool {
        let now = self.now;
        let order = self.orders.get_mut(&id).expect("it was looked for");
        order.open -= 1;
        order.is_final |= end.is_final;
        let is_success = end.status.is_some_and(|status| status == 200);
        let wins = match order.rules.completes {
            Completes::First => end.status.is_some(),
            Completes::FirstSuccess => is_success,
        };
        let was_complete = order.is_complete;
        let is_furthest = order.ends.iter().all(|other| *other < end.wire_state);
        let meaning = order.fanout.ended(end);
        let expected = match () {
            () if was_complete && end.status.is_some() => Meaning::Late,
            () if was_complete => Meaning::Nothing,
            () if wins => Meaning::Completes,
            () if is_furthest => Meaning::Kept,
            () => Meaning::Nothing,
        };
        assert_eq!(meaning, expected, "what the end of a copy of order {id} is");
        self.ledger.counts.late_copies += u64::from(meaning == Meaning::Late);
        if meaning == Meaning::Kept {
            order.kept = Some(outcome);
        }
        if meaning == Meaning::Completes {
            order.completes(outcome);
        } else {
            order.ends.push(end.wire_state);
        }
        assert!(
            order.cancelled_ns == NEVER || now <= order.cancelled_ns + TURN_NS,
            "a cancel waits"
        );
        meaning == Meaning::Completes
    }

    /// The engine cancels a request; if it is an order of several copies, all of them.
    pub(crate) fn cancel_copies(&mut self, id: u64) -> bool {
        let Some(order) = self.orders.get_mut(&id) else { return false };
        let is_open = order.fanout.cancel();
        assert_eq!(is_open, !order.is_complete, "a complete order cannot be cancelled");
        if !is_open {
            return false;
        }
        order.cancelled_ns = order.cancelled_ns.min(self.now);
        for index in 0..self.slots.len() {
            self.cancel_on(index, id);
        }
        true
    }
}
