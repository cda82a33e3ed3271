//! Calls that wait until they can go, and are sent by who drives: while the session is not up,
//! while the socket takes no more bytes, and while others are before them.
//!
//! Who goes first is decided in [`Waiting`](crate::ws::session::waiting::Waiting). The engine's
//! functions run in their places as ever: the one of the frame under the lock of the core, the one
//! that is told without it.

use super::Session;
use super::core::{Core, Served};
use super::event::Ended;
use super::frame::{Frame, LaterMessage, Payload};
use crate::clock::now_ns;
use crate::error::{Status, WireState};
use crate::ws::frame::Kind;
use crate::ws::session::calls::Call;

/// The message of a call, which goes now or waits.
pub(super) enum CallMessage<'a> {
    /// Bytes of the engine's, which are copied if it waits.
    Bytes(&'a [u8]),
    /// So many bytes in the room of a frame, which is lent if it waits.
    Written(&'a mut Frame, usize),
}

impl CallMessage<'_> {
    /// To be sent now, on the session of that number.
    fn payload(&mut self, session: u64) -> Result<Payload<'_>, Status> {
        match self {
            Self::Bytes(bytes) => Ok(Payload::Copied(bytes)),
            Self::Written(frame, len) => frame.payload(session, *len),
        }
    }

    /// To be sent later.
    fn later(self, kind: Kind) -> Result<LaterMessage, Status> {
        match self {
            Self::Bytes(bytes) => Ok(LaterMessage::copy_of(kind, bytes)),
            Self::Written(frame, len) => frame.lend(kind, len),
        }
    }
}

impl Session {
    /// Sends a call now, or lets it wait.
    ///
    /// # Errors
    /// As for [`Session::call`] and [`Session::call_frame`].
    pub(super) fn call_or_wait(
        &self,
        kind: Kind,
        mut message: CallMessage<'_>,
        call: Call,
    ) -> Result<u64, Status> {
        let untaken = self.delivery.untaken_completions();
        let payload = message.payload(self.number)?;
        let lane = payload.lane();
        let mut core = self.core();
        let may_go = core.may_go(&payload)?;
        core.calls.check(call.key, untaken)?;
        let (id, wakes) = if may_go {
            let (id, accepted) = core.call(kind, payload, call)?;
            (id, accepted.wakes)
        } else {
            core.has_room_to_wait(lane)?;
            // Who drives may have looked at those who wait before this one did.
            (core.wait(lane, message.later(kind)?, call), true)
        };
        self.watch(core, &call, wakes);
        Ok(id)
    }

    /// Sends the calls that waited and can go, and ends those that never can. By who drives.
    pub(super) fn serve_waiting(&self) {
        loop {
            let served = self.core().serve_waiting(now_ns());
            match served {
                None => return,
                Some(Served::Sent { wakes: false }) => {}
                Some(Served::Sent { wakes: true }) => self.wake(),
                Some(Served::Ended(call, outcome)) => {
                    self.tell_end(Ended { call, outcome, wire_state: WireState::NotSent });
                }
            }
        }
    }

    /// Sends what the kernel did not take before. By who drives, who then looks at those who wait.
    pub(super) fn flush(&self, core: &mut Core, slot: usize) {
        if core.flush(slot) {
            self.wake();
        }
    }
}
