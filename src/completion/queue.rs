//! The completion queue: how completions without a callback reach the engine.
//!
//! The queue never overflows, because a place in it is reserved before a request is accepted. It
//! wakes sleepers once per round of the driving thread ([`CompletionQueue::ring`]), not once per
//! push. In caller drive a completion passes it by, to the [`Taker`] in whose turn it was made.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use nix::sys::eventfd::EfdFlags;

use super::Completion;
use crate::error::{Outcome, WireState};
use crate::fifo::Fifo;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use crate::sync::{Condvar, EventFd, Mutex, OnceLock};

/// Who takes completions, for the length of one call. In caller drive it takes what ends in its own
/// turns at once, past the queue.
pub struct Taker<'a> {
    /// How many more it takes.
    left: usize,
    taken: usize,
    /// `None`: it takes nothing.
    take: Option<&'a mut dyn FnMut(&mut Completion)>,
}

impl<'a> Taker<'a> {
    /// Takes up to `limit` completions. `take` takes out of each what it wants to keep
    /// ([`Completion::take`]): moved as a whole, each would be copied several times.
    pub fn new(limit: usize, take: &'a mut dyn FnMut(&mut Completion)) -> Self {
        Self { left: limit, taken: 0, take: Some(take) }
    }

    /// Takes nothing: what ends in its turns is for others.
    pub fn none() -> Self {
        Self { left: 0, taken: 0, take: None }
    }

    /// How many it has taken.
    pub fn taken(&self) -> usize {
        self.taken
    }

    /// Whether it may have the next completion that comes: none is before that.
    pub fn is_next(&self, queue: &CompletionQueue) -> bool {
        self.left > 0 && !queue.has_any()
    }

    fn take(&mut self, completion: &mut Completion) {
        if let Some(take) = &mut self.take {
            (self.left, self.taken) = (self.left - 1, self.taken + 1);
            take(completion);
        }
    }
}

/// Completions on their way to whoever polls.
pub struct CompletionQueue {
    pushed: Fifo<Completion>,
    capacity: usize,
    /// Accepted and not yet polled: what is in flight and what is in the queue.
    outstanding: AtomicUsize,
    /// Announced since the last ring.
    unrung: AtomicBool,
    /// No completion comes any more.
    ended: AtomicBool,
    sleepers: AtomicUsize,
    gate: Mutex<()>,
    bell: Condvar,
    event: OnceLock<EventFd>,
    event_set: AtomicBool,
}

impl CompletionQueue {
    /// A queue for `capacity` outstanding completions. All memory is taken here, and touched only
    /// when as many are in the queue.
    pub fn new(capacity: usize) -> Self {
        Self {
            pushed: Fifo::new(capacity),
            capacity,
            outstanding: AtomicUsize::new(0),
            unrung: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            sleepers: AtomicUsize::new(0),
            gate: Mutex::new(()),
            bell: Condvar::new(),
            event: OnceLock::new(),
            event_set: AtomicBool::new(false),
        }
    }

    /// Takes the memory of all places, so that no completion is a page fault. Before the first one.
    pub fn touch(&self) {
        self.pushed.touch(|| Completion::bare(0, Outcome::Ok, WireState::NotSent));
    }

    /// Reserves the place for one completion. `false`: the queue could overflow, refuse the
    /// request.
    pub fn reserve(&self) -> bool {
        // Acquired from `drain`: the FIFO, too, is then seen to have the place.
        if self.outstanding.fetch_add(1, Ordering::Acquire) < self.capacity {
            return true;
        }
        self.unreserve();
        false
    }

    /// Gives a reserved place back: the request was refused after all.
    pub fn unreserve(&self) {
        self.outstanding.fetch_sub(1, Ordering::Relaxed);
    }

    /// Puts a completion into its reserved place.
    pub fn push(&self, completion: Completion) {
        self.pushed.push(completion);
    }

    /// Hands a completion to who takes from the queue, past the queue. Only to whom
    /// [`Taker::is_next`] says so.
    pub fn pass_by(&self, taker: &mut Taker<'_>, completion: &mut Completion) {
        self.outstanding.fetch_sub(1, Ordering::Release);
        taker.take(completion);
    }

    /// Lets sleepers learn of what was pushed, at the next ring.
    pub fn announce(&self) {
        // Swapped, not stored: whoever rings for all of us then sees what each of us has pushed.
        self.unrung.swap(true, Ordering::AcqRel);
    }

    /// Wakes whoever sleeps, if something was announced since the last ring.
    pub fn ring(&self) {
        if self.unrung.swap(false, Ordering::AcqRel) {
            self.wake();
        }
    }

    /// As [`CompletionQueue::ring`], but sees only what the calling thread has announced for sure;
    /// others ring for theirs. It costs a load when there is nothing.
    pub fn ring_if_announced(&self) {
        if self.unrung.load(Ordering::Relaxed) {
            self.ring();
        }
    }

    /// No completion comes any more: sleepers need not wait.
    pub fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Whether no completion comes any more.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Whether a completion waits to be taken.
    pub fn has_any(&self) -> bool {
        !self.pushed.is_empty()
    }

