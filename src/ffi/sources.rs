//! From which local address a request goes, and a lease is had; which of them a pause holds.

use std::ffi::c_void;
use std::time::Duration;

use super::config::{configure, vp_config};
use super::handle::vp_pool;
use super::request::{build, callback, vp_request};
use super::submit::acquire_async;
use super::types::{vp_lease, vp_on_complete};
use super::{borrow, borrow_mut, status};
use crate::error::Status;
use crate::source::Source;

/// No source of its own: a request goes on any slot.
pub const VP_SOURCE_ANY: u32 = u32::MAX;

/// Sets from which local address a request goes: its number, from 0, in the order of
/// `vp_config_set_bind_address` and `vp_config_add_bind_address`. VP_SOURCE_ANY until it is set,
/// and again to undo it. Stays until it is changed.
///
/// The request is sent only on a slot of that source. While none is free, it waits or is refused as
/// if no slot were free. It delays no one who waits for another source. The copies of
/// `vp_submit_fanout` all go from that source. See docs/sources.md.
///
/// A submit is refused with ERR_ADDRESS if the pool has no such source, or if the lease is of a
/// slot of another one. Nothing is sent then, and the lease stays.
///
/// Threads: one at a time.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT for a number above 63 that is not VP_SOURCE_ANY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_request_set_source(request: *mut vp_request, source: u32) -> Status {
    // SAFETY: the header.
    unsafe {
        build(request, |request| {
            request.set_source(parse(source)?);
            Ok(())
        })
    }
}

/// The source that C means.
pub(super) fn parse(source: u32) -> Result<Source, Status> {
    match source {
        VP_SOURCE_ANY => Ok(Source::ANY),
        number => Source::from_number(number).ok_or(Status::ERR_ARGUMENT),
    }
}

/// Leases a slot as `vp_pool_try_acquire` does, but one of that source: its number, or
/// VP_SOURCE_ANY. See docs/sources.md.
///
/// Threads: any.
/// Lifetime: as `vp_pool_try_acquire`.
/// Errors: as `vp_pool_try_acquire`, and ERR_ARGUMENT for a number above 63 that is not
/// VP_SOURCE_ANY, ERR_ADDRESS if the pool has no such source. ERR_SUSPENDED while a pause holds the
/// source.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_try_acquire_from(
    pool: *mut vp_pool,
    source: u32,
    out: *mut vp_lease,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let (pool, out) = unsafe { (borrow(pool)?, borrow_mut(out)?) };
        let source = parse(source)?;
        *out = pool.with_open(|pool| pool.try_acquire_from(source))?.into();
        Ok(())
    })
}

/// Leases a slot as `vp_pool_acquire` does, but one of that source: its number, or VP_SOURCE_ANY.
/// The call waits for one of these only, and delays no one who waits for another source.
///
/// Threads: as `vp_pool_acquire`. Blocks for at most `timeout_ns`.
/// Lifetime: as `vp_pool_try_acquire`.
/// Errors: as `vp_pool_acquire`, and ERR_ARGUMENT for a number above 63 that is not VP_SOURCE_ANY,
/// ERR_ADDRESS if the pool has no such source. ERR_SUSPENDED while a pause holds the source, or
/// when one begins to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_acquire_from(
    pool: *mut vp_pool,
    source: u32,
    timeout_ns: u64,
    out: *mut vp_lease,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let (pool, out) = unsafe { (borrow(pool)?, borrow_mut(out)?) };
        let (source, patience) = (parse(source)?, Duration::from_nanos(timeout_ns));
        *out = pool.with_open(|pool| pool.acquire_from(source, patience))?.into();
        Ok(())
    })
}

/// Leases a slot as `vp_pool_acquire_async` does, but one of that source: its number, or
/// VP_SOURCE_ANY. It waits for one of these only, and delays no one who waits for another source.
/// `out_id` may be NULL.
///
/// Threads: any, also in a callback.
/// Lifetime: `context` must be valid until the completion.
/// Errors: as `vp_pool_acquire_async`, and ERR_ARGUMENT for a number above 63 that is not
/// VP_SOURCE_ANY, ERR_ADDRESS if the pool has no such source. ERR_SUSPENDED while a pause holds the
/// source.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_acquire_async_from(
    pool: *mut vp_pool,
    source: u32,
    timeout_ns: u64,
    user_data: u64,
    on_complete: vp_on_complete,
    context: *mut c_void,
    out_id: *mut u64,
) -> Status {
    let source = || parse(source);
    let callback = on_complete.map(|function| callback(function, context as usize));
    // SAFETY: the header.
    status(|| unsafe { acquire_async(pool, source, timeout_ns, user_data, callback, out_id) })
}

/// Scope of a pause: the whole pool.
pub const VP_SUSPEND_SCOPE_POOL: u32 = 0;

/// Scope of a pause: the source only that the response came by.
pub const VP_SUSPEND_SCOPE_SOURCE: u32 = 1;

/// Sets what a response holds that begins a pause (`vp_config_suspend_on`), 0 to 1: the whole pool
/// (VP_SUSPEND_SCOPE_POOL, the default), or the source only that it came by
/// (VP_SUSPEND_SCOPE_SOURCE), for venues that count by IP address. The latter needs several bind
/// addresses; with none or one a pause holds the pool.
///
/// While a source is held, no request and no heartbeat leaves by it, but for lanes with
/// VP_LANE_THROUGH_PAUSE. With VP_SUSPEND_CLOSE only its connections are closed, and only its slots
/// do not dial. A request with that source is refused or ends as in a pause of the pool. So does
/// one on a lease of that source. A request that may go by another source does, and waits for a
/// slot of another source if it may wait. When all sources are held, it is as a pause of the pool.
///
/// `vp_pool_suspend` suspends the whole pool in either scope, and with 0 ends the pauses of all
/// sources. `suspended_until_ns` in `vp_slot_health`, and `source` in the events SUSPENDED and
/// RESUMED, tell which source is held.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT for an unknown scope.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_suspend_scope(config: *mut vp_config, scope: u32) -> Status {
    let suspends_source = match scope {
        VP_SUSPEND_SCOPE_POOL => Ok(false),
        VP_SUSPEND_SCOPE_SOURCE => Ok(true),
        _ => Err(Status::ERR_ARGUMENT),
    };
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_suspend_scope", |config| {
            suspends_source.map(|suspends_source| config.set_suspends_source(suspends_source))
        })
    }
}
