//! The pools that share the calling thread: what is done for all of them at once.
//!
//! It knows nothing of how the thread runs them. On the thread of one pool alone there are none.

use std::cell::RefCell;
use std::sync::Arc;

use super::Pool;

thread_local! {
    static POOLS: RefCell<Vec<Arc<Pool>>> = const { RefCell::new(Vec::new()) };
}

/// A pool is on the calling thread from now on.
pub(super) fn enter(pool: &Arc<Pool>) {
    POOLS.with_borrow_mut(|pools| pools.push(Arc::clone(pool)));
}

/// It is on it no more.
pub(super) fn leave(pool: &Arc<Pool>) {
    POOLS.with_borrow_mut(|pools| pools.retain(|its| !Arc::ptr_eq(its, pool)));
}

/// The next round of the calling thread begins.
pub(super) fn begin_round() {
    POOLS.with_borrow(|pools| pools.iter().for_each(|pool| pool.begin_round()));
}

/// Tells the engine of the completions of all of them.
pub(super) fn tell_of_all() {
    POOLS.with_borrow(|pools| pools.iter().for_each(|pool| pool.completions().ring_if_announced()));
}
