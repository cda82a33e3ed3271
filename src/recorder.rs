//! The flight recorder: what has happened in a slot lately, kept in fixed memory and told when
//! somebody asks.
//!
//! ```text
//!  slot's lock   SlotRecorder ── Ring<OrderRecord>      what became of the last orders
//!                             ├─ Heads                  of the same orders, if they are wanted
//!                             └─ Ring<EventRecord>      dials, connections, losses
//!                └──► Piece     copies, for a moment
//!  any thread    Recording: what is told of these ──► select ──► text or JSON
//! ```
//!
//! Orders and events have a ring each: neither a thousand orders nor a thousand failed dials drive
//! the others out. Of a request its method and path are kept, and no body. Of an answer its first
//! bytes are kept if it has broken a rule or refused the order. What looks like a secret is left
//! out before they are kept ([`redact`]). Only the heads stand here as they were sent, and are
//! redacted when they are told.
//!
//! It knows no clock, socket, thread or lock: it is told what has happened.

pub mod excerpt;
pub mod heads;
pub mod json;
pub mod record;
pub mod recording;
pub mod redact;
pub mod rfc3339;
pub mod ring;
pub mod slot_recorder;
pub mod text;

#[cfg(all(test, not(feature = "model")))] // There is no parser of JSON.
mod tests;
