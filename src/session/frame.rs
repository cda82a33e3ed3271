//! A message that the engine writes straight into its frame, and that is masked and sent there.
//!
//! A session has one connection and many senders. The engine writes with no lock held, so each
//! thread has a frame of its own. It knows the number of its session and no connection.

use std::fmt;

use crate::error::Status;
use crate::ws::writer::FrameWriter;

/// Changes a message in the moment when it is sent: gets the system's time in nanoseconds since
/// 1970, and the message. `false`: it is not to be sent.
pub type OnSend = Box<dyn FnMut(u64, &mut [u8]) -> bool + Send>;

/// Room for one message at a time, with room for the header in front of it. See
/// [`Session::frame`](super::Session::frame).
pub struct Frame {
    session: u64,
    writer: FrameWriter,
    on_send: Option<OnSend>,
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame").field("writer", &self.writer).finish_non_exhaustive()
    }
}

impl Frame {
    pub(super) fn new(session: u64, capacity: usize) -> Self {
        Self { session, writer: FrameWriter::new(capacity), on_send: None }
    }

    /// The room for the next message, to be filled from its front. It is always at the same place,
    /// and holds what was there: bytes of the last message, masked if it was sent.
    pub fn room(&mut self) -> &mut [u8] {
        self.writer.reserve()
    }

    /// Sets the function that changes each message immediately before it is masked, for a
    /// signature. It runs under the lock of the session, on the thread that sends, and calls no
    /// session: so the order of its calls is the order on the wire.
    pub fn set_on_send(&mut self, on_send: Option<OnSend>) {
        self.on_send = on_send;
    }

    /// The message of that length, for the session that the frame was made for.
    pub(super) fn payload(&mut self, session: u64, len: usize) -> Result<Payload<'_>, Status> {
        if self.session != session {
            return Err(Status::ERR_WRONG_POOL);
        }
        let Self { writer, on_send, .. } = self;
        Ok(Payload::Written { frame: writer, len, on_send: on_send.as_mut() })
    }
}

/// The bytes of a message that is to be sent.
pub(super) enum Payload<'a> {
    /// They are copied into the session's own frame, when they are masked.
    Copied(&'a [u8]),
    /// They are in their frame already, so many of them, and are masked there.
    Written { frame: &'a mut FrameWriter, len: usize, on_send: Option<&'a mut OnSend> },
}

impl Payload<'_> {
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::Copied(bytes) => bytes.len(),
            Self::Written { len, .. } => *len,
        }
    }
}
