//! Why a WebSocket connection is given up: one name for each rule that a peer can break.
//!
//! It knows names, their texts, and the close code that tells the peer. What the caller does wrong
//! is a [`Status`](crate::error::Status), as everywhere.

use std::fmt;

use strum::{EnumDiscriminants, VariantArray};

use super::close_code::{INVALID_DATA, PROTOCOL_ERROR, TOO_BIG};
use crate::error::Outcome;

/// The rule or limit that the peer has broken. It is final: the connection must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumDiscriminants)]
#[strum_discriminants(name(ErrorKind), derive(Hash, VariantArray), doc = "The name of an error.")]
#[strum_discriminants(allow(missing_docs))]
pub enum Error {
    /// The answer to the upgrade breaks HTTP/1.1, as the outcome says.
    Http(Outcome),
    /// The answer to the upgrade is whole and is not 101 (RFC 6455 section 4.1). Its status and
    /// body are in the response.
    NotSwitched,
    /// The 101 is of HTTP/1.0, which has no upgrade (RFC 9110 section 7.8).
    OldVersion,
    /// `Upgrade` is not there once with the value `websocket` (RFC 6455 section 4.1, check 2).
    BadUpgrade,
    /// No `Connection` field lists `upgrade` (RFC 6455 section 4.1, check 3).
    BadConnection,
    /// `Sec-WebSocket-Accept` is not there once with the value that the key asks for (RFC 6455
    /// section 4.1, check 4).
    BadAccept,
    /// `Sec-WebSocket-Protocol` names what was not offered, or is there more than once (RFC 6455
    /// section 4.1, check 6; section 11.3.4).
    BadSubprotocol,
    /// `Sec-WebSocket-Extensions` breaks its grammar, or is there more than once (RFC 6455 sections
    /// 9.1 and 11.3.2).
    BadExtensions,
    /// An extension that was not offered, or one twice (RFC 6455 section 4.1, check 5).
    UnknownExtension,
    /// A parameter of permessage-deflate is unknown, twice there, missing or has a value that was
    /// not offered (RFC 7692 section 7.1).
    BadDeflateParameter,
    /// A reserved bit is set without an extension that gives it a meaning (RFC 6455 section 5.2).
    ReservedBits,
    /// The opcode is 3 to 7 or 11 to 15 (RFC 6455 section 5.2).
    ReservedOpcode,
    /// A server must not mask (RFC 6455 section 5.1).
    MaskedFrame,
    /// The length is not in its shortest form (RFC 6455 section 5.2).
    LengthNotMinimal,
    /// The top bit of a 64-bit length is set (RFC 6455 section 5.2).
    LengthTooLarge,
    /// A control frame without FIN (RFC 6455 section 5.5).
    FragmentedControl,
    /// A control frame of more than 125 bytes of payload (RFC 6455 section 5.5).
    ControlTooLong,
    /// A continuation without a message to be continued (RFC 6455 section 5.4).
    UnexpectedContinuation,
    /// A text or binary frame before the last message has ended (RFC 6455 section 5.4).
    ExpectedContinuation,
    /// The payload of a frame is longer than `max_frame_size`.
    FrameTooLarge,
    /// A message is longer than `max_message_size`, inflated if it was compressed.
    MessageTooLarge,
    /// A message is in more frames than `max_fragments`.
    TooManyFragments,
    /// A text is not UTF-8 (RFC 6455 section 8.1).
    InvalidUtf8,
    /// A close frame with one byte of payload, which is no code (RFC 6455 section 5.5.1).
    BadCloseLength,
    /// A close code that must not be on the wire (RFC 6455 section 7.4).
    BadCloseCode,
    /// The reason in a close frame is not UTF-8 (RFC 6455 section 5.5.1).
    BadCloseReason,
    /// The payload of a compressed message is not DEFLATE (RFC 7692 section 7.2.2).
    BadDeflate,
    /// There was no memory for what had come.
    OutOfMemory,
}

