//! A TLS server whose every record and segment is scripted: for what is exact below the plaintext.

use std::path::PathBuf;
use std::sync::Arc;

use mock_venue::{CertificateKind, Certificates, Peer, Script, ScriptServer};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};
use venuepool::driver::Pool;

use crate::rig::config;

/// The server's end of a TLS connection, which says what is a record and what a segment.
pub(crate) struct TlsPeer<'a> {
    pub(crate) socket: &'a mut Peer,
    pub(crate) session: ServerConnection,
    pub(crate) received: Vec<u8>,
}

impl<'a> TlsPeer<'a> {
    /// Shakes hands. The session tickets of TLS 1.3 are not sent yet.
    pub(crate) fn accept(socket: &'a mut Peer, config: &Arc<ServerConfig>) -> Self {
        Self::try_accept(socket, config).expect("the client shakes hands")
    }

    /// As [`TlsPeer::accept`], with a client that may go away instead.
    pub(crate) fn try_accept(socket: &'a mut Peer, config: &Arc<ServerConfig>) -> Option<Self> {
        let session = ServerConnection::new(Arc::clone(config)).unwrap();
        let mut this = Self { socket, session, received: Vec::new() };
        while this.session.is_handshaking() {
            let flight = this.take_records();
            this.socket.write(&flight).ok()?;
            if !this.read() {
                return None;
            }
        }
        Some(this)
    }

    /// What the session has to send.
    pub(crate) fn take_records(&mut self) -> Vec<u8> {
        let mut records = Vec::new();
        while self.session.wants_write() {
            self.session.write_tls(&mut records).unwrap();
        }
        records
    }

    /// Reads once; `false` at the end.
    pub(crate) fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let Ok(count @ 1..) = self.socket.read_some(&mut buffer) else { return false };
        let mut ciphertext = &buffer[..count];
        while !ciphertext.is_empty() {
            self.session.read_tls(&mut ciphertext).unwrap();
            let state = self.session.process_new_packets().unwrap();
            let mut plaintext = vec![0; state.plaintext_bytes_to_read()];
            std::io::Read::read_exact(&mut self.session.reader(), &mut plaintext).unwrap();
            self.received.extend_from_slice(&plaintext);
        }
        true
    }

    /// Waits for a request without a body.
    pub(crate) fn read_request(&mut self) -> bool {
        while !self.received.ends_with(b"\r\n\r\n") {
            if !self.read() {
                return false;
            }
        }
        self.received.clear();
        true
    }

    /// Encrypts `bytes` in records of `size`.
    pub(crate) fn records(&mut self, bytes: &[u8], size: usize) -> Vec<u8> {
        let mut records = Vec::new();
        for plaintext in bytes.chunks(size) {
            std::io::Write::write_all(&mut self.session.writer(), plaintext).unwrap();
            records.extend(self.take_records());
        }
        records
    }
}

/// What the server's ends of a test's connections share.
pub(crate) struct Tls {
    certificates: Certificates,
    config: Arc<ServerConfig>,
}

impl Tls {
    /// The settings of a server of this version, with such a certificate.
    pub(crate) fn new(version: &'static SupportedProtocolVersion, kind: CertificateKind) -> Self {
        let certificates = Certificates::new().unwrap();
        let folder = folder();
        certificates.write(&folder, kind).unwrap();
        let chain = CertificateDer::pem_file_iter(folder.join("server.pem")).unwrap();
        let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider);
        let builder = builder.with_protocol_versions(&[version]).unwrap();
        let mut config = builder.with_no_client_auth().with_single_cert(chain, key).unwrap();
        config.ticketer = aws_lc_rs::Ticketer::new().unwrap();
        config.enable_secret_extraction = true;
        Self { certificates, config: Arc::new(config) }
    }

    /// A scripted server that is given the bare socket, and the settings to shake hands with.
    pub(crate) fn raw_server(
        &self,
        handler: impl Fn(&mut Peer, &Arc<ServerConfig>) + Send + Sync + 'static,
    ) -> ScriptServer {
        let tls = Arc::clone(&self.config);
        Script::serve(move |peer, _| handler(peer, &tls)).unwrap()
    }

    /// The certificate that its clients have to trust.
    pub(crate) fn ca_pem(&self) -> &str {
        self.certificates.ca_pem()
    }

    /// A scripted server, and a pool of one connection to it.
    pub(crate) fn serve(
        &self,
        handler: impl Fn(TlsPeer<'_>) + Send + Sync + 'static,
    ) -> (ScriptServer, Arc<Pool>) {
        let server = self.raw_server(move |peer, tls| handler(TlsPeer::accept(peer, tls)));
        let mut config = config(&server.url().replace("http:", "https:"), 1);
        config.set_ca_pem(self.ca_pem().as_bytes()).unwrap();
        let pool = Pool::open(&config).unwrap();
        (server, pool)
    }
}

fn folder() -> PathBuf {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("venuepool-segmentation-{}-{number}", std::process::id()))
}
