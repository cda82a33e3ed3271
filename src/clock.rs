//! The one clock: CLOCK_MONOTONIC in nanoseconds, as C callers can read it too.
//!
//! Nothing else in `src` reads it. What an engine signs is by the wall clock, which may
//! jump. What it archives is computed from this one ([`by_wall_clock`]).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

#[cfg(feature = "model")]
pub use crate::sync::now_ns;

#[cfg(not(feature = "model"))]
pub use crate::net::time::monotonic_ns as now_ns;

/// No deadline.
pub const NEVER: u64 = u64::MAX;

/// Nanoseconds since 1970, by the system's clock; 0 before then.
pub fn wall_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// So often the two clocks are read again when something came between.
const MAX_READS: u32 = 4;

/// The reads of the two clocks that are near enough to each other.
const NEAR_NS: u64 = 1_000;

/// How far the system's clock is ahead of CLOCK_MONOTONIC, for all pools. NTP slews both alike, so
/// this changes only when somebody sets the system's clock.
static AHEAD_NS: AtomicU64 = AtomicU64::new(0);

/// Reads both clocks, as near to each other as can be had. Each pool does when it is opened, and
/// when it looks at its deadlines.
pub(crate) fn compare_clocks() {
    let (mut best_ns, mut ahead_ns) = (u64::MAX, 0);
    for _ in 0..MAX_READS {
        let (before, wall, after) = (now_ns(), wall_ns(), now_ns());
        let between_ns = after.saturating_sub(before);
        if between_ns < best_ns {
            best_ns = between_ns;
            ahead_ns = wall.wrapping_sub(before + between_ns / 2);
        }
        if best_ns < NEAR_NS {
            break;
        }
    }
    AHEAD_NS.store(ahead_ns, Ordering::Relaxed);
}

/// A moment of the one clock, by the system's clock as it was when the two were compared last. No
/// clock is read. 0 stays 0.
pub fn by_wall_clock(ns: u64) -> u64 {
    if ns == 0 { 0 } else { ns.wrapping_add(AHEAD_NS.load(Ordering::Relaxed)) }
}

#[cfg(all(test, not(feature = "model")))]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_its_wall_clock_time() {
        compare_clocks();
        let (before, moment, after) = (wall_ns(), by_wall_clock(now_ns()), wall_ns());
        // The clocks were read at most so far apart, also on a busy machine.
        let slack_ns = 50_000_000;
        assert!(moment + slack_ns >= before && moment <= after + slack_ns);
        assert_eq!(by_wall_clock(0), 0);
    }
}
