//! One request and its response on one connection: the state machine that the module's picture
//! shows.
//!
//! It is told what arrived in the [`Response`] and answers whether the response is complete and
//! what then becomes of the connection. It holds no bytes, and knows no socket, clock or request.

use super::body::{Body, Framed};
use super::framing::Framing;
use super::head::{Head, Scan, plain};
use super::limits::Limits;
use super::response::Response;
use crate::buf::TAIL;
use crate::error::{CloseReason, Outcome};

/// What an exchange needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// More bytes, or the end of the connection.
    NeedMore,
    /// Nothing: the response is complete and sealed.
    Done(Reuse),
}

/// What becomes of the connection after a complete response (RFC 9112 section 9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// It may carry the next exchange.
    KeepAlive,
    /// It must be closed, and why.
    Close(CloseReason),
}

/// One exchange, from the moment at which the request is sent.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    state: State,
    head_request: bool,
    /// The request asks for another protocol, so 101 is an answer to it.
    asks_upgrade: bool,
    begun: bool,
    /// What will become of the connection if nothing worse is found.
    reuse: Reuse,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Head(Scan),
    Body(Body),
    Done,
    /// A 101 has come: what follows is no HTTP.
    Switched,
    Failed(Outcome),
}

impl Exchange {
    /// An exchange whose response has not begun. `head_request`: the method is HEAD, so the
    /// response has no body (RFC 9110 section 9.3.2). `request_close`: the request said
    /// `Connection: close` (RFC 9112 section 9.6).
    pub fn new(head_request: bool, request_close: bool) -> Self {
        let reuse = match request_close {
            true => Reuse::Close(CloseReason::RequestClose),
            false => Reuse::KeepAlive,
        };
        Self {
            state: State::Head(Scan::default()),
            head_request,
            asks_upgrade: false,
            begun: false,
            reuse,
        }
    }

    /// An exchange whose request asks for an upgrade; see `upgrade.rs`.
    pub(super) fn upgrade() -> Self {
        Self { asks_upgrade: true, ..Self::new(false, false) }
    }

    /// Whether a 101 has come that was asked for.
    pub(super) const fn is_switched(&self) -> bool {
        matches!(self.state, State::Switched)
    }

    /// Whether any byte of a response was seen, interim responses included.
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// Looks at the bytes that were committed to `r` since the last call.
    ///
    /// Bytes that come after `Done` are refused as surplus and leave the response as it was.
    ///
    /// # Errors
    /// The outcome that names the rule or limit that was broken. It is final: the connection must
    /// be closed, and each later call answers the same.
    pub fn on_bytes(&mut self, r: &mut Response, l: &Limits) -> Result<Progress, Outcome> {
        self.begun |= !r.buf.is_empty();
        let progress = self.advance(r, l);
        if let Err(outcome) = progress {
            self.fail(outcome, r);
        }
        progress
    }

    /// The peer sends no more. `clean`: it said so, by FIN on a plaintext connection or by
    /// close_notify on TLS. All bytes that came before must have been given to
    /// [`Exchange::on_bytes`].
    ///
    /// # Errors
    /// `ConnectionClosed` when the response is not complete (RFC 9112 section 8); `BodyTruncated`
    /// when its body is delimited by the close and the close was not clean (section 9.8).
    pub fn on_eof(&mut self, r: &mut Response, clean: bool) -> Result<Progress, Outcome> {
        let outcome = match self.state {
            State::Body(Body::UntilClose) if clean => {
                self.reuse = Reuse::Close(CloseReason::CloseDelimited);
                return Ok(self.finish(r, r.buf.len()));
            }
            State::Done => {
                // The response is whole, so how the connection ended does not touch it.
                if self.reuse == Reuse::KeepAlive {
                    self.reuse = Reuse::Close(CloseReason::IdleClosed);
                }
                return Ok(Progress::Done(self.reuse));
            }
            State::Switched => return Ok(Progress::Done(self.reuse)),
            State::Body(Body::UntilClose) => Outcome::BodyTruncated,
            State::Head(_) | State::Body(_) => Outcome::ConnectionClosed,
            State::Failed(outcome) => outcome,
        };
        self.fail(outcome, r);
        Err(outcome)
    }

    fn advance(&mut self, r: &mut Response, l: &Limits) -> Result<Progress, Outcome> {
        self.read_heads(r, l)?;
        match &mut self.state {
            State::Head(_) => Ok(Progress::NeedMore),
            State::Body(body) => {
                let Some(end) = body.advance(r, l)? else { return Ok(Progress::NeedMore) };
                let end_at = r.body.start + end.len;
                if end.surplus {
                    self.reuse = Reuse::Close(CloseReason::SurplusBytes);
                    // What was behind chunks is kept already, and moved away.
                    if r.buf.len() > end_at {
                        r.keep_surplus(end_at);
                    }
                }
                Ok(self.finish(r, end_at))
            }
            State::Done => Ok(self.refuse_surplus(r)),
            State::Switched => Ok(Progress::Done(self.reuse)),
            State::Failed(outcome) => Err(*outcome),
        }
    }

