//! Pauses: the venue or the engine asks for one, so for a while nothing is sent.
//!
//! Whoever sees the answer that says so begins the pause; from then on submits are refused and the
//! queue is emptied. A task on the pool thread tells of its beginning and its end.

use std::sync::Arc;
use std::time::Duration;

use super::Pool;
use super::clock::{now_ns, wall_ns};
use crate::completion::Completion;
use crate::error::CloseReason;
use crate::http::retry_after::retry_after;
use crate::pool::healing::Healing;
use crate::pool::pause::{Asked, Pause, SuspendRules, Telling, Told};
use crate::sync::Notify;

/// What begins a pause, and who is to tell of it.
pub(super) struct Pauses {
    rules: SuspendRules,
    changed: Notify,
}

impl Pauses {
    pub(super) fn new(rules: SuspendRules) -> Self {
        Self { rules, changed: Notify::new() }
    }
}

impl Pool {
    /// Suspends the pool for so long from now, at least; 0 ends a pause at once. Any thread.
    pub fn suspend(&self, for_ns: u64) {
        match for_ns {
            0 => {
                let mut dispatcher = self.dispatcher();
                let until_ns = dispatcher.pause().until_ns();
                dispatcher.resume(until_ns);
                drop(dispatcher);
                self.pauses.changed.notify_one();
                self.dialling.dials.tell(Healing::resumed);
            }
            _ => self.begin_pause(for_ns, false),
        }
    }

    /// When the present pause ends, in nanoseconds; 0 when there is none.
    pub fn suspended_until_ns(&self) -> u64 {
        let until = self.dispatcher().pause().until_ns();
        if until > now_ns() { until } else { 0 }
    }

    /// Begins a pause if the response of this exchange asks for one. Comes before the slot is free
    /// again, so that no order in the queue is sent on it.
    pub(super) fn check_pause(&self, completion: &Completion) {
        let Some(recycled) = completion.response.as_ref() else { return };
        let response = &recycled.response;
        let asked = self.pauses.rules.asked(response.status(), || {
            let now = Duration::from_nanos(wall_ns());
            let wait = retry_after(response, now).unwrap_or_default();
            u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX)
        });
        if let Some(Asked { for_ns, closes }) = asked {
            self.begin_pause(for_ns, closes);
        }
    }

    pub(super) fn begin_pause(&self, for_ns: u64, closes: bool) {
        let mut dispatcher = self.dispatcher();
        let now = now_ns();
        if dispatcher.pause().until_ns() <= now {
            self.delivery.stats.pauses.add();
        }
        let closes = dispatcher.suspend(now, for_ns, closes);
        self.dispatch(dispatcher);
        if closes {
            self.slots.iter().for_each(|slot| slot.retire(CloseReason::Suspended));
        }
        self.pauses.changed.notify_one();
    }

    /// The pause as it is now.
    pub(super) fn pause(&self) -> Pause {
        *self.dispatcher().pause()
    }
}

/// The task that tells of pauses, until it is dropped.
pub(super) async fn watch_pauses(pool: Arc<Pool>) {
    let mut told = Told::default();
    loop {
        let now = now_ns();
        let again_ns = match told.next(&pool.pause(), now) {
            Telling::Begun(until_ns) => {
                pool.tell_suspended(until_ns);
                continue;
            }
            Telling::Over(until_ns) => {
                if pool.dispatcher().resume(until_ns) {
                    pool.tell_resumed();
                    told.over();
                }
                continue;
            }
            Telling::At(ns) => Some(ns),
            Telling::Nothing => None,
        };
        let sleep = Duration::from_nanos(again_ns.unwrap_or(now).saturating_sub(now));
        tokio::select! {
            () = tokio::time::sleep(sleep), if again_ns.is_some() => {}
            () = pool.pauses.changed.notified() => {}
        }
    }
}
