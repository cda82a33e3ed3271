//! Messages on a connection that carries many at a time: each is a stretch of its bytes.
//!
//! The bytes are counted as they are on the wire (under TLS: ciphertext), from the first one that
//! was handed over. It knows no frame; which stretch is which message is the caller's to keep.

use std::ops::Range;

use super::{Connection, Fault, evidence};

impl Connection {
    /// Hands over a message behind all others: what the kernel takes is sent now, the rest is kept
    /// for [`Connection::flush`]. Answers which bytes of the connection it has.
    pub fn append(&mut self, message: &[u8]) -> (Range<u64>, Result<(), Fault>) {
        let start = self.sending.queued;
        let has_unsent = self.has_unsent();
        let result = match &mut self.session {
            None if has_unsent => {
                self.sending.outbox.extend_from_slice(message);
                self.sending.queued += message.len() as u64;
                self.flush()
            }
            None => self.send_plain(message),
            Some(session) => {
                let written = std::io::Write::write_all(&mut session.tls.writer(), message);
                written.map_err(Fault::from).and_then(|()| self.flush())
            }
        };
        (start..self.sending.queued, result)
    }

    /// The bytes that wait for the kernel to take them.
    pub fn unsent(&self) -> usize {
        self.sending.outbox.len() - self.sending.outbox_taken
    }

    /// Whether the last read has taken all that the socket had: it had room for more. An end may
    /// stand right behind it. Under TLS no one knows.
    pub fn has_read_all(&self) -> bool {
        self.session.is_none() && !self.may_hold_more
    }

    /// The bytes that the kernel has taken, ever.
    pub fn taken(&self) -> u64 {
        self.sending.taken
    }

    /// Of these, the bytes that the peer's TCP has acknowledged. `None` where the system does not
    /// tell.
    pub fn acknowledged(&self) -> Option<u64> {
        let before = self.sending.taken_before?;
        Some(evidence::counts(&self.stream)?.acked.saturating_sub(before).min(self.sending.taken))
    }

    /// The same for good, when the connection is lost: what is not acknowledged and has not left
    /// this machine never will. See [`Connection::last_evidence`].
    pub fn last_acknowledged(&mut self) -> Option<u64> {
        if evidence::counts(&self.stream)?.not_sent > 0 {
            evidence::deafen(&self.stream).ok()?;
            self.end.is_deaf = true;
        }
        self.acknowledged()
    }

    /// Ends the connection: with RST if `drops`, or if something has not left, so that the kernel
    /// sends no more of what was given up. In good order otherwise.
    pub fn leave(self, drops: bool) {
        if drops || self.end.is_deaf || self.has_unsent() {
            self.reset();
        } else {
            self.close();
        }
    }
}
