//! A pool made of the policy alone. It does what the policy says, as src/driver does, with a venue
//! of the simulation in place of sockets; it decides nothing.
//!
//! Time is what the events say. In a loose pool each of the driver's steps that takes a lock of its
//! own is an event of its own, so that others come in between.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use tokio::time::Instant;
use venuepool_model::error::{CloseReason, Outcome};
use venuepool_model::net::addresses::Addresses;
use venuepool_model::pool::dial_limit::DialLimit;
use venuepool_model::pool::dispatch::{Action, End, Lease, Queued, Waiter, Want};
use venuepool_model::pool::exchange_time::Due;
use venuepool_model::pool::healing::Healing;
use venuepool_model::pool::maintenance::Heartbeats;
use venuepool_model::pool::pause::Told;
use venuepool_model::pool::slot::{
    Fate, NoStart, NotStarted, Request, Sent, SlotState, StepTimeouts, Terms, TurnEnd,
};

use crate::Trace;
use crate::copies::Orders;
use crate::desk::Desk;
use crate::heal::Hands;
use crate::ledger::Ledger;
use crate::wire::FakeWire;
use crate::world::{Answer, Arrival, Random, S, Setting, US, Venue};

pub(crate) const NEVER: u64 = u64::MAX;

/// Only the deadline of a request ends it.
pub(crate) const STEPS: StepTimeouts = StepTimeouts { write_ns: NEVER, first_byte_ns: NEVER };

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
    AfterTurn(u64),
    /// A request from the queue is sent.
    Send(u64),
    /// A request is sent on the slot that its engine was given.
    SendDirect(u64),
    /// Whoever freed a slot asks what to do next.
    Dispatch,
    /// A wait of the slot's dial ends, which is told by its number.
    Dial(u32, u32),
    /// That dial of the slot has ended, and with which result.
    Dialled(u32, u32, bool),
    Alarm,
    Maintain,
    /// A pause has begun or ended, or one is over by now.
    TellOfPause,
    /// Somebody uses his lease, or gives it back.
    Lease(Lease),
    /// A caller in the queue has no more patience.
    Impatient(u64),
}

/// The exchange that ended in a turn.
#[derive(Clone, Copy)]
pub(crate) struct Ended {
    /// `None`: a heartbeat.
    pub(crate) id: Option<u64>,
    pub(crate) outcome: Outcome,
    pub(crate) answer: Option<Answer>,
}

/// A request that has a slot, and is not sent yet.
pub(crate) struct Direct {
    /// `None`: it is a copy, and those `used` are of others.
    pub(crate) want: Option<Want<'static>>,
    pub(crate) used: Vec<u32>,
    pub(crate) id: u64,
    pub(crate) due: Due,
    pub(crate) slot: u32,
}

impl Direct {
    pub(crate) fn new(want: Want<'_>, id: u64, due: Due, slot: u32) -> Self {
        let (want, used) = match want {
            Want::Apart(used) => (None, used.to_vec()),
            Want::Idle => (Some(Want::Idle), Vec::new()),
            Want::IdleOrQueue => (Some(Want::IdleOrQueue), Vec::new()),
            Want::Leased(lease) => (Some(Want::Leased(lease)), Vec::new()),
        };
        Self { want, used, id, due, slot }
    }
}

pub(crate) struct Slot {
    pub(crate) state: SlotState,
    pub(crate) connection: Option<usize>,
    pub(crate) next: Option<usize>,
    /// The deadline of the exchange was told to whoever drives.
    pub(crate) is_announced: bool,
    pub(crate) hands: Hands,
    /// What is under way: wakes of the task, looks of whoever drives, turns, requests.
    pub(crate) wakes: u32,
    looks: u32,
    turns_not_told: u32,
    sending: u32,
}

