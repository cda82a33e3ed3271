//! No heap allocation per message, sent or received, once the buffers have their size: counted on
//! the thread of the test, with a global allocator that counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use flate2::{Compress, Compression, FlushCompress};
use venuepool::ws::extension::DeflateAgreed;
use venuepool::ws::frame::Kind;
use venuepool::ws::message::{Incoming, Receiver};
use venuepool::ws::pong::Pongs;
use venuepool::ws::settings::ReceiverSettings;
use venuepool::ws::writer::{ControlFrame, FrameWriter};

use crate::peer::frame;

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

/// How often `work` allocates when it has run a few times before.
fn allocations(mut work: impl FnMut()) -> u64 {
    (0..10).for_each(|_| work());
    let before = ALLOCATIONS.get();
    (0..1000).for_each(|_| work());
    ALLOCATIONS.get() - before
}

/// Gives `bytes` to a receiver in pieces of 100, and answers the number of events.
fn receive(receiver: &mut Receiver, bytes: &[u8]) -> usize {
    let mut events = 0;
    for piece in bytes.chunks(100) {
        receiver.take_over(piece).unwrap();
        while receiver.next().unwrap().is_some() {
            events += 1;
        }
    }
    events
}

#[test]
fn the_allocator_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1000);
}

#[test]
fn a_message_that_is_received_allocates_nothing() {
    let bytes = [
        frame(0x81, &[b'x'; 200]),
        frame(0x02, &[1; 90]),
        frame(0x89, b"ping"),
        frame(0x80, &[2; 3000]),
        frame(0x8a, b"pong"),
    ]
    .concat();
    let mut receiver = Receiver::new(ReceiverSettings::default(), 64 * 1024);
    assert_eq!(allocations(|| assert_eq!(receive(&mut receiver, &bytes), 4)), 0);
}

#[test]
fn a_message_that_is_inflated_allocates_nothing() {
    for forgets in [false, true] {
        let agreed =
            DeflateAgreed { server_no_context_takeover: forgets, server_max_window_bits: 15 };
        let settings = ReceiverSettings { deflate: Some(agreed), ..ReceiverSettings::default() };
        let mut receiver = Receiver::new(settings, 64 * 1024);
        let mut compressed = vec![0; 1000];
        let mut stream = Compress::new(Compression::best(), false);
        let text = b"{\"symbol\":\"BTCUSDT\"}".repeat(20);
        stream.compress(&text, &mut compressed, FlushCompress::Sync).unwrap();
        // Without the four bytes that RFC 7692 section 7.2.1 cuts off.
        let bytes = frame(0xc1, &compressed[..stream.total_out() as usize - 4]);
        let check = || {
            receiver.take_over(&bytes).unwrap();
            match receiver.next() {
                Ok(Some(Incoming::Message(message))) => assert_eq!(message.payload(), text),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(allocations(check), 0);
    }
}

#[test]
fn a_message_that_is_sent_allocates_nothing() {
    let mut writer = FrameWriter::new(1000);
    let mut pongs = Pongs::default();
    let send = || {
        writer.reserve()[..200].fill(b'o');
        assert_eq!(writer.commit(Kind::Text, 200, [1, 2, 3, 4]).unwrap().len(), 208);
        assert_eq!(writer.write(Kind::Binary, &[7; 10], [5; 4]).unwrap().len(), 16);
        pongs.on_ping(b"ping");
        let pong = ControlFrame::pong(pongs.take().unwrap(), [6; 4]).unwrap();
        assert_eq!(pong.bytes().len(), 10);
    };
    assert_eq!(allocations(send), 0);
}
