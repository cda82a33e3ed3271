//! Slots for further copies of an order.

use super::*;

#[test]
fn a_copy_goes_on_another_slot_and_rather_another_way() {
    let mut dispatcher = live(4);
    for (slot, path) in [(0, 1), (1, 2), (2, 1), (3, 1)] {
        dispatcher.takes_path(slot, path);
    }
    assert_eq!(dispatcher.route(Want::Idle, &DUE, 0), Route::Send(3));
    assert_eq!(dispatcher.route(Want::Apart(&[3]), &DUE, 0), Route::Send(1), "another path");
    assert_eq!(dispatcher.route(Want::Apart(&[3, 1]), &DUE, 0), Route::Send(2), "the last one");
    finish(&mut dispatcher, 2);
    let refused = Route::Refuse(Refusal::NoSlot);
    assert_eq!(dispatcher.route(Want::Apart(&[3, 1, 2, 0]), &DUE, 0), refused);
    let route = dispatcher.reroute(Want::Apart(&[3, 1]), &DUE, 1, NoStart::Lost(1), 0);
    assert_eq!(route, Route::Send(2), "its slot is dead");
    let counts = dispatcher.counts();
    assert_eq!((counts.live, counts.idle, counts.in_use), (3, 1, 2));
}

#[test]
fn a_copy_never_waits_and_has_no_slot_that_somebody_waits_for() {
    let mut dispatcher = busy(2);
    let refused = Route::Refuse(Refusal::NoSlot);
    assert_eq!(dispatcher.route(Want::Apart(&[0]), &DUE, 0), refused);
    dispatcher.enqueue(queued(1, 10, "waits"), 0).unwrap();
    finish(&mut dispatcher, 1);
    assert_eq!(dispatcher.route(Want::Apart(&[0]), &DUE, 0), refused);
    assert_eq!(dispatcher.next(0), Some(Action::Send(1, queued(1, 10, "waits"))));
    let due = Due { deadline_ns: 5, ..DUE };
    finish(&mut dispatcher, 0);
    assert_eq!(dispatcher.route(Want::Apart(&[1]), &due, 5), Route::End(End::TooLate));
}
