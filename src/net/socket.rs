//! The socket of a live connection, and what is to live exactly as long as it is open.

use std::net::TcpStream;
use std::ops::Deref;
use std::os::fd::{AsRawFd, RawFd};

/// What is dropped once the socket is closed.
pub type Companion = Box<dyn Send + Sync>;

/// A socket. Whoever watches it holds it, too: it is closed by the last of them.
pub struct Socket {
    // The order of the fields is that of their drops.
    stream: TcpStream,
    companion: Option<Companion>,
}

impl Socket {
    /// A socket of a stream.
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, companion: None }
    }

    /// Keeps that until the socket is closed.
    pub fn keep(&mut self, companion: Companion) {
        self.companion = Some(companion);
    }
}

impl Deref for Socket {
    type Target = TcpStream;

    fn deref(&self) -> &TcpStream {
        &self.stream
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}
