//! The turns of a pool that shares its thread: one at a time, in the order in which its connections
//! ask, and no more in one round of the thread than [`TurnBudget`] says.
//!
//! It knows turns, and not what is done in them. A pool with a thread of its own has none of this.
//!
//! The runtime serves its tasks in the order in which they were woken, and looks at the sockets
//! when all had their turn. [`go_round`] stands behind them in that order, so it begins the next
//! round when every pool that had something was served.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, Semaphore};

use super::guests;
use crate::pool::turn_budget::TurnBudget;

/// The turns of one pool.
pub(crate) struct Turns {
    /// One permit while a turn may begin. It serves whoever asked first.
    permit: Semaphore,
    budget: Mutex<TurnBudget>,
    /// Tells [`go_round`] that a pool has used up its budget.
    spent: Arc<Notify>,
}

/// A turn, until this is dropped.
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    received: usize,
}

impl Turns {
    /// Those of a pool on the thread that `spent` belongs to.
    pub(crate) fn new(spent: Arc<Notify>) -> Self {
        Self { permit: Semaphore::new(1), budget: Mutex::default(), spent }
    }

    /// Waits for a turn.
    pub(crate) async fn next(&self) -> Turn<'_> {
        // It is never closed, so this is no error.
        if let Ok(permit) = self.permit.acquire().await {
            permit.forget();
        }
        Turn { turns: self, received: 0 }
    }

    /// The next round begins.
    pub(crate) fn begin_round(&self) {
        if self.budget().round_begins() {
            self.permit.add_permits(1);
        }
    }

    fn budget(&self) -> MutexGuard<'_, TurnBudget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// It is over, and has received so many bytes.
    pub(crate) fn end(mut self, received: usize) {
        self.received = received;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut budget = self.turns.budget();
        match budget.turn_is_over(self.received) {
            true => self.turns.permit.add_permits(1),
            false => self.turns.spent.notify_one(),
        }
    }
}

/// The task of a shared thread that begins its rounds, until it is dropped.
pub(crate) async fn go_round(spent: Arc<Notify>) {
    loop {
        spent.notified().await;
        // Behind all that the sockets have by now, too.
        tokio::task::yield_now().await;
        guests::begin_round();
    }
}
