//! Telling the engine's log. A record is made only if its level is wanted.
//!
//! Runs on the pool thread, and for the opening, the drain and the end of a pool on the thread that
//! asks for it. No lock is held.

use super::Pool;
use crate::log::{Level, Pairs, tell};

impl Pool {
    /// Something has happened to the pool, at a moment when no event is made.
    pub(crate) fn log(
        &self,
        level: Level,
        target: &'static str,
        make: impl FnOnce() -> (String, Pairs),
    ) {
        let host = &self.dialling.ways.dialer.host;
        tell(self.reporting.events.log(), (level, target), (&self.reporting.name, host), make);
    }
}
