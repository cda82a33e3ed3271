//! What the calling thread is: its number, and whether pools run on it.
//!
//! It knows no pool.

use std::cell::Cell;

thread_local! {
    /// Its address is the number of the thread. It is even.
    static HERE: Cell<usize> = const { Cell::new(0) };

    /// This thread is the pool thread of some pool.
    static IS_POOL_THREAD: Cell<bool> = const { Cell::new(false) };
}

/// A number that no other thread has while this one lives; never 0, and even.
pub(crate) fn this_thread() -> usize {
    HERE.with(|here| std::ptr::from_ref(here).addr())
}

/// Whether the calling thread is the pool thread of any pool: it must not sleep.
pub(crate) fn is_any_pool_thread() -> bool {
    IS_POOL_THREAD.get()
}

/// The calling thread is one of that kind from now on.
pub(crate) fn is_pool_thread_now() {
    IS_POOL_THREAD.set(true);
}
