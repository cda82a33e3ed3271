//! A live connection: bytes out, bytes in, plain or TLS, never blocking.
//!
//! It knows a socket and a TLS session. It does not know HTTP, slots or deadlines: it is told which
//! bytes to send and where to put what arrives. Sending never raises SIGPIPE, because the standard
//! library's `write` on a socket is `send` with `MSG_NOSIGNAL` (its `write_vectored` is not, so TLS
//! records are gathered in the outbox and sent from there).

mod read;
mod session;
mod stretch;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use rustls::ClientConnection;

use super::arrival::Arrivals;
use super::endpoints::Endpoints;
use super::evidence::{self, Evidence, TcpInfo};
use super::pages::PAGE;
use super::socket::{Companion, Socket};
use crate::error::{CloseReason, Outcome, WireState};
use read::read;
use session::Session;

/// How much of what came unasked is kept, for whoever wants to know what it was.
const STRAY: usize = 64;

/// Room for outgoing bytes that is kept from one request to the next.
const OUTBOX: usize = 64 * 1024;

/// What came in.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// So many plaintext bytes, at least one.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// The peer ended the stream. `clean` is false when TLS ended without close_notify.
    End {
        /// Whether the end is proven to be the peer's.
        clean: bool,
    },
}

/// Why a connection cannot be used any more.
#[derive(Debug)]
pub enum Fault {
    /// The peer reset the connection, or the network lost it.
    Reset,
    /// The peer broke TLS, or said so.
    Tls,
    /// Any other error of the system.
    Io,
}

impl Fault {
    /// How an exchange in flight ends by it.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Reset => Outcome::ConnectionReset,
            Self::Tls => Outcome::TlsError,
            Self::Io => Outcome::IoError,
        }
    }

    /// Why the connection is given up by it; `idle` tells whether an exchange was in flight.
    pub fn close_reason(&self, idle: bool) -> CloseReason {
        match self {
            Self::Reset if idle => CloseReason::IdleReset,
            Self::Reset => CloseReason::Reset,
            Self::Tls => CloseReason::Tls,
            Self::Io => CloseReason::IoError,
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionReset
            | ErrorKind::BrokenPipe
            | ErrorKind::ConnectionAborted
            | ErrorKind::NotConnected
            | ErrorKind::TimedOut
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable => Self::Reset,
            _ => Self::Io,
        }
    }
}

/// How much memory of the outbox is kept at rest.
const AT_REST: usize = PAGE;

/// A live connection.
pub struct Connection {
    stream: Arc<Socket>,
    session: Option<Box<Session>>,
    sending: Sending,
    /// Bytes that were read from the socket since the request in flight began.
    received: u64,
    /// When the kernel had what is read, if that is wanted.
    arrivals: Option<Box<Arrivals>>,
    /// Both ends, as they were when it was made.
    endpoints: Endpoints,
    /// The peer is on another host, so that bytes are on their way for a while.
    is_far: bool,
    /// The last read took all that it had room for, so the socket may hold more.
    may_hold_more: bool,
    end: End,
}

/// What a connection has sent, and what it has yet to send.
#[derive(Default)]
struct Sending {
    /// Bytes that the kernel has not taken yet, from `outbox_taken` on.
    outbox: Vec<u8>,
    outbox_taken: usize,
    /// Bytes handed over for sending, ever, and bytes that the kernel took, ever. The request in
    /// flight is the stretch `request` of that count.
    queued: u64,
    taken: u64,
    request: std::ops::Range<u64>,
    /// Bytes that the kernel had taken before, on its own scale; `None` where it does not tell.
    taken_before: Option<u64>,
}

/// What is known of why a connection ends.
#[derive(Default)]
struct End {
    /// Sending has met a reset. The kernel tells that once, and reading then looks like an end.
    was_reset: bool,
    /// The number of the last error of the system; 0 without one.
    os_error: i32,
    /// What an idle connection has received, or what came behind an answer.
    stray: Option<Box<[u8]>>,
    /// The kernel drops what the peer sends, so that no acknowledgement lets more bytes out. Such a
    /// connection is good for a reset only.
    is_deaf: bool,
}

