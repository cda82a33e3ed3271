//! One slot: a place for a connection, and the exchange on it.
//!
//! A slot is locked for one start or one turn, across their non-blocking system calls, because a
//! TLS session is one state machine for both directions. Cancels, maintenance and monitors lock it
//! for a moment.
//!
//! The slot knows its connection and the exchange on it. It does not know the dispatcher: what its
//! state means for the pool is told in the return values, and each accepted request leaves it
//! exactly once, as an [`Ended`].

pub mod address_records;
pub(crate) mod copied;
mod counting;
pub(crate) mod durations;
pub(crate) mod heartbeat;
pub mod in_flight;
pub(crate) mod in_flight_set;
pub(crate) mod late;
pub mod policy;
pub(crate) mod recorded;
mod recording;
pub mod sleeper;
pub(crate) mod slots;

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use crate::clock::{NEVER, now_ns};
use crate::error::{CloseReason, Outcome, WireState};
use crate::http::keep_alive::{KeepAlive, keep_alive};
use crate::http::late::Moment;
use crate::http::response::Response;
use crate::metrics::Kind;
use crate::metrics::records::Records;
use crate::net::connection::{Connection, Fault};
use crate::net::probes;
use crate::net::socket::Socket;
use crate::pool::connection_maintenance::Announced;
use crate::pool::connection_state::{Loss, Proof};
use crate::pool::health::SlotHealth;
use crate::pool::slot::{
    self, Exchange, Failure, Look, Needs, NoStart, Read, Sent, SlotState, StepTimeouts, Stop,
    Terms, TurnEnd, Wire,
};
use crate::recorder::slot_recorder::SlotRecorder;
use crate::recycle::{FreeList, Recycled};
use crate::slot::address_records::AddressRecord;
use crate::slot::durations::Durations;
use crate::slot::in_flight::{Ended, InFlight, Outgoing, Over, Pending, times};
use crate::slot::policy::Policy;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard, Notify, Shared};

/// The request was sent, at least in part.
pub struct Started {
    /// The kernel did not take everything, or failed: whoever drives has to look.
    pub needs_turn: bool,
}

/// The slot could not begin: no byte was sent.
pub struct NotStarted {
    /// The request, of which a completion is still owed.
    pub pending: Pending,
    /// Why not.
    pub why: NoStart,
}

/// What one turn of [`Slot::drive`] came to.
pub struct Turn {
    /// What the pool is to be told; [`Slot::take_loss`] tells why a connection was given up. What
    /// has ended is where the caller wanted it.
    pub end: TurnEnd<()>,
    /// Bytes wait for the socket to become writable.
    pub wants_write: bool,
    /// Bytes were left in the socket for another turn, of which the socket does not tell.
    pub unread: bool,
    /// The durations of the last orders wait to be counted: it is time for [`Slot::count`].
    pub uncounted: bool,
    /// A connection was given up, in it or before: it is time for [`Slot::take_loss`].
    pub has_loss: bool,
    /// Bytes of the response that it has received.
    pub received: usize,
}

/// What the pool gives to each turn.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// What the pool was configured with.
    pub policy: &'a Policy,
    /// Where fresh responses come from.
    pub free_list: &'a Arc<FreeList>,
    /// When the grace of a shutdown is over; [`NEVER`] while the pool is open.
    pub grace_ns: u64,
}

/// A place for one connection. It shares no cache line with its neighbours, which other threads
/// write.
#[repr(align(64))]
pub struct Slot {
    /// Its number in the pool.
    pub index: u32,
    inner: Mutex<Inner>,
    /// Tells the slot's task that there is something to do that its socket does not show.
    pub wake: Notify,
    /// The deadline of the exchange in flight until it is announced, readable without the lock.
    deadline_ns: AtomicU64,
}

#[derive(Default)]
struct Inner {
    state: SlotState,
    held: Held,
}

/// What a slot holds.
#[derive(Default)]
struct Held {
    connection: Option<Connection>,
    /// A live connection that takes over as soon as no exchange is in flight.
    next: Option<Next>,
    in_flight: Option<InFlight>,
    /// What is recorded here, if durations are counted.
    durations: Durations,
    /// What has happened lately, if that is recorded.
    recorder: Option<SlotRecorder>,
    /// Of the connections that were given up, in the order of the state's losses.
    ends: VecDeque<ConnectionEnd>,
    /// For the next response, so that submit need not fetch one.
    fresh: Option<Shared<Recycled>>,
}

