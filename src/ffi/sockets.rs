//! Configuration, continued: sockets, addresses, and how often the pool dials.

use super::config::{add, configure, size, switch, vp_config};
use super::types::vp_str;
use crate::config::{Config, TcpKeepalive};
use crate::error::Status;

/// Turns TCP_NODELAY on or off (on when not 0, the default).
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_nodelay(config: *mut vp_config, on: i32) -> Status {
    // SAFETY: the header.
    unsafe { switch(config, |config| config.set_nodelay(on != 0)) }
}

/// Asks the kernel when it had the first bytes of each answer (on when not 0; off is the default).
/// `arrival_wall_ns` in `vp_completion` tells it (SO_TIMESTAMPING, software receive times). What
/// lies between that and `first_byte_ns` is this machine's own delay. The socket is then read by
/// `recvmsg` in place of `recv`, with the same number of calls.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_kernel_times(config: *mut vp_config, on: i32) -> Status {
    // SAFETY: the header.
    unsafe { switch(config, |config| config.set_kernel_times(on != 0)) }
}

/// Sets TCP keepalive: idle time, interval, and the number of probes after which the connection
/// counts as dead. Idle time and interval are 1 to 32,767 whole seconds, in nanoseconds; the probes
/// are 1 to 127. The defaults are 30 s, 5 s and 3. All three 0 turns keepalive off. It watches idle
/// connections, whatever the timeouts of requests are: TCP_USER_TIMEOUT is not set. A request in
/// flight has its own deadline.
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

/// Sets SO_SNDBUF and SO_RCVBUF before connecting, each 1 KiB to 1 GiB; 0, the default, leaves that
/// one to the system.
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

/// Sets the local IP address to connect from, in place of all that were set or added before. Empty
/// lets the system choose. The system chooses the local port when it connects
/// (IP_BIND_ADDRESS_NO_PORT), so that connections to different addresses can share one.
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

/// Adds a local IP address to connect from; at most 64. Several are spread over the slots: slot
/// `n` connects from address `n` modulo their number. Venues count requests and connections by IP
/// address. An address of the venue is connected only from one of its own family. `source` in
/// `vp_slot_health` tells which one a slot has. See docs/sources.md.
///
/// Threads: as `vp_config_new`.
/// Lifetime: `address` is copied.
/// Errors: ERR_NULL, ERR_ADDRESS, ERR_ARGUMENT for too many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_add_bind_address(
    config: *mut vp_config,
    address: vp_str,
) -> Status {
    // SAFETY: the header.
    unsafe {
        add(config, "vp_config_add_bind_address", |config| {
            config.add_bind_address(address.bytes()?)
        })
    }
}

/// Sets the IP addresses to connect to, at most 64, separated by commas. The name in the URL is
/// then not resolved; it is still used for Host, SNI and the certificate. An empty text resolves
/// the name again.
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

/// Sets the Unix socket to connect to, by its absolute path of at most 107 bytes; empty connects
/// over TCP again. The host of the URL is then not resolved. It is still used for Host, SNI and the
/// certificate. Plaintext and TLS work as over TCP. What only TCP has is left out: TCP_NODELAY,
/// keepalive, the local address, and what the kernel knows of a request after a failure. The
/// connect timeout counts. A Unix socket and `vp_config_set_addresses` do not go together: open
/// refuses both as ERR_ADDRESS.
///
/// Threads: as `vp_config_new`.
/// Lifetime: `path` is copied.
/// Errors: ERR_NULL, ERR_ADDRESS.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_unix_socket(config: *mut vp_config, path: vp_str) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_unix_socket", |config| {
            config.set_unix_socket(path.bytes()?)
        })
    }
}

/// Adds a proxy to go through. Its URL is `http://[user[:password]@]host:port` (CONNECT, RFC 9110,
/// with Basic, RFC 7617) or `socks5://[user:password@]host:port` (RFC 1928, RFC 1929); `socks5h` is
/// `socks5`. The proxy resolves the name of the venue, and venues of `http://` get a tunnel, too.
/// User and password may be percent-encoded, and have at most 255 bytes each. No error text and no
/// event has them.
///
/// Several proxies, at most 64, are spread over the slots: slot `n` begins with proxy `n` modulo
/// their number. While that gives no connection, the dial goes on with the next one. A proxy
/// through which a dial failed within the last minute comes last.
///
/// The resolve timeout is for the proxy's name, the connect timeout for its answer, too. All
/// proxies of one dial together take no longer than both. A dial fails as ERR_PROXY, or as
/// ERR_PROXY_AUTH when the credentials are to blame. Open refuses a proxy together with a Unix
/// socket or with `vp_config_set_addresses`, as ERR_ADDRESS.
///
/// Threads: as `vp_config_new`.
/// Lifetime: `url` is copied; the copy of user and password is wiped in the end.
/// Errors: ERR_NULL, ERR_URL, ERR_ARGUMENT for too many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_add_proxy(config: *mut vp_config, url: vp_str) -> Status {
    // SAFETY: the header.
    unsafe { add(config, "vp_config_add_proxy", |config| config.add_proxy(url.bytes()?)) }
}

/// Sets how long a slot waits between failed dials. The first dial is at once. Then the longest
/// wait begins at `first_ns` (100 ms by default) and doubles up to `max_ns` (5 s by default); each
/// wait is a random part of it (full jitter). Both are 1 us to 1 day, and `first_ns` is not above
/// `max_ns`.
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
/// 5 by default. Dials that replace live connections count too, and leave half of the burst to lost
/// connections. When a venue ends each connection after `n` requests, the pool can send at most `n`
/// times this number of orders per second. Choose twice the orders per second divided by `n`. For
/// idle time and age see `dials_needed` in `vp_health`. With several bind addresses each of them
/// may make so many, and has a burst of one for each of its slots.
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
