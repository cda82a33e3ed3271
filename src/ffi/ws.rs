//! A WebSocket session: open, send, call, receive, close.

use std::ffi::c_void;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use super::complete::patience;
use super::config::vp_config;
use super::handle::{is_forked, is_signing};
use super::submit::give;
use super::types::{vp_error, vp_str};
use super::versioned::{struct_size, write_sized};
use super::ws_config::{kind, vp_ws_config};
use super::ws_event::{vp_ws_data, vp_ws_event, vp_ws_health, vp_ws_on_event, write_kept};
use super::{borrow, borrow_mut, count, guard, status};
use crate::error::Status;
use crate::net::cancellation::PutOff;
use crate::net::connect::DialError;
use crate::net::fork;
use crate::session::Session;
use crate::session::data::Data;

/// A WebSocket session, opaque to C. It is never freed; closing leaves a tombstone.
pub struct vp_ws {
    session: RwLock<Option<Arc<Session>>>,
    has_closed: AtomicBool,
    /// It is in a group.
    is_grouped: AtomicBool,
    /// The forks that this process had gone through when it was opened.
    forks: u64,
}

/// Every handle ever given out, so that leak checkers see that tombstones are kept on purpose.
static HANDLES: Mutex<Vec<&'static vp_ws>> = Mutex::new(Vec::new());

impl vp_ws {
    fn new(session: Arc<Session>) -> &'static Self {
        let (session, has_closed) = (RwLock::new(Some(session)), AtomicBool::new(false));
        let (is_grouped, forks) = (AtomicBool::new(false), fork::count());
        let handle = Box::new(Self { session, has_closed, is_grouped, forks });
        let handle: &'static Self = Box::leak(handle);
        HANDLES.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        handle
    }

    /// Runs `call` on the session, or answers why it cannot be.
    pub(super) fn with<T>(
        &self,
        call: impl FnOnce(&Arc<Session>) -> Result<T, Status>,
    ) -> Result<T, Status> {
        // Before the lock: in a forked child a lost thread may hold it for ever.
        if self.forks != fork::count() {
            return Err(Status::ERR_FORKED);
        }
        if is_signing() {
            return Err(Status::ERR_WOULD_DEADLOCK);
        }
        let _put_off = PutOff::begin();
        let session = self.session.read().unwrap_or_else(PoisonError::into_inner);
        call(session.as_ref().ok_or(Status::ERR_CLOSED)?)
    }

    /// As [`vp_ws::with`], for what makes no sense on a closed session.
    pub(super) fn with_open<T>(
        &self,
        call: impl FnOnce(&Arc<Session>) -> Result<T, Status>,
    ) -> Result<T, Status> {
        let is_open = !self.has_closed.load(Ordering::Acquire);
        self.with(|session| if is_open { call(session) } else { Err(Status::ERR_CLOSED) })
    }

    /// Notes that the session is in a group from now on. `false`: it is in one already.
    pub(super) fn enter_group(&self) -> bool {
        !self.is_grouped.swap(true, Ordering::AcqRel)
    }

    /// The session is in no group any more.
    pub(super) fn leave_group(&self) {
        self.is_grouped.store(false, Ordering::Release);
        self.bury_if_drained();
    }

    /// Frees a closed session of which all was taken.
    fn bury_if_drained(&self) {
        if !self.has_closed.load(Ordering::Acquire) {
            return;
        }
        let _put_off = PutOff::begin();
        let mut session = self.session.write().unwrap_or_else(PoisonError::into_inner);
        let buried = session.take_if(|session| session.is_drained());
        drop(session);
        drop(buried);
    }
}

