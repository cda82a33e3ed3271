//! One slot: a place for a connection, and the exchange on it.
//!
//! A slot is locked by whoever works on it: the engine's thread to start a request, the pool thread
//! to read the response. The lock is held across one non-blocking `send` or `recv`, because a TLS
//! session is one state machine for both directions, and nobody else wants this slot meanwhile.
//!
//! The slot knows its connection and the exchange on it. It does not know the roster: what its
//! state means for the pool is told in the return values, and each accepted request leaves it
//! exactly once, as an [`Ended`].

use std::collections::VecDeque;
use std::net::TcpStream;
use std::sync::{Arc, PoisonError};

use super::clock::now_ns;
use super::in_flight::{Ended, InFlight, Lingering, Outgoing, Promise, Stop};
use super::{NEVER, Policy};
use crate::error::{CloseReason, Outcome, WireState};
use crate::http::keep_alive::{KeepAlive, keep_alive};
use crate::net::connection::Connection;
use crate::pool::backoff::{Backoff, Bounds};
use crate::pool::exchange_time::Spent;
use crate::pool::tenure::{Loss, Proof, Tenure};
use crate::pool::upkeep::{Action, Announced, Upkeep};
use crate::recycle::{Recycled, Shelf};
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
    pub promise: Promise,
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
            upkeep_ns: NEVER,
            spent: None,
            now_ns: 0,
        }
    }
}

/// What a turn did to the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// It serves on, if there is one.
    #[default]
    Kept,
    /// It was given up.
    Lost,
    /// It was given up, and its replacement serves.
    Replaced,
}

/// What the pool gives to each turn.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// What the pool was configured with.
    pub policy: &'a Policy,
    /// Where fresh responses come from.
    pub shelf: &'a Arc<Shelf>,
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
    /// When the next dial begins; 0 when none waits.
    pub next_dial_ns: u64,
}

/// A place for one connection.
pub struct Slot {
    /// Its number in the pool.
    pub index: u32,
    line: Mutex<Line>,
    /// Tells the slot's task that there is something to do that its socket does not show.
    pub news: Notify,
    /// The deadline of the exchange in flight until it is announced, readable without the lock.
    deadline_ns: AtomicU64,
    /// When the next dial begins; 0 when none waits.
    pub next_dial_ns: AtomicU64,
    backoff: Mutex<Backoff>,
}

#[derive(Default)]
struct Line {
    connection: Option<Connection>,
    /// A live connection that takes over as soon as no exchange is in flight.
    next: Option<Next>,
    /// How the connection came, what it needs, why it goes.
    tenure: Tenure,
    in_flight: Option<InFlight>,
    /// The connections that were given up, until the slot's task asks. At most two: the second is
    /// the replacement of the first.
    losses: VecDeque<Loss>,
    last_loss: Option<CloseReason>,
    rtt_ns: u64,
    proven_ns: u64,
    /// For the next response, so that submit need not fetch one.
    fresh: Option<Shared<Recycled>>,
}

/// A live connection that has no slot yet.
struct Next {
    connection: Connection,
    /// Uniform.
    random: u64,
    /// When it came up: its age and its idle time count from then on.
    born_ns: u64,
}

impl Slot {
    /// An empty slot.
    pub fn new(index: u32, backoff: Bounds) -> Self {
        Self {
            backoff: Mutex::new(Backoff::new(backoff)),
            index,
            line: Mutex::default(),
            news: Notify::new(),
            deadline_ns: AtomicU64::new(NEVER),
            next_dial_ns: AtomicU64::new(0),
        }
    }

    /// Puts a live connection into the empty slot, and answers its epoch. `random` is uniform.
    pub fn install(&self, connection: Connection, random: u64, shelf: &Arc<Shelf>) -> u32 {
        let mut line = self.lock();
        line.put(Next { connection, random, born_ns: now_ns() });
        line.fresh.get_or_insert_with(|| shelf.take());
        line.tenure.epoch()
    }

    /// Hands in a live replacement, which takes over at the next turn without an exchange; at once
    /// when the old connection was lost meanwhile.
    pub fn replace(&self, connection: Connection, random: u64) {
        let next = Next { connection, random, born_ns: now_ns() };
        let mut line = self.lock();
        if line.connection.is_none() {
            line.put(next);
            if let Some(loss) = line.losses.back_mut() {
                loss.replaced = true;
            }
            return;
        }
        line.tenure.is_succeeded();
        line.next = Some(next);
    }

