//! A pool made of the policy alone, put together as src/driver puts it together: the engine's side
//! (submit.rs), the turn of a slot (slot.rs), what follows it (deliver.rs).
//!
//! Time is what the events say. In a loose pool each of the driver's steps that takes a lock of its
//! own is an event of its own, so that others come in between.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use tokio::time::Instant;
use venuepool::error::{CloseReason, Outcome};
use venuepool::net::addresses::Addresses;
use venuepool::pool::backoff::Backoff;
use venuepool::pool::dial_limit::DialLimit;
use venuepool::pool::dispatch::{Action, End, Lease, Queued, Waiter};
use venuepool::pool::exchange_time::{Due, Spent};
use venuepool::pool::tenure::{Loss, Tenure};

use crate::Trace;
use crate::books::Books;
use crate::desk::Desk;
use crate::heal::Dial;
use crate::world::{Answer, Arrival, MS, Random, S, Setting, US, Venue};

pub(crate) const NEVER: u64 = u64::MAX;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    Engine,
    Mood,
    /// Something comes from the venue on a connection.
    Arrives(usize, Arrival),
    /// The venue closes it if that many requests are all that came.
    IdleClose(usize, u64),
    /// The slot's task wakes.
    Task(u32),
    /// Whoever drives looks at the slot.
    Drive(u32),
    /// The rest of a turn.
    Settle(u64),
    /// A request from the queue is sent.
    Send(u64),
    /// Whoever freed a slot asks what to do next.
    Dispatch,
    /// A dial of the slot goes on, which is told by its number.
    Dial(u32, u32),
    Alarm,
    KeepUp,
    PauseEnds(u64),
    /// Somebody uses his lease, or gives it back.
    Lease(Lease),
    /// A caller in line has no more patience.
    Impatient(u64),
}

#[derive(Clone, Copy)]
pub(crate) struct InFlight {
    /// `None`: a heartbeat.
    pub(crate) id: Option<u64>,
    pub(crate) deadline_ns: u64,
    sent_ns: u64,
    announced: bool,
    cancelled: bool,
}

#[derive(Default, PartialEq)]
enum Fate {
    #[default]
    Kept,
    Lost,
    Replaced,
}

/// The exchange that ended in a turn.
struct Ended {
    /// `None`: a heartbeat.
    id: Option<u64>,
    outcome: Outcome,
    pause: Option<(u64, bool)>,
}

/// What a turn came to.
#[derive(Default)]
pub(crate) struct Turn {
    ended: Option<Ended>,
    fate: Fate,
    epoch: u32,
    upkeep_ns: u64,
    spent: Option<Spent>,
    now: u64,
}

pub(crate) struct Slot {
    pub(crate) tenure: Tenure,
    pub(crate) connection: Option<usize>,
    /// Its number, its choice of all choices, and when it came up.
    pub(crate) next: Option<(usize, u64, u64)>,
    pub(crate) in_flight: Option<InFlight>,
    pub(crate) losses: VecDeque<Loss>,
    pub(crate) backoff: Backoff,
    pub(crate) dial: Option<Dial>,
    /// Counts the dials of the slot.
    pub(crate) dials: u32,
    /// Its task serves a connection, as opposed to waiting for one.
    pub(crate) serves: bool,
    /// Wakes of the task, turns and grants that are under way.
    pub(crate) wakes: u32,
    unsettled: u32,
    sending: u32,
}

pub(crate) struct Pool {
    pub(crate) now: u64,
    pub(crate) setting: Setting,
    pub(crate) random: Random,
    pub(crate) venue: Venue,
    pub(crate) desk: Desk,
    pub(crate) books: Books,
    pub(crate) slots: Vec<Slot>,
    pub(crate) dial_limit: DialLimit,
    pub(crate) addresses: Addresses,
    pub(crate) epoch: Instant,
    pub(crate) trace: Trace,
    events: BinaryHeap<Reverse<(u64, u64)>>,
    what: BTreeMap<u64, Event>,
    serial: u64,
    turns: BTreeMap<u64, (u32, Turn)>,
    sends: BTreeMap<u64, (u32, Queued<u64>)>,
    /// Somebody is about to ask what to do next, so often.
    asking: u32,
    alarm_ns: u64,
    pub(crate) keep_up_ns: u64,
}

