//! What is due on the slots of a session, and a look at them, whoever drives.
//!
//! The policy says what is due ([`Life`](crate::ws::session::life::Life) of one slot,
//! [`Standby`](crate::ws::session::standby::Standby) of all); here it is done. Who drives brings
//! dials and sleep: the session's thread, or the engine's own.

use std::sync::atomic::Ordering;

use super::core::{Loss, SlotsDue};
use super::dialling::{Dial, Dialled};
use super::event::{Ended, Event, Lost, Switched, WsLoss, outcome_of};
use super::log::words_of;
use super::receiving::{Reading, Turn};
use super::settings::Source;
use super::upgrade::{Refused, undialled};
use super::{NotUp, Session};
use crate::clock::{now_ns, wall_ns};
use crate::error::{Outcome, Status};
use crate::net::connect::DialError;
use crate::pool::dial_limit::Purpose;
use crate::ws::frame::Kind;
use crate::ws::keep_alive::PingPayload;
use crate::ws::session::life::{Due, Why};
use crate::ws::session::standby::Step;

/// What belongs to who drives.
pub(super) struct Work {
    /// What was read of each slot that has a connection.
    pub(super) readings: Vec<Option<Reading>>,
    /// The dial under way, and its slot.
    pub(super) dial: Option<(usize, Dial)>,
    /// The slot that has the first look in thread drive.
    pub(super) first: usize,
    /// Something has happened since nothing was due, by which more may be due than by time.
    pub(super) is_eventful: bool,
}

/// What is next for who drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A dial is to begin, for that slot and for that reason.
    Dial(usize, Purpose),
    /// Nothing, until that time or until something happens; `None`: for ever.
    Wait(Option<u64>),
    /// Nothing, ever again.
    Closed,
}

impl Work {
    pub(super) fn new(slots: usize) -> Self {
        let readings = (0..slots).map(|_| None).collect();
        Self { readings, dial: None, first: 0, is_eventful: true }
    }

    /// How many bytes the connection of a slot has received; of one that is lost, none.
    pub(super) fn received(&self, slot: usize) -> u64 {
        self.readings[slot].as_ref().map_or(0, |reading| reading.received)
    }

    /// Whether there is more to be read at once.
    pub(super) fn has_more(&self) -> bool {
        self.readings.iter().flatten().any(|reading| reading.has_more)
    }
}

impl Session {
    /// Does what is due, until there is nothing.
    pub(super) fn run_due(&self, work: &mut Work) -> Next {
        work.is_eventful = false;
        loop {
            self.delivery.hand_on();
            let now = now_ns();
            self.end_expired(now);
            let until_ns = self.take_steps(now);
            self.serve_waiting();
            let due = self.core().due(now);
            match due {
                SlotsDue::One(slot, Due::Dial) => {
                    self.log.dials();
                    let is_replacement = self.core().standby.is_replacement(slot);
                    let purpose = if is_replacement { Purpose::Replacement } else { Purpose::Loss };
                    return Next::Dial(slot, purpose);
                }
                SlotsDue::One(slot, due) => {
                    self.carry_out(slot, due, &mut work.readings[slot], now);
                }
                SlotsDue::Wait(its_ns) => {
                    return Next::Wait(until_ns.into_iter().chain(its_ns).min());
                }
                SlotsDue::Closed => return Next::Closed,
            }
        }
    }

    /// Does what is due with the slots as a whole, and answers until when there is nothing.
    fn take_steps(&self, now_ns: u64) -> Option<u64> {
        loop {
            let step = self.core().step(now_ns);
            if let Step::Wait(until_ns) = step {
                return until_ns;
            }
            self.tell_step(step);
        }
    }

