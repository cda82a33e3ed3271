//! Which slots a request may have, when the pool has several sources.
//!
//! Rules, all kept here and nowhere else:
//! - A request with a source gets a slot of that source only. It waits for one, and delays no one
//!   who waits for another source, or for any.
//! - Of those who may have a slot, the highest lane is first, and in it the smallest ticket. A lane
//!   that was passed over too often on the slots of a source has the next one of that source.
//! - The slots that lanes reserve are counted over all sources.
//! - On a leased slot, a request with another source is refused.
//!
//! A pool with one source does not come here for each request.

use super::{Dispatcher, Refusal, SlotIndex};
use crate::lane::Lane;
use crate::source::{Source, SourceSet};

impl<R, L> Dispatcher<R, L> {
    /// Whether a request of that lane may have an idle slot of that source, if it wants that.
    pub(super) fn may_use(&self, lane: Lane, source: u32) -> bool {
        self.idle.has_one_of(source) && self.shares.may_take(lane, self.idle.count())
    }

    /// Whether there is an idle slot that such a request may have, if none comes before it.
    pub(super) fn may_have_one(&self, lane: Lane, source: Source) -> bool {
        if self.idle.is_plain() {
            return self.shares.may_take(lane, self.idle.count());
        }
        self.idle.has().and(source.set()).numbers().any(|it| self.may_use(lane, it))
    }

    /// The sources on whose idle slots such a request may go that comes now.
    pub(super) fn passes(&self, lane: Lane, source: Source) -> SourceSet {
        let mut passes = SourceSet::NONE;
        for number in self.idle.has().and(source.set()).numbers() {
            let may_use = |lane| self.may_use(lane, number);
            if self.queue.turns_of(number).may_pass(lane, may_use) {
                passes.add(number);
            }
        }
        passes
    }

    /// Whose turn it is: the first in that lane that may use each of these sources.
    pub(super) fn next_served(&self) -> Option<(Lane, SourceSet)> {
        let mut best = None;
        for source in self.idle.has().numbers() {
            let Some((lane, is_overdue)) = self.next_lane_of(source) else { continue };
            let Some((ticket, _)) = self.queue.first(lane, source) else { continue };
            let rank = (!is_overdue, lane, ticket);
            match &mut best {
                Some((other, set)) if *other == rank => SourceSet::add(set, source),
                Some((other, _)) if *other < rank => {}
                _ => best = Some((rank, SourceSet::only(source))),
            }
        }
        best.map(|((_, lane, _), set)| (lane, set))
    }

    fn next_lane_of(&self, source: u32) -> Option<(Lane, bool)> {
        self.queue.turns_of(source).next(|lane| self.may_use(lane, source))
    }

    /// Whether somebody waits who is to have that slot, if it is idle.
    pub(super) fn is_wanted(&self, slot: SlotIndex) -> bool {
        self.next_lane_of(self.idle.source_of(slot)).is_some()
    }

    /// Takes that idle slot, for a request of that lane.
    pub(super) fn take_slot(&mut self, slot: SlotIndex, lane: Lane) {
        let source = self.idle.source_of(slot);
        let may_use = Lane::ALL.map(|lane| self.may_use(lane, source));
        self.idle.remove(slot);
        self.queue.turns_of_mut(source).served(lane, |below| may_use[below as usize]);
        self.holds(slot, lane);
    }

    /// Whether the request may go on that leased slot.
    pub(super) fn fits(&self, slot: SlotIndex, source: Source) -> Result<(), Refusal> {
        let fits = source.set().has(self.idle.source_of(slot));
        if fits { Ok(()) } else { Err(Refusal::OtherSource) }
    }
}
