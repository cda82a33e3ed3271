//! Many connections at rest: their limits ask for replacements, losses come on top, and both share
//! one dial limit. Carries out what src/pool decides, in steps of ten milliseconds; a dial takes
//! one step.

use venuepool_model::error::CloseReason;
use venuepool_model::pool::backoff::Bounds;
use venuepool_model::pool::connection_maintenance::{
    Action, Announced, ConnectionMaintenance, Rules,
};
use venuepool_model::pool::connection_state::{Loss, Proof};
use venuepool_model::pool::dial_limit::DialLimit;
use venuepool_model::pool::healing::{AfterLoss, Healing, Next, Place};
use venuepool_model::pool::pause::Pause;

use crate::pool::NEVER;
use crate::world::{MS, Random, S};

const SLOTS: usize = 64;
const STEP_NS: u64 = 10 * MS;

/// A slot, and what it holds.
struct Slot {
    maintenance: ConnectionMaintenance,
    live: bool,
    /// Its maintenance has asked for a replacement.
    replaces: bool,
    /// When its dial goes on; never, if it has none or is to be woken.
    asks_ns: u64,
    /// It was told to dial in this step.
    connects: bool,
}

/// The slots, and what decides for them.
struct Rest {
    slots: Vec<Slot>,
    healing: Healing,
    random: Random,
    now: u64,
}

/// What was seen.
#[derive(Debug)]
struct Seen {
    /// The fewest connections that were live, but for losses.
    fewest: usize,
    /// The connections that were live, on average.
    average: f64,
    /// The longest that a lost connection was down, in nanoseconds.
    longest_down_ns: u64,
}

/// Opens a pool, waits until its bucket is full again, and watches it for five minutes. Every
/// minute eight connections are lost.
fn watch(seed: u64, rules: &Rules, announced: Announced, per_second: u32) -> Seen {
    let mut rest = Rest::new(seed, announced, per_second);
    let (mut fewest, mut sum, mut steps) = (SLOTS, 0, 0);
    let (mut lost_ns, mut longest_down_ns) = (0, 0);
    for now in (S..301 * S).step_by(STEP_NS as usize) {
        rest.now = now;
        if now % (60 * S) == 0 {
            (0..8).for_each(|slot| rest.lose(slot, CloseReason::IdleReset));
            lost_ns = now;
        }
        (0..SLOTS).for_each(|slot| rest.step(slot, rules, announced));
        let live = rest.slots.iter().filter(|slot| slot.live).count();
        (sum, steps) = (sum + live, steps + 1);
        if lost_ns == 0 {
            fewest = fewest.min(live);
        } else if live == SLOTS {
            longest_down_ns = longest_down_ns.max(now - lost_ns);
            lost_ns = 0;
        }
    }
    Seen { fewest, average: sum as f64 / f64::from(steps), longest_down_ns }
}

impl Rest {
    /// All slots have come up, and the bucket has given its burst for them.
    fn new(seed: u64, announced: Announced, per_second: u32) -> Self {
        let mut random = Random(seed);
        let limit = DialLimit::new(SLOTS as u32, per_second, random.next());
        let bounds = Bounds { first_ns: 100 * MS, max_ns: 5 * S };
        let healing = Healing::new(SLOTS as u32, bounds, vec![limit]);
        let slot = |_| Slot {
            maintenance: ConnectionMaintenance::default(),
            live: false,
            replaces: false,
            asks_ns: S,
            connects: false,
        };
        let mut rest = Self { slots: (0..SLOTS).map(slot).collect(), healing, random, now: S };
        for slot in 0..SLOTS {
            rest.healing.begin(slot as u32, S, 0);
            rest.dial(slot);
            rest.come_up(slot, announced);
        }
        rest
    }

    fn step(&mut self, slot: usize, rules: &Rules, announced: Announced) {
        if self.slots[slot].connects {
            self.come_up(slot, announced);
        }
        let here = &mut self.slots[slot];
        match here.maintenance.action(rules, self.now, here.replaces) {
            Ok(Action::Retire(reason)) if here.live => self.lose(slot, reason),
            Ok(Action::Replace(_)) if here.live => {
                here.replaces = true;
                let proof = Proof { answered: true, lifetime_ns: 0 };
                if self.healing.replacement_wanted(slot as u32, proof, self.now, 0) {
                    here.asks_ns = self.now;
                }
            }
            _ => {}
        }
        if self.slots[slot].asks_ns <= self.now {
            self.dial(slot);
        }
    }

