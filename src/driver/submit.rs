//! The engine's side: submit, wait in the queue, lease, cancel.
//!
//! The path of one order: [`Pool::submit`] owes a completion for it, [`Pool::send`] asks where the
//! order goes, and [`Slot::start`](crate::slot::Slot::start) sends it on the caller's own thread.

use std::sync::Arc;

use super::{Dispatching, Pool};
use crate::clock::now_ns;
use crate::completion::Callback;
use crate::error::Status;
use crate::http::request::Request;
use crate::lane::Lane;
use crate::net::probes;
use crate::pool::admission;
use crate::pool::dispatch::{AfterCancel, End, Lease, Queued, Route, SlotIndex, Waiter, Want};
use crate::slot::copied::Copied;
use crate::slot::in_flight::{Acquirer, Label, Outgoing, Payload, Pending, Recipient};
use crate::slot::{NotStarted, Slot};
use crate::source::Source;
use crate::tag::Tag;

/// What to do when no slot is idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenBusy {
    /// Refuse at once.
    Refuse,
    /// Wait in the queue, until the request's deadline.
    Queue,
}

impl WhenBusy {
    /// On which slot a request may go out.
    pub(super) fn want(self) -> Want<'static> {
        match self {
            Self::Refuse => Want::Idle,
            Self::Queue => Want::IdleOrQueue,
        }
    }
}

/// A request in the queue.
pub struct Waits {
    pending: Pending,
    copy: Copied,
}

impl Pool {
    /// Sends a request on the idle slot that was used last, or does what `when_busy` says. After
    /// `Ok` exactly one completion comes; after `Err` none does, and nothing was sent.
    pub fn submit(
        &self,
        request: &mut Request,
        callback: Option<Callback>,
        when_busy: WhenBusy,
    ) -> Result<u64, Status> {
        self.submit_to(request, Recipient::of(callback), when_busy)
    }

    /// As [`Pool::submit`], for any recipient of the completion.
    #[inline(always)] // So that no part of it is handed from call to call.
    pub(super) fn submit_to(
        &self,
        request: &mut Request,
        recipient: Recipient,
        when_busy: WhenBusy,
    ) -> Result<u64, Status> {
        let (pending, outgoing) = self.pending(request, recipient)?;
        let (id, lane) = (pending.id, pending.lane);
        let uses_completion_queue = matches!(pending.recipient, Recipient::Queue);
        let result = self.send(when_busy.want(), pending, outgoing);
        self.accepted(result.map(|()| id), lane, uses_completion_queue)
    }

    /// Sends a request on a leased slot.
    pub fn submit_on(
        &self,
        lease: Lease,
        request: &mut Request,
        callback: Option<Callback>,
    ) -> Result<u64, Status> {
        let (pending, outgoing) = self.pending(request, Recipient::of(callback))?;
        let (id, lane) = (pending.id, pending.lane);
        let uses_completion_queue = matches!(pending.recipient, Recipient::Queue);
        let result = self.send(Want::Leased(lease), pending, outgoing);
        self.accepted(result.map(|()| id), lane, uses_completion_queue)
    }

    /// Gives a lease back.
    pub fn release(&self, lease: Lease) -> Result<(), Status> {
        let mut dispatcher = self.dispatcher();
        dispatcher.release(lease)?;
        self.dispatch(dispatcher);
        Ok(())
    }

    /// Asks for the end of a request. Its completion still comes, exactly once: as cancelled, or as
    /// what it became in the meantime.
    pub fn cancel(&self, id: u64) -> Result<(), Status> {
        let has_copies = self.cancel_copies(id);
        {
            let mut dispatcher = self.dispatcher();
            match dispatcher.cancel(id).follows(has_copies) {
                AfterCancel::Ends(who) => {
                    self.end_waiting(&dispatcher, who, End::Cancelled);
                    return Ok(());
                }
                AfterCancel::IsKnown => return Ok(()),
                AfterCancel::MayBeOnSlot => {}
            }
        }
        let slot = self.slots.iter().find(|slot| slot.cancel(id));
        self.wake_driver(slot.ok_or(Status::ERR_UNKNOWN_ID)?);
        Ok(())
    }

    /// The source, if the pool has it.
    pub(super) fn known(&self, source: Source) -> Result<Source, Status> {
        let has_it = admission::has_source(source, self.policy.sources);
        if has_it { Ok(source) } else { Err(Status::ERR_ADDRESS) }
    }

