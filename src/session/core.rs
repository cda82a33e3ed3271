//! The half of a session that is under its lock: the slots with their connections, what was sent on
//! them, the calls.
//!
//! Any thread sends here, on its own time: frame, mask, encrypt, `send`, on the slot that is live.
//! Who drives receives through it, a read at a time, and decides by [`Life`] and [`Standby`] what
//! is next.

use super::frame::{LaterMessage, Payload};
use super::keys::Keys;
use super::settings::Settings;
use super::slot::{Accepted, Numbering, Slot};
use crate::clock::wall_ns;
use crate::error::{Outcome, Status, WireState};
use crate::lane::Lane;
use crate::net::connection::Connection;
use crate::pool::backoff::Bounds;
use crate::pool::watch_period::WatchPeriod;
use crate::ws::close_frame::{CloseFrame, ClosePayload};
use crate::ws::error::Error;
use crate::ws::frame::Kind;
use crate::ws::session::calls::{Call, Calls};
use crate::ws::session::ledger::Fate;
use crate::ws::session::life::{Due, Life, Rules, Stage, Why};
use crate::ws::session::standby::{Standby, Step, Then};
use crate::ws::session::waiting::Waiting;
use crate::ws::writer::FrameWriter;

/// The longest sleep of the thread of a session, in nanoseconds; it costs an idle one nothing.
const LONGEST_WATCH_NS: u64 = 60_000_000_000;

/// When calls wait although the socket takes bytes, who drives looks again after so long: no event
/// tells that the peer's TCP has acknowledged messages.
const ACKNOWLEDGED_NS: u64 = 1_000_000;

pub(super) struct Core {
    pub(super) slots: Vec<Slot>,
    pub(super) standby: Standby,
    pub(super) calls: Calls,
    /// Those of them that have not gone.
    waiting: Waiting<LaterMessage>,
    rules: Rules,
    /// The slot of the engine's messages. A copy of what `standby` knows, for each sending.
    live: Option<usize>,
    numbering: Numbering,
    writer: FrameWriter,
    keys: Keys,
    max_unsent: usize,
    /// Connections that were switched to WebSocket.
    pub(super) connections: u32,
    pub(super) last_id: u64,
    /// When who drives wakes by itself.
    pub(super) wakes_ns: u64,
    /// The engine has closed the session.
    is_ending: bool,
    /// How long it sleeps at most, so that the deadline of the next call need not wake it.
    pub(super) watch: WatchPeriod,
}

/// What is due on the slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlotsDue {
    /// This, on that slot.
    One(usize, Due),
    /// Nothing, until that time; `None`: for ever.
    Wait(Option<u64>),
    /// Nothing, ever again: the session has ended.
    Closed,
}

/// What became of a call that waited.
pub(super) enum Served {
    /// It has gone. `wakes`: as in [`Accepted`].
    Sent { wakes: bool },
    /// It ends, and was not sent.
    Ended(Call, Outcome),
}

/// What a loss has come to.
pub(super) struct Loss {
    pub(super) connection: u32,
    pub(super) fate: Fate,
    pub(super) calls: Vec<Call>,
    /// When the slot dials again; `None` if it does not.
    pub(super) until_ns: Option<u64>,
    /// The session had left the slot before.
    pub(super) was_leaving: bool,
}

impl Core {
    pub(super) fn new(settings: &Settings, bounds: Bounds, now_ns: u64) -> Self {
        let rules = Rules {
            bounds,
            opening_ns: settings.opening_ns,
            keep_alive: settings.keep_alive,
            close: settings.close,
            openings: settings.openings.len(),
        };
        let standby = Standby::new(settings.standby);
        // The opening messages find room whatever the peer has acknowledged.
        let most = settings.max_unacknowledged.max(settings.openings.len());
        let slot = |index| {
            let life = match standby.is_spare(index) {
                true => Life::at_rest(rules, now_ns),
                false => Life::new(rules, now_ns),
            };
            Slot::new(life, most)
        };
        Self {
            slots: (0..standby.slots()).map(slot).collect(),
            standby,
            calls: Calls::new(settings.max_calls),
            waiting: Waiting::new(settings.max_waiting),
            rules,
            live: None,
            numbering: Numbering::default(),
            writer: FrameWriter::new(settings.max_send),
            keys: Keys::new(),
            max_unsent: settings.max_unsent,
            connections: 0,
            last_id: 0,
            wakes_ns: 0,
            is_ending: false,
            watch: WatchPeriod::new(LONGEST_WATCH_NS),
        }
    }

