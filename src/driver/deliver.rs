//! What follows a turn, and how completions leave the pool.
//!
//! A callback runs on the thread that drives the pool, with no lock held; one that falls due on
//! another thread (a cancel in the queue, a deadline in caller drive) is handed over to it. The
//! completion queue takes completions from any thread.

use std::sync::PoisonError;

use super::{Dispatching, Pool};
use crate::caller::Caller;
use crate::clock::now_ns;
use crate::completion::queue::{CompletionQueue, Taker};
use crate::completion::{Completion, Times};
use crate::metrics::records::Records;
use crate::net::pages::PAGE;
use crate::net::probes;
use crate::pool::after_turn::{self, Steps};
use crate::pool::delivery::{Here, Tell};
use crate::pool::dispatch::Action;
use crate::pool::quiet;
use crate::pool::slot::TurnReport;
use crate::recycle::Recycled;
use crate::slot::in_flight::{Ended, Lingering, Over, Recipient};
use crate::slot::late::Late;
use crate::slot::{Slot, Turn};
use crate::stats::Stats;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// What completions go through on their way to the engine.
pub(crate) struct Delivery {
    pub(crate) completions: CompletionQueue,
    pub(crate) stats: Stats,
    /// Caller drive, when the engine chose it.
    pub(crate) caller: Option<Caller>,
    /// Of requests that ended without a slot, if durations are counted. Boxed, as it is rarely used
    /// and its neighbours are not.
    pub(crate) slotless: Option<Box<Mutex<Records>>>,
    /// Exchanges whose late answers are still waited for.
    pub(crate) late: Late,
    next_id: AtomicU64,
    /// Requests that ended on a thread that does not drive the pool.
    handed_over: Mutex<Vec<Ended>>,
    has_handed_over: AtomicBool,
    /// Held while a request is signed and sent.
    signing: Mutex<()>,
}

impl Delivery {
    /// Nothing was submitted yet.
    pub(super) fn new(
        completions: CompletionQueue,
        caller: Option<Caller>,
        slotless: Option<Records>,
    ) -> Self {
        Self {
            completions,
            slotless: slotless.map(|records| Box::new(Mutex::new(records))),
            stats: Stats::default(),
            caller,
            late: Late::default(),
            next_id: AtomicU64::new(1),
            handed_over: Mutex::default(),
            has_handed_over: AtomicBool::new(false),
            signing: Mutex::new(()),
        }
    }

    /// A number that this pool has not given out yet.
    pub(super) fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// The right to sign a request and to send it, before the next one.
    pub(super) fn signing(&self) -> MutexGuard<'_, ()> {
        self.signing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a request for the thread that drives.
    fn put_aside(&self, ended: Ended) {
        self.handed_over.lock().unwrap_or_else(PoisonError::into_inner).push(ended);
        // A swap and not a store: the model checker does not see that a store is as good.
        self.has_handed_over.swap(true, Ordering::SeqCst);
    }

    /// Whether a request was kept for the thread that drives. Nearly always there is none, and this
    /// is cheaper than a lock.
    fn has_aside(&self) -> bool {
        self.has_handed_over.load(Ordering::SeqCst)
    }

