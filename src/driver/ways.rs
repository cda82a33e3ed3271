//! What a pool dials with, made of its settings.
//!
//! Settings that do not go together are refused here, at open.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{Config, Scheme, Url};
use crate::error::Status;
use crate::net::connect::{DialError, Dialer};
use crate::net::resolve::Resolver;
use crate::net::tls::{client_config, server_name};
use crate::net::ways::{Way, Ways};

/// How the dials of a pool get to its venue.
pub(super) fn ways(config: &Config, url: &Url) -> Result<Ways, DialError> {
    let dialer = dialer(config, url)?;
    let way = match &config.ways().unix_socket {
        None => Way::Straight,
        Some(_) if !config.sockets().addresses.is_empty() => {
            return Err(refused(Status::ERR_ADDRESS, "a Unix socket and addresses to connect to"));
        }
        Some(path) => Way::Unix(path.as_path().into()),
    };
    Ok(Ways { dialer, way })
}

fn refused(step: Status, text: impl Into<String>) -> DialError {
    DialError { step, os_error: 0, text: text.into() }
}

fn dialer(config: &Config, url: &Url) -> Result<Dialer, DialError> {
    let settings = config.tls();
    let bad = |text: String| refused(Status::ERR_TLS_CONFIG, text);
    let tls = match url.scheme {
        Scheme::Http if !settings.pins.is_empty() => {
            return Err(bad("a pin, and the URL is not https".to_owned()));
        }
        Scheme::Http => None,
        Scheme::Https => {
            let name = settings.server_name.as_deref().unwrap_or(&url.host);
            Some((client_config(settings).map_err(bad)?, server_name(name).map_err(bad)?))
        }
    };
    let timeouts = config.timeouts();
    Ok(Dialer {
        host: url.host.clone(),
        resolver: resolver(config, url),
        addresses: Arc::default(),
        sockets: Arc::new(config.sockets().clone()),
        tls,
        resolve_timeout: Duration::from_nanos(timeouts.resolve_ns),
        connect_timeout: Duration::from_nanos(timeouts.connect_ns),
        tls_handshake_timeout: Duration::from_nanos(timeouts.tls_handshake_ns),
    })
}

/// Pinned addresses and literals need no look-up.
fn resolver(config: &Config, url: &Url) -> Arc<Resolver> {
    let pinned = &config.sockets().addresses;
    match url.host.parse() {
        _ if !pinned.is_empty() => Resolver::of_addresses(pinned, url.port),
        Ok(literal) => Resolver::of_addresses(&[literal], url.port),
        Err(_) => Resolver::of_host(&url.host, url.port, config.thread_name()),
    }
}
