//! The rules of the lanes one by one, and then in random orders of events.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::pool::lanes::{LaneRule, MOST_PASSED};

/// Two reserved slots of four live ones: the first for the lane of the cancels, which is exempt
/// from pauses, the second for that of the orders.
fn with_lanes() -> Named {
    let mut rules = LaneRules::with_capacity(2);
    let rule = LaneRule { reserved_slots: 1, queue_capacity: 2, through_pause: false };
    rules.set(Lane::Urgent, LaneRule { through_pause: true, ..rule });
    rules.set(Lane::Orders, rule);
    let mut dispatcher = Dispatcher::new(4, 0, rules, Estimate::Measured);
    (0..4).for_each(|slot| dispatcher.came_up(slot, 1));
    dispatcher
}

const fn of(lane: Lane) -> Due {
    Due { lane, ..DUE }
}

fn in_lane(lane: Lane, ticket: u64) -> Queued<&'static str> {
    Queued { ticket, deadline_ns: 1_000, due: of(lane), request: "waits" }
}

#[test]
fn a_cancel_goes_before_the_orders_that_wait() {
    let mut dispatcher = busy(4);
    for ticket in 1..=6 {
        dispatcher.enqueue(in_lane(Lane::Orders, ticket), 0).unwrap();
    }
    dispatcher.enqueue(in_lane(Lane::Urgent, 7), 0).unwrap();
    assert_eq!(dispatcher.next(0), None);
    finish(&mut dispatcher, 2);
    assert_eq!(dispatcher.next(0), Some(Action::Send(2, in_lane(Lane::Urgent, 7))));
    finish(&mut dispatcher, 3);
    assert_eq!(dispatcher.next(0), Some(Action::Send(3, in_lane(Lane::Orders, 1))));
    finish(&mut dispatcher, 0);
    assert_eq!(dispatcher.checkout(&of(Lane::Orders), 0), Err(Refusal::NoSlot));
    assert_eq!(dispatcher.checkout(&of(Lane::Urgent), 0), Ok(0), "freed just now, and it is first");
}

#[test]
fn a_reserved_slot_stays_free_for_the_lanes_above() {
    let mut dispatcher = with_lanes();
    assert_eq!(dispatcher.checkout(&of(Lane::Background), 0), Ok(3));
    assert_eq!(dispatcher.checkout(&of(Lane::Queries), 0), Ok(2));
    assert_eq!(dispatcher.checkout(&of(Lane::Queries), 0), Err(Refusal::NoSlot));
    assert_eq!(dispatcher.checkout(&DUE, 0), Ok(1));
    assert_eq!(dispatcher.checkout(&DUE, 0), Err(Refusal::NoSlot));
    assert_eq!(
        dispatcher.lease(Source::ANY, 0),
        Err(Refusal::NoSlot),
        "a lease counts as an order"
    );
    dispatcher.enqueue(in_lane(Lane::Orders, 1), 0).unwrap();
    dispatcher.enqueue(in_lane(Lane::Background, 2), 0).unwrap();
    assert_eq!(dispatcher.next(0), None, "the last slot is for the urgent");
    assert_eq!(dispatcher.checkout(&of(Lane::Urgent), 0), Ok(0));
    finish(&mut dispatcher, 3);
    // The urgent request in flight counts for its reservation, and the order for the other one.
    assert_eq!(dispatcher.next(0), Some(Action::Send(3, in_lane(Lane::Orders, 1))));
    finish(&mut dispatcher, 2);
    assert_eq!(dispatcher.next(0), Some(Action::Send(2, in_lane(Lane::Background, 2))));
}

#[test]
fn a_slot_counts_for_its_lane_until_it_is_free_again() {
    let mut dispatcher = with_lanes();
    for _ in 0..3 {
        let slot = dispatcher.checkout(&of(Lane::Urgent), 0).unwrap();
        dispatcher.start_failed(slot, NoStart::TooLate);
        let lease = dispatcher.lease(Source::ANY, 0).unwrap();
        dispatcher.begin(lease, &DUE, 0).unwrap();
        dispatcher.release(lease).unwrap();
        finish(&mut dispatcher, lease.slot);
        assert!(dispatcher.heartbeat(0, 0));
        dispatcher.went_down(0, 1);
        finish(&mut dispatcher, 0);
        dispatcher.came_up(0, 2);
    }
    assert_eq!(dispatcher.counts().idle, 4);
    assert!(dispatcher.checkout(&of(Lane::Background), 0).is_ok());
    assert!(dispatcher.checkout(&of(Lane::Background), 0).is_ok());
    assert_eq!(dispatcher.checkout(&of(Lane::Background), 0), Err(Refusal::NoSlot));
}

#[test]
fn a_heartbeat_may_use_a_reserved_slot() {
    let mut dispatcher = with_lanes();
    for _ in 0..3 {
        dispatcher.checkout(&DUE, 0).unwrap();
    }
    dispatcher.enqueue(in_lane(Lane::Background, 1), 0).unwrap();
    assert_eq!((dispatcher.next(0), dispatcher.counts().idle), (None, 1));
    assert!(dispatcher.heartbeat(0, 0), "who waits may not have it");
}

