//! Room and memory: the defaults, how the buffer grows, and how large the reads are.

use super::cases::Case;
use super::feed::{Verdict, feed_cut};
use crate::error::Outcome;
use crate::http::exchange::{Exchange, Progress};
use crate::http::limits::Limits;
use crate::http::response::Response;

/// Commits `bytes` in reads as large as the response offers; answers the sizes of the reads.
fn read_all(r: &mut Response, exchange: &mut Exchange, bytes: &[u8]) -> Vec<usize> {
    let l = Limits::default();
    let (mut reads, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let space = r.space(&l, usize::MAX).unwrap();
        let n = rest.len().min(space.len());
        space[..n].copy_from_slice(&rest[..n]);
        r.commit(n);
        rest = &rest[n..];
        reads.push(n);
        exchange.on_bytes(r, &l).unwrap();
    }
    reads
}

#[test]
fn the_defaults_are_those_of_the_design() {
    let l = Limits::default();
    assert_eq!((l.max_head_size, l.max_headers, l.max_interim), (32 << 10, 128, 16));
    assert_eq!((l.max_chunk_line, l.max_chunk_overhead), (8 << 10, 16 << 10));
    assert_eq!((l.max_trailer_size, l.max_body_size), (16 << 10, 16 << 20));
}

/// The predecessor refused or took the same head depending on how it was cut (W12).
#[test]
fn a_head_of_exactly_the_default_limit_is_taken_however_it_is_cut() {
    for (excess, taken) in [(0, true), (1, false)] {
        let size = Limits::default().max_head_size + excess;
        let around = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nA: \r\n\r\n".len();
        let value = "x".repeat(size - around);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nA: {value}\r\n\r\n");
        assert_eq!(head.len(), size);
        let case = Case::new("large head", head + "end");
        for step in [1, 536, 1460, 4096, 16384, usize::MAX] {
            let cuts: Vec<_> = (0..case.bytes.len()).step_by(step).collect();
            match feed_cut(&case, &cuts) {
                Verdict::Done(seen, _) if taken => assert_eq!(seen.body, b"end"),
                Verdict::Failed(Outcome::HeadTooLarge, 0) if !taken => {}
                other => panic!("{excess} by {step}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_known_length_makes_the_last_step_exact_and_the_reads_large() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n";
    let mut bytes = head.as_bytes().to_vec();
    bytes.resize(head.len() + 10_000_000, b'x');
    let mut r = Response::with_capacity(64 * 1024);
    for _ in 0..2 {
        let reads = read_all(&mut r, &mut Exchange::new(false, false), &bytes);
        assert_eq!(r.body().len(), 10_000_000);
        assert_eq!(r.capacity(), bytes.len() + 1);
        assert_eq!(reads[0], 64 * 1024, "all the room there is: {reads:?}");
        assert_eq!(reads.len(), 9, "each further one as much as all before it");
        r.recycle(64 * 1024);
        assert_eq!(r.capacity(), 64 * 1024);
    }
    assert_eq!(r.space(&Limits::default(), usize::MAX).unwrap().len(), 64 * 1024);
}

/// All the room is offered to each read, and memory is taken by what is received.
#[test]
fn a_buffer_is_offered_whole_and_only_long_responses_take_its_memory() {
    let mut r = Response::with_capacity(64 * 1024);
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let short = format!("{head}2\r\nok\r\n0\r\n\r\n");
    let long = format!("{head}8000\r\n{}\r\n0\r\n\r\n", "x".repeat(0x8000));
    for round in 0..3 {
        assert_eq!(r.space(&Limits::default(), usize::MAX).unwrap().len(), 64 * 1024);
        read_all(&mut r, &mut Exchange::new(false, false), short.as_bytes());
        r.recycle(64 * 1024);
        assert!(!r.is_large(), "{round}");
        let reads = read_all(&mut r, &mut Exchange::new(false, false), long.as_bytes());
        assert_eq!(reads, [long.len()]);
        r.recycle(64 * 1024);
        assert!(r.is_large());
        r.rest();
        assert!(!r.is_large());
    }
}

/// What a peer announces takes nothing; what it has sent takes at most twice its size.
#[test]
fn memory_follows_what_was_received() {
    const BODY: usize = 3_000_000;
    let l = Limits { max_body_size: usize::MAX, ..Limits::default() };
    let begins = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n").into_bytes();
    for head in [
        begins("Content-Length: 16000000\r\n"),
        begins("Content-Length: 18446744073709551615\r\n"),
        [&begins("Transfer-Encoding: chunked\r\n")[..], b"ffffffffffffffff\r\n"].concat(),
        begins(""),
        b"HTTP/1.1 200 OK\r\nA: ".to_vec(),
    ] {
        let is_head = head.ends_with(b"A: ");
        let size = if is_head { l.max_head_size - head.len() - 1 } else { BODY };
        for most in [100, 1 << 16, usize::MAX] {
            let mut r = Response::with_capacity(1024);
            let mut exchange = Exchange::new(false, false);
            let mut rest = &[&head[..], &vec![b'x'; size]].concat()[..];
            let mut received = 0;
            while !rest.is_empty() {
                let space = r.space(&l, most).unwrap();
                let n = rest.len().min(space.len());
                space[..n].copy_from_slice(&rest[..n]);
                r.commit(n);
                received += n;
                rest = &rest[n..];
                assert_eq!(exchange.on_bytes(&mut r, &l), Ok(Progress::NeedMore));
                let capacity = r.capacity();
                assert!(capacity <= 2 * received + 8192, "{capacity} for {received}");
            }
        }
    }
}

#[test]
fn an_unknown_length_doubles_the_buffer_up_to_the_limit() {
    let l = Limits::default();
    let chunk = [b"10000\r\n", &[b'x'; 0x10000][..], b"\r\n"].concat();
    let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..256 {
        bytes.extend_from_slice(&chunk);
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    let mut r = Response::with_capacity(64 * 1024);
    let reads = read_all(&mut r, &mut Exchange::new(false, false), &bytes);
    assert_eq!(r.body().len(), l.max_body_size);
    assert!(r.capacity() <= l.max_head_size + l.max_body_size + 4096);
    assert!(reads.len() < 100, "{} reads", reads.len());
}

/// The buffer begins empty and each limit is its largest: no read is ever offered no room.
#[test]
fn a_response_without_memory_grows_as_it_needs() {
    let mut r = Response::with_capacity(0);
    let mut exchange = Exchange::new(false, false);
    let l = Limits { max_body_size: usize::MAX, max_head_size: usize::MAX, ..Limits::default() };
    for byte in b"HTTP/1.1 200 OK\r\n\r\nhello" {
        r.space(&l, usize::MAX).unwrap()[0] = *byte;
        r.commit(1);
        assert_eq!(exchange.on_bytes(&mut r, &l), Ok(Progress::NeedMore));
    }
    assert!(exchange.on_eof(&mut r, true).is_ok());
    assert_eq!(r.body(), b"hello");
    assert_eq!(r.capacity(), 8192);
}

#[test]
fn a_length_over_the_limit_takes_no_memory() {
    let mut r = Response::with_capacity(4096);
    let l = Limits::default();
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 16777217\r\n\r\n";
    r.space(&l, usize::MAX).unwrap()[..head.len()].copy_from_slice(head);
    r.commit(head.len());
    let mut exchange = Exchange::new(false, false);
    assert_eq!(exchange.on_bytes(&mut r, &l), Err(Outcome::BodyTooLarge));
    assert_eq!(r.capacity(), 4096);
}

#[test]
fn find_ignores_case_and_takes_the_first() {
    let mut r = Response::with_capacity(1000);
    let bytes = b"HTTP/1.1 204 No Content\r\nX-A: 1\r\nx-a: 2\r\nX-Ab: 3\r\n\r\n";
    read_all(&mut r, &mut Exchange::new(false, false), bytes);
    assert_eq!(r.find(b"x-A"), Some(&b"1"[..]));
    assert_eq!(r.find(b"X-AB"), Some(&b"3"[..]));
    assert_eq!(r.find(b"X-"), None);
    assert_eq!(r.header(1), Some((&b"x-a"[..], &b"2"[..])));
    assert_eq!((r.header_count(), r.header(3)), (3, None));
}
