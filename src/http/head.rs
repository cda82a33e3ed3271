//! The head of a response: finding its end as bytes arrive, and reading it once it is complete.
//!
//! A head that is whole and plain is read by [`plain`], in one pass. Of any other, two readers
//! decide together. [`Scan`] walks it line by line as segments come in and refuses what is wrong at
//! the line that shows it; it never looks back, so a head costs the same however it is cut. When
//! the end is found, `httparse` reads the fields once. Where `httparse` forgives (bare LF, leading
//! empty lines, the reason phrase), `Scan` has already refused, and the two must agree on the
//! length and the number of fields.
//!
//! This file knows RFC 9112 sections 2 to 5. It does not know what any field means.

pub(super) mod plain;

use std::mem::MaybeUninit;

use memchr::{memchr, memchr_iter};

use super::field::is_value;
use super::limits::Limits;
use crate::error::Outcome;

/// The most fields a head can have, whatever `max_headers` says.
const MAX_HEADERS: usize = 256;

/// For so many fields there is a place from the start: 480 bytes, as there may be thousands of
/// responses. Most heads have no more.
const PLACES: usize = 40;

/// `HTTP/1.1 200`, the part of the status line whose form is fixed, and the byte behind it.
const STATUS_CODE_END: usize = 12;

/// How far the search for the end of the head has come. Offsets count from the head's first byte.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scan {
    /// Bytes before this were looked at and are not looked at again, except one pending CR.
    scanned: usize,
    /// Where the line begins that is being scanned.
    line_start: usize,
    /// Complete lines so far; the first is the status line.
    lines: usize,
}

impl Scan {
    /// Looks at what is new in `bytes`, which begin with the head, and answers the length of the
    /// head when it is complete. Bytes behind the head are not looked at.
    ///
    /// # Errors
    /// `BadStatusLine`, `BadVersion`, `BadHeader`, `TooManyHeaders`, or `HeadTooLarge` when the
    /// head is longer than `max_head_size`, its last empty line included.
    pub(super) fn advance(&mut self, bytes: &[u8], l: &Limits) -> Result<Option<usize>, Outcome> {
        // Nothing beyond the limit can change the verdict, so what else was read cannot either.
        let bytes = &bytes[..bytes.len().min(l.max_head_size)];
        if self.scanned <= STATUS_CODE_END {
            check_status_start(bytes)?;
        }
        let from = self.scanned;
        for line_feed in memchr_iter(b'\n', &bytes[from..]).map(|at| from + at) {
            self.check_text(bytes, line_feed)?;
            if self.end_line(&bytes[self.line_start..line_feed], l)? {
                return Ok(Some(line_feed + 1));
            }
            self.line_start = line_feed + 1;
            self.scanned = line_feed + 1;
        }
        self.check_text(bytes, bytes.len())?;
        if bytes.len() == l.max_head_size {
            return Err(Outcome::HeadTooLarge);
        }
        // A CR at the very end is judged by the byte that follows it.
        self.scanned = bytes.len() - usize::from(bytes.ends_with(b"\r"));
        Ok(None)
    }

    /// Whether nothing was looked at yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.scanned == 0
    }

    /// Fields in the complete lines so far.
    pub(super) fn fields(&self) -> usize {
        self.lines.saturating_sub(1)
    }

    /// Checks the bytes from `scanned` to `seen`, which are of one line and hold no LF: no control
    /// byte but HTAB, CR only at the end of the line (RFC 9112 section 2.2, RFC 9110 section 5.5),
    /// and no white space before a field (RFC 9112 section 5.2: obs-fold).
    fn check_text(&self, bytes: &[u8], seen: usize) -> Result<(), Outcome> {
        let new = &bytes[self.scanned..seen];
        #[cfg(test)]
        crate::buf::cost::add(new.len() + 1);
        let folded = matches!(bytes.get(self.line_start), Some(b' ' | b'\t'));
        let text = new.strip_suffix(b"\r").unwrap_or(new);
        // A fold instead of `all`: it has no early exit, so the compiler makes it SIMD.
        let clean = is_value(text);
        if clean && !folded { Ok(()) } else { Err(self.bad_line()) }
    }

    /// Checks the complete `line`, given without its LF; answers whether it ends the head.
    fn end_line(&mut self, line: &[u8], l: &Limits) -> Result<bool, Outcome> {
        match line {
            // The first line cannot be empty: `check_status_start` refused it.
            [b'\r'] => return Ok(true),
            [.., b'\r'] => self.lines += 1,
            _ => return Err(self.bad_line()),
        }
        if self.fields() > l.max_headers.min(MAX_HEADERS) {
            return Err(Outcome::TooManyHeaders);
        }
        Ok(false)
    }

    fn bad_line(&self) -> Outcome {
        if self.lines == 0 { Outcome::BadStatusLine } else { Outcome::BadHeader }
    }
}

