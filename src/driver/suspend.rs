//! Pauses: the venue said "too many", so for a while nothing is sent.
//!
//! Whoever sees the answer that says so begins the pause; from then on submits are refused and the
//! waiting line is emptied. A task on the pool thread tells of its beginning and its end.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Pool;
use super::clock::now_ns;
use super::retry_after::retry_after;
use crate::completion::Completion;
use crate::config::SuspendRule;
use crate::error::CloseReason;
use crate::pool::healing::Healing;
use crate::pool::pause::Pause;
use crate::sync::Notify;

/// What begins a pause, and who is to tell of it.
#[derive(Default)]
pub(super) struct Suspension {
    rules: Vec<SuspendRule>,
    /// The longest pause that an answer can ask for.
    cap_ns: u64,
    changed: Notify,
}

impl Suspension {
    pub(super) fn new(rules: &[SuspendRule], cap_ns: u64) -> Self {
        Self { rules: rules.to_vec(), cap_ns, ..Self::default() }
    }

    /// How long the pause is by that rule, for an answer that asks for so much. To ask for none, or
    /// to name a moment that has passed, says nothing of how long it should be.
    fn pause_ns(&self, rule: &SuspendRule, asked: Option<Duration>) -> u64 {
        let asked_ns = asked.map_or(0, |wait| u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX));
        if asked_ns == 0 { rule.for_ns } else { asked_ns.min(self.cap_ns) }
    }
}

impl Pool {
    /// Suspends the pool for so long from now, at least; 0 ends a pause at once. Any thread.
    pub fn suspend(&self, for_ns: u64) {
        match for_ns {
            0 => {
                let mut dispatcher = self.dispatcher();
                let until_ns = dispatcher.suspension().until_ns();
                dispatcher.resume(until_ns);
                drop(dispatcher);
                self.suspension.changed.notify_one();
                self.dials.tell(Healing::resumed);
            }
            _ => self.begin_pause(for_ns, false),
        }
    }

    /// When the present pause ends, in nanoseconds; 0 when there is none.
    pub fn suspended_until_ns(&self) -> u64 {
        let until = self.dispatcher().suspension().until_ns();
        if until > now_ns() { until } else { 0 }
    }

    /// Begins a pause if the response of this exchange asks for one. Comes before the slot is free
    /// again, so that nobody in line is sent on it.
    pub(super) fn judge_pause(&self, completion: &Completion) {
        let rules = &self.suspension.rules;
        let Some(recycled) = completion.response.as_ref() else { return };
        let status = recycled.response.status();
        let Some(rule) = rules.iter().find(|rule| rule.http_status == status) else { return };
        let asked = retry_after(&recycled.response, SystemTime::now());
        let for_ns = self.suspension.pause_ns(rule, asked);
        if for_ns != 0 {
            self.begin_pause(for_ns, rule.closes);
        }
    }

    pub(super) fn begin_pause(&self, for_ns: u64, closes: bool) {
        let mut dispatcher = self.dispatcher();
        let closes = dispatcher.suspend(now_ns(), for_ns, closes);
        self.dispatch(dispatcher);
        if closes {
            self.slots.iter().for_each(|slot| slot.retire(CloseReason::Suspended));
        }
        self.suspension.changed.notify_one();
    }

    /// Until when no dial may begin, in nanoseconds; 0 when there is no such pause.
    pub(super) fn no_dial_until_ns(&self) -> u64 {
        let dispatcher = self.dispatcher();
        let suspension = dispatcher.suspension();
        if suspension.no_dial_ns(now_ns()) == 0 { 0 } else { suspension.until_ns() }
    }

    /// The pause as it is now.
    pub(super) fn pause(&self) -> Pause {
        *self.dispatcher().suspension()
    }
}

/// The task that tells of pauses, until it is dropped.
pub(super) async fn watch_pauses(pool: Arc<Pool>) {
    let suspension = &pool.suspension;
    // The end of the pause that was told and is not over; 0 for none.
    let mut told_ns = 0;
    loop {
        let until = pool.dispatcher().suspension().until_ns();
        if until != 0 && until != told_ns {
            pool.tell_suspended(until);
            told_ns = until;
        }
        let left_ns = until.saturating_sub(now_ns());
        if told_ns != 0 && left_ns == 0 {
            // Over in time, or ended by the engine.
            if pool.dispatcher().resume(until) {
                pool.tell_resumed();
                told_ns = 0;
            }
            continue;
        }
        let end = tokio::time::sleep(Duration::from_nanos(left_ns));
        tokio::select! {
            () = end, if left_ns > 0 => {}
            () = suspension.changed.notified() => {}
        }
    }
}
