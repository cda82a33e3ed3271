//! HTTP/1.1 for a client, without sockets, clocks or tasks: bytes in, one verdict out.
//!
//! A connection is used for thousands of exchanges, so the codec never guesses where a response
//! ends. What RFC 9112 leaves open is refused, each time with its own
//! [`Outcome`](crate::error::Outcome), and what is refused ends the connection. The verdict
//! depends on the bytes alone: how they were cut into segments never changes it.
//!
//! One exchange, as seen by [`exchange::Exchange`]:
//!
//! ```text
//!             1xx: counted and dropped
//!                 ┌──────┐
//!                 │      │
//!   new ──────► Head ◄───┘
//!                 │ final head
//!                 ├── HEAD, 204, 304, Content-Length: 0 ──────────────┐
//!                 ├── Content-Length: n ─────────► Length ────────────┤
//!                 ├── Transfer-Encoding: chunked ► Chunked ───────────┼──► Done(KeepAlive)
//!                 │                                                   │    Done(Close(why))
//!                 └── neither ───────────────────► UntilClose ── EOF ─┘
//!
//!   any state ── a broken rule, a limit, EOF too early ──► Failed(outcome), for good
//! ```
//!
//! [`response::Response`] owns the bytes, [`exchange::Exchange`] says what they mean. `head` finds
//! and reads a head, `watch` finds the fields in it that an engine asked for, `body` chooses the
//! framing (RFC 9112 section 6.3) and follows it. `upgrade` is the exchange to which 101 is an
//! answer.

mod body;
mod default_headers;
pub mod exchange;
pub(crate) mod field;
mod framing;
mod head;
pub mod keep_alive;
mod lanes;
pub mod late;
pub mod limits;
pub mod origin;
pub mod request;
pub mod response;
pub mod retry_after;
pub mod tunnel;
pub mod upgrade;
pub mod watch;

pub use default_headers::MAX_DEFAULT_HEADERS;
pub use origin::Origin;
pub use request::Request;