/// What is known of a connection that was given up, besides its loss.
pub struct ConnectionEnd {
    /// Its number in the slot.
    pub connection: u32,
    /// What ended its TLS session, in words.
    pub tls_error: Option<String>,
}

/// A connection, and where it goes.
struct Next {
    connection: Connection,
    address: Option<Arc<AddressRecord>>,
}

/// What a slot holds, in one turn.
struct Hands<'a> {
    held: &'a mut Held,
    setting: Setting<'a>,
    index: u32,
    received: usize,
    /// What ends in it. The caller's, so that it is made where it is delivered from: each move is
    /// instructions and cache lines.
    over: &'a mut Option<Over>,
}

impl Slot {
    /// An empty slot, in which nothing is recorded.
    #[cfg(test)]
    pub fn new(index: u32) -> Self {
        Self::with_records(index, None, None)
    }

    /// An empty slot. `records`: where durations are counted, if they are. `recorder`: where it is
    /// recorded what happens, if it is.
    pub fn with_records(
        index: u32,
        records: Option<Records>,
        recorder: Option<SlotRecorder>,
    ) -> Self {
        let held = Held { durations: Durations::new(records), recorder, ..Held::default() };
        Self {
            index,
            inner: Mutex::new(Inner { state: SlotState::default(), held }),
            wake: Notify::new(),
            deadline_ns: AtomicU64::new(NEVER),
        }
    }

    /// Puts a live connection into the empty slot. `address`: what is kept of where it goes, if
    /// durations are counted. `random` is uniform.
    pub fn install(
        &self,
        connection: Connection,
        address: Option<Arc<AddressRecord>>,
        random: u64,
        free_list: &Arc<FreeList>,
    ) {
        let mut inner = self.lock();
        inner.state.came_up(now_ns(), random);
        inner.held.take_up(Next { connection, address });
        inner.held.fresh.get_or_insert_with(|| free_list.take());
    }

    /// Hands in a live replacement, which takes over at the next turn without an exchange; at once
    /// when the old connection was lost meanwhile. `address` and `random`: as for
    /// [`install`](Self::install).
    pub fn replace(
        &self,
        connection: Connection,
        address: Option<Arc<AddressRecord>>,
        random: u64,
    ) {
        let mut inner = self.lock();
        let next = Next { connection, address };
        match inner.state.replacement_came_up(now_ns(), random) {
            true => inner.held.take_up(next),
            false => inner.held.next = Some(next),
        }
    }

    /// Begins an exchange on the caller's thread. The slot must be the caller's by the dispatcher.
    pub fn start(
        &self,
        pending: Pending,
        outgoing: &mut Outgoing<'_>,
        policy: &Policy,
    ) -> Result<Started, NotStarted> {
        let mut inner = self.lock();
        // Read here and not at submit: the request may have waited, or its thread may have.
        let now = now_ns();
        let Inner { state, held } = &mut *inner;
        let (id, request, look_after_ns) = (pending.id, pending.request(), policy.look_after_ns);
        let mut fault = None;
        let moment = || pending.moment(self.index);
        let send = |held: &mut Held| held.send(outgoing, moment, &mut fault);
        match state.start(request, &policy.rules, look_after_ns, now, held, send) {
            Ok(exchange) => {
                self.watch_end(exchange, &policy.steps, 0);
                held.record_begin(exchange, pending.submit_ns, outgoing);
                held.began(pending, outgoing, fault);
                let needs_turn = exchange.write_ns == 0;
                probes::write(policy, id, self.index, !needs_turn);
                Ok(Started { needs_turn })
            }
            Err(slot::NotStarted { why, wakes_task }) => {
                if wakes_task {
                    self.wake.notify_one();
                }
                Err(NotStarted { pending, why })
            }
        }
    }

    fn watch_end(&self, exchange: &Exchange, steps: &StepTimeouts, now: u64) {
        if let Some(end_ns) = exchange.end_to_watch(steps, now) {
            self.deadline_ns.store(end_ns, Ordering::SeqCst);
        }
    }

