//! Pauses: the venue said "too many", so for a while nothing is sent.
//!
//! Whoever sees the answer that says so begins the pause; from then on submits are refused and the
//! waiting line is emptied. A task on the pool thread tells of its beginning and its end.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use super::Pool;
use super::clock::now_ns;
use super::retry_after::retry_after;
use crate::completion::Completion;
use crate::config::SuspendRule;
use crate::error::{CloseReason, Outcome, Status};
use crate::pool::pause::Pause;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard, Notify};

/// The pause of a pool, and what begins one.
#[derive(Default)]
pub(super) struct Suspension {
    rules: Vec<SuspendRule>,
    pause: Mutex<Pause>,
    /// When it ends, for a look without the lock. 0 while there is no pause.
    until_ns: AtomicU64,
    changed: Notify,
}

impl Suspension {
    pub(super) fn new(rules: &[SuspendRule]) -> Self {
        Self { rules: rules.to_vec(), ..Self::default() }
    }

    /// When the pause ends; 0 when there is none.
    pub(super) fn until_ns(&self) -> u64 {
        self.until_ns.load(Ordering::SeqCst)
    }

    /// Whether there is a pause at that moment.
    pub(super) fn is_on(&self, now: u64) -> bool {
        now < self.until_ns()
    }

    /// Ends the pause that ends at that moment; `false` when another one has begun meanwhile.
    fn end(&self, until_ns: u64) -> bool {
        let mut pause = self.pause();
        let ended = pause.end(until_ns);
        self.until_ns.store(pause.until_ns(), Ordering::SeqCst);
        ended
    }

    fn pause(&self) -> MutexGuard<'_, Pause> {
        self.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    /// Suspends the pool for so long from now, at least; 0 ends a pause at once. Any thread.
    pub fn suspend(&self, for_ns: u64) {
        match for_ns {
            0 => {
                while !self.suspension.end(self.suspension.until_ns()) {}
                self.suspension.changed.notify_one();
            }
            _ => self.begin_pause(for_ns, false),
        }
    }

    /// When the present pause ends, in nanoseconds; 0 when there is none.
    pub fn suspended_until_ns(&self) -> u64 {
        let until = self.suspension.until_ns();
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
        let asked_ns = asked.map(|wait| u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX));
        let for_ns = asked_ns.unwrap_or(rule.for_ns);
        if for_ns != 0 {
            self.begin_pause(for_ns, rule.closes);
        }
    }

    fn begin_pause(&self, for_ns: u64, closes: bool) {
        let closes = {
            let mut pause = self.suspension.pause();
            let closes = pause.begin(now_ns(), for_ns, closes);
            self.suspension.until_ns.store(pause.until_ns(), Ordering::SeqCst);
            closes
        };
        self.suspend_line();
        if closes {
            self.slots.iter().for_each(|slot| slot.retire(CloseReason::Suspended));
        }
        self.suspension.changed.notify_one();
    }

    /// Ends all waiting in line.
    fn suspend_line(&self) {
        // Whoever joins the line looks at `until_ns` under this lock: nobody slips in. Told before
        // the lock is gone, because the end of the pool empties the line too, and comes afterwards.
        let mut roster = self.roster();
        for waiter in roster.take_waiting() {
            let why = (Outcome::Suspended, Status::ERR_SUSPENDED);
            self.dismiss(waiter.who, why, |ended| self.leave(ended));
        }
    }

    /// How long no dial may begin, in nanoseconds, because of a pause without connections.
    pub(super) fn no_dial_ns(&self, now: u64) -> u64 {
        self.suspension.pause().no_dial_ns(now)
    }
}

/// The task that tells of pauses, until it is dropped.
pub(super) async fn watch_pauses(pool: Arc<Pool>) {
    let suspension = &pool.suspension;
    // The end of the pause that was told and is not over; 0 for none.
    let mut told_ns = 0;
    loop {
        let until = suspension.until_ns();
        if until != 0 && until != told_ns {
            pool.tell_suspended(until);
            told_ns = until;
        }
        let left_ns = until.saturating_sub(now_ns());
        if told_ns != 0 && left_ns == 0 {
            // Over in time, or ended by the engine.
            if suspension.end(until) {
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
