//! Events of the pool, for the engine's log and monitors: what happened to connections, and pauses;
//! and who listens to them.
//!
//! Events are for people and monitors; no event is needed to trade. They are told on the pool
//! thread, with no lock held, in the order in which that thread learns of them.

use std::fmt;
use std::sync::{Arc, PoisonError};

use strum::{IntoStaticStr, VariantArray};

use crate::completion::Completion;
use crate::error::{CloseReason, Status, c_name};
use crate::log::LogHook;
use crate::pool::changes::Changes;
use crate::sync::{Mutex, MutexGuard};

/// What happened.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(prefix = "VP_EVENT_KIND_", suffix = "\0", serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum EventKind {
    /// A slot has a live connection.
    Up = 1,
    /// A connection was given up; the close reason says why, and the text what ended TLS.
    Lost = 2,
    /// A dial failed; the status and the text say why, `until_ns` when the next begins. Or a slot
    /// that has no connection waits until another one of the host ends: ERR_HOST_LIMIT, with
    /// `until_ns` 0.
    DialFailed = 3,
    /// All slots were live, and one is not any more.
    Degraded = 4,
    /// All slots are live, for the first time or again.
    AllLive = 5,
    /// A pause began, or became longer: nothing is sent until `until_ns`, or nothing by `source`.
    Suspended = 6,
    /// The pause is over, of the pool or of `source`. Another one may still hold it.
    Resumed = 7,
    /// The answer to a request arrived after its completion; `late` is what the completion would
    /// have been. The request had timed out, and the answer came within the linger time. Or it is
    /// the answer of another copy of `vp_submit_fanout`.
    LateResponse = 8,
    /// Limits of idle time, age and requests end connections more often than the dial limit lets
    /// the pool dial. The limits are the configured ones, and those that the venue announces. Some
    /// slots will be down at times while the engine sends nothing. The text and `vp_health` have
    /// both numbers. Told when it begins to be so.
    TooFewDials = 9,
}

impl EventKind {
    /// Each of them, in the order of their declaration.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The name as C spells it.
    pub fn name(self) -> &'static std::ffi::CStr {
        c_name(self.into())
    }
}

/// One event.
#[derive(Debug)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// When, in nanoseconds of CLOCK_MONOTONIC.
    pub time_ns: u64,
    /// The slot that it is about, if it is about one.
    pub slot: Option<u32>,
    /// The source that a pause holds; `None` if the pool.
    pub source: Option<u32>,
    /// How many slots are live now.
    pub live: u32,
    /// Why a connection was given up.
    pub close_reason: Option<CloseReason>,
    /// At which step a dial failed.
    pub status: Option<Status>,
    /// When the next dial begins, or the pause ends, in nanoseconds; 0 when there is no such time.
    pub until_ns: u64,
    /// The same in words.
    pub text: String,
    /// The late completion.
    pub late: Option<Completion>,
    /// What the flight recorder has of an order that was lost with a connection, as lines of text.
    pub recording: Option<String>,
}

/// Receives the events of a pool.
#[derive(Clone)]
pub struct EventHook(pub Arc<dyn Fn(&Event) + Send + Sync>);

impl fmt::Debug for EventHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventHook")
    }
}

impl PartialEq for EventHook {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for EventHook {}

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
