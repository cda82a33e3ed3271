//! Exchanges whose completion was delivered and whose answer is still waited for, on their way to
//! the task that waits (`src/tasks/linger.rs`).

use std::sync::PoisonError;

use super::in_flight::{Ended, Lingering};
use crate::sync::{Mutex, Notify};

/// On its way to the task that waits for late answers and tells of them.
#[derive(Default)]
pub(crate) struct Late {
    queue: Mutex<Vec<Lingering>>,
    answers: Mutex<Vec<Ended>>,
    /// There is something to take.
    pub(crate) wake: Notify,
}

impl Late {
    /// The answer of an exchange is still waited for. Any thread.
    pub(crate) fn linger(&self, lingering: Lingering) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push(lingering);
        self.wake.notify_one();
    }

    /// An answer has come that is late already.
    pub(crate) fn tell(&self, late: Ended) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).push(late);
        self.wake.notify_one();
    }

    /// Takes the exchanges whose answers are to be waited for.
    pub(crate) fn take_lingering(&self) -> Vec<Lingering> {
        std::mem::take(&mut *self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the answers that have come.
    pub(crate) fn take_answers(&self) -> Vec<Ended> {
        std::mem::take(&mut *self.answers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
