//! The bytes of messages that the engine keeps: each with 64 zeros behind, counted, used again.
//!
//! The messages of a stream lie side by side in one buffer, and have one count together. Those that
//! come alone have small buffers, so that an engine which keeps one of them keeps little else.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::buf::TAIL;
use crate::ws::frame::Kind;

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
    /// What is known of those that wait for the engine.
    messages: Vec<Noted>,
    home: Weak<Home>,
}

/// What is known of a message in a buffer.
#[derive(Clone, Copy, Debug)]
struct Noted {
    kind: Kind,
    key: Option<u64>,
    start: usize,
    len: usize,
}

/// Messages of a buffer that wait for the engine, in a row.
#[derive(Debug)]
pub(super) struct Row {
    data: Arc<Data>,
    /// Which of them.
    next: usize,
    end: usize,
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
    messages: Vec<Noted>,
}

impl Home {
    /// An empty buffer with room for `room` bytes: one that was used before, if there is one.
    pub(super) fn take(self: &Arc<Self>, room: usize) -> Filling {
        let is_small = room <= SMALL;
        let found = self.free().of_size(is_small).pop();
        let (bytes, messages) = (Vec::new(), Vec::new());
        let fresh = || Arc::new(Data { bytes, messages, home: Arc::downgrade(self) });
        let mut data = found.unwrap_or_else(fresh);
        let mut filling = match Arc::get_mut(&mut data) {
            Some(Data { bytes, messages, .. }) => {
                let (bytes, messages) = (std::mem::take(bytes), std::mem::take(messages));
                Filling { data, bytes, messages }
            }
            // What is free is held by no one else.
            None => Filling { data, bytes: Vec::new(), messages: Vec::new() },
        };
        filling.bytes.clear();
        filling.messages.clear();
        filling.bytes.reserve_exact(if is_small { SMALL } else { room });
        filling
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

    /// As [`Filling::put`], for a message that waits for the engine.
    pub(super) fn put_in_row(&mut self, kind: Kind, key: Option<u64>, payload: &[u8]) {
        let start = self.put(payload);
        self.messages.push(Noted { kind, key, start, len: payload.len() });
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
            (data.bytes, data.messages) = (self.bytes, self.messages);
        }
        self.data
    }

    /// The same, and the row of those that wait.
    pub(super) fn end_row(self) -> Row {
        let end = self.messages.len();
        Row { data: self.end(), next: 0, end }
    }
}

impl Row {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.end - self.next
    }

    /// Only the first ones are to stay.
    pub(super) fn truncate(&mut self, count: usize) {
        self.end = self.end.min(self.next + count);
    }

    /// Takes the first one, which leaves others behind.
    #[inline]
    pub(super) fn take_first(&mut self) -> Option<(Kind, Option<u64>, View)> {
        let Noted { kind, key, start, len } = *self.data.messages[..self.end].get(self.next)?;
        self.next += 1;
        Some((kind, key, View { data: Arc::clone(&self.data), start, len }))
    }

    /// Takes the only one.
    pub(super) fn take_last(self) -> Option<(Kind, Option<u64>, View)> {
        let Noted { kind, key, start, len } = *self.data.messages[..self.end].get(self.next)?;
        Some((kind, key, View { data: self.data, start, len }))
    }
}

impl View {
    /// A copy of `payload` that belongs to no session.
    pub fn of(payload: &[u8]) -> Self {
        let bytes = [payload, &[0; TAIL]].concat();
        let data = Data { bytes, messages: Vec::new(), home: Weak::new() };
        Self { data: Arc::new(data), start: 0, len: payload.len() }
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
        let all = [&b"one"[..], b"", b"three", b"four"];
        all.iter().for_each(|text| filling.put_in_row(Kind::Text, None, text));
        assert!(filling.has_room(1000) && !filling.has_room(LARGE));
        let mut row = filling.end_row();
        row.truncate(3);
        let data = Arc::clone(&row.data);
        for (left, text) in [(3, all[0]), (2, all[1])] {
            assert_eq!(row.len(), left);
            let (_, _, view) = row.take_first().unwrap();
            assert_eq!(view.padded(), [text, &[0; TAIL]].concat());
            view.release();
        }
        let (_, _, view) = row.take_last().unwrap();
        assert_eq!(view.padded(), [all[2], &[0; TAIL]].concat());
        view.release();
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
