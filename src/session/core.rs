//! The half of a session that is under its lock: the connection, what was sent on it, the calls.
//!
//! Any thread sends here, on its own time: frame, mask, encrypt, `send`. The session's thread
//! receives through it, a read at a time, and decides by [`Life`] what is next.

use super::keys::Keys;
use super::settings::Settings;
use crate::error::Status;
use crate::net::connection::{Connection, Fault};
use crate::pool::backoff::Bounds;
use crate::pool::watch_period::WatchPeriod;
use crate::ws::close_frame::ClosePayload;
use crate::ws::frame::Kind;
use crate::ws::pong::Pongs;
use crate::ws::session::calls::{Call, Calls};
use crate::ws::session::ledger::{Fate, Ledger};
use crate::ws::session::life::{Life, Rules, Stage, Why};
use crate::ws::writer::{ControlFrame, FrameWriter};

/// The longest sleep of the thread of a session, in nanoseconds; it costs an idle one nothing.
const LONGEST_WATCH_NS: u64 = 60_000_000_000;

pub(super) struct Core {
    pub(super) life: Life,
    pub(super) calls: Calls,
    pub(super) pongs: Pongs,
    connection: Option<Connection>,
    ledger: Ledger,
    writer: FrameWriter,
    keys: Keys,
    max_unsent: usize,
    /// What ended the connection, found by whoever sent; the session's thread deals with it.
    pub(super) fault: Option<Why>,
    /// Connections that were switched to WebSocket.
    pub(super) connections: u32,
    last_id: u64,
    /// When the session's thread wakes by itself.
    pub(super) wakes_ns: u64,
    /// How long it sleeps at most, so that the deadline of the next call need not wake it.
    pub(super) watch: WatchPeriod,
}

/// The bytes of a message that is to be sent.
pub(super) enum Payload<'a> {
    /// They are copied into the session's own frame, when they are masked.
    Copied(&'a [u8]),
    /// They are in their frame already, so many of them, and are masked there.
    Written(&'a mut FrameWriter, usize),
}

impl Payload<'_> {
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::Copied(bytes) => bytes.len(),
            Self::Written(_, len) => *len,
        }
    }
}

