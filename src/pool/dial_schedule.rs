//! Which slot of a pool may dial, and when: in no pause without connections, and within the dial
//! limit.
//!
//! Slots wait in one of two queues: slots without a connection in the one, slots that replace a
//! live connection in the other. There are two because the first may take more of the limit. Only
//! the first slot of a queue asks at a time of its own; it says who is first after it. So a
//! thousand slots that wait cost no more than one, and they dial in the order in which they came.
//!
//! It knows slots by their numbers only. Times are nanoseconds on any clock that never goes back.

use std::collections::VecDeque;

use super::dial_limit::DialLimit;
use super::dispatch::SlotIndex;
use super::pause::Pause;

/// What a dial is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The slot has no connection.
    Loss,
    /// The connection of the slot is to be replaced, and serves meanwhile.
    Replacement,
}

/// What a slot is answered that asks for its dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// It dials now.
    Now,
    /// It is the first of its queue, and asks again at that time or when it is woken.
    At(u64),
    /// Others come first, by estimate until that time. It asks again when it is woken.
    Behind(u64),
}

/// The dials of one pool that wait for their permit.
#[derive(Debug)]
pub struct DialSchedule {
    limit: DialLimit,
    losses: VecDeque<SlotIndex>,
    replacements: VecDeque<SlotIndex>,
    /// Slots that are to ask again.
    wakes: VecDeque<SlotIndex>,
}

impl DialSchedule {
    /// No slot waits.
    pub fn new(limit: DialLimit) -> Self {
        let (losses, replacements, wakes) = Default::default();
        Self { limit, losses, replacements, wakes }
    }

    /// A slot asks for its dial. It waits in the queue from then on, until it may dial or leaves.
    pub fn ask(&mut self, slot: SlotIndex, purpose: Purpose, pause: &Pause, now_ns: u64) -> Permit {
        let queue = match purpose {
            Purpose::Loss => &mut self.losses,
            Purpose::Replacement => &mut self.replacements,
        };
        let place = queue.iter().position(|other| *other == slot).unwrap_or_else(|| {
            queue.push_back(slot);
            queue.len() - 1
        });
        if place > 0 {
            let wait_ns = self.limit.interval_ns().saturating_mul(place as u64);
            return Permit::Behind(now_ns.saturating_add(wait_ns));
        }
        match self.take(purpose, pause, now_ns) {
            Err(wait_ns) => Permit::At(now_ns.saturating_add(wait_ns)),
            Ok(()) => {
                self.leave(slot);
                Permit::Now
            }
        }
    }

    fn take(&mut self, purpose: Purpose, pause: &Pause, now_ns: u64) -> Result<(), u64> {
        // The pause comes first, because a permit that is taken in a pause would be lost.
        match (pause.no_dial_ns(now_ns), purpose) {
            (0, Purpose::Loss) => self.limit.take(now_ns),
            (0, Purpose::Replacement) => self.limit.take_for_replacement(now_ns),
            (pause_ns, _) => Err(pause_ns),
        }
    }

    /// A slot does not wait any more. If it was the first of its queue, the next one is woken.
    pub fn leave(&mut self, slot: SlotIndex) {
        for queue in [&mut self.losses, &mut self.replacements] {
            let Some(place) = queue.iter().position(|other| *other == slot) else { continue };
            queue.remove(place);
            if place == 0 {
                self.wakes.extend(queue.front());
            }
        }
    }

    /// A pause was ended before its time: whoever waits for its end asks again.
    pub fn resumed(&mut self) {
        self.wakes.extend(self.losses.front());
        self.wakes.extend(self.replacements.front());
    }