/// Opens a WebSocket session: dials as `config` says, asks for `path` to be switched to WebSocket,
/// sends the opening messages, and returns when the session is up. Without that all is undone and
/// `error` says why; with `vp_config_set_degraded_open` the session goes on dialling. `error` may
/// be NULL. `http://` in the URL stands for `ws://`, and `https://` for `wss://`.
///
/// Of `config` a session uses the URL, base path, default headers, TLS and dial timeouts. It uses
/// the addresses, proxies, Unix socket, sources and socket options. It uses the limits of head and
/// body, backoff, degraded open, log and drive. It uses thread name, CPU, busy polling, and the
/// shared thread with its limits of the host.
///
/// With VP_DRIVE_THREAD, the default, "the session's thread" is one of its own, or the one of
/// `vp_config_set_thread`. With VP_DRIVE_CALLER there is none: the session receives, heals and
/// keeps its times only while a thread of the engine is in `vp_ws_poll`, `vp_ws_wait`,
/// `vp_group_poll` or `vp_group_wait`. "The session's thread" is then the one in such a call. This
/// call drives it until it is up. Dials and handshakes run on the dial thread in both drives.
///
/// `on_event` receives all that the session tells, on the session's thread, also while this call
/// waits. NULL: `vp_ws_poll` and `vp_ws_wait` give it. See docs/websocket.md.
///
/// Threads: any but the session's thread. Blocks for at most the timeouts of a dial, of the
/// upgrade and of the opening together.
/// Lifetime: both configurations stay yours. `context` must be valid until `vp_ws_close` returns.
/// The handle stays valid for ever, and answers ERR_CLOSED after the close.
/// Errors: as `vp_pool_open`; ERR_PATH, ERR_TOO_LARGE; ERR_ARGUMENT for VP_WS_AWAIT without a
/// function for it; ERR_UPGRADE, ERR_OPENING. ERR_HOST_LIMIT if the host has all connections that
/// it may have on the shared thread. ERR_ADDRESS also for a source that the configuration does not
/// have.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_open(
    config: *const vp_config,
    ws_config: *const vp_ws_config,
    path: vp_str,
    on_event: vp_ws_on_event,
    context: *mut c_void,
    out: *mut *mut vp_ws,
    error: *mut vp_error,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let (config, ws_config) = unsafe { (borrow(config)?, borrow(ws_config)?) };
        // SAFETY: the header.
        let (path, out) = unsafe { (path.bytes()?, borrow_mut(out)?) };
        // SAFETY: the header; checked before anything is done.
        let size = (!error.is_null()).then(|| unsafe { struct_size(error) }).transpose()?;
        let _put_off = PutOff::begin();
        fork::watch();
        let opened = match config.refusal() {
            Some((function, step)) => Err(refused(function, step)),
            None if config.shared.as_ref().is_some_and(|shared| !shared.is_here()) => {
                Err(refused("the shared thread is the parent's", Status::ERR_FORKED))
            }
            None => {
                let mut settings = ws_config.settings.clone();
                settings.set_told(super::ws_event::hook(on_event, context));
                Session::open_on(config.shared.as_ref(), &config.config, &settings, path)
            }
        };
        match opened {
            Ok(session) => {
                *out = std::ptr::from_ref(vp_ws::new(session)).cast_mut();
                Ok(())
            }
            Err(reason) => {
                if let Some(size) = size {
                    // SAFETY: the header; `size` is what the caller's struct has.
                    unsafe { write_sized(error, size, &vp_error::new(&reason)) };
                }
                Err(reason.step)
            }
        }
    })
}

fn refused(text: &str, step: Status) -> DialError {
    DialError { step, os_error: 0, text: text.to_owned() }
}

/// Sends a message: frames, masks and encrypts it, and hands it to the kernel, all on the caller's
/// thread. `opcode` is VP_WS_TEXT or VP_WS_BINARY. The order of calls is the order on the wire.
/// `*out_sequence`, which may be NULL, is its number: when the connection is lost,
/// VP_WS_EVENT_LOST says what became of it.
///
/// Over plaintext nothing is allocated, unless the kernel does not take all of it at once.
///
/// Threads: any, also in a function of the session.
/// Lifetime: the message is the caller's again.
/// Errors: ERR_NULL, ERR_ARGUMENT, ERR_SLOT_DOWN while the session is not up, ERR_TOO_LARGE,
/// ERR_WAITING_FULL if too many bytes or messages are on their way, ERR_CLOSED, ERR_FORKED.
/// ERR_WAITING_FULL also if a call waits that goes before it (`vp_ws_config_set_waiting`). With an
/// error nothing was sent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_send(
    session: *mut vp_ws,
    opcode: i32,
    message: vp_str,
    out_sequence: *mut u64,
) -> Status {
    status(|| {
        // SAFETY: the header; a handle is never freed.
        let (session, bytes) = unsafe { (borrow(session.cast_const())?, message.bytes()?) };
        let kind = kind(opcode)?;
        let sequence = session.with(|session| session.send(kind, bytes))?;
        // SAFETY: the header.
        unsafe { give(out_sequence, sequence) };
        Ok(())
    })
}

