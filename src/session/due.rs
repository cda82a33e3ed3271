//! What is due on the connection of a session, and a look at it, whoever drives.
//!
//! The policy says what is due ([`Life`](crate::ws::session::life::Life)); here it is done. Who
//! drives brings dials and sleep: the session's thread, or the engine's own.

use std::sync::atomic::Ordering;

use super::dialling::Dialled;
use super::event::{Ended, Lost, News, WsLoss, outcome_of};
use super::log::words_of;
use super::receiving::Turn;
use super::settings::Source;
use super::upgrade::{Refused, undialled};
use super::{NotUp, Session};
use crate::driver::clock::{now_ns, wall_ns};
use crate::error::{Outcome, Status, WireState};
use crate::net::connect::DialError;
use crate::ws::frame::Kind;
use crate::ws::keep_alive::PingPayload;
use crate::ws::message::Receiver;
use crate::ws::session::life::{Due, Why};

/// What was read of a connection.
pub(super) struct Reading {
    receiver: Receiver,
    /// The socket may have more than was read.
    pub(super) has_more: bool,
}

/// What is next for who drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A dial is to begin.
    Dial,
    /// Nothing, until that time or until something happens; `None`: for ever.
    Wait(Option<u64>),
    /// Nothing, ever again.
    Closed,
}

impl Session {
    /// Does what is due, until there is nothing.
    pub(super) fn settle(&self, reading: &mut Option<Reading>) -> Next {
        loop {
            self.delivery.hand_on();
            let now = now_ns();
            self.end_expired(now);
            let due = self.core().life.due(now);
            match due {
                Due::Closed => return Next::Closed,
                Due::Dial => {
                    self.is_opening.store(true, Ordering::Relaxed);
                    self.log.dials();
                    return Next::Dial;
                }
                Due::Open(index) => {
                    if let Err(why) = self.open_next(index) {
                        *reading = None;
                        self.lose(why);
                    }
                }
                Due::Up => {
                    self.is_opening.store(false, Ordering::Relaxed);
                    self.tell_news(&News::Up, &[]);
                    self.report(Ok(()));
                }
                Due::Ping(payload) => self.ping(payload, now),
                Due::GiveUp(why) => {
                    *reading = None;
                    self.lose(why);
                }
                Due::Wait(until_ns) => return Next::Wait(until_ns),
            }
        }
    }

    /// Takes over what a dial has ended with. `None`: the next one waits, or there is none.
    pub(super) fn dialled(&self, dialled: Result<Dialled, Refused>) -> Option<Reading> {
        let refused = match dialled {
            Ok(Dialled { connection, receiver }) => {
                let mut core = self.core();
                if core.install(connection, now_ns()) {
                    self.connection.store(core.connections, Ordering::Relaxed);
                    return Some(Reading { receiver, has_more: true });
                }
                undialled(self.ended_early())
            }
            Err(refused) => refused,
        };
        self.dial_failed(refused);
        None
    }

    fn dial_failed(&self, refused: Refused) {
        let Refused { mut failed, mut body } = refused;
        let until_ns = self.core().life.dial_failed(now_ns(), fastrand::u64(..));
        failed.until_ns = until_ns.unwrap_or(0);
        let (step, os_error, text) = (failed.status, failed.os_error, failed.text.clone());
        let logged = words_of(&failed);
        if !body.is_empty() {
            body.resize(body.len() + crate::buf::TAIL, 0);
        }
        self.tell_news(&News::Failed(Box::new(failed)), &body);
        self.report(Err(NotUp { error: DialError { step, os_error, text }, logged }));
    }

    /// A look at the connection: reads and tells what has come. `false`: nothing has.
    pub(super) fn look(&self, reading: &mut Option<Reading>, most: usize) -> bool {
        let Some(its) = reading else { return false };
        // A fault that a sender has met: what came before it is read first.
        let fault = self.core().fault;
        let turn = self.turn(&mut its.receiver, most);
        its.has_more = turn == Turn::More;
        let over = match turn {
            Turn::Over(why) => Some(why),
            Turn::More => None,
            Turn::Drained | Turn::Empty => fault,
        };
        if let Some(why) = over {
            *reading = None;
            self.lose(why);
        }
        turn != Turn::Empty || over.is_some()
    }

    fn ping(&self, payload: PingPayload, now: u64) {
        match &self.settings().text_ping {
            None => self.core().send_ping(&payload, now),
            Some(ping) => {
                let number = u64::from_be_bytes(payload);
                let message = ping.message(number, wall_ns() / 1_000_000);
                self.awaits_pong_message.store(true, Ordering::Relaxed);
                self.core().send_ping_message(ping.kind(), &message, now);
            }
        }
    }

    /// Sends the next opening message.
    fn open_next(&self, index: usize) -> Result<(), Why> {
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
        let is_open = core.life.may_send();
        let send = |bytes: &[u8]| core.send_opening(opening.kind, bytes).is_ok();
        let sent = is_open && bytes.is_some_and(send);
        if sent {
            core.life.opening_sent(opening.awaits, now_ns());
        }
        drop(core);
        // It may hold a signature.
        zeroize::Zeroize::zeroize(&mut room);
        if is_open && !sent { Err(Why::OpeningRefused) } else { Ok(()) }
    }

    /// Ends the calls whose deadline has passed.
    fn end_expired(&self, now_ns: u64) {
        loop {
            let Some(call) = self.core().calls.expired(now_ns) else { return };
            // Its bytes were handed over, and leave sooner or later while the connection lives.
            self.tell_end(Ended { call, outcome: Outcome::Timeout, wire_state: WireState::Sent });
        }
    }

    fn tell_end(&self, ended: Ended) {
        self.tell(&News::Completion(ended, Kind::Text), &[]);
    }

    /// Gives the connection up: tells what became of the messages, then of each call.
    pub(super) fn lose(&self, why: Why) {
        let (fate, calls, until_ns, tls) = {
            let mut core = self.core();
            let tls = core.connection().and_then(|connection| connection.tls_fault());
            let (fate, calls, until_ns) = core.lose(why, now_ns(), fastrand::u64(..));
            (fate, calls, until_ns.unwrap_or(0), tls)
        };
        let close_code = if let Why::PeerClosed(code) = why { code } else { 0 };
        let loss = WsLoss::of(why);
        let text = match (why, tls) {
            (Why::Protocol(error), _) => error.to_string(),
            (Why::Tls, Some(text)) => text,
            (Why::PeerClosed(code), _) => format!("the peer has closed with {code}"),
            _ => loss.name().to_string_lossy().into_owned(),
        };
        let step = Status::ERR_OPENING;
        self.report(Err(DialError { step, os_error: 0, text: text.clone() }.into()));
        let lost = Lost { loss, close_code, fate, until_ns, text };
        self.tell_news(&News::Lost(Box::new(lost)), &[]);
        for call in calls {
            let wire_state = fate.of(call.sequence);
            self.tell_end(Ended { call, outcome: outcome_of(why), wire_state });
        }
    }

    /// The engine is told that nothing follows, once.
    pub(super) fn end(&self) {
        self.report(Err(self.ended_early().into()));
        self.delivery.hand_on();
        self.tell_news(&News::Closed, &[]);
        self.delivery.end();
    }
}
