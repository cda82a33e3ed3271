//! Sending: submit, leases, cancel, execute.

use std::ffi::c_void;
use std::mem::offset_of;
use std::time::Duration;

use super::handle::vp_pool;
use super::request::{callback, vp_request};
use super::types::{VP_NO_SLOT, vp_completion, vp_lease, vp_on_complete};
use super::versioned::struct_size;
use super::{borrow, borrow_mut, complete, guard, status};
use crate::clock::now_ns;
use crate::completion::Callback;
use crate::driver::submit::WhenBusy;
use crate::error::Status;
use crate::source::Source;

/// Submit flag: when no slot is idle, the request waits in the queue until its deadline
/// instead of being refused. The queue is FIFO within a lane (`vp_config_set_lane`). The request is
/// copied. The completion tells when it was sent.
pub const VP_QUEUE: u32 = 1;

pub(super) fn when_busy(flags: u32) -> Result<WhenBusy, Status> {
    match flags {
        0 => Ok(WhenBusy::Refuse),
        VP_QUEUE => Ok(WhenBusy::Queue),
        _ => Err(Status::ERR_ARGUMENT),
    }
}

/// Sends a request on the calling thread, on the idle connection that was used last. VP_OK means
/// that exactly one completion will come. Any other status means that nothing was sent and no
/// completion will come. The request object can be used again at once. `out_id` may be NULL.
///
/// A request that cannot be answered before its deadline is not sent. It is accepted, and completes
/// at once as TIMEOUT, NOT_SENT (`vp_config_set_exchange_time_ns`).
///
/// Threads: any, also in a callback; each with a request of its own.
/// Lifetime: the pool keeps nothing of `request`.
/// Errors: ERR_NULL, ERR_ARGUMENT for unknown flags, ERR_PHASE, ERR_TOO_LARGE, ERR_WRONG_POOL,
/// ERR_NO_SLOT, ERR_WAITING_FULL, ERR_COMPLETIONS_FULL, ERR_SUSPENDED in a pause, ERR_DRAINING in a
/// drain, ERR_CLOSED, ERR_FORKED; and the status of a refused building call (`vp_request_begin`).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_submit(
    pool: *mut vp_pool,
    request: *mut vp_request,
    flags: u32,
    out_id: *mut u64,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let (pool, request) = unsafe { (borrow(pool)?, borrow_mut(request)?) };
        let when_busy = when_busy(flags)?;
        let callback = request.callback.clone();
        let id = pool.with_open(|pool| pool.submit(&mut request.request, callback, when_busy))?;
        // SAFETY: the header.
        unsafe { give(out_id, id) };
        Ok(())
    })
}

/// Submits a request and waits for its completion, for scripts and background work. The callback of
/// the request, if it has one, is not used.
///
/// In caller drive a thread must drive meanwhile. If another thread polls or waits, that thread
/// drives. If none has done so for 5 ms, this call drives, until another thread polls or waits.
/// While the descriptor of `vp_pool_fd` is readable and no thread takes the completions, this call
/// looks for its own completion only at intervals. An interval is an eighth of the time that it has
/// waited, 50 us to 5 ms.
///
/// Threads: any but the pool thread. Blocks until the request's deadline at the most.
/// Lifetime: `out` is written; set its `struct_size` first. Its response is the caller's to
/// release.
/// Errors: as `vp_submit`, and ERR_STRUCT_SIZE, ERR_WOULD_DEADLOCK in a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_execute(
    pool: *mut vp_pool,
    request: *mut vp_request,
    flags: u32,
    out: *mut vp_completion,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let (pool, request) = unsafe { (borrow(pool)?, borrow_mut(request)?) };
        // SAFETY: the header.
        let size = unsafe { struct_size(out) }?;
        let when_busy = when_busy(flags)?;
        let mut completion =
            pool.with_open(|pool| pool.execute(&mut request.request, when_busy))?;
        // SAFETY: the header; `size` is what the caller's struct has.
        unsafe { complete::write_owned(out, size, &mut completion, now_ns()) };
        Ok(())
    })
}

/// Leases the idle slot that was used last; returns ERR_NO_SLOT at once when none is idle.
///
/// Threads: any.
/// Lifetime: the lease is valid until `vp_lease_release`, across any number of submits.
/// Errors: ERR_NULL, ERR_NO_SLOT, ERR_SUSPENDED in a pause, ERR_DRAINING in a drain, ERR_CLOSED,
/// ERR_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_try_acquire(pool: *mut vp_pool, out: *mut vp_lease) -> Status {
    status(|| {
        // SAFETY: the header.
        let (pool, out) = unsafe { (borrow(pool)?, borrow_mut(out)?) };
        *out = pool.with_open(|pool| pool.try_acquire())?.into();
        Ok(())
    })
}

/// Leases a slot, and waits for one in the queue, as an order does. The call wakes as soon as a
/// slot is free or healed. In caller drive it drives as `vp_execute` does.
///
/// Threads: any but the pool thread. Blocks for at most `timeout_ns`.
/// Lifetime: as `vp_pool_try_acquire`.
/// Errors: ERR_NULL, ERR_TIMEOUT, ERR_WAITING_FULL, ERR_SUSPENDED in a pause or when one begins,
/// ERR_DRAINING in a drain or when one begins, ERR_WOULD_DEADLOCK in a callback, ERR_CLOSED,
/// ERR_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_acquire(
    pool: *mut vp_pool,
    timeout_ns: u64,
    out: *mut vp_lease,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let (pool, out) = unsafe { (borrow(pool)?, borrow_mut(out)?) };
        let patience = Duration::from_nanos(timeout_ns);
        *out = pool.with_open(|pool| pool.acquire(patience))?.into();
        Ok(())
    })
}

