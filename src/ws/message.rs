//! Messages out of the bytes of a server: frames joined, control frames told where they stand, text
//! checked (RFC 6455 sections 5.4 to 5.6).
//!
//! Fragments are joined in place: a payload is moved over the headers before it, once, as it comes.
//! A message in one frame is not moved at all.
//!
//! ```text
//!   0 ......... start .......... end ............ at ............ filled
//!   | dropped   | message so far | headers and    | not looked at |
//!               |                | control frames |  yet          |
//! ```
//!
//! A message is lent as it lies there. What follows it in the buffer is kept aside for so long, and
//! zeros are in its place, so that a SIMD parser may read past the end. It knows no socket and no
//! session; who answers a ping or a close is not its business.

mod joined;

use std::fmt;

use super::close_frame::CloseFrame;
use super::error::Error;
use super::frame::Kind;
use super::settings::ReceiverSettings;
use crate::buf::{Buf, TAIL};
use joined::{Found, Joined};

/// The least room that is offered to a read, in bytes.
const READ_ROOM: usize = 4 * 1024;

/// A whole message, where it was received.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    kind: Kind,
    padded: &'a [u8],
}

impl<'a> Message<'a> {
    /// What the peer says it is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Its bytes, in one piece.
    pub fn payload(&self) -> &'a [u8] {
        &self.padded[..self.padded.len() - TAIL]
    }

    /// Its bytes and the [`TAIL`] zero bytes behind them.
    pub const fn padded(&self) -> &'a [u8] {
        self.padded
    }
}

/// Shows its size, never its content: messages hold account data.
impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Message");
        out.field("kind", &self.kind).field("len", &self.payload().len()).finish()
    }
}

/// What the peer has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A message.
    Message(Message<'a>),
    /// A ping, to be answered with this payload.
    Ping(&'a [u8]),
    /// A pong.
    Pong(&'a [u8]),
    /// The peer closes. Nothing comes behind it: further bytes are dropped.
    Close(CloseFrame<'a>),
}

/// Receives the messages of one connection.
///
/// Read into [`Receiver::space`], [`Receiver::commit`], then call [`Receiver::next`] until it has
/// nothing more.
pub struct Receiver {
    buf: Buf,
    joined: Joined,
    /// A message that ends there is lent, and this is what has its place behind it.
    lent: Option<(usize, [u8; TAIL])>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// A close frame was shown.
    Closed,
    Failed(Error),
}

impl Receiver {
    /// A receiver for a new connection, with room for `capacity` bytes.
    pub fn new(settings: ReceiverSettings, capacity: usize) -> Self {
        Self {
            buf: Buf::with_capacity(capacity),
            joined: Joined::new(settings),
            lent: None,
            state: State::Open,
        }
    }

    /// Where the next bytes go, at most `most` of them, which is not 0; [`Receiver::commit`] says
    /// how many did. Never empty. What was lent by `next` is given back.
    ///
    /// Grows the buffer when it is full, by what has come and not by what was announced: to twice
    /// its size, but not beyond the longest message and a constant.
    ///
    /// # Errors
    /// `OutOfMemory`. What has come stays.
    pub fn space(&mut self, most: usize) -> Result<&mut [u8], Error> {
        self.take_back();
        if self.has_no_room() {
            self.make_room()?;
        }
        Ok(self.buf.spare(most))
    }

    /// Takes over `n` bytes that were read into the front of [`Receiver::space`].
    pub fn commit(&mut self, n: usize) {
        self.buf.commit(n);
    }

    /// Takes over a copy of `bytes`: those that came with the answer to the upgrade.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn take_over(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let space = self.space(bytes.len())?;
            let (now, later) = bytes.split_at(space.len());
            space.copy_from_slice(now);
            self.commit(now.len());
            bytes = later;
        }
        Ok(())
    }

    /// The next thing that the peer has sent; `None` when more bytes are needed. Behind a close
    /// frame there is nothing. What is lent holds until the next call for this receiver.
    ///
    /// # Errors
    /// The rule or limit that was broken. It is final: each later call answers the same.
    #[expect(clippy::should_implement_trait, reason = "what is lent borrows from the receiver")]
    pub fn next(&mut self) -> Result<Option<Incoming<'_>>, Error> {
        self.take_back();
        match self.state {
            State::Open => {}
            State::Failed(error) => return Err(error),
            State::Closed => {
                self.joined.drop_all(&mut self.buf);
                return Ok(None);
            }
        }
        let found = self.joined.advance(&mut self.buf);
        self.state = match &found {
            Ok(Some(Found::Close(_))) => State::Closed,
            Ok(_) => State::Open,
            Err(error) => State::Failed(*error),
        };
        found?.map(|found| self.show(found)).transpose()
    }

    /// The size of the buffer in bytes.
    pub fn capacity(&self) -> usize {
        self.buf.capacity()
    }

    fn show(&mut self, found: Found) -> Result<Incoming<'_>, Error> {
        Ok(match found {
            Found::Message(kind, place) => {
                self.lent = Some((place.end, self.buf.zero_behind(place.end)));
                Incoming::Message(Message { kind, padded: self.buf.padded(place) })
            }
            Found::Inflated(kind) => {
                Incoming::Message(Message { kind, padded: self.joined.inflated() })
            }
            Found::Ping(place) => Incoming::Ping(&self.buf.filled()[place]),
            Found::Pong(place) => Incoming::Pong(&self.buf.filled()[place]),
            Found::Close(place) => Incoming::Close(CloseFrame::read(&self.buf.filled()[place])?),
        })
    }

    /// Takes back what `next` has lent.
    fn take_back(&mut self) {
        if let Some((end, behind)) = self.lent.take() {
            self.buf.restore_behind(end, &behind);
        }
        self.joined.release();
    }

    fn has_no_room(&self) -> bool {
        self.buf.capacity() - self.buf.len() < READ_ROOM
    }

    /// Drops what is not needed, or grows. A message is moved to the front when there is more to be
    /// dropped than to be moved; beyond the longest message that is done once for each.
    fn make_room(&mut self) -> Result<(), Error> {
        let free = self.joined.free();
        let limit = self.joined.max_message_size().saturating_add(2 * READ_ROOM);
        if free >= self.buf.len() - free || self.buf.capacity() >= limit {
            self.joined.compact(&mut self.buf);
        }
        if self.has_no_room() {
            let needed = self.buf.len().saturating_add(READ_ROOM);
            self.grow(self.buf.capacity().saturating_mul(2).min(limit).max(needed))?;
        }
        Ok(())
    }

    fn grow(&mut self, capacity: usize) -> Result<(), Error> {
        self.buf.grow_to(capacity).map_err(|_| Error::OutOfMemory)
    }
}

/// Shows sizes, never content.
impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("buf", &self.buf).field("state", &self.state).finish()
    }
}

#[cfg(test)]
mod tests;
