//! Where requests go, and what a turn of a slot means for who waits.

use super::*;
use crate::error::Status;
use crate::pool::slot::{Fate, TurnReport};

#[test]
fn a_request_goes_to_a_slot_or_waits_or_is_refused_as_its_engine_wants() {
    let mut dispatcher = live(1);
    assert_eq!(dispatcher.route(Want::Idle, &DUE, 0), Route::Send(0));
    assert_eq!(dispatcher.route(Want::Idle, &DUE, 0), Route::Refuse(Refusal::NoSlot));
    assert_eq!(dispatcher.route(Want::IdleOrQueue, &DUE, 0), Route::Wait);
    dispatcher.wait(Want::IdleOrQueue, queued(1, 10, "waits"), 0).unwrap();
    finish(&mut dispatcher, 0);
    assert_eq!(dispatcher.next(0), Some(Action::Send(0, queued(1, 10, "waits"))));
    dispatcher.suspend(Scope::Pool, 0, 10, false);
    let refused = Route::Refuse(Refusal::Suspended);
    assert_eq!(dispatcher.route(Want::IdleOrQueue, &DUE, 0), refused);
}

#[test]
fn a_caller_has_a_lease_or_may_wait_for_one_or_is_refused() {
    let mut dispatcher = live(1);
    let LeaseRoute::Given(lease) = LeaseRoute::of(dispatcher.lease(Source::ANY, 0)) else {
        panic!("a slot is free");
    };
    assert_eq!(lease.slot, 0);
    assert_eq!(LeaseRoute::of(dispatcher.lease(Source::ANY, 0)), LeaseRoute::Wait);
    dispatcher.suspend(Scope::Pool, 0, 10, false);
    let refused = LeaseRoute::Refuse(Refusal::Suspended);
    assert_eq!(LeaseRoute::of(dispatcher.lease(Source::ANY, 0)), refused);
}

#[test]
fn a_caller_without_patience_ends_without_a_lease_unless_that_is_on_its_way() {
    let mut dispatcher = live(1);
    let lease = dispatcher.lease(Source::ANY, 0).unwrap();
    for ticket in [1, 2] {
        dispatcher.enqueue_caller(ticket, Source::ANY, NEVER, "sleeps", 0).unwrap();
    }
    dispatcher.release(lease).unwrap();
    assert!(matches!(dispatcher.next(0), Some(Action::Lease(_, "sleeps"))));
    assert!(!dispatcher.cancel(1).is_without_lease(), "it is given one just now");
    assert!(dispatcher.cancel(2).is_without_lease());
    assert_eq!(End::TooLate.status(), Status::ERR_TIMEOUT, "so it is told");
}

#[test]
fn a_request_without_time_ends_and_is_not_refused() {
    let mut dispatcher = live(2);
    let lease = dispatcher.lease(Source::ANY, 0).unwrap();
    let due = Due { deadline_ns: 5, ..DUE };
    for want in [Want::Idle, Want::IdleOrQueue, Want::Leased(lease)] {
        assert_eq!(dispatcher.route(want, &due, 5), Route::End(End::TooLate));
    }
}

#[test]
fn a_request_whose_slot_is_dead_goes_to_the_next_one() {
    let mut dispatcher = live(2);
    assert_eq!(dispatcher.route(Want::Idle, &DUE, 0), Route::Send(1));
    assert_eq!(dispatcher.reroute(Want::Idle, &DUE, 1, NoStart::Lost(1), 0), Route::Send(0));
    let route = dispatcher.reroute(Want::Idle, &DUE, 0, NoStart::Lost(1), 0);
    assert_eq!(route, Route::Refuse(Refusal::NoSlot));
    let counts = dispatcher.counts();
    assert_eq!((counts.live, counts.in_use), (0, 0));
    assert_eq!(dispatcher.route(Want::IdleOrQueue, &DUE, 0), Route::Wait);
}

