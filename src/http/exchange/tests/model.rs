//! A second decoder, written to be obvious and not fast: it sees all bytes at once, cuts them with
//! plain searches and copies what it finds. Random input must be judged alike by both.

use crate::http::exchange::Reuse;

/// What the model says of the bytes of one response.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Model {
    Incomplete,
    Refused,
    /// Status, body, whether HTTP allows to reuse the connection.
    Done(u16, Vec<u8>, bool),
}

use Model::{Incomplete, Refused};

pub(super) fn reusable(reuse: Reuse) -> bool {
    reuse == Reuse::KeepAlive
}

/// Judges `bytes`, the answer to a GET on a connection that stays open.
pub(super) fn judge(bytes: &[u8]) -> Model {
    judge_from(bytes, 0)
}

fn judge_from(bytes: &[u8], interim: usize) -> Model {
    let Some(at) = find(bytes, b"\r\n\r\n") else {
        // What is wrong already need not be refused yet; what is right must not be.
        return if plausible(bytes) { Incomplete } else { Refused };
    };
    let (head, rest) = (&bytes[..at], &bytes[at + 4..]);
    let Some((status, minor, fields)) = parse_head(head) else { return Refused };
    if status == 101 || (status < 200 && interim == 16) {
        return Refused;
    }
    if status < 200 {
        return judge_from(rest, interim + 1);
    }
    let values = |name: &str| -> Vec<String> {
        fields.iter().filter(|(n, _)| n == name).map(|(_, v)| v.clone()).collect()
    };
    let close = values("connection")
        .iter()
        .any(|value| value.split(',').any(|part| part.trim() == "close"));
    let keep = minor == 1 && !close;
    let done =
        |body: &[u8], rest: &[u8]| Model::Done(status, body.to_vec(), keep && rest.is_empty());
    let bodyless = status == 204 || status == 304;
    match (&values("content-length")[..], &values("transfer-encoding")[..]) {
        ([], []) if bodyless => done(b"", rest),
        ([], []) => Incomplete,
        ([length], []) => {
            let digits = !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit());
            match length.parse::<usize>() {
                Ok(_) if digits && bodyless => done(b"", rest),
                Ok(len) if digits && len <= 16 << 20 && rest.len() >= len => {
                    done(&rest[..len], &rest[len..])
                }
                Ok(len) if digits && len <= 16 << 20 => Incomplete,
                _ => Refused,
            }
        }
        ([], [coding]) if coding == "chunked" && minor == 1 => match bodyless {
            true => done(b"", rest),
            false => match dechunk(rest) {
                Some(Some((body, rest))) => done(&body, rest),
                Some(None) => Incomplete,
                None => Refused,
            },
        },
        _ => Refused,
    }
}

/// Whether more bytes could make a valid head of `bytes`, as far as a look at the lines tells.
fn plausible(bytes: &[u8]) -> bool {
    let text = |line: &[u8]| line.iter().all(|b| *b == 9 || (*b >= 32 && *b != 127));
    let mut rest = bytes;
    let mut first = true;
    while let Some(at) = find(rest, b"\r\n") {
        if !text(&rest[..at]) || (first && parse_status(&rest[..at]).is_none()) {
            return false;
        }
        if !first && matches!(rest[0], b' ' | b'\t') {
            return false;
        }
        first = false;
        rest = &rest[at + 2..];
    }
    let last = rest.strip_suffix(b"\r").unwrap_or(rest);
    if first {
        let template = b"HTTP/1.1 200 ";
        let digits = |at: usize| at == 10 || at == 11;
        let start = last.iter().zip(template).enumerate().all(|(at, (b, t))| {
            b == t
                || (at == 7 && *b == b'0')
                || (at == 9 && (b'1'..=b'5').contains(b))
                || (digits(at) && b.is_ascii_digit())
        });
        let cut_short = rest.len() > last.len() && last.len() < 12;
        return start && text(last) && !cut_short;
    }
    text(last) && !matches!(rest.first(), Some(b' ' | b'\t'))
}

