//! Whose turn it is, in plain lists: for each source, the lanes that wait for it.

use venuepool_model::lane::Lane;
use venuepool_model::pool::dispatch::Refusal;
use venuepool_model::pool::lanes::MOST_PASSED;
use venuepool_model::source::Source;

use super::{Desk, InQueue};

impl Desk {
    pub(super) fn source_of(&self, slot: u32) -> u32 {
        slot % self.sources
    }

    /// Whether a request may go on that slot.
    pub(super) fn fits(&self, slot: u32, source: Source) -> bool {
        source.number().is_none_or(|number| number == self.source_of(slot))
    }

    fn waits_for(&self, lane: Lane, source: u32) -> bool {
        self.queue.iter().any(|one| one.lane == lane && self.fits(source, one.source))
    }

    fn is_overdue(&self, lane: Lane, source: u32) -> bool {
        self.passed[source as usize][lane as usize] >= MOST_PASSED
    }

    /// The lane that gets the next idle slot of that source.
    pub(super) fn next_lane(&self, source: u32, now: u64) -> Option<Lane> {
        let may = |lane: &Lane| self.waits_for(*lane, source) && self.may_use(*lane, source, now);
        let mut overdue = Lane::ALL.into_iter().filter(|lane| self.is_overdue(*lane, source));
        overdue.find(may).or_else(|| Lane::ALL.into_iter().find(may))
    }

    /// Who is served next, and on which slot: of those whose turn it is on the slots of a source,
    /// one whose lane is overdue, then the highest lane, then the first; on a slot that is not held
    /// if there is one.
    pub(super) fn next_turn(&self, now: u64) -> Option<(InQueue, u32)> {
        let turns = self.idle.iter().enumerate().filter_map(|(place, slot)| {
            let source = self.source_of(*slot);
            let lane = self.next_lane(source, now)?;
            let fits = |one: &&InQueue| one.lane == lane && self.fits(source, one.source);
            let first = *self.queue.iter().find(fits)?;
            let best = (self.is_held(source, now), std::cmp::Reverse(place));
            Some((!self.is_overdue(lane, source), lane, first.ticket, best, first, *slot))
        });
        turns.min_by_key(|turn| (turn.0, turn.1, turn.2, turn.3)).map(|turn| (turn.4, turn.5))
    }

    /// An idle slot goes to that lane.
    pub(super) fn serves(&mut self, lane: Lane, slot: u32, now: u64) {
        let source = self.source_of(slot);
        for below in Lane::ALL.into_iter().filter(|below| *below > lane) {
            let could = self.waits_for(below, source) && self.may_use(below, source, now);
            self.passed[source as usize][below as usize] += u32::from(could);
        }
        self.passed[source as usize][lane as usize] = 0;
    }

    /// Where nobody waits, nobody is passed over.
    pub(super) fn forget_passed(&mut self) {
        for source in 0..self.sources {
            for lane in Lane::ALL {
                if !self.waits_for(lane, source) {
                    self.passed[source as usize][lane as usize] = 0;
                }
            }
        }
    }

    /// Whether whoever asks for a slot now may have that idle one: it delays none but those who may
    /// have it, too.
    fn may_pass(&self, lane: Lane, slot: u32, now: u64) -> bool {
        let source = self.source_of(slot);
        let mut above = Lane::ALL.into_iter().filter(|above| *above <= lane);
        let wants = |above| self.waits_for(above, source) && self.may_use(above, source, now);
        let is_first = !above.any(wants);
        let next = self.next_lane(source, now);
        is_first && !next.is_some_and(|next| next <= lane || self.is_overdue(next, source))
    }

    /// The idle slots that whoever asks now may have: those of sources that are not held behind the
    /// others, and of these the one that was used last; or why there is none.
    pub(super) fn choice(&self, lane: Lane, source: Source, now: u64) -> Result<Vec<u32>, Refusal> {
        if let Some(why) = self.is_shut(lane, source, now) {
            return Err(why);
        }
        let may = |slot: &u32| {
            let may_use = self.may_use(lane, self.source_of(*slot), now);
            may_use && self.fits(*slot, source) && self.may_pass(lane, *slot, now)
        };
        let mut slots: Vec<_> = self.idle.iter().copied().filter(may).collect();
        slots.sort_by_key(|slot| !self.is_held(self.source_of(*slot), now));
        if slots.is_empty() { Err(Refusal::NoSlot) } else { Ok(slots) }
    }

    /// What whoever asks for a slot now must be answered.
    pub(super) fn expected(&self, lane: Lane, source: Source, now: u64) -> Result<u32, Refusal> {
        self.choice(lane, source, now).map(|slots| slots[slots.len() - 1])
    }
}
