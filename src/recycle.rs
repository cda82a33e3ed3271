//! Responses that are used again, so that a request in steady state allocates nothing.
//!
//! A [`Recycled`] response is shared by reference count. While a slot fills it, the slot is its
//! only owner; afterwards whoever holds a view holds a count. The last one to let go brings it
//! back.

use std::sync::{Arc, PoisonError};

use crate::http::response::Response;
use crate::http::watch::WatchList;
use crate::net::endpoints::Endpoints;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, MutexGuard, Notify, Shared};

/// A response and the way home. It begins with a cache line, so that an order touches as many lines
/// wherever the heap puts it.
#[derive(Debug)]
#[repr(align(64))]
pub struct Recycled {
    /// The response.
    pub response: Response,
    /// The ends of the connection that it came on. Kept here, so that completions stay small.
    pub endpoints: Endpoints,
    /// When the kernel had its first bytes, in nanoseconds since 1970; 0 if that is not known.
    pub arrival_wall_ns: u64,
    home: Arc<FreeList>,
}

/// The free responses of one pool.
#[derive(Debug)]
pub struct FreeList {
    free: Mutex<Free>,
    /// Tells of memory that is to be given back; `None` if it is to be kept.
    large: Option<Large>,
    response_capacity: usize,
    /// The header fields to be found in each response; `None` for none.
    watch: Option<Arc<WatchList>>,
}

#[derive(Debug)]
struct Free {
    responses: Vec<Shared<Recycled>>,
    open: bool,
}

/// Whether memory was used since the last look that only large requests and answers need.
#[derive(Debug, Default)]
struct Large {
    is_noted: AtomicBool,
    bell: Notify,
}

impl FreeList {
    /// A free list with room for `room` free responses, whose buffers start at `response_capacity`
    /// bytes, and in which the header fields of `watch` are found. Its responses give memory back.
    pub fn new(room: usize, response_capacity: usize, watch: Option<Arc<WatchList>>) -> Arc<Self> {
        let free = Free { responses: Vec::with_capacity(room), open: true };
        let large = Some(Large::default());
        Arc::new(Self { free: Mutex::new(free), large, response_capacity, watch })
    }

    /// As [`FreeList::new`], but it is full of responses that have all their memory. They never
    /// give it back.
    pub fn prefaulted(
        room: usize,
        response_capacity: usize,
        watch: Option<Arc<WatchList>>,
    ) -> Arc<Self> {
        let free = Free { responses: Vec::with_capacity(room), open: true };
        let list = Arc::new(Self { free: Mutex::new(free), large: None, response_capacity, watch });
        let mut responses: Vec<_> = (0..room).map(|_| list.take()).collect();
        for shared in &mut responses {
            Shared::get_mut(shared).expect("nobody else holds it").response.touch();
        }
        list.lock().responses.append(&mut responses);
        list
    }

    /// Memory was used that only large requests and answers need. It costs a load while that is
    /// known already.
    pub fn note_large(&self) {
        if let Some(large) = &self.large
            && !large.is_noted.load(Ordering::Relaxed)
        {
            large.is_noted.store(true, Ordering::Relaxed);
            large.bell.notify_one();
        }
    }

