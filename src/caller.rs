//! The right to drive a pool in caller drive, and the sets of sockets that are watched meanwhile.
//!
//! One thread drives at a time. Who may, and who leaves it to whom, says [`driving`]. Who drives,
//! does so in `src/driver/caller.rs`. It knows slots by their numbers, and no pool.

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::completion::queue::CompletionQueue;
use crate::net::live_set::LiveSet;
use crate::net::standard::spared;
use crate::pool::driving::{self, SLEEPER};
use crate::slot::in_flight_set::InFlightSet;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Condvar, Mutex};
use crate::threads::current::this_thread;

/// The number of the completion queue's descriptor among those of the slots.
pub(crate) const QUEUE: u64 = u64::MAX;

/// What caller drive keeps beside the pool.
pub(crate) struct Caller {
    /// The engine's set.
    pub(crate) live: LiveSet,
    /// The pool thread's set.
    pub(crate) losses: Arc<LiveSet>,
    /// The number of the one thread that drives, and whether it is a [`SLEEPER`]; 0 for none.
    pub(crate) driver: AtomicUsize,
    /// The engine sleeps on the set by itself, so polling must clear it.
    pub(crate) fd_is_out: AtomicBool,
    /// The slots that have left something unread for their next turn. The set tells of each arrival
    /// once, so it does not tell of them again.
    pub(crate) unread: InFlightSet,
    /// The thread that polled or waited last; 0 for none, or for one that a sleeper has not seen
    /// again for a while.
    pub(crate) polls: AtomicUsize,
    /// Somebody who polls or waits asks the sleeper that drives to leave.
    pub(crate) claimed: AtomicBool,
    /// Callers that sleep in execute or acquire.
    pub(crate) sleepers: AtomicUsize,
    gate: Mutex<()>,
    bell: Condvar,
}

/// The right to drive, for the length of one call.
pub(crate) struct Driving<'a>(&'a Caller);

impl Drop for Driving<'_> {
    fn drop(&mut self) {
        self.0.driver.store(0, Ordering::SeqCst);
    }
}

impl Caller {
    /// Makes the sets for so many slots; `completions` gets its descriptor.
    pub(crate) fn new(completions: &CompletionQueue, slots: u32) -> io::Result<Self> {
        let live = LiveSet::of_traffic()?;
        live.add_level(spared(|| completions.event_fd())?, QUEUE)?;
        Ok(Self {
            live,
            losses: Arc::new(LiveSet::of_losses()?),
            driver: AtomicUsize::new(0),
            fd_is_out: AtomicBool::new(false),
            unread: InFlightSet::new(slots),
            polls: AtomicUsize::new(0),
            claimed: AtomicBool::new(false),
            sleepers: AtomicUsize::new(0),
            gate: Mutex::new(()),
            bell: Condvar::new(),
        })
    }

    /// Takes the right to drive, as that number. `Err`: who has it.
    pub(crate) fn drive_as(&self, number: usize) -> Result<Driving<'_>, usize> {
        let (taken, seen) = (Ordering::SeqCst, Ordering::SeqCst);
        self.driver.compare_exchange(0, number, taken, seen).map(|_| Driving(self))
    }

    /// Takes the right to drive until somebody polls or waits.
    pub(crate) fn drive_as_sleeper(&self) -> Option<Driving<'_>> {
        self.drive_as(this_thread() | SLEEPER).ok()
    }

    /// Whether a sleeper drives.
    pub(crate) fn is_driven_by_sleeper(&self) -> bool {
        driving::is_driven_by_sleeper(self.driver.load(Ordering::SeqCst))
    }

    /// Pauses until something may have changed for a sleeper, at most for `patience`, unless
    /// `is_over`.
    pub(crate) fn pause(&self, patience: Duration, is_over: impl Fn() -> bool) {
        let gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_over() {
            drop(self.bell.wait_timeout(gate, patience));
        }
    }

    /// Wakes all who pause.
    pub(crate) fn ring(&self) {
        drop(self.gate.lock().unwrap_or_else(PoisonError::into_inner));
        self.bell.notify_all();
    }

    /// Notes whether a slot has left something unread. `true`: whoever sleeps on the descriptor
    /// must be told that there is something to do.
    pub(crate) fn note_unread(&self, slot: u32, unread: bool) -> bool {
        if unread {
            self.unread.add(slot);
        } else if self.unread.has(slot) {
            self.unread.remove(slot);
        }
        unread && self.fd_is_out.load(Ordering::Relaxed)
    }

    /// Watches the socket of a slot until it is closed.
    pub(crate) fn add(&self, socket: &std::net::TcpStream, slot: u32) -> io::Result<()> {
        self.live.add(socket, u64::from(slot))?;
        self.losses.add(socket, u64::from(slot))
    }
}
