//! Pool handles that may be used wrongly: after close, after a fork, twice.
//!
//! A `vp_pool` is never freed. Closing takes the pool out of it and leaves a tombstone of a few
//! words, so that a late call on another thread gets an answer instead of freed memory.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError, RwLock};

use crate::driver::Pool;
use crate::error::Status;

/// A pool, opaque to C.
pub struct vp_pool {
    pool: RwLock<Option<Arc<Pool>>>,
    /// The forks that this process had gone through when the pool was opened.
    forks: u64,
}

/// Forks in this process's line of descent, counted on the child's side.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// Every handle ever given out, so that leak checkers see that tombstones are kept on purpose.
static HANDLES: Mutex<Vec<&'static vp_pool>> = Mutex::new(Vec::new());

extern "C" fn count_fork() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// Counts forks from now on.
fn watch_forks() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handler only touches an atomic, which is allowed in a forked child.
        let refused = unsafe { libc::pthread_atfork(None, None, Some(count_fork)) };
        // Without memory for it forks go unseen; nothing else depends on it.
        debug_assert_eq!(refused, 0);
    });
}

impl vp_pool {
    /// A handle for an open pool.
    pub(super) fn new(pool: Arc<Pool>) -> &'static Self {
        watch_forks();
        let forks = FORKS.load(Ordering::Relaxed);
        let handle: &'static Self =
            Box::leak(Box::new(Self { pool: RwLock::new(Some(pool)), forks }));
        HANDLES.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        handle
    }

    /// Runs `call` on the pool, or answers why it cannot be.
    pub(super) fn with<T>(
        &self,
        call: impl FnOnce(&Arc<Pool>) -> Result<T, Status>,
    ) -> Result<T, Status> {
        // Before the lock: in a forked child a lost thread may hold it for ever.
        if self.forks != FORKS.load(Ordering::Relaxed) {
            return Err(Status::ERR_FORKED);
        }
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

    /// Takes a closed pool out of its handle, once nobody can want anything of it any more.
    pub(super) fn bury(&self) {
        // Who still reads the handle may be about to do so again, in a callback; a writer that
        // waits here would make it wait too. Then the tombstone just stays larger.
        let pool = self.pool.try_write().ok().and_then(|mut pool| pool.take());
        drop(pool);
    }
}
