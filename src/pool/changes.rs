//! Which changes of a whole pool are told: each change once, and no state twice.
//!
//! It knows only counts. Who listens is the caller's matter.

/// What was told last.
#[derive(Clone, Copy, Debug, Default)]
pub struct Changes {
    all_live: bool,
    too_few_dials: bool,
}

impl Changes {
    /// So many slots of all are live now. Answers whether all are live, if that has changed.
    pub fn live(&mut self, live: u32, slots: u32) -> Option<bool> {
        let all_live = live == slots;
        (std::mem::replace(&mut self.all_live, all_live) != all_live).then_some(all_live)
    }

    /// The limits of the connections ask for `needed` dials a second, and `allowed` may be made.
    /// Answers whether that is to be told: the dials have become too few. That they suffice again
    /// is not told.
    pub fn dials(&mut self, needed: u32, allowed: u32) -> bool {
        let too_few = needed > allowed;
        !std::mem::replace(&mut self.too_few_dials, too_few) && too_few
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_live_and_degraded_are_told_in_turn() {
        let mut changes = Changes::default();
        let told = [0, 1, 2, 2, 1, 0, 2].map(|live| changes.live(live, 2));
        assert_eq!(told, [None, None, Some(true), None, Some(false), None, Some(true)]);
    }

    #[test]
    fn too_few_dials_are_told_each_time_that_they_become_too_few() {
        let mut changes = Changes::default();
        let told = [4, 5, 6, 7, 5, 6].map(|needed| changes.dials(needed, 5));
        assert_eq!(told, [false, false, true, false, false, true]);
    }
}
