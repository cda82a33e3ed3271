//! permessage-deflate as it is offered, and the server's answer to that (RFC 6455 section 9.1, RFC
//! 7692 section 7.1).
//!
//! It knows the grammar of the field and the rules for its parameters; it inflates nothing.

use super::error::Error;
use crate::error::Status;
use crate::http::field;

const NAME: &[u8] = b"permessage-deflate";

/// What is offered to the server.
///
/// The client never compresses, which the RFC leaves to it for each message (section 6): an order
/// is short, and would only be later. So it offers to keep no context of its own, and accepts any
/// window that the server wants for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeflateOffer {
    /// The server must compress each message by itself: worse, but what was received can be read
    /// without what came before.
    pub server_no_context_takeover: bool,
    /// The most that the server may use for its window, 8 to 15; `None`: 15, the most there is.
    pub server_max_window_bits: Option<u8>,
}

/// What was agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeflateAgreed {
    /// Each message is compressed by itself.
    pub server_no_context_takeover: bool,
    /// The window of the server is not larger than 2 to this power, in bytes.
    pub server_max_window_bits: u8,
}

impl DeflateOffer {
    /// Checks the offer.
    ///
    /// # Errors
    /// `ERR_ARGUMENT` for window bits other than 8 to 15.
    pub(super) fn check(&self) -> Result<(), Status> {
        match self.server_max_window_bits {
            None | Some(8..=15) => Ok(()),
            Some(_) => Err(Status::ERR_ARGUMENT),
        }
    }

    /// The value of `Sec-WebSocket-Extensions` that offers it.
    pub(super) fn value(&self) -> Vec<u8> {
        let mut value = NAME.to_vec();
        value.extend_from_slice(b"; client_no_context_takeover; client_max_window_bits");
        if self.server_no_context_takeover {
            value.extend_from_slice(b"; server_no_context_takeover");
        }
        if let Some(bits) = self.server_max_window_bits {
            value.extend_from_slice(format!("; server_max_window_bits={bits}").as_bytes());
        }
        value
    }
}

/// Judges the value of the `Sec-WebSocket-Extensions` field of a 101.
///
/// # Errors
/// `BadExtensions`, `UnknownExtension`, `BadDeflateParameter`.
pub(super) fn judge(value: &[u8], offer: Option<&DeflateOffer>) -> Result<DeflateAgreed, Error> {
    let mut reader = Reader(value);
    let name = reader.token()?;
    let Some(offer) = offer.filter(|_| name.eq_ignore_ascii_case(NAME)) else {
        return Err(Error::UnknownExtension);
    };
    let mut answer = Answer::default();
    while reader.takes(b';') {
        let parameter = reader.token()?;
        let value = if reader.takes(b'=') { Some(reader.value()?) } else { None };
        answer.add(parameter, value)?;
    }
    if reader.takes(b',') {
        // A second one: it was not offered, whatever it is.
        reader.token()?;
        return Err(Error::UnknownExtension);
    }
    if reader.0.is_empty() { answer.agreed(offer) } else { Err(Error::BadExtensions) }
}

/// The parameters that were seen.
#[derive(Default)]
struct Answer {
    server_no_context_takeover: Option<()>,
    client_no_context_takeover: Option<()>,
    server_max_window_bits: Option<u8>,
    client_max_window_bits: Option<u8>,
}

impl Answer {
    fn add(&mut self, name: &[u8], value: Option<&[u8]>) -> Result<(), Error> {
        match name {
            b"server_no_context_takeover" => flag(&mut self.server_no_context_takeover, value),
            b"client_no_context_takeover" => flag(&mut self.client_no_context_takeover, value),
            b"server_max_window_bits" => bits(&mut self.server_max_window_bits, value),
            b"client_max_window_bits" => bits(&mut self.client_max_window_bits, value),
            _ => Err(Error::BadDeflateParameter),
        }
    }

    /// What was offered as a demand must be in the answer (RFC 7692 sections 7.1.1.1, 7.1.2.1).
    fn agreed(&self, offer: &DeflateOffer) -> Result<DeflateAgreed, Error> {
        let server_no_context_takeover = self.server_no_context_takeover.is_some();
        let forgets = offer.server_no_context_takeover && !server_no_context_takeover;
        let bits = self.server_max_window_bits.unwrap_or(15);
        if forgets || bits > offer.server_max_window_bits.unwrap_or(15) {
            return Err(Error::BadDeflateParameter);
        }
        Ok(DeflateAgreed { server_no_context_takeover, server_max_window_bits: bits })
    }
}

fn flag(seen: &mut Option<()>, value: Option<&[u8]>) -> Result<(), Error> {
    match (seen.replace(()), value) {
        (None, None) => Ok(()),
        _ => Err(Error::BadDeflateParameter),
    }
}

/// 8 to 15, without a leading zero.
fn bits(seen: &mut Option<u8>, value: Option<&[u8]>) -> Result<(), Error> {
    let bits = match value {
        Some([digit @ b'8'..=b'9']) => digit - b'0',
        Some([b'1', digit @ b'0'..=b'5']) => 10 + digit - b'0',
        _ => return Err(Error::BadDeflateParameter),
    };
    match seen.replace(bits) {
        None => Ok(()),
        Some(_) => Err(Error::BadDeflateParameter),
    }
}

