//! Messages of a session that are written straight into their frames.

use std::ffi::c_void;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::handle::{is_forked, while_signing};
use super::submit::give;
use super::ws::vp_ws;
use super::ws_config::kind;
use super::{borrow, borrow_mut, guard, status};
use crate::error::Status;
use crate::net::cancellation::PutOff;
use crate::net::fork;
use crate::session::frame::Frame;

/// Room for one message of a session, opaque to C. Freeing leaves a tombstone.
pub struct vp_ws_frame {
    /// Two threads that use one frame at once, against the header, do no harm to memory.
    frame: Mutex<Option<Frame>>,
    /// The forks that this process had gone through when it was made.
    forks: u64,
}

/// Every frame ever given out, so that leak checkers see that tombstones are kept on purpose.
static FRAMES: Mutex<Vec<&'static vp_ws_frame>> = Mutex::new(Vec::new());

impl vp_ws_frame {
    fn new(frame: Frame) -> &'static Self {
        let handle = Box::new(Self { frame: Mutex::new(Some(frame)), forks: fork::count() });
        let handle: &'static Self = Box::leak(handle);
        FRAMES.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        handle
    }

    fn with<T>(&self, call: impl FnOnce(&mut Frame) -> Result<T, Status>) -> Result<T, Status> {
        // Before the lock: in a forked child a lost thread may hold it for ever.
        if self.forks != fork::count() {
            return Err(Status::ERR_FORKED);
        }
        call(self.lock().as_mut().ok_or(Status::ERR_CLOSED)?)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Frame>> {
        self.frame.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a frame: room for one message at a time of up to `capacity` bytes, 1 to the `sent` of
/// `vp_ws_config_set_sizes`. The engine writes its message there, and `vp_ws_send_frame` or
/// `vp_ws_call_frame` sends it from there. So over plaintext no byte of it is copied, and over TLS
/// it is read once, to be encrypted. The frame allocates its memory here, and none later.
///
/// Make one for each thread that sends, and use it again.
///
/// Threads: any; the frame by one thread at a time. Several threads send at once, each with its
/// own.
/// Lifetime: yours, until `vp_ws_frame_free`; it may outlive the session.
/// Errors: ERR_NULL, ERR_ARGUMENT for capacity 0, ERR_TOO_LARGE, ERR_CLOSED, ERR_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_frame_new(
    session: *mut vp_ws,
    capacity: usize,
    out: *mut *mut vp_ws_frame,
) -> Status {
    status(|| {
        // SAFETY: the header; a handle is never freed.
        let (session, out) = unsafe { (borrow(session.cast_const())?, borrow_mut(out)?) };
        let frame = session.with(|session| session.frame(capacity))?;
        let _put_off = PutOff::begin();
        *out = std::ptr::from_ref(vp_ws_frame::new(frame)).cast_mut();
        Ok(())
    })
}

/// Begins the next message: gives the room of a frame, to be filled from its front, and its size in
/// bytes. `out_capacity` may be NULL. Each message begins so, because the one before it was masked
/// in place. The room is always at the same address. It may hold bytes of the last message.
///
/// Threads: one at a time.
/// Lifetime: the room is yours until the message is sent or waits, or the frame is freed.
/// Errors: ERR_NULL, ERR_PHASE while a call of the frame waits, ERR_CLOSED for a frame that was
/// freed, ERR_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_frame_room(
    frame: *mut vp_ws_frame,
    out: *mut *mut u8,
    out_capacity: *mut usize,
) -> Status {
    status(|| {
        // SAFETY: the header; a frame leaves a tombstone.
        let (frame, out) = unsafe { (borrow(frame.cast_const())?, borrow_mut(out)?) };
        let (room, capacity) = frame.with(|frame| {
            let room = frame.room()?;
            Ok((room.as_mut_ptr(), room.len()))
        })?;
        *out = room;
        if !out_capacity.is_null() {
            // SAFETY: the header: it may be NULL, and can be written otherwise.
            unsafe { out_capacity.write(capacity) };
        }
        Ok(())
    })
}

/// Signs a message in the moment when it is sent: changes its bytes where they are, and returns 0.
/// Any other number withdraws it: the sending call returns ERR_ARGUMENT, and nothing was sent.
/// `wall_ns` is the system's time in nanoseconds since 1970. `length` stays as it is, so leave room
/// for what is to be filled in.
///
/// It runs on the thread that sends, immediately before the message is masked, under the lock of
/// its session. So the order of its calls is the order on the wire, and a counter in it is a nonce.
/// For a call that has waited the thread is the session's, and a number other than 0 ends the call
/// as CANCELLED, NOT_SENT. The function must be short and must not throw. A call on a session or a
/// pool in it returns ERR_WOULD_DEADLOCK. `message` is borrowed until the function returns.
pub type vp_ws_on_send = Option<
    unsafe extern "C" fn(
        context: *mut c_void,
        wall_ns: u64,
        message: *mut u8,
        length: usize,
    ) -> i32,
>;

