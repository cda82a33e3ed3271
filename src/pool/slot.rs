//! The life of one slot: the connection that it has, the one that follows, and when an exchange on
//! it is over.
//!
//! It holds no connection, no bytes and no timer. Whoever does says what happened, and is told what
//! follows. All times are in nanoseconds on any clock that never goes back.

use std::collections::VecDeque;

use super::connection_maintenance::{Action, ConnectionMaintenance, Rules};
use super::connection_state::{ConnectionState, Loss, Proof};
use super::maintenance::Rest;
use crate::error::CloseReason;
pub use exchange::{Exchange, Failure, Read, StepTimeouts, Stop};
pub use terms::{
    Fate, Look, Needs, NoStart, NotStarted, Request, Sent, Terms, TurnEnd, TurnReport, Wire,
};

mod exchange;
mod terms;
mod turn;

/// No such time.
const NEVER: u64 = u64::MAX;

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
    fn give_up(&mut self, reason: CloseReason, is_open: bool, now_ns: u64) -> Loss {
        let next = self.next.take().filter(|_| is_open);
        let loss = self.connection.loss(reason, now_ns, next.is_some());
        self.losses.push_back(loss);
        self.last_loss = Some(reason);
        self.is_live = false;
        if let Some(born) = next {
            self.begin(born);
        }
        loss
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

    /// Whether there is a loss that was not asked for yet.
    pub fn has_loss(&self) -> bool {
        !self.losses.is_empty()
    }

    /// Gives the connection up as soon as no exchange is in flight.
    pub fn retire(&mut self, reason: CloseReason) {
        self.connection.retire(reason);
    }

    /// The connection is to be replaced by one to another address, while it serves.
    pub fn move_away(&mut self) {
        if self.is_live {
            self.connection.move_away();
        }
    }

    /// Whether a replacement is to be dialled, and what the connection has proven by now if so.
    pub fn wants_replacement(&self, now_ns: u64) -> Option<Proof> {
        self.connection.wants_replacement().then(|| self.connection.proof(now_ns))
    }

    /// What the connection needs now. All but a heartbeat is noted here, for the slot's task.
    pub fn maintain(&mut self, rules: &Rules, now_ns: u64) -> Needs {
        let dials = self.connection.maintenance().dials_at_rest(rules);
        let mut needs =
            Needs { for_task: None, heartbeat: false, rest: Rest { look_ns: NEVER, dials } };
        while self.is_live {
            match self.connection.check(rules, now_ns, self.exchange.is_some()) {
                Ok(Action::Heartbeat) => {
                    needs.heartbeat = true;
                    needs.rest.look_ns = self.connection.next_limit_ns(rules);
                    break;
                }
                Ok(action) => needs.for_task = Some(action),
                Err(look_ns) => {
                    needs.rest.look_ns = look_ns;
                    break;
                }
            }
        }
        needs
    }
}

/// The exchange in flight.
impl SlotState {
    /// The exchange in flight.
    pub fn exchange(&self) -> Option<&Exchange> {
        self.exchange.as_ref()
    }

    /// Marks the exchange of that request as cancelled. `false`: it is not here.
    pub fn cancel(&mut self, id: u64) -> bool {
        let exchange = self.exchange.as_mut().filter(|exchange| exchange.id == Some(id));
        exchange.map(Exchange::cancel).is_some()
    }

    /// Whether the pool thread leaves the turn to the engine, because its request is in flight, and
    /// the grace of a shutdown is not over. Then the socket is looked at when the exchange is over.
    pub fn leaves_turn_to_engine(&mut self, grace_ns: u64, now_ns: u64) -> bool {
        let is_engines = self.exchange.is_some_and(|exchange| exchange.id.is_some());
        let leaves = is_engines && now_ns < grace_ns;
        if leaves {
            self.connection.look_again_later();
        }
        leaves
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
    pub fn maintenance(&self) -> &ConnectionMaintenance {
        self.connection.maintenance()
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

#[cfg(test)]
mod tests;