/// Sends a message as `vp_ws_send`, and awaits the message that has `key` by the function of
/// `vp_ws_config_set_on_match`. The call ends with exactly one VP_WS_EVENT_COMPLETION: with the
/// answer, at its deadline, by a cancel, or when the connection is lost. An answer that comes later
/// is told as a message. `out_id` may be NULL.
///
/// With `vp_ws_config_set_waiting` a call that cannot go now is accepted: the message is copied,
/// and waits in the lane of orders. A cancel, the deadline and the end of the session end a call
/// that waits as NOT_SENT.
///
/// Threads: as `vp_ws_send`.
/// Lifetime: as `vp_ws_send`.
/// Errors: as `vp_ws_send`; ERR_COMPLETIONS_FULL if too many calls are on their way or not taken,
/// ERR_ARGUMENT also if a call with that key is on its way. If calls may wait, not ERR_SLOT_DOWN,
/// and ERR_WAITING_FULL only if too many calls of its lane do.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_call(
    session: *mut vp_ws,
    opcode: i32,
    message: vp_str,
    key: u64,
    timeout_ns: u64,
    user_data: u64,
    out_id: *mut u64,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let (session, bytes) = unsafe { (borrow(session.cast_const())?, message.bytes()?) };
        let kind = kind(opcode)?;
        let call = |session: &Arc<Session>| session.call(kind, bytes, key, timeout_ns, user_data);
        let id = session.with(call)?;
        // SAFETY: the header.
        unsafe { give(out_id, id) };
        Ok(())
    })
}

/// Cancels a call: it ends as CANCELLED, SENT, because its message was handed over for sending. A
/// call that waits ends as CANCELLED, NOT_SENT, and is never sent.
///
/// Threads: as `vp_ws_send`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_UNKNOWN_ID when it has ended, ERR_CLOSED, ERR_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_cancel(session: *mut vp_ws, id: u64) -> Status {
    // SAFETY: the header.
    status(|| unsafe { borrow(session.cast_const()) }?.with(|session| session.cancel(id)))
}

/// Moves up to `capacity` events to `out[]`, and returns how many; 0 when there is none. Set
/// `out[0].struct_size` to `sizeof(vp_ws_event)`; it is also the distance from one element to the
/// next.
///
/// In caller drive it drives the session first: it reads once, takes the connection of a dial that
/// has ended, and does what is due by time. While `capacity` events wait already and nothing is
/// due, it gives those and reads nothing. It never looks up, connects or shakes hands. If the
/// session has a function, it runs in this call, and 0 is returned. Over plaintext nothing is
/// allocated, once the buffers have their size.
///
/// Threads: any; in caller drive one at a time.
/// Lifetime: `data` of each event is the caller's to release.
/// Errors: ERR_NULL, ERR_ARGUMENT for capacity 0, ERR_STRUCT_SIZE, ERR_FORKED, and ERR_CLOSED
/// behind VP_WS_EVENT_CLOSED. In thread drive ERR_PHASE if the session has a function for its
/// events. In caller drive ERR_DRIVEN while another thread drives, ERR_WOULD_DEADLOCK in a function
/// of the session, ERR_SYSTEM.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_poll(
    session: *mut vp_ws,
    out: *mut vp_ws_event,
    capacity: usize,
) -> i32 {
    // SAFETY: the header.
    unsafe { take(session, out, capacity, Duration::ZERO) }
}

/// Waits for an event, at most for `timeout_ns`, and then does as `vp_ws_poll`. Returns 0 when the
/// time ran out, and in caller drive also when the session's function has run. UINT64_MAX waits
/// without limit.
///
/// Threads: any but the session's own; in caller drive one at a time.
/// Lifetime: as `vp_ws_poll`.
/// Errors: as `vp_ws_poll`, and ERR_WOULD_DEADLOCK in a function of the session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_wait(
    session: *mut vp_ws,
    out: *mut vp_ws_event,
    capacity: usize,
    timeout_ns: u64,
) -> i32 {
    // SAFETY: the header.
    unsafe { take(session, out, capacity, patience(timeout_ns)) }
}

/// # Safety
/// `session` and `out` are as the header demands.
unsafe fn take(
    handle: *const vp_ws,
    out: *mut vp_ws_event,
    capacity: usize,
    patience: Duration,
) -> i32 {
    count(|| {
        // SAFETY: the caller's promise.
        let (handle, size) = unsafe { (borrow(handle)?, struct_size(out)?) };
        if capacity == 0 {
            return Err(Status::ERR_ARGUMENT);
        }
        // Also for the descriptor of `vp_ws_fd`, which is read under the lock of the queue.
        let _put_off = PutOff::begin();
        // The lock of the handle is not held while this sleeps: a close on another thread ends it.
        let session = handle.with(|session| Ok(Arc::clone(session)))?;
        let mut written = 0;
        let taken = session.poll(capacity, patience, |kept| {
            // SAFETY: the caller's promise: `capacity` structs of `size` bytes each.
            unsafe { write_kept(out.byte_add(written * size), size, kept) };
            written += 1;
        });
        drop(session);
        handle.bury_if_drained();
        taken?.ok_or(Status::ERR_CLOSED)
    })
}

