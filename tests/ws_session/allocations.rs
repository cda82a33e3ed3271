//! No heap allocation for a message that is sent over plaintext, nor in caller drive for what
//! comes: counted on the thread of the test, with a global allocator that counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use venuepool::config::Drive;
use venuepool::session::Session;
use venuepool::session::data::Data;
use venuepool::session::event::News;
use venuepool::ws::frame::Kind;

use crate::desk::{Desk, SECOND, config, settings};
use crate::peer::{Server, exchange};

struct Counting;

thread_local!(static ALLOCATIONS: Cell<u64> = const { Cell::new(0) });

// SAFETY: all is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_message_and_a_call_that_are_sent_allocate_nothing() {
    let server = Server::start(false, |_, peer| exchange(peer));
    let mut desk = Desk::open(&server, &settings());
    let session = std::sync::Arc::clone(&desk.session);
    let mut frame = session.frame(64).unwrap();
    let mut counted = 0;
    for round in 0..3_000_u64 {
        let before = ALLOCATIONS.get();
        session.send(Kind::Text, b"an order of some length").unwrap();
        session.call(Kind::Text, b"id:1", 1, 10 * SECOND, round).unwrap();
        frame.room()[..8].copy_from_slice(b"an order");
        session.send_frame(&mut frame, Kind::Text, 8).unwrap();
        frame.room()[..4].copy_from_slice(b"id:2");
        session.call_frame(&mut frame, Kind::Text, 4, 2, 10 * SECOND, round).unwrap();
        // The buffers have their size after a few rounds.
        if round >= 10 {
            counted += ALLOCATIONS.get() - before;
        }
        // What comes is taken outside the count.
        for _ in 0..2 {
            desk.message();
            desk.completion();
        }
    }
    assert_eq!(counted, 0);
    let before = ALLOCATIONS.get();
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(ALLOCATIONS.get() - before, 1, "the allocator counts");
    desk.close();
}

/// A call, its answer and a message, each sent, received and released: by polls, by waits, and by
/// polls behind the descriptor.
#[test]
fn what_is_sent_and_received_in_caller_drive_allocates_nothing() {
    let server = Server::start(false, |_, peer| exchange(peer));
    let mut config = config(&server);
    config.set_drive(Drive::Caller);
    let session = Session::open(&config, &settings(), b"/").unwrap();
    for has_fd_out in [false, true] {
        if has_fd_out {
            session.event_fd().unwrap();
        }
        let mut counted = 0;
        for round in 0..4_000_u64 {
            let before = ALLOCATIONS.get();
            session.call(Kind::Text, b"id:1", 1, 10 * SECOND, round).unwrap();
            session.send(Kind::Text, b"news").unwrap();
            let patience = std::time::Duration::from_secs(20 * (round % 2));
            let (mut messages, mut ends) = (0, 0);
            while messages + ends < 2 {
                let polled = session.poll(4, patience, |kept| {
                    messages += u32::from(matches!(kept.news, News::Message(..)));
                    ends += u32::from(matches!(kept.news, News::Completion(..)));
                    kept.data.into_iter().for_each(Data::release);
                });
                assert!(polled.unwrap().is_some());
            }
            // The buffers have their size after a few rounds.
            if round >= 10 {
                counted += ALLOCATIONS.get() - before;
            }
            assert_eq!((messages, ends), (1, 1));
        }
        assert_eq!(counted, 0, "with the descriptor: {has_fd_out}");
    }
    Desk::of(session).close();
}
