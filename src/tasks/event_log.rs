//! Events as records for the engine's log.

use crate::driver::Pool;
use crate::error::CloseReason;
use crate::event::{Event, EventKind};
use crate::log::{Level, LogHook, Pairs};

/// Whether a record is made of events of that kind.
pub(super) fn is_logged(hook: &LogHook, kind: EventKind) -> bool {
    importance(kind, None).0 <= hook.level
}

impl Pool {
    /// An event has happened.
    pub(super) fn log_event(&self, event: &Event) {
        let (level, target) = importance(event.kind, event.close_reason);
        self.log(level, target, || (event.text.clone(), pairs(event)));
    }
}

/// How important an event is, and what it is about.
fn importance(kind: EventKind, reason: Option<CloseReason>) -> (Level, &'static str) {
    match kind {
        EventKind::Up => (Level::Info, "connection"),
        EventKind::Lost if reason.is_some_and(CloseReason::is_ours) => (Level::Info, "connection"),
        EventKind::Lost => (Level::Warn, "connection"),
        EventKind::DialFailed | EventKind::TooFewDials => (Level::Warn, "dial"),
        EventKind::Degraded => (Level::Warn, "pool"),
        EventKind::AllLive => (Level::Info, "pool"),
        EventKind::Suspended => (Level::Warn, "pause"),
        EventKind::Resumed => (Level::Info, "pause"),
        EventKind::LateResponse => (Level::Trace, "request"),
    }
}

fn pairs(event: &Event) -> Pairs {
    let mut pairs = vec![("event", event.kind.name().to_string_lossy().into_owned())];
    pairs.extend(event.slot.map(|slot| ("slot", slot.to_string())));
    pairs.extend(event.source.map(|source| ("source", source.to_string())));
    let reason = event.close_reason.map(|reason| reason.name().to_string_lossy().into_owned());
    pairs.extend(reason.map(|reason| ("reason", reason)));
    let status = event.status.map(|status| status.name().to_string_lossy().into_owned());
    pairs.extend(status.map(|status| ("status", status)));
    pairs.push(("live", event.live.to_string()));
    if event.until_ns != 0 {
        let wait_ms = event.until_ns.saturating_sub(event.time_ns) / 1_000_000;
        pairs.push(("wait_ms", wait_ms.to_string()));
    }
    pairs
}
