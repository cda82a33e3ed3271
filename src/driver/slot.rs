//! One slot: a place for a connection, and the exchange on it.
//!
//! A slot is locked by whoever works on it: the engine's thread to start a request, the pool thread
//! to read the response. The lock is held across one non-blocking `send` or `recv`, because a TLS
//! session is one state machine for both directions, and nobody else wants this slot meanwhile.
//!
//! The slot knows its connection and HTTP. It does not know the roster: what its state means for
//! the pool is told in the return values, and each accepted request leaves it exactly once, as a
//! [`Ended`].

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::clock::now_ns;
use crate::completion::{Callback, Completion, Times};
use crate::error::{CloseReason, Outcome, WireState};
use crate::http::exchange::{Exchange, Progress, Reuse};
use crate::http::response::Limits;
use crate::net::connection::{Connection, Fault, Received};
use crate::recycle::{Recycled, Shelf};

/// No deadline.
pub const NEVER: u64 = u64::MAX;

/// An accepted request: exactly one completion is owed for it.
pub struct Promise {
    /// The id that submit gave.
    pub id: u64,
    /// The caller's own number.
    pub user_data: u64,
    /// Where the completion goes; to the queue when `None`.
    pub callback: Option<Callback>,
    /// When submit was called.
    pub submit_ns: u64,
    /// When the exchange must be over.
    pub deadline_ns: u64,
}

/// A request as it goes out.
#[derive(Clone, Copy)]
pub struct Outgoing<'a> {
    /// All its bytes.
    pub bytes: &'a [u8],
    /// Its method is HEAD.
    pub is_head: bool,
    /// It says `Connection: close`.
    pub closes: bool,
}

/// A promise and what it is kept with.
pub struct Ended {
    /// Where the completion goes.
    pub callback: Option<Callback>,
    /// The completion.
    pub completion: Completion,
}

/// The slot could not begin: no byte was sent. The promise goes back.
pub struct NotStarted {
    /// The promise, still owed.
    pub promise: Promise,
    /// The connection that is gone.
    pub epoch: u32,
}

/// What one turn of [`Slot::drive`] came to.
#[derive(Default)]
pub struct Turn {
    /// The exchange that ended in it.
    pub ended: Option<Ended>,
    /// The connection was given up in it; [`Slot::take_loss`] tells why.
    pub lost: bool,
    /// The connection that it was about.
    pub epoch: u32,
    /// Bytes wait for the socket to become writable.
    pub wants_write: bool,
}

/// A connection that was given up.
#[derive(Clone, Copy)]
pub struct Loss {
    /// Why.
    pub reason: CloseReason,
    /// How long it had lived, in nanoseconds.
    pub lifetime_ns: u64,
    /// Whether it had brought at least one response.
    pub answered: bool,
}

/// A request that was started.
pub struct Started {
    /// Whoever drives has something to do that the socket will not tell of.
    pub needs_turn: bool,
}

/// What the pool gives to each turn.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// The limits of a response.
    pub limits: &'a Limits,
    /// Where fresh responses come from.
    pub shelf: &'a Arc<Shelf>,
    /// When the grace of a shutdown is over; [`NEVER`] while the pool is open.
    pub grace_ns: u64,
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
    /// Whether an exchange is in flight, readable without the lock.
    in_flight: AtomicBool,
}

#[derive(Default)]
struct Line {
    connection: Option<Connection>,
    /// Counts the connections that this slot had.
    epoch: u32,
    born_ns: u64,
    in_flight: Option<InFlight>,
    /// The connection has brought a response.
    answered: bool,
    /// The connection was found dead by a submitter; the slot's task has yet to clear it away.
    doomed: Option<CloseReason>,
    /// Something may have come in that the exchange will not read: look when it is over.
    look_again: bool,
    /// Why the last connection was given up, until the slot's task asks.
    loss: Option<Loss>,
    /// For the next response, so that submit need not fetch one.
    fresh: Option<Arc<Recycled>>,
}

struct InFlight {
    promise: Promise,
    exchange: Exchange,
    response: Arc<Recycled>,
    times: Times,
    cancelled: bool,
    /// Sending failed after the kernel had taken a part.
    fault: Option<Fault>,
}

/// Why an exchange stops.
enum Stop {
    /// With a whole response.
    Answered(Reuse),
    /// Without one.
    Failed(Outcome, CloseReason),
}

impl Slot {
    /// An empty slot.
    pub fn new(index: u32) -> Self {
        Self {
            index,
            line: Mutex::default(),
            news: Notify::new(),
            deadline_ns: AtomicU64::new(NEVER),
            in_flight: AtomicBool::new(false),
        }
    }

    /// Puts a live connection in, and answers its epoch.
    pub fn install(&self, connection: Connection, shelf: &Arc<Shelf>) -> u32 {
        let mut line = self.lock();
        line.connection = Some(connection);
        line.doomed = None;
        line.answered = false;
        line.look_again = false;
        line.born_ns = now_ns();
        line.epoch += 1;
        line.fresh.get_or_insert_with(|| shelf.take());
        line.epoch
    }

