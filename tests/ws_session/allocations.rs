//! No heap allocation for a message that is sent over plaintext, nor in caller drive for what
//! comes: counted on the thread of the test, with a global allocator that counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use venuepool::config::Drive;
use venuepool::session::Session;
use venuepool::session::data::View;
use venuepool::session::event::{Event, Kept, Told};
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
    sent_allocates_nothing(0);
}

#[test]
fn nor_do_they_where_calls_may_wait_and_need_not() {
    sent_allocates_nothing(4);
}

fn sent_allocates_nothing(max_waiting: usize) {
    let server = Server::start(false, |_, peer| exchange(peer));
    let mut settings = settings();
    settings.set_waiting(max_waiting).unwrap();
    let mut desk = Desk::open(&server, &settings);
    let session = Arc::clone(&desk.session);
    let mut frame = session.frame(64).unwrap();
    let mut counted = 0;
    for round in 0..3_000_u64 {
        let before = ALLOCATIONS.get();
        session.send(Kind::Text, b"an order of some length").unwrap();
        session.call(Kind::Text, b"id:1", 1, 10 * SECOND, round).unwrap();
        frame.room().unwrap()[..8].copy_from_slice(b"an order");
        session.send_frame(&mut frame, Kind::Text, 8).unwrap();
        frame.room().unwrap()[..4].copy_from_slice(b"id:2");
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
            session.send(Kind::Text, b"event").unwrap();
            let patience = Duration::from_secs(20 * (round % 2));
            let (mut messages, mut ends) = (0, 0);
            while messages + ends < 2 {
                let polled = session.poll(4, patience, |kept| {
                    messages += u32::from(matches!(kept.event, Event::Message(..)));
                    ends += u32::from(matches!(kept.event, Event::Completion(..)));
                    kept.data.into_iter().for_each(View::release);
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

/// The buffer of what was taken is used again, as after vp_ws_data_release.
fn release(kept: Kept) {
    kept.data.into_iter().for_each(View::release);
}

/// How often the session's thread allocates for `rounds` of a call that is answered and of three
/// messages. Its function for keys runs there, and reads the count of that thread.
fn allocations_of_its_thread(is_polled: bool, rounds: u64) -> u64 {
    let server = Server::start(false, |_, peer| exchange(peer));
    let count = Arc::new(AtomicU64::new(0));
    let told = Arc::new(AtomicU64::new(0));
    let mut settings = settings();
    let its_count = Arc::clone(&count);
    settings.set_match(Some(Arc::new(move |_, padded: &[u8]| {
        its_count.store(ALLOCATIONS.get(), Ordering::SeqCst);
        padded.starts_with(b"id:1 ").then_some(1)
    })));
    if !is_polled {
        let told = Arc::clone(&told);
        settings.set_told(Some(Arc::new(move |_: &Told<'_>| {
            told.fetch_add(1, Ordering::SeqCst);
        })));
    }
    let session = Session::open(&config(&server), &settings, b"/ws").unwrap();
    let mut before = 0;
    for round in 0..rounds + 100 {
        let wanted = 4 * (round + 1);
        session.call(Kind::Text, b"id:1", 1, 20 * SECOND, 0).unwrap();
        session.send(Kind::Text, b"sub").unwrap();
        while told.load(Ordering::SeqCst) < wanted + 1 {
            if is_polled {
                let taken = session.poll(16, Duration::from_secs(20), release).unwrap();
                told.fetch_add(taken.unwrap() as u64, Ordering::SeqCst);
            }
        }
        // The buffers have their size after a while.
        if round == 99 {
            before = count.load(Ordering::SeqCst);
        }
    }
    session.shutdown(Some(1000), "").unwrap();
    session.close().unwrap();
    count.load(Ordering::SeqCst) - before
}

#[test]
fn what_is_received_allocates_nothing() {
    assert_eq!(allocations_of_its_thread(false, 300), 0);
    // But for a buffer that is made when more of them wait than ever before: 1200 were polled.
    let polled = allocations_of_its_thread(true, 300);
    assert!(polled <= 16, "{polled}");
}
