//! How long to wait before the next dial of one slot.
//!
//! At once at first, then exponential with full jitter: a uniform pick between zero and a ceiling
//! which doubles with each try. Full jitter spreads the re-dials of many pools that lost the same
//! venue at the same moment better than any fixed or half-fixed delay does.
//!
//! What counts is a dial since the venue last proved that it serves the slot. That is asked when a
//! connection is lost and when its replacement is wanted: what an outage has counted does not hold
//! up the replacement of a connection that has served since.
//!
//! There is one exception: the dials of a *replacement* count as long as the old connection lives,
//! because the slot still serves. Once it is lost they are forgotten, and so is what is left of
//! their delay. The slot then dials as after any loss: at once when the connection was of use, and
//! otherwise with the delay that was due when it came up. That one is never shorter than that of
//! the connection before, because a dial that brings a connection has counted all that failed
//! before it; so a venue that accepts and closes is dialled less and less, however its connections
//! end. A dial that is beyond its delay goes on, and is the first of those after the loss.

//!
//! Many venues end unused connections after a few seconds. That is a habit and no trouble, so an
//! idle connection that lived for a while and was ended in good order (FIN or close_notify) is
//! dialled again at once. "A while" is [`Bounds::long_life_ns`]. It does not depend on the longest
//! delay: an engine that asks for a longer one means failed dials. A venue that ends connections
//! sooner is taken for one in trouble, and one that ends them later cannot be dialled more often
//! by a slot than its connections live. docs/healing.md shows what both come to.

use super::connection_state::{Loss, Proof};
use crate::error::CloseReason;

/// A connection that lived for this long, in nanoseconds, was of use to a venue that then ended it
/// in order. Shorter than the two seconds after which the most impatient venues end idle ones.
const LONG_LIFE_NS: u64 = 1_500_000_000;

/// The same as a multiple of the first delay, for an engine that chose a short one.
const LONG_LIFE_DELAYS: u64 = 15;

/// The two bounds of the ceiling, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The ceiling of the first delayed try.
    pub first_ns: u64,
    /// The ceiling never grows beyond this.
    pub max_ns: u64,
}

impl Bounds {
    /// How long an idle connection must have lived for its orderly end to be no failed dial, in
    /// nanoseconds.
    pub fn long_life_ns(&self) -> u64 {
        self.first_ns.saturating_mul(LONG_LIFE_DELAYS).min(LONG_LIFE_NS).min(self.max_ns)
    }
}

/// The dials of one slot since it last proved that the venue serves it.
#[derive(Debug)]
pub struct Backoff {
    bounds: Bounds,
    tries: u32,
    /// As many of them had brought the present connection when it came up.
    held: u32,
    /// A dial is beyond its delay, or has brought a connection that waits to take over.
    begun: bool,
}

