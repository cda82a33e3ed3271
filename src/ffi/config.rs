//! Configuration: an opaque builder, read once by `vp_pool_open`.

use super::types::vp_str;
use super::{borrow_mut, guard, status};
use crate::config::{Config, Drive, TcpKeepalive};
use crate::error::Status;

/// A configuration, opaque to C.
pub struct vp_config {
    pub(super) config: Config,
    /// The functions that have refused their last call, in the order of their first refusal.
    refused: Vec<(&'static str, Status)>,
}

impl vp_config {
    /// The first refusal that was not made good since.
    pub(super) fn refusal(&self) -> Option<(&'static str, Status)> {
        self.refused.first().copied()
    }

    fn note(&mut self, function: &'static str, result: Result<(), Status>) {
        let known = self.refused.iter().position(|(name, _)| *name == function);
        match (result, known) {
            (Ok(()), Some(known)) => drop(self.refused.remove(known)),
            (Err(status), None) => self.refused.push((function, status)),
            _ => {}
        }
    }
}

/// Changes a configuration, which remembers a refusal of `function`.
///
/// # Safety
/// `config` is as the header demands.
pub(super) unsafe fn configure(
    config: *mut vp_config,
    function: &'static str,
    change: impl FnOnce(&mut Config) -> Result<(), Status>,
) -> Status {
    status(|| {
        // SAFETY: the caller's promise.
        let config = unsafe { borrow_mut(config) }?;
        let result = change(&mut config.config);
        config.note(function, result);
        result
    })
}

/// As [`configure`], for a change that cannot be refused.
///
/// # Safety
/// `config` is as the header demands.
pub(super) unsafe fn switch(config: *mut vp_config, change: impl FnOnce(&mut Config)) -> Status {
    status(|| {
        // SAFETY: the caller's promise.
        change(&mut unsafe { borrow_mut(config) }?.config);
        Ok(())
    })
}

fn size(bytes: u64) -> Result<usize, Status> {
    usize::try_from(bytes).map_err(|_| Status::ERR_ARGUMENT)
}

/// Makes a configuration with the defaults.
///
/// Threads: any; the object by one thread at a time.
/// Lifetime: yours, until `vp_config_free`.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_new(out: *mut *mut vp_config) -> Status {
    status(|| {
        // SAFETY: the header.
        let out = unsafe { borrow_mut(out) }?;
        *out =
            Box::into_raw(Box::new(vp_config { config: Config::default(), refused: Vec::new() }));
        Ok(())
    })
}

/// Frees a configuration; NULL is allowed. Pools opened with it do not need it.
///
/// Threads: any; nobody else may use the object.
/// Lifetime: ends it.
/// Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_free(config: *mut vp_config) {
    guard((), || {
        if !config.is_null() {
            // SAFETY: the header: made by `vp_config_new`, and not freed before.
            drop(unsafe { Box::from_raw(config) });
        }
    });
}

/// Sets where to connect: `http://` or `https://`, host, optional port, optional base path.
/// IPv6 literals stand in brackets; names beyond ASCII are given as punycode.
///
/// Threads: as `vp_config_new`.
/// Lifetime: `url` is copied.
/// Errors: ERR_NULL, ERR_URL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_url(config: *mut vp_config, url: vp_str) -> Status {
    // SAFETY: the header.
    unsafe { configure(config, "vp_config_set_url", |config| config.set_url(url.bytes()?)) }
}

/// Sets the path that all request paths are put behind; replaces that of the URL.
///
/// Threads: as `vp_config_new`.
/// Lifetime: `path` is copied.
/// Errors: ERR_NULL, ERR_PATH.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_base_path(config: *mut vp_config, path: vp_str) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_base_path", |config| config.set_base_path(path.bytes()?))
    }
}

/// Adds a header that each request carries unless it brings its own of that name. The same name
/// again replaces; `User-Agent` with an empty value is not sent at all. At most 64.
///
/// Threads: as `vp_config_new`.
/// Lifetime: `name` and `value` are copied.
/// Errors: ERR_NULL, ERR_HEADER_NAME, ERR_HEADER_VALUE, ERR_HEADER_RESERVED, ERR_ARGUMENT
/// for one too many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_add_default_header(
    config: *mut vp_config,
    name: vp_str,
    value: vp_str,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_add_default_header", |c| {
            c.add_default_header(name.bytes()?, value.bytes()?)
        })
    }
}

/// Sets the number of connections, 1 to 1024; 4 by default.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_connections(config: *mut vp_config, count: u32) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_connections", |config| {
            config.set_connections(count as usize)
        })
    }
}