    /// Owes a completion for a request, and finishes its bytes. The place for the completion is
    /// reserved; [`Pool::accepted`] gives it back when the request is refused after all.
    #[inline(always)] // What it answers is large, and is then made where it is used.
    pub(super) fn pending<'a>(
        &self,
        request: &'a mut Request,
        recipient: Recipient,
    ) -> Result<(Pending, Outgoing<'a>), Status> {
        let submit_ns = now_ns();
        if !Arc::ptr_eq(request.origin(), &self.origin) {
            return Err(Status::ERR_WRONG_POOL);
        }
        let timeouts_ns = (request.timeout_ns(), self.policy.request_timeout_ns);
        let (user_data, lane) = (request.user_data(), request.lane());
        let source = self.known(request.source())?;
        request.end()?;
        let (is_head, closes) = (request.is_head(), request.closes());
        let line_len = request.line_len();
        let (payload, tag) = match request.is_late() {
            false => (Payload::Ready(request.bytes()?), request.tag()),
            true => {
                let (late, tag) = request.late()?;
                (Payload::Late(late), tag)
            }
        };
        let label = Label { line_len, tag };
        if matches!(recipient, Recipient::Queue) && !self.delivery.completions.reserve() {
            self.delivery.stats.refused(Status::ERR_COMPLETIONS_FULL);
            return Err(Status::ERR_COMPLETIONS_FULL);
        }
        let id = self.delivery.next_id();
        let deadline_ns = admission::deadline_ns(submit_ns, timeouts_ns.0, timeouts_ns.1);
        let pending = Pending { id, user_data, recipient, submit_ns, deadline_ns, lane, source };
        probes::submit(&self.policy, id, user_data);
        Ok((pending, Outgoing { payload, is_head, closes, label }))
    }

    /// Counts what became of a submit, and takes back the reserved place if it was refused.
    pub(super) fn accepted(
        &self,
        result: Result<u64, Status>,
        lane: Lane,
        uses_completion_queue: bool,
    ) -> Result<u64, Status> {
        match result {
            Ok(_) => self.delivery.stats.submitted.add(lane as usize),
            Err(status) => {
                self.delivery.stats.refused(status);
                if uses_completion_queue {
                    self.delivery.completions.unreserve();
                }
            }
        }
        result
    }

    /// Starts the request where the dispatcher says, or on the next slot if that one turns out dead
    /// before a byte was sent. Or lets it wait.
    #[inline(always)]
    pub(super) fn send(
        &self,
        want: Want<'_>,
        mut pending: Pending,
        mut outgoing: Outgoing<'_>,
    ) -> Result<(), Status> {
        let mut dispatcher = self.dispatcher();
        let mut route = dispatcher.route(want, &pending.due(), pending.submit_ns);
        loop {
            let slot = match route {
                Route::Send(slot) => slot,
                Route::Wait => {
                    drop(dispatcher);
                    return self.wait_for_slot(want, pending, &outgoing);
                }
                Route::End(end) => {
                    let label = (outgoing.line(), outgoing.label.tag);
                    self.end_request(&dispatcher, pending, label, end);
                    self.dispatch(dispatcher);
                    return Ok(());
                }
                Route::Refuse(refusal) => {
                    // Its slot may have become free for who waits.
                    self.dispatch(dispatcher);
                    return Err(refusal.into());
                }
            };
            drop(dispatcher);
            let Err(not_started) = self.start(slot, pending, &mut outgoing) else {
                return Ok(());
            };
            pending = not_started.pending;
            dispatcher = self.dispatcher();
            route = dispatcher.reroute(want, &pending.due(), slot, not_started.why, now_ns());
        }
    }

    /// Copies the request to those who wait.
    fn wait_for_slot(
        &self,
        want: Want<'_>,
        pending: Pending,
        outgoing: &Outgoing<'_>,
    ) -> Result<(), Status> {
        let queued = self.queued(pending, outgoing);
        let deadline_ns = queued.deadline_ns;
        let mut dispatcher = self.dispatcher();
        dispatcher.wait(want, queued, now_ns())?;
        self.dispatch(dispatcher);
        self.watches.deadlines.note(deadline_ns);
        Ok(())
    }

    /// A copy of the request that can wait.
    fn queued(&self, pending: Pending, outgoing: &Outgoing<'_>) -> Queued<Box<Waits>> {
        let (ticket, due) = (pending.id, pending.due());
        let request = Box::new(Waits { pending, copy: Copied::of(outgoing) });
        Queued::new(ticket, due, self.policy.queue_timeout_ns, request)
    }

    /// Sends a request from the queue on its slot, and says what came of it.
    pub(crate) fn send_queued(
        &self,
        slot: SlotIndex,
        queued: Queued<Box<Waits>>,
    ) -> Dispatching<'_> {
        let Queued { ticket, deadline_ns, due, request } = queued;
        let Waits { pending, mut copy } = *request;
        let started = self.start(slot, pending, &mut copy.outgoing());
        let Err(NotStarted { pending, why }) = started else {
            let mut dispatcher = self.dispatcher();
            if dispatcher.sent(ticket) {
                drop(dispatcher);
                let slot = &self.slots[slot as usize];
                if slot.cancel(ticket) {
                    self.wake_driver(slot);
                }
                dispatcher = self.dispatcher();
            }
            return dispatcher;
        };
        let request = Box::new(Waits { pending, copy });
        let queued = Queued { ticket, deadline_ns, due, request };
        let mut dispatcher = self.dispatcher();
        match dispatcher.not_sent(slot, why, queued) {
            Some((who, end)) => self.end_waiting(&dispatcher, who, end),
            // The timer may have looked at the queue while the request was not in it.
            None => self.watches.deadlines.note(deadline_ns),
        }
        dispatcher
    }

    /// Ends the waiting without a slot.
    pub(super) fn end_waiting(
        &self,
        held: &Dispatching<'_>,
        who: Waiter<Box<Waits>, Acquirer>,
        end: End,
    ) {
        match who {
            Waiter::Request(waits, _) => {
                let Waits { pending, copy } = *waits;
                self.end_request(held, pending, copy.line_and_tag(), end);
            }
            Waiter::Caller(who) => self.end_acquire(held, who, end),
        }
    }

    /// Ends a request that has no slot.
    fn end_request(
        &self,
        held: &Dispatching<'_>,
        pending: Pending,
        (line, tag): (&[u8], &Tag),
        end: End,
    ) {
        let ended = pending.unsent(end.outcome());
        self.record_slotless(&ended.completion.times);
        self.reporting.recorded.ended_without_slot(&ended.completion, line, tag);
        self.deliver_locked(held, ended);
    }

    /// Starts a request on a slot, and tells the timer and the driver what they must know of it.
    /// Requests that are signed when they are sent are so one after the other: the order of the
    /// calls is the order of sending.
    #[inline(always)]
    fn start(
        &self,
        slot: u32,
        pending: Pending,
        outgoing: &mut Outgoing<'_>,
    ) -> Result<(), NotStarted> {
        if pending.recipient.is_order() || outgoing.is_late() {
            return self.start_in_order(slot, pending, outgoing);
        }
        self.start_on(&self.slots[slot as usize], pending, outgoing)
    }

    /// Starts a copy of an order, or a request that is signed when it is sent.
    #[inline(never)] // Others leave its room on the stack alone.
    fn start_in_order(
        &self,
        slot: u32,
        pending: Pending,
        outgoing: &mut Outgoing<'_>,
    ) -> Result<(), NotStarted> {
        let order = self.order_of(&pending);
        let _one_by_one = outgoing.is_late().then(|| self.delivery.signing());
        let slot = &self.slots[slot as usize];
        if let Some(order) = &order {
            order.begins(slot.index);
        }
        self.start_on(slot, pending, outgoing).inspect_err(|_| {
            if let Some(order) = &order {
                order.not_begun(slot.index);
            }
        })?;
        // A cancel that came before did not find it here.
        if order.is_some_and(|order| order.is_cancelled() && slot.cancel(order.id)) {
            self.wake_driver(slot);
        }
        Ok(())
    }

    #[inline(always)]
    fn start_on(
        &self,
        slot: &Slot,
        pending: Pending,
        outgoing: &mut Outgoing<'_>,
    ) -> Result<(), NotStarted> {
        let deadline_ns = pending.deadline_ns;
        self.slots.in_flight.add(slot.index);
        let started = slot
            .start(pending, outgoing, &self.policy)
            .inspect_err(|_| self.slots.in_flight.remove(slot.index))?;
        if started.needs_turn {
            self.wake_driver(slot);
        }
        // Its own deadline, if it has ended already.
        self.watches.deadlines.note(deadline_ns.min(slot.deadline_ns()));
        Ok(())
    }
}
