//! Requests that ask for a source.

use super::super::*;
use crate::pool::exchange_time::Estimate;
use crate::pool::lanes::{LaneRule, LaneRules, MOST_PASSED};

/// Four slots that are up, of two sources.
fn four() -> Dispatcher<&'static str, &'static str> {
    let rules = LaneRules::with_capacity(8);
    let mut dispatcher = Dispatcher::new(4, 2, rules, Estimate::Fixed(0));
    (0..4).for_each(|slot| dispatcher.came_up(slot, 1));
    dispatcher
}

fn due(source: Option<u32>) -> Due {
    let source = source.and_then(Source::from_number).unwrap_or_default();
    Due { submit_ns: 0, deadline_ns: NEVER, lane: Lane::Orders, source }
}

fn queued(ticket: u64, source: Option<u32>) -> Queued<&'static str> {
    Queued::new(ticket, due(source), NEVER, "waits")
}

#[test]
fn a_request_goes_on_the_slot_of_its_source_that_was_used_last() {
    let mut dispatcher = four();
    assert_eq!(dispatcher.checkout(&due(Some(0)), 0), Ok(2));
    assert_eq!(dispatcher.checkout(&due(Some(0)), 0), Ok(0));
    assert_eq!(dispatcher.checkout(&due(Some(0)), 0), Err(Refusal::NoSlot), "two are free");
    assert_eq!(dispatcher.checkout(&due(None), 0), Ok(3));
    assert_eq!(dispatcher.checkout(&due(Some(1)), 0), Ok(1));
}

#[test]
fn who_waits_for_a_source_delays_nobody_who_waits_for_another() {
    let mut dispatcher = four();
    (0..4).for_each(|_| assert!(dispatcher.checkout(&due(None), 0).is_ok()));
    dispatcher.enqueue(queued(1, Some(0)), 0).unwrap();
    dispatcher.enqueue(queued(2, Some(1)), 0).unwrap();
    dispatcher.enqueue(queued(3, None), 0).unwrap();
    dispatcher.finished(3, None, 0);
    assert_eq!(dispatcher.checkout(&due(None), 0), Err(Refusal::NoSlot), "it is for the second");
    assert_eq!(dispatcher.next(0), Some(Action::Send(3, queued(2, Some(1)))));
    dispatcher.finished(1, None, 0);
    assert_eq!(dispatcher.next(0), Some(Action::Send(1, queued(3, None))));
    assert_eq!(dispatcher.next(0), None);
    dispatcher.sent(2);
    dispatcher.finished(3, None, 0);
    assert_eq!(dispatcher.checkout(&due(None), 0), Ok(3), "the first does not want it");
    dispatcher.finished(0, None, 0);
    assert_eq!(dispatcher.checkout(&due(Some(0)), 0), Err(Refusal::NoSlot));
    assert_eq!(dispatcher.next(0), Some(Action::Send(0, queued(1, Some(0)))));
}

#[test]
fn a_lease_of_another_source_is_refused_and_stays() {
    let mut dispatcher = four();
    let lease = dispatcher.lease(0).unwrap();
    assert_eq!(lease.slot, 3);
    assert_eq!(dispatcher.begin(lease, &due(Some(0)), 0), Err(Refusal::OtherSource));
    assert_eq!(dispatcher.begin(lease, &due(Some(1)), 0), Ok(3));
}

#[test]
fn a_copy_goes_on_another_slot_of_its_source_or_nowhere() {
    let mut dispatcher = four();
    assert_eq!(dispatcher.checkout_apart(&[2], &due(Some(0)), 0), Ok(0));
    assert_eq!(dispatcher.checkout_apart(&[0], &due(Some(0)), 0), Ok(2));
    assert_eq!(dispatcher.checkout_apart(&[0, 2], &due(Some(0)), 0), Err(Refusal::NoSlot));
}

/// One slot is kept for urgent requests, so of two free ones only the first to be served has one.
#[test]
fn a_lane_that_was_passed_over_on_one_source_is_served_before_lanes_above_it_on_another() {
    let mut rules = LaneRules::with_capacity(8);
    let urgent = LaneRule { reserved_slots: 1, queue_capacity: 8, through_pause: false };
    rules.set(Lane::Urgent, urgent);
    let mut dispatcher: Dispatcher<_, &str> = Dispatcher::new(2, 2, rules, Estimate::Fixed(0));
    (0..2).for_each(|slot| dispatcher.came_up(slot, 1));
    assert_eq!(dispatcher.checkout(&due(Some(0)), 0), Ok(0));
    let background = Due { lane: Lane::Background, ..due(Some(0)) };
    let background = || Queued::new(1, background, NEVER, "waits");
    dispatcher.enqueue(background(), 0).unwrap();
    for ticket in 2..2 + u64::from(MOST_PASSED) {
        dispatcher.enqueue(queued(ticket, Some(0)), 0).unwrap();
        dispatcher.finished(0, None, 0);
        assert_eq!(dispatcher.next(0), Some(Action::Send(0, queued(ticket, Some(0)))));
        dispatcher.sent(ticket);
    }
    dispatcher.enqueue(queued(99, Some(1)), 0).unwrap();
    dispatcher.finished(0, None, 0);
    assert_eq!(dispatcher.next(0), Some(Action::Send(0, background())));
    assert_eq!(dispatcher.next(0), None, "the other slot is kept");
}
