//! Groups: the completions of many pools by one call.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use super::complete::{note_delivery, patience, write_owned};
use super::handle::{is_signing, vp_pool};
use super::types::vp_completion;
use super::versioned::struct_size;
use super::ws::vp_ws;
use super::{borrow, borrow_mut, count, status};
use crate::completion::Completion;
use crate::error::Status;
use crate::group::Group;
use crate::net::cancellation::PutOff;
use crate::net::fork;
use crate::threads::current::this_thread;

/// A group of pools, opaque to C.
pub struct vp_group {
    /// The forks that this process had gone through when the group was made.
    forks: u64,
    /// The number of the thread that is in a call on the group; 0 for none.
    user: AtomicUsize,
    group: Mutex<Group<Seat>>,
}

/// The place of a pool or a session in a group.
enum Seat {
    Pool(&'static vp_pool),
    Session(&'static vp_ws),
}

impl Seat {
    /// The pool; NULL for a session.
    const fn pool(&self) -> *mut vp_pool {
        match self {
            Self::Pool(pool) => std::ptr::from_ref(*pool).cast_mut(),
            Self::Session(_) => std::ptr::null_mut(),
        }
    }

    /// The session; NULL for a pool.
    const fn session(&self) -> *mut vp_ws {
        match self {
            Self::Pool(_) => std::ptr::null_mut(),
            Self::Session(session) => std::ptr::from_ref(*session).cast_mut(),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        match self {
            Self::Pool(pool) => {
                pool.leave_group();
                pool.taken();
            }
            Self::Session(session) => session.leave_group(),
        }
    }
}

/// A call on a group: one at a time.
struct Call<'a> {
    group: MutexGuard<'a, Group<Seat>>,
    user: &'a AtomicUsize,
    _put_off: PutOff,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.user.store(0, Ordering::Relaxed);
    }
}

impl vp_group {
    /// Begins a call, or answers why it cannot be.
    fn call(&self) -> Result<Call<'_>, Status> {
        // Before the lock: in a forked child a lost thread may hold it for ever.
        if self.forks != fork::count() {
            return Err(Status::ERR_FORKED);
        }
        if is_signing() || self.user.load(Ordering::Relaxed) == this_thread() {
            return Err(Status::ERR_WOULD_DEADLOCK);
        }
        let _put_off = PutOff::begin();
        let group = match self.group.try_lock() {
            Ok(group) => group,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(Status::ERR_DRIVEN),
        };
        self.user.store(this_thread(), Ordering::Relaxed);
        Ok(Call { group, user: &self.user, _put_off })
    }
}

/// Creates a group: it takes the completions of any number of pools by one call, and has one
/// descriptor for all of them. See docs/many-venues.md.
///
/// Threads: any; the group by one thread at a time.
/// Lifetime: yours, until `vp_group_free`.
/// Errors: ERR_NULL, ERR_SYSTEM when the system gives no descriptor.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_group_new(out: *mut *mut vp_group) -> Status {
    status(|| {
        // SAFETY: the header.
        let out = unsafe { borrow_mut(out) }?;
        fork::watch();
        let group = Group::new().map_err(|_| Status::ERR_SYSTEM)?;
        let (forks, user) = (fork::count(), AtomicUsize::new(0));
        *out = Box::into_raw(Box::new(vp_group { forks, user, group: Mutex::new(group) }));
        Ok(())
    })
}

/// Adds a pool to a group. A pool is in one group at most. Pools of caller drive are driven by
/// `vp_group_poll` and `vp_group_wait`, as by `vp_pool_poll`; of pools in thread drive the
/// completion queue is emptied. From now on poll and wait for the group, and not for the pool: what
/// another thread takes from the pool is not seen by the group.
///
/// Threads: any, one at a time for each group.
/// Lifetime: the pool stays yours to close. A closed pool leaves the group by itself when its last
/// completion was taken by `vp_group_poll` or `vp_group_wait`, and keeps its memory until then.
/// Errors: ERR_NULL, ERR_FORKED, ERR_CLOSED after `vp_pool_close`, ERR_GROUPED if the pool is in
/// this group or another one, ERR_SYSTEM when the system gives no descriptor. ERR_DRIVEN while
/// another thread is in a call on the group; ERR_WOULD_DEADLOCK in a callback that such a call
/// runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_group_add(group: *mut vp_group, pool: *mut vp_pool) -> Status {
    status(|| {
        // SAFETY: the header; a handle is never freed.
        let (group, handle) = unsafe { (borrow(group)?, borrow(pool.cast_const())?) };
        let mut call = group.call()?;
        let pool = handle.with_open(|pool| Ok(Arc::clone(pool)))?;
        if !handle.enter_group() {
            return Err(Status::ERR_GROUPED);
        }
        let seat = Seat::Pool(handle);
        call.group.add(pool, seat).map_err(|_| Status::ERR_SYSTEM)
    })
}