fn parse_status(line: &[u8]) -> Option<(u16, u8)> {
    let minor = match line.get(..9)? {
        b"HTTP/1.1 " => 1,
        b"HTTP/1.0 " => 0,
        _ => return None,
    };
    let code = std::str::from_utf8(line.get(9..12)?).ok()?;
    let good = code.bytes().all(|b| b.is_ascii_digit()) && matches!(line.get(12), None | Some(32));
    let code = code.parse().ok().filter(|code| (100..600).contains(code))?;
    good.then_some((code, minor))
}

/// Status, minor version, and the fields in lower case.
type ParsedHead = (u16, u8, Vec<(String, String)>);

fn parse_head(head: &[u8]) -> Option<ParsedHead> {
    // Latin-1, so that any byte is a character.
    let text: String = head.iter().map(|b| char::from(*b)).collect();
    let mut lines = text.split("\r\n");
    let first: Vec<u8> = head[..lines.next()?.chars().count()].to_vec();
    let (status, minor) = parse_status(&first)?;
    let control = |line: &str| line.chars().any(|c| (c < ' ' && c != '\t') || c == '\x7f');
    if first.iter().any(|b| (*b < 32 && *b != 9) || *b == 127) {
        return None;
    }
    let mut fields = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if control(line) || name.is_empty() || !name.chars().all(token) {
            return None;
        }
        let value = value.trim_matches([' ', '\t']);
        fields.push((name.to_ascii_lowercase(), value.to_ascii_lowercase()));
    }
    (fields.len() <= 128).then_some((status, minor, fields))
}

/// None: refused. Some(None): incomplete. Else the body and what follows the message.
#[allow(clippy::type_complexity)]
fn dechunk(mut rest: &[u8]) -> Option<Option<(Vec<u8>, &[u8])>> {
    let mut body = Vec::new();
    loop {
        let Some((line, behind)) = cut_line(rest) else {
            return size_of(rest.strip_suffix(b"\r").unwrap_or(rest), rest.ends_with(b"\r"))
                .map(|_| None);
        };
        let size = size_of(line, true)?;
        if size == 0 {
            return end_of(behind).map(|end| end.map(|rest| (body, rest)));
        }
        if size > (16 << 20) - body.len() as u64 {
            return None;
        }
        let size = size as usize;
        if behind.len() < size + 2 {
            let tail = behind.get(size).is_none_or(|b| *b == b'\r');
            return tail.then_some(None);
        }
        body.extend_from_slice(&behind[..size]);
        if &behind[size..size + 2] != b"\r\n" {
            return None;
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
    let more_text: Vec<u8> = more.iter().copied().skip_while(|b| matches!(b, 32 | 9)).collect();
    let extension = match more_text.first() {
        None => more.is_empty() || !complete,
        Some(first) => {
            *first == b';' && more_text.iter().all(|b| *b == 9 || (*b >= 32 && *b != 127))
        }
    };
    let size = std::str::from_utf8(size).ok()?;
    if size.is_empty() || !extension {
        return None;
    }
    u64::from_str_radix(size, 16).ok()
}

/// The trailer section: None when refused, Some(None) when incomplete, else what is behind it.
fn end_of(mut rest: &[u8]) -> Option<Option<&[u8]>> {
    let control = |line: &[u8]| line.iter().any(|b| (*b < 32 && *b != 9) || *b == 127);
    let name = |line: &[u8]| {
        let end = line.iter().position(|b| *b == b':').unwrap_or(line.len());
        let token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
        (end > 0 && line[..end].iter().all(token)).then_some(end < line.len())
    };
    while let Some((line, behind)) = cut_line(rest) {
        if line.is_empty() {
            return Some(Some(behind));
        }
        if control(line) || name(line) != Some(true) {
            return None;
        }
        rest = behind;
    }
    let line = rest.strip_suffix(b"\r").unwrap_or(rest);
    let whole = rest.len() > line.len();
    let good = line.is_empty()
        || (!control(line) && name(line).is_some_and(|has_colon| has_colon || !whole));
    good.then_some(None)
}

fn cut_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    find(bytes, b"\r\n").map(|at| (&bytes[..at], &bytes[at + 2..]))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
