//! One slot: a place for a connection, and the exchange on it.
//!
//! A slot is locked by whoever works on it: the engine's thread to start a request, the pool thread
//! to read the response. The lock is held across one non-blocking `send` or `recv`, because a TLS
//! session is one state machine for both directions, and no other thread wants this slot meanwhile.
//!
//! The slot knows its connection and the exchange on it. It does not know the dispatcher: what its
//! state means for the pool is told in the return values, and each accepted request leaves it
//! exactly once, as an [`Ended`].

use std::collections::VecDeque;
use std::net::TcpStream;
use std::sync::{Arc, PoisonError};

use super::clock::now_ns;
use super::in_flight::{Ended, InFlight, Lingering, Outgoing, Pending};
use super::{NEVER, Policy};
use crate::error::{CloseReason, Outcome, WireState};
use crate::http::keep_alive::{KeepAlive, keep_alive};
use crate::http::response::Response;
use crate::net::connection::Connection;
use crate::pool::connection_state::{Loss, Proof};
use crate::pool::exchange_time::Spent;
use crate::pool::maintenance::Rest;
use crate::pool::slot::{Exchange, Fate, Ready, SlotState, Stop, Then};
use crate::pool::upkeep::{Action, Announced, Upkeep};
use crate::recycle::{FreeList, Recycled};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard, Notify, Shared};

/// The request was sent, at least in part.
pub struct Started {
    /// The kernel did not take everything, or failed: whoever drives has to look.
    pub needs_turn: bool,
}

/// The slot could not begin: no byte was sent. The promise goes back.
pub struct NotStarted {
    /// The promise, still owed.
    pub pending: Pending,
    /// The epoch of the connection, if it is gone; `None` when the deadline has passed.
    pub lost: Option<u32>,
}

/// What one turn of [`Slot::drive`] came to.
pub struct Turn {
    /// The exchange that ended in it.
    pub ended: Option<Ended>,
    /// The same exchange, if its answer is still waited for. Boxed, as it is large and rare, and a
    /// turn is neither.
    pub lingering: Option<Box<Lingering>>,
    /// What became of the connection; [`Slot::take_loss`] tells why.
    pub fate: Fate,
    /// The connection that is here now, or was here last.
    pub epoch: u32,
    /// Bytes wait for the socket to become writable.
    pub wants_write: bool,
    /// Bytes were left in the socket for another turn, of which the socket does not tell.
    pub unread: bool,
    /// When the connection needs upkeep, if the exchange has changed that; [`NEVER`] if not.
    pub upkeep_ns: u64,
    /// How the exchange that ended has used its time, if that says something about the next one.
    pub spent: Option<Spent>,
    /// When the turn was made.
    pub now_ns: u64,
}

impl Turn {
    /// Nothing was done.
    fn idle(epoch: u32) -> Self {
        Self {
            ended: None,
            lingering: None,
            fate: Fate::Kept,
            epoch,
            wants_write: false,
            unread: false,
            upkeep_ns: NEVER,
            spent: None,
            now_ns: 0,
        }
    }
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

/// What is known of a slot, for whoever asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// It has a live connection.
    pub live: bool,
    /// An exchange is in flight, and it is a heartbeat.
    pub at_work: Option<bool>,
    /// Connections that it had.
    pub connections: u32,
    /// When the present one came up, how many exchanges it carried, when the last one ended.
    pub upkeep: Upkeep,
    /// From sent to the first byte of the response, in the last exchange of any connection.
    pub rtt_ns: u64,
    /// When the peer was last known to be there: it answered, or it shook hands.
    pub proven_ns: u64,
    /// Why the last connection was given up.
    pub last_loss: Option<CloseReason>,
}

/// A place for one connection.
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
    connection: Option<Connection>,
    /// A live connection that takes over as soon as no exchange is in flight.
    next: Option<Connection>,
    in_flight: Option<InFlight>,
    /// Of the connections that were given up, what ended their TLS sessions, in the order of the
    /// state's losses.
    words: VecDeque<Option<String>>,
    /// For the next response, so that submit need not fetch one.
    fresh: Option<Shared<Recycled>>,
}

impl Slot {
    /// An empty slot.
    pub fn new(index: u32) -> Self {
        Self {
            index,
            inner: Mutex::default(),
            wake: Notify::new(),
            deadline_ns: AtomicU64::new(NEVER),
        }
    }

    /// Puts a live connection into the empty slot. `random` is uniform.
    pub fn install(&self, connection: Connection, random: u64, free_list: &Arc<FreeList>) {
        let mut inner = self.lock();
        inner.state.came_up(now_ns(), random);
        inner.connection = Some(connection);
        inner.fresh.get_or_insert_with(|| free_list.take());
    }

    /// Hands in a live replacement, which takes over at the next turn without an exchange; at once
    /// when the old connection was lost meanwhile.
    pub fn replace(&self, connection: Connection, random: u64) {
        let mut inner = self.lock();
        match inner.state.replacement_came_up(now_ns(), random) {
            true => inner.connection = Some(connection),
            false => inner.next = Some(connection),
        }
    }

