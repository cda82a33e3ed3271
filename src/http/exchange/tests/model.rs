//! A second decoder, written to be obvious and not fast: it sees all bytes at once, cuts them with
//! plain searches and copies what it finds. Random input must be judged alike by both.
//!
//! The fuzz targets include this file too, so it names what it needs by `super` alone.

use super::{CloseReason, Limits, Reuse};

/// What was asked, how much may be answered, and how the connection ends behind the bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ask {
    pub(super) head_request: bool,
    pub(super) request_close: bool,
    pub(super) limits: Limits,
    /// Whether the end is clean; `None` while the connection is open.
    pub(super) end: Option<bool>,
}

/// What the model says of the bytes of one response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Model {
    Incomplete,
    Refused,
    Done(Answer),
}

/// A complete response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) minor: u8,
    pub(super) reason: Vec<u8>,
    pub(super) headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) body: Vec<u8>,
    pub(super) trailers: usize,
    pub(super) interim: usize,
    pub(super) reuse: Reuse,
    /// How many of the bytes are the response's and its interim responses'.
    pub(super) used: usize,
}

use Model::{Done, Incomplete, Refused};

/// What a part of a response is found to be.
enum Part<T> {
    Bad,
    Short,
    Whole(T),
}

/// Judges `bytes`, which are all that arrived.
pub(super) fn judge(bytes: &[u8], ask: &Ask) -> Model {
    let mut interim = 0;
    let mut start = 0;
    loop {
        let rest = &bytes[start..];
        let (head, len) = match head_of(rest, &ask.limits) {
            Part::Bad => return Refused,
            Part::Short => return if ask.end.is_some() { Refused } else { Incomplete },
            Part::Whole(found) => found,
        };
        start += len;
        if head.status >= 200 {
            return judge_final(head, &bytes[start..], start, interim, ask);
        }
        if head.status == 101 || interim == ask.limits.max_interim {
            return Refused;
        }
        interim += 1;
    }
}

fn judge_final(head: Head, rest: &[u8], start: usize, interim: usize, ask: &Ask) -> Model {
    let (body, used, trailers) = match body_of(&head, rest, ask) {
        Part::Bad => return Refused,
        Part::Short => return if ask.end.is_some() { Refused } else { Incomplete },
        Part::Whole(whole) => whole,
    };
    let until_close = used.is_none();
    let used = used.unwrap_or(rest.len());
    let reuse = if until_close {
        Reuse::Close(CloseReason::CloseDelimited)
    } else if used < rest.len() {
        Reuse::Close(CloseReason::SurplusBytes)
    } else if ask.request_close {
        Reuse::Close(CloseReason::RequestClose)
    } else if head.minor == 0 || head.status == 408 || head.says_close() {
        Reuse::Close(CloseReason::ResponseClose)
    } else if ask.end.is_some() {
        Reuse::Close(CloseReason::IdleClosed)
    } else {
        Reuse::KeepAlive
    };
    let Head { status, minor, reason, headers } = head;
    let used = start + used;
    Done(Answer { status, minor, reason, headers, body, trailers, interim, reuse, used })
}

/// The body, how many bytes it takes (`None`: all up to the close), and its trailer fields.
type Body = (Vec<u8>, Option<usize>, usize);

fn body_of(head: &Head, rest: &[u8], ask: &Ask) -> Part<Body> {
    let max = ask.limits.max_body_size;
    let bodyless = ask.head_request || head.status == 204 || head.status == 304;
    let empty = Part::Whole((Vec::new(), Some(0), 0));
    let codings = head.values("transfer-encoding");
    match (&head.values("content-length")[..], &codings[..]) {
        ([], []) if bodyless => empty,
        ([], []) if rest.len() > max => Part::Bad,
        ([], []) => match ask.end {
            None => Part::Short,
            Some(true) => Part::Whole((rest.to_vec(), None, 0)),
            Some(false) => Part::Bad,
        },
        ([length], []) => {
            let digits = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
            let number = str::from_utf8(length).ok().and_then(|text| text.parse::<usize>().ok());
            match number.filter(|_| digits) {
                Some(_) if bodyless => empty,
                Some(len) if len > max => Part::Bad,
                Some(len) if len > rest.len() => Part::Short,
                Some(len) => Part::Whole((rest[..len].to_vec(), Some(len), 0)),
                None => Part::Bad,
            }
        }
        ([], [_, ..]) if head.minor == 1 && is_chunked(&codings) => {
            if bodyless {
                empty
            } else {
                dechunk(rest, &ask.limits)
            }
        }
        _ => Part::Bad,
    }
}

