//! The one clock: CLOCK_MONOTONIC in nanoseconds, as C callers can read it too.
//!
//! Nothing else in `src/driver` reads it. What an engine signs is by the wall clock, which may
//! jump. What it archives is by [`WallClock`], which costs no clock read.

#[cfg(not(feature = "model"))]
use nix::time::{ClockId, clock_gettime};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::completion::Times;

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

/// So often the two clocks are read again when something came between.
const MAX_READS: u32 = 4;

/// The reads of the two clocks that are near enough to each other.
const NEAR_NS: u64 = 1_000;

/// What the system's clock shows, without reading it: how far it is ahead of CLOCK_MONOTONIC.
///
/// NTP slews both clocks alike, so the difference changes only when somebody sets the system's
/// clock. Whoever watches the deadlines reads it anew each time.
pub(super) struct WallClock(AtomicU64);

impl WallClock {
    /// As it is now.
    pub(super) fn new() -> Self {
        let wall = Self(AtomicU64::new(0));
        wall.refresh();
        wall
    }

    /// Reads both clocks, as near to each other as can be had.
    pub(super) fn refresh(&self) {
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
        self.0.store(ahead_ns, Ordering::Relaxed);
    }

    /// Says when the request was written, if it was.
    pub(super) fn date(&self, times: &mut Times) {
        if times.write_ns != 0 {
            times.write_wall_ns = times.write_ns.wrapping_add(self.0.load(Ordering::Relaxed));
        }
    }
}

#[cfg(all(test, not(feature = "model")))]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_its_wall_clock_time() {
        let wall = WallClock::new();
        let (before, write_ns, after) = (wall_ns(), now_ns(), wall_ns());
        let mut times = Times { write_ns, ..Times::default() };
        wall.date(&mut times);
        // The clocks were read at most so far apart, also on a busy machine.
        let slack_ns = 50_000_000;
        assert!(times.write_wall_ns + slack_ns >= before);
        assert!(times.write_wall_ns <= after + slack_ns);
        let mut unsent = Times::default();
        wall.date(&mut unsent);
        assert_eq!(unsent.write_wall_ns, 0);
    }
}
