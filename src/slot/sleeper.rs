//! Where a caller sleeps until another thread gives it something. It does not know what.

use std::sync::PoisonError;
use std::time::Instant;

use crate::completion::Completion;
use crate::error::Status;
use crate::pool::dispatch::Lease;
use crate::sync::{Condvar, Mutex, MutexGuard};

/// Where a caller sleeps until it is given something.
pub struct Sleeper<T> {
    given: Mutex<Option<T>>,
    bell: Condvar,
}

/// A caller in execute.
pub type Answer = Sleeper<Completion>;

/// A caller in acquire.
pub type Parking = Sleeper<Result<Lease, Status>>;

impl<T> Default for Sleeper<T> {
    fn default() -> Self {
        Self { given: Mutex::new(None), bell: Condvar::new() }
    }
}

impl<T> Sleeper<T> {
    /// Gives it, and wakes the caller.
    pub(crate) fn wake(&self, with: T) {
        *self.lock() = Some(with);
        self.bell.notify_one();
    }

    /// Whether it was given.
    pub(crate) fn is_woken(&self) -> bool {
        self.lock().is_some()
    }

    /// Takes what was given.
    pub(crate) fn take(&self) -> Option<T> {
        self.lock().take()
    }

    /// Sleeps until woken; `None` when the deadline passed first.
    pub(crate) fn sleep(&self, deadline: Option<Instant>) -> Option<T> {
        let mut given = self.lock();
        loop {
            if let Some(given) = given.take() {
                return Some(given);
            }
            let Some(deadline) = deadline else {
                given = self.bell.wait(given).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let woken = self.bell.wait_timeout(given, left);
            given = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<T>> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
