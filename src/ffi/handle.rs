//! Pool handles that may be used wrongly: after close, after a fork, twice.
//!
//! A `vp_pool` is never freed. Closing takes the pool out of it and leaves a tombstone of a few
//! words, so that a late call on another thread gets an answer instead of freed memory.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::driver::Pool;
use crate::error::Status;
use crate::net::cancellation::PutOff;
use crate::net::fork;

/// A pool, opaque to C.
pub struct vp_pool {
    pool: RwLock<Option<Arc<Pool>>>,
    /// Closing has come to its end, so no callback runs any more.
    has_closed: AtomicBool,
    /// It is in a group.
    is_grouped: AtomicBool,
    /// The forks that this process had gone through when the pool was opened.
    forks: u64,
}

/// Every handle ever given out, so that leak checkers see that tombstones are kept on purpose.
static HANDLES: Mutex<Vec<&'static vp_pool>> = Mutex::new(Vec::new());

/// How many threads run such a function now. Nearly always none, and this costs less than a look at
/// what belongs to the thread.
static SIGNERS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// A function that signs a request runs on this thread, with locks of its pool held.
    static SIGNS: Cell<bool> = const { Cell::new(false) };
}

/// Runs a function of the engine in which no call on a pool is possible.
pub(super) fn while_signing<T>(function: impl FnOnce() -> T) -> T {
    SIGNERS.fetch_add(1, Ordering::Relaxed);
    SIGNS.set(true);
    let answer = function();
    SIGNS.set(false);
    SIGNERS.fetch_sub(1, Ordering::Relaxed);
    answer
}

/// Whether the calling thread is in such a function.
pub(super) fn is_signing() -> bool {
    SIGNERS.load(Ordering::Relaxed) != 0 && signs_here()
}

#[cold]
#[inline(never)] // The place of what belongs to the thread would be looked up before it is asked.
fn signs_here() -> bool {
    SIGNS.get()
}

/// Whether this process is a forked child of one that had a pool.
pub(super) fn is_forked() -> bool {
    fork::count() != 0
}

impl vp_pool {
    /// A handle for an open pool.
    pub(super) fn new(pool: Arc<Pool>) -> &'static Self {
        fork::watch();
        let forks = fork::count();
        let (pool, has_closed) = (RwLock::new(Some(pool)), AtomicBool::new(false));
        let is_grouped = AtomicBool::new(false);
        let handle = Box::new(Self { pool, has_closed, is_grouped, forks });
        let handle: &'static Self = Box::leak(handle);
        HANDLES.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        handle
    }

    /// Runs `call` on the pool, or answers why it cannot be.
    pub(super) fn with<T>(
        &self,
        call: impl FnOnce(&Arc<Pool>) -> Result<T, Status>,
    ) -> Result<T, Status> {
        // Before the lock: in a forked child a lost thread may hold it for ever.
        if self.forks != fork::count() {
            return Err(Status::ERR_FORKED);
        }
        if is_signing() {
            return Err(Status::ERR_WOULD_DEADLOCK);
        }
        let _put_off = PutOff::begin();
        let pool = self.pool.read().unwrap_or_else(PoisonError::into_inner);
        call(pool.as_ref().ok_or(Status::ERR_CLOSED)?)
    }

    /// As [`vp_pool::with`], for all that makes no sense on a closed pool.
    pub(super) fn with_open<T>(
        &self,
        call: impl FnOnce(&Arc<Pool>) -> Result<T, Status>,
    ) -> Result<T, Status> {
        self.with(|pool| if pool.is_closed() { Err(Status::ERR_CLOSED) } else { call(pool) })
    }

    /// Closes the pool, and frees it if no call can use it any more.
    pub(super) fn close(&self) -> Result<(), Status> {
        self.with(|pool| pool.close())?;
        self.has_closed.store(true, Ordering::Release);
        self.bury_if_drained();
        Ok(())
    }

    /// Frees a closed pool whose last completion was taken. Before closing has come to its end this
    /// is left to it: the lock is between the two, so one of them sees what the other has done.
    pub(super) fn taken(&self) {
        if self.has_closed.load(Ordering::Acquire) {
            self.bury_if_drained();
        }
    }

    /// Notes that the pool is in a group from now on. `false`: it is in one already.
    pub(super) fn enter_group(&self) -> bool {
        !self.is_grouped.swap(true, Ordering::AcqRel)
    }

    /// The pool is in no group any more.
    pub(super) fn leave_group(&self) {
        self.is_grouped.store(false, Ordering::Release);
    }

    /// Waits for who is in a call on the pool, and they do not wait for this: no callback runs any
    /// more, so none of them is about to come back for a second call within the first.
    fn bury_if_drained(&self) {
        // Freeing it closes descriptors, which is a cancellation point.
        let _put_off = PutOff::begin();
        let mut pool = self.pool.write().unwrap_or_else(PoisonError::into_inner);
        let buried = pool.take_if(|pool| pool.completions().is_drained());
        drop(pool);
        drop(buried);
    }
}
