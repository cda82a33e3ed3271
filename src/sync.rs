//! What threads meet through: the locks, bells, counters and descriptors of this crate, by name.
//!
//! They are those of the standard library, nix and tokio. For the models in
//! `tests/model` the same sources are compiled once more, with those of a model checker under the
//! same names. Who hands something to another thread takes its primitives from here; what is only
//! counted, or belongs to one thread, need not.

#[cfg(not(feature = "model"))]
pub use primitives::*;

/// The real ones.
#[cfg(not(feature = "model"))]
mod primitives {
    pub use std::sync::{Arc as Shared, Condvar, Mutex, MutexGuard, OnceLock};
    pub use std::thread::{ThreadId, current as current_thread};

    pub use nix::sys::eventfd::EventFd;
    pub use tokio::sync::Notify;

    /// As in std, and a name for one use of it.
    pub mod atomic {
        pub use std::sync::atomic::*;

        /// A flag whose accesses have one order with those of other such flags.
        pub use std::sync::atomic::AtomicBool as OrderedBool;
    }
}

#[cfg(feature = "model")]
#[path = "../tests/model/src/primitives.rs"]
mod primitives;
#[cfg(feature = "model")]
pub use primitives::*;
