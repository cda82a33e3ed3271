//! The receive buffer: one contiguous run of bytes with a cursor.
//!
//! It knows how to take bytes at its end, drop them from its front, and leave readable zeros behind
//! what it holds. It knows nothing of HTTP, of limits or of who reads into it: how far it may grow
//! is decided by `http/response.rs`.
//!
//! ```text
//!  0 .......... filled ........................... capacity ...... capacity + TAIL
//!  | contents   | spare, zero or of former contents | never offered to a reader    |
//! ```
//!
//! The memory has pages of its own. They read as zero from the start, so a reader gets plain
//! `&mut [u8]`, and room that nothing was read into takes no memory. So no step of a large response
//! takes long. When there is less to do, pages that large contents have used are given back.

use std::fmt;
use std::io;
use std::ops::Range;

use crate::net::pages::Pages;

/// Zero bytes that stay readable behind a sealed body, so that a SIMD parser (simdjson wants 64)
/// may read past the end without a copy.
pub const TAIL: usize = 64;

/// Zeros, for a buffer without memory.
static NOTHING: [u8; TAIL] = [0; TAIL];

/// Bytes received so far, and room for more.
pub struct Buf {
    /// INVARIANT: at least `capacity + TAIL` bytes long, or empty while `capacity` is 0.
    pages: Pages,
    capacity: usize,
    filled: usize,
    /// How far memory was used since it was last given back, [`TAIL`] not counted.
    used: usize,
}

/// Shows sizes, never content: responses hold account data.
impl fmt::Debug for Buf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (filled, capacity) = (self.len(), self.capacity());
        f.debug_struct("Buf").field("filled", &filled).field("capacity", &capacity).finish()
    }
}

impl Buf {
    /// An empty buffer with room for `capacity` bytes, [`TAIL`] not counted. The room is address
    /// space: memory is taken as it is used. When there is none it has no room, and whoever needs
    /// some asks by [`Buf::grow_to`].
    pub fn with_capacity(capacity: usize) -> Self {
        let pages = Pages::new(capacity.saturating_add(TAIL));
        let capacity = if pages.is_ok() { capacity } else { 0 };
        Self { pages: pages.unwrap_or_default(), capacity, filled: 0, used: 0 }
    }

    /// What was received and not dropped.
    pub fn filled(&self) -> &[u8] {
        &self.pages[..self.filled]
    }

    /// The same, to be rewritten in place.
    pub fn filled_mut(&mut self) -> &mut [u8] {
        &mut self.pages[..self.filled]
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
        self.capacity
    }

    /// How many bytes of its front have taken memory since it was last given back.
    pub fn used(&self) -> usize {
        self.used
    }

    /// The room behind the contents, at most `most` bytes of it. A reader fills its front, then
    /// calls [`Buf::commit`].
    pub fn spare(&mut self, most: usize) -> &mut [u8] {
        let end = self.filled + most.min(self.capacity - self.filled);
        &mut self.pages[self.filled..end]
    }

    /// Takes over `n` bytes that were written to the front of [`Buf::spare`].
    ///
    /// # Panics
    /// When `n` is more than the spare room: the reader has lied, and nothing here can be trusted.
    pub fn commit(&mut self, n: usize) {
        let room = self.capacity - self.filled;
        assert!(n <= room, "more bytes committed than there was room for");
        self.filled += n;
        self.used = self.used.max(self.filled);
    }

    /// Makes room for `capacity` bytes in all; the contents stay. Never shrinks.
    ///
    /// # Errors
    /// There is no such memory; the buffer is as it was.
    pub fn grow_to(&mut self, capacity: usize) -> io::Result<()> {
        if capacity > self.capacity || self.pages.is_empty() {
            // Exact: whoever asks has already decided how much more than needed is good.
            self.pages.resize(capacity.saturating_add(TAIL))?;
            self.capacity = capacity;
        }
        Ok(())
    }

    /// Gives room back, down to `capacity` or to what is held, whichever is more.
    pub fn shrink_to(&mut self, capacity: usize) {
        let capacity = capacity.max(self.filled);
        if capacity < self.capacity && self.pages.resize(capacity + TAIL).is_ok() {
            self.capacity = capacity;
            self.used = self.used.min(capacity);
        }
    }