/// Takes a pool out of a group. The pool stays open, and what is in flight goes on; its completions
/// are taken by `vp_pool_poll` again, or by another group.
///
/// Threads: any, one at a time for each group.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_FORKED, ERR_NOT_FOUND if the pool is not in the group, ERR_DRIVEN and
/// ERR_WOULD_DEADLOCK as `vp_group_add`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_group_remove(group: *mut vp_group, pool: *mut vp_pool) -> Status {
    status(|| {
        // SAFETY: the header.
        let (group, handle) = unsafe { (borrow(group)?, borrow(pool.cast_const())?) };
        let mut call = group.call()?;
        let seat =
            call.group.remove(|seat| matches!(seat, Seat::Pool(its) if std::ptr::eq(*its, handle)));
        seat.map(drop).ok_or(Status::ERR_NOT_FOUND)
    })
}

/// Adds a WebSocket session. `vp_group_poll` and `vp_group_wait` drive it, if it is in caller
/// drive. It gives no completions: `vp_group_wait` returns 0 when something has come of sessions
/// alone. The function of a session runs in that call. Of a session without one, take the events by
/// `vp_ws_poll`; `vp_group_ready_ws` tells which sessions have some. A session is in one group at
/// most.
///
/// Threads: any, one at a time for each group.
/// Lifetime: the session stays yours to close. A closed session leaves the group by itself at the
/// next look, once its events were taken, and keeps its memory until then.
/// Errors: as `vp_group_add`, for the session; ERR_PHASE if the session is in thread drive and has
/// a function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_group_add_ws(group: *mut vp_group, session: *mut vp_ws) -> Status {
    status(|| {
        // SAFETY: the header; a handle is never freed.
        let (group, handle) = unsafe { (borrow(group)?, borrow(session.cast_const())?) };
        let mut call = group.call()?;
        let session = handle.with_open(|session| Ok(Arc::clone(session)))?;
        if !session.fits_group() {
            return Err(Status::ERR_PHASE);
        }
        if !handle.enter_group() {
            return Err(Status::ERR_GROUPED);
        }
        let seat = Seat::Session(handle);
        call.group.add_driven(session, seat).map_err(|_| Status::ERR_SYSTEM)
    })
}

/// Takes a session out of a group. It stays open, and is driven by `vp_ws_poll` again, or by
/// another group.
///
/// Threads: any, one at a time for each group.
/// Lifetime: none.
/// Errors: as `vp_group_remove`, for the session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_group_remove_ws(group: *mut vp_group, session: *mut vp_ws) -> Status {
    status(|| {
        // SAFETY: the header.
        let (group, handle) = unsafe { (borrow(group)?, borrow(session.cast_const())?) };
        let mut call = group.call()?;
        let is_it = |seat: &Seat| matches!(seat, Seat::Session(its) if std::ptr::eq(*its, handle));
        call.group.remove(is_it).map(drop).ok_or(Status::ERR_NOT_FOUND)
    })
}

/// Writes the sessions of the group that have events to take into `out[]`, at most `capacity`, and
/// returns how many. They are those without a function in which a call of `vp_group_poll` or
/// `vp_group_wait` has found some; each is named once behind that. Take the events by `vp_ws_poll`
/// until it returns 0, or leave them: then the next call finds the session again, and
/// `vp_group_wait` does not sleep. Nothing is copied and no system is called.
///
/// Threads: any, one at a time for each group.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT for capacity 0, ERR_FORKED, ERR_DRIVEN and ERR_WOULD_DEADLOCK as
/// `vp_group_add`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_group_ready_ws(
    group: *mut vp_group,
    out: *mut *mut vp_ws,
    capacity: usize,
) -> i32 {
    count(|| {
        // SAFETY: the header.
        let group = unsafe { borrow(group.cast_const()) }?;
        if out.is_null() {
            return Err(Status::ERR_NULL);
        }
        if capacity == 0 {
            return Err(Status::ERR_ARGUMENT);
        }
        let mut call = group.call()?;
        let mut written = 0;
        while written < capacity
            && let Some(seat) = call.group.take_ready()
        {
            // SAFETY: the header: `capacity` pointers can be written.
            unsafe { out.add(written).write(seat.session()) };
            written += 1;
        }
        Ok(written)
    })
}

