//! Where a request goes, and what a turn of a slot means for those who wait.
//!
//! It puts the single answers of the dispatcher together: what an engine's call does when it is
//! refused, when its slot turns out dead, and when it may wait.

use super::{Dispatcher, End, Queued, Refusal, Route, SlotIndex, Want};
use crate::pool::exchange_time::Due;
use crate::pool::slot::{Fate, NoStart, TurnReport};

impl<R, L> Dispatcher<R, L> {
    /// Where a request goes that was submitted now.
    #[inline(always)] // It answers at once for nearly all.
    pub fn route(&mut self, want: Want<'_>, due: &Due, now_ns: u64) -> Route {
        let answer = match want {
            Want::Idle | Want::IdleOrQueue => self.checkout(due, now_ns),
            Want::Leased(lease) => self.begin(lease, due, now_ns),
            Want::Apart(used) => self.checkout_apart(used, due, now_ns),
        };
        match (answer, want) {
            (Ok(slot), _) => Route::Send(slot),
            (Err(Refusal::TooLate), _) => Route::End(End::TooLate),
            (Err(Refusal::NoSlot), Want::IdleOrQueue) => Route::Wait,
            (Err(Refusal::Heartbeat), _) => Route::Wait,
            (Err(refusal), _) => Route::Refuse(refusal),
        }
    }

    /// Where a request goes that was not started on the slot of its [`Route::Send`]. The slot may
    /// be free for somebody who waits.
    #[inline(never)]
    pub fn reroute(
        &mut self,
        want: Want<'_>,
        due: &Due,
        slot: SlotIndex,
        why: NoStart,
        now_ns: u64,
    ) -> Route {
        self.start_failed(slot, why);
        match (want, why) {
            (_, NoStart::Withdrawn) => Route::End(End::Cancelled),
            (Want::Idle | Want::IdleOrQueue | Want::Apart(_), _) => self.route(want, due, now_ns),
            (Want::Leased(_), NoStart::TooLate) if !self.is_closed => Route::End(End::TooLate),
            // It has no other slot to go to.
            (Want::Leased(_), _) => Route::Refuse(Refusal::SlotDown),
        }
    }

    /// Lets a request of [`Route::Wait`] wait.
    pub fn wait(&mut self, want: Want<'_>, queued: Queued<R>, now_ns: u64) -> Result<(), Refusal> {
        match want {
            Want::Idle | Want::IdleOrQueue | Want::Apart(_) => self.enqueue(queued, now_ns),
            Want::Leased(lease) => self.enqueue_behind(lease, queued, now_ns),
        }
    }

    /// A turn on a slot is over. Answers whether somebody waits, so that there may be something to
    /// do.
    #[inline(always)]
    pub fn turn_is_over(&mut self, slot: SlotIndex, turn: &TurnReport) -> bool {
        match turn.fate {
            Fate::Kept => {}
            Fate::Lost => self.went_down(slot, turn.epoch),
            Fate::Replaced => self.came_up(slot, turn.epoch),
        }
        if turn.has_ended {
            self.finished(slot, turn.spent, turn.now_ns);
        }
        self.has_waiting()
    }
}
