//! What is kept of each address that connections went to: the durations that are in no slot's
//! present part.
//!
//! It knows no slot. An address that a slot uses is held by it, so it is never forgotten then. The
//! lock of one address may be taken under a slot's, and no other lock is taken under it.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError};

use crate::clock::wall_ns;
use crate::metrics::Kind;
use crate::metrics::records::{Kept, Record};
use crate::pool::edges::MAX_KNOWN;
use crate::sync::{Mutex, MutexGuard};

/// What is kept of one address.
pub struct AddressRecord {
    ip: IpAddr,
    kept: Mutex<Kept>,
}

/// The addresses of a pool, the oldest first.
#[derive(Default)]
pub(crate) struct AddressRecords(Mutex<Vec<Arc<AddressRecord>>>);

impl AddressRecord {
    /// What is kept of it, locked.
    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Copies what is kept over `copy`. `reset_wall_ns`: begins anew, at that time. Allocates
    /// nothing, because a slot may wait for the lock.
    pub(crate) fn copy(&self, kind: Kind, copy: &mut Record, reset_wall_ns: Option<u64>) {
        let mut kept = self.kept();
        kept.copy(kind, copy);
        if let Some(now_wall_ns) = reset_wall_ns {
            kept.reset(kind, now_wall_ns);
        }
    }
}

impl AddressRecords {
    /// The record of that address: a new one if there is none. For it, the oldest one is forgotten
    /// that no slot uses, if there are too many.
    ///
    /// # Errors
    /// The system has no address space.
    pub(crate) fn obtain(&self, ip: IpAddr) -> io::Result<Arc<AddressRecord>> {
        let ip = ip.to_canonical();
        let mut known = self.known();
        if let Some(record) = known.iter().find(|record| record.ip == ip) {
            return Ok(Arc::clone(record));
        }
        let record = Arc::new(AddressRecord { ip, kept: Mutex::new(Kept::new(wall_ns())?) });
        // Whoever else has one took it from here, so under this lock a count of one is exact.
        let is_unused = |record: &Arc<AddressRecord>| Arc::strong_count(record) == 1;
        if known.len() >= MAX_KNOWN
            && let Some(old) = known.iter().position(is_unused)
        {
            known.remove(old);
        }
        known.push(Arc::clone(&record));
        Ok(record)
    }

    /// The record of that address, if there is one.
    pub(crate) fn find(&self, ip: IpAddr) -> Option<Arc<AddressRecord>> {
        let ip = ip.to_canonical();
        self.known().iter().find(|record| record.ip == ip).cloned()
    }

    fn known(&self) -> MutexGuard<'_, Vec<Arc<AddressRecord>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn ip(number: usize) -> IpAddr {
        Ipv4Addr::from(number as u32).into()
    }

    #[test]
    fn an_address_has_one_record_however_it_is_written() {
        let records = AddressRecords::default();
        let record = records.obtain("127.0.0.2".parse().unwrap()).unwrap();
        let mapped = "::ffff:127.0.0.2".parse().unwrap();
        assert!(Arc::ptr_eq(&records.obtain(mapped).unwrap(), &record));
        assert!(records.find(mapped).is_some_and(|found| Arc::ptr_eq(&found, &record)));
        assert!(records.find("127.0.0.3".parse().unwrap()).is_none());
    }

    #[test]
    fn the_oldest_address_is_forgotten_that_no_slot_uses() {
        let records = AddressRecords::default();
        let used = records.obtain(ip(0)).unwrap();
        (1..MAX_KNOWN + 2).for_each(|number| drop(records.obtain(ip(number)).unwrap()));
        assert_eq!(records.known().len(), MAX_KNOWN);
        assert!(records.find(ip(0)).is_some_and(|found| Arc::ptr_eq(&found, &used)));
        assert!(records.find(ip(1)).is_none() && records.find(ip(2)).is_none());
        assert!(records.find(ip(3)).is_some() && records.find(ip(MAX_KNOWN + 1)).is_some());
    }

    #[test]
    fn what_all_slots_use_is_kept_beyond_the_bound() {
        let records = AddressRecords::default();
        let used: Vec<_> = (0..=MAX_KNOWN).map(|number| records.obtain(ip(number))).collect();
        assert_eq!(records.known().len(), used.len());
    }
}
