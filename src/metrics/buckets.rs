//! The buckets that durations are counted in: those of HdrHistogram with the bounds of a histogram.
//! They are counted here, because that takes a fifth of the instructions; all else is left to the
//! crate.

use super::{HIGHEST_NS, LOWEST_NS};

/// Values below this many units have a bucket each: two significant digits.
const FINE: u64 = 256;

/// So many buckets for each further power of two.
const HALF: usize = FINE as usize / 2;

/// All buckets of one histogram.
pub(super) const BUCKETS: usize = bucket(HIGHEST_NS) as usize + 1;

/// The bucket of a duration.
pub(super) const fn bucket(ns: u64) -> u16 {
    let ns = if ns < HIGHEST_NS { ns } else { HIGHEST_NS };
    let units = ns / LOWEST_NS;
    // How many times it is halved to be below FINE.
    let halvings = (FINE - 1).leading_zeros() - (units | (FINE - 1)).leading_zeros();
    (halvings as usize * HALF + (units >> halvings) as usize) as u16
}

/// The shortest duration of a bucket.
pub(super) fn lowest_ns(bucket: usize) -> u64 {
    let halvings = (bucket / HALF).saturating_sub(1);
    (((bucket - halvings * HALF) as u64) << halvings) * LOWEST_NS
}
