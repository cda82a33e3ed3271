//! Configuration, continued: sockets, addresses, and how often the pool dials.

use super::config::{configure, size, switch, vp_config};
use super::types::vp_str;
use crate::config::{Config, TcpKeepalive};
use crate::error::Status;

/// Sets TCP_NODELAY (on when not 0, the default).
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_nodelay(config: *mut vp_config, on: i32) -> Status {
    // SAFETY: the header.
    unsafe { switch(config, |config| config.set_nodelay(on != 0)) }
}

/// Sets TCP keepalive: idle time and interval, each 1 to 32,767 whole seconds, in nanoseconds, and
/// the probes until the connection counts as dead, 1 to 127; 30 s, 5 s, 3 by default. All three 0
/// turns it off. It watches idle connections, whatever the timeouts of requests are:
/// TCP_USER_TIMEOUT is not set. A request in flight has its own deadline.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_tcp_keepalive(
    config: *mut vp_config,
    time_ns: u64,
    interval_ns: u64,
    count: u32,
) -> Status {
    let keepalive = match (time_ns, interval_ns, count) {
        (0, 0, 0) => None,
        _ => Some(TcpKeepalive { time_ns, interval_ns, count }),
    };
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_tcp_keepalive", |config| {
            config.set_tcp_keepalive(keepalive)
        })
    }
}

/// Sets SO_SNDBUF and SO_RCVBUF before connecting, each 1 KiB to 1 GiB; 0, the default, leaves one
/// to the system.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_socket_buffers(
    config: *mut vp_config,
    send_bytes: u64,
    receive_bytes: u64,
) -> Status {
    let change = |config: &mut Config| {
        let (before, given) = (config.sockets().send_buffer, |bytes| match bytes {
            0 => Ok(None),
            bytes => size(bytes).map(Some),
        });
        config.set_send_buffer(given(send_bytes)?)?;
        let receive = given(receive_bytes).and_then(|bytes| config.set_receive_buffer(bytes));
        // A refused call changes nothing, so the half that was done is undone.
        receive.or_else(|status| config.set_send_buffer(before).and(Err(status)))
    };
    // SAFETY: the header.
    unsafe { configure(config, "vp_config_set_socket_buffers", change) }
}

/// Sets the local IP address to connect from; empty leaves it to the system. The local port is
/// chosen at the connect (IP_BIND_ADDRESS_NO_PORT), so that connections to different addresses can
/// share one.
///
/// Threads: as `vp_config_new`.
/// Lifetime: `address` is copied.
/// Errors: ERR_NULL, ERR_ADDRESS.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_bind_address(
    config: *mut vp_config,
    address: vp_str,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_bind_address", |config| {
            config.set_bind_address(address.bytes()?)
        })
    }
}

/// Pins the IP addresses to connect to, at most 64, separated by commas; the name in the URL is
/// then not resolved, but still used for Host, SNI and the certificate. Empty resolves again.
///
/// Threads: as `vp_config_new`.
/// Lifetime: `addresses` is copied.
/// Errors: ERR_NULL, ERR_ADDRESS.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_addresses(
    config: *mut vp_config,
    addresses: vp_str,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_addresses", |config| {
            config.set_addresses(addresses.bytes()?)
        })
    }
}

/// Sets the wait between failed dials of a slot: the first dial is at once, then the ceiling goes
/// from `first_ns` (100 ms) doubling to `max_ns` (5 s), with full jitter. Both are 1 us to 1 day,
/// and `first_ns` is not above `max_ns`.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_backoff(
    config: *mut vp_config,
    first_ns: u64,
    max_ns: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_backoff", |config| config.set_backoff_ns(first_ns, max_ns))
    }
}

/// Sets how many dials per second the pool may make, after a burst of one for each slot; 1 to 1000,
/// 5 by default. Replacements of live connections count, and leave half of the burst to lost ones.
/// A venue that ends each connection after `n` requests lets no more than `n` times this number of
/// orders through per second: choose twice the orders per second divided by `n`. For idle time and
/// age see `dials_needed` in `vp_health`.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_dials_per_second(
    config: *mut vp_config,
    dials: u32,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_dials_per_second", |config| {
            config.set_dials_per_second(dials)
        })
    }
}
