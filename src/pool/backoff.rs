//! How long to wait before the next dial of one slot.
//!
//! At once at first, then exponential with full jitter: a uniform pick between zero and a ceiling
//! which doubles with each try. Full jitter spreads the re-dials of many pools that lost the same
//! venue at the same moment better than any fixed or half-fixed delay does.

use super::tenure::Loss;

/// The two bounds of the ceiling, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The ceiling of the first delayed try.
    pub first_ns: u64,
    /// The ceiling never grows beyond this.
    pub max_ns: u64,
}

/// The dials of one slot since it last proved that the venue serves it.
#[derive(Debug)]
pub struct Backoff {
    bounds: Bounds,
    tries: u32,
}

impl Backoff {
    /// A slot that has not been dialled yet.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, tries: 0 }
    }

    /// The delay before the next dial, in nanoseconds, and counts that dial.
    /// `random` is uniform over all of `u64`.
    pub fn next_delay(&mut self, random: u64) -> u64 {
        let tries = self.tries;
        self.tries = tries.saturating_add(1);
        if tries == 0 {
            return 0;
        }
        let ceiling = u128::from(self.ceiling(tries)) + 1;
        // Multiply and shift: uniform over 0..=ceiling without a division's bias.
        ((u128::from(random) * ceiling) >> 64) as u64
    }

    /// The connection was of use: it finished an exchange, or lived for as long as the longest
    /// delay. Merely connecting proves nothing, for a venue in trouble accepts and closes.
    pub fn proven(&mut self) {
        self.tries = 0;
    }

    /// As [`Backoff::proven`], judged by how long the connection lived.
    pub fn lived(&mut self, lifetime_ns: u64) {
        if lifetime_ns >= self.bounds.max_ns {
            self.proven();
        }
    }

    /// The connection is gone; what it did says whether to hurry with the next.
    pub fn lost(&mut self, loss: &Loss) {
        self.lived(loss.lifetime_ns);
        // What this side ended by itself says nothing against the venue.
        if loss.answered || loss.reason.is_ours() {
            self.proven();
        }
    }

    fn ceiling(&self, tries: u32) -> u64 {
        let doubled = 1u64.checked_shl(tries - 1).unwrap_or(u64::MAX);
        self.bounds.first_ns.saturating_mul(doubled).min(self.bounds.max_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const BOUNDS: Bounds = Bounds { first_ns: 100 * MS, max_ns: 5_000 * MS };

    #[test]
    fn the_first_dial_is_at_once_then_ceilings_double_to_the_maximum() {
        let mut backoff = Backoff::new(BOUNDS);
        let ceilings: Vec<u64> = (0..9).map(|_| backoff.next_delay(u64::MAX) / MS).collect();
        assert_eq!(ceilings, [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    }

    #[test]
    fn jitter_is_full() {
        for tries in 1..80 {
            let mut backoff = Backoff { bounds: BOUNDS, tries };
            assert_eq!(backoff.next_delay(0), 0);
            let mut backoff = Backoff { bounds: BOUNDS, tries };
            let half = backoff.next_delay(u64::MAX / 2);
            let mut backoff = Backoff { bounds: BOUNDS, tries };
            let whole = backoff.next_delay(u64::MAX);
            assert!(whole <= BOUNDS.max_ns);
            assert!(half.abs_diff(whole / 2) <= 1);
        }
    }

    #[test]
    fn only_use_resets_it() {
        let mut backoff = Backoff::new(BOUNDS);
        backoff.next_delay(0);
        backoff.lived(BOUNDS.max_ns - 1);
        assert_eq!(backoff.next_delay(u64::MAX), BOUNDS.first_ns);
        backoff.lived(BOUNDS.max_ns);
        assert_eq!(backoff.next_delay(u64::MAX), 0);
        backoff.proven();
        assert_eq!(backoff.next_delay(u64::MAX), 0);
    }
}
