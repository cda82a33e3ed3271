//! The receiver as a whole: a table of cases, each fed in every way, then what a table cannot say.

mod cases;
mod feed;

use std::collections::HashSet;

use super::*;
use crate::buf::cost;
use crate::ws::error::ErrorKind;
use crate::ws::settings::Limits;
use cases::table;
use feed::{Case, Seen, feed, frame};

#[test]
fn each_case_gives_its_verdict_however_it_is_cut() {
    for case in table() {
        let len = case.bytes.len();
        let whole = feed(&case, &[]);
        assert_eq!(whole, case.want, "{}: whole", case.name);
        // A long case is cut near its ends and at a prime step between.
        let near = |at: &usize| len < 500 || *at < 30 || len - *at < 30 || at.is_multiple_of(9973);
        for at in (0..=len).filter(near) {
            assert_eq!(feed(&case, &[at]), case.want, "{}: cut at {at}", case.name);
        }
        for step in [1, 2, 3, 7, 64] {
            let cuts: Vec<_> = (0..len).step_by(step).collect();
            assert_eq!(feed(&case, &cuts), case.want, "{}: steps of {step}", case.name);
        }
    }
}

#[test]
fn what_follows_changes_nothing() {
    let ping = frame(0x89, b"behind");
    for case in table() {
        let mut followed = case.clone();
        followed.bytes.extend_from_slice(&ping);
        let mut want = case.want.clone();
        let closed = matches!(want.seen.last(), Some(Seen::Close(..)));
        if want.error.is_none() && !closed && case.is_whole {
            want.seen.push(Seen::Ping(b"behind".to_vec()));
        }
        if !case.is_whole {
            continue;
        }
        let at = case.bytes.len();
        for cuts in [&[][..], &[at], &[at - 1, at + 1]] {
            assert_eq!(feed(&followed, cuts), want, "{}: {cuts:?}", case.name);
        }
        let cuts: Vec<_> = (0..at + ping.len()).collect();
        assert_eq!(feed(&followed, &cuts), want, "{}: byte by byte", case.name);
    }
}

/// Bytes that are still to come never change what was seen, and never make a good case bad.
#[test]
fn a_case_that_is_cut_short_shows_a_beginning() {
    for case in table().into_iter().filter(|case| case.bytes.len() < 3000) {
        for len in 0..case.bytes.len() {
            let mut cut = case.clone();
            cut.bytes.truncate(len);
            let verdict = feed(&cut, &[]);
            assert!(case.want.seen.starts_with(&verdict.seen), "{}: {len} bytes", case.name);
            let is_wanted = verdict.error.is_none() || verdict.error == case.want.error;
            assert!(is_wanted, "{}: {len} bytes: {:?}", case.name, verdict.error);
        }
    }
}

#[test]
fn every_error_of_a_receiver_is_produced() {
    let produced: HashSet<_> =
        table().iter().filter_map(|case| case.want.error.map(ErrorKind::from)).collect();
    // These are of the handshake, and of a machine without memory.
    let foreign = [
        ErrorKind::Http,
        ErrorKind::NotSwitched,
        ErrorKind::OldVersion,
        ErrorKind::BadUpgrade,
        ErrorKind::BadConnection,
        ErrorKind::BadAccept,
        ErrorKind::BadSubprotocol,
        ErrorKind::BadExtensions,
        ErrorKind::UnknownExtension,
        ErrorKind::BadDeflateParameter,
        ErrorKind::OutOfMemory,
    ];
    for kind in <ErrorKind as strum::VariantArray>::VARIANTS {
        assert_ne!(produced.contains(kind), foreign.contains(kind), "{kind:?}");
    }
}

#[test]
fn memory_that_cannot_be_had_is_an_error() {
    let limits = Limits { max_message_size: usize::MAX, ..Limits::default() };
    let settings = ReceiverSettings { limits, ..ReceiverSettings::default() };
    let mut receiver = Receiver::new(settings, 0);
    assert!(receiver.space(1).is_ok());
    // As if it held all that there can be.
    assert_eq!(receiver.grow(isize::MAX as usize), Err(Error::OutOfMemory));
    receiver.take_over(&frame(0x82, b"a")).unwrap();
    assert!(matches!(receiver.next(), Ok(Some(Incoming::Message(_)))));
}

#[test]
fn a_failed_receiver_stays_failed() {
    let mut receiver = Receiver::new(ReceiverSettings::default(), 100);
    receiver.take_over(&[0x83, 0]).unwrap();
    assert_eq!(receiver.next(), Err(Error::ReservedOpcode));
    receiver.take_over(&frame(0x81, b"good")).unwrap();
    assert_eq!(receiver.next(), Err(Error::ReservedOpcode));
}

#[test]
fn behind_a_close_frame_nothing_is_kept() {
    let mut receiver = Receiver::new(ReceiverSettings::default(), 100);
    receiver.take_over(&frame(0x88, b"\x03\xe8")).unwrap();
    let bye = CloseFrame { code: Some(1000), reason: "" };
    assert_eq!(receiver.next(), Ok(Some(Incoming::Close(bye))));
    for _ in 0..1000 {
        receiver.take_over(&[0xff; 4096]).unwrap();
        assert_eq!(receiver.next(), Ok(None));
    }
    assert!(receiver.capacity() <= 16 * 1024, "{}", receiver.capacity());
}