/// Whether the fields, put together into one list, name `chunked` and nothing else.
fn is_chunked(fields: &[&[u8]]) -> bool {
    let list = fields.join(&b","[..]).to_ascii_lowercase();
    let mut codings: Vec<&[u8]> = list.split(|byte| *byte == b',').map(trim).collect();
    codings.retain(|coding| !coding.is_empty());
    codings == [b"chunked"]
}

struct Head {
    status: u16,
    minor: u8,
    reason: Vec<u8>,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Head {
    fn values(&self, name: &str) -> Vec<&[u8]> {
        let same = |found: &[u8]| found.eq_ignore_ascii_case(name.as_bytes());
        self.headers.iter().filter(|(n, _)| same(n)).map(|(_, v)| &v[..]).collect()
    }

    fn says_close(&self) -> bool {
        let close = |option: &[u8]| trim(option).eq_ignore_ascii_case(b"close");
        self.values("connection").iter().any(|value| value.split(|b| *b == b',').any(close))
    }
}

/// The head at the start of `bytes`, and its length.
fn head_of(bytes: &[u8], limits: &Limits) -> Part<(Head, usize)> {
    let most = bytes.len().min(limits.max_head_size);
    match find(&bytes[..most], b"\r\n\r\n") {
        Some(at) => match parse_head(&bytes[..at], limits) {
            Some(head) => Part::Whole((head, at + 4)),
            None => Part::Bad,
        },
        None if bytes.is_empty() => Part::Short,
        None if bytes.len() >= limits.max_head_size || !plausible(bytes, limits) => Part::Bad,
        None => Part::Short,
    }
}

fn max_headers(limits: &Limits) -> usize {
    limits.max_headers.min(256)
}

fn is_text(line: &[u8]) -> bool {
    line.iter().all(|b| *b == 9 || (*b >= 32 && *b != 127))
}

fn is_token(name: &[u8]) -> bool {
    let token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
    !name.is_empty() && name.iter().all(token)
}

/// Whether more bytes could make a valid head of `bytes`, as far as a look at the lines tells.
fn plausible(bytes: &[u8], limits: &Limits) -> bool {
    let mut rest = bytes;
    let mut lines = 0;
    while let Some((line, behind)) = cut_line(rest) {
        if !is_text(line) || (lines == 0 && parse_status(line).is_none()) {
            return false;
        }
        if lines > 0 && matches!(line[0], b' ' | b'\t') {
            return false;
        }
        lines += 1;
        rest = behind;
    }
    if lines > 1 + max_headers(limits) {
        return false;
    }
    let last = rest.strip_suffix(b"\r").unwrap_or(rest);
    if lines == 0 {
        let template = b"HTTP/1.1 200 ";
        let start = last.iter().zip(template).enumerate().all(|(at, (b, t))| {
            b == t
                || (at == 7 && *b == b'0')
                || (at == 9 && (b'1'..=b'5').contains(b))
                || ((at == 10 || at == 11) && b.is_ascii_digit())
        });
        let cut_short = rest.len() > last.len() && last.len() < 12;
        return start && is_text(last) && !cut_short;
    }
    is_text(last) && !matches!(rest.first(), Some(b' ' | b'\t'))
}

/// Status, minor version and reason.
fn parse_status(line: &[u8]) -> Option<(u16, u8, Vec<u8>)> {
    let minor = match line.get(..9)? {
        b"HTTP/1.1 " => 1,
        b"HTTP/1.0 " => 0,
        _ => return None,
    };
    let code = str::from_utf8(line.get(9..12)?).ok()?;
    let good = code.bytes().all(|b| b.is_ascii_digit()) && matches!(line.get(12), None | Some(32));
    let code = code.parse().ok().filter(|code| (100..600).contains(code))?;
    let reason = line.get(13..).unwrap_or_default().to_vec();
    (good && is_text(line)).then_some((code, minor, reason))
}

fn parse_head(head: &[u8], limits: &Limits) -> Option<Head> {
    let whole = [head, b"\r\n"].concat();
    let mut rest = &whole[..];
    let mut lines = Vec::new();
    while let Some((line, behind)) = cut_line(rest) {
        lines.push(line);
        rest = behind;
    }
    let (status, minor, reason) = parse_status(lines[0])?;
    let mut headers = Vec::new();
    for line in &lines[1..] {
        let colon = line.iter().position(|b| *b == b':')?;
        if !is_text(line) || !is_token(&line[..colon]) {
            return None;
        }
        headers.push((line[..colon].to_vec(), trim(&line[colon + 1..]).to_vec()));
    }
    (headers.len() <= max_headers(limits)).then_some(Head { status, minor, reason, headers })
}

fn dechunk(bytes: &[u8], limits: &Limits) -> Part<Body> {
    let mut body = Vec::new();
    let mut rest = bytes;
    let mut framing = 0;
    loop {
        let (line, behind) = match cut_line(rest) {
            Some((line, behind)) => (line, Some(behind)),
            None => (rest.strip_suffix(b"\r").unwrap_or(rest), None),
        };
        let len = behind.map_or(rest.len(), |behind| rest.len() - behind.len());
        framing += len;
        let complete = behind.is_some() || rest.ends_with(b"\r");
        let Some(size) = size_of(line, complete) else { return Part::Bad };
        if len > limits.max_chunk_line
            || framing > limits.max_chunk_overhead.saturating_add(body.len())
        {
            return Part::Bad;
        }
        let Some(behind) = behind else { return Part::Short };
        if size == 0 {
            return match end_of(behind, limits) {
                Part::Bad => Part::Bad,
                Part::Short => Part::Short,
                Part::Whole((behind, trailers)) => {
                    Part::Whole((body, Some(bytes.len() - behind.len()), trailers))
                }
            };
        }
        if size > limits.max_body_size.saturating_sub(body.len()) as u64 {
            return Part::Bad;
        }
        let size = size as usize;
        if behind.len() < size {
            return Part::Short;
        }
        body.extend_from_slice(&behind[..size]);
        let crlf = &behind[size..behind.len().min(size + 2)];
        framing += crlf.len();
        if !b"\r\n".starts_with(crlf)
            || framing > limits.max_chunk_overhead.saturating_add(body.len())
        {
            return Part::Bad;
        }
        if crlf.len() < 2 {
            return Part::Short;
        }
        rest = &behind[size + 2..];
    }
}

/// The size that `line` gives; an incomplete line gives any size as long as it may still be right.
fn size_of(line: &[u8], complete: bool) -> Option<u64> {
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let (size, more) = line.split_at(digits);
    if line.is_empty() {
        return (!complete).then_some(0);
    }
    let behind_space: Vec<u8> =
        more.iter().copied().skip_while(|b| matches!(b, b' ' | b'\t')).collect();
    let extension = match behind_space.first() {
        None => more.is_empty() || !complete,
        Some(first) => *first == b';' && is_text(&behind_space),
    };
    let size = str::from_utf8(size).ok()?;
    if size.is_empty() || !extension {
        return None;
    }
    u64::from_str_radix(size, 16).ok()
}

/// What is behind the trailer section, and its number of fields.
fn end_of<'a>(bytes: &'a [u8], limits: &Limits) -> Part<(&'a [u8], usize)> {
    let mut rest = bytes;
    let mut fields = 0;
    let fits = |rest: &[u8]| bytes.len() - rest.len() <= limits.max_trailer_size;
    while let Some((line, behind)) = cut_line(rest) {
        if line.is_empty() {
            return Part::Whole((behind, fields));
        }
        let colon = line.iter().position(|b| *b == b':');
        let name = colon.is_some_and(|colon| is_token(&line[..colon]));
        if !is_text(line) || !name || !fits(behind) {
            return Part::Bad;
        }
        fields += 1;
        rest = behind;
    }
    // What is left is no whole line, or nothing.
    let line = rest.strip_suffix(b"\r").unwrap_or(rest);
    let ended = rest.len() > line.len();
    let good = match line.iter().position(|b| *b == b':') {
        _ if line.is_empty() => true,
        Some(colon) => is_text(line) && is_token(&line[..colon]) && fits(b""),
        None => !ended && is_token(line) && fits(b""),
    };
    if good { Part::Short } else { Part::Bad }
}

fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

fn cut_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    find(bytes, b"\r\n").map(|at| (&bytes[..at], &bytes[at + 2..]))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
