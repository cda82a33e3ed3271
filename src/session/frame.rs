//! A message that the engine writes straight into its frame, and that is masked and sent there.
//!
//! A session has one connection and many senders. The engine writes with no lock held, so each
//! thread has a frame of its own. It knows the number of its session and no connection.

use crate::error::Status;
use crate::ws::writer::FrameWriter;

/// Room for one message at a time, with room for the header in front of it. See
/// [`Session::frame`](super::Session::frame).
#[derive(Debug)]
pub struct Frame {
    session: u64,
    writer: FrameWriter,
}

impl Frame {
    pub(super) fn new(session: u64, capacity: usize) -> Self {
        Self { session, writer: FrameWriter::new(capacity) }
    }

    /// The room for the next message, to be filled from its front. It is always at the same place,
    /// and holds what was there: bytes of the last message, masked if it was sent.
    pub fn room(&mut self) -> &mut [u8] {
        self.writer.reserve()
    }

    /// The writer, for the session that the frame was made for.
    pub(super) fn writer(&mut self, session: u64) -> Result<&mut FrameWriter, Status> {
        if self.session == session { Ok(&mut self.writer) } else { Err(Status::ERR_WRONG_POOL) }
    }
}
