//! What a slot tells its flight recorder. All of it under the slot's lock, which is held anyway.
//!
//! Heartbeats are no orders: on an idle slot they would drive all orders out.

use super::{Held, Outgoing, Slot};
use crate::clock::now_ns;
use crate::completion::Completion;
use crate::error::CloseReason;
use crate::net::connection::Connection;
use crate::pool::connection_state::Loss;
use crate::pool::slot::{Exchange, Stop};
use crate::recorder::record::{Lost, What, Words};
use crate::recorder::redact;
use crate::recorder::slot_recorder::SlotRecorder;
use crate::slot::in_flight::times;

impl Slot {
    /// Records what happened to the slot's next connection, if that is recorded.
    pub fn happened(&self, what: impl FnOnce() -> What) {
        let mut inner = self.lock();
        let connection = inner.state.epoch() + 1;
        if let Some(recorder) = &mut inner.held.recorder {
            recorder.happened(now_ns(), connection, what());
        }
    }

    /// Records what happened to the connection of that number, if that is recorded.
    pub fn happened_to(&self, connection: u32, what: What) {
        if let Some(recorder) = &mut self.lock().held.recorder {
            recorder.happened(now_ns(), connection, what);
        }
    }

    /// Reads what is recorded; `None` if nothing is. An order may wait for it.
    pub fn with_recorder<T>(&self, read: impl FnOnce(&SlotRecorder) -> T) -> Option<T> {
        self.lock().held.recorder.as_ref().map(read)
    }
}

impl Held {
    /// An exchange has begun.
    #[inline]
    pub(crate) fn record_begin(
        &mut self,
        exchange: &Exchange,
        submit_ns: u64,
        outgoing: &Outgoing<'_>,
    ) {
        if self.recorder.is_some() {
            self.record_order(exchange, submit_ns, outgoing);
        }
    }

    #[cold]
    #[inline(never)] // Its times would be on the stack of each start.
    fn record_order(&mut self, exchange: &Exchange, submit_ns: u64, outgoing: &Outgoing<'_>) {
        if let (Some(recorder), Some(id)) = (&mut self.recorder, exchange.id) {
            let (times, bytes) = (times(exchange, submit_ns, 0), outgoing.bytes());
            let order = (id, exchange.connection);
            recorder.began(order, times, outgoing.line(), outgoing.label.tag, bytes);
        }
    }

    /// An exchange has ended with that completion.
    #[inline]
    pub(crate) fn record_end(&mut self, exchange: &Exchange, completion: &Completion) {
        if self.recorder.is_some() {
            self.record_completion(exchange, completion);
        }
    }

    #[cold]
    #[inline(never)]
    fn record_completion(&mut self, exchange: &Exchange, completion: &Completion) {
        if let (Some(recorder), Some(_)) = (&mut self.recorder, exchange.id) {
            recorder.ended(completion);
        }
    }

    /// An exchange ends. Keeps the head of the answer, and the first bytes of one that does not
    /// accept the order, or that is no whole answer.
    #[inline]
    pub(crate) fn record_answer(&mut self, exchange: &Exchange, stop: &Stop) {
        if self.recorder.is_some() {
            self.record_received(exchange, stop);
        }
    }

    #[cold]
    #[inline(never)] // Its excerpts would be on the stack of each turn.
    fn record_received(&mut self, exchange: &Exchange, stop: &Stop) {
        let Self { recorder: Some(recorder), in_flight: Some(in_flight), .. } = self else {
            return;
        };
        let response = in_flight.response();
        let (head, body) = response.received();
        if exchange.id.is_some() {
            recorder.received(head, body);
        }
        if matches!(stop, Stop::Answered(_)) && (200..300).contains(&response.status()) {
            return;
        }
        if exchange.id.is_some() {
            let shown = if body.is_empty() { head } else { &[] };
            recorder.answered(redact::answer(shown, body));
        }
        let breaks_rule =
            matches!(stop, Stop::Failed(_, CloseReason::Protocol | CloseReason::IdleBytes));
        if breaks_rule && !(head.is_empty() && body.is_empty()) {
            let bytes = redact::answer(head, body);
            recorder.happened(now_ns(), exchange.connection, What::BrokeRule { bytes });
        }
    }

    /// A connection is given up, while it is still here: afterwards the kernel knows no more of it.
    /// It is not here if its exchange lingers.
    #[cold]
    #[inline(never)] // Its words would be on the stack of each turn.
    pub(crate) fn record_loss(
        &mut self,
        number: u32,
        connection: Option<&Connection>,
        loss: &Loss,
    ) {
        let Some(recorder) = &mut self.recorder else { return };
        let now = now_ns();
        if let Some(stray) = connection.map(Connection::stray).filter(|stray| !stray.is_empty()) {
            let bytes = match loss.reason {
                CloseReason::SurplusBytes => redact::surplus(stray),
                _ => redact::answer(&[], stray),
            };
            recorder.happened(now, number, What::BrokeRule { bytes });
        }
        let words = connection.and_then(Connection::fault_words).unwrap_or_default();
        let (id, tag) = recorder.lost_order(number).unwrap_or_default();
        let lost = Lost {
            reason: loss.reason,
            words: Words::of(words.as_bytes()),
            lifetime_ns: loss.lifetime_ns,
            is_replaced: loss.replaced,
            tcp: connection.and_then(Connection::tcp_info),
            id,
            tag,
        };
        recorder.happened(now, number, What::Lost(lost));
    }
}
