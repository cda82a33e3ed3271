//! The rules of the dispatcher one by one; `tests/model/tests/policy` runs them in a random world.

use super::*;

mod apart;
mod lanes;
mod open;
mod route;
mod sources;

/// A request that is never too late.
const DUE: Due =
    Due { submit_ns: 0, deadline_ns: u64::MAX, lane: Lane::Orders, source: Source::ANY };

type Named = Dispatcher<&'static str, &'static str>;

fn down(slots: u32, queue_capacity: usize) -> Named {
    Dispatcher::new(slots, 0, LaneRules::with_capacity(queue_capacity), Estimate::Measured)
}

fn live(slots: u32) -> Named {
    let mut dispatcher = down(slots, 8);
    (0..slots).for_each(|slot| dispatcher.came_up(slot, 1));
    dispatcher
}

/// So many slots, all of them in use.
fn busy(slots: u32) -> Named {
    let mut dispatcher = live(slots);
    for _ in 0..slots {
        dispatcher.checkout(&DUE, 0).unwrap();
    }
    dispatcher
}

fn queued(ticket: u64, deadline_ns: u64, request: &'static str) -> Queued<&'static str> {
    Queued { ticket, deadline_ns, due: DUE, request }
}

fn finish(dispatcher: &mut Named, slot: SlotIndex) {
    dispatcher.finished(slot, None, 0);
}

#[test]
fn checkout_is_lifo() {
    let mut dispatcher = live(3);
    assert_eq!(dispatcher.checkout(&DUE, 0), Ok(2));
    assert_eq!(dispatcher.checkout(&DUE, 0), Ok(1));
    finish(&mut dispatcher, 2);
    assert_eq!(dispatcher.checkout(&DUE, 0), Ok(2));
    assert_eq!(dispatcher.checkout(&DUE, 0), Ok(0));
    assert_eq!(dispatcher.checkout(&DUE, 0), Err(Refusal::NoSlot));
}

#[test]
fn one_that_is_cancelled_is_looked_for_on_the_slots_if_nobody_knows_of_it() {
    let left = || Cancel::<_, &str>::Left(Waiter::Request("waits", DUE));
    for has_copies in [false, true] {
        let ends = AfterCancel::Ends(Waiter::Request("waits", DUE));
        assert_eq!(left().follows(has_copies), ends);
        let marked = Cancel::<&str, &str>::Marked;
        assert_eq!(marked.follows(has_copies), AfterCancel::IsKnown);
    }
    let unknown = || Cancel::<&str, &str>::Unknown;
    assert_eq!(unknown().follows(false), AfterCancel::MayBeOnSlot);
    assert_eq!(unknown().follows(true), AfterCancel::IsKnown, "its copies were cancelled there");
}

#[test]
fn a_caller_that_waits_for_a_lease_may_have_a_deadline() {
    let mut dispatcher = busy(1);
    dispatcher.enqueue_caller(1, Source::ANY, 10, "waits", 0).unwrap();
    dispatcher.enqueue_caller(2, Source::ANY, u64::MAX, "sleeps", 0).unwrap();
    assert_eq!((dispatcher.next_deadline(), dispatcher.next(9)), (Some(10), None));
    let late = Some(Action::End(Waiter::Caller("waits"), End::TooLate));
    assert_eq!((dispatcher.next(10), dispatcher.next(u64::MAX - 1)), (late, None));
}

#[test]
fn the_queue_is_fifo_and_no_request_passes_it() {
    let mut dispatcher = busy(1);
    dispatcher.enqueue(queued(1, 10, "first"), 0).unwrap();
    dispatcher.enqueue_caller(2, Source::ANY, u64::MAX, "second", 0).unwrap();
    assert_eq!(dispatcher.next(0), None, "no slot is free");
    finish(&mut dispatcher, 0);
    assert_eq!(dispatcher.checkout(&DUE, 0), Err(Refusal::NoSlot), "it is the first one's");
    assert_eq!(dispatcher.lease(Source::ANY, 0), Err(Refusal::NoSlot));
    assert!(!dispatcher.heartbeat(0, 0));
    assert_eq!(dispatcher.next(0), Some(Action::Send(0, queued(1, 10, "first"))));
    assert_eq!((dispatcher.next(0), dispatcher.on_their_way()), (None, 1));
    assert!(!dispatcher.sent(1));
    assert_eq!(dispatcher.on_their_way(), 0);
    finish(&mut dispatcher, 0);
    let Some(Action::Lease(lease, "second")) = dispatcher.next(0) else { panic!("no lease") };
    assert_eq!(dispatcher.checkout(&DUE, 0), Err(Refusal::NoSlot));
    dispatcher.release(lease).unwrap();
    assert_eq!(dispatcher.checkout(&DUE, 0), Ok(0));
}

#[test]
fn a_healed_slot_goes_to_the_first_in_the_queue() {
    let mut dispatcher = down(1, 8);
    dispatcher.enqueue(queued(1, 10, "waits"), 0).unwrap();
    dispatcher.came_up(0, 1);
    assert_eq!(dispatcher.next(0), Some(Action::Send(0, queued(1, 10, "waits"))));
}

#[test]
fn a_lease_sends_more_than_once_and_is_recognised_when_stale() {
    let mut dispatcher = live(2);
    let lease = dispatcher.lease(Source::ANY, 0).unwrap();
    for _ in 0..2 {
        assert_eq!(dispatcher.begin(lease, &DUE, 0), Ok(lease.slot));
        assert_eq!(dispatcher.begin(lease, &DUE, 0), Err(Refusal::SlotBusy));
        finish(&mut dispatcher, lease.slot);
    }
    dispatcher.went_down(lease.slot, 1);
    assert_eq!(dispatcher.begin(lease, &DUE, 0), Err(Refusal::SlotDown));
    dispatcher.came_up(lease.slot, 2);
    assert_eq!(dispatcher.counts().idle, 1, "a leased slot does not become idle by healing");
    assert_eq!(dispatcher.begin(lease, &DUE, 0), Ok(lease.slot));
    dispatcher.release(lease).unwrap();
    assert_eq!(dispatcher.counts().idle, 1, "released while in use: still in use");
    finish(&mut dispatcher, lease.slot);
    assert_eq!(dispatcher.counts().idle, 2);
    assert_eq!(dispatcher.release(lease), Err(Refusal::StaleLease));
    let never_given = Lease { slot: 99, generation: 1 };
    assert_eq!(dispatcher.begin(never_given, &DUE, 0), Err(Refusal::StaleLease));
    let never_given = Lease { slot: 0, generation: 0 };
    assert_eq!(dispatcher.begin(never_given, &DUE, 0), Err(Refusal::StaleLease));
}

#[test]
fn a_lost_idle_slot_is_not_given_out() {
    let mut dispatcher = live(2);
    dispatcher.went_down(1, 1);
    assert_eq!(dispatcher.checkout(&DUE, 0), Ok(0));
    assert_eq!(dispatcher.checkout(&DUE, 0), Err(Refusal::NoSlot));
}

#[test]
fn a_late_report_about_an_old_connection_changes_nothing() {
    let mut dispatcher = busy(1);
    dispatcher.came_up(0, 2);
    dispatcher.went_down(0, 1);
    finish(&mut dispatcher, 0);
    assert_eq!(dispatcher.checkout(&DUE, 0), Ok(0));
}

#[test]
fn the_queue_is_bounded_expires_and_can_be_left() {
    let mut dispatcher = down(1, 2);
    dispatcher.enqueue(queued(1, 30, "a"), 0).unwrap();
    dispatcher.enqueue(queued(2, 20, "b"), 0).unwrap();
    assert_eq!(dispatcher.enqueue(queued(3, 10, "c"), 0), Err(Refusal::QueueFull));
    assert_eq!(
        dispatcher.enqueue_caller(3, Source::ANY, u64::MAX, "c", 0),
        Err(Refusal::QueueFull)
    );
    assert_eq!((dispatcher.next_deadline(), dispatcher.next(19)), (Some(20), None));
    let b = Waiter::Request("b", DUE);
    assert_eq!(dispatcher.next(20), Some(Action::End(b, End::TooLate)));
    assert_eq!(dispatcher.next(20), None);
    assert_eq!(dispatcher.cancel(1), Cancel::Left(Waiter::Request("a", DUE)));
    assert_eq!(dispatcher.cancel(1), Cancel::Unknown);
    assert_eq!((dispatcher.next_deadline(), dispatcher.has_waiting()), (None, false));
}

#[test]
fn a_request_that_could_not_be_sent_waits_before_all_that_came_after_it() {
    let mut dispatcher = busy(2);
    dispatcher.enqueue(queued(1, 10, "a"), 0).unwrap();
    dispatcher.enqueue(queued(2, 10, "b"), 0).unwrap();
    finish(&mut dispatcher, 1);
    let Some(Action::Send(1, a)) = dispatcher.next(0) else { panic!("it has the slot") };
    assert_eq!(dispatcher.not_sent(1, NoStart::Lost(1), a), None);
    assert_eq!((dispatcher.on_their_way(), dispatcher.next(0)), (0, None));
    finish(&mut dispatcher, 0);
    assert_eq!(dispatcher.next(0), Some(Action::Send(0, queued(1, 10, "a"))));
}

#[test]
fn a_request_whose_deadline_passed_on_its_way_ends_and_frees_the_slot() {
    let mut dispatcher = busy(1);
    dispatcher.enqueue(queued(1, 10, "a"), 0).unwrap();
    finish(&mut dispatcher, 0);
    let Some(Action::Send(0, a)) = dispatcher.next(0) else { panic!("it has the slot") };
    let a_ends = Some((Waiter::Request("a", DUE), End::TooLate));
    assert_eq!(dispatcher.not_sent(0, NoStart::TooLate, a), a_ends);
    assert_eq!(dispatcher.checkout(&DUE, 0), Ok(0));
}

#[test]
fn a_request_on_its_way_to_a_slot_can_be_cancelled() {
    let mut dispatcher = busy(2);
    for ticket in 1..=3 {
        dispatcher.enqueue(queued(ticket, 10, "waits"), 0).unwrap();
    }
    finish(&mut dispatcher, 0);
    finish(&mut dispatcher, 1);
    let Some(Action::Send(1, first)) = dispatcher.next(0) else { panic!("it has a slot") };
    let Some(Action::Send(0, second)) = dispatcher.next(0) else { panic!("it has a slot") };
    assert_eq!(dispatcher.cancel(1), Cancel::Marked);
    assert_eq!(dispatcher.cancel(2), Cancel::Marked);
    // The one was sent and is to be cancelled; the other does not go back to the queue.
    assert!(dispatcher.sent(first.ticket));
    assert_eq!(dispatcher.cancel(1), Cancel::Unknown, "it has arrived");
    let ends = Some((Waiter::Request("waits", DUE), End::Cancelled));
    assert_eq!(dispatcher.not_sent(0, NoStart::Lost(1), second), ends);
    assert_eq!((dispatcher.on_their_way(), dispatcher.counts().waiting), (0, 1));
}

#[test]
fn a_request_that_cannot_be_answered_in_time_gets_no_slot() {
    let mut dispatcher = live(2);
    let slot = dispatcher.checkout(&DUE, 0).unwrap();
    dispatcher.finished(slot, Some(Spent::Answered(50)), 100);
    let due = Due { submit_ns: 100, deadline_ns: 149, lane: Lane::Orders, source: Source::ANY };
    assert_eq!(dispatcher.checkout(&due, 100), Err(Refusal::TooLate));
    let lease = dispatcher.lease(Source::ANY, 100).unwrap();
    assert_eq!(dispatcher.begin(lease, &due, 100), Err(Refusal::TooLate));
    dispatcher.release(lease).unwrap();
    assert_eq!(dispatcher.counts().idle, 2, "no slot was used for that");

    let mut dispatcher = busy(1);
    dispatcher.enqueue(Queued { ticket: 1, deadline_ns: 149, due, request: "late" }, 0).unwrap();
    dispatcher.enqueue(queued(2, NEVER, "in time"), 0).unwrap();
    dispatcher.finished(0, Some(Spent::Answered(50)), 100);
    let late = Waiter::Request("late", due);
    assert_eq!(dispatcher.next(100), Some(Action::End(late, End::TooLate)));
    assert_eq!(dispatcher.next(100), Some(Action::Send(0, queued(2, NEVER, "in time"))));
}

#[test]
fn a_pause_empties_the_queue_and_refuses_everything_until_it_is_over() {
    let mut dispatcher = busy(2);
    dispatcher.enqueue(queued(1, 1_000, "waits"), 0).unwrap();
    dispatcher.enqueue_caller(2, Source::ANY, u64::MAX, "sleeps", 0).unwrap();
    assert!(!dispatcher.suspend(Scope::Pool, 10, 90, false));
    finish(&mut dispatcher, 0);
    let request = Waiter::Request("waits", DUE);
    assert_eq!(dispatcher.next(10), Some(Action::End(request, End::Suspended)));
    assert_eq!(dispatcher.next(10), Some(Action::End(Waiter::Caller("sleeps"), End::Suspended)));
    assert_eq!(dispatcher.next(10), None);
    assert_eq!(dispatcher.checkout(&DUE, 99), Err(Refusal::Suspended));
    assert_eq!(dispatcher.lease(Source::ANY, 99), Err(Refusal::Suspended));
    assert!(!dispatcher.heartbeat(0, 99));
    assert_eq!(dispatcher.enqueue(queued(3, 1_000, "late"), 99), Err(Refusal::Suspended));
    assert_eq!(
        dispatcher.enqueue_caller(4, Source::ANY, u64::MAX, "late", 99),
        Err(Refusal::Suspended)
    );
    assert_eq!(dispatcher.checkout(&DUE, 100), Ok(0), "it is over");
    dispatcher.suspend(Scope::Pool, 100, 50, false);
    assert!(dispatcher.resume(Scope::Pool, 150) && !dispatcher.resume(Scope::Pool, 150));
    finish(&mut dispatcher, 1);
    assert_eq!(
        dispatcher.lease(Source::ANY, 101).map(|lease| lease.slot),
        Ok(1),
        "the engine ended it"
    );
}

#[test]
fn a_request_that_comes_back_during_a_pause_ends_by_it() {
    let mut dispatcher = busy(1);
    dispatcher.enqueue(queued(1, 1_000, "a"), 0).unwrap();
    finish(&mut dispatcher, 0);
    let Some(Action::Send(0, a)) = dispatcher.next(0) else { panic!("it has the slot") };
    dispatcher.suspend(Scope::Pool, 10, 90, false);
    assert_eq!(dispatcher.next(10), None);
    assert_eq!(dispatcher.not_sent(0, NoStart::Lost(1), a), None);
    let a = Waiter::Request("a", DUE);
    assert_eq!(dispatcher.next(10), Some(Action::End(a, End::Suspended)));
}

#[test]
fn after_close_nothing_is_given_out() {
    let mut dispatcher = live(3);
    let lease = dispatcher.lease(Source::ANY, 0).unwrap();
    dispatcher.checkout(&DUE, 0).unwrap();
    dispatcher.checkout(&DUE, 0).unwrap();
    dispatcher.enqueue(queued(1, 10, "waits"), 0).unwrap();
    dispatcher.close();
    assert!(dispatcher.is_closed());
    finish(&mut dispatcher, 1);
    assert_eq!(dispatcher.next(0), Some(Action::End(Waiter::Request("waits", DUE), End::Closed)));
    assert_eq!(dispatcher.checkout(&DUE, 0), Err(Refusal::Closed));
    assert_eq!(dispatcher.lease(Source::ANY, 0), Err(Refusal::Closed));
    assert_eq!(dispatcher.begin(lease, &DUE, 0), Err(Refusal::Closed));
    assert_eq!(dispatcher.enqueue(queued(2, 10, "late"), 0), Err(Refusal::Closed));
    assert_eq!(
        dispatcher.enqueue_caller(3, Source::ANY, u64::MAX, "late", 0),
        Err(Refusal::Closed)
    );
    assert_eq!(dispatcher.release(lease), Ok(()), "it can still be given back");
    assert_eq!(dispatcher.counts().idle, 0);
}

/// A leased slot with a heartbeat on it, and a request that waits for its end.
fn behind() -> (Named, Lease) {
    let mut dispatcher = live(1);
    let lease = dispatcher.lease(Source::ANY, 0).unwrap();
    assert!(dispatcher.heartbeat(0, 0), "it rests");
    assert!(!dispatcher.heartbeat(0, 0), "one at a time");
    assert_eq!(dispatcher.begin(lease, &DUE, 0), Err(Refusal::Heartbeat));
    dispatcher.enqueue_behind(lease, queued(1, 10, "behind"), 0).unwrap();
    assert_eq!(dispatcher.begin(lease, &DUE, 0), Err(Refusal::SlotBusy), "one may wait");
    assert_eq!((dispatcher.next(0), dispatcher.next_deadline()), (None, Some(10)));
    (dispatcher, lease)
}

#[test]
fn a_request_behind_a_heartbeat_is_sent_on_its_slot_when_that_is_over() {
    let (mut dispatcher, lease) = behind();
    finish(&mut dispatcher, 0);
    assert!(!dispatcher.heartbeat(0, 0), "the request comes first");
    assert_eq!(dispatcher.next(0), Some(Action::Send(0, queued(1, 10, "behind"))));
    assert!(!dispatcher.sent(1));
    finish(&mut dispatcher, 0);
    assert_eq!((dispatcher.begin(lease, &DUE, 0), dispatcher.has_waiting()), (Ok(0), false));
}

#[test]
fn a_request_behind_a_heartbeat_ends_with_the_connection_of_its_slot() {
    let ends = Waiter::Request("behind", DUE);
    let (mut dispatcher, _) = behind();
    dispatcher.went_down(0, 1);
    finish(&mut dispatcher, 0);
    assert_eq!(dispatcher.next(0), Some(Action::End(ends, End::SlotDown)));
    let ends = Waiter::Request("behind", DUE);
    let (mut dispatcher, _) = behind();
    finish(&mut dispatcher, 0);
    let Some(Action::Send(0, sending)) = dispatcher.next(0) else { panic!("it has its slot") };
    assert_eq!(dispatcher.not_sent(0, NoStart::Lost(1), sending), Some((ends, End::SlotDown)));
}

#[test]
fn a_request_behind_a_heartbeat_ends_by_all_that_ends_waiting() {
    let ends = || Waiter::Request("behind", DUE);
    let (mut dispatcher, _) = behind();
    assert_eq!(dispatcher.next(10), Some(Action::End(ends(), End::TooLate)));
    let (mut dispatcher, _) = behind();
    assert_eq!(dispatcher.cancel(1), Cancel::Left(ends()));
    let (mut dispatcher, _) = behind();
    dispatcher.suspend(Scope::Pool, 0, 5, false);
    assert_eq!(dispatcher.next(0), Some(Action::End(ends(), End::Suspended)));
    let (mut dispatcher, _) = behind();
    dispatcher.close();
    assert_eq!(dispatcher.next(0), Some(Action::End(ends(), End::Closed)));
    assert!(!dispatcher.has_waiting());
}

#[test]
fn a_lease_that_is_given_back_leaves_the_slot_to_the_request_behind_the_heartbeat() {
    let (mut dispatcher, lease) = behind();
    dispatcher.release(lease).unwrap();
    finish(&mut dispatcher, 0);
    assert_eq!(dispatcher.checkout(&DUE, 0), Err(Refusal::NoSlot));
    assert_eq!(dispatcher.next(0), Some(Action::Send(0, queued(1, 10, "behind"))));
    dispatcher.sent(1);
    finish(&mut dispatcher, 0);
    assert_eq!(dispatcher.checkout(&DUE, 0), Ok(0));

    let (mut dispatcher, lease) = behind();
    dispatcher.release(lease).unwrap();
    assert_eq!(dispatcher.cancel(1), Cancel::Left(Waiter::Request("behind", DUE)));
    finish(&mut dispatcher, 0);
    assert_eq!(dispatcher.checkout(&DUE, 0), Ok(0));
}
