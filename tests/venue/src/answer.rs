//! The body of an answer, which tells the exchange when the last of it has been taken.

use crate::line::ExchangeRef;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Into how many pieces a chunked body is split.
const CHUNKS: usize = 4;

/// The bytes of an answer's body.
pub(crate) struct AnswerBody {
    pieces: VecDeque<Bytes>,
    chunked: bool,
    exchange: ExchangeRef,
}

impl AnswerBody {
    pub(crate) fn new(mut body: Bytes, chunked: bool, exchange: ExchangeRef) -> Self {
        let mut pieces = VecDeque::new();
        let size = if chunked { body.len().div_ceil(CHUNKS) } else { body.len() };
        while !body.is_empty() {
            pieces.push_back(body.split_to(size.min(body.len())));
        }
        Self { pieces, chunked, exchange }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.pieces.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if self.chunked {
            // Without an exact size the HTTP library has to use chunks.
            return SizeHint::default();
        }
        SizeHint::with_exact(self.pieces.iter().map(|piece| piece.len() as u64).sum())
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.exchange.body_taken();
    }
}
