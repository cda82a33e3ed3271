//! Many exchanges on one connection: desync hunting.
//!
//! The peer's bytes are one long stream. After each response that keeps the connection, the next
//! exchange must begin at exactly the byte that the model names, and at each read on the way the
//! codec and the model must agree on what has arrived so far. One response object serves all
//! exchanges, so nothing of one may be seen in the next.
//!
//! ```text
//!  flags            bit 0 limits follow, 1 the end of the stream is clean
//!  limits           7 bytes, if bit 0 says so
//!  n, n lengths     how the stream is cut into reads, as for one response
//!  m, m exchanges   bit 0 HEAD, 1 request close, 2 no read goes beyond the response; repeated
//!  bytes            the stream
//! ```

use venuepool::http::exchange::{Exchange, Progress};
use venuepool::http::response::Response;

use super::Limits;
use super::input::{Cuts, Input, assert_alike, assert_bounded, keeps};
use super::model::{Ask, Model, judge};

/// More than this tells nothing new, and costs the square of its length.
const MAX_STREAM: usize = 4096;

/// Checks one input.
pub fn check(data: &[u8]) {
    let mut input = Input(data);
    let flags = input.byte();
    let limits = if flags & 1 != 0 { input.limits() } else { Limits::default() };
    let mut cuts = Cuts::new(input.piece());
    let mut kinds = Cuts::new(input.piece());
    let stream = input.bytes(MAX_STREAM);
    let mut r = Response::with_capacity(64);
    let mut start = 0;
    while start < stream.len() {
        let kind = kinds.next_len() - 1;
        let ask =
            Ask { head_request: kind & 1 != 0, request_close: kind & 2 != 0, limits, end: None };
        let bytes = &stream[start..];
        let polite = if kind & 4 != 0 { end_of(bytes, &ask) } else { None };
        r.recycle(64);
        let clean = flags & 2 != 0;
        match exchange(&mut r, &ask, bytes, polite, &mut cuts, clean) {
            Some(used) => start += used,
            None => return,
        }
    }
}

/// Where the response at the start of `bytes` ends, if it is complete.
fn end_of(bytes: &[u8], ask: &Ask) -> Option<usize> {
    match judge(bytes, ask) {
        Model::Done(answer) => Some(answer.used),
        _ => None,
    }
}

/// One exchange; answers how many bytes it took if the connection may be used again.
fn exchange(
    r: &mut Response,
    ask: &Ask,
    bytes: &[u8],
    polite: Option<usize>,
    cuts: &mut Cuts<'_>,
    clean: bool,
) -> Option<usize> {
    let mut exchange = Exchange::new(ask.head_request, ask.request_close);
    let mut read = 0;
    while read < bytes.len() {
        let end = polite.unwrap_or(bytes.len());
        assert!(read < end, "the response was complete, and yet more was wanted");
        let space = r.space(&ask.limits, usize::MAX).unwrap();
        let n = cuts.next_len().min(end - read).min(space.len());
        space[..n].copy_from_slice(&bytes[read..read + n]);
        r.commit(n);
        read += n;
        let progress = exchange.on_bytes(r, &ask.limits);
        let model = judge(&bytes[..read], ask);
        assert_alike(progress, r, &model);
        assert_bounded(r, ask, 64);
        match (progress, &model) {
            (Ok(Progress::NeedMore), _) => {}
            (_, Model::Done(answer)) if keeps(progress) => {
                assert_eq!(read, answer.used, "the next exchange begins at the wrong byte");
                return Some(read);
            }
            _ => return None,
        }
    }
    let progress = exchange.on_eof(r, clean);
    assert_alike(progress, r, &judge(bytes, &Ask { end: Some(clean), ..*ask }));
    None
}
