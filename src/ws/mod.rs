//! WebSocket for a client, without sockets, clocks or chance: bytes in, events out (RFC 6455).
//!
//! A connection carries orders for a day, so the codec is as strict as that of HTTP: what the RFC
//! forbids is refused by its own [`Error`](error::Error), and what is refused ends the connection.
//! The verdict depends on the bytes alone: how they were cut into segments never changes it.
//!
//! ```text
//!  sending                                   receiving
//!
//!  FrameWriter::reserve ─► engine writes     Receiver::space ─► socket reads ─► commit
//!        │                                         │
//!      commit: header, mask                      next ──► Message  (joined, inflated, UTF-8)
//!        │                                         ├────► Ping     ─► Pongs
//!        ▼                                         ├────► Pong     ─► KeepAlive
//!   one frame, contiguous                          └────► Close    ─► Closing
//! ```
//!
//! `handshake` opens: it writes the upgrade into a request and judges the answer, which the codec
//! of `src/http` reads. `frame` and `mask` know one frame, `writer` builds frames in place,
//! `message` joins them. `extension` and `deflate` are permessage-deflate (RFC 7692). `close_code`,
//! `close_frame` and `closing` end a connection; `pong`, `keep_alive` and `text_ping` watch it.
//!
//! `session` is the policy of a session, which `src/session` carries out with sockets and a thread.

mod close_code;
pub mod close_frame;
pub mod closing;
pub mod deflate;
pub mod error;
pub mod extension;
pub mod frame;
pub mod handshake;
pub mod keep_alive;
pub mod mask;
pub mod message;
pub mod pong;
pub mod session;
pub mod settings;
pub mod text_ping;
mod utf8;
pub mod writer;
