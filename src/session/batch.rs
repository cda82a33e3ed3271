//! Messages of one read on their way to the queue: copied side by side, and put there as a row.
//!
//! It knows messages and buffers. Who takes from the queue is not its business.

use std::sync::Arc;

use super::data::{Filling, Home, LARGE, Row};
use crate::buf::TAIL;
use crate::ws::frame::Kind;

/// A read of more bytes than these is one of a stream.
const ALONE: usize = 512;

/// Messages that were received and are not in the queue yet.
pub(super) struct Batch {
    home: Arc<Home>,
    filling: Option<Filling>,
    is_stream: bool,
    /// Some of them are in the queue, and who sleeps was not woken for them.
    pub(super) is_unnotified: bool,
}

impl Batch {
    /// An empty one, which takes its memory from there.
    pub(super) fn new(home: &Arc<Home>) -> Self {
        Self { home: Arc::clone(home), filling: None, is_stream: false, is_unnotified: false }
    }

    /// So many bytes were read.
    pub(super) const fn expect(&mut self, bytes: usize) {
        self.is_stream = bytes > ALONE;
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.filling.is_none()
    }

    /// Whether there is room for a message of that length. There always is in an empty one.
    pub(super) fn has_room(&self, len: usize) -> bool {
        self.filling.as_ref().is_none_or(|filling| filling.has_room(len))
    }

    /// Copies a message, for which there is room.
    pub(super) fn put(&mut self, kind: Kind, key: Option<u64>, payload: &[u8]) {
        let room = payload.len() + TAIL;
        let room = if self.is_stream { room.max(LARGE) } else { room };
        let filling = self.filling.get_or_insert_with(|| self.home.take(room));
        filling.put_in_row(kind, key, payload);
    }

    /// Gives all messages, in their order. `None`: there is none.
    pub(super) fn take(&mut self) -> Option<Row> {
        self.filling.take().map(Filling::end_row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_comes_out_in_its_order() {
        let mut batch = Batch::new(&Arc::default());
        for is_stream in [false, true] {
            batch.expect(if is_stream { 60_000 } else { 20 });
            assert!(batch.is_empty() && batch.has_room(1 << 30));
            for (key, text) in [(None, "one"), (Some(2), "two"), (None, "")] {
                assert!(batch.has_room(text.len()));
                batch.put(Kind::Text, key, text.as_bytes());
            }
            assert_eq!((batch.is_empty(), batch.has_room(2_000)), (false, is_stream));
            let mut row = batch.take().unwrap();
            let mut seen = Vec::new();
            while let Some((kind, key, view)) = row.take_first() {
                let text = view.padded()[..view.padded().len() - TAIL].to_vec();
                seen.push((kind, key, String::from_utf8(text).unwrap()));
                view.release();
            }
            let text = |key, text: &str| (Kind::Text, key, text.to_owned());
            assert_eq!(seen, [text(None, "one"), text(Some(2), "two"), text(None, "")]);
        }
        assert!(batch.take().is_none());
    }
}
