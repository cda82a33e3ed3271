//! The close handshake of a client: who has closed, what is to be sent, and how long it may take
//! (RFC 6455 section 7).
//!
//! ```text
//!            close ─► Asked ── the peer's close ──────────────┐
//!              │        └── time is over, EOF ──► Ended       ▼
//!   Open ──────┤                                            Closed ── EOF, time is over ─► Ended
//!              ├─ the peer's close: is answered ──────────────▲
//!              ├─ the peer breaks a rule: fail ──► Ended
//!              └─ EOF ──► Ended
//! ```
//!
//! Policy only: it is told what happens and when, and answers what is to be sent. It knows no
//! socket, clock or frame. The server ends TCP first (section 7.1.1), so that the client's port is
//! free at once; a server that does not is left after a while.

use super::close_code::{ABNORMAL, NO_CODE, NORMAL};
use super::close_frame::{CloseFrame, ClosePayload};
use super::error::Error;
use crate::error::Status;

/// How long to wait, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseLimits {
    /// For the peer's close frame behind ours.
    pub answer_ns: u64,
    /// For the end of TCP behind both close frames.
    pub eof_ns: u64,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Both close frames were exchanged (RFC 6455 section 7.1.4).
    pub clean: bool,
    /// The code of the peer's close frame: 1005 if it had none, 1006 if there was no such frame
    /// (RFC 6455 section 7.1.5).
    pub code: u16,
    /// The rule that the peer has broken, if that was the reason.
    pub error: Option<Error>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Our close frame is sent; the peer's is awaited.
    Asked {
        until_ns: u64,
    },
    /// Both are exchanged, or ours is to be sent right now; the end of TCP is awaited.
    Closed {
        until_ns: u64,
        code: u16,
    },
    Ended(End),
}

/// The close handshake of one connection.
#[derive(Clone, Copy, Debug)]
pub struct Closing {
    limits: CloseLimits,
    state: State,
}

impl Closing {
    /// An open connection.
    pub const fn new(limits: CloseLimits) -> Self {
        Self { limits, state: State::Open }
    }

    /// Whether data, pings and pongs may still be sent: nothing may follow a close frame (RFC 6455
    /// section 5.5.1).
    pub fn may_send(&self) -> bool {
        self.state == State::Open
    }

    /// We close. Answers what the close frame says; it must be sent behind all that was sent.
    ///
    /// # Errors
    /// `ERR_CLOSED` if the connection is closing or has ended; as for [`ClosePayload::new`].
    pub fn close(
        &mut self,
        code: Option<u16>,
        reason: &str,
        now_ns: u64,
    ) -> Result<ClosePayload, Status> {
        if !self.may_send() {
            return Err(Status::ERR_CLOSED);
        }
        let payload = ClosePayload::new(code, reason)?;
        self.state = State::Asked { until_ns: now_ns.saturating_add(self.limits.answer_ns) };
        Ok(payload)
    }

    /// The peer has sent a close frame. Answers ours, if it is not sent yet: it echoes the code
    /// (RFC 6455 section 5.5.1). What comes behind is not looked at.
    pub fn on_close(&mut self, frame: &CloseFrame<'_>, now_ns: u64) -> Option<ClosePayload> {
        let answers = match self.state {
            State::Open => true,
            State::Asked { .. } => false,
            State::Closed { .. } | State::Ended(_) => return None,
        };
        let until_ns = now_ns.saturating_add(self.limits.eof_ns);
        self.state = State::Closed { until_ns, code: frame.code.unwrap_or(NO_CODE) };
        answers.then(|| ClosePayload::of_code(frame.code))
    }

    /// The peer has broken a rule: the connection ends at once (RFC 6455 section 7.1.7). Answers
    /// the close frame that tells it, if none was sent yet; it is worth one attempt.
    pub fn fail(&mut self, error: Error) -> Option<ClosePayload> {
        let tells = self.may_send();
        self.end(Some(error));
        tells.then(|| ClosePayload::of_code(Some(error.close_code().unwrap_or(NORMAL))))
    }

    /// TCP has ended, cleanly or not.
    pub fn on_eof(&mut self) -> End {
        self.end(None)
    }

    /// When [`Closing::on_time`] is to be called at the latest.
    pub fn deadline_ns(&self) -> Option<u64> {
        match self.state {
            State::Asked { until_ns } | State::Closed { until_ns, .. } => Some(until_ns),
            State::Open | State::Ended(_) => None,
        }
    }

    /// Time has passed. `Some`: TCP is to be ended now.
    pub fn on_time(&mut self, now_ns: u64) -> Option<End> {
        let is_over = self.deadline_ns().is_some_and(|deadline_ns| now_ns >= deadline_ns);
        is_over.then(|| self.end(None))
    }

