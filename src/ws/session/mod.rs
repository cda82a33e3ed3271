//! The policy of a WebSocket session: events in, answers out. It keeps connections logged in,
//! and knows what became of each message.
//!
//! ```text
//!  life.rs     Waiting ─► Dialling ─► Upgrading ─► Opening ─► Up
//!                 ▲           │           │           │        │    keep-alive, close handshake
//!                 └───────────┴───────────┴───────────┴────────┘
//!                        backoff                               └─► Closed
//!  standby.rs  which slot is live, which one takes over, when one is replaced
//!  ledger.rs   which messages the peer's TCP has not acknowledged yet
//!  calls.rs    which calls are not answered yet: by key, by id, by deadline
//!  waiting.rs  which of them have not gone yet: by lane, in the order of the calls
//!  inbox.rs    what is told and not taken yet, with its bounds
//! ```
//!
//! It knows no socket, clock, thread or chance: `src/session` tells it what happens and when, and
//! carries its answers out. `tests/ws/session.rs` runs it by random seeds.

pub mod calls;
pub mod inbox;
pub mod ledger;
pub mod life;
pub mod standby;
pub mod waiting;
