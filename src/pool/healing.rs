//! How the slots of a pool get their connections: when each dials, and what a loss means for the
//! dial that waits or is under way.
//!
//! ```text
//!            begin, lost,                next: the delay          next: the
//!            replacement_wanted          is over                  schedule allows it
//!   no dial ───────────────────► delayed ───────────────► queued ───────────────► under way
//!      ▲                            ▲                                              │    │
//!      └──────── dialled ───────────┼──────────────────────────────────────────────┘    │
//!                                   └──────────────────── dial_failed ──────────────────┘
//! ```
//!
//! It is told what happened. [`Healing::next`] then says what a slot does about it, and
//! [`Healing::next_wake`] says which other slots go on.
//!
//! Rules, all kept here and nowhere else:
//! - A slot has one dial at a time.
//! - A dial begins when the connection is lost, or before, when its replacement is wanted. The old
//!   connection serves until the new one is live.
//! - When the old connection is lost, a replacement that is under way goes on. One that still waits
//!   is given up, and the slot dials anew, by the rule of [`Backoff`] for losses.
//! - A dial asks the [`DialSchedule`] for what its slot is by then: without a connection, or with
//!   one. A replacement that fails after the loss is therefore followed by a dial for a loss.
//! - A connection that comes up in a pause without connections retires.
//!
//! It knows no connection, no address, no timer. Times are nanoseconds on any clock that never goes
//! back, and `random` is uniform over all of `u64`.

use super::backoff::{Backoff, Bounds};
use super::connection_state::{Loss, Proof};
use super::dial_limit::{DialLimit, Purpose};
use super::dial_schedule::{DialSchedule, Permit};
use super::dispatch::SlotIndex;
use super::host_limits::Gate;
use super::pause::Pause;
use crate::error::CloseReason;
use crate::source::source_of_slot;

/// When a dial begins that waits for another connection to end.
const NO_ESTIMATE: u64 = u64::MAX;

/// What a slot with a dial does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It dials, and then tells [`Healing::dialled`] or [`Healing::dial_failed`].
    Dial,
    /// It asks again at that time, or when it is woken.
    At(u64),
    /// It asks again when it is woken.
    WhenWoken,
    /// It has no connection, and the host has as many as it may have. It asks again when it is
    /// woken.
    NoPlace,
}

impl Next {
    /// Whether the slot asks again at once. `asked`: the pause that counted when it asked; `now`:
    /// the one that counts by now. If they differ, the time may be wrong, and the slot may have
    /// been woken for that before it began to wait.
    pub fn is_outdated(self, asked: &Pause, now: impl FnOnce() -> Pause) -> bool {
        matches!(self, Self::At(_)) && now() != *asked
    }
}

/// What a new connection is for its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The slot is empty, and the connection serves at once.
    Empty,
    /// The connection takes over from the one that serves.
    Taken,
}

/// What follows the loss of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterLoss {
    /// Its replacement serves.
    Replaced,
    /// The dial of its replacement goes on.
    DialGoesOn,
    /// The dial of its replacement is dropped if there is one, and another one waits.
    DialAnew,
}

/// Where the dial of a slot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dial {
    /// Its delay lasts until then.
    Delayed(u64),
    /// It waits for its permit.
    Queued,
    /// It connects.
    UnderWay,
}

#[derive(Debug)]
struct Slot {
    backoff: Backoff,
    /// It has a connection, as far as its task knows.
    is_up: bool,
    dial: Option<Dial>,
    /// When its dial begins, by estimate; 0 when none waits, [`NO_ESTIMATE`] when it cannot
    /// be told.
    next_dial_ns: u64,
}

/// The slots of one pool, and their dials.
#[derive(Debug)]
pub struct Healing {
    slots: Vec<Slot>,
    /// By source: venues count dials by address, so none waits for another source's.
    schedules: Vec<DialSchedule>,
}

/// What happened.
impl Healing {
    /// All `slots` are down, and none dials yet. `limits`: one for each source, and one at least.
    pub fn new(slots: u32, bounds: Bounds, limits: Vec<DialLimit>) -> Self {
        let slot =
            |_| Slot { backoff: Backoff::new(bounds), is_up: false, dial: None, next_dial_ns: 0 };
        let schedules = limits.into_iter().map(DialSchedule::new).collect();
        Self { slots: (0..slots).map(slot).collect(), schedules }
    }

