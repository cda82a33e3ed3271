//! Configuration: an opaque builder, read once by `vp_pool_open`. Here: the venue, who drives, and
//! the times that a dial and a request may take.

use std::sync::Arc;

use super::types::vp_str;
use super::{borrow_mut, guard, status};
use crate::config::{Config, Drive};
use crate::error::Status;
use crate::threads::shared_thread::SharedThread;

/// A configuration, opaque to C.
pub struct vp_config {
    pub(super) config: Config,
    /// The thread that its pools share with others.
    pub(super) shared: Option<Arc<SharedThread>>,
    /// The functions that have refused a call, in the order of their first refusal. A setter is
    /// taken out when its last call was accepted.
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

/// As [`configure`], for a function that adds something. The next call adds something else, so that
/// it makes nothing good: the refusal stays.
///
/// # Safety
/// `config` is as the header demands.
pub(super) unsafe fn add(
    config: *mut vp_config,
    function: &'static str,
    change: impl FnOnce(&mut Config) -> Result<(), Status>,
) -> Status {
    status(|| {
        // SAFETY: the caller's promise.
        let config = unsafe { borrow_mut(config) }?;
        change(&mut config.config).inspect_err(|status| config.note(function, Err(*status)))
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

/// A number of bytes from C.
pub(super) fn size(bytes: u64) -> Result<usize, Status> {
    usize::try_from(bytes).map_err(|_| Status::ERR_ARGUMENT)
}

/// Creates a configuration with the default settings.
///
/// Threads: any; the object by one thread at a time.
/// Lifetime: yours, until `vp_config_free`.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_new(out: *mut *mut vp_config) -> Status {
    status(|| {
        // SAFETY: the header.
        let out = unsafe { borrow_mut(out) }?;
        *out = Box::into_raw(Box::new(vp_config {
            config: Config::default(),
            shared: None,
            refused: Vec::new(),
        }));
        Ok(())
    })
}

/// Frees a configuration; NULL is allowed. Pools that were opened with it do not need it any more.
///
/// Threads: any; no other thread may use the object.
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

/// Sets the URL of the venue: `http://` or `https://`, host, optional port, optional base path.
/// Write an IPv6 address in brackets, and a name with characters beyond ASCII as punycode.
///
/// Threads: as `vp_config_new`.
/// Lifetime: `url` is copied.
/// Errors: ERR_NULL, ERR_URL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_url(config: *mut vp_config, url: vp_str) -> Status {
    // SAFETY: the header.
    unsafe { configure(config, "vp_config_set_url", |config| config.set_url(url.bytes()?)) }
}

/// Sets the base path, which is put before the path of each request. It replaces the path of the
/// URL.
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

/// Adds a header to each request that does not set a header of that name itself. A second call with
/// the same name replaces the value. `User-Agent` with an empty value is not sent at all. At most
/// 64 headers. `vp_pool_set_default_header` replaces a value while the pool is open.
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
        add(config, "vp_config_add_default_header", |c| {
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

/// The engine's own thread receives responses and delivers completions, in each call of
/// `vp_pool_poll` and `vp_pool_wait`. Callbacks run in those calls. The pool thread only heals. One
/// thread drives at a time.
pub const VP_DRIVE_CALLER: u32 = 1;

/// Sets which thread drives the pool: `VP_DRIVE_THREAD`, the default, or `VP_DRIVE_CALLER`.
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

/// Lets `vp_pool_open` succeed when some or all connections failed (on when not 0). The pool heals
/// the missing ones in the background. Off by default.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_degraded_open(config: *mut vp_config, on: i32) -> Status {
    // SAFETY: the header.
    unsafe { switch(config, |config| config.set_allow_degraded_open(on != 0)) }
}

/// Sets the name of the pool thread, 1 to 15 bytes of printable ASCII; "venuepool" by default. The
/// thread of a name look-up is called by the first 11 bytes of it and "-dns".
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

/// Pins the pool thread to a CPU, 0 to 1023. -1, the default, lets it run on all CPUs that the
/// process had when the library was loaded. The CPU to which the opening thread is pinned has no
/// effect. The dial thread and the thread of a name look-up are never pinned.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT; at open ERR_SYSTEM when the system refuses the CPU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_cpu(config: *mut vp_config, cpu: i32) -> Status {
    let cpu = match cpu {
        -1 => Ok(None),
        cpu => usize::try_from(cpu).map(Some).map_err(|_| Status::ERR_ARGUMENT),
    };
    // SAFETY: the header.
    unsafe { configure(config, "vp_config_set_cpu", |config| config.set_cpu(cpu?)) }
}

/// Makes the pool thread poll the sockets in flight without sleeping (on when not 0). This saves
/// the wake-up for each response and costs a whole CPU. The thread of a WebSocket session polls all
/// its sockets so. Use it in thread drive, with a CPU of its
/// own (`vp_config_set_cpu`). It has no effect in caller drive. Off by default.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_busy_poll(config: *mut vp_config, on: i32) -> Status {
    // SAFETY: the header.
    unsafe { switch(config, |config| config.set_busy_poll(on != 0)) }
}

/// Sets how long a look-up of the host name may take, 1 us to 1 day; 1 s by default. All dials of a
/// pool share one look-up. When it fails or takes longer, the pool uses the last good answer, of
/// any age (`stale_answers` in `vp_stats`).
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

/// Sets how long connecting may take, for all addresses of the name together, 1 us to 1 day; 1 s by
/// default. The pool tries the addresses in the resolver's order, with IPv6 and IPv4 in turn. It
/// begins the next one when one fails or after 250 ms (RFC 8305). An address that failed within the
/// last minute is tried after the others.
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

/// Sets how long the TLS handshake may take, 1 us to 1 day; 2 s by default.
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

/// Sets the time from submit to the end of the exchange, 1 us to 1 day; 11 s by default.
/// `vp_request_set_timeout_ns` sets it for a single request.
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