/// Gives a descriptor that is readable while there are events to poll; in caller drive while a poll
/// may find something to do, also by time. Use it with epoll, asio or libuv, level-triggered. Do
/// not read, write or close it.
///
/// In caller drive each poll costs one system call more from then on.
///
/// Threads: any.
/// Lifetime: valid until VP_WS_EVENT_CLOSED was taken and `vp_ws_close` has returned.
/// Errors: ERR_NULL, ERR_SYSTEM, ERR_CLOSED, ERR_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_fd(session: *mut vp_ws, out: *mut i32) -> Status {
    status(|| {
        // SAFETY: the header.
        let (session, out) = unsafe { (borrow(session.cast_const())?, borrow_mut(out)?) };
        *out = session.with(|session| {
            session.event_fd().map(|fd| fd.as_raw_fd()).map_err(|_| Status::ERR_SYSTEM)
        })?;
        Ok(())
    })
}

/// Reads the state of a session. Set `out->struct_size` first.
///
/// Threads: any.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_STRUCT_SIZE, ERR_CLOSED, ERR_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_state(session: *mut vp_ws, out: *mut vp_ws_health) -> Status {
    status(|| {
        // SAFETY: the header.
        let (session, size) = unsafe { (borrow(session.cast_const())?, struct_size(out)?) };
        let health = session.with(|session| Ok(session.health()))?;
        // SAFETY: the header; `size` is what the caller's struct has.
        unsafe { write_sized(out, size, &vp_ws_health::new(&health)) };
        Ok(())
    })
}

/// Begins the end of a session and returns at once: a close frame with `code` and `reason`, and no
/// dial any more. `code` 0: a close frame without either. Calls on their way end as SHUTDOWN when
/// the connection has ended.
///
/// Threads: any, also in a function of the session.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT for a code that must not be sent (RFC 6455 section 7.4), or a
/// reason that is no UTF-8; ERR_TOO_LARGE for a reason of more than 123 bytes; ERR_CLOSED the
/// second time; ERR_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_shutdown(session: *mut vp_ws, code: u16, reason: vp_str) -> Status {
    status(|| {
        // SAFETY: the header.
        let (session, reason) = unsafe { (borrow(session.cast_const())?, reason.bytes()?) };
        let reason = std::str::from_utf8(reason).map_err(|_| Status::ERR_ARGUMENT)?;
        session.with(|session| session.shutdown((code != 0).then_some(code), reason))
    })
}

/// Ends a session: as `vp_ws_shutdown` with 1000, if that was not called, and then waits for the
/// end of the close handshake and of the session's thread. When it returns, no function of the
/// engine runs and none will. What was told and not taken can still be polled. In caller drive it
/// drives the session to its end, once a thread that is in a call for it has left.
///
/// Threads: any but the session's own. Blocks for at most twice the close timeout.
/// Lifetime: ends the session; the handle stays valid.
/// Errors: ERR_NULL, ERR_WOULD_DEADLOCK in a function of the session, ERR_CLOSED, ERR_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_close(session: *mut vp_ws) -> Status {
    status(|| {
        // SAFETY: the header.
        let handle = unsafe { borrow(session.cast_const()) }?;
        let session = handle.with(|session| Ok(Arc::clone(session)))?;
        let _put_off = PutOff::begin();
        if session.is_own_thread() {
            return Err(Status::ERR_WOULD_DEADLOCK);
        }
        if handle.has_closed.load(Ordering::Acquire) {
            return Err(Status::ERR_CLOSED);
        }
        // It may be ending already.
        let _ = session.shutdown(Some(1000), "");
        session.close()?;
        handle.has_closed.store(true, Ordering::Release);
        drop(session);
        handle.bury_if_drained();
        Ok(())
    })
}

/// Releases the bytes of an event from `vp_ws_poll` or `vp_ws_wait`; NULL is allowed. The last
/// release returns the buffer to its session.
///
/// Threads: any.
/// Lifetime: ends it for this holder.
/// Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_data_release(data: *mut vp_ws_data) {
    guard((), || {
        if !data.is_null() {
            // SAFETY: the header: one count is the caller's to give back.
            let data = unsafe { Arc::from_raw(data.cast::<Data>().cast_const()) };
            if is_forked() {
                // Another thread of the parent may have held the lock of the free buffers.
                drop(data);
            } else {
                Data::release(data);
            }
        }
    });
}

/// Adds a reference to the bytes of an event from `vp_ws_poll` or `vp_ws_wait`. They stay valid
/// until they are released once more. Messages of a stream share buffers of 16 KiB: one that is
/// kept keeps its buffer. Copy what is kept for long.
///
/// Threads: any.
/// Lifetime: prolonged, also beyond the session's.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_data_retain(data: *mut vp_ws_data) -> Status {
    status(|| {
        if data.is_null() {
            return Err(Status::ERR_NULL);
        }
        // SAFETY: the header: it came from the library, where it was an `Arc`, and is counted.
        unsafe { Arc::increment_strong_count(data.cast::<Data>().cast_const()) };
        Ok(())
    })
}
