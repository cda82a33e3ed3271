//! How long whoever watches the deadlines sleeps, if it knows of none that is earlier.
//!
//! Rules, all kept here:
//! - It sleeps for the shortest time after which something of a request can be due. So with one
//!   timeout for all requests no submit wakes it.
//! - Where requests bring shorter timeouts of their own, the first of them wakes it, and it sleeps
//!   for no longer than that from then on. Each sleep without such a request doubles the time.
//! - It never sleeps for less than [`SHORTEST_NS`], unless a deadline is known.

/// 5 ms, which costs an idle pool less than a thousandth of a CPU.
pub const SHORTEST_NS: u64 = 5_000_000;

/// The length of one sleep, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchPeriod {
    current_ns: u64,
    longest_ns: u64,
}

impl WatchPeriod {
    /// The longest sleep is the first one.
    pub fn new(longest_ns: u64) -> Self {
        Self { current_ns: longest_ns, longest_ns }
    }

    /// The length of the next sleep.
    pub fn ns(&self) -> u64 {
        self.current_ns
    }

    /// It has slept to the end.
    pub fn slept(&mut self) {
        self.set(self.current_ns.saturating_mul(2));
    }

    /// It was woken for a deadline that comes so soon.
    pub fn woken(&mut self, deadline_in_ns: u64) {
        self.set(deadline_in_ns);
    }

    fn set(&mut self, ns: u64) {
        self.current_ns = ns.max(SHORTEST_NS).min(self.longest_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn it_adapts_to_the_shortest_timeout_and_back() {
        let mut period = WatchPeriod::new(1_000 * MS);
        assert_eq!(period.ns(), 1_000 * MS);
        period.woken(100 * MS);
        assert_eq!(period.ns(), 100 * MS);
        period.slept();
        assert_eq!(period.ns(), 200 * MS);
        (0..9).for_each(|_| period.slept());
        assert_eq!(period.ns(), 1_000 * MS, "no longer than that");
        period.woken(0);
        assert_eq!(period.ns(), SHORTEST_NS, "a deadline that has passed");
    }

    #[test]
    fn a_timeout_below_the_shortest_sleep_is_kept() {
        let mut period = WatchPeriod::new(MS);
        period.woken(0);
        assert_eq!(period.ns(), MS);
        let mut period = WatchPeriod::new(u64::MAX);
        period.slept();
        assert_eq!(period.ns(), u64::MAX);
    }
}