    /// Tells the engine what was done with the slots as a whole.
    fn tell_step(&self, step: Step) {
        match step {
            Step::Up(to) => {
                let number = self.core().slots[to].number;
                self.connection.store(number, Ordering::Relaxed);
                self.log_and_tell(number, &Event::Up, &[]);
                self.report(Ok(()));
            }
            Step::Switch { from, to, is_rotation } => {
                let (number, previous, why) = {
                    let core = self.core();
                    (core.slots[to].number, core.slots[from].number, core.slots[from].left)
                };
                self.connection.store(number, Ordering::Relaxed);
                let loss = if is_rotation { WsLoss::Rotated } else { WsLoss::of(why) };
                self.log_and_tell(number, &Event::Switched(Switched { previous, loss }), &[]);
            }
            Step::Open(_) | Step::Close(_) | Step::Wait(_) => {}
        }
    }

    /// Does what is due on one slot.
    fn carry_out(&self, slot: usize, due: Due, reading: &mut Option<Reading>, now: u64) {
        let over = match due {
            Due::Open(index) => self.open_next(slot, index).err(),
            Due::Up => {
                self.core().ready(slot, fastrand::u64(..));
                None
            }
            Due::Ping(payload) => {
                self.ping(slot, payload, reading, now);
                None
            }
            Due::GiveUp(why) => Some(why),
            Due::Closed | Due::Dial | Due::Wait(_) => None,
        };
        if let Some(why) = over {
            *reading = None;
            self.lose(slot, why);
        }
    }

    /// Takes over what a dial has ended with. `None`: the next one waits, or there is none.
    pub(super) fn dialled(
        &self,
        slot: usize,
        dialled: Result<Dialled, Refused>,
    ) -> Option<Reading> {
        let refused = match dialled {
            Ok(Dialled { connection, receiver }) => {
                let mut core = self.core();
                if let Some(number) = core.install(slot, connection, now_ns()) {
                    if core.standby.live().is_none() {
                        self.connection.store(number, Ordering::Relaxed);
                    }
                    return Some(Reading::new(receiver, self.delivery.batch(), slot, number));
                }
                undialled(self.ended_early())
            }
            Err(refused) => refused,
        };
        self.dial_failed(slot, refused);
        None
    }

    fn dial_failed(&self, slot: usize, refused: Refused) {
        let Refused { mut failed, mut body } = refused;
        let until_ns = {
            let life = &mut self.core().slots[slot].life;
            life.dial_failed(now_ns(), fastrand::u64(..))
        };
        failed.until_ns = until_ns.unwrap_or(0);
        let (step, os_error, text) = (failed.status, failed.os_error, failed.text.clone());
        let logged = words_of(&failed);
        if !body.is_empty() {
            body.resize(body.len() + crate::buf::TAIL, 0);
        }
        let connection = self.connection.load(Ordering::Relaxed);
        self.log_and_tell(connection, &Event::Failed(Box::new(failed)), &body);
        self.report(Err(NotUp { error: DialError { step, os_error, text }, logged }));
    }

    /// A look at a slot: reads and tells what has come.
    pub(super) fn look(&self, slot: usize, work: &mut Work, most: usize) {
        let Some(reading) = &mut work.readings[slot] else { return };
        let (turn, fault) = self.turn(reading, most);
        reading.has_more = turn == Turn::More;
        let over = match turn {
            Turn::Over(why) => Some(why),
            Turn::More => None,
            Turn::Drained | Turn::Empty => fault,
        };
        if let Some(why) = over {
            work.readings[slot] = None;
            self.lose(slot, why);
        }
        let is_eventful = over.is_some()
            || work.readings[slot].as_mut().is_some_and(|it| std::mem::take(&mut it.is_eventful));
        if is_eventful {
            // Before a look at the next slot: which of them are told may have changed.
            self.take_steps(now_ns());
        }
        work.is_eventful |= is_eventful;
    }