    /// A slot that is to ask again; each is answered once.
    pub fn next_wake(&mut self) -> Option<SlotIndex> {
        self.wakes.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;
    const NOBODY: [SlotIndex; 0] = [];

    /// Four dials at once, then five a second.
    fn schedule() -> DialSchedule {
        DialSchedule::new(DialLimit::new(4, 5, 0))
    }

    fn ask(schedule: &mut DialSchedule, slot: SlotIndex) -> Permit {
        schedule.ask(slot, Purpose::Loss, &Pause::default(), S)
    }

    fn wakes(schedule: &mut DialSchedule) -> Vec<SlotIndex> {
        std::iter::from_fn(|| schedule.next_wake()).collect()
    }

    #[test]
    fn slots_dial_in_the_order_in_which_they_came_and_each_wakes_the_next() {
        let mut schedule = schedule();
        assert!((0..4).all(|slot| ask(&mut schedule, slot) == Permit::Now));
        assert_eq!(ask(&mut schedule, 7), Permit::At(S + S / 5));
        assert_eq!(ask(&mut schedule, 3), Permit::Behind(S + S / 5));
        assert_eq!(ask(&mut schedule, 5), Permit::Behind(S + 2 * S / 5));
        assert_eq!(wakes(&mut schedule), NOBODY);
        let late = |schedule: &mut DialSchedule, slot| {
            schedule.ask(slot, Purpose::Loss, &Pause::default(), 9 * S)
        };
        assert!(matches!(late(&mut schedule, 5), Permit::Behind(_)), "others came first");
        assert_eq!(late(&mut schedule, 7), Permit::Now);
        assert_eq!(wakes(&mut schedule), [3]);
        assert_eq!(late(&mut schedule, 3), Permit::Now);
        assert_eq!(wakes(&mut schedule), [5]);
        assert_eq!(late(&mut schedule, 5), Permit::Now);
        assert_eq!(wakes(&mut schedule), NOBODY, "nobody is left");
    }

    #[test]
    fn a_slot_that_leaves_hands_its_place_on() {
        let mut schedule = schedule();
        while ask(&mut schedule, 0) == Permit::Now {}
        assert!((1..4).all(|slot| ask(&mut schedule, slot) != Permit::Now));
        schedule.leave(2);
        assert_eq!(wakes(&mut schedule), NOBODY, "the first still waits");
        schedule.leave(0);
        assert_eq!(wakes(&mut schedule), [1]);
        schedule.leave(1);
        assert_eq!(wakes(&mut schedule), [3], "the other has left");
        schedule.leave(9);
        assert_eq!(ask(&mut schedule, 3), Permit::At(S + S / 5));
    }

    #[test]
    fn replacements_wait_in_a_queue_of_their_own_and_leave_half_to_losses() {
        let mut schedule = schedule();
        let replace = |schedule: &mut DialSchedule, slot| {
            schedule.ask(slot, Purpose::Replacement, &Pause::default(), S)
        };
        assert!((0..2).all(|slot| replace(&mut schedule, slot) == Permit::Now));
        assert_eq!(replace(&mut schedule, 2), Permit::At(S + S / 5));
        assert!((3..5).all(|slot| ask(&mut schedule, slot) == Permit::Now));
        assert_eq!(ask(&mut schedule, 5), Permit::At(S + S / 5), "none is ahead in its queue");
    }

    #[test]
    fn a_pause_without_connections_takes_no_permit_and_its_early_end_wakes_the_first_of_each_queue()
    {
        let mut schedule = schedule();
        let mut pause = Pause::default();
        pause.begin(S, 60 * S, true);
        assert_eq!(schedule.ask(0, Purpose::Loss, &pause, S), Permit::At(61 * S));
        assert!(matches!(schedule.ask(1, Purpose::Loss, &pause, S), Permit::Behind(_)));
        assert_eq!(schedule.ask(2, Purpose::Replacement, &pause, S), Permit::At(61 * S));
        assert!(matches!(schedule.ask(3, Purpose::Replacement, &pause, S), Permit::Behind(_)));
        assert_eq!(wakes(&mut schedule), NOBODY);
        schedule.resumed();
        assert_eq!(wakes(&mut schedule), [0, 2]);
        assert_eq!(ask(&mut schedule, 0), Permit::Now);
        assert_eq!(wakes(&mut schedule), [1]);
        assert!((4..7).all(|slot| ask(&mut schedule, slot) != Permit::Now), "behind slot 1");
        schedule.leave(1);
        assert!((4..7).all(|slot| ask(&mut schedule, slot) == Permit::Now), "the burst is whole");
    }

    #[test]
    fn a_pause_that_keeps_connections_holds_no_dial_up() {
        let mut pause = Pause::default();
        pause.begin(S, 60 * S, false);
        assert_eq!(schedule().ask(0, Purpose::Loss, &pause, S), Permit::Now);
    }
}
