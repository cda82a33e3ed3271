//! Which slots a request may have, when the pool has several sources.
//!
//! Rules, all kept here and nowhere else:
//! - A request with a source gets a slot of that source only. It waits for one, and delays no one
//!   who waits for another source, or for any.
//! - Of those who may have a slot, the highest lane is first, and in it the smallest ticket. A lane
//!   that was passed over too often on the slots of a source has the next one of that source.
//! - The slots that lanes reserve are counted over all sources. While a source is held, its slots
//!   count for lanes that are exempt from pauses only.
//! - A source that a pause holds sends nothing, but for lanes that are exempt. These use slots of
//!   other sources first, if they may use any. Who may use an open source does not end.
//! - On a leased slot, a request with another source is refused.
//!
//! A pool with one source does not come here for each request.

use super::{Dispatcher, Refusal, SlotIndex};
use crate::lane::Lane;
use crate::pool::lanes::Free;
use crate::source::{Source, SourceSet};

impl<R, L> Dispatcher<R, L> {
    /// The source of a slot, as a request asks for it.
    pub(super) fn source_of(&self, slot: SlotIndex) -> Source {
        Source::from_number(self.idle.source_of(slot)).unwrap_or_default()
    }

    /// Whether a request of that lane may have an idle slot of that source, if it wants that.
    pub(super) fn may_use(&self, lane: Lane, source: u32, now_ns: u64) -> bool {
        if !self.idle.has_one_of(source) {
            return false;
        }
        if now_ns >= self.pauses.last_until_ns() {
            return self.shares.may_take(lane, self.idle.count());
        }
        let held = self.held(now_ns);
        let held_slots = self.idle.count_of(held);
        let free = Free { open: self.idle.count() - held_slots, held: held_slots };
        let is_exempt = |lane: Lane| self.lanes.of(lane).through_pause;
        match held.has(source) {
            true => is_exempt(lane) && self.shares.may_take_held(lane, free, is_exempt),
            false => self.shares.may_take_open(lane, free, is_exempt),
        }
    }

    /// The idle slot of these sources that was used last; of sources that are not held first.
    pub(super) fn last_of(&self, sources: SourceSet, now_ns: u64) -> Option<SlotIndex> {
        let open = sources.without(self.held(now_ns));
        let sources = if open.is_empty() { sources } else { open };
        self.idle.last(|slot| sources.has(self.idle.source_of(slot)))
    }

    /// The sources that have a pause of their own now.
    pub(super) fn held(&self, now_ns: u64) -> SourceSet {
        match now_ns < self.pauses.last_until_ns() {
            true => self.pauses.held(now_ns),
            false => SourceSet::NONE,
        }
    }

    /// Whether there is an idle slot that such a request may have, if none comes before it.
    pub(super) fn may_have_one(&self, lane: Lane, source: Source, now_ns: u64) -> bool {
        if self.idle.is_plain() {
            return self.shares.may_take(lane, self.idle.count());
        }
        self.idle.has().and(source.set()).numbers().any(|it| self.may_use(lane, it, now_ns))
    }

    /// The sources on whose idle slots such a request may go that comes now.
    #[inline(never)]
    pub(super) fn passes(&self, lane: Lane, source: Source, now_ns: u64) -> SourceSet {
        let mut passes = SourceSet::NONE;
        for number in self.idle.has().and(source.set()).numbers() {
            let may_use = |lane| self.may_use(lane, number, now_ns);
            if self.queue.turns_of(number).may_pass(lane, may_use) {
                passes.add(number);
            }
        }
        passes
    }

    /// Whose turn it is: the first in that lane that may use each of these sources.
    pub(super) fn next_served(&self, now_ns: u64) -> Option<(Lane, SourceSet)> {
        let mut best = None;
        for source in self.idle.has().numbers() {
            let Some((lane, is_overdue)) = self.next_lane_of(source, now_ns) else { continue };
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

    fn next_lane_of(&self, source: u32, now_ns: u64) -> Option<(Lane, bool)> {
        self.queue.turns_of(source).next(|lane| self.may_use(lane, source, now_ns))
    }

    /// Whether somebody waits who is to have that slot, if it is idle.
    pub(super) fn is_wanted(&self, slot: SlotIndex, now_ns: u64) -> bool {
        self.next_lane_of(self.idle.source_of(slot), now_ns).is_some()
    }

    /// Takes the idle slot of these sources that was used last, for a request of that lane.
    #[inline(never)]
    pub(super) fn take_of(
        &mut self,
        sources: SourceSet,
        lane: Lane,
        now_ns: u64,
    ) -> Option<SlotIndex> {
        let slot = self.last_of(sources, now_ns)?;
        self.take_slot(slot, lane, now_ns);
        Some(slot)
    }

    /// Takes that idle slot, for a request of that lane.
    pub(super) fn take_slot(&mut self, slot: SlotIndex, lane: Lane, now_ns: u64) {
        let source = self.idle.source_of(slot);
        let may_use = Lane::ALL.map(|lane| self.may_use(lane, source, now_ns));
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
