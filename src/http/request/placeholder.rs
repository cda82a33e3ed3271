//! Places of a request that are filled when it is sent ([`crate::http::late`]).

use super::writer::Writer;
use super::{Phase, Request};
use crate::error::Status;
use crate::http::late::{Late, MAX_PLACES, OnSend, Place, Rule};
use crate::tag::Tag;

/// What stands in a place until it is filled.
const FILLER: u8 = b'0';

impl Request {
    /// Appends `len` bytes to the query, or to the value of the header that was added last. They
    /// are filled when the request is sent. Answers the number of the place.
    ///
    /// # Errors
    /// `ERR_PHASE` if not begun, before the query, after Host or a header of the library, after
    /// `Connection`, or after the body; `ERR_ARGUMENT` for no bytes; `ERR_TOO_LARGE` also for more
    /// than [`MAX_PLACES`].
    pub fn placeholder(&mut self, len: usize) -> Result<usize, Status> {
        let written = self.write_placeholder(len);
        self.keep(written)
    }

    /// Has `len` bytes of the body, which is written already, filled when the request is sent.
    /// `offset` is from its begin. Answers the number of the place.
    ///
    /// # Errors
    /// `ERR_PHASE` without a body; `ERR_ARGUMENT` for no bytes, or beyond the body;
    /// `ERR_TOO_LARGE` for more than [`MAX_PLACES`].
    pub fn body_placeholder(&mut self, offset: usize, len: usize) -> Result<usize, Status> {
        let noted = self.note_body_place(offset, len);
        self.keep(noted)
    }

    /// Sets who fills the places; kept across [`begin`](Self::begin).
    pub fn set_on_send(&mut self, on_send: Option<OnSend>) {
        self.on_send = on_send;
    }

    /// Whether it is signed when it is sent: somebody fills its places, or it has places.
    pub fn is_late(&self) -> bool {
        self.on_send.is_some() || self.state.places != 0
    }

    /// The bytes of a request that is at its end, with all that is needed to sign it, and its tag.
    ///
    /// # Errors
    /// `ERR_PHASE` before that, or if no function fills its places.
    pub fn late(&mut self) -> Result<(Late<'_>, &Tag), Status> {
        match (&self.on_send, self.state.phase) {
            (Some(on_send), Phase::Finished) => {
                let bytes = &mut self.buf[..self.state.len];
                let late = Late { bytes, places: &self.places[..self.state.places], on_send };
                Ok((late, &self.tag))
            }
            _ => Err(self.not_now()),
        }
    }

    fn write_placeholder(&mut self, len: usize) -> Result<usize, Status> {
        let (rule, at) = match self.state.phase {
            Phase::Target if self.state.joint != b"?" => (Rule::Query, self.state.len),
            Phase::Header if self.state.takes_place => {
                (Rule::HeaderValue, self.state.len - b"\r\n".len())
            }
            _ => return Err(self.not_now()),
        };
        let place = Place { distance: at, len, rule };
        let number = self.free_place(&place)?;
        let mut out = Writer { buf: &mut self.buf, at };
        out.skip(len)?.fill(FILLER);
        if rule == Rule::HeaderValue {
            out.put(b"\r\n")?;
        }
        self.state.len = out.at;
        self.note(number, place);
        if rule == Rule::Query {
            self.state.joint = b"&";
        }
        Ok(number)
    }

    fn note_body_place(&mut self, offset: usize, len: usize) -> Result<usize, Status> {
        if self.state.phase != Phase::Finished || self.state.body_len == 0 {
            return Err(self.not_now());
        }
        let left = self.state.body_len.checked_sub(offset).filter(|left| *left >= len);
        let distance = left.ok_or(Status::ERR_ARGUMENT)?;
        let place = Place { distance, len, rule: Rule::Body };
        let number = self.free_place(&place)?;
        self.note(number, place);
        Ok(number)
    }

    /// The number that the place will have.
    fn free_place(&self, place: &Place) -> Result<usize, Status> {
        match self.state.places {
            _ if place.len == 0 => Err(Status::ERR_ARGUMENT),
            MAX_PLACES => Err(Status::ERR_TOO_LARGE),
            number => Ok(number),
        }
    }

    fn note(&mut self, number: usize, place: Place) {
        self.places[number] = place;
        self.state.places = number + 1;
    }
}
