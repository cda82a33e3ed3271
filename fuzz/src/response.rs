//! One response: the same verdict however it is cut, and the verdict of the model. Watched headers
//! are what a search finds.
//!
//! ```text
//!  flags          bit 0 HEAD, 1 request close, 2-3 end, 4 limits follow, 5-6 first memory
//!  limits         7 bytes, if bit 4 says so
//!  n, n lengths   how the bytes are cut, again and again; n = 0: into single bytes
//!  bytes          the response and what is behind it
//! ```

use std::sync::Arc;

use venuepool::error::{Outcome, Status};
use venuepool::http::exchange::{Exchange, Progress};
use venuepool::http::response::Response;
use venuepool::http::watch::WatchList;

use super::Limits;
use super::input::{Cuts, Input, assert_alike, assert_bounded};
use super::model::{Ask, judge};

/// Checks one input.
pub fn check(data: &[u8]) {
    let mut input = Input(data);
    let flags = input.byte();
    let ask = Ask {
        head_request: flags & 1 != 0,
        request_close: flags & 2 != 0,
        end: match flags >> 2 & 3 {
            1 => Some(true),
            2 => Some(false),
            _ => None,
        },
        limits: if flags & 16 != 0 { input.limits() } else { Limits::default() },
    };
    let cuts = Cuts::new(input.piece());
    let bytes = input.0;
    let memory = match flags >> 5 & 3 {
        0 => bytes.len() + 1,
        1 => 0,
        2 => 64,
        _ => 4096,
    };
    let model = judge(bytes, &ask);
    let list = watch_list();

    let mut whole = Response::with_capacity(bytes.len() + 1);
    whole.watch(&list);
    let verdict = feed(&mut whole, &ask, bytes, None, bytes.len() + 1);
    assert_alike(verdict, &whole, &model);
    assert_watched(&whole);

    let mut pieces = Response::with_capacity(memory);
    pieces.watch(&list);
    let again = feed(&mut pieces, &ask, bytes, Some(cuts), memory);
    assert_eq!(again, verdict, "the cuts have changed the verdict");
    assert_alike(again, &pieces, &model);
    assert_watched(&pieces);
}

const WATCHED: [&[u8]; 5] = [b"content-length", b"Transfer-Encoding", b"CONNECTION", b"a", b"x-a"];

fn watch_list() -> Arc<WatchList> {
    let mut list = WatchList::default();
    WATCHED.iter().for_each(|name| assert!(list.add(name).is_ok()));
    Arc::new(list)
}

fn assert_watched(r: &Response) {
    for (index, name) in WATCHED.iter().enumerate() {
        let found = r.find(name).filter(|_| r.has_head());
        assert_eq!(r.watched(index), found.ok_or(Status::ERR_NOT_FOUND));
    }
}

/// Feeds `bytes` to one exchange, in pieces or as a whole.
fn feed(
    r: &mut Response,
    ask: &Ask,
    bytes: &[u8],
    mut cuts: Option<Cuts<'_>>,
    memory: usize,
) -> Result<Progress, Outcome> {
    let mut exchange = Exchange::new(ask.head_request, ask.request_close);
    let mut progress = Ok(Progress::NeedMore);
    let mut rest = bytes;
    while !rest.is_empty() {
        let len = cuts.as_mut().map_or(rest.len(), Cuts::next_len);
        let (mut segment, behind) = rest.split_at(len.min(rest.len()));
        rest = behind;
        while !segment.is_empty() {
            let space = r.space(&ask.limits, usize::MAX).unwrap();
            assert!(!space.is_empty(), "no room, and yet more is needed");
            let n = segment.len().min(space.len());
            space[..n].copy_from_slice(&segment[..n]);
            r.commit(n);
            segment = &segment[n..];
            progress = exchange.on_bytes(r, &ask.limits);
            assert!(exchange.has_begun());
            assert_bounded(r, ask, memory);
            progress?;
        }
    }
    match ask.end {
        None => progress,
        Some(clean) => exchange.on_eof(r, clean),
    }
}
