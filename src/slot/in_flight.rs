//! One exchange in flight: what is owed for it, how it goes on, how it ends.
//!
//! It is given the connection for each step and holds none. It does not know the slot's state, the
//! dispatcher, or who receives the completion in the end.

use std::sync::Arc;

use super::policy::Policy;
use super::sleeper::{Answer, Parking};
use crate::clock::{now_ns, wall_ns};
use crate::completion::{Callback, Completion, Detail, Times};
use crate::error::{CloseReason, Outcome, WireState};
use crate::http::exchange::{Exchange as Codec, Progress, Reuse};
use crate::http::late::{Late, Moment};
use crate::http::limits::Limits;
use crate::http::response::Response;
use crate::lane::Lane;
use crate::net::connection::{Connection, Fault, Received};
use crate::net::probes;
use crate::pool::dispatch::Lease;
use crate::pool::exchange_time::Due;
use crate::pool::slot::{Exchange, Failure, Read, Request, Stop};
use crate::pool::turn_budget::TURN_BYTES;
use crate::recycle::{FreeList, Recycled};
use crate::source::Source;
use crate::sync::Shared;
use crate::tag::Tag;

/// Who receives the completion of a request.
#[derive(Clone)]
pub enum Recipient {
    /// Whoever polls the completion queue; a place in it is reserved.
    Queue,
    /// A function.
    Callback(Callback),
    /// A function that has had the completion, for the late answer.
    LateCallback(Callback),
    /// A caller in execute.
    Sleeper(Arc<Answer>),
    /// The order of that id, of which this is a copy.
    Copy,
    /// The pool itself: it only wants to know whether the connection lives.
    Heartbeat,
}

/// An accepted request: exactly one completion is owed for it.
pub struct Pending {
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
    /// What it may go before.
    pub lane: Lane,
    /// From where it may be sent.
    pub source: Source,
}

/// What a completion says of its request, besides what became of it.
#[derive(Clone, Copy)]
struct Owed {
    id: u64,
    user_data: u64,
    submit_ns: u64,
}

/// A caller that wants a lease.
pub enum Acquirer {
    /// It sleeps until it has one.
    Sleeps(Arc<Parking>),
    /// It is told by a completion.
    Completes(Box<Pending>),
}

/// The bytes of a request as they go out.
pub enum Payload<'a> {
    /// They are what they are.
    Ready(&'a [u8]),
    /// Some of them are written when it is sent.
    Late(Late<'a>),
}

/// A request as it goes out.
pub struct Outgoing<'a> {
    /// All its bytes.
    pub payload: Payload<'a>,
    /// Its method is HEAD.
    pub is_head: bool,
    /// It says `Connection: close`.
    pub closes: bool,
    /// How it is told of.
    pub label: Label<'a>,
}

/// How a request is told of: it begins with method and path, and its engine may have a name for it.
#[derive(Clone, Copy, Debug)]
pub struct Label<'a> {
    /// How many bytes the method and the path have.
    pub line_len: usize,
    /// What its engine calls it. Borrowed: a copy would be cache lines for each order.
    pub tag: &'a Tag,
}

impl Label<'_> {
    /// It is not told of.
    pub const NONE: Self = Self { line_len: 0, tag: &Tag::NONE };
}

impl Outgoing<'_> {
    /// Its method and its path, without the query.
    pub(crate) fn line(&self) -> &[u8] {
        self.bytes().get(..self.label.line_len).unwrap_or_default()
    }

    /// The bytes to be sent now; `None` if the engine has withdrawn the request. `moment`: what a
    /// function that signs is told.
    pub(crate) fn sign(&mut self, moment: impl FnOnce() -> Moment) -> Option<&[u8]> {
        match &mut self.payload {
            Payload::Ready(bytes) => Some(bytes),
            Payload::Late(late) => late.sign(moment()).then_some(&*late.bytes),
        }
    }

    /// Whether it is signed when it is sent.
    pub(crate) fn is_late(&self) -> bool {
        matches!(self.payload, Payload::Late(_))
    }

    /// The bytes as they are now, for a copy.
    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.payload {
            Payload::Ready(bytes) => bytes,
            Payload::Late(late) => late.bytes,
        }
    }
}

