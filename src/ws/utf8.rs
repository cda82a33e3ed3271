//! Whether a text is UTF-8, told as early as its bytes can tell (RFC 6455 section 8.1).
//!
//! A character may be cut by a segment or by a fragment; what is whole is looked at once, what is
//! cut again with its next bytes: at most three of them. It knows no message and no buffer.

use simdutf8::compat::from_utf8;

use super::error::Error;

/// How far a text has been checked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Utf8 {
    /// So many bytes are whole, valid characters.
    checked: usize,
}

impl Utf8 {
    /// Checks `text`, which begins with what was checked before. `whole`: nothing follows.
    ///
    /// # Errors
    /// `InvalidUtf8`, from the first byte on that no valid text can have there.
    pub(super) fn advance(&mut self, text: &[u8], whole: bool) -> Result<(), Error> {
        let new = &text[self.checked..];
        #[cfg(test)]
        crate::buf::cost::add(new.len());
        // Nearly all text of venues is, and this costs a fraction of the other.
        if is_ascii(new) {
            self.checked = text.len();
            return Ok(());
        }
        match from_utf8(new) {
            Ok(_) => self.checked = text.len(),
            Err(wrong) if wrong.error_len().is_some() || whole => return Err(Error::InvalidUtf8),
            Err(cut) => self.checked += cut.valid_up_to(),
        }
        Ok(())
    }
}

/// The highest bit of each byte of a word, which no ASCII character has.
const HIGH: u64 = 0x8080_8080_8080_8080;

/// As the standard library's, which looks at the last bytes one by one: that is much of its work on
/// a short message.
fn is_ascii(text: &[u8]) -> bool {
    let is_block_ascii = |block: &[u8; 64]| {
        let words = block.as_chunks::<8>().0;
        words.iter().fold(0, |all, word| all | u64::from_ne_bytes(*word)) & HIGH == 0
    };
    match text.last_chunk() {
        // The last block may overlap the one before it.
        Some(last) => text.as_chunks().0.iter().all(is_block_ascii) && is_block_ascii(last),
        None => text.is_ascii(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_of_a_text_of_any_length_is_seen() {
        for len in 0..300 {
            let mut text = vec![0x7f; len];
            assert!(is_ascii(&text));
            for at in 0..len {
                text[at] = 0x80;
                assert!(!is_ascii(&text), "{len} {at}");
                text[at] = 0x7f;
            }
        }
    }

    /// After how many bytes a text is refused; `None` if it is not.
    fn refused_at(text: &[u8]) -> Option<usize> {
        let mut utf8 = Utf8::default();
        let first = (1..=text.len()).find(|len| utf8.advance(&text[..*len], false).is_err());
        first.or_else(|| utf8.advance(text, true).err().map(|_| text.len()))
    }

    #[test]
    fn a_text_is_refused_at_the_first_wrong_byte() {
        for good in ["", "a", "\u{7f}", "ß", "κόσμε", "\u{ffff}", "\u{10ffff}", "a€𝄞b"] {
            assert_eq!(refused_at(good.as_bytes()), None, "{good}");
        }
        for (bad, at) in [
            (&b"\x80"[..], 1),
            (b"ab\xff", 3),
            (b"\xc0\xaf", 1),
            (b"\xe0\x80\x80", 2),
            (b"\xed\xa0\x80", 2),
            (b"\xf4\x90\x80\x80", 2),
            (b"\xf0\x9f\x98", 3),
            (b"\xe2\x82a", 3),
        ] {
            assert_eq!(refused_at(bad), Some(at), "{bad:x?}");
            assert!(Utf8::default().advance(bad, true).is_err(), "{bad:x?} whole");
        }
    }

    /// As the standard library says, for all cuts.
    #[test]
    fn every_sequence_of_two_bytes_and_many_of_four() {
        let bytes = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc2, 0xdf, 0xe0, 0xed, 0xf4];
        let all = (0..=255_u8).flat_map(|a| (0..=255).map(move |b| vec![a, b]));
        let some = (0..bytes.len().pow(4)).map(|n| {
            let at = |place: u32| bytes[n / bytes.len().pow(place) % bytes.len()];
            vec![at(0), at(1), at(2), at(3)]
        });
        for text in all.chain(some) {
            assert_eq!(refused_at(&text).is_none(), std::str::from_utf8(&text).is_ok());
        }
    }
}
