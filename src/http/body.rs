//! The body of a response: which framing it has, and where it ends.
//!
//! RFC 9112 section 6.3 lists how the length of a body is found; [`Framed::of`] is that list, with
//! every doubtful case refused. Chunks are decoded in place: when a call returns, the buffer holds
//! the decoded body and nothing else behind the head, so a byte is moved at most once and chunk
//! framing takes no memory. This file does not know how the buffer grows nor what follows the body.

use super::field::{is_token_byte, is_value_byte};
use super::framing::{Codings, Framing, Seen};
use super::limits::Limits;
use super::response::Response;
use crate::error::Outcome;

/// The framing of a body, and how much of it has been seen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body {
    /// So many bytes; none for a response that cannot have a body.
    Length(usize),
    /// `Transfer-Encoding: chunked`.
    Chunked(Chunked),
    /// Everything up to the end of the connection.
    UntilClose,
}

/// How a body is framed, of which nothing was seen yet.
#[derive(Clone, Copy, Debug)]
pub(super) enum Framed {
    /// So many bytes; none for a response that cannot have a body.
    Length(usize),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// Everything up to the end of the connection.
    UntilClose,
}

/// Where a body ended.
pub(super) struct End {
    /// Its length in bytes.
    pub(super) len: usize,
    /// Bytes came behind it.
    pub(super) surplus: bool,
}

impl Framed {
    /// Chooses the framing by what the head of `r` says (RFC 9112 section 6.3).
    ///
    /// The framing fields are checked even where the response has no body: a peer that is wrong
    /// about its framing is not a peer to keep.
    ///
    /// # Errors
    /// `AmbiguousLength`, `BadTransferEncoding`, `BadContentLength`, or `BodyTooLarge`.
    pub(super) fn of(
        r: &Response,
        says: &Framing<'_>,
        head_request: bool,
        l: &Limits,
    ) -> Result<Self, Outcome> {
        let (size, chunked) = match (says.content_length, says.transfer_encoding) {
            (Seen::Never, Codings::Absent) => (None, false),
            (Seen::Once(length), Codings::Absent) => {
                (Some(parse_length(length).ok_or(Outcome::BadContentLength)?), false)
            }
            // RFC 9110 section 8.6 allows to accept identical repeats, and does not ask for it.
            (Seen::Again, Codings::Absent) => return Err(Outcome::BadContentLength),
            // Section 6.1: HTTP/1.0 has no transfer codings. Any coding but `chunked` was not asked
            // for by a TE field, and would leave the body unreadable.
            (Seen::Never, Codings::Chunked) if r.version_minor() != 0 => (None, true),
            (Seen::Never, _) => return Err(Outcome::BadTransferEncoding),
            _ => return Err(Outcome::AmbiguousLength),
        };
        match size {
            _ if head_request || matches!(r.status(), 204 | 304) => Ok(Self::Length(0)),
            _ if chunked => Ok(Self::Chunked),
            None => Ok(Self::UntilClose),
            Some(size) => match usize::try_from(size) {
                Ok(size) if size <= l.max_body_size => Ok(Self::Length(size)),
                _ => Err(Outcome::BodyTooLarge),
            },
        }
    }
}

impl Body {
    /// A body that is framed so, before its first byte.
    pub(super) fn new(framed: Framed) -> Self {
        match framed {
            Framed::Length(len) => Self::Length(len),
            Framed::Chunked => Self::Chunked(Chunked::default()),
            Framed::UntilClose => Self::UntilClose,
        }
    }

    /// Looks at what is new in the buffer of `r`; answers when the body is complete.
    ///
    /// # Errors
    /// `BodyTooLarge`, and for a chunked body `BadChunk`, `ChunkOverhead`, `BadTrailer`,
    /// `TrailersTooLarge`.
    pub(super) fn advance(&mut self, r: &mut Response, l: &Limits) -> Result<Option<End>, Outcome> {
        let start = r.body.start;
        let held = r.buf.len() - start;
        match self {
            Self::Length(len) => {
                Ok((held >= *len).then_some(End { len: *len, surplus: held > *len }))
            }
            Self::Chunked(chunked) => {
                let used = chunked.decode(&mut r.buf.filled_mut()[start..], l);
                r.trailer_count = chunked.trailers;
                if let Ok(Some(used)) = used
                    && held > used
                {
                    r.keep_surplus(start + used);
                }
                // Also after a fault, so that what was decoded before it can be shown.
                r.buf.truncate(start + chunked.len);
                Ok(used?.map(|used| End { len: chunked.len, surplus: held > used }))
            }
            Self::UntilClose if held > l.max_body_size => {
                r.buf.truncate(start + l.max_body_size);
                Err(Outcome::BodyTooLarge)
            }
            Self::UntilClose => Ok(None),
        }
    }
}

/// A Content-Length value: digits and nothing else (RFC 9110 section 8.6). Rust's own parser would
/// take a sign.
fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u64, |size, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        size.checked_mul(10)?.checked_add(digit)
    })
}

/// The chunked coding (RFC 9112 section 7.1), as a state machine over single bytes of framing and
/// runs of data.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chunked {
    part: Part,
    /// The size being read; in `Data` the bytes still to come.
    size: u64,
    /// Bytes in the size line so far.
    line: usize,
    /// Bytes of chunk framing so far, trailers not counted.
    framing: usize,
    /// Bytes of body so far.
    len: usize,
    /// Bytes in trailer fields so far.
    trailer_size: usize,
    /// Complete trailer fields.
    trailers: usize,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    /// The first digit of a size.
    #[default]
    Size,
    /// A further digit, or what may follow the size.
    MoreSize,
    /// White space between a size and its extensions.
    Space,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// The first byte of a trailer field, or the CR that ends the message.
    Trailer,
    TrailerName,
    TrailerValue,
    TrailerLf,
    LastLf,
    /// Nothing: the message is complete.
    End,
}

