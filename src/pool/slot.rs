//! The life of one slot: the connection that it has, the one that follows, and when an exchange on
//! it is over.
//!
//! It holds no connection, no bytes and no timer. Whoever does says what happened, and is told what
//! follows. All times are in nanoseconds on any clock that never goes back.

use std::collections::VecDeque;

use super::connection_state::{ConnectionState, Loss, Proof};
use super::exchange_time::Spent;
use super::upkeep::{Action, Announced, Rules, Upkeep};
use crate::error::{CloseReason, Outcome};

/// No such time.
const NEVER: u64 = u64::MAX;

/// How long the steps of an exchange may take; [`NEVER`] for no limit but its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepTimeouts {
    /// Until the kernel has taken the whole request.
    pub write_ns: u64,
    /// From then to the first byte of the response.
    pub first_byte_ns: u64,
}

/// Whether a request may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Yes.
    Yes,
    /// If a look at the socket finds nothing there.
    Look,
    /// The connection is gone, or goes now. The slot's task is to be told if it does not know yet.
    Gone {
        /// Whether the task must be told.
        is_news: bool,
    },
    /// The deadline of the request has passed.
    TooLate,
}

/// An exchange in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The number of the request; `None` for a heartbeat.
    pub id: Option<u64>,
    /// When sending began.
    pub start_ns: u64,
    /// When it must be over.
    pub deadline_ns: u64,
    /// When the kernel had taken the whole request; 0 before.
    pub write_ns: u64,
    /// When the first byte of the response was read; 0 before.
    pub first_byte_ns: u64,
    is_cancelled: bool,
}

/// What reading has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// There is nothing more now.
    Nothing,
    /// There is more, which is for another turn.
    More,
    /// The response is whole. The connection cannot be used again if there is a reason.
    Answered(Option<CloseReason>),
    /// The response cannot be had any more.
    Failed(Outcome, CloseReason),
}

/// Why an exchange is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The response is whole. The connection cannot be used again if there is a reason.
    Answered(Option<CloseReason>),
    /// There is no whole response.
    Failed(Outcome, CloseReason),
}

/// What to do with a connection without an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Give it up.
    Close(CloseReason),
    /// Look whether its socket holds anything, and give it up if so.
    Look,
    /// Keep it.
    Keep,
}

/// What follows the end of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// What to do with the connection.
    pub then: Then,
    /// How the exchange has used its time, if that says something about the next one.
    pub spent: Option<Spent>,
    /// When the connection needs maintenance, if the exchange has made that sooner.
    pub upkeep_ns: u64,
}

/// What became of the connection of a slot.
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

/// A live connection that waits to take over.
#[derive(Clone, Copy, Debug)]
struct Born {
    /// Its age and its idle time count from then on.
    at_ns: u64,
    /// Uniform over all of `u64`.
    random: u64,
}

/// The state of one slot.
#[derive(Debug, Default)]
pub struct SlotState {
    connection: ConnectionState,
    is_live: bool,
    next: Option<Born>,
    exchange: Option<Exchange>,
    /// The connections that were given up, until the slot's task asks. At most two: the second is
    /// the replacement of the first.
    losses: VecDeque<Loss>,
    last_loss: Option<CloseReason>,
    rtt_ns: u64,
    proven_ns: u64,
}

/// Connections come and go.
impl SlotState {
    /// A live connection takes the empty slot. `random` is uniform over all of `u64`.
    pub fn came_up(&mut self, now_ns: u64, random: u64) {
        self.begin(Born { at_ns: now_ns, random });
    }

    /// A live replacement is here. Answers whether it takes over at once, because the old
    /// connection was lost meanwhile; otherwise it waits for the next turn without an exchange.
    pub fn replacement_came_up(&mut self, now_ns: u64, random: u64) -> bool {
        let born = Born { at_ns: now_ns, random };
        if self.is_live {
            self.connection.is_succeeded();
            self.next = Some(born);
            return false;
        }
        self.begin(born);
        if let Some(loss) = self.losses.back_mut() {
            loss.replaced = true;
        }
        true
    }

    fn begin(&mut self, born: Born) {
        self.is_live = true;
        self.connection.begin(born.at_ns, born.random);
        self.proven_ns = born.at_ns;
    }

    /// The connection is given up. `is_open`: the pool has not been shut down.
    pub fn give_up(&mut self, reason: CloseReason, is_open: bool, now_ns: u64) -> Fate {
        let next = self.next.take().filter(|_| is_open);
        self.losses.push_back(self.connection.loss(reason, now_ns, next.is_some()));
        self.last_loss = Some(reason);
        self.is_live = false;
        match next {
            Some(born) => {
                self.begin(born);
                Fate::Replaced
            }
            None => Fate::Lost,
        }
    }

