//! The rules of the lanes, one by one.

use super::*;
use crate::lane::Lane::{Background, Orders, Queries, Urgent};

/// So many slots reserved by each lane.
fn shares(reserved: [u32; LANES]) -> Shares {
    let mut rules = LaneRules::with_capacity(8);
    for (lane, reserved_slots) in Lane::ALL.into_iter().zip(reserved) {
        rules.set(lane, LaneRule { reserved_slots, queue_capacity: 8, through_pause: false });
    }
    Shares::new(&rules)
}

fn waiting(lanes: &[Lane]) -> Turns {
    let mut turns = Turns::default();
    lanes.iter().for_each(|lane| turns.note(*lane, true));
    turns
}

/// Whether a lane may take one of so many free slots.
fn of(shares: &Shares, free: usize) -> impl Fn(Lane) -> bool {
    move |lane| shares.may_take(lane, free)
}

/// The lane whose turn it is.
fn lane(next: Option<(Lane, bool)>) -> Option<Lane> {
    next.map(|next| next.0)
}

/// The lanes that may take one of so many free slots.
fn may_take(shares: &Shares, free: usize) -> Vec<Lane> {
    Lane::ALL.into_iter().filter(|lane| shares.may_take(*lane, free)).collect()
}

#[test]
fn lanes_have_numbers() {
    assert_eq!(Lane::from_number(0), Some(Urgent));
    assert_eq!(Lane::from_number(3), Some(Background));
    assert_eq!(Lane::from_number(4), None);
    assert_eq!(Lane::default(), Orders);
}

#[test]
fn without_reservations_every_lane_may_take_the_last_slot() {
    let shares = shares([0; LANES]);
    assert_eq!(may_take(&shares, 1), Lane::ALL);
    assert_eq!(may_take(&shares, 0), []);
}

#[test]
fn a_reserved_slot_is_kept_for_the_lane_and_those_above() {
    let shares = shares([1, 2, 0, 0]);
    assert_eq!(may_take(&shares, 1), [Urgent]);
    assert_eq!(may_take(&shares, 2), [Urgent, Orders]);
    assert_eq!(may_take(&shares, 3), [Urgent, Orders]);
    assert_eq!(may_take(&shares, 4), Lane::ALL);
}

#[test]
fn a_slot_in_use_counts_for_the_reservation_of_its_lane() {
    let mut shares = shares([1, 1, 0, 0]);
    shares.took(Urgent);
    assert_eq!(may_take(&shares, 1), [Urgent, Orders]);
    assert_eq!(may_take(&shares, 2), Lane::ALL);
    // What the urgent lane uses beyond its own counts for the orders.
    shares.took(Urgent);
    assert_eq!(may_take(&shares, 1), Lane::ALL);
    shares.gave_back(Urgent);
    shares.gave_back(Urgent);
    assert_eq!(may_take(&shares, 2), [Urgent, Orders]);
}

#[test]
fn a_slot_in_use_below_does_not_count_for_a_lane_above() {
    let mut shares = shares([1, 0, 0, 0]);
    shares.took(Orders);
    shares.took(Orders);
    shares.took(Background);
    assert_eq!(may_take(&shares, 1), [Urgent]);
}

#[test]
fn the_lane_above_is_served_first() {
    let shares = shares([0; LANES]);
    let turns = waiting(&[Background, Orders]);
    assert_eq!(lane(turns.next(of(&shares, 1))), Some(Orders));
    assert_eq!(turns.next(of(&shares, 0)), None);
    assert_eq!(Turns::default().next(of(&shares, 1)), None);
    assert!(turns.may_pass(Urgent, of(&shares, 1)));
    assert!(!turns.may_pass(Orders, of(&shares, 1)), "somebody of its own lane waits");
    assert!(!turns.may_pass(Queries, of(&shares, 1)), "somebody above waits");
    assert!(!turns.may_pass(Urgent, of(&shares, 0)), "there is no slot");
}

