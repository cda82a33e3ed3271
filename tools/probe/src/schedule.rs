//! When requests are to be sent: all times are fixed before the first one is, so no answer that
//! comes late can move them.
//!
//! It knows no clock: times are nanoseconds since the first intended time.

use std::time::Duration;

/// The intended times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    rate: f64,
    /// The requests before this one do not count.
    warm_up: usize,
    requests: usize,
}

impl Schedule {
    /// So many requests a second: some that do not count, and then those of `duration`.
    pub(crate) fn new(rate: f64, warm_up: Duration, duration: Duration) -> Self {
        let requests = |time: Duration| (rate * time.as_secs_f64() + 1e-9).floor() as usize;
        let warm_up = requests(warm_up);
        Self { rate, warm_up, requests: warm_up + requests(duration) }
    }

    /// When the request of that number is to be sent.
    pub(crate) fn intended_ns(&self, number: usize) -> u64 {
        (number as f64 * 1e9 / self.rate) as u64
    }

    /// How many requests do not count.
    pub(crate) fn warm_up(&self) -> usize {
        self.warm_up
    }

    /// How many requests there are, with those that do not count.
    pub(crate) fn requests(&self) -> usize {
        self.requests
    }

    /// The same since the part began that counts; 0 for a request that does not.
    pub(crate) fn counted_ns(&self, number: usize) -> u64 {
        self.intended_ns(number).saturating_sub(self.counts_from_ns())
    }

    /// When the part begins that counts.
    pub(crate) fn counts_from_ns(&self) -> u64 {
        self.intended_ns(self.warm_up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_requests_as_rate_times_duration() {
        let count = |rate, ms| {
            let schedule = Schedule::new(rate, Duration::ZERO, Duration::from_millis(ms));
            schedule.requests()
        };
        assert_eq!((count(100.0, 10_000), count(10.0, 1_000), count(0.5, 2_000)), (1000, 10, 1));
        assert_eq!((count(3.0, 1_000), count(0.1, 10_000), count(7.0, 999)), (3, 1, 6));
    }

    #[test]
    fn they_are_evenly_spaced_and_all_within_the_duration() {
        let second = Duration::from_secs(1);
        let schedule = Schedule::new(300.0, second, 10 * second);
        assert_eq!((schedule.warm_up(), schedule.requests()), (300, 3300));
        assert_eq!(schedule.counts_from_ns(), 1_000_000_000);
        let times: Vec<u64> = (0..schedule.requests()).map(|n| schedule.intended_ns(n)).collect();
        assert!(times.windows(2).all(|two| (3_333_332..=3_333_335).contains(&(two[1] - two[0]))));
        assert!(*times.last().unwrap() < 11_000_000_000);
    }
}
