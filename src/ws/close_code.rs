//! The close codes, and which of them may be on the wire (RFC 6455 section 7.4).

/// The purpose of the connection is fulfilled.
pub(crate) const NORMAL: u16 = 1000;
/// The peer has broken a rule of the protocol.
pub(crate) const PROTOCOL_ERROR: u16 = 1002;
/// The peer has sent data that is not what it says to be.
pub(crate) const INVALID_DATA: u16 = 1007;
/// The peer has sent a message that is too big.
pub(crate) const TOO_BIG: u16 = 1009;
/// Stands for a close frame without a code; never on the wire.
pub(crate) const NO_CODE: u16 = 1005;
/// Stands for a connection that ended without a close frame; never on the wire.
pub(crate) const ABNORMAL: u16 = 1006;

/// Whether `code` may be on the wire: the ranges of RFC 6455 section 7.4.2, and of 1000 to 2999
/// those that IANA has registered for it (1012 to 1014 came after the RFC).
pub(crate) const fn is_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
