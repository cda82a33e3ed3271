//! The completion queue between those who push and those who poll, sleep or watch its descriptor.

mod checker;

use std::sync::Arc;
use std::time::Duration;

use checker::{check, spawn};
use loom::sync::atomic::{AtomicBool, Ordering};
use venuepool_model::completion::Completion;
use venuepool_model::completion::queue::{CompletionQueue, Taker};
use venuepool_model::error::{Outcome, WireState};

fn completion(id: u64) -> Completion {
    Completion::bare(id, Outcome::Ok, WireState::Answered)
}

fn push(queue: &CompletionQueue, id: u64) {
    queue.push(completion(id));
    queue.announce();
    queue.ring();
}

/// A queue for `capacity` completions, with its descriptor.
fn watched(capacity: usize) -> Arc<CompletionQueue> {
    let queue = Arc::new(CompletionQueue::new(capacity));
    queue.event_fd().unwrap();
    queue
}

/// A sleeper that is not woken is a deadlock, which the checker reports.
#[test]
fn whoever_sleeps_is_woken_by_a_push() {
    check(3, || {
        let queue = Arc::new(CompletionQueue::new(2));
        assert!(queue.reserve() && queue.reserve());
        let pusher = Arc::clone(&queue);
        let pusher = spawn(move || (1..=2).for_each(|id| push(&pusher, id)));
        let mut seen = Vec::new();
        while seen.len() < 2 {
            queue.wait(1, Duration::MAX, |completion| seen.push(completion.id));
        }
        assert_eq!(seen, [1, 2]);
        pusher.join().unwrap();
        assert!(queue.reserve() && queue.reserve() && !queue.reserve());
    });
}

/// Whoever rings does it for the other too.
#[test]
fn whoever_sleeps_is_woken_by_each_of_two_who_push_at_once() {
    check(1, || {
        let queue = Arc::new(CompletionQueue::new(2));
        assert!(queue.reserve() && queue.reserve());
        let pushers = [1, 2].map(|id| {
            let queue = Arc::clone(&queue);
            spawn(move || push(&queue, id))
        });
        let mut seen = Vec::new();
        while seen.len() < 2 {
            queue.wait(1, Duration::MAX, |completion| seen.push(completion.id));
        }
        seen.sort_unstable();
        assert_eq!(seen, [1, 2], "each is delivered once");
        pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
    });
}

/// `sleep` is for who leaves the descriptor alone; it ends when there is something to take.
#[test]
fn whoever_only_sleeps_is_woken_by_a_push_and_by_the_end() {
    check(3, || {
        let queue = Arc::new(CompletionQueue::new(1));
        assert!(queue.reserve());
        let pusher = Arc::clone(&queue);
        let pusher = spawn(move || {
            push(&pusher, 1);
            pusher.end();
        });
        queue.sleep(Duration::MAX);
        while queue.drain(&mut Taker::new(1, &mut |_| ())) == Some(0) {}
        queue.sleep(Duration::MAX);
        pusher.join().unwrap();
        assert!(queue.is_drained());
    });
}

#[test]
fn the_end_is_told_after_the_last_completion_and_to_all_who_sleep() {
    check(1, || {
        let queue = Arc::new(CompletionQueue::new(1));
        assert!(queue.reserve());
        let pusher = Arc::clone(&queue);
        let pusher = spawn(move || {
            push(&pusher, 1);
            pusher.end();
        });
        let other = Arc::clone(&queue);
        let other = spawn(move || take_all(&other));
        let taken = take_all(&queue) + other.join().unwrap();
        assert_eq!(taken, 1, "nothing comes after the end was told");
        pusher.join().unwrap();
    });
}

#[test]
fn the_end_is_not_told_while_a_completion_is_in_the_queue() {
    check(4, || {
        let queue = Arc::new(CompletionQueue::new(1));
        assert!(queue.reserve());
        let pusher = Arc::clone(&queue);
        let pusher = spawn(move || {
            push(&pusher, 1);
            pusher.end();
        });
        if queue.poll(1, |_| ()).is_none() {
            assert!(queue.poll(1, |_| ()).is_none(), "a completion after the end");
        }
        pusher.join().unwrap();
    });
}

/// Waits until the end is told.
fn take_all(queue: &CompletionQueue) -> usize {
    let mut taken = 0;
    while let Some(count) = queue.wait(1, Duration::MAX, |_| ()) {
        taken += count;
    }
    taken
}

/// What an engine's loop asks before it sleeps on the descriptor.
fn is_readable(queue: &CompletionQueue) -> bool {
    queue.event().is_readable()
}

