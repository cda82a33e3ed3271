//! TLS settings of the servers, with the cryptography named explicitly and not by process default.

use crate::certs::{Certificates, Credential};
use crate::options::Transport;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::io;
use std::sync::Arc;

/// The server side of TLS for `transport`, or nothing when that is plain text.
pub(crate) fn server_config(
    transport: Transport,
    certificates: &Certificates,
    credential: Credential,
    client_certificates: bool,
) -> io::Result<Option<Arc<ServerConfig>>> {
    let versions: &[&'static SupportedProtocolVersion] = match transport {
        Transport::Plain => return Ok(None),
        Transport::Tls => &[&TLS13, &TLS12],
        Transport::Tls12 => &[&TLS12],
        Transport::Tls13 => &[&TLS13],
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let clients = client_verifier(certificates, client_certificates, &provider)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .and_then(|builder| {
            builder
                .with_client_cert_verifier(clients)
                .with_single_cert(credential.chain, credential.key)
        })
        .map_err(io::Error::other)?;
    // Stateless tickets: any number of clients can resume, however many sessions there were.
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(Arc::new(config)))
}

fn client_verifier(
    certificates: &Certificates,
    wanted: bool,
    provider: &Arc<CryptoProvider>,
) -> io::Result<Arc<dyn ClientCertVerifier>> {
    if !wanted {
        return Ok(Arc::new(NoClientAuth));
    }
    let mut roots = RootCertStore::empty();
    roots.add(certificates.root_der().clone()).map_err(io::Error::other)?;
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map(|verifier| verifier as Arc<dyn ClientCertVerifier>)
        .map_err(io::Error::other)
}
