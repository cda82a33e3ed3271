//! One exchange in flight: what is known of it, and when and how it is over.
//!
//! It holds no bytes and no connection. All times are in nanoseconds on any clock that never goes
//! back.

use crate::error::{CloseReason, Outcome, WireState};
use crate::http::exchange::Reuse;
use crate::pool::exchange_time::Spent;

/// No such time.
const NEVER: u64 = u64::MAX;

/// After its end an exchange has so many further turns, as long as each finds more to read. A
/// response may have been here in time and no thread may have looked. More than so many turns of 64
/// KiB a socket does not hold (tcp_rmem is at most 6 MiB by default).
const LATE_TURNS: u32 = 128;

/// How sending or reading has failed: for the engine, and for the connection.
pub type Failure = (Outcome, CloseReason);

/// How long the steps of an exchange may take; [`NEVER`] for no limit but its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepTimeouts {
    /// Until the kernel has taken the whole request.
    pub write_ns: u64,
    /// From then to the first byte of the response.
    pub first_byte_ns: u64,
}

/// An exchange in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The number of the request; `None` for a heartbeat.
    pub id: Option<u64>,
    /// The number of its connection in the slot.
    pub connection: u32,
    /// When it got its slot.
    pub start_ns: u64,
    /// When it must be over.
    pub deadline_ns: u64,
    /// When sending began, after the signature of a request that is signed late.
    pub write_begin_ns: u64,
    /// When the kernel had taken the whole request; 0 before.
    pub write_ns: u64,
    /// When the first byte of the response was read; 0 before.
    pub first_byte_ns: u64,
    /// When the head of the response was whole; 0 before.
    pub head_ns: u64,
    is_cancelled: bool,
    /// The turns that it has had after its end.
    late_turns: u32,
}

/// What reading has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// There is nothing more now.
    Nothing,
    /// There is more, which is for another turn.
    More,
    /// The response is whole. The connection cannot be used again if there is a reason.
    Answered(Option<CloseReason>),
    /// The response cannot be had any more.
    Failed(Outcome, CloseReason),
}

/// Why an exchange is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The response is whole. The connection cannot be used again if there is a reason.
    Answered(Option<CloseReason>),
    /// There is no whole response.
    Failed(Outcome, CloseReason),
}

impl Read {
    /// The response is whole. `is_sent`: so is the request. `found_behind`: what a look behind the
    /// response finds, which is asked for only if it matters.
    pub fn answered(
        reuse: Reuse,
        is_sent: bool,
        found_behind: impl FnOnce() -> Option<CloseReason>,
    ) -> Self {
        Self::Answered(match reuse {
            // The rest of the request would still go out, or never would: both spoil the next one.
            _ if !is_sent => Some(CloseReason::EarlyResponse),
            Reuse::Close(reason) => Some(reason),
            Reuse::KeepAlive => found_behind(),
        })
    }
}

impl Stop {
    /// Whether the answer that comes too late is worth waiting for, if the whole request is on the
    /// wire. Otherwise the connection must be reset, so that what was told as unsent stays so.
    pub fn may_linger(&self) -> bool {
        matches!(self, Self::Failed(Outcome::Timeout, CloseReason::Timeout))
    }

    /// What the engine is told. `on_wire`: how much of the request the kernel has taken, and
    /// whether a part of the response was read; asked for only if it matters.
    pub fn told(&self, on_wire: impl FnOnce() -> (WireState, bool)) -> (Outcome, WireState) {
        match self {
            Self::Answered(_) => (Outcome::Ok, WireState::Answered),
            Self::Failed(outcome, _) => match on_wire() {
                // Less than a whole request cannot be executed, whatever was answered to it.
                (WireState::Sent, true) => (*outcome, WireState::Answering),
                (sent, _) => (*outcome, sent),
            },
        }
    }
}

impl Exchange {
    /// An exchange that has its slot now, and of which nothing was sent yet.
    pub fn new(id: Option<u64>, connection: u32, start_ns: u64, deadline_ns: u64) -> Self {
        Self {
            id,
            connection,
            start_ns,
            deadline_ns,
            write_begin_ns: start_ns,
            write_ns: 0,
            first_byte_ns: 0,
            head_ns: 0,
            is_cancelled: false,
            late_turns: 0,
        }
    }

