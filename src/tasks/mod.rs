//! The pool thread: all that waits for a pool is a task in here.
//!
//! ```text
//!  open.rs         a pool is opened: its thread, its tasks, its first dials
//!  thread.rs       its tasks on their thread: their start and their end
//!  slot_task.rs    one task for each slot: dial, install, drive, dial again
//!  dials.rs        waits until the dial of a slot begins
//!  deadlines.rs    the earliest deadline of all slots
//!  maintenance.rs  heartbeats, and the limits of connections
//!  edges.rs        round trips, moves to other addresses, look-ups
//!  linger.rs       late answers     pauses.rs  tells of pauses
//!  events.rs       what is told     event_log.rs  and recorded for the log
//!  busy.rs         busy polling     rest.rs    gives memory back
//! ```
//!
//! It stands on the driver, which knows no runtime and waits for nothing. What follows from what
//! has happened is decided in `src/pool`: when to dial, what a loss means, what a connection needs.
//! A task waits for that, does it, and tells of it. No lock of the pool is held across a wait.

mod busy;
mod deadlines;
mod dials;
mod edges;
mod event_log;
mod events;
mod linger;
mod maintenance;
#[cfg(feature = "model")]
#[path = "../../tests/model/src/pool.rs"]
pub mod model;
mod open;
mod pauses;
mod rest;
mod slot_task;
mod thread;
