//! The receive buffer: one contiguous run of bytes with a cursor.
//!
//! It knows how to take bytes at its end, drop them from its front, and leave readable zeros behind
//! what it holds. It knows nothing of HTTP, of limits or of who reads into it: how far it may grow
//! is decided by `http/response.rs`.
//!
//! ```text
//!  0 .......... filled .......... usable .......... capacity ...... capacity + TAIL
//!  | contents   | spare, cleared  | spare, reserved | never offered to a reader    |
//! ```
//!
//! A reader gets plain `&mut [u8]`, so memory is cleared before it is offered for the first time.
//! That is done in pieces, as reads need it: the system then gives real memory piece by piece, too,
//! and no step of a large response takes long.

use std::collections::TryReserveError;
use std::fmt;
use std::ops::Range;

/// Zero bytes that stay readable behind a sealed body, so that a SIMD parser (simdjson wants 64)
/// may read past the end without a copy.
pub const TAIL: usize = 64;

/// Bytes received so far, and room for more.
///
/// The vector stays initialised over its whole length, so no memory is cleared for a new response
/// in an old buffer. Its capacity, not its length, is the memory that is held.
#[derive(Clone)]
pub struct Buf {
    /// INVARIANT: at least `TAIL` bytes longer than `filled`.
    bytes: Vec<u8>,
    filled: usize,
}

/// Shows sizes, never content: responses hold account data.
impl fmt::Debug for Buf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (filled, capacity) = (self.len(), self.capacity());
        f.debug_struct("Buf").field("filled", &filled).field("capacity", &capacity).finish()
    }
}

impl Buf {
    /// An empty buffer with room for `capacity` bytes, [`TAIL`] not counted, all of it cleared.
    /// When there is no memory for that it has no room, and whoever needs some asks by
    /// [`Buf::grow_to`].
    pub fn with_capacity(capacity: usize) -> Self {
        Self::with_cleared(capacity, capacity)
    }

    /// As [`Buf::with_capacity`], with only so many bytes cleared: the rest is reserved, and the
    /// system gives real memory for it when it is first offered.
    pub fn with_cleared(capacity: usize, cleared: usize) -> Self {
        let mut buf = Self { bytes: vec![0; TAIL], filled: 0 };
        if buf.grow_to(capacity).is_ok() {
            buf.spare(cleared);
        }
        buf
    }