/// The pool thread receives responses and delivers completions: callbacks run on it.
pub const VP_DRIVE_THREAD: u32 = 0;

/// The engine's own loop does, whenever it calls `vp_pool_poll` or `vp_pool_wait`: callbacks run in
/// those calls, and the pool thread only heals. One thread at a time drives.
pub const VP_DRIVE_CALLER: u32 = 1;

/// Sets who drives: `VP_DRIVE_THREAD`, the default, or `VP_DRIVE_CALLER`.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_drive(config: *mut vp_config, drive: u32) -> Status {
    let drive = match drive {
        VP_DRIVE_THREAD => Ok(Drive::Thread),
        VP_DRIVE_CALLER => Ok(Drive::Caller),
        _ => Err(Status::ERR_ARGUMENT),
    };
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_drive", |config| {
            drive.map(|drive| config.set_drive(drive))
        })
    }
}

/// Lets `vp_pool_open` succeed although not all connections could be made (on when not 0); what is
/// missing is healed in the background. Off by default.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_degraded_open(config: *mut vp_config, on: i32) -> Status {
    // SAFETY: the header.
    unsafe { switch(config, |config| config.set_allow_degraded_open(on != 0)) }
}

/// Names the pool thread, 1 to 15 bytes of printable ASCII; "venuepool" by default. The thread of a
/// look-up has the first 11 bytes of it and "-dns".
///
/// Threads: as `vp_config_new`.
/// Lifetime: `name` is copied.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_thread_name(config: *mut vp_config, name: vp_str) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_thread_name", |config| {
            config.set_thread_name(name.bytes()?)
        })
    }
}

/// Pins the pool thread to a CPU, 0 to 1023; -1, the default, lets it run on all CPUs that the
/// process had when the library was loaded. It does not matter to which CPU the opener is pinned. The
/// thread of a look-up is never pinned.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT; at open ERR_SYSTEM when the CPU cannot be had.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_cpu(config: *mut vp_config, cpu: i32) -> Status {
    let cpu = match cpu {
        -1 => Ok(None),
        cpu => usize::try_from(cpu).map(Some).map_err(|_| Status::ERR_ARGUMENT),
    };
    // SAFETY: the header.
    unsafe { configure(config, "vp_config_set_cpu", |config| config.set_cpu(cpu?)) }
}

/// Lets the pool thread never sleep (on when not 0): it looks at the sockets in flight all the time,
/// which saves the wake-up of an answer and costs a whole CPU. For thread drive, with
/// `vp_config_set_cpu` and a CPU of its own; no effect in caller drive. Off by default.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_busy_poll(config: *mut vp_config, on: i32) -> Status {
    // SAFETY: the header.
    unsafe { switch(config, |config| config.set_busy_poll(on != 0)) }
}

/// Sets how long a look-up of the name may take, 1 us to 1 day; 1 s by default. All dials of a pool
/// share one, and when it fails or takes longer the last good answer is used, however old
/// (`stale_answers` in `vp_stats`).
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_resolve_timeout_ns(
    config: *mut vp_config,
    timeout_ns: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_resolve_timeout_ns", |config| {
            config.set_resolve_timeout_ns(timeout_ns)
        })
    }
}

/// Sets the budget for connecting, all addresses of the name together, 1 us to 1 day; 1 s by
/// default. They are tried in the resolver's order, IPv6 and IPv4 taking turns, the next one when
/// one fails or after 250 ms (RFC 8305); one that failed within the last minute comes behind the
/// others.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_connect_timeout_ns(
    config: *mut vp_config,
    timeout_ns: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_connect_timeout_ns", |config| {
            config.set_connect_timeout_ns(timeout_ns)
        })
    }
}

/// Sets the budget for the TLS handshake, 1 us to 1 day; 2 s by default.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_tls_handshake_timeout_ns(
    config: *mut vp_config,
    timeout_ns: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_tls_handshake_timeout_ns", |config| {
            config.set_tls_handshake_timeout_ns(timeout_ns)
        })
    }
}

/// Sets the time from submit to the end of the exchange, 1 us to 1 day; 11 s by default. A request
/// may have its own, by `vp_request_set_timeout_ns`.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_request_timeout_ns(
    config: *mut vp_config,
    timeout_ns: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_request_timeout_ns", |config| {
            config.set_request_timeout_ns(timeout_ns)
        })
    }
}

/// Sets the longest head and body of a request together, 1 KiB to 64 MiB; 64 KiB by default. A
/// request takes this memory once, when it is made.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_request_capacity(
    config: *mut vp_config,
    bytes: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_request_capacity", |config| {
            config.set_request_capacity(size(bytes)?)
        })
    }
}