/// Sets the function that signs each message of a frame when it is sent, by `vp_ws_send_frame` or
/// `vp_ws_call_frame`. NULL for none.
///
/// Threads: one at a time.
/// Lifetime: `context` must be valid until another function is set, or the frame is freed and no
/// call of it waits.
/// Errors: ERR_NULL, ERR_PHASE while a call of the frame waits, ERR_CLOSED for a frame that was
/// freed, ERR_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_frame_set_on_send(
    frame: *mut vp_ws_frame,
    on_send: vp_ws_on_send,
    context: *mut c_void,
) -> Status {
    status(|| {
        // SAFETY: the header; a frame leaves a tombstone.
        let frame = unsafe { borrow(frame.cast_const()) }?;
        let context = context as usize;
        let signed = on_send.map(|function| {
            Box::new(move |wall_ns, message: &mut [u8]| {
                let (at, length) = (message.as_mut_ptr(), message.len());
                // SAFETY: the header: the function takes these, and writes within the message.
                while_signing(|| unsafe { function(context as *mut c_void, wall_ns, at, length) })
                    == 0
            }) as _
        });
        frame.with(|frame| frame.set_on_send(signed))
    })
}

/// Sets the lane of the messages of a frame, VP_LANE_URGENT to VP_LANE_BACKGROUND; VP_LANE_ORDERS
/// until it is set. Stays until it is changed. It says which calls go first of those that wait
/// (`vp_ws_config_set_waiting`), and which of these a message goes before that is sent now.
/// Messages of `vp_ws_send` and `vp_ws_call` are of the lane of orders.
///
/// Threads: one at a time.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT for a number above 3, ERR_PHASE while a call of the frame waits,
/// ERR_CLOSED for a frame that was freed, ERR_FORKED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_frame_set_lane(frame: *mut vp_ws_frame, lane: u32) -> Status {
    status(|| {
        // SAFETY: the header; a frame leaves a tombstone.
        let frame = unsafe { borrow(frame.cast_const()) }?;
        let lane = super::lanes::lane(lane)?;
        frame.with(|frame| frame.set_lane(lane))
    })
}

/// Sends the first `len` bytes of the room of a frame as a message, as `vp_ws_send` does. It masks
/// them where they are, so that the room is not yours any more.
///
/// Nothing is allocated, unless the kernel does not take all of it at once.
///
/// Threads: as `vp_ws_send`; the frame by one thread at a time.
/// Lifetime: the frame can take the next message.
/// Errors: as `vp_ws_send`; ERR_PHASE without `vp_ws_frame_room`, ERR_TOO_LARGE also if `len` is
/// more than the room. ERR_ARGUMENT also if the function of `vp_ws_frame_set_on_send` has withdrawn
/// the message. ERR_WAITING_FULL also while a call of its lane, or of one above, waits. ERR_PHASE
/// also while a call of the frame waits. ERR_WRONG_POOL for a frame of another session, ERR_CLOSED
/// also for one that was freed. With an error nothing was sent, and the room is yours with what you
/// wrote.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_send_frame(
    session: *mut vp_ws,
    frame: *mut vp_ws_frame,
    opcode: i32,
    len: usize,
    out_sequence: *mut u64,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let session = unsafe { borrow(session.cast_const()) }?;
        // SAFETY: the header.
        let frame = unsafe { borrow(frame.cast_const()) }?;
        let kind = kind(opcode)?;
        let sequence =
            session.with(|session| frame.with(|frame| session.send_frame(frame, kind, len)))?;
        // SAFETY: the header.
        unsafe { give(out_sequence, sequence) };
        Ok(())
    })
}

/// Sends the first `len` bytes of the room of a frame, as `vp_ws_send_frame` does, and awaits the
/// message that has `key`, as `vp_ws_call` does. `out_id` may be NULL.
///
/// With `vp_ws_config_set_waiting` a call that cannot go now is accepted, and waits. Its frame then
/// belongs to the session until the call has gone, or has ended: in any case until its completion.
/// Its other functions answer ERR_PHASE meanwhile. A cancel, the deadline and the end of the
/// session end a call that waits as NOT_SENT.
///
/// Threads: as `vp_ws_send_frame`.
/// Lifetime: as `vp_ws_send_frame`, unless the call waits.
/// Errors: as `vp_ws_call` and `vp_ws_send_frame`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_call_frame(
    session: *mut vp_ws,
    frame: *mut vp_ws_frame,
    opcode: i32,
    len: usize,
    key: u64,
    timeout_ns: u64,
    user_data: u64,
    out_id: *mut u64,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let session = unsafe { borrow(session.cast_const()) }?;
        // SAFETY: the header.
        let frame = unsafe { borrow(frame.cast_const()) }?;
        let kind = kind(opcode)?;
        let id = session.with(|session| {
            frame.with(|frame| session.call_frame(frame, kind, len, key, timeout_ns, user_data))
        })?;
        // SAFETY: the header.
        unsafe { give(out_id, id) };
        Ok(())
    })
}

/// Wipes and frees the memory of a frame; NULL is allowed. A few words of it stay for ever, so that
/// a later call gets ERR_CLOSED. What was sent from it goes on, and so does a call that waits: its
/// memory is freed when that has gone or ended.
///
/// Threads: any; no other thread may use the frame.
/// Lifetime: ends its room; the handle stays valid.
/// Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_frame_free(frame: *mut vp_ws_frame) {
    guard((), || {
        // SAFETY: the header; a frame leaves a tombstone.
        let Ok(frame) = (unsafe { borrow(frame.cast_const()) }) else { return };
        if is_forked() {
            // Another thread of the parent may have held its lock.
            drop(frame.frame.try_lock().ok().and_then(|mut frame| frame.take()));
        } else {
            drop(frame.lock().take());
        }
    });
}