#[test]
fn each_lane_of_the_queue_has_its_own_bound() {
    let mut dispatcher = with_lanes();
    for _ in 0..4 {
        dispatcher.checkout(&of(Lane::Urgent), 0).unwrap();
    }
    for ticket in 1..=2 {
        dispatcher.enqueue(in_lane(Lane::Background, ticket), 0).unwrap();
    }
    let third = dispatcher.enqueue(in_lane(Lane::Background, 3), 0);
    assert_eq!(third, Err(Refusal::QueueFull));
    assert_eq!(dispatcher.enqueue(in_lane(Lane::Orders, 4), 0), Ok(()));
    assert_eq!(dispatcher.enqueue_caller(5, Source::ANY, u64::MAX, "sleeps", 0), Ok(()));
    assert_eq!(
        dispatcher.enqueue_caller(6, Source::ANY, u64::MAX, "sleeps", 0),
        Err(Refusal::QueueFull)
    );
    assert_eq!(dispatcher.counts().waiting, 4);
}

#[test]
fn an_exempt_lane_is_served_during_a_pause() {
    let mut dispatcher = with_lanes();
    for _ in 0..4 {
        dispatcher.checkout(&of(Lane::Urgent), 0).unwrap();
    }
    dispatcher.enqueue(in_lane(Lane::Urgent, 1), 0).unwrap();
    dispatcher.enqueue(in_lane(Lane::Orders, 2), 0).unwrap();
    dispatcher.suspend(Scope::Pool, 0, 100, false);
    let order = Waiter::Request("waits", of(Lane::Orders));
    assert_eq!(dispatcher.next(0), Some(Action::End(order, End::Suspended)));
    assert_eq!(dispatcher.next(0), None, "the cancel goes on waiting");
    assert_eq!(dispatcher.enqueue(in_lane(Lane::Orders, 3), 0), Err(Refusal::Suspended));
    assert_eq!(dispatcher.enqueue(in_lane(Lane::Urgent, 4), 0), Ok(()));
    finish(&mut dispatcher, 1);
    assert_eq!(dispatcher.next(0), Some(Action::Send(1, in_lane(Lane::Urgent, 1))));
    finish(&mut dispatcher, 0);
    finish(&mut dispatcher, 2);
    assert_eq!(dispatcher.checkout(&of(Lane::Orders), 0), Err(Refusal::Suspended));
    dispatcher.close();
    let cancel = Waiter::Request("waits", of(Lane::Urgent));
    assert_eq!(dispatcher.next(0), Some(Action::End(cancel, End::Closed)), "closed is closed");
}

#[test]
fn the_lowest_lane_is_served_in_the_end() {
    let mut dispatcher = live(1);
    dispatcher.checkout(&DUE, 0).unwrap();
    dispatcher.enqueue(in_lane(Lane::Background, 1), 0).unwrap();
    let mut passed = 0;
    for ticket in 2..1_000 {
        dispatcher.enqueue(in_lane(Lane::Urgent, ticket), 0).unwrap();
        finish(&mut dispatcher, 0);
        let Some(Action::Send(0, sent)) = dispatcher.next(0) else { panic!("nothing is sent") };
        dispatcher.sent(sent.ticket);
        if sent.ticket == 1 {
            break;
        }
        passed += 1;
    }
    assert_eq!(passed, MOST_PASSED);
}

#[test]
fn a_request_that_is_too_late_uses_up_no_turn_of_its_lane() {
    let mut dispatcher = busy(1);
    dispatcher.finished(0, Some(Spent::Answered(50)), 100);
    dispatcher.checkout(&DUE, 100).unwrap();
    dispatcher.enqueue(in_lane(Lane::Background, 1), 100).unwrap();
    let due = Due { submit_ns: 100, deadline_ns: 149, lane: Lane::Orders, source: Source::ANY };
    for ticket in 2..8 {
        let queued = Queued { ticket, deadline_ns: 149, due, request: "late" };
        dispatcher.enqueue(queued, 100).unwrap();
    }
    dispatcher.finished(0, None, 100);
    for _ in 2..8 {
        let late = Waiter::Request("late", due);
        assert_eq!(dispatcher.next(100), Some(Action::End(late, End::TooLate)));
    }
    assert_eq!(dispatcher.next(100), Some(Action::Send(0, in_lane(Lane::Background, 1))));
}

/// Something that happens.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A request asks for a slot at once.
    Checkout(Lane),
    /// A request joins the queue.
    Enqueue(Lane),
    /// One that waits is cancelled, if there is one.
    Cancel(Lane, Index),
    /// An exchange is over, if there is one on that slot.
    Finish(Index),
}

fn event() -> impl Strategy<Value = Event> {
    let lane = || select(&Lane::ALL[..]);
    prop_oneof![
        3 => lane().prop_map(Event::Checkout),
        3 => lane().prop_map(Event::Enqueue),
        1 => (lane(), any::<Index>()).prop_map(|(lane, index)| Event::Cancel(lane, index)),
        4 => any::<Index>().prop_map(Event::Finish),
    ]
}

