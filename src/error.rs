//! What calls answer, how exchanges end, and why connections are given up.
//!
//! Four small enums with explicit numbers. The numbers are ABI: one is never reused, and a retired
//! one stays here as a comment. Guilt is split: [`Status`] is what a *call* answers at once (the
//! caller's mistake, or nothing free), [`Outcome`] is how an accepted request *ended* (the world's
//! doing). This file knows nothing but names.

use std::ffi::CStr;

use strum::{IntoStaticStr, VariantArray};

/// What a call answers. Zero is success; negative values are refusals, and a refused call has sent
/// nothing and changed nothing.
///
/// cbindgen:prefix-with-name=false
/// cbindgen:rename-all=prefix:VP_
#[allow(non_camel_case_types, clippy::upper_case_acronyms)]
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(prefix = "VP_", suffix = "\0")]
pub enum Status {
    /// The call did what it says.
    OK = 0,
    /// A pointer that must not be NULL was NULL.
    ERR_NULL = -1,
    /// A value is out of its range, or an option is unknown.
    ERR_ARGUMENT = -2,
    /// `struct_size` names no version of the struct that this library knows.
    ERR_STRUCT_SIZE = -3,
    /// The calls came in the wrong order, for example a header after the body.
    ERR_PHASE = -4,
    /// The URL is not `http://` or `https://` with a valid host, port and path.
    ERR_URL = -5,
    /// The method is no token (RFC 9110 section 9.1).
    ERR_METHOD = -6,
    /// The path or query holds a byte that is not allowed in a request target (RFC 9112 section 3).
    ERR_PATH = -7,
    /// The header name is no token (RFC 9110 section 5.1).
    ERR_HEADER_NAME = -8,
    /// The header value holds CR, LF, NUL or another control byte (RFC 9110 section 5.5), or is not
    /// the number that was asked for.
    ERR_HEADER_VALUE = -9,
    /// The header is the library's own (Host, Content-Length, Transfer-Encoding), or asks for what
    /// the pool does not do (Expect, Upgrade).
    ERR_HEADER_RESERVED = -10,
    /// The request does not fit its capacity.
    ERR_TOO_LARGE = -11,
    /// A certificate, key or other TLS setting cannot be used.
    ERR_TLS_CONFIG = -12,
    /// The pinned addresses or the bind address cannot be read or used.
    ERR_ADDRESS = -13,
    /// No slot is live and idle now.
    ERR_NO_SLOT = -20,
    /// The leased slot has no live connection now; it is being healed.
    ERR_SLOT_DOWN = -21,
    /// The leased slot still has an exchange in flight.
    ERR_SLOT_BUSY = -22,
    /// The lease was given back already, or was never given.
    ERR_STALE_LEASE = -23,
    /// The queue is full.
    ERR_WAITING_FULL = -24,
    /// As many completions are outstanding as the completion queue can hold.
    ERR_COMPLETIONS_FULL = -25,
    /// The time given to the call ran out.
    ERR_TIMEOUT = -26,
    /// The request was made for another pool, or the frame for another session.
    ERR_WRONG_POOL = -27,
    /// No request of this id is outstanding.
    ERR_UNKNOWN_ID = -28,
    /// There is no such header.
    ERR_NOT_FOUND = -29,
    /// The pool was shut down or closed.
    ERR_CLOSED = -30,
    /// The process was forked after the pool was opened; the pool belongs to the parent.
    ERR_FORKED = -31,
    /// The call would wait for the very thread that makes it.
    ERR_WOULD_DEADLOCK = -32,
    /// Another thread drives the pool at this moment; in caller drive there is one at a time.
    ERR_DRIVEN = -33,
    /// The venue asked for a pause, and the pool keeps it; `vp_pool_suspend` tells how.
    ERR_SUSPENDED = -34,
    /// The pool is drained, and does not accept requests of that lane any more (`vp_pool_drain`).
    ERR_DRAINING = -35,
    /// The pool is in a group already, of which there can be one (`vp_group_add`).
    ERR_GROUPED = -36,
    /// Opening failed: the host name could not be resolved.
    ERR_RESOLVE = -40,
    /// Opening failed: no address could be connected.
    ERR_CONNECT = -41,
    /// Opening failed: the TLS handshake or the certificate check failed.
    ERR_TLS = -42,
    /// The system refused a thread, a descriptor or a socket option.
    ERR_SYSTEM = -43,
    /// Opening failed: a proxy could not be reached, or gave no connection to the venue.
    ERR_PROXY = -44,
    /// Opening failed: a proxy wants a user and a password, or other ones.
    ERR_PROXY_AUTH = -45,
    /// Opening failed: the public key of the server is none of the pinned ones
    /// (`vp_config_add_pin`).
    ERR_PIN = -46,
    /// Opening a WebSocket session failed: the server did not switch to WebSocket.
    ERR_UPGRADE = -47,
    /// Opening a WebSocket session failed: the connection was lost before the opening messages were
    /// acknowledged.
    ERR_OPENING = -48,
    /// Opening failed: the host has as many connections on this thread as it may have
    /// (`vp_thread_set_host_limits`).
    ERR_HOST_LIMIT = -49,
    /// A file could not be made or written, or another one is in its place (`vp_pool_publish`).
    ERR_FILE = -50,
    /// A defect in the library: a panic was caught. The pool should be closed.
    ERR_INTERNAL = -99,
}

