//! The last so many records, in memory that is taken once.

use std::ops::Range;

/// A ring of records. Each has a number, from 0 in the order of writing.
pub struct Ring<T: Copy + Default> {
    records: Box<[T]>,
    /// Where the next one goes.
    next: usize,
    /// How many were written, ever.
    written: u64,
}

impl<T: Copy + Default> Ring<T> {
    /// An empty ring for `size` records, at least one.
    pub fn new(size: usize) -> Self {
        Self { records: vec![T::default(); size.max(1)].into_boxed_slice(), next: 0, written: 0 }
    }

    /// The place of the next record, with what stood in it before.
    #[inline]
    pub fn push(&mut self) -> &mut T {
        let at = self.next;
        self.next = if at + 1 == self.records.len() { 0 } else { at + 1 };
        self.written += 1;
        &mut self.records[at]
    }

    /// The last record.
    #[inline]
    pub fn last_mut(&mut self) -> Option<&mut T> {
        let last = self.last_place()?;
        Some(&mut self.records[last])
    }

    /// Where the last record stands, counted from 0.
    #[inline]
    pub fn last_place(&self) -> Option<usize> {
        let last = if self.next == 0 { self.records.len() } else { self.next } - 1;
        if self.written == 0 { None } else { Some(last) }
    }

    /// Where the record of that number stands, if it is kept.
    pub fn place(&self, number: u64) -> usize {
        (number % self.records.len() as u64) as usize
    }

    /// The record of that number, which is kept.
    pub fn get(&self, number: u64) -> &T {
        &self.records[self.place(number)]
    }

    /// The number of the next record.
    pub fn end(&self) -> u64 {
        self.written
    }

    /// The numbers of the records from number `from` on, at most `most` of them. Those that are not
    /// kept any more are left out.
    pub fn kept(&self, from: u64, most: usize) -> Range<u64> {
        let size = self.records.len() as u64;
        let begin = from.max(self.written.saturating_sub(size));
        begin..begin.max(self.written.min(begin + most as u64))
    }

    /// The numbers of the last records, at most `most` of them.
    pub fn last(&self, most: usize) -> Range<u64> {
        self.kept(self.written.saturating_sub(most as u64), most)
    }

    /// Appends copies of these records, which are kept.
    pub fn copy(&self, numbers: Range<u64>, to: &mut Vec<T>) {
        to.extend(numbers.map(|number| *self.get(number)));
    }
}

/// Paths and answers are no secrets, but they are the engine's: they do not stay behind in memory.
impl<T: Copy + Default> Drop for Ring<T> {
    fn drop(&mut self) {
        self.records.fill(T::default());
        // What is not read any more might otherwise not be written.
        std::hint::black_box(&self.records);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(ring: &Ring<u32>) -> Vec<u32> {
        let mut copies = Vec::new();
        ring.copy(ring.kept(0, usize::MAX >> 1), &mut copies);
        copies
    }

    proptest! {
        #[test]
        fn the_last_ones_are_kept_in_their_order(size in 1_usize..9, count in 0_u32..40) {
            let mut ring = Ring::new(size);
            for number in 0..count {
                *ring.push() = number;
                prop_assert_eq!(ring.last_mut().copied(), Some(number));
            }
            let kept = count.saturating_sub(size as u32)..count;
            prop_assert_eq!(all(&ring), kept.collect::<Vec<_>>());
        }

        #[test]
        fn pieces_make_the_whole_while_others_write(
            size in 1_usize..9, before in 0_u32..20, between in 0_u32..20, piece in 1_usize..5,
        ) {
            let mut ring = Ring::new(size);
            (0..before).for_each(|number| *ring.push() = number);
            let (mut copies, end) = (Vec::new(), ring.end());
            let mut next_piece = |ring: &Ring<u32>, at| {
                let numbers = ring.kept(at, piece);
                ring.copy(numbers.clone(), &mut copies);
                numbers.end
            };
            let mut at = next_piece(&ring, 0);
            (before..before + between).for_each(|number| *ring.push() = number);
            while at < end {
                at = next_piece(&ring, at);
            }
            // Some may be lost between, and none is there twice or in another order.
            prop_assert!(copies.is_sorted_by(|one, next| one < next), "{:?}", copies);
        }
    }

    #[test]
    fn a_record_stands_where_its_number_says() {
        let mut ring = Ring::new(3);
        for number in 0..8 {
            *ring.push() = number;
            assert_eq!(ring.last_place(), Some(ring.place(number)));
            assert_eq!(*ring.get(number), number);
        }
        assert_eq!((ring.last(2), ring.last(9)), (6..8, 5..8));
    }

    #[test]
    fn an_empty_ring_has_no_last_record() {
        let mut ring = Ring::new(2);
        assert_eq!(ring.last_mut(), None);
        assert_eq!((ring.last_place(), ring.last(1)), (None, 0..0));
        assert_eq!((all(&ring), ring.end()), (vec![], 0));
    }
}