/// A request that has ended, and who is to be told.
pub struct Ended {
    /// Where the completion goes.
    pub recipient: Recipient,
    /// The completion.
    pub completion: Completion,
}

impl Ended {
    /// Takes it out. What stays behind is worth nothing.
    pub(crate) fn take(&mut self) -> Self {
        let recipient = std::mem::replace(&mut self.recipient, Recipient::Queue);
        Self { recipient, completion: self.completion.take() }
    }
}

/// What an exchange leaves when it is over.
pub struct Over {
    /// Its completion.
    pub ended: Ended,
    /// The exchange itself, if its answer is still waited for. Boxed, as it is large and rare.
    pub lingering: Option<Box<Lingering>>,
}

/// An exchange that was given up at its deadline, whose answer may still come. Its connection is
/// ended in good order when this is dropped, by whomever.
pub struct Lingering {
    /// Serves no other request any more. `None` only while this is dropped.
    connection: Option<Connection>,
    codec: Codec,
    /// As the connection.
    response: Option<Shared<Recycled>>,
    /// What was told when it was given up, without a response.
    told: Completion,
    /// Who had the completion.
    recipient: Recipient,
}

/// What a look for a late answer comes to.
pub(crate) enum LateLook {
    /// It is not here yet; the socket tells when there is more.
    NotYet,
    /// There is more to read, of which the socket does not tell.
    Unread,
    /// The waiting is over, with the late completion or without.
    Over(Option<Box<Ended>>),
}

/// One exchange in flight. Its times, and when it is over, are with the slot's state.
pub(crate) struct InFlight {
    pub(crate) pending: Pending,
    codec: Codec,
    response: Shared<Recycled>,
    /// Sending failed after the kernel had taken a part.
    fault: Option<Fault>,
    /// The last turn has ended before all that had come in was read.
    unread: bool,
    /// Bytes of the response that the last turn has received.
    received: usize,
}

impl InFlight {
    /// An exchange whose request was just handed to the connection, with what came of it.
    pub(crate) fn new(
        pending: Pending,
        request: &Outgoing<'_>,
        response: Shared<Recycled>,
        fault: Option<Fault>,
    ) -> Self {
        let codec = Codec::new(request.is_head, request.closes);
        Self { pending, codec, response, fault, unread: false, received: 0 }
    }

    /// Whether the last turn has left something unread: there must be another one, of which no
    /// socket will tell.
    pub(crate) fn has_unread(&self) -> bool {
        self.unread
    }

    /// What has come of the response.
    pub(crate) fn response(&self) -> &Response {
        &self.response.response
    }

    /// How many bytes of the response the last turn has received.
    pub(crate) fn received(&self) -> usize {
        self.received
    }

    /// Sends what is left of the request, and reads what has come in. Answers what reading has come
    /// to, and how sending has failed if it has. `at`: the rules of its pool, and its slot.
    pub(crate) fn advance(
        &mut self,
        at: (&Policy, u32),
        connection: &mut Connection,
        exchange: &mut Exchange,
        now: u64,
    ) -> (Read, Option<Failure>) {
        // Nothing more of a request that was cancelled is sent.
        if !exchange.is_cancelled() && self.fault.is_none() && connection.has_unsent() {
            self.fault = connection.flush().err();
            if self.fault.is_none() && !connection.has_unsent() {
                exchange.write_ns = now;
            }
        }
        // First what has come, whatever else ends the exchange. The peer may have answered early,
        // for example with a 413, before sending failed; or before the request was cancelled.
        let read = self.receive(at, connection, exchange, now);
        self.unread = read == Read::More;
        (read, self.fault.as_ref().map(|fault| (fault.outcome(), fault.close_reason(false))))
    }