/// What is lent is where it was received, and what lay behind it is there again afterwards.
#[test]
fn a_message_in_one_frame_is_not_copied() {
    let mut receiver = Receiver::new(ReceiverSettings::default(), 8192);
    let bytes = [frame(0x82, b"first"), frame(0x81, &[b'x'; 100]), frame(0x82, b"")].concat();
    let space = receiver.space(bytes.len()).unwrap();
    space.copy_from_slice(&bytes);
    let at = space.as_ptr().addr();
    receiver.commit(bytes.len());
    cost::take();
    for (offset, len) in [(2, 5), (9, 100), (111, 0)] {
        let Ok(Some(Incoming::Message(message))) = receiver.next() else { panic!("no message") };
        assert_eq!(message.payload().as_ptr().addr(), at + offset);
        assert_eq!(message.payload(), &bytes[offset..offset + len]);
        assert_eq!(message.padded()[len..], [0; TAIL]);
    }
    assert_eq!(receiver.next(), Ok(None));
    // The one text was looked at, and nothing was moved.
    assert_eq!(cost::take(), 100);
}

/// Counted, not timed: bytes looked at and bytes moved.
#[test]
fn cost_is_linear_in_the_bytes_however_they_are_cut() {
    let one = frame(0x81, &[b'x'; 200_000]);
    let fragments = (0..2000).flat_map(|i| {
        let first = if i == 0 { 0x01 } else { 0x00 };
        [frame(first, &[b'x'; 100]), frame(0x89, b"between")].concat()
    });
    let fragments: Vec<_> = fragments.chain(frame(0x80, b"end")).collect();
    let tiny = (0..20_000).flat_map(|i| frame(if i == 0 { 0x01 } else { 0x00 }, b"x"));
    let tiny: Vec<_> = tiny.chain(frame(0x80, b"")).collect();
    let many = frame(0x81, &[b'm'; 150]).repeat(1500);
    let mixed = [many.clone(), one.clone(), many.clone()].concat();
    for (name, bytes) in
        [("one", one), ("fragments", fragments), ("tiny", tiny), ("many", many), ("mixed", mixed)]
    {
        let case = Case::new(name, &bytes);
        for step in [1, 2, 1460, 64 * 1024] {
            let cuts: Vec<_> = (0..bytes.len()).step_by(step).collect();
            cost::take();
            let verdict = feed(&case, &cuts);
            assert_eq!(verdict.error, None, "{name}");
            let spent = cost::take();
            assert!(spent <= 5 * bytes.len() + 1000, "{name} by {step}: {spent}");
        }
    }
}

#[test]
fn memory_follows_what_has_come_and_not_what_was_announced() {
    let mut receiver = Receiver::new(ReceiverSettings::default(), 0);
    let announced = [&[0x82, 127][..], &(16_u64 << 20).to_be_bytes()].concat();
    receiver.take_over(&announced).unwrap();
    assert_eq!(receiver.next(), Ok(None));
    receiver.take_over(&[0; 1000]).unwrap();
    assert_eq!(receiver.next(), Ok(None));
    assert!(receiver.capacity() <= 16 * 1024, "{}", receiver.capacity());
}

/// Also when each read ends within a header, so that there is never a moment at which all is read.
#[test]
fn memory_stays_within_the_limit_in_a_flood_between_fragments() {
    let limits = Limits { max_message_size: 10_000, ..Limits::default() };
    let settings = ReceiverSettings { limits, ..ReceiverSettings::default() };
    let mut receiver = Receiver::new(settings, 0);
    receiver.take_over(&frame(0x02, &[1; 5000])).unwrap();
    let ping = frame(0x89, &[2; 125]);
    receiver.take_over(&ping[..1]).unwrap();
    let (rest, first) = ping.split_at(1);
    let flood = [first, rest].concat();
    for _ in 0..10_000 {
        assert_eq!(receiver.next(), Ok(None));
        receiver.take_over(&flood).unwrap();
        assert_eq!(receiver.next(), Ok(Some(Incoming::Ping(&[2; 125]))));
    }
    assert!(receiver.capacity() <= 10_000 + 2 * READ_ROOM, "{}", receiver.capacity());
    receiver.take_over(&[&ping[1..], &frame(0x80, &[3; 5000])].concat()).unwrap();
    assert!(matches!(receiver.next(), Ok(Some(Incoming::Ping(_)))));
    let Ok(Some(Incoming::Message(message))) = receiver.next() else { panic!("no message") };
    assert_eq!(message.payload(), [[1; 5000], [3; 5000]].concat());
}

/// Messages of the longest kind, one after the other, keep the memory of one.
#[test]
fn memory_stays_within_the_limit_of_a_message() {
    let limits = Limits { max_message_size: 100_000, ..Limits::default() };
    let settings = ReceiverSettings { limits, ..ReceiverSettings::default() };
    let bytes = [frame(0x82, &[5; 100_000]), frame(0x82, &[6; 33])].concat().repeat(20);
    for step in [1000, 4096, 10_007] {
        let mut receiver = Receiver::new(settings, 0);
        let mut messages = 0;
        for piece in bytes.chunks(step) {
            receiver.take_over(piece).unwrap();
            while let Some(event) = receiver.next().unwrap() {
                messages += usize::from(matches!(event, Incoming::Message(_)));
            }
        }
        assert_eq!(messages, 40);
        let most = 2 * (100_000 + 2 * READ_ROOM) + step;
        assert!(receiver.capacity() <= most, "{} by {step}", receiver.capacity());
    }
}

#[test]
fn debug_shows_no_content() {
    let mut receiver = Receiver::new(ReceiverSettings::default(), 5000);
    receiver.take_over(&frame(0x81, b"secret")).unwrap();
    let event = format!("{:?}", receiver.next().unwrap().unwrap());
    assert_eq!(event, "Message(Message { kind: Text, len: 6 })");
    let shown = format!("{receiver:?}");
    assert_eq!(shown, "Receiver { buf: Buf { filled: 8, capacity: 5000 }, state: Open }");
}