impl Chunked {
    /// Decodes `bytes`: `len` bytes of decoded body, then what is new. The body grows in place; of
    /// the rest nothing is needed again. Answers how many bytes were used when the message is
    /// complete.
    #[inline(never)] // Its code would be among that of the bodies that have a length.
    fn decode(&mut self, bytes: &mut [u8], l: &Limits) -> Result<Option<usize>, Outcome> {
        let mut at = self.len;
        #[cfg(test)]
        crate::buf::cost::add(bytes.len() - at);
        while at < bytes.len() {
            if self.part == Part::Data {
                let here = bytes.len() - at;
                let run = usize::try_from(self.size).map_or(here, |size| size.min(here));
                #[cfg(test)]
                crate::buf::cost::add(run);
                bytes.copy_within(at..at + run, self.len);
                at += run;
                self.len += run;
                self.size -= run as u64;
                if self.size == 0 {
                    self.part = Part::DataCr;
                }
            } else {
                self.part = self.framing_byte(bytes[at], l)?;
                at += 1;
                if self.part == Part::End {
                    return Ok(Some(at));
                }
            }
        }
        Ok(None)
    }

    /// Takes one byte that is not data; answers what the next one belongs to.
    fn framing_byte(&mut self, byte: u8, l: &Limits) -> Result<Part, Outcome> {
        match self.part {
            Part::Size | Part::MoreSize | Part::Space | Part::Extension | Part::SizeLf => {
                self.line += 1;
                self.count_framing(l)?;
                self.size_line(byte, l)
            }
            Part::DataCr | Part::DataLf => {
                self.count_framing(l)?;
                match (self.part, byte) {
                    (Part::DataCr, b'\r') => Ok(Part::DataLf),
                    (Part::DataLf, b'\n') => Ok(Part::Size),
                    _ => Err(Outcome::BadChunk),
                }
            }
            _ => self.trailer(byte, l),
        }
    }

    /// Framing takes no memory, but a peer must not keep us busy with it for ever. It is weighed
    /// against the body, because a good body in small chunks has much of it, too.
    fn count_framing(&mut self, l: &Limits) -> Result<(), Outcome> {
        self.framing += 1;
        let allowed = l.max_chunk_overhead.saturating_add(self.len);
        if self.line > l.max_chunk_line || self.framing > allowed {
            return Err(Outcome::ChunkOverhead);
        }
        Ok(())
    }

    /// `chunk-size [ chunk-ext ] CRLF`. White space before an extension is bad but legal
    /// (section 7.1.1: BWS); anywhere else it is not.
    fn size_line(&mut self, byte: u8, l: &Limits) -> Result<Part, Outcome> {
        match (self.part, byte) {
            (Part::Size | Part::MoreSize, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                self.add_digit(byte)
            }
            (Part::MoreSize | Part::Space, b' ' | b'\t') => Ok(Part::Space),
            (Part::MoreSize | Part::Space, b';') => Ok(Part::Extension),
            (Part::MoreSize | Part::Extension, b'\r') => Ok(Part::SizeLf),
            (Part::Extension, _) if is_value_byte(byte) => Ok(Part::Extension),
            (Part::SizeLf, b'\n') => self.begin_chunk(l),
            _ => Err(Outcome::BadChunk),
        }
    }

    fn add_digit(&mut self, digit: u8) -> Result<Part, Outcome> {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            _ => (digit | 0x20) - b'a' + 10,
        };
        // Section 7.1: a recipient MUST prevent overflow while it reads the size.
        let size = self.size.checked_mul(16).ok_or(Outcome::BadChunk)?;
        self.size = size + u64::from(value);
        Ok(Part::MoreSize)
    }

    /// The size is known: refuses a body that would be too long before any more of it is taken in.
    fn begin_chunk(&mut self, l: &Limits) -> Result<Part, Outcome> {
        self.line = 0;
        if self.size == 0 {
            return Ok(Part::Trailer);
        }
        if self.size > l.max_body_size.saturating_sub(self.len) as u64 {
            return Err(Outcome::BodyTooLarge);
        }
        Ok(Part::Data)
    }

    /// `trailer-section CRLF` (section 7.1.2). Fields are checked like those of a head, counted and
    /// dropped: merged into the head they could say anything about framing.
    fn trailer(&mut self, byte: u8, l: &Limits) -> Result<Part, Outcome> {
        match (self.part, byte) {
            (Part::Trailer, b'\r') => return Ok(Part::LastLf),
            (Part::LastLf, b'\n') => return Ok(Part::End),
            _ => self.trailer_size += 1,
        }
        if self.trailer_size > l.max_trailer_size {
            return Err(Outcome::TrailersTooLarge);
        }
        match (self.part, byte) {
            (Part::Trailer | Part::TrailerName, _) if is_token_byte(byte) => Ok(Part::TrailerName),
            (Part::TrailerName, b':') => Ok(Part::TrailerValue),
            (Part::TrailerValue, b'\r') => Ok(Part::TrailerLf),
            (Part::TrailerValue, _) if is_value_byte(byte) => Ok(Part::TrailerValue),
            (Part::TrailerLf, b'\n') => {
                self.trailers += 1;
                Ok(Part::Trailer)
            }
            _ => Err(Outcome::BadTrailer),
        }
    }
}
