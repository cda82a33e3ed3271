//! A connection's socket, with or without TLS, and the ways to end it.

use crate::options::How;
use socket2::SockRef;
use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A client that reads nothing must not keep a connection from ending.
const CLOSING: Duration = Duration::from_secs(1);

/// What carries the bytes of a connection.
pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }

    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    /// Ends the connection. Failing to is no concern: then the client has ended it first.
    pub(crate) async fn end(mut self, how: How) {
        match (&mut self, how) {
            (Self::Tls(stream), How::Fin) => {
                let _ = tokio::time::timeout(CLOSING, stream.shutdown()).await;
            }
            (Self::Tls(stream), _) => end_socket(stream.get_ref().0, how),
            (Self::Plain(stream), _) => end_socket(stream, how),
        }
    }
}

/// Ends a connection below TLS; the socket has to be dropped right after it.
pub(crate) fn end_socket(socket: &TcpStream, how: How) {
    let socket = SockRef::from(socket);
    let _ = match how {
        How::Rst => socket.set_linger(Some(Duration::ZERO)),
        How::Fin | How::BareFin => socket.shutdown(Shutdown::Write),
    };
}