    /// The dial of the slot goes on, and those that wake for it.
    fn dial(&mut self, slot: usize) {
        let next = self.healing.next(slot as u32, &Pause::default(), self.now);
        let here = &mut self.slots[slot];
        here.connects |= next == Next::Dial;
        here.asks_ns = if let Next::At(ns) = next { ns } else { NEVER };
        while let Some(slot) = self.healing.next_wake() {
            self.dial(slot as usize);
        }
    }

    /// The dial has brought a connection, which serves at once: no exchange is in flight.
    fn come_up(&mut self, slot: usize, announced: Announced) {
        assert!(self.slots[slot].connects, "a connection that nobody has dialled");
        if self.healing.dialled(slot as u32) == Place::Taken {
            let after = self.healing.lost(slot as u32, &loss(true), 0, self.now, 0);
            assert_eq!(after, AfterLoss::Replaced);
        }
        self.healing.came_up(slot as u32, &Pause::default(), self.now);
        let mut maintenance = ConnectionMaintenance::new(self.now, self.random.next());
        maintenance.heard(announced);
        self.slots[slot] =
            Slot { maintenance, live: true, replaces: false, asks_ns: NEVER, connects: false };
    }

    fn lose(&mut self, slot: usize, reason: CloseReason) {
        let here = &mut self.slots[slot];
        if !std::mem::take(&mut here.live) {
            return;
        }
        let loss = Loss { reason, ..loss(false) };
        match self.healing.lost(slot as u32, &loss, 0, self.now, 0) {
            AfterLoss::DialGoesOn => {}
            AfterLoss::DialAnew => (here.asks_ns, here.connects) = (self.now, false),
            AfterLoss::Replaced => panic!("nothing has replaced it"),
        }
    }
}

/// The loss of a connection that was of use.
fn loss(replaced: bool) -> Loss {
    let reason = CloseReason::MaxAge;
    Loss { reason, lifetime_ns: S, answered: true, replaced, unheard_since_ns: 0 }
}

#[test]
fn limits_that_can_be_kept_leave_every_slot_live_and_losses_heal_at_once() {
    let rules = Rules { idle_limit_ns: 50 * S, ..Rules::default() };
    for seed in 0..20 {
        let seen = watch(seed, &rules, Announced::default(), 5);
        assert_eq!(seen.fewest, SLOTS, "seed {seed}: {seen:?}");
        assert_eq!(seen.longest_down_ns, STEP_NS, "seed {seed}: {seen:?}");
    }
    let dials = ConnectionMaintenance::new(0, 0).dials_at_rest(&rules) * SLOTS as u64;
    assert!(dials < 5_000, "and it is said that they can be kept: {dials} in a thousand seconds");
}

#[test]
fn losses_heal_at_once_also_while_replacements_take_all_dials_that_they_may() {
    // Twenty times what the dial limit allows. Age never ends a connection that has no successor.
    let rules = Rules { max_age_ns: S, ..Rules::default() };
    for seed in 0..5 {
        let seen = watch(seed, &rules, Announced::default(), 5);
        assert_eq!(seen.fewest, SLOTS, "seed {seed}: {seen:?}");
        assert_eq!(seen.longest_down_ns, STEP_NS, "seed {seed}: {seen:?}");
    }
}

#[test]
fn it_is_told_when_limits_cannot_be_kept() {
    let announced = Announced { timeout_ns: Some(5 * S), requests_left: None };
    let none = Rules::default();
    let needed = |rules| {
        let mut maintenance = ConnectionMaintenance::new(0, 0);
        maintenance.heard(announced);
        (maintenance.dials_at_rest(rules) * SLOTS as u64).div_ceil(1_000)
    };
    assert!(watch(1, &none, announced, 5).average < 40.0, "5 dials a second are too few");
    assert_eq!(needed(&none), 17);
    let enough = watch(1, &none, announced, 20);
    assert!(enough.average > SLOTS as f64 - 0.5, "{enough:?}");
    // With heartbeats none is needed at all.
    assert_eq!(needed(&Rules { heartbeat_ns: 2 * S, ..none }), 0);
}
