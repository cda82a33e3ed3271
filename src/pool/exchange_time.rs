//! How long an exchange takes now, and so which requests can still be answered in time.
//!
//! A request that cannot be answered before its deadline must not be sent: the venue would execute
//! it, the engine would be told TIMEOUT, and the slot would be lost to a request that has time.
//! Under overload the head of a FIFO queue is always the request with the least time left, so
//! without this rule a pool that fell behind once stays behind for as long as the load goes on.
//!
//! Two numbers are kept. A request needs the larger one:
//! - `fastest`: the fastest answer of the last 10 to 20 seconds. No request needs less, also one
//!   that has not waited.
//! - `margin`: learnt from requests that ran out of time. Each one raises it by half, each answer
//!   moves it a 64th of the way back to what that exchange took. It then settles where about one
//!   request in a hundred runs out of time. A single slow exchange moves it little.
//!
//! The margin never asks for more than seven eighths of the time that the engine gave: a request
//! that has waited for less than an eighth of it is sent. So the pool also learns that a venue has
//! become faster, and a long silence of the venue cannot make it refuse everything.
//!
//! All times are in nanoseconds.

use crate::lane::Lane;
use crate::source::Source;

/// No such time.
const NEVER: u64 = u64::MAX;

/// How long an answer counts, at least. It counts for twice as long at most.
const WINDOW_NS: u64 = 10_000_000_000;

/// How the time that an exchange needs is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Estimate {
    /// By the pool's own recent exchanges.
    #[default]
    Measured,
    /// It is always this time. 0: a request is sent until its deadline.
    Fixed(u64),
}

/// When a request was submitted, when its answer must be there, what it may go before, and from
/// where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The submit call began.
    pub submit_ns: u64,
    /// The exchange must be over.
    pub deadline_ns: u64,
    /// Its lane.
    pub lane: Lane,
    /// From where it may be sent.
    pub source: Source,
}

/// How an exchange used its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// It was answered, so long after it was sent.
    Answered(u64),
    /// Its deadline came, so long after it was sent.
    RanOut(u64),
    /// It was a heartbeat, and was answered: the venue is there, but an order may take longer.
    Heartbeat,
}

/// The running estimate of one pool.
#[derive(Clone, Debug)]
pub struct ExchangeTime {
    estimate: Estimate,
    /// The fastest answer of this window and of the one before; [`NEVER`] for none.
    fastest: [u64; 2],
    /// When this window began.
    window_ns: u64,
    margin_ns: u64,
    /// When an exchange ended last, and when one was answered last.
    ended_ns: u64,
    answered_ns: u64,
}

impl ExchangeTime {
    /// Nothing is known yet, so nothing is held back.
    pub fn new(estimate: Estimate) -> Self {
        Self {
            estimate,
            fastest: [NEVER; 2],
            window_ns: 0,
            margin_ns: 0,
            ended_ns: 0,
            answered_ns: 0,
        }
    }

    /// An exchange has ended.
    #[inline(always)] // Nearly always by an answer.
    pub fn ended(&mut self, spent: Spent, now_ns: u64) {
        match spent {
            Spent::Heartbeat => self.answered_ns = now_ns,
            Spent::Answered(took_ns) => {
                self.forget_old(now_ns);
                self.answered(took_ns, now_ns);
            }
            Spent::RanOut(had_ns) => {
                self.forget_old(now_ns);
                self.ran_out(had_ns, now_ns);
            }
        }
    }

    fn forget_old(&mut self, now_ns: u64) {
        if now_ns.saturating_sub(self.ended_ns) >= 2 * WINDOW_NS {
            self.margin_ns = 0;
        }
        self.ended_ns = now_ns;
    }

    #[cold]
    fn ran_out(&mut self, had_ns: u64, now_ns: u64) {
        // A request that had that much time needed more, but how much is not known.
        let most = had_ns.saturating_add(had_ns / 4);
        let raised = match self.margin_ns.max(self.fastest_ns(now_ns)) {
            0 => most / 8,
            known => known.saturating_add(known / 2).min(most),
        };
        self.margin_ns = self.margin_ns.max(raised);
    }

    fn answered(&mut self, took_ns: u64, now_ns: u64) {
        self.answered_ns = now_ns;
        match now_ns.saturating_sub(self.window_ns) {
            0..WINDOW_NS => {}
            age => {
                let before = if age < 2 * WINDOW_NS { self.fastest[0] } else { NEVER };
                (self.fastest, self.window_ns) = ([NEVER, before], now_ns);
            }
        }
        self.fastest[0] = self.fastest[0].min(took_ns);
        self.margin_ns -= self.margin_ns.saturating_sub(took_ns).div_ceil(64);
    }

    /// When the venue answered last; 0 before the first answer.
    pub fn answered_ns(&self) -> u64 {
        self.answered_ns
    }

    /// The time that a request must have left to be sent.
    pub fn needed_ns(&self, due: &Due, now_ns: u64) -> u64 {
        match self.estimate {
            Estimate::Fixed(ns) => ns,
            Estimate::Measured => {
                let given_ns = due.deadline_ns.saturating_sub(due.submit_ns);
                let is_old = now_ns.saturating_sub(self.ended_ns) >= 2 * WINDOW_NS;
                let margin_ns = if is_old { 0 } else { self.margin_ns };
                self.fastest_ns(now_ns).max(margin_ns.min(given_ns - given_ns / 8))
            }
        }
    }

