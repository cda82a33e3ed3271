//! What the state of a slot is asked and what it answers: the connection as it sees it, requests,
//! turns, and what became of them.
//!
//! Types and their conversions; the rules are in [`super`].

use super::exchange::{Exchange, Failure, Read, StepTimeouts, Stop};
use crate::error::CloseReason;
use crate::pool::connection_maintenance::{Action, Announced, Rules};
use crate::pool::connection_state::Loss;
use crate::pool::exchange_time::Spent;
use crate::pool::maintenance::Rest;

/// No such time.
const NEVER: u64 = u64::MAX;

/// The connection of a slot.
pub trait Look {
    /// Looks whether the idle socket is as silent as it should be; answers why it goes if not.
    fn look(&mut self) -> Option<CloseReason>;
}

/// The connection of a slot, its replacement if that is live, and the bytes of the exchange.
pub trait Wire: Look {
    /// What is left of an exchange that has ended.
    type Ended;

    /// Sends what is left of the request, and reads what has come in, as much as one turn may.
    /// Answers what reading has come to, and how sending has failed if it has.
    fn advance(&mut self, exchange: &mut Exchange, now_ns: u64) -> (Read, Option<Failure>);

    /// Whether the whole request is on the wire, for all that can be known here.
    fn is_on_wire(&self) -> bool;

    /// Ends the exchange. If it lingers, its connection leaves the slot with it.
    fn end(&mut self, exchange: &Exchange, stop: &Stop, lingers: bool, now_ns: u64) -> Self::Ended;

    /// What the response of an ended exchange announces about the connection.
    fn announced(&self, ended: &Self::Ended) -> Announced;

    /// Ends the connection of that number, if it is still here. Its replacement takes its place, or
    /// else is ended too, if there is one.
    fn give_up(&mut self, connection: u32, loss: &Loss);
}

/// A request that is to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Its number; `None` for a heartbeat.
    pub id: Option<u64>,
    /// When its exchange must be over.
    pub deadline_ns: u64,
}

/// What came of handing a request to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The kernel has a part of it at least.
    Begun {
        /// When the first byte was handed over; 0: when the request got its slot.
        begin_ns: u64,
        /// When the kernel had all of it; 0: it has not.
        end_ns: u64,
    },
    /// Not one byte was taken, and why the connection goes.
    Nothing(CloseReason),
    /// Its engine has withdrawn it. The connection is as good as before.
    Withdrawn,
}

/// Why no byte of a request was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoStart {
    /// Its deadline has passed.
    TooLate,
    /// Its engine has withdrawn it, in the last moment before it was sent.
    Withdrawn,
    /// The slot has lost its connection of that epoch.
    Lost(u32),
}

/// A request was not started: no byte of it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotStarted {
    /// Why not.
    pub why: NoStart,
    /// The slot's task does not know yet that the connection is gone.
    pub wakes_task: bool,
}

/// What a turn goes by.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// What live connections need.
    pub rules: &'a Rules,
    /// How long the steps of an exchange may take.
    pub steps: &'a StepTimeouts,
    /// When the grace of a shutdown is over; [`u64::MAX`] while the pool is open.
    pub grace_ns: u64,
    /// Answers that come too late are waited for.
    pub waits_for_late: bool,
}

impl Terms<'_> {
    /// The pool has not been shut down.
    pub(super) fn is_open(&self) -> bool {
        self.grace_ns == NEVER
    }
}

/// What a turn has come to.
#[derive(Clone, Copy, Debug)]
pub struct TurnEnd<E> {
    /// The exchange that ended in it.
    pub ended: Option<E>,
    /// What became of the connection.
    pub fate: Fate,
    /// The connection that is here now, or was here last.
    pub epoch: u32,
    /// When the connection needs maintenance, if the exchange has made that sooner.
    pub maintenance_ns: u64,
    /// How the exchange that ended has used its time, if that says something about the next one.
    pub spent: Option<Spent>,
    /// When the turn was made.
    pub now_ns: u64,
}

/// What the dispatcher is told of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnReport {
    /// What became of the connection.
    pub fate: Fate,
    /// The connection that is there now, or was there last.
    pub epoch: u32,
    /// An exchange has ended.
    pub has_ended: bool,
    /// How it has used its time, if that says something about the next one.
    pub spent: Option<Spent>,
    /// When the turn was made.
    pub now_ns: u64,
}

impl<E> TurnEnd<E> {
    /// Nothing was done.
    pub fn nothing(epoch: u32) -> Self {
        let (ended, fate, maintenance_ns, spent, now_ns) = (None, Fate::Kept, NEVER, None, 0);
        Self { ended, fate, epoch, maintenance_ns, spent, now_ns }
    }

    /// What the dispatcher is to be told, if it is.
    pub fn report(&self) -> Option<TurnReport> {
        let has_ended = self.ended.is_some();
        (has_ended || self.fate != Fate::Kept).then_some(TurnReport {
            fate: self.fate,
            epoch: self.epoch,
            has_ended,
            spent: self.spent,
            now_ns: self.now_ns,
        })
    }
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

/// What a connection needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// What the slot's task is to be told of, if there is something.
    pub for_task: Option<Action>,
    /// A heartbeat is due.
    pub heartbeat: bool,
    /// When to look again for another reason than that heartbeat.
    pub rest: Rest,
}

impl Needs {
    /// When to look again, after the heartbeat was sent, or put off until then.
    pub fn rest_after_heartbeat(&self, again_ns: u64) -> Rest {
        Rest { look_ns: self.rest.look_ns.min(again_ns), ..self.rest }
    }
}

/// What to do with a connection without an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Give it up.
    Close(CloseReason),
    /// Look whether its socket holds anything, and give it up if so.
    Look,
    /// Keep it.
    Keep,
}

/// What follows the end of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Finished {
    pub(super) then: Then,
    pub(super) spent: Option<Spent>,
    pub(super) maintenance_ns: u64,
}
