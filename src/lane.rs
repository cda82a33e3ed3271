//! The lane of a request: what it may go before. This file knows nothing but names.

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
    /// All of them, the first one first.
    pub const ALL: [Self; 4] = [Self::Urgent, Self::Orders, Self::Queries, Self::Background];

    /// The lane of that number, if there is one.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }
}
