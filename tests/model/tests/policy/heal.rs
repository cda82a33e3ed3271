//! Carries out the healing and the maintenance of the simulated pool: it dials, waits and tells,
//! as slot_task.rs, dials.rs and maintenance.rs in src/tasks do. What is to be done is decided by
//! [`Healing`](venuepool_model::pool::healing::Healing) and by the slot's state.

use std::time::Duration;

use venuepool_model::error::CloseReason;
use venuepool_model::lane::Lane;
use venuepool_model::pool::admission::deadline_after_ns;
use venuepool_model::pool::connection_maintenance::Action;
use venuepool_model::pool::exchange_time::Due;
use venuepool_model::pool::healing::{AfterLoss, Next, Place};
use venuepool_model::pool::maintenance::{Rest, Round, Sending, send_heartbeat};
use venuepool_model::pool::pause::{Scope, SuspendRule, SuspendRules, Telling};
use venuepool_model::pool::slot::NoStart;
use venuepool_model::source::{Source, source_of_slot};

use crate::ledger::Ledger;
use crate::pool::{Event, NEVER, Pool};
use crate::world::{Arrival, MS, S, US};

/// The dial that the slot's task holds, with all its waits.
#[derive(Default)]
pub(crate) struct Hands {
    /// The number of the dial that is held.
    pub(crate) dial: Option<u32>,
    dials: u32,
    /// The number of its present wait. An earlier one has ended.
    waits: u32,
    /// The task serves a connection, as opposed to waiting for one.
    serves: bool,
}

impl Pool {
    /// The task of a slot begins.
    pub(crate) fn begin(&mut self, index: u32) {
        let random = self.random.next();
        self.healing.begin(index, self.now, random);
        self.hold_dial(index, random);
    }

    /// The slot's task has a new dial, and drops the one that it held.
    fn hold_dial(&mut self, index: u32, random: u64) {
        let hands = &mut self.slots[index as usize].hands;
        hands.dials += 1;
        hands.dial = Some(hands.dials);
        self.delayed(index, random);
    }

    fn delayed(&mut self, index: u32, random: u64) {
        let delay_ns = self.healing.next_dial_ns(index).saturating_sub(self.now);
        self.ledger.delay(index as usize, delay_ns, random, self.now);
        self.wait(index, 0);
        self.wake_dials();
    }

    fn wait(&mut self, index: u32, ns: u64) {
        let hands = &mut self.slots[index as usize].hands;
        hands.waits += 1;
        let waits = hands.waits;
        self.after(ns, Event::Dial(index, waits));
    }

    /// The slots that are to go on are woken.
    fn wake_dials(&mut self) {
        while let Some(slot) = self.healing.next_wake() {
            self.wait(slot, 0);
        }
    }

    /// A response on that slot asks for a pause.
    pub(crate) fn is_asked_for_pause(&mut self, index: u32, for_ns: u64, closes: bool) {
        let status = if closes { 418 } else { 429 };
        let rule = SuspendRule { http_status: status, for_ns: 0, closes };
        let rules = SuspendRules::new(&[rule], NEVER, self.setting.suspends_source);
        let source = source_of_slot(index, self.setting.sources.max(1));
        let asked = rules.asked(status, || source, || for_ns).expect("there is a rule");
        self.begin_pause(asked.scope, asked.for_ns, asked.closes);
    }

    pub(crate) fn begin_pause(&mut self, scope: Scope, for_ns: u64, closes: bool) {
        let place = self.desk.place_of(scope);
        self.ledger.counts.pauses += 1;
        self.ledger.counts.source_pauses += u64::from(place > 0);
        let before = self.desk.pause_of(scope);
        let closes = self.desk.suspend(scope, self.now, for_ns, closes);
        if self.desk.pause_of(scope).until_ns() != before.until_ns() {
            self.ledger.owe_pause(place, self.now);
        }
        self.dispatch();
        for slot in (0..self.setting.slots).filter(|_| closes) {
            if self.desk.covers(scope, slot) {
                self.retire(slot, CloseReason::Suspended);
            }
        }
        self.after(0, Event::TellOfPause);
    }

