//! Which bytes may stand where in a message: methods, targets, field names and field values.
//!
//! Its one job is to refuse what could end a line early, smuggle a second message or confuse the
//! peer's parser. It looks at one piece at a time and knows nothing of buffers, phases or origins.

use super::lanes::{LANES, controls, has_none, not_of_a_name, not_of_a_target, questions};
use crate::error::Status;

/// One answer for each byte: whether it belongs to the class.
type Class = [bool; 256];

/// What tokens and targets are judged by: together and aligned, so that two cache lines hold all
/// that a usual request asks of them.
static MARKS: Marks = Marks(marks());
static UNRESERVED: Class = alphanumeric_and(b"-._~");

/// Whether `bytes` is a token, as methods and header names are (RFC 9110 section 5.6.2).
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    if has_none(bytes, not_of_a_name) {
        return true;
    }
    // No early exit: what comes here is short, and nearly always good.
    let marks = bytes.iter().fold(0, |marks, &byte| marks | MARKS.0[usize::from(byte)]);
    !bytes.is_empty() & (marks & NO_TOKEN == 0)
}

/// Whether `byte` may stand in a token, and so in a field name.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    MARKS.0[usize::from(byte)] & NO_TOKEN == 0
}

/// Whether `bytes` may stand in a header value: HTAB, SP, visible ASCII and bytes from 0x80 on
/// (RFC 9110 section 5.5). Every control byte is refused, not only CR, LF and NUL.
pub(crate) fn is_value(bytes: &[u8]) -> bool {
    has_none(bytes, controls) || bytes.iter().all(|byte| is_value_byte(*byte))
}

/// Whether `byte` may stand in a field value or a reason phrase.
pub(crate) fn is_value_byte(byte: u8) -> bool {
    (byte >= 0x20) & (byte != 0x7f) | (byte == b'\t')
}

/// What there is to know of the path and query of a request target.
pub(crate) struct Target {
    /// Where the first `?` stands in it, if there is one.
    pub(crate) query: Option<usize>,
}

/// Looks at the path and query of a request target (RFC 3986 sections 3.3 and 3.4): pchar, `/` and
/// `?`, where each `%` begins a well-formed triplet. `None` if it is none.
#[inline(always)]
pub(crate) fn target(bytes: &[u8]) -> Option<Target> {
    let mut found = 0;
    let is_plain = has_none(bytes, |lanes| {
        found |= questions(lanes);
        not_of_a_target(lanes)
    });
    if is_plain {
        return Some(Target { query: if found == 0 { None } else { question(bytes) } });
    }
    // One pass, without an early exit, says all that has no triplet in it.
    let marks = bytes.iter().fold(0, |marks, &byte| marks | MARKS.0[usize::from(byte)]);
    let is_target = marks & FOREIGN == 0 && (marks & PERCENT == 0 || is_encoded(bytes));
    is_target.then(|| Target { query: if marks & QUESTION == 0 { None } else { question(bytes) } })
}

/// Where the first `?` stands.
fn question(bytes: &[u8]) -> Option<usize> {
    let (chunks, rest) = bytes.as_chunks();
    for (number, lanes) in chunks.iter().enumerate() {
        let found = questions(*lanes);
        if found != 0 {
            return Some(number * LANES + found.trailing_zeros() as usize);
        }
    }
    let found = rest.iter().position(|byte| *byte == b'?');
    found.map(|at| chunks.len() * LANES + at)
}

/// Whether `bytes` may stand in the path and query of a request target.
pub(crate) fn is_target(bytes: &[u8]) -> bool {
    target(bytes).is_some()
}

/// Whether each `%` begins a well-formed triplet.
fn is_encoded(bytes: &[u8]) -> bool {
    let percents = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    percents.map(|(at, _)| at).all(|at| begins_with_triplet(&bytes[at..]))
}

/// Whether `path` can be put in front of the path of a request: empty, or `/` and more, without a
/// query.
pub(crate) fn is_base_path(path: &[u8]) -> bool {
    path.is_empty() || (path[0] == b'/' && is_target(path) && !path.contains(&b'?'))
}

/// Whether percent-encoding leaves `byte` as it is (RFC 3986 section 2.3).
pub(crate) fn is_unreserved(byte: u8) -> bool {
    UNRESERVED[usize::from(byte)]
}

