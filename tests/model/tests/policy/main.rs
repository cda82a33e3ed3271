//! The policy of the pool, all of it together, against a random world and a false clock.
//!
//! Each seed is a pool with settings of its own, thousands of events long; after each event the
//! ledger ([`ledger`]) must agree. In the end the world heals, and the pool must heal within the
//! time that backoff and dial limit allow. `VENUEPOOL_SIM_SEEDS=N` runs N seeds;
//! `VENUEPOOL_SIM_SEED=seed` runs that one and tells all that happens.
//!
//! - `world.rs`: the venue, chance, the settings
//! - `pool.rs`, `steps.rs`, `heal.rs`: hands for src/pool, put together as src/driver and src/tasks
//!   do it
//! - `engine.rs`: what is asked of the pool
//! - `copies.rs`: orders of several copies
//! - `desk.rs`: what the dispatcher must answer
//! - `ledger.rs`: what must come of it
//! - `overload.rs`, `plot.rs`: the same pool under a steady load, and docs/overload.md
//! - `rest.rs`: many connections without a request, and their losses

/// Tells a line, which is made only if somebody listens.
macro_rules! trace {
    ($trace:expr, $($what:tt)*) => {
        if let Some(lines) = &$trace {
            lines.borrow_mut().tell(format!($($what)*));
        }
    };
}

mod copies;
mod desk;
mod engine;
mod heal;
mod hosts;
mod ledger;
mod overload;
mod plot;
mod pool;
mod rest;
mod steps;
mod wire;
mod world;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use venuepool_model::error::{CloseReason, Outcome};
use venuepool_model::lane::{Lane, LaneSet};
use venuepool_model::pool::pause::Scope;

use ledger::{Counts, Ledger};
use pool::Pool;
use world::{MS, Random, S, Setting};

const SEEDS: u64 = 1_200;
const EVENTS: u64 = 2_000;
/// Lines that are shown of a run that failed.
const LAST_LINES: usize = 30;

/// Where a run tells what happens, if it does.
type Trace = Option<Rc<RefCell<Lines>>>;

#[derive(Default)]
pub(crate) struct Lines {
    prints: bool,
    last: VecDeque<String>,
}

impl Lines {
    pub(crate) fn tell(&mut self, line: String) {
        if self.prints {
            println!("{line}");
        }
        self.last.push_back(line);
        if self.last.len() > LAST_LINES {
            self.last.pop_front();
        }
    }
}

/// One pool from its opening until the world and it have healed.
fn run(seed: u64, trace: Trace) -> Counts {
    let mut pool = Pool::new(seed, trace);
    while pool.ledger.counts.events < EVENTS {
        assert!(pool.step(u64::MAX), "engines never rest");
    }
    pool.all_is_well();
    let end_ns = pool.now + healing_ns(&pool);
    trace!(pool.trace, "the world is well, and the pool must be at {} us", end_ns / 1000);
    while !pool.is_well() {
        assert!(pool.step(end_ns), "the world is well, and the pool is not");
        assert!(pool.ledger.counts.events < 100 * EVENTS, "busy with nothing");
    }
    pool.ledger.counts
}

