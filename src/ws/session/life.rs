//! The life of a session: when it dials, what it sends before it is up, when it gives a connection
//! up, and how it ends.
//!
//! ```text
//!  Waiting ─► Dialling ─► Upgrading ─► Opening ─► Up ─► (lost) ─► Waiting ...
//! ```
//!
//! A session dials at once after a loss, then with a growing delay ([`Backoff`]). A connection has
//! proven the venue when it was up for a while: one that is accepted, logged in and ended at once
//! is dialled less and less. Policy only: no clock, no socket, no chance.

use crate::error::{CloseReason, Status};
use crate::pool::backoff::{Backoff, Bounds};
use crate::pool::connection_state::Loss;
use crate::ws::close_frame::{CloseFrame, ClosePayload};
use crate::ws::closing::{CloseLimits, Closing, End};
use crate::ws::error::Error;
use crate::ws::keep_alive::{Action, KeepAlive, KeepAliveSettings, PingPayload, Silence};

/// The settings. Times are in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The delays between dials.
    pub bounds: Bounds,
    /// From the answer to the upgrade to the last acknowledgement of an opening message.
    pub opening_ns: u64,
    /// Pings.
    pub keep_alive: KeepAliveSettings,
    /// The close handshake.
    pub close: CloseLimits,
    /// How many messages are sent before the session is up.
    pub openings: usize,
}

/// Why a connection is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Both close frames were exchanged, or the peer's has come; its code.
    PeerClosed(u16),
    /// TCP has ended without a close frame.
    Ended,
    /// The connection was reset, or the network has lost it.
    Reset,
    /// TLS has failed.
    Tls,
    /// Another error of the system.
    Io,
    /// The peer has broken a rule of the protocol.
    Protocol(Error),
    /// It did not answer a ping in time.
    NoPong,
    /// It has sent nothing for the idle limit.
    Idle,
    /// An opening message was refused.
    OpeningRefused,
    /// The opening messages were not acknowledged in time.
    OpeningTimeout,
    /// The engine did not take its messages.
    SlowTaker,
    /// The engine has closed the session, and the peer did not answer in time.
    CloseTimeout,
    /// The engine has ended the session.
    Here,
    /// A defect in the library.
    Internal,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing, until that time or until something happens; `None`: for ever. A time that has
    /// passed: the socket is to be read first ([`Life::on_empty`]).
    Wait(Option<u64>),
    /// Begin a dial.
    Dial,
    /// Send the opening message of this index, and tell [`Life::opening_sent`].
    Open(usize),
    /// Tell the engine that the session is up.
    Up,
    /// Send a ping with this payload, and tell [`Life::ping_sent`].
    Ping(PingPayload),
    /// End the connection, and tell [`Life::lost`].
    GiveUp(Why),
    /// Nothing, ever again: the session has ended.
    Closed,
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its next dial waits.
    Waiting,
    /// It looks up, connects, shakes hands, asks for the upgrade.
    Dialling,
    /// It sends its opening messages.
    Opening,
    /// The engine may send.
    Up,
    /// The close handshake is on its way.
    Closing,
    /// It has ended.
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting { until_ns: u64 },
    Dialling,
    Opening { next: usize, awaits: bool, since_ns: u64 },
    Up { since_ns: u64, is_told: bool },
    Closed,
}

/// The life of one session.
#[derive(Debug)]
pub struct Life {
    rules: Rules,
    state: State,
    backoff: Backoff,
    keep_alive: KeepAlive,
    closing: Closing,
    /// The engine has closed it.
    is_ending: bool,
}

impl Life {
    /// A session that dials at once.
    pub fn new(rules: Rules, now_ns: u64) -> Self {
        let mut backoff = Backoff::new(rules.bounds);
        let until_ns = now_ns + backoff.next_delay(0);
        Self {
            rules,
            state: State::Waiting { until_ns },
            backoff,
            keep_alive: KeepAlive::new(rules.keep_alive, now_ns),
            closing: Closing::new(rules.close),
            is_ending: false,
        }
    }

    /// A life without a connection, which dials none.
    pub fn at_rest(rules: Rules, now_ns: u64) -> Self {
        Self { state: State::Closed, ..Self::new(rules, now_ns) }
    }