/// A pool with lanes, and the same in plain lists.
struct World {
    dispatcher: Named,
    reserved: [u32; 3],
    /// The lane of what is on each slot.
    users: Vec<Option<Lane>>,
    /// The tickets that wait, of each lane.
    waiting: [Vec<u64>; 4],
    /// Slots in a row that a waiting lane could have had, and that went to lanes above it.
    passed: [u32; 4],
    ticket: u64,
}

impl World {
    fn new(slots: u32, reserved: [u32; 3]) -> Self {
        let mut rules = LaneRules::with_capacity(10_000);
        for (lane, reserved_slots) in Lane::ALL.into_iter().zip(reserved) {
            rules.set(lane, LaneRule { reserved_slots, ..*rules.of(lane) });
        }
        let mut dispatcher = Dispatcher::new(slots, 0, rules, Estimate::Fixed(0));
        (0..slots).for_each(|slot| dispatcher.came_up(slot, 1));
        let users = vec![None; slots as usize];
        let (waiting, passed) = (Default::default(), [0; 4]);
        Self { dispatcher, reserved, users, waiting, passed, ticket: 0 }
    }

    fn free(&self) -> u32 {
        self.users.iter().filter(|user| user.is_none()).count() as u32
    }

    /// With one slot less, the lanes above can still have all slots that they reserve: the first of
    /// them alone, the first two together, and so on.
    fn may_have_one(&self, lane: Lane) -> bool {
        let kept = (0..lane as usize).map(|last| {
            let reserved: u32 = self.reserved[..=last].iter().sum();
            let users = self.users.iter().flatten().filter(|user| **user as usize <= last);
            reserved.saturating_sub(users.count() as u32)
        });
        self.free() > kept.max().unwrap_or(0)
    }

    /// A slot was given to that lane.
    fn given(&mut self, slot: SlotIndex, lane: Lane) {
        for below in Lane::ALL.into_iter().filter(|below| *below > lane) {
            let could = !self.waiting[below as usize].is_empty() && self.may_have_one(below);
            self.passed[below as usize] += u32::from(could);
            assert!(self.passed[below as usize] <= MOST_PASSED, "{below:?} is passed over");
        }
        self.passed[lane as usize] = 0;
        assert!(self.may_have_one(lane), "{lane:?} has a slot that is kept for others");
        assert_eq!(self.users[slot as usize].replace(lane), None, "two on one slot");
    }

    fn step(&mut self, event: Event) {
        match event {
            Event::Checkout(lane) => {
                let is_first = self.waiting[..=lane as usize].iter().all(Vec::is_empty);
                match self.dispatcher.checkout(&of(lane), 0) {
                    Ok(slot) => {
                        assert!(is_first, "{lane:?} passes those who wait");
                        self.given(slot, lane);
                    }
                    Err(refusal) => assert_eq!(refusal, Refusal::NoSlot),
                }
            }
            Event::Enqueue(lane) => {
                self.ticket += 1;
                self.dispatcher.enqueue(in_lane(lane, self.ticket), 0).unwrap();
                self.waiting[lane as usize].push(self.ticket);
            }
            Event::Cancel(lane, _) if self.waiting[lane as usize].is_empty() => {}
            Event::Cancel(lane, index) => {
                let waiting = &mut self.waiting[lane as usize];
                let ticket = waiting.remove(index.index(waiting.len()));
                assert!(matches!(self.dispatcher.cancel(ticket), Cancel::Left(_)));
            }
            Event::Finish(index) => {
                let slot = index.index(self.users.len());
                if self.users[slot].take().is_some() {
                    finish(&mut self.dispatcher, slot as u32);
                }
            }
        }
        for lane in Lane::ALL.into_iter().filter(|lane| self.waiting[*lane as usize].is_empty()) {
            self.passed[lane as usize] = 0;
        }
    }

    /// Serves those who wait.
    fn serve(&mut self) {
        while let Some(action) = self.dispatcher.next(0) {
            let Action::Send(slot, queued) = action else { panic!("nothing ends here") };
            self.dispatcher.sent(queued.ticket);
            let lane = queued.due.lane;
            assert_eq!(self.waiting[lane as usize].remove(0), queued.ticket, "first in, first out");
            self.given(slot, lane);
        }
        for lane in Lane::ALL {
            let waits = !self.waiting[lane as usize].is_empty();
            assert!(!waits || !self.may_have_one(lane), "{lane:?} waits beside a free slot");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn lanes_keep_their_rules_in_random_orders_of_events(
        slots in 2..8_u32,
        reserved in [0..3_u32, 0..3_u32, 0..3_u32],
        events in vec((event(), 0..8_u32), 2_000),
    ) {
        let mut world = World::new(slots, reserved);
        for (event, delay) in events {
            world.step(event);
            // Now and then something else happens before those who wait are served.
            if delay != 0 {
                world.serve();
            }
        }
    }
}
