//! What the watch over the deadlines does each time it looks, and in which order.
//!
//! 1. Callbacks that were handed over run: they are due already.
//! 2. Slots whose exchange has run out are told to whoever drives. Their turns read what has come,
//!    so an answer that is there still counts.
//! 3. Who waits in the queue ends, or is served.
//! 4. Copies that a hedge has made due are sent, on slots that are free after that.
//! 5. The timer is set to the earliest deadline. Then it looks for that once more: one that was
//!    stored before the timer was set could not see it.
//!
//! How long it sleeps without a deadline is in [`watch_period`](super::watch_period). Times are
//! nanoseconds on any clock that never goes back.

/// No such time.
const NEVER: u64 = u64::MAX;

/// What is watched, and how.
pub trait Watched {
    /// The clock.
    fn now_ns(&self) -> u64;

    /// Runs the callbacks that were handed over to who watches.
    fn deliver_handed_over(&mut self);

    /// Tells whoever drives which exchanges have run out.
    fn expire_slots(&mut self, now_ns: u64);

    /// Ends the waiting of whom it is too late for, and serves the others.
    fn serve_waiting(&mut self);

    /// Sends the copies of orders that are due.
    fn send_due_copies(&mut self, now_ns: u64);

    /// The earliest of all deadlines.
    fn earliest_ns(&self) -> u64;

    /// From now on who has an earlier deadline than that wakes the watch.
    fn arm(&mut self, at_ns: u64);
}

/// One look at all deadlines. Answers when to look again: within `period_ns`.
pub fn look(watched: &mut impl Watched, period_ns: u64) -> u64 {
    watched.deliver_handed_over();
    let now_ns = watched.now_ns();
    watched.expire_slots(now_ns);
    watched.serve_waiting();
    watched.send_due_copies(now_ns);
    let latest_ns = watched.now_ns().saturating_add(period_ns);
    let armed_ns = watched.earliest_ns().min(latest_ns);
    watched.arm(armed_ns);
    watched.earliest_ns().min(armed_ns)
}

/// The deadlines of a pool; [`u64::MAX`] or `None` where there is none.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// The earliest of all exchanges in flight.
    pub in_flight: Option<u64>,
    /// The earliest of the queue.
    pub waiting: Option<u64>,
    /// When the next copy of an order is due.
    pub copy_ns: u64,
    /// When the grace of a shutdown is over.
    pub grace_ends_ns: u64,
}

impl Deadlines {
    /// The earliest of them.
    pub fn earliest_ns(&self) -> u64 {
        let Self { in_flight, waiting, copy_ns, grace_ends_ns } = *self;
        let others_ns = copy_ns.min(grace_ends_ns);
        in_flight.unwrap_or(NEVER).min(waiting.unwrap_or(NEVER)).min(others_ns)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Writes down what is done.
    struct Notes {
        done: Vec<String>,
        /// What is the earliest, each time that it is asked.
        earliest_ns: Cell<Vec<u64>>,
    }

    impl Watched for Notes {
        fn now_ns(&self) -> u64 {
            100 + self.done.len() as u64
        }

        fn deliver_handed_over(&mut self) {
            self.done.push("handed over".into());
        }

        fn expire_slots(&mut self, now_ns: u64) {
            self.done.push(format!("slots at {now_ns}"));
        }

        fn serve_waiting(&mut self) {
            self.done.push("queue".into());
        }

        fn send_due_copies(&mut self, now_ns: u64) {
            self.done.push(format!("copies at {now_ns}"));
        }

        fn earliest_ns(&self) -> u64 {
            let mut left = self.earliest_ns.take();
            let first = left.remove(0);
            self.earliest_ns.set(left);
            first
        }

        fn arm(&mut self, at_ns: u64) {
            self.done.push(format!("armed for {at_ns}"));
        }
    }

    fn look_at(earliest_ns: [u64; 2], period_ns: u64) -> (u64, Vec<String>) {
        let earliest_ns = Cell::new(earliest_ns.into());
        let mut notes = Notes { done: Vec::new(), earliest_ns };
        (look(&mut notes, period_ns), notes.done)
    }

    #[test]
    fn slots_come_before_the_queue_and_copies_come_last() {
        let (again_ns, done) = look_at([300, 300], 1_000);
        let order = ["handed over", "slots at 101", "queue", "copies at 101", "armed for 300"];
        assert_eq!((again_ns, done), (300, order.map(str::to_owned).to_vec()));
    }

    #[test]
    fn it_looks_again_within_the_period() {
        let (again_ns, done) = look_at([NEVER, NEVER], 1_000);
        assert_eq!((again_ns, done[4].as_str()), (1_104, "armed for 1104"));
        assert_eq!(look_at([NEVER, NEVER], NEVER).0, NEVER);
    }

    #[test]
    fn a_deadline_that_came_before_the_timer_was_set_is_seen() {
        let (again_ns, done) = look_at([NEVER, 500], 1_000);
        assert_eq!((again_ns, done[4].as_str()), (500, "armed for 1104"));
        assert_eq!(look_at([500, 900], 1_000).0, 500, "the timer still says so");
    }

    #[test]
    fn the_earliest_of_all_deadlines_counts() {
        let none =
            Deadlines { in_flight: None, waiting: None, copy_ns: NEVER, grace_ends_ns: NEVER };
        assert_eq!(none.earliest_ns(), NEVER);
        let each = [
            Deadlines { in_flight: Some(5), ..none },
            Deadlines { waiting: Some(5), ..none },
            Deadlines { copy_ns: 5, ..none },
            Deadlines { grace_ends_ns: 5, ..none },
        ];
        assert!(each.iter().all(|it| it.earliest_ns() == 5));
    }
}