impl Backoff {
    /// A slot that has not been dialled yet.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, tries: 0, held: 0, begun: false }
    }

    /// The delay before the next dial, in nanoseconds, and counts that dial.
    /// `random` is uniform over all of `u64`.
    pub fn next_delay(&mut self, random: u64) -> u64 {
        let tries = self.tries;
        self.begun = false;
        self.tries = tries.saturating_add(1);
        if tries == 0 {
            return 0;
        }
        let ceiling = u128::from(self.ceiling(tries)) + 1;
        // Multiply and shift: uniform over 0..=ceiling without a division's bias.
        ((u128::from(random) * ceiling) >> 64) as u64
    }

    /// The delay is over, and the dial begins.
    pub fn begins(&mut self) {
        self.begun = true;
    }

    /// A dial has brought the connection that the slot has now.
    pub fn came_up(&mut self) {
        (self.held, self.begun) = (self.tries, false);
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

    /// The connection is to be replaced while it lives; what it has proven by now counts for that.
    pub fn replaces(&mut self, proof: Proof) {
        self.lived(proof.lifetime_ns);
        if proof.answered {
            self.proven();
        }
    }

    /// The connection is gone; what it did says whether to hurry with the next. `answered_ns`: when
    /// the venue answered last, on any connection of the pool.
    pub fn lost(&mut self, loss: &Loss, answered_ns: u64) {
        if !loss.replaced {
            self.tries = self.held;
        }
        self.lived(loss.lifetime_ns);
        // What this side ended by itself says nothing against the venue.
        if loss.answered || loss.is_ours(answered_ns) || self.is_habit(loss) {
            self.proven();
        }
        if !loss.replaced && self.begun {
            self.tries = self.tries.saturating_add(1);
        }
    }

    /// The venue ended an idle connection in good order, after it had served for a while.
    fn is_habit(&self, loss: &Loss) -> bool {
        loss.reason == CloseReason::IdleClosed && loss.lifetime_ns >= self.bounds.long_life_ns()
    }

    fn ceiling(&self, tries: u32) -> u64 {
        let doubled = 1u64.checked_shl(tries - 1).unwrap_or(u64::MAX);
        self.bounds.first_ns.saturating_mul(doubled).min(self.bounds.max_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::CloseReason;

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
            let mut backoff = Backoff { tries, ..Backoff::new(BOUNDS) };
            assert_eq!(backoff.next_delay(0), 0);
            let mut backoff = Backoff { tries, ..Backoff::new(BOUNDS) };
            let half = backoff.next_delay(u64::MAX / 2);
            let mut backoff = Backoff { tries, ..Backoff::new(BOUNDS) };
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

    fn loss(answered: bool, replaced: bool) -> Loss {
        let reason = CloseReason::IdleReset;
        Loss { reason, lifetime_ns: MS, answered, replaced, unheard_since_ns: 0 }
    }

    /// A slot with a connection that took so many dials, and so many dials for its replacement
    /// that have failed. The next one waits.
    fn replacing(dials: u32, failed: u32) -> Backoff {
        let mut backoff = Backoff::new(BOUNDS);
        for _ in 0..dials {
            backoff.next_delay(0);
        }
        backoff.begins();
        backoff.came_up();
        for _ in 0..failed {
            backoff.next_delay(0);
            backoff.begins();
        }
        backoff.next_delay(0);
        backoff
    }

    /// The longest that the next dials can wait, in milliseconds.
    fn ceilings<const N: usize>(mut backoff: Backoff) -> [u64; N] {
        [(); N].map(|()| backoff.next_delay(u64::MAX) / MS)
    }

    #[test]
    fn failed_dials_of_a_replacement_are_forgotten_when_the_old_connection_is_lost() {
        for failed in [0, 1, 20] {
            let mut backoff = replacing(1, failed);
            assert!(!backoff.begun);
            backoff.lost(&loss(true, false), 0);
            assert_eq!(ceilings(backoff), [0, 100, 200], "it was of use");
            let mut backoff = replacing(1, failed);
            backoff.lost(&Loss { reason: CloseReason::IdleLimit, ..loss(false, false) }, 0);
            assert_eq!(ceilings(backoff), [0, 100, 200], "we have ended it");
            let mut backoff = replacing(1, failed);
            backoff.lost(&loss(false, false), 0);
            assert_eq!(ceilings(backoff), [100, 200, 400], "it was a try");
        }
    }

    #[test]
    fn our_own_deadline_is_no_evidence_against_a_venue_that_is_heard() {
        let after = |unheard_since_ns, answered_ns| {
            let mut backoff = replacing(4, 0);
            let timeout = Loss { reason: CloseReason::Timeout, ..loss(false, false) };
            backoff.lost(&Loss { unheard_since_ns, ..timeout }, answered_ns);
            backoff.next_delay(u64::MAX) / MS
        };
        assert_eq!(after(50, 49), 800, "nothing was heard while it waited");
        assert_eq!(after(50, 50), 0, "another connection brought an answer");
        assert_eq!(after(0, 0), 0, "its own answer had begun");
    }

    #[test]
    fn an_orderly_end_after_a_while_is_no_failed_dial() {
        let after = |reason, lifetime_ns| {
            let mut backoff = replacing(1, 0);
            backoff.lost(&Loss { reason, lifetime_ns, ..loss(false, false) }, 0);
            backoff.next_delay(u64::MAX) / MS
        };
        assert_eq!(BOUNDS.long_life_ns(), 1_500 * MS);
        assert_eq!(after(CloseReason::IdleClosed, 1_500 * MS), 0);
        assert_eq!(after(CloseReason::IdleClosed, 1_500 * MS - 1), 100, "that soon is trouble");
        assert_eq!(after(CloseReason::IdleReset, 4_999 * MS), 100, "a reset is not in order");
    }

    #[test]
    fn how_long_a_while_is_does_not_grow_with_the_delays() {
        let long_life = |first_ns, max_ns| Bounds { first_ns, max_ns }.long_life_ns() / MS;
        assert_eq!(long_life(100 * MS, 30_000 * MS), 1_500);
        assert_eq!(long_life(1_000 * MS, 30_000 * MS), 1_500);
        assert_eq!(long_life(10 * MS, 30_000 * MS), 150, "who is in a hurry dials sooner");
        assert_eq!(long_life(100 * MS, 300 * MS), 300, "a life as long proves in any case");
        assert_eq!(long_life(u64::MAX, u64::MAX), 1_500);
    }

    #[test]
    fn what_a_connection_has_proven_counts_for_its_replacement() {
        let after_an_outage = || {
            let mut backoff = replacing(6, 0);
            backoff.came_up();
            backoff
        };
        let proof = |answered, lifetime_ns| {
            let mut backoff = after_an_outage();
            backoff.replaces(Proof { answered, lifetime_ns });
            backoff.next_delay(u64::MAX) / MS
        };
        assert_eq!(proof(true, MS), 0);
        assert_eq!(proof(false, BOUNDS.max_ns), 0);
        assert_eq!(proof(false, MS), 5000);
    }

    #[test]
    fn a_replacement_that_connects_is_the_first_dial_after_the_loss() {
        let mut backoff = replacing(1, 20);
        backoff.begins();
        assert!(backoff.begun);
        backoff.lost(&loss(true, false), 0);
        assert_eq!(ceilings(backoff), [100, 200, 400]);
    }

    #[test]
    fn a_replacement_that_takes_over_has_counted_its_failed_dials() {
        let mut backoff = replacing(1, 2);
        backoff.begins();
        backoff.lost(&loss(false, true), 0);
        backoff.came_up();
        backoff.lost(&loss(false, false), 0);
        assert_eq!(ceilings(backoff), [800, 1600]);
    }

    #[test]
    fn a_venue_that_accepts_and_closes_is_dialled_less_and_less_also_between_replacements() {
        let mut backoff = Backoff::new(BOUNDS);
        let delays = [(); 9].map(|()| {
            let delay = backoff.next_delay(u64::MAX) / MS;
            backoff.begins();
            backoff.came_up();
            // The replacement is refused, a few times.
            for _ in 0..3 {
                backoff.next_delay(u64::MAX);
                backoff.begins();
            }
            backoff.next_delay(u64::MAX);
            backoff.lost(&loss(false, false), 0);
            delay
        });
        assert_eq!(delays, [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    }
}