    /// What was received and not dropped.
    pub fn filled(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// The same, to be rewritten in place.
    pub fn filled_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.filled]
    }

    /// The number of bytes held.
    pub fn len(&self) -> usize {
        self.filled
    }

    /// Whether no byte is held.
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// The number of bytes that fit without growing, [`TAIL`] not counted.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity() - TAIL
    }

    /// How much of the room behind the contents is cleared, so that to offer it costs nothing.
    pub fn cleared(&self) -> usize {
        self.bytes.len() - TAIL - self.filled
    }

    /// The room behind the contents, at most `most` bytes of it. A reader fills its front, then
    /// calls [`Buf::commit`].
    pub fn spare(&mut self, most: usize) -> &mut [u8] {
        let end = self.filled + most.min(self.capacity() - self.filled);
        if end + TAIL > self.bytes.len() {
            self.bytes.resize(end + TAIL, 0);
        }
        &mut self.bytes[self.filled..end]
    }

    /// Takes over `n` bytes that were written to the front of [`Buf::spare`].
    ///
    /// # Panics
    /// When `n` is more than the spare room: the reader has lied, and nothing here can be trusted.
    pub fn commit(&mut self, n: usize) {
        let usable = self.bytes.len() - TAIL;
        assert!(n <= usable - self.filled, "more bytes committed than there was room for");
        self.filled += n;
    }

    /// Makes room for `capacity` bytes in all; the contents stay. Never shrinks.
    ///
    /// # Errors
    /// There is no such memory; the buffer is as it was.
    pub fn grow_to(&mut self, capacity: usize) -> Result<(), TryReserveError> {
        // Exact: whoever asks has already decided how much more than needed is good.
        let more = capacity.saturating_add(TAIL).saturating_sub(self.bytes.len());
        self.bytes.try_reserve_exact(more)
    }

    /// Gives memory back, down to `capacity` or to what is held, whichever is more.
    pub fn shrink_to(&mut self, capacity: usize) {
        if capacity < self.capacity() {
            let len = capacity.max(self.filled) + TAIL;
            self.bytes.truncate(len);
            self.bytes.shrink_to(len);
        }
    }

    /// Drops all contents and keeps the memory.
    pub fn clear(&mut self) {
        self.filled = 0;
    }

    /// Drops what is held from `len` on; does nothing when less is held.
    pub fn truncate(&mut self, len: usize) {
        self.filled = self.filled.min(len);
    }

    /// Drops the first `n` bytes and moves the rest to the front.
    pub fn drop_front(&mut self, n: usize) {
        self.remove(0..n);
    }

    /// Drops the bytes in `place` and moves what is behind them there.
    pub fn remove(&mut self, place: Range<usize>) {
        if !place.is_empty() {
            #[cfg(test)]
            cost::add(self.filled - place.end);
            self.bytes.copy_within(place.end..self.filled, place.start);
            self.filled -= place.len();
        }
    }

    /// Ends the contents at `end` and zeroes the [`TAIL`] bytes behind.
    pub fn seal(&mut self, end: usize) {
        self.truncate(end);
        self.bytes[end..end + TAIL].fill(0);
    }

    /// The contents from `start` on together with the [`TAIL`] bytes behind them, which are zero
    /// once the buffer is sealed.
    pub fn padded_from(&self, start: usize) -> &[u8] {
        self.padded(start..self.filled)
    }

    /// The contents at `place` together with the [`TAIL`] bytes behind them, which are zero between
    /// [`Buf::zero_behind`] and [`Buf::restore_behind`].
    pub fn padded(&self, place: Range<usize>) -> &[u8] {
        &self.bytes[place.start..place.end + TAIL]
    }

    /// Zeroes the [`TAIL`] bytes behind `end`, which may be contents, and answers what they were.
    pub fn zero_behind(&mut self, end: usize) -> [u8; TAIL] {
        let mut behind = [0; TAIL];
        behind.swap_with_slice(&mut self.bytes[end..end + TAIL]);
        behind
    }

    /// Undoes [`Buf::zero_behind`].
    pub fn restore_behind(&mut self, end: usize, behind: &[u8; TAIL]) {
        self.bytes[end..end + TAIL].copy_from_slice(behind);
    }
}

/// Bytes looked at or moved on this thread: lets a test prove by counting that the cost is linear.
#[cfg(test)]
pub(crate) mod cost {
    use std::cell::Cell;

    thread_local!(static BYTES: Cell<usize> = const { Cell::new(0) });

    pub(crate) fn add(bytes: usize) {
        BYTES.set(BYTES.get() + bytes);
    }

