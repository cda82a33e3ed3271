//! Pool threads that many pools share.

use std::sync::Arc;

use super::config::vp_config;
use super::types::vp_str;
use super::{borrow, borrow_mut, guard, status};
use crate::config::Config;
use crate::error::Status;
use crate::net::cancellation::PutOff;
use crate::pool::host_limits::Limits;
use crate::threads::shared_thread::SharedThread;

/// A pool thread that many pools share, opaque to C.
pub struct vp_thread {
    shared: Arc<SharedThread>,
}

/// Starts a pool thread for any number of pools; `vp_config_set_thread` opens them on it. See
/// docs/many-venues.md. `name`: 1 to 15 printable ASCII characters. `cpu`: 0 to 1023 pins the
/// thread to that CPU, -1 lets it run on all. `busy_poll`: not 0 makes it poll the sockets in
/// flight without sleeping, which costs a whole CPU.
///
/// Threads: any.
/// Lifetime: yours, until `vp_thread_free`. `name` is copied.
/// Errors: ERR_NULL, ERR_ARGUMENT, ERR_SYSTEM when the system gives no thread, or not that CPU.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_thread_new(
    name: vp_str,
    cpu: i32,
    busy_poll: i32,
    out: *mut *mut vp_thread,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let (name, out) = unsafe { (name.bytes()?, borrow_mut(out)?) };
        let mut config = Config::default();
        config.set_thread_name(name)?;
        let cpu = match cpu {
            -1 => None,
            cpu => Some(usize::try_from(cpu).map_err(|_| Status::ERR_ARGUMENT)?),
        };
        config.set_cpu(cpu)?;
        config.set_busy_poll(busy_poll != 0);
        let _put_off = PutOff::begin();
        let shared = SharedThread::start(&config).map_err(|error| error.step)?;
        *out = Box::into_raw(Box::new(vp_thread { shared }));
        Ok(())
    })
}

/// Lets go of a thread; NULL is allowed. It ends when no pool is on it any more and no
/// configuration names it: this call then waits for that, or the last `vp_pool_close` does. On the
/// thread itself it waits for nothing.
///
/// Threads: any; no other thread may use the object.
/// Lifetime: ends it. Pools on the thread go on.
/// Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_thread_free(thread: *mut vp_thread) {
    guard((), || {
        if !thread.is_null() {
            let _put_off = PutOff::begin();
            // SAFETY: the header: made by `vp_thread_new`, and not freed before.
            drop(unsafe { Box::from_raw(thread) });
        }
    });
}

/// Limits what all pools of a host on this thread do together: their dials in any one second, and
/// their connections, with the dials under way. Each host has these limits for itself. A host is
/// the name and the port of a pool's URL; each bind address counts for itself.
/// `dials_per_second`: 0 to 1000. `connections`: 0 to 100000. 0, the default, is no limit. The
/// pools' own limits hold besides. See docs/many-venues.md.
///
/// A slot without a connection waits until another connection of its host ends. Then
/// `vp_pool_open` fails with ERR_HOST_LIMIT, unless a degraded start is allowed. Replacements wait
/// likewise, and their old connection serves. At the limit nothing is closed for another pool.
///
/// WebSocket sessions whose configuration names the thread count with the pools, in both drives. At
/// the limit of connections a dial of a session fails with ERR_HOST_LIMIT, and comes again after
/// its backoff.
///
/// Threads: any.
/// Lifetime: the thread keeps the numbers. They are set before the first pool or session is opened
/// on it.
/// Errors: ERR_NULL, ERR_ARGUMENT, ERR_PHASE when one was opened on it, also if that has failed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_thread_set_host_limits(
    thread: *mut vp_thread,
    dials_per_second: u32,
    connections: u32,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let thread = unsafe { borrow(thread)? };
        thread.shared.set_host_limits(Limits { dials_per_second, connections })
    })
}

/// Opens the pool on a thread that other pools share. NULL, the default, gives it a thread of its
/// own. Name, CPU and busy polling are then those of the thread, and not of the configuration.
///
/// Everything that the pool thread does is done there: the callbacks and events of all its pools
/// run one after the other. Of each pool it receives at most 256 KiB, in at most 16 turns, before
/// every other pool that has something had its turn. What is refused on the pool thread with
/// ERR_WOULD_DEADLOCK is refused for each of its pools, also `vp_pool_open` of a further one.
///
/// Threads: as `vp_config_new`.
/// Lifetime: the configuration keeps the thread, until another call of this or `vp_config_free`.
/// Errors: ERR_NULL; at open ERR_FORKED if the thread is the parent's, ERR_WOULD_DEADLOCK on it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_thread(
    config: *mut vp_config,
    thread: *const vp_thread,
) -> Status {
    // SAFETY: the header.
    let shared = unsafe { thread.as_ref() }.map(|thread| Arc::clone(&thread.shared));
    status(|| {
        // SAFETY: the header.
        unsafe { borrow_mut(config) }?.shared = shared;
        Ok(())
    })
}