    /// Whether a request cannot be answered in time, if it is sent now.
    pub fn is_too_late(&self, due: &Due, now_ns: u64) -> bool {
        let left_ns = due.deadline_ns.saturating_sub(now_ns);
        left_ns == 0 || left_ns < self.needed_ns(due, now_ns)
    }

    /// The fastest recent answer; 0 when there is none.
    fn fastest_ns(&self, now_ns: u64) -> u64 {
        let [this, before] = self.fastest;
        let fastest = match now_ns.saturating_sub(self.window_ns) {
            0..WINDOW_NS => this.min(before),
            age if age < 2 * WINDOW_NS => this,
            _ => NEVER,
        };
        if fastest == NEVER { 0 } else { fastest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const S: u64 = 1_000 * MS;

    fn due(submit_ms: u64, given_ms: u64) -> Due {
        Due {
            submit_ns: submit_ms * MS,
            deadline_ns: (submit_ms + given_ms) * MS,
            lane: Lane::Orders,
            source: Source::ANY,
        }
    }

    /// After so many exchanges of so many milliseconds, the last of which ended at one second.
    fn after(count: u64, took_ms: u64) -> ExchangeTime {
        let mut time = ExchangeTime::new(Estimate::Measured);
        for _ in 0..count {
            time.ended(Spent::Answered(took_ms * MS), S);
        }
        time
    }

    #[test]
    fn nothing_is_held_back_before_the_first_answer_but_what_is_past_its_deadline() {
        let time = ExchangeTime::new(Estimate::Measured);
        assert!(!time.is_too_late(&due(0, 1_000), 999 * MS));
        assert!(time.is_too_late(&due(0, 1_000), S));
        assert!(time.is_too_late(&due(0, 1_000), 2 * S));
    }

    #[test]
    fn a_request_with_less_time_than_the_fastest_answer_took_is_too_late() {
        let time = after(3, 50);
        assert!(!time.is_too_late(&due(1_000, 50), S), "it has not waited");
        assert!(time.is_too_late(&due(1_000, 49), S), "although it has not waited");
        assert!(!time.is_too_late(&due(0, 1_050), S) && time.is_too_late(&due(0, 1_049), S));
    }

    #[test]
    fn a_few_slow_exchanges_change_little_and_fast_ones_that_run_out_change_it_soon() {
        let mut time = after(10, 50);
        for _ in 0..4 {
            time.ended(Spent::Answered(S), S);
        }
        assert_eq!(time.needed_ns(&due(0, 10_000), S), 50 * MS, "they were answered");
        time.ended(Spent::RanOut(60 * MS), S);
        assert_eq!(time.needed_ns(&due(0, 10_000), S), 75 * MS);
        time.ended(Spent::RanOut(10 * S), S);
        assert_eq!(time.needed_ns(&due(0, 10_000), S), 112_500_000);
        (0..20).for_each(|_| time.ended(Spent::RanOut(S), S));
        assert_eq!(time.needed_ns(&due(0, 10_000), S), 1_250 * MS, "a quarter more than they had");
        (0..500).for_each(|_| time.ended(Spent::Answered(50 * MS), S));
        let needed = time.needed_ns(&due(0, 10_000), S);
        assert!((50 * MS..52 * MS).contains(&needed), "{needed}");
    }

    #[test]
    fn whoever_has_not_waited_is_sent_whatever_has_run_out() {
        let mut time = after(1, 50);
        (0..1_000).for_each(|_| time.ended(Spent::RanOut(10 * S), S));
        assert!(!time.is_too_late(&due(1_000, 80), 1_010 * MS), "an eighth was waited");
        assert!(time.is_too_late(&due(1_000, 80), 1_011 * MS));
    }

    #[test]
    fn a_slow_and_a_fast_kind_of_request_do_not_hinder_each_other() {
        let mut time = after(1, 5);
        for _ in 0..100 {
            (0..9).for_each(|_| time.ended(Spent::Answered(400 * MS), S));
            time.ended(Spent::Answered(5 * MS), S);
        }
        assert!(!time.is_too_late(&due(1_000, 100), 1_090 * MS));
    }

    #[test]
    fn what_was_learnt_is_forgotten_after_twenty_seconds() {
        let mut time = after(1, 50);
        time.ended(Spent::RanOut(S), S);
        let late = due(0, 100_000);
        assert_eq!(time.needed_ns(&late, 20 * S), 75 * MS);
        assert_eq!(time.needed_ns(&late, 21 * S), 0);
        time.ended(Spent::Answered(70 * MS), 22 * S);
        assert_eq!(time.needed_ns(&late, 22 * S), 70 * MS);
        time.ended(Spent::Answered(90 * MS), 33 * S);
        assert_eq!(time.needed_ns(&late, 33 * S), 70 * MS, "of the window before");
        time.ended(Spent::Answered(90 * MS), 44 * S);
        assert_eq!(time.needed_ns(&late, 44 * S), 90 * MS);
    }

    #[test]
    fn a_fixed_time_is_not_measured() {
        for (fixed, is_too_late) in [(0, false), (200 * MS, true)] {
            let mut time = ExchangeTime::new(Estimate::Fixed(fixed));
            time.ended(Spent::Answered(S), S);
            time.ended(Spent::RanOut(S), S);
            assert_eq!(time.is_too_late(&due(1_000, 100), S), is_too_late);
            assert!(time.is_too_late(&due(0, 1_000), S), "its deadline is past");
        }
    }
}
