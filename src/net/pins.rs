//! Pinned public keys: a check besides the normal one of a server's certificate.
//!
//! The key is that of the server's own certificate, the first of the chain. Keys of the others do
//! not count: a server may send certificates that prove nothing. A resumed session (RFC 8446
//! section 2.2) shows no certificate; its ticket comes from a session in which the key was checked.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};

use crate::config::Pin;

/// Verifies as another verifier does, and then wants a pinned key.
#[derive(Debug)]
pub struct PinnedKeys {
    verifier: Arc<dyn ServerCertVerifier>,
    pins: Vec<Pin>,
}

/// The certificate was good, and its key is none of the pinned ones.
#[derive(Debug)]
pub struct Unpinned(Pin);

impl PinnedKeys {
    /// `verifier` and the keys together.
    pub fn new(verifier: Arc<dyn ServerCertVerifier>, pins: Vec<Pin>) -> Self {
        Self { verifier, pins }
    }
}

impl Unpinned {
    /// Whether a handshake has failed by it.
    pub fn in_handshake(error: &io::Error) -> Option<&Self> {
        match error.get_ref()?.downcast_ref::<Error>()? {
            Error::InvalidCertificate(CertificateError::Other(OtherError(other))) => {
                other.downcast_ref()
            }
            _ => None,
        }
    }
}

impl std::error::Error for Unpinned {}

impl fmt::Display for Unpinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its public key is not pinned: {}", self.0)
    }
}

impl ServerCertVerifier for PinnedKeys {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verifier = &self.verifier;
        let verified = verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )?;
        let seen = pin_of(end_entity)?;
        if self.pins.contains(&seen) {
            return Ok(verified);
        }
        let unpinned = OtherError(Arc::new(Unpinned(seen)));
        Err(Error::InvalidCertificate(CertificateError::Other(unpinned)))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// The pin of a certificate's key. The hash is that of a cipher suite: rustls has it nowhere else.
fn pin_of(certificate: &CertificateDer<'_>) -> Result<Pin, Error> {
    let key = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
    let suite = TLS13_AES_128_GCM_SHA256.tls13();
    let hash = suite.map(|suite| suite.common.hash_provider.hash(&key));
    let bytes = hash.and_then(|hash| hash.as_ref().try_into().ok());
    bytes.map(Pin).ok_or_else(|| Error::General("no SHA-256".to_owned()))
}

#[cfg(test)]
mod tests {
    use mock_venue::{CertificateKind, Certificates};
    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;
    use rustls::crypto::aws_lc_rs::default_provider;
    use rustls::pki_types::pem::PemObject;

    use super::*;

    /// A key of P-256, and what `openssl x509 -pubkey | openssl pkey -pubin -outform der |
    /// openssl dgst -sha256 -binary | base64` says of it.
    const CERTIFICATE: &str = include_str!("pins/certificate.pem");
    const PIN: &str = "sha256//8cY8u5DW3KJI0HkgNiJAXdJ9CbKgKv0aE3GPrW6627Q=";

    #[test]
    fn a_pin_is_what_openssl_makes_of_the_key() {
        let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
        assert_eq!(pin_of(&certificate).unwrap().to_string(), PIN);
    }

    /// A server may send whatever certificates it likes behind its own.
    #[test]
    fn the_keys_of_authorities_do_not_count() {
        let authority = Certificates::new().unwrap();
        let name = format!("venuepool-pins-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        authority.write(&folder, CertificateKind::LongChain).unwrap();
        let chain = CertificateDer::pem_file_iter(folder.join("server.pem")).unwrap();
        let chain: Vec<_> = chain.map(Result::unwrap).collect();
        std::fs::remove_dir_all(&folder).unwrap();
        let root = CertificateDer::from_pem_slice(authority.ca_pem().as_bytes()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(root.clone()).unwrap();
        let provider = Arc::new(default_provider());
        let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier: Arc<dyn ServerCertVerifier> = builder.build().unwrap();
        let is_good = |certificate| {
            let keys = PinnedKeys::new(Arc::clone(&verifier), vec![pin_of(certificate).unwrap()]);
            let name = ServerName::try_from("localhost").unwrap();
            keys.verify_server_cert(&chain[0], &chain[1..], &name, &[], UnixTime::now()).is_ok()
        };
        assert!(chain.len() > 2 && is_good(&chain[0]));
        assert!(!chain[1..].iter().chain([&root]).any(is_good));
    }
}
