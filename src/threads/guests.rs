//! The pools that share the calling thread: what is done for all of them at once.
//!
//! It knows of a pool only what a thread asks of it. On the thread of one pool alone there are
//! none.

use std::cell::RefCell;
use std::sync::Arc;

/// What a shared thread asks of a pool that runs on it.
pub(crate) trait Guest: Send + Sync {
    /// The next round of the thread begins.
    fn begin_round(&self);

    /// Tells the engine of the completions of this thread's turns, if there are any.
    fn tell_if_any(&self);
}

thread_local! {
    static GUESTS: RefCell<Vec<Arc<dyn Guest>>> = const { RefCell::new(Vec::new()) };
}

/// A pool is on the calling thread from now on.
pub(crate) fn enter(guest: Arc<dyn Guest>) {
    GUESTS.with_borrow_mut(|guests| guests.push(guest));
}

/// It is on it no more.
pub(crate) fn leave(guest: &Arc<dyn Guest>) {
    GUESTS.with_borrow_mut(|guests| guests.retain(|its| !Arc::ptr_eq(its, guest)));
}

/// The next round of the calling thread begins.
pub(crate) fn begin_round() {
    GUESTS.with_borrow(|guests| guests.iter().for_each(|guest| guest.begin_round()));
}

/// Tells the engine of the completions of all of them.
pub(crate) fn tell_of_all() {
    GUESTS.with_borrow(|guests| guests.iter().for_each(|guest| guest.tell_if_any()));
}
