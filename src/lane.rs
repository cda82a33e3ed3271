//! The lane of a request: what it may go before; and sets of lanes. This file knows nothing but
//! names.

/// Which requests go before others. A smaller number goes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Before all others: cancels.
    Urgent,
    /// The default: orders.
    #[default]
    Orders,
    /// Questions about orders and accounts.
    Queries,
    /// What has time: synchronisation of accounts, heartbeats.
    Background,
}

impl Lane {
    /// Its name, for metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Orders => "orders",
            Self::Queries => "queries",
            Self::Background => "background",
        }
    }

    /// All of them, the first one first.
    pub const ALL: [Self; 4] = [Self::Urgent, Self::Orders, Self::Queries, Self::Background];

    /// The lane of that number, if there is one.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }
}

/// Some of the lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneSet(u8);

impl LaneSet {
    /// No lane.
    pub const NONE: Self = Self(0);
    /// Each lane.
    pub const ALL: Self = Self((1 << Lane::ALL.len()) - 1);

    /// The lanes whose bits are set: bit 0 is the lane of number 0. `None` if another bit is set.
    pub const fn from_bits(bits: u32) -> Option<Self> {
        if bits <= Self::ALL.bits() { Some(Self(bits as u8)) } else { None }
    }

    /// A bit for each lane in it.
    pub const fn bits(self) -> u32 {
        self.0 as u32
    }

    /// Whether the lane is in it.
    pub fn has(self, lane: Lane) -> bool {
        self.0 & (1 << lane as u8) != 0
    }

    /// The lanes that are in both.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_the_lanes_of_its_bits() {
        for bits in 0..16 {
            let set = LaneSet::from_bits(bits).unwrap();
            assert_eq!(set.bits(), bits);
            for lane in Lane::ALL {
                assert_eq!(set.has(lane), bits & (1 << lane as u32) != 0, "{lane:?} in {bits}");
            }
        }
        assert_eq!((LaneSet::from_bits(16), LaneSet::from_bits(u32::MAX)), (None, None));
        assert_eq!(LaneSet::from_bits(15), Some(LaneSet::ALL));
        assert_eq!(LaneSet::from_bits(0), Some(LaneSet::NONE));
        let [one, other] = [0b0111, 0b1101].map(|bits| LaneSet::from_bits(bits).unwrap());
        assert_eq!(one.and(other).bits(), 0b0101);
    }
}
