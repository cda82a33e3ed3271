//! The bytes of a message that the engine keeps: with 64 zeros behind, counted, used again.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::buf::TAIL;

/// Buffers that are kept for later messages.
const MAX_KEPT: usize = 1024;
/// A larger buffer is given back to the system.
const MAX_KEPT_BYTES: usize = 64 * 1024;

/// The buffers that are free.
#[derive(Debug, Default)]
pub struct Home(Mutex<Vec<Arc<Data>>>);

/// The bytes of one message.
#[derive(Debug)]
pub struct Data {
    /// With [`TAIL`] zeros behind.
    bytes: Vec<u8>,
    home: Weak<Home>,
}

impl Home {
    /// A copy of a message, in a buffer that was used before if there is one.
    pub(super) fn keep(self: &Arc<Self>, payload: &[u8]) -> Arc<Data> {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut data = free
            .pop()
            .unwrap_or_else(|| Arc::new(Data { bytes: Vec::new(), home: Arc::downgrade(self) }));
        drop(free);
        // What is free is held by no one else.
        if let Some(data) = Arc::get_mut(&mut data) {
            data.bytes.clear();
            data.bytes.extend_from_slice(payload);
            data.bytes.extend_from_slice(&[0; TAIL]);
        }
        data
    }
}

impl Data {
    /// A copy of `payload` that belongs to no session.
    pub fn of(payload: &[u8]) -> Arc<Self> {
        let bytes = [payload, &[0; TAIL]].concat();
        Arc::new(Self { bytes, home: Weak::new() })
    }

    /// The message and the zeros behind it.
    pub fn padded(&self) -> &[u8] {
        &self.bytes
    }

    /// Its holder needs it no more. The last one gives the buffer back.
    pub fn release(mut data: Arc<Self>) {
        let Some(only) = Arc::get_mut(&mut data) else { return };
        let Some(home) = only.home.upgrade() else { return };
        if only.bytes.capacity() > MAX_KEPT_BYTES {
            return;
        }
        let mut free = home.0.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < MAX_KEPT {
            free.push(data);
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
        let second_holder = Arc::clone(&first);
        Data::release(first);
        let other = home.keep(b"another");
        assert_ne!(other.padded().as_ptr(), place);
        assert_eq!(&second_holder.padded()[..10], b"a message\0");
        Data::release(second_holder);
        let again = home.keep(b"short");
        assert_eq!((again.padded().as_ptr(), again.padded().len()), (place, 5 + TAIL));
        assert_eq!(&again.padded()[5..], &[0; TAIL]);
    }
}
