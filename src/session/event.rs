//! What a session tells its engine: messages, ends of calls, event of the connection, in one order.

use strum::{IntoStaticStr, VariantArray};

use super::data::View;
use crate::error::{Outcome, Status, WireState, c_name};
use crate::ws::error::Error;
use crate::ws::frame::Kind;
use crate::ws::session::calls::Call;
use crate::ws::session::ledger::Fate;
use crate::ws::session::life::Why;

/// Why a connection of a session was given up.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(prefix = "VP_WS_LOSS_", suffix = "\0", serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum WsLoss {
    /// The peer has closed it by a close frame; `close_code` has its code.
    PeerClosed = 1,
    /// TCP has ended without a close frame.
    Ended = 2,
    /// The peer reset the connection, or the network has lost it.
    Reset = 3,
    /// A TLS alert, or bytes that are no valid TLS.
    Tls = 4,
    /// The system reported another error on the socket.
    IoError = 5,
    /// The peer has broken a rule of RFC 6455, or a limit; the text says which.
    Protocol = 6,
    /// It did not answer a ping in time.
    NoPong = 7,
    /// It has sent nothing for as long as the idle limit allows.
    Idle = 8,
    /// The engine's function has refused the answer to an opening message, or could not write one.
    OpeningRefused = 9,
    /// The opening messages were not acknowledged in time.
    OpeningTimeout = 10,
    /// The engine did not take its messages, and the policy is to close.
    SlowTaker = 11,
    /// The engine has closed the session, and the peer did not answer that in time.
    CloseTimeout = 12,
    /// The engine has closed the session.
    Closed = 13,
    /// A defect in the library.
    Internal = 14,
    /// It was too old: the session had switched to another connection, and closed this one.
    Rotated = 15,
}

impl WsLoss {
    /// Each of them, in the order of their declaration.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The name as C spells it.
    pub fn name(self) -> &'static std::ffi::CStr {
        c_name(self.into())
    }

    pub(super) const fn of(why: Why) -> Self {
        match why {
            Why::PeerClosed(_) => Self::PeerClosed,
            Why::Ended => Self::Ended,
            Why::Reset => Self::Reset,
            Why::Tls => Self::Tls,
            Why::Io => Self::IoError,
            Why::Protocol(_) => Self::Protocol,
            Why::NoPong => Self::NoPong,
            Why::Idle => Self::Idle,
            Why::OpeningRefused => Self::OpeningRefused,
            Why::OpeningTimeout => Self::OpeningTimeout,
            Why::SlowTaker => Self::SlowTaker,
            Why::CloseTimeout => Self::CloseTimeout,
            Why::Here => Self::Closed,
            Why::Internal => Self::Internal,
        }
    }
}

/// How a call ends when its connection is given up.
pub(super) const fn outcome_of(why: Why) -> Outcome {
    match why {
        Why::Reset => Outcome::ConnectionReset,
        Why::Tls => Outcome::TlsError,
        Why::Io => Outcome::IoError,
        Why::Protocol(Error::OutOfMemory) => Outcome::OutOfMemory,
        Why::CloseTimeout | Why::Here => Outcome::Shutdown,
        Why::Internal => Outcome::Internal,
        _ => Outcome::ConnectionClosed,
    }
}

/// How one call ended. There is exactly one for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The call.
    pub call: Call,
    /// OK, or why there is no answer.
    pub outcome: Outcome,
    /// Whether it may have been executed.
    pub wire_state: WireState,
}

/// A loss, and what became of the messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Why.
    pub loss: WsLoss,
    /// The code of the peer's close frame, 0 without one.
    pub close_code: u16,
    /// What became of the messages.
    pub fate: Fate,
    /// When the next dial begins; 0: there is none.
    pub until_ns: u64,
    /// The same in words.
    pub text: String,
}

/// A dial or an upgrade that has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The step.
    pub status: Status,
    /// The status code of an answer that was not 101; 0 without one. Its body is the payload.
    pub http_status: u16,
    /// The system's error number, 0 when there is none.
    pub os_error: i32,
    /// When the next dial begins; 0: there is none.
    pub until_ns: u64,
    /// The same in words.
    pub text: String,
}

/// The session goes on by another connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switched {
    /// The number of the connection that was live.
    pub previous: u32,
    /// Why it was left.
    pub loss: WsLoss,
}

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message that answers no call. Its key, if the engine's function has read one.
    Message(Kind, Option<u64>),
    /// A call has ended; its answer is the payload.
    Completion(Ended, Kind),
    /// The engine may send.
    Up,
    /// The engine's messages go by another connection from now on.
    Switched(Switched),
    /// The connection is given up.
    Lost(Box<Lost>),
    /// There was no connection to be had.
    Failed(Box<Failed>),
    /// So many items were dropped here, because the engine took none.
    Dropped(u64),
    /// The session has ended: nothing follows.
    Closed,
}

/// One thing that is told, with its payload lent.
#[derive(Debug)]
pub struct Told<'a> {
    /// When, in nanoseconds of CLOCK_MONOTONIC.
    pub time_ns: u64,
    /// The number of the connection, from 1; 0 before the first.
    pub connection: u32,
    /// What.
    pub event: &'a Event,
    /// The payload with 64 zeros behind it; empty if there is none.
    pub padded: &'a [u8],
}

/// The same, kept.
#[derive(Debug)]
pub struct Kept {
    /// As in [`Told`].
    pub time_ns: u64,
    /// As in [`Told`].
    pub connection: u32,
    /// What.
    pub event: Event,
    /// The payload.
    pub data: Option<View>,
}

impl Kept {
    /// Lends it.
    pub fn told(&self) -> Told<'_> {
        Told {
            time_ns: self.time_ns,
            connection: self.connection,
            event: &self.event,
            padded: self.data.as_ref().map_or(&[], |data| data.padded()),
        }
    }
}