    /// Gives memory back, but for the first `kept` bytes and what is held. The room stays.
    pub fn give_back(&mut self, kept: usize) {
        let kept = kept.max(self.filled);
        if self.used > kept {
            self.pages.give_back(kept + TAIL);
            self.used = kept;
        }
    }

    /// Takes memory for all the room, so that no read into it is a page fault.
    pub fn touch(&mut self) {
        self.pages.touch();
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
            self.pages.copy_within(place.end..self.filled, place.start);
            self.filled -= place.len();
        }
    }

    /// Ends the contents at `end` and zeroes the [`TAIL`] bytes behind.
    pub fn seal(&mut self, end: usize) {
        self.truncate(end);
        // A buffer without memory holds nothing, and has zeros behind it.
        if let Some(behind) = self.pages.get_mut(end..end + TAIL) {
            behind.fill(0);
        }
    }

    /// The contents from `start` on together with the [`TAIL`] bytes behind them, which are zero
    /// once the buffer is sealed.
    pub fn padded_from(&self, start: usize) -> &[u8] {
        self.padded(start..self.filled)
    }

    /// The contents at `place` together with the [`TAIL`] bytes behind them, which are zero between
    /// [`Buf::zero_behind`] and [`Buf::restore_behind`].
    pub fn padded(&self, place: Range<usize>) -> &[u8] {
        if self.pages.is_empty() {
            return &NOTHING;
        }
        &self.pages[place.start..place.end + TAIL]
    }

    /// Zeroes the [`TAIL`] bytes behind `end`, which may be contents, and answers what they were.
    pub fn zero_behind(&mut self, end: usize) -> [u8; TAIL] {
        let mut behind = [0; TAIL];
        behind.swap_with_slice(&mut self.pages[end..end + TAIL]);
        behind
    }

    /// Undoes [`Buf::zero_behind`].
    pub fn restore_behind(&mut self, end: usize, behind: &[u8; TAIL]) {
        self.pages[end..end + TAIL].copy_from_slice(behind);
    }
}

impl Clone for Buf {
    fn clone(&self) -> Self {
        let mut copy = Self::with_capacity(self.capacity);
        copy.grow_to(self.capacity).expect("there is memory for a copy");
        copy.spare(self.filled).copy_from_slice(self.filled());
        copy.commit(self.filled);
        copy
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
    fn room_reads_as_zero_and_takes_memory_as_it_is_used() {
        let mut buf = Buf::with_capacity(0);
        buf.grow_to(1000).unwrap();
        assert_eq!((buf.capacity(), buf.used()), (1000, 0));
        assert_eq!(buf.spare(10), [0; 10]);
        put(&mut buf, b"abcdef");
        assert_eq!((buf.spare(5).len(), buf.spare(usize::MAX).len()), (5, 994));
        assert_eq!((buf.filled(), buf.padded_from(6)), (&b"abcdef"[..], &[0; TAIL][..]));
        buf.drop_front(4);
        assert_eq!((buf.filled(), buf.used()), (&b"ef"[..], 6));
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
    fn a_buffer_without_memory_is_an_empty_one() {
        let mut buf = Buf::with_capacity(usize::MAX);
        assert_eq!((buf.capacity(), buf.spare(1).len()), (0, 0));
        buf.seal(0);
        assert_eq!(buf.padded_from(0), [0; TAIL]);
        assert_eq!(buf.clone().capacity(), 0);
        buf.grow_to(0).unwrap();
        buf.grow_to(6).unwrap();
        put(&mut buf, b"abcdef");
        assert_eq!(buf.filled(), b"abcdef");
    }

    #[test]
    fn memory_that_is_given_back_was_not_held() {
        let mut buf = Buf::with_capacity(100_000);
        put(&mut buf, &[7; 90_000]);
        buf.give_back(1000);
        assert_eq!((buf.filled(), buf.used()), (&[7; 90_000][..], 90_000));
        buf.truncate(5_000);
        buf.give_back(1000);
        assert_eq!((buf.filled(), buf.used(), buf.capacity()), (&[7; 5_000][..], 5_000, 100_000));
        assert_eq!(buf.spare(usize::MAX)[10_000..], [0; 85_000]);
    }

    #[test]
    #[should_panic(expected = "more bytes committed")]
    fn commit_beyond_the_room_panics() {
        Buf::with_capacity(1).commit(2);
    }
}
