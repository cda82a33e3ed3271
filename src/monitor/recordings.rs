//! What the flight recorders of a pool tell, when somebody asks.

use crate::driver::Pool;
use crate::error::Status;
use crate::recorder::recording::{Recording, Wanted};

impl Pool {
    /// What was recorded lately in a slot, or in all and of requests that had none. Any thread.
    ///
    /// `ERR_ARGUMENT`: there is no such slot. `ERR_NOT_FOUND`: the pool has no recorder.
    pub fn recording(&self, slot: Option<u32>) -> Result<Recording, Status> {
        let slots = match slot {
            None => &self.slots[..],
            Some(index) => {
                let index = index as usize;
                self.slots.get(index..=index).ok_or(Status::ERR_ARGUMENT)?
            }
        };
        let recorded = &self.reporting.recorded;
        recorded.of_slots(slots, slot.is_none()).ok_or(Status::ERR_NOT_FOUND)
    }

    /// What was recorded of an order, and of the connections that it was sent on. Any thread.
    ///
    /// `ERR_NOT_FOUND`: the pool has no recorder, or the order is not there any more.
    pub fn recording_of(&self, wanted: Wanted) -> Result<Recording, Status> {
        let mut recording = self.recording(None)?;
        if recording.select(wanted) { Ok(recording) } else { Err(Status::ERR_NOT_FOUND) }
    }
}
