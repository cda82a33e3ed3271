//! How many forks a process has behind it. A forked child has the memory of its parent and none of
//! its threads, so whatever names a thread or may be locked by one is of the parent alone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, Once, OnceLock, PoisonError};

/// Forks in this process's line of descent, counted on the child's side.
static FORKS: AtomicU64 = AtomicU64::new(0);

extern "C" fn count_fork() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// Counts forks from now on.
#[allow(unsafe_code)]
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handler only touches an atomic, which is allowed in a forked child.
        let refused = unsafe { libc::pthread_atfork(None, None, Some(count_fork)) };
        // Without memory for it forks go unseen; nothing else depends on it.
        debug_assert_eq!(refused, 0);
    });
}

/// The forks since the first [`watch`].
pub fn count() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

/// A value behind a lock, of which each process has its own. A forked child begins with an empty
/// one: threads that the parent's value names are not there, and one of them may hold its lock.
pub struct PerProcess<T> {
    forks: u64,
    value: Mutex<T>,
    child: OnceLock<Box<Self>>,
}

impl<T: Default> PerProcess<T> {
    /// With the value of the process that has no fork behind it.
    pub const fn new(value: T) -> Self {
        Self::after(0, value)
    }

    const fn after(forks: u64, value: T) -> Self {
        Self { forks, value: Mutex::new(value), child: OnceLock::new() }
    }

    /// That of the calling process.
    pub fn current(&self) -> &Self {
        let forks = count();
        let mut process = self;
        while process.forks != forks {
            process = process.child.get_or_init(|| Box::new(Self::after(forks, T::default())));
        }
        process
    }

    /// The value, locked.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
