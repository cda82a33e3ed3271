//! Taking completions from the queue.

use std::mem::{MaybeUninit, offset_of};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use super::handle::vp_pool;
use super::types::{vp_completion, vp_response};
use super::versioned::{struct_size, write_sized};
use super::{borrow, borrow_mut, count, status};
use crate::clock::now_ns;
use crate::completion::Completion;
use crate::completion::queue::Taker;
use crate::driver::Pool;
use crate::error::Status;

/// Moves up to `capacity` completions from the queue into `out[]`, and returns how many; 0 when the
/// queue is empty. Set `out[0].struct_size` to `sizeof(vp_completion)`; it is also the distance
/// from one element to the next. In caller drive this call first receives what has arrived, and
/// runs callbacks.
///
/// Threads: any; each completion goes to one of them. In caller drive one thread at a time. Never
/// blocks in thread drive. In caller drive it may wait up to 1 ms, until a thread in `vp_execute`
/// or `vp_pool_acquire` leaves the driving to it.
/// Lifetime: each response in `out` is the caller's to release.
/// Errors: ERR_NULL, ERR_ARGUMENT for capacity 0, ERR_STRUCT_SIZE, ERR_FORKED, and ERR_CLOSED when
/// the pool has ended and the last completion was taken. In caller drive also ERR_DRIVEN while
/// another thread polls or waits, and ERR_WOULD_DEADLOCK in a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_poll(
    pool: *mut vp_pool,
    out: *mut vp_completion,
    capacity: usize,
) -> i32 {
    // SAFETY: the header.
    unsafe { take(pool, out, capacity, Pool::poll_to) }
}

/// Waits until there is a completion, at most for `timeout_ns`, and then does as `vp_pool_poll`.
/// Returns 0 when the time ran out. UINT64_MAX waits without limit, until there is one or the pool
/// ends.
///
/// Threads: any but the pool thread. In caller drive one at a time.
/// Lifetime: as `vp_pool_poll`.
/// Errors: as `vp_pool_poll`, and ERR_WOULD_DEADLOCK in a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_wait(
    pool: *mut vp_pool,
    out: *mut vp_completion,
    capacity: usize,
    timeout_ns: u64,
) -> i32 {
    let patience = patience(timeout_ns);
    // SAFETY: the header.
    unsafe { take(pool, out, capacity, |pool, taker| pool.wait_to(patience, taker)) }
}

/// Gives a descriptor that is readable while there are completions to poll. It stays readable after
/// the pool has ended. Use it with epoll, asio or libuv, level-triggered. Do not read, write or
/// close it.
///
/// Threads: any.
/// Lifetime: valid until `vp_pool_close` has returned and the last completion was polled.
/// Errors: ERR_NULL, ERR_FORKED, ERR_CLOSED, ERR_SYSTEM when the system gives no descriptor.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_fd(pool: *mut vp_pool, out: *mut i32) -> Status {
    status(|| {
        // SAFETY: the header.
        let (pool, out) = unsafe { (borrow(pool)?, borrow_mut(out)?) };
        *out = pool.with_open(|pool| {
            let fd = pool.event_fd().map_err(|_| Status::ERR_SYSTEM)?;
            Ok(fd.as_raw_fd())
        })?;
        Ok(())
    })
}

/// A time to wait from C; UINT64_MAX is without limit.
pub(super) fn patience(timeout_ns: u64) -> Duration {
    match timeout_ns {
        u64::MAX => Duration::MAX,
        ns => Duration::from_nanos(ns),
    }
}

/// Writes a completion whose response is counted for C into its place.
#[inline(always)]
fn owned<'a>(
    place: &'a mut MaybeUninit<vp_completion>,
    completion: &mut Completion,
    delivered_ns: u64,
) -> &'a vp_completion {
    let view = write_borrowed(place, completion, delivered_ns);
    // The count goes to C with the pointer, which is the same.
    completion.response.take().map(Arc::into_raw);
    view
}

