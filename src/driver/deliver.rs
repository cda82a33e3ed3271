//! After a turn: who gets the slot, who gets the completion.
//!
//! A completion is delivered by whoever drives the pool, with no lock held. What ends on another
//! thread (a cancel in line, a deadline in caller drive) is handed over to it.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::Pool;
use super::slot::{Ended, Slot, Turn};
use super::submit::Waiter;
use crate::error::Outcome;
use crate::pool::roster::Grant;

impl Pool {
    /// Tells the roster what a turn came to, delivers the completion, serves who waits.
    pub(super) fn settle(&self, slot: &Slot, turn: Turn) {
        if turn.lost {
            self.roster().went_down(slot.index, turn.epoch);
            if self.caller.is_some() {
                // The slot's task did not drive, so it does not know yet.
                slot.news.notify_one();
            }
        }
        let Some(ended) = turn.ended else { return };
        // First the slot, so that a callback finds it free; then the answer; then who waits,
        // because sending for them takes longer than either.
        let grant = self.roster().finished(slot.index);
        self.deliver(ended);
        self.carry_out(grant);
    }

    /// Hands a completion to whom it belongs. Only on a thread that drives or tends the pool, and
    /// with no lock held.
    pub(super) fn deliver(&self, ended: Ended) {
        let driver_is_elsewhere = self.caller.is_some() && self.is_pool_thread();
        if driver_is_elsewhere && ended.callback.is_some() {
            // In caller drive callbacks are the engine's to run.
            return self.hand_over(ended);
        }
        self.stats.ended(ended.completion.outcome);
        if let Some(callback) = ended.callback {
            return callback(ended.completion);
        }
        self.completions.push(ended.completion);
        if self.caller.is_none() || driver_is_elsewhere {
            // An engine that drives takes what it pushed by itself.
            self.completions.announce();
        }
    }

    /// Leaves a completion to whoever drives the pool.
    pub(super) fn hand_over(&self, ended: Ended) {
        self.handed_over.lock().unwrap_or_else(PoisonError::into_inner).push(ended);
        self.has_handed_over.store(true, Ordering::SeqCst);
        match self.caller {
            Some(_) => self.completions.raise(),
            None => self.alarm.rearm.notify_one(),
        }
    }

    /// Delivers what was handed over.
    pub(super) fn deliver_handed_over(&self) {
        if !self.has_handed_over.swap(false, Ordering::SeqCst) {
            return;
        }
        let handed_over =
            std::mem::take(&mut *self.handed_over.lock().unwrap_or_else(PoisonError::into_inner));
        handed_over.into_iter().for_each(|ended| self.deliver(ended));
    }

    /// Fails whoever waits.
    pub(super) fn dismiss_waiting(&self) {
        let waiting = self.roster().take_waiting();
        for waiter in waiting {
            waiter.who.dismiss(Outcome::Shutdown, |ended| self.deliver(ended));
        }
    }

    /// Carries out what the roster granted: the slot goes to the waiter.
    pub(super) fn carry_out(&self, grant: Option<Grant<Waiter>>) {
        let mut next = grant;
        while let Some(grant) = next {
            next = self.give_slot(grant);
        }
    }

    /// Tells whoever drives that a slot wants a turn that its socket will not tell of.
    pub(super) fn rouse(&self, slot: &Slot) {
        match self.caller {
            Some(_) => self.completions.raise(),
            None => slot.news.notify_one(),
        }
    }
}