    /// Receives what has come in, as much as one turn may.
    fn receive(
        &mut self,
        (policy, slot): (&Policy, u32),
        connection: &mut Connection,
        exchange: &mut Exchange,
        now: u64,
    ) -> Read {
        let limits = &policy.limits;
        let shared = Shared::get_mut(&mut self.response);
        let shared = shared.expect("an exchange in flight is its only holder");
        shared.endpoints = *connection.endpoints();
        let response = &mut shared.response;
        let mut left = TURN_BYTES;
        self.received = 0;
        while left > 0 {
            let space = match response.space(limits, left) {
                Ok(space) => space,
                Err(outcome) => return Read::Failed(outcome, CloseReason::OutOfMemory),
            };
            let progress = match connection.receive(space) {
                Ok(Received::Nothing) => return Read::Nothing,
                Ok(Received::Bytes(n))
                    if exchange.first_byte_ns == 0 && connection.is_unheard() =>
                {
                    response.commit(n);
                    Err((Outcome::UnsolicitedResponse, CloseReason::IdleBytes))
                }
                Ok(Received::Bytes(n)) => {
                    response.commit(n);
                    left -= n;
                    self.received += n;
                    if exchange.first_byte_ns == 0 {
                        exchange.first_byte_ns = now;
                        shared.arrival_wall_ns = connection.arrival_wall_ns();
                        probes::first_byte(policy, self.pending.id, slot, n);
                    }
                    let progress = self.codec.on_bytes(response, limits);
                    if exchange.head_ns == 0 && response.has_head() {
                        exchange.head_ns = now;
                    }
                    progress.map_err(|outcome| (outcome, CloseReason::Protocol))
                }
                Ok(Received::End { clean }) => {
                    let progress = self.codec.on_eof(response, clean);
                    progress.map_err(|outcome| (outcome, CloseReason::Closed))
                }
                Err(fault) => return Read::Failed(fault.outcome(), fault.close_reason(false)),
            };
            match progress {
                Ok(Progress::NeedMore) => {}
                Ok(Progress::Done(reuse)) => {
                    if reuse == Reuse::Close(CloseReason::SurplusBytes) {
                        connection.keep_stray(&response.take_surplus());
                    }
                    let is_sent = connection.wire_state() == WireState::Sent;
                    return Read::answered(reuse, is_sent, || connection.look_behind().err());
                }
                Err((outcome, reason)) => return Read::Failed(outcome, reason),
            }
        }
        Read::More
    }

    /// Turns the exchange into its completion. If it failed, the connection is to be ended next.
    #[inline(always)] // So that of the exchange only what is told is moved.
    pub(crate) fn end(
        ended: &mut Option<Self>,
        slot: u32,
        connection: &mut Connection,
        exchange: &Exchange,
        stop: &Stop,
        now: u64,
    ) -> Ended {
        let flying = ended.as_ref().expect("what ends is in flight");
        let told = stop.told(|| (connection.wire_state(), flying.codec.has_begun()));
        let owed = flying.pending.owed();
        let ended = ended.take().expect("what ends is in flight");
        let Self { pending: Pending { recipient, .. }, mut response, .. } = ended;
        let shown = match told.0 {
            Outcome::Ok => true,
            // After a defect nothing here can be trusted.
            Outcome::Internal => false,
            _ => {
                let shared = Shared::get_mut(&mut response);
                shared.expect("nobody else holds it yet").response.give_up()
            }
        };
        let response = if shown {
            Some(response)
        } else {
            Recycled::release(response);
            None
        };
        let completion = completion(owed, told, slot, connection, exchange, now, response);
        Ended { recipient, completion }
    }

