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
    let lease = dispatcher.lease(Source::ANY, 0).unwrap();
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

/// Lanes 0 and 1 of four slots of two sources: urgent requests are exempt from pauses.
fn four_with_exempt(reserved_slots: u32) -> Dispatcher<&'static str, &'static str> {
    let mut rules = LaneRules::with_capacity(8);
    rules.set(Lane::Urgent, LaneRule { reserved_slots, queue_capacity: 8, through_pause: true });
    let mut dispatcher = Dispatcher::new(4, 2, rules, Estimate::Fixed(0));
    (0..4).for_each(|slot| dispatcher.came_up(slot, 1));
    dispatcher
}

fn urgent(source: Option<u32>) -> Due {
    Due { lane: Lane::Urgent, ..due(source) }
}

#[test]
fn a_source_that_is_held_sends_nothing_and_the_other_goes_on() {
    let mut dispatcher = four();
    assert!(!dispatcher.suspend(Scope::Source(1), 0, 100, false));
    assert_eq!(dispatcher.checkout(&due(Some(1)), 99), Err(Refusal::Suspended));
    assert_eq!(dispatcher.enqueue(queued(1, Some(1)), 99), Err(Refusal::Suspended));
    assert_eq!(dispatcher.lease(Source::from_number(1).unwrap(), 99), Err(Refusal::Suspended));
    assert!(!dispatcher.heartbeat(3, 99) && dispatcher.heartbeat(0, 99));
    assert_eq!(dispatcher.checkout(&due(None), 99), Ok(2), "not the one that was used last");
    assert_eq!(dispatcher.checkout(&due(None), 99), Err(Refusal::NoSlot));
    assert_eq!(dispatcher.checkout(&due(None), 100), Ok(3), "the pause is over");
}

#[test]
fn who_may_use_an_open_source_waits_for_it_and_who_may_not_ends() {
    let mut dispatcher = four();
    (0..4).for_each(|_| assert!(dispatcher.checkout(&due(None), 0).is_ok()));
    (1..).zip([Some(1), None, Some(0)]).for_each(|(ticket, source)| {
        dispatcher.enqueue(queued(ticket, source), 0).unwrap();
    });
    dispatcher.suspend(Scope::Source(1), 0, 100, false);
    let ends = Waiter::Request("waits", due(Some(1)));
    assert_eq!(dispatcher.next(0), Some(Action::End(ends, End::Suspended)));
    dispatcher.finished(3, None, 0);
    assert_eq!(dispatcher.next(0), None, "its source is held");
    dispatcher.finished(0, None, 0);
    assert_eq!(dispatcher.next(0), Some(Action::Send(0, queued(2, None))));
    dispatcher.sent(2);
    dispatcher.suspend(Scope::Source(0), 0, 50, false);
    let ends = Waiter::Request("waits", due(Some(0)));
    assert_eq!(dispatcher.next(0), Some(Action::End(ends, End::Suspended)));
    assert_eq!(dispatcher.enqueue(queued(4, None), 49), Err(Refusal::Suspended), "all are held");
    dispatcher.enqueue(queued(4, None), 50).unwrap();
    assert_eq!(dispatcher.next(99), None);
    assert!(dispatcher.resume(Scope::Source(1), 100));
    assert_eq!(dispatcher.next(100), Some(Action::Send(3, queued(4, None))));
}

#[test]
fn an_exempt_lane_goes_through_and_by_an_open_source_first() {
    let mut dispatcher = four_with_exempt(0);
    dispatcher.suspend(Scope::Source(1), 0, 100, false);
    assert_eq!(dispatcher.checkout(&urgent(None), 0), Ok(2));
    assert_eq!(dispatcher.checkout_apart(&[2], &urgent(None), 0), Ok(0));
    assert_eq!(dispatcher.checkout(&urgent(None), 0), Ok(3), "no other is left");
    assert_eq!(dispatcher.checkout(&urgent(Some(1)), 0), Ok(1));
}

#[test]
fn a_slot_that_is_kept_for_an_exempt_lane_may_be_of_a_held_source() {
    let mut dispatcher = four_with_exempt(2);
    dispatcher.suspend(Scope::Source(1), 0, 100, false);
    assert_eq!(dispatcher.checkout(&due(None), 0), Ok(2));
    assert_eq!(dispatcher.checkout(&due(None), 0), Ok(0), "slots 1 and 3 are kept");
    let mut rules = LaneRules::with_capacity(8);
    rules
        .set(Lane::Urgent, LaneRule { reserved_slots: 1, queue_capacity: 8, through_pause: false });
    let mut dispatcher: Dispatcher<&str, &str> = Dispatcher::new(2, 2, rules, Estimate::Fixed(0));
    (0..2).for_each(|slot| dispatcher.came_up(slot, 1));
    dispatcher.suspend(Scope::Source(1), 0, 100, false);
    assert_eq!(dispatcher.checkout(&due(None), 0), Err(Refusal::NoSlot), "it could not use slot 1");
    assert_eq!(dispatcher.checkout(&urgent(None), 0), Ok(0));
}

#[test]
fn a_lease_of_a_held_source_sends_nothing() {
    let mut dispatcher = four();
    let lease = dispatcher.lease(Source::from_number(1).unwrap(), 0).unwrap();
    let other = dispatcher.lease(Source::from_number(0).unwrap(), 0).unwrap();
    assert_eq!((lease.slot, other.slot), (3, 2));
    assert!(dispatcher.heartbeat(3, 0), "it rests");
    dispatcher.enqueue_behind(lease, queued(1, None), 0).unwrap();
    dispatcher.suspend(Scope::Source(1), 0, 100, false);
    let ends = Waiter::Request("waits", due(None));
    assert_eq!(dispatcher.next(0), Some(Action::End(ends, End::Suspended)));
    assert_eq!(dispatcher.begin(lease, &due(None), 0), Err(Refusal::Suspended));
    assert_eq!(dispatcher.begin(other, &due(None), 0), Ok(2));
}

#[test]
fn who_waits_for_a_lease_of_a_source_gets_no_other() {
    let mut dispatcher = four();
    (0..4).for_each(|_| assert!(dispatcher.checkout(&due(None), 0).is_ok()));
    let first = Source::from_number(0).unwrap();
    dispatcher.enqueue_caller(1, first, NEVER, "waits", 0).unwrap();
    dispatcher.finished(3, None, 0);
    assert_eq!(dispatcher.next(0), None);
    dispatcher.finished(2, None, 0);
    let given = dispatcher.next(0);
    assert!(matches!(given, Some(Action::Lease(Lease { slot: 2, .. }, "waits"))), "{given:?}");
}

#[test]
fn an_exempt_lane_passes_a_higher_one_that_may_not_have_the_slot() {
    let mut rules = LaneRules::with_capacity(8);
    let exempt = LaneRule { reserved_slots: 0, queue_capacity: 8, through_pause: true };
    rules.set(Lane::Queries, exempt);
    let mut dispatcher = Dispatcher::new(2, 2, rules, Estimate::Fixed(0));
    (0..2).for_each(|slot| dispatcher.came_up(slot, 1));
    dispatcher.suspend(Scope::Source(1), 0, 100, false);
    assert_eq!(dispatcher.checkout(&due(None), 0), Ok(0));
    dispatcher.enqueue(queued(1, None), 0).unwrap();
    let query = Due { lane: Lane::Queries, ..due(None) };
    assert_eq!(dispatcher.checkout(&query, 0), Ok(1), "its source is held for orders");
    dispatcher.finished(1, None, 0);
    let no_one: Option<Action<&str, &str>> = dispatcher.next(0);
    assert_eq!(no_one, None);
}
