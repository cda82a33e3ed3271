//! One order on several connections: when a copy of it is sent, which answer completes it, and when
//! it is over.
//!
//! Rules, all kept here and nowhere else:
//! - No two copies are sent on one slot ([`checkout_apart`](super::dispatch::Dispatcher)).
//! - The first copy goes as any request does, and may wait. No other is due before it was accepted,
//!   because the order is refused with it. A further copy is sent at once on a
//!   free slot, or not at all.
//! - Without a hedge all copies are due at once. With a hedge one is due at once. A further one is
//!   due each time that `hedge_after_ns` has passed without an answer that completes the order, and
//!   when all copies that were sent have ended.
//! - A copy for which no slot is free is due again when `hedge_after_ns` has passed. Without a
//!   hedge it is never due again.
//! - The first answer completes the order, or the first one that [`Completes`] asks for. Another
//!   answer after it is late.
//! - Without such an answer, the order is over when no copy is open and none is due. It ends as the
//!   copy did that got furthest on its way. Of two that got equally far, it ends as the first did.
//! - Nothing more is sent after a cancel, after the order is over, and after a copy ended for a
//!   reason that holds for all copies.
//!
//! It knows neither requests nor connections. Times are nanoseconds.

use super::dispatch::SlotIndex;
use crate::error::{Outcome, WireState};

/// No such time.
const NEVER: u64 = u64::MAX;

/// The most copies of one order.
pub const MAX_COPIES: u32 = 8;

/// How one order is sent several times.
#[derive(Clone, Copy, Debug)]
pub struct FanoutRules {
    /// The most copies that are sent, the first one included.
    pub copies: u32,
    /// After so long without an answer one more copy is sent; 0 sends all copies at once.
    pub hedge_after_ns: u64,
    /// Which answer completes the order.
    pub completes: Completes,
}

/// Which answer completes an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completes {
    /// The first whole answer.
    First,
    /// The first whole answer with a status from 200 to 299.
    FirstSuccess,
}

/// How one copy ended.
#[derive(Clone, Copy, Debug)]
pub struct CopyEnd {
    /// How far it got.
    pub wire_state: WireState,
    /// The status of its answer, if that came whole.
    pub status: Option<u16>,
    /// The other copies would end in the same way: it never had a slot, or the engine withdrew it.
    pub is_final: bool,
}

impl CopyEnd {
    /// A copy has ended so. `status`: of what it was answered, whole or not. `had_slot`: it was on
    /// a connection.
    pub fn new(
        outcome: Outcome,
        wire_state: WireState,
        status: Option<u16>,
        had_slot: bool,
    ) -> Self {
        Self {
            wire_state,
            status: status.filter(|_| outcome == Outcome::Ok),
            is_final: !had_slot || outcome == Outcome::Cancelled,
        }
    }
}

/// What the end of a copy is for its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It completes the order.
    Completes,
    /// It is kept, in place of what was kept: perhaps the order ends so.
    Kept,
    /// An answer that came after the order was complete.
    Late,
    /// Nothing.
    Nothing,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send one more copy.
    Send,
    /// Complete the order with what was kept.
    Complete,
    /// Nothing, until a copy ends or [`Fanout::due_ns`].
    Nothing,
}

/// One order, and its copies.
#[derive(Debug)]
pub struct Fanout {
    rules: FanoutRules,
    /// The slots on which a copy was sent, at least in part.
    used: Vec<SlotIndex>,
    /// Copies that were accepted and have not ended.
    open: u32,
    /// Copies that are not sent yet, and may be.
    left: u32,
    /// When the next one is due.
    due_ns: u64,
    /// How far the copy got that was kept.
    kept: Option<WireState>,
    /// No further copy is sent, also if one is refused that was to be sent.
    is_stopped: bool,
    is_accepted: bool,
    is_cancelled: bool,
    is_over: bool,
}

impl Fanout {
    /// An order of which no copy is sent yet; one is due now.
    pub fn new(rules: FanoutRules) -> Self {
        Self {
            rules,
            used: Vec::with_capacity(rules.copies as usize),
            open: 0,
            left: rules.copies,
            due_ns: 0,
            kept: None,
            is_stopped: false,
            is_accepted: false,
            is_cancelled: false,
            is_over: false,
        }
    }

    /// What to do now. A copy that is to be sent counts as open: it is refused or ends.
    pub fn next(&mut self, now_ns: u64) -> Step {
        let is_first = self.left == self.rules.copies;
        if self.is_over || !self.is_accepted && !is_first {
            return Step::Nothing;
        }
        if self.left > 0 && (self.due_ns <= now_ns || self.open == 0) {
            self.left -= 1;
            self.open += 1;
            self.wait_for_hedge(now_ns);
            return Step::Send;
        }
        if self.open == 0 && self.kept.is_some() {
            self.is_over = true;
            return Step::Complete;
        }
        Step::Nothing
    }