    /// As the task in src/tasks/pauses.rs.
    pub(crate) fn tell_of_pauses(&mut self) {
        let scopes = self.desk.scopes();
        let again_ns = scopes.into_iter().filter_map(|scope| self.tell_of_pauses_of(scope)).min();
        if let Some(ns) = again_ns {
            // A timer fires a little late.
            self.after(ns - self.now + MS, Event::TellOfPause);
        }
    }

    fn tell_of_pauses_of(&mut self, scope: Scope) -> Option<u64> {
        let place = self.desk.place_of(scope);
        loop {
            match self.told[place].next(&self.desk.pause_of(scope), self.now) {
                Telling::Begun(until_ns) => self.ledger.pause_begins(place, until_ns),
                Telling::Over(until_ns) => {
                    if self.desk.resume(scope, until_ns) {
                        self.dispatch();
                        self.ledger.pause_ends(place, self.now);
                        self.told[place].over();
                    }
                }
                Telling::At(ns) => return Some(ns),
                Telling::Nothing => return None,
            }
        }
    }

    fn retire(&mut self, index: u32, reason: CloseReason) {
        let slot = &mut self.slots[index as usize];
        slot.state.retire(reason);
        if let Some(id) = slot.connection {
            self.venue.connections[id].retired = true;
        }
        self.wake(index);
    }

    /// The engine ends all pauses.
    pub(crate) fn resume(&mut self) {
        self.desk.resume_all();
        self.dispatch();
        self.ledger.engine_ends_pauses();
        self.after(0, Event::TellOfPause);
        self.healing.resumed();
        self.wake_dials();
    }

    /// A wait of the slot's dial has ended, unless another one has begun since.
    pub(crate) fn dial(&mut self, index: u32, waits: u32) {
        let hands = &self.slots[index as usize].hands;
        if waits != hands.waits {
            return;
        }
        let (slot, now) = (index as usize, self.now);
        let pause = self.desk.pause_of_slot(index, now);
        let replaces = hands.serves;
        self.ledger.asks(slot, replaces, now);
        let next = self.healing.next(index, &pause, now);
        assert!(!next.is_outdated(&pause, || pause), "nobody came in between");
        match next {
            Next::Dial => {
                self.ledger.dial(slot, replaces, now);
                assert_eq!(
                    self.desk.no_dial_ns(index, now),
                    0,
                    "a dial in a pause without connections"
                );
                self.connect(index);
            }
            Next::At(ns) => {
                self.ledger.waits(slot, replaces, ns, self.desk.no_dial_ns(index, now), now);
                self.wait(index, ns.saturating_sub(now));
            }
            Next::NoPlace => unreachable!("the pool shares its host with no other"),
            Next::WhenWoken => self.ledger.is_behind(slot),
        }
        self.wake_dials();
    }

    fn connect(&mut self, index: u32) {
        let (now, clock) = (self.now, self.epoch + Duration::from_nanos(self.now));
        let order = self.addresses.ordered(&self.venue.addresses, clock);
        self.ledger.order(&order, now);
        let dialled = self.venue.dial(&order, &self.setting, &mut self.random);
        trace!(self.trace, "               slot {index} dials: {:?}", dialled.by);
        for bad in &dialled.failed {
            self.addresses.failed(bad.ip(), clock);
            self.ledger.address(bad.ip(), Some(now + 60 * S));
        }
        if let Some(good) = dialled.by {
            self.addresses.worked(good.ip());
            self.ledger.address(good.ip(), None);
        }
        let dial = self.slots[index as usize].hands.dial.expect("who dials holds a dial");
        self.after(dialled.after_ns, Event::Dialled(index, dial, dialled.by.is_some()));
    }

    /// A dial has ended, unless it was dropped.
    pub(crate) fn dialled(&mut self, index: u32, dial: u32, is_live: bool) {
        if self.slots[index as usize].hands.dial != Some(dial) {
            return;
        }
        self.ledger.dialled(index as usize);
        if is_live {
            return self.is_live(index);
        }
        let random = self.random.next();
        self.healing.dial_failed(index, self.now, random);
        self.delayed(index, random);
    }

