//! The last holders of a response, who let go of it at once.

mod checker;

use std::sync::Arc;

use checker::{check, spawn};
use venuepool_model::recycle::{FreeList, Recycled};
use venuepool_model::sync::Shared;

/// What is neither on the free list nor freed would be a leak, which the checker reports.
#[test]
fn a_response_that_two_let_go_of_comes_back_once_or_is_freed() {
    check(5, || {
        let free_list = FreeList::new(2, 64, None);
        let response = free_list.take();
        let other = Shared::clone(&response);
        let other = spawn(move || Recycled::release(other));
        Recycled::release(response);
        other.join().unwrap();
        let (first, second) = (free_list.take(), free_list.take());
        assert!(!Shared::ptr_eq(&first, &second), "one response for two exchanges");
    });
}

#[test]
fn a_response_that_comes_back_while_it_is_taken_has_one_holder() {
    check(5, || {
        let free_list = FreeList::new(1, 64, None);
        let response = free_list.take();
        let view = Shared::clone(&response);
        let other = spawn(move || Recycled::release(view));
        Recycled::release(response);
        let mut taken = free_list.take();
        assert!(Shared::get_mut(&mut taken).is_some(), "a slot fills what somebody reads");
        other.join().unwrap();
        free_list.close();
    });
}

#[test]
fn a_closing_free_list_keeps_nothing_that_comes_back_meanwhile() {
    check(5, || {
        let free_list = FreeList::new(1, 64, None);
        let response = free_list.take();
        let other = spawn(move || Recycled::release(response));
        free_list.close();
        other.join().unwrap();
        assert_eq!(Arc::strong_count(&free_list), 1);
    });
}
