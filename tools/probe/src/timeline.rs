//! What happened to the connections: lives, heals, rotations and pauses, from the pool's events.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use serde::{Deserialize, Serialize};
use venuepool::driver::Pool;
use venuepool::event::{Event, EventHook, EventKind};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    /// A connection is there, the first one of its place.
    Up,
    /// A connection is there again, after its place had none.
    Healed,
    /// A connection has taken over from one that still served.
    Rotated,
    /// A connection was given up.
    Lost,
    /// A dial failed.
    DialFailed,
    /// The venue asked for a pause.
    Paused,
    /// The pause is over.
    Resumed,
}

/// When it happened, and to which connection. Times are nanoseconds, and may be before the part of
/// the run that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Happened {
    pub(crate) at_ns: i64,
    pub(crate) what: What,
    pub(crate) slot: Option<u32>,
    /// In words.
    pub(crate) text: String,
}

/// Collects events. Its hook runs on the pool thread.
#[derive(Clone, Default)]
pub(crate) struct Timeline(Arc<Inner>);

#[derive(Default)]
struct Inner {
    pool: OnceLock<Weak<Pool>>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// With the clock's times.
    events: Vec<(u64, What, Option<u32>, String)>,
    /// The places that had a connection before.
    was_up: Vec<bool>,
    rotations: u64,
}

impl Timeline {
    /// To be set before the pool is opened.
    pub(crate) fn hook(&self) -> EventHook {
        let inner = Arc::clone(&self.0);
        EventHook(Arc::new(move |event| inner.note(event)))
    }

    /// To be called once the pool is open: its counters tell rotations from heals.
    pub(crate) fn watch(&self, pool: &Arc<Pool>) {
        let _ = self.0.pool.set(Arc::downgrade(pool));
    }

    /// All that has happened, in order. `begin_ns` is the clock's time of the time 0.
    pub(crate) fn since(&self, begin_ns: u64) -> Vec<Happened> {
        let known = self.0.known();
        let happened = |(at, what, slot, text): &(u64, What, Option<u32>, String)| Happened {
            at_ns: at.wrapping_sub(begin_ns) as i64,
            what: *what,
            slot: *slot,
            text: text.clone(),
        };
        known.events.iter().map(happened).collect()
    }
}

impl Inner {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, event: &Event) {
        // The pool counts a rotation before it tells of it, on this thread.
        let pool = self.pool.get().and_then(Weak::upgrade);
        let rotations = pool.map_or(0, |pool| pool.stats().rotations.get());
        self.known().note(event, rotations);
    }
}

impl Known {
    fn note(&mut self, event: &Event, rotations: u64) {
        let what = match event.kind {
            EventKind::Up => self.up(event.slot, rotations),
            EventKind::Lost => What::Lost,
            EventKind::DialFailed => What::DialFailed,
            EventKind::Suspended => What::Paused,
            EventKind::Resumed => What::Resumed,
            EventKind::Degraded
            | EventKind::AllLive
            | EventKind::LateResponse
            | EventKind::TooFewDials => return,
        };
        self.events.push((event.time_ns, what, event.slot, event.text.clone()));
    }

    fn up(&mut self, slot: Option<u32>, rotations: u64) -> What {
        let place = slot.unwrap_or(0) as usize;
        if self.was_up.len() <= place {
            self.was_up.resize(place + 1, false);
        }
        let was_up = std::mem::replace(&mut self.was_up[place], true);
        let has_rotated = std::mem::replace(&mut self.rotations, rotations) < rotations;
        match (was_up, has_rotated) {
            (false, _) => What::Up,
            (true, true) => What::Rotated,
            (true, false) => What::Healed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_tells_a_rotation_from_a_heal() {
        let mut known = Known::default();
        assert_eq!(known.up(Some(1), 0), What::Up);
        assert_eq!(known.up(Some(1), 0), What::Healed);
        assert_eq!(known.up(Some(1), 1), What::Rotated);
        assert_eq!((known.up(Some(1), 1), known.up(Some(0), 1)), (What::Healed, What::Up));
    }
}
