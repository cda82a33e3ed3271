//! Signing a request in the moment when it is sent.

use std::ffi::c_void;
use std::sync::Arc;

use super::handle::while_signing;
use super::request::{build, vp_request};
use super::types::vp_str;
use super::{borrow_mut, status};
use crate::error::Status;
use crate::http::Request;
use crate::http::late::{OnSend, Sending};

/// A request that is about to be sent, for `vp_on_send`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct vp_sending {
    /// The size of this struct as the library was compiled.
    pub struct_size: usize,
    /// The library's own, for `vp_sending_fill`.
    pub sender: *mut c_void,
    /// The id that submit gave.
    pub id: u64,
    /// The number given by `vp_request_set_user_data`.
    pub user_data: u64,
    /// Now, in nanoseconds of CLOCK_MONOTONIC.
    pub now_ns: u64,
    /// Now, in nanoseconds since 1970 (CLOCK_REALTIME).
    pub wall_ns: u64,
    /// The whole request. What is filled shows here at once.
    pub bytes: vp_str,
    /// The slot that it is sent on.
    pub slot: u32,
    /// 0.
    pub reserved: u32,
}

/// Fills the placeholders of a request with `vp_sending_fill`, and returns 0. Any other number
/// withdraws the request: it completes as CANCELLED, NOT_SENT.
///
/// It runs on the thread that sends, when the slot is had, immediately before the bytes are
/// encrypted: in submit, or on the thread that drives for a request from the queue. For one pool
/// the order of the calls is the order of sending, so a counter in it is a nonce. It may run again
/// for the same request if the connection turned out dead before a byte was sent. It must be short
/// and must not throw. A call on a pool in it returns ERR_WOULD_DEADLOCK.
///
/// `sending` is borrowed until the function returns.
pub type vp_on_send =
    Option<unsafe extern "C" fn(context: *mut c_void, sending: *const vp_sending) -> i32>;

/// Appends `len` bytes that are filled when the request is sent (`vp_request_set_on_send`): to the
/// query, or to the value of the header that was added last. In the query it follows a piece such
/// as "timestamp=", and what comes next is joined with `&`. `*out_place` is its number, from 0, for
/// `vp_sending_fill`. A request has at most 8.
///
/// A mark (`vp_request_mark`) keeps the placeholders before it. Until they are filled, the bytes
/// are '0'.
///
/// Threads: one at a time.
/// Lifetime: until the next `vp_request_begin`, or a rewind to a mark before it.
/// Errors: ERR_NULL, ERR_ARGUMENT for no bytes, ERR_TOO_LARGE also for a ninth placeholder,
/// ERR_PHASE where no query has begun, behind a `Connection` header, or after the body.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_request_placeholder(
    request: *mut vp_request,
    len: usize,
    out_place: *mut u32,
) -> Status {
    // SAFETY: the header.
    unsafe { build(request, |r| give(out_place, |r| r.placeholder(len), r)) }
}

/// Has `len` bytes of the body filled when the request is sent. They begin at `offset` in the body,
/// which is written already and keeps its length. `*out_place` as in `vp_request_placeholder`.
///
/// Threads: one at a time.
/// Lifetime: until the next `vp_request_begin` or `vp_request_rewind`.
/// Errors: ERR_NULL, ERR_ARGUMENT for no bytes or beyond the body, ERR_TOO_LARGE for a ninth
/// placeholder, ERR_PHASE before `vp_request_body` or `vp_request_body_commit`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_request_body_placeholder(
    request: *mut vp_request,
    offset: usize,
    len: usize,
    out_place: *mut u32,
) -> Status {
    // SAFETY: the header.
    unsafe { build(request, |r| give(out_place, |r| r.body_placeholder(offset, len), r)) }
}

/// Writes the number of a new place.
///
/// # Safety
/// `out` is NULL or writable.
unsafe fn give(
    out: *mut u32,
    make: impl FnOnce(&mut Request) -> Result<usize, Status>,
    request: &mut Request,
) -> Result<(), Status> {
    // SAFETY: the caller's promise.
    let out = unsafe { borrow_mut(out) }?;
    *out = make(request)? as u32;
    Ok(())
}

/// Sets the function that fills the placeholders of the request when it is sent, and may withdraw
/// it. NULL sets none; then a request with placeholders is refused by submit (ERR_PHASE). It stays
/// until it is changed. Setting it allocates once.
///
/// Each placeholder must be filled, each time. A request of which one was not filled, or of which
/// `vp_sending_fill` was refused, is withdrawn.
///
/// Threads: one at a time.
/// Lifetime: `context` must be valid until the completion of each request submitted with it.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_request_set_on_send(
    request: *mut vp_request,
    function: vp_on_send,
    context: *mut c_void,
) -> Status {
    let on_send = function.map(|function| on_send(function, context as usize));
    // SAFETY: the header.
    unsafe {
        build(request, |r| {
            r.set_on_send(on_send);
            Ok(())
        })
    }
}

/// Fills a placeholder: `value` is exactly as long as it. In the query it is what may stand there,
/// with whole percent triplets (RFC 3986 section 3.4). In a header value it has no control byte but
/// HTAB (RFC 9110 section 5.5). A refusal withdraws the request.
///
/// Threads: in the function of `vp_request_set_on_send`, with what that was given.
/// Lifetime: `value` is copied.
/// Errors: ERR_NULL, ERR_ARGUMENT for an unknown place or another length, ERR_PATH,
/// ERR_HEADER_VALUE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_sending_fill(
    sending: *const vp_sending,
    place: u32,
    value: vp_str,
) -> Status {
    status(|| {
        // SAFETY: the header: what the function was given, and it has not returned.
        let sender = unsafe { sending.as_ref() }.ok_or(Status::ERR_NULL)?.sender;
        // SAFETY: as above: made by `on_send`, which waits for the function.
        let sending = unsafe { sender.cast::<Sending<'_>>().as_mut() }.ok_or(Status::ERR_NULL)?;
        // SAFETY: the header.
        match unsafe { value.bytes() } {
            Ok(value) => sending.fill(place as usize, value),
            Err(status) => {
                sending.spoil();
                Err(status)
            }
        }
    })
}

/// Wraps a C function; the context travels as a number, because it is the user's to share.
fn on_send(
    function: unsafe extern "C" fn(*mut c_void, *const vp_sending) -> i32,
    context: usize,
) -> OnSend {
    Arc::new(move |sending: &mut Sending<'_>| {
        let moment = sending.moment;
        let view = vp_sending {
            struct_size: size_of::<vp_sending>(),
            bytes: vp_str::new(sending.bytes()),
            sender: std::ptr::from_mut(sending).cast(),
            id: moment.id,
            user_data: moment.user_data,
            now_ns: moment.now_ns,
            wall_ns: moment.wall_ns,
            slot: moment.slot,
            reserved: 0,
        };
        // SAFETY: the header: the function may be called until the last completion, and does not
        // throw. What it gets lives until it returns.
        while_signing(|| unsafe { function(context as *mut c_void, &raw const view) }) == 0
    })
}
