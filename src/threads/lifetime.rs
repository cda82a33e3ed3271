//! A pool and its thread: its turns there, when its grace is over, and whether it was closed.
//!
//! It knows no slot and no request.

use std::sync::{OnceLock, PoisonError};

use tokio::sync::watch;

use crate::clock::NEVER;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Mutex, ThreadId, current_thread};
use crate::threads::current::{is_any_pool_thread, is_pool_thread_now};
use crate::threads::turns::Turns;

/// How far a pool is from its end, and where it runs until then.
pub(crate) struct Lifetime {
    /// When the grace of a shutdown is over; [`NEVER`] while the pool is open.
    grace_ns: AtomicU64,
    /// A shutdown was asked for.
    pub(crate) ending: watch::Sender<bool>,
    /// Waits for the end of what runs on the pool thread.
    until_end: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    thread_id: OnceLock<ThreadId>,
    closed: AtomicBool,
    /// On a thread that it shares: when its connections have their turns.
    pub(crate) turns: Option<Turns>,
}

impl Lifetime {
    /// The pool is open, and its thread has not started.
    pub(crate) fn new() -> Self {
        Self {
            grace_ns: AtomicU64::new(NEVER),
            ending: watch::channel(false).0,
            until_end: Mutex::default(),
            thread_id: OnceLock::new(),
            closed: AtomicBool::new(false),
            turns: None,
        }
    }

    /// When the grace of a shutdown is over; [`NEVER`] while the pool is open.
    pub(crate) fn grace_ns(&self) -> u64 {
        self.grace_ns.load(Ordering::SeqCst)
    }

    /// Sets when the grace is over. A second call can only make it sooner.
    pub(crate) fn end_by(&self, until_ns: u64) {
        self.grace_ns.fetch_min(until_ns, Ordering::SeqCst);
    }

    /// Notes that the pool was closed. `false`: it was closed before.
    pub(crate) fn close(&self) -> bool {
        !self.closed.swap(true, Ordering::SeqCst)
    }

    /// Whether the pool was closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// The calling thread is the pool thread from now on.
    pub(crate) fn set_thread_id(&self) {
        is_pool_thread_now();
        let _ = self.thread_id.set(current_thread().id());
    }

    /// Whether the calling thread is the pool thread.
    pub(crate) fn is_pool_thread(&self) -> bool {
        // Asked for each order by others, who need not know their own number for it.
        is_any_pool_thread() && self.thread_id.get() == Some(&current_thread().id())
    }

    /// Keeps for [`Lifetime::join`] what waits for the end on the pool thread.
    pub(crate) fn set_until_end(&self, until_end: Box<dyn FnOnce() + Send>) {
        *self.until_end.lock().unwrap_or_else(PoisonError::into_inner) = Some(until_end);
    }

    /// Waits until the pool has ended on its thread. Returns at once if another caller does.
    pub(crate) fn join(&self) {
        let until_end = self.until_end.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(until_end) = until_end {
            until_end();
        }
    }
}
