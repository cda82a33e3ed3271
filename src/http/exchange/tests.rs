//! The codec as a whole: a table of cases, each fed in every way, then what a table cannot say.
//!
//! `cases` holds the table, `feed` the ways to feed it, `model` a second, naive decoder that
//! random input is compared with.

mod cases;
mod corpus;
mod feed;
mod limits;
mod model;
mod random;

use std::collections::HashSet;

use super::*;
use crate::buf::cost;
use crate::error::CloseReason::*;
use cases::{Case, Want, table};
use feed::{End, Verdict, feed, feed_cut, in_bytes, whole};

const NEXT: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nEVE";

#[test]
fn the_first_bytes_behind_a_response_are_kept_once_and_are_no_part_of_it() {
    let long = "x".repeat(100);
    for (framing, body) in
        [("Content-Length: 2", "ok"), ("Transfer-Encoding: chunked", "2\r\nok\r\n0\r\n\r\n")]
    {
        let head = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n");
        for (behind, kept) in [("", ""), ("\r\nHTTP", "\r\nHTTP"), (&long, &long[..64])] {
            let mut response = read_whole(&format!("{head}{body}{behind}"));
            assert_eq!(response.body(), b"ok", "{framing}");
            assert_eq!(response.body_padded()[2..], [0; TAIL], "{framing}");
            assert_eq!(&*response.take_surplus(), kept.as_bytes(), "{framing}");
            assert!(response.take_surplus().is_empty());
        }
    }
}

#[test]
fn each_case_gives_its_verdict_however_it_is_cut() {
    for case in table() {
        let verdict = whole(&case);
        case.check(&verdict);
        assert_eq!(in_bytes(&case), verdict, "{}: byte by byte", case.name);
        // A long case is cut at every position near its ends and at a prime step between.
        let len = case.bytes.len();
        let near = |at: &usize| len < 3000 || *at < 200 || len - *at < 200 || at.is_multiple_of(97);
        for at in (0..=len).filter(near) {
            assert_eq!(feed_cut(&case, &[at]), verdict, "{}: cut at {at}", case.name);
        }
        for step in [2, 3, 7] {
            let cuts: Vec<_> = (0..len).step_by(step).collect();
            assert_eq!(feed_cut(&case, &cuts), verdict, "{}: steps of {step}", case.name);
        }
    }
}

/// RFC 9112 section 6.3: what follows is no part of the response, and the connection is lost.
#[test]
fn a_second_response_behind_changes_nothing_but_the_reuse() {
    for case in table() {
        if case.end != End::Open {
            continue;
        }
        let alone = whole(&case);
        let mut followed = case.clone();
        followed.bytes.extend_from_slice(NEXT);
        let want = match alone.clone() {
            Verdict::Done(seen, _) => Verdict::Done(seen, Reuse::Close(SurplusBytes)),
            other => other,
        };
        assert_eq!(whole(&followed), want, "{}: whole", case.name);
        assert_eq!(in_bytes(&followed), want, "{}: byte by byte", case.name);
        let at = case.bytes.len();
        assert_eq!(feed_cut(&followed, &[at]), want, "{}: behind", case.name);
        assert_eq!(feed_cut(&followed, &[at - 1, at + 1]), want, "{}: across", case.name);
    }
}

#[test]
fn an_incomplete_response_never_succeeds() {
    for case in table() {
        let complete = match &case.want {
            Want::Done { surplus, .. } => case.bytes.len() - surplus,
            Want::Fails(_) => case.bytes.len(),
        };
        let near = |len: &usize| *len < 300 || complete - len < 100 || len.is_multiple_of(797);
        for len in (0..complete).filter(|len| complete < 10_000 && near(len)) {
            for end in [End::Clean, End::Unclean] {
                let mut cut = case.clone();
                cut.bytes.truncate(len);
                cut.end = end;
                let verdict = whole(&cut);
                assert_eq!(in_bytes(&cut), verdict, "{}: ends at {len}", case.name);
                let in_body = case.until_close && verdict.head_is_complete();
                match (&case.want, verdict) {
                    (_, Verdict::Done(..)) if in_body && end == End::Clean => {}
                    (_, Verdict::Failed(Outcome::BodyTruncated, _)) if in_body => {}
                    (_, Verdict::Failed(Outcome::ConnectionClosed, _)) if !in_body => {}
                    (Want::Fails(why), Verdict::Failed(outcome, _)) if outcome == *why => {}
                    (_, other) => panic!("{}: ends at {len}: {other:?}", case.name),
                }
            }
        }
    }
}

/// RFC 9112 section 9.8: only a body that the close delimits needs the close to be clean.
#[test]
fn an_eof_behind_a_complete_response_does_not_touch_it() {
    for case in table() {
        for end in [End::Clean, End::Unclean] {
            let mut closed = case.clone();
            closed.end = end;
            match (whole(&case), whole(&closed)) {
                (before, after) if case.end != End::Open || before == Verdict::Pending => {
                    drop(after);
                }
                (Verdict::Done(before, Reuse::KeepAlive), after) => {
                    assert_eq!(after, Verdict::Done(before, Reuse::Close(IdleClosed)));
                }
                (before, after) => assert_eq!(after, before, "{}", case.name),
            }
        }
    }
}