    pub(crate) fn take() -> usize {
        BYTES.replace(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(buf: &mut Buf, bytes: &[u8]) {
        buf.spare(bytes.len())[..].copy_from_slice(bytes);
        buf.commit(bytes.len());
    }

    #[test]
    fn the_tail_is_never_offered_to_a_reader() {
        let mut buf = Buf::with_capacity(8);
        assert_eq!((buf.capacity(), buf.spare(usize::MAX).len()), (8, 8));
        put(&mut buf, b"12345678");
        assert!(buf.spare(1).is_empty());
        buf.seal(8);
        assert_eq!(buf.padded_from(4).len(), 4 + TAIL);
    }

    #[test]
    fn seal_zeroes_what_lay_behind_the_end() {
        let mut buf = Buf::with_capacity(200);
        put(&mut buf, &[7; 200]);
        buf.seal(10);
        assert_eq!(buf.filled(), [7; 10]);
        assert_eq!(buf.padded_from(10), [0; TAIL]);
    }

    #[test]
    fn grow_and_shrink_keep_the_contents() {
        let mut buf = Buf::with_capacity(4);
        put(&mut buf, b"abcd");
        buf.grow_to(100).unwrap();
        buf.grow_to(50).unwrap();
        assert_eq!((buf.filled(), buf.capacity()), (&b"abcd"[..], 100));
        buf.shrink_to(2);
        assert_eq!((buf.filled(), buf.capacity()), (&b"abcd"[..], 4));
        buf.clear();
        assert!(buf.is_empty());
        buf.shrink_to(0);
        assert_eq!(buf.capacity(), 0);
        buf.shrink_to(10);
        assert_eq!(buf.capacity(), 0);
    }

    #[test]
    fn drop_front_moves_the_rest() {
        let mut buf = Buf::with_capacity(8);
        put(&mut buf, b"abcdef");
        buf.drop_front(0);
        buf.drop_front(4);
        assert_eq!((buf.filled(), buf.len()), (&b"ef"[..], 2));
        assert_eq!(buf.spare(usize::MAX).len(), 6);
        buf.truncate(5);
        buf.truncate(1);
        buf.filled_mut()[0] = b'x';
        assert_eq!(buf.filled(), b"x");
    }

    #[test]
    fn remove_closes_the_gap() {
        let mut buf = Buf::with_capacity(8);
        put(&mut buf, b"abcdef");
        buf.remove(3..3);
        buf.remove(1..3);
        assert_eq!(buf.filled(), b"adef");
        buf.remove(2..4);
        assert_eq!(buf.filled(), b"ad");
    }

    #[test]
    fn a_part_has_zeros_behind_it_for_a_while() {
        let mut buf = Buf::with_capacity(200);
        put(&mut buf, &[7; 100]);
        let behind = buf.zero_behind(60);
        assert_eq!(behind[..40], [7; 40]);
        assert_eq!(
            (&buf.padded(50..60)[..10], &buf.padded(50..60)[10..]),
            (&[7; 10][..], &[0; TAIL][..])
        );
        buf.restore_behind(60, &behind);
        assert_eq!(buf.filled(), [7; 100]);
    }

    #[test]
    fn debug_shows_sizes_and_no_content() {
        let mut buf = Buf::with_capacity(10);
        put(&mut buf, b"secret");
        assert_eq!(format!("{buf:?}"), "Buf { filled: 6, capacity: 10 }");
    }

    #[test]
    fn memory_is_cleared_as_far_as_it_is_offered() {
        let mut buf = Buf::with_capacity(0);
        buf.grow_to(1000).unwrap();
        assert_eq!((buf.capacity(), buf.bytes.len()), (1000, TAIL));
        assert_eq!(buf.spare(10), [0; 10]);
        assert_eq!(buf.bytes.len(), 10 + TAIL);
        put(&mut buf, b"abcdef");
        assert_eq!(buf.spare(10).len(), 10);
        assert_eq!(buf.bytes.len(), 16 + TAIL);
        assert_eq!(buf.spare(5).len(), 5);
        assert_eq!(buf.spare(usize::MAX).len(), 994);
        assert_eq!((buf.filled(), buf.padded_from(6)), (&b"abcdef"[..], &[0; TAIL][..]));
    }

    #[test]
    fn memory_that_cannot_be_had_changes_nothing() {
        let mut buf = Buf::with_capacity(8);
        put(&mut buf, b"abcd");
        for absurd in [isize::MAX as usize, usize::MAX] {
            assert!(buf.grow_to(absurd).is_err());
            assert_eq!((buf.filled(), buf.capacity()), (&b"abcd"[..], 8));
        }
        assert_eq!(Buf::with_capacity(usize::MAX).capacity(), 0);
    }

    #[test]
    fn what_is_reserved_is_cleared_when_it_is_offered() {
        let mut buf = Buf::with_cleared(1000, 100);
        assert_eq!((buf.capacity(), buf.cleared()), (1000, 100));
        put(&mut buf, &[7; 60]);
        assert_eq!(buf.cleared(), 40);
        assert_eq!(buf.spare(200), [0; 200]);
        assert_eq!(buf.cleared(), 200);
        buf.clear();
        assert_eq!((buf.capacity(), buf.cleared()), (1000, 260));
    }

    #[test]
    #[should_panic(expected = "more bytes committed")]
    fn commit_beyond_the_room_panics() {
        Buf::with_capacity(1).commit(2);
    }
}