    /// Begins an exchange on the caller's thread. The slot must be the caller's by the dispatcher.
    pub fn start(
        &self,
        pending: Pending,
        request: Outgoing<'_>,
        policy: &Policy,
    ) -> Result<Started, NotStarted> {
        let mut inner = self.lock();
        // Read here and not at submit: the request may have waited, or its thread may have.
        let now = now_ns();
        let lost = Some(inner.state.epoch());
        match inner.ready(now, pending.deadline_ns, policy) {
            Ready::Yes | Ready::Look => {}
            Ready::TooLate => return Err(NotStarted { pending, lost: None }),
            Ready::Gone { is_news } => {
                if is_news {
                    self.wake.notify_one();
                }
                return Err(NotStarted { pending, lost });
            }
        }
        let inner = &mut *inner;
        let Some(connection) = &mut inner.connection else {
            return Err(NotStarted { pending, lost });
        };
        let fault = connection.start(request.bytes).err();
        if let Some(fault) = &fault
            && connection.wire_state() == WireState::NotSent
        {
            // What the peer said before it went away tells more than that it is gone.
            let reason = connection.look_idle().err();
            inner.state.looked(now, reason.or(Some(fault.close_reason(true))));
            self.wake.notify_one();
            return Err(NotStarted { pending, lost });
        }
        let response = inner.fresh.take().expect("install and every turn leave a fresh response");
        let in_flight = InFlight::new(pending, request, response, fault);
        let exchange = in_flight.exchange(connection, now);
        self.note_deadline(&exchange, policy, 0);
        inner.state.began(exchange);
        inner.in_flight = Some(in_flight);
        Ok(Started { needs_turn: exchange.write_ns == 0 })
    }

    /// The task that sends heartbeats watches over them itself.
    fn note_deadline(&self, exchange: &Exchange, policy: &Policy, now: u64) {
        if exchange.id.is_some() {
            let deadline_ns = match exchange.ends_ns(&policy.steps) {
                // It was announced already, and the next turn comes anyway.
                past if past <= now => NEVER,
                deadline_ns => deadline_ns,
            };
            self.deadline_ns.store(deadline_ns, Ordering::SeqCst);
        }
    }

    /// What the pool thread does in caller drive: nothing while the engine has an exchange here,
    /// unless the time for it is over.
    pub fn drive_unless_in_flight(&self, setting: Setting<'_>) -> Turn {
        {
            let mut inner = self.lock();
            let has_engines = inner.state.exchange().is_some_and(|exchange| exchange.id.is_some());
            if has_engines && now_ns() < setting.grace_ns {
                inner.state.look_later();
                return Turn::idle(inner.state.epoch());
            }
        }
        self.drive(setting)
    }

    /// Does all that can be done now without waiting: send, receive, decode, judge deadlines.
    pub fn drive(&self, setting: Setting<'_>) -> Turn {
        let mut inner = self.lock();
        // After the lock was had, so that nothing here is older than what the submitter noted.
        let now = now_ns();
        let inner = &mut *inner;
        let mut turn = Turn { now_ns: now, ..Turn::idle(inner.state.epoch()) };
        let Some(connection) = &mut inner.connection else { return turn };
        let is_open = setting.grace_ns == NEVER;
        let (policy, grace_ns) = (setting.policy, setting.grace_ns);
        let in_flight = inner.in_flight.as_mut().zip(inner.state.exchange_mut());
        let then = if let Some((in_flight, exchange)) = in_flight {
            let stop = in_flight.advance(connection, exchange, policy, grace_ns, now);
            let Some(stop) = stop else {
                turn.wants_write = connection.has_unsent();
                turn.unread = in_flight.has_unread();
                // The step may have changed since the deadline was stored, or announced.
                self.note_deadline(exchange, policy, now);
                return turn;
            };
            self.deadline_ns.store(NEVER, Ordering::SeqCst);
            inner.finish(self.index, stop, setting, now, &mut turn)
        } else {
            inner.state.idle(is_open)
        };
        let reason = match then {
            Then::Keep => None,
            Then::Close(reason) => Some(reason),
            Then::Look => inner.look(now),
        };
        if let Some(reason) = reason {
            inner.give_up(reason, is_open, now, &mut turn);
        }
        turn
    }

    /// What the connection needs now, or when to look again at the latest. What the slot's task can
    /// do about it, it is told here; a heartbeat is the caller's to send.
    pub fn upkeep(&self, policy: &Policy, now: u64) -> Result<Action, Rest> {
        let mut inner = self.lock();
        let dials = inner.state.upkeep().dials_at_rest(&policy.rules);
        let rest = |look_ns| Rest { look_ns, dials };
        let action = inner.state.maintain(&policy.rules, now).map_err(rest)?;
        if action != Action::Heartbeat {
            self.wake.notify_one();
        }
        Ok(action)
    }

    /// The dials that its limits ask for in a thousand seconds, if the engine sends nothing.
    pub fn dials_at_rest(&self, policy: &Policy) -> u64 {
        self.lock().state.upkeep().dials_at_rest(&policy.rules)
    }

    /// Gives the connection up as soon as no exchange is in flight.
    pub fn retire(&self, reason: CloseReason) {
        self.lock().state.retire(reason);
        self.wake.notify_one();
    }

