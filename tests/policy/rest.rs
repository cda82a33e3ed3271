//! Many connections at rest: their limits ask for replacements, losses come on top, and both share
//! one dial limit. Put together as src/driver/slot_task.rs and src/driver/maintenance.rs do it, in
//! steps of ten milliseconds; a dial takes one step.

use venuepool::pool::dial_limit::DialLimit;
use venuepool::pool::upkeep::{Action, Announced, Rules, Upkeep};

use crate::world::{MS, Random, S};

const SLOTS: usize = 64;
const STEP_NS: u64 = 10 * MS;

/// A slot that is live, or waits for its dial.
struct Slot {
    upkeep: Upkeep,
    live: bool,
    replaces: bool,
    /// A dial is under way.
    dials: bool,
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
    let mut random = Random(seed);
    let mut limit = DialLimit::new(SLOTS as u32, per_second, random.next());
    let mut slots: Vec<_> = (0..SLOTS).map(|_| born(S, announced, &mut random)).collect();
    (0..SLOTS).for_each(|_| limit.take(S).unwrap());
    let (mut fewest, mut sum, mut steps) = (SLOTS, 0, 0);
    let (mut lost_ns, mut longest_down_ns) = (0, 0);
    for now in (S..301 * S).step_by(STEP_NS as usize) {
        if now % (60 * S) == 0 {
            slots.iter_mut().take(8).for_each(|slot| slot.live = false);
            lost_ns = now;
        }
        for slot in &mut slots {
            step(slot, rules, announced, now, &mut limit, &mut random);
        }
        let live = slots.iter().filter(|slot| slot.live).count();
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

fn born(now: u64, announced: Announced, random: &mut Random) -> Slot {
    let mut upkeep = Upkeep::new(now, random.next());
    upkeep.heard(announced);
    Slot { upkeep, live: true, replaces: false, dials: false }
}

fn step(
    slot: &mut Slot,
    rules: &Rules,
    announced: Announced,
    now: u64,
    limit: &mut DialLimit,
    random: &mut Random,
) {
    if slot.dials {
        *slot = born(now, announced, random);
    }
    match slot.upkeep.action(rules, now, slot.replaces) {
        Ok(Action::Retire(_)) => (slot.live, slot.replaces) = (false, false),
        Ok(Action::Replace(_)) => slot.replaces = true,
        _ => {}
    }
    let permit = match (slot.live, slot.replaces) {
        (false, _) => limit.take(now),
        (true, true) => limit.take_for_replacement(now),
        (true, false) => return,
    };
    slot.dials = permit.is_ok();
}

#[test]
fn limits_that_can_be_kept_leave_every_slot_live_and_losses_heal_at_once() {
    let rules = Rules { idle_limit_ns: 50 * S, ..Rules::default() };
    for seed in 0..20 {
        let seen = watch(seed, &rules, Announced::default(), 5);
        assert_eq!(seen.fewest, SLOTS, "seed {seed}: {seen:?}");
        assert_eq!(seen.longest_down_ns, STEP_NS, "seed {seed}: {seen:?}");
    }
    let dials = Upkeep::new(0, 0).dials_at_rest(&rules) * SLOTS as u64;
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
        let mut upkeep = Upkeep::new(0, 0);
        upkeep.heard(announced);
        (upkeep.dials_at_rest(rules) * SLOTS as u64).div_ceil(1_000)
    };
    assert!(watch(1, &none, announced, 5).average < 40.0, "5 dials a second are too few");
    assert_eq!(needed(&none), 17);
    let enough = watch(1, &none, announced, 20);
    assert!(enough.average > SLOTS as f64 - 0.5, "{enough:?}");
    // With heartbeats none is needed at all.
    assert_eq!(needed(&Rules { heartbeat_ns: 2 * S, ..none }), 0);
}