#[test]
fn a_lane_that_may_not_take_the_slot_leaves_it_to_one_that_may() {
    let shares = shares([1, 0, 0, 0]);
    let turns = waiting(&[Background]);
    assert_eq!(turns.next(of(&shares, 1)), None);
    assert_eq!(lane(turns.next(of(&shares, 2))), Some(Background));
    assert!(turns.may_pass(Urgent, of(&shares, 1)));
}

#[test]
fn a_lane_that_was_passed_over_often_gets_the_next_slot() {
    let shares = shares([0; LANES]);
    let mut turns = waiting(&[Orders, Background]);
    for _ in 0..MOST_PASSED {
        assert_eq!(lane(turns.next(of(&shares, 1))), Some(Orders));
        assert!(turns.may_pass(Urgent, of(&shares, 1)));
        turns.served(Orders, of(&shares, 1));
    }
    assert_eq!(lane(turns.next(of(&shares, 1))), Some(Background));
    assert!(!turns.may_pass(Urgent, of(&shares, 1)), "the slot is for the lowest lane");
    turns.served(Background, of(&shares, 1));
    assert_eq!(lane(turns.next(of(&shares, 1))), Some(Orders));
    assert!(turns.may_pass(Urgent, of(&shares, 1)));
}

#[test]
fn an_overdue_lane_that_may_not_take_the_slot_delays_no_other() {
    let mut shares = shares([1, 0, 0, 0]);
    let mut turns = waiting(&[Background]);
    for _ in 0..MOST_PASSED {
        turns.served(Urgent, of(&shares, 2));
    }
    assert!(turns.may_pass(Urgent, of(&shares, 1)));
    assert!(!turns.may_pass(Urgent, of(&shares, 2)));
    shares.took(Urgent);
    assert!(!turns.may_pass(Urgent, of(&shares, 1)));
}

#[test]
fn a_slot_that_a_lane_could_not_have_does_not_count_as_passed() {
    let shares = shares([1, 0, 0, 0]);
    let mut turns = waiting(&[Background]);
    for _ in 0..2 * MOST_PASSED {
        turns.served(Urgent, of(&shares, 1));
    }
    assert!(turns.may_pass(Urgent, of(&shares, 2)));
}

#[test]
fn a_lane_without_waiting_requests_forgets_that_it_was_passed_over() {
    let shares = shares([0; LANES]);
    let mut turns = waiting(&[Orders, Queries]);
    for _ in 0..MOST_PASSED {
        turns.served(Orders, of(&shares, 1));
    }
    turns.note(Queries, false);
    turns.note(Queries, true);
    assert_eq!(lane(turns.next(of(&shares, 1))), Some(Orders));
    turns.note(Orders, false);
    turns.note(Queries, false);
    assert_eq!(turns.next(|_| true), None);
}

#[test]
fn the_lowest_lane_may_not_have_what_all_lanes_above_keep() {
    let mut rules = LaneRules::with_capacity(8);
    let rule = |reserved_slots| LaneRule { reserved_slots, ..*rules.of(Urgent) };
    let (one, two, nine) = (rule(1), rule(2), rule(9));
    rules.set(Urgent, one);
    rules.set(Orders, two);
    rules.set(Background, nine);
    assert_eq!(rules.kept_from_lowest(), 3);
}

#[test]
fn what_is_kept_for_exempt_lanes_is_kept_on_held_slots_first() {
    let shares = shares([2, 1, 0, 0]);
    let is_exempt = |lane| lane == Urgent;
    let open = |open, held| shares.may_take_open(Queries, Free { open, held }, is_exempt);
    assert_eq!([1, 2, 3, 4].map(|free| open(free, 0)), [false, false, false, true]);
    assert_eq!([1, 2, 3].map(|free| open(free, 1)), [false, false, true]);
    assert_eq!([1, 2].map(|free| open(free, 2)), [false, true]);
    assert!(!open(1, 9), "what is kept for the orders is open");
    let is_exempt = |lane| lane == Urgent || lane == Queries;
    let held = |open, held| shares.may_take_held(Queries, Free { open, held }, is_exempt);
    assert_eq!([1, 2, 3].map(|free| held(0, free)), [false, false, true]);
    assert_eq!([1, 2].map(|free| held(2, free)), [false, true], "one open slot is for the orders");
}
