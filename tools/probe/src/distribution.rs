//! Durations as they are counted, summed up, and written for people. It knows no request.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The longest duration that is kept; longer ones count as this one.
const HIGHEST_NS: u64 = 3_600_000_000_000;

/// The shortest difference that is kept.
const LOWEST_NS: u64 = 100;

/// Bins of the histogram in each factor of ten.
pub(crate) const BINS_PER_DECADE: f64 = 20.0;

/// The levels of the tables, in percent.
pub(crate) const LEVELS: [f64; 5] = [50.0, 90.0, 99.0, 99.9, 99.99];

/// An empty histogram for nanoseconds, with three significant digits.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(LOWEST_NS, HIGHEST_NS, 3).expect("the bounds are good ones")
}

/// A histogram of these durations.
pub(crate) fn counted(durations: impl Iterator<Item = u64>) -> Histogram<u64> {
    let mut counts = histogram();
    durations.for_each(|ns| counts.saturating_record(ns));
    counts
}

/// What is told of a histogram. Durations are nanoseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Distribution {
    pub(crate) count: u64,
    pub(crate) min_ns: u64,
    pub(crate) max_ns: u64,
    pub(crate) mean_ns: u64,
    pub(crate) stdev_ns: u64,
    /// At each of [`LEVELS`].
    pub(crate) at_levels_ns: Vec<u64>,
    /// Percent, and the duration that so many do not exceed.
    pub(crate) curve: Vec<(f64, u64)>,
    /// The number of each bin that has any, and how many: from 10^(number/20) on.
    pub(crate) bins: Vec<(i32, u64)>,
}

impl Distribution {
    /// `steps`: how many points the curve has for each halving of what is left to 100 percent.
    pub(crate) fn of(counts: &Histogram<u64>, steps: u32) -> Self {
        if counts.is_empty() {
            return Self { at_levels_ns: vec![0; LEVELS.len()], ..Self::default() };
        }
        let mut bins: Vec<(i32, u64)> = Vec::new();
        for value in counts.iter_recorded() {
            let bin = bin(value.value_iterated_to());
            match bins.last_mut() {
                Some((last, count)) if *last == bin => *count += value.count_at_value(),
                _ => bins.push((bin, value.count_at_value())),
            }
        }
        let curve = counts.iter_quantiles(steps);
        let point = |step: hdrhistogram::iterators::IterationValue<u64>| {
            (step.quantile_iterated_to() * 100.0, step.value_iterated_to())
        };
        Self {
            count: counts.len(),
            min_ns: counts.min(),
            max_ns: counts.max(),
            mean_ns: counts.mean() as u64,
            stdev_ns: counts.stdev() as u64,
            at_levels_ns: LEVELS.map(|level| counts.value_at_percentile(level)).to_vec(),
            curve: curve.map(point).collect(),
            bins,
        }
    }
}

fn bin(ns: u64) -> i32 {
    ((ns.max(1) as f64).log10() * BINS_PER_DECADE).floor() as i32
}

/// A duration with three digits and its unit, such as `1.23 ms`.
pub(crate) fn short_time(ns: u64) -> String {
    let (value, unit) = match ns {
        0 => return "0".to_owned(),
        1..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (ns as f64 / 1e3, "us"),
        1_000_000..1_000_000_000 => (ns as f64 / 1e6, "ms"),
        _ => (ns as f64 / 1e9, "s"),
    };
    let digits = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits() {
        let times = [0, 7, 999, 1_000, 9_999, 99_960, 123_456, 1_234_567, 61_000_000_000];
        let wanted = "0|7 ns|999 ns|1.00 us|10.0 us|100 us|123 us|1.23 ms|61.0 s";
        assert_eq!(times.map(short_time).join("|"), wanted);
    }

    #[test]
    fn a_distribution_has_each_duration_once() {
        let counts = counted((1..=1000).map(|us| us * 1_000));
        let told = Distribution::of(&counts, 5);
        assert_eq!(told.count, 1000);
        assert_eq!(told.bins.iter().map(|(_, count)| count).sum::<u64>(), 1000);
        assert!(told.bins.windows(2).all(|two| two[0].0 < two[1].0));
        assert!((499_000..=501_000).contains(&told.at_levels_ns[0]), "{told:?}");
        let (level, value) = *told.curve.last().unwrap();
        assert_eq!(level, 100.0);
        assert!((999_000..=1_001_000).contains(&value));
        assert!(told.curve.windows(2).all(|two| two[0] <= two[1]));
    }

    #[test]
    fn an_empty_one_has_only_zeros() {
        let told = Distribution::of(&histogram(), 5);
        assert_eq!((told.count, told.curve.len(), told.at_levels_ns), (0, 0, vec![0; 5]));
    }
}
