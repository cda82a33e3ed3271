//! Lanes: which requests go before others, and which slots are kept for them.
//!
//! ```text
//!   lane 0  urgent      cancels          served first
//!   lane 1  orders      the default
//!   lane 2  queries
//!   lane 3  background  syncs            served last
//! ```
//!
//! Rules, all kept here and nowhere else:
//! - A lane may reserve slots. They are kept for that lane and for the lanes above it: a request
//!   of a lane gets a free slot only if enough other free slots stay for the lanes above.
//! - While some sources are held by a pause, the lanes that are exempt from it may use their slots.
//!   What is kept for those lanes is kept among such slots first.
//! - A slot that a lane uses counts for its own reservation first, then for those below it. So
//!   an urgent request in flight does not make the orders keep one slot more.
//! - A lane is served before the lanes below it. Within a lane, requests are served in order.
//! - No lane waits for ever: after [`MOST_PASSED`] slots that it could have used and that went to
//!   lanes above it, the next one is its own.
//!
//! With several sources, the slots of each have [`Turns`] of their own, and the reservations count
//! the slots of all.
//!
//! This file knows numbers of slots. It knows no slot, no request and no time.

use crate::lane::Lane;

/// So many slots in a row may go to higher lanes while a lower lane waits for one.
pub const MOST_PASSED: u32 = 64;

/// The number of lanes.
pub const LANES: usize = Lane::ALL.len();

/// A bit for the lane.
const fn bit(lane: Lane) -> u8 {
    1 << lane as u8
}

/// A bit for the lane and for each lane above it.
const fn bits_to(lane: Lane) -> u8 {
    (bit(lane) << 1) - 1
}

/// What is special about a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneRule {
    /// Slots that are kept for this lane and the lanes above it.
    pub reserved_slots: u32,
    /// The most requests of this lane that may wait.
    pub queue_capacity: usize,
    /// Its requests are sent during a pause, too.
    pub through_pause: bool,
}

/// The rules of each lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneRules([LaneRule; LANES]);

impl LaneRules {
    /// No lane is special. Of each so many may wait.
    pub fn with_capacity(queue_capacity: usize) -> Self {
        let rule = LaneRule { reserved_slots: 0, queue_capacity, through_pause: false };
        Self([rule; LANES])
    }

    /// The rule of a lane.
    pub fn of(&self, lane: Lane) -> &LaneRule {
        &self.0[lane as usize]
    }

    /// Sets the rule of a lane.
    pub fn set(&mut self, lane: Lane, rule: LaneRule) {
        self.0[lane as usize] = rule;
    }

    /// The slots that all lanes together keep from the lowest one. At least one slot more is
    /// needed, or its requests are never sent.
    pub fn kept_from_lowest(&self) -> u32 {
        let above = &self.0[..Lane::Background as usize];
        above.iter().fold(0, |sum, rule| sum.saturating_add(rule.reserved_slots))
    }
}

/// How many slots are free, while a pause holds some sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Free {
    /// Of sources that are not held.
    pub open: usize,
    /// Of sources that are.
    pub held: usize,
}

/// How many slots each lane uses, and how many are kept from it.
#[derive(Debug)]
pub struct Shares {
    reserved: [u32; LANES],
    used: [u32; LANES],
    /// No lane reserves a slot, so there is nothing to count.
    is_plain: bool,
}

impl Shares {
    /// No slot is used.
    pub fn new(rules: &LaneRules) -> Self {
        let reserved = rules.0.map(|rule| rule.reserved_slots);
        Self { reserved, used: [0; LANES], is_plain: reserved == [0; LANES] }
    }

    /// Whether it matters which lane uses a slot.
    pub fn is_counted(&self) -> bool {
        !self.is_plain
    }

    /// A request of the lane got a slot.
    pub fn took(&mut self, lane: Lane) {
        self.used[lane as usize] += 1;
    }

    /// A slot that a request of the lane had is not used any more.
    pub fn gave_back(&mut self, lane: Lane) {
        self.used[lane as usize] -= 1;
    }

    /// Whether a request of the lane may have one of so many free slots.
    pub fn may_take(&self, lane: Lane, free: usize) -> bool {
        if self.is_plain { free != 0 } else { free > self.kept_from(lane) as usize }
    }

