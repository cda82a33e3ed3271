//! The rules one by one, alone and with the dials of whole pools. Random events are in
//! tests/model/tests/policy/hosts.rs.

use std::sync::{Arc, Mutex};

use super::*;
use crate::pool::backoff::Bounds;
use crate::pool::connection_state::Proof;
use crate::pool::dial_limit::DialLimit;
use crate::pool::healing::{Healing, Next};
use crate::pool::pause::Pause;

const MS: u64 = 1_000_000;
const S: u64 = SECOND_NS;

#[test]
fn limits_have_a_range() {
    let are_in_range =
        |dials_per_second, connections| Limits { dials_per_second, connections }.are_in_range();
    assert!(are_in_range(0, 0) && are_in_range(1_000, 100_000));
    assert!(!are_in_range(1_001, 0) && !are_in_range(0, 100_001));
}

fn host(dials_per_second: u32, connections: u32) -> HostLimits {
    HostLimits::new(Limits { dials_per_second, connections })
}

fn lost(host: &mut HostLimits, pool: PoolNumber, now_ns: u64) -> Answer {
    host.ask(pool, 0, Purpose::Loss, now_ns)
}

fn wakes(host: &mut HostLimits) -> Vec<(PoolNumber, SlotIndex)> {
    std::iter::from_fn(|| host.next_wake()).collect()
}

#[test]
fn in_any_one_second_there_are_so_many_dials_and_no_more() {
    let mut host = host(3, 0);
    for second in 1..4 {
        let now = second * S;
        assert!((0..3).all(|_| lost(&mut host, 0, now) == Answer::Granted));
        assert_eq!(lost(&mut host, 0, now), Answer::At(now + S));
        assert_eq!(lost(&mut host, 0, now + S - 1), Answer::At(now + S));
    }
}

#[test]
fn a_place_that_is_given_back_wakes_who_is_first_and_nobody_else() {
    let mut host = host(0, 3);
    assert!((0..3).all(|_| lost(&mut host, 0, S) == Answer::Granted));
    assert_eq!(host.ask(0, 7, Purpose::Replacement, S), Answer::NoPlace);
    assert_eq!(host.ask(0, 8, Purpose::Loss, S), Answer::NoPlace, "it has places already");
    assert_eq!(host.ask(1, 9, Purpose::Loss, S), Answer::NoPlace);
    assert_eq!(host.ask(2, 6, Purpose::Loss, S), Answer::NoPlace);
    assert_eq!(wakes(&mut host), []);
    for (gives, pool, slot) in [(0, 1, 9), (0, 2, 6), (1, 0, 8)] {
        host.give_back(gives);
        assert_eq!(wakes(&mut host), [(pool, slot)]);
        assert_eq!(host.ask(pool, slot, Purpose::Loss, S), Answer::Granted);
        assert_eq!(wakes(&mut host), [], "there is no further place");
    }
    host.give_back(2);
    assert_eq!(wakes(&mut host), [(0, 7)], "replacements come last");
    host.give_back(9);
    assert_eq!(host.taken, 2, "that pool has no place");
}

#[test]
fn who_waits_for_a_dial_is_told_when_the_last_place_is_taken() {
    let mut host = host(1, 2);
    assert_eq!(lost(&mut host, 0, S), Answer::Granted);
    assert_eq!(lost(&mut host, 1, S), Answer::At(2 * S));
    assert_eq!(lost(&mut host, 2, S), Answer::Behind(2 * S));
    assert_eq!(lost(&mut host, 0, S), Answer::Behind(3 * S));
    assert_eq!(lost(&mut host, 1, 2 * S), Answer::Granted);
    assert_eq!(wakes(&mut host), [(2, 0), (0, 0)]);
    assert_eq!(lost(&mut host, 2, 2 * S), Answer::NoPlace);
}

