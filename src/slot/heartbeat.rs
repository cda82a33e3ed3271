//! The heartbeat of a pool, how many are in flight on its slots, and when maintenance looks next.
//!
//! The task that does the maintenance is in `src/tasks/maintenance.rs`.

use std::sync::PoisonError;
use std::sync::atomic::AtomicU32;

use zeroize::Zeroizing;

use crate::config::Heartbeat;
use crate::pool::maintenance::Heartbeats;
use crate::sync::{Mutex, MutexGuard};
use crate::threads::timer::Timer;

/// A heartbeat as it goes out.
pub(crate) struct NextBeat {
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    pub(crate) is_head: bool,
    pub(crate) timeout_ns: u64,
}

/// The heartbeat of a pool, ready to be sent, and when maintenance looks next.
pub(crate) struct Maintenance {
    /// `None`: no heartbeat is configured.
    heartbeat: Option<Mutex<Heartbeat>>,
    /// When maintenance looks next.
    pub(crate) timer: Timer,
    limit: Mutex<Heartbeats>,
    /// The dials per second that the limits of the connections ask for at rest, rounded up.
    pub(crate) dials_needed: AtomicU32,
}

impl Maintenance {
    pub(crate) fn new(heartbeat: Option<Heartbeat>, limit: Heartbeats) -> Self {
        let (limit, dials_needed) = (Mutex::new(limit), AtomicU32::new(0));
        let heartbeat = heartbeat.map(Mutex::new);
        Self { heartbeat, timer: Timer::default(), limit, dials_needed }
    }

    fn heartbeat(&self) -> Option<MutexGuard<'_, Heartbeat>> {
        Some(self.heartbeat.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many bytes a heartbeat has without the default headers; 0 if there is none.
    pub(crate) fn heartbeat_len(&self) -> usize {
        self.heartbeat().map_or(0, |beat| beat.request.len_without_defaults())
    }

    /// A heartbeat with the default headers of now. Its bytes are a copy, so that no lock is held
    /// while it is sent.
    pub(crate) fn next_heartbeat(&self) -> Option<NextBeat> {
        let mut beat = self.heartbeat()?;
        let (is_head, timeout_ns) = (beat.request.is_head(), beat.timeout_ns);
        // It fits: no default header is set that leaves no room for it.
        let bytes = Zeroizing::new(beat.request.finish().ok()?.to_vec());
        Some(NextBeat { bytes, is_head, timeout_ns })
    }

    /// How many heartbeats may be in flight.
    pub(crate) fn limit(&self) -> MutexGuard<'_, Heartbeats> {
        self.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