/// Reads the field from its front; white space between the parts is skipped.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn token(&mut self) -> Result<&'a [u8], Error> {
        let bytes = self.0.trim_ascii_start();
        let is_foreign = |byte: &u8| !field::is_token_byte(*byte);
        let (token, rest) =
            bytes.split_at(bytes.iter().position(is_foreign).unwrap_or(bytes.len()));
        self.0 = rest.trim_ascii_start();
        if token.is_empty() { Err(Error::BadExtensions) } else { Ok(token) }
    }

    /// A token, which may be quoted: what is within the quotes must be a token, too, so that no
    /// backslash is needed (RFC 6455 section 9.1).
    fn value(&mut self) -> Result<&'a [u8], Error> {
        if !self.takes(b'"') {
            return self.token();
        }
        let end = self.0.iter().position(|byte| *byte == b'"').ok_or(Error::BadExtensions)?;
        let (value, rest) = self.0.split_at(end);
        self.0 = rest[1..].trim_ascii_start();
        if field::is_token(value) { Ok(value) } else { Err(Error::BadExtensions) }
    }

    /// Steps over `mark`, if it comes next.
    fn takes(&mut self, mark: u8) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if *first == mark => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: DeflateOffer =
        DeflateOffer { server_no_context_takeover: false, server_max_window_bits: None };

    fn agreed(server_no_context_takeover: bool, bits: u8) -> Result<DeflateAgreed, Error> {
        Ok(DeflateAgreed { server_no_context_takeover, server_max_window_bits: bits })
    }

    #[test]
    fn the_offer_says_what_is_wanted() {
        let plain = "permessage-deflate; client_no_context_takeover; client_max_window_bits";
        assert_eq!(OFFER.value(), plain.as_bytes());
        let all =
            DeflateOffer { server_no_context_takeover: true, server_max_window_bits: Some(10) };
        let want = format!("{plain}; server_no_context_takeover; server_max_window_bits=10");
        assert_eq!(all.value(), want.as_bytes());
        for (bits, good) in [(7, false), (8, true), (15, true), (16, false)] {
            let offer = DeflateOffer { server_max_window_bits: Some(bits), ..OFFER };
            assert_eq!(offer.check().is_ok(), good);
        }
    }

    #[test]
    fn answers_that_fit_are_agreed() {
        let judge = |value: &str| judge(value.as_bytes(), Some(&OFFER));
        assert_eq!(judge("permessage-deflate"), agreed(false, 15));
        assert_eq!(judge("PerMessage-Deflate"), agreed(false, 15));
        assert_eq!(judge("permessage-deflate;server_no_context_takeover"), agreed(true, 15));
        let value = "permessage-deflate ; client_no_context_takeover ; client_max_window_bits = 9";
        assert_eq!(judge(value), agreed(false, 15));
        assert_eq!(judge("permessage-deflate; server_max_window_bits=\"12\""), agreed(false, 12));
        assert_eq!(judge("permessage-deflate; server_max_window_bits=8"), agreed(false, 8));
    }

    #[test]
    fn what_was_demanded_must_be_answered() {
        let judge = |value: &str, offer| judge(value.as_bytes(), Some(&offer));
        let window = DeflateOffer { server_max_window_bits: Some(10), ..OFFER };
        assert_eq!(
            judge("permessage-deflate; server_max_window_bits=10", window),
            agreed(false, 10)
        );
        assert_eq!(judge("permessage-deflate; server_max_window_bits=9", window), agreed(false, 9));
        for value in ["permessage-deflate", "permessage-deflate; server_max_window_bits=11"] {
            assert_eq!(judge(value, window), Err(Error::BadDeflateParameter));
        }
        let forget = DeflateOffer { server_no_context_takeover: true, ..OFFER };
        assert_eq!(judge("permessage-deflate", forget), Err(Error::BadDeflateParameter));
        let value = "permessage-deflate; server_no_context_takeover";
        assert_eq!(judge(value, forget), agreed(true, 15));
    }

    #[test]
    fn wrong_parameters_are_refused() {
        for parameter in [
            "unknown",
            "server_no_context_takeover=1",
            "client_no_context_takeover=true",
            "server_no_context_takeover; server_no_context_takeover",
            "server_max_window_bits",
            "server_max_window_bits=7",
            "server_max_window_bits=16",
            "server_max_window_bits=08",
            "server_max_window_bits=+9",
            "server_max_window_bits=10; server_max_window_bits=10",
            "client_max_window_bits",
            "client_max_window_bits=100",
            "Server_No_Context_Takeover",
        ] {
            let value = format!("permessage-deflate; {parameter}");
            let found = judge(value.as_bytes(), Some(&OFFER));
            assert_eq!(found, Err(Error::BadDeflateParameter), "{parameter}");
        }
    }

    #[test]
    fn what_was_not_offered_is_refused() {
        for value in ["x-webkit-deflate-frame", "permessage-deflate, permessage-deflate", "a, b"] {
            assert_eq!(judge(value.as_bytes(), Some(&OFFER)), Err(Error::UnknownExtension));
        }
        assert_eq!(judge(b"permessage-deflate", None), Err(Error::UnknownExtension));
    }

    #[test]
    fn what_is_no_list_of_extensions_is_refused() {
        for value in [
            "",
            ",",
            ";",
            "permessage-deflate;",
            "permessage-deflate,",
            "permessage-deflate; server_max_window_bits=",
            "permessage-deflate; server_max_window_bits=\"10",
            "permessage-deflate; server_max_window_bits=\"\"",
            "permessage-deflate; server_max_window_bits=\"1\\0\"",
            "permessage-deflate x",
            "permessage-deflate; client_no_context_takeover/",
        ] {
            let found = judge(value.as_bytes(), Some(&OFFER));
            assert_eq!(found, Err(Error::BadExtensions), "{value}");
        }
    }
}