impl Connection {
    /// A plaintext connection. `stream` must be non-blocking.
    pub fn plain(stream: TcpStream) -> Self {
        // After a handshake some of its bytes may still be on their way.
        let taken_before = evidence::counts(&stream).map(|counts| counts.taken());
        let endpoints = Endpoints::of(&stream);
        Self {
            sending: Sending { taken_before, ..Sending::default() },
            arrivals: None,
            endpoints,
            is_far: endpoints.is_far(),
            stream: Arc::new(Socket::new(stream)),
            session: None,
            received: 0,
            may_hold_more: false,
            end: End::default(),
        }
    }

    /// A TLS connection whose handshake is done. `stream` must be non-blocking.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn tls(stream: TcpStream, tls: ClientConnection) -> io::Result<Self> {
        let session = Some(Box::new(Session::new(tls)?));
        Ok(Self { session, ..Self::plain(stream) })
    }

    /// Whether it holds more memory than at rest, because of what was sent or received.
    pub fn is_large(&self) -> bool {
        let session_is_large = self.session.as_ref().is_some_and(|session| session.is_large());
        session_is_large || self.sending.outbox.capacity() > AT_REST
    }

    /// Gives memory back that only large requests and answers need. Between two of them.
    pub fn rest(&mut self) {
        if !self.has_unsent() {
            self.sending.outbox.shrink_to(AT_REST);
        }
        if let Some(session) = &mut self.session {
            session.rest();
        }
    }

    /// Takes memory for all that an order may use, so that none of it is a page fault.
    pub fn touch(&mut self) {
        if let Some(session) = &mut self.session {
            session.inbox.touch();
            // The heap gives no zeros here, so this is written to.
            self.sending.outbox.resize(AT_REST, 1);
            self.sending.outbox.clear();
        }
    }

    /// A number that is the same for connections between the same two addresses, whatever their
    /// ports; 0 if the system does not tell them.
    pub fn path_number(&self) -> u64 {
        let Endpoints { local, peer } = self.endpoints;
        if peer.is_none() {
            return 0;
        }
        let mut hasher = DefaultHasher::new();
        (local.ip, peer.ip).hash(&mut hasher);
        hasher.finish()
    }

    /// Both ends of the connection; all zero over a Unix socket.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// From now on the kernel tells when it had the bytes that are read, if it can.
    pub fn note_arrivals(&mut self) {
        self.arrivals = Arrivals::of(&self.stream);
    }

    /// When the kernel had the bytes that were read last from the socket, in nanoseconds since
    /// 1970; 0 if that was not wanted or is not known. Under TLS these bytes are ciphertext.
    pub fn arrival_wall_ns(&self) -> u64 {
        self.arrivals.as_ref().map_or(0, |arrivals| arrivals.last_wall_ns())
    }

    /// The socket, for whoever watches it.
    pub fn stream(&self) -> &Arc<Socket> {
        &self.stream
    }

    /// Keeps that until the socket is closed. Before anybody watches it.
    pub fn keep(&mut self, companion: Companion) {
        Arc::get_mut(&mut self.stream).expect("nobody else has the socket").keep(companion);
    }

    /// Begins a request: encrypts it and sends what the kernel takes now. The rest is kept, and
    /// sent by [`Connection::flush`].
    pub fn start(&mut self, request: &[u8]) -> Result<(), Fault> {
        self.sending.request = self.sending.queued..self.sending.queued;
        self.received = 0;
        let result = match &mut self.session {
            None => self.send_plain(request),
            Some(session) => {
                let written = session.tls.writer().write_all(request);
                written.map_err(Fault::from).and_then(|()| self.flush())
            }
        };
        self.sending.request.end = self.sending.queued;
        result
    }

    /// Sends what is still to be sent, as far as the kernel takes it.
    pub fn flush(&mut self) -> Result<(), Fault> {
        self.encrypt()?;
        let sending = &mut self.sending;
        while sending.outbox_taken < sending.outbox.len() {
            match (&**self.stream).write(&sending.outbox[sending.outbox_taken..]) {
                Ok(0) => return Err(Fault::Io),
                Ok(n) => {
                    sending.outbox_taken += n;
                    sending.taken += n as u64;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed_to_send(error)),
            }
        }
        sending.outbox.clear();
        sending.outbox.shrink_to(OUTBOX);
        sending.outbox_taken = 0;
        Ok(())
    }

    /// Whether bytes wait for the kernel to take them.
    pub fn has_unsent(&self) -> bool {
        self.sending.outbox_taken < self.sending.outbox.len()
    }

    /// How far the request in flight got, as seen from the sending side.
    pub fn wire_state(&self) -> WireState {
        let request = &self.sending.request;
        match self.bytes_sent() {
            0 => WireState::NotSent,
            n if n < request.end - request.start => WireState::Partial,
            _ => WireState::Sent,
        }
    }

    /// The bytes of the request in flight that the kernel took, as they are on the wire (under TLS:
    /// ciphertext).
    pub fn bytes_sent(&self) -> u64 {
        let Sending { taken, request, .. } = &self.sending;
        taken.clamp(&request.start, &request.end) - request.start
    }

    /// The bytes that were read from the socket since the request in flight began, as they are on
    /// the wire (under TLS: ciphertext).
    pub fn bytes_received(&self) -> u64 {
        self.received
    }

    /// What the kernel knows of the request in flight, as far as it took it, at this moment: what
    /// has not left yet may still leave. It takes two system calls or more.
    pub fn evidence(&self) -> Option<Evidence> {
        let start = self.sending.taken_before? + self.sending.request.start;
        Some(evidence::counts(&self.stream)?.of(start, self.bytes_sent()))
    }

    /// What the kernel knows of the request in flight, for good: what has not left this machine now
    /// never will. For when the exchange has failed, before [`Connection::end`].
    ///
    /// The count is lost with the reset, so it is taken before. Until then an acknowledgement would
    /// let out what the peer's window held back, and the count would be wrong: therefore the kernel
    /// is told first to drop what the peer sends. `None` where that cannot be had.
    pub fn last_evidence(&mut self) -> Option<Evidence> {
        let now = self.evidence()?;
        if now.bytes_unsent == 0 {
            return Some(now);
        }
        evidence::deafen(&self.stream).ok()?;
        self.end.is_deaf = true;
        self.evidence()
    }

    /// What ended the TLS session, in words: the alert that the peer sent, or the rule that it
    /// broke. `None` when nothing did.
    pub fn tls_fault(&self) -> Option<String> {
        self.session.as_ref()?.fault.as_ref().map(ToString::to_string)
    }

    /// What ended the connection, in words: those of [`Connection::tls_fault`], or of the last
    /// error of the system. `None` when neither did.
    pub fn fault_words(&self) -> Option<String> {
        let of_system = || io::Error::from_raw_os_error(self.end.os_error).to_string();
        self.tls_fault().or_else(|| (self.end.os_error != 0).then(of_system))
    }

    /// The first bytes that came while no exchange was in flight, or behind an answer.
    pub fn stray(&self) -> &[u8] {
        self.end.stray.as_deref().unwrap_or_default()
    }

    /// What the kernel knows of the connection at this moment. A system call.
    pub fn tcp_info(&self) -> Option<TcpInfo> {
        TcpInfo::of(&self.stream)
    }

    /// Whether the peer's TCP has acknowledged no byte of the request in flight. What has arrived
    /// was then sent before the request was there, and cannot be the response to it: every segment
    /// acknowledges all that came before it (RFC 9293 section 3.4), and the kernel takes note of
    /// that before it hands out the segment's bytes. A system call, and only when the peer is on
    /// another host: on this one its TCP has the request as soon as it is sent.
    pub fn is_unheard(&self) -> bool {
        let taken = self.sending.taken.saturating_sub(self.sending.request.start);
        let unacknowledged = || evidence::unacknowledged(&self.stream);
        taken == 0 || self.is_far && unacknowledged().is_some_and(|queued| queued >= taken)
    }

    /// Puts the next plaintext bytes into `space`, which must not be empty. After a short read it
    /// is worth asking again: an end or an error may stand right behind the bytes, and
    /// edge-triggered watchers are told of both at once.
    #[inline(always)] // What it answers is then judged where it is.
    pub fn receive(&mut self, space: &mut [u8]) -> Result<Received, Fault> {
        debug_assert!(!space.is_empty());
        if self.session.is_some() {
            return self.receive_tls(space);
        }
        let (arrivals, os_error) = (&mut self.arrivals, &mut self.end.os_error);
        let received = read(&self.stream, arrivals, self.end.was_reset, os_error, space);
        if let Ok(Received::Bytes(n)) = received {
            self.received += n as u64;
            self.may_hold_more = n == space.len();
        } else {
            self.may_hold_more = false;
        }
        received
    }

    /// Looks at an idle connection. TLS session tickets and key updates are processed, and are no
    /// fault. An end of the connection or any plaintext byte is an error.
    #[inline(never)]
    pub fn look_idle(&mut self) -> Result<(), CloseReason> {
        let mut byte = [0];
        match self.receive(&mut byte) {
            Ok(Received::Nothing) => Ok(()),
            Ok(Received::Bytes(_)) => {
                self.keep_stray(&byte);
                Err(CloseReason::IdleBytes)
            }
            Ok(Received::End { .. }) => Err(CloseReason::IdleClosed),
            Err(fault) => Err(fault.close_reason(true)),
        }
    }

    /// Looks at what came behind an answer and is here already, of which no socket will tell any
    /// more: plaintext, ciphertext that no session ticket or other housekeeping explains, or the
    /// end of the session. Asks the socket only when the last read may have left something in it.
    pub fn look_behind(&mut self) -> Result<(), CloseReason> {
        if let Some(session) = &mut self.session {
            loop {
                let mut byte = [0];
                match session.tls.reader().read(&mut byte) {
                    Ok(0) => return Err(CloseReason::IdleClosed),
                    Ok(_) => {
                        self.keep_stray(&byte);
                        return Err(CloseReason::SurplusBytes);
                    }
                    Err(_) if session.fault.is_some() => return Err(CloseReason::Tls),
                    Err(_) if session.unread.is_empty() => break,
                    Err(_) => session.digest(),
                }
            }
            if self.received > AT_REST as u64 {
                session.shrink();
            }
        }
        if !self.may_hold_more {
            return Ok(());
        }
        self.look_idle().map_err(|reason| match reason {
            CloseReason::IdleBytes => CloseReason::SurplusBytes,
            reason => reason,
        })
    }

    /// Keeps the first bytes of what came unasked, as far as they are here: `first` was read
    /// already. The connection is good for nothing then. Apart, so that its room is not on the
    /// stack of each look.
    #[cold]
    #[inline(never)]
    pub fn keep_stray(&mut self, first: &[u8]) {
        let mut bytes = [0; STRAY];
        let len = first.len().min(STRAY);
        bytes[..len].copy_from_slice(&first[..len]);
        // What stands behind them is not looked at: why the connection ends is known.
        let more = match &mut self.session {
            None => (&**self.stream).read(&mut bytes[len..]),
            Some(session) => session.tls.reader().read(&mut bytes[len..]),
        };
        self.end.stray = Some(bytes[..len + more.unwrap_or(0)].into());
    }

    /// Ends the connection in the way that its unsent bytes call for: a request that is given up
    /// must not be completed, or sent once more, by the kernel later.
    pub fn end(self) {
        let is_out = |evidence: Evidence| evidence.bytes_acked == self.bytes_sent();
        if self.end.is_deaf || self.has_unsent() || !self.evidence().is_none_or(is_out) {
            self.reset();
        } else {
            self.close();
        }
    }

    /// Ends the connection as the peer expects it: close_notify (RFC 8446 section 6.1) and FIN.
    fn close(mut self) {
        if let Some(session) = &mut self.session {
            session.tls.send_close_notify();
        }
        // The peer may be gone already: then there is no one to tell.
        let _ = self.flush();
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends the connection with RST, so that nothing that the kernel still holds is sent.
    pub fn reset(self) {
        // A Unix socket knows no reset: the peer has what the kernel took, and nothing follows. A
        // socket that is gone already needs none.
        if abort(&self.stream).is_err() {
            let _ = self.stream.shutdown(Shutdown::Both);
        }
    }

    /// Sends without a copy when nothing is queued before it.
    #[inline(always)]
    fn send_plain(&mut self, request: &[u8]) -> Result<(), Fault> {
        debug_assert!(!self.has_unsent(), "one request at a time");
        self.sending.queued += request.len() as u64;
        let mut rest = request;
        while !rest.is_empty() {
            match (&**self.stream).write(rest) {
                Ok(0) => return Err(Fault::Io),
                Ok(n) => {
                    self.sending.taken += n as u64;
                    rest = &rest[n..];
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.sending.outbox.extend_from_slice(rest);
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed_to_send(error)),
            }
        }
        Ok(())
    }

    /// Notes what the kernel will not tell again. EPIPE is no reset in this sense: it says that the
    /// peer's FIN had come before, so that an end which is then read is one.
    fn failed_to_send(&mut self, error: io::Error) -> Fault {
        self.end.was_reset |= error.kind() != ErrorKind::BrokenPipe;
        self.end.os_error = error.raw_os_error().unwrap_or(0);
        error.into()
    }

    /// Moves finished TLS records to the outbox.
    fn encrypt(&mut self) -> Result<(), Fault> {
        let Some(session) = &mut self.session else { return Ok(()) };
        while session.tls.wants_write() {
            self.sending.queued += session.tls.write_tls(&mut self.sending.outbox)? as u64;
        }
        Ok(())
    }

    #[inline(never)]
    fn receive_tls(&mut self, space: &mut [u8]) -> Result<Received, Fault> {
        loop {
            let session = self.session.as_mut().expect("the caller checked that this is TLS");
            match session.tls.reader().read(space) {
                Ok(0) => return Ok(Received::End { clean: true }),
                Ok(n) => return Ok(Received::Bytes(n)),
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    return Ok(Received::End { clean: false });
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            // Only now: what the session decrypted before it met the fault came before it.
            if session.fault.is_some() {
                return Err(Fault::Tls);
            }
            if session.unread.is_empty() {
                let (arrivals, os_error) = (&mut self.arrivals, &mut self.end.os_error);
                let (stream, inbox) = (&self.stream, &mut session.inbox);
                match read(stream, arrivals, self.end.was_reset, os_error, inbox)? {
                    Received::Nothing => return Ok(Received::Nothing),
                    Received::Bytes(n) => {
                        session.received(n);
                        self.received += n as u64;
                        self.may_hold_more = n == session.inbox.len();
                    }
                    // The session learns of the end by reading nothing.
                    Received::End { .. } => session.unread = 0..0,
                }
            }
            session.digest();
            self.answer_peer();
        }
    }

    /// TLS may have something to say by itself (an alert, a key update): best effort, because a
    /// connection that cannot be written to shows that on its own.
    fn answer_peer(&mut self) {
        if self.session.as_ref().is_some_and(|session| session.tls.wants_write()) {
            let _ = self.flush();
        }
    }
}

/// Resets the connection at once and forgets what was not sent yet, whoever else holds the socket:
/// to connect to no address dissolves the association (connect(2)). SO_LINGER with a close would
/// not do, for it works with the last descriptor only; and a shutdown sends what is queued, and
/// what is not acknowledged once more, in front of its FIN.
#[allow(unsafe_code)]
fn abort(stream: &TcpStream) -> io::Result<()> {
    // SAFETY: an address of zeros is a valid one; of AF_UNSPEC only the family counts.
    let mut nobody: libc::sockaddr = unsafe { std::mem::zeroed() };
    nobody.sa_family = libc::AF_UNSPEC as libc::sa_family_t;
    let len = size_of::<libc::sockaddr>() as libc::socklen_t;
    // SAFETY: the address is `len` bytes long, and the descriptor is open while `stream` is.
    match unsafe { libc::connect(stream.as_raw_fd(), &raw const nobody, len) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests;
