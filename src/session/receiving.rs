//! A turn on the connection of a session, by whoever drives: read, take apart, tell.
//!
//! The lock of the session is held for one read, and for what a message changes. It is not held
//! while the engine's functions run.

use super::Session;
use super::batch::Batch;
use super::event::{Ended, Event};
use super::settings::Verdict;
use super::slot::why;
use crate::clock::now_ns;
use crate::error::{Outcome, WireState};
use crate::net::connection::Received;
use crate::ws::error::Error;
use crate::ws::message::{Incoming, Message, Receiver};
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

/// The lock is held for one read of a slot that waits to take over: orders go before it.
const MAX_READ_ASIDE: usize = 16 * 1024;

/// What was read of a slot, and what is known of it for the length of a turn.
pub(super) struct Reading {
    receiver: Receiver,
    /// Messages that the queue is to have.
    batch: Batch,
    slot: usize,
    /// The number of the connection.
    connection: u32,
    /// The engine is told what comes.
    is_told: bool,
    /// Opening messages may await an acknowledgement.
    is_opening: bool,
    /// A ping was sent as a message, and no answer to it was seen.
    pub(super) awaits_pong_message: bool,
    /// When the last read was.
    pub(super) time_ns: u64,
    /// Something else than messages has come, so more may be due than before.
    pub(super) is_eventful: bool,
    /// The socket may have more than was read.
    pub(super) has_more: bool,
    /// How many bytes were read.
    pub(super) received: u64,
}

impl Reading {
    pub(super) const fn new(
        receiver: Receiver,
        batch: Batch,
        slot: usize,
        connection: u32,
    ) -> Self {
        Self {
            receiver,
            batch,
            slot,
            connection,
            is_told: true,
            is_opening: true,
            awaits_pong_message: false,
            time_ns: 0,
            is_eventful: true,
            has_more: true,
            received: 0,
        }
    }
}

impl Reading {
    /// The slot waits to take over.
    pub(super) const fn is_aside(&self) -> bool {
        !self.is_told
    }
}

impl Session {
    /// Reads and tells what has come, about `most` bytes of it. Answers also the fault that a
    /// sender has met: what came before it is read first.
    pub(super) fn turn(&self, reading: &mut Reading, most: usize) -> (Turn, Option<Why>) {
        let fault = {
            let core = self.core();
            reading.is_told = core.standby.is_told(reading.slot);
            let slot = &core.slots[reading.slot];
            reading.is_opening = !slot.life.is_up();
            // Which of several slots is told may change by each other.
            reading.is_eventful |= reading.is_opening || core.slots.len() > 1;
            // A call that waits may go now.
            reading.is_eventful |= core.waiting() > 0;
            slot.fault
        };
        // What came with the answer to the upgrade.
        let mut turn = self.take_apart(reading);
        let mut left = most;
        while turn == Turn::More && left > 0 {
            let (received, is_all) = match self.read(reading) {
                Ok(read) => read,
                Err(over) => return (over, fault),
            };
            if received == 0 {
                return (if left == most { Turn::Empty } else { Turn::Drained }, fault);
            }
            left = left.saturating_sub(received);
            turn = self.take_apart(reading);
            if turn == Turn::More && is_all {
                turn = Turn::Drained;
            }
        }
        self.flush(&mut self.core(), reading.slot);
        (turn, fault)
    }

    /// One read, and whether the socket has no more for sure; 0 when there is nothing, and then it
    /// sends what waits.
    fn read(&self, reading: &mut Reading) -> Result<(usize, bool), Turn> {
        let (index, most) = match reading.is_told {
            true => (reading.slot, MAX_READ),
            false => (reading.slot, MAX_READ_ASIDE),
        };
        let space = match reading.receiver.space(most) {
            Ok(space) => space,
            Err(error) => return Err(self.broken(index, error)),
        };
        let mut core = self.core();
        let slot = &mut core.slots[index];
        let Some(connection) = slot.connection() else { return Err(Turn::Over(Why::Internal)) };
        let received = connection.receive(space);
        // The runtime tells of an end for as long as it is not read, so it may stand behind. The
        // set of caller drive tells once, and then only a read that gives nothing is the last one.
        let is_all = self.caller.is_none() && connection.has_read_all();
        let now_ns = now_ns();
        match received {
            Ok(Received::Bytes(n)) => {
                // The socket was found empty only if nothing comes while this is told: a peer whose
                // window was closed has had no time to send more.
                slot.life.on_bytes(now_ns);
                drop(core);
                reading.receiver.commit(n);
                reading.received += n as u64;
                reading.batch.expect(n);
                reading.time_ns = now_ns;
                Ok((n, is_all))
            }
            Ok(Received::Nothing) => {
                slot.life.on_empty(now_ns);
                self.flush(&mut core, index);
                Ok((0, true))
            }
            Ok(Received::End { .. }) => Err(Turn::Over(slot.life.on_eof())),
            Err(fault) => Err(Turn::Over(why(&fault))),
        }
    }

