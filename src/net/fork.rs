//! How many forks a process has behind it. A forked child has the memory of its parent and none of
//! its threads, so whatever names a thread or may be locked by one is of the parent alone.

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

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