#[test]
fn a_request_that_is_withdrawn_ends_and_its_slot_is_as_good_as_before() {
    let mut dispatcher = live(1);
    let cancelled = Route::End(End::Cancelled);
    assert_eq!(dispatcher.route(Want::Idle, &DUE, 0), Route::Send(0));
    assert_eq!(dispatcher.reroute(Want::Idle, &DUE, 0, NoStart::Withdrawn, 0), cancelled);
    let want = Want::Leased(dispatcher.lease(Source::ANY, 0).unwrap());
    assert_eq!(dispatcher.route(want, &DUE, 0), Route::Send(0));
    assert_eq!(dispatcher.reroute(want, &DUE, 0, NoStart::Withdrawn, 0), cancelled);
    assert_eq!(dispatcher.counts().live, 1);
    let mut dispatcher = live(1);
    dispatcher.enqueue(queued(1, 10, "first"), 0).unwrap();
    assert!(matches!(dispatcher.next(0), Some(Action::Send(0, _))));
    let ends = dispatcher.not_sent(0, NoStart::Withdrawn, queued(1, 10, "first"));
    assert_eq!(ends, Some((Waiter::Request("first", DUE), End::Cancelled)));
    assert_eq!(dispatcher.counts().idle, 1);
}

#[test]
fn a_request_on_a_leased_slot_has_no_other_slot_to_go_to() {
    let mut dispatcher = live(2);
    let want = Want::Leased(dispatcher.lease(Source::ANY, 0).unwrap());
    assert_eq!(dispatcher.route(want, &DUE, 0), Route::Send(1));
    assert_eq!(dispatcher.reroute(want, &DUE, 1, NoStart::TooLate, 0), Route::End(End::TooLate));
    assert_eq!(dispatcher.route(want, &DUE, 0), Route::Send(1));
    let down = Route::Refuse(Refusal::SlotDown);
    assert_eq!(dispatcher.reroute(want, &DUE, 1, NoStart::Lost(1), 0), down);
    assert_eq!(dispatcher.counts().live, 1, "its connection is known to be gone");
    dispatcher.came_up(1, 2);
    assert_eq!(dispatcher.route(want, &DUE, 0), Route::Send(1));
    dispatcher.close();
    assert_eq!(dispatcher.reroute(want, &DUE, 1, NoStart::TooLate, 0), down, "the pool has ended");
}

#[test]
fn a_request_waits_for_the_end_of_a_heartbeat_on_its_leased_slot() {
    let mut dispatcher = live(1);
    let want = Want::Leased(dispatcher.lease(Source::ANY, 0).unwrap());
    assert!(dispatcher.heartbeat(0, 0));
    assert_eq!(dispatcher.route(want, &DUE, 0), Route::Wait);
    dispatcher.wait(want, queued(1, 10, "behind"), 0).unwrap();
    assert_eq!(dispatcher.route(want, &DUE, 0), Route::Refuse(Refusal::SlotBusy));
    finish(&mut dispatcher, 0);
    assert_eq!(dispatcher.next(0), Some(Action::Send(0, queued(1, 10, "behind"))));
}

#[test]
fn the_end_of_a_turn_frees_its_slot_for_who_waits() {
    let report =
        |fate, epoch, has_ended| TurnReport { fate, epoch, has_ended, spent: None, now_ns: 0 };
    let mut dispatcher = busy(1);
    assert!(!dispatcher.turn_is_over(0, &report(Fate::Kept, 1, true)));
    assert_eq!(dispatcher.counts().idle, 1);
    assert!(!dispatcher.turn_is_over(0, &report(Fate::Lost, 1, false)));
    assert_eq!(dispatcher.counts().live, 0);
    dispatcher.enqueue(queued(1, 10, "waits"), 0).unwrap();
    assert!(dispatcher.turn_is_over(0, &report(Fate::Replaced, 2, false)), "it waits");
    assert_eq!(dispatcher.next(0), Some(Action::Send(0, queued(1, 10, "waits"))));
    assert!(!dispatcher.turn_is_over(0, &report(Fate::Lost, 2, true)));
    let counts = dispatcher.counts();
    assert_eq!((counts.live, counts.in_use, counts.idle), (0, 0, 0));
}