    /// The first copy is in flight, or waits: further ones may be due.
    pub fn accepted(&mut self) {
        self.is_accepted = true;
    }

    /// A copy is about to be sent on that slot.
    pub fn begins(&mut self, slot: SlotIndex) {
        self.used.push(slot);
    }

    /// No byte of it was sent there.
    pub fn not_begun(&mut self, slot: SlotIndex) {
        if let Some(index) = self.used.iter().rposition(|used| *used == slot) {
            self.used.swap_remove(index);
        }
    }

    /// A copy was not accepted, because no slot is free for it.
    pub fn refused(&mut self, now_ns: u64) {
        self.open -= 1;
        match self.rules.hedge_after_ns {
            // With nothing in flight, no slot is waited for.
            hedge_ns if hedge_ns > 0 && self.open > 0 && !self.is_stopped => {
                self.left += 1;
                self.wait_for_hedge(now_ns);
            }
            _ => self.stop(),
        }
    }

    /// A copy has ended.
    pub fn ended(&mut self, end: &CopyEnd) -> Meaning {
        self.open -= 1;
        if self.is_over {
            return if end.status.is_some() { Meaning::Late } else { Meaning::Nothing };
        }
        if end.status.is_some_and(|status| self.rules.completes.is_met_by(status)) {
            self.is_over = true;
            return Meaning::Completes;
        }
        if end.is_final {
            self.stop();
        }
        if self.kept.is_some_and(|kept| kept >= end.wire_state) {
            return Meaning::Nothing;
        }
        self.kept = Some(end.wire_state);
        Meaning::Kept
    }

    /// No further copy is sent.
    fn stop(&mut self) {
        self.is_stopped = true;
        self.left = 0;
    }

    /// The engine does not want the order any more. All copies are to be cancelled, and so is one
    /// that begins after this: see [`Fanout::is_cancelled`]. `false`: the order is complete.
    pub fn cancel(&mut self) -> bool {
        self.is_cancelled |= !self.is_over;
        self.stop();
        !self.is_over
    }

    /// Whether a copy that has just begun is to be cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled
    }

    /// When to ask for the next step, if no copy ends before.
    pub fn due_ns(&self) -> u64 {
        let is_open = self.is_accepted && !self.is_over;
        if self.left > 0 && is_open { self.due_ns } else { NEVER }
    }

    /// The slots on which no further copy may be sent.
    pub fn used(&self) -> &[SlotIndex] {
        &self.used
    }

    /// How many copies left, at least in part.
    pub fn copies_sent(&self) -> u32 {
        self.used.len() as u32
    }

    /// Whether the order is complete, and no copy is open.
    pub fn has_ended(&self) -> bool {
        self.is_over && self.open == 0
    }

    /// Whether the order is complete.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    fn wait_for_hedge(&mut self, now_ns: u64) {
        if self.rules.hedge_after_ns > 0 {
            self.due_ns = now_ns.saturating_add(self.rules.hedge_after_ns);
        }
    }
}

