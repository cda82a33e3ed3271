//! How an `https` origin is spoken to and trusted. PEM is stored here and read when a pool opens.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{Config, KeyLog, list, printable, url};
use crate::error::Status;

/// How an `https` origin is spoken to and trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Certificates to trust instead of the built-in web roots.
    pub ca_pem: Option<Pem>,
    /// What this client proves itself with.
    pub client_cert: Option<ClientCert>,
    /// The name to ask for and to check, instead of the host of the URL.
    pub server_name: Option<String>,
    /// Whether any certificate of the server is taken.
    pub insecure_skip_verify: bool,
    /// The public keys of which the server must show one. Empty: any that its certificate proves.
    pub pins: Vec<Pin>,
    /// Where session secrets are written.
    pub key_log: KeyLog,
    /// The protocols offered by ALPN (RFC 7301), best first. Empty: ALPN is not used.
    pub alpn: Vec<Vec<u8>>,
}

/// A client certificate; both parts PEM, not read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCert {
    /// The certificate and those that lead to its root.
    pub chain: Pem,
    /// The private key.
    pub key: Pem,
}

/// The SHA-256 of a public key, as it stands in certificates (SubjectPublicKeyInfo, RFC 5280
/// section 4.1.2.7). Written as `sha256//` and Base64, the form of curl's CURLOPT_PINNEDPUBLICKEY.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pin(pub [u8; 32]);

/// What a pin begins with.
const PIN_PREFIX: &[u8] = b"sha256//";

/// A venue has a key or two, and the next one.
const MAX_PINS: usize = 16;

/// PEM text, not read yet. Shown by its length alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem(Vec<u8>);

impl Default for Tls {
    fn default() -> Self {
        Self {
            ca_pem: None,
            client_cert: None,
            server_name: None,
            insecure_skip_verify: false,
            pins: Vec::new(),
            key_log: KeyLog::Off,
            alpn: vec![b"http/1.1".to_vec()],
        }
    }
}

/// TLS.
impl Config {
    /// Sets the certificates to trust, in PEM, instead of the built-in web roots.
    ///
    /// # Errors
    /// `ERR_TLS_CONFIG` if empty. What it holds is read when the pool is opened.
    pub fn set_ca_pem(&mut self, pem: &[u8]) -> Result<(), Status> {
        self.tls.ca_pem = Some(Pem::new(pem)?);
        Ok(())
    }

    /// Sets the certificate chain and the private key of this client, in PEM.
    ///
    /// # Errors
    /// `ERR_TLS_CONFIG` if one is empty. What they hold is read when the pool is opened.
    pub fn set_client_cert_pem(&mut self, chain: &[u8], key: &[u8]) -> Result<(), Status> {
        self.tls.client_cert = Some(ClientCert { chain: Pem::new(chain)?, key: Pem::new(key)? });
        Ok(())
    }

    /// Sets the host name or IP address that the server must prove to be, and that is sent as SNI
    /// if it is a name, instead of the host of the URL. Empty: the host of the URL again.
    ///
    /// # Errors
    /// `ERR_TLS_CONFIG` if it is neither.
    pub fn set_server_name(&mut self, name: &[u8]) -> Result<(), Status> {
        self.tls.server_name = match printable(name).ok_or(Status::ERR_TLS_CONFIG)? {
            "" => None,
            name => Some(url::server_name(name).ok_or(Status::ERR_TLS_CONFIG)?),
        };
        Ok(())
    }

    /// Sets whether any certificate of the server is taken. For tests only: whoever is in between
    /// can read and change every order.
    pub const fn set_insecure_skip_verify(&mut self, skip: bool) {
        self.tls.insecure_skip_verify = skip;
    }

    /// Adds a public key of which the server must show one, as `sha256//` and Base64. The
    /// certificate is verified besides.
    ///
    /// # Errors
    /// `ERR_TLS_CONFIG` if it is no such text, or for more than 16.
    pub fn add_pin(&mut self, pin: &[u8]) -> Result<(), Status> {
        let pin = Pin::parse(pin).ok_or(Status::ERR_TLS_CONFIG)?;
        if self.tls.pins.len() == MAX_PINS {
            return Err(Status::ERR_TLS_CONFIG);
        }
        self.tls.pins.push(pin);
        Ok(())
    }

    /// Sets the protocols offered by ALPN, separated by commas, best first; empty: none is offered.
    ///
    /// # Errors
    /// `ERR_TLS_CONFIG` if one is not 1 to 255 visible ASCII characters, or is `h2`, which the pool
    /// does not speak.
    pub fn set_alpn(&mut self, protocols: &[u8]) -> Result<(), Status> {
        let is_good = |protocol: &[u8]| {
            let len_is_good = (1..=255).contains(&protocol.len());
            len_is_good && protocol.iter().all(u8::is_ascii_graphic) && protocol != b"h2"
        };
        if !list(protocols).all(is_good) {
            return Err(Status::ERR_TLS_CONFIG);
        }
        self.tls.alpn = list(protocols).map(<[u8]>::to_vec).collect();
        Ok(())
    }

    /// How an `https` origin is spoken to and trusted.
    pub const fn tls(&self) -> &Tls {
        &self.tls
    }
}

impl Pin {
    fn parse(text: &[u8]) -> Option<Self> {
        let hash = BASE64_STANDARD.decode(text.strip_prefix(PIN_PREFIX)?).ok()?;
        hash.try_into().map(Self).ok()
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256//{}", BASE64_STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Pem {
    fn new(pem: &[u8]) -> Result<Self, Status> {
        if pem.is_empty() { Err(Status::ERR_TLS_CONFIG) } else { Ok(Self(pem.to_vec())) }
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pem({} bytes)", self.0.len())
    }
}
