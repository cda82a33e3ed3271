//! Telling the engine what happens: events, made only when somebody listens, or wants a record.
//!
//! Runs on the pool thread, with no lock held.

use super::event_log::is_logged;
use crate::clock::now_ns;
use crate::completion::Completion;
use crate::driver::Pool;
use crate::event::{Event, EventKind};
use crate::net::connect::DialError;
use crate::pool::connection_state::Loss;
use crate::pool::pause::Scope;
use crate::recorder::text::text;
use crate::slot::ConnectionEnd;

impl Pool {
    /// A slot came up.
    pub(super) fn tell_up(&self, slot: u32) {
        self.tell(EventKind::Up, |event| {
            event.slot = Some(slot);
            event.text = format!("slot {slot}: live");
            if let Some(path) = self.dialling.edges.path(slot) {
                event.text.push_str(&path.to_string());
            }
        });
        self.tell_whether_all_live();
    }

    /// A connection was given up.
    pub(super) fn tell_lost(&self, slot: u32, loss: &Loss, end: &ConnectionEnd) {
        self.tell(EventKind::Lost, |event| {
            event.slot = Some(slot);
            event.close_reason = Some(loss.reason);
            let (why, ms) = (loss.reason.name().to_string_lossy(), loss.lifetime_ns / 1_000_000);
            event.text = format!("slot {slot}: connection given up after {ms} ms: {why}");
            if let Some(tls_error) = &end.tls_error {
                event.text.push_str(": ");
                event.text.push_str(tls_error);
            }
            // The log has no bytes of requests and answers.
            if self.reporting.events.hook().is_some() {
                let slot = &self.slots[slot as usize];
                let recording = self.reporting.recorded.of_loss(slot, end.connection);
                event.recording = recording.map(|recording| text(&recording));
            }
        });
        self.tell_whether_all_live();
    }

    /// A dial failed; the next one begins at `until_ns`.
    pub(super) fn tell_dial_failed(&self, slot: u32, error: &DialError, until_ns: u64) {
        self.tell(EventKind::DialFailed, |event| {
            event.slot = Some(slot);
            event.status = Some(error.step);
            event.until_ns = until_ns;
            event.text = format!("slot {slot}: {}", error.text);
        });
    }

    /// A pause began, or became longer.
    pub(super) fn tell_suspended(&self, scope: Scope, until_ns: u64) {
        self.tell(EventKind::Suspended, |event| {
            event.until_ns = until_ns;
            let ms = until_ns.saturating_sub(event.time_ns) / 1_000_000;
            event.text = format!("suspended for {ms} ms");
            self.name_scope(scope, event);
        });
    }

    /// A pause is over.
    pub(super) fn tell_resumed(&self, scope: Scope) {
        self.tell(EventKind::Resumed, |event| {
            event.text = "resumed".to_owned();
            self.name_scope(scope, event);
        });
    }

    fn name_scope(&self, scope: Scope, event: &mut Event) {
        let Scope::Source(source) = scope else { return };
        event.source = Some(source);
        if let Some(address) = self.dialling.source_address(source) {
            event.text = format!("source {source} ({address}): {}", event.text);
        }
    }

    /// An answer came after the completion of its request.
    pub(super) fn tell_late(&self, late: Completion) {
        self.tell(EventKind::LateResponse, |event| {
            event.slot = late.slot.map(u32::from);
            event.text = format!("request {}: answered after its completion", late.id);
            event.late = Some(late);
        });
    }

    /// The limits of the connections ask for so many dials a second now.
    pub(super) fn tell_whether_dials_suffice(&self, needed: u32) {
        let (slots, (_, allowed)) = (self.slots(), self.dials_needed_and_allowed());
        let is_told = self.reporting.events.changes().dials(needed, allowed);
        if !is_told {
            return;
        }
        self.tell(EventKind::TooFewDials, |event| {
            event.text = format!(
                "the limits of {slots} connections ask for {needed} dials a second, and {allowed} \
                 are allowed: slots will be down at times, unless requests or heartbeats keep them"
            );
        });
    }

    fn tell_whether_all_live(&self) {
        if self.reporting.events.hook().is_none() && self.reporting.events.log().is_none() {
            return;
        }
        let live = self.counts().live;
        let change = self.reporting.events.changes().live(live, self.slots());
        let Some(all_live) = change else { return };
        let kind = if all_live { EventKind::AllLive } else { EventKind::Degraded };
        self.tell(kind, |event| {
            event.text = format!("{} of {} slots are live", event.live, self.slots());
        });
    }

    fn tell(&self, kind: EventKind, fill: impl FnOnce(&mut Event)) {
        let events = &self.reporting.events;
        let is_heard =
            events.hook().is_some() || events.log().is_some_and(|log| is_logged(log, kind));
        if !is_heard {
            return;
        }
        let mut event = Event {
            kind,
            time_ns: now_ns(),
            slot: None,
            source: None,
            live: self.counts().live,
            close_reason: None,
            status: None,
            until_ns: 0,
            text: String::new(),
            late: None,
            recording: None,
        };
        fill(&mut event);
        self.log_event(&event);
        if let Some(hook) = events.hook() {
            (hook.0)(&event);
        }
    }
}