impl Completes {
    fn is_met_by(self, status: u16) -> bool {
        match self {
            Self::First => true,
            Self::FirstSuccess => (200..300).contains(&status),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOST: CopyEnd = CopyEnd { wire_state: WireState::Sent, status: None, is_final: false };

    fn answer(status: u16) -> CopyEnd {
        CopyEnd { wire_state: WireState::Answered, status: Some(status), is_final: false }
    }

    fn fanout(copies: u32, hedge_after_ns: u64, completes: Completes) -> Fanout {
        Fanout::new(FanoutRules { copies, hedge_after_ns, completes })
    }

    fn send(fanout: &mut Fanout, slot: SlotIndex, now_ns: u64) {
        assert_eq!(fanout.next(now_ns), Step::Send);
        fanout.begins(slot);
        fanout.accepted();
    }

    #[test]
    fn only_a_whole_answer_has_a_status_and_all_copies_share_some_ends() {
        let end = |outcome, had_slot| {
            let end = CopyEnd::new(outcome, WireState::Sent, Some(200), had_slot);
            (end.status, end.is_final)
        };
        assert_eq!(end(Outcome::Ok, true), (Some(200), false));
        assert_eq!(end(Outcome::Timeout, true), (None, false), "the answer is not whole");
        assert_eq!(end(Outcome::Cancelled, true), (None, true), "the engine withdrew it");
        assert_eq!(end(Outcome::Timeout, false), (None, true), "it never had a slot");
    }

    #[test]
    fn without_a_hedge_all_copies_are_due_at_once() {
        let mut order = fanout(3, 0, Completes::First);
        (0..3).for_each(|slot| send(&mut order, slot, 5));
        assert_eq!((order.next(5), order.due_ns()), (Step::Nothing, NEVER));
        assert_eq!(order.ended(&answer(503)), Meaning::Completes);
        assert_eq!((order.used(), order.copies_sent()), (&[0, 1, 2][..], 3));
        assert_eq!(order.ended(&answer(200)), Meaning::Late);
        assert_eq!(order.ended(&LOST), Meaning::Nothing);
        assert_eq!(order.next(NEVER), Step::Nothing);
    }

    #[test]
    fn with_a_hedge_a_copy_is_due_each_time_that_no_answer_came() {
        let mut order = fanout(3, 10, Completes::First);
        send(&mut order, 0, 5);
        assert_eq!((order.next(14), order.due_ns()), (Step::Nothing, 15));
        send(&mut order, 1, 15);
        send(&mut order, 2, 25);
        assert_eq!((order.next(1_000), order.due_ns()), (Step::Nothing, NEVER));
    }

    #[test]
    fn when_all_copies_have_ended_the_next_is_due_at_once() {
        let mut order = fanout(2, 10, Completes::FirstSuccess);
        send(&mut order, 0, 5);
        assert_eq!(order.ended(&answer(503)), Meaning::Kept);
        send(&mut order, 1, 6);
        assert_eq!(order.ended(&answer(500)), Meaning::Nothing, "the first one is kept");
        assert_eq!((order.next(6), order.next(6)), (Step::Complete, Step::Nothing));
    }

    #[test]
    fn an_order_ends_as_the_copy_that_got_furthest() {
        let mut order = fanout(3, 0, Completes::FirstSuccess);
        (0..3).for_each(|slot| send(&mut order, slot, 0));
        let partial = CopyEnd { wire_state: WireState::Partial, ..LOST };
        assert_eq!(order.ended(&partial), Meaning::Kept);
        assert_eq!(order.ended(&LOST), Meaning::Kept);
        assert_eq!(order.next(0), Step::Nothing, "a copy is open");
        assert_eq!(order.ended(&partial), Meaning::Nothing);
        assert_eq!(order.next(0), Step::Complete);
    }

    #[test]
    fn a_copy_without_a_free_slot_is_due_again_with_a_hedge_only() {
        let mut order = fanout(2, 10, Completes::First);
        send(&mut order, 0, 0);
        assert_eq!(order.next(10), Step::Send);
        order.refused(10);
        assert_eq!((order.next(19), order.due_ns()), (Step::Nothing, 20));
        send(&mut order, 1, 20);

        let mut order = fanout(3, 0, Completes::First);
        send(&mut order, 0, 0);
        assert_eq!(order.next(0), Step::Send);
        order.refused(0);
        assert_eq!((order.next(NEVER), order.due_ns()), (Step::Nothing, NEVER));
    }

    #[test]
    fn an_order_is_over_when_no_slot_is_free_and_nothing_in_flight() {
        let mut order = fanout(2, 10, Completes::First);
        send(&mut order, 0, 0);
        assert_eq!((order.ended(&LOST), order.next(1)), (Meaning::Kept, Step::Send));
        order.refused(1);
        assert_eq!(order.next(1), Step::Complete);
        assert!(order.is_over());
    }

    #[test]
    fn nothing_more_is_sent_after_a_cancel_or_a_final_end() {
        let mut order = fanout(2, 10, Completes::First);
        send(&mut order, 0, 0);
        assert!(order.cancel() && order.is_cancelled());
        assert_eq!((order.next(100), order.due_ns()), (Step::Nothing, NEVER));

        let mut order = fanout(2, 10, Completes::First);
        assert_eq!(order.next(0), Step::Send);
        order.accepted();
        let too_late = CopyEnd { wire_state: WireState::NotSent, status: None, is_final: true };
        assert_eq!((order.ended(&too_late), order.next(0)), (Meaning::Kept, Step::Complete));
    }

    #[test]
    fn a_copy_that_is_refused_after_a_cancel_is_not_due_again() {
        let mut order = fanout(3, 10, Completes::First);
        send(&mut order, 0, 0);
        assert_eq!(order.next(10), Step::Send);
        order.cancel();
        order.refused(10);
        assert_eq!((order.next(NEVER), order.due_ns()), (Step::Nothing, NEVER));
    }

    #[test]
    fn no_copy_is_due_before_the_first_was_accepted() {
        let mut order = fanout(2, 0, Completes::First);
        assert_eq!((order.next(5), order.next(5)), (Step::Send, Step::Nothing));
        assert_eq!(order.due_ns(), NEVER);
        order.accepted();
        assert_eq!((order.due_ns() <= 5, order.next(5)), (true, Step::Send));
    }

    #[test]
    fn a_slot_on_which_nothing_was_sent_is_not_used() {
        let mut order = fanout(2, 0, Completes::First);
        send(&mut order, 3, 0);
        order.not_begun(3);
        assert_eq!((order.used(), order.copies_sent()), (&[][..], 0));
    }
}
