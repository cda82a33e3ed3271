//! Certificates: a CA made at start, and the server certificates, good and bad, that it signs.

use crate::grammar::SpecError;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P521_SHA512, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io;
use std::path::Path;
use std::str::FromStr;

/// Between a leaf and its root. Some verifiers stop at six, so the length of a long chain has to
/// come from the size of its certificates and not from their number.
const LONG_CHAIN: usize = 5;

/// Ballast in every certificate of a long chain, in bytes.
const BALLAST: usize = 2_000;

/// Which certificate a venue shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateKind {
    /// Valid for `localhost`, `127.0.0.1` and `::1`, signed by the exported CA.
    Good,
    /// Like `Good`, but its time is over.
    Expired,
    /// Valid for `wrong.example` only.
    WrongHost,
    /// Signed by a CA that is not the exported one.
    UnknownCa,
    /// Valid, with five intermediates and more than 8 KiB of certificates in the handshake.
    LongChain,
}

impl FromStr for CertificateKind {
    type Err = SpecError;

    fn from_str(name: &str) -> Result<Self, SpecError> {
        Ok(match name {
            "good" => Self::Good,
            "expired" => Self::Expired,
            "wrong-host" => Self::WrongHost,
            "unknown-ca" => Self::UnknownCa,
            "long-chain" => Self::LongChain,
            _ => {
                return Err(SpecError::new(format!(
                    "no certificate kind '{name}': \
                     good, expired, wrong-host, unknown-ca or long-chain"
                )));
            }
        })
    }
}

type Issuer = CertifiedIssuer<'static, KeyPair>;

/// A CA of its own, with one client certificate and as many server certificates as are asked for.
pub struct Certificates {
    root: Issuer,
    ca_pem: String,
    client_pem: String,
}

/// One server certificate with its chain and key.
pub(crate) struct Credential {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
    chain_pem: String,
    key_pem: String,
}

impl Certificates {
    /// Makes a new CA.
    pub fn new() -> io::Result<Self> {
        let root = root("Mock Venue CA").map_err(io::Error::other)?;
        let ca_pem = root.pem();
        let client_pem = client(&root).map_err(io::Error::other)?;
        Ok(Self { root, ca_pem, client_pem })
    }

    /// A CA whose signatures take long to verify. `decoys` authorities of its name and with keys of
    /// their own come before it in the PEM: a verifier tries each of them first.
    pub fn slow_to_verify(decoys: usize) -> io::Result<Self> {
        let make = || {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512)?;
            CertifiedIssuer::self_signed(authority("Mock Venue CA")?, key)
        };
        let root = make().map_err(io::Error::other)?;
        let mut ca_pem = String::new();
        for _ in 0..decoys {
            ca_pem.push_str(&make().map_err(io::Error::other)?.pem());
        }
        ca_pem.push_str(&root.pem());
        let client_pem = client(&root).map_err(io::Error::other)?;
        Ok(Self { root, ca_pem, client_pem })
    }

    /// The CA certificate that clients have to trust, in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// A client certificate that this CA signed and its key, in PEM.
    pub fn client_pem(&self) -> &str {
        &self.client_pem
    }

    /// Writes `ca.pem`, `server.pem` (the whole chain), `server.key` and `client.pem` to `folder`,
    /// for servers and clients that read their certificates from files.
    pub fn write(&self, folder: &Path, kind: CertificateKind) -> io::Result<()> {
        self.write_with(folder, &self.issue(kind)?)
    }

    pub(crate) fn write_with(&self, folder: &Path, server: &Credential) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("ca.pem"), &self.ca_pem)?;
        std::fs::write(folder.join("server.pem"), &server.chain_pem)?;
        std::fs::write(folder.join("server.key"), &server.key_pem)?;
        std::fs::write(folder.join("client.pem"), &self.client_pem)
    }

    /// Makes a server certificate.
    pub(crate) fn issue(&self, kind: CertificateKind) -> io::Result<Credential> {
        self.issue_inner(kind).map_err(io::Error::other)
    }

    pub(crate) fn root_der(&self) -> &CertificateDer<'static> {
        self.root.der()
    }

    fn issue_inner(&self, kind: CertificateKind) -> Result<Credential, rcgen::Error> {
        let names: &[&str] = match kind {
            CertificateKind::WrongHost => &["wrong.example"],
            _ => &["localhost", "127.0.0.1", "::1"],
        };
        let mut leaf = params(names, "mock-venue")?;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if kind == CertificateKind::Expired {
            leaf.not_after = date_time_ymd(2024, 2, 1);
        }
        let issuers = match kind {
            CertificateKind::UnknownCa => vec![root("Another CA")?],
            CertificateKind::LongChain => intermediates(&self.root)?,
            _ => Vec::new(),
        };
        let key = KeyPair::generate()?;
        let leaf = leaf.signed_by(&key, issuers.last().unwrap_or(&self.root))?;
        let mut chain = vec![leaf.der().clone()];
        let mut chain_pem = leaf.pem();
        if kind == CertificateKind::LongChain {
            for issuer in issuers.iter().rev() {
                chain.push(issuer.der().clone());
                chain_pem.push_str(&issuer.pem());
            }
        }
        let key_pem = key.serialize_pem();
        Ok(Credential { chain, key: key.into(), chain_pem, key_pem })
    }
}

fn params(names: &[&str], common_name: &str) -> Result<CertificateParams, rcgen::Error> {
    let names: Vec<String> = names.iter().map(|&name| name.into()).collect();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::OrganizationName, "Mock Venue");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn authority(common_name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut params = params(&[], common_name)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn root(common_name: &str) -> Result<Issuer, rcgen::Error> {
    CertifiedIssuer::self_signed(authority(common_name)?, KeyPair::generate()?)
}

/// A chain of heavy intermediates, the one nearest to `root` first.
fn intermediates(root: &Issuer) -> Result<Vec<Issuer>, rcgen::Error> {
    let mut chain: Vec<Issuer> = Vec::with_capacity(LONG_CHAIN);
    for depth in 1..=LONG_CHAIN {
        let mut params = authority(&format!("Mock Venue Intermediate {depth}"))?;
        // An extension of a private arc, not critical: verifiers carry it and look no further.
        let ballast = CustomExtension::from_oid_content(
            &[1, 3, 6, 1, 4, 1, 99_999, 1],
            octet_string(&[0x5a; BALLAST]),
        );
        params.custom_extensions.push(ballast);
        let signer = chain.last().unwrap_or(root);
        chain.push(CertifiedIssuer::signed_by(params, KeyPair::generate()?, signer)?);
    }
    Ok(chain)
}

/// DER of an octet string of 256 to 65,535 bytes.
fn octet_string(content: &[u8; BALLAST]) -> Vec<u8> {
    let [high, low] = (BALLAST as u16).to_be_bytes();
    let mut der = vec![0x04, 0x82, high, low];
    der.extend_from_slice(content);
    der
}

fn client(root: &Issuer) -> Result<String, rcgen::Error> {
    let mut params = params(&[], "mock-client")?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate()?;
    Ok(params.signed_by(&key, root)?.pem() + &key.serialize_pem())
}
