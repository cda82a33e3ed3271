//! The idle slots: a stack with the one that was used last on its top, and of which sources they
//! are.
//!
//! A slot has one source for its life ([`source_of_slot`]). A pool without sources, or with one, is
//! plain: nothing is counted. This file decides nothing.

use crate::source::{SourceSet, source_of_slot};

/// The idle slots of a pool.
#[derive(Debug)]
pub struct Idle {
    stack: Vec<u32>,
    /// Of which sources they are, if there are several.
    has: SourceSet,
    /// How many sources there are, at least 1.
    sources: u32,
    /// How many idle slots each source has; empty in a plain pool.
    of_source: Vec<u32>,
}

impl Idle {
    /// None of so many slots is idle.
    pub fn new(slots: u32, sources: u32) -> Self {
        let sources = sources.max(1);
        let counted = if sources > 1 { sources } else { 0 };
        let of_source = vec![0; counted as usize];
        let stack = Vec::with_capacity(slots as usize);
        Self { stack, has: SourceSet::NONE, sources, of_source }
    }

    /// Whether it does not matter of which source a slot is.
    pub fn is_plain(&self) -> bool {
        self.sources == 1
    }

    /// The number of the source of a slot.
    pub fn source_of(&self, slot: u32) -> u32 {
        source_of_slot(slot, self.sources)
    }

    /// The sources that have an idle slot; only if there are several sources.
    pub fn has(&self) -> SourceSet {
        self.has
    }

    /// Whether a slot of that source is idle.
    pub fn has_one_of(&self, source: u32) -> bool {
        if self.is_plain() { !self.stack.is_empty() } else { self.has.has(source) }
    }

    /// How many they are.
    pub fn count(&self) -> usize {
        self.stack.len()
    }

    /// How many are of these sources; only if there are several sources.
    pub fn count_of(&self, sources: SourceSet) -> usize {
        let here = self.has.and(sources).numbers();
        here.map(|source| self.of_source[source as usize] as usize).sum()
    }

    /// Whether the slot is one of them.
    pub fn contains(&self, slot: u32) -> bool {
        self.stack.contains(&slot)
    }

    /// The slot was used last, and is idle from now on.
    pub fn push(&mut self, slot: u32) {
        self.stack.push(slot);
        if !self.is_plain() {
            let source = self.source_of(slot);
            self.of_source[source as usize] += 1;
            self.has.add(source);
        }
    }

    /// Takes the one that was used last.
    pub fn pop(&mut self) -> Option<u32> {
        let slot = self.stack.pop()?;
        self.left(slot);
        Some(slot)
    }

    /// The one of them that was used last and that fits.
    pub fn last(&self, fits: impl Fn(u32) -> bool) -> Option<u32> {
        self.stack.iter().rev().copied().find(|slot| fits(*slot))
    }

    /// Of those that have a rank, the one with the highest; of several the one that was used last.
    pub fn best<K: Ord>(&self, rank: impl Fn(u32) -> Option<K>) -> Option<u32> {
        let ranked = self.stack.iter().filter_map(|slot| Some((rank(*slot)?, *slot)));
        ranked.max_by(|one, other| one.0.cmp(&other.0)).map(|best| best.1)
    }

    /// Takes that slot out. `false`: it was not idle.
    pub fn remove(&mut self, slot: u32) -> bool {
        // From the top: it is near there.
        let Some(index) = self.stack.iter().rposition(|idle| *idle == slot) else { return false };
        self.stack.remove(index);
        self.left(slot);
        true
    }

    /// No slot is idle any more.
    pub fn clear(&mut self) {
        self.stack.clear();
        self.of_source.fill(0);
        self.has = SourceSet::NONE;
    }

    fn left(&mut self, slot: u32) {
        if !self.is_plain() {
            let source = self.source_of(slot);
            let left = &mut self.of_source[source as usize];
            *left -= 1;
            if *left == 0 {
                self.has.remove(source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_counted_by_source_as_they_come_and_go() {
        let mut idle = Idle::new(6, 3);
        (0..5).for_each(|slot| idle.push(slot));
        assert!(!idle.is_plain() && idle.has().numbers().eq(0..3));
        assert_eq!((idle.count(), idle.count_of(SourceSet::ALL)), (5, 5));
        assert_eq!(idle.count_of(SourceSet::only(0)), 2, "slots 0 and 3");
        assert_eq!(idle.last(|slot| idle.source_of(slot) == 0), Some(3));
        assert_eq!(idle.best(|slot| (slot != 4).then_some(slot % 2)), Some(3));
        assert_eq!(idle.best(|slot| (slot < 2).then_some(0)), Some(1), "the last of equals");
        assert!(idle.remove(2) && !idle.remove(2), "the only one of its source");
        assert!(idle.has().numbers().eq(0..2));
        assert_eq!((idle.pop(), idle.pop()), (Some(4), Some(3)));
        assert!(idle.contains(0) && !idle.contains(3));
        idle.clear();
        assert_eq!((idle.count(), idle.has(), idle.pop()), (0, SourceSet::NONE, None));
    }

    #[test]
    fn with_one_source_nothing_is_counted() {
        for sources in [0, 1] {
            let mut idle = Idle::new(2, sources);
            (0..2).for_each(|slot| idle.push(slot));
            assert!(idle.is_plain() && idle.has().is_empty());
            assert_eq!((idle.source_of(1), idle.count()), (0, 2));
            assert_eq!((idle.pop(), idle.pop(), idle.pop()), (Some(1), Some(0), None));
        }
    }
}
