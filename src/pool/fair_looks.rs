//! In which order the members of a group are looked at, and how much is taken of each in one call.
//!
//! Rules, all kept here:
//! - Members are looked at in the order in which they were told of, each once in a call.
//! - At most [`BUDGET`] completions of each are taken in one call. A member that has more is told
//!   of again, so it stands behind the others.
//! - A call ends when it has what it was asked for. Who had no look then is the first in the next
//!   call.
//!
//! It knows members by their numbers only.

use std::collections::VecDeque;

/// At most so many completions of one member in one call.
pub const BUDGET: usize = 16;

/// The members that were told of and had no look since, the first one first.
#[derive(Debug, Default)]
pub struct FairLooks {
    due: VecDeque<u64>,
}

/// What is left of one call.
#[derive(Debug)]
pub struct Call {
    looks: usize,
    left: usize,
}

impl FairLooks {
    /// A look allocates nothing from now on, with so many members.
    pub fn reserve(&mut self, members: usize) {
        self.due.reserve(members);
    }

    /// The member has something. `is_due`: it was told of, and had no look since.
    pub fn told(&mut self, number: u64, is_due: &mut bool) {
        if !std::mem::replace(is_due, true) {
            self.due.push_back(number);
        }
    }

    /// Whether none was told of.
    pub fn is_empty(&self) -> bool {
        self.due.is_empty()
    }

    /// A call takes up to `limit` completions.
    pub fn call(&self, limit: usize) -> Call {
        Call { looks: self.due.len(), left: limit }
    }

    /// The member that is looked at next in the call, and how much may be taken of it.
    pub fn next(&mut self, call: &mut Call) -> Option<(u64, usize)> {
        if call.looks == 0 || call.left == 0 {
            return None;
        }
        call.looks -= 1;
        Some((self.due.pop_front()?, BUDGET.min(call.left)))
    }
}

impl Call {
    /// So much was taken of the last member.
    pub fn took(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The members that are told of at once.
    fn told(numbers: &[u64]) -> FairLooks {
        let mut looks = FairLooks::default();
        numbers.iter().for_each(|number| looks.told(*number, &mut false));
        looks
    }

    /// All looks of one call, in which each member gives `has` at most.
    fn call(looks: &mut FairLooks, limit: usize, has: usize) -> Vec<(u64, usize)> {
        let mut call = looks.call(limit);
        let mut seen = Vec::new();
        while let Some((number, budget)) = looks.next(&mut call) {
            let taken = budget.min(has);
            call.took(taken);
            seen.push((number, taken));
        }
        seen
    }

    #[test]
    fn each_is_looked_at_once_in_the_order_in_which_it_was_told_of() {
        let mut looks = told(&[7, 3, 5]);
        assert_eq!(call(&mut looks, 100, 1), [(7, 1), (3, 1), (5, 1)]);
        assert!(looks.is_empty());
    }

    #[test]
    fn one_that_is_due_already_keeps_its_place() {
        let (mut looks, mut is_due) = (FairLooks::default(), false);
        looks.told(1, &mut is_due);
        looks.told(2, &mut false);
        looks.told(1, &mut is_due);
        assert!(is_due);
        assert_eq!(call(&mut looks, 100, 1), [(1, 1), (2, 1)]);
    }

    #[test]
    fn one_gives_no_more_than_its_budget_and_who_is_told_of_again_stands_behind() {
        let mut looks = told(&[1, 2]);
        let mut first = looks.call(100);
        assert_eq!(looks.next(&mut first), Some((1, BUDGET)));
        looks.told(1, &mut false);
        first.took(BUDGET);
        assert_eq!(looks.next(&mut first), Some((2, BUDGET)));
        assert_eq!(looks.next(&mut first), None, "once in a call");
        assert_eq!(call(&mut looks, 100, 1), [(1, 1)]);
    }

    #[test]
    fn a_call_ends_at_its_limit_and_the_next_one_begins_with_who_had_no_look() {
        let mut looks = told(&[1, 2, 3]);
        assert_eq!(call(&mut looks, BUDGET + 4, 100), [(1, BUDGET), (2, 4)]);
        assert_eq!(call(&mut looks, 0, 100), []);
        assert_eq!(call(&mut looks, 100, 2), [(3, 2)]);
    }
}