    /// Tells all messages that are whole.
    fn take_apart(&self, reading: &mut Reading) -> Turn {
        let turn = self.tell_whole(reading);
        let Reading { batch, time_ns, connection, .. } = reading;
        match self.delivery.keep_batch(batch, (*time_ns, *connection)) {
            false if turn == Turn::More => Turn::Over(Why::SlowTaker),
            _ => turn,
        }
    }

    fn tell_whole(&self, reading: &mut Reading) -> Turn {
        let Reading { receiver, slot, .. } = reading;
        let slot = *slot;
        // The receiver lends messages, so what else is known of the turn is apart from it.
        let mut known = Known {
            slot,
            connection: reading.connection,
            is_told: reading.is_told,
            is_opening: reading.is_opening,
            awaits_pong_message: &mut reading.awaits_pong_message,
            is_eventful: &mut reading.is_eventful,
            batch: &mut reading.batch,
            time_ns: reading.time_ns,
        };
        loop {
            let event = match receiver.next() {
                Ok(None) => return Turn::More,
                Ok(Some(Incoming::Message(message))) => match self.on_message(&mut known, &message)
                {
                    None => continue,
                    Some(why) => return Turn::Over(why),
                },
                Ok(Some(event)) => event,
                Err(error) => return self.broken(slot, error),
            };
            *known.is_eventful = true;
            let mut core = self.core();
            match event {
                Incoming::Ping(payload) => core.slots[slot].pongs.on_ping(payload),
                Incoming::Pong(payload) => core.slots[slot].life.on_pong(payload, now_ns()),
                Incoming::Close(frame) => core.on_close(slot, &frame, now_ns()),
                Incoming::Message(_) => {}
            }
        }
    }

    /// The peer has broken a rule: it is told once, and the connection ends.
    fn broken(&self, slot: usize, error: Error) -> Turn {
        self.core().on_error(slot, error);
        Turn::Over(Why::Protocol(error))
    }

    fn on_message(&self, known: &mut Known<'_>, message: &Message<'_>) -> Option<Why> {
        let verdict = self.match_ack(known, message);
        // The text is looked for only while one is awaited.
        if *known.awaits_pong_message
            && self.settings().text_ping.as_ref().is_some_and(|it| it.is_pong(message.payload()))
        {
            (*known.awaits_pong_message, *known.is_eventful) = (false, true);
            self.core().slots[known.slot].life.on_pong_message(now_ns());
        }
        let is_told = !known.is_told || self.tell_or_answer(known, message);
        match verdict {
            Verdict::Refused => Some(Why::OpeningRefused),
            _ if !is_told => Some(Why::SlowTaker),
            _ => None,
        }
    }

    /// Tells a message, as what it is: the answer of a call, or none. `false`: there is no room.
    fn tell_or_answer(&self, known: &mut Known<'_>, message: &Message<'_>) -> bool {
        let (kind, padded) = (message.kind(), message.padded());
        let (time_ns, connection) = (known.time_ns, known.connection);
        let key = self.settings().hooks.key.as_ref().and_then(|key| key(kind, padded));
        let mut are_kept = true;
        if let Some(key) = key
            && !known.batch.is_empty()
            && self.core().calls.is_awaited(key, connection)
        {
            // Whoever sees that the call has ended finds all that came before its answer.
            are_kept = self.delivery.keep_batch(known.batch, (time_ns, connection));
        }
        let call = key.and_then(|key| self.core().calls.answered(key, connection));
        are_kept
            & match call {
                None => {
                    let when = (time_ns, connection);
                    self.delivery.tell_message(known.batch, (kind, key), when, padded)
                }
                Some(call) => {
                    let (outcome, wire_state) = (Outcome::Ok, WireState::Answered);
                    let event = Event::Completion(Ended { call, outcome, wire_state }, kind);
                    self.tell_at(time_ns, connection, &event, padded)
                }
            }
    }

    /// Asks the engine whether the message acknowledges an opening message, if one awaits that.
    fn match_ack(&self, known: &Known<'_>, message: &Message<'_>) -> Verdict {
        let Some(match_ack) = &self.settings().hooks.match_ack else { return Verdict::Other };
        if !known.is_opening {
            return Verdict::Other;
        }
        let awaited = self.core().slots[known.slot].life.awaited();
        let Some(awaited) = awaited else { return Verdict::Other };
        let verdict = match_ack(awaited, message.kind(), message.padded());
        if verdict == Verdict::Acknowledged {
            self.core().slots[known.slot].life.acknowledged(now_ns());
        }
        verdict
    }
}

/// What is known of a slot while its messages are taken apart.
struct Known<'a> {
    slot: usize,
    connection: u32,
    is_told: bool,
    is_opening: bool,
    awaits_pong_message: &'a mut bool,
    is_eventful: &'a mut bool,
    batch: &'a mut Batch,
    time_ns: u64,
}
