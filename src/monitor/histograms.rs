//! Snapshots of what the slots record, put together from copies.
//!
//! A slot is locked for one copy, and only one slot at a time. At a reset of the slot, and at a
//! snapshot of an address, its present part is added to what is kept. Requests that end without a
//! slot are recorded under a lock of their own, which no exchange takes.

use std::net::IpAddr;
use std::sync::PoisonError;

use crate::clock::wall_ns;
use crate::driver::Pool;
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
            records.copy(kind, &mut copy);
            if let Some(now_wall_ns) = reset_wall_ns {
                records.reset(kind, now_wall_ns, None);
            }
            drop(records);
            snapshot.add(&copy);
        }
        Ok(snapshot)
    }

    /// What was recorded of that kind of the connections to an address. `resets`: it begins anew,
    /// and nothing else does. Any thread.
    ///
    /// `ERR_NOT_FOUND`: no such address is known, or the pool has no histograms.
    pub fn address_histogram(
        &self,
        kind: Kind,
        ip: IpAddr,
        resets: bool,
    ) -> Result<Snapshot, Status> {
        let now_wall_ns = wall_ns();
        let records = self.dialling.records.as_ref().ok_or(Status::ERR_NOT_FOUND)?;
        let mut snapshot = Snapshot::new(kind, now_wall_ns);
        match records.find(ip) {
            Some(address) => {
                let mut copy = Record::new(0);
                // Only what is settled is told. So a slot that goes to another address meanwhile
                // is told neither twice nor not at all.
                self.slots.iter().for_each(|slot| slot.settle(kind, &address));
                address.copy(kind, &mut copy, resets.then_some(now_wall_ns));
                snapshot.add(&copy);
            }
            // No connection went there yet.
            None if self.dialling.edges.knows(ip) => {}
            None => return Err(Status::ERR_NOT_FOUND),
        }
        Ok(snapshot)
    }
}
