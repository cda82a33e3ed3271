//! One exchange in flight: what is owed for it, how it goes on, how it ends.
//!
//! It is given the connection for each step and holds none. It does not know the slot's state, the
//! roster, or who receives the completion in the end.

use super::clock::now_ns;
use super::{NEVER, Policy};
use crate::completion::{Callback, Completion, Times};
use crate::error::{CloseReason, Outcome, WireState};
use crate::http::exchange::{Exchange, Progress, Reuse};
use crate::http::response::Limits;
use crate::net::connection::{Connection, Fault, Received};
use crate::pool::exchange_time::{Due, Spent};
use crate::recycle::Recycled;
use crate::sync::Shared;

/// Who receives the completion of a request.
pub enum Recipient {
    /// Whoever polls the completion queue; a place in it is reserved.
    Queue,
    /// A function.
    Callback(Callback),
    /// The pool itself: it only wants to know whether the connection lives.
    Heartbeat,
}

/// An accepted request: exactly one completion is owed for it.
pub struct Promise {
    /// The id that submit gave.
    pub id: u64,
    /// The caller's own number.
    pub user_data: u64,
    /// Where the completion goes.
    pub recipient: Recipient,
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

/// A request that has ended, and who is to be told.
pub struct Ended {
    /// Where the completion goes.
    pub recipient: Recipient,
    /// The completion.
    pub completion: Completion,
}

/// An exchange that was given up at its deadline, whose answer may still come. Its connection is
/// ended in good order when this is dropped, by whomever.
pub struct Lingering {
    /// Serves nobody else any more. `None` only while this is dropped.
    connection: Option<Connection>,
    exchange: Exchange,
    /// As the connection.
    response: Option<Shared<Recycled>>,
    /// What was told when it was given up, without a response.
    told: Completion,
}

/// One exchange in flight.
pub(super) struct InFlight {
    pub(super) promise: Promise,
    exchange: Exchange,
    response: Shared<Recycled>,
    times: Times,
    pub(super) cancelled: bool,
    /// Sending failed after the kernel had taken a part.
    fault: Option<Fault>,
}

/// Why an exchange stops.
pub(super) enum Stop {
    /// With a whole response.
    Answered(Reuse),
    /// Without one.
    Failed(Outcome, CloseReason),
}

impl InFlight {
    /// An exchange whose request was just handed to the connection, with what came of it.
    pub(super) fn new(
        promise: Promise,
        request: Outgoing<'_>,
        response: Shared<Recycled>,
        fault: Option<Fault>,
        connection: &Connection,
        start_ns: u64,
    ) -> Self {
        let mut times = Times { submit_ns: promise.submit_ns, start_ns, ..Times::default() };
        if fault.is_none() && !connection.has_unsent() {
            times.write_ns = now_ns();
        }
        let exchange = Exchange::new(request.is_head, request.closes);
        Self { promise, exchange, response, times, cancelled: false, fault }
    }

    /// Whether the kernel has taken the whole request.
    pub(super) fn is_sent(&self) -> bool {
        self.times.write_ns != 0
    }

    /// From the kernel's taking the last byte of the request to the first byte of the response, in
    /// nanoseconds.
    pub(super) fn rtt_ns(&self) -> u64 {
        self.times.first_byte_ns.saturating_sub(self.times.write_ns)
    }

    /// When it was sent, if no byte of an answer has come.
    pub(super) fn unheard_since_ns(&self) -> Option<u64> {
        (self.times.first_byte_ns == 0).then_some(self.times.start_ns)
    }

    /// How it has used its time, if it ended by its answer, or as an engine's by its deadline.
    pub(super) fn spent(&self, stop: &Stop, now: u64) -> Option<Spent> {
        let since_ns = now.saturating_sub(self.times.start_ns);
        match stop {
            Stop::Answered(_) if self.promise.recipient.is_heartbeat() => Some(Spent::Heartbeat),
            _ if self.promise.recipient.is_heartbeat() => None,
            Stop::Answered(_) => Some(Spent::Answered(since_ns)),
            Stop::Failed(Outcome::Timeout, _) => Some(Spent::RanOut(since_ns)),
            Stop::Failed(..) => None,
        }
    }