/// Checks a header that the caller wants to send, and that the library does not write itself.
///
/// # Errors
/// `ERR_HEADER_NAME` if the name is no token. `ERR_HEADER_RESERVED` for Host, Content-Length and
/// Transfer-Encoding, which decide where a message goes and ends, and for Expect, Upgrade and
/// `Connection: upgrade`, which ask for an exchange of another shape than one request and one
/// response. `ERR_HEADER_VALUE` if the value holds a control byte.
#[inline(always)]
pub(crate) fn check_header(name: &[u8], value: &[u8]) -> Result<(), Status> {
    if !is_token(name) {
        return Err(Status::ERR_HEADER_NAME);
    }
    if is_reserved(name) || is_connection(name) && list_contains(value, b"upgrade") {
        return Err(Status::ERR_HEADER_RESERVED);
    }
    if !is_value(value) {
        return Err(Status::ERR_HEADER_VALUE);
    }
    Ok(())
}

/// As [`check_header`], for what is set once: as a part of its caller it is large.
#[inline(never)]
pub(crate) fn check_setting(name: &[u8], value: &[u8]) -> Result<(), Status> {
    check_header(name, value)
}

/// Whether the header ends the connection after this exchange (RFC 9112 section 9.6).
#[inline]
pub(crate) fn says_close(name: &[u8], value: &[u8]) -> bool {
    is_connection(name) && list_contains(value, b"close")
}

/// Whether it is the name of the header that says what becomes of the connection.
#[inline(always)]
pub(crate) fn is_connection(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"connection")
}

/// Most names are decided by their length alone.
#[inline(always)]
fn is_reserved(name: &[u8]) -> bool {
    match name.len() {
        4 => name.eq_ignore_ascii_case(b"host"),
        6 => name.eq_ignore_ascii_case(b"expect"),
        7 => name.eq_ignore_ascii_case(b"upgrade"),
        14 => name.eq_ignore_ascii_case(b"content-length"),
        17 => name.eq_ignore_ascii_case(b"transfer-encoding"),
        _ => false,
    }
}

/// Whether the comma-separated list holds `token`, in any case (RFC 9110 section 5.6.1).
pub(crate) fn list_contains(list: &[u8], token: &[u8]) -> bool {
    elements(list).any(|element| element.eq_ignore_ascii_case(token))
}