    /// What the pool thread does in caller drive: nothing while the engine has an exchange here,
    /// unless the time for it is over.
    pub fn drive_unless_in_flight(&self, setting: Setting<'_>, over: &mut Option<Over>) -> Turn {
        let mut inner = self.lock();
        if inner.state.leaves_turn_to_engine(setting.grace_ns, now_ns()) {
            let end = TurnEnd::nothing(inner.state.epoch());
            let has_loss = inner.state.has_loss();
            let (wants_write, unread, uncounted, received) = Default::default();
            return Turn { end, wants_write, unread, uncounted, has_loss, received };
        }
        drop(inner);
        self.drive(setting, over)
    }

    /// Does all that can be done now without waiting: send, receive, decode, check deadlines. What
    /// has ended is put into `over`, which is `None`.
    pub fn drive(&self, setting: Setting<'_>, over: &mut Option<Over>) -> Turn {
        let mut inner = self.lock();
        // After the lock was had, so that nothing here is older than what the submitter noted.
        let now = now_ns();
        let Inner { state, held } = &mut *inner;
        let policy = setting.policy;
        let terms = Terms {
            rules: &policy.rules,
            steps: &policy.steps,
            grace_ns: setting.grace_ns,
            waits_for_late: policy.linger_ns != 0,
        };
        let mut hands = Hands { held, setting, index: self.index, received: 0, over };
        let end = state.turn(&mut hands, &terms, now);
        let received = hands.received;
        if end.ended.is_some() {
            self.deadline_ns.store(NEVER, Ordering::SeqCst);
        } else if let Some(exchange) = state.exchange() {
            // The step may have changed since the deadline was stored, or announced.
            self.watch_end(exchange, &policy.steps, now);
        }
        let (wants_write, unread) = (held.has_unsent(), held.has_unread());
        let (uncounted, has_loss) = (held.durations.is_full(), state.has_loss());
        Turn { end, wants_write, unread, uncounted, has_loss, received }
    }

    /// What the connection needs now. What the slot's task can do about it, it is told here; a
    /// heartbeat is the caller's to send.
    pub fn maintain(&self, policy: &Policy, now: u64) -> Needs {
        let needs = self.lock().state.maintain(&policy.rules, now);
        if needs.for_task.is_some() {
            self.wake.notify_one();
        }
        needs
    }

    /// Gives the connection up as soon as no exchange is in flight.
    pub fn retire(&self, reason: CloseReason) {
        self.lock().state.retire(reason);
        self.wake.notify_one();
    }

    /// Lets a connection to another address take over, and tells the slot's task to dial it.
    pub fn move_away(&self) {
        self.lock().state.move_away();
        self.wake.notify_one();
    }

    /// Whether a replacement is to be dialled, and what the connection has proven by now if so.
    pub fn wants_replacement(&self) -> Option<Proof> {
        self.lock().state.wants_replacement(now_ns())
    }

    /// Ends whatever is here after a defect: the state cannot be trusted any more.
    pub fn abandon(&self) -> Option<Ended> {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let (connection, mut in_flight) =
            (inner.held.connection.take(), inner.held.in_flight.take());
        let exchange = inner.state.exchange().copied();
        inner.held.next = None;
        inner.state.abandon();
        inner.held.ends.clear();
        self.deadline_ns.store(NEVER, Ordering::SeqCst);
        let (mut connection, exchange) = (connection?, exchange?);
        in_flight.as_ref()?;
        let stop = Stop::Failed(Outcome::Internal, CloseReason::Internal);
        let connected = &mut connection;
        let ended =
            InFlight::end(&mut in_flight, self.index, connected, &exchange, &stop, now_ns());
        inner.held.record_end(&exchange, &ended.completion);
        connection.reset();
        Some(ended)
    }

    /// Why a connection was given up, and what else is known of it; answered once for each, the
    /// oldest first.
    pub fn take_loss(&self) -> Option<(Loss, ConnectionEnd)> {
        let mut inner = self.lock();
        Some((inner.state.take_loss()?, inner.held.ends.pop_front()?))
    }

    /// Marks the exchange of that id as cancelled, for whoever drives. `false`: it is not here.
    pub fn cancel(&self, id: u64) -> bool {
        self.lock().state.cancel(id)
    }

    /// The deadline of the exchange in flight, or [`NEVER`] when there is none or it was announced
    /// already. Takes no lock.
    pub fn deadline_ns(&self) -> u64 {
        self.deadline_ns.load(Ordering::SeqCst)
    }