#[test]
fn every_outcome_of_a_response_is_produced() {
    let produced: HashSet<_> = table()
        .iter()
        .filter_map(|case| match case.want {
            Want::Fails(outcome) => Some(outcome),
            Want::Done { .. } => None,
        })
        .collect();
    // These are about deadlines, sockets, TLS and the caller; the codec knows nothing of them.
    let foreign = [
        Outcome::Ok,
        Outcome::Timeout,
        Outcome::Cancelled,
        Outcome::Shutdown,
        Outcome::ConnectionReset,
        Outcome::IoError,
        Outcome::TlsError,
        Outcome::Suspended,
        Outcome::Draining,
        Outcome::UnsolicitedResponse,
        Outcome::OutOfMemory,
        Outcome::Internal,
    ];
    for outcome in Outcome::ALL {
        assert_ne!(produced.contains(outcome), foreign.contains(outcome), "{outcome:?}");
    }
}

#[test]
fn a_failed_exchange_stays_failed() {
    let case = Case::new("bad", b"HTTP/1.1 200 OK\r\n folded\r\n\r\n");
    let mut r = Response::with_capacity(1000);
    let mut exchange = Exchange::new(false, false);
    let l = Limits::default();
    r.space(&l, usize::MAX).unwrap()[..case.bytes.len()].copy_from_slice(&case.bytes);
    r.commit(case.bytes.len());
    assert_eq!(exchange.on_bytes(&mut r, &l), Err(Outcome::BadHeader));
    assert_eq!((r.status(), r.header_count()), (0, 0));
    r.space(&l, usize::MAX).unwrap()[..NEXT.len()].copy_from_slice(NEXT);
    r.commit(NEXT.len());
    assert_eq!(exchange.on_bytes(&mut r, &l), Err(Outcome::BadHeader));
    assert_eq!(exchange.on_eof(&mut r, true), Err(Outcome::BadHeader));
}

#[test]
fn has_begun_is_true_from_the_first_byte_on() {
    let mut r = Response::with_capacity(1000);
    let mut exchange = Exchange::new(false, false);
    let l = Limits::default();
    assert_eq!(exchange.on_bytes(&mut r, &l), Ok(Progress::NeedMore));
    assert!(!exchange.has_begun());
    for byte in b"HTTP/1.1 100 Continue\r\n\r\n" {
        r.space(&l, usize::MAX).unwrap()[0] = *byte;
        r.commit(1);
        assert_eq!(exchange.on_bytes(&mut r, &l), Ok(Progress::NeedMore));
        assert!(exchange.has_begun());
    }
    // The interim response is gone from the buffer, and still the exchange has begun.
    assert!(r.buf.is_empty());
    assert_eq!((r.status(), r.interim_count()), (0, 1));
    assert_eq!(exchange.on_bytes(&mut r, &l), Ok(Progress::NeedMore));
    assert!(exchange.has_begun());
    // An end of the connection is final too.
    assert_eq!(exchange.on_eof(&mut r, true), Err(Outcome::ConnectionClosed));
    assert_eq!(exchange.on_bytes(&mut r, &l), Err(Outcome::ConnectionClosed));
}

/// One response object, thousands of exchanges: nothing of one is seen in the next, and nothing is
/// allocated once the memory is warm.
#[test]
fn a_recycled_response_is_as_good_as_new() {
    let mut r = Response::with_capacity(64 * 1024);
    let memory = |r: &Response| (r.buf.filled().as_ptr(), r.capacity(), r.head.fields().as_ptr());
    for case in table() {
        if case.bytes.len() < 10_000 {
            let verdict = feed(&mut r, &case, &[case.bytes.len() / 2]);
            assert_eq!(verdict, whole(&case), "{}", case.name);
        }
        r.recycle(64 * 1024);
        assert_eq!((r.status(), r.header_count(), r.body()), (0, 0, &b""[..]));
        assert_eq!((r.reason(), r.find(b"a")), (&b""[..], None));
    }
    let warm = memory(&r);
    for case in table().iter().filter(|case| case.bytes.len() < 10_000) {
        feed(&mut r, case, &[1, 20]);
        r.recycle(64 * 1024);
        assert_eq!(memory(&r), warm, "{}", case.name);
    }
}

/// Issue 4.6. Counted, not timed: bytes looked at and bytes moved, over a response of 64 KiB that
/// arrives in single bytes.
#[test]
fn cost_is_linear_in_the_bytes_however_they_are_cut() {
    let body = vec![b'x'; 64 * 1024];
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let length = [head.as_bytes(), &body].concat();
    let mut chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(128) {
        chunked.extend_from_slice(b"80;name=value\r\n");
        chunked.extend_from_slice(chunk);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    let field = format!("X-Long: {}\r\n", "v".repeat(32 * 1024 - 40));
    let long_line = format!("HTTP/1.1 204 \r\n{field}\r\n").into_bytes();
    let many_lines = format!("HTTP/1.1 204 \r\n{}\r\n", "A: b\r\n".repeat(128)).into_bytes();
    let interim = [b"HTTP/1.1 103 \r\nLink: a\r\n\r\n".repeat(16), length.clone()].concat();
    for (name, bytes) in [
        ("length", length),
        ("chunked", chunked),
        ("long line", long_line),
        ("many lines", many_lines),
        ("interim", interim),
    ] {
        let case = Case::new(name, &bytes);
        for step in [1, 2, 1460, bytes.len()] {
            let cuts: Vec<_> = (0..bytes.len()).step_by(step).collect();
            cost::take();
            assert!(matches!(feed_cut(&case, &cuts), Verdict::Done(_, Reuse::KeepAlive)), "{name}");
            let spent = cost::take();
            assert!(spent <= 5 * bytes.len() + 1000, "{name} by {step}: {spent}");
        }
    }
}
