//! How many dials a pool may make: a token bucket over all its slots. With several sources each
//! has a bucket of its own, because venues count by address.
//!
//! Venues ban reconnect storms. The bucket holds a burst (one dial for each slot, so that a restart
//! of the venue is healed at once) and refills at a steady rate.
//!
//! Replacements of live connections come from the same bucket, because the venue counts them alike.
//! They leave half of the burst in it, so that a connection that is lost while many are replaced is
//! still healed at once.

use crate::source::source_of_slot;

const SECOND_NS: u64 = 1_000_000_000;

/// What a dial is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The slot has no connection.
    Loss,
    /// The connection of the slot is to be replaced, and serves meanwhile.
    Replacement,
}

/// The bucket. Times are nanoseconds on any clock that never goes back.
#[derive(Debug)]
pub struct DialLimit {
    /// The time that one dial costs.
    interval_ns: u64,
    /// How far ahead of "full" the bucket may be drawn.
    burst_ns: u64,
    /// What replacements leave in it.
    reserve_ns: u64,
    /// The time at which the bucket will be full again (the virtual scheduling form of the
    /// bucket: one number instead of a token count and a time stamp).
    full_at_ns: u64,
}

impl DialLimit {
    /// A full bucket of `burst` dials, refilled at `per_second`. Both are at least 1. `random` is
    /// uniform over all of `u64`: the bucket holds up to one dial more by chance, so that pools
    /// which emptied theirs at the same moment do not dial in step ever after.
    pub fn new(burst: u32, per_second: u32, random: u64) -> Self {
        let interval_ns = SECOND_NS / u64::from(per_second.max(1));
        let more = (u128::from(random) * u128::from(interval_ns)) >> 64;
        let burst_ns = interval_ns * u64::from(burst.max(1)) + more as u64;
        let reserve_ns = interval_ns * u64::from(burst / 2);
        Self { interval_ns, burst_ns, reserve_ns, full_at_ns: 0 }
    }

    /// The buckets of a pool: one for each source, each with a burst for its own slots. `sources`:
    /// at least 1. `random` is uniform over all of `u64` each time.
    pub fn by_source(
        slots: u32,
        sources: u32,
        per_second: u32,
        mut random: impl FnMut() -> u64,
    ) -> Vec<Self> {
        let of = |source| (0..slots).filter(move |slot| source_of_slot(*slot, sources) == source);
        let burst = |source| of(source).count() as u32;
        (0..sources).map(|source| Self::new(burst(source), per_second, random())).collect()
    }

    /// How many dials a second a pool may make in the long run, from all its sources. A source
    /// without a slot makes none.
    pub fn in_all(slots: u32, sources: u32, per_second: u32) -> u32 {
        per_second * sources.min(slots)
    }

    /// The time that one dial costs, in nanoseconds.
    pub fn interval_ns(&self) -> u64 {
        self.interval_ns
    }

    /// How many nanoseconds to wait for a dial; 0 if it may be taken now.
    pub fn wait_ns(&self, purpose: Purpose, now_ns: u64) -> u64 {
        let reserve_ns = match purpose {
            Purpose::Loss => 0,
            Purpose::Replacement => self.reserve_ns,
        };
        let latest = now_ns + self.burst_ns - reserve_ns;
        self.full_at_after(now_ns).saturating_sub(latest)
    }

    /// Takes a dial for which there is nothing to wait.
    pub fn take(&mut self, now_ns: u64) {
        self.full_at_ns = self.full_at_after(now_ns);
    }

    /// When the bucket would be full again if one dial were taken.
    fn full_at_after(&self, now_ns: u64) -> u64 {
        self.full_at_ns.max(now_ns) + self.interval_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take_for(limit: &mut DialLimit, purpose: Purpose, now_ns: u64) -> Result<(), u64> {
        match limit.wait_ns(purpose, now_ns) {
            0 => {
                limit.take(now_ns);
                Ok(())
            }
            wait_ns => Err(wait_ns),
        }
    }

    fn take(limit: &mut DialLimit, now_ns: u64) -> Result<(), u64> {
        take_for(limit, Purpose::Loss, now_ns)
    }

    fn replace(limit: &mut DialLimit, now_ns: u64) -> Result<(), u64> {
        take_for(limit, Purpose::Replacement, now_ns)
    }

    #[test]
    fn a_burst_then_a_steady_rate() {
        let mut limit = DialLimit::new(4, 5, 0);
        let start = 77 * SECOND_NS;
        assert!((0..4).all(|_| take(&mut limit, start).is_ok()));
        assert_eq!(take(&mut limit, start), Err(SECOND_NS / 5));
        assert_eq!(take(&mut limit, start + SECOND_NS / 5), Ok(()));
        assert!(take(&mut limit, start + SECOND_NS / 5).is_err());
    }

    #[test]
    fn pools_that_begin_together_go_on_apart() {
        for (random, wait) in [(0, 200), (u64::MAX / 2, 101), (u64::MAX, 1)] {
            let mut limit = DialLimit::new(4, 5, random);
            assert!((0..4).all(|_| take(&mut limit, SECOND_NS).is_ok()));
            let Err(found) = take(&mut limit, SECOND_NS) else { panic!("more than the burst") };
            assert_eq!(found.div_ceil(1_000_000), wait);
        }
    }

    #[test]
    fn in_any_window_there_are_at_most_burst_plus_rate() {
        let mut limit = DialLimit::new(8, 5, 0);
        let mut now = 0;
        let mut dials = 0;
        while now < 60 * SECOND_NS {
            match take(&mut limit, now) {
                Ok(()) => dials += 1,
                Err(wait) => now += wait,
            }
        }
        assert!((8 + 5 * 59..=8 + 5 * 60).contains(&dials), "{dials}");
    }

    #[test]
    fn replacements_leave_half_of_the_burst_to_losses() {
        let mut limit = DialLimit::new(8, 5, 0);
        let now = SECOND_NS;
        assert_eq!((0..8).filter(|_| replace(&mut limit, now).is_ok()).count(), 4);
        let wait = replace(&mut limit, now);
        assert_eq!(wait, Err(SECOND_NS / 5));
        assert_eq!((0..8).filter(|_| take(&mut limit, now).is_ok()).count(), 4);
        // Behind the losses they wait for their half to fill again.
        assert_eq!(replace(&mut limit, now), Err(SECOND_NS));
        assert_eq!(replace(&mut limit, now + SECOND_NS), Ok(()));
        assert!(replace(&mut DialLimit::new(1, 5, 0), now).is_ok(), "one has no half");
    }

    #[test]
    fn each_source_has_a_bucket_for_its_own_slots() {
        let mut limits = DialLimit::by_source(5, 2, 5, || 0);
        let at_once = |limit: &mut DialLimit| (0..9).filter(|_| take(limit, 0).is_ok()).count();
        assert_eq!(limits.iter_mut().map(at_once).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(take(&mut limits[1], SECOND_NS / 5), Ok(()));
    }

    #[test]
    fn a_source_without_a_slot_adds_no_dials() {
        assert_eq!(DialLimit::in_all(5, 2, 7), 14);
        assert_eq!(DialLimit::in_all(2, 5, 7), 14);
    }

    #[test]
    fn rest_refills_no_more_than_the_burst() {
        let mut limit = DialLimit::new(2, 1, 0);
        let late = 1000 * SECOND_NS;
        assert!(take(&mut limit, late).is_ok() && take(&mut limit, late).is_ok());
        assert!(take(&mut limit, late).is_err());
    }
}
