//! The calls that are not answered yet: by the key of their answer, by id, by deadline.
//!
//! A call leaves exactly once: by its answer, its deadline, a cancel, or the loss of its
//! connection. It knows no message; the engine's own function reads the key from one.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use crate::error::Status;

/// A call on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its number, which no other call of the session has.
    pub id: u64,
    /// What its answer is known by.
    pub key: u64,
    /// The engine's own number.
    pub user_data: u64,
    /// It ends without an answer then, in nanoseconds.
    pub deadline_ns: u64,
    /// The number of its message; 0 while it waits to go.
    pub sequence: u64,
    /// The number of its connection, on which the answer comes; 0 while it waits to go.
    pub connection: u32,
    /// When it was sent, in nanoseconds; while it waits, when it began.
    pub sent_ns: u64,
}

/// Numbers by which calls are found. They are the engine's own, and no peer chooses which of them
/// have one place: so they need no hash that resists that, which takes longer.
type Numbers<T> = HashMap<u64, T, BuildHasherDefault<Spread>>;

/// Spreads numbers that are near to each other, or far, over all bits.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64((*byte).into()));
    }

    fn write_u64(&mut self, number: u64) {
        let product = u128::from(self.0 ^ number) * u128::from(SPREAD);
        // The low half knows the low bits alone, and the high half the high ones.
        self.0 = (product as u64) ^ (product >> 64) as u64;
    }
}

/// 2^64 over the golden ratio, odd (Knuth, The Art of Computer Programming, section 6.4).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// The calls of one session.
#[derive(Debug)]
pub struct Calls {
    by_key: Numbers<Call>,
    keys: Numbers<u64>,
    /// Deadlines with their ids. Calls that have ended are still in it for a while.
    deadlines: BinaryHeap<Reverse<(u64, u64)>>,
    most: usize,
}

impl Calls {
    /// Room for `most` calls at a time. All memory is taken here.
    pub fn new(most: usize) -> Self {
        Self {
            // Twice as much, so that the tables never grow for the places of those that have left.
            by_key: Numbers::with_capacity_and_hasher(2 * most, Default::default()),
            keys: Numbers::with_capacity_and_hasher(2 * most, Default::default()),
            deadlines: BinaryHeap::with_capacity(2 * most + 1),
            most,
        }
    }

    /// How many are not answered.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether all are answered.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Whether a call with that key may begin.
    ///
    /// # Errors
    /// `ERR_COMPLETIONS_FULL` if there are as many as there may be, `untaken` completions of
    /// earlier ones included; `ERR_ARGUMENT` if a call with that key is on its way.
    pub fn check(&self, key: u64, untaken: usize) -> Result<(), Status> {
        if self.len() + untaken >= self.most {
            return Err(Status::ERR_COMPLETIONS_FULL);
        }
        if self.by_key.contains_key(&key) {
            return Err(Status::ERR_ARGUMENT);
        }
        Ok(())
    }

    /// A call has begun; [`Calls::check`] has allowed it.
    pub fn begin(&mut self, call: Call) {
        if self.deadlines.len() >= 2 * self.most {
            let keys = &self.keys;
            self.deadlines.retain(|Reverse((_, id))| keys.contains_key(id));
        }
        self.by_key.insert(call.key, call);
        self.keys.insert(call.id, call.key);
        self.deadlines.push(Reverse((call.deadline_ns, call.id)));
    }

    /// When a call ends without an answer. `None`: there is no such call.
    pub fn deadline_of(&self, id: u64) -> Option<u64> {
        Some(self.by_key.get(self.keys.get(&id)?)?.deadline_ns)
    }

    /// A call that waited has gone, as the message of that number.
    pub fn went(&mut self, id: u64, sequence: u64, connection: u32, now_ns: u64) {
        let key = self.keys.get(&id);
        if let Some(call) = key.and_then(|key| self.by_key.get_mut(key)) {
            (call.sequence, call.connection, call.sent_ns) = (sequence, connection, now_ns);
        }
    }

    /// Whether a call awaits an answer with that key on that connection.
    pub fn is_awaited(&self, key: u64, connection: u32) -> bool {
        self.by_key.get(&key).is_some_and(|call| call.connection == connection)
    }

    /// An answer with that key has come on that connection. `None`: no call awaits it there.
    pub fn answered(&mut self, key: u64, connection: u32) -> Option<Call> {
        let call = *self.by_key.get(&key).filter(|call| call.connection == connection)?;
        self.cancelled(call.id)
    }

    /// Whether calls of that connection are not answered.
    pub fn has_any_of(&self, connection: u32) -> bool {
        self.by_key.values().any(|call| call.connection == connection)
    }

    /// The engine wants no answer any more. `None`: there is no such call.
    pub fn cancelled(&mut self, id: u64) -> Option<Call> {
        let key = self.keys.remove(&id)?;
        self.by_key.remove(&key)
    }

    /// A call whose deadline has passed; ask until there is none.
    pub fn expired(&mut self, now_ns: u64) -> Option<Call> {
        let due = self.deadline_ns().is_some_and(|deadline_ns| deadline_ns <= now_ns);
        let Reverse((_, id)) = if due { self.deadlines.pop()? } else { return None };
        self.cancelled(id)
    }