/// Writes a completion into the caller's struct.
///
/// # Safety
/// As for [`write_sized`].
#[inline(always)]
pub(super) unsafe fn write_owned(
    out: *mut vp_completion,
    size: usize,
    done: &mut Completion,
    delivered_ns: u64,
) {
    // SAFETY: the caller's promise.
    unsafe {
        if size == size_of::<vp_completion>() {
            // Nearly always, and then it is made in its place.
            owned(&mut *out.cast::<MaybeUninit<vp_completion>>(), done, delivered_ns);
        } else {
            write_older(out, size, done, delivered_ns);
        }
    }
}

/// Writes a completion for a caller with another version of the struct. On its own, because it
/// makes a copy.
///
/// # Safety
/// As for [`write_sized`].
#[cold]
unsafe fn write_older(
    out: *mut vp_completion,
    size: usize,
    done: &mut Completion,
    delivered_ns: u64,
) {
    // SAFETY: the caller's promise.
    unsafe { write_sized(out, size, owned(&mut MaybeUninit::uninit(), done, delivered_ns)) }
}

/// Writes a completion whose response stays ours into its place.
#[inline(always)]
pub(super) fn write_borrowed<'a>(
    place: &'a mut MaybeUninit<vp_completion>,
    completion: &Completion,
    delivered_ns: u64,
) -> &'a vp_completion {
    let response = completion.response.as_ref().map_or(std::ptr::null(), Arc::as_ptr);
    let response = response.cast_mut().cast::<vp_response>();
    let view = vp_completion::place(place, completion, response, delivered_ns);
    if let Some(detail) = &completion.detail {
        view.add(detail);
    }
    view
}

/// Moves completions from the queue to the caller's array.
///
/// # Safety
/// `pool` and `out` are as the header demands.
unsafe fn take(
    pool: *const vp_pool,
    out: *mut vp_completion,
    capacity: usize,
    drain: impl FnOnce(&Pool, &mut Taker<'_>) -> Result<Option<usize>, Status>,
) -> i32 {
    count(|| {
        // SAFETY: the caller's promise.
        let (handle, size) = unsafe { (borrow(pool)?, struct_size(out)?) };
        if capacity == 0 {
            return Err(Status::ERR_ARGUMENT);
        }
        let mut next = out.cast::<u8>();
        let mut write = |completion: &mut Completion| {
            // SAFETY: the caller's promise: `capacity` structs of `size` bytes each, and the taker
            // takes no more than `capacity`.
            unsafe {
                write_owned(next.cast::<vp_completion>(), size, completion, 0);
                next = next.add(size);
            }
        };
        let mut taker = Taker::new(capacity, &mut write);
        let taken = handle.with(|pool| drain(pool, &mut taker))?;
        if let Some(taken @ 1..) = taken {
            // SAFETY: so many were written.
            unsafe { note_delivery(out, size, taken) };
        }
        handle.taken();
        taken.ok_or(Status::ERR_CLOSED)
    })
}

/// Notes that `count` completions, at least one, are delivered now. The clock is read once for all
/// of them.
///
/// # Safety
/// `out` has so many, of `size` bytes each.
#[inline]
pub(super) unsafe fn note_delivery(out: *mut vp_completion, size: usize, count: usize) {
    const AT: usize = offset_of!(vp_completion, delivered_ns);
    // An older caller's struct has no such field.
    if size < AT + size_of::<u64>() {
        return;
    }
    let now = now_ns();
    let note = |place: *mut u8| {
        // SAFETY: the caller's promise, and the field is in the struct.
        unsafe { place.byte_add(AT).cast::<u64>().write_unaligned(now) };
    };
    note(out.cast());
    for number in 1..count {
        // SAFETY: the caller's promise.
        note(unsafe { out.cast::<u8>().byte_add(number * size) });
    }
}
