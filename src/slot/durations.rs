//! Where a slot records durations: in its own record, on behalf of the address that its connection
//! goes to as well.
//!
//! It is under the slot's lock. It takes the lock of an address only for what happens seldom: never
//! for an order.

use std::sync::Arc;

use super::address_records::AddressRecord;
use crate::completion::Times;
use crate::metrics::Kind;
use crate::metrics::records::{Record, Records};

/// What a slot records; nothing, if no durations are counted.
#[derive(Default)]
pub(crate) struct Durations {
    records: Option<Records>,
    /// To which the present part belongs. It stays when the connection is lost, until there is one
    /// to another address. `None`: there was no connection yet, or it has no address.
    address: Option<Arc<AddressRecord>>,
}

impl Durations {
    pub(crate) fn new(records: Option<Records>) -> Self {
        Self { records, address: None }
    }

    /// An order has ended.
    #[inline]
    pub(crate) fn order(&mut self, times: impl FnOnce() -> Times) {
        if let Some(records) = &mut self.records {
            records.order(&times());
        }
    }

    /// Whether it is time to [`count`](Self::count).
    pub(crate) fn is_full(&self) -> bool {
        self.records.as_ref().is_some_and(Records::is_full)
    }

    /// Counts the orders that have ended.
    pub(crate) fn count(&mut self) {
        if let Some(records) = &mut self.records {
            records.count();
        }
    }

    /// Something of the present connection took that long.
    pub(crate) fn record(&mut self, kind: Kind, ns: u64) {
        if let Some(records) = &mut self.records {
            records.record(kind, ns);
        }
    }

    /// A step of a dial to `address` took that long. The present connection may go elsewhere.
    pub(crate) fn record_dial(
        &mut self,
        kind: Kind,
        ns: u64,
        address: Option<&Arc<AddressRecord>>,
    ) {
        let Some(records) = &mut self.records else { return };
        match (address, &self.address) {
            (Some(address), Some(present)) if !Arc::ptr_eq(address, present) => {
                records.record_elsewhere(kind, ns, &mut address.kept());
            }
            (Some(address), _) => {
                self.address = Some(Arc::clone(address));
                records.record(kind, ns);
            }
            (None, _) => records.record(kind, ns),
        }
    }

    /// From now on what is recorded belongs to that address.
    pub(crate) fn goes_to(&mut self, address: Option<Arc<AddressRecord>>) {
        let (Some(records), Some(address)) = (&mut self.records, address) else { return };
        if let Some(former) = self.address.as_ref().filter(|it| !Arc::ptr_eq(it, &address)) {
            let mut kept = former.kept();
            Kind::ALL.iter().for_each(|kind| records.settle(*kind, &mut kept));
        }
        self.address = Some(address);
    }

    /// Adds the present part to what is kept of `address`, and of the slot, if it belongs there.
    pub(crate) fn settle(&mut self, kind: Kind, address: &Arc<AddressRecord>) {
        let is_there = self.address.as_ref().is_some_and(|it| Arc::ptr_eq(it, address));
        if let Some(records) = self.records.as_mut().filter(|_| is_there) {
            records.settle(kind, &mut address.kept());
        }
    }

    /// Copies what the slot has recorded over `copy`. `reset_wall_ns`: it begins anew, at that
    /// time, and the address does not.
    pub(crate) fn copy(&mut self, kind: Kind, copy: &mut Record, reset_wall_ns: Option<u64>) {
        let Some(records) = &mut self.records else { return };
        records.copy(kind, copy);
        if let Some(now_wall_ns) = reset_wall_ns {
            let mut kept = self.address.as_ref().map(|address| address.kept());
            records.reset(kind, now_wall_ns, kept.as_deref_mut());
        }
    }
}
