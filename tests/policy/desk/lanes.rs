//! The rules of the lanes once more, in plain lists: which are open, and who may have a slot.

use venuepool::lane::{Lane, LaneSet};
use venuepool::pool::dispatch::Refusal;

use super::Desk;

impl Desk {
    pub(super) fn is_suspended(&self, lane: Lane, now: u64) -> bool {
        now < self.dispatcher.pause().until_ns() && !self.lanes.of(lane).through_pause
    }

    /// The pool is drained: these lanes stay open, if they were.
    pub(crate) fn drain(&mut self, open: LaneSet) {
        assert!(self.dispatcher.drain(open), "it has not ended");
        self.open.retain(|lane| open.has(*lane));
    }

    /// Why no request of the lane is sent or waits, for now or for ever.
    pub(super) fn is_shut(&self, lane: Lane, now: u64) -> Option<Refusal> {
        if !self.open.contains(&lane) {
            return Some(Refusal::Draining);
        }
        self.is_suspended(lane, now).then_some(Refusal::Suspended)
    }

    /// With one slot less, the lanes above can still have all slots that they reserve: the first of
    /// them alone, the first two together, and so on.
    pub(super) fn may_have_one(&self, lane: Lane) -> bool {
        let kept = (0..lane as usize).map(|last| {
            let to_last = || Lane::ALL.into_iter().take(last + 1);
            let reserved: u32 = to_last().map(|lane| self.lanes.of(lane).reserved_slots).sum();
            let users = self.lines.iter().filter_map(|line| line.lane);
            reserved.saturating_sub(users.filter(|user| *user as usize <= last).count() as u32)
        });
        self.idle.len() as u32 > kept.max().unwrap_or(0)
    }
}