impl Pool {
    pub(crate) fn new(seed: u64, trace: Trace) -> Self {
        let mut random = Random(seed);
        let setting = Setting::new(&mut random);
        Self::with(setting, random, trace)
    }

    pub(crate) fn with(setting: Setting, mut random: Random, trace: Trace) -> Self {
        trace!(trace, "{setting:?}");
        let slot = |_| Slot {
            tenure: Tenure::default(),
            connection: None,
            next: None,
            in_flight: None,
            losses: VecDeque::new(),
            backoff: Backoff::new(setting.bounds),
            dial: None,
            dials: 0,
            serves: false,
            wakes: 0,
            unsettled: 0,
            sending: 0,
        };
        let limit = DialLimit::new(setting.slots, setting.dials_per_second, random.next());
        let mut pool = Self {
            now: S,
            venue: Venue::new(&setting),
            desk: Desk::new(setting.slots, setting.waiting, setting.estimate),
            books: Books::new(&setting),
            slots: (0..setting.slots).map(slot).collect(),
            dial_limit: limit,
            addresses: Addresses::default(),
            epoch: Instant::now(),
            trace,
            events: BinaryHeap::new(),
            what: BTreeMap::new(),
            serial: 0,
            turns: BTreeMap::new(),
            sends: BTreeMap::new(),
            asking: 0,
            alarm_ns: NEVER,
            keep_up_ns: NEVER,
            setting,
            random,
        };
        (0..pool.setting.slots).for_each(|slot| pool.heal(slot));
        pool.after(0, Event::Engine);
        pool.after(S, Event::Mood);
        pool.look_at_upkeep(0);
        pool
    }

    pub(crate) fn after(&mut self, ns: u64, event: Event) {
        self.serial += 1;
        self.events.push(Reverse((self.now.saturating_add(ns), self.serial)));
        self.what.insert(self.serial, event);
    }