    /// Whether a request of the lane may have a free slot of a source that is not held, while some
    /// are. `is_exempt`: whether the requests of a lane are sent in a pause.
    pub fn may_take_open(&self, lane: Lane, free: Free, is_exempt: impl Fn(Lane) -> bool) -> bool {
        let (kept, for_exempt) = self.kept_apart(lane, is_exempt);
        free.open > kept + for_exempt.saturating_sub(free.held)
    }

    /// Whether a request of the lane, which is exempt, may have a free slot of a held source.
    pub fn may_take_held(&self, lane: Lane, free: Free, is_exempt: impl Fn(Lane) -> bool) -> bool {
        let (kept, for_exempt) = self.kept_apart(lane, is_exempt);
        free.held + free.open.saturating_sub(kept) > for_exempt
    }

    /// How many free slots are kept for the lanes above.
    #[inline(never)] // A pool whose lanes reserve nothing does not come here.
    fn kept_from(&self, lane: Lane) -> u32 {
        self.kept_for_each(lane).map(|(_, kept)| kept).sum()
    }

    /// The same: for those that a pause stops, and for those that are exempt.
    fn kept_apart(&self, lane: Lane, is_exempt: impl Fn(Lane) -> bool) -> (usize, usize) {
        self.kept_for_each(lane).fold((0, 0), |(kept, for_exempt), (above, slots)| {
            let slots = slots as usize;
            if is_exempt(above) { (kept, for_exempt + slots) } else { (kept + slots, for_exempt) }
        })
    }

    /// How many free slots are kept for each lane above.
    fn kept_for_each(&self, lane: Lane) -> impl Iterator<Item = (Lane, u32)> {
        let mut surplus = 0;
        Lane::ALL.into_iter().take(lane as usize).map(move |above| {
            let index = above as usize;
            let counts = self.used[index] + surplus;
            surplus = counts.saturating_sub(self.reserved[index]);
            (above, self.reserved[index].saturating_sub(counts))
        })
    }
}

/// Which lanes wait, and how long each was passed over.
#[derive(Debug, Default)]
pub struct Turns {
    /// A bit for each lane in which somebody waits.
    waiting: u8,
    /// A bit for each waiting lane that is to have the next slot.
    overdue: u8,
    passed: [u32; LANES],
}

impl Turns {
    /// A request waits in that lane, or none does any more.
    pub fn note(&mut self, lane: Lane, waits: bool) {
        if waits {
            self.waiting |= bit(lane);
        } else {
            self.waiting &= !bit(lane);
            self.overdue &= !bit(lane);
            self.passed[lane as usize] = 0;
        }
    }

    /// The lane that gets the next free slot, and whether it does because it was passed over.
    /// `may_take`: whether a request of that lane that waits may have one.
    pub fn next(&self, may_take: impl Fn(Lane) -> bool) -> Option<(Lane, bool)> {
        let first_of = |lanes: u8| {
            let mut waiting = Lane::ALL.into_iter().filter(|lane| lanes & bit(*lane) != 0);
            waiting.find(|lane| may_take(*lane))
        };
        let overdue = first_of(self.overdue).map(|lane| (lane, true));
        overdue.or_else(|| first_of(self.waiting).map(|lane| (lane, false)))
    }

    /// Whether a request of that lane that comes now may have a free slot at once.
    #[inline(always)] // Nearly always none waits.
    pub fn may_pass(&self, lane: Lane, may_take: impl Fn(Lane) -> bool) -> bool {
        // One that waits and may not take the slot delays no other.
        let before = self.waiting & bits_to(lane) | self.overdue;
        if before == 0 {
            return may_take(lane);
        }
        let mut before = Lane::ALL.into_iter().filter(|it| before & bit(*it) != 0);
        may_take(lane) && !before.any(may_take)
    }

    /// A free slot goes to that lane: those that wait below are passed over.
    #[inline(always)] // Nearly always none waits.
    pub fn served(&mut self, lane: Lane, may_take: impl Fn(Lane) -> bool) {
        if self.waiting != 0 {
            self.passed_over(lane, may_take);
        }
    }

    #[inline(never)]
    fn passed_over(&mut self, lane: Lane, may_take: impl Fn(Lane) -> bool) {
        self.passed[lane as usize] = 0;
        self.overdue &= !bit(lane);
        for below in Lane::ALL {
            let waits = below > lane && self.waiting & bit(below) != 0;
            if waits && may_take(below) {
                self.passed[below as usize] += 1;
                if self.passed[below as usize] >= MOST_PASSED {
                    self.overdue |= bit(below);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
