//! Configuration, continued: TLS.

use super::config::{add, configure, switch, vp_config};
use super::types::vp_str;
use crate::error::Status;

/// Sets the trusted certificates, as PEM, instead of the built-in webpki roots.
///
/// Threads: as `vp_config_new`.
/// Lifetime: `pem` is copied.
/// Errors: ERR_NULL, ERR_TLS_CONFIG; what the PEM holds is checked at open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_ca_pem(config: *mut vp_config, pem: vp_str) -> Status {
    // SAFETY: the header.
    unsafe { configure(config, "vp_config_set_ca_pem", |config| config.set_ca_pem(pem.bytes()?)) }
}

/// Sets the client's certificate chain and private key, as PEM.
///
/// Threads: as `vp_config_new`.
/// Lifetime: both are copied.
/// Errors: ERR_NULL, ERR_TLS_CONFIG; what the PEM holds is checked at open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_client_cert_pem(
    config: *mut vp_config,
    chain: vp_str,
    key: vp_str,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_client_cert_pem", |c| {
            c.set_client_cert_pem(chain.bytes()?, key.bytes()?)
        })
    }
}

/// Sets the name for SNI and the certificate check, instead of the host of the URL. An empty name
/// uses the host again.
///
/// Threads: as `vp_config_new`.
/// Lifetime: `name` is copied.
/// Errors: ERR_NULL, ERR_TLS_CONFIG.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_server_name(config: *mut vp_config, name: vp_str) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_server_name", |config| {
            config.set_server_name(name.bytes()?)
        })
    }
}

/// Sets the protocols that ALPN offers (RFC 7301), separated by commas; "http/1.1" by default. Each
/// has 1 to 255 visible ASCII characters, and `h2` is refused. An empty text offers none.
///
/// Threads: as `vp_config_new`.
/// Lifetime: `protocols` is copied.
/// Errors: ERR_NULL, ERR_TLS_CONFIG.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_alpn(config: *mut vp_config, protocols: vp_str) -> Status {
    // SAFETY: the header.
    unsafe { configure(config, "vp_config_set_alpn", |config| config.set_alpn(protocols.bytes()?)) }
}

/// Adds a public key of which the server must show one: `sha256//` and the Base64 of the SHA-256 of
/// the SubjectPublicKeyInfo (RFC 5280), as curl's CURLOPT_PINNEDPUBLICKEY has it. At most 16 keys.
/// Only the key of the server's own certificate counts, none of an authority's. The certificate is
/// verified besides, unless `vp_config_set_insecure_skip_verify` says otherwise. A dial to a server
/// with another key fails as ERR_PIN, and the text tells the pin that was seen. A pool
/// with pins and an `http://` URL is refused at open (ERR_TLS_CONFIG).
///
/// Threads: as `vp_config_new`.
/// Lifetime: `pin` is copied.
/// Errors: ERR_NULL, ERR_TLS_CONFIG.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_add_pin(config: *mut vp_config, pin: vp_str) -> Status {
    // SAFETY: the header.
    unsafe { add(config, "vp_config_add_pin", |config| config.add_pin(pin.bytes()?)) }
}

/// Accepts any certificate (on when not 0). For tests only: the pool then does not check who the
/// peer is.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_insecure_skip_verify(
    config: *mut vp_config,
    on: i32,
) -> Status {
    // SAFETY: the header.
    unsafe { switch(config, |config| config.set_insecure_skip_verify(on != 0)) }
}

/// Writes TLS session secrets to the file that the environment names as SSLKEYLOGFILE (on when not
/// 0). Off by default, whatever the environment says.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_key_log(config: *mut vp_config, on: i32) -> Status {
    // SAFETY: the header.
    unsafe { switch(config, |config| config.set_key_log(on != 0)) }
}
