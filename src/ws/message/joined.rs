//! Joins the fragments of a message in the receive buffer, and finds the control frames between
//! them.
//!
//! It knows where things lie, never what a message means. Its offsets are the picture of
//! `message`.

use std::ops::Range;

use crate::buf::Buf;
use crate::ws::close_frame::CloseFrame;
use crate::ws::deflate::Inflater;
use crate::ws::error::Error;
use crate::ws::frame::{Header, Kind, Opcode};
use crate::ws::settings::{Limits, ReceiverSettings};
use crate::ws::utf8::Utf8;

/// What was found, and where it lies.
pub(super) enum Found {
    Message(Kind, Range<usize>),
    /// A message that is not in the receive buffer, but in the inflater's.
    Inflated(Kind),
    Ping(Range<usize>),
    Pong(Range<usize>),
    /// A close frame that can be read.
    Close(Range<usize>),
}

/// A message that has begun.
#[derive(Clone, Copy)]
struct Partial {
    kind: Kind,
    compressed: bool,
    /// Frames so far.
    fragments: usize,
    utf8: Utf8,
}

/// A data frame whose header was read.
#[derive(Clone, Copy)]
struct Frame {
    fin: bool,
    /// Bytes of payload that were not taken yet.
    left: usize,
}

/// The message that is being received.
pub(super) struct Joined {
    limits: Limits,
    check_utf8: bool,
    inflater: Option<Inflater>,
    start: usize,
    end: usize,
    at: usize,
    message: Option<Partial>,
    frame: Option<Frame>,
}

impl Joined {
    pub(super) fn new(settings: ReceiverSettings) -> Self {
        Self {
            limits: settings.limits,
            check_utf8: settings.check_utf8,
            inflater: settings.deflate.as_ref().map(Inflater::new),
            start: 0,
            end: 0,
            at: 0,
            message: None,
            frame: None,
        }
    }

    pub(super) const fn max_message_size(&self) -> usize {
        self.limits.max_message_size
    }

    /// Lets go of what was found last.
    pub(super) const fn release(&mut self) {
        if self.message.is_none() {
            self.start = self.at;
            self.end = self.at;
        }
    }

    /// How many bytes of the buffer are not needed any more.
    pub(super) const fn free(&self) -> usize {
        self.start + (self.at - self.end)
    }

    /// Drops those bytes.
    pub(super) fn compact(&mut self, buf: &mut Buf) {
        buf.remove(self.end..self.at);
        buf.drop_front(self.start);
        self.end -= self.start;
        self.at = self.end;
        self.start = 0;
    }

    /// Drops all bytes.
    pub(super) fn drop_all(&mut self, buf: &mut Buf) {
        buf.clear();
        (self.start, self.end, self.at) = (0, 0, 0);
    }

    /// The inflated message, and the zero bytes behind it.
    pub(super) fn inflated(&self) -> &[u8] {
        self.inflater.as_ref().map_or(&[], |inflater| inflater.message().padded_from(0))
    }

    /// Looks at what is new in `buf`, up to the next thing that the peer has sent.
    pub(super) fn advance(&mut self, buf: &mut Buf) -> Result<Option<Found>, Error> {
        loop {
            if let Some(frame) = self.frame {
                let frame = self.take_payload(frame, buf)?;
                if frame.left > 0 {
                    break;
                }
                self.frame = None;
                if frame.fin {
                    return Ok(self.message.take().map(|message| self.found(&message)));
                }
            }
            let bytes = &buf.filled()[self.at..];
            let Some((header, size)) = Header::read(bytes, self.inflater.is_some())? else { break };
            if header.opcode.is_control() {
                let start = self.at + size;
                // At most 125.
                let place = start..start + header.payload_len as usize;
                if place.end > buf.len() {
                    break;
                }
                self.at = place.end;
                return control(header.opcode, place, buf).map(Some);
            }
            if let Some(kind) = self.kind_of_whole(&header)
                && let Some(end) = (self.at + size).checked_add(header.payload_len as usize)
                && end <= buf.len()
            {
                return self.take_whole(kind, self.at + size..end, buf).map(Some);
            }
            let frame = self.begin_frame(&header)?;
            self.frame = Some(frame);
            self.at += size;
        }
        self.drop_looked_at(buf);
        Ok(None)
    }

    /// What a message in one frame is, which needs no second look: it is not compressed, and no
    /// longer than it may be. Most messages are such.
    fn kind_of_whole(&self, header: &Header) -> Option<Kind> {
        let kind = match header.opcode {
            Opcode::Text => Kind::Text,
            Opcode::Binary => Kind::Binary,
            _ => return None,
        };
        let is_first = self.message.is_none() && self.limits.max_fragments > 0;
        let most = self.limits.max_frame_size.min(self.limits.max_message_size) as u64;
        let is_whole = header.fin && is_first && header.payload_len <= most;
        (is_whole && self.inflater.is_none()).then_some(kind)
    }

