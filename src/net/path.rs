//! What is known of a connection from its dial: between which addresses it goes, and what it took.

use std::fmt;
use std::net::SocketAddr;

/// A connection, as its dial has seen it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// The address here; `None` over a Unix socket.
    pub local: Option<SocketAddr>,
    /// The number of the local address among those of the configuration; `None` if the system has
    /// chosen it.
    pub source: Option<u32>,
    /// The address there: the venue's, or that of the proxy.
    pub peer: Option<SocketAddr>,
    /// From the SYN to an established TCP connection, in nanoseconds; 0 over a Unix socket.
    pub connect_ns: u64,
    /// From there to a finished TLS handshake, in nanoseconds; 0 on plaintext.
    pub handshake_ns: u64,
    /// The version as TLS has it on the wire (RFC 8446 section 4.2.1): 0x0303 is 1.2, 0x0304 is
    /// 1.3; 0 on plaintext.
    pub tls_version: u16,
    /// The TLS session goes on from an earlier one.
    pub is_resumed: bool,
}

impl Path {
    /// The version of TLS as people call it; empty on plaintext.
    pub fn tls_name(&self) -> &'static str {
        match self.tls_version {
            0 => "",
            0x0303 => "TLS 1.2",
            _ => "TLS 1.3",
        }
    }
}

impl fmt::Display for Path {
    /// As the end of a sentence that says that it is live.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(local), Some(peer)) = (self.local, self.peer) {
            write!(f, ", from {local} to {peer} in {} us", self.connect_ns / 1_000)?;
        }
        if self.tls_version == 0 {
            return Ok(());
        }
        let resumed = if self.is_resumed { ", resumed" } else { "" };
        write!(f, ", {} in {} us{resumed}", self.tls_name(), self.handshake_ns / 1_000)
    }
}
