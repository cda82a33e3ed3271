//! After how many turns the engine is told of the completions of a thread that does not sleep.
//!
//! The runtime tells of completions when it goes to sleep. With many busy slots it never does, so
//! they are also told of after [`MAX_TURNS`] turns. More turns would be a longer delay, fewer would
//! wake the engine more often for the same completions.

/// Turns of one thread between two times that it tells.
const MAX_TURNS: u32 = 16;

/// The turns that a thread has given since it last told of completions.
#[derive(Clone, Copy, Debug)]
pub struct UntoldTurns(u32);

impl UntoldTurns {
    /// All is told.
    pub const fn none() -> Self {
        Self(0)
    }

    /// A turn is over. Answers whether the thread tells now.
    #[inline]
    pub fn turn_is_over(&mut self) -> bool {
        self.0 += 1;
        self.0 == MAX_TURNS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_told_after_so_many_turns_and_anew_once_it_was() {
        let mut untold = UntoldTurns::none();
        for _ in 0..2 {
            assert!((1..MAX_TURNS).all(|_| !untold.turn_is_over()));
            assert!(untold.turn_is_over());
            untold = UntoldTurns::none();
        }
    }
}