    /// Shares the limits of its host with other pools: by source, because venues count by address.
    /// Before any slot dials.
    pub fn share_host(&mut self, gates: impl IntoIterator<Item = Box<dyn Gate>>) {
        for (schedule, gate) in self.schedules.iter_mut().zip(gates) {
            schedule.share_host(gate);
        }
    }

    /// The task of a slot begins, for the first time or after a defect. The slot has nothing, and
    /// is to dial.
    pub fn begin(&mut self, slot: SlotIndex, now_ns: u64, random: u64) {
        self.slot(slot).is_up = false;
        self.dial_anew(slot, now_ns, random);
    }

    /// The connection of a slot is gone. `answered_ns`: when the venue answered last, on any
    /// connection of the pool.
    pub fn lost(
        &mut self,
        slot: SlotIndex,
        loss: &Loss,
        answered_ns: u64,
        now_ns: u64,
        random: u64,
    ) -> AfterLoss {
        let here = self.slot(slot);
        here.backoff.lost(loss, answered_ns);
        if loss.replaced {
            return AfterLoss::Replaced;
        }
        here.is_up = false;
        if here.dial == Some(Dial::UnderWay) {
            return AfterLoss::DialGoesOn;
        }
        self.dial_anew(slot, now_ns, random);
        AfterLoss::DialAnew
    }

    /// The connection of a slot is to be replaced; this is what it has proven by now. Answers
    /// whether a dial is to begin for that.
    pub fn replacement_wanted(
        &mut self,
        slot: SlotIndex,
        proof: Proof,
        now_ns: u64,
        random: u64,
    ) -> bool {
        let here = self.slot(slot);
        let begins = here.dial.is_none();
        if begins {
            here.backoff.replaces(proof);
            self.dial_anew(slot, now_ns, random);
        }
        begins
    }

    /// The dial of a slot has failed. Another one waits, until the time that is answered at least.
    pub fn dial_failed(&mut self, slot: SlotIndex, now_ns: u64, random: u64) -> u64 {
        self.dial_anew(slot, now_ns, random)
    }

    /// The dial of a slot has brought a live connection.
    pub fn dialled(&mut self, slot: SlotIndex) -> Place {
        let here = self.slot(slot);
        here.dial = None;
        match std::mem::replace(&mut here.is_up, true) {
            true => Place::Taken,
            false => Place::Empty,
        }
    }

    /// The newest connection of a slot serves. Answers why it is to retire, if it is.
    pub fn came_up(&mut self, slot: SlotIndex, pause: &Pause, now_ns: u64) -> Option<CloseReason> {
        self.slot(slot).backoff.came_up();
        (pause.no_dial_ns(now_ns) != 0).then_some(CloseReason::Suspended)
    }

    /// A pause was ended before its time.
    pub fn resumed(&mut self) {
        self.schedules.iter_mut().for_each(DialSchedule::resumed);
    }

    /// The next dial of a slot waits for its delay. One that waited before is given up.
    fn dial_anew(&mut self, slot: SlotIndex, now_ns: u64, random: u64) -> u64 {
        self.schedule(slot).leave(slot);
        let here = self.slot(slot);
        let delay_ns = here.backoff.next_delay(random);
        let begins_ns = now_ns.saturating_add(delay_ns);
        here.dial = Some(Dial::Delayed(begins_ns));
        here.next_dial_ns = if delay_ns == 0 { 0 } else { begins_ns };
        begins_ns
    }
}

/// What follows.
impl Healing {
    /// What a slot with a dial does now. It may ask too often: then it is answered the same again.
    pub fn next(&mut self, slot: SlotIndex, pause: &Pause, now_ns: u64) -> Next {
        let here = self.slot(slot);
        match here.dial {
            None | Some(Dial::UnderWay) => return Next::WhenWoken,
            Some(Dial::Delayed(until_ns)) if now_ns < until_ns => return Next::At(until_ns),
            Some(Dial::Delayed(_) | Dial::Queued) => here.dial = Some(Dial::Queued),
        }
        let purpose = if here.is_up { Purpose::Replacement } else { Purpose::Loss };
        let permit = self.schedule(slot).ask(slot, purpose, pause, now_ns);
        let here = self.slot(slot);
        let (next_dial_ns, next) = match permit {
            Permit::Now => (0, Next::Dial),
            Permit::At(ns) => (ns, Next::At(ns)),
            Permit::Behind(ns) => (ns, Next::WhenWoken),
            Permit::NoPlace if here.is_up => (NO_ESTIMATE, Next::WhenWoken),
            Permit::NoPlace => (NO_ESTIMATE, Next::NoPlace),
        };
        here.next_dial_ns = next_dial_ns;
        if next == Next::Dial {
            here.dial = Some(Dial::UnderWay);
            here.backoff.begins();
        }
        next
    }