    /// Whether a deadline has passed; answered once for each exchange. Takes no lock.
    pub fn announces_deadline(&self, now: u64) -> bool {
        let deadline = self.deadline_ns();
        let swap = |from| {
            self.deadline_ns.compare_exchange(from, NEVER, Ordering::SeqCst, Ordering::SeqCst)
        };
        deadline <= now && swap(deadline).is_ok()
    }

    /// Gives memory back that only large requests and answers need. `false`: it holds some, but an
    /// exchange is in flight.
    pub fn rest(&self) -> bool {
        let held = &mut self.lock().held;
        if held.in_flight.is_some() {
            return !held.connection.as_ref().is_some_and(Connection::is_large);
        }
        if let Some(connection) = &mut held.connection {
            connection.rest();
        }
        if let Some(fresh) = held.fresh.as_mut().and_then(Shared::get_mut) {
            fresh.response.rest();
        }
        true
    }

    /// The socket of the live connection.
    pub fn socket(&self) -> Option<Arc<Socket>> {
        self.lock().held.connection.as_ref().map(|connection| Arc::clone(connection.stream()))
    }

    /// The number of the live connection's path ([`Connection::path_number`]); 0 without one.
    pub fn path_number(&self) -> u64 {
        self.lock().held.connection.as_ref().map_or(0, Connection::path_number)
    }

    /// The epoch of the newest connection.
    pub fn epoch(&self) -> u32 {
        self.lock().state.epoch()
    }

    /// What is known of it, with what others know: when its next dial begins, and whether a lease
    /// has reserved it.
    pub fn health(&self, next_dial_ns: u64, held_until_ns: u64, is_leased: bool) -> SlotHealth {
        SlotHealth::new(self.index, &self.lock().state, next_dial_ns, held_until_ns, is_leased)
    }

    /// Whether a heartbeat is in flight.
    pub fn has_heartbeat(&self) -> bool {
        self.lock().state.exchange().is_some_and(|exchange| exchange.id.is_none())
    }

    /// Frees what a closed pool has no use for.
    pub fn clear(&self) {
        let held = &mut self.lock().held;
        (held.connection, held.next, held.fresh) = (None, None, None);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // After a panic the slot is abandoned; until then its state is as good as any.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Hands the request to the connection. `fault`: how sending failed after a part was taken.
    fn send(
        &mut self,
        outgoing: &mut Outgoing<'_>,
        moment: impl FnOnce() -> Moment,
        fault: &mut Option<Fault>,
    ) -> Sent {
        let Some(connection) = &mut self.connection else {
            return Sent::Nothing(CloseReason::Internal);
        };
        let is_late = outgoing.is_late();
        let Some(bytes) = outgoing.sign(moment) else { return Sent::Withdrawn };
        // Without a signature no time has passed that is worth reading the clock.
        let begin_ns = if is_late { now_ns() } else { 0 };
        *fault = connection.start(bytes).err();
        match fault {
            Some(fault) if connection.wire_state() == WireState::NotSent => {
                // What the peer said before it went away tells more than that it is gone.
                let reason = connection.look_idle().err();
                Sent::Nothing(reason.unwrap_or_else(|| fault.close_reason(true)))
            }
            None if !connection.has_unsent() => Sent::Begun { begin_ns, end_ns: now_ns() },
            _ => Sent::Begun { begin_ns, end_ns: 0 },
        }
    }

    /// A part of the request at least is with the kernel.
    fn began(&mut self, pending: Pending, outgoing: &Outgoing<'_>, fault: Option<Fault>) {
        let response = self.fresh.take().expect("install and every turn leave a fresh response");
        self.in_flight = Some(InFlight::new(pending, outgoing, response, fault));
    }

    /// That connection serves from now on.
    fn take_up(&mut self, next: Next) {
        self.connection = Some(next.connection);
        self.durations.goes_to(next.address);
    }

    /// An exchange is over: its durations are recorded. Before its completion is made, which is
    /// then made in its place.
    #[inline]
    fn record(&mut self, exchange: &Exchange, stop: &Stop, now_ns: u64) {
        let submit_ns = self.in_flight.as_ref().map_or(0, |it| it.pending.submit_ns);
        match (exchange.id, stop) {
            (Some(_), _) => self.durations.order(|| times(exchange, submit_ns, now_ns)),
            (None, Stop::Answered(_)) => {
                let ns = now_ns.saturating_sub(exchange.write_begin_ns);
                self.durations.record(Kind::Heartbeat, ns);
            }
            (None, Stop::Failed(..)) => {}
        }
    }

    /// An exchange ends, and its connection leaves with it to wait for the answer.
    #[cold]
    #[inline(never)] // Its copies would be on the stack of each turn.
    fn linger(
        &mut self,
        slot: u32,
        free_list: &Arc<FreeList>,
        exchange: &Exchange,
        stop: &Stop,
        now_ns: u64,
    ) -> Over {
        let in_flight = self.in_flight.take().expect("what ends is in flight");
        let connection = self.connection.take().expect("an exchange has a connection");
        in_flight.linger(slot, connection, free_list, exchange, stop, now_ns)
    }

    /// Bytes of the exchange in flight wait for the socket to become writable.
    fn has_unsent(&self) -> bool {
        self.in_flight.is_some() && self.connection.as_ref().is_some_and(Connection::has_unsent)
    }

    /// The last turn has left something unread.
    fn has_unread(&self) -> bool {
        self.in_flight.as_ref().is_some_and(InFlight::has_unread)
    }
}

impl Look for Held {
    fn look(&mut self) -> Option<CloseReason> {
        self.connection.as_mut().and_then(|connection| connection.look_idle().err())
    }
}

impl Look for Hands<'_> {
    fn look(&mut self) -> Option<CloseReason> {
        self.held.look()
    }
}

