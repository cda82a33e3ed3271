//! Which slots have an exchange of the engine's in flight: a bit for each, read without a lock.
//!
//! Who polls all the time asks this each time, and with hundreds of connections it must not have to
//! visit each. A bit may say too much for a moment, which costs a look that finds nothing, but
//! never too little: it is set before the request is sent, and cleared when its exchange has ended,
//! before the slot can be given out again.

use crate::sync::atomic::{AtomicU64, Ordering};

const BITS: usize = u64::BITS as usize;

/// The slots with an exchange in flight.
pub(crate) struct InFlightSet {
    words: Box<[AtomicU64]>,
}

impl InFlightSet {
    /// None of so many slots.
    pub(crate) fn new(slots: u32) -> Self {
        Self { words: (0..(slots as usize).div_ceil(BITS)).map(|_| AtomicU64::new(0)).collect() }
    }

    /// An exchange is about to begin on that slot.
    pub(crate) fn add(&self, slot: u32) {
        let (word, bit) = self.place(slot);
        word.fetch_or(bit, Ordering::SeqCst);
    }

    /// It has ended, or did not begin.
    pub(crate) fn remove(&self, slot: u32) {
        let (word, bit) = self.place(slot);
        word.fetch_and(!bit, Ordering::SeqCst);
    }

    /// Whether that slot is among them.
    pub(crate) fn has(&self, slot: u32) -> bool {
        let (word, bit) = self.place(slot);
        word.load(Ordering::SeqCst) & bit != 0
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| word.load(Ordering::SeqCst) == 0)
    }

    /// Whether there are more than so many, which are few: only those are counted.
    pub(crate) fn exceed(&self, most: u32) -> bool {
        let mut left = most;
        self.words.iter().any(|word| {
            let mut rest = word.load(Ordering::SeqCst);
            while rest != 0 {
                if left == 0 {
                    return true;
                }
                (rest, left) = (rest & (rest - 1), left - 1);
            }
            false
        })
    }

    /// The slots in flight, the lowest number first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let mut rest = word.load(Ordering::SeqCst);
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros() as usize;
                // 0 when nothing is left.
                rest &= rest.checked_sub(1)?;
                Some(index * BITS + bit)
            })
        })
    }

    fn place(&self, slot: u32) -> (&AtomicU64, u64) {
        (&self.words[slot as usize / BITS], 1 << (slot as usize % BITS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slot_has_a_bit_of_its_own() {
        let flights = InFlightSet::new(130);
        for slot in [0, 63, 64, 129] {
            flights.add(slot);
            flights.add(slot);
        }
        assert!(flights.iter().eq([0, 63, 64, 129]));
        assert!(flights.exceed(3) && !flights.exceed(4));
        assert!(!flights.is_empty() && InFlightSet::new(130).is_empty());
        assert!(flights.has(63) && !flights.has(62));
        flights.remove(63);
        flights.remove(5);
        assert!(!flights.has(63));
        assert!(flights.iter().eq([0, 64, 129]));
    }
}