/// The elements of a comma-separated list of tokens, without the white space around them. Empty
/// elements are skipped, as a recipient must (RFC 9110 section 5.6.1.2). A comma within quotes
/// separates, too: where only tokens are allowed, a quote is an ordinary wrong byte.
pub(super) fn elements(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

fn begins_with_triplet(bytes: &[u8]) -> bool {
    matches!(bytes, [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

/// May not stand in a target.
const FOREIGN: u8 = 1;
/// Begins a triplet.
const PERCENT: u8 = 2;
/// Begins the query.
const QUESTION: u8 = 4;

/// May not stand in a token.
const NO_TOKEN: u8 = 8;

#[repr(align(64))]
struct Marks([u8; 256]);

const fn marks() -> [u8; 256] {
    let target = alphanumeric_and(b"-._~!$&'()*+,;=:@/?%");
    let token = alphanumeric_and(b"!#$%&'*+-.^_`|~");
    let mut marks = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        marks[byte] = if target[byte] { 0 } else { FOREIGN };
        marks[byte] |= if token[byte] { 0 } else { NO_TOKEN };
        byte += 1;
    }
    marks[b'%' as usize] |= PERCENT;
    marks[b'?' as usize] |= QUESTION;
    marks
}

const fn alphanumeric_and(symbols: &[u8]) -> Class {
    let mut class = [false; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        class[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < symbols.len() {
        class[symbols[at] as usize] = true;
        at += 1;
    }
    class
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The grammar of RFC 9110 and RFC 3986 once more, written as ranges.
    #[test]
    fn every_byte_is_in_the_classes_of_the_rfcs() {
        for byte in 0..=u8::MAX {
            let alnum = matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z');
            let unreserved = alnum || b"-._~".contains(&byte);
            let sub_delim = b"!$&'()*+,;=".contains(&byte);
            let pchar = unreserved || sub_delim || b":@".contains(&byte);
            let visible = (0x21..=0x7e).contains(&byte);
            let delimiter = b"\"(),/:;<=>?@[\\]{}".contains(&byte);

            assert_eq!(is_unreserved(byte), unreserved, "{byte:#x}");
            assert_eq!(is_token(&[byte]), visible && !delimiter, "{byte:#x}");
            assert_eq!(is_target(&[byte]), pchar || b"/?".contains(&byte), "{byte:#x}");
            assert_eq!(
                is_target(&[byte, b'4', b'1']),
                pchar || b"/?%".contains(&byte),
                "{byte:#x}"
            );
            let value = visible || byte >= 0x80 || byte == b' ' || byte == b'\t';
            assert_eq!(is_value(&[byte]), value, "{byte:#x}");
        }
    }

    /// The classes are made by the compiler; here once more by the program.
    #[test]
    fn a_class_holds_alphanumerics_and_its_symbols() {
        let class = alphanumeric_and(b"-._~");
        assert_eq!(class, UNRESERVED);
        assert_eq!(class.iter().filter(|is_in| **is_in).count(), 26 + 26 + 10 + 4);
    }

    /// Bytes are judged together or one by one, which must not change the verdict.
    #[test]
    fn a_byte_is_in_the_same_classes_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for length in 2..40 {
                for at in [0, length / 2, length - 1] {
                    // No digit of a triplet.
                    let mut bytes = vec![b'x'; length];
                    bytes[at] = byte;
                    let what = bytes.escape_ascii();
                    assert_eq!(is_token(&bytes), is_token(&[byte]), "{what}");
                    assert_eq!(is_value(&bytes), is_value(&[byte]), "{what}");
                    assert_eq!(is_target(&bytes), is_target(&[byte]), "{what}");
                    let query = target(&bytes).and_then(|target| target.query);
                    assert_eq!(query, (byte == b'?').then_some(at), "{what}");
                }
            }
        }
    }

    #[test]
    fn one_bad_byte_anywhere_spoils_the_whole() {
        for length in 1..70 {
            for at in 0..length {
                let mut bytes = vec![b'a'; length];
                assert!(is_value(&bytes) && is_token(&bytes) && is_target(&bytes));
                bytes[at] = b'\n';
                assert!(!is_value(&bytes) && !is_token(&bytes) && !is_target(&bytes));
            }
        }
    }

    #[test]
    fn empty_is_a_value_and_a_target_but_no_token() {
        assert!(is_value(b"") && is_target(b"") && is_base_path(b""));
        assert!(!is_token(b""));
    }

    #[test]
    fn percent_begins_a_triplet() {
        for good in [&b"%41"[..], b"a%aF", b"%00%ff", b"%25"] {
            assert!(is_target(good));
        }
        for bad in [&b"%"[..], b"%4", b"%%41", b"%g0", b"%0g", b"a%", b"%41%", b"% 1"] {
            assert!(!is_target(bad));
        }
    }

    #[test]
    fn base_paths() {
        for good in [&b"/api"[..], b"/", b"/a/b%20c"] {
            assert!(is_base_path(good));
        }
        for bad in [&b"api"[..], b"/a?b", b"/a#b", b"?", b"*", b"/a b"] {
            assert!(!is_base_path(bad));
        }
    }

    #[test]
    fn headers_of_the_library_are_reserved_in_any_case() {
        for name in ["Host", "hOST", "CONTENT-length", "Transfer-Encoding", "expect", "UPGRADE"] {
            assert_eq!(check_header(name.as_bytes(), b"x"), Err(Status::ERR_HEADER_RESERVED));
        }
        for name in ["Hosts", "X-Host", "Content-Type", "TE", "Date12", "Content-Lengths"] {
            assert_eq!(check_header(name.as_bytes(), b"x"), Ok(()));
        }
    }

    #[test]
    fn connection_is_a_list() {
        for value in ["close", "CLOSE", "keep-alive, close", " close\t,x", ",close", "a,\tClose"] {
            assert!(says_close(b"connection", value.as_bytes()), "{value}");
            assert!(!says_close(b"x-connection", value.as_bytes()), "{value}");
        }
        for value in ["", "keep-alive", "closed", "close-it", "not close", "x;close"] {
            assert!(!says_close(b"Connection", value.as_bytes()), "{value}");
        }
        for value in ["upgrade", "Upgrade", "keep-alive,upgrade"] {
            let answer = check_header(b"CONNECTION", value.as_bytes());
            assert_eq!(answer, Err(Status::ERR_HEADER_RESERVED), "{value}");
        }
        assert_eq!(check_header(b"Connection", b"close"), Ok(()));
        assert_eq!(check_header(b"Connection", b"clo\nse"), Err(Status::ERR_HEADER_VALUE));
    }
}