    fn ping(&self, slot: usize, payload: PingPayload, reading: &mut Option<Reading>, now: u64) {
        match &self.settings().text_ping {
            None => self.core().send_ping(slot, &payload, now),
            Some(ping) => {
                let number = u64::from_be_bytes(payload);
                let message = ping.message(number, wall_ns() / 1_000_000);
                reading.iter_mut().for_each(|reading| reading.awaits_pong_message = true);
                self.core().send_ping_message(slot, ping.kind(), &message, now);
            }
        }
    }

    /// Sends the next opening message.
    fn open_next(&self, slot: usize, index: usize) -> Result<(), Why> {
        let opening = &self.settings().openings[index];
        let mut room = Vec::new();
        let bytes = match &opening.source {
            Source::Fixed(bytes) => Some(&bytes[..]),
            Source::Written(write) => {
                room.resize(self.settings().max_send, 0);
                let len = write(wall_ns(), &mut room).filter(|len| *len <= room.len());
                len.map(|len| &room[..len])
            }
        };
        let mut core = self.core();
        // The engine may have closed the session meanwhile: nothing goes behind a close frame.
        let is_open = core.slots[slot].life.may_send();
        let send = |bytes: &[u8]| core.send_opening(slot, opening.kind, bytes).is_ok();
        let sent = is_open && bytes.is_some_and(send);
        if sent {
            core.slots[slot].life.opening_sent(opening.awaits, now_ns());
        }
        drop(core);
        // It may hold a signature.
        zeroize::Zeroize::zeroize(&mut room);
        if is_open && !sent { Err(Why::OpeningRefused) } else { Ok(()) }
    }

    /// Ends the calls whose deadline has passed.
    fn end_expired(&self, now_ns: u64) {
        loop {
            let Some((call, wire_state)) = self.core().expired(now_ns) else { return };
            self.tell_end(Ended { call, outcome: Outcome::Timeout, wire_state });
        }
    }

    pub(super) fn tell_end(&self, ended: Ended) {
        let connection = ended.call.connection;
        self.tell_at(now_ns(), connection, &Event::Completion(ended, Kind::Text), &[]);
    }

    /// Gives the connection of a slot up: tells what became of the messages, then of each call.
    pub(super) fn lose(&self, slot: usize, why: Why) {
        let (lost, tls) = {
            let mut core = self.core();
            let connection = core.slots[slot].connection();
            let tls = connection.and_then(|connection| connection.tls_fault());
            (core.lose(slot, why, now_ns(), fastrand::u64(..)), tls)
        };
        let is_rotated = lost.was_leaving && why == Why::Here && !self.core().is_ending();
        let close_code = if let Why::PeerClosed(code) = why { code } else { 0 };
        let loss = if is_rotated { WsLoss::Rotated } else { WsLoss::of(why) };
        let text = match (why, tls) {
            (Why::Protocol(error), _) => error.to_string(),
            (Why::Tls, Some(text)) => text,
            (Why::PeerClosed(code), _) => format!("the peer has closed with {code}"),
            _ => loss.name().to_string_lossy().into_owned(),
        };
        let step = Status::ERR_OPENING;
        self.report(Err(DialError { step, os_error: 0, text: text.clone() }.into()));
        let Loss { connection, fate, calls, until_ns, .. } = lost;
        let until_ns = until_ns.unwrap_or(0);
        let told = Lost { loss, close_code, fate, until_ns, text };
        self.log_and_tell(connection, &Event::Lost(Box::new(told)), &[]);
        let outcome = if is_rotated { Outcome::ConnectionClosed } else { outcome_of(why) };
        for call in calls {
            self.tell_end(Ended { call, outcome, wire_state: fate.of(call.sequence) });
        }
    }

    /// The engine is told that nothing follows, once.
    pub(super) fn end(&self) {
        self.report(Err(self.ended_early().into()));
        self.serve_waiting();
        self.delivery.hand_on();
        let connection = self.connection.load(Ordering::Relaxed);
        self.log_and_tell(connection, &Event::Closed, &[]);
        self.delivery.end();
    }
}
