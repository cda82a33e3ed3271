//! Responses that are used again, so that a request in steady state allocates nothing.
//!
//! A [`Recycled`] response is shared by reference count. While a slot fills it, the slot is its
//! only owner; afterwards whoever holds a view holds a count. The last one to let go brings it
//! back.

use std::sync::{Arc, PoisonError};

use crate::http::response::Response;
use crate::sync::{Mutex, MutexGuard, Shared};

/// A response and the way home.
#[derive(Debug)]
pub struct Recycled {
    /// The response.
    pub response: Response,
    home: Arc<Shelf>,
}

/// The free responses of one pool.
#[derive(Debug)]
pub struct Shelf {
    free: Mutex<Free>,
    response_capacity: usize,
}

#[derive(Debug)]
struct Free {
    responses: Vec<Shared<Recycled>>,
    open: bool,
}

impl Shelf {
    /// A shelf with room for `room` free responses, whose buffers start at `response_capacity`
    /// bytes.
    pub fn new(room: usize, response_capacity: usize) -> Arc<Self> {
        let free = Free { responses: Vec::with_capacity(room), open: true };
        Arc::new(Self { free: Mutex::new(free), response_capacity })
    }

    /// A response that nobody else holds. Allocates only when the shelf is empty.
    pub fn take(self: &Arc<Self>) -> Shared<Recycled> {
        let found = self.lock().responses.pop();
        found.unwrap_or_else(|| {
            let response = Response::with_capacity(self.response_capacity);
            Shared::new(Recycled { response, home: Arc::clone(self) })
        })
    }

    /// As [`Shelf::take`], with a copy of `response` in it.
    pub fn take_copy(self: &Arc<Self>, response: &Response) -> Shared<Recycled> {
        let mut copy = self.take();
        Shared::get_mut(&mut copy).expect("nobody else holds it").response = response.clone();
        copy
    }

    /// Frees all that is here, and all that comes back later.
    pub fn close(&self) {
        let freed = {
            let mut free = self.lock();
            free.open = false;
            std::mem::take(&mut free.responses)
        };
        drop(freed);
    }

    fn lock(&self) -> MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recycled {
    /// Lets go of one count. The last one brings the response back to its shelf.
    pub fn release(this: Shared<Self>) {
        Self::bring_back(this, |home| Some(home.lock()));
    }

    /// As [`Recycled::release`], for a process in which a thread that is gone may hold the shelf:
    /// the memory is then freed.
    pub fn release_without_waiting(this: Shared<Self>) {
        Self::bring_back(this, |home| home.free.try_lock().ok());
    }

    fn bring_back(
        mut this: Shared<Self>,
        lock: impl FnOnce(&Shelf) -> Option<MutexGuard<'_, Free>>,
    ) {
        // `None`: others still hold it. When two let go at the same instant neither may see itself
        // as the last; the memory is then freed instead of used again, which is as right.
        let Some(unique) = Shared::get_mut(&mut this) else { return };
        unique.response.recycle(unique.home.response_capacity);
        let home = Arc::clone(&unique.home);
        let Some(mut free) = lock(&home) else { return };
        if free.open && free.responses.len() < free.responses.capacity() {
            free.responses.push(this);
        } else {
            drop(free);
            drop(this);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_comes_back_only_from_its_last_holder() {
        let shelf = Shelf::new(2, 1024);
        let first = shelf.take();
        let address = Shared::as_ptr(&first);
        Recycled::release(Shared::clone(&first));
        assert_ne!(Shared::as_ptr(&shelf.take()), address);
        Recycled::release(first);
        assert_eq!(Shared::as_ptr(&shelf.take()), address);
    }

    #[test]
    fn a_shelf_that_is_held_for_ever_is_not_waited_for() {
        let shelf = Shelf::new(2, 1024);
        let (first, second) = (shelf.take(), shelf.take());
        let held = shelf.lock();
        Recycled::release_without_waiting(first);
        drop(held);
        assert!(shelf.lock().responses.is_empty(), "it was freed");
        Recycled::release_without_waiting(second);
        assert_eq!(shelf.lock().responses.len(), 1);
    }

    #[test]
    fn the_shelf_is_bounded() {
        let shelf = Shelf::new(1, 1024);
        let (first, second) = (shelf.take(), shelf.take());
        Recycled::release(first);
        Recycled::release(second);
        assert_eq!(shelf.lock().responses.len(), 1);
    }

    #[test]
    fn a_closed_shelf_keeps_nothing_and_leaves_no_cycle() {
        let shelf = Shelf::new(4, 1024);
        let (held, free) = (shelf.take(), shelf.take());
        Recycled::release(free);
        shelf.close();
        Recycled::release(held);
        assert_eq!(Arc::strong_count(&shelf), 1);
    }
}
