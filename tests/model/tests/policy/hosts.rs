//! Pools that share a host with limits: their dials, by seed. Losses, failed dials, replacements
//! and pauses come at random times.
//!
//! Each slot asks when it is woken or its time has come, and only then. So a wake that is missing
//! stops it for ever, and the end of a run finds it.

use std::sync::{Arc, Mutex};

use venuepool_model::error::CloseReason;
use venuepool_model::pool::backoff::Bounds;
use venuepool_model::pool::connection_state::{Loss, Proof};
use venuepool_model::pool::dial_limit::{DialLimit, Purpose};
use venuepool_model::pool::healing::{AfterLoss, Healing, Next};
use venuepool_model::pool::host_limits::{Answer, Gate, HostLimits, Limits};
use venuepool_model::pool::pause::Pause;

use crate::world::{MS, Random, S};

const SEEDS: u64 = 1_000;
const EVENTS: u64 = 300;
const NEVER: u64 = u64::MAX;
const BOUNDS: Bounds = Bounds { first_ns: 100 * MS, max_ns: 1_000 * MS };
const PROOF: Proof = Proof { answered: true, lifetime_ns: S };

/// The host, as one pool sees it.
#[derive(Debug)]
struct Seen(Arc<Mutex<HostLimits>>, u32);

impl Gate for Seen {
    fn ask(&mut self, slot: u32, purpose: Purpose, now_ns: u64) -> Answer {
        self.0.lock().unwrap().ask(self.1, slot, purpose, now_ns)
    }

    fn leave(&mut self, purpose: Purpose) {
        self.0.lock().unwrap().leave(self.1, purpose);
    }
}

/// What a slot waits for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// It has asked. It asks again when it is woken, or at that time.
    Asked(u64),
    /// Its dial ends at that time.
    Dials(u64),
    /// It has no dial.
    Rests,
}

struct Slot {
    state: State,
    is_up: bool,
}

struct Pool {
    healing: Healing,
    pause: Pause,
    slots: Vec<Slot>,
}

struct World {
    random: Random,
    limits: Limits,
    host: Arc<Mutex<HostLimits>>,
    pools: Vec<Pool>,
    now: u64,
    /// When dials were let in.
    granted_ns: Vec<u64>,
    dials_fail: bool,
}

impl Pool {
    fn new(host: &Arc<Mutex<HostLimits>>, number: u32, slots: u32) -> Self {
        let mut healing = Healing::new(slots, BOUNDS, vec![DialLimit::new(slots, 1_000, 0)]);
        let gate: Box<dyn Gate> = Box::new(Seen(Arc::clone(host), number));
        healing.share_host([gate]);
        (0..slots).for_each(|slot| healing.begin(slot, S, 0));
        let slot = |_| Slot { state: State::Asked(S), is_up: false };
        Self { healing, pause: Pause::default(), slots: (0..slots).map(slot).collect() }
    }

    fn live(&self) -> usize {
        self.slots.iter().filter(|slot| slot.is_up).count()
    }

    /// The connections that it has, and those that are dialled.
    fn places(&self) -> u32 {
        let of_slot =
            |slot: &Slot| u32::from(slot.is_up) + u32::from(matches!(slot.state, State::Dials(_)));
        self.slots.iter().map(of_slot).sum()
    }

    /// The slot to which something happens next, and when.
    fn due(&self) -> (u64, usize) {
        let of_slot = |(slot, here): (usize, &Slot)| match here.state {
            State::Asked(ns) | State::Dials(ns) => (ns, slot),
            State::Rests => (NEVER, slot),
        };
        self.slots.iter().enumerate().map(of_slot).min().expect("it has slots")
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let dials_per_second = random.one_of(&[0, 1, 3, 20]);
        let limits = Limits { dials_per_second, connections: random.one_of(&[0, 1, 4, 9]) };
        let host = Arc::new(Mutex::new(HostLimits::new(limits)));
        let pools = 0..random.within(1, 4) as u32;
        let pools = pools.map(|pool| Pool::new(&host, pool, random.within(1, 3) as u32)).collect();
        let (now, granted_ns, dials_fail) = (S, Vec::new(), true);
        Self { random, limits, host, pools, now, granted_ns, dials_fail }
    }

    fn places(&self) -> u32 {
        self.pools.iter().map(Pool::places).sum()
    }

    fn give_back(&mut self, pool: usize) {
        self.host.lock().unwrap().give_back(pool as u32);
    }

    fn ask(&mut self, pool: usize, slot: usize) {
        let its = &mut self.pools[pool];
        let next = its.healing.next(slot as u32, &its.pause, self.now);
        its.slots[slot].state = match next {
            Next::Dial => State::Dials(self.now + self.random.within(1, 300) * MS),
            Next::At(ns) => State::Asked(ns),
            Next::WhenWoken | Next::NoPlace => State::Asked(NEVER),
        };
        if next == Next::Dial {
            self.let_in();
        }
    }

