//! The slots of a pool, which of them have an exchange in flight, and the free responses for them.

use std::ops::Deref;
use std::sync::Arc;

use super::Slot;
use super::in_flight_set::InFlightSet;
use crate::config::Sizes;
use crate::http::watch::WatchList;
use crate::metrics::records::Records;
use crate::net::connect::DialError;
use crate::recorder::slot_recorder::SlotRecorder;
use crate::recycle::FreeList;
use crate::stats::Counter;

/// Free responses kept besides one per slot, for views that the engine holds a while.
const SPARE_RESPONSES: usize = 16;

/// The slots of one pool, by their numbers.
pub(crate) struct Slots {
    slots: Box<[Slot]>,
    /// How often each slot had no connection and got one again.
    pub(crate) heals: Box<[Counter]>,
    pub(crate) in_flight: InFlightSet,
    pub(crate) free_list: Arc<FreeList>,
}

impl Slots {
    /// So many empty slots, with their records if durations are counted, and their recorders if
    /// there are any. `watch`: the header fields to be found in each response. Fails if `records`
    /// does.
    pub(crate) fn new(
        count: u32,
        records: impl Fn() -> Result<Option<Records>, DialError>,
        recorder: impl Fn() -> Option<SlotRecorder>,
        sizes: &Sizes,
        watch: Option<Arc<WatchList>>,
    ) -> Result<Self, DialError> {
        let (count, capacity) = (count as usize, sizes.response_capacity);
        let room = count + SPARE_RESPONSES;
        let free_list = match sizes.prefault {
            true => FreeList::prefaulted(room + count, capacity, watch),
            false => FreeList::new(room, capacity, watch),
        };
        let slot = |index| Ok(Slot::with_records(index, records()?, recorder()));
        Ok(Self {
            slots: (0..count as u32).map(slot).collect::<Result<_, DialError>>()?,
            heals: (0..count).map(|_| Counter::default()).collect(),
            in_flight: InFlightSet::new(count as u32),
            free_list,
        })
    }
}

impl Deref for Slots {
    type Target = [Slot];

    fn deref(&self) -> &[Slot] {
        &self.slots
    }
}