/// Moves up to `capacity` completions of all pools of the group into `out[]`, and returns how many;
/// 0 when there is none. `from[i]` is set to the pool of `out[i]`; `from` may be NULL. Set
/// `out[0].struct_size` to `sizeof(vp_completion)`; it is also the distance from one element to the
/// next.
///
/// Only pools to which something has happened are looked at, in turn, as `vp_pool_poll` does: what
/// has arrived for pools of caller drive is received first, and their callbacks run. One call takes
/// at most 16 completions of each pool, so that many answers from one venue do not delay those of
/// another. A group in which nothing has happened costs one system call.
///
/// Threads: any, one at a time for each group. It may wait up to 1 ms for each pool on which a
/// thread is in `vp_execute` or `vp_pool_acquire` in caller drive.
/// Lifetime: each response in `out` is the caller's to release.
/// Errors: ERR_NULL, ERR_ARGUMENT for capacity 0, ERR_STRUCT_SIZE, ERR_FORKED, and ERR_CLOSED when
/// no pool and no session is in the group. ERR_DRIVEN while another thread is in a call on the
/// group, or polls a pool of it; ERR_WOULD_DEADLOCK in a callback that such a call runs;
/// ERR_SYSTEM. With an error nothing was taken.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_group_poll(
    group: *mut vp_group,
    out: *mut vp_completion,
    from: *mut *mut vp_pool,
    capacity: usize,
) -> i32 {
    // SAFETY: the header.
    unsafe { take(group, out, from, capacity, |group, write| group.poll(capacity, write)) }
}

/// Waits until there is a completion in one of the pools, at most for `timeout_ns`, and then does
/// as `vp_group_poll`. Returns 0 when the time ran out, when the function of a session has run, or
/// when a session has events to take (`vp_group_ready_ws`).
/// UINT64_MAX waits without limit, until there is one or the last pool has left the group.
///
/// Threads: any but a pool thread; one at a time for each group.
/// Lifetime: as `vp_group_poll`.
/// Errors: as `vp_group_poll`, and ERR_WOULD_DEADLOCK on the pool thread of any pool.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_group_wait(
    group: *mut vp_group,
    out: *mut vp_completion,
    from: *mut *mut vp_pool,
    capacity: usize,
    timeout_ns: u64,
) -> i32 {
    let patience = patience(timeout_ns);
    // SAFETY: the header.
    unsafe {
        take(group, out, from, capacity, |group, write| group.wait(capacity, patience, write))
    }
}

/// Gives the one descriptor of a group, which is readable while there may be completions to poll.
/// Use it with epoll, asio or libuv, level-triggered. Do not read, write or close it.
///
/// Threads: any, one at a time for each group.
/// Lifetime: valid until `vp_group_free`.
/// Errors: ERR_NULL, ERR_FORKED, ERR_DRIVEN and ERR_WOULD_DEADLOCK as `vp_group_add`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_group_fd(group: *mut vp_group, out: *mut i32) -> Status {
    status(|| {
        // SAFETY: the header.
        let (group, out) = unsafe { (borrow(group)?, borrow_mut(out)?) };
        *out = group.call()?.group.as_fd().as_raw_fd();
        Ok(())
    })
}

/// Frees a group; NULL is allowed. Pools and sessions that are in it leave it, and stay open. A
/// refused call frees nothing.
///
/// Threads: any; no other thread may use the group.
/// Lifetime: ends it.
/// Errors: ERR_FORKED, ERR_DRIVEN and ERR_WOULD_DEADLOCK as `vp_group_add`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_group_free(group: *mut vp_group) -> Status {
    status(|| {
        // SAFETY: the header.
        let Some(used) = (unsafe { group.as_ref() }) else { return Ok(()) };
        drop(used.call()?);
        // Freeing closes descriptors, which is a cancellation point.
        let _put_off = PutOff::begin();
        // SAFETY: the header: made by `vp_group_new`, not freed before, and no call is on it.
        drop(unsafe { Box::from_raw(group) });
        Ok(())
    })
}

/// Moves completions of a group to the caller's arrays.
///
/// # Safety
/// `group`, `out` and `from` are as the header demands.
unsafe fn take(
    group: *const vp_group,
    out: *mut vp_completion,
    from: *mut *mut vp_pool,
    capacity: usize,
    look: impl FnOnce(
        &mut Group<Seat>,
        &mut dyn FnMut(&Seat, &mut Completion),
    ) -> Result<Option<usize>, Status>,
) -> i32 {
    count(|| {
        // SAFETY: the caller's promise.
        let (group, size) = unsafe { (borrow(group)?, struct_size(out)?) };
        if capacity == 0 {
            return Err(Status::ERR_ARGUMENT);
        }
        let mut written = 0;
        let mut write = |seat: &Seat, completion: &mut Completion| {
            // SAFETY: the caller's promise: `capacity` structs of `size` bytes each, and as many
            // pointers unless NULL; the group gives no more than `capacity`.
            unsafe {
                write_owned(out.byte_add(written * size), size, completion, 0);
                if !from.is_null() {
                    from.add(written).write(seat.pool());
                }
            }
            written += 1;
        };
        let mut call = group.call()?;
        let taken = look(&mut call.group, &mut write)?.ok_or(Status::ERR_CLOSED)?;
        if taken > 0 {
            // SAFETY: so many were written.
            unsafe { note_delivery(out, size, taken) };
        }
        Ok(taken)
    })
}
