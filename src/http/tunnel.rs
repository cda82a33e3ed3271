//! CONNECT (RFC 9110 section 9.3.6): asking an HTTP proxy for a tunnel, and reading its answer.
//!
//! The answer's head is read as strictly as that of a venue. What follows it belongs to whoever is
//! at the other end of the tunnel, so this says how many bytes are the answer's.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use super::head::{Head, Scan};
use super::limits::Limits;
use crate::error::Outcome;

/// How long one head of an answer may be, in bytes.
const MAX_HEAD: usize = 8 * 1024;

/// How many fields it may have.
const MAX_FIELDS: usize = 64;

/// How many interim (1xx) answers may come first.
const MAX_INTERIM: u32 = 4;

/// The request for a tunnel to `authority`, a host and its port. `credentials` are a user and a
/// password (RFC 7617).
pub fn connect_request(authority: &str, credentials: Option<(&[u8], &[u8])>) -> Zeroizing<Vec<u8>> {
    let secret = credentials.map(|(user, password)| basic(user, password));
    let secret = secret.as_deref().map_or("", String::as_str);
    let parts = [
        "CONNECT ",
        authority,
        " HTTP/1.1\r\nHost: ",
        authority,
        if secret.is_empty() { "" } else { "\r\nProxy-Authorization: Basic " },
        secret,
        "\r\n\r\n",
    ];
    let len = parts.iter().map(|part| part.len()).sum();
    let mut request = Zeroizing::new(Vec::with_capacity(len));
    parts.iter().for_each(|part| request.extend_from_slice(part.as_bytes()));
    request
}

fn basic(user: &[u8], password: &[u8]) -> Zeroizing<String> {
    let mut pair = Zeroizing::new(Vec::with_capacity(user.len() + 1 + password.len()));
    pair.extend_from_slice(user);
    pair.push(b':');
    pair.extend_from_slice(password);
    Zeroizing::new(BASE64_STANDARD.encode(&pair))
}

/// An answer as far as it has come.
#[derive(Default)]
pub struct TunnelAnswer {
    scan: Scan,
    head: Vec<u8>,
    interim: u32,
}

impl TunnelAnswer {
    /// Takes what comes next, and answers how many of `bytes` are the answer's, and its status once
    /// it is whole. What is not taken is to be given again, unless the answer is whole.
    ///
    /// # Errors
    /// Those of a response's head.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(usize, Option<u16>), Outcome> {
        let limits =
            Limits { max_head_size: MAX_HEAD, max_headers: MAX_FIELDS, ..Limits::default() };
        let before = self.head.len();
        self.head.extend_from_slice(bytes);
        let Some(len) = self.scan.advance(&self.head, &limits)? else {
            return Ok((bytes.len(), None));
        };
        let mut head = Head::default();
        head.parse(&self.head[..len], self.scan.fields())?;
        let taken = len - before;
        let is_interim = head.status < 200 && head.status != 101;
        if !is_interim {
            return Ok((taken, Some(head.status)));
        }
        if self.interim == MAX_INTERIM {
            return Err(Outcome::TooManyInterim);
        }
        *self = Self { interim: self.interim + 1, ..Self::default() };
        Ok((taken, None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_its_authority_twice_and_its_credentials_once() {
        let plain = b"CONNECT venue.test:443 HTTP/1.1\r\nHost: venue.test:443\r\n\r\n";
        assert_eq!(*connect_request("venue.test:443", None), plain);
        // The example of RFC 7617 section 2.
        let request = connect_request("[::1]:80", Some((b"Aladdin", b"open sesame")));
        let expected = b"CONNECT [::1]:80 HTTP/1.1\r\nHost: [::1]:80\r\n\
            Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n";
        assert_eq!(*request, expected);
    }

    /// The status, and what is left of `bytes` when they come in pieces of `size`.
    fn read(bytes: &[u8], size: usize) -> Result<(Option<u16>, usize), Outcome> {
        let (mut answer, mut at) = (TunnelAnswer::default(), 0);
        while at < bytes.len() {
            let end = bytes.len().min(at + size);
            let (taken, status) = answer.take(&bytes[at..end])?;
            at += taken;
            if status.is_some() {
                return Ok((status, bytes.len() - at));
            }
            assert!(taken > 0, "it makes progress");
        }
        Ok((None, 0))
    }

    #[test]
    fn the_head_is_the_answers_and_nothing_behind_it_however_it_is_cut() {
        let good: [(&[u8], u16, usize); 6] = [
            (b"HTTP/1.1 200 OK\r\n\r\n", 200, 0),
            (b"HTTP/1.0 200 Connection established\r\nProxy-agent: t\r\n\r\n", 200, 0),
            (b"HTTP/1.1 200\r\n\r\n\x16\x03\x01behind", 200, 9),
            (b"HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\nhello", 204, 5),
            (
                b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx",
                200,
                1,
            ),
            (b"HTTP/1.1 101 S\r\n\r\nx", 101, 1),
        ];
        for (bytes, status, behind) in good {
            for size in 1..=bytes.len() {
                let answer = read(bytes, size).unwrap();
                assert_eq!(answer, (Some(status), behind.min(answer.1)), "{size}");
            }
            assert_eq!(read(bytes, bytes.len()), Ok((Some(status), behind)));
        }
        assert_eq!(read(b"HTTP/1.1 200 OK\r\n\r", 1), Ok((None, 0)), "not whole");
    }

    #[test]
    fn what_is_no_head_or_too_much_of_it_is_refused() {
        let big = |line: &str, count: usize| {
            format!("HTTP/1.1 200 OK\r\n{}\r\n", line.repeat(count)).into_bytes()
        };
        let interim = "HTTP/1.1 102 P\r\n\r\n".repeat(5).into_bytes();
        let bad: [(Vec<u8>, Outcome); 7] = [
            (b"\x05\x00".to_vec(), Outcome::BadStatusLine),
            (b"HTTP/2.0 200 OK\r\n\r\n".to_vec(), Outcome::BadVersion),
            (b"HTTP/1.1 200 OK\n\n".to_vec(), Outcome::BadStatusLine),
            (b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n".to_vec(), Outcome::BadHeader),
            (big("A: b\r\n", 65), Outcome::TooManyHeaders),
            (big(&format!("A: {}\r\n", "b".repeat(1000)), 9), Outcome::HeadTooLarge),
            (interim, Outcome::TooManyInterim),
        ];
        for (bytes, outcome) in bad {
            for size in [1, 7, 512, bytes.len()] {
                assert_eq!(read(&bytes, size), Err(outcome), "{size}");
            }
        }
    }
}
