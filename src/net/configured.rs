//! What a pool or a session dials with, made of its settings.
//!
//! Settings that do not go together are refused here, at open. It knows settings and the engine's
//! log, which is told where the secrets of TLS sessions go.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::addresses::Placing;
use super::connect::{DialError, Dialer};
use super::key_log::OpenKeyLog;
use super::proxy::Target;
use super::resolve::Resolver;
use super::tls::{client_config, server_name};
use super::ways::{Proxies, Way, Ways};
use crate::config::{Config, Proxy, Scheme, Url};
use crate::error::Status;
use crate::log::{Level, LogHook, tell};

/// How the dials of a pool get to its venue. `placing` says in which order they try its addresses.
pub(crate) fn ways(
    config: &Config,
    url: &Url,
    placing: Arc<dyn Placing>,
) -> Result<Ways, DialError> {
    let mut ways = unplaced_ways(config, url)?;
    if let Way::Straight = ways.way {
        ways.dialer.placing = Some(placing);
    }
    Ok(ways)
}

/// The same with the addresses in the order in which they are listed.
pub(crate) fn unplaced_ways(config: &Config, url: &Url) -> Result<Ways, DialError> {
    let dialer = dialer(config, url)?;
    let (ways, has_addresses) = (config.ways(), !config.sockets().addresses.is_empty());
    let is_placed = config.edges().placement.has_rules();
    let conflict = |text| Err(refused(Status::ERR_ADDRESS, text));
    let way = match (&ways.unix_socket, &ways.proxies[..]) {
        (None, []) => Way::Straight,
        _ if is_placed => return conflict("a proxy or a Unix socket, and a placement"),
        (Some(_), [_, ..]) => return conflict("a Unix socket and a proxy"),
        (Some(_), []) if has_addresses => return conflict("a Unix socket and addresses"),
        (None, [_, ..]) if has_addresses => return conflict("a proxy and addresses"),
        (Some(path), []) => Way::Unix(path.as_path().into()),
        (None, list) => {
            let with_dialer = |proxy: &Proxy| {
                let (host, resolver) =
                    (proxy.host.clone(), resolver_of(&proxy.host, proxy.port, config));
                let addresses = Arc::default();
                (proxy.clone(), Dialer { host, resolver, addresses, tls: None, ..dialer.clone() })
            };
            let target = Target { host: url.host.clone(), port: url.port };
            Way::Proxies(Arc::new(Proxies::new(list.iter().map(with_dialer).collect(), target)))
        }
    };
    Ok(Ways { dialer, way, port: url.port })
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
            let mut tls = client_config(settings).map_err(bad)?;
            let name = server_name(name).map_err(bad)?;
            if let Some(key_log) = key_log(config, url)? {
                tls.key_log = Arc::new(key_log);
            }
            Some((Arc::new(tls), name))
        }
    };
    let timeouts = config.timeouts();
    Ok(Dialer {
        host: url.host.clone(),
        resolver: resolver(config, url),
        addresses: Arc::default(),
        placing: None,
        sockets: Arc::new(config.sockets().clone()),
        tls,
        resolve_timeout: Duration::from_nanos(timeouts.resolve_ns),
        connect_timeout: Duration::from_nanos(timeouts.connect_ns),
        tls_handshake_timeout: Duration::from_nanos(timeouts.tls_handshake_ns),
    })
}

/// The key log if one is wanted. The engine's log tells of it.
fn key_log(config: &Config, url: &Url) -> Result<Option<OpenKeyLog>, DialError> {
    let (hook, name, host) = (config.log_hook(), config.thread_name(), &url.host);
    let on_failure = {
        let (hook, name, host) = (hook.cloned(), name.to_owned(), host.clone());
        move |error: &io::Error| {
            tell_key_log_ended(hook.as_ref(), &name, &host, &error.to_string());
        }
    };
    let opened = OpenKeyLog::open(&config.tls().key_log, on_failure)?;
    Ok(opened.map(|(key_log, to)| {
        tell_key_log(hook, name, host, &to);
        key_log
    }))
}

/// Tells the log that the secrets of TLS sessions are written, and where.
fn tell_key_log(hook: Option<&LogHook>, name: &str, host: &str, to: &str) {
    tell(hook, (Level::Warn, "pool"), (name, host), || {
        let text = format!("TLS secrets are written to {to}: they open all captured traffic");
        (text, vec![("key_log", to.to_owned())])
    });
}

/// Tells the log that a key log takes no more. On the dial thread.
fn tell_key_log_ended(hook: Option<&LogHook>, name: &str, host: &str, error: &str) {
    tell(hook, (Level::Warn, "pool"), (name, host), || {
        (format!("the key log has ended, secrets are missing: {error}"), Vec::new())
    });
}

/// Pinned addresses need no look-up.
fn resolver(config: &Config, url: &Url) -> Arc<Resolver> {
    let resolver = resolver_of(&url.host, url.port, config);
    let pinned = config.sockets().addresses.iter();
    resolver.pin(pinned.map(|ip| SocketAddr::new(*ip, url.port)).collect());
    resolver
}

/// Nor do literals.
fn resolver_of(host: &str, port: u16, config: &Config) -> Arc<Resolver> {
    match host.parse() {
        Ok(literal) => Resolver::of_addresses(&[literal], port),
        Err(_) => Resolver::of_host(host, port, config.thread_name()),
    }
}
