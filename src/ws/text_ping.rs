//! Pings that are messages: some venues answer no other, and end a connection without them.
//!
//! The message is a template. `{number}` stands for the number of the ping, `{wall_ms}` for the
//! time of sending in milliseconds since 1970. Its answer is any message that contains a text. It
//! knows no clock and no connection: when a ping is due says [`super::keep_alive`].

use memchr::memmem;

use super::frame::Kind;
use crate::error::Status;

/// The longest template, in bytes.
const MAX_TEMPLATE: usize = 4096;
/// A longer message is no answer to a ping. So large messages are not searched.
const MAX_PONG: usize = 4096;
/// How much longer than its template a ping can be at most: the digits of each placeholder.
const DIGITS: usize = 20;

/// A piece of the template.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Bytes(Vec<u8>),
    Number,
    WallMs,
}

/// Pings as messages, and how their answers are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPing {
    kind: Kind,
    pieces: Vec<Piece>,
    pong: Vec<u8>,
}

impl TextPing {
    /// Pings of a template, whose answers contain `pong`.
    ///
    /// # Errors
    /// `ERR_ARGUMENT` for an empty text, for a template of more than 4096 bytes, and for a `pong`
    /// of more than 128.
    pub fn new(kind: Kind, template: &[u8], pong: &[u8]) -> Result<Self, Status> {
        if !(1..=MAX_TEMPLATE).contains(&template.len()) || !(1..=128).contains(&pong.len()) {
            return Err(Status::ERR_ARGUMENT);
        }
        Ok(Self { kind, pieces: pieces(template), pong: pong.to_vec() })
    }

    /// Text or binary.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The longest message that it makes, in bytes.
    pub fn max_len(&self) -> usize {
        let len = |piece: &Piece| match piece {
            Piece::Bytes(bytes) => bytes.len(),
            Piece::Number | Piece::WallMs => DIGITS,
        };
        self.pieces.iter().map(len).sum()
    }

    /// The message of the ping of that number, sent at that time.
    pub fn message(&self, number: u64, wall_ms: u64) -> Vec<u8> {
        let mut message = Vec::with_capacity(self.max_len());
        for piece in &self.pieces {
            match piece {
                Piece::Bytes(bytes) => message.extend_from_slice(bytes),
                Piece::Number => message.extend_from_slice(number.to_string().as_bytes()),
                Piece::WallMs => message.extend_from_slice(wall_ms.to_string().as_bytes()),
            }
        }
        message
    }

    /// Whether the message is an answer to a ping.
    pub fn is_pong(&self, message: &[u8]) -> bool {
        message.len() <= MAX_PONG && memmem::find(message, &self.pong).is_some()
    }
}

fn pieces(template: &[u8]) -> Vec<Piece> {
    const PLACEHOLDERS: [(&[u8], Piece); 2] =
        [(b"{number}", Piece::Number), (b"{wall_ms}", Piece::WallMs)];
    let (mut pieces, mut rest) = (Vec::new(), template);
    while !rest.is_empty() {
        let found = PLACEHOLDERS.iter().filter_map(|(text, piece)| {
            memmem::find(rest, text).map(|place| (place, text.len(), piece))
        });
        let Some((place, len, piece)) = found.min_by_key(|(place, ..)| *place) else {
            pieces.push(Piece::Bytes(rest.to_vec()));
            break;
        };
        if place > 0 {
            pieces.push(Piece::Bytes(rest[..place].to_vec()));
        }
        pieces.push(piece.clone());
        rest = &rest[place + len..];
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(template: &str, number: u64, wall_ms: u64) -> String {
        let ping = TextPing::new(Kind::Text, template.as_bytes(), b"pong").unwrap();
        let message = ping.message(number, wall_ms);
        assert!(message.len() <= ping.max_len());
        String::from_utf8(message).unwrap()
    }

    #[test]
    fn a_template_is_filled_where_it_says_so() {
        assert_eq!(made("ping", 1, 2), "ping");
        assert_eq!(made("{number}", 7, 0), "7");
        assert_eq!(made("{wall_ms}{number}", 1, 1_700_000_000_000), "17000000000001");
        let json = r#"{"op":"ping","id":"{number}","ts":{wall_ms},"again":{number}}"#;
        let filled = r#"{"op":"ping","id":"12","ts":34,"again":12}"#;
        assert_eq!(made(json, 12, 34), filled);
        assert_eq!(made("{number", 1, 2), "{number");
        assert_eq!(made("{{number}}", 1, 2), "{1}");
        made("{number}{wall_ms}", u64::MAX, u64::MAX);
    }

    #[test]
    fn an_answer_contains_its_text_and_is_short() {
        let ping = TextPing::new(Kind::Binary, b"x", b"\"pong\"").unwrap();
        assert_eq!(ping.kind(), Kind::Binary);
        assert!(ping.is_pong(br#"{"ret_msg":"pong"}"#) && ping.is_pong(b"\"pong\""));
        assert!(!ping.is_pong(b"") && !ping.is_pong(b"pong") && !ping.is_pong(b"\"pong"));
        let mut long = vec![b' '; MAX_PONG - 6];
        long.extend_from_slice(b"\"pong\"");
        assert!(ping.is_pong(&long));
        long.push(b' ');
        assert!(!ping.is_pong(&long));
    }

    #[test]
    fn texts_have_bounds() {
        let new = |template: &[u8], pong: &[u8]| TextPing::new(Kind::Text, template, pong);
        assert_eq!(new(b"", b"pong").unwrap_err(), Status::ERR_ARGUMENT);
        assert_eq!(new(b"ping", b"").unwrap_err(), Status::ERR_ARGUMENT);
        assert_eq!(new(&[b'p'; 4097], b"pong").unwrap_err(), Status::ERR_ARGUMENT);
        assert_eq!(new(b"ping", &[b'p'; 129]).unwrap_err(), Status::ERR_ARGUMENT);
        assert!(new(&[b'p'; 4096], &[b'p'; 128]).is_ok());
    }
}