    /// The dial has brought a connection.
    fn is_live(&mut self, index: u32) {
        let (id, end) = self.venue.accept(self.now);
        if let Some(arrival) = end {
            let ns = self.random.within(0, MS);
            self.after(ns, Event::Arrives(id, arrival));
        }
        self.after(self.setting.unused_close_ns, Event::IdleClose(id, 0));
        let random = self.random.next();
        let slot = &mut self.slots[index as usize];
        (slot.hands.dial, slot.hands.serves) = (None, true);
        match self.healing.dialled(index) {
            Place::Empty => {
                assert_eq!(slot.connection, None, "two connections in one place");
                slot.state.came_up(self.now, random);
                slot.connection = Some(id);
                self.is_up(index);
            }
            Place::Taken if slot.state.replacement_came_up(self.now, random) => {
                slot.connection = Some(id);
            }
            Place::Taken => slot.next = Some(id),
        }
        slot_task(self, index);
    }

    fn is_up(&mut self, index: u32) {
        self.ledger.came_up(index as usize);
        let epoch = self.slots[index as usize].state.epoch();
        // It may be lost already.
        let path = self.slots[index as usize].connection.map_or(0, |id| 1 + id as u64 % 2);
        self.desk.takes_path(index, path);
        self.desk.came_up(index, epoch);
        self.dispatch();
        self.look_at_maintenance(0);
        let retires =
            self.healing.came_up(index, &self.desk.pause_of_slot(index, self.now), self.now);
        if let Some(reason) = retires {
            self.retire(index, reason);
        }
    }

    /// The slot's task has been woken.
    pub(crate) fn task(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        slot.wakes = slot.wakes.saturating_sub(1);
        if slot.hands.serves {
            slot_task(self, index);
        }
    }

    /// Something has arrived at a socket: whoever watches it is told, soon.
    pub(crate) fn arrives(&mut self, id: usize, arrival: Arrival) {
        let connection = &mut self.venue.connections[id];
        if connection.given_up || connection.silent || connection.ended.is_some() {
            return;
        }
        if !matches!(arrival, Arrival::Answer(_)) {
            connection.spoilt_ns = connection.spoilt_ns.min(self.now);
        }
        match arrival {
            Arrival::Answer(answer) => connection.answer = Some(answer),
            Arrival::Stray => connection.stray = true,
            Arrival::Fin | Arrival::Reset => connection.ended = Some(arrival),
        }
        let slot = self.slots.iter().position(|slot| slot.connection == Some(id));
        let Some(index) = slot else { return };
        let index = index as u32;
        let is_end = matches!(arrival, Arrival::Fin | Arrival::Reset);
        let late_ns = self.random.within(0, 100 * US);
        if self.setting.is_loose && is_end {
            // The pool thread watches for losses, also while somebody else drives.
            self.slots[index as usize].wakes += 1;
            self.after(late_ns, Event::Task(index));
        }
        if self.setting.is_loose && self.slots[index as usize].state.exchange().is_none() {
            self.wake(index);
        } else {
            self.drive_after(late_ns, index);
        }
    }

    /// The venue closes a connection that was idle for long.
    pub(crate) fn idle_close(&mut self, id: usize, requests: u64) {
        let connection = &self.venue.connections[id];
        let is_idle = connection.requests == requests && connection.ended.is_none();
        if self.venue.healed || !is_idle || connection.given_up || connection.silent {
            return;
        }
        let serves = self.slots.iter().find(|slot| slot.connection == Some(id));
        let waits = connection.answer.is_some() || connection.answers == 0;
        let at_work = serves.is_none_or(|slot| slot.state.exchange().is_some());
        assert!(
            !connection.heard || waits || at_work,
            "the venue announced when it closes, and its connection is still there"
        );
        self.arrives(id, Arrival::Fin);
    }

    // As in src/tasks/maintenance.rs.

    pub(crate) fn look_at_maintenance(&mut self, in_ns: u64) {
        let at_ns = self.now.saturating_add(in_ns);
        if at_ns < self.maintain_ns {
            self.maintain_ns = at_ns;
            let is_late = self.setting.is_loose && self.random.percent(5);
            let late_ns = if is_late { self.random.within(0, self.setting.late_ns) } else { 0 };
            if is_late {
                self.late_maintenance_ns = self.late_maintenance_ns.max(at_ns);
            }
            self.after(in_ns.saturating_add(late_ns), Event::Maintain);
        }
    }