    /// Returns when [`FreeList::note_large`] was called, at once if it was before.
    pub async fn large_noted(&self) {
        match &self.large {
            Some(large) => large.bell.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Whether [`FreeList::note_large`] was called since the last time that this was.
    pub fn take_large(&self) -> bool {
        self.large.as_ref().is_some_and(|large| large.is_noted.swap(false, Ordering::Relaxed))
    }

    /// Lets the response at that place give memory back; `false` if there is none. It is not in the
    /// list meanwhile, so no order waits for the system. Responses are taken and brought back at
    /// the end, so whoever begins at 0 and goes on misses none that was here before.
    pub fn rest(&self, place: usize) -> bool {
        let mut free = self.lock();
        if place >= free.responses.len() {
            return false;
        }
        let mut shared = free.responses.remove(place);
        drop(free);
        if let Some(unique) = Shared::get_mut(&mut shared) {
            unique.response.rest();
        }
        let mut free = self.lock();
        if free.open && free.responses.len() < free.responses.capacity() {
            let place = place.min(free.responses.len());
            free.responses.insert(place, shared);
        }
        true
    }

    /// A response that no other holds. Allocates only when the free list is empty.
    #[inline(always)] // Nearly always there is one.
    pub fn take(self: &Arc<Self>) -> Shared<Recycled> {
        let found = self.lock().responses.pop();
        found.unwrap_or_else(|| self.fresh())
    }

    #[cold]
    #[inline(never)]
    fn fresh(self: &Arc<Self>) -> Shared<Recycled> {
        let mut response = Response::with_capacity(self.response_capacity);
        if let Some(list) = &self.watch {
            response.watch(list);
        }
        let (endpoints, home) = (Endpoints::default(), Arc::clone(self));
        Shared::new(Recycled { response, endpoints, arrival_wall_ns: 0, home })
    }

    /// As [`FreeList::take`], with a copy of `response` in it.
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
    /// Lets go of one count. The last one brings the response back to its free list.
    pub fn release(this: Shared<Self>) {
        Self::bring_back(this, |home| Some(home.lock()));
    }

    /// As [`Recycled::release`], for a process in which a thread that is gone may hold the free
    /// list: the memory is then freed.
    pub fn release_without_waiting(this: Shared<Self>) {
        Self::bring_back(this, |home| home.free.try_lock().ok());
    }

    fn bring_back(
        mut this: Shared<Self>,
        lock: impl FnOnce(&FreeList) -> Option<MutexGuard<'_, Free>>,
    ) {
        // `None`: others still hold it. When two let go at the same instant neither may see itself
        // as the last; the memory is then freed instead of used again, which is as right.
        let Some(unique) = Shared::get_mut(&mut this) else { return };
        unique.response.recycle(unique.home.response_capacity);
        let home = Arc::clone(&unique.home);
        if unique.response.is_large() {
            home.note_large();
        }
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
        let free_list = FreeList::new(2, 1024, None);
        let first = free_list.take();
        let address = Shared::as_ptr(&first);
        Recycled::release(Shared::clone(&first));
        assert_ne!(Shared::as_ptr(&free_list.take()), address);
        Recycled::release(first);
        assert_eq!(Shared::as_ptr(&free_list.take()), address);
    }

    #[test]
    fn a_free_list_that_is_held_for_ever_is_not_waited_for() {
        let free_list = FreeList::new(2, 1024, None);
        let (first, second) = (free_list.take(), free_list.take());
        let held = free_list.lock();
        Recycled::release_without_waiting(first);
        drop(held);
        assert!(free_list.lock().responses.is_empty(), "it was freed");
        Recycled::release_without_waiting(second);
        assert_eq!(free_list.lock().responses.len(), 1);
    }

    #[test]
    fn large_responses_are_noted_once_and_give_memory_back() {
        let free_list = FreeList::new(4, 100_000, None);
        let (mut large, small) = (free_list.take(), free_list.take());
        Shared::get_mut(&mut large).unwrap().response.use_memory(50_000);
        Recycled::release(small);
        assert!(!free_list.take_large());
        Recycled::release(large);
        assert!(free_list.take_large() && !free_list.take_large());
        assert!(free_list.rest(0) && free_list.rest(1) && !free_list.rest(2));
        let list = free_list.lock();
        assert!(list.responses.iter().all(|it| !it.response.is_large()));
    }

    #[test]
    fn prefaulted_responses_keep_their_memory() {
        let free_list = FreeList::prefaulted(4, 100_000, None);
        assert_eq!(free_list.lock().responses.len(), 4);
        let mut large = free_list.take();
        Shared::get_mut(&mut large).unwrap().response.use_memory(50_000);
        Recycled::release(large);
        assert!(!free_list.take_large());
    }

    #[test]
    fn the_free_list_is_bounded() {
        let free_list = FreeList::new(1, 1024, None);
        let (first, second) = (free_list.take(), free_list.take());
        Recycled::release(first);
        Recycled::release(second);
        assert_eq!(free_list.lock().responses.len(), 1);
    }

    #[test]
    fn a_closed_free_list_keeps_nothing_and_leaves_no_cycle() {
        let free_list = FreeList::new(4, 1024, None);
        let (held, free) = (free_list.take(), free_list.take());
        Recycled::release(free);
        free_list.close();
        Recycled::release(held);
        assert_eq!(Arc::strong_count(&free_list), 1);
    }
}