    /// Ends the exchange for the engine, and goes on waiting for its answer. What has come of that
    /// is told now, and read on: so it is copied.
    pub(crate) fn linger(
        self,
        slot: u32,
        mut connection: Connection,
        free_list: &Arc<FreeList>,
        exchange: &Exchange,
        stop: &Stop,
        now: u64,
    ) -> Over {
        let told = stop.told(|| (connection.wire_state(), self.codec.has_begun()));
        let Self { pending, codec, response, .. } = self;
        let so_far = response.response.has_head().then(|| {
            let mut copy = free_list.take_copy(&response.response);
            let shared = Shared::get_mut(&mut copy).expect("nobody else holds it yet");
            shared.response.give_up();
            shared.arrival_wall_ns = response.arrival_wall_ns;
            copy
        });
        let (owed, connected) = (pending.owed(), &mut connection);
        let completion = completion(owed, told, slot, connected, exchange, now, so_far);
        // A late answer has a response of its own, and nothing to ask the kernel for.
        let told = Completion { response: None, detail: None, ..completion };
        let (connection, response) = (Some(connection), Some(response));
        let recipient = pending.recipient.clone();
        let lingering = Lingering { connection, codec, response, told, recipient };
        let ended = Ended { recipient: pending.recipient, completion };
        Over { ended, lingering: Some(Box::new(lingering)) }
    }
}

/// The completion of an exchange that is over now. `told`: its outcome and its wire state.
#[inline(always)]
fn completion(
    owed: Owed,
    (outcome, wire_state): (Outcome, WireState),
    slot: u32,
    connection: &mut Connection,
    exchange: &Exchange,
    now_ns: u64,
    response: Option<Shared<Recycled>>,
) -> Completion {
    let bytes_sent = connection.bytes_sent();
    let detail = (outcome != Outcome::Ok).then(|| {
        let evidence = if bytes_sent > 0 { connection.last_evidence() } else { None };
        let endpoints = *connection.endpoints();
        Box::new(Detail { evidence, endpoints, ..Detail::default() })
    });
    Completion {
        id: owed.id,
        user_data: owed.user_data,
        outcome,
        wire_state,
        slot: Some(slot as u16),
        connection: exchange.connection,
        times: times(exchange, owed.submit_ns, now_ns),
        bytes_sent,
        bytes_received: connection.bytes_received(),
        detail,
        response,
    }
}

/// The times of an exchange that is over now.
pub(crate) fn times(exchange: &Exchange, submit_ns: u64, now_ns: u64) -> Times {
    Times {
        submit_ns,
        start_ns: exchange.start_ns,
        write_begin_ns: exchange.write_begin_ns,
        write_ns: exchange.write_ns,
        first_byte_ns: exchange.first_byte_ns,
        head_ns: exchange.head_ns,
        done_ns: now_ns,
    }
}

impl Lingering {
    /// The connection.
    pub(crate) fn connection(&self) -> Option<&Connection> {
        self.connection.as_ref()
    }

    /// A copy of an order: the late answer is for whoever has the order's completion.
    pub(crate) fn replace_recipient(&mut self, of_order: impl FnOnce(u64) -> Option<Recipient>) {
        if self.recipient.is_order()
            && let Some(recipient) = of_order(self.told.id)
        {
            self.recipient = recipient;
        }
    }

    /// Looks for the answer, and reads as much of it as one turn may.
    pub(crate) fn advance(&mut self, limits: &Limits) -> LateLook {
        self.read(limits).unwrap_or(LateLook::Over(None))
    }

    /// `None`: the answer cannot be had any more.
    fn read(&mut self, limits: &Limits) -> Option<LateLook> {
        let mut left = TURN_BYTES;
        while left > 0 {
            let shared = Shared::get_mut(self.response.as_mut()?)?;
            let response = &mut shared.response;
            let space = response.space(limits, left).ok()?;
            let connection = self.connection.as_mut()?;
            let progress = match connection.receive(space) {
                Ok(Received::Nothing) => return Some(LateLook::NotYet),
                Ok(Received::Bytes(n)) => {
                    response.commit(n);
                    left -= n;
                    if self.told.times.first_byte_ns == 0 {
                        self.told.times.first_byte_ns = now_ns();
                        shared.arrival_wall_ns = connection.arrival_wall_ns();
                    }
                    let progress = self.codec.on_bytes(response, limits);
                    if self.told.times.head_ns == 0 && response.has_head() {
                        self.told.times.head_ns = now_ns();
                    }
                    progress
                }
                Ok(Received::End { clean }) => self.codec.on_eof(response, clean),
                Err(_) => return None,
            };
            match progress {
                Ok(Progress::NeedMore) => {}
                Ok(Progress::Done(_)) => {
                    // The end of such a connection is not recorded.
                    drop(response.take_surplus());
                    return Some(LateLook::Over(Some(Box::new(self.late()))));
                }
                Err(_) => return None,
            }
        }
        Some(LateLook::Unread)
    }

