//! The threads that pools and sessions run on: one for each, or one that many share.
//!
//! ```text
//!  own_thread.rs     a thread for one pool: its runtime, its name, its CPU
//!  shared_thread.rs  one for many: starts with its owner, ends when all have let go
//!  guests.rs         the pools on the calling thread, for what is done for all of them
//!  turns.rs          what one of them may do before the others
//!  hosts.rs          what they may dial together, by host
//!  host_dials.rs     the same for what is no pool
//!  current.rs        what the calling thread is
//! ```
//!
//! It knows tasks, and of a pool only what a thread asks of it ([`guests::Guest`]). It knows no
//! slot, no connection and no request, so a session runs on it as a pool does.

pub(crate) mod current;
pub(crate) mod guests;
pub(crate) mod host_dials;
pub(crate) mod hosts;
pub(crate) mod lifetime;
pub(crate) mod own_thread;
pub mod shared_thread;
pub(crate) mod timer;
pub(crate) mod turns;
