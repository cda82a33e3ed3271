//! A response: the buffer it arrives in, and where its parts lie.
//!
//! It owns the bytes and says where the next ones go; `exchange.rs` decides what they mean and
//! writes the offsets down here. It does not know how a head or a body is framed.
//!
//! ```text
//!   head                | body, de-chunked in place | 64 zero bytes
//!   0 ............ body.start ............... body.end
//! ```

use std::ops::Range;
use std::sync::Arc;

use super::head::Head;
use super::limits::Limits;
use super::watch::{WatchList, Watched};
use crate::buf::{Buf, TAIL};
use crate::error::{Outcome, Status};
use crate::net::pages::PAGE;

/// The least room that is offered when the length of what comes is not known, in bytes. Most
/// answers to an order are shorter.
const READ_ROOM: usize = 4 * 1024;

/// How much memory a response keeps at rest, in bytes: one page. Most answers to an order fit.
const AT_REST: usize = PAGE - TAIL;
/// How much is kept of what came behind a response, for whoever wants to know what it was.
const SURPLUS: usize = 64;

/// One response and the memory it lives in.
///
/// It is filled by [`Exchange`](super::exchange::Exchange); what is read here holds from
/// [`Progress::Done`](super::exchange::Progress::Done) or
/// [`Response::give_up`] on, until [`Response::recycle`].
#[derive(Clone, Debug)]
pub struct Response {
    pub(super) buf: Buf,
    pub(super) head: Head,
    /// Where the body lies; it begins at the head's end and is empty until the response is done.
    pub(super) body: Range<usize>,
    /// Where the last byte will stand, once the head has told.
    pub(super) expected_end: Option<usize>,
    pub(super) trailer_count: usize,
    pub(super) interim_count: usize,
    /// The response has come to its end.
    pub(super) complete: bool,
    /// There is a `Keep-Alive` field in the head, once the exchange has looked.
    pub(super) has_keep_alive: bool,
    /// Found in the head of the final response, once that is whole; `None` if nothing is watched.
    pub(super) watched: Option<Box<Watched>>,
    /// The first bytes that came behind the end, until they are taken.
    surplus: Option<Box<[u8]>>,
}

