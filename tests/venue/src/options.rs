//! How a venue is set up, and the few words that every part of it shares.

use crate::certs::CertificateKind;
use crate::fault::Fault;
use crate::signature::SigningKey;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// What a venue speaks on its sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// HTTP/1.1 without encryption.
    Plain,
    /// HTTP/1.1 over TLS 1.3 or 1.2, as the client prefers.
    Tls,
    /// HTTP/1.1 over TLS 1.2 only.
    Tls12,
    /// HTTP/1.1 over TLS 1.3 only.
    Tls13,
}

impl Transport {
    /// The address that reaches a server of this transport on `address`.
    ///
    /// TLS is addressed by name, because that is what a certificate is checked against.
    pub(crate) fn url(self, address: SocketAddr) -> String {
        match self {
            Self::Plain => format!("http://{address}"),
            _ => format!("https://localhost:{}", address.port()),
        }
    }
}

/// How the server ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// In good order: on TLS a `close_notify`, then FIN.
    Fin,
    /// FIN alone: on TLS the client sees a truncation. The same as [`How::Fin`] without TLS.
    BareFin,
    /// RST: everything in flight in either direction is lost.
    Rst,
}

/// The settings of a [`Venue`](crate::Venue).
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Plain text or TLS, and which versions of it.
    pub transport: Transport,
    /// The certificate shown in TLS handshakes.
    pub certificate: CertificateKind,
    /// Ask clients for a certificate, and take only those that the venue's own CA signed.
    pub client_certificates: bool,
    /// A folder to write `ca.pem`, `server.pem`, `server.key` and `client.pem` to.
    pub cert_dir: Option<PathBuf>,
    /// The key of order signatures; without it no signature is checked.
    pub signing_key: Option<SigningKey>,
    /// Answer with `Transfer-Encoding: chunked` instead of `Content-Length`.
    pub chunked: bool,
    /// The faults to start with.
    pub faults: Vec<Fault>,
}

impl Options {
    /// A venue without encryption on a free loopback port.
    #[must_use]
    pub fn plain() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            transport: Transport::Plain,
            certificate: CertificateKind::Good,
            client_certificates: false,
            cert_dir: None,
            signing_key: None,
            chunked: false,
            faults: Vec::new(),
        }
    }

    /// A venue with TLS 1.3 and 1.2 on a free loopback port.
    #[must_use]
    pub fn tls() -> Self {
        Self { transport: Transport::Tls, ..Self::plain() }
    }
}

impl Default for Options {
    /// The same as [`Options::plain`].
    fn default() -> Self {
        Self::plain()
    }
}