impl Status {
    /// Each of them, in the order of their declaration.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The name as C spells it.
    pub fn name(self) -> &'static CStr {
        c_name(self.into())
    }
}

/// How an accepted request ended: `OK`, or the one reason why there is no full response.
///
/// A status such as 404 or 503 is a full response, so its outcome is `OK`.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(prefix = "VP_OUTCOME_", suffix = "\0", serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// A full, correctly framed response arrived.
    Ok = 0,
    /// The deadline passed first.
    Timeout = 1,
    /// The caller cancelled the request.
    Cancelled = 2,
    /// The pool was shut down first.
    Shutdown = 3,
    /// The peer reset the connection.
    ConnectionReset = 4,
    /// The peer ended the connection before the response was complete.
    ConnectionClosed = 5,
    /// The system reported another error on the socket.
    IoError = 6,
    /// The peer sent a TLS alert, or bytes that are no valid TLS.
    TlsError = 7,
    /// The pool was suspended while the request waited in the queue.
    Suspended = 8,
    /// The pool was drained while the request waited in the queue.
    Draining = 9,
    /// The status line breaks RFC 9112 section 4.
    BadStatusLine = 10,
    /// The version is neither HTTP/1.0 nor HTTP/1.1.
    BadVersion = 11,
    /// A header field breaks RFC 9112 section 5 (name, colon, folding, control bytes, bare CR).
    BadHeader = 12,
    /// The head is longer than `max_head_size`.
    HeadTooLarge = 13,
    /// There are more header fields than `max_headers`.
    TooManyHeaders = 14,
    /// There were more interim (1xx) responses than allowed.
    TooManyInterim = 15,
    /// 101 Switching Protocols, which was not asked for (RFC 9110 section 7.8).
    UnexpectedUpgrade = 16,
    /// Content-Length is malformed, repeated or too large to count (RFC 9112 section 6.3).
    BadContentLength = 17,
    /// Transfer-Encoding is not exactly one `chunked`, or came with HTTP/1.0 (RFC 9112 section
    /// 6.1).
    BadTransferEncoding = 18,
    /// Both Content-Length and Transfer-Encoding are present (RFC 9112 section 6.3).
    AmbiguousLength = 19,
    /// A chunk size, its line end or the end of its data breaks RFC 9112 section 7.1.
    BadChunk = 20,
    /// A chunk line is longer than 8 KiB, or all chunk framing together outweighs the body by more
    /// than 16 KiB.
    ChunkOverhead = 21,
    /// A trailer field is malformed (RFC 9112 section 7.1.2).
    BadTrailer = 22,
    /// The trailer section is longer than allowed.
    TrailersTooLarge = 23,
    /// The body is longer than `max_body_size`.
    BodyTooLarge = 24,
    /// A close-delimited body ended without the TLS close_notify that proves its end
    /// (RFC 9112 section 9.8).
    BodyTruncated = 25,
    /// A response came that cannot be one to this request: no byte of it had been sent, or the
    /// peer's TCP had acknowledged none when it sent the response.
    UnsolicitedResponse = 26,
    /// There was no memory for the response. The request may have been executed.
    OutOfMemory = 27,
    /// A defect in the library.
    Internal = 99,
}

impl Outcome {
    /// Each of them, in the order of their declaration.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The name as C spells it.
    pub fn name(self) -> &'static CStr {
        c_name(self.into())
    }
}

