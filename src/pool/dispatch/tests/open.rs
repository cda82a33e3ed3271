//! The rules of the drain one by one.

use super::*;
use crate::pool::lanes::LaneRule;

const BUT_ORDERS: LaneSet = but(Lane::Orders);

/// All lanes but one.
const fn but(lane: Lane) -> LaneSet {
    match LaneSet::from_bits(LaneSet::ALL.bits() & !(1 << lane as u32)) {
        Some(lanes) => lanes,
        None => LaneSet::NONE,
    }
}

const fn of(lane: Lane) -> Due {
    Due { lane, ..DUE }
}

fn in_lane(lane: Lane, ticket: u64) -> Queued<&'static str> {
    Queued { ticket, deadline_ns: 1_000, due: of(lane), request: "waits" }
}

fn ends(lane: Lane, end: End) -> Option<Action<&'static str, &'static str>> {
    Some(Action::End(Waiter::Request("waits", of(lane)), end))
}

#[test]
fn a_drain_refuses_orders_and_goes_on_with_the_lanes_that_are_open() {
    let mut dispatcher = live(8);
    let lease = dispatcher.lease(Source::ANY, 0).unwrap();
    assert_eq!(dispatcher.open_lanes(), LaneSet::ALL);
    assert!(dispatcher.drain(BUT_ORDERS) && dispatcher.drain(BUT_ORDERS));
    assert_eq!((dispatcher.open_lanes(), dispatcher.is_closed()), (BUT_ORDERS, false));
    let (orders, draining) = (of(Lane::Orders), Err(Refusal::Draining));
    assert_eq!(dispatcher.checkout(&orders, 0), draining);
    assert_eq!(dispatcher.begin(lease, &orders, 0), draining, "on a lease, too");
    assert_eq!(dispatcher.enqueue(in_lane(Lane::Orders, 1), 0), draining.map(|_| ()));
    let behind = dispatcher.enqueue_behind(lease, in_lane(Lane::Orders, 2), 0);
    assert_eq!(behind, draining.map(|_| ()));
    assert_eq!(
        dispatcher.lease(Source::ANY, 0),
        Err(Refusal::Draining),
        "a lease counts as an order"
    );
    assert_eq!(
        dispatcher.enqueue_caller(3, Source::ANY, u64::MAX, "sleeps", 0),
        draining.map(|_| ())
    );
    for want in [Want::Idle, Want::IdleOrQueue, Want::Leased(lease)] {
        let route = dispatcher.route(want, &orders, 0);
        assert_eq!(route, Route::Refuse(Refusal::Draining), "{want:?}");
    }
    for lane in [Lane::Urgent, Lane::Queries, Lane::Background] {
        let slot = dispatcher.begin(lease, &of(lane), 0).unwrap();
        finish(&mut dispatcher, slot);
        let slot = dispatcher.checkout(&of(lane), 0).unwrap();
        finish(&mut dispatcher, slot);
    }
    dispatcher.release(lease).unwrap();
    assert_eq!(dispatcher.counts().idle, 8);
}

#[test]
fn a_drain_ends_what_waits_in_the_lanes_that_it_closes() {
    let mut dispatcher = busy(1);
    dispatcher.enqueue(in_lane(Lane::Orders, 1), 0).unwrap();
    dispatcher.enqueue(in_lane(Lane::Queries, 2), 0).unwrap();
    dispatcher.enqueue_caller(3, Source::ANY, u64::MAX, "sleeps", 0).unwrap();
    assert_eq!(dispatcher.counts().outstanding(), 4);
    dispatcher.drain(BUT_ORDERS);
    assert_eq!(dispatcher.next(0), ends(Lane::Orders, End::Draining));
    let caller = Waiter::Caller("sleeps");
    assert_eq!(dispatcher.next(0), Some(Action::End(caller, End::Draining)));
    assert_eq!((dispatcher.next(0), dispatcher.counts().outstanding()), (None, 2));
    finish(&mut dispatcher, 0);
    assert_eq!(dispatcher.next(0), Some(Action::Send(0, in_lane(Lane::Queries, 2))));
    dispatcher.drain(LaneSet::NONE);
    assert!(!dispatcher.sent(2), "it is in flight, and goes on");
    finish(&mut dispatcher, 0);
    assert_eq!(dispatcher.counts().outstanding(), 0);
}