    /// Whether nothing is in the queue, and nothing comes any more.
    pub fn is_drained(&self) -> bool {
        self.has_ended() && self.pushed.is_empty()
    }

    /// Hands up to `limit` completions to `take`, and answers how many. `None`: the queue is empty
    /// and stays so.
    pub fn poll(&self, limit: usize, mut take: impl FnMut(Completion)) -> Option<usize> {
        self.poll_to(&mut Taker::new(limit, &mut |completion| take(completion.take())))
    }

    /// As [`CompletionQueue::poll`], for a taker that has taken nothing yet.
    pub fn poll_to(&self, taker: &mut Taker<'_>) -> Option<usize> {
        let count = self.drain(taker);
        self.clear();
        count
    }

    /// Hands to the taker what is in the queue, and answers how many it has taken by then. `None`:
    /// none, the queue is empty and stays so. Leaves the descriptor as it is.
    #[inline]
    pub fn drain(&self, taker: &mut Taker<'_>) -> Option<usize> {
        // Before the look at the queue: what was pushed before the end is then seen.
        let ended = self.ended.load(Ordering::SeqCst);
        if self.has_any() {
            self.hand_out(taker);
        }
        if taker.taken == 0 && taker.left > 0 && ended { None } else { Some(taker.taken) }
    }

    /// Not copied into its callers, whose frames would push those of a turn onto other cache lines.
    #[inline(never)]
    fn hand_out(&self, taker: &mut Taker<'_>) {
        while taker.left > 0 {
            let Some(mut completion) = self.pushed.pop() else { return };
            self.pass_by(taker, &mut completion);
        }
    }

    /// As [`CompletionQueue::poll`], but sleeps until there is something, at most for `patience`.
    pub fn wait(
        &self,
        limit: usize,
        patience: Duration,
        mut take: impl FnMut(Completion),
    ) -> Option<usize> {
        let mut take = |completion: &mut Completion| take(completion.take());
        self.wait_to(patience, &mut Taker::new(limit, &mut take))
    }

    /// As [`CompletionQueue::wait`], for a taker that has taken nothing yet.
    pub fn wait_to(&self, patience: Duration, taker: &mut Taker<'_>) -> Option<usize> {
        let count = self.poll_to(taker);
        if count != Some(0) || taker.left == 0 || patience.is_zero() {
            return count;
        }
        // A deadline too far to represent is no deadline.
        let deadline = Instant::now().checked_add(patience);
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        let count = loop {
            if !self.sleep_until(deadline) {
                break self.poll_to(taker);
            }
            match self.poll_to(taker) {
                Some(0) => {}
                count => break count,
            }
        };
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
        count
    }

    /// Sleeps until there is something to take or nothing comes any more, at most for `patience`;
    /// leaves the descriptor as it is.
    pub fn sleep(&self, patience: Duration) {
        // A deadline too far to represent is no deadline.
        let deadline = Instant::now().checked_add(patience);
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        while self.pushed.is_empty() && !self.has_ended() && self.sleep_until(deadline) {}
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
    }

