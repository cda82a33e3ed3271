//! Who listens to the events of a pool, and what they were told of the whole of it.
//!
//! The events are made in `src/tasks/events.rs`.

use std::sync::PoisonError;

use crate::event::EventHook;
use crate::log::LogHook;
use crate::pool::changes::Changes;
use crate::sync::{Mutex, MutexGuard};

/// Who listens, and what they were told.
pub(crate) struct Events {
    hook: Option<EventHook>,
    log: Option<LogHook>,
    changes: Mutex<Changes>,
}

impl Events {
    pub(crate) fn new(hook: Option<&EventHook>, log: Option<&LogHook>) -> Self {
        Self { hook: hook.cloned(), log: log.cloned(), changes: Mutex::default() }
    }

    /// Who wants records for a log.
    pub(crate) fn log(&self) -> Option<&LogHook> {
        self.log.as_ref()
    }

    /// Who is told of events.
    pub(crate) fn hook(&self) -> Option<&EventHook> {
        self.hook.as_ref()
    }

    /// What is told of the whole pool, once for each change.
    pub(crate) fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