impl Error {
    /// The code that a close frame tells the peer (RFC 6455 section 7.4.1); `None` when there is no
    /// WebSocket connection yet, on which a frame could be sent.
    pub const fn close_code(self) -> Option<u16> {
        match self {
            Self::Http(_)
            | Self::NotSwitched
            | Self::OldVersion
            | Self::BadUpgrade
            | Self::BadConnection
            | Self::BadAccept
            | Self::BadSubprotocol
            | Self::BadExtensions
            | Self::UnknownExtension
            | Self::BadDeflateParameter => None,
            Self::InvalidUtf8 | Self::BadCloseReason | Self::BadDeflate => Some(INVALID_DATA),
            Self::FrameTooLarge
            | Self::MessageTooLarge
            | Self::TooManyFragments
            | Self::OutOfMemory => Some(TOO_BIG),
            _ => Some(PROTOCOL_ERROR),
        }
    }

    /// Its text, without what the outcome says.
    const fn text(self) -> &'static str {
        match self {
            Self::Http(_) => "the answer to the upgrade breaks HTTP/1.1",
            Self::NotSwitched => "the answer to the upgrade is not 101",
            Self::OldVersion => "the 101 is of HTTP/1.0",
            Self::BadUpgrade => "the 101 does not say \"Upgrade: websocket\" once",
            Self::BadConnection => "the 101 does not say \"Connection: upgrade\"",
            Self::BadAccept => "Sec-WebSocket-Accept does not fit the key",
            Self::BadSubprotocol => "the server selected a subprotocol that was not offered",
            Self::BadExtensions => "Sec-WebSocket-Extensions is malformed or repeated",
            Self::UnknownExtension => "the server selected an extension that was not offered",
            Self::BadDeflateParameter => "a parameter of permessage-deflate is wrong",
            Self::ReservedBits => "a reserved bit is set",
            Self::ReservedOpcode => "the opcode is reserved",
            Self::MaskedFrame => "a frame of the server is masked",
            Self::LengthNotMinimal => "the length of a frame is not in its shortest form",
            Self::LengthTooLarge => "the length of a frame has more than 63 bits",
            Self::FragmentedControl => "a control frame is fragmented",
            Self::ControlTooLong => "a control frame has more than 125 bytes of payload",
            Self::UnexpectedContinuation => "a continuation continues no message",
            Self::ExpectedContinuation => "a message begins before the last one has ended",
            Self::FrameTooLarge => "a frame is over the limit",
            Self::MessageTooLarge => "a message is over the limit",
            Self::TooManyFragments => "a message has too many fragments",
            Self::InvalidUtf8 => "a text is not UTF-8",
            Self::BadCloseLength => "a close frame has one byte of payload",
            Self::BadCloseCode => "the close code must not be sent",
            Self::BadCloseReason => "the reason in a close frame is not UTF-8",
            Self::BadDeflate => "a compressed message is not DEFLATE",
            Self::OutOfMemory => "there is no memory for what has come",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(outcome) => {
                let name = outcome.name().to_str().unwrap_or_default();
                write!(f, "{}: {name}", self.text())
            }
            _ => f.write_str(self.text()),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_plain_and_differ() {
        assert_eq!(
            Error::Http(Outcome::BadHeader).to_string(),
            "the answer to the upgrade breaks HTTP/1.1: VP_OUTCOME_BAD_HEADER"
        );
        assert_eq!(Error::MaskedFrame.to_string(), "a frame of the server is masked");
        assert_eq!(ErrorKind::from(Error::Http(Outcome::Ok)), ErrorKind::Http);
    }

    #[test]
    fn the_close_code_tells_what_is_wrong() {
        assert_eq!(Error::Http(Outcome::BadHeader).close_code(), None);
        assert_eq!(Error::UnknownExtension.close_code(), None);
        assert_eq!(Error::MaskedFrame.close_code(), Some(1002));
        assert_eq!(Error::BadCloseCode.close_code(), Some(1002));
        assert_eq!(Error::InvalidUtf8.close_code(), Some(1007));
        assert_eq!(Error::MessageTooLarge.close_code(), Some(1009));
    }
}
