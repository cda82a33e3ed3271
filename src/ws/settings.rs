//! The settings of a receiver: how much a server may send, and what is checked. Nothing is counted
//! here.

use super::extension::DeflateAgreed;

/// How much a peer may send before it is refused; each limit is the most that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The payload of one data frame, in bytes, as it is on the wire.
    pub max_frame_size: usize,
    /// The payload of one message, in bytes, all fragments together and inflated.
    pub max_message_size: usize,
    /// Data frames in one message.
    pub max_fragments: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_frame_size: 16 * 1024 * 1024,
            max_message_size: 16 * 1024 * 1024,
            max_fragments: 64 * 1024,
        }
    }
}

/// How messages are received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverSettings {
    /// How much the peer may send.
    pub limits: Limits,
    /// Whether texts are checked to be UTF-8, as RFC 6455 section 8.1 demands. The reason in a
    /// close frame always is.
    pub check_utf8: bool,
    /// What was agreed with the server on compression, if anything was.
    pub deflate: Option<DeflateAgreed>,
}

impl Default for ReceiverSettings {
    fn default() -> Self {
        Self { limits: Limits::default(), check_utf8: true, deflate: None }
    }
}
