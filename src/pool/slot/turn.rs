//! What is done on one slot under its lock, step by step: a request is started, or a turn is made.
//!
//! ```text
//!   start   ready? ──► a look, if the last one is old ──► send ──► in flight
//!                                └───────── not started ◄───┘
//!   turn    in flight ──► advance ──► goes on
//!                            └──────► over: end it ──► a look, if one is due ──► keep it
//!           idle ──────────────────────────────────────────┘   └───────────────► give it up
//! ```
//!
//! It makes no step itself. Whoever holds the connection does, as a [`Wire`].

use super::SlotState;
use super::exchange::{Exchange, Stop};
use super::terms::{
    Fate, Finished, Look, NoStart, NotStarted, Request, Sent, Terms, Then, TurnEnd, Wire,
};
use crate::error::CloseReason;
use crate::pool::connection_maintenance::{Announced, Rules};
use crate::pool::exchange_time::Spent;

/// What of an exchange counts when it is over. So the exchange itself need not be moved.
struct Last {
    /// When it was begun, if not one byte has come since.
    unheard_since_ns: Option<u64>,
    rtt_ns: u64,
    spent: Option<Spent>,
}

impl Last {
    #[inline]
    fn of(exchange: &Exchange, stop: Stop, now_ns: u64) -> Self {
        Self {
            unheard_since_ns: (exchange.first_byte_ns == 0).then_some(exchange.start_ns),
            rtt_ns: exchange.first_byte_ns.saturating_sub(exchange.write_ns),
            spent: exchange.spent(stop, now_ns),
        }
    }
}

impl SlotState {
    /// Starts a request, if the connection is good for it. `look_after_ns`: how old the last look
    /// at it may be.
    pub fn start<W: Look>(
        &mut self,
        request: Request,
        rules: &Rules,
        look_after_ns: u64,
        now_ns: u64,
        wire: &mut W,
        send: impl FnOnce(&mut W) -> Sent,
    ) -> Result<&Exchange, NotStarted> {
        if request.deadline_ns <= now_ns {
            return Err(NotStarted { why: NoStart::TooLate, wakes_task: false });
        }
        if !self.is_live || !self.connection.may_serve(self.next.is_some()) {
            return Err(self.not_started(false));
        }
        // Whoever maintains it may be late, and it may be gone by now.
        if let Some(reason) = self.connection.outlived(rules, now_ns) {
            self.connection.mark_dead(reason);
            return Err(self.not_started(true));
        }
        if self.connection.needs_look(now_ns, look_after_ns) && self.look(wire, now_ns).is_some() {
            return Err(self.not_started(true));
        }
        match send(wire) {
            Sent::Withdrawn => Err(NotStarted { why: NoStart::Withdrawn, wakes_task: false }),
            Sent::Nothing(reason) => {
                self.connection.mark_dead(reason);
                Err(self.not_started(true))
            }
            Sent::Begun { begin_ns, end_ns } => {
                debug_assert!(self.exchange.is_none(), "one exchange at a time");
                let (epoch, deadline_ns) = (self.epoch(), request.deadline_ns);
                let mut exchange = Exchange::new(request.id, epoch, now_ns, deadline_ns);
                exchange.write_begin_ns = begin_ns.max(now_ns);
                exchange.write_ns = end_ns;
                Ok(self.exchange.insert(exchange))
            }
        }
    }

    fn not_started(&self, wakes_task: bool) -> NotStarted {
        NotStarted { why: NoStart::Lost(self.epoch()), wakes_task }
    }

    /// Does all that can be done now.
    pub fn turn<W: Wire>(
        &mut self,
        wire: &mut W,
        terms: &Terms<'_>,
        now_ns: u64,
    ) -> TurnEnd<W::Ended> {
        let mut turn = TurnEnd { now_ns, ..TurnEnd::nothing(self.epoch()) };
        if !self.is_live {
            return turn;
        }
        let then = match &mut self.exchange {
            None => self.idle(terms.is_open()),
            Some(exchange) => {
                let (read, sending) = wire.advance(exchange, now_ns);
                let stop = exchange.stop(read, sending, terms.steps, terms.grace_ns, now_ns);
                let Some(stop) = stop else { return turn };
                self.end(wire, stop, terms, &mut turn)
            }
        };
        let found = match then {
            Then::Keep => None,
            Then::Close(reason) => Some(reason),
            Then::Look => self.look(wire, now_ns),
        };
        if let Some(reason) = found {
            let connection = self.epoch();
            let loss = self.give_up(reason, terms.is_open(), now_ns);
            turn.fate = if loss.replaced { Fate::Replaced } else { Fate::Lost };
            turn.epoch = self.epoch();
            wire.give_up(connection, &loss);
        }
        turn
    }

    /// Ends the exchange in flight, and answers what to do with the connection.
    fn end<W: Wire>(
        &mut self,
        wire: &mut W,
        stop: Stop,
        terms: &Terms<'_>,
        turn: &mut TurnEnd<W::Ended>,
    ) -> Then {
        let Some(exchange) = &self.exchange else { return self.idle(terms.is_open()) };
        let lingers = terms.waits_for_late && stop.may_linger() && wire.is_on_wire();
        let ended = wire.end(exchange, &stop, lingers, turn.now_ns);
        let last = Last::of(exchange, stop, turn.now_ns);
        self.exchange = None;
        let announced = || wire.announced(&ended);
        let finished = self.finished(&last, stop, announced, terms, turn.now_ns);
        turn.ended = Some(ended);
        turn.maintenance_ns = finished.maintenance_ns;
        turn.spent = finished.spent;
        finished.then
    }

    /// The exchange is over.
    fn finished(
        &mut self,
        last: &Last,
        stop: Stop,
        announced: impl FnOnce() -> Announced,
        terms: &Terms<'_>,
        now_ns: u64,
    ) -> Finished {
        self.connection.used(now_ns);
        if let Some(since_ns) = last.unheard_since_ns {
            self.connection.unheard(since_ns);
        }
        let reason = match stop {
            Stop::Failed(_, reason) => Some(reason),
            Stop::Answered(reason) => {
                self.proven_ns = now_ns;
                self.rtt_ns = last.rtt_ns;
                self.connection.answered(announced);
                reason
            }
        };
        let used_up = || self.connection.used_up(terms.rules);
        let reason = reason.or_else(used_up).or_else(|| self.connection.end(terms.is_open()));
        let then = match reason {
            Some(reason) => Then::Close(reason),
            // Somebody could not look because of the exchange.
            None if self.connection.take_look_again() => Then::Look,
            None => Then::Keep,
        };
        let maintenance_ns = self.connection.next_look_ns(terms.rules, now_ns);
        Finished { then, spent: last.spent, maintenance_ns }
    }

    /// What to do with the connection while no exchange is in flight.
    fn idle(&self, is_open: bool) -> Then {
        self.connection.end(is_open).map_or(Then::Look, Then::Close)
    }

    /// Looks at the idle socket; answers why the connection goes if it does.
    fn look(&mut self, wire: &mut impl Look, now_ns: u64) -> Option<CloseReason> {
        let found = wire.look();
        self.connection.looked(now_ns);
        if let Some(reason) = found {
            self.connection.mark_dead(reason);
        }
        found
    }
}