    /// How it ended, once it has.
    pub fn ended(&self) -> Option<End> {
        match self.state {
            State::Ended(end) => Some(end),
            _ => None,
        }
    }

    fn end(&mut self, error: Option<Error>) -> End {
        let end = match self.state {
            State::Ended(end) => end,
            State::Closed { code, .. } => End { clean: true, code, error },
            State::Open | State::Asked { .. } => End { clean: false, code: ABNORMAL, error },
        };
        self.state = State::Ended(end);
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: CloseLimits = CloseLimits { answer_ns: 100, eof_ns: 10 };

    fn frame(code: Option<u16>) -> CloseFrame<'static> {
        CloseFrame { code, reason: "" }
    }

    fn end(clean: bool, code: u16) -> End {
        End { clean, code, error: None }
    }

    #[test]
    fn we_close_and_the_peer_answers() {
        let mut closing = Closing::new(LIMITS);
        assert!(closing.may_send());
        assert_eq!((closing.deadline_ns(), closing.on_time(u64::MAX)), (None, None));
        let payload = closing.close(Some(1000), "done", 5).unwrap();
        assert_eq!(payload.bytes(), b"\x03\xe8done");
        assert!(!closing.may_send());
        assert_eq!((closing.deadline_ns(), closing.on_time(104)), (Some(105), None));
        assert_eq!(closing.close(Some(1000), "", 6), Err(Status::ERR_CLOSED));
        assert_eq!(closing.on_close(&frame(Some(1000)), 50), None);
        assert_eq!((closing.deadline_ns(), closing.ended()), (Some(60), None));
        // A second close frame is not looked at.
        assert_eq!(closing.on_close(&frame(Some(1001)), 55), None);
        assert_eq!(closing.on_eof(), end(true, 1000));
        assert_eq!((closing.ended(), closing.deadline_ns()), (Some(end(true, 1000)), None));
        assert_eq!(closing.close(None, "", 70), Err(Status::ERR_CLOSED));
        assert_eq!(closing.on_close(&frame(None), 70), None);
    }

    #[test]
    fn the_peer_closes_and_gets_its_code_back() {
        for (code, bytes, told) in [(Some(4321), &b"\x10\xe1"[..], 4321), (None, b"", NO_CODE)] {
            let mut closing = Closing::new(LIMITS);
            let answer = closing.on_close(&frame(code), 7).unwrap();
            assert_eq!(answer.bytes(), bytes);
            assert!(!closing.may_send());
            assert_eq!((closing.on_time(16), closing.on_time(17)), (None, Some(end(true, told))));
            assert_eq!(closing.ended(), Some(end(true, told)));
        }
    }

    #[test]
    fn a_peer_that_does_not_answer_is_left() {
        let mut closing = Closing::new(LIMITS);
        closing.close(None, "", 0).unwrap();
        assert_eq!(closing.on_time(99), None);
        assert_eq!(closing.on_time(100), Some(end(false, ABNORMAL)));
        assert_eq!(closing.on_time(101), None, "it has ended already");
    }

    #[test]
    fn an_end_without_a_close_frame_is_abnormal() {
        let mut open = Closing::new(LIMITS);
        assert_eq!(open.on_eof(), end(false, ABNORMAL));
        let mut asked = Closing::new(LIMITS);
        asked.close(Some(3000), "", 0).unwrap();
        assert_eq!(asked.on_eof(), end(false, ABNORMAL));
    }

    #[test]
    fn a_broken_rule_ends_it_at_once_and_is_told() {
        let error = Some(Error::InvalidUtf8);
        let mut closing = Closing::new(LIMITS);
        assert_eq!(closing.fail(Error::InvalidUtf8).unwrap().bytes(), b"\x03\xef");
        assert_eq!(closing.ended(), Some(End { clean: false, code: ABNORMAL, error }));
        assert_eq!(closing.fail(Error::MaskedFrame), None, "the first reason stays");
        assert_eq!(closing.on_eof().error, error);
        // Behind a close frame of ours nothing may be sent.
        let mut closing = Closing::new(LIMITS);
        closing.close(None, "", 0).unwrap();
        assert_eq!(closing.fail(Error::InvalidUtf8), None);
        assert_eq!(closing.ended().unwrap().error, error);
    }

    #[test]
    fn a_refused_close_changes_nothing() {
        let mut closing = Closing::new(LIMITS);
        assert_eq!(closing.close(Some(1006), "", 0), Err(Status::ERR_ARGUMENT));
        assert!(closing.may_send());
    }
}