/// How long a pool may take to heal: what is under way ends in failure, the longest delay passes,
/// and each slot waits for its permit, behind all others, with what they replace meanwhile.
fn healing_ns(pool: &Pool) -> u64 {
    let setting = &pool.setting;
    let permits_ns = u64::from(setting.slots + 1) * S / u64::from(setting.dials_per_second);
    let pause_ns = pool.desk.last_until_ns().saturating_sub(pool.now);
    let exchange_ns = setting.request_ns.max(setting.beat_timeout_ns);
    let tries_ns = setting.connect_ns + setting.bounds.max_ns + 2 * permits_ns;
    // A connection that has not proven itself may come to its limit before the others are live.
    let limits = [setting.rules.idle_limit_ns, setting.rules.max_age_ns, setting.idle_close_ns];
    let limit_ns = limits.into_iter().filter(|limit| *limit != 0).min().unwrap_or(0);
    // A pause that the last answers asked for: at most two seconds.
    pause_ns + exchange_ns + 2 * S + tries_ns + limit_ns + 100 * MS
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// Runs a seed that failed once more, to show how it came to that.
fn show(seed: u64) -> ! {
    let lines = Rc::new(RefCell::new(Lines::default()));
    let failed = catch_unwind(AssertUnwindSafe(|| run(seed, Some(Rc::clone(&lines)))));
    for line in &lines.borrow().last {
        println!("{line}");
    }
    assert!(failed.is_err(), "a seed does the same each time");
    panic!("VENUEPOOL_SIM_SEED={seed} shows all of it");
}

#[test]
fn what_the_policy_promises_holds_in_a_random_world() {
    if let Some(seed) = number("VENUEPOOL_SIM_SEED") {
        let lines = Lines { prints: true, ..Lines::default() };
        println!("{:?}", run(seed, Some(Rc::new(RefCell::new(lines)))));
        return;
    }
    let seeds = number("VENUEPOOL_SIM_SEEDS").unwrap_or(SEEDS);
    let (next, failed) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
    let counts = Mutex::new(Counts::default());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= seeds || failed.load(Ordering::SeqCst) != u64::MAX {
                return;
            }
            match catch_unwind(|| run(seed, None)) {
                Ok(found) => counts.lock().unwrap().add(&found),
                Err(_) => {
                    failed.fetch_min(seed, Ordering::SeqCst);
                }
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    match failed.into_inner() {
        u64::MAX => {}
        seed => show(seed),
    }
    let counts = counts.into_inner().unwrap();
    println!("seeds 0..{seeds}: {counts:?}");
    // A world in which one of these is rare tests little.
    let each = [counts.answered / 100, counts.failed / 10, counts.dials / 10, counts.beats];
    let rare = [counts.replaced, counts.recalled, counts.again, counts.late_events, counts.pauses];
    let beats = [counts.leased_beats, counts.behind];
    let sources = [counts.source_pauses, counts.beside_held];
    let drains = [counts.drains, counts.drained];
    let copies = [counts.orders, counts.copies, counts.late_copies];
    let all = each.into_iter().chain(rare).chain(beats).chain(sources).chain(drains).chain(copies);
    assert!(all.min() >= Some(seeds / 100), "{counts:?}");
}

#[test]
fn a_seed_does_the_same_each_time() {
    let [one, two] = [(); 2].map(|()| format!("{:?}", run(7, None)));
    assert_eq!(one, two);
}

#[test]
fn all_slots_dial_when_a_pause_without_connections_ends_before_its_time() {
    for seed in 0..100 {
        let mut pool = Pool::new(seed, None);
        pool.all_is_well();
        pool.begin_pause(Scope::Pool, 3_600 * S, true);
        let until_ns = pool.now + 60 * S;
        while pool.step(until_ns) {}
        let is_down = pool.slots.iter().all(|slot| slot.connection.is_none());
        assert!(is_down, "seed {seed}: connections in a pause without connections");
        pool.resume();
        let end_ns = pool.now + healing_ns(&pool);
        while !pool.is_well() {
            assert!(pool.step(end_ns), "seed {seed}: the pause is over, and the pool is not well");
        }
    }
}

/// The ledger of a pool of one slot, which may dial twice at once, and beat once.
fn ledger() -> Ledger {
    let setting = Setting { slots: 1, dials_per_second: 1, ..Setting::new(&mut Random(1)) };
    Ledger::new(&setting)
}

/// The slot dials, without a delay.
fn dial(ledger: &mut Ledger) {
    ledger.delay(0, 0, 0, S);
    ledger.asks(0, false, S);
    ledger.dial(0, false, S);
    ledger.dialled(0);
}

#[test]
#[should_panic(expected = "3 dials within 0 ns, 2 allowed")]
fn the_ledger_finds_a_dial_too_many() {
    let mut ledger = ledger();
    (0..3).for_each(|_| dial(&mut ledger));
}

#[test]
#[should_panic(expected = "request 0 ends once")]
fn the_ledger_finds_a_second_completion() {
    let mut ledger = ledger();
    ledger.promise(S, Lane::Orders);
    (0..2).for_each(|_| ledger.completed(0, Outcome::Ok, 1));
}

#[test]
#[should_panic(expected = "request 0 was accepted after the drain")]
fn the_ledger_finds_an_order_that_is_accepted_after_the_drain() {
    let mut ledger = ledger();
    ledger.drained(LaneSet::NONE);
    ledger.promise(S, Lane::Orders);
    ledger.completed(0, Outcome::Ok, 1);
}

#[test]
#[should_panic(expected = "2 slots beat, 1 may")]
fn the_ledger_finds_a_heartbeat_too_many() {
    let mut ledger = ledger();
    (0..2).for_each(|_| ledger.beat_begins());
}

#[test]
#[should_panic(expected = "the first dial is at once")]
fn the_ledger_finds_a_first_dial_that_waits() {
    ledger().delay(0, 1, 1, S);
}

#[test]
#[should_panic(expected = "waits for the delay of its replacement")]
fn the_ledger_finds_a_loss_that_waits_for_a_replacement() {
    let mut ledger = ledger();
    dial(&mut ledger);
    ledger.came_up(0);
    ledger.delay(0, 0, 0, S);
    ledger.lost(0, CloseReason::IdleReset, 1, S, 0);
    ledger.learns(0, false);
    ledger.check(S);
}
