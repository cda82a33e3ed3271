//! The TLS settings of a pool, ready to dial with.
//!
//! It knows rustls and PEM. The crypto provider is passed to rustls explicitly: the process default
//! belongs to the host program.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::config::{ClientCert, Pem, Tls};

/// Makes the rustls configuration, or says in words what is wrong with the settings.
///
/// The configuration holds the session tickets, so all dials of a pool share one.
pub fn client_config(settings: &Tls) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder = if settings.insecure_skip_verify {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
    } else {
        let roots = Arc::new(roots(settings.ca_pem.as_ref().map(Pem::as_bytes))?);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider)
            .build()
            .map_err(|error| error.to_string())?;
        builder.with_webpki_verifier(verifier)
    };
    let mut config = match &settings.client_cert {
        None => builder.with_no_client_auth(),
        Some(ClientCert { chain, key }) => {
            let chain = certificates(chain.as_bytes(), "client certificate")?;
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
                .map_err(|error| format!("client key: {error}"))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| format!("client certificate: {error}"))?
        }
    };
    config.alpn_protocols = settings.alpn.clone();
    if settings.key_log {
        config.key_log = Arc::new(rustls::KeyLogFile::new());
    }
    Ok(Arc::new(config))
}

/// The name that the certificate must prove: a DNS name or an IP address.
pub fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(host.to_owned()).map_err(|error| format!("server name {host}: {error}"))
}

fn roots(ca_pem: Option<&[u8]>) -> Result<RootCertStore, String> {
    let Some(pem) = ca_pem else {
        return Ok(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() });
    };
    let mut roots = RootCertStore::empty();
    for (certificate, number) in certificates(pem, "CA")?.into_iter().zip(1..) {
        roots.add(certificate).map_err(|error| format!("CA: certificate {number}: {error}"))?;
    }
    Ok(roots)
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut list = Vec::new();
    for found in CertificateDer::pem_slice_iter(pem) {
        let number = list.len() + 1;
        list.push(found.map_err(|error| format!("{what}: certificate {number}: {error}"))?);
    }
    match list.is_empty() {
        true => Err(format!("{what}: no certificate in the PEM text")),
        false => Ok(list),
    }
}

/// Trusts whatever it is shown, but still checks that the peer holds the key it shows.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_webpki_roots_are_the_default() {
        assert!(client_config(Config::default().tls()).is_ok());
        assert!(roots(None).unwrap().len() > 50);
    }

    #[test]
    fn unusable_pem_is_named() {
        let mut config = Config::default();
        config.set_ca_pem(b"hello").unwrap();
        let error = client_config(config.tls()).unwrap_err();
        assert!(error.contains("CA"), "{error}");
        let mut config = Config::default();
        config.set_client_cert_pem(b"x", b"y").unwrap();
        let error = client_config(config.tls()).unwrap_err();
        assert!(error.contains("client certificate"), "{error}");
    }

    #[test]
    fn the_bad_certificate_of_a_bundle_is_named_by_its_number() {
        let pem = |der| format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n");
        let good = mock_venue::Certificates::new().unwrap().ca_pem().to_owned();
        let error = roots(Some((good.clone() + &pem("AAAA") + &good).as_bytes())).unwrap_err();
        assert!(error.starts_with("CA: certificate 2: "), "{error}");
        let error = roots(Some((good + &pem("?")).as_bytes())).unwrap_err();
        assert!(error.starts_with("CA: certificate 2: "), "{error}");
    }

    #[test]
    fn server_names() {
        assert!(server_name("api.venue.example").is_ok());
        assert!(server_name("::1").is_ok());
        assert!(server_name("not a name").is_err());
    }
}
