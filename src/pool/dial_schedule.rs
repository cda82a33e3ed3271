//! Which slot of a pool may dial, and when: in no pause without connections, within the dial limit,
//! and within the limits of the host, if the pool shares a thread that has such limits.
//!
//! Slots wait in one of two queues: slots without a connection in the one, slots that replace a
//! live connection in the other. There are two because the first may take more of the limit. Only
//! the first slot of a queue asks at a time of its own; it says who is first after it. So a
//! thousand slots that wait cost no more than one, and they dial in the order in which they came.
//!
//! It knows slots by their numbers only. Times are nanoseconds on any clock that never goes back.

use std::collections::VecDeque;

use super::dial_limit::{DialLimit, Purpose};
use super::dispatch::SlotIndex;
use super::host_limits::{Answer, Gate};
use super::pause::Pause;

/// What a slot is answered that asks for its dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// It dials now.
    Now,
    /// It is the first of its queue, and asks again at that time or when it is woken.
    At(u64),
    /// Others come first, by estimate until that time. It asks again when it is woken.
    Behind(u64),
    /// The host has as many connections as it may have. It asks again when it is woken.
    NoPlace,
}

/// The dials of one pool that wait for their permit.
#[derive(Debug)]
pub struct DialSchedule {
    limit: DialLimit,
    losses: VecDeque<SlotIndex>,
    replacements: VecDeque<SlotIndex>,
    /// Slots that are to ask again.
    wakes: VecDeque<SlotIndex>,
    /// The limits that all pools of the host share, if there are any.
    gate: Option<Box<dyn Gate>>,
    /// The first slot without a connection was told that the host has no place, and so are those
    /// behind it.
    no_place: bool,
}

impl DialSchedule {
    /// No slot waits.
    pub fn new(limit: DialLimit) -> Self {
        let (losses, replacements, wakes) = Default::default();
        Self { limit, losses, replacements, wakes, gate: None, no_place: false }
    }

    /// Shares the limits of its host with other pools. Before any slot asks.
    pub fn share_host(&mut self, gate: Box<dyn Gate>) {
        self.gate = Some(gate);
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
            if self.no_place && purpose == Purpose::Loss {
                return Permit::NoPlace;
            }
            let wait_ns = self.limit.interval_ns().saturating_mul(place as u64);
            return Permit::Behind(now_ns.saturating_add(wait_ns));
        }
        let permit = self.first_asks(slot, purpose, pause, now_ns);
        match permit {
            Permit::Now => self.leave(slot),
            _ if purpose == Purpose::Loss => self.tell_of_no_place(permit == Permit::NoPlace),
            _ => {}
        }
        permit
    }

    /// The first slot of a queue asks. The host comes last, because what it grants must be used:
    /// in a pause, or beyond the pool's own limit, a place in its line is left to other pools.
    fn first_asks(
        &mut self,
        slot: SlotIndex,
        purpose: Purpose,
        pause: &Pause,
        now_ns: u64,
    ) -> Permit {
        let wait_ns = match pause.no_dial_ns(now_ns) {
            0 => self.limit.wait_ns(purpose, now_ns),
            pause_ns => pause_ns,
        };
        if wait_ns > 0 {
            self.gate.iter_mut().for_each(|gate| gate.leave(purpose));
            return Permit::At(now_ns.saturating_add(wait_ns));
        }
        match self.gate.as_mut().map(|gate| gate.ask(slot, purpose, now_ns)) {
            None | Some(Answer::Granted) => {
                self.limit.take(now_ns);
                Permit::Now
            }
            Some(Answer::At(ns)) => Permit::At(ns),
            Some(Answer::Behind(ns)) => Permit::Behind(ns),
            Some(Answer::NoPlace) => Permit::NoPlace,
        }
    }

    /// Whether there is no place for the first slot without a connection. There is none for those
    /// behind it either, and they are woken to learn that.
    fn tell_of_no_place(&mut self, no_place: bool) {
        if no_place && !self.no_place {
            self.wakes.extend(self.losses.iter().skip(1));
        }
        self.no_place = no_place;
    }

    /// A slot does not wait any more. If it was the first of its queue, the next one is woken.
    pub fn leave(&mut self, slot: SlotIndex) {
        let queues =
            [(Purpose::Loss, &mut self.losses), (Purpose::Replacement, &mut self.replacements)];
        for (purpose, queue) in queues {
            let Some(place) = queue.iter().position(|other| *other == slot) else { continue };
            queue.remove(place);
            if place == 0 {
                self.gate.iter_mut().for_each(|gate| gate.leave(purpose));
                self.wakes.extend(queue.front());
            }
        }
        self.no_place &= !self.losses.is_empty();
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
