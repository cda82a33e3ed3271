//! Which thread gives a completion to its engine, and when sleepers are told of one in the queue.
//!
//! Rules, all kept here:
//! - A callback runs on the thread that drives the pool. One that falls due on another thread is
//!   handed over to it.
//! - The completion queue takes completions on any thread. The pool thread tells of them once, when
//!   its turns are over. A thread that drives beside it takes from the queue itself, so it tells
//!   no other. On each other thread sleepers are told at once.
//!
//! It knows neither threads nor completions.

/// The thread on which a completion falls due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Here {
    is_pool_thread: bool,
    drives: bool,
}

/// When sleepers are told of a completion in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tell {
    /// At once.
    Now,
    /// When the turns of the pool thread are over.
    AfterTurns,
    /// Never: who drives takes it.
    No,
}

impl Here {
    /// In thread drive the pool thread drives.
    #[inline(always)]
    pub fn in_thread_drive(is_pool_thread: bool) -> Self {
        Self { is_pool_thread, drives: is_pool_thread }
    }

    /// In caller drive the pool thread never drives.
    #[inline(always)]
    pub fn in_caller_drive(is_pool_thread: bool, is_driver: bool) -> Self {
        Self { is_pool_thread, drives: is_driver }
    }

    /// Whether a callback may run here.
    #[inline(always)]
    pub fn may_call_back(self) -> bool {
        self.drives
    }

    /// When sleepers are told of a completion that was put into the queue here.
    #[inline(always)]
    pub fn tells(self) -> Tell {
        match self {
            Self { is_pool_thread: true, .. } => Tell::AfterTurns,
            Self { drives: true, .. } => Tell::No,
            Self { .. } => Tell::Now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_thread_drive_the_pool_thread_calls_back_and_tells_when_its_turns_are_over() {
        let here = Here::in_thread_drive(true);
        assert!(here.may_call_back());
        assert_eq!(here.tells(), Tell::AfterTurns);
        let elsewhere = Here::in_thread_drive(false);
        assert!(!elsewhere.may_call_back());
        assert_eq!(elsewhere.tells(), Tell::Now);
    }

    #[test]
    fn in_caller_drive_the_driver_calls_back_and_takes_what_is_in_the_queue() {
        let driver = Here::in_caller_drive(false, true);
        assert!(driver.may_call_back());
        assert_eq!(driver.tells(), Tell::No);
        let pool_thread = Here::in_caller_drive(true, false);
        assert!(!pool_thread.may_call_back());
        assert_eq!(pool_thread.tells(), Tell::AfterTurns);
        let elsewhere = Here::in_caller_drive(false, false);
        assert!(!elsewhere.may_call_back());
        assert_eq!(elsewhere.tells(), Tell::Now);
    }
}
