//! What follows a turn of a slot, and in which order.
//!
//! 1. What an exchange that is over says of others is heeded while the slot is still its own. So a
//!    pause begins before an order from the queue could be sent on that slot.
//! 2. The dispatcher is told, so that a callback finds the slot free.
//! 3. The slot's task is woken for a loss: it may not be the one that drove.
//! 4. The completion is delivered.
//! 5. Who waits is served. Sending for them takes longer than the steps before.
//! 6. Durations are counted: no thread waits for that.
//!
//! It knows no lock and no completion: each step is carried out by who drives.

use super::slot::{Fate, TurnEnd, TurnReport};

/// The steps, as who drives carries them out.
pub trait Steps {
    /// The connection needs maintenance at that time at the latest.
    fn note_maintenance(&mut self, at_ns: u64);

    /// Heeds what the exchange says that is over. `false`: none is.
    fn heed(&mut self) -> bool;

    /// The exchange in flight, if there is one, may have another deadline than before.
    fn note_deadline(&mut self);

    /// Tells the dispatcher what the turn has come to. Answers whether somebody waits.
    fn tell_dispatcher(&mut self, report: &TurnReport) -> bool;

    /// Tells the slot's task that there is something to do.
    fn wake_task(&mut self);

    /// Delivers the completion, if there is one.
    fn deliver(&mut self);

    /// Serves who waits for a slot.
    fn serve_waiting(&mut self);

    /// Counts the durations of the last orders.
    fn count(&mut self);
}

/// Does what follows a turn. `is_uncounted`: durations wait to be counted.
#[inline(always)] // Each step is a call otherwise, for each order.
pub fn follow<E>(turn: &TurnEnd<E>, is_uncounted: bool, steps: &mut impl Steps) {
    let report = turn.report();
    steps.note_maintenance(turn.maintenance_ns);
    if !steps.heed() {
        steps.note_deadline();
    }
    let Some(report) = report else { return };
    let has_waiting = steps.tell_dispatcher(&report);
    if report.fate != Fate::Kept {
        steps.wake_task();
    }
    steps.deliver();
    if has_waiting {
        steps.serve_waiting();
    }
    if is_uncounted {
        steps.count();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes down which steps were made.
    struct Notes {
        has_ended: bool,
        has_waiting: bool,
        made: Vec<&'static str>,
    }

    impl Steps for Notes {
        fn note_maintenance(&mut self, at_ns: u64) {
            assert_eq!(at_ns, 9);
            self.made.push("maintenance");
        }

        fn heed(&mut self) -> bool {
            self.made.extend(self.has_ended.then_some("heed"));
            self.has_ended
        }

        fn note_deadline(&mut self) {
            self.made.push("deadline");
        }

        fn tell_dispatcher(&mut self, report: &TurnReport) -> bool {
            assert_eq!(report.has_ended, self.has_ended);
            self.made.push("dispatcher");
            self.has_waiting
        }

        fn wake_task(&mut self) {
            self.made.push("task");
        }

        fn deliver(&mut self) {
            self.made.push("deliver");
        }

        fn serve_waiting(&mut self) {
            self.made.push("waiting");
        }

        fn count(&mut self) {
            self.made.push("count");
        }
    }

    /// The steps after a turn. `uncounted`: durations wait to be counted.
    fn steps(fate: Fate, has_ended: bool, has_waiting: bool, uncounted: bool) -> Vec<&'static str> {
        let ended = has_ended.then_some(());
        let turn = TurnEnd { ended, fate, maintenance_ns: 9, ..TurnEnd::nothing(1) };
        let mut notes = Notes { has_ended, has_waiting, made: Vec::new() };
        follow(&turn, uncounted, &mut notes);
        notes.made
    }

    #[test]
    fn the_slot_is_free_before_its_completion_is_delivered_and_who_waits_comes_after_that() {
        let order = ["maintenance", "heed", "dispatcher", "task", "deliver", "waiting", "count"];
        for fate in [Fate::Lost, Fate::Replaced] {
            assert_eq!(steps(fate, true, true, true), order, "{fate:?}");
        }
        let kept = ["maintenance", "heed", "dispatcher", "deliver"];
        assert_eq!(steps(Fate::Kept, true, false, false), kept);
    }

    #[test]
    fn a_turn_that_changes_nothing_is_told_to_the_timers_only() {
        assert_eq!(steps(Fate::Kept, false, true, true), ["maintenance", "deadline"]);
    }

    #[test]
    fn a_loss_without_an_exchange_is_told_too() {
        let order = ["maintenance", "deadline", "dispatcher", "task", "deliver", "waiting"];
        assert_eq!(steps(Fate::Lost, false, true, false), order);
    }
}