    /// A descriptor that is readable while completions are in the queue; made at the first call.
    pub fn event_fd(&self) -> io::Result<BorrowedFd<'_>> {
        if let Some(event) = self.event.get() {
            return Ok(event.as_fd());
        }
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let event = EventFd::from_value_and_flags(0, flags)?;
        let event = self.event.get_or_init(|| event);
        // As in `wake`: whoever pushes from now on finds the descriptor.
        fence(Ordering::SeqCst);
        self.signal_if_any();
        Ok(event.as_fd())
    }

    /// For the models, which ask their descriptor whether it is readable.
    #[cfg(feature = "model")]
    pub fn event(&self) -> &EventFd {
        self.event.get().expect("it was made")
    }

    /// Sleeps until woken; `false` when the deadline has passed.
    fn sleep_until(&self, deadline: Option<Instant>) -> bool {
        let gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the gate, and after `sleepers` was raised: a push from now on finds us asleep. The
        // fence is the other half of that in `wake`.
        fence(Ordering::SeqCst);
        if !self.pushed.is_empty() || self.ended.load(Ordering::SeqCst) {
            return true;
        }
        let Some(deadline) = deadline else {
            drop(self.bell.wait(gate));
            return true;
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        drop(self.bell.wait_timeout(gate, left));
        true
    }

    /// Makes the descriptor readable although nothing was pushed: whoever sleeps on it should look
    /// around.
    pub fn signal(&self) {
        let Some(event) = self.event.get() else { return };
        if !self.event_set.swap(true, Ordering::SeqCst) {
            // An eventfd is only full after 2^64 - 2 raises without a look.
            let _ = event.write(1);
        }
    }

    fn wake(&self) {
        fence(Ordering::SeqCst);
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            // Whoever found the queue empty under the gate sleeps once we had it. Rung outside, so
            // that who wakes up does not run into the closed gate.
            drop(self.gate.lock().unwrap_or_else(PoisonError::into_inner));
            self.bell.notify_all();
        }
        self.signal_if_any();
    }

    /// Makes the descriptor readable if there is something to take.
    pub fn signal_if_any(&self) {
        if !self.pushed.is_empty() || self.ended.load(Ordering::SeqCst) {
            self.signal();
        }
    }

    /// Makes the descriptor unreadable, whatever is in the queue: whoever does this looks at all
    /// that there is, and raises it again when it leaves something.
    pub fn clear_now(&self) {
        let Some(event) = self.event.get() else { return };
        if self.event_set.load(Ordering::SeqCst) && event.read().is_ok() {
            self.event_set.swap(false, Ordering::SeqCst);
        }
    }

    /// Makes the descriptor unreadable once the queue is empty. After the end it stays readable.
    pub fn clear(&self) {
        let Some(event) = self.event.get() else { return };
        if !self.pushed.is_empty() || !self.event_set.load(Ordering::SeqCst) {
            return;
        }
        if event.read().is_err() {
            // Whoever put the flag up is about to write: it stays up for the next one to lower.
            return;
        }
        // What was pushed while the flag was still up raised nothing. Swapped, so that it is seen.
        self.event_set.swap(false, Ordering::SeqCst);
        self.signal_if_any();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    fn completion(id: u64) -> Completion {
        Completion::bare(id, Outcome::Ok, WireState::Answered)
    }

    fn drain(queue: &CompletionQueue) -> Vec<u64> {
        let mut ids = Vec::new();
        queue.poll(usize::MAX, |completion| ids.push(completion.id));
        ids
    }

    #[test]
    fn a_place_is_reserved_until_polled() {
        let queue = CompletionQueue::new(2);
        assert!(queue.reserve() && queue.reserve());
        assert!(!queue.reserve());
        queue.push(completion(1));
        queue.push(completion(2));
        assert!(!queue.reserve());
        assert_eq!(queue.poll(1, |_| ()), Some(1));
        assert!(queue.reserve());
        assert_eq!(drain(&queue), [2]);
    }

    #[test]
    fn a_completion_passes_the_queue_by_only_if_none_is_before_it() {
        let queue = CompletionQueue::new(2);
        assert!(queue.reserve() && queue.reserve());
        let mut ids = Vec::new();
        let mut take = |completion: &mut Completion| ids.push(completion.take().id);
        let mut taker = Taker::new(2, &mut take);
        assert!(taker.is_next(&queue) && !Taker::none().is_next(&queue));
        queue.push(completion(1));
        assert!(!taker.is_next(&queue), "one is before it");
        assert_eq!(queue.drain(&mut taker), Some(1));
        queue.pass_by(&mut taker, &mut completion(2));
        assert!(!taker.is_next(&queue), "it has taken all that it takes");
        assert_eq!((taker.taken(), queue.drain(&mut taker)), (2, Some(2)));
        assert_eq!(ids, [1, 2]);
        assert!(queue.reserve() && queue.reserve() && !queue.reserve(), "their places are free");
    }

    #[test]
    fn the_end_is_told_after_the_last_completion() {
        let queue = CompletionQueue::new(2);
        assert!(queue.reserve());
        queue.push(completion(1));
        queue.end();
        assert_eq!(queue.poll(8, |_| ()), Some(1));
        assert_eq!(queue.poll(8, |_| ()), None);
        assert_eq!(queue.wait(8, Duration::MAX, |_| ()), None);
    }

    #[test]
    fn a_wait_ends_by_time_or_by_a_ring() {
        let queue = CompletionQueue::new(64);
        assert_eq!(queue.wait(1, Duration::from_millis(1), |_| ()), Some(0));
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| queue.wait(1, Duration::MAX, |_| ()));
            while queue.sleepers.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            assert!(queue.reserve());
            queue.push(completion(7));
            queue.announce();
            queue.ring();
            assert_eq!(sleeper.join().unwrap(), Some(1));
        });
    }

    #[test]
    fn no_completion_is_lost_between_a_pusher_and_a_sleeper() {
        let queue = CompletionQueue::new(16);
        let mut seen = 0;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for id in 0..20_000 {
                    while !queue.reserve() {
                        std::thread::yield_now();
                    }
                    queue.push(completion(id));
                    queue.announce();
                    queue.ring();
                }
            });
            while seen < 20_000 {
                let wait = queue.wait(16, Duration::MAX, |completion| {
                    assert_eq!(completion.id, seen);
                    seen += 1;
                });
                assert!(wait.is_some());
            }
        });
    }

    fn readable(fd: BorrowedFd<'_>) -> bool {
        poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], PollTimeout::ZERO).unwrap() == 1
    }

    #[test]
    fn the_descriptor_is_readable_exactly_while_there_is_something() {
        let queue = CompletionQueue::new(8);
        assert!(queue.reserve() && queue.reserve());
        queue.push(completion(1));
        queue.announce();
        queue.ring();
        let fd = queue.event_fd().unwrap();
        assert!(readable(fd), "made late, but true at once");
        queue.push(completion(2));
        queue.announce();
        queue.ring();
        queue.poll(1, |_| ());
        assert!(readable(fd));
        queue.poll(1, |_| ());
        assert!(!readable(fd));
        queue.end();
        assert!(readable(fd));
        assert_eq!(queue.poll(1, |_| ()), None);
    }
}