    /// Takes what was kept for the thread that drives.
    fn take_aside(&self) -> Vec<Ended> {
        self.has_handed_over.store(false, Ordering::SeqCst);
        std::mem::take(&mut *self.handed_over.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What follows a turn of a slot of the pool.
struct AfterTurn<'a, 't> {
    pool: &'a Pool,
    slot: &'a Slot,
    over: &'a mut Option<Over>,
    taker: &'a mut Taker<'t>,
}

impl Steps for AfterTurn<'_, '_> {
    #[inline(always)]
    fn note_maintenance(&mut self, at_ns: u64) {
        self.pool.watches.maintenance.timer.note(at_ns);
    }

    #[inline(always)]
    fn heed(&mut self) -> bool {
        let Some(over) = self.over else { return false };
        self.pool.heed(self.slot, over);
        true
    }

    #[inline(always)]
    fn note_deadline(&mut self) {
        self.pool.watches.deadlines.note(self.slot.deadline_ns());
    }

    #[inline(always)]
    fn tell_dispatcher(&mut self, report: &TurnReport) -> bool {
        self.pool.dispatcher().turn_is_over(self.slot.index, report)
    }

    #[inline(always)]
    fn wake_task(&mut self) {
        self.slot.wake.notify_one();
    }

    #[inline(always)]
    fn deliver(&mut self) {
        self.pool.deliver_to(self.taker, self.over);
    }

    #[inline(always)]
    fn serve_waiting(&mut self) {
        self.pool.serve_waiting();
    }

    #[inline(always)]
    fn count(&mut self) {
        self.slot.count();
    }
}

impl Pool {
    /// A request has ended without a slot.
    pub(super) fn record_slotless(&self, times: &Times) {
        if let Some(slotless) = &self.delivery.slotless {
            slotless.lock().unwrap_or_else(PoisonError::into_inner).order(times);
        }
    }

    /// Tells the dispatcher what a turn came to, delivers the completion, serves who waits.
    /// `over`: what has ended in it, which is delivered from where it is. `taker`: who takes from
    /// the queue on this thread.
    #[inline(always)] // What is rare is in functions of its own.
    pub(crate) fn after_turn(
        &self,
        slot: &Slot,
        turn: &Turn,
        over: &mut Option<Over>,
        taker: &mut Taker<'_>,
    ) {
        let mut steps = AfterTurn { pool: self, slot, over, taker };
        after_turn::follow(&turn.end, turn.uncounted, &mut steps);
    }

    /// An exchange is over. What it says of others is heeded before its slot is free again.
    #[inline(always)]
    fn heed(&self, slot: &Slot, over: &mut Over) {
        if let Some(lingering) = over.lingering.take() {
            self.linger_apart(lingering);
        }
        let ended = &over.ended;
        if !ended.recipient.is_heartbeat() {
            self.slots.in_flight.remove(slot.index);
        }
        self.check_pause(&ended.completion);
        if let Some(last) = &self.reporting.last_values {
            last.keep_all(&ended.completion);
        }
        let completion = &ended.completion;
        if quiet::is_large(completion.bytes_sent, completion.bytes_received, PAGE) {
            self.slots.free_list.note_large();
        }
    }

    #[cold]
    #[inline(never)] // What lingers is large.
    fn linger_apart(&self, mut lingering: Box<Lingering>) {
        lingering.replace_recipient(|id| self.recipient_of_order(id));
        self.delivery.late.linger(*lingering);
    }

    /// Does what the dispatcher says, until it has nothing more to say.
    pub(crate) fn dispatch<'a>(&'a self, mut dispatcher: Dispatching<'a>) {
        while dispatcher.has_waiting() {
            match dispatcher.next(now_ns()) {
                None => return,
                Some(Action::Send(slot, queued)) => {
                    drop(dispatcher);
                    dispatcher = self.send_queued(slot, queued);
                }
                Some(Action::Lease(lease, who)) => self.give_lease(&dispatcher, who, lease),
                Some(Action::End(who, end)) => self.end_waiting(&dispatcher, who, end),
            }
        }
    }

    /// Hands a completion to whom it belongs; at once, if that is who drives. The caller holds no
    /// lock.
    fn deliver_to(&self, taker: &mut Taker<'_>, over: &mut Option<Over>) {
        let completions = &self.delivery.completions;
        match over {
            Some(Over { ended: Ended { recipient: Recipient::Queue, completion }, .. })
                if taker.is_next(completions) =>
            {
                self.count_end(completion);
                completions.pass_by(taker, completion);
            }
            _ => self.deliver_elsewhere(over),
        }
    }

    #[inline(never)] // Its copies would be on the stack of who takes at once.
    fn deliver_elsewhere(&self, over: &mut Option<Over>) {
        if let Some(over) = over {
            self.deliver_in_place(&mut over.ended);
        }
    }

    #[cold]
    #[inline(never)]
    fn serve_waiting(&self) {
        self.dispatch(self.dispatcher());
    }

    /// Hands a completion to whom it belongs. The caller may hold the dispatcher's lock, but not if
    /// the completion goes to a callback, or to an order of several copies.
    pub(crate) fn deliver(&self, mut ended: Ended) {
        self.deliver_in_place(&mut ended);
    }

    /// As [`Pool::deliver`]. What stays behind is worth nothing.
    fn deliver_in_place(&self, ended: &mut Ended) {
        let on_pool_thread = self.lifetime.is_pool_thread();
        let here = match &self.delivery.caller {
            Some(_) => Here::in_caller_drive(on_pool_thread, self.is_driver()),
            None => Here::in_thread_drive(on_pool_thread),
        };
        if !matches!(ended.recipient, Recipient::Queue) {
            return self.deliver_directly(ended, here.may_call_back());
        }
        self.count_end(&ended.completion);
        self.delivery.completions.push(ended.completion.take());
        match here.tells() {
            Tell::AfterTurns => self.delivery.completions.announce(),
            Tell::Now => {
                self.delivery.completions.announce();
                self.delivery.completions.ring();
            }
            Tell::No => {}
        }
    }

    /// Hands a completion to one who does not take it from the queue.
    ///
    /// On its own, so that its copies of the completion take no room on the stack of the others.
    #[inline(never)]
    fn deliver_directly(&self, ended: &mut Ended, may_call_back: bool) {
        let Ended { recipient, completion } = ended;
        match recipient {
            Recipient::Callback(_) | Recipient::LateCallback(_) if !may_call_back => {
                self.hand_over(ended.take());
            }
            Recipient::Callback(callback) => {
                self.count_end(completion);
                callback(completion.take());
            }
            Recipient::LateCallback(callback) => callback(completion.take()),
            Recipient::Sleeper(answer) => {
                self.count_end(completion);
                self.wake(answer, completion.take());
            }
            recipient => self.deliver_within(recipient, completion.take()),
        }
    }

    fn count_end(&self, completion: &Completion) {
        let Completion { id, slot, outcome, wire_state, .. } = *completion;
        self.delivery.stats.ended(outcome, wire_state);
        probes::done(&self.policy, id, slot, outcome, wire_state);
    }

    /// Hands a completion to a part of the pool. On its own for the same reason.
    #[cold]
    fn deliver_within(&self, recipient: &Recipient, completion: Completion) {
        match recipient {
            Recipient::Heartbeat => self.heartbeat_ended(completion),
            Recipient::Copy => self.copy_ended(completion),
            _ => unreachable!("it is for the engine"),
        }
    }

    /// A heartbeat was answered, or missed.
    fn heartbeat_ended(&self, completion: Completion) {
        if let Some(response) = completion.response {
            Recycled::release(response);
        }
        self.watches.maintenance.limit().ended();
        self.watches.maintenance.timer.rearm.notify_one();
    }

    /// As [`Pool::deliver`], with the dispatcher held: no callback runs in here. It is held because
    /// the end of the pool empties the queue under the same lock, and ends the completions then.
    pub(super) fn deliver_locked(&self, held: &Dispatching<'_>, ended: Ended) {
        match ended.recipient {
            Recipient::Callback(_) => self.hand_over(ended),
            Recipient::Copy => self.copy_ended_locked(held, ended.completion),
            _ => self.deliver(ended),
        }
    }

    /// Leaves a callback to whoever drives the pool.
    fn hand_over(&self, ended: Ended) {
        self.delivery.put_aside(ended);
        match self.delivery.caller {
            Some(_) => self.delivery.completions.signal(),
            None => self.watches.deadlines.rearm.notify_one(),
        }
    }

    /// Delivers what was handed over.
    #[inline]
    pub(crate) fn deliver_handed_over(&self) {
        if self.delivery.has_aside() {
            self.deliver_aside();
        }
    }

    #[cold]
    #[inline(never)]
    fn deliver_aside(&self) {
        self.delivery.take_aside().into_iter().for_each(|ended| self.deliver(ended));
    }

    /// Tells whoever drives that a slot wants a turn that its socket will not tell of.
    pub(crate) fn wake_driver(&self, slot: &Slot) {
        match self.delivery.caller {
            Some(_) => self.delivery.completions.signal(),
            None => slot.wake.notify_one(),
        }
    }
}
