//! Calls of frames that wait until they can go, and are sent by who drives: while the session is
//! not up, while the socket takes no more bytes, and while others are before them.
//!
//! Who goes first is decided in [`Waiting`](crate::ws::session::waiting::Waiting). The engine's
//! functions run in their places as ever: the one of the frame under the lock of the core, the one
//! that is told without it.

use super::Session;
use super::core::{Core, Served};
use super::event::Ended;
use super::frame::Frame;
use crate::clock::now_ns;
use crate::error::{Status, WireState};
use crate::ws::frame::Kind;
use crate::ws::session::calls::Call;

impl Session {
    /// Sends a call of a frame now, or lets it wait.
    ///
    /// # Errors
    /// As for [`Session::call_frame`].
    pub(super) fn call_or_wait(
        &self,
        frame: &mut Frame,
        kind: Kind,
        len: usize,
        call: Call,
    ) -> Result<u64, Status> {
        let untaken = self.delivery.untaken_completions();
        let payload = frame.payload(self.number, len)?;
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
            (core.wait(lane, frame.lend(kind, len)?, call), true)
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
