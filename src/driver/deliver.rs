//! After a turn: who gets the slot, who gets the completion.
//!
//! A callback runs on the thread that drives the pool, with no lock held; one that falls due on
//! another thread (a cancel in the queue, a deadline in caller drive) is handed over to it. The
//! completion queue takes completions from any thread.

use std::sync::PoisonError;

use super::clock::now_ns;
use super::in_flight::{Ended, Recipient};
use super::slot::{Slot, Turn};
use super::{Dispatching, Pool};
use crate::pool::dispatch::Action;
use crate::pool::slot::Fate;
use crate::sync::atomic::Ordering;

impl Pool {
    /// Tells the dispatcher what a turn came to, delivers the completion, serves who waits.
    pub(super) fn settle(&self, slot: &Slot, turn: Turn) {
        match turn.fate {
            Fate::Kept => {}
            Fate::Lost => self.dispatcher().went_down(slot.index, turn.epoch),
            Fate::Replaced => {
                let mut dispatcher = self.dispatcher();
                dispatcher.came_up(slot.index, turn.epoch);
                self.dispatch(dispatcher);
            }
        }
        if turn.fate != Fate::Kept {
            // The slot's task may not be the one that drove, so it may not know yet.
            slot.wake.notify_one();
        }
        self.maintenance.timer.note(turn.upkeep_ns);
        if let Some(lingering) = turn.lingering {
            self.linger(*lingering);
        }
        let Some(ended) = turn.ended else {
            self.timer.note(slot.deadline_ns());
            return;
        };
        if !ended.recipient.is_heartbeat() {
            self.in_flight.remove(slot.index);
        }
        self.judge_pause(&ended.completion);
        // First the slot, so that a callback finds it free; then the answer; then who waits,
        // because sending for them takes longer than either.
        let has_waiting = {
            let mut dispatcher = self.dispatcher();
            dispatcher.finished(slot.index, turn.spent, turn.now_ns);
            dispatcher.has_waiting()
        };
        self.deliver(ended);
        if has_waiting {
            self.dispatch(self.dispatcher());
        }
    }

    /// Does what the dispatcher says, until it has nothing more to say.
    pub(super) fn dispatch<'a>(&'a self, mut dispatcher: Dispatching<'a>) {
        while dispatcher.has_waiting() {
            match dispatcher.next(now_ns()) {
                None => return,
                Some(Action::Send(slot, queued)) => {
                    drop(dispatcher);
                    dispatcher = self.send_queued(slot, queued);
                }
                Some(Action::Lease(lease, parking)) => self.give_lease(&parking, lease),
                Some(Action::End(who, end)) => self.end_waiting(&dispatcher, who, end),
            }
        }
    }

    /// Hands a completion to whom it belongs, with no lock held but the dispatcher's.
    pub(super) fn deliver(&self, ended: Ended) {
        let on_pool_thread = self.is_pool_thread();
        let driving = if self.caller.is_some() { self.is_driver() } else { on_pool_thread };
        let Ended { recipient, completion } = ended;
        match recipient {
            Recipient::Heartbeat => return self.beat_ended(completion),
            Recipient::Callback(_) if !driving => {
                return self.hand_over(Ended { recipient, completion });
            }
            Recipient::Callback(callback) => {
                self.stats.ended(completion.outcome);
                return callback(completion);
            }
            Recipient::Sleeper(answer) => {
                self.stats.ended(completion.outcome);
                return self.wake(&answer, completion);
            }
            Recipient::Queue => self.stats.ended(completion.outcome),
        }
        self.completions.push(completion);
        if on_pool_thread {
            // Rung when the turn is over; at once while there are dials, because their handshakes
            // would come first.
            self.completions.announce();
            if self.dials.are_under_way() {
                self.completions.ring();
            }
        } else if !driving {
            self.completions.announce();
            self.completions.ring();
        }
    }

    /// As [`Pool::deliver`], with the dispatcher held: no callback runs in here. It is held because
    /// the end of the pool empties the queue under the same lock, and ends the completions then.
    pub(super) fn leave(&self, _held: &Dispatching<'_>, ended: Ended) {
        match ended.recipient {
            Recipient::Callback(_) => self.hand_over(ended),
            _ => self.deliver(ended),
        }
    }

    /// Leaves a callback to whoever drives the pool.
    fn hand_over(&self, ended: Ended) {
        self.handed_over.lock().unwrap_or_else(PoisonError::into_inner).push(ended);
        // Swapped, as by whoever takes: the checker does not see that a store beside is as good.
        self.has_handed_over.swap(true, Ordering::SeqCst);
        match self.caller {
            Some(_) => self.completions.raise(),
            None => self.timer.rearm.notify_one(),
        }
    }

    /// Delivers what was handed over.
    pub(super) fn deliver_handed_over(&self) {
        // Nearly always there is nothing, and a look is cheaper than an exchange.
        if !self.has_handed_over.load(Ordering::SeqCst) {
            return;
        }
        self.has_handed_over.store(false, Ordering::SeqCst);
        let handed_over =
            std::mem::take(&mut *self.handed_over.lock().unwrap_or_else(PoisonError::into_inner));
        handed_over.into_iter().for_each(|ended| self.deliver(ended));
    }

    /// Tells whoever drives that a slot wants a turn that its socket will not tell of.
    pub(super) fn wake_driver(&self, slot: &Slot) {
        match self.caller {
            Some(_) => self.completions.raise(),
            None => slot.wake.notify_one(),
        }
    }
}