    /// Takes such a message, which has come to its end.
    fn take_whole(&mut self, kind: Kind, place: Range<usize>, buf: &Buf) -> Result<Found, Error> {
        if self.check_utf8 && kind == Kind::Text {
            Utf8::default().advance(&buf.filled()[place.clone()], true)?;
        }
        (self.start, self.end, self.at) = (place.start, place.end, place.end);
        Ok(Found::Message(kind, place))
    }

    fn found(&self, message: &Partial) -> Found {
        match message.compressed {
            true => Found::Inflated(message.kind),
            false => Found::Message(message.kind, self.start..self.end),
        }
    }

    /// Judges the header of a data frame.
    fn begin_frame(&mut self, header: &Header) -> Result<Frame, Error> {
        let begins = |kind| Partial {
            kind,
            compressed: header.compressed,
            fragments: 0,
            utf8: Utf8::default(),
        };
        let is_first = header.opcode != Opcode::Continuation;
        let mut message = match (header.opcode, self.message) {
            (Opcode::Continuation, Some(message)) => message,
            (Opcode::Continuation, None) => return Err(Error::UnexpectedContinuation),
            (_, Some(_)) => return Err(Error::ExpectedContinuation),
            (Opcode::Text, None) => begins(Kind::Text),
            (_, None) => begins(Kind::Binary),
        };
        message.fragments += 1;
        if message.fragments > self.limits.max_fragments {
            return Err(Error::TooManyFragments);
        }
        let left = match usize::try_from(header.payload_len) {
            Ok(len) if len <= self.limits.max_frame_size => len,
            _ => return Err(Error::FrameTooLarge),
        };
        let len = if is_first { 0 } else { self.end - self.start };
        if !message.compressed && left > self.limits.max_message_size - len {
            return Err(Error::MessageTooLarge);
        }
        if is_first && let Some(inflater) = &mut self.inflater {
            inflater.clear();
        }
        self.message = Some(message);
        Ok(Frame { fin: header.fin, left })
    }

    /// Takes what has come of the payload; answers what is left of the frame.
    fn take_payload(&mut self, mut frame: Frame, buf: &mut Buf) -> Result<Frame, Error> {
        let Some(mut message) = self.message else { return Ok(frame) };
        let here = frame.left.min(buf.len() - self.at);
        frame.left -= here;
        let payload = self.at..self.at + here;
        self.at = payload.end;
        self.frame = Some(frame);
        let whole = frame.fin && frame.left == 0;
        let text = match self.inflater.as_mut().filter(|_| message.compressed) {
            Some(inflater) => {
                inflater.inflate(&buf.filled()[payload], self.limits.max_message_size)?;
                if whole {
                    inflater.finish(self.limits.max_message_size)?;
                }
                (self.start, self.end) = (self.at, self.at);
                inflater.message().filled()
            }
            None => {
                self.join(payload, message.fragments == 1, buf);
                &buf.filled()[self.start..self.end]
            }
        };
        if self.check_utf8 && message.kind == Kind::Text {
            message.utf8.advance(text, whole)?;
            self.message = Some(message);
        }
        Ok(frame)
    }

    /// Puts a piece of payload behind the message so far.
    fn join(&mut self, payload: Range<usize>, in_first: bool, buf: &mut Buf) {
        if in_first && self.start == self.end {
            // Where the message begins: behind its first header.
            (self.start, self.end) = (payload.start, payload.start);
        }
        let len = payload.len();
        if payload.start != self.end {
            #[cfg(test)]
            crate::buf::cost::add(len);
            buf.filled_mut().copy_within(payload, self.end);
        }
        self.end += len;
    }

    /// When all was looked at, what is not of the message is dropped, which moves nothing.
    fn drop_looked_at(&mut self, buf: &mut Buf) {
        if self.start == self.end && self.at == buf.len() {
            self.drop_all(buf);
        } else if self.at == buf.len() {
            buf.truncate(self.end);
            self.at = self.end;
        }
    }
}

/// Judges a control frame that is whole.
fn control(opcode: Opcode, place: Range<usize>, buf: &Buf) -> Result<Found, Error> {
    match opcode {
        Opcode::Ping => Ok(Found::Ping(place)),
        Opcode::Pong => Ok(Found::Pong(place)),
        _ => CloseFrame::read(&buf.filled()[place.clone()]).map(|_| Found::Close(place)),
    }
}