impl Wire for Hands<'_> {
    /// It is in `over`.
    type Ended = ();

    fn advance(&mut self, exchange: &mut Exchange, now_ns: u64) -> (Read, Option<Failure>) {
        let (Some(in_flight), Some(connection)) =
            (&mut self.held.in_flight, &mut self.held.connection)
        else {
            return (Read::Failed(Outcome::Internal, CloseReason::Internal), None);
        };
        let at = (self.setting.policy, self.index);
        let advanced = in_flight.advance(at, connection, exchange, now_ns);
        self.received = in_flight.received();
        advanced
    }

    fn is_on_wire(&self) -> bool {
        self.held.connection.as_ref().is_some_and(|connection| {
            connection.wire_state() == WireState::Sent
                && connection.evidence().is_none_or(|evidence| evidence.bytes_unsent == 0)
        })
    }

    fn end(&mut self, exchange: &Exchange, stop: &Stop, lingers: bool, now_ns: u64) {
        let (held, free_list) = (&mut *self.held, self.setting.free_list);
        // It is so already. Known here, the completion is made in its place without another look.
        *self.over = None;
        held.fresh = Some(free_list.take());
        held.record(exchange, stop, now_ns);
        held.record_answer(exchange, stop);
        let over = match lingers {
            true => self.over.insert(held.linger(self.index, free_list, exchange, stop, now_ns)),
            false => {
                let Held { connection, in_flight, .. } = held;
                let connection = connection.as_mut().expect("an exchange has a connection");
                let ended =
                    InFlight::end(in_flight, self.index, connection, exchange, stop, now_ns);
                self.over.insert(Over { ended, lingering: None })
            }
        };
        held.record_end(exchange, &over.ended.completion);
    }

    fn announced(&self, (): &()) -> Announced {
        let over = self.over.as_ref();
        let response = over.and_then(|over| over.ended.completion.response.as_ref());
        response.map_or_else(Announced::default, |it| announced(&it.response))
    }

    fn give_up(&mut self, connection: u32, loss: &Loss) {
        let gone = self.held.connection.take();
        self.held.record_loss(connection, gone.as_ref(), loss);
        let tls_error = gone.as_ref().and_then(Connection::tls_fault);
        self.held.ends.push_back(ConnectionEnd { connection, tls_error });
        if let Some(gone) = gone {
            gone.end();
        }
        match self.held.next.take() {
            Some(next) if loss.replaced => self.held.take_up(next),
            Some(next) => next.connection.end(),
            None => {}
        }
    }
}

/// What the response announces about its connection.
fn announced(response: &Response) -> Announced {
    let KeepAlive { timeout_ns, requests_left } = keep_alive(response);
    Announced { timeout_ns, requests_left }
}

#[cfg(test)]
mod tests;
