//! A slot of a session: one connection with what was sent on it. It stays when the connection is
//! lost.
//!
//! It knows its life and its bytes. Which slot is live is not its business.

use super::keys::Keys;
use crate::error::Status;
use crate::net::connection::{Connection, Fault};
use crate::ws::close_frame::ClosePayload;
use crate::ws::pong::Pongs;
use crate::ws::session::ledger::{Fate, Ledger};
use crate::ws::session::life::{Life, Why};
use crate::ws::writer::ControlFrame;

/// What became of a message that was accepted.
pub(super) struct Accepted {
    pub(super) sequence: u64,
    /// Who drives has something to do: the kernel did not take all, or it failed.
    pub(super) wakes: bool,
}

/// How far the numbers of the session's messages have gone: the last one, and the last one that is
/// known to be acknowledged.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbering {
    last: u64,
    acked_through: u64,
}

impl Numbering {
    /// Of the numbers of two slots, the later ones hold.
    pub(super) fn advance(&mut self, of_line: Option<Self>) {
        if let Some(of_line) = of_line
            && of_line.last >= self.last
        {
            *self = of_line;
        }
    }
}

pub(super) struct Slot {
    pub(super) life: Life,
    pub(super) pongs: Pongs,
    connection: Option<Connection>,
    ledger: Ledger,
    /// Its messages have numbers of the session's. Those of a slot that waits have none yet.
    is_numbered: bool,
    /// What ended the connection, found by whoever sent; who drives deals with it.
    pub(super) fault: Option<Why>,
    /// The number of the connection, from 1; 0 before the first.
    pub(super) number: u32,
    /// Since when there is the connection.
    pub(super) since_ns: u64,
    /// Why the last connection was left.
    pub(super) left: Why,
}

impl Slot {
    pub(super) fn new(life: Life, most: usize) -> Self {
        Self {
            life,
            pongs: Pongs::default(),
            connection: None,
            ledger: Ledger::new(most),
            is_numbered: false,
            fault: None,
            number: 0,
            since_ns: 0,
            left: Why::Here,
        }
    }

    pub(super) fn install(&mut self, connection: Connection, number: u32, now_ns: u64) {
        self.connection = Some(connection);
        self.number = number;
        self.since_ns = now_ns;
        self.fault = None;
        self.pongs = Pongs::default();
    }

    /// Its messages are numbered behind those from now on, also those that it has sent.
    pub(super) fn take_numbers(&mut self, numbering: Numbering) {
        if !self.is_numbered {
            self.is_numbered = true;
            self.ledger.go_on_behind(numbering.last, numbering.acked_through);
        }
    }

    /// How far its numbers have gone, if they are the session's.
    pub(super) fn numbers(&self) -> Option<Numbering> {
        let (last, acked_through) = self.ledger.numbers();
        self.is_numbered.then_some(Numbering { last, acked_through })
    }

    /// Its next connection begins with numbers of its own.
    pub(super) fn leave_numbers(&mut self) {
        self.is_numbered = false;
        self.ledger.begin_anew();
    }

    /// Whether the engine may send.
    pub(super) fn check_up(&self) -> Result<(), Status> {
        match self.life.is_up() && self.fault.is_none() && self.connection.is_some() {
            true => Ok(()),
            false => Err(Status::ERR_SLOT_DOWN),
        }
    }

    /// Whether there is room for a message of that length. See the core of the session.
    pub(super) fn check(&mut self, len: usize, max_unsent: usize) -> Result<(), Status> {
        self.check_up()?;
        let Some(connection) = &self.connection else { return Err(Status::ERR_SLOT_DOWN) };
        if connection.unsent() != 0 && connection.unsent() + len > max_unsent {
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

    pub(super) fn has_connection(&self) -> Result<(), Status> {
        self.connection.as_ref().map(drop).ok_or(Status::ERR_SLOT_DOWN)
    }

    /// Sends a message, which gets a number.
    pub(super) fn send(&mut self, frame: &[u8]) -> Result<Accepted, Status> {
        let connection = self.connection.as_mut().ok_or(Status::ERR_SLOT_DOWN)?;
        let (bytes, result) = connection.append(frame);
        let wakes = result.is_err() || connection.has_unsent();
        let sequence = self.ledger.note(bytes);
        self.note(result);
        Ok(Accepted { sequence, wakes })
    }

    /// Sends a frame that is no message of the engine's.
    pub(super) fn send_unnumbered(&mut self, frame: &[u8]) {
        if let Some(connection) = &mut self.connection {
            let (_, result) = connection.append(frame);
            self.note(result);
        }
    }

    pub(super) fn send_ping(&mut self, payload: &[u8], keys: &mut Keys, now_ns: u64) {
        if let Ok(frame) = ControlFrame::ping(payload, keys.next()) {
            self.send_unnumbered(frame.bytes());
        }
        self.life.ping_sent(now_ns);
    }

    pub(super) fn send_close(&mut self, payload: &ClosePayload, keys: &mut Keys) {
        self.send_unnumbered(ControlFrame::close(payload, keys.next()).bytes());
    }

    /// Sends what the kernel did not take, and then the pong that is due: it waits for no more
    /// than the frame before it, and no message waits for more than one pong.
    pub(super) fn flush(&mut self, keys: &mut Keys) {
        let Some(connection) = &mut self.connection else { return };
        if connection.has_unsent() {
            let result = connection.flush();
            self.note(result);
        }
        if !self.has_unsent()
            && self.life.may_send()
            && let Some(payload) = self.pongs.take()
            && let Ok(frame) = ControlFrame::pong(payload, keys.next())
        {
            self.send_unnumbered(frame.bytes());
        }
    }

    pub(super) fn has_unsent(&self) -> bool {
        self.connection.as_ref().is_some_and(Connection::has_unsent)
    }

    pub(super) fn unsent(&self) -> usize {
        self.connection.as_ref().map_or(0, Connection::unsent)
    }

    pub(super) fn connection(&mut self) -> Option<&mut Connection> {
        self.connection.as_mut()
    }

    fn note(&mut self, result: Result<(), Fault>) {
        if let Err(fault) = result {
            self.fault.get_or_insert(why(&fault));
        }
    }

    /// The connection is given up. Answers what became of its messages, and when the next dial
    /// begins.
    pub(super) fn lose(&mut self, why: Why, now_ns: u64, random: u64) -> (Fate, Option<u64>) {
        let fate = match self.connection.take() {
            None => self.ledger.lost(0, None),
            Some(mut connection) => {
                let acked = connection.last_acknowledged();
                if acked.is_none()
                    && let Some(so_far) = connection.acknowledged()
                {
                    // This is not the last word, but what is acknowledged stays so.
                    self.ledger.acknowledged(so_far);
                }
                let fate = self.ledger.lost(connection.taken(), acked);
                connection.leave(fate.acked_through < fate.last);
                fate
            }
        };
        (self.fault, self.left) = (None, why);
        let until_ns = self.life.lost(why, now_ns, random);
        // What no one was told a number of has none.
        let fate = if self.is_numbered { fate } else { Fate::default() };
        (fate, until_ns)
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