    /// The server has switched to WebSocket on this connection. `None`: the engine has closed the
    /// session meanwhile. Otherwise its number.
    pub(super) fn install(
        &mut self,
        slot: usize,
        connection: Connection,
        now_ns: u64,
    ) -> Option<u32> {
        let its = &mut self.slots[slot];
        if !its.life.switched(now_ns) {
            connection.leave(false);
            return None;
        }
        self.connections += 1;
        its.install(connection, self.connections, now_ns);
        if self.live.is_none() {
            // One slot comes at a time, so the numbers are its own.
            its.take_numbers(self.numbering);
        }
        Some(self.connections)
    }

    /// What is to be done with the slots as a whole.
    pub(super) fn step(&mut self, now_ns: u64) -> Step {
        if self.is_ending {
            return Step::Wait(None);
        }
        let (slots, calls) = (&self.slots, &self.calls);
        let step = self.standby.step(now_ns, |slot| calls.has_any_of(slots[slot].number));
        match step {
            Step::Open(slot) => self.slots[slot].life = Life::new(self.rules, now_ns),
            Step::Up(to) | Step::Switch { to, .. } => self.go_live(to),
            Step::Close(slot) => {
                // It is open, so it takes a close frame, or awaits one already.
                if let Ok(Some(payload)) = self.slots[slot].life.close(Some(1000), "", now_ns) {
                    self.slots[slot].send_close(&payload, &mut self.keys);
                }
            }
            Step::Wait(_) => {}
        }
        step
    }

    fn go_live(&mut self, to: usize) {
        if let Some(from) = self.live {
            self.numbering.advance(self.slots[from].numbers());
        }
        self.slots[to].take_numbers(self.numbering);
        self.live = Some(to);
    }