    /// The earliest deadline.
    pub fn deadline_ns(&mut self) -> Option<u64> {
        while let Some(Reverse((deadline_ns, id))) = self.deadlines.peek() {
            if self.keys.contains_key(id) {
                return Some(*deadline_ns);
            }
            self.deadlines.pop();
        }
        None
    }

    /// The connection is lost: its calls leave, in the order in which they began.
    pub fn lost(&mut self, connection: u32) -> Vec<Call> {
        let of_it = self.by_key.values().filter(|call| call.connection == connection);
        let mut lost: Vec<Call> = of_it.copied().collect();
        lost.sort_unstable_by_key(|call| call.id);
        for call in &lost {
            self.cancelled(call.id);
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: u64, key: u64, deadline_ns: u64) -> Call {
        Call { id, key, user_data: 0, deadline_ns, sequence: id, connection: 1, sent_ns: 0 }
    }

    #[test]
    fn a_call_leaves_once_whatever_comes() {
        let mut calls = Calls::new(8);
        (1..=4).for_each(|id| calls.begin(call(id, 10 * id, 100 * id)));
        assert_eq!(calls.answered(20, 1), Some(call(2, 20, 200)));
        assert_eq!((calls.answered(20, 1), calls.cancelled(2)), (None, None));
        assert_eq!(calls.cancelled(3), Some(call(3, 30, 300)));
        assert_eq!(calls.answered(30, 1), None, "a late answer awakes no call");
        assert_eq!((calls.expired(99), calls.deadline_ns()), (None, Some(100)));
        assert_eq!((calls.expired(350), calls.expired(350)), (Some(call(1, 10, 100)), None));
        assert_eq!((calls.lost(1), calls.len()), (vec![call(4, 40, 400)], 0));
        assert_eq!((calls.expired(u64::MAX), calls.deadline_ns()), (None, None));
    }

    #[test]
    fn numbers_in_a_row_and_at_equal_distances_are_spread() {
        for shift in [0, 3, 12, 32, 44] {
            let mut places = [0_u32; 256];
            for number in 0..4096_u64 {
                let mut hasher = Spread::default();
                hasher.write_u64(number << shift);
                places[(hasher.finish() & 255) as usize] += 1;
            }
            // 16 each; of a hash by chance the fullest has 32 or so.
            assert!(places.iter().all(|count| *count < 48), "{shift}: {places:?}");
        }
    }

    #[test]
    fn a_call_belongs_to_its_connection() {
        let mut calls = Calls::new(8);
        calls.begin(call(1, 10, 100));
        calls.begin(Call { connection: 2, ..call(2, 20, 100) });
        assert_eq!((calls.answered(20, 1), calls.has_any_of(2)), (None, true));
        assert_eq!((calls.lost(1), calls.has_any_of(1)), (vec![call(1, 10, 100)], false));
        assert_eq!(calls.answered(20, 2).map(|call| call.id), Some(2));
        assert_eq!((calls.deadline_ns(), calls.is_empty()), (None, true));
    }

    #[test]
    fn a_call_that_waits_is_answered_and_lost_only_when_it_has_gone() {
        let mut calls = Calls::new(8);
        calls.begin(Call { sequence: 0, connection: 0, ..call(1, 10, 100) });
        assert_eq!((calls.answered(10, 1), calls.lost(1)), (None, vec![]));
        assert_eq!((calls.check(10, 0), calls.len()), (Err(Status::ERR_ARGUMENT), 1));
        calls.went(1, 7, 1, 50);
        let gone = Call { sequence: 7, sent_ns: 50, ..call(1, 10, 100) };
        assert_eq!((calls.answered(10, 1), calls.len()), (Some(gone), 0));
        calls.went(1, 8, 1, 60);
        assert!(calls.is_empty(), "one that has ended does not come back");
    }

    #[test]
    fn their_number_is_bounded_and_a_key_is_in_use_once() {
        let mut calls = Calls::new(2);
        calls.begin(call(1, 7, 1));
        assert_eq!(calls.check(7, 0), Err(Status::ERR_ARGUMENT));
        assert_eq!(calls.check(8, 1), Err(Status::ERR_COMPLETIONS_FULL));
        assert_eq!(calls.check(8, 0), Ok(()));
        calls.answered(7, 1);
        assert_eq!(calls.check(7, 1), Ok(()));
    }

    #[test]
    fn many_calls_with_distant_deadlines_take_no_more_memory() {
        let mut calls = Calls::new(16);
        let before = (calls.by_key.capacity(), calls.keys.capacity(), calls.deadlines.capacity());
        for id in 0..100_000 {
            calls.begin(call(id, id, u64::MAX));
            calls.begin(call(id + 1_000_000, id + 1_000_000, 5));
            assert!(calls.answered(id, 1).is_some());
            assert!(calls.expired(5).is_some());
        }
        let after = (calls.by_key.capacity(), calls.keys.capacity(), calls.deadlines.capacity());
        assert_eq!(before, after);
    }
}
