//! The slots of a session, event by event.

use super::*;

const S: u64 = 1_000_000_000;

const RULES: StandbyRules = StandbyRules { slots: 2, max_age_ns: 100 * S, drain_ns: 5 * S };

fn none(_: usize) -> bool {
    false
}

/// Both slots are logged in, and the first one is live.
fn two() -> Standby {
    let mut standby = Standby::new(RULES);
    assert_eq!((standby.slots(), standby.step(0, none)), (3, Step::Wait(None)));
    standby.ready(0, 0, 0);
    assert_eq!(standby.step(0, none), Step::Up(0));
    standby.ready(1, S, 0);
    assert_eq!(standby.step(S, none), Step::Wait(Some(100 * S)));
    standby
}

#[test]
fn a_line_that_is_ready_takes_over_at_once_and_the_lost_one_heals() {
    let mut standby = two();
    assert!(standby.is_told(0) && !standby.is_told(1) && standby.ready_lines() == 1);
    assert_eq!(standby.lost(0), Then::Heals);
    assert_eq!(standby.step(2 * S, none), Step::Switch { from: 0, to: 1, is_rotation: false });
    assert!(standby.is_told(1) && !standby.is_told(0));
    standby.ready(0, 3 * S, 0);
    assert_eq!((standby.live(), standby.ready_lines()), (Some(1), 1));
}

#[test]
fn without_a_line_that_is_ready_the_session_is_down_until_one_is() {
    let mut standby = two();
    assert_eq!((standby.lost(1), standby.lost(0)), (Then::Heals, Then::Heals));
    assert_eq!((standby.step(2 * S, none), standby.live()), (Step::Wait(None), None));
    assert!(standby.is_told(0) && standby.is_told(1));
    standby.ready(1, 3 * S, 0);
    assert_eq!(standby.step(3 * S, none), Step::Up(1), "no switch: it was down");
}

#[test]
fn an_old_line_is_replaced_before_it_leaves_and_leaves_behind_its_calls() {
    let mut standby = two();
    assert_eq!(standby.step(100 * S, none), Step::Open(2));
    assert_eq!(standby.step(100 * S, none), Step::Wait(None));
    assert_eq!(standby.live(), Some(0), "it serves until then");
    assert_eq!([0, 1, 2].map(|slot| standby.is_replacement(slot)), [false, false, true]);
    standby.ready(2, 101 * S, 0);
    let switch = Step::Switch { from: 0, to: 2, is_rotation: true };
    assert_eq!(standby.step(101 * S, none), switch);
    assert!(standby.is_told(0) && standby.is_leaving(0) && standby.is_told(2));
    let calls = |slot| slot == 0;
    assert_eq!(standby.step(101 * S, calls), Step::Wait(Some(106 * S)));
    assert_eq!(standby.step(102 * S, none), Step::Close(0));
    assert_eq!(standby.lost(0), Then::Rests);
    // And then the one that waits.
    assert_eq!(standby.step(102 * S, none), Step::Open(0));
    standby.ready(0, 103 * S, 0);
    assert_eq!(standby.step(103 * S, none), Step::Close(1));
    assert_eq!((standby.live(), standby.lost(1)), (Some(2), Then::Rests));
    assert_eq!(standby.step(103 * S, none), Step::Wait(Some(201 * S)));
}

#[test]
fn calls_that_are_not_answered_hold_it_up_for_so_long() {
    let mut standby = two();
    standby.step(100 * S, none);
    standby.ready(2, 101 * S, 0);
    standby.step(101 * S, none);
    let calls = |slot| slot == 0;
    assert_eq!(standby.step(106 * S - 1, calls), Step::Wait(Some(106 * S)));
    assert_eq!(standby.step(106 * S, calls), Step::Close(0));
}

#[test]
fn a_line_that_is_lost_while_it_is_replaced_leaves_its_place() {
    let mut standby = two();
    standby.step(100 * S, none);
    assert_eq!(standby.lost(0), Then::Rests);
    assert_eq!(standby.step(100 * S, none), Step::Switch { from: 0, to: 1, is_rotation: false });
    standby.ready(2, 100 * S, 0);
    assert_eq!((standby.live(), standby.ready_lines()), (Some(1), 1));
    assert!(standby.is_spare(0));
}

#[test]
fn a_replacement_that_fails_goes_on_and_the_old_line_serves() {
    let mut standby = two();
    standby.step(100 * S, none);
    assert_eq!(standby.lost(2), Then::Heals);
    assert_eq!((standby.step(500 * S, none), standby.live()), (Step::Wait(None), Some(0)));
    standby.ready(2, 500 * S, 0);
    assert!(matches!(standby.step(500 * S, none), Step::Switch { from: 0, to: 2, .. }));
}

#[test]
fn the_time_of_a_replacement_is_left_to_chance_within_a_fifth() {
    for (random, due_ns) in [(0, 100 * S), (u64::MAX / 2, 90 * S), (u64::MAX, 80 * S)] {
        let mut standby = Standby::new(StandbyRules { slots: 1, ..RULES });
        standby.ready(0, 0, random);
        standby.step(0, none);
        let Step::Wait(Some(until_ns)) = standby.step(0, none) else { panic!() };
        assert!(until_ns.abs_diff(due_ns) <= 1, "{until_ns}");
    }
}

#[test]
fn a_line_that_the_peer_closes_is_left_at_once_and_another_one_comes_for_it() {
    let mut standby = Standby::new(StandbyRules { max_age_ns: 0, ..RULES });
    standby.ready(0, 0, 0);
    standby.step(0, none);
    standby.going(0, 1);
    assert_eq!(
        (standby.live(), standby.step(1, none)),
        (Some(0), Step::Wait(None)),
        "none is ready"
    );
    standby.ready(1, 1, 0);
    standby.going(0, 2);
    assert_eq!(standby.step(2, none), Step::Switch { from: 0, to: 1, is_rotation: false });
    assert_eq!((standby.step(2, none), standby.is_told(0)), (Step::Wait(None), true));
    assert_eq!((standby.lost(0), standby.step(3, none)), (Then::Rests, Step::Open(0)));
    assert_eq!(standby.step(3, none), Step::Wait(None));
}

#[test]
fn without_an_age_there_is_no_spare_line() {
    let mut standby = Standby::new(StandbyRules { slots: 1, max_age_ns: 0, drain_ns: 0 });
    assert_eq!(standby.slots(), 1);
    standby.ready(0, 0, 7);
    assert_eq!(
        (standby.step(0, none), standby.step(u64::MAX, none)),
        (Step::Up(0), Step::Wait(None))
    );
}

#[test]
fn a_line_that_waits_and_is_closed_by_the_peer_takes_nothing_over() {
    let mut standby = two();
    standby.going(1, 2 * S);
    assert_eq!((standby.lost(0), standby.step(2 * S, none)), (Then::Heals, Step::Wait(None)));
    assert_eq!((standby.lost(1), standby.live()), (Then::Heals, None));
    standby.ready(1, 3 * S, 0);
    assert_eq!(standby.step(3 * S, none), Step::Up(1));
}