    /// The next event happens. `false`: it is later than `end_ns`.
    pub(crate) fn step(&mut self, end_ns: u64) -> bool {
        let Some(Reverse((at, serial))) = self.events.pop() else { return false };
        if at > end_ns {
            self.events.push(Reverse((at, serial)));
            return false;
        }
        assert!(at >= self.now, "time does not go back");
        self.now = at;
        let event = self.what.remove(&serial).unwrap();
        trace!(self.trace, "{:>12} us  {event:?}", at / US);
        self.books.counts.events += 1;
        self.happens(event);
        self.check();
        true
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Engine => self.engine(),
            Event::Mood => self.mood(),
            Event::Arrives(connection, arrival) => self.arrives(connection, arrival),
            Event::IdleClose(connection, requests) => self.idle_close(connection, requests),
            Event::Task(slot) => self.task(slot),
            Event::Drive(slot) => self.drives(slot),
            Event::Settle(serial) => {
                let (slot, turn) = self.turns.remove(&serial).unwrap();
                self.slots[slot as usize].unsettled -= 1;
                self.settle(slot, turn);
            }
            Event::Send(serial) => {
                let (slot, queued) = self.sends.remove(&serial).unwrap();
                self.slots[slot as usize].sending -= 1;
                self.send_queued(slot, queued);
            }
            Event::Dispatch => {
                self.asking -= 1;
                self.dispatch();
            }
            Event::Dial(slot, dial) => self.dial(slot, dial),
            Event::Alarm => self.expire(),
            Event::KeepUp => self.keep_up(),
            Event::PauseEnds(until_ns) => {
                self.desk.resume(until_ns);
            }
            Event::Lease(lease) => self.use_lease(lease),
            Event::Impatient(ticket) => {
                // If it is not in the queue any more, its lease is under way.
                self.desk.cancel(ticket);
            }
        }
    }

    /// What must hold at every moment.
    fn check(&self) {
        // One that is put back may be too late already, and leaves at once.
        let late_ns = if self.alarm_ns <= self.now { 0 } else { self.now };
        self.desk.check(self.now, late_ns, self.asking > 0);
        self.books.check();
        for (index, slot) in self.slots.iter().enumerate() {
            let line = &self.desk.lines[index];
            assert!(slot.in_flight.is_none() || line.in_use, "slot {index}: in flight, unknown");
            let is_under_way = slot.unsettled + slot.sending > 0;
            assert!(
                !line.in_use || slot.in_flight.is_some() || is_under_way,
                "slot {index} is said to be in use, and is not"
            );
            let news = is_under_way || slot.wakes > 0;
            let lives = slot.connection.is_some();
            assert!(news || lives || !line.up, "slot {index} is said to live, and does not");
            assert!(news || !lives || line.up, "slot {index} lives, and nobody knows");
            assert!(lives || news || slot.dial.is_some(), "slot {index} is down, nobody dials");
        }
    }

    /// All slots live and nobody waits.
    pub(crate) fn is_well(&self) -> bool {
        let lives = |slot: &Slot| {
            slot.connection.is_some_and(|id| {
                let connection = &self.venue.connections[id];
                connection.ended.is_none() && !connection.silent
            })
        };
        let is_live = self.slots.iter().all(lives) && self.desk.lines.iter().all(|line| line.up);
        (is_live || !self.setting.is_sustainable())
            && self.desk.lines.iter().all(|line| line.lease.is_none())
            && self.desk.is_empty()
            && self.books.open == 0
    }

    // The turn of a slot, as in src/driver/slot.rs.

    fn turn(&mut self, index: u32) -> Turn {
        let slot = &mut self.slots[index as usize];
        let now = self.now;
        let mut turn = Turn { epoch: slot.tenure.epoch(), upkeep_ns: NEVER, ..Turn::default() };
        turn.now = now;
        let Some(id) = slot.connection else { return turn };
        let connection = &mut self.venue.connections[id];
        let reason = if let Some(in_flight) = slot.in_flight {
            let answer = connection.answer.filter(|_| !in_flight.cancelled);
            let (outcome, reason) = match (answer, connection.ended) {
                _ if in_flight.cancelled => (Outcome::Cancelled, Some(CloseReason::Cancelled)),
                (Some(answer), _) => {
                    (Outcome::Ok, answer.closes.then_some(CloseReason::ResponseClose))
                }
                _ if connection.stray => {
                    (Outcome::UnsolicitedResponse, Some(CloseReason::Protocol))
                }
                (_, Some(Arrival::Reset)) => (Outcome::ConnectionReset, Some(CloseReason::Reset)),
                (_, Some(_)) => (Outcome::ConnectionClosed, Some(CloseReason::Closed)),
                _ if in_flight.deadline_ns > now => return turn,
                _ if in_flight.id.is_none() => (Outcome::Timeout, Some(CloseReason::Heartbeat)),
                _ => (Outcome::Timeout, Some(CloseReason::Timeout)),
            };
            slot.in_flight = None;
            slot.tenure.used(now);
            turn.spent = match (outcome, in_flight.id) {
                (Outcome::Ok, Some(_)) => Some(Spent::Answered(now - in_flight.sent_ns)),
                (Outcome::Ok, None) => Some(Spent::Heartbeat),
                (Outcome::Timeout, Some(_)) => Some(Spent::RanOut(now - in_flight.sent_ns)),
                _ => None,
            };
            if answer.is_none() {
                slot.tenure.unheard(in_flight.sent_ns);
                connection.unheard_since_ns = in_flight.sent_ns;
            }
            connection.used_ns = now;
            if let Some(Answer { announced, .. }) = answer {
                connection.answer = None;
                connection.answers += 1;
                slot.tenure.answered(|| announced);
                connection.heard = announced.timeout_ns.is_some();
            }
            let pause = answer.and_then(|answer| answer.pause);
            turn.ended = Some(Ended { id: in_flight.id, outcome, pause });
            let rules = &self.setting.rules;
            turn.upkeep_ns = slot.tenure.next_look_ns(rules, now);
            match reason.or(slot.tenure.used_up(rules)).or(slot.tenure.end(true)) {
                None if slot.tenure.take_news() => connection.look(),
                reason => reason,
            }
        } else {
            slot.tenure.looked(now);
            slot.tenure.end(true).or_else(|| connection.look())
        };
        if let Some(reason) = reason {
            self.give_up(index, id, reason, &mut turn);
        }
        turn
    }

    fn give_up(&mut self, index: u32, id: usize, reason: CloseReason, turn: &mut Turn) {
        let slot = &mut self.slots[index as usize];
        let connection = &mut self.venue.connections[id];
        connection.given_up = true;
        slot.connection = None;
        let next = slot.next.take();
        let loss = slot.tenure.loss(reason, self.now, next.is_some());
        trace!(self.trace, "               slot {index}: {loss:?}");
        slot.losses.push_back(loss);
        let (answers, life_ns) = (connection.answers, self.now - slot.tenure.upkeep().born_ns());
        let is_used_up = reason == CloseReason::MaxRequests;
        assert!(!is_used_up || connection.requests > 0, "used up, and never used");
        let is_age = reason == CloseReason::MaxAge;
        assert!(next.is_some() || !is_age, "an old connection goes when replaced");
        let is_limit = [CloseReason::IdleLimit, CloseReason::MaxRequests].contains(&reason);
        let is_late = slot.dial.is_some() || slot.tenure.wants_replacement();
        assert!(next.is_some() || !is_limit || is_late || answers < 2, "no replacement was begun");
        let sent_ns = connection.unheard_since_ns;
        self.books.lost(index as usize, reason, answers, life_ns, sent_ns);
        turn.fate = Fate::Lost;
        if let Some((id, random, born_ns)) = next {
            self.books.counts.replaced += 1;
            slot.connection = Some(id);
            slot.tenure.begin(born_ns, random);
            turn.fate = Fate::Replaced;
            turn.epoch = slot.tenure.epoch();
        }
    }

    /// Whoever drives looks at a slot: the slot's task, or in a loose pool somebody else, who may
    /// be interrupted after the turn.
    fn drives(&mut self, index: u32) {
        if !self.setting.is_loose {
            return self.task(index);
        }
        let turn = self.turn(index);
        if turn.fate != Fate::Kept || turn.ended.is_some() {
            self.turns.insert(self.serial + 1, (index, turn));
            self.slots[index as usize].unsettled += 1;
            let late_ns = self.random.within(0, self.setting.late_ns);
            self.after(late_ns, Event::Settle(self.serial + 1));
        }
    }

    /// The turn of the slot's own task.
    pub(crate) fn task_turn(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        if self.setting.is_loose && slot.in_flight.is_some_and(|f| f.id.is_some()) {
            return slot.tenure.may_have_news();
        }
        let turn = self.turn(index);
        self.settle(index, turn);
    }

    // After a turn, as in src/driver/deliver.rs.

    fn settle(&mut self, index: u32, turn: Turn) {
        if turn.epoch < self.slots[index as usize].tenure.epoch() {
            self.books.counts.late_news += 1;
        }
        match turn.fate {
            Fate::Kept => {}
            Fate::Lost => self.desk.went_down(index, turn.epoch),
            Fate::Replaced => {
                self.desk.came_up(index, turn.epoch);
                self.dispatch();
            }
        }
        if turn.fate != Fate::Kept {
            self.wake(index);
        }
        self.look_at_upkeep(turn.upkeep_ns.saturating_sub(self.now));
        let Some(Ended { id, outcome, pause }) = turn.ended else { return };
        if let Some((for_ns, closes)) = pause {
            self.begin_pause(for_ns, closes);
        }
        if outcome == Outcome::Ok && !self.setting.is_before() {
            self.books.heard(turn.now);
        }
        self.desk.finished(index, turn.spent, turn.now);
        match id {
            Some(id) => self.books.completed(id, outcome, self.now),
            None => {
                self.books.beat_ends();
                self.look_at_upkeep(0);
            }
        }
        self.dispatch_later();
    }

    /// Between the end of an exchange and the next one its completion is delivered, and others may
    /// come in between.
    fn dispatch_later(&mut self) {
        if !self.setting.is_loose {
            return self.dispatch();
        }
        self.asking += 1;
        let late_ns = self.random.within(0, self.setting.late_ns);
        self.after(late_ns, Event::Dispatch);
    }

    /// The slot's task is told that there is something to do.
    pub(crate) fn wake(&mut self, index: u32) {
        self.slots[index as usize].wakes += 1;
        let is_late = self.setting.is_loose && self.random.percent(10);
        let most_ns = if is_late { self.setting.late_ns } else { 20 * US };
        let late_ns = self.random.within(0, most_ns);
        self.after(late_ns, Event::Task(index));
    }

    /// Does what the dispatcher says, as in src/driver/deliver.rs.
    pub(crate) fn dispatch(&mut self) {
        while let Some(action) = self.desk.next(self.now) {
            match action {
                Action::Send(slot, queued) => {
                    self.slots[slot as usize].sending += 1;
                    self.sends.insert(self.serial + 1, (slot, queued));
                    let most_ns = if self.setting.is_loose { self.setting.late_ns } else { 0 };
                    let late_ns = self.random.within(0, most_ns);
                    self.after(late_ns, Event::Send(self.serial + 1));
                }
                Action::Lease(lease, _) => self.after(0, Event::Lease(lease)),
                Action::End(Waiter::Request(id, _), end) => self.end_waiting(id, end),
                Action::End(Waiter::Caller(_), _) => {}
            }
        }
    }

    fn end_waiting(&mut self, id: u64, end: End) {
        let outcome = match end {
            End::TooLate => Outcome::Timeout,
            End::Cancelled => Outcome::Cancelled,
            End::Suspended => Outcome::Suspended,
            End::Closed => Outcome::Shutdown,
        };
        self.books.completed(id, outcome, self.now);
    }

    /// As in src/driver/submit.rs.
    fn send_queued(&mut self, slot: u32, queued: Queued<u64>) {
        let (id, due, deadline_ns) = (queued.request, queued.due, queued.deadline_ns);
        let Err(lost) = self.start(slot, Some(id), due) else {
            if self.desk.sent(id) {
                self.books.counts.recalled += 1;
                self.cancel_on(slot as usize);
            }
            return self.dispatch();
        };
        self.books.counts.again += 1;
        match self.desk.not_sent(slot, lost, queued) {
            Some((id, end)) => {
                self.books.counts.recalled += u64::from(end == End::Cancelled);
                self.end_waiting(id, end);
            }
            None => self.note(deadline_ns),
        }
        self.dispatch();
    }

    /// Starts a request, or a heartbeat, on a slot. The slot turns out dead: the epoch of that
    /// connection; the deadline is past: none.
    pub(crate) fn start(
        &mut self,
        index: u32,
        id: Option<u64>,
        due: Due,
    ) -> Result<(), Option<u32>> {
        let (now, setting, deadline_ns) = (self.now, &self.setting, due.deadline_ns);
        if deadline_ns <= now {
            return Err(None);
        }
        let slot = &mut self.slots[index as usize];
        let epoch = Some(slot.tenure.epoch());
        let may_serve = slot.tenure.may_serve(slot.next.is_some());
        let Some(connection) = slot.connection.filter(|_| may_serve) else { return Err(epoch) };
        let here = &self.venue.connections[connection];
        assert!(slot.in_flight.is_none(), "slot {index} is given out twice");
        assert!(!here.retired || slot.next.is_some(), "a request on a retired connection");
        if let Some(reason) = slot.tenure.outlived(&setting.rules, now) {
            slot.tenure.doom(reason);
            self.wake(index);
            return Err(epoch);
        }
        if slot.tenure.needs_look(now, setting.look_after_ns) {
            slot.tenure.looked(now);
            if let Some(reason) = here.look() {
                slot.tenure.doom(reason);
                self.wake(index);
                return Err(epoch);
            }
        }
        let (rules, idle_ns) = (&setting.rules, now - here.used_ns);
        let limit_ns = if rules.idle_limit_ns == 0 { NEVER } else { rules.idle_limit_ns };
        assert!(idle_ns <= limit_ns, "a request on a connection idle for {idle_ns} ns");
        let most = if rules.max_requests == 0 { NEVER } else { rules.max_requests };
        assert!(here.requests < most, "request {} on one connection", here.requests + 1);
        slot.in_flight =
            Some(InFlight { id, deadline_ns, sent_ns: now, announced: false, cancelled: false });
        let has_ended = here.ended.is_some() || here.stray;
        // Only what came after a look that was made just now is missed, or right behind an answer.
        let unseen_ns = now.saturating_sub(here.spoilt_ns.max(here.used_ns));
        assert!(
            !has_ended || unseen_ns < setting.look_after_ns,
            "sent on what was seen to be dead"
        );
        let requests = here.requests + 1;
        if let Some((ns, arrival)) = self.venue.request(connection, now, setting, &mut self.random)
        {
            let idle_ns = self.setting.idle_close_ns.saturating_add(ns);
            self.after(ns, Event::Arrives(connection, arrival));
            self.after(idle_ns, Event::IdleClose(connection, requests));
        }
        if has_ended {
            self.after(0, Event::Drive(index));
        }
        self.note(deadline_ns);
        Ok(())
    }

    pub(crate) fn cancel_on(&mut self, index: usize) {
        if let Some(in_flight) = &mut self.slots[index].in_flight
            && in_flight.id.is_some()
        {
            in_flight.cancelled = true;
            self.after(0, Event::Drive(index as u32));
        }
    }

    pub(crate) fn begin_pause(&mut self, for_ns: u64, closes: bool) {
        self.books.counts.pauses += 1;
        let closes = self.desk.suspend(self.now, for_ns, closes);
        self.dispatch();
        if closes {
            for slot in 0..self.setting.slots {
                let slot_here = &mut self.slots[slot as usize];
                slot_here.tenure.retire(CloseReason::Suspended);
                if let Some(id) = slot_here.connection {
                    self.venue.connections[id].retired = true;
                }
                self.wake(slot);
            }
        }
        let until_ns = self.desk.suspended_until_ns();
        self.after(until_ns - self.now + MS, Event::PauseEnds(until_ns));
    }

    // Deadlines, as in src/driver/alarm.rs.

    pub(crate) fn note(&mut self, deadline_ns: u64) {
        let deadline_ns = deadline_ns.max(self.now);
        if deadline_ns < self.alarm_ns {
            self.alarm_ns = deadline_ns;
            self.after(deadline_ns - self.now, Event::Alarm);
        }
    }

    fn expire(&mut self) {
        for index in 0..self.setting.slots {
            let Some(in_flight) = &mut self.slots[index as usize].in_flight else { continue };
            if in_flight.deadline_ns <= self.now && !in_flight.announced {
                in_flight.announced = true;
                self.after(0, Event::Drive(index));
            }
        }
        self.dispatch();
        let in_flight = self.slots.iter().filter_map(|slot| slot.in_flight);
        let in_flight = in_flight.filter(|f| !f.announced).map(|f| f.deadline_ns).min();
        let next = in_flight.unwrap_or(NEVER).min(self.desk.next_deadline());
        self.alarm_ns = NEVER;
        if next != NEVER {
            self.note(next);
        }
    }
}