    /// A dial was let in: no limit is passed by it.
    fn let_in(&mut self) {
        self.granted_ns.push(self.now);
        let Limits { dials_per_second, connections } = self.limits;
        assert!(connections == 0 || self.places() <= connections, "one connection too many");
        if dials_per_second > 0 {
            let before = self.granted_ns.iter().rev().nth(dials_per_second as usize);
            assert!(before.is_none_or(|ns| self.now - ns >= S), "one dial too many");
        }
    }

    fn dial_ends(&mut self, pool: usize, slot: usize) {
        let fails = self.dials_fail && self.random.percent(30);
        let (its, number, now) = (&mut self.pools[pool], slot as u32, self.now);
        let here = &mut its.slots[slot];
        if fails {
            here.state = State::Asked(its.healing.dial_failed(number, now, self.random.next()));
            return self.give_back(pool);
        }
        its.healing.dialled(number);
        here.state = State::Rests;
        if std::mem::replace(&mut here.is_up, true) {
            // The old connection is closed.
            assert_eq!(its.healing.lost(number, &loss(true), 0, now, 0), AfterLoss::Replaced);
            self.give_back(pool);
        }
    }

    fn lose(&mut self, pool: usize, slot: usize) {
        let its = &mut self.pools[pool];
        its.slots[slot].is_up = false;
        let after = its.healing.lost(slot as u32, &loss(false), 0, self.now, 0);
        if after == AfterLoss::DialAnew {
            its.slots[slot].state = State::Asked(self.now);
        }
        self.give_back(pool);
    }

    /// Something happens to one of the slots.
    fn disturb(&mut self) {
        let pool = self.random.next() as usize % self.pools.len();
        let its = &mut self.pools[pool];
        let slot = self.random.next() as usize % its.slots.len();
        let here = &mut its.slots[slot];
        match self.random.within(0, 5) {
            0 if here.is_up => self.lose(pool, slot),
            1 | 2 if here.is_up && here.state == State::Rests => {
                assert!(its.healing.replacement_wanted(slot as u32, PROOF, self.now, 0));
                here.state = State::Asked(self.now);
            }
            3 => {
                its.pause.begin(self.now, self.random.within(0, 2_000) * MS, true);
            }
            _ => {}
        }
    }

    /// Goes on for so long: whoever is woken, or whose time comes, goes on.
    fn pass(&mut self, ns: u64) {
        let until_ns = self.now + ns;
        loop {
            while let Some((pool, slot)) = self.next_wake() {
                if matches!(self.pools[pool].slots[slot].state, State::Asked(_)) {
                    self.ask(pool, slot);
                }
            }
            let due = self.pools.iter().map(Pool::due).enumerate();
            let due = due.min_by_key(|(_, (ns, _))| *ns);
            let (pool, (ns, slot)) = due.expect("there is a pool");
            if ns > until_ns {
                return self.now = until_ns;
            }
            self.now = self.now.max(ns);
            match self.pools[pool].slots[slot].state {
                State::Dials(_) => self.dial_ends(pool, slot),
                State::Asked(_) | State::Rests => self.ask(pool, slot),
            }
        }
    }

    fn next_wake(&mut self) -> Option<(usize, usize)> {
        for (pool, its) in self.pools.iter_mut().enumerate() {
            if let Some(slot) = its.healing.next_wake() {
                return Some((pool, slot as usize));
            }
        }
        let (pool, slot) = self.host.lock().unwrap().next_wake()?;
        Some((pool as usize, slot as usize))
    }
}

fn loss(replaced: bool) -> Loss {
    let reason = CloseReason::IdleReset;
    Loss { reason, lifetime_ns: MS, answered: true, replaced, unheard_since_ns: 0 }
}

#[test]
fn pools_of_a_host_keep_to_its_limits_and_no_slot_is_forgotten() {
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        for _ in 0..EVENTS {
            world.disturb();
            let ns = world.random.within(0, 200) * MS;
            world.pass(ns);
        }
        // Nothing happens any more: every slot has what it wants, or all places are taken.
        world.dials_fail = false;
        world.pass(100 * S);
        let (taken, limit) = (world.places(), world.limits.connections);
        let slots = world.pools.iter().flat_map(|pool| &pool.slots);
        let waiting = slots.filter(|slot| slot.state != State::Rests).count();
        assert!(waiting == 0 || taken == limit, "seed {seed}: {waiting} wait, {taken} are taken");
        // What is given back goes to a pool that has none.
        let without = |world: &World| world.pools.iter().filter(|pool| pool.live() == 0).count();
        while limit as usize >= world.pools.len() && without(&world) > 0 {
            let before = without(&world);
            let rich = world.pools.iter().position(|pool| pool.live() > 1);
            let rich = rich.expect("there are places for all pools");
            let up = world.pools[rich].slots.iter().position(|slot| slot.is_up);
            world.lose(rich, up.expect("it is live"));
            world.pass(100 * S);
            assert!(without(&world) < before, "seed {seed}: it has gone to a pool that has some");
        }
    }
}