    pub(crate) fn maintain(&mut self) {
        if self.maintain_ns > self.now {
            return;
        }
        self.maintain_ns = NEVER;
        let sources = self.setting.sources.clamp(1, self.setting.slots);
        let mut round = Round::new(&self.setting.rules, sources, self.now);
        (0..self.setting.slots).for_each(|slot| round.add(slot, self.maintain_slot(slot)));
        let due_ns = round.due_ns();
        if due_ns != NEVER {
            self.look_at_maintenance(due_ns.saturating_sub(self.now).max(1));
        }
    }

    fn maintain_slot(&mut self, index: u32) -> Rest {
        let slot = &mut self.slots[index as usize];
        let needs = slot.state.maintain(&self.setting.rules, self.now);
        if let (Some(action), Some(id)) = (needs.for_task, slot.connection) {
            self.venue.connections[id].retired |= matches!(action, Action::Retire(_));
            self.wake(index);
        }
        match needs.heartbeat {
            true => needs.rest_after_heartbeat(self.beat(index)),
            false => needs.rest,
        }
    }

    fn beat(&mut self, slot: u32) -> u64 {
        send_heartbeat(&mut Beating { pool: self, slot })
    }
}

/// A heartbeat on that slot.
struct Beating<'a> {
    pool: &'a mut Pool,
    slot: u32,
}

impl Sending for Beating<'_> {
    type NotSent = NoStart;

    fn begin(&mut self) -> Result<(), u64> {
        let Self { pool, slot } = self;
        let pause = pool.desk.pause_of_slot(*slot, pool.now);
        pool.heartbeats.begin(&pause, pool.now).inspect_err(|again_ns| {
            pool.ledger.puts_beat_off(*again_ns, pool.desk.suspended_until_ns(*slot), pool.now);
        })
    }

    fn take_slot(&mut self) -> bool {
        self.pool.desk.heartbeat(self.slot, self.pool.now)
    }

    fn put_off(&mut self) -> u64 {
        let again_ns = self.pool.heartbeats.put_off(self.pool.now);
        Ledger::asks_soon(again_ns, self.pool.now);
        again_ns
    }

    fn start(&mut self) -> Result<(), NoStart> {
        let submit_ns = self.pool.now;
        let deadline_ns = deadline_after_ns(submit_ns, self.pool.setting.beat_timeout_ns);
        let (lane, source) = (Lane::Background, Source::ANY);
        self.pool.start(self.slot, None, Due { submit_ns, deadline_ns, lane, source })
    }

    fn listen(&mut self) {
        let is_leased = self.pool.desk.is_leased(self.slot);
        self.pool.ledger.counts.leased_beats += u64::from(is_leased);
        self.pool.ledger.beat_begins();
    }

    fn ended(&mut self) {
        self.pool.heartbeats.ended();
    }

    fn give_back(&mut self, why: NoStart) {
        self.pool.desk.start_failed(self.slot, why);
        self.pool.dispatch();
    }
}

/// What the slot's task does each time: a turn, the losses, the replacement.
fn slot_task(pool: &mut Pool, index: u32) {
    pool.task_turn(index);
    while let Some(loss) = pool.slots[index as usize].state.take_loss() {
        let answered_ns = if pool.setting.is_before() { 0 } else { pool.desk.answered_ns() };
        let random = pool.random.next();
        pool.ledger.learns(index as usize, loss.replaced);
        let after = pool.healing.lost(index, &loss, answered_ns, pool.now, random);
        let hands = &mut pool.slots[index as usize].hands;
        hands.serves = after == AfterLoss::Replaced;
        match after {
            AfterLoss::Replaced => pool.is_up(index),
            AfterLoss::DialGoesOn => return,
            AfterLoss::DialAnew => return pool.hold_dial(index, random),
        }
    }
    let slot = &mut pool.slots[index as usize];
    let Some(proof) = slot.state.wants_replacement(pool.now) else { return };
    let random = pool.random.next();
    if pool.healing.replacement_wanted(index, proof, pool.now, random) {
        let connection = slot.connection.expect("it is to be replaced");
        let answers = pool.venue.connections[connection].answers;
        pool.ledger.replaces(index as usize, answers, proof.lifetime_ns);
        pool.hold_dial(index, random);
    }
}