#[test]
fn the_first_that_leaves_the_line_wakes_the_next() {
    let mut host = host(1, 0);
    assert_eq!(lost(&mut host, 9, S), Answer::Granted);
    assert_eq!(lost(&mut host, 1, S), Answer::At(2 * S));
    assert!((2..5).all(|pool| matches!(lost(&mut host, pool, S), Answer::Behind(_))));
    host.leave(3, Purpose::Loss);
    assert_eq!(wakes(&mut host), [], "the first still waits");
    host.leave_all(1);
    assert_eq!(wakes(&mut host), [(2, 0)]);
    host.leave(2, Purpose::Loss);
    assert_eq!(wakes(&mut host), [(4, 0)]);
    host.leave(4, Purpose::Replacement);
    assert_eq!(lost(&mut host, 4, 2 * S), Answer::Granted);
}

/// One host, as a pool sees it.
#[derive(Debug)]
struct Seen(Arc<Mutex<HostLimits>>, PoolNumber);

impl Gate for Seen {
    fn ask(&mut self, slot: SlotIndex, purpose: Purpose, now_ns: u64) -> Answer {
        self.0.lock().unwrap().ask(self.1, slot, purpose, now_ns)
    }

    fn leave(&mut self, purpose: Purpose) {
        self.0.lock().unwrap().leave(self.1, purpose);
    }
}

const BOUNDS: Bounds = Bounds { first_ns: 100 * MS, max_ns: 1_000 * MS };
const PROOF: Proof = Proof { answered: true, lifetime_ns: S };

fn of_host(host: &Arc<Mutex<HostLimits>>, pool: PoolNumber, slots: u32) -> Healing {
    let mut healing = Healing::new(slots, BOUNDS, vec![DialLimit::new(slots, 1_000, 0)]);
    let gate: Box<dyn Gate> = Box::new(Seen(Arc::clone(host), pool));
    healing.share_host([gate]);
    (0..slots).for_each(|slot| healing.begin(slot, S, 0));
    healing
}

#[test]
fn all_slots_of_a_pool_that_have_no_connection_are_told_that_there_is_no_place() {
    let shared = Arc::new(Mutex::new(host(0, 1)));
    let mut pool = of_host(&shared, 0, 4);
    let pause = Pause::default();
    assert_eq!(pool.next(0, &pause, S), Next::Dial);
    assert_eq!(pool.next(1, &pause, S), Next::NoPlace);
    assert_eq!(pool.next(2, &pause, S), Next::NoPlace);
    assert_eq!(pool.next_dial_ns(2), u64::MAX);
    let mut other = of_host(&shared, 1, 3);
    let mut paused = Pause::default();
    paused.begin(S, S, true);
    assert_eq!(other.next(0, &paused, S), Next::At(2 * S));
    assert_eq!([1, 2].map(|slot| other.next(slot, &paused, S)), [Next::WhenWoken; 2]);
    assert_eq!(other.next(0, &pause, 2 * S), Next::NoPlace);
    assert_eq!(std::iter::from_fn(|| other.next_wake()).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(other.next(2, &pause, 2 * S), Next::NoPlace);
    // A replacement has a connection that serves meanwhile, and is no failure.
    pool.dialled(0);
    assert!(pool.replacement_wanted(0, PROOF, S, 0));
    assert_eq!(pool.next(0, &pause, S), Next::WhenWoken);
}

#[test]
fn a_pool_in_a_pause_or_beyond_its_own_limit_holds_up_no_other_one() {
    let shared = Arc::new(Mutex::new(host(1, 0)));
    let [mut first, mut second] = [0, 1].map(|pool| of_host(&shared, pool, 2));
    let (open, mut pause) = (Pause::default(), Pause::default());
    assert_eq!(second.next(1, &open, S), Next::Dial);
    assert_eq!(first.next(0, &open, S), Next::At(2 * S));
    assert_eq!(second.next(0, &open, S), Next::WhenWoken);
    pause.begin(S, 60 * S, true);
    assert_eq!(first.next(0, &pause, 2 * S), Next::At(61 * S));
    assert_eq!(wakes(&mut shared.lock().unwrap()), [(1, 0)]);
    assert_eq!(second.next(0, &open, 2 * S), Next::Dial);
}
