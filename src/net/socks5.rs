//! The messages of SOCKS version 5 (RFC 1928), with user and password (RFC 1929).
//!
//! Bytes only: who sends and receives them is elsewhere. Each message says how long the next one
//! is, so nothing behind the last one is ever read.

use std::fmt;
use std::net::IpAddr;

use zeroize::Zeroizing;

const VERSION: u8 = 5;
/// The version of the negotiation of RFC 1929.
const SUBVERSION: u8 = 1;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const COMMAND_CONNECT: u8 = 1;
const RESERVED: u8 = 0;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;
const PORT_LEN: usize = 2;

/// Why a proxy gives no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Its bytes are no SOCKS 5.
    NotSocks5,
    /// It takes none of the ways to authenticate that it was offered.
    NoMethod,
    /// It does not know this user with this password.
    Credentials,
    /// It did not connect; its reply says why.
    Reply(u8),
}

impl Refusal {
    /// Whether other credentials may help.
    pub(super) fn is_of_credentials(self) -> bool {
        matches!(self, Self::NoMethod | Self::Credentials)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSocks5 => f.write_str("its answer is no SOCKS 5"),
            Self::NoMethod => f.write_str("it accepts no offered way to authenticate"),
            Self::Credentials => f.write_str("it refuses the user or the password"),
            Self::Reply(code) => write!(f, "SOCKS reply {code}: {}", reply_text(*code)),
        }
    }
}

/// The words of RFC 1928 section 6.
fn reply_text(code: u8) -> &'static str {
    match code {
        1 => "general SOCKS server failure",
        2 => "connection not allowed by ruleset",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "TTL expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => "unassigned",
    }
}

/// The first message: in which ways this client can authenticate.
pub(super) fn greeting(has_credentials: bool) -> &'static [u8] {
    match has_credentials {
        false => &[VERSION, 1, NO_AUTHENTICATION],
        true => &[VERSION, 2, NO_AUTHENTICATION, USER_AND_PASSWORD],
    }
}

/// Whether the proxy now wants user and password.
pub(super) fn wants_credentials(choice: [u8; 2], has_credentials: bool) -> Result<bool, Refusal> {
    match choice {
        [VERSION, NO_AUTHENTICATION] => Ok(false),
        [VERSION, USER_AND_PASSWORD] if has_credentials => Ok(true),
        [VERSION, _] => Err(Refusal::NoMethod),
        _ => Err(Refusal::NotSocks5),
    }
}

/// The message with user and password, each 1 to 255 bytes.
pub(super) fn credentials(user: &[u8], password: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut message = Zeroizing::new(Vec::with_capacity(3 + user.len() + password.len()));
    message.push(SUBVERSION);
    for part in [user, password] {
        message.push(part.len() as u8);
        message.extend_from_slice(part);
    }
    message
}

/// What the proxy says of them. Any other status than 0 is a failure.
pub(super) fn check_credentials(verdict: [u8; 2]) -> Result<(), Refusal> {
    match verdict {
        [SUBVERSION, 0] => Ok(()),
        [SUBVERSION, _] => Err(Refusal::Credentials),
        _ => Err(Refusal::NotSocks5),
    }
}

/// The request for a connection to a host: an IP address, or a name of at most 255 bytes, which the
/// proxy resolves.
pub(super) fn connect_request(host: &str, port: u16) -> Vec<u8> {
    let mut message = vec![VERSION, COMMAND_CONNECT, RESERVED];
    match host.parse() {
        Ok(IpAddr::V4(ip)) => {
            message.push(IPV4);
            message.extend_from_slice(&ip.octets());
        }
        Ok(IpAddr::V6(ip)) => {
            message.push(IPV6);
            message.extend_from_slice(&ip.octets());
        }
        Err(_) => {
            message.extend_from_slice(&[NAME, host.len() as u8]);
            message.extend_from_slice(host.as_bytes());
        }
    }
    message.extend_from_slice(&port.to_be_bytes());
    message
}

/// What the first two bytes of the reply say. A proxy that refuses may send no more.
pub(super) fn check_reply(start: [u8; 2]) -> Result<(), Refusal> {
    match start {
        [VERSION, 0] => Ok(()),
        [VERSION, code] => Err(Refusal::Reply(code)),
        _ => Err(Refusal::NotSocks5),
    }
}

/// How many bytes follow the next three of the reply: the rest of an address, and a port.
pub(super) fn rest_of_reply(next: [u8; 3]) -> Result<usize, Refusal> {
    let rest_of_address = match next {
        [_, IPV4, _] => 3,
        [_, IPV6, _] => 15,
        [_, NAME, len] => usize::from(len),
        _ => return Err(Refusal::NotSocks5),
    };
    Ok(rest_of_address + PORT_LEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_those_of_the_standards() {
        assert_eq!(greeting(false), [5, 1, 0]);
        assert_eq!(greeting(true), [5, 2, 0, 2]);
        assert_eq!(*credentials(b"me", b"pwd"), b"\x01\x02me\x03pwd");
        assert_eq!(credentials(&[1; 255], &[2; 255]).len(), 513);
        assert_eq!(connect_request("10.1.2.3", 443), b"\x05\x01\x00\x01\x0a\x01\x02\x03\x01\xbb");
        assert_eq!(connect_request("a.test", 80), b"\x05\x01\x00\x03\x06a.test\x00\x50");
        let six = connect_request("2001:db8::1", 1);
        assert_eq!((six.len(), six[3], six[4], six[19]), (22, 4, 0x20, 1));
    }

    #[test]
    fn only_an_offered_way_to_authenticate_is_taken() {
        assert_eq!(wants_credentials([5, 0], true), Ok(false));
        assert_eq!(wants_credentials([5, 2], true), Ok(true));
        for (choice, has_credentials) in [([5, 2], false), ([5, 255], true), ([5, 1], true)] {
            assert_eq!(wants_credentials(choice, has_credentials), Err(Refusal::NoMethod));
        }
        assert_eq!(wants_credentials([4, 0], true), Err(Refusal::NotSocks5));
        assert_eq!(check_credentials([1, 0]), Ok(()));
        assert_eq!(check_credentials([1, 255]), Err(Refusal::Credentials));
        assert_eq!(check_credentials([5, 0]), Err(Refusal::NotSocks5));
    }

    #[test]
    fn a_reply_says_how_long_it_is_or_why_there_is_no_connection() {
        for (next, rest) in [([0, 1, 9], 5), ([0, 4, 9], 17), ([0, 3, 9], 11)] {
            assert_eq!(rest_of_reply(next), Ok(rest));
        }
        assert_eq!(rest_of_reply([0, 2, 0]), Err(Refusal::NotSocks5));
        assert_eq!(check_reply([5, 0]), Ok(()));
        for code in 1..=255 {
            assert_eq!(check_reply([5, code]), Err(Refusal::Reply(code)));
        }
        for start in [[4, 0], *b"HT"] {
            assert_eq!(check_reply(start), Err(Refusal::NotSocks5));
        }
        assert_eq!(Refusal::Reply(5).to_string(), "SOCKS reply 5: connection refused");
        assert_eq!(Refusal::Reply(9).to_string(), "SOCKS reply 9: unassigned");
    }
}