    /// When the exchange ends if nothing more happens: its own deadline, or before that the limit
    /// of the step that it is in.
    pub(super) fn deadline_ns(&self, policy: &Policy) -> u64 {
        let step = match (self.is_sent(), self.times.first_byte_ns) {
            (false, _) => self.times.start_ns.saturating_add(policy.write_timeout_ns),
            (true, 0) => self.times.write_ns.saturating_add(policy.first_byte_timeout_ns),
            (true, _) => NEVER,
        };
        step.min(self.promise.deadline_ns)
    }

    /// Goes on with the exchange; answers how it stops, if it does.
    pub(super) fn advance(
        &mut self,
        connection: &mut Connection,
        policy: &Policy,
        grace_ns: u64,
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
        self.receive(connection, &policy.limits, now).or_else(|| {
            if let Some(fault) = &self.fault {
                Some(Stop::Failed(fault.outcome(), fault.close_reason(false)))
            } else if self.deadline_ns(policy) <= now {
                Some(Stop::Failed(Outcome::Timeout, self.too_late()))
            } else if grace_ns <= now || self.is_in_vain(grace_ns) {
                Some(Stop::Failed(Outcome::Shutdown, CloseReason::Shutdown))
            } else {
                None
            }
        })
    }

    /// Nobody waits for a heartbeat in a pool that ends; grace is for what the engine has sent.
    fn is_in_vain(&self, grace_ns: u64) -> bool {
        grace_ns != NEVER && self.promise.recipient.is_heartbeat()
    }

    fn too_late(&self) -> CloseReason {
        match self.promise.recipient {
            Recipient::Heartbeat => CloseReason::Heartbeat,
            _ => CloseReason::Timeout,
        }
    }

