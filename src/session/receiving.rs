//! A turn on the connection of a session, by whoever drives: read, take apart, tell.
//!
//! The lock of the session is held for one read, and for what a message changes. It is not held
//! while the engine's functions run.

use std::sync::atomic::Ordering::Relaxed;

use super::Session;
use super::core::why;
use super::event::{Ended, News};
use super::settings::Verdict;
use crate::driver::clock::now_ns;
use crate::error::{Outcome, WireState};
use crate::net::connection::Received;
use crate::ws::error::Error;
use crate::ws::message::{Event, Message, Receiver};
use crate::ws::session::life::Why;

/// A turn reads no more, so that pings and deadlines are looked at in between.
pub(super) const MAX_TURN: usize = 256 * 1024;
/// A turn of one read: what came with it is told before the next one.
pub(super) const ONE_READ: usize = 1;
/// One read: as much as one lock is held for.
const MAX_READ: usize = 64 * 1024;

/// What a turn has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The socket had nothing.
    Empty,
    /// The socket has no more.
    Drained,
    /// It may have more.
    More,
    /// The connection is at its end.
    Over(Why),
}

impl Session {
    /// Reads and tells what has come, about `most` bytes of it.
    pub(super) fn turn(&self, receiver: &mut Receiver, most: usize) -> Turn {
        // What came with the answer to the upgrade.
        let mut turn = self.take_apart(receiver);
        let mut left = most;
        while turn == Turn::More && left > 0 {
            let (received, time_ns) = match self.read(receiver) {
                Ok(read) => read,
                Err(over) => return over,
            };
            if received == 0 {
                return if left == most { Turn::Empty } else { Turn::Drained };
            }
            left = left.saturating_sub(received);
            self.time_ns.store(time_ns, Relaxed);
            turn = self.take_apart(receiver);
        }
        self.core().flush();
        turn
    }

    /// One read; 0 when there is nothing, and then it sends what waits.
    fn read(&self, receiver: &mut Receiver) -> Result<(usize, u64), Turn> {
        let space = match receiver.space(MAX_READ) {
            Ok(space) => space,
            Err(error) => return Err(self.broken(error)),
        };
        let mut core = self.core();
        let Some(connection) = core.connection() else { return Err(Turn::Over(Why::Internal)) };
        let received = connection.receive(space);
        let now_ns = now_ns();
        match received {
            Ok(Received::Bytes(n)) => {
                core.life.on_bytes(now_ns);
                drop(core);
                receiver.commit(n);
                Ok((n, now_ns))
            }
            Ok(Received::Nothing) => {
                core.life.on_empty(now_ns);
                core.flush();
                Ok((0, now_ns))
            }
            Ok(Received::End { .. }) => Err(Turn::Over(core.life.on_eof())),
            Err(fault) => Err(Turn::Over(why(&fault))),
        }
    }

    /// Tells all messages that are whole.
    fn take_apart(&self, receiver: &mut Receiver) -> Turn {
        loop {
            let why = match receiver.next() {
                Ok(None) => return Turn::More,
                Ok(Some(Event::Message(message))) => self.on_message(&message),
                Ok(Some(Event::Ping(payload))) => {
                    self.core().pongs.on_ping(payload);
                    None
                }
                Ok(Some(Event::Pong(payload))) => {
                    self.core().life.on_pong(payload, now_ns());
                    None
                }
                Ok(Some(Event::Close(frame))) => {
                    let mut core = self.core();
                    if let Some(payload) = core.life.on_close(&frame, now_ns()) {
                        core.send_close(&payload);
                    }
                    None
                }
                Err(error) => return self.broken(error),
            };
            if let Some(why) = why {
                return Turn::Over(why);
            }
        }
    }

    /// The peer has broken a rule: it is told once, and the connection ends.
    fn broken(&self, error: Error) -> Turn {
        let mut core = self.core();
        if let Some(payload) = core.life.on_error(error) {
            core.send_close(&payload);
        }
        Turn::Over(Why::Protocol(error))
    }

    fn on_message(&self, message: &Message<'_>) -> Option<Why> {
        let hooks = &self.settings().hooks;
        let verdict = self.judge(message);
        // Both on the session's thread. The text is looked for only while one is awaited.
        if self.awaits_pong_message.load(Relaxed)
            && self.settings().text_ping.as_ref().is_some_and(|it| it.is_pong(message.payload()))
        {
            self.awaits_pong_message.store(false, Relaxed);
            self.core().life.on_pong_message(now_ns());
        }
        let key = hooks.key.as_ref().and_then(|key| key(message.kind(), message.padded()));
        let call = key.and_then(|key| self.core().calls.answered(key));
        let news = match call {
            None => News::Message(message.kind(), key),
            Some(call) => {
                let (outcome, wire_state) = (Outcome::Ok, WireState::Answered);
                News::Completion(Ended { call, outcome, wire_state }, message.kind())
            }
        };
        let is_told = self.tell(&news, message.padded());
        match verdict {
            Verdict::Refused => Some(Why::OpeningRefused),
            _ if !is_told => Some(Why::SlowTaker),
            _ => None,
        }
    }

    /// Asks the engine whether the message acknowledges an opening message, if one awaits that.
    fn judge(&self, message: &Message<'_>) -> Verdict {
        let Some(judge) = &self.settings().hooks.judge else { return Verdict::Other };
        if !self.is_opening.load(Relaxed) {
            return Verdict::Other;
        }
        let Some(awaited) = self.core().life.awaited() else { return Verdict::Other };
        let verdict = judge(awaited, message.kind(), message.padded());
        if verdict == Verdict::Acknowledged {
            self.core().life.acknowledged(now_ns());
        }
        verdict
    }
}