    /// The completion as it would have been in time, for the recipient of that one.
    fn late(&self) -> Ended {
        let completion = Completion {
            id: self.told.id,
            user_data: self.told.user_data,
            outcome: Outcome::Ok,
            wire_state: WireState::Answered,
            slot: self.told.slot,
            connection: self.told.connection,
            times: Times { done_ns: now_ns(), ..self.told.times },
            bytes_sent: self.told.bytes_sent,
            bytes_received: self.connection.as_ref().map_or(0, Connection::bytes_received),
            detail: Some(Box::new(Detail { is_late: true, ..Detail::default() })),
            response: self.response.clone(),
        };
        Ended { recipient: self.recipient.clone(), completion }
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

impl Pending {
    /// What its completion says of it.
    #[inline(always)]
    fn owed(&self) -> Owed {
        Owed { id: self.id, user_data: self.user_data, submit_ns: self.submit_ns }
    }

    /// What its slot is to know of it.
    pub(crate) fn request(&self) -> Request {
        let id = (!self.recipient.is_heartbeat()).then_some(self.id);
        Request { id, deadline_ns: self.deadline_ns }
    }

    /// What the function that signs it is told.
    pub(crate) fn moment(&self, slot: u32) -> Moment {
        let (id, user_data, now_ns, wall_ns) = (self.id, self.user_data, now_ns(), wall_ns());
        Moment { id, user_data, slot, now_ns, wall_ns }
    }

    /// When it was submitted, and when its answer must be there.
    pub fn due(&self) -> Due {
        let Self { submit_ns, deadline_ns, lane, source, .. } = *self;
        Due { submit_ns, deadline_ns, lane, source }
    }

    /// Ends a request that never reached a connection.
    pub fn unsent(self, outcome: Outcome) -> Ended {
        let times = Times { submit_ns: self.submit_ns, done_ns: now_ns(), ..Times::default() };
        let completion = self.unsent_completion(outcome, None, times);
        Ended { recipient: self.recipient, completion }
    }

    /// Ends the wait for a lease with that lease.
    pub fn leased(self, lease: Lease) -> Ended {
        let times = Times { submit_ns: self.submit_ns, done_ns: now_ns(), ..Times::default() };
        let slot = Some(lease.slot);
        let granted = self.unsent_completion(Outcome::Ok, slot, times);
        let detail =
            Some(Box::new(Detail { lease_generation: lease.generation, ..Detail::default() }));
        let completion = Completion { detail, ..granted };
        Ended { recipient: self.recipient, completion }
    }

    fn unsent_completion(&self, outcome: Outcome, slot: Option<u32>, times: Times) -> Completion {
        Completion {
            id: self.id,
            user_data: self.user_data,
            outcome,
            wire_state: WireState::NotSent,
            slot: slot.map(|slot| slot as u16),
            connection: 0,
            times,
            bytes_sent: 0,
            bytes_received: 0,
            detail: None,
            response: None,
        }
    }
}

impl Recipient {
    /// The function, or else the queue.
    pub(crate) fn of(callback: Option<Callback>) -> Self {
        callback.map_or(Self::Queue, Self::Callback)
    }

    /// Whether it is an order of several copies.
    pub(crate) fn is_order(&self) -> bool {
        matches!(self, Self::Copy)
    }

    /// Whether it is the pool itself.
    pub(crate) fn is_heartbeat(&self) -> bool {
        matches!(self, Self::Heartbeat)
    }
}
