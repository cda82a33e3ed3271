//! The bytes of messages that the engine keeps: each with 64 zeros behind, counted, used again.
//!
//! The messages of a stream lie side by side in one buffer, and have one count together. Those that
//! come alone have small buffers, so that an engine which keeps one of them keeps little else.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::buf::TAIL;

/// The size of a buffer for what comes alone, in bytes.
const SMALL: usize = 1024;
/// The size of a buffer for messages of a stream, in bytes.
pub(super) const LARGE: usize = 16 * 1024;
/// Small buffers that are kept for later messages.
const MAX_SMALL: usize = 1024;
/// Larger ones that are kept.
const MAX_LARGE: usize = 128;
/// A larger buffer is given back to the system.
const MAX_KEPT_BYTES: usize = 64 * 1024;

/// The buffers that are free.
#[derive(Debug, Default)]
pub(super) struct Home(Mutex<Free>);

#[derive(Debug, Default)]
struct Free {
    small: Vec<Arc<Data>>,
    large: Vec<Arc<Data>>,
}

/// A buffer with messages, held by whoever has one of them.
#[derive(Debug)]
pub struct Data {
    /// Messages, each with [`TAIL`] zeros behind.
    bytes: Vec<u8>,
    home: Weak<Home>,
}

/// One message in a buffer.
#[derive(Debug)]
pub struct View {
    data: Arc<Data>,
    start: usize,
    /// Without the zeros.
    len: usize,
}

/// A buffer that is being filled, by its only holder.
#[derive(Debug)]
pub(super) struct Filling {
    data: Arc<Data>,
    /// The buffer's own, out of it meanwhile.
    bytes: Vec<u8>,
}

impl Home {
    /// An empty buffer with room for `room` bytes: one that was used before, if there is one.
    pub(super) fn take(self: &Arc<Self>, room: usize) -> Filling {
        let is_small = room <= SMALL;
        let found = self.free().of_size(is_small).pop();
        let fresh = || Arc::new(Data { bytes: Vec::new(), home: Arc::downgrade(self) });
        let mut data = found.unwrap_or_else(fresh);
        // What is free is held by no one else.
        let bytes = Arc::get_mut(&mut data).map(|data| std::mem::take(&mut data.bytes));
        let mut bytes = bytes.unwrap_or_default();
        bytes.clear();
        bytes.reserve_exact(if is_small { SMALL } else { room });
        Filling { data, bytes }
    }

    /// A copy of one message.
    pub(super) fn keep(self: &Arc<Self>, payload: &[u8]) -> View {
        let mut filling = self.take(payload.len() + TAIL);
        filling.put(payload);
        View { start: 0, len: payload.len(), data: filling.end() }
    }

    fn free(&self) -> MutexGuard<'_, Free> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Free {
    fn of_size(&mut self, is_small: bool) -> &mut Vec<Arc<Data>> {
        if is_small { &mut self.small } else { &mut self.large }
    }
}

impl Filling {
    /// Whether there is room for a message of that length.
    pub(super) fn has_room(&self, len: usize) -> bool {
        self.bytes.capacity() - self.bytes.len() >= len + TAIL
    }

    /// Copies a message behind those that are in it, and answers where it begins.
    pub(super) fn put(&mut self, payload: &[u8]) -> usize {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(payload);
        self.bytes.extend_from_slice(&[0; TAIL]);
        start
    }

    /// All messages are in it.
    pub(super) fn end(mut self) -> Arc<Data> {
        if let Some(data) = Arc::get_mut(&mut self.data) {
            data.bytes = self.bytes;
        }
        self.data
    }
}

impl View {
    /// A copy of `payload` that belongs to no session.
    pub fn of(payload: &[u8]) -> Self {
        let bytes = [payload, &[0; TAIL]].concat();
        Self { data: Arc::new(Data { bytes, home: Weak::new() }), start: 0, len: payload.len() }
    }

    /// The message of that length that begins there.
    pub(super) fn new(data: Arc<Data>, start: usize, len: usize) -> Self {
        Self { data, start, len }
    }

    /// The message and the zeros behind it.
    pub fn padded(&self) -> &[u8] {
        &self.data.bytes[self.start..self.start + self.len + TAIL]
    }

    /// Its buffer, which is to be released by [`Data::release`].
    pub fn into_data(self) -> Arc<Data> {
        self.data
    }

    /// Its holder needs it no more.
    pub fn release(self) {
        Data::release(self.data);
    }
}

impl Data {
    /// A holder of one of its messages needs that no more. The last one gives the buffer back.
    pub fn release(data: Arc<Self>) {
        // When the last two let go at once it may be freed instead, which is as right.
        if Arc::strong_count(&data) == 1 {
            Self::give_back(data);
        }
    }

    fn give_back(mut data: Arc<Self>) {
        let Some(only) = Arc::get_mut(&mut data) else { return };
        let Some(home) = only.home.upgrade() else { return };
        let size = only.bytes.capacity();
        if size > MAX_KEPT_BYTES {
            return;
        }
        let is_small = size <= SMALL;
        let mut free = home.free();
        let list = free.of_size(is_small);
        if list.len() < if is_small { MAX_SMALL } else { MAX_LARGE } {
            list.push(data);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_once_the_last_holder_has_let_go() {
        let home = Arc::new(Home::default());
        let first = home.keep(b"a message");
        let place = first.padded().as_ptr();
        let second_holder = Arc::clone(&first.data);
        first.release();
        let other = home.keep(b"another");
        assert_ne!(other.padded().as_ptr(), place);
        assert_eq!(&second_holder.bytes[..10], b"a message\0");
        Data::release(second_holder);
        let again = home.keep(b"short");
        assert_eq!((again.padded().as_ptr(), again.padded().len()), (place, 5 + TAIL));
        assert_eq!(&again.padded()[5..], &[0; TAIL]);
    }

    #[test]
    fn messages_lie_side_by_side_each_with_its_zeros() {
        let home = Arc::new(Home::default());
        let mut filling = home.take(LARGE);
        let starts = [&b"one"[..], b"", b"three"].map(|text| (filling.put(text), text));
        assert!(filling.has_room(1000) && !filling.has_room(LARGE));
        let data = filling.end();
        for (start, text) in starts {
            let view = View::new(Arc::clone(&data), start, text.len());
            assert_eq!(view.padded(), [text, &[0; TAIL]].concat());
            view.release();
        }
        let place = data.bytes.as_ptr();
        Data::release(data);
        assert_ne!(home.keep(b"alone").padded().as_ptr(), place);
        assert_eq!(home.take(LARGE).bytes.as_ptr(), place);
    }

    #[test]
    fn what_is_larger_than_most_is_not_kept() {
        let home = Arc::new(Home::default());
        // The last one is that of the second, which has grown.
        for (len, kept) in [(100, 1), (5_000, 2), (MAX_KEPT_BYTES, 1)] {
            home.keep(&vec![1; len]).release();
            let free = home.free();
            assert_eq!(free.small.len() + free.large.len(), kept);
        }
    }
}
