//! A message that the engine writes straight into its frame, and that is masked and sent there.
//!
//! A session has one connection and many senders. The engine writes with no lock held, so each
//! thread has a frame of its own. It knows the number of its session and no connection. While a
//! call of it waits, its room is lent to the session. A call that waits and has no frame is copied
//! into a room of its own.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Status;
use crate::lane::Lane;
use crate::ws::frame::Kind;
use crate::ws::writer::FrameWriter;

/// Changes a message in the moment when it is sent: gets the system's time in nanoseconds since
/// 1970, and the message. `false`: it is not to be sent.
pub type OnSend = Box<dyn FnMut(u64, &mut [u8]) -> bool + Send>;

/// Room for one message at a time, with room for the header in front of it. See
/// [`Session::frame`](super::Session::frame).
pub struct Frame {
    session: u64,
    lane: Lane,
    /// `None` while it is lent, and until it is asked for behind that.
    written: Option<Written>,
    back: Arc<Back>,
}

/// The room of a frame, and what is done to its messages.
struct Written {
    writer: FrameWriter,
    on_send: Option<OnSend>,
}

/// Where the room of a frame is put that was lent.
type Back = Mutex<Option<Written>>;

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let writer = self.written.as_ref().map(|written| &written.writer);
        f.debug_struct("Frame").field("writer", &writer).finish_non_exhaustive()
    }
}

impl Frame {
    pub(super) fn new(session: u64, capacity: usize) -> Self {
        let written = Written { writer: FrameWriter::new(capacity), on_send: None };
        Self { session, lane: Lane::Orders, written: Some(written), back: Arc::default() }
    }

    /// The room for the next message, to be filled from its front. It is always at the same place,
    /// and holds what was there: bytes of the last message, masked if it was sent.
    ///
    /// # Errors
    /// `ERR_PHASE` while a call of this frame waits.
    pub fn room(&mut self) -> Result<&mut [u8], Status> {
        Ok(self.written()?.writer.reserve())
    }

    /// Sets the function that changes each message immediately before it is masked, for a
    /// signature. It runs under the lock of the session, on the thread that sends, and calls no
    /// session: so the order of its calls is the order on the wire. For a call that has waited,
    /// that is the thread that drives.
    ///
    /// # Errors
    /// `ERR_PHASE` while a call of this frame waits.
    pub fn set_on_send(&mut self, on_send: Option<OnSend>) -> Result<(), Status> {
        self.written()?.on_send = on_send;
        Ok(())
    }

    /// Sets the lane of the messages of this frame: what they go before while calls wait.
    ///
    /// # Errors
    /// `ERR_PHASE` while a call of this frame waits.
    pub fn set_lane(&mut self, lane: Lane) -> Result<(), Status> {
        self.written()?;
        self.lane = lane;
        Ok(())
    }

    fn written(&mut self) -> Result<&mut Written, Status> {
        if self.written.is_none() {
            self.written = self.back.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        self.written.as_mut().ok_or(Status::ERR_PHASE)
    }

    /// The message of that length, for the session that the frame was made for.
    pub(super) fn payload(&mut self, session: u64, len: usize) -> Result<Payload<'_>, Status> {
        if self.session != session {
            return Err(Status::ERR_WRONG_POOL);
        }
        let lane = self.lane;
        Ok(self.written()?.payload(lane, len))
    }

    /// Lends the message of that length, to be sent later.
    ///
    /// # Errors
    /// `ERR_PHASE` without a room, `ERR_TOO_LARGE` if it is smaller.
    pub(super) fn lend(&mut self, kind: Kind, len: usize) -> Result<LaterMessage, Status> {
        self.written()?.writer.written(len)?;
        let (lane, back) = (self.lane, Some(Arc::clone(&self.back)));
        Ok(LaterMessage { kind, len, lane, written: self.written.take(), back })
    }
}

impl Written {
    fn payload(&mut self, lane: Lane, len: usize) -> Payload<'_> {
        let Self { writer, on_send } = self;
        Payload::Written { frame: writer, len, lane, on_send: on_send.as_mut() }
    }
}

/// A message that waits. The room of a frame is given back when this is dropped, and a copy is
/// wiped.
pub(super) struct LaterMessage {
    pub(super) kind: Kind,
    len: usize,
    lane: Lane,
    written: Option<Written>,
    /// Whose room it is. `None`: a copy.
    back: Option<Arc<Back>>,
}

impl LaterMessage {
    /// A copy of a message that has no frame of the engine's.
    pub(super) fn copy_of(kind: Kind, bytes: &[u8]) -> Self {
        let (mut writer, len) = (FrameWriter::new(bytes.len()), bytes.len());
        writer.reserve().copy_from_slice(bytes);
        let written = Some(Written { writer, on_send: None });
        Self { kind, len, lane: Payload::Copied(bytes).lane(), written, back: None }
    }

    /// The message.
    pub(super) fn payload(&mut self) -> Option<Payload<'_>> {
        let (lane, len) = (self.lane, self.len);
        self.written.as_mut().map(|written| written.payload(lane, len))
    }
}

impl Drop for LaterMessage {
    fn drop(&mut self) {
        if let Some(back) = &self.back {
            *back.lock().unwrap_or_else(PoisonError::into_inner) = self.written.take();
        }
    }
}

/// The bytes of a message that is to be sent.
pub(super) enum Payload<'a> {
    /// They are copied into the session's own frame, when they are masked.
    Copied(&'a [u8]),
    /// They are in their frame already, so many of them, and are masked there.
    Written { frame: &'a mut FrameWriter, len: usize, lane: Lane, on_send: Option<&'a mut OnSend> },
}

impl Payload<'_> {
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::Copied(bytes) => bytes.len(),
            Self::Written { len, .. } => *len,
        }
    }

    /// What it goes before while calls wait.
    pub(super) const fn lane(&self) -> Lane {
        match self {
            Self::Copied(_) => Lane::Orders,
            Self::Written { lane, .. } => *lane,
        }
    }
}