#[test]
fn an_order_that_was_under_way_when_the_drain_began_does_not_wait_again() {
    let mut dispatcher = busy(2);
    dispatcher.enqueue(in_lane(Lane::Orders, 1), 0).unwrap();
    finish(&mut dispatcher, 0);
    let Some(Action::Send(0, order)) = dispatcher.next(0) else { panic!("it has the slot") };
    dispatcher.drain(BUT_ORDERS);
    assert_eq!(dispatcher.counts().outstanding(), 2, "it may still go out");
    assert_eq!(dispatcher.not_sent(0, NoStart::Lost(1), order), None);
    assert_eq!(dispatcher.next(0), ends(Lane::Orders, End::Draining));
    let route = dispatcher.reroute(Want::IdleOrQueue, &DUE, 1, NoStart::Lost(1), 0);
    assert_eq!(route, Route::Refuse(Refusal::Draining), "nor on the caller's own thread");
}

#[test]
fn a_drain_ends_an_order_behind_a_heartbeat_and_heartbeats_go_on() {
    let (mut dispatcher, lease) = behind();
    assert_eq!(dispatcher.counts().outstanding(), 1, "heartbeats are not counted");
    dispatcher.drain(LaneSet::NONE);
    let order = Waiter::Request("behind", DUE);
    assert_eq!(dispatcher.next(0), Some(Action::End(order, End::Draining)));
    finish(&mut dispatcher, lease.slot);
    assert_eq!(dispatcher.counts().outstanding(), 0);
    assert!(dispatcher.heartbeat(lease.slot, 0), "the connection stays good");
}

#[test]
fn a_drain_only_closes_lanes_and_not_after_the_end() {
    let mut dispatcher = live(1);
    assert!(dispatcher.drain(LaneSet::ALL));
    assert_eq!(dispatcher.open_lanes(), LaneSet::ALL);
    dispatcher.drain(but(Lane::Orders));
    dispatcher.drain(but(Lane::Background));
    let open: Vec<_> = Lane::ALL.into_iter().filter(|l| dispatcher.open_lanes().has(*l)).collect();
    assert_eq!(open, [Lane::Urgent, Lane::Queries]);
    assert_eq!(dispatcher.checkout(&DUE, 0), Err(Refusal::Draining));
    dispatcher.close();
    assert!(!dispatcher.drain(LaneSet::ALL));
    assert_eq!(dispatcher.open_lanes(), LaneSet::NONE);
    assert_eq!(dispatcher.checkout(&DUE, 0), Err(Refusal::Closed), "the end lasts longer");
    assert!(!dispatcher.heartbeat(0, 0));
}

#[test]
fn in_a_pause_a_drain_is_told_to_the_lanes_that_it_closes() {
    let mut rules = LaneRules::with_capacity(8);
    let exempt = LaneRule { reserved_slots: 0, queue_capacity: 8, through_pause: true };
    rules.set(Lane::Urgent, exempt);
    rules.set(Lane::Orders, exempt);
    let mut dispatcher: Named = Dispatcher::new(1, 0, rules, Estimate::Measured);
    for (ticket, lane) in (1..).zip(Lane::ALL) {
        dispatcher.enqueue(in_lane(lane, ticket), 0).unwrap();
    }
    dispatcher.suspend(Scope::Pool, 0, 100, false);
    dispatcher.drain(but(Lane::Orders).and(but(Lane::Background)));
    assert_eq!(dispatcher.next(0), ends(Lane::Orders, End::Draining), "though it is exempt");
    assert_eq!(dispatcher.next(0), ends(Lane::Queries, End::Suspended));
    assert_eq!(dispatcher.next(0), ends(Lane::Background, End::Draining));
    assert_eq!(dispatcher.enqueue(in_lane(Lane::Queries, 5), 0), Err(Refusal::Suspended));
    assert_eq!((dispatcher.next(0), dispatcher.counts().waiting), (None, 1));
    dispatcher.came_up(0, 1);
    assert_eq!(dispatcher.next(0), Some(Action::Send(0, in_lane(Lane::Urgent, 1))));
}

#[test]
fn outcome_and_status_of_a_drain_have_names_of_their_own() {
    assert_eq!(End::Draining.outcome(), crate::error::Outcome::Draining);
    assert_eq!(End::Draining.status(), crate::error::Status::ERR_DRAINING);
    assert_eq!(crate::error::Status::from(Refusal::Draining), End::Draining.status());
}
