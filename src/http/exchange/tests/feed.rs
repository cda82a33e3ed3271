//! Ways to feed a case to the codec, and what is seen at the end.

use std::sync::Arc;

use super::cases::Case;
use crate::buf::TAIL;
use crate::error::{Outcome, Status};
use crate::http::exchange::{Exchange, Progress, Reuse};
use crate::http::limits::Limits;
use crate::http::response::Response;
use crate::http::watch::WatchList;

/// How the connection ends behind the bytes of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Open,
    Clean,
    Unclean,
}

/// All that a caller can see of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) status: u16,
    pub(super) minor: u8,
    pub(super) reason: Vec<u8>,
    pub(super) headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) body: Vec<u8>,
    pub(super) trailers: usize,
    pub(super) interim: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Pending,
    Done(Seen, Reuse),
    /// The outcome, and the status as far as it is known.
    Failed(Outcome, u16),
}

impl Verdict {
    pub(super) fn head_is_complete(&self) -> bool {
        matches!(self, Self::Done(..) | Self::Failed(_, 100..))
    }
}

pub(super) fn whole(case: &Case) -> Verdict {
    feed_cut(case, &[])
}

pub(super) fn in_bytes(case: &Case) -> Verdict {
    feed_cut(case, &(0..case.bytes.len()).collect::<Vec<_>>())
}

/// Feeds `case` cut at `cuts`, which ascend, to a new response that has room for all of it.
pub(super) fn feed_cut(case: &Case, cuts: &[usize]) -> Verdict {
    feed(&mut Response::with_capacity(case.bytes.len() + 1), case, cuts)
}

pub(super) fn feed(r: &mut Response, case: &Case, cuts: &[usize]) -> Verdict {
    let l = &case.limits;
    r.watch(&watch_list());
    let mut exchange = Exchange::new(case.head_request, case.request_close);
    let mut progress = Ok(Progress::NeedMore);
    let mut from = 0;
    for to in cuts.iter().copied().chain([case.bytes.len()]) {
        let to = to.clamp(from, case.bytes.len());
        let mut segment = &case.bytes[from..to];
        from = to;
        while !segment.is_empty() {
            let space = r.space(l, usize::MAX).unwrap();
            assert!(!space.is_empty(), "no room, and yet more is needed");
            let n = segment.len().min(space.len());
            space[..n].copy_from_slice(&segment[..n]);
            r.commit(n);
            segment = &segment[n..];
            progress = exchange.on_bytes(r, l);
            assert!(exchange.has_begun());
            if progress.is_err() {
                return verdict(r, progress);
            }
            assert_bounded(r, l, case.bytes.len());
        }
    }
    match case.end {
        End::Open => {}
        End::Clean => progress = exchange.on_eof(r, true),
        End::Unclean => progress = exchange.on_eof(r, false),
    }
    verdict(r, progress)
}

/// Names that are in many cases, twice in some, and one that is in none.
const WATCHED: [&[u8]; 6] =
    [b"content-length", b"Transfer-Encoding", b"CONNECTION", b"a", b"X-A", b"not-there"];

fn watch_list() -> Arc<WatchList> {
    let mut list = WatchList::default();
    WATCHED.iter().for_each(|name| assert!(list.add(name).is_ok()));
    Arc::new(list)
}

/// What is watched is what a search finds, once the head is whole, and nothing before.
fn assert_watched(r: &Response) {
    for (index, name) in WATCHED.iter().enumerate() {
        let found = r.find(name).filter(|_| r.has_head());
        assert_eq!(r.watched(index), found.ok_or(Status::ERR_NOT_FOUND));
    }
    assert_eq!(r.watched(WATCHED.len()), Err(Status::ERR_ARGUMENT));
}

fn verdict(r: &Response, progress: Result<Progress, Outcome>) -> Verdict {
    assert_watched(r);
    match progress {
        Ok(Progress::NeedMore) => Verdict::Pending,
        Ok(Progress::Done(reuse)) => Verdict::Done(seen(r), reuse),
        Err(outcome) => Verdict::Failed(outcome, r.status()),
    }
}

fn seen(r: &Response) -> Seen {
    let padded = r.body_padded();
    assert_eq!(&padded[..r.body().len()], r.body());
    assert_eq!(padded[r.body().len()..], [0; TAIL]);
    assert!(r.header(r.header_count()).is_none());
    Seen {
        status: r.status(),
        minor: r.version_minor(),
        reason: r.reason().to_vec(),
        headers: (0..r.header_count())
            .filter_map(|index| r.header(index))
            .map(|(name, value)| (name.to_vec(), value.to_vec()))
            .collect(),
        body: r.body().to_vec(),
        trailers: r.trailer_count(),
        interim: r.interim_count(),
    }
}

/// Memory stays within the limits, or what the test itself gave at the start.
fn assert_bounded(r: &Response, l: &Limits, given: usize) {
    let most = l.max_head_size.saturating_add(l.max_body_size).saturating_add(4096);
    assert!(r.capacity() <= most.max(given + 1).max(64 * 1024), "{}", r.capacity());
}