    /// Where it stands.
    pub fn stage(&self) -> Stage {
        match self.state {
            State::Waiting { .. } => Stage::Waiting,
            State::Dialling => Stage::Dialling,
            State::Opening { .. } | State::Up { .. } if !self.closing.may_send() => Stage::Closing,
            State::Opening { .. } => Stage::Opening,
            State::Up { .. } => Stage::Up,
            State::Closed => Stage::Closed,
        }
    }

    /// Whether the engine may send.
    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. }) && self.closing.may_send()
    }

    /// The opening message whose acknowledgement is awaited.
    pub fn awaited(&self) -> Option<usize> {
        match self.state {
            State::Opening { next, awaits: true, .. } => Some(next - 1),
            _ => None,
        }
    }

    /// What is to be done now.
    pub fn due(&mut self, now_ns: u64) -> Due {
        match self.state {
            State::Closed => Due::Closed,
            State::Waiting { until_ns } if now_ns < until_ns => Due::Wait(Some(until_ns)),
            State::Waiting { .. } => {
                self.backoff.begins();
                self.state = State::Dialling;
                Due::Dial
            }
            State::Dialling => Due::Wait(None),
            State::Opening { .. } | State::Up { .. } => self.due_on_connection(now_ns),
        }
    }

    fn due_on_connection(&mut self, now_ns: u64) -> Due {
        if let Some(end) = self.closing.on_time(now_ns).or_else(|| self.closing.ended()) {
            return Due::GiveUp(self.why_closed(&end));
        }
        if let Some(deadline_ns) = self.closing.deadline_ns() {
            return Due::Wait(Some(deadline_ns));
        }
        let opening_ns = match &mut self.state {
            State::Opening { since_ns, next, awaits } => {
                let until_ns = since_ns.saturating_add(self.rules.opening_ns);
                if now_ns >= until_ns {
                    return Due::GiveUp(Why::OpeningTimeout);
                }
                if !*awaits {
                    return Due::Open(*next);
                }
                Some(until_ns)
            }
            State::Up { is_told, .. } if !*is_told => {
                *is_told = true;
                return Due::Up;
            }
            _ => None,
        };
        match self.keep_alive.action(now_ns) {
            Action::Ping(payload) => Due::Ping(payload),
            Action::GiveUp(Silence::NoPong) => Due::GiveUp(Why::NoPong),
            Action::GiveUp(Silence::Idle) => Due::GiveUp(Why::Idle),
            Action::Wait(until_ns) => Due::Wait(until_ns.into_iter().chain(opening_ns).min()),
        }
    }

    fn why_closed(&self, end: &End) -> Why {
        match end.error {
            Some(error) => Why::Protocol(error),
            None if end.clean && !self.is_ending => Why::PeerClosed(end.code),
            None if end.clean => Why::Here,
            None => Why::CloseTimeout,
        }
    }

    /// The dial, or the upgrade behind it, has failed. Answers when the next one begins, or `None`
    /// if the session has ended. `random` is uniform over all of `u64`.
    pub fn dial_failed(&mut self, now_ns: u64, random: u64) -> Option<u64> {
        self.wait_for_dial(now_ns, random)
    }

    /// The server has switched to WebSocket. `false`: the engine has closed the session meanwhile,
    /// and the connection is to be dropped.
    pub fn switched(&mut self, now_ns: u64) -> bool {
        if self.is_ending {
            return false;
        }
        self.backoff.came_up();
        self.keep_alive = KeepAlive::new(self.rules.keep_alive, now_ns);
        self.closing = Closing::new(self.rules.close);
        self.state = match self.rules.openings {
            0 => State::Up { since_ns: now_ns, is_told: false },
            _ => State::Opening { next: 0, awaits: false, since_ns: now_ns },
        };
        true
    }

    /// The opening message that was due is sent; `awaits`: the next thing is its acknowledgement.
    pub fn opening_sent(&mut self, awaits: bool, now_ns: u64) {
        if let State::Opening { next, awaits: waits, .. } = &mut self.state {
            *next += 1;
            *waits = awaits;
        }
        self.up_if_open(now_ns);
    }

    /// The opening message that was awaited is acknowledged.
    pub fn acknowledged(&mut self, now_ns: u64) {
        if let State::Opening { awaits, .. } = &mut self.state {
            *awaits = false;
        }
        self.up_if_open(now_ns);
    }

    fn up_if_open(&mut self, now_ns: u64) {
        if let State::Opening { next, awaits: false, .. } = self.state
            && next >= self.rules.openings
        {
            self.state = State::Up { since_ns: now_ns, is_told: false };
        }
    }

    /// Something was received.
    pub const fn on_bytes(&mut self, now_ns: u64) {
        self.keep_alive.on_bytes(now_ns);
    }

    /// The socket was found empty.
    pub const fn on_empty(&mut self, now_ns: u64) {
        self.keep_alive.on_empty(now_ns);
    }

    /// The ping that was due is sent.
    pub const fn ping_sent(&mut self, now_ns: u64) {
        self.keep_alive.on_ping_sent(now_ns);
    }

    /// A pong has come.
    pub fn on_pong(&mut self, payload: &[u8], now_ns: u64) {
        self.keep_alive.on_pong(payload, now_ns);
    }

    /// A message has come that answers a ping.
    pub fn on_pong_message(&mut self, now_ns: u64) {
        self.keep_alive.on_pong_message(now_ns);
    }

    /// The last round trip of a ping, in nanoseconds.
    pub const fn rtt_ns(&self) -> Option<u64> {
        self.keep_alive.rtt_ns()
    }

    /// Whether pings, pongs and messages may still be sent on the connection.
    pub fn may_send(&self) -> bool {
        matches!(self.state, State::Opening { .. } | State::Up { .. }) && self.closing.may_send()
    }

    /// The peer has sent a close frame. Answers ours, if it is not sent yet.
    pub fn on_close(&mut self, frame: &CloseFrame<'_>, now_ns: u64) -> Option<ClosePayload> {
        self.closing.on_close(frame, now_ns)
    }

    /// The peer has broken a rule. Answers the close frame that tells it, if none was sent.
    pub fn on_error(&mut self, error: Error) -> Option<ClosePayload> {
        self.closing.fail(error)
    }

    /// TCP has ended. Answers why the connection is given up.
    pub fn on_eof(&mut self) -> Why {
        let end = self.closing.on_eof();
        match end.error {
            None if !end.clean => Why::Ended,
            _ => self.why_closed(&end),
        }
    }

    /// The engine closes the session. Answers the close frame that is to be sent, if there is a
    /// connection that can take it. Without one the session ends now, or when its dial does.
    ///
    /// # Errors
    /// `ERR_CLOSED` the second time; as for [`ClosePayload::new`], and then nothing has changed.
    pub fn close(
        &mut self,
        code: Option<u16>,
        reason: &str,
        now_ns: u64,
    ) -> Result<Option<ClosePayload>, Status> {
        if self.is_ending {
            return Err(Status::ERR_CLOSED);
        }
        let payload = match self.state {
            State::Opening { .. } | State::Up { .. } if self.closing.may_send() => {
                Some(self.closing.close(code, reason, now_ns)?)
            }
            _ => ClosePayload::new(code, reason).map(|_| None)?,
        };
        self.is_ending = true;
        if let State::Waiting { .. } | State::Dialling = self.state {
            self.state = State::Closed;
        }
        Ok(payload)
    }

    /// Whether the engine has closed the session.
    pub const fn is_ending(&self) -> bool {
        self.is_ending
    }

    /// The connection is gone. Answers when the next dial begins, or `None` if the session has
    /// ended. `random` is uniform over all of `u64`.
    pub fn lost(&mut self, why: Why, now_ns: u64, random: u64) -> Option<u64> {
        let lifetime_ns = match self.state {
            State::Up { since_ns, .. } => now_ns.saturating_sub(since_ns),
            _ => 0,
        };
        let proves = why != Why::SlowTaker && lifetime_ns >= self.rules.bounds.long_life_ns();
        let loss = Loss {
            reason: CloseReason::Closed,
            lifetime_ns,
            answered: proves,
            replaced: false,
            unheard_since_ns: 0,
        };
        self.backoff.lost(&loss, 0);
        self.wait_for_dial(now_ns, random)
    }

    fn wait_for_dial(&mut self, now_ns: u64, random: u64) -> Option<u64> {
        if self.is_ending {
            self.state = State::Closed;
            return None;
        }
        let until_ns = now_ns.saturating_add(self.backoff.next_delay(random));
        self.state = State::Waiting { until_ns };
        Some(until_ns)
    }
}

#[cfg(test)]
mod tests;