    /// A slot that goes on because of what happened to another one; each is answered once.
    pub fn next_wake(&mut self) -> Option<SlotIndex> {
        self.schedules.iter_mut().find_map(DialSchedule::next_wake)
    }

    /// When the dial of a slot begins, by estimate; 0 when none waits, `u64::MAX` when it waits for
    /// another connection of the host to end.
    pub fn next_dial_ns(&self, slot: SlotIndex) -> u64 {
        self.slots[slot as usize].next_dial_ns
    }

    /// As [`Healing::next_dial_ns`], and not before the end of a pause without connections. Such a
    /// pause may have begun after the estimate was made.
    pub fn next_dial_after_pause_ns(&self, slot: SlotIndex, pause: &Pause, now_ns: u64) -> u64 {
        match (self.next_dial_ns(slot), pause.no_dial_ns(now_ns)) {
            (dial_ns, 0) | (dial_ns @ 0, _) => dial_ns,
            (dial_ns, pause_ns) => dial_ns.max(now_ns.saturating_add(pause_ns)),
        }
    }

    fn schedule(&mut self, slot: SlotIndex) -> &mut DialSchedule {
        let source = source_of_slot(slot, self.schedules.len() as u32);
        &mut self.schedules[source as usize]
    }

    fn slot(&mut self, slot: SlotIndex) -> &mut Slot {
        &mut self.slots[slot as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const S: u64 = 1_000 * MS;
    const BOUNDS: Bounds = Bounds { first_ns: 100 * MS, max_ns: 5_000 * MS };
    const PROOF: Proof = Proof { answered: true, lifetime_ns: S };
    const MAX: u64 = u64::MAX;

    /// No pause.
    fn open() -> Pause {
        Pause::default()
    }

    fn loss(answered: bool, replaced: bool) -> Loss {
        let reason = CloseReason::IdleReset;
        Loss { reason, lifetime_ns: MS, answered, replaced, unheard_since_ns: 0 }
    }

    /// So many slots, as many dials at once, and one a second.
    fn down(slots: u32) -> Healing {
        let mut healing = Healing::new(slots, BOUNDS, vec![DialLimit::new(slots, 1, 0)]);
        (0..slots).for_each(|slot| healing.begin(slot, S, MAX));
        healing
    }

    #[test]
    fn a_slot_asks_again_if_the_pause_has_changed_before_it_waits_for_its_time() {
        let mut pause = open();
        pause.begin(S, S, true);
        assert!(Next::At(2 * S).is_outdated(&open(), || pause));
        assert!(!Next::At(2 * S).is_outdated(&pause, || pause));
        for next in [Next::Dial, Next::WhenWoken, Next::NoPlace] {
            assert!(!next.is_outdated(&open(), || pause), "{next:?}: it is woken, or goes on");
        }
    }

    #[test]
    fn no_dial_waits_for_those_of_another_source() {
        let limits = vec![DialLimit::new(1, 1, 0), DialLimit::new(1, 1, 0)];
        let mut healing = Healing::new(4, BOUNDS, limits);
        (0..4).for_each(|slot| healing.begin(slot, S, MAX));
        assert_eq!(healing.next(0, &open(), S), Next::Dial);
        assert_eq!(healing.next(2, &open(), S), Next::At(2 * S), "the same source");
        assert_eq!(healing.next(1, &open(), S), Next::Dial);
        assert_eq!(healing.next(3, &open(), S), Next::At(2 * S));
        assert_eq!(healing.next(3, &open(), 2 * S), Next::Dial);
    }

    /// All slots came up, and the dial limit has its burst again.
    fn up(slots: u32) -> Healing {
        let mut healing = down(slots);
        for slot in 0..slots {
            assert_eq!(healing.next(slot, &open(), S), Next::Dial);
            assert_eq!(healing.dialled(slot), Place::Empty);
            assert_eq!(healing.came_up(slot, &open(), S), None);
        }
        healing
    }

    /// A moment at which the burst is full.
    const LATE: u64 = 1_000 * S;

    #[test]
    fn the_told_time_of_the_next_dial_is_not_within_a_pause_without_connections() {
        let mut healing = down(1);
        assert_eq!(healing.next(0, &open(), S), Next::Dial);
        let next_ns = healing.dial_failed(0, S, MAX);
        let (mut keeps, mut closes) = (open(), open());
        keeps.begin(S, 60 * S, false);
        closes.begin(S, 60 * S, true);
        assert_eq!(healing.next_dial_after_pause_ns(0, &open(), S), next_ns);
        assert_eq!(healing.next_dial_after_pause_ns(0, &open(), next_ns + S), next_ns, "overdue");
        assert_eq!(healing.next_dial_after_pause_ns(0, &keeps, S), next_ns);
        assert_eq!(healing.next_dial_after_pause_ns(0, &closes, S), 61 * S);
        assert_eq!(healing.next_dial_after_pause_ns(0, &closes, 61 * S), next_ns, "it is over");
        assert_eq!(down(1).next_dial_after_pause_ns(0, &closes, S), 0, "none waits");
    }

    #[test]
    fn the_first_dial_is_at_once_and_after_a_failure_there_is_a_delay() {
        let mut healing = down(1);
        assert_eq!(healing.next_dial_ns(0), 0, "none waits");
        assert_eq!(healing.next(0, &open(), S), Next::Dial);
        assert_eq!(healing.next(0, &open(), S), Next::WhenWoken, "one at a time");
        assert_eq!(healing.dial_failed(0, LATE, MAX), LATE + 100 * MS);
        assert_eq!(healing.next_dial_ns(0), LATE + 100 * MS);
        assert_eq!(healing.next(0, &open(), LATE + 1), Next::At(LATE + 100 * MS), "it was woken");
        assert_eq!(healing.next(0, &open(), LATE + 100 * MS), Next::Dial);
        assert_eq!(healing.next_dial_ns(0), 0);
    }

    #[test]
    fn a_replacement_that_waits_is_given_up_for_a_loss_and_one_under_way_goes_on() {
        let mut healing = up(2);
        for (slot, begins) in [(0, false), (1, true)] {
            assert!(healing.replacement_wanted(slot, PROOF, LATE, MAX));
            assert!(!healing.replacement_wanted(slot, PROOF, LATE, MAX), "one at a time");
            assert!(!begins || healing.next(slot, &open(), LATE) == Next::Dial);
        }
        let lost = loss(true, false);
        assert_eq!(healing.lost(0, &lost, 0, LATE, MAX), AfterLoss::DialAnew);
        assert_eq!(healing.lost(1, &lost, 0, LATE, MAX), AfterLoss::DialGoesOn);
        assert_eq!(healing.next(0, &open(), LATE), Next::Dial, "it was of use: at once");
        assert_eq!(healing.next(1, &open(), LATE), Next::WhenWoken, "it dials already");
        assert_eq!([0, 1].map(|slot| healing.dialled(slot)), [Place::Empty; 2]);
    }

    #[test]
    fn a_slot_whose_task_begins_anew_has_neither_a_connection_nor_a_dial() {
        let mut healing = up(2);
        for _ in 0..2 {
            healing.begin(0, LATE, 0);
            assert_eq!(healing.next(0, &open(), LATE), Next::Dial, "also when one was under way");
        }
        assert_eq!(healing.dialled(0), Place::Empty, "what it had went with its task");
    }

    #[test]
    fn a_replacement_that_is_live_takes_over_from_the_one_that_serves() {
        let mut healing = up(1);
        assert!(healing.replacement_wanted(0, PROOF, LATE, MAX));
        assert_eq!(healing.next(0, &open(), LATE), Next::Dial);
        assert_eq!(healing.dialled(0), Place::Taken);
        assert_eq!(healing.lost(0, &loss(true, true), 0, LATE, MAX), AfterLoss::Replaced);
        assert_eq!(healing.came_up(0, &open(), LATE), None);
        assert_eq!(healing.next(0, &open(), LATE), Next::WhenWoken, "there is no dial");
        assert!(healing.replacement_wanted(0, PROOF, LATE, MAX), "the next one, in its time");
    }

    #[test]
    fn a_replacement_that_fails_after_the_loss_is_followed_by_a_dial_for_a_loss() {
        // Two dials at once, of which replacements leave one.
        let mut healing = up(2);
        assert!(healing.replacement_wanted(0, PROOF, LATE, 0));
        assert_eq!(healing.next(0, &open(), LATE), Next::Dial);
        assert_eq!(healing.lost(0, &loss(true, false), 0, LATE, 0), AfterLoss::DialGoesOn);
        assert_eq!(healing.dial_failed(0, LATE, 0), LATE);
        assert_eq!(healing.next(0, &open(), LATE), Next::Dial, "it may take the last one");
    }

    #[test]
    fn a_replacement_leaves_half_of_the_burst() {
        let mut healing = up(2);
        assert!((0..2).all(|slot| healing.replacement_wanted(slot, PROOF, LATE, 0)));
        assert_eq!(healing.next(0, &open(), LATE), Next::Dial);
        assert_eq!(healing.next(1, &open(), LATE), Next::At(LATE + S));
        assert_eq!(healing.next_dial_ns(1), LATE + S);
    }

    #[test]
    fn a_slot_that_leaves_the_line_wakes_the_next_one() {
        let mut healing = up(4);
        for slot in 0..4 {
            assert!(healing.replacement_wanted(slot, PROOF, LATE, 0));
            let next = healing.next(slot, &open(), LATE);
            assert_eq!(next == Next::Dial, slot < 2, "half of the burst");
        }
        assert_eq!(healing.next(3, &open(), LATE + 9 * S), Next::WhenWoken, "it is not its turn");
        assert_eq!(healing.next_wake(), None);
        assert_eq!(healing.lost(2, &loss(true, false), 0, LATE, 0), AfterLoss::DialAnew);
        assert_eq!(healing.next_wake(), Some(3));
        assert_eq!(healing.next(3, &open(), LATE + 9 * S), Next::Dial);
        // The same after a defect of the first one's task.
        let mut healing = down(3);
        let mut pause = open();
        pause.begin(S, S, true);
        assert!((0..3).all(|slot| healing.next(slot, &pause, S) != Next::Dial));
        healing.begin(0, S, 0);
        assert_eq!(healing.next_wake(), Some(1));
        assert_eq!(healing.next(1, &pause, S), Next::At(2 * S));
    }

    #[test]
    fn a_pause_holds_dials_up_and_a_connection_that_comes_up_in_it_retires() {
        let mut pause = open();
        pause.begin(S, 60 * S, true);
        let mut healing = down(2);
        assert_eq!(healing.next(0, &pause, S), Next::At(61 * S));
        assert_eq!(healing.next_dial_ns(0), 61 * S);
        assert_eq!(healing.next(1, &pause, S), Next::WhenWoken);
        healing.resumed();
        assert_eq!(healing.next_wake(), Some(0));
        assert_eq!(healing.next(0, &open(), S), Next::Dial);
        assert_eq!(healing.next_wake(), Some(1));
        assert_eq!(healing.dialled(0), Place::Empty);
        assert_eq!(healing.came_up(0, &pause, S), Some(CloseReason::Suspended));
        assert_eq!(healing.came_up(0, &pause, 61 * S), None, "it is over");
        let mut mild = open();
        mild.begin(S, 60 * S, false);
        assert_eq!(healing.came_up(0, &mild, S), None, "connections are kept");
    }

    #[test]
    fn a_loss_is_judged_by_what_the_connection_was_worth() {
        let mut healing = up(1);
        assert_eq!(healing.lost(0, &loss(false, false), 0, LATE, MAX), AfterLoss::DialAnew);
        assert_eq!(healing.next(0, &open(), LATE), Next::At(LATE + 100 * MS), "it was a try");
        let mut healing = up(1);
        let worthless = Proof { answered: false, lifetime_ns: 0 };
        assert!(healing.replacement_wanted(0, worthless, LATE, MAX));
        assert_eq!(healing.next(0, &open(), LATE), Next::At(LATE + 100 * MS));
        assert_eq!(healing.lost(0, &loss(true, false), 0, LATE, MAX), AfterLoss::DialAnew);
        assert_eq!(healing.next(0, &open(), LATE), Next::Dial, "what is left of it is forgotten");
    }
}
