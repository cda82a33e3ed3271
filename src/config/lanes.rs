//! Lanes: which requests go before others, and which slots are kept for them.

use super::{Config, MIB, within};
use crate::error::Status;
use crate::lane::Lane;
use crate::pool::lanes::{LaneRule, LaneRules};

/// What was set for a lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LaneSetting {
    reserved_slots: u32,
    /// 0: that of the pool.
    waiting_capacity: usize,
    through_pause: bool,
}

/// Lanes.
impl Config {
    /// Sets what is special about a lane. `reserved_slots` are kept for requests of this lane and
    /// of the lanes above it. `waiting_capacity` is how many of its requests may wait, 1 to
    /// 1048576, or 0 for as many as [`Config::set_waiting_capacity`] says. `through_pause`: its
    /// requests are sent while the pool is suspended, too.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_lane(
        &mut self,
        lane: Lane,
        reserved_slots: u32,
        waiting_capacity: usize,
        through_pause: bool,
    ) -> Result<(), Status> {
        let reserved_slots = within(reserved_slots, 0..=1024)?;
        let waiting_capacity = within(waiting_capacity, 0..=MIB)?;
        self.lanes[lane as usize] = LaneSetting { reserved_slots, waiting_capacity, through_pause };
        Ok(())
    }

    /// The rules of the lanes.
    ///
    /// # Errors
    /// `ERR_ARGUMENT` if all slots are reserved, so that requests of the lowest lane could never be
    /// sent.
    pub fn lanes(&self) -> Result<LaneRules, Status> {
        let mut rules = LaneRules::with_capacity(self.sizes.waiting_capacity);
        for (lane, setting) in Lane::ALL.into_iter().zip(self.lanes) {
            let queue_capacity = match setting.waiting_capacity {
                0 => self.sizes.waiting_capacity,
                own => own,
            };
            let LaneSetting { reserved_slots, through_pause, .. } = setting;
            rules.set(lane, LaneRule { reserved_slots, queue_capacity, through_pause });
        }
        let is_possible = (rules.kept_from_lowest() as usize) < self.connections();
        if is_possible { Ok(rules) } else { Err(Status::ERR_ARGUMENT) }
    }
}