    /// Reads interim heads and drops them (RFC 9110 section 15.2), until the final head is complete
    /// or no bytes are left. Does nothing behind the final head.
    fn read_heads(&mut self, r: &mut Response, l: &Limits) -> Result<(), Outcome> {
        let State::Head(scan) = &mut self.state else { return Ok(()) };
        // Interim heads are dropped together at the end, so that the bytes behind move only once.
        let mut start = 0;
        let head_len = loop {
            let padded = r.buf.padded_from(start);
            let Some(len) = next_head(padded, scan, &mut r.head, l)? else { break None };
            match r.head.status {
                101 if self.asks_upgrade => {
                    self.state = switch(r, start, len);
                    return Ok(());
                }
                // Section 7.8: an upgrade takes a request that asks for it.
                101 => return Err(Outcome::UnexpectedUpgrade),
                100..=199 if r.interim_count == l.max_interim => {
                    return Err(Outcome::TooManyInterim);
                }
                100..=199 => r.interim_count += 1,
                _ => break Some(len),
            }
            start += len;
            *scan = Scan::default();
        };
        r.buf.drop_front(start);
        let Some(len) = head_len else {
            r.head.clear();
            return Ok(());
        };
        self.read_body_of(r, len, l)
    }

    /// The final head is `len` bytes long: finds out how its body is framed.
    #[inline(always)]
    fn read_body_of(&mut self, r: &mut Response, len: usize, l: &Limits) -> Result<(), Outcome> {
        r.body = len..len;
        if let Some(watched) = &mut r.watched {
            watched.find(r.head.fields(), r.buf.filled());
        }
        let says = Framing::of(r);
        self.check_reuse(r, &says);
        let framed = Framed::of(r, &says, self.head_request, l)?;
        r.has_keep_alive = says.has_keep_alive;
        if let Framed::Length(size) = framed {
            r.expected_end = Some(len.saturating_add(size));
        }
        self.state = State::Body(Body::new(framed));
        Ok(())
    }

    /// RFC 9112 section 9.3, stricter: HTTP/1.0 is not reused even if it offers keep-alive. A close
    /// that the request asked for keeps that reason, since the response only echoes it. A 408 ends
    /// the connection even if it does not say so (RFC 9110 section 15.5.9): servers send it by
    /// themselves on idle connections, and one that crossed the request on its way is no answer to
    /// it. The answer itself may follow, and must not meet the next request.
    fn check_reuse(&mut self, r: &Response, says: &Framing<'_>) {
        let over = r.version_minor() == 0 || r.status() == 408 || says.says_close;
        if self.reuse == Reuse::KeepAlive && over {
            self.reuse = Reuse::Close(CloseReason::ResponseClose);
        }
    }

    fn refuse_surplus(&mut self, r: &mut Response) -> Progress {
        if r.buf.len() > r.body.end {
            r.keep_surplus(r.body.end);
            self.reuse = Reuse::Close(CloseReason::SurplusBytes);
        }
        self.finish(r, r.body.end)
    }

    fn finish(&mut self, r: &mut Response, end: usize) -> Progress {
        r.finish(end);
        self.state = State::Done;
        Progress::Done(self.reuse)
    }

    fn fail(&mut self, outcome: Outcome, r: &mut Response) {
        if !r.has_head() {
            // What was read so far is an interim head, or no head at all: not to be shown.
            r.head.clear();
        } else if matches!(self.state, State::Head(_)) {
            // The head is refused for what it says of the body: nothing behind it can be trusted.
            r.buf.truncate(r.body.start);
        }
        self.state = State::Failed(outcome);
    }
}

/// The head of a 101 lies at `start` and is `len` bytes long: the response ends with it.
fn switch(r: &mut Response, start: usize, len: usize) -> State {
    r.buf.drop_front(start);
    r.body = len..len;
    r.complete = true;
    State::Switched
}

/// Reads the head that `padded` begins with, if it is complete, and answers its length. The last
/// [`TAIL`] bytes of `padded` have not been received.
fn next_head(
    padded: &[u8],
    scan: &mut Scan,
    head: &mut Head,
    l: &Limits,
) -> Result<Option<usize>, Outcome> {
    if scan.is_fresh()
        && let Some(len) = plain::read(padded, l, head)
    {
        return Ok(Some(len));
    }
    read_strictly(&padded[..padded.len() - TAIL], scan, head, l)
}

/// As [`next_head`], the strict way.
#[inline(never)] // Nearly no head is read so, and its code would be among that of all others.
fn read_strictly(
    bytes: &[u8],
    scan: &mut Scan,
    head: &mut Head,
    l: &Limits,
) -> Result<Option<usize>, Outcome> {
    let Some(len) = scan.advance(bytes, l)? else { return Ok(None) };
    head.parse(&bytes[..len], scan.fields())?;
    Ok(Some(len))
}

/// The response of these bytes, for tests of what is read from a head.
#[cfg(test)]
pub(crate) fn read_whole(bytes: &str) -> Response {
    let (mut response, limits) = (Response::with_capacity(bytes.len() + 1), Limits::default());
    response.space(&limits, bytes.len()).unwrap().copy_from_slice(bytes.as_bytes());
    response.commit(bytes.len());
    let progress = Exchange::new(false, false).on_bytes(&mut response, &limits);
    assert!(matches!(progress, Ok(Progress::Done(_))), "{progress:?}");
    response
}

#[cfg(test)]
mod tests;
