//! Configuration, continued: TLS.

use std::ffi::c_void;
use std::sync::Arc;

use super::config::{add, configure, switch, vp_config};
use super::types::vp_str;
use crate::config::KeyLogHook;
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

/// Writes TLS secrets to the file that the environment names as SSLKEYLOGFILE when a pool is opened
/// (on when not 0). Off by default, whatever the environment says. All else is as for
/// `vp_config_set_key_log_file`; without the variable nothing is written.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_key_log(config: *mut vp_config, on: i32) -> Status {
    // SAFETY: the header.
    unsafe { switch(config, |config| config.set_key_log(on != 0)) }
}

/// Appends TLS secrets to a file, in the NSS key log format that Wireshark reads. An empty path,
/// the default, writes none. WHO HAS THIS FILE READS ALL TRAFFIC THAT WAS CAPTURED, API keys and
/// tokens included. So it is for tests and for a diagnosis, and must be deleted after it.
///
/// The file is opened when a pool or a session is opened; it is created with mode 0600, and one
/// that is there keeps its mode. If that fails, so does the open (ERR_SYSTEM). An `http://` URL has
/// no secrets, and opens no file. The log is told at VP_LOG_WARN that secrets are written. When a
/// line cannot be written, that is told, too, and the file gets no more.
///
/// There is one key log: this function, `vp_config_set_key_log` and
/// `vp_config_set_key_log_function` replace what another of them has set.
///
/// Threads: as `vp_config_new`.
/// Lifetime: `path` is copied. A relative one begins in the working directory at open.
/// Errors: ERR_NULL; ERR_ARGUMENT if `path` holds NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_key_log_file(
    config: *mut vp_config,
    path: vp_str,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_key_log_file", |config| {
            config.set_key_log_file(path.bytes()?)
        })
    }
}

/// Receives a line of the key log, without its line break, in a TLS handshake: four or five for a
/// connection with TLS 1.3, one with TLS 1.2. It must be short, must not block, must not throw, and
/// must call no function of the library.
///
/// `line` is borrowed until the function returns. Then the library wipes it.
pub type vp_on_key_log = Option<unsafe extern "C" fn(context: *mut c_void, line: vp_str)>;

/// Gives TLS secrets to a function instead of a file; NULL, the default, for none. What
/// `vp_config_set_key_log_file` says of them holds here, too.
///
/// Threads: as `vp_config_new`. The function runs on the dial thread. It may run on several
/// threads at once if pools were opened in several network namespaces.
/// Lifetime: `context` must be valid until `vp_pool_close` of each pool, and `vp_ws_close` of each
/// session, that was opened with this.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_key_log_function(
    config: *mut vp_config,
    function: vp_on_key_log,
    context: *mut c_void,
) -> Status {
    // As a number, because the context is the caller's to share between threads.
    let context = context as usize;
    let hook = function.map(|function| {
        KeyLogHook(Arc::new(move |line| {
            // SAFETY: the header: the function takes what was given with it, and a text that is
            // valid until it returns.
            unsafe { function(context as *mut c_void, vp_str::new(line)) };
        }))
    });
    // SAFETY: the header.
    unsafe { switch(config, |config| config.set_key_log_hook(hook)) }
}
