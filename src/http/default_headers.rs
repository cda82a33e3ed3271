//! The default headers of an origin at one moment, encoded: the lines that each request gets.
//!
//! A set never changes. To replace a value, a new set is made, with the number of the next
//! generation, and the old one goes when its last holder does. Its lines may hold keys and tokens,
//! so they are wiped from memory then. A name keeps its place in all later sets, also when it is
//! removed, so that a request can note by places what it has overridden. This file knows neither
//! requests nor who holds a set.

use std::ops::Range;

use zeroize::Zeroizing;

use crate::error::Status;
use crate::http::field;

/// The most names that there can be: a request has one bit for each.
pub const MAX_DEFAULT_HEADERS: usize = HeaderSet::BITS as usize;

/// A set of default headers, by their places.
pub(super) type HeaderSet = u64;

/// The default headers of one generation.
pub(super) struct DefaultHeaders {
    generation: u64,
    headers: Box<[DefaultHeader]>,
    /// The lines of all of them, one after the other, for the many requests that override none.
    lines: Zeroizing<Vec<u8>>,
    /// Those that say `Connection: close`.
    closing: HeaderSet,
}

/// A name, and where its line stands, with its CRLF; empty if it was removed.
struct DefaultHeader {
    name: Box<[u8]>,
    line: Range<usize>,
}

impl DefaultHeaders {
    /// The first generation.
    ///
    /// # Panics
    /// If there are more than [`MAX_DEFAULT_HEADERS`].
    pub(super) fn new<'a>(headers: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let headers = headers.into_iter().map(|(name, value)| (name, Some(value)));
        Self::encode(0, &headers.collect::<Vec<_>>())
    }

    /// The next generation, in which that header has another value, or none. An empty User-Agent
    /// is none, as in the configuration.
    ///
    /// # Errors
    /// As [`field::check_header`]; `ERR_ARGUMENT` for one name too many; `ERR_NOT_FOUND` if there
    /// is no such header to be removed.
    pub(super) fn with(&self, name: &[u8], value: Option<&[u8]>) -> Result<Self, Status> {
        field::check_setting(name, value.unwrap_or_default())?;
        let is_user_agent = name.eq_ignore_ascii_case(b"user-agent");
        let sent = value.filter(|value| !(is_user_agent && value.is_empty()));
        let of = |header: &DefaultHeader| self.value(header);
        let known = self.headers.iter().map(|header| (&header.name[..], of(header)));
        let mut headers: Vec<_> = known.collect();
        let place = headers.iter().position(|(known, _)| known.eq_ignore_ascii_case(name));
        let is_there = place.is_some_and(|place| headers[place].1.is_some());
        match place {
            _ if value.is_none() && !is_there => return Err(Status::ERR_NOT_FOUND),
            Some(place) => headers[place] = (name, sent),
            None if sent.is_none() => {}
            None if headers.len() == MAX_DEFAULT_HEADERS => return Err(Status::ERR_ARGUMENT),
            None => headers.push((name, sent)),
        }
        Ok(Self::encode(self.generation + 1, &headers))
    }

    fn encode(generation: u64, headers: &[(&[u8], Option<&[u8]>)]) -> Self {
        assert!(headers.len() <= MAX_DEFAULT_HEADERS);
        let len = |(name, value): &(&[u8], Option<&[u8]>)| {
            value.map_or(0, |value| line(name, value).iter().map(|piece| piece.len()).sum())
        };
        // Of the right size from the start: memory that it grew out of would not be wiped.
        let mut lines = Zeroizing::new(Vec::with_capacity(headers.iter().map(len).sum()));
        let mut closing = 0;
        let mut encode = |(place, &(name, value)): (usize, &(&[u8], Option<&[u8]>))| {
            let start = lines.len();
            if let Some(value) = value {
                debug_assert_eq!(field::check_header(name, value), Ok(()));
                line(name, value).into_iter().for_each(|piece| lines.extend_from_slice(piece));
                closing |= HeaderSet::from(field::says_close(name, value)) << place;
            }
            DefaultHeader { name: name.into(), line: start..lines.len() }
        };
        let headers = headers.iter().enumerate().map(&mut encode).collect();
        Self { generation, headers, lines, closing }
    }

    /// The value of a header; `None` if it was removed.
    fn value(&self, header: &DefaultHeader) -> Option<&[u8]> {
        self.lines[header.line.clone()].get(header.name.len() + 2..)?.strip_suffix(b"\r\n")
    }

    /// The number of the generation.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// The number of names, those of removed headers included.
    pub(super) fn len(&self) -> usize {
        self.headers.len()
    }

    /// The default header that a header of this name takes the place of, if there is one.
    pub(super) fn overridden_by(&self, name: &[u8]) -> HeaderSet {
        let same = |header: &DefaultHeader| {
            // The length decides for most.
            header.name.len() == name.len() && header.name.eq_ignore_ascii_case(name)
        };
        self.headers.iter().position(same).map_or(0, |place| 1 << place)
    }

    /// The lines of all of them in one piece.
    pub(super) fn all_lines(&self) -> &[u8] {
        &self.lines
    }

    /// The lines of those that are not overridden.
    pub(super) fn lines(&self, overridden: HeaderSet) -> impl Iterator<Item = &[u8]> {
        let headers = self.headers.iter().enumerate();
        let kept = headers.filter(move |(place, _)| overridden >> place & 1 == 0);
        kept.map(|(_, header)| &self.lines[header.line.clone()])
    }

    /// Whether one that is not overridden says `Connection: close`.
    pub(super) const fn closes(&self, overridden: HeaderSet) -> bool {
        self.closing & !overridden != 0
    }
}

/// The pieces of a header line.
fn line<'a>(name: &'a [u8], value: &'a [u8]) -> [&'a [u8]; 4] {
    [name, b": ", value, b"\r\n"]
}

#[cfg(test)]
mod tests;
