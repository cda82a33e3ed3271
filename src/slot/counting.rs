//! What a slot counts of durations, under its lock. What is counted, and how, says
//! [`Durations`](super::durations::Durations).

use std::sync::Arc;

use super::Slot;
use super::address_records::AddressRecord;
use crate::metrics::Kind;
use crate::metrics::records::Record;

impl Slot {
    /// Counts the durations of the last orders. For when the last one was delivered.
    pub fn count(&self) {
        self.lock().held.durations.count();
    }

    /// Records how long something took that happens seldom.
    pub fn record(&self, kind: Kind, ns: u64) {
        self.lock().held.durations.record(kind, ns);
    }

    /// Records how long a step of a dial to `address` took.
    pub fn record_dial(&self, kind: Kind, ns: u64, address: Option<&Arc<AddressRecord>>) {
        self.lock().held.durations.record_dial(kind, ns, address);
    }

    /// Adds what was recorded of a connection to `address` to what is kept of it, if it is not
    /// there yet.
    pub fn settle(&self, kind: Kind, address: &Arc<AddressRecord>) {
        self.lock().held.durations.settle(kind, address);
    }

    /// Copies what was recorded over `copy`. `reset_wall_ns`: begins anew, at that time. Allocates
    /// nothing, because a request may wait for the lock.
    pub fn copy_record(&self, kind: Kind, copy: &mut Record, reset_wall_ns: Option<u64>) {
        self.lock().held.durations.copy(kind, copy, reset_wall_ns);
    }
}
