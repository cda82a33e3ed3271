//! How the simulated pool heals and keeps up: src/driver/tend.rs and src/driver/upkeep.rs over the
//! false clock.

use std::time::Duration;

use venuepool::pool::exchange_time::Due;
use venuepool::pool::upkeep::{Action, most_beating};

use crate::pool::{Event, NEVER, Pool};
use crate::world::{Arrival, MS, S, US};

/// Where the dial of a slot is.
pub(crate) enum Dial {
    /// The delay runs, or no dial may begin.
    Waits,
    /// It asks for its permit.
    Asks,
    /// It connects, and with which result.
    Connects(bool),
}

impl Pool {
    /// Begins to dial.
    pub(crate) fn heal(&mut self, index: u32) {
        self.wait_to_dial(index);
    }

    fn wait_to_dial(&mut self, index: u32) {
        let random = self.random.next();
        let slot = &mut self.slots[index as usize];
        slot.dial = Some(Dial::Waits);
        slot.dials += 1;
        let (dial, delay_ns) = (slot.dials, slot.backoff.next_delay(random));
        self.books.delay(index as usize, delay_ns, random);
        self.after(delay_ns, Event::Dial(index, dial));
    }

    /// The next step of a slot's dial, unless that was dropped for another.
    pub(crate) fn dial(&mut self, index: u32, dial: u32) {
        let now = self.now;
        if dial != self.slots[index as usize].dials {
            return;
        }
        match self.slots[index as usize].dial {
            Some(Dial::Connects(true)) => return self.is_live(index),
            Some(Dial::Connects(false)) => return self.wait_to_dial(index),
            Some(Dial::Waits) => {
                let left_ns = self.desk.no_dial_ns(now);
                if left_ns > 0 {
                    return self.after(left_ns.min(50 * MS), Event::Dial(index, dial));
                }
                self.slots[index as usize].dial = Some(Dial::Asks);
            }
            Some(Dial::Asks) => {}
            None => panic!("slot {index} has no dial"),
        }
        let replaces = self.slots[index as usize].connection.is_some();
        let permit = match replaces {
            true => self.dial_limit.take_for_replacement(now),
            false => self.dial_limit.take(now),
        };
        if let Err(wait_ns) = permit {
            return self.after(wait_ns, Event::Dial(index, dial));
        }
        self.slots[index as usize].backoff.begins();
        self.books.dial(index as usize, now);
        let clock = self.epoch + Duration::from_nanos(now);
        let order = self.addresses.ordered(&self.venue.addresses, clock);
        self.books.order(&order, now);
        let dialled = self.venue.dial(&order, &self.setting, &mut self.random);
        trace!(self.trace, "               slot {index} dials: {:?}", dialled.by);
        for bad in &dialled.failed {
            self.addresses.failed(bad.ip(), clock);
            self.books.address(bad.ip(), Some(now + 60 * S));
        }
        if let Some(good) = dialled.by {
            self.addresses.worked(good.ip());
            self.books.address(good.ip(), None);
        }
        self.slots[index as usize].dial = Some(Dial::Connects(dialled.by.is_some()));
        self.after(dialled.after_ns, Event::Dial(index, dial));
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
        slot.dial = None;
        let installs = !slot.serves;
        if installs {
            slot.state.came_up(self.now, random);
            slot.connection = Some(id);
        } else if slot.state.replacement_came_up(self.now, random) {
            slot.connection = Some(id);
        } else {
            slot.next = Some(id);
        }
        slot.serves = true;
        if installs {
            self.is_up(index);
        }
        slot_task(self, index);
    }

    fn is_up(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        slot.backoff.came_up();
        self.books.came_up(index as usize);
        let epoch = slot.state.epoch();
        self.desk.came_up(index, epoch);
        self.dispatch();
        self.look_at_upkeep(0);
    }

    /// The slot's task has been woken.
    pub(crate) fn task(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        slot.wakes = slot.wakes.saturating_sub(1);
        if slot.serves {
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
            self.after(late_ns, Event::Drive(index));
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

    // As in src/driver/upkeep.rs.

    pub(crate) fn look_at_upkeep(&mut self, in_ns: u64) {
        let at_ns = self.now.saturating_add(in_ns);
        if at_ns < self.keep_up_ns {
            self.keep_up_ns = at_ns;
            self.after(in_ns, Event::KeepUp);
        }
    }

    pub(crate) fn keep_up(&mut self) {
        if self.keep_up_ns > self.now {
            return;
        }
        let latest = self.now.saturating_add(self.setting.rules.shortest_ns());
        self.keep_up_ns = NEVER;
        let due = (0..self.setting.slots).map(|slot| self.keep_slot_up(slot)).min();
        let due = due.unwrap_or(NEVER).min(latest);
        if due != NEVER {
            self.look_at_upkeep(due.max(self.now + 1) - self.now);
        }
    }

    fn keep_slot_up(&mut self, index: u32) -> u64 {
        loop {
            let slot = &mut self.slots[index as usize];
            let Some(id) = slot.connection else { return NEVER };
            match slot.state.maintain(&self.setting.rules, self.now) {
                Err(later) => return later,
                Ok(Action::Heartbeat) => return self.beat(index),
                Ok(action) => {
                    let retires = matches!(action, Action::Retire(_));
                    self.venue.connections[id].retired |= retires;
                    self.wake(index);
                }
            }
        }
    }

    fn beat(&mut self, index: u32) -> u64 {
        let soon = self.now + self.setting.rules.beat_turn_ns();
        let most = most_beating(self.setting.slots);
        if self.books.beating() >= most || !self.desk.heartbeat(index, self.now) {
            return soon;
        }
        let deadline_ns = self.now + self.setting.beat_timeout_ns;
        let due = Due { submit_ns: self.now, deadline_ns };
        match self.start(index, None, due) {
            Ok(()) => {
                self.books.counts.leased_beats += u64::from(self.desk.is_leased(index));
                self.books.beat_begins();
            }
            Err(lost) => {
                self.desk.gave_up(index, lost);
                self.dispatch();
            }
        }
        NEVER
    }
}

/// What the slot's task does each time: a turn, the losses, the replacement.
fn slot_task(pool: &mut Pool, index: u32) {
    pool.task_turn(index);
    while let Some(loss) = pool.slots[index as usize].state.take_loss() {
        let slot = &mut pool.slots[index as usize];
        let answered_ns = if pool.setting.is_before() { 0 } else { pool.desk.answered_ns() };
        slot.backoff.lost(&loss, answered_ns);
        pool.books.learns(index as usize, loss.replaced);
        if !loss.replaced {
            slot.serves = false;
            if slot.dial.is_none() || !slot.backoff.has_begun() {
                pool.heal(index);
            }
            return;
        }
        pool.is_up(index);
    }
    let slot = &mut pool.slots[index as usize];
    if slot.dial.is_none()
        && let Some(proof) = slot.state.wants_replacement(pool.now)
    {
        slot.backoff.replaces(proof);
        let connection = slot.connection.expect("it is to be replaced");
        let answers = pool.venue.connections[connection].answers;
        pool.books.replaces(index as usize, answers, proof.lifetime_ns);
        pool.heal(index);
    }
}