    /// Begins an exchange on the caller's thread. The slot must be the caller's by the roster.
    pub fn start(&self, promise: Promise, request: Outgoing<'_>) -> Result<Started, NotStarted> {
        let mut line = self.lock();
        let epoch = line.epoch;
        if let Err(reason) = line.ready() {
            if let Some(reason) = reason {
                line.doomed = Some(reason);
                self.news.notify_one();
            }
            return Err(NotStarted { promise, epoch });
        }
        let line = &mut *line;
        let Some(connection) = &mut line.connection else {
            return Err(NotStarted { promise, epoch });
        };
        let fault = connection.start(request.bytes).err();
        if let Some(fault) = &fault
            && connection.wire_state() == WireState::NotSent
        {
            line.doomed = Some(fault.close_reason(true));
            self.news.notify_one();
            return Err(NotStarted { promise, epoch });
        }
        let all_sent = fault.is_none() && !connection.has_unsent();
        let mut times = Times { submit_ns: promise.submit_ns, ..Times::default() };
        if all_sent {
            times.write_ns = now_ns();
        }
        self.deadline_ns.store(promise.deadline_ns, Ordering::SeqCst);
        self.in_flight.store(true, Ordering::SeqCst);
        line.in_flight = Some(InFlight {
            promise,
            exchange: Exchange::new(request.is_head, request.closes),
            response: line.fresh.take().expect("install and every turn leave a fresh response"),
            times,
            cancelled: false,
            fault,
        });
        Ok(Started { needs_turn: !all_sent })
    }

