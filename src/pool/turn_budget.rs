//! How much work a pool does on a thread that it shares, before the others have had their turn.
//!
//! Rules, all kept here:
//! - The thread goes round: in one round each pool that has something may use its budget, and a
//!   round is over when all of them had the chance to.
//! - The budget of a round is [`MAX_TURNS`] turns and [`MAX_BYTES`] received, whichever is used up
//!   first. A turn begins only if all that it may receive is within the budget, so a round is never
//!   larger than that.
//! - What is left of a budget is not kept for the next round.
//!
//! It knows one pool, and no slots: who of its own goes first is the pool's business.

/// How many bytes one turn receives at most, so that a large response does not hold up the others:
/// the rest is taken in further turns, after theirs. As large as a response buffer is by default,
/// so that usual responses take one turn.
pub const TURN_BYTES: usize = 64 * 1024;

/// Turns of a pool in one round.
pub const MAX_TURNS: u32 = 16;

/// Bytes that a pool receives in one round.
pub const MAX_BYTES: usize = 4 * TURN_BYTES;

/// What one pool has left in this round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnBudget {
    turns: u32,
    bytes: usize,
}

impl Default for TurnBudget {
    fn default() -> Self {
        Self { turns: MAX_TURNS, bytes: MAX_BYTES }
    }
}

impl TurnBudget {
    /// A turn has received so many bytes. Answers whether another one may begin in this round.
    pub fn turn_is_over(&mut self, bytes: usize) -> bool {
        self.turns = self.turns.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.allows_turn()
    }

    /// The next round begins. Answers whether a turn may begin that could not in the last one.
    pub fn round_begins(&mut self) -> bool {
        let waits = !self.allows_turn();
        *self = Self::default();
        waits
    }

    fn allows_turn(&self) -> bool {
        self.turns > 0 && self.bytes >= TURN_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a pool does in one round, if each of its turns receives what `bytes` gives.
    fn round(mut bytes: impl FnMut() -> usize) -> (u32, usize) {
        let (mut budget, mut turns, mut received) = (TurnBudget::default(), 0, 0);
        loop {
            let taken = bytes();
            let goes_on = budget.turn_is_over(taken);
            turns += 1;
            received += taken;
            if !goes_on {
                return (turns, received);
            }
        }
    }

    #[test]
    fn a_round_is_so_many_turns_or_so_many_bytes() {
        assert_eq!(round(|| 0), (MAX_TURNS, 0));
        assert_eq!(round(|| 500), (MAX_TURNS, 500 * MAX_TURNS as usize));
        assert_eq!(round(|| TURN_BYTES), (4, MAX_BYTES));
        assert_eq!(round(|| TURN_BYTES - 1).0, 4);
    }

    #[test]
    fn a_round_gives_the_whole_budget_and_a_turn_to_who_waits_for_one() {
        let mut budget = TurnBudget::default();
        assert!(!budget.round_begins(), "a turn may begin already: one more would be two at once");
        assert!(budget.turn_is_over(3 * TURN_BYTES), "one turn is left");
        assert!(!budget.round_begins());
        assert_eq!(budget, TurnBudget::default(), "what was left is not kept");
        while budget.turn_is_over(TURN_BYTES) {}
        assert!(budget.round_begins());
        assert_eq!(budget, TurnBudget::default());
    }

    #[test]
    fn no_round_is_larger_than_its_budget_whatever_the_turns_receive() {
        for seed in 0..1_000_u64 {
            let mut random = seed;
            let (turns, received) = round(|| {
                // The generator of Knuth's MMIX.
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (random >> 33) as usize % (TURN_BYTES + 1)
            });
            assert!((1..=MAX_TURNS).contains(&turns), "seed {seed}: {turns} turns");
            assert!(received <= MAX_BYTES, "seed {seed}: {received} bytes");
            assert!(turns == MAX_TURNS || received > MAX_BYTES - TURN_BYTES, "seed {seed}: early");
        }
    }
}
