//! One TLS session, and the ciphertext that waits for it.

use std::io::{self, ErrorKind, Read};
use std::ops::Range;

use rustls::ClientConnection;

use crate::net::pages::{PAGE, Pages};

/// Room for one TLS record with its overhead (RFC 8446 section 5.2), so that the largest record is
/// one read.
const INBOX: usize = 16 * 1024 + 2 * 1024;

/// How much memory of the inbox is kept at rest.
const AT_REST: usize = PAGE;

/// One TLS session and the ciphertext that waits for it.
pub(super) struct Session {
    pub(super) tls: ClientConnection,
    /// [`INBOX`] bytes.
    pub(super) inbox: Pages,
    /// The part of `inbox` that the session has not seen yet.
    pub(super) unread: Range<usize>,
    /// What ended the session: an alert, or a rule that the peer broke. What was decrypted before
    /// it is still in the session's reader, and counts.
    pub(super) fault: Option<rustls::Error>,
    /// The longest read into `inbox` since its memory was given back.
    longest: usize,
}

/// What a session reads from when there is nothing.
struct NotNow;

impl Session {
    /// A session whose handshake is done.
    ///
    /// # Errors
    /// There is no memory for it.
    pub(super) fn new(mut tls: ClientConnection) -> io::Result<Self> {
        // The request is already bounded; a second bound here would only split it.
        tls.set_buffer_limit(None);
        Ok(Self { tls, inbox: Pages::new(INBOX)?, unread: 0..0, fault: None, longest: 0 })
    }

    /// So many bytes were read into the front of `inbox`.
    pub(super) fn received(&mut self, n: usize) {
        self.unread = 0..n;
        self.longest = self.longest.max(n);
    }

    /// Hands ciphertext to the session. What it decrypts is in its reader afterwards, and what
    /// ended it in `fault`; both at once when they came in one segment.
    pub(super) fn digest(&mut self) {
        let mut ciphertext = &self.inbox[self.unread.clone()];
        match self.tls.read_tls(&mut ciphertext) {
            // After close_notify it takes nothing, and what follows is nothing (RFC 8446 section
            // 6.1).
            Ok(0) => self.unread.start = self.unread.end,
            Ok(_) => self.unread.start = self.unread.end - ciphertext.len(),
            Err(error) => {
                // A handshake message that is longer than any it takes.
                self.fault = Some(rustls::Error::General(error.to_string()));
                return;
            }
        }
        self.fault = self.tls.process_new_packets().err();
    }

    /// Whether it holds more memory than at rest.
    pub(super) fn is_large(&self) -> bool {
        self.longest > AT_REST
    }

    /// Gives memory back that only long answers need.
    pub(super) fn rest(&mut self) {
        if !self.is_large() || !self.unread.is_empty() {
            return;
        }
        self.inbox.give_back(AT_REST);
        self.longest = 0;
    }

    /// Lets the session give back the buffer in which it has joined a long record. rustls does that
    /// when it is about to read and holds nothing: so now, or at the next answer.
    pub(super) fn shrink(&mut self) {
        let _ = self.tls.read_tls(&mut NotNow);
    }
}

impl Read for NotNow {
    fn read(&mut self, _space: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }
}