    fn receive(&mut self, connection: &mut Connection, limits: &Limits, now: u64) -> Option<Stop> {
        let shared = Shared::get_mut(&mut self.response);
        let response = &mut shared.expect("an exchange in flight is its only holder").response;
        loop {
            let progress = match connection.receive(response.space(limits)) {
                Ok(Received::Nothing) => return None,
                Ok(Received::Bytes(_))
                    if self.times.first_byte_ns == 0 && connection.is_unheard() =>
                {
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
    pub(super) fn end(self, slot: u32, connection: &Connection, stop: &Stop, now: u64) -> Ended {
        let told = self.told(slot, connection, stop, now);
        let response = match told.outcome {
            Outcome::Ok => Some(self.response),
            _ => {
                Recycled::release(self.response);
                None
            }
        };
        let completion = Completion { response, ..told };
        Ended { recipient: self.promise.recipient, completion }
    }

    /// Ends the exchange for the engine, and goes on waiting for its answer.
    pub(super) fn linger(
        self,
        slot: u32,
        connection: Connection,
        stop: &Stop,
        now: u64,
    ) -> (Ended, Lingering) {
        let completion = self.told(slot, &connection, stop, now);
        let told = self.told(slot, &connection, stop, now);
        let Self { promise, exchange, response, .. } = self;
        let (connection, response) = (Some(connection), Some(response));
        let lingering = Lingering { connection, exchange, response, told };
        (Ended { recipient: promise.recipient, completion }, lingering)
    }

    /// Whether an answer that comes too late is worth waiting for.
    pub(super) fn may_linger(&self, connection: &Connection, stop: &Stop) -> bool {
        matches!(stop, Stop::Failed(Outcome::Timeout, CloseReason::Timeout))
            && connection.wire_state() == WireState::Sent
    }

    /// The completion without the response.
    fn told(&self, slot: u32, connection: &Connection, stop: &Stop, now: u64) -> Completion {
        let (outcome, wire_state) = match stop {
            Stop::Answered(_) => (Outcome::Ok, WireState::Answered),
            // Less than a whole request cannot be executed, whatever was answered to it.
            Stop::Failed(outcome, _) => match connection.wire_state() {
                WireState::Sent if self.exchange.has_begun() => (*outcome, WireState::Answering),
                sent => (*outcome, sent),
            },
        };
        let times = Times { done_ns: now, ..self.times };
        let bytes_sent = connection.bytes_sent();
        let told = self.promise.completion(outcome, wire_state, Some(slot), times, bytes_sent);
        let failed = outcome != Outcome::Ok && bytes_sent > 0;
        Completion { evidence: failed.then(|| connection.evidence()).flatten(), ..told }
    }
}

impl Lingering {
    /// The connection.
    pub(super) fn connection(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }

    /// Looks for the answer. `Some`: the waiting is over, with the late completion or without.
    pub(super) fn advance(&mut self, limits: &Limits) -> Option<Option<Completion>> {
        loop {
            let shared = Shared::get_mut(self.response.as_mut()?)?;
            let response = &mut shared.response;
            let progress = match self.connection.as_mut()?.receive(response.space(limits)) {
                Ok(Received::Nothing) => return None,
                Ok(Received::Bytes(n)) => {
                    response.commit(n);
                    if self.told.times.first_byte_ns == 0 {
                        self.told.times.first_byte_ns = now_ns();
                    }
                    self.exchange.on_bytes(response, limits)
                }
                Ok(Received::End { clean }) => self.exchange.on_eof(response, clean),
                Err(_) => return Some(None),
            };
            match progress {
                Ok(Progress::NeedMore) => {}
                Ok(Progress::Done(_)) => return Some(Some(self.late())),
                Err(_) => return Some(None),
            }
        }
    }

    /// The completion as it would have been in time.
    fn late(&self) -> Completion {
        Completion {
            id: self.told.id,
            user_data: self.told.user_data,
            outcome: Outcome::Ok,
            wire_state: WireState::Answered,
            slot: self.told.slot,
            times: Times { done_ns: now_ns(), ..self.told.times },
            bytes_sent: self.told.bytes_sent,
            evidence: None,
            response: self.response.clone(),
        }
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.end();
        }
        // What the late completion did not take.
        if let Some(response) = self.response.take() {
            Recycled::release(response);
        }
    }
}

impl Promise {
    /// When it was submitted, and when its answer must be there.
    pub fn due(&self) -> Due {
        Due { submit_ns: self.submit_ns, deadline_ns: self.deadline_ns }
    }

    /// Ends a request that never reached a connection.
    pub fn unsent(self, outcome: Outcome) -> Ended {
        let times = Times { submit_ns: self.submit_ns, done_ns: now_ns(), ..Times::default() };
        let completion = self.completion(outcome, WireState::NotSent, None, times, 0);
        Ended { recipient: self.recipient, completion }
    }

    fn completion(
        &self,
        outcome: Outcome,
        wire_state: WireState,
        slot: Option<u32>,
        times: Times,
        bytes_sent: u64,
    ) -> Completion {
        Completion {
            id: self.id,
            user_data: self.user_data,
            outcome,
            wire_state,
            slot,
            times,
            bytes_sent,
            evidence: None,
            response: None,
        }
    }
}

impl Recipient {
    /// Whether it is the pool itself.
    pub(super) fn is_heartbeat(&self) -> bool {
        matches!(self, Self::Heartbeat)
    }
}

impl Stop {
    /// Why the connection cannot be used again; `None` when it can.
    pub(super) fn close_reason(&self, connection: &mut Connection) -> Option<CloseReason> {
        match self {
            Self::Failed(_, reason) => Some(*reason),
            // The rest of the request would still go out, or never would: both spoil the next one.
            Self::Answered(_) if connection.wire_state() != WireState::Sent => {
                Some(CloseReason::EarlyResponse)
            }
            Self::Answered(Reuse::Close(reason)) => Some(*reason),
            Self::Answered(Reuse::KeepAlive) => connection.look_behind().err(),
        }
    }
}
