//! The rules of the lanes once more, in plain lists: which are open, who may have a slot, and whose
//! turn it is.

use venuepool::lane::{Lane, LaneSet};
use venuepool::pool::dispatch::Refusal;
use venuepool::pool::lanes::MOST_PASSED;

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

    pub(super) fn has_waiting(&self, lane: Lane) -> bool {
        self.in_lanes[lane as usize] > 0
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

    /// The lane that gets the next idle slot.
    pub(super) fn next_lane(&self) -> Option<Lane> {
        let may = |lane: &Lane| self.has_waiting(*lane) && self.may_have_one(*lane);
        let is_overdue = |lane: &Lane| self.passed[*lane as usize] >= MOST_PASSED;
        let mut overdue = Lane::ALL.into_iter().filter(is_overdue);
        overdue.find(may).or_else(|| Lane::ALL.into_iter().find(may))
    }

    /// An idle slot goes to that lane.
    pub(super) fn serves(&mut self, lane: Lane) {
        for below in Lane::ALL.into_iter().filter(|below| *below > lane) {
            let could = self.has_waiting(below) && self.may_have_one(below);
            self.passed[below as usize] += u32::from(could);
        }
        self.passed[lane as usize] = 0;
    }

    /// Where nobody waits, nobody is passed over.
    pub(super) fn forget_passed(&mut self) {
        for lane in Lane::ALL {
            if !self.has_waiting(lane) {
                self.passed[lane as usize] = 0;
            }
        }
    }

    /// What whoever asks for a slot now must be answered, if not a slot.
    pub(super) fn refusal(&self, lane: Lane, now: u64) -> Option<Refusal> {
        let is_first = !Lane::ALL.into_iter().any(|above| above <= lane && self.has_waiting(above));
        let is_passed_by = self
            .next_lane()
            .is_some_and(|next| next <= lane || self.passed[next as usize] >= MOST_PASSED);
        let has_slot = is_first && !is_passed_by && self.may_have_one(lane);
        self.is_shut(lane, now).or((!has_slot).then_some(Refusal::NoSlot))
    }
}
