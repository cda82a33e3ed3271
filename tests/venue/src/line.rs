//! The byte stream under an HTTP connection, and the faults that happen to bytes: cuts, pacing,
//! and bytes that no HTTP library would send.

use crate::fault::{Place, Plan};
use crate::ledger::ClientEnd;
use crate::options::How;
use crate::state::State;
use crate::wire::Wire;
use bytes::{Buf, BytesMut};
use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

const SURPLUS: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
    Content-Length: 16\r\n\r\n{\"surplus\":true}";

const IDLE_TIMEOUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\
    Connection: close\r\n\r\n";

/// What the exchange on a connection has come to. Its service and its line share it.
pub(crate) struct Exchange {
    /// From the arrival of a request's head until its answer has been sent.
    in_flight: bool,
    /// Whether the HTTP library has taken the last piece of the answer.
    body_taken: bool,
    idle_since: Instant,
    /// The longest idle time that has been acted on since `idle_since`.
    idle_noticed: Duration,
    /// What the faults want of the current answer.
    plan: Plan,
    /// How many more bytes of the answer may pass, once that is known.
    budget: Option<usize>,
    /// Bytes to send ahead of whatever the HTTP library sends next.
    pending: BytesMut,
    /// How the connection is to end, once a fault has decided so.
    ending: Option<How>,
}

/// A shared handle to the [`Exchange`] of one connection.
#[derive(Clone)]
pub(crate) struct ExchangeRef(Rc<RefCell<Exchange>>);

impl ExchangeRef {
    pub(crate) fn new() -> Self {
        Self(Rc::new(RefCell::new(Exchange {
            in_flight: false,
            body_taken: false,
            idle_since: Instant::now(),
            idle_noticed: Duration::ZERO,
            plan: Plan::default(),
            budget: None,
            pending: BytesMut::new(),
            ending: None,
        })))
    }

    /// A request has begun to arrive.
    pub(crate) fn begin(&self) {
        let mut exchange = self.0.borrow_mut();
        exchange.in_flight = true;
        exchange.body_taken = false;
        exchange.budget = None;
    }

    /// The answer is about to be handed over; this is to happen to it.
    pub(crate) fn arrange(&self, plan: Plan) {
        self.0.borrow_mut().plan = plan;
    }

    pub(crate) fn body_taken(&self) {
        self.0.borrow_mut().body_taken = true;
    }

    /// Sends bytes past the HTTP library, ahead of anything that it sends later.
    pub(crate) fn send(&self, bytes: &[u8]) {
        self.0.borrow_mut().pending.extend_from_slice(bytes);
    }

    /// Sends the `408` of a server that is tired of waiting for a request.
    pub(crate) fn send_idle_timeout(&self) {
        self.send(IDLE_TIMEOUT);
    }

    /// How the connection is to end; in good order unless a fault said otherwise.
    pub(crate) fn ending(&self) -> How {
        self.0.borrow().ending.unwrap_or(How::Fin)
    }

    /// When the idle time began and how much of it has been acted on; nothing during an exchange.
    pub(crate) fn idle(&self) -> Option<(Instant, Duration)> {
        let exchange = self.0.borrow();
        (!exchange.in_flight).then_some((exchange.idle_since, exchange.idle_noticed))
    }

    /// The idle time has reached `time`, and what was to happen then has happened.
    pub(crate) fn notice_idle(&self, time: Duration) {
        self.0.borrow_mut().idle_noticed = time;
    }
}

impl Exchange {
    /// How much of `bytes` may pass, or nothing when the connection is to be cut here.
    fn allowance(&mut self, bytes: &[u8]) -> Option<usize> {
        let Some((place, how)) = self.plan.cut else {
            return Some(bytes.len());
        };
        let budget = *self.budget.get_or_insert_with(|| match place {
            Place::Byte(count) => count,
            Place::HalfBody => half_of(bytes),
        });
        if budget == 0 {
            self.ending = Some(how);
            return None;
        }
        Some(budget.min(bytes.len()))
    }

    fn wrote(&mut self, count: usize) {
        self.budget = self.budget.map(|left| left - count);
    }

    /// Everything handed over so far has been written. When that was the whole of an answer, its
    /// last faults come true and the idle time begins.
    fn note_flushed(&mut self) {
        if !(self.in_flight && self.body_taken) {
            return;
        }
        let plan = std::mem::take(&mut self.plan);
        if plan.surplus {
            self.pending.extend_from_slice(SURPLUS);
        }
        self.ending = self.ending.or(plan.close);
        self.in_flight = false;
        self.idle_since = Instant::now();
        self.idle_noticed = Duration::ZERO;
    }
}

/// The head and half of the body, given the first bytes of an answer. The HTTP library writes a
/// head in one piece, so it is all there, and so is the declared length of the body.
fn half_of(answer: &[u8]) -> usize {
    let head_end = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
    let head = String::from_utf8_lossy(&answer[..head_end]).to_ascii_lowercase();
    let declared = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length = declared.and_then(|value| value.trim().parse::<usize>().ok());
    // A chunked body declares nothing; what came along with the head stands for it.
    head_end + length.unwrap_or(answer.len() - head_end) / 2
}

/// A [`Wire`] on which the faults of its [`Exchange`] come true.
pub(crate) struct Line {
    wire: Wire,
    exchange: ExchangeRef,
    state: Arc<State>,
    /// Set while a paced answer waits for the time of its next piece.
    pace: Option<Pin<Box<Sleep>>>,
    client_ended: bool,
}

impl Line {
    pub(crate) fn new(wire: Wire, exchange: ExchangeRef, state: Arc<State>) -> Self {
        Self { wire, exchange, state, pace: None, client_ended: false }
    }

    /// Ends the connection.
    pub(crate) async fn end(self, how: How) {
        self.wire.end(how).await;
    }

    fn note_client_end(&mut self, end: ClientEnd) {
        if !std::mem::replace(&mut self.client_ended, true) {
            self.state.ledger().client_end(end);
        }
    }

    fn note_error(&mut self, error: &io::Error) {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.note_client_end(ClientEnd::Fin),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                self.note_client_end(ClientEnd::Reset);
            }
            _ => {}
        }
    }

    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut exchange = self.exchange.0.borrow_mut();
        while !exchange.pending.is_empty() {
            let count = ready!(self.wire.poll_write(cx, &exchange.pending))?;
            exchange.pending.advance(count);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_pace(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(pace) = &mut self.pace {
            ready!(pace.as_mut().poll(cx));
            self.pace = None;
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let line = self.get_mut();
        let before = buffer.filled().len();
        let result = ready!(line.wire.poll_read(cx, buffer));
        match &result {
            Ok(()) if buffer.filled().len() == before => {
                let tls = matches!(line.wire, Wire::Tls(_));
                line.note_client_end(if tls { ClientEnd::CloseNotify } else { ClientEnd::Fin });
            }
            Ok(()) => {}
            Err(error) => line.note_error(error),
        }
        Poll::Ready(result)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let line = self.get_mut();
        ready!(line.poll_pending(cx))?;
        ready!(line.poll_pace(cx));
        let mut exchange = line.exchange.0.borrow_mut();
        let Some(mut allowed) = exchange.allowance(bytes) else {
            // What came before the cut may still be in the buffers of TLS.
            ready!(line.wire.poll_flush(cx))?;
            return Poll::Ready(Err(cut_off()));
        };
        let slow = exchange.plan.slow;
        allowed = slow.map_or(allowed, |(piece, _)| allowed.min(piece));
        let result = ready!(line.wire.poll_write(cx, &bytes[..allowed]));
        exchange.wrote(*result.as_ref().unwrap_or(&0));
        drop(exchange);
        match &result {
            Ok(_) => line.pace = slow.map(|(_, every)| Box::pin(tokio::time::sleep(every))),
            Err(error) => line.note_error(error),
        }
        Poll::Ready(result)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let line = self.get_mut();
        ready!(line.poll_pending(cx))?;
        line.exchange.0.borrow_mut().note_flushed();
        ready!(line.poll_pending(cx))?;
        ready!(line.wire.poll_flush(cx))?;
        match line.exchange.0.borrow().ending {
            Some(_) => Poll::Ready(Err(cut_off())),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().wire.poll_shutdown(cx)
    }
}

/// Makes the HTTP library give up the connection; how it ends is in the exchange.
fn cut_off() -> io::Error {
    io::Error::other("a fault ends this connection")
}