/// Checks as much of `HTTP-version SP status-code` as has arrived (RFC 9112 section 4), so that a
/// peer that speaks something else is refused by its first bytes.
fn check_status_start(bytes: &[u8]) -> Result<(), Outcome> {
    for (at, byte) in bytes.iter().take(STATUS_CODE_END + 1).enumerate() {
        #[cfg(test)]
        crate::buf::cost::add(1);
        match at {
            0..=4 if *byte == b"HTTP/"[at] => {}
            5..=7 if *byte == b"1.1"[at - 5] || (at == 7 && *byte == b'0') => {}
            5..=7 => return Err(Outcome::BadVersion),
            8 if *byte == b' ' => {}
            // RFC 9110 section 15: a status outside 100 to 599 is invalid.
            9 if matches!(byte, b'1'..=b'5') => {}
            10 | 11 if byte.is_ascii_digit() => {}
            // The reason phrase may be missing, and with it the space (RFC 9112 section 4).
            STATUS_CODE_END if matches!(byte, b' ' | b'\r') => {}
            _ => return Err(Outcome::BadStatusLine),
        }
    }
    Ok(())
}

/// A complete head, as offsets from its first byte.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) version_minor: u8,
    pub(super) reason: Span,
    /// A place for each field, and for those of longer heads once there was one; the first `count`
    /// are taken.
    places: Box<[Field]>,
    count: usize,
}

impl Default for Head {
    fn default() -> Self {
        let places = Box::new([Field::default(); PLACES]);
        Self { status: 0, version_minor: 0, reason: Span::default(), places, count: 0 }
    }
}

/// Where one field stands: its name, the colon right behind that, and the rest of its line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Field {
    start: u32,
    name_len: u32,
    /// From the colon to the end of the line.
    value_len: u32,
}

impl Field {
    fn new(start: usize, name_len: usize, value_len: usize) -> Self {
        Self { start: start as u32, name_len: name_len as u32, value_len: value_len as u32 }
    }

    /// The length of its name in bytes.
    pub(super) fn name_len(self) -> usize {
        self.name_len as usize
    }

    /// Its name in `head`.
    pub(super) fn name(self, head: &[u8]) -> &[u8] {
        &head[self.start as usize..][..self.name_len as usize]
    }

    /// Its value in `head`, without the white space around it (RFC 9112 section 5.1). That is taken
    /// off here, because few values are asked for.
    pub(super) fn value(self, head: &[u8]) -> &[u8] {
        let colon = self.start as usize + self.name_len as usize;
        head[colon + 1..][..self.value_len as usize].trim_ascii()
    }
}

/// A stretch of the head, in half the size of a range: a head is never longer than 4 GiB.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    start: u32,
    len: u32,
}

impl Span {
    fn new(start: usize, len: usize) -> Self {
        Self { start: start as u32, len: len as u32 }
    }

    /// The bytes of `head` that it stands for.
    pub(super) fn of(self, head: &[u8]) -> &[u8] {
        &head[self.start as usize..][..self.len as usize]
    }
}

impl Head {
    /// Reads the complete head `bytes`, in which [`Scan`] counted `fields` fields.
    ///
    /// # Errors
    /// `BadHeader` when a field name is no token, is empty, has no colon or has white space before
    /// it (RFC 9112 section 5.1).
    #[inline(never)] // Its table would be on the stack of whoever reads a plain head.
    pub(super) fn parse(&mut self, bytes: &[u8], fields: usize) -> Result<(), Outcome> {
        #[cfg(test)]
        crate::buf::cost::add(bytes.len());
        let mut table = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let mut parsed = httparse::Response::new(&mut []);
        let end = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut parsed,
            bytes,
            &mut table,
        );
        // Two readers that see two different heads: then neither is to be believed.
        let agreed = end == Ok(httparse::Status::Complete(bytes.len()));
        let (true, Some(status), Some(minor)) =
            (agreed && parsed.headers.len() == fields, parsed.code, parsed.version)
        else {
            return Err(Outcome::BadHeader);
        };
        self.status = status;
        self.version_minor = minor;
        self.reason = reason(bytes);
        if fields > self.places.len() {
            self.places = vec![Field::default(); fields.next_power_of_two()].into();
        }
        self.count = fields;
        for (place, field) in self.places.iter_mut().zip(parsed.headers.iter()) {
            *place = field_of(bytes, field);
        }
        Ok(())
    }

    /// Its fields, in the order in which they were sent.
    pub(super) fn fields(&self) -> &[Field] {
        &self.places[..self.count]
    }

    /// Forgets the head and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.status = 0;
        self.version_minor = 0;
        self.reason = Span::default();
        self.count = 0;
    }
}

/// The reason phrase. `httparse` loses one with obs-text, so it is cut out here.
fn reason(head: &[u8]) -> Span {
    reason_before(memchr(b'\r', head).unwrap_or(head.len()))
}

/// The reason phrase of a status line that ends there.
fn reason_before(line_end: usize) -> Span {
    let start = (STATUS_CODE_END + 1).min(line_end);
    Span::new(start, line_end - start)
}

/// Where a field that `httparse` cut out of `head` stands in it.
fn field_of(head: &[u8], field: &httparse::Header<'_>) -> Field {
    let offset = |part: &[u8]| part.as_ptr().addr().wrapping_sub(head.as_ptr().addr());
    let (start, name_len) = (offset(field.name.as_bytes()), field.name.len());
    let colon = start + name_len;
    // An empty value may be a constant that lies elsewhere: no offset is to be made of that.
    let end =
        if field.value.is_empty() { colon + 1 } else { offset(field.value) + field.value.len() };
    Field::new(start, name_len, end - colon - 1)
}
