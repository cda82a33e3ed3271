//! Snapshots of what the slots record, put together from copies.
//!
//! A slot is locked for one copy, and only one slot at a time. Requests that end without a slot are
//! recorded under a lock of their own, which no exchange takes.

use std::sync::PoisonError;

use super::Pool;
use super::clock::wall_ns;
use crate::completion::Times;
use crate::error::Status;
use crate::metrics::Kind;
use crate::metrics::records::Record;
use crate::metrics::snapshot::Snapshot;

impl Pool {
    /// What was recorded of that kind in a slot, or in all and by requests that had none. `resets`:
    /// it begins anew, and no duration is lost or told twice. Any thread.
    ///
    /// `ERR_ARGUMENT`: there is no such slot. `ERR_NOT_FOUND`: the pool has no histograms.
    pub fn histogram(
        &self,
        kind: Kind,
        slot: Option<u32>,
        resets: bool,
    ) -> Result<Snapshot, Status> {
        let now_wall_ns = wall_ns();
        let reset_wall_ns = resets.then_some(now_wall_ns);
        let slots = match slot {
            None => &self.slots[..],
            Some(index) => {
                let index = index as usize;
                self.slots.get(index..=index).ok_or(Status::ERR_ARGUMENT)?
            }
        };
        let slotless = self.delivery.slotless.as_ref().ok_or(Status::ERR_NOT_FOUND)?;
        // Taken before a lock is.
        let (mut copy, mut snapshot) = (Record::new(0), Snapshot::new(kind, now_wall_ns));
        for slot in slots {
            slot.copy_record(kind, &mut copy, reset_wall_ns);
            snapshot.add(&copy);
        }
        if slot.is_none() {
            let mut records = slotless.lock().unwrap_or_else(PoisonError::into_inner);
            records.copy(kind, &mut copy, reset_wall_ns);
            drop(records);
            snapshot.add(&copy);
        }
        Ok(snapshot)
    }

    /// A request has ended without a slot.
    pub(super) fn record_slotless(&self, times: &Times) {
        if let Some(slotless) = &self.delivery.slotless {
            slotless.lock().unwrap_or_else(PoisonError::into_inner).order(times);
        }
    }
}