/// What became of a message that was accepted.
pub(super) struct Accepted {
    pub(super) sequence: u64,
    /// The session's thread has something to do: the kernel did not take all, or it failed.
    pub(super) wakes: bool,
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
        Self {
            life: Life::new(rules, now_ns),
            calls: Calls::new(settings.max_calls),
            pongs: Pongs::default(),
            connection: None,
            // The opening messages find room whatever the peer has acknowledged.
            ledger: Ledger::new(settings.max_unacknowledged.max(settings.openings.len())),
            writer: FrameWriter::new(settings.max_send),
            keys: Keys::new(),
            max_unsent: settings.max_unsent,
            fault: None,
            connections: 0,
            last_id: 0,
            wakes_ns: 0,
            watch: WatchPeriod::new(LONGEST_WATCH_NS),
        }
    }

    /// The server has switched to WebSocket on this connection. `false`: the engine has closed the
    /// session meanwhile.
    pub(super) fn install(&mut self, connection: Connection, now_ns: u64) -> bool {
        if !self.life.switched(now_ns) {
            connection.leave(false);
            return false;
        }
        self.connection = Some(connection);
        self.connections += 1;
        self.fault = None;
        self.pongs = Pongs::default();
        true
    }

    /// Whether the engine may send a message of that length now.
    ///
    /// # Errors
    /// `ERR_CLOSED`, `ERR_SLOT_DOWN`; `ERR_TOO_LARGE` for a message that is too long;
    /// `ERR_WAITING_FULL` if too many bytes wait for the kernel, or too many messages for an
    /// acknowledgement.
    pub(super) fn check(&mut self, len: usize) -> Result<(), Status> {
        if self.life.is_ending() || self.life.stage() == Stage::Closed {
            return Err(Status::ERR_CLOSED);
        }
        if !self.life.is_up() || self.fault.is_some() {
            return Err(Status::ERR_SLOT_DOWN);
        }
        if len > self.writer.capacity() {
            return Err(Status::ERR_TOO_LARGE);
        }
        let Some(connection) = &self.connection else { return Err(Status::ERR_SLOT_DOWN) };
        if connection.unsent() != 0 && connection.unsent() + len > self.max_unsent {
            return Err(Status::ERR_WAITING_FULL);
        }
        if self.ledger.is_full() {
            match connection.acknowledged() {
                Some(acked) => self.ledger.acknowledged(acked),
                None => self.ledger.forget_oldest(connection.taken()),
            }
        }
        if self.ledger.is_full() { Err(Status::ERR_WAITING_FULL) } else { Ok(()) }
    }

    /// Sends a message that [`Core::check`] has allowed.
    ///
    /// # Errors
    /// Those of [`FrameWriter::commit`]. Nothing was masked or sent then.
    pub(super) fn send(&mut self, kind: Kind, payload: Payload<'_>) -> Result<Accepted, Status> {
        // Before anything is masked: a message that is refused can be sent once more.
        let connection = self.connection.as_mut().ok_or(Status::ERR_SLOT_DOWN)?;
        let key = self.keys.next();
        let frame = match payload {
            Payload::Copied(bytes) => self.writer.write(kind, bytes, key)?,
            Payload::Written(frame, len) => frame.commit(kind, len, key)?,
        };
        let (bytes, result) = connection.append(frame);
        let wakes = result.is_err() || connection.has_unsent();
        let sequence = self.ledger.note(bytes);
        self.note(result);
        Ok(Accepted { sequence, wakes })
    }

    /// Sends a message before the session is up. It waits for the kernel however many bytes do:
    /// there is room for all opening messages.
    pub(super) fn send_opening(&mut self, kind: Kind, payload: &[u8]) -> Result<(), Status> {
        self.send(kind, Payload::Copied(payload)).map(drop)
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
        self.calls.begin(Call { id: self.last_id, sequence: accepted.sequence, ..call });
        Ok((self.last_id, accepted))
    }

    /// Sends a ping, pong or close frame.
    fn send_control(&mut self, make: impl FnOnce([u8; 4]) -> Option<ControlFrame>) {
        let (Some(frame), Some(connection)) = (make(self.keys.next()), &mut self.connection) else {
            return;
        };
        let (_, result) = connection.append(frame.bytes());
        self.note(result);
    }

    pub(super) fn send_ping(&mut self, payload: &[u8], now_ns: u64) {
        self.send_control(|key| ControlFrame::ping(payload, key).ok());
        self.life.ping_sent(now_ns);
    }

    /// Sends a message of the session's own as a ping. As a control frame it has no number: what
    /// is told after a loss is of the engine's messages.
    pub(super) fn send_ping_message(&mut self, kind: Kind, message: &[u8], now_ns: u64) {
        let key = self.keys.next();
        // It is no longer than the longest message that is sent.
        if let (Ok(frame), Some(connection)) =
            (self.writer.write(kind, message, key), &mut self.connection)
        {
            let (_, result) = connection.append(frame);
            self.note(result);
        }
        self.life.ping_sent(now_ns);
    }

    pub(super) fn send_close(&mut self, payload: &ClosePayload) {
        self.send_control(|key| Some(ControlFrame::close(payload, key)));
    }

    /// Sends what the kernel did not take, and then the pong that is due: it waits for no more
    /// than the frame before it, and no message waits for more than one pong.
    pub(super) fn flush(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        if connection.has_unsent() {
            let result = connection.flush();
            self.note(result);
        }
        let is_free = self.connection.as_ref().is_some_and(|connection| !connection.has_unsent());
        if is_free
            && self.life.may_send()
            && let Some(payload) = self.pongs.take()
        {
            let mut pong = [0; 125];
            let len = payload.len();
            pong[..len].copy_from_slice(payload);
            self.send_control(|key| ControlFrame::pong(&pong[..len], key).ok());
        }
    }

    pub(super) fn has_unsent(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::has_unsent)
    }

    pub(super) fn connection(&mut self) -> Option<&mut Connection> {
        self.connection.as_mut()
    }

    fn note(&mut self, result: Result<(), Fault>) {
        if let Err(fault) = result {
            self.fault.get_or_insert(why(&fault));
        }
    }

    /// The connection is given up. Answers what became of the messages, the calls that end by it,
    /// and when the next dial begins.
    pub(super) fn lose(
        &mut self,
        why: Why,
        now_ns: u64,
        random: u64,
    ) -> (Fate, Vec<Call>, Option<u64>) {
        let fate = match self.connection.take() {
            None => self.ledger.lost(0, None),
            Some(mut connection) => {
                let acked = connection.last_acknowledged();
                let fate = self.ledger.lost(connection.taken(), acked);
                connection.leave(fate.acked_through < fate.last);
                fate
            }
        };
        self.fault = None;
        let calls = self.calls.lost();
        (fate, calls, self.life.lost(why, now_ns, random))
    }
}

/// Why a connection with that fault is given up.
pub(super) const fn why(fault: &Fault) -> Why {
    match fault {
        Fault::Reset => Why::Reset,
        Fault::Tls => Why::Tls,
        Fault::Io => Why::Io,
    }
}
