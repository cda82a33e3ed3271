//! In which order a slot tries the proxies.
//!
//! Each slot has a first one, so that they are spread. A proxy through which a dial failed not long
//! ago goes behind the others, so that a dead one costs one dial and not each.

use std::time::Duration;

use tokio::time::Instant;

/// How long a failure counts against a proxy.
const MEMORY: Duration = Duration::from_secs(60);

/// What is remembered of the proxies of a pool.
#[derive(Debug)]
pub struct ProxyOrder {
    /// By proxy: until when a failure counts.
    failed_until: Box<[Option<Instant>]>,
}

impl ProxyOrder {
    /// Of so many proxies, nothing is known yet.
    pub fn new(count: usize) -> Self {
        Self { failed_until: vec![None; count].into() }
    }

    /// The proxies in the order in which the slot is to try them.
    pub fn of_slot(&self, slot: u32, now: Instant) -> Vec<usize> {
        let count = self.failed_until.len();
        let has_failed = |proxy: &usize| self.failed_until[*proxy].is_some_and(|until| until > now);
        let from_first = (0..count).map(|step| (slot as usize + step) % count);
        let (bad, mut order): (Vec<_>, Vec<_>) = from_first.partition(has_failed);
        order.extend(bad);
        order
    }

    /// A dial through the proxy failed, and not for want of something on this machine.
    pub fn failed(&mut self, proxy: usize, now: Instant) {
        self.failed_until[proxy] = Some(now + MEMORY);
    }

    /// The proxy gave a live connection.
    pub fn worked(&mut self, proxy: usize) {
        self.failed_until[proxy] = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_spread_and_each_has_all_of_them() {
        let (order, now) = (ProxyOrder::new(3), Instant::now());
        let orders = [0, 1, 2, 3, 4].map(|slot| order.of_slot(slot, now));
        assert_eq!(orders, [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2], [1, 2, 0]]);
        assert_eq!(ProxyOrder::new(1).of_slot(u32::MAX, now), [0]);
    }

    #[test]
    fn one_that_failed_comes_last_for_a_minute_or_until_it_works() {
        let (mut order, now) = (ProxyOrder::new(3), Instant::now());
        order.failed(0, now);
        assert_eq!(order.of_slot(0, now), [1, 2, 0]);
        assert_eq!(order.of_slot(2, now), [2, 1, 0]);
        assert_eq!(order.of_slot(0, now + MEMORY), [0, 1, 2]);
        order.failed(1, now);
        order.failed(2, now);
        assert_eq!(order.of_slot(1, now), [1, 2, 0], "all have failed");
        order.worked(0);
        assert_eq!(order.of_slot(1, now), [0, 1, 2]);
    }
}
