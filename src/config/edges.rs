//! Which of the venue's addresses the slots use, and how often its name is looked up.

use super::{Config, DAY, MS, within};
use crate::error::Status;
use crate::pool::edges::{Placement, PlacementRules};

/// Which addresses the slots use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EdgeSettings {
    /// Where the slots dial, and when they move.
    pub placement: PlacementRules,
    /// The name is looked up so often in the background, in nanoseconds; 0: for dials only.
    pub resolve_interval_ns: u64,
}

/// Edges.
impl Config {
    /// Sets to which addresses the slots dial, and when live connections are moved to a better one:
    /// when theirs is behind by so many percent, 1 to 1000, and so much time has passed since the
    /// last move, 1 ms to 1 day. A time of 0 moves no live connection.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_placement(
        &mut self,
        placement: Placement,
        margin_percent: u32,
        between_moves_ns: u64,
    ) -> Result<(), Status> {
        let margin_percent = within(margin_percent, 1..=1000)?;
        let between_moves_ns = zero_or_interval(between_moves_ns)?;
        self.edges.placement = PlacementRules { placement, margin_percent, between_moves_ns };
        Ok(())
    }

    /// Sets how often the name is looked up in the background, 1 ms to 1 day; 0 for dials only.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_resolve_interval_ns(&mut self, interval_ns: u64) -> Result<(), Status> {
        self.edges.resolve_interval_ns = zero_or_interval(interval_ns)?;
        Ok(())
    }

    /// Which addresses the slots use.
    pub const fn edges(&self) -> &EdgeSettings {
        &self.edges
    }
}

fn zero_or_interval(ns: u64) -> Result<u64, Status> {
    if ns == 0 { Ok(0) } else { within(ns, MS..=DAY) }
}