    /// Begins an exchange on the caller's thread. The slot must be the caller's by the roster.
    pub fn start(
        &self,
        promise: Promise,
        request: Outgoing<'_>,
        policy: &Policy,
    ) -> Result<Started, NotStarted> {
        let mut line = self.lock();
        // Read here and not at submit: the request may have waited, or its thread may have.
        let now = now_ns();
        if promise.deadline_ns <= now {
            return Err(NotStarted { promise, lost: None });
        }
        let lost = Some(line.tenure.epoch());
        if let Err(reason) = line.ready(now, policy) {
            if let Some(reason) = reason {
                line.tenure.doom(reason);
                self.news.notify_one();
            }
            return Err(NotStarted { promise, lost });
        }
        let line = &mut *line;
        let Some(connection) = &mut line.connection else {
            return Err(NotStarted { promise, lost });
        };
        let fault = connection.start(request.bytes).err();
        if let Some(fault) = &fault
            && connection.wire_state() == WireState::NotSent
        {
            line.tenure.doom(fault.close_reason(true));
            self.news.notify_one();
            return Err(NotStarted { promise, lost });
        }
        let response = line.fresh.take().expect("install and every turn leave a fresh response");
        let in_flight = InFlight::new(promise, request, response, fault, connection, now);
        let needs_turn = !in_flight.is_sent();
        // The task that sends heartbeats watches over them itself.
        if !in_flight.promise.recipient.is_heartbeat() {
            self.deadline_ns.store(in_flight.deadline_ns(policy), Ordering::SeqCst);
        }
        line.in_flight = Some(in_flight);
        Ok(Started { needs_turn })
    }

    /// What the pool thread does in caller drive: nothing while the engine has an exchange here,
    /// unless the time for it is over.
    pub fn drive_unless_in_flight(&self, setting: Setting<'_>) -> Turn {
        {
            let mut line = self.lock();
            let is_engines = |f: &InFlight| !f.promise.recipient.is_heartbeat();
            let has_engines = line.in_flight.as_ref().is_some_and(is_engines);
            if has_engines && now_ns() < setting.grace_ns {
                line.tenure.may_have_news();
                return Turn::idle(line.tenure.epoch());
            }
        }
        self.drive(setting)
    }

    /// Does all that can be done now without waiting: send, receive, decode, judge deadlines.
    pub fn drive(&self, setting: Setting<'_>) -> Turn {
        let mut line = self.lock();
        // After the lock was had, so that nothing here is older than what the submitter noted.
        let now = now_ns();
        let line = &mut *line;
        let mut turn = Turn { now_ns: now, ..Turn::idle(line.tenure.epoch()) };
        let Some(connection) = &mut line.connection else { return turn };
        let is_open = setting.grace_ns == NEVER;
        let reason = if let Some(in_flight) = &mut line.in_flight {
            let stop = in_flight.advance(connection, setting.policy, setting.grace_ns, now);
            let Some(stop) = stop else {
                turn.wants_write = connection.has_unsent();
                // The step may have changed since the deadline was stored, or announced.
                if !in_flight.promise.recipient.is_heartbeat() {
                    let deadline_ns = in_flight.deadline_ns(setting.policy);
                    self.deadline_ns.store(deadline_ns, Ordering::SeqCst);
                }
                return turn;
            };
            self.deadline_ns.store(NEVER, Ordering::SeqCst);
            let reason = line.finish(self.index, &stop, setting, now, &mut turn);
            match reason.or(line.tenure.end(is_open)) {
                None if line.tenure.take_news() => line.look(now).err(),
                reason => reason,
            }
        } else {
            line.tenure.end(is_open).or_else(|| line.look(now).err())
        };
        if let Some(reason) = reason {
            line.give_up(reason, is_open, now, &mut turn);
        }
        turn
    }

    /// What the connection needs now, or when to look again at the latest. What the slot's task can
    /// do about it, it is told here; a heartbeat is the caller's to send.
    pub fn upkeep(&self, policy: &Policy, now: u64) -> Result<Action, u64> {
        let mut line = self.lock();
        if line.connection.is_none() {
            return Err(NEVER);
        }
        let at_work = line.in_flight.is_some();
        let action = line.tenure.judge(&policy.rules, now, at_work)?;
        if action != Action::Heartbeat {
            self.news.notify_one();
        }
        Ok(action)
    }

    /// Gives the connection up as soon as no exchange is in flight.
    pub fn retire(&self, reason: CloseReason) {
        self.lock().tenure.retire(reason);
        self.news.notify_one();
    }

    /// Whether a replacement is to be dialled, and what the connection has proven by now if so.
    pub fn wants_replacement(&self) -> Option<Proof> {
        let tenure = &self.lock().tenure;
        tenure.wants_replacement().then(|| tenure.proof(now_ns()))
    }

    /// Ends whatever is here after a defect: the state cannot be trusted any more.
    pub fn abandon(&self) -> Option<Ended> {
        let mut line = self.lock();
        let connection = line.connection.take();
        let in_flight = line.in_flight.take();
        line.next = None;
        line.losses.clear();
        self.deadline_ns.store(NEVER, Ordering::SeqCst);
        let (connection, in_flight) = (connection?, in_flight?);
        let stop = Stop::Failed(Outcome::Internal, CloseReason::Internal);
        let ended = in_flight.end(self.index, &connection, &stop, now_ns());
        connection.reset();
        Some(ended)
    }

    /// Why a connection was given up; answered once for each, the oldest first.
    pub fn take_loss(&self) -> Option<Loss> {
        self.lock().losses.pop_front()
    }

