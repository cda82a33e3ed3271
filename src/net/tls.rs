//! The TLS settings of a pool, ready to dial with.
//!
//! It knows rustls and PEM. The crypto provider is passed to rustls explicitly: the process default
//! belongs to the host program.

use std::sync::Arc;

use memchr::memmem;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WantsClientCert, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use crate::config::{ClientCert, Pem, Tls};
use crate::net::pins::PinnedKeys;

/// What error texts call the certificates to trust, and the own ones.
const CA: &str = "CA";
const CLIENT: &str = "client certificate";

/// Makes the rustls configuration, or says in words what is wrong with the settings.
///
/// The configuration holds the session tickets, so all dials of a pool share one. It has no key log
/// yet, see [`OpenKeyLog`](crate::net::key_log::OpenKeyLog).
pub fn client_config(settings: &Tls) -> Result<ClientConfig, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let builder =
        builder.dangerous().with_custom_certificate_verifier(verifier(settings, provider)?);
    let mut config = match &settings.client_cert {
        None => builder.with_no_client_auth(),
        Some(client_cert) => with_client_cert(builder, client_cert)?,
    };
    config.alpn_protocols = settings.alpn.clone();
    Ok(config)
}

/// What decides whether a server is the venue.
fn verifier(
    settings: &Tls,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, String> {
    let verifier: Arc<dyn ServerCertVerifier> = if settings.insecure_skip_verify {
        Arc::new(AnyCertificate(provider))
    } else {
        let roots = Arc::new(roots(settings.ca_pem.as_ref().map(Pem::as_bytes))?);
        let builder = WebPkiServerVerifier::builder_with_provider(roots, provider);
        builder.build().map_err(|error| error.to_string())?
    };
    Ok(match &settings.pins[..] {
        [] => verifier,
        pins => Arc::new(PinnedKeys::new(verifier, pins.to_vec())),
    })
}

fn with_client_cert(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    ClientCert { chain, key }: &ClientCert,
) -> Result<ClientConfig, String> {
    let chain = certificates(chain.as_bytes(), CLIENT)?;
    // All of them, because rustls reads the first one only.
    authorities(&chain, CLIENT)?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| match error {
        pem::Error::NoItemsFound => "client key: no private key in the PEM text".to_owned(),
        _ => format!("client key: {error}"),
    })?;
    let first = format!("certificate 1 of {}", chain.len());
    builder.with_client_auth_cert(chain, key).map_err(|error| match error {
        Error::InconsistentKeys(_) => format!("client key: it is not that of {first}"),
        Error::InvalidCertificate(_) => format!("{CLIENT}: {first}: {error}"),
        _ => format!("client key: {error}"),
    })
}

/// The name that the certificate must prove: a DNS name or an IP address.
pub fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(host.to_owned()).map_err(|error| format!("server name {host}: {error}"))
}

fn roots(ca_pem: Option<&[u8]>) -> Result<RootCertStore, String> {
    let Some(pem) = ca_pem else {
        return Ok(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() });
    };
    authorities(&certificates(pem, CA)?, CA)
}

/// The certificates as trust anchors. A bad one is named by its number, from 1.
fn authorities(list: &[CertificateDer<'_>], what: &str) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for (certificate, number) in list.iter().zip(1..) {
        let bad =
            |error| format!("{what}: certificate {number} of {count}: {error}", count = list.len());
        store.add(certificate.clone()).map_err(bad)?;
    }
    Ok(store)
}

/// The certificates of a PEM text, at least one. A broken one is named by its number, from 1.
fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut list = Vec::new();
    for found in CertificateDer::pem_slice_iter(pem) {
        let number = list.len() + 1;
        let bad = |error| {
            let count = memmem::find_iter(pem, b"-----BEGIN CERTIFICATE-----").count();
            format!("{what}: certificate {number} of {count}: {error}")
        };
        list.push(found.map_err(bad)?);
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
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
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

    const NO_CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    const NO_BASE64: &str = "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n";

    #[test]
    fn the_bad_certificate_of_a_bundle_is_named_by_its_number() {
        let good = mock_venue::Certificates::new().unwrap().ca_pem().to_owned();
        for bad in [NO_CERTIFICATE, NO_BASE64] {
            let bundle = format!("{good}{bad}{good}");
            let error = roots(Some(bundle.as_bytes())).unwrap_err();
            assert!(error.starts_with("CA: certificate 2 of 3: "), "{error}");
        }
        assert_eq!(roots(Some(good.repeat(3).as_bytes())).unwrap().len(), 3);
    }

    #[test]
    fn what_is_wrong_with_a_client_certificate_is_named() {
        let [ours, theirs] = [(); 2].map(|()| mock_venue::Certificates::new().unwrap());
        let split = |pem: &str| {
            let at = pem.rfind("-----BEGIN").unwrap();
            (pem[..at].to_owned(), pem[at..].to_owned())
        };
        let (chain, key) = split(ours.client_pem());
        let (_, other_key) = split(theirs.client_pem());
        let says = |chain: &str, key: &str| {
            let mut config = Config::default();
            config.set_client_cert_pem(chain.as_bytes(), key.as_bytes()).unwrap();
            client_config(config.tls()).err().unwrap_or_default()
        };
        let ca = ours.ca_pem();
        assert_eq!(says(&chain, &key), "");
        assert_eq!(says(&format!("{chain}{ca}"), &key), "");
        for bad in [NO_CERTIFICATE, NO_BASE64] {
            let error = says(&format!("{chain}{ca}{bad}"), &key);
            assert!(error.starts_with("client certificate: certificate 3 of 3: "), "{error}");
            let error = says(&format!("{bad}{ca}"), &key);
            assert!(error.starts_with("client certificate: certificate 1 of 2: "), "{error}");
        }
        let error = says(&format!("{chain}{ca}"), &other_key);
        assert_eq!(error, "client key: it is not that of certificate 1 of 2");
        assert_eq!(says(&chain, &chain), "client key: no private key in the PEM text");
        let broken = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let error = says(&chain, broken);
        assert!(error.starts_with("client key: "), "{error}");
    }

    #[test]
    fn server_names() {
        assert!(server_name("api.venue.example").is_ok());
        assert!(server_name("::1").is_ok());
        assert!(server_name("not a name").is_err());
    }
}
