//! The one clock: CLOCK_MONOTONIC in nanoseconds, as C callers can read it too.
//!
//! Nothing else in `src/driver` reads it.

#[cfg(not(feature = "model"))]
use nix::time::{ClockId, clock_gettime};

#[cfg(feature = "model")]
pub use crate::sync::now_ns;

/// Nanoseconds of CLOCK_MONOTONIC. Never 0.
#[cfg(not(feature = "model"))]
pub fn now_ns() -> u64 {
    // It fails for an unknown clock only; every Linux has this one.
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("CLOCK_MONOTONIC exists");
    (now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64).max(1)
}
