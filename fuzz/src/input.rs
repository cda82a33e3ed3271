//! Cuts fuzz input into the numbers and bytes that a check wants. Input that ends early reads as
//! zeros, so that every input is a valid one.

use super::model::Ask;
use super::{Limits, Reuse};
use venuepool::http::exchange::Progress;
use venuepool::http::response::Response;

/// The input that is left.
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    pub(super) fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (front, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        front
    }

    /// Up to 255 bytes, of the length that the first says.
    pub(super) fn piece(&mut self) -> &'a [u8] {
        let len = self.byte();
        self.bytes(len.into())
    }

    /// Seven limits, one byte each; 255 is the default.
    pub(super) fn limits(&mut self) -> Limits {
        let usual = Limits::default();
        let mut limit = |default: usize| match self.byte() {
            255 => default,
            small => small.into(),
        };
        Limits {
            max_head_size: limit(usual.max_head_size),
            max_headers: limit(usual.max_headers),
            max_interim: limit(usual.max_interim),
            max_chunk_line: limit(usual.max_chunk_line),
            max_chunk_overhead: limit(usual.max_chunk_overhead),
            max_trailer_size: limit(usual.max_trailer_size),
            max_body_size: limit(usual.max_body_size),
        }
    }
}

/// The lengths of segments: what the input lists, again and again; single bytes when it lists
/// nothing.
#[derive(Clone)]
pub(super) struct Cuts<'a>(std::iter::Cycle<std::slice::Iter<'a, u8>>);

impl<'a> Cuts<'a> {
    pub(super) fn new(list: &'a [u8]) -> Self {
        Self(if list.is_empty() { [0].iter() } else { list.iter() }.cycle())
    }

    /// The next length, at least 1.
    pub(super) fn next_len(&mut self) -> usize {
        self.0.next().map_or(1, |len| usize::from(*len) + 1)
    }
}

/// Memory stays within the limits.
pub(super) fn assert_bounded(r: &Response, ask: &Ask, given: usize) {
    let most = ask.limits.max_head_size + ask.limits.max_body_size + 4096;
    assert!(r.capacity() <= most.max(given), "{} bytes of memory", r.capacity());
}

/// The codec says what the model says, of all that a caller can see.
pub(super) fn assert_alike(
    progress: Result<Progress, venuepool::error::Outcome>,
    r: &Response,
    model: &super::model::Model,
) {
    use super::model::Model;
    match (progress, model) {
        (Err(_), Model::Refused) | (Ok(Progress::NeedMore), Model::Incomplete) => {}
        (Ok(Progress::Done(reuse)), Model::Done(answer)) => {
            assert_eq!(reuse, answer.reuse);
            assert_eq!((r.status(), r.version_minor()), (answer.status, answer.minor));
            assert_eq!(r.reason(), answer.reason);
            assert_eq!(r.body(), answer.body);
            assert_eq!((r.trailer_count(), r.interim_count()), (answer.trailers, answer.interim));
            assert_eq!(r.header_count(), answer.headers.len());
            for (index, (name, value)) in answer.headers.iter().enumerate() {
                assert_eq!(r.header(index), Some((&name[..], &value[..])));
            }
            let padded = r.body_padded();
            assert_eq!(&padded[..r.body().len()], r.body());
            assert!(padded[r.body().len()..] == [0; 64], "the tail is not zero");
        }
        (codec, model) => panic!("the codec says {codec:?}, the model {model:?}"),
    }
}

/// Whether the connection may carry the next exchange.
pub(super) fn keeps(progress: Result<Progress, venuepool::error::Outcome>) -> bool {
    progress == Ok(Progress::Done(Reuse::KeepAlive))
}

#[cfg(test)]
mod tests {
    use super::super::model::judge;
    use super::*;
    use venuepool::http::exchange::Exchange;

    /// The comparison sees what is wrong: a model that judges other bytes disagrees.
    #[test]
    fn a_disagreement_is_seen() {
        let good = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        let ask = Ask::default();
        let mut r = Response::with_capacity(100);
        r.space(&ask.limits, usize::MAX).unwrap()[..good.len()].copy_from_slice(good);
        r.commit(good.len());
        let progress = Exchange::new(false, false).on_bytes(&mut r, &ask.limits);
        assert_alike(progress, &r, &judge(good, &ask));
        for other in [&good[..good.len() - 1], b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nh"] {
            let compare = || assert_alike(progress, &r, &judge(other, &ask));
            assert!(std::panic::catch_unwind(compare).is_err());
        }
    }
}
