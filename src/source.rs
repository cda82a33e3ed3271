//! The source of a request: from which of the pool's local addresses it goes; and sets of sources.
//! This file knows nothing but numbers.

/// A pool has at most so many sources.
pub const MOST_SOURCES: u32 = 64;

/// From which local address a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source(u8);

impl Default for Source {
    fn default() -> Self {
        Self::ANY
    }
}

impl Source {
    /// From any of them.
    pub const ANY: Self = Self(u8::MAX);

    /// The source of that number, if there can be one.
    pub const fn from_number(number: u32) -> Option<Self> {
        if number < MOST_SOURCES { Some(Self(number as u8)) } else { None }
    }

    /// Its number; `None` for any source.
    pub const fn number(self) -> Option<u32> {
        if self.0 == u8::MAX { None } else { Some(self.0 as u32) }
    }

    /// The sources that a request with this one may use.
    pub const fn set(self) -> SourceSet {
        if self.0 == u8::MAX { SourceSet::ALL } else { SourceSet(1 << self.0) }
    }
}

/// The number of the source of a slot. `sources`: how many there are, at least 1.
pub const fn source_of_slot(slot: u32, sources: u32) -> u32 {
    slot % sources
}

/// Some of the sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceSet(u64);

impl SourceSet {
    /// No source.
    pub const NONE: Self = Self(0);
    /// Each source.
    pub const ALL: Self = Self(u64::MAX);

    /// The source of that number.
    pub const fn only(number: u32) -> Self {
        Self(1 << number)
    }

    /// Whether it has no source.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the source of that number is in it.
    pub const fn has(self, number: u32) -> bool {
        self.0 & (1 << number) != 0
    }

    /// Puts the source of that number in.
    pub const fn add(&mut self, number: u32) {
        self.0 |= 1 << number;
    }

    /// Takes the source of that number out.
    pub const fn remove(&mut self, number: u32) {
        self.0 &= !(1 << number);
    }

    /// The sources that are in both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The sources that are not in the other one.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The numbers of its sources.
    pub fn numbers(self) -> impl Iterator<Item = u32> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let number = left.trailing_zeros();
            left &= left.wrapping_sub(1);
            (number < MOST_SOURCES).then_some(number)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_number_or_any() {
        assert_eq!(Source::default(), Source::ANY);
        assert_eq!((Source::ANY.number(), Source::ANY.set()), (None, SourceSet::ALL));
        for number in 0..MOST_SOURCES {
            let source = Source::from_number(number).unwrap();
            assert_eq!(source.number(), Some(number));
            assert!(source.set().numbers().eq([number]));
        }
        assert_eq!(Source::from_number(MOST_SOURCES), None);
        assert_eq!(Source::from_number(u32::MAX), None);
    }

    #[test]
    fn a_set_has_what_was_put_in() {
        let mut set = SourceSet::NONE;
        assert!(set.is_empty() && set.numbers().next().is_none());
        [63, 0, 5].into_iter().for_each(|number| set.add(number));
        assert!(set.numbers().eq([0, 5, 63]) && set.has(63) && !set.has(1));
        set.remove(5);
        assert!(set.numbers().eq([0, 63]));
        assert!(set.and(SourceSet::only(0)).numbers().eq([0]));
        assert!(set.without(SourceSet::only(0)).numbers().eq([63]));
        assert!(SourceSet::ALL.numbers().eq(0..MOST_SOURCES));
    }
}
