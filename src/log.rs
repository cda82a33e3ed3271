//! Records for the engine's log: what happens to connections and to the pool, never to one order.
//!
//! A record is made only when somebody listens at its level. No byte of a request or of an answer
//! is in it, and no credential. It knows nothing but names, and the clock.

use std::fmt;
use std::sync::Arc;

use crate::clock::now_ns;

/// How important a record is. A listener at a level has all that are at least as important.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A pool or a session could not be opened.
    Error = 1,
    /// A connection or a dial failed, or a pause began.
    Warn = 2,
    /// A connection came up or went in good order, or the pool changed its state.
    Info = 3,
    /// A dial began.
    Debug = 4,
    /// What can happen with each order.
    Trace = 5,
}

impl Level {
    /// Each of them, the most important first.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// The level of that number; `None` if there is none.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|level| *level as u32 == number)
    }
}

/// One record.
#[derive(Debug)]
pub struct Record<'a> {
    /// How important it is.
    pub level: Level,
    /// What it is about: `pool`, `connection`, `dial`, `pause` or `request`.
    pub target: &'static str,
    /// When, in nanoseconds of CLOCK_MONOTONIC.
    pub time_ns: u64,
    /// What happened, in words.
    pub message: &'a str,
    /// The same as keys and values; `pool` and `host` are always there.
    pub pairs: &'a [(&'static str, String)],
}

/// Receives the records of a pool.
#[derive(Clone)]
pub struct LogHook {
    /// The least important level that it wants.
    pub level: Level,
    /// Is given each record.
    pub function: Arc<dyn Fn(&Record<'_>) + Send + Sync>,
}

impl fmt::Debug for LogHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogHook({:?})", self.level)
    }
}

impl PartialEq for LogHook {
    fn eq(&self, other: &Self) -> bool {
        self.level == other.level && Arc::ptr_eq(&self.function, &other.function)
    }
}

impl Eq for LogHook {}

/// Keys and values of a record.
pub(crate) type Pairs = Vec<(&'static str, String)>;

/// Makes a record, if its level is wanted, and gives it to the engine.
pub(crate) fn tell(
    hook: Option<&LogHook>,
    (level, target): (Level, &'static str),
    (name, host): (&str, &str),
    make: impl FnOnce() -> (String, Pairs),
) {
    let Some(hook) = hook.filter(|hook| level <= hook.level) else { return };
    let (message, more) = make();
    let mut pairs = vec![("pool", name.to_owned()), ("host", host.to_owned())];
    pairs.extend(more);
    let time_ns = now_ns();
    (hook.function)(&Record { level, target, time_ns, message: &message, pairs: &pairs });
}
