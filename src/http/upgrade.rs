//! The exchange that asks a server to speak another protocol (RFC 9110 section 7.8).
//!
//! It is an exchange like any other, but that 101 is an answer: its head is the last thing of HTTP
//! on the connection, whatever its fields say of a length (RFC 9112 section 6.3). It does not know
//! which protocol is asked for, and judges no field of the head.

use super::exchange::{Exchange, Progress, Reuse};
use super::limits::Limits;
use super::response::Response;
use crate::error::Outcome;

/// An exchange whose request asks for an upgrade.
#[derive(Clone, Copy, Debug)]
pub struct Upgrade(Exchange);

/// What the server has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing yet, or not all of it.
    NeedMore,
    /// 101. The bytes behind its head, [`Response::behind`], are of the other protocol.
    Switched,
    /// A whole response of another status.
    Other(Reuse),
}

impl Default for Upgrade {
    fn default() -> Self {
        Self::new()
    }
}

impl Upgrade {
    /// An exchange whose response has not begun.
    pub fn new() -> Self {
        Self(Exchange::upgrade())
    }

    /// Looks at the bytes that were committed to `r` since the last call.
    ///
    /// # Errors
    /// As for [`Exchange::on_bytes`].
    pub fn on_bytes(&mut self, r: &mut Response, l: &Limits) -> Result<Answer, Outcome> {
        self.0.on_bytes(r, l).map(|progress| self.answer(progress))
    }

    /// The peer sends no more; see [`Exchange::on_eof`].
    ///
    /// # Errors
    /// As for [`Exchange::on_eof`].
    pub fn on_eof(&mut self, r: &mut Response, clean: bool) -> Result<Answer, Outcome> {
        self.0.on_eof(r, clean).map(|progress| self.answer(progress))
    }

    fn answer(&self, progress: Progress) -> Answer {
        match progress {
            Progress::NeedMore => Answer::NeedMore,
            Progress::Done(_) if self.0.is_switched() => Answer::Switched,
            Progress::Done(reuse) => Answer::Other(reuse),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::CloseReason;

    const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n";

    fn put(r: &mut Response, bytes: &[u8]) {
        r.space(&Limits::default(), bytes.len()).unwrap()[..bytes.len()].copy_from_slice(bytes);
        r.commit(bytes.len());
    }

    /// Feeds `bytes` by `step` and answers the last verdict.
    fn feed(bytes: &[u8], step: usize) -> (Result<Answer, Outcome>, Response) {
        let (mut r, mut upgrade) = (Response::with_capacity(8192), Upgrade::default());
        let mut answer = Ok(Answer::NeedMore);
        for piece in bytes.chunks(step) {
            put(&mut r, piece);
            answer = upgrade.on_bytes(&mut r, &Limits::default());
        }
        (answer, r)
    }

    #[test]
    fn what_follows_a_101_is_left_as_it_came() {
        for interim in ["", "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"] {
            for behind in ["", "\u{1}\u{2}HTTP/1.1 200 OK\r\n"] {
                let bytes = format!("{interim}{SWITCH}{behind}");
                for step in [1, 2, 7, 1000] {
                    let (answer, r) = feed(bytes.as_bytes(), step);
                    assert_eq!(answer, Ok(Answer::Switched));
                    assert_eq!((r.status(), r.find(b"upgrade")), (101, Some(&b"x"[..])));
                    assert_eq!((r.behind(), r.body()), (behind.as_bytes(), &b""[..]));
                    assert!(r.is_complete());
                }
            }
        }
    }

    /// RFC 9112 section 6.3: a 1xx ends with its head, regardless of its fields.
    #[test]
    fn a_101_has_no_body_whatever_it_says() {
        for field in ["Content-Length: 2", "Transfer-Encoding: chunked", "Content-Length: x"] {
            let bytes = format!("HTTP/1.1 101 X\r\n{field}\r\n\r\n\u{1}\u{2}");
            let (answer, r) = feed(bytes.as_bytes(), 1);
            assert_eq!((answer, r.behind()), (Ok(Answer::Switched), &b"\x01\x02"[..]));
        }
    }

    #[test]
    fn another_answer_is_read_to_its_end() {
        let bytes = b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 3\r\n\r\nold";
        for step in [1, 1000] {
            let (answer, r) = feed(bytes, step);
            assert_eq!(answer, Ok(Answer::Other(Reuse::KeepAlive)));
            assert_eq!((r.status(), r.body(), r.behind()), (426, &b"old"[..], &b""[..]));
        }
        let (answer, _) = feed(&bytes[..bytes.len() - 1], 1000);
        assert_eq!(answer, Ok(Answer::NeedMore));
        let surplus = [&bytes[..], b"more"].concat();
        let (answer, r) = feed(&surplus, 1000);
        assert_eq!(answer, Ok(Answer::Other(Reuse::Close(CloseReason::SurplusBytes))));
        assert_eq!(r.body(), b"old");
    }

    #[test]
    fn the_end_of_the_connection_is_judged_as_for_any_exchange() {
        let (mut r, mut upgrade) = (Response::with_capacity(8192), Upgrade::new());
        put(&mut r, SWITCH.as_bytes());
        assert_eq!(upgrade.on_bytes(&mut r, &Limits::default()), Ok(Answer::Switched));
        assert_eq!(upgrade.on_eof(&mut r, true), Ok(Answer::Switched));
        let (mut r, mut upgrade) = (Response::with_capacity(8192), Upgrade::new());
        put(&mut r, &SWITCH.as_bytes()[..20]);
        assert_eq!(upgrade.on_bytes(&mut r, &Limits::default()), Ok(Answer::NeedMore));
        assert_eq!(upgrade.on_eof(&mut r, true), Err(Outcome::ConnectionClosed));
        let (mut r, mut upgrade) = (Response::with_capacity(8192), Upgrade::new());
        put(&mut r, b"HTTP/1.1 400 Bad Request\r\n\r\nwhy");
        assert_eq!(upgrade.on_bytes(&mut r, &Limits::default()), Ok(Answer::NeedMore));
        let closed = Answer::Other(Reuse::Close(CloseReason::CloseDelimited));
        assert_eq!((upgrade.on_eof(&mut r, true), r.body()), (Ok(closed), &b"why"[..]));
    }
}
