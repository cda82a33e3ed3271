//! The rules of the lanes once more, in plain lists: which are open, and who may have a slot.

use venuepool_model::lane::{Lane, LaneSet};
use venuepool_model::pool::dispatch::Refusal;
use venuepool_model::source::Source;

use super::Desk;

impl Desk {
    /// The pool is drained: these lanes stay open, if they were.
    pub(crate) fn drain(&mut self, open: LaneSet) {
        assert!(self.dispatcher.drain(open), "it has not ended");
        self.open.retain(|lane| open.has(*lane));
    }

    /// Why no request of the lane and source is sent or waits, for now or for ever.
    pub(super) fn is_shut(&self, lane: Lane, source: Source, now: u64) -> Option<Refusal> {
        if !self.open.contains(&lane) {
            return Some(Refusal::Draining);
        }
        self.is_suspended(lane, source, now).then_some(Refusal::Suspended)
    }

    /// How many free slots the first so many lanes still need for all that they reserve: the first
    /// of them alone, the first two together, and so on. `counts`: which slots in use count.
    pub(super) fn kept_to(&self, lanes: usize, counts: impl Fn(u32) -> bool) -> u32 {
        let kept = (0..lanes).map(|last| {
            let to_last = || Lane::ALL.into_iter().take(last + 1);
            let reserved: u32 = to_last().map(|lane| self.lanes.of(lane).reserved_slots).sum();
            let users = (0..).zip(&self.lines).filter(|(slot, _)| counts(*slot));
            let users = users.filter_map(|(_, line)| line.lane);
            reserved.saturating_sub(users.filter(|user| *user as usize <= last).count() as u32)
        });
        kept.max().unwrap_or(0)
    }
}
