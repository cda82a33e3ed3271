//! Late signing: bytes of a request that are written when it is sent, and the function that writes
//! them.
//!
//! ```text
//!  building    a placeholder keeps so many bytes in the query, in a header value or in the body
//!  sending     the function fills each of them, or withdraws the request
//! ```
//!
//! The length never changes, so nothing moves. What is filled in is checked by the rules of its
//! place. A request with a place that was not filled, or that was filled with what may not stand
//! there, is not sent.
//!
//! This file knows no connection and no clock: the times are given.

use std::sync::Arc;

use crate::error::Status;
use crate::http::field;

/// The most placeholders of one request.
pub const MAX_PLACES: usize = 8;

/// Writes what is due when the request is sent. Answers whether it is to be sent.
pub type OnSend = Arc<dyn Fn(&mut Sending<'_>) -> bool + Send + Sync>;

/// What may stand in a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// What may stand in a query (RFC 3986 section 3.4), with whole percent triplets.
    Query,
    /// What may stand in a header value (RFC 9110 section 5.5).
    HeaderValue,
    /// Any bytes.
    #[default]
    Body,
}

/// Bytes of a request that are filled when it is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// From the begin of the request to its first byte; in the body from there to the end of the
    /// request, because the head before it may still change.
    pub distance: usize,
    /// How many bytes.
    pub len: usize,
    /// What may stand there.
    pub rule: Rule,
}

/// When and where a request is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// The number of the request.
    pub id: u64,
    /// The caller's own number.
    pub user_data: u64,
    /// The slot that it is sent on.
    pub slot: u32,
    /// Now, in nanoseconds of CLOCK_MONOTONIC.
    pub now_ns: u64,
    /// Now, in nanoseconds since 1970.
    pub wall_ns: u64,
}

/// A request that is about to be sent.
pub struct Sending<'a> {
    /// When and where.
    pub moment: Moment,
    bytes: &'a mut [u8],
    places: &'a [Place],
    /// A bit for each place that was filled.
    filled: u32,
    is_spoilt: bool,
}

impl Sending<'_> {
    /// All bytes of the request, as they are now.
    pub fn bytes(&self) -> &[u8] {
        self.bytes
    }

    /// Fills a place. A refusal withdraws the request, whatever the function answers.
    ///
    /// # Errors
    /// `ERR_ARGUMENT` if there is no such place, or `value` is not as long as it; `ERR_PATH` and
    /// `ERR_HEADER_VALUE` for a byte that may not stand there.
    pub fn fill(&mut self, number: usize, value: &[u8]) -> Result<(), Status> {
        self.try_fill(number, value).inspect_err(|_| self.is_spoilt = true)
    }

    /// Withdraws the request, whatever the function answers.
    pub fn spoil(&mut self) {
        self.is_spoilt = true;
    }

    fn try_fill(&mut self, number: usize, value: &[u8]) -> Result<(), Status> {
        let place = self.places.get(number).filter(|place| place.len == value.len());
        let place = place.ok_or(Status::ERR_ARGUMENT)?;
        let start = match place.rule {
            Rule::Query if !field::is_target(value) => return Err(Status::ERR_PATH),
            Rule::HeaderValue if !field::is_value(value) => return Err(Status::ERR_HEADER_VALUE),
            Rule::Query | Rule::HeaderValue => place.distance,
            Rule::Body => self.bytes.len() - place.distance,
        };
        self.bytes[start..start + value.len()].copy_from_slice(value);
        self.filled |= 1 << number;
        Ok(())
    }
}

/// A request that is signed when it is sent.
pub struct Late<'a> {
    /// All its bytes.
    pub bytes: &'a mut [u8],
    /// What is filled.
    pub places: &'a [Place],
    /// Who fills it.
    pub on_send: &'a OnSend,
}

impl Late<'_> {
    /// Has the places filled. Answers whether the request is to be sent.
    pub fn sign(&mut self, moment: Moment) -> bool {
        let (filled, is_spoilt) = (0, false);
        let places = self.places;
        let mut sending = Sending { moment, bytes: self.bytes, places, filled, is_spoilt };
        let is_wanted = (self.on_send)(&mut sending);
        is_wanted && !sending.is_spoilt && sending.filled == (1 << places.len()) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"GET /?t=00 HTTP/1.1\r\nSign: 000\r\n\r\nbody";

    const PLACES: [Place; 3] = [
        Place { distance: 8, len: 2, rule: Rule::Query },
        Place { distance: 27, len: 3, rule: Rule::HeaderValue },
        Place { distance: 4, len: 1, rule: Rule::Body },
    ];

    /// What comes of it, and the bytes.
    fn sign(fill: impl Fn(&mut Sending<'_>) -> bool + Send + Sync + 'static) -> (bool, String) {
        let (mut bytes, on_send) = (HEAD.to_vec(), Arc::new(fill) as OnSend);
        let moment = Moment { slot: 3, ..Moment::default() };
        let mut late = Late { bytes: &mut bytes, places: &PLACES, on_send: &on_send };
        let is_sent = late.sign(moment);
        (is_sent, String::from_utf8(bytes).unwrap())
    }

    fn fill_all(sending: &mut Sending<'_>) {
        for (place, value) in [b"12".as_slice(), b"a b", b"B"].into_iter().enumerate() {
            sending.fill(place, value).unwrap();
        }
    }

    #[test]
    fn each_place_is_filled_where_it_is() {
        let (is_sent, bytes) = sign(|sending| {
            assert_eq!((sending.bytes(), sending.moment.slot), (HEAD, 3));
            fill_all(sending);
            sending.bytes().ends_with(b"Body")
        });
        assert!(is_sent);
        assert_eq!(bytes, "GET /?t=12 HTTP/1.1\r\nSign: a b\r\n\r\nBody");
    }

    #[test]
    fn what_is_refused_or_forgotten_withdraws_the_request() {
        let refused = |place, value: &'static [u8], status| {
            let (is_sent, bytes) = sign(move |sending| {
                fill_all(sending);
                assert_eq!(sending.fill(place, value), Err(status));
                true
            });
            assert!(!is_sent && bytes.ends_with("Body"), "{place} {value:?}");
        };
        refused(0, b"1", Status::ERR_ARGUMENT);
        refused(0, b"123", Status::ERR_ARGUMENT);
        refused(3, b"1", Status::ERR_ARGUMENT);
        refused(usize::MAX, b"1", Status::ERR_ARGUMENT);
        refused(0, b"1 ", Status::ERR_PATH);
        refused(0, b"%4", Status::ERR_PATH);
        refused(0, b"#1", Status::ERR_PATH);
        refused(1, b"a\r\n", Status::ERR_HEADER_VALUE);
        refused(1, b"a\0b", Status::ERR_HEADER_VALUE);
        assert!(!sign(|sending| sending.fill(0, b"12").is_ok()).0, "two are not filled");
        let vetoed = |sending: &mut Sending<'_>| {
            fill_all(sending);
            false
        };
        assert!(!sign(vetoed).0);
    }
}
