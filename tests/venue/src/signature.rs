//! The signatures of orders: the key that the venue checks them with, and the check.
//!
//! Knows bytes and keys, and nothing of requests.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt::Write;

/// What the signatures of orders are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SigningKey {
    /// A secret that both sides have: HMAC-SHA-256 (RFC 2104), written as hexadecimal digits.
    HmacSecret(String),
    /// The public key of the engine: Ed25519 (RFC 8032), written in base64.
    Ed25519PublicKey([u8; 32]),
}

impl SigningKey {
    /// Reads a public key of Ed25519: 64 hexadecimal digits.
    pub fn ed25519_from_hex(text: &str) -> Result<Self, String> {
        let digits = text.as_bytes();
        let mut key = [0; 32];
        if digits.len() != 2 * key.len() {
            return Err("64 hexadecimal digits".into());
        }
        for (byte, pair) in key.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| "hexadecimal digits")?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| "hexadecimal digits")?;
        }
        Ok(Self::Ed25519PublicKey(key))
    }

    /// Whether `signature` is that of the message.
    pub(crate) fn fits(&self, message: &[u8], signature: &str) -> bool {
        match self {
            Self::HmacSecret(secret) => is_hmac(secret, message, signature),
            Self::Ed25519PublicKey(key) => BASE64_STANDARD.decode(signature).is_ok_and(|raw| {
                UnparsedPublicKey::new(&ED25519, key).verify(message, &raw).is_ok()
            }),
        }
    }
}

fn is_hmac(secret: &str, message: &[u8], signature: &str) -> bool {
    // Keys of any length are valid for HMAC.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return false;
    };
    mac.update(message);
    let expected = mac.finalize().into_bytes().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    expected.eq_ignore_ascii_case(signature)
}
