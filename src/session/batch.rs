//! Messages of one read on their way to the queue: copied side by side, and put there under one
//! lock.
//!
//! It knows messages and buffers. Who takes from the queue is not its business.

use std::sync::Arc;

use super::data::{Filling, Home, LARGE, View};
use crate::buf::TAIL;
use crate::ws::frame::Kind;

/// Messages that were received and are not in the queue yet.
pub(super) struct Batch {
    home: Arc<Home>,
    filling: Option<Filling>,
    messages: Vec<Noted>,
    /// Further messages are expected in the same read.
    is_stream: bool,
}

/// What is known of a message besides its bytes.
struct Noted {
    kind: Kind,
    key: Option<u64>,
    start: usize,
    len: usize,
}

impl Batch {
    /// An empty one, which takes its memory from there.
    pub(super) fn new(home: &Arc<Home>) -> Self {
        Self { home: Arc::clone(home), filling: None, messages: Vec::new(), is_stream: false }
    }

    /// So many bytes were read.
    pub(super) fn expect(&mut self, bytes: usize) {
        // One message that is short, or two.
        self.is_stream = bytes > 512;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
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
        let start = filling.put(payload);
        self.messages.push(Noted { kind, key, start, len: payload.len() });
    }

    /// Gives all messages, in their order.
    pub(super) fn drain(&mut self, mut give: impl FnMut(Kind, Option<u64>, View)) {
        let Some(data) = self.filling.take().map(Filling::end) else { return };
        let Some(last) = self.messages.pop() else { return };
        for Noted { kind, key, start, len } in self.messages.drain(..) {
            give(kind, key, View::new(Arc::clone(&data), start, len));
        }
        // The count of who has filled it goes to the last one.
        give(last.kind, last.key, View::new(data, last.start, last.len));
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
            assert_eq!(batch.has_room(2_000), is_stream);
            let mut seen = Vec::new();
            batch.drain(|kind, key, view| {
                let text = view.padded()[..view.padded().len() - TAIL].to_vec();
                seen.push((kind, key, String::from_utf8(text).unwrap()));
                view.release();
            });
            let text = |key, text: &str| (Kind::Text, key, text.to_owned());
            assert_eq!(seen, [text(None, "one"), text(Some(2), "two"), text(None, "")]);
        }
        batch.drain(|_, _, _| panic!("there is nothing"));
    }
}