pub(crate) struct Pool {
    pub(crate) now: u64,
    pub(crate) setting: Setting,
    pub(crate) random: Random,
    pub(crate) venue: Venue,
    pub(crate) desk: Desk,
    pub(crate) ledger: Ledger,
    pub(crate) slots: Vec<Slot>,
    pub(crate) healing: Healing,
    pub(crate) heartbeats: Heartbeats,
    /// Of the pool's pause, and then of those of its sources.
    pub(crate) told: Vec<Told>,
    pub(crate) addresses: Addresses,
    pub(crate) epoch: Instant,
    pub(crate) trace: Trace,
    events: BinaryHeap<Reverse<(u64, u64)>>,
    what: BTreeMap<u64, Event>,
    serial: u64,
    turns: BTreeMap<u64, (u32, TurnEnd<Ended>)>,
    sends: BTreeMap<u64, (u32, Queued<u64>)>,
    directs: BTreeMap<u64, Direct>,
    pub(crate) orders: Orders,
    /// Somebody is about to ask what to do next, so often.
    asking: u32,
    pub(crate) alarm_ns: u64,
    pub(crate) maintain_ns: u64,
    /// When a look of the maintenance that came late was due.
    pub(crate) late_maintenance_ns: u64,
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
            looks: 0,
            turns_not_told: 0,
            sending: 0,
        };
        let (sources, per_second) = (setting.sources.max(1), setting.dials_per_second);
        let limits = DialLimit::by_source(setting.slots, sources, per_second, || random.next());
        let mut pool = Self {
            now: S,
            venue: Venue::new(&setting),
            desk: Desk::new(setting.slots, setting.sources, setting.lanes, setting.estimate),
            ledger: Ledger::new(&setting),
            slots: (0..setting.slots).map(slot).collect(),
            heartbeats: Heartbeats::new(setting.slots, &setting.rules),
            healing: Healing::new(setting.slots, setting.bounds, limits),
            told: (0..=setting.sources).map(|_| Told::default()).collect(),
            addresses: Addresses::default(),
            epoch: Instant::now(),
            trace,
            events: BinaryHeap::new(),
            what: BTreeMap::new(),
            serial: 0,
            turns: BTreeMap::new(),
            sends: BTreeMap::new(),
            directs: BTreeMap::new(),
            orders: Orders::new(),
            asking: 0,
            alarm_ns: NEVER,
            maintain_ns: NEVER,
            late_maintenance_ns: 0,
            setting,
            random,
        };
        (0..pool.setting.slots).for_each(|slot| pool.begin(slot));
        pool.after(0, Event::Engine);
        pool.after(S, Event::Mood);
        pool.look_at_maintenance(0);
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
        self.ledger.counts.events += 1;
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
            Event::Drive(slot) => {
                let here = &mut self.slots[slot as usize];
                here.looks -= 1;
                // In caller drive an engine that waits for nothing may not drive.
                let is_idle = self.setting.is_loose && here.state.exchange().is_none();
                if !is_idle || self.random.percent(50) {
                    self.drives(slot);
                }
            }
            Event::AfterTurn(serial) => {
                let (slot, turn) = self.turns.remove(&serial).unwrap();
                self.slots[slot as usize].turns_not_told -= 1;
                self.after_turn(slot, turn);
            }
            Event::Send(serial) => {
                let (slot, queued) = self.sends.remove(&serial).unwrap();
                self.slots[slot as usize].sending -= 1;
                self.send_queued(slot, queued);
            }
            Event::SendDirect(serial) => {
                let direct = self.directs.remove(&serial).unwrap();
                self.slots[direct.slot as usize].sending -= 1;
                self.send_direct(direct);
            }
            Event::Dispatch => {
                self.asking -= 1;
                self.dispatch();
            }
            Event::Dial(slot, waits) => self.dial(slot, waits),
            Event::Dialled(slot, dial, is_live) => self.dialled(slot, dial, is_live),
            Event::Alarm => self.look_at_deadlines(),
            Event::Maintain => self.maintain(),
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
        self.ledger.check(self.now);
        for (index, slot) in self.slots.iter().enumerate() {
            let line = &self.desk.lines[index];
            assert!(
                slot.state.exchange().is_none() || line.in_use,
                "slot {index}: in flight, unknown"
            );
            let is_under_way = slot.turns_not_told + slot.sending > 0;
            assert!(
                !line.in_use || slot.state.exchange().is_some() || is_under_way,
                "slot {index} is said to be in use, and is not"
            );
            let is_due = is_under_way || slot.wakes > 0;
            let lives = slot.connection.is_some();
            assert!(is_due || lives || !line.up, "slot {index} is said to live, and does not");
            assert!(is_due || !lives || line.up, "slot {index} lives, and nobody knows");
            let dials = slot.hands.dial.is_some();
            assert!(lives || is_due || dials, "slot {index} is down, nobody dials");
            let retires = slot.connection.is_none_or(|id| self.venue.connections[id].retired);
            let is_seen = slot.connection.is_none_or(|id| {
                let here = &self.venue.connections[id];
                here.ended.is_none() && (self.setting.is_loose || !here.stray)
            });
            let looks = is_due || slot.looks > 0 || slot.state.exchange().is_some();
            assert!(looks || is_seen, "slot {index} holds what nobody will read");
            let is_closed = self.desk.no_dial_ns(index as u32, self.now) > 0;
            assert!(is_due || retires || !is_closed, "slot {index} lives on in a pause");
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
            && self.ledger.open == 0
            && self.ledger.has_told_all()
    }

    // The turn of a slot.

    fn turn(&mut self, index: u32) -> TurnEnd<Ended> {
        let now = self.now;
        let Slot { state, connection, next, hands, .. } = &mut self.slots[index as usize];
        let (before, born_ns) = (*connection, state.maintenance().born_ns());
        let is_late = hands.dial.is_some()
            || state.wants_replacement(now).is_some()
            || born_ns <= self.late_maintenance_ns;
        let terms = Terms {
            rules: &self.setting.rules,
            steps: &STEPS,
            grace_ns: NEVER,
            waits_for_late: false,
        };
        let mut wire = FakeWire { connection, next, venue: &mut self.venue };
        let turn = state.turn(&mut wire, &terms, now);
        let ends_now = turn
            .ended
            .and_then(|ended| ended.answer)
            .is_some_and(|answer| answer.announced.timeout_ns == Some(0));
        assert!(!ends_now || turn.fate != Fate::Kept, "the venue ends it now");
        if turn.fate != Fate::Kept {
            let id = before.expect("only what was there can be given up");
            self.gave_up(index, id, now - born_ns, is_late, turn.fate);
        }
        turn
    }

    /// What must hold of a connection that was given up just now.
    fn gave_up(&mut self, index: u32, id: usize, life_ns: u64, is_late: bool, fate: Fate) {
        let slot = &self.slots[index as usize];
        let reason = slot.state.last_loss().expect("there is a reason");
        let connection = &self.venue.connections[id];
        let answers = connection.answers;
        trace!(self.trace, "               slot {index}: {reason:?}, {fate:?}");
        let is_replaced = fate == Fate::Replaced;
        let is_used_up = reason == CloseReason::MaxRequests;
        assert!(!is_used_up || connection.requests > 0, "used up, and never used");
        let is_age = reason == CloseReason::MaxAge;
        assert!(is_replaced || !is_age, "an old connection goes when replaced");
        let is_limit = [CloseReason::IdleLimit, CloseReason::MaxRequests].contains(&reason);
        assert!(is_replaced || !is_limit || is_late || answers < 2, "no replacement was begun");
        assert_eq!(slot.connection.is_some(), is_replaced, "who follows");
        self.ledger.lost(index as usize, reason, answers, life_ns, connection.unheard_since_ns);
        self.ledger.counts.replaced += u64::from(is_replaced);
    }

    /// Whoever drives looks at a slot then.
    pub(crate) fn drive_after(&mut self, ns: u64, index: u32) {
        self.slots[index as usize].looks += 1;
        self.after(ns, Event::Drive(index));
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
            self.slots[index as usize].turns_not_told += 1;
            let late_ns = self.random.within(0, self.setting.late_ns);
            self.after(late_ns, Event::AfterTurn(self.serial + 1));
        }
    }

    /// The turn of the slot's own task.
    pub(crate) fn task_turn(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        if self.setting.is_loose && slot.state.leaves_turn_to_engine(NEVER, self.now) {
            return;
        }
        let turn = self.turn(index);
        self.after_turn(index, turn);
    }

    /// Between the end of an exchange and the next one its completion is delivered, and others may
    /// come in between.
    pub(crate) fn dispatch_later(&mut self) {
        if !self.setting.is_loose {
            return self.dispatch();
        }
        self.asking += 1;
        let late_ns = self.random.within(0, self.setting.late_ns);
        self.after(late_ns, Event::Dispatch);
    }

    /// The thread that has a slot for its request may be interrupted before it sends.
    pub(crate) fn send_direct_later(&mut self, direct: Direct) {
        if !self.setting.is_loose {
            return self.send_direct(direct);
        }
        self.slots[direct.slot as usize].sending += 1;
        self.directs.insert(self.serial + 1, direct);
        let late_ns = self.random.within(0, self.setting.late_ns);
        self.after(late_ns, Event::SendDirect(self.serial + 1));
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
        self.copy_without_slot(id, end);
    }

    /// As in src/driver/submit.rs.
    fn send_queued(&mut self, slot: u32, queued: Queued<u64>) {
        let (id, due, deadline_ns) = (queued.request, queued.due, queued.deadline_ns);
        let Err(why) = self.start(slot, Some(id), due) else {
            if self.desk.sent(id) {
                self.ledger.counts.recalled += 1;
                self.cancel_on(slot as usize, id);
            }
            return self.dispatch();
        };
        self.ledger.counts.again += 1;
        match self.desk.not_sent(slot, why, queued) {
            Some((id, end)) => {
                self.ledger.counts.recalled += u64::from(end == End::Cancelled);
                self.end_waiting(id, end);
            }
            None => self.note(deadline_ns),
        }
        self.dispatch();
    }

    /// Starts a request, or a heartbeat, on a slot. The slot turns out dead: the epoch of that
    /// connection; the deadline is past: none.
    pub(crate) fn start(&mut self, index: u32, id: Option<u64>, due: Due) -> Result<(), NoStart> {
        let Some(id) = id else { return self.start_on(index, None, due) };
        self.copy_begins(id, index);
        self.start_on(index, Some(id), due).inspect_err(|_| self.copy_not_begun(id, index))?;
        self.copy_is_sent(id, index);
        self.ledger.counts.beside_held += u64::from(self.desk.is_beside_held(index, self.now));
        Ok(())
    }

    fn start_on(&mut self, index: u32, id: Option<u64>, due: Due) -> Result<(), NoStart> {
        let (now, setting, deadline_ns) = (self.now, &self.setting, due.deadline_ns);
        let Slot { state, connection, next, is_announced, .. } = &mut self.slots[index as usize];
        assert!(state.exchange().is_none(), "slot {index} is given out twice");
        let mut wire = FakeWire { connection, next, venue: &mut self.venue };
        let withdraws = id.is_some() && setting.load.is_none() && self.random.percent(1);
        let send = |wire: &mut FakeWire<'_>| {
            wire.check_before_sending(setting, now);
            if withdraws { Sent::Withdrawn } else { Sent::Begun { begin_ns: 0, end_ns: now } }
        };
        let request = Request { id, deadline_ns };
        let (rules, look_after_ns) = (&setting.rules, setting.look_after_ns);
        let started = state.start(request, rules, look_after_ns, now, &mut wire, send);
        if let Err(NotStarted { why, wakes_task }) = started {
            if wakes_task {
                self.wake(index);
            }
            return Err(why);
        }
        assert!(now < deadline_ns, "sent behind its deadline");
        *is_announced = false;
        let id = connection.expect("a request was sent on it");
        let here = &self.venue.connections[id];
        let has_ended = here.ended.is_some() || here.stray;
        let requests = here.requests + 1;
        if let Some((ns, arrival)) = self.venue.request(id, now, setting, &mut self.random) {
            let idle_ns = self.setting.idle_close_ns.saturating_add(ns);
            self.after(ns, Event::Arrives(id, arrival));
            self.after(idle_ns, Event::IdleClose(id, requests));
        }
        if has_ended {
            self.drive_after(0, index);
        }
        self.note(deadline_ns);
        Ok(())
    }

    /// Cancels that request if it is on that slot.
    pub(crate) fn cancel_on(&mut self, index: usize, id: u64) -> bool {
        let is_here = self.slots[index].state.cancel(id);
        if is_here {
            self.drive_after(0, index as u32);
        }
        is_here
    }

    // Deadlines, as in src/driver/deadlines.rs.

    pub(crate) fn note(&mut self, deadline_ns: u64) {
        let deadline_ns = deadline_ns.max(self.now);
        if deadline_ns < self.alarm_ns {
            self.alarm_ns = deadline_ns;
            self.after(deadline_ns - self.now, Event::Alarm);
        }
    }
}