/// Sets what a response buffer begins with, 1 KiB to 64 MiB; 64 KiB by default. It grows as needed.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_response_capacity(
    config: *mut vp_config,
    bytes: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_response_capacity", |config| {
            config.set_response_capacity(size(bytes)?)
        })
    }
}

/// Sets the longest body of a response, 1 byte to 1 GiB, or 0 for any length; 16 MiB by default. A
/// response takes memory as its bytes arrive, at most twice their size, whatever it announces. When
/// there is none it ends as OUT_OF_MEMORY; but Linux often kills a process before it refuses any.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_max_body_size(config: *mut vp_config, bytes: u64) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_max_body_size", |config| {
            config.set_max_body_size(size(bytes)?)
        })
    }
}

/// Sets the longest head of a response, 1 KiB to 1 MiB; 32 KiB by default.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_max_head_size(config: *mut vp_config, bytes: u64) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_max_head_size", |config| {
            config.set_max_head_size(size(bytes)?)
        })
    }
}

/// Sets the most header fields of a response, 1 to 256; 128 by default.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_max_headers(config: *mut vp_config, count: u32) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_max_headers", |config| {
            config.set_max_headers(count as usize)
        })
    }
}

/// Sets how many interim (1xx) responses may come before the final one, 0 to 1000; 16 by default.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_max_interim(config: *mut vp_config, count: u32) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_max_interim", |config| {
            config.set_max_interim(count as usize)
        })
    }
}

/// Sets the longest chunk size line with its extensions, 32 bytes to 1 MiB; 8 KiB by default.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_max_chunk_line(
    config: *mut vp_config,
    bytes: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_max_chunk_line", |config| {
            config.set_max_chunk_line(size(bytes)?)
        })
    }
}

/// Sets by how much all chunk framing of a response may outweigh its body, 32 bytes to 64 MiB; 16
/// KiB by default.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_max_chunk_overhead(
    config: *mut vp_config,
    bytes: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_max_chunk_overhead", |config| {
            config.set_max_chunk_overhead(size(bytes)?)
        })
    }
}

/// Sets how long all trailer fields together may be, 0 bytes to 1 MiB; 16 KiB by default.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_max_trailer_size(
    config: *mut vp_config,
    bytes: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_max_trailer_size", |config| {
            config.set_max_trailer_size(size(bytes)?)
        })
    }
}

/// Sets how many requests without a callback may be accepted and not yet polled, 1 to 1,048,576;
/// 4096 by default.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_completion_capacity(
    config: *mut vp_config,
    count: u32,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_completion_capacity", |config| {
            config.set_completion_capacity(count as usize)
        })
    }
}

/// Sets how many requests and callers may wait in line for a slot, 1 to 1,048,576; 1024 by default.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_waiting_capacity(
    config: *mut vp_config,
    count: u32,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_waiting_capacity", |config| {
            config.set_waiting_capacity(count as usize)
        })
    }
}

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

/// Pins the IP addresses to connect to, at most 64, separated by commas; the name in the URL is then
/// not resolved, but still used for Host, SNI and the certificate. Empty resolves again.
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

/// Sets the certificates to trust, as PEM, instead of the built-in webpki roots.
///
/// Threads: as `vp_config_new`.
/// Lifetime: `pem` is copied.
/// Errors: ERR_NULL, ERR_TLS_CONFIG; what the PEM holds is judged at open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_ca_pem(config: *mut vp_config, pem: vp_str) -> Status {
    // SAFETY: the header.
    unsafe { configure(config, "vp_config_set_ca_pem", |config| config.set_ca_pem(pem.bytes()?)) }
}

/// Sets the client's own certificate chain and private key, as PEM.
///
/// Threads: as `vp_config_new`.
/// Lifetime: both are copied.
/// Errors: ERR_NULL, ERR_TLS_CONFIG; what the PEM holds is judged at open.
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

/// Sets the name for SNI and the certificate check, instead of the host of the URL; empty takes the
/// host again.
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

/// Sets the protocols to offer by ALPN (RFC 7301), separated by commas, each 1 to 255 visible ASCII
/// characters but not `h2`; "http/1.1" by default, empty offers none.
///
/// Threads: as `vp_config_new`.
/// Lifetime: `protocols` is copied.
/// Errors: ERR_NULL, ERR_TLS_CONFIG.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_alpn(config: *mut vp_config, protocols: vp_str) -> Status {
    // SAFETY: the header.
    unsafe { configure(config, "vp_config_set_alpn", |config| config.set_alpn(protocols.bytes()?)) }
}

/// Accepts any certificate (on when not 0). For tests only: the peer may be anybody.
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