    /// Marks the exchange of that id as cancelled, for whoever drives. `false`: it is not here.
    pub fn cancel(&self, id: u64) -> bool {
        let mut line = self.lock();
        let is_it = |f: &&mut InFlight| f.promise.id == id && !f.promise.recipient.is_heartbeat();
        let Some(in_flight) = line.in_flight.as_mut().filter(is_it) else { return false };
        in_flight.cancelled = true;
        true
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

    /// When to dial again. Only the slot's task uses it.
    pub fn backoff(&self) -> MutexGuard<'_, Backoff> {
        self.backoff.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The socket of the live connection.
    pub fn socket(&self) -> Option<Arc<TcpStream>> {
        self.lock().connection.as_ref().map(|connection| Arc::clone(connection.stream()))
    }

    /// The epoch of the newest connection.
    pub fn epoch(&self) -> u32 {
        self.lock().tenure.epoch()
    }

    /// What is known of it.
    pub fn report(&self) -> Report {
        let line = self.lock();
        Report {
            live: line.connection.is_some(),
            at_work: line.in_flight.as_ref().map(|f| f.promise.recipient.is_heartbeat()),
            connections: line.tenure.epoch(),
            upkeep: *line.tenure.upkeep(),
            rtt_ns: line.rtt_ns,
            proven_ns: line.proven_ns,
            last_loss: line.last_loss,
            next_dial_ns: self.next_dial_ns.load(Ordering::Relaxed),
        }
    }

    /// Frees what a closed pool has no use for.
    pub fn clear(&self) {
        let mut line = self.lock();
        line.connection = None;
        line.next = None;
        line.fresh = None;
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        // After a panic the slot is abandoned; until then its state is as good as any.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn put(&mut self, next: Next) {
        self.connection = Some(next.connection);
        self.tenure.begin(next.born_ns, next.random);
        self.proven_ns = next.born_ns;
    }

    /// Whether the connection can take a request: a last look finds what came in while it was idle,
    /// so that neither a FIN eats the request nor stray bytes answer it. A look that was made only
    /// just now is not made again.
    fn ready(&mut self, now: u64, policy: &Policy) -> Result<(), Option<CloseReason>> {
        if self.connection.is_none() || !self.tenure.may_serve(self.next.is_some()) {
            return Err(None);
        }
        // Whoever looks after it may be late, and it may be gone by now.
        if let Some(reason) = self.tenure.outlived(&policy.rules, now) {
            return Err(Some(reason));
        }
        if !self.tenure.needs_look(now, policy.look_after_ns) {
            return Ok(());
        }
        self.look(now).map_err(Some)
    }

    /// Looks whether the idle connection is as silent as it should be.
    fn look(&mut self, now: u64) -> Result<(), CloseReason> {
        self.tenure.looked(now);
        self.connection.as_mut().map_or(Ok(()), Connection::look_idle)
    }

    /// Ends the exchange, and answers why the connection cannot serve another, if so.
    fn finish(
        &mut self,
        index: u32,
        stop: &Stop,
        setting: Setting<'_>,
        now: u64,
        turn: &mut Turn,
    ) -> Option<CloseReason> {
        let connection = self.connection.as_mut()?;
        let in_flight = self.in_flight.take()?;
        let reason = stop.close_reason(connection);
        self.fresh = Some(setting.shelf.take());
        self.tenure.used(now);
        turn.spent = in_flight.spent(stop, now);
        if let Some(since_ns) = in_flight.unheard_since_ns() {
            self.tenure.unheard(since_ns);
        }
        if setting.policy.linger_ns != 0 && in_flight.may_linger(connection, stop) {
            let connection = self.connection.take()?;
            let (ended, lingering) = in_flight.linger(index, connection, stop, now);
            turn.ended = Some(ended);
            turn.lingering = Some(Box::new(lingering));
            return reason;
        }
        let rtt_ns = in_flight.rtt_ns();
        let ended = in_flight.end(index, connection, stop, now);
        if matches!(stop, Stop::Answered(_)) {
            self.proven_ns = now;
            self.rtt_ns = rtt_ns;
            if let Some(recycled) = &ended.completion.response {
                self.tenure.answered(|| {
                    let KeepAlive { timeout_ns, requests_left } = keep_alive(&recycled.response);
                    Announced { timeout_ns, requests_left }
                });
            }
        }
        turn.ended = Some(ended);
        let rules = &setting.policy.rules;
        turn.upkeep_ns = self.tenure.next_look_ns(rules, now);
        reason.or(self.tenure.used_up(rules))
    }

    fn give_up(&mut self, reason: CloseReason, is_open: bool, now: u64, turn: &mut Turn) {
        if let Some(connection) = self.connection.take() {
            connection.end();
        }
        let next = self.next.take();
        let replaced = is_open && next.is_some();
        self.losses.push_back(self.tenure.loss(reason, now, replaced));
        self.last_loss = Some(reason);
        turn.fate = Fate::Lost;
        match next {
            Some(next) if is_open => {
                self.put(next);
                turn.fate = Fate::Replaced;
                turn.epoch = self.tenure.epoch();
            }
            Some(next) => next.connection.end(),
            None => {}
        }
    }
}