#[test]
fn no_completion_is_left_behind_a_descriptor_that_is_not_readable() {
    check(3, || {
        let queue = watched(2);
        assert!(queue.reserve() && queue.reserve());
        let pusher = Arc::clone(&queue);
        let pusher = spawn(move || (1..=2).for_each(|id| push(&pusher, id)));
        let mut taken = queue.poll(2, |_| ()).unwrap();
        taken += queue.poll(2, |_| ()).unwrap();
        pusher.join().unwrap();
        assert!(taken == 2 || is_readable(&queue), "the engine would sleep on a completion");
    });
}

#[test]
fn the_descriptor_is_not_readable_for_ever_with_nothing_behind_it() {
    check(3, || {
        let queue = watched(2);
        assert!(queue.reserve() && queue.reserve());
        let pusher = Arc::clone(&queue);
        let pusher = spawn(move || (1..=2).for_each(|id| push(&pusher, id)));
        queue.poll(2, |_| ());
        queue.poll(2, |_| ());
        pusher.join().unwrap();
        queue.poll(2, |_| ());
        queue.poll(2, |_| ());
        assert!(!is_readable(&queue), "the engine would spin");
    });
}

#[test]
fn two_who_poll_leave_no_completion_behind_an_unreadable_descriptor() {
    check(2, || {
        let queue = watched(2);
        assert!(queue.reserve() && queue.reserve());
        push(&queue, 1);
        let pusher = Arc::clone(&queue);
        let pusher = spawn(move || push(&pusher, 2));
        let other = Arc::clone(&queue);
        let other = spawn(move || other.poll(1, |_| ()).unwrap());
        let taken = queue.poll(1, |_| ()).unwrap() + other.join().unwrap();
        pusher.join().unwrap();
        assert!(taken == 2 || is_readable(&queue), "the engine would sleep on a completion");
        let rest = queue.poll(2, |_| ()).unwrap();
        queue.poll(2, |_| ());
        assert_eq!(taken + rest, 2);
        assert!(!is_readable(&queue), "the engine would spin");
    });
}

#[test]
fn a_descriptor_made_while_completions_come_tells_of_them() {
    check(4, || {
        let queue = Arc::new(CompletionQueue::new(1));
        assert!(queue.reserve());
        let pusher = Arc::clone(&queue);
        let pusher = spawn(move || push(&pusher, 1));
        queue.event_fd().unwrap();
        pusher.join().unwrap();
        assert!(is_readable(&queue));
    });
}

/// Caller drive: what a raise is about was noted before it, and is looked for after the descriptor
/// was lowered.
#[test]
fn what_was_noted_before_a_raise_is_seen_or_the_descriptor_is_readable() {
    check(4, || {
        let queue = watched(1);
        queue.signal();
        let noted = Arc::new(AtomicBool::new(false));
        let (signaller, note) = (Arc::clone(&queue), Arc::clone(&noted));
        let signaller = spawn(move || {
            note.store(true, Ordering::SeqCst);
            signaller.signal();
        });
        queue.clear();
        let seen = noted.load(Ordering::SeqCst);
        signaller.join().unwrap();
        assert!(seen || is_readable(&queue), "nobody would look");
    });
}

/// Whoever got the place of what was taken finds it free in the array too. A push that finds the
/// array full loses its completion.
#[test]
fn a_place_that_came_free_can_be_pushed_into() {
    check(3, || {
        let queue = Arc::new(CompletionQueue::new(2));
        assert!(queue.reserve() && queue.reserve());
        (1..=2).for_each(|id| push(&queue, id));
        let pusher = Arc::clone(&queue);
        let pusher = spawn(move || {
            let has_place = pusher.reserve();
            if has_place {
                push(&pusher, 3);
            }
            has_place
        });
        let taken = queue.drain(&mut Taker::new(1, &mut |_| ())).unwrap();
        let pushed = usize::from(pusher.join().unwrap());
        assert_eq!(taken + queue.drain(&mut Taker::new(3, &mut |_| ())).unwrap(), 2 + pushed);
    });
}

#[test]
fn a_place_is_never_given_to_two() {
    check(4, || {
        let queue = Arc::new(CompletionQueue::new(1));
        let other = Arc::clone(&queue);
        let other = spawn(move || other.reserve());
        let (mine, theirs) = (queue.reserve(), other.join().unwrap());
        assert!(!(mine && theirs));
        let has_room = queue.reserve();
        assert_eq!(has_room, !mine && !theirs);
    });
}