    /// What is due on the slots, one thing at a time: each may change what is due on others. One
    /// slot comes at a time, so that a venue that is down is not asked by all of them at once.
    pub(super) fn due(&mut self, now_ns: u64) -> SlotsDue {
        let comes = |slot: &Slot| matches!(slot.life.stage(), Stage::Dialling | Stage::Opening);
        let one_comes = self.slots.iter().any(comes);
        let (mut until_ns, mut is_over) = (None, self.is_ending);
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if one_comes && slot.life.stage() == Stage::Waiting {
                is_over = false;
                continue;
            }
            match slot.life.due(now_ns) {
                Due::Closed => continue,
                Due::Wait(its_ns) => until_ns = until_ns.into_iter().chain(its_ns).min(),
                due => return SlotsDue::One(index, due),
            }
            is_over = false;
        }
        let until_ns = until_ns.into_iter().chain(self.serves_again_ns(now_ns)).min();
        if is_over { SlotsDue::Closed } else { SlotsDue::Wait(until_ns) }
    }

    /// The slot is logged in.
    pub(super) fn ready(&mut self, slot: usize, random: u64) {
        self.standby.ready(slot, self.slots[slot].since_ns, random);
    }

    /// Whether the engine may send that message now.
    ///
    /// # Errors
    /// `ERR_CLOSED`, `ERR_SLOT_DOWN`; `ERR_TOO_LARGE` for a message that is too long;
    /// `ERR_WAITING_FULL` if too many bytes wait for the kernel, too many messages for an
    /// acknowledgement, or a call that goes before it.
    pub(super) fn check(&mut self, payload: &Payload<'_>) -> Result<(), Status> {
        if self.is_ending {
            return Err(Status::ERR_CLOSED);
        }
        let slot = self.live.ok_or(Status::ERR_SLOT_DOWN)?;
        let len = payload.len();
        if len > self.writer.capacity() {
            // A slot that is down is the first thing to be told.
            return self.slots[slot].check_up().and(Err(Status::ERR_TOO_LARGE));
        }
        self.slots[slot].check(len, self.max_unsent)?;
        let passes = self.waiting.may_pass(payload.lane());
        if passes { Ok(()) } else { Err(Status::ERR_WAITING_FULL) }
    }

    /// Whether a call that may wait goes now. Bytes that the kernel did not take are before it.
    ///
    /// # Errors
    /// `ERR_CLOSED`, `ERR_TOO_LARGE`.
    pub(super) fn may_go(&mut self, payload: &Payload<'_>) -> Result<bool, Status> {
        // Also while the session is down: it could never go.
        if payload.len() > self.writer.capacity() && !self.is_ending {
            return Err(Status::ERR_TOO_LARGE);
        }
        match self.check(payload) {
            Ok(()) => Ok(self.live.is_some_and(|slot| !self.slots[slot].has_unsent())),
            Err(Status::ERR_SLOT_DOWN | Status::ERR_WAITING_FULL) => Ok(false),
            Err(status) => Err(status),
        }
    }

    /// # Errors
    /// `ERR_WAITING_FULL` if too many calls of that lane wait.
    pub(super) fn has_room_to_wait(&self, lane: Lane) -> Result<(), Status> {
        self.waiting.check(lane)
    }

    /// Lets a call wait, which [`Core::has_room_to_wait`] has allowed. Answers its number.
    pub(super) fn wait(&mut self, lane: Lane, message: LaterMessage, call: Call) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        self.calls.begin(Call { id, sequence: 0, connection: 0, ..call });
        self.waiting.join(lane, id, message);
        id
    }

    /// How many calls wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Sends the call whose turn it is, if the socket takes it; ends one that is never sent.
    /// `None`: none waits, or none can go.
    pub(super) fn serve_waiting(&mut self, now_ns: u64) -> Option<Served> {
        if self.is_ending {
            let (id, _) = self.waiting.take_oldest()?;
            return Some(Served::Ended(self.calls.cancelled(id)?, Outcome::Shutdown));
        }
        let slot = self.open_line().filter(|_| !self.waiting.is_empty())?;
        self.slots[slot].check(0, self.max_unsent).ok()?;
        let (id, mut message) = self.waiting.take_first()?;
        let is_late = self.calls.deadline_of(id).is_none_or(|at_ns| at_ns <= now_ns);
        let kind = message.kind;
        let payload = message.payload().filter(|_| !is_late);
        // The function of the frame may withdraw it.
        match payload.map(|payload| self.send_on(slot, kind, payload)) {
            Some(Ok(Accepted { sequence, wakes })) => {
                self.calls.went(id, sequence, self.slots[slot].number, now_ns);
                Some(Served::Sent { wakes })
            }
            withdrawn => {
                let outcome = withdrawn.map_or(Outcome::Timeout, |_| Outcome::Cancelled);
                Some(Served::Ended(self.calls.cancelled(id)?, outcome))
            }
        }
    }

    /// The slot on which a call that waits can go, unless too many messages are not acknowledged.
    fn open_line(&self) -> Option<usize> {
        let is_open = |slot: &usize| {
            let slot = &self.slots[*slot];
            slot.check_up().is_ok() && !slot.has_unsent()
        };
        self.live.filter(is_open)
    }

    /// When calls that wait are to be looked at again, if no event tells.
    fn serves_again_ns(&self, now_ns: u64) -> Option<u64> {
        let is_open = !self.waiting.is_empty() && self.open_line().is_some();
        is_open.then(|| now_ns.saturating_add(ACKNOWLEDGED_NS))
    }

    /// A call whose deadline has passed, and whether it was sent; ask until there is none.
    pub(super) fn expired(&mut self, now_ns: u64) -> Option<(Call, WireState)> {
        let call = self.calls.expired(now_ns)?;
        Some((call, self.left(&call)))
    }

    /// The engine wants no answer any more. `None`: there is no such call.
    pub(super) fn cancelled(&mut self, id: u64) -> Option<(Call, WireState)> {
        let call = self.calls.cancelled(id)?;
        Some((call, self.left(&call)))
    }

    /// A call has ended without an answer. If it waits, it waits no more.
    fn left(&mut self, call: &Call) -> WireState {
        match self.waiting.leave(call.id) {
            Some(_) => WireState::NotSent,
            // Its bytes were handed over, and leave sooner or later while the connection lives.
            None => WireState::Sent,
        }
    }

    /// Sends a message that [`Core::check`] has allowed.
    ///
    /// # Errors
    /// Those of [`FrameWriter::commit`]; `ERR_ARGUMENT` if the function of a frame has withdrawn
    /// it. Nothing was masked or sent then.
    pub(super) fn send(&mut self, kind: Kind, payload: Payload<'_>) -> Result<Accepted, Status> {
        let slot = self.live.ok_or(Status::ERR_SLOT_DOWN)?;
        let lane = payload.lane();
        let mut accepted = self.send_on(slot, kind, payload)?;
        self.waiting.passed(lane);
        // It may have sent what those below it have waited for.
        accepted.wakes |= !self.waiting.is_empty();
        Ok(accepted)
    }

    fn send_on(
        &mut self,
        slot: usize,
        kind: Kind,
        payload: Payload<'_>,
    ) -> Result<Accepted, Status> {
        // Before anything is masked: a message that is refused can be sent once more.
        self.slots[slot].has_connection()?;
        let key = self.keys.next();
        let frame = match payload {
            Payload::Copied(bytes) => self.writer.write(kind, bytes, key)?,
            Payload::Written { frame, len, on_send, .. } => {
                if let Some(on_send) = on_send
                    && !on_send(wall_ns(), frame.written(len)?)
                {
                    return Err(Status::ERR_ARGUMENT);
                }
                frame.commit(kind, len, key)?
            }
        };
        self.slots[slot].send(frame)
    }

    /// Sends a message before the slot is up. It waits for the kernel however many bytes do: there
    /// is room for all opening messages.
    pub(super) fn send_opening(
        &mut self,
        slot: usize,
        kind: Kind,
        payload: &[u8],
    ) -> Result<(), Status> {
        self.send_on(slot, kind, Payload::Copied(payload)).map(drop)
    }

    /// Sends a call that [`Core::check`] and [`Calls::check`] have allowed.
    pub(super) fn call(
        &mut self,
        kind: Kind,
        payload: Payload<'_>,
        call: Call,
    ) -> Result<(u64, Accepted), Status> {
        let accepted = self.send(kind, payload)?;
        self.last_id += 1;
        let connection = self.live.map_or(0, |slot| self.slots[slot].number);
        let (id, sequence) = (self.last_id, accepted.sequence);
        self.calls.begin(Call { id, sequence, connection, ..call });
        Ok((id, accepted))
    }

    pub(super) fn send_ping(&mut self, slot: usize, payload: &[u8], now_ns: u64) {
        self.slots[slot].send_ping(payload, &mut self.keys, now_ns);
    }

    /// Sends a message of the session's own as a ping. As a control frame it has no number: what
    /// is told after a loss is of the engine's messages.
    pub(super) fn send_ping_message(
        &mut self,
        slot: usize,
        kind: Kind,
        message: &[u8],
        now_ns: u64,
    ) {
        let key = self.keys.next();
        // It is no longer than the longest message that is sent.
        if let Ok(frame) = self.writer.write(kind, message, key) {
            self.slots[slot].send_unnumbered(frame);
        }
        self.slots[slot].life.ping_sent(now_ns);
    }

    /// Sends what the kernel did not take before. Answers whether calls have waited for that.
    pub(super) fn flush(&mut self, slot: usize) -> bool {
        let its = &mut self.slots[slot];
        let had_unsent = its.has_unsent();
        its.flush(&mut self.keys);
        had_unsent && !its.has_unsent() && !self.waiting.is_empty()
    }

    /// The peer has sent a close frame, which is answered.
    pub(super) fn on_close(&mut self, slot: usize, frame: &CloseFrame<'_>, now_ns: u64) {
        let its = &mut self.slots[slot];
        if let Some(payload) = its.life.on_close(frame, now_ns) {
            its.send_close(&payload, &mut self.keys);
        }
        its.left = Why::PeerClosed(0);
        if !self.is_ending {
            self.standby.going(slot, now_ns);
        }
    }

    /// The peer has broken a rule. It is told so, once.
    pub(super) fn on_error(&mut self, slot: usize, error: Error) {
        let its = &mut self.slots[slot];
        if let Some(payload) = its.life.on_error(error) {
            its.send_close(&payload, &mut self.keys);
        }
    }

    /// The engine closes the session, on all slots.
    ///
    /// # Errors
    /// As for [`Life::close`].
    pub(super) fn close(
        &mut self,
        code: Option<u16>,
        reason: &str,
        now_ns: u64,
    ) -> Result<(), Status> {
        if self.is_ending {
            return Err(Status::ERR_CLOSED);
        }
        // Refused before anything has changed.
        ClosePayload::new(code, reason)?;
        for slot in &mut self.slots {
            // A slot that leaves, or rests, is closed already.
            if let Ok(Some(payload)) = slot.life.close(code, reason, now_ns) {
                slot.send_close(&payload, &mut self.keys);
            }
        }
        self.is_ending = true;
        Ok(())
    }

    pub(super) const fn is_ending(&self) -> bool {
        self.is_ending
    }

    /// The slot whose state is the session's.
    pub(super) fn foremost(&self) -> &Slot {
        let stage = |slot: &Slot| match slot.life.stage() {
            Stage::Up => 5,
            Stage::Closing => 4,
            Stage::Opening => 3,
            Stage::Dialling => 2,
            Stage::Waiting => 1,
            Stage::Closed => 0,
        };
        let live = self.live.map(|slot| &self.slots[slot]);
        live.or_else(|| self.slots.iter().max_by_key(|slot| stage(slot))).expect("there is a slot")
    }

    /// The connection of a slot is given up.
    pub(super) fn lose(&mut self, slot: usize, why: Why, now_ns: u64, random: u64) -> Loss {
        let its = &mut self.slots[slot];
        let connection = its.number;
        let was_leaving = self.standby.is_leaving(slot);
        let (fate, until_ns) = its.lose(why, now_ns, random);
        self.numbering.advance(its.numbers());
        its.leave_numbers();
        let then = self.standby.lost(slot);
        if self.live == Some(slot) {
            self.live = None;
        }
        let rests = then == Then::Rests && !self.is_ending;
        if rests {
            its.life = Life::at_rest(self.rules, now_ns);
        }
        let calls = self.calls.lost(connection);
        let until_ns = until_ns.filter(|_| !rests);
        Loss { connection, fate, calls, until_ns, was_leaving }
    }
}