    /// Whether a replacement is to be dialled, and what the connection has proven by now if so.
    pub fn wants_replacement(&self) -> Option<Proof> {
        self.lock().state.wants_replacement(now_ns())
    }

    /// Ends whatever is here after a defect: the state cannot be trusted any more.
    pub fn abandon(&self) -> Option<Ended> {
        let mut inner = self.lock();
        let (connection, in_flight) = (inner.connection.take(), inner.in_flight.take());
        let exchange = inner.state.exchange().copied();
        inner.next = None;
        inner.state.abandon();
        inner.words.clear();
        self.deadline_ns.store(NEVER, Ordering::SeqCst);
        let (mut connection, in_flight, exchange) = (connection?, in_flight?, exchange?);
        let stop = Stop::Failed(Outcome::Internal, CloseReason::Internal);
        let ended = in_flight.end(self.index, &mut connection, &exchange, &stop, now_ns());
        connection.reset();
        Some(ended)
    }

    /// Why a connection was given up, also in words where TLS ended it; answered once for each, the
    /// oldest first.
    pub fn take_loss(&self) -> Option<(Loss, Option<String>)> {
        let mut inner = self.lock();
        let loss = inner.state.take_loss()?;
        Some((loss, inner.words.pop_front().flatten()))
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

    /// The socket of the live connection.
    pub fn socket(&self) -> Option<Arc<TcpStream>> {
        self.lock().connection.as_ref().map(|connection| Arc::clone(connection.stream()))
    }

    /// The epoch of the newest connection.
    pub fn epoch(&self) -> u32 {
        self.lock().state.epoch()
    }

    /// What is known of it.
    pub fn report(&self) -> Report {
        let inner = self.lock();
        let state = &inner.state;
        Report {
            live: state.is_live(),
            at_work: state.exchange().map(|exchange| exchange.id.is_none()),
            connections: state.epoch(),
            upkeep: *state.upkeep(),
            rtt_ns: state.rtt_ns(),
            proven_ns: state.proven_ns(),
            last_loss: state.last_loss(),
        }
    }

    /// Frees what a closed pool has no use for.
    pub fn clear(&self) {
        let mut inner = self.lock();
        inner.connection = None;
        inner.next = None;
        inner.fresh = None;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // After a panic the slot is abandoned; until then its state is as good as any.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Whether the connection can take a request: a last look finds what came in while it was idle,
    /// so that neither a FIN eats the request nor stray bytes answer it.
    fn ready(&mut self, now: u64, deadline_ns: u64, policy: &Policy) -> Ready {
        let ready = self.state.ready(now, deadline_ns, &policy.rules, policy.look_after_ns);
        if ready != Ready::Look || self.look(now).is_none() {
            return ready;
        }
        Ready::Gone { is_news: true }
    }

    /// Looks whether the idle connection is as silent as it should be.
    fn look(&mut self, now: u64) -> Option<CloseReason> {
        let found = self.connection.as_mut().and_then(|connection| connection.look_idle().err());
        self.state.looked(now, found);
        found
    }

    /// Ends the exchange, and answers what to do with the connection.
    fn finish(
        &mut self,
        index: u32,
        stop: Stop,
        setting: Setting<'_>,
        now: u64,
        turn: &mut Turn,
    ) -> Then {
        let is_open = setting.grace_ns == NEVER;
        let (exchange, in_flight) = (self.state.exchange().copied(), self.in_flight.take());
        let (Some(mut connection), Some(exchange), Some(in_flight)) =
            (self.connection.take(), exchange, in_flight)
        else {
            return self.state.idle(is_open);
        };
        self.fresh = Some(setting.free_list.take());
        let rules = &setting.policy.rules;
        if setting.policy.linger_ns != 0 && in_flight.may_linger(&connection, &stop) {
            let (ended, lingering) =
                in_flight.linger(index, connection, setting.free_list, &exchange, &stop, now);
            turn.ended = Some(ended);
            turn.lingering = Some(Box::new(lingering));
        } else {
            turn.ended = Some(in_flight.end(index, &mut connection, &exchange, &stop, now));
            self.connection = Some(connection);
        }
        let response = turn.ended.as_ref().and_then(|ended| ended.completion.response.as_ref());
        let announced = || response.map_or_else(Announced::default, |it| announced(&it.response));
        let finished = self.state.finished(stop, announced, rules, is_open, now);
        turn.upkeep_ns = finished.upkeep_ns;
        turn.spent = finished.spent;
        finished.then
    }

    fn give_up(&mut self, reason: CloseReason, is_open: bool, now: u64, turn: &mut Turn) {
        let mut words = None;
        if let Some(connection) = self.connection.take() {
            words = connection.tls_fault();
            connection.end();
        }
        turn.fate = self.state.give_up(reason, is_open, now);
        let next = self.next.take();
        self.words.push_back(words);
        match turn.fate {
            Fate::Replaced => {
                self.connection = next;
                turn.epoch = self.state.epoch();
            }
            _ => {
                if let Some(next) = next {
                    next.end();
                }
            }
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