/// Leases a slot as `vp_pool_acquire` does, without blocking: the lease comes as a completion, for
/// engines that live in an event loop. The completion is like that of a request. Its outcome is OK,
/// its wire state NOT_SENT, and `vp_completion_lease` gives the lease. Without a slot before
/// `timeout_ns` it is TIMEOUT; CANCELLED after `vp_cancel`; SUSPENDED, DRAINING or SHUTDOWN when
/// that came first. `out_id` may be NULL.
///
/// `on_complete` receives it; NULL sends it to the completion queue. Whoever receives a lease gives
/// it back by `vp_lease_release`, also if it is not wanted any more.
///
/// Threads: any, also in a callback.
/// Lifetime: `context` must be valid until the completion.
/// Errors: ERR_NULL, ERR_WAITING_FULL, ERR_COMPLETIONS_FULL, ERR_SUSPENDED in a pause,
/// ERR_DRAINING, ERR_CLOSED, ERR_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_acquire_async(
    pool: *mut vp_pool,
    timeout_ns: u64,
    user_data: u64,
    on_complete: vp_on_complete,
    context: *mut c_void,
    out_id: *mut u64,
) -> Status {
    let any = || Ok(Source::ANY);
    let callback = on_complete.map(|function| callback(function, context as usize));
    // SAFETY: the header.
    status(|| unsafe { acquire_async(pool, any, timeout_ns, user_data, callback, out_id) })
}

/// # Safety
/// As the header demands of `pool` and `out_id`.
pub(super) unsafe fn acquire_async(
    pool: *mut vp_pool,
    source: impl FnOnce() -> Result<Source, Status>,
    timeout_ns: u64,
    user_data: u64,
    callback: Option<Callback>,
    out_id: *mut u64,
) -> Result<(), Status> {
    // SAFETY: the caller's promise.
    let pool = unsafe { borrow(pool) }?;
    let source = source()?;
    let id = pool.with_open(|pool| pool.acquire_async(source, timeout_ns, user_data, callback))?;
    // SAFETY: the caller's promise.
    unsafe { give(out_id, id) };
    Ok(())
}

/// Returns the lease of a completion of `vp_pool_acquire_async`; its `generation` is 0 if there is
/// none. NULL is allowed.
///
/// Threads: any.
/// Lifetime: that of a lease.
/// Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_completion_lease(completion: *const vp_completion) -> vp_lease {
    let none = vp_lease { generation: 0, slot: VP_NO_SLOT, reserved: 0 };
    guard(none, || {
        const LEASE_END: usize = offset_of!(vp_completion, lease_generation) + size_of::<u64>();
        // SAFETY: the header: NULL, or what a call or a callback has filled.
        match unsafe { completion.as_ref() } {
            // An older caller's struct has no such field.
            Some(done) if done.struct_size >= LEASE_END => {
                vp_lease { generation: done.lease_generation, slot: done.slot, reserved: 0 }
            }
            _ => none,
        }
    })
}

/// Sends a request on the leased slot, as `vp_submit` does; one exchange at a time. When the
/// connection is lost, the lease stays, and can send again after the slot is healed.
///
/// A request that meets a heartbeat of the pool is accepted and copied. It is sent as soon as the
/// heartbeat is answered. If the heartbeat shows that the connection is dead, the request ends as
/// CONNECTION_CLOSED, NOT_SENT. When its deadline, a cancel, a pause, a drain or the end of the
/// pool comes first, it ends as NOT_SENT too.
///
/// Threads: any, also in a callback; one at a time for each lease.
/// Lifetime: the pool keeps nothing of `request`.
/// Errors: as `vp_submit`, but ERR_STALE_LEASE, ERR_SLOT_BUSY, ERR_SLOT_DOWN instead of
/// ERR_NO_SLOT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_lease_submit(
    pool: *mut vp_pool,
    lease: vp_lease,
    request: *mut vp_request,
    out_id: *mut u64,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let (pool, request) = unsafe { (borrow(pool)?, borrow_mut(request)?) };
        let callback = request.callback.clone();
        let submit =
            |request| pool.with_open(|pool| pool.submit_on(lease.lease(), request, callback));
        let id = submit(&mut request.request)?;
        // SAFETY: the header.
        unsafe { give(out_id, id) };
        Ok(())
    })
}

/// Returns a leased slot to the pool. If an exchange is in flight on it, the slot becomes free when
/// that has ended.
///
/// Threads: any, also in a callback.
/// Lifetime: ends the lease, and all copies of it.
/// Errors: ERR_NULL, ERR_STALE_LEASE the second time, ERR_CLOSED, ERR_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_lease_release(pool: *mut vp_pool, lease: vp_lease) -> Status {
    status(|| {
        // SAFETY: the header.
        let pool = unsafe { borrow(pool) }?;
        pool.with_open(|pool| pool.release(lease.lease()))
    })
}

/// Cancels a request. Its completion still comes, exactly once: as CANCELLED with its wire state,
/// or with the outcome that it had by then. The connection of a request in flight is closed.
///
/// Threads: any, also in a callback.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_UNKNOWN_ID when it ended already, ERR_CLOSED, ERR_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_cancel(pool: *mut vp_pool, id: u64) -> Status {
    status(|| {
        // SAFETY: the header.
        let pool = unsafe { borrow(pool) }?;
        pool.with_open(|pool| pool.cancel(id))
    })
}

/// Tells the id to a caller who wants it.
///
/// # Safety
/// `out_id` is NULL or writable.
pub(super) unsafe fn give(out_id: *mut u64, id: u64) {
    if !out_id.is_null() {
        // SAFETY: the caller's promise; not NULL.
        unsafe { out_id.write(id) };
    }
}