    /// When it ends if nothing more happens: its deadline, or before that the limit of the step
    /// that it is in.
    pub fn ends_ns(&self, timeouts: &StepTimeouts) -> u64 {
        let step_ns = match (self.write_ns, self.first_byte_ns) {
            (0, _) => self.start_ns.saturating_add(timeouts.write_ns),
            (written_ns, 0) => written_ns.saturating_add(timeouts.first_byte_ns),
            _ => NEVER,
        };
        step_ns.min(self.deadline_ns)
    }

    /// The end to be watched for, if it is one of the engine's. [`NEVER`] if that has passed: it
    /// was told of, and the next turn comes anyway. `None`: whoever sends heartbeats watches them.
    pub fn end_to_watch(&self, timeouts: &StepTimeouts, now_ns: u64) -> Option<u64> {
        self.id?;
        Some(match self.ends_ns(timeouts) {
            past if past <= now_ns => NEVER,
            end_ns => end_ns,
        })
    }

    /// Its engine does not want it any more.
    pub(super) fn cancel(&mut self) {
        self.is_cancelled = true;
    }

    /// Whether its engine does not want it any more: then nothing more is sent of it.
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled
    }

    /// Why it is over, if it is. What was read counts before all else: also when sending has failed
    /// (the peer may have answered early), and also when the deadline has passed.
    ///
    /// `sending`: how sending has failed. `grace_ns`: when the grace of a shutdown is over;
    /// [`u64::MAX`] while the pool is open.
    pub fn stop(
        &mut self,
        read: Read,
        sending: Option<Failure>,
        timeouts: &StepTimeouts,
        grace_ns: u64,
        now_ns: u64,
    ) -> Option<Stop> {
        let is_heartbeat = self.id.is_none();
        match (read, sending) {
            (Read::Answered(reason), _) => Some(Stop::Answered(reason)),
            (Read::Failed(outcome, reason), _) => Some(Stop::Failed(outcome, reason)),
            _ if self.is_cancelled => {
                Some(Stop::Failed(Outcome::Cancelled, CloseReason::Cancelled))
            }
            // What ends it is judged when all was read that was there.
            (Read::More, _) if self.has_another_turn(timeouts, grace_ns, now_ns) => None,
            (_, Some((outcome, reason))) => Some(Stop::Failed(outcome, reason)),
            (_, None) if self.ends_ns(timeouts) <= now_ns => {
                let reason =
                    if is_heartbeat { CloseReason::Heartbeat } else { CloseReason::Timeout };
                Some(Stop::Failed(Outcome::Timeout, reason))
            }
            // A heartbeat is not worth waiting for; grace is for what the engine sent.
            (_, None) if grace_ns <= now_ns || grace_ns != NEVER && is_heartbeat => {
                Some(Stop::Failed(Outcome::Shutdown, CloseReason::Shutdown))
            }
            (_, None) => None,
        }
    }

    /// Whether more is read before its end is judged.
    fn has_another_turn(&mut self, timeouts: &StepTimeouts, grace_ns: u64, now_ns: u64) -> bool {
        if grace_ns.min(self.ends_ns(timeouts)) <= now_ns {
            self.late_turns += 1;
        }
        self.late_turns < LATE_TURNS
    }

    /// How it has used its time, if that says something about the next one.
    pub(super) fn spent(&self, stop: Stop, now_ns: u64) -> Option<Spent> {
        let since_ns = now_ns.saturating_sub(self.start_ns);
        match (stop, self.id) {
            (Stop::Answered(_), None) => Some(Spent::Heartbeat),
            (_, None) => None,
            (Stop::Answered(_), Some(_)) => Some(Spent::Answered(since_ns)),
            (Stop::Failed(Outcome::Timeout, _), Some(_)) => Some(Spent::RanOut(since_ns)),
            (Stop::Failed(..), Some(_)) => None,
        }
    }
}