/// How far a request got on its way, and so whether the peer may have acted on it.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, IntoStaticStr, VariantArray)]
#[strum(prefix = "VP_WIRE_", suffix = "\0", serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum WireState {
    /// No byte of it reached the kernel: it cannot have been executed.
    NotSent = 0,
    /// The kernel took a part of it, and the connection was then reset: the peer cannot have a
    /// whole request, so it cannot have been executed.
    Partial = 1,
    /// The kernel took all of it: it may have been executed.
    Sent = 2,
    /// Bytes of a response arrived: it was most likely acted on.
    Answering = 3,
    /// The whole response arrived.
    Answered = 4,
}

impl WireState {
    /// Each of them, in the order of their declaration.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The name as C spells it.
    pub fn name(self) -> &'static CStr {
        c_name(self.into())
    }
}

/// Why a connection was given up.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(prefix = "VP_CLOSE_REASON_", suffix = "\0", serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum CloseReason {
    /// The peer ended the idle connection (FIN or TLS close_notify).
    IdleClosed = 0,
    /// The peer reset the idle connection, or the network reported it dead.
    IdleReset = 1,
    /// Bytes arrived that no request had asked for (RFC 9112 section 9.2).
    IdleBytes = 2,
    /// The peer ended the connection while a request was in flight.
    Closed = 3,
    /// The peer reset the connection while a request was in flight.
    Reset = 4,
    /// A TLS alert, or bytes that are no valid TLS.
    Tls = 5,
    /// The response said `Connection: close` or `Keep-Alive: timeout=0`, or was HTTP/1.0 without
    /// keep-alive.
    ResponseClose = 6,
    /// The request said `Connection: close`.
    RequestClose = 7,
    /// The body ended with the connection, so the connection ended with the body.
    CloseDelimited = 8,
    /// Bytes followed the end of the response (RFC 9112 section 6.3).
    SurplusBytes = 9,
    /// The response broke the rules of HTTP; the outcome names how.
    Protocol = 10,
    /// The response was complete before the request was (RFC 9112 section 9.5).
    EarlyResponse = 11,
    /// The request's deadline passed, and a late answer must not meet the next request.
    Timeout = 12,
    /// The request was cancelled, and its answer must not meet the next request.
    Cancelled = 13,
    /// The pool was shut down.
    Shutdown = 14,
    /// The system reported another error on the socket.
    IoError = 15,
    /// A defect in the library.
    Internal = 16,
    /// It was idle for as long as the idle limit allows, or as the venue announced to wait.
    IdleLimit = 17,
    /// It was as old as connections of this pool may get.
    MaxAge = 18,
    /// It had carried as many requests as it may, by our limit or by the venue's.
    MaxRequests = 19,
    /// A heartbeat on it was not answered in time.
    Heartbeat = 20,
    /// The pool was suspended, and set to close its connections then.
    Suspended = 21,
    /// There was no memory for the response in flight, so the rest of it could not be read.
    OutOfMemory = 22,
    /// A better address of the venue was found, or its own was taken away by
    /// `vp_pool_set_addresses`. A connection to another address has taken over.
    Moved = 23,
}

impl CloseReason {
    /// Whether this side ended the connection for a reason of its own, which says nothing about
    /// the venue.
    pub const fn is_ours(self) -> bool {
        matches!(
            self,
            Self::Cancelled
                | Self::Shutdown
                | Self::RequestClose
                | Self::IdleLimit
                | Self::MaxAge
                | Self::MaxRequests
                | Self::Suspended
                | Self::OutOfMemory
                | Self::Moved
        )
    }

    /// Each of them, in the order of their declaration.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The name as C spells it.
    pub fn name(self) -> &'static CStr {
        c_name(self.into())
    }
}

/// The name as C spells it, from one that ends with NUL.
pub(crate) fn c_name(name: &'static str) -> &'static CStr {
    CStr::from_bytes_with_nul(name.as_bytes()).unwrap_or(c"VP_UNKNOWN")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_and_names_are_distinct() {
        let mut names = std::collections::HashSet::new();
        let mut numbers = std::collections::HashSet::new();
        for status in Status::ALL {
            assert!(names.insert(status.name()));
            assert!(numbers.insert(*status as i32));
            assert!((*status as i32) <= 0);
        }
        assert!(Outcome::ALL.iter().all(|o| names.insert(o.name())));
        assert!(WireState::ALL.iter().all(|w| names.insert(w.name())));
        assert!(CloseReason::ALL.iter().all(|c| names.insert(c.name())));
    }

    #[test]
    fn close_reasons_stand_at_their_number() {
        for (index, reason) in CloseReason::ALL.iter().enumerate() {
            assert_eq!(index, *reason as usize);
        }
    }
}