    /// Forgets everything but its number: after a defect the state cannot be trusted.
    pub fn abandon(&mut self) {
        (self.is_live, self.next, self.exchange) = (false, None, None);
        self.losses.clear();
    }

    /// Why a connection was given up; answered once for each, the oldest first.
    pub fn take_loss(&mut self) -> Option<Loss> {
        self.losses.pop_front()
    }

    /// Gives the connection up as soon as no exchange is in flight.
    pub fn retire(&mut self, reason: CloseReason) {
        self.connection.retire(reason);
    }

    /// Whether a replacement is to be dialled, and what the connection has proven by now if so.
    pub fn wants_replacement(&self, now_ns: u64) -> Option<Proof> {
        self.connection.wants_replacement().then(|| self.connection.proof(now_ns))
    }

    /// What the connection needs now, or when to look again at the latest. All but a heartbeat is
    /// noted here, for the slot's task.
    pub fn maintain(&mut self, rules: &Rules, now_ns: u64) -> Result<Action, u64> {
        if !self.is_live {
            return Err(NEVER);
        }
        self.connection.judge(rules, now_ns, self.exchange.is_some())
    }
}

/// An exchange begins.
impl SlotState {
    /// Whether a request may be sent now. A look that was made only just now is not made again.
    pub fn ready(
        &mut self,
        now_ns: u64,
        deadline_ns: u64,
        rules: &Rules,
        look_after_ns: u64,
    ) -> Ready {
        if deadline_ns <= now_ns {
            return Ready::TooLate;
        }
        if !self.is_live || !self.connection.may_serve(self.next.is_some()) {
            return Ready::Gone { is_news: false };
        }
        // Whoever maintains it may be late, and it may be gone by now.
        if let Some(reason) = self.connection.outlived(rules, now_ns) {
            self.connection.mark_dead(reason);
            return Ready::Gone { is_news: true };
        }
        if self.connection.needs_look(now_ns, look_after_ns) { Ready::Look } else { Ready::Yes }
    }

    /// The idle socket was looked at, and something was found that ends the connection, or not.
    pub fn looked(&mut self, now_ns: u64, found: Option<CloseReason>) {
        self.connection.looked(now_ns);
        if let Some(reason) = found {
            self.connection.mark_dead(reason);
        }
    }

    /// The exchange has begun: at least a part of the request is with the kernel.
    pub fn began(&mut self, exchange: Exchange) {
        debug_assert!(self.exchange.is_none(), "one exchange at a time");
        self.exchange = Some(exchange);
    }

    /// Marks the exchange of that request as cancelled. `false`: it is not here.
    pub fn cancel(&mut self, id: u64) -> bool {
        let exchange = self.exchange.as_mut().filter(|exchange| exchange.id == Some(id));
        exchange.map(|exchange| exchange.is_cancelled = true).is_some()
    }

    /// Somebody could not look at the socket because of the exchange: look when it is over.
    pub fn look_later(&mut self) {
        self.connection.may_have_news();
    }
}

/// An exchange goes on and ends.
impl SlotState {
    /// The exchange in flight.
    pub fn exchange(&self) -> Option<&Exchange> {
        self.exchange.as_ref()
    }

    /// As [`SlotState::exchange`], to note when things happened.
    pub fn exchange_mut(&mut self) -> Option<&mut Exchange> {
        self.exchange.as_mut()
    }

    /// The exchange is over. `is_open`: the pool has not been shut down.
    pub fn finished(
        &mut self,
        stop: Stop,
        announced: impl FnOnce() -> Announced,
        rules: &Rules,
        is_open: bool,
        now_ns: u64,
    ) -> Finished {
        let Some(exchange) = self.exchange.take() else {
            return Finished { then: self.idle(is_open), spent: None, upkeep_ns: NEVER };
        };
        self.connection.used(now_ns);
        if exchange.first_byte_ns == 0 {
            self.connection.unheard(exchange.start_ns);
        }
        let reason = match stop {
            Stop::Failed(_, reason) => Some(reason),
            Stop::Answered(reason) => {
                self.proven_ns = now_ns;
                self.rtt_ns = exchange.first_byte_ns.saturating_sub(exchange.write_ns);
                self.connection.answered(announced);
                reason
            }
        };
        let reason = reason.or(self.connection.used_up(rules)).or(self.connection.end(is_open));
        let then = match reason {
            Some(reason) => Then::Close(reason),
            // Somebody could not look because of the exchange.
            None if self.connection.take_news() => Then::Look,
            None => Then::Keep,
        };
        Finished {
            then,
            spent: exchange.spent(stop, now_ns),
            upkeep_ns: self.connection.next_look_ns(rules, now_ns),
        }
    }

