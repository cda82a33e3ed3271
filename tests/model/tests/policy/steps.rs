//! Carries out the steps that follow a turn, and those of a look at the deadlines, as deliver.rs
//! and deadlines.rs in src/driver do. Their order is decided in src/pool.

use venuepool_model::error::Outcome;
use venuepool_model::pool::after_turn::{self, Steps};
use venuepool_model::pool::deadlines::{self, Deadlines, Watched};
use venuepool_model::pool::slot::{Exchange, TurnEnd, TurnReport};

use crate::pool::{Ended, NEVER, Pool, STEPS};

/// What follows a turn of a slot.
struct AfterTurn<'a> {
    pool: &'a mut Pool,
    slot: u32,
    turn: &'a TurnEnd<Ended>,
    /// The dispatcher knows of the turn.
    is_told: bool,
    is_delivered: bool,
}

impl Steps for AfterTurn<'_> {
    fn note_maintenance(&mut self, at_ns: u64) {
        self.pool.look_at_maintenance(at_ns.saturating_sub(self.pool.now));
    }

    fn heed(&mut self) -> bool {
        let Some(ended) = self.turn.ended else { return false };
        assert!(!self.is_told, "the slot may carry another order by now");
        if let Some((for_ns, closes)) = ended.answer.and_then(|answer| answer.pause) {
            self.pool.is_asked_for_pause(self.slot, for_ns, closes);
        }
        true
    }

    fn note_deadline(&mut self) {
        // Only its deadline ends a request here, and that does not change.
    }

    fn tell_dispatcher(&mut self, report: &TurnReport) -> bool {
        let is_ok = self.turn.ended.is_some_and(|ended| ended.outcome == Outcome::Ok);
        if is_ok && !self.pool.setting.is_before() {
            self.pool.ledger.heard(self.turn.now_ns);
        }
        self.is_told = true;
        self.pool.desk.turn_is_over(self.slot, report)
    }

    fn wake_task(&mut self) {
        self.pool.wake(self.slot);
    }

    fn deliver(&mut self) {
        assert!(self.is_told, "a callback finds its slot free");
        self.is_delivered = true;
        match self.turn.ended {
            Some(ended @ Ended { id: Some(id), .. }) => self.pool.request_ended(id, &ended),
            Some(_) => {
                self.pool.ledger.beat_ends();
                self.pool.heartbeats.ended();
                self.pool.look_at_maintenance(0);
            }
            None => {}
        }
    }

    fn serve_waiting(&mut self) {
        assert!(self.is_delivered, "the completion comes before who waits");
        self.pool.dispatch_later();
    }

    fn count(&mut self) {}
}

impl Pool {
    pub(crate) fn after_turn(&mut self, slot: u32, turn: TurnEnd<Ended>) {
        if turn.epoch < self.slots[slot as usize].state.epoch() {
            self.ledger.counts.late_events += 1;
        }
        let (is_told, is_delivered) = (false, false);
        let mut steps = AfterTurn { pool: self, slot, turn: &turn, is_told, is_delivered };
        after_turn::follow(&turn, false, &mut steps);
        let owes = turn.ended.is_some() && !steps.is_delivered;
        assert!(!owes, "a completion that nobody delivers");
    }

    pub(crate) fn look_at_deadlines(&mut self) {
        let again_ns = deadlines::look(self, NEVER);
        assert_eq!(again_ns.max(self.now), self.alarm_ns, "nobody came in between");
    }
}

impl Watched for Pool {
    fn now_ns(&self) -> u64 {
        self.now
    }

    fn deliver_handed_over(&mut self) {
        // A completion is delivered where it falls due: here nobody minds on which thread.
    }

    fn expire_slots(&mut self, now_ns: u64) {
        for index in 0..self.setting.slots {
            let slot = &mut self.slots[index as usize];
            let is_over = |exchange: &Exchange| exchange.ends_ns(&STEPS) <= now_ns;
            if !slot.is_announced && slot.state.exchange().is_some_and(is_over) {
                slot.is_announced = true;
                self.drive_after(0, index);
            }
        }
    }

    fn serve_waiting(&mut self) {
        self.dispatch();
    }

    fn send_due_copies(&mut self, now_ns: u64) {
        assert_eq!(now_ns, self.now);
        Pool::send_due_copies(self);
    }

    fn earliest_ns(&self) -> u64 {
        let open = self.slots.iter().filter(|slot| !slot.is_announced);
        let open = open.filter_map(|slot| slot.state.exchange());
        let deadlines = Deadlines {
            in_flight: open.map(|exchange| exchange.ends_ns(&STEPS)).min(),
            waiting: Some(self.desk.next_deadline()),
            copy_ns: self.next_copy_ns(),
            grace_ends_ns: NEVER,
        };
        deadlines.earliest_ns()
    }

    fn arm(&mut self, at_ns: u64) {
        self.alarm_ns = NEVER;
        if at_ns != NEVER {
            self.note(at_ns);
        }
    }
}