    /// What the pool thread does in caller drive: nothing while the engine has an exchange here,
    /// unless the time for it is over.
    pub fn drive_unless_in_flight(&self, setting: Setting<'_>) -> Turn {
        {
            let mut line = self.lock();
            if line.in_flight.is_some() && now_ns() < setting.grace_ns {
                line.look_again = true;
                return Turn::default();
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
        let mut turn = Turn { epoch: line.epoch, ..Turn::default() };
        let Some(connection) = &mut line.connection else { return turn };
        let reason = if let Some(in_flight) = &mut line.in_flight {
            let Some(stop) = in_flight.advance(connection, setting, now) else {
                turn.wants_write = connection.has_unsent();
                return turn;
            };
            let reason = stop.close_reason(connection);
            let in_flight = line.in_flight.take().expect("it was there a line ago");
            self.deadline_ns.store(NEVER, Ordering::SeqCst);
            self.in_flight.store(false, Ordering::SeqCst);
            turn.ended = Some(in_flight.end(self.index, connection, &stop, now));
            line.fresh = Some(setting.shelf.take());
            line.answered |= matches!(stop, Stop::Answered(_));
            let look_again = std::mem::take(&mut line.look_again);
            reason
                .or_else(|| (setting.grace_ns != NEVER).then_some(CloseReason::Shutdown))
                .or_else(|| look_again.then(|| connection.look_idle().err()).flatten())
        } else if line.doomed.is_some() {
            line.doomed
        } else if setting.grace_ns != NEVER {
            Some(CloseReason::Shutdown)
        } else {
            connection.look_idle().err()
        };
        if let Some(reason) = reason
            && let Some(connection) = line.connection.take()
        {
            connection.end();
            let lifetime_ns = now.saturating_sub(line.born_ns);
            line.loss = Some(Loss { reason, lifetime_ns, answered: line.answered });
            turn.lost = true;
        }
        turn
    }

    /// Ends whatever is here after a defect: the state cannot be trusted any more.
    pub fn abandon(&self) -> Option<Ended> {
        let mut line = self.lock();
        let connection = line.connection.take();
        let in_flight = line.in_flight.take();
        self.deadline_ns.store(NEVER, Ordering::SeqCst);
        self.in_flight.store(false, Ordering::SeqCst);
        let (connection, in_flight) = (connection?, in_flight?);
        let stop = Stop::Failed(Outcome::Internal, CloseReason::Internal);
        let ended = in_flight.end(self.index, &connection, &stop, now_ns());
        connection.reset();
        Some(ended)
    }

    /// Why the last connection was given up; answered once.
    pub fn take_loss(&self) -> Option<Loss> {
        self.lock().loss.take()
    }

    /// Marks the exchange of that id as cancelled, for whoever drives. `false`: it is not here.
    pub fn cancel(&self, id: u64) -> bool {
        let mut line = self.lock();
        let Some(in_flight) = line.in_flight.as_mut().filter(|f| f.promise.id == id) else {
            return false;
        };
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

    /// Whether an exchange is in flight. Takes no lock.
    pub fn is_in_flight(&self) -> bool {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// The epoch of the newest connection.
    pub fn epoch(&self) -> u32 {
        self.lock().epoch
    }

    /// Frees what a closed pool has no use for.
    pub fn clear(&self) {
        let mut line = self.lock();
        line.connection = None;
        line.fresh = None;
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        // After a panic the slot is abandoned; until then its state is as good as any.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// Whether the connection can take a request: a last look finds what came in while it was idle,
    /// so that neither a FIN eats the request nor stray bytes answer it.
    fn ready(&mut self) -> Result<(), Option<CloseReason>> {
        match &mut self.connection {
            Some(connection) if self.doomed.is_none() => connection.look_idle().map_err(Some),
            _ => Err(None),
        }
    }
}

impl InFlight {
    /// Goes on with the exchange; answers how it stops, if it does.
    fn advance(
        &mut self,
        connection: &mut Connection,
        setting: Setting<'_>,
        now: u64,
    ) -> Option<Stop> {
        if self.cancelled {
            return Some(Stop::Failed(Outcome::Cancelled, CloseReason::Cancelled));
        }
        if self.fault.is_none() && connection.has_unsent() {
            self.fault = connection.flush().err();
            if self.fault.is_none() && !connection.has_unsent() {
                self.times.write_ns = now;
            }
        }
        // Read even when sending failed: the peer may have answered early, for example with a 413.
        self.receive(connection, setting.limits, now).or_else(|| {
            if let Some(fault) = &self.fault {
                Some(Stop::Failed(fault.outcome(), fault.close_reason(false)))
            } else if self.promise.deadline_ns <= now {
                Some(Stop::Failed(Outcome::Timeout, CloseReason::Timeout))
            } else if setting.grace_ns <= now {
                Some(Stop::Failed(Outcome::Shutdown, CloseReason::Shutdown))
            } else {
                None
            }
        })
    }

    fn receive(&mut self, connection: &mut Connection, limits: &Limits, now: u64) -> Option<Stop> {
        let shared = Arc::get_mut(&mut self.response);
        let response = &mut shared.expect("an exchange in flight is its only holder").response;
        loop {
            let progress = match connection.receive(response.space(limits)) {
                Ok(Received::Nothing) => return None,
                Ok(Received::Bytes(_)) if connection.wire_state() == WireState::NotSent => {
                    Err((Outcome::UnsolicitedResponse, CloseReason::IdleBytes))
                }
                Ok(Received::Bytes(n)) => {
                    response.commit(n);
                    if self.times.first_byte_ns == 0 {
                        self.times.first_byte_ns = now;
                    }
                    let progress = self.exchange.on_bytes(response, limits);
                    progress.map_err(|outcome| (outcome, CloseReason::Protocol))
                }
                Ok(Received::End { clean }) => {
                    let progress = self.exchange.on_eof(response, clean);
                    progress.map_err(|outcome| (outcome, CloseReason::Closed))
                }
                Err(fault) => {
                    return Some(Stop::Failed(fault.outcome(), fault.close_reason(false)));
                }
            };
            match progress {
                Ok(Progress::NeedMore) => {}
                Ok(Progress::Done(reuse)) => return Some(Stop::Answered(reuse)),
                Err((outcome, reason)) => return Some(Stop::Failed(outcome, reason)),
            }
        }
    }

    /// Turns the exchange into its completion.
    fn end(self, slot: u32, connection: &Connection, stop: &Stop, now: u64) -> Ended {
        let (outcome, wire_state) = match stop {
            Stop::Answered(_) => (Outcome::Ok, WireState::Answered),
            // Less than a whole request cannot be executed, whatever was answered to it.
            Stop::Failed(outcome, _) => match connection.wire_state() {
                WireState::Sent if self.exchange.has_begun() => (*outcome, WireState::Answering),
                sent => (*outcome, sent),
            },
        };
        let response = match outcome {
            Outcome::Ok => Some(self.response),
            _ => {
                Recycled::release(self.response);
                None
            }
        };
        let times = Times { done_ns: now, ..self.times };
        let bytes_sent = connection.bytes_sent();
        self.promise.end(outcome, wire_state, Some(slot), times, bytes_sent, response)
    }
}

impl Promise {
    /// Ends a request that never reached a connection.
    pub fn unsent(self, outcome: Outcome) -> Ended {
        let times = Times { submit_ns: self.submit_ns, done_ns: now_ns(), ..Times::default() };
        self.end(outcome, WireState::NotSent, None, times, 0, None)
    }

    fn end(
        self,
        outcome: Outcome,
        wire_state: WireState,
        slot: Option<u32>,
        times: Times,
        bytes_sent: u64,
        response: Option<Arc<Recycled>>,
    ) -> Ended {
        let completion = Completion {
            id: self.id,
            user_data: self.user_data,
            outcome,
            wire_state,
            slot,
            times,
            bytes_sent,
            response,
        };
        Ended { callback: self.callback, completion }
    }
}

impl Stop {
    /// Why the connection cannot be used again; `None` when it can.
    fn close_reason(&self, connection: &mut Connection) -> Option<CloseReason> {
        match self {
            Self::Failed(_, reason) => Some(*reason),
            // The rest of the request would still go out, or never would: both spoil the next one.
            Self::Answered(_) if connection.wire_state() != WireState::Sent => {
                Some(CloseReason::EarlyResponse)
            }
            Self::Answered(Reuse::Close(reason)) => Some(*reason),
            Self::Answered(Reuse::KeepAlive) => {
                connection.has_surplus().then_some(CloseReason::SurplusBytes)
            }
        }
    }
}
