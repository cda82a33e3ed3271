//! Pauses: the venue or the engine asks for one, so for a while nothing is sent, or nothing by one
//! source.
//!
//! Whoever sees the answer that says so begins the pause; from then on submits are refused and the
//! queue is emptied, of what may not go by another source. A task on the pool thread tells of its
//! beginning and its end (`src/tasks/pauses.rs`).

use std::time::Duration;

use super::Pool;
use crate::clock::{now_ns, wall_ns};
use crate::completion::Completion;
use crate::error::CloseReason;
use crate::http::retry_after::retry_after;
use crate::pool::healing::Healing;
use crate::pool::pause::{Asked, Pause, Scope, SuspendRules};
use crate::slot::Slot;
use crate::source::source_of_slot;
use crate::sync::Notify;

/// What begins a pause, and who is to tell of it.
pub(crate) struct PauseWatch {
    rules: SuspendRules,
    /// A pause has begun or ended.
    pub(crate) changed: Notify,
}

impl PauseWatch {
    pub(crate) fn new(rules: SuspendRules) -> Self {
        Self { rules, changed: Notify::new() }
    }
}

impl Pool {
    /// Suspends the pool for so long from now, at least; 0 ends all pauses at once, also those of
    /// single sources. Any thread.
    pub fn suspend(&self, for_ns: u64) {
        match for_ns {
            0 => {
                let mut dispatcher = self.dispatcher();
                dispatcher.resume_all();
                // Whoever waited for a source that was held.
                self.dispatch(dispatcher);
                self.watches.pauses.changed.notify_one();
                self.dialling.dials.tell(Healing::resumed);
            }
            _ => self.begin_pause(Scope::Pool, for_ns, false),
        }
    }

    /// Until when the pool sends nothing, in nanoseconds: it is suspended, or each of its sources
    /// is. 0 when it may send.
    pub fn suspended_until_ns(&self) -> u64 {
        self.dispatcher().pauses().all_held_until_ns(now_ns())
    }

    /// Begins a pause if the response of this exchange asks for one. Comes before the slot is free
    /// again, so that no order in the queue is sent on it.
    #[inline]
    pub(crate) fn check_pause(&self, completion: &Completion) {
        let status = completion.response.as_ref().map_or(0, |it| it.response.status());
        if self.watches.pauses.rules.has(status) {
            self.begin_pause_by(completion);
        }
    }

    #[cold]
    #[inline(never)]
    fn begin_pause_by(&self, completion: &Completion) {
        let Completion { response: Some(recycled), slot: Some(slot), .. } = completion else {
            return;
        };
        let response = &recycled.response;
        let source = || self.source_of((*slot).into());
        let asked = self.watches.pauses.rules.asked(response.status(), source, || {
            let now = Duration::from_nanos(wall_ns());
            let wait = retry_after(response, now).unwrap_or_default();
            u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX)
        });
        if let Some(Asked { scope, for_ns, closes }) = asked {
            self.begin_pause(scope, for_ns, closes);
        }
    }

    pub(crate) fn begin_pause(&self, scope: Scope, for_ns: u64, closes: bool) {
        let mut dispatcher = self.dispatcher();
        let now = now_ns();
        if !dispatcher.pauses().has(scope, now) {
            self.delivery.stats.pauses.add();
        }
        let closes = dispatcher.suspend(scope, now, for_ns, closes);
        let covers = |slot: &&Slot| closes && dispatcher.pauses().covers(scope, slot.index);
        let closed: Vec<_> = self.slots.iter().filter(covers).collect();
        self.dispatch(dispatcher);
        closed.into_iter().for_each(|slot| slot.retire(CloseReason::Suspended));
        self.watches.pauses.changed.notify_one();
    }

    /// The pause that counts for a slot now.
    pub(crate) fn pause_of_slot(&self, slot: u32) -> Pause {
        self.dispatcher().pauses().of_slot(slot)
    }

    /// The source of a slot; 0 if the system chooses.
    fn source_of(&self, slot: u32) -> u32 {
        source_of_slot(slot, self.policy.sources.max(1))
    }
}
