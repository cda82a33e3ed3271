//! The one clock: CLOCK_MONOTONIC in nanoseconds, as C callers can read it too.
//!
//! Nothing else in `src/driver` reads it. What an engine signs is by the wall clock, which may
//! jump.

#[cfg(not(feature = "model"))]
use nix::time::{ClockId, clock_gettime};
use std::time::{SystemTime, UNIX_EPOCH};

#[cfg(feature = "model")]
pub use crate::sync::now_ns;

/// Nanoseconds of CLOCK_MONOTONIC. Never 0.
#[cfg(not(feature = "model"))]
pub fn now_ns() -> u64 {
    // It fails for an unknown clock only; every Linux has this one.
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("CLOCK_MONOTONIC exists");
    (now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64).max(1)
}

/// Nanoseconds since 1970, by the system's clock; 0 before then.
pub fn wall_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
