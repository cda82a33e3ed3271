//! A bounded FIFO between threads, in memory that is reserved at once and touched only as far as it
//! is used.
//!
//! It knows nothing of what it holds, nor of who sleeps until there is something. There is a place
//! for whatever is pushed: that is the caller's promise.
//!
//! Whenever the FIFO is empty, it begins again at its first place. So one that seldom holds many
//! stays in the same few cache lines and in one page, whatever its capacity. A lock-free array goes
//! round through all its places, and writes to each of them when it is made.

use std::collections::VecDeque;
use std::sync::PoisonError;

use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// The FIFO. Its lock is held for one push or one pop, and no other is taken meanwhile.
pub struct Fifo<T> {
    places: Mutex<VecDeque<T>>,
    /// How many are in it, so that a look at an empty one takes no lock. Written under the lock.
    len: AtomicUsize,
}

impl<T> Fifo<T> {
    /// An empty FIFO with room for so many. All its memory is taken here, and none of it touched.
    pub fn new(capacity: usize) -> Self {
        let places = Mutex::new(VecDeque::with_capacity(capacity));
        Self { places, len: AtomicUsize::new(0) }
    }

    /// Writes to all its places once, so that no later push is a page fault. Nothing may be in it.
    pub fn touch(&self, make: impl Fn() -> T) {
        let mut places = self.lock();
        while places.len() < places.capacity() {
            places.push_back(make());
        }
        places.clear();
    }

    /// Whether nothing is in it. What another thread is about to push or to pop may be missed, but
    /// not what the caller knows to have happened.
    pub fn is_empty(&self) -> bool {
        // What is in it is ordered by the lock, which `pop` takes.
        self.len.load(Ordering::Relaxed) == 0
    }

    /// Adds one at the end. There must be a place for it.
    pub fn push(&self, value: T) {
        let mut places = self.lock();
        debug_assert!(places.len() < places.capacity(), "a place was reserved");
        places.push_back(value);
        self.len.store(places.len(), Ordering::Relaxed);
    }

    /// Takes the first one.
    pub fn pop(&self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let mut places = self.lock();
        let value = places.pop_front();
        if places.is_empty() {
            // Begins again at the first place.
            places.clear();
        }
        self.len.store(places.len(), Ordering::Relaxed);
        value
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_in_is_the_first_out() {
        let fifo = Fifo::new(3);
        assert!(fifo.is_empty() && fifo.pop().is_none());
        (1..=3).for_each(|number| fifo.push(number));
        assert_eq!(fifo.pop(), Some(1));
        fifo.push(4);
        let rest: Vec<_> = std::iter::from_fn(|| fifo.pop()).collect();
        assert_eq!(rest, [2, 3, 4]);
        assert!(fifo.is_empty());
    }

    #[test]
    fn nothing_is_in_one_whose_places_were_written_to() {
        let fifo = Fifo::new(3);
        fifo.touch(|| 7);
        assert!(fifo.is_empty() && fifo.pop().is_none());
        fifo.push(1);
        assert_eq!((fifo.pop(), fifo.pop()), (Some(1), None));
    }

    #[test]
    fn an_empty_one_begins_again_at_its_first_place() {
        let fifo = Fifo::new(64);
        let first_place = || fifo.lock().as_slices().0.as_ptr();
        fifo.push(0);
        let first = first_place();
        fifo.push(1);
        assert_eq!((fifo.pop(), fifo.pop()), (Some(0), Some(1)));
        for number in 0..1000 {
            fifo.push(number);
            assert_eq!(first_place(), first);
            assert_eq!(fifo.pop(), Some(number));
        }
    }
}
