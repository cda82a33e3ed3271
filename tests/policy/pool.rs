//! A pool made of the policy alone, put together as src/driver puts it together: the engine's side
//! (submit.rs), the turn of a slot (slot.rs), what follows it (deliver.rs).
//!
//! Time is what the events say. In a loose pool each of the driver's steps that takes a lock of its
//! own is an event of its own, so that others come in between.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use tokio::time::Instant;
use venuepool::error::{CloseReason, Outcome};
use venuepool::net::addresses::Addresses;
use venuepool::pool::dial_limit::DialLimit;
use venuepool::pool::dispatch::{Action, End, Lease, Queued, Waiter};
use venuepool::pool::exchange_time::{Due, Spent};
use venuepool::pool::healing::Healing;
use venuepool::pool::maintenance::Heartbeats;
use venuepool::pool::pause::Told;
use venuepool::pool::slot::{Exchange, Fate, Ready, SlotState, StepTimeouts, Stop, Then};

use crate::Trace;
use crate::books::Books;
use crate::desk::Desk;
use crate::heal::Hands;
use crate::world::{Answer, Arrival, Random, S, Setting, US, Venue};

pub(crate) const NEVER: u64 = u64::MAX;

/// Only the deadline of a request ends it.
const STEPS: StepTimeouts = StepTimeouts { write_ns: NEVER, first_byte_ns: NEVER };

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
    /// A wait of the slot's dial ends, which is told by its number.
    Dial(u32, u32),
    /// That dial of the slot has ended, and with which result.
    Dialled(u32, u32, bool),
    Alarm,
    KeepUp,
    /// A pause has begun or ended, or one is over by now.
    TellOfPause,
    /// Somebody uses his lease, or gives it back.
    Lease(Lease),
    /// A caller in line has no more patience.
    Impatient(u64),
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
    pub(crate) state: SlotState,
    pub(crate) connection: Option<usize>,
    pub(crate) next: Option<usize>,
    /// The deadline of the exchange was told to whoever drives.
    is_announced: bool,
    pub(crate) hands: Hands,
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
    pub(crate) healing: Healing,
    pub(crate) heartbeats: Heartbeats,
    pub(crate) told: Told,
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
            state: SlotState::default(),
            connection: None,
            next: None,
            is_announced: false,
            hands: Hands::default(),
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
            heartbeats: Heartbeats::new(setting.slots, &setting.rules),
            healing: Healing::new(setting.slots, setting.bounds, limit),
            told: Told::default(),
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
        (0..pool.setting.slots).for_each(|slot| pool.begin(slot));
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
            Event::Dial(slot, waits) => self.dial(slot, waits),
            Event::Dialled(slot, dial, is_live) => self.dialled(slot, dial, is_live),
            Event::Alarm => self.expire(),
            Event::KeepUp => self.keep_up(),
            Event::TellOfPause => self.tell_of_pauses(),
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
        self.books.check(self.now);
        for (index, slot) in self.slots.iter().enumerate() {
            let line = &self.desk.lines[index];
            assert!(
                slot.state.exchange().is_none() || line.in_use,
                "slot {index}: in flight, unknown"
            );
            let is_under_way = slot.unsettled + slot.sending > 0;
            assert!(
                !line.in_use || slot.state.exchange().is_some() || is_under_way,
                "slot {index} is said to be in use, and is not"
            );
            let news = is_under_way || slot.wakes > 0;
            let lives = slot.connection.is_some();
            assert!(news || lives || !line.up, "slot {index} is said to live, and does not");
            assert!(news || !lives || line.up, "slot {index} lives, and nobody knows");
            let dials = slot.hands.dial.is_some();
            assert!(lives || news || dials, "slot {index} is down, nobody dials");
            let retires = slot.connection.is_none_or(|id| self.venue.connections[id].retired);
            let is_closed = self.desk.no_dial_ns(self.now) > 0;
            assert!(news || retires || !is_closed, "slot {index} lives on in a pause");
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
            && self.books.told_pause_ns == 0
    }

    // The turn of a slot, as in src/driver/slot.rs.

    fn turn(&mut self, index: u32) -> Turn {
        let slot = &mut self.slots[index as usize];
        let now = self.now;
        let mut turn = Turn { epoch: slot.state.epoch(), upkeep_ns: NEVER, ..Turn::default() };
        turn.now = now;
        let Some(id) = slot.connection else { return turn };
        let connection = &mut self.venue.connections[id];
        let then = match slot.state.exchange().copied() {
            None => slot.state.idle(true),
            Some(exchange) => {
                let read = connection.read();
                let Some(stop) = exchange.stop(read, None, &STEPS, NEVER, now) else {
                    return turn;
                };
                self.finish(index, id, exchange, stop, &mut turn)
            }
        };
        let connection = &self.venue.connections[id];
        let found = match then {
            Then::Keep => None,
            Then::Close(reason) => Some(reason),
            Then::Look => {
                let found = connection.look();
                self.slots[index as usize].state.looked(now, found);
                found
            }
        };
        if let Some(reason) = found {
            self.give_up(index, id, reason, &mut turn);
        }
        turn
    }

    fn finish(
        &mut self,
        index: u32,
        id: usize,
        exchange: Exchange,
        stop: Stop,
        turn: &mut Turn,
    ) -> Then {
        let slot = &mut self.slots[index as usize];
        let connection = &mut self.venue.connections[id];
        connection.used_ns = self.now;
        let (outcome, answer) = match stop {
            Stop::Answered(_) => (Outcome::Ok, connection.answer.take()),
            Stop::Failed(outcome, _) => (outcome, None),
        };
        if let Some(Answer { announced, .. }) = answer {
            exchange_answered(slot, self.now);
            connection.answers += 1;
            connection.heard = announced.timeout_ns.is_some();
        } else {
            connection.unheard_since_ns = exchange.start_ns;
        }
        turn.ended =
            Some(Ended { id: exchange.id, outcome, pause: answer.and_then(|it| it.pause) });
        let announced = || answer.expect("it was answered").announced;
        let finished = slot.state.finished(stop, announced, &self.setting.rules, true, self.now);
        let ends_now = answer.is_some_and(|answer| answer.announced.timeout_ns == Some(0));
        assert!(!ends_now || matches!(finished.then, Then::Close(_)), "the venue ends it now");
        turn.upkeep_ns = finished.upkeep_ns;
        turn.spent = finished.spent;
        finished.then
    }

    fn give_up(&mut self, index: u32, id: usize, reason: CloseReason, turn: &mut Turn) {
        let slot = &mut self.slots[index as usize];
        let connection = &mut self.venue.connections[id];
        connection.given_up = true;
        let (answers, life_ns) = (connection.answers, self.now - slot.state.upkeep().born_ns());
        let is_late = slot.hands.dial.is_some() || slot.state.wants_replacement(self.now).is_some();
        turn.fate = slot.state.give_up(reason, true, self.now);
        trace!(self.trace, "               slot {index}: {reason:?}, {:?}", turn.fate);
        let is_replaced = turn.fate == Fate::Replaced;
        let is_used_up = reason == CloseReason::MaxRequests;
        assert!(!is_used_up || connection.requests > 0, "used up, and never used");
        let is_age = reason == CloseReason::MaxAge;
        assert!(is_replaced || !is_age, "an old connection goes when replaced");
        let is_limit = [CloseReason::IdleLimit, CloseReason::MaxRequests].contains(&reason);
        assert!(is_replaced || !is_limit || is_late || answers < 2, "no replacement was begun");
        let sent_ns = connection.unheard_since_ns;
        self.books.lost(index as usize, reason, answers, life_ns, sent_ns);
        slot.connection = slot.next.take();
        assert_eq!(slot.connection.is_some(), is_replaced, "who follows");
        if is_replaced {
            self.books.counts.replaced += 1;
            turn.epoch = slot.state.epoch();
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
        let has_engines = slot.state.exchange().is_some_and(|exchange| exchange.id.is_some());
        if self.setting.is_loose && has_engines {
            return slot.state.look_later();
        }
        let turn = self.turn(index);
        self.settle(index, turn);
    }

    // After a turn, as in src/driver/deliver.rs.

    fn settle(&mut self, index: u32, turn: Turn) {
        if turn.epoch < self.slots[index as usize].state.epoch() {
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
                self.heartbeats.ended();
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

    pub(crate) fn end_waiting(&mut self, id: u64, end: End) {
        let outcome = match end {
            End::TooLate => Outcome::Timeout,
            End::Cancelled => Outcome::Cancelled,
            End::Suspended => Outcome::Suspended,
            End::Closed => Outcome::Shutdown,
            End::SlotDown => Outcome::ConnectionClosed,
        };
        self.books.completed(id, outcome, self.now);
    }

    /// As in src/driver/submit.rs.
    fn send_queued(&mut self, slot: u32, queued: Queued<u64>) {
        let (id, due, deadline_ns) = (queued.request, queued.due, queued.deadline_ns);
        let Err(lost) = self.start(slot, Some(id), due) else {
            if self.desk.sent(id) {
                self.books.counts.recalled += 1;
                self.cancel_on(slot as usize, id);
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
        let slot = &mut self.slots[index as usize];
        let epoch = Some(slot.state.epoch());
        match slot.state.ready(now, deadline_ns, &setting.rules, setting.look_after_ns) {
            Ready::TooLate => return Err(None),
            Ready::Gone { is_news } => {
                if is_news {
                    self.wake(index);
                }
                return Err(epoch);
            }
            Ready::Yes => {}
            Ready::Look => {
                let id = slot.connection.expect("a connection that is ready is there");
                let found = self.venue.connections[id].look();
                slot.state.looked(now, found);
                if found.is_some() {
                    self.wake(index);
                    return Err(epoch);
                }
            }
        }
        let connection = slot.connection.expect("a connection that is ready is there");
        let here = &self.venue.connections[connection];
        assert!(slot.state.exchange().is_none(), "slot {index} is given out twice");
        assert!(!here.retired || slot.next.is_some(), "a request on a retired connection");
        let (rules, idle_ns) = (&setting.rules, now - here.used_ns);
        let limit_ns = if rules.idle_limit_ns == 0 { NEVER } else { rules.idle_limit_ns };
        assert!(idle_ns <= limit_ns, "a request on a connection idle for {idle_ns} ns");
        let most = if rules.max_requests == 0 { NEVER } else { rules.max_requests };
        assert!(here.requests < most, "request {} on one connection", here.requests + 1);
        let mut exchange = Exchange::new(id, now, deadline_ns);
        exchange.write_ns = now;
        slot.state.began(exchange);
        slot.is_announced = false;
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

    /// Cancels that request if it is on that slot.
    pub(crate) fn cancel_on(&mut self, index: usize, id: u64) -> bool {
        let is_here = self.slots[index].state.cancel(id);
        if is_here {
            self.after(0, Event::Drive(index as u32));
        }
        is_here
    }

    // Deadlines, as in src/driver/timer.rs.

    pub(crate) fn note(&mut self, deadline_ns: u64) {
        let deadline_ns = deadline_ns.max(self.now);
        if deadline_ns < self.alarm_ns {
            self.alarm_ns = deadline_ns;
            self.after(deadline_ns - self.now, Event::Alarm);
        }
    }

    fn expire(&mut self) {
        for index in 0..self.setting.slots {
            let slot = &mut self.slots[index as usize];
            let is_over = |exchange: &Exchange| exchange.ends_ns(&STEPS) <= self.now;
            if !slot.is_announced && slot.state.exchange().is_some_and(is_over) {
                slot.is_announced = true;
                self.after(0, Event::Drive(index));
            }
        }
        self.dispatch();
        let open = self.slots.iter().filter(|slot| !slot.is_announced);
        let open = open.filter_map(|slot| slot.state.exchange());
        let open_ns = open.map(|exchange| exchange.ends_ns(&STEPS)).min();
        let next = open_ns.unwrap_or(NEVER).min(self.desk.next_deadline());
        self.alarm_ns = NEVER;
        if next != NEVER {
            self.note(next);
        }
    }
}

/// The whole response is there, so its first byte is.
fn exchange_answered(slot: &mut Slot, now: u64) {
    if let Some(exchange) = slot.state.exchange_mut() {
        exchange.first_byte_ns = now;
    }
}