    /// What to do with the connection while no exchange is in flight. `is_open`: the pool has not
    /// been shut down.
    pub fn idle(&self, is_open: bool) -> Then {
        self.connection.end(is_open).map_or(Then::Look, Then::Close)
    }
}

/// For whoever asks.
impl SlotState {
    /// Whether there is a live connection.
    pub fn is_live(&self) -> bool {
        self.is_live
    }

    /// Whether a live replacement waits to take over.
    pub fn has_next(&self) -> bool {
        self.next.is_some()
    }

    /// The number of the connection in its slot, from 1; 0 before the first.
    pub fn epoch(&self) -> u32 {
        self.connection.epoch()
    }

    /// When the connection came up, how many exchanges it carried, when the last one ended.
    pub fn upkeep(&self) -> &Upkeep {
        self.connection.upkeep()
    }

    /// Why the last connection was given up.
    pub fn last_loss(&self) -> Option<CloseReason> {
        self.last_loss
    }

    /// From sent to the first byte of the response, in the last exchange of any connection.
    pub fn rtt_ns(&self) -> u64 {
        self.rtt_ns
    }

    /// When the peer was last known to be there: it answered, or the connection came up.
    pub fn proven_ns(&self) -> u64 {
        self.proven_ns
    }
}

impl Exchange {
    /// An exchange of which sending begins now.
    pub fn new(id: Option<u64>, start_ns: u64, deadline_ns: u64) -> Self {
        Self { id, start_ns, deadline_ns, write_ns: 0, first_byte_ns: 0, is_cancelled: false }
    }

    /// When it ends if nothing more happens: its deadline, or before that the limit of the step
    /// that it is in.
    pub fn ends_ns(&self, timeouts: &StepTimeouts) -> u64 {
        let step_ns = match (self.write_ns, self.first_byte_ns) {
            (0, _) => self.start_ns.saturating_add(timeouts.write_ns),
            (written_ns, 0) => written_ns.saturating_add(timeouts.first_byte_ns),
            _ => NEVER,
        };
        step_ns.min(self.deadline_ns)
    }

    /// Whether its engine does not want it any more: then nothing more is sent of it.
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled
    }

    /// Why it is over, if it is. What was read counts before all else: also when sending has failed
    /// (the peer may have answered early), and also when the deadline has passed.
    ///
    /// `sending`: how sending has failed. `grace_ns`: when the grace of a shutdown is over;
    /// [`u64::MAX`] while the pool is open.
    pub fn stop(
        &self,
        read: Read,
        sending: Option<(Outcome, CloseReason)>,
        timeouts: &StepTimeouts,
        grace_ns: u64,
        now_ns: u64,
    ) -> Option<Stop> {
        let is_heartbeat = self.id.is_none();
        match (read, sending) {
            (Read::Answered(reason), _) => Some(Stop::Answered(reason)),
            (Read::Failed(outcome, reason), _) => Some(Stop::Failed(outcome, reason)),
            _ if self.is_cancelled => {
                Some(Stop::Failed(Outcome::Cancelled, CloseReason::Cancelled))
            }
            // What ends it is judged when all was read that was there.
            (Read::More, _) => None,
            (Read::Nothing, Some((outcome, reason))) => Some(Stop::Failed(outcome, reason)),
            (Read::Nothing, None) if self.ends_ns(timeouts) <= now_ns => {
                let reason =
                    if is_heartbeat { CloseReason::Heartbeat } else { CloseReason::Timeout };
                Some(Stop::Failed(Outcome::Timeout, reason))
            }
            // A heartbeat is not worth waiting for; grace is for what the engine sent.
            (Read::Nothing, None) if grace_ns <= now_ns || grace_ns != NEVER && is_heartbeat => {
                Some(Stop::Failed(Outcome::Shutdown, CloseReason::Shutdown))
            }
            (Read::Nothing, None) => None,
        }
    }

    /// How it has used its time, if that says something about the next one.
    fn spent(&self, stop: Stop, now_ns: u64) -> Option<Spent> {
        let since_ns = now_ns.saturating_sub(self.start_ns);
        match (stop, self.id) {
            (Stop::Answered(_), None) => Some(Spent::Heartbeat),
            (_, None) => None,
            (Stop::Answered(_), Some(_)) => Some(Spent::Answered(since_ns)),
            (Stop::Failed(Outcome::Timeout, _), Some(_)) => Some(Spent::RanOut(since_ns)),
            (Stop::Failed(..), Some(_)) => None,
        }
    }
}

#[cfg(test)]
mod tests;