impl Response {
    /// An empty response with room for `capacity` bytes of head and body, which takes memory as it
    /// is used.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            buf: Buf::with_capacity(capacity),
            head: Head::default(),
            body: 0..0,
            expected_end: None,
            trailer_count: 0,
            interim_count: 0,
            complete: false,
            has_keep_alive: false,
            watched: None,
            surplus: None,
        }
    }

    /// Lets the fields of these names be found in each head, for [`Response::watched`].
    pub fn watch(&mut self, list: &Arc<WatchList>) {
        self.watched = Some(Box::new(Watched::new(Arc::clone(list))));
    }

    /// Forgets everything and is ready for the next exchange. What came behind the end is left: it
    /// is rare, and whoever is told of it has taken it. Memory is kept, except that a buffer
    /// that grew beyond `keep_capacity` bytes is cut back to them.
    pub fn recycle(&mut self, keep_capacity: usize) {
        self.buf.clear();
        self.buf.shrink_to(keep_capacity);
        self.head.clear();
        self.body = 0..0;
        self.expected_end = None;
        self.trailer_count = 0;
        self.interim_count = 0;
        self.complete = false;
        self.has_keep_alive = false;
    }

    /// Whether it holds more memory than at rest, of this response or of former ones.
    pub fn is_large(&self) -> bool {
        self.buf.used() > AT_REST
    }

    /// Gives memory back that only large responses need. The room stays.
    pub fn rest(&mut self) {
        self.buf.give_back(AT_REST);
    }

    /// For tests: as if so many bytes had been received.
    #[cfg(test)]
    pub fn use_memory(&mut self, bytes: usize) {
        self.buf.commit(bytes);
    }

    /// Takes memory for all the room there is, so that no read into it is a page fault.
    pub fn touch(&mut self) {
        self.buf.touch();
    }

    /// The status code, 200 to 599 (RFC 9110 section 15).
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// 1 for HTTP/1.1, 0 for HTTP/1.0 (RFC 9110 section 2.5).
    pub fn version_minor(&self) -> u8 {
        self.head.version_minor
    }

    /// The reason phrase as it was sent, empty when there was none (RFC 9112 section 4).
    pub fn reason(&self) -> &[u8] {
        self.head.reason.of(self.buf.filled())
    }

    /// The number of fields in the head.
    pub fn header_count(&self) -> usize {
        self.head.fields().len()
    }

    /// Name and value of field `index`, in the order in which they were sent. The value is without
    /// the white space around it and may hold obs-text (RFC 9110 section 5.5).
    pub fn header(&self, index: usize) -> Option<(&[u8], &[u8])> {
        let field = self.head.fields().get(index)?;
        let bytes = self.buf.filled();
        Some((field.name(bytes), field.value(bytes)))
    }

    /// The value of the first field called `name`; case does not matter (RFC 9110 section 5.1).
    pub fn find(&self, name: &[u8]) -> Option<&[u8]> {
        self.find_all(name).next()
    }

    /// The values of all fields called `name`, in the order in which they were sent. Of a field
    /// whose value is a list they are one list (RFC 9110 section 5.3).
    pub fn find_all(&self, name: &[u8]) -> impl Iterator<Item = &[u8]> {
        let bytes = self.buf.filled();
        // The length decides for most, without a look at the bytes.
        let fields = self.head.fields().iter().filter(move |field| field.name_len() == name.len());
        let found = fields.filter(move |field| field.name(bytes).eq_ignore_ascii_case(name));
        found.map(move |field| field.value(bytes))
    }

    /// The value of the first field that has the watched name with that index, without a search.
    ///
    /// # Errors
    /// `ERR_ARGUMENT` if no name has that index; `ERR_NOT_FOUND` if there is no such field.
    pub fn watched(&self, index: usize) -> Result<&[u8], Status> {
        let field = self.watched.as_ref().ok_or(Status::ERR_ARGUMENT)?.field(index)?;
        // What was found in the head before this one is not of this one.
        if self.has_head() {
            Ok(field.value(self.buf.filled()))
        } else {
            Err(Status::ERR_NOT_FOUND)
        }
    }

    /// Whether this is a whole response. If not, its head is whole and its body is what had arrived
    /// when the exchange ended.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// The body in one piece, without chunk framing.
    pub fn body(&self) -> &[u8] {
        &self.buf.filled()[self.body.clone()]
    }

    /// The body and the [`TAIL`] zero bytes behind it.
    pub fn body_padded(&self) -> &[u8] {
        self.buf.padded_from(self.body.start)
    }

    /// The head, if it is whole, and all else that has come and was not taken away.
    pub fn received(&self) -> (&[u8], &[u8]) {
        self.buf.filled().split_at(self.body.start)
    }

    /// What came behind the head of a 101; nothing for any other response that is whole.
    pub fn behind(&self) -> &[u8] {
        &self.buf.filled()[self.body.end..]
    }

    /// The first bytes that came behind the end of the response, for who is told
    /// [`CloseReason::SurplusBytes`](crate::error::CloseReason::SurplusBytes): answered once. They
    /// are no part of it.
    pub fn take_surplus(&mut self) -> Box<[u8]> {
        self.surplus.take().unwrap_or_default()
    }

    /// Keeps the first of the bytes from that offset on, which the end of the response cuts off.
    #[cold]
    pub(super) fn keep_surplus(&mut self, start: usize) {
        let surplus = &self.buf.filled()[start..];
        self.surplus = Some(surplus[..surplus.len().min(SURPLUS)].into());
    }

    /// The number of trailer fields. They are checked and not kept (RFC 9110 section 6.5.1 lets a
    /// recipient discard them).
    pub fn trailer_count(&self) -> usize {
        self.trailer_count
    }

    /// The number of interim (1xx) responses that came before this one.
    pub fn interim_count(&self) -> usize {
        self.interim_count
    }

    /// The size of the buffer in bytes.
    pub fn capacity(&self) -> usize {
        self.buf.capacity()
    }

    /// Where the next bytes of the response go, at most `most` of them, which is not 0;
    /// [`Response::commit`] says how many did. Never empty while the exchange says `NeedMore`.
    ///
    /// Grows the buffer when it is full, by what has come and not by what was announced: to twice
    /// its size, but never beyond the end that Content-Length told, nor beyond `max_head_size` +
    /// `max_body_size` and a constant.
    ///
    /// # Errors
    /// `OutOfMemory`. What has come stays.
    #[inline(always)] // Nearly always there is room.
    pub fn space(&mut self, l: &Limits, most: usize) -> Result<&mut [u8], Outcome> {
        if self.buf.capacity() - self.buf.len() < READ_ROOM {
            self.make_room(l)?;
        }
        Ok(self.buf.spare(most))
    }

    #[inline(never)]
    fn make_room(&mut self, l: &Limits) -> Result<(), Outcome> {
        let held = self.buf.len();
        let limit = l.max_head_size.saturating_add(l.max_body_size).saturating_add(READ_ROOM);
        // One byte more than expected, so that a read shows at once when the peer sent too much.
        let end = self.expected_end.map_or(limit, |end| end.saturating_add(1));
        // Behind the end, and within the limit's constant, there is always room for a read.
        let needed = held.saturating_add(READ_ROOM).min(end.max(held + 1));
        if needed > self.buf.capacity() {
            let wanted = self.buf.capacity().saturating_mul(2).min(end).max(needed);
            self.buf.grow_to(wanted).map_err(|_| Outcome::OutOfMemory)?;
        }
        Ok(())
    }

    /// Takes over `n` bytes that were read into the front of [`Response::space`]. The exchange must
    /// be told by `on_bytes` before more is read.
    pub fn commit(&mut self, n: usize) {
        self.buf.commit(n);
    }

    /// The body ends at offset `end`, and with it the response.
    pub(super) fn finish(&mut self, end: usize) {
        self.complete = true;
        self.cut(end);
    }

    /// Ends a response whose exchange failed. `true`: its head is whole, and it can be shown with
    /// as much of the body as came. `false`: there is nothing to be shown.
    pub fn give_up(&mut self) -> bool {
        if self.has_head() {
            self.cut(self.buf.len());
        }
        self.has_head()
    }

    /// Whether the head of the final response is whole.
    pub fn has_head(&self) -> bool {
        // That head moves the body's start behind itself; before that there is none.
        self.body.start != 0
    }

    fn cut(&mut self, end: usize) {
        self.body.end = end;
        self.buf.seal(end);
    }
}
