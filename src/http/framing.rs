//! What the fields of a head say about where the message ends and what becomes of its connection,
//! found in one walk over them.
//!
//! It finds the fields and does not judge them: that is for `body.rs` and `exchange.rs`.

use super::field::{elements, list_contains};
use super::response::Response;

/// The fields that frame a message.
#[derive(Debug, Default)]
pub(super) struct Framing<'a> {
    pub(super) content_length: Seen<'a>,
    pub(super) transfer_encoding: Codings,
    /// A `Connection` field lists `close` (RFC 9110 section 7.6.1).
    pub(super) says_close: bool,
    /// There is a `Keep-Alive` field.
    pub(super) has_keep_alive: bool,
}

/// How often a field was seen, which should come once at most.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Seen<'a> {
    #[default]
    Never,
    /// With that value.
    Once(&'a [u8]),
    Again,
}

impl<'a> Seen<'a> {
    fn add(&mut self, value: &'a [u8]) {
        *self = match self {
            Self::Never => Self::Once(value),
            _ => Self::Again,
        };
    }
}

/// What the Transfer-Encoding fields list, all of them together (RFC 9110 section 5.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Codings {
    /// There is no such field.
    #[default]
    Absent,
    /// There is such a field, and it names no coding.
    Nothing,
    /// `chunked`, once, and nothing else.
    Chunked,
    /// Anything else.
    Other,
}

impl Codings {
    /// Adds the list of one more field.
    fn add(&mut self, list: &[u8]) {
        if *self == Self::Absent {
            *self = Self::Nothing;
        }
        for coding in elements(list) {
            let is_first = *self == Self::Nothing;
            let is_chunked = coding.eq_ignore_ascii_case(b"chunked");
            *self = if is_first && is_chunked { Self::Chunked } else { Self::Other };
        }
    }
}

impl<'a> Framing<'a> {
    /// Finds the framing fields in the head of `r`.
    pub(super) fn of(r: &'a Response) -> Self {
        let mut found = Self::default();
        let bytes = r.buf.filled();
        for field in r.head.fields() {
            // The length decides for most, without a look at the bytes.
            if !matches!(field.name_len(), 10 | 14 | 17) {
                continue;
            }
            let name = field.name(bytes);
            if is_named(name, b"connection") {
                let value = field.value(bytes);
                // What nearly all say is seen at once not to be it.
                let may_close = !is_named(value, b"keep-alive");
                found.says_close |= may_close && list_contains(value, b"close");
            } else if is_named(name, b"keep-alive") {
                found.has_keep_alive = true;
            } else if is_named(name, b"content-length") {
                found.content_length.add(field.value(bytes));
            } else if is_named(name, b"transfer-encoding") {
                found.transfer_encoding.add(field.value(bytes));
            }
        }
        found
    }
}

/// Whether `name`, of no control bytes, is `lower`, letters and `-`, in any case. Of a fixed
/// length, so that it is compared in a few words instead of byte by byte.
fn is_named<const N: usize>(name: &[u8], lower: &[u8; N]) -> bool {
    const { assert!(N >= 8) };
    let Ok(name) = <&[u8; N]>::try_from(name) else { return false };
    // Sets the bit that tells small letters from capital ones, and CR from `-`.
    (0..N).step_by(8).all(|at| word(name, at) | word(&[b' '; N], at) == word(lower, at))
}

/// The eight bytes from `at` on, or the last ones.
fn word<const N: usize>(bytes: &[u8; N], at: usize) -> u64 {
    let at = at.min(N - 8);
    u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes are eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::field::is_token_byte;

    #[test]
    fn a_name_is_found_in_any_case_and_no_other_name_is() {
        let name = b"Transfer-Encoding";
        assert!(is_named(name, b"transfer-encoding"));
        assert!(!is_named(&name[1..], b"transfer-encoding"));
        for at in 0..name.len() {
            for byte in (0..=u8::MAX).filter(|byte| is_token_byte(*byte)) {
                let mut other = *name;
                other[at] = byte;
                let same = other.eq_ignore_ascii_case(name);
                assert_eq!(
                    is_named(&other, b"transfer-encoding"),
                    same,
                    "{}",
                    other.escape_ascii()
                );
            }
        }
    }
}
