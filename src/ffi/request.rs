//! Building a request in a buffer that the caller owns and uses again.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::Arc;

use super::complete::write_borrowed;
use super::handle::vp_pool;
use super::types::{vp_completion, vp_on_complete, vp_str};
use super::{borrow, borrow_mut, guard, status};
use crate::clock::now_ns;
use crate::completion::{Callback, Completion};
use crate::error::Status;
use crate::http::Request;
use crate::recycle::Recycled;

/// A request, opaque to C.
#[repr(align(64))] // An order touches as many lines of it wherever the heap puts it.
pub struct vp_request {
    pub(super) request: Request,
    pub(super) callback: Option<Callback>,
    /// What `callback` was made from, so that setting the same again costs nothing.
    target: Option<Target>,
}

/// A C function and its context.
#[derive(Clone, Copy, PartialEq)]
struct Target {
    function: usize,
    context: usize,
}

/// Works on a request. A step that is refused, be it for its arguments, spoils it.
///
/// # Safety
/// `request` is as the header demands.
pub(super) unsafe fn build(
    request: *mut vp_request,
    step: impl FnOnce(&mut Request) -> Result<(), Status>,
) -> Status {
    status(|| {
        // SAFETY: the caller's promise.
        let request = &mut unsafe { borrow_mut(request) }?.request;
        step(request).inspect_err(|status| request.spoil(*status))
    })
}

/// Creates a request object for a pool. The object allocates its memory here, and none later.
///
/// Threads: any; the object by one thread at a time.
/// Lifetime: yours, until `vp_request_free`; it may outlive the pool.
/// Errors: ERR_NULL, ERR_FORKED, ERR_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_request_new(pool: *const vp_pool, out: *mut *mut vp_request) -> Status {
    status(|| {
        // SAFETY: the header.
        let (pool, out) = unsafe { (borrow(pool)?, borrow_mut(out)?) };
        let request = pool.with_open(|pool| Ok(Request::new(Arc::clone(pool.origin()))))?;
        *out = Box::into_raw(Box::new(vp_request { request, callback: None, target: None }));
        Ok(())
    })
}

/// Frees a request object; NULL is allowed. Requests that were submitted with it go on.
///
/// Threads: any; no other thread may use the object.
/// Lifetime: ends it.
/// Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_request_free(request: *mut vp_request) {
    guard((), || {
        if !request.is_null() {
            // SAFETY: the header: made by `vp_request_new`, and not freed before.
            drop(unsafe { Box::from_raw(request) });
        }
    });
}

/// Begins a new request with a method (any token but CONNECT) and a path. The path starts with `/`,
/// may hold a query, and is put after the base path. Timeout, user data and callback keep their
/// values.
///
/// When a building call is refused, all later ones and submit return the same status, until
/// `vp_request_begin` or `vp_request_rewind` succeeds. So it is enough to check the status of
/// submit. A refusal that was overlooked sends neither a part of an order nor the order before it a
/// second time.
///
/// Threads: one at a time.
/// Lifetime: both are copied.
/// Errors: ERR_NULL, ERR_METHOD, ERR_PATH, ERR_TOO_LARGE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_request_begin(
    request: *mut vp_request,
    method: vp_str,
    path: vp_str,
) -> Status {
    // SAFETY: the header.
    let (method, path) = unsafe { (method.bytes(), path.bytes()) };
    let (method, path, refusal) = match (method, path) {
        (Ok(method), Ok(path)) => (method, path, None),
        // A refused beginning: what was built before is over all the same.
        (Err(status), _) | (_, Err(status)) => (&b""[..], &b""[..], Some(status)),
    };
    let begin = |request: &mut Request| {
        let begun = request.begin(method, path);
        refusal.map_or(begun, Err)
    };
    // SAFETY: the header.
    unsafe { build(request, begin) }
}

/// Adds `name=value` to the query, percent-encoded (RFC 3986 section 2). Call it before any header.
///
/// Threads: one at a time.
/// Lifetime: both are copied.
/// Errors: ERR_NULL, ERR_PHASE, ERR_TOO_LARGE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_request_query(
    request: *mut vp_request,
    name: vp_str,
    value: vp_str,
) -> Status {
    // SAFETY: the header.
    unsafe { build(request, |r| r.query(name.bytes()?, value.bytes()?)) }
}

/// Adds a part of the query that is encoded already, for example the text that was signed.
///
/// Threads: one at a time.
/// Lifetime: `piece` is copied.
/// Errors: ERR_NULL, ERR_PATH, ERR_PHASE, ERR_TOO_LARGE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_request_query_raw(request: *mut vp_request, piece: vp_str) -> Status {
    // SAFETY: the header.
    unsafe { build(request, |r| r.query_raw(piece.bytes()?)) }
}

/// Adds a header. The library sets Host, Content-Length and Transfer-Encoding itself. Expect and
/// Upgrade are not supported.
///
/// Threads: one at a time.
/// Lifetime: both are copied.
/// Errors: ERR_NULL, ERR_HEADER_NAME, ERR_HEADER_VALUE, ERR_HEADER_RESERVED, ERR_PHASE,
/// ERR_TOO_LARGE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_request_header(
    request: *mut vp_request,
    name: vp_str,
    value: vp_str,
) -> Status {
    // SAFETY: the header.
    unsafe { build(request, |r| r.header(name.bytes()?, value.bytes()?)) }
}

/// Copies the body into the request, and adds Content-Length. Nothing can be added after it.
///
/// Threads: one at a time.
/// Lifetime: `body` is copied, and must not lie in the request's own buffer.
/// Errors: ERR_NULL, ERR_PHASE, ERR_TOO_LARGE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_request_body(request: *mut vp_request, body: vp_str) -> Status {
    // SAFETY: the header.
    unsafe { build(request, |r| r.body(body.bytes()?)) }
}

/// Gives `capacity` bytes of the request's buffer, to write the body in place. Their content is
/// undefined. Call `vp_request_body_commit` when the body is written.
///
/// Threads: one at a time.
/// Lifetime: `*out` is valid until the next call with this request.
/// Errors: ERR_NULL, ERR_PHASE, ERR_TOO_LARGE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_request_body_reserve(
    request: *mut vp_request,
    capacity: usize,
    out: *mut *mut u8,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let request = &mut unsafe { borrow_mut(request) }?.request;
        // SAFETY: the header.
        let out = unsafe { borrow_mut(out) }.inspect_err(|status| request.spoil(*status))?;
        *out = request.body_reserve(capacity)?.as_mut_ptr();
        Ok(())
    })
}

/// Sets the body to the first `len` of the reserved bytes.
///
/// Threads: one at a time.
/// Lifetime: ends that of the reserved bytes.
/// Errors: ERR_NULL, ERR_ARGUMENT when more than was reserved, ERR_PHASE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_request_body_commit(request: *mut vp_request, len: usize) -> Status {
    // SAFETY: the header.
    unsafe { build(request, |r| r.body_commit(len)) }
}

/// Marks the request as it is now, before its body, as a template. Default headers are not part of
/// it: they are those of the submit.
///
/// Threads: one at a time.
/// Lifetime: until the next `vp_request_begin`.
/// Errors: ERR_NULL, ERR_PHASE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_request_mark(request: *mut vp_request) -> Status {
    // SAFETY: the header.
    unsafe { build(request, Request::mark) }
}

/// Returns the request to the mark, any number of times. Then write only the parts that differ.
///
/// Threads: one at a time.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_PHASE without a mark.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_request_rewind(request: *mut vp_request) -> Status {
    // SAFETY: the header.
    unsafe { build(request, Request::rewind) }
}

/// Sets the time from submit to the end of the exchange, any number of nanoseconds. 0, the default,
/// uses the pool's timeout. The value stays until it is changed.
///
/// Threads: one at a time.
/// Lifetime: none.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_request_set_timeout_ns(
    request: *mut vp_request,
    timeout_ns: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        build(request, |r| {
            r.set_timeout_ns(timeout_ns);
            Ok(())
        })
    }
}

/// Sets a number of your own, which the completion returns. It stays until it is changed.
///
/// Threads: one at a time.
/// Lifetime: none.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_request_set_user_data(
    request: *mut vp_request,
    user_data: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        build(request, |r| {
            r.set_user_data(user_data);
            Ok(())
        })
    }
}

/// Sets a function that receives the completion instead of the completion queue; NULL returns to
/// the queue. It stays until it is changed. Setting another function or context allocates once.
///
/// Threads: one at a time. The function runs on the pool thread, or in caller drive on the thread
/// that drives.
/// Lifetime: `context` must be valid until the completion of each request submitted with it.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_request_set_on_complete(
    request: *mut vp_request,
    function: vp_on_complete,
    context: *mut c_void,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let request = unsafe { borrow_mut(request) }?;
        let target = function
            .map(|function| Target { function: function as usize, context: context as usize });
        if request.target != target {
            request.callback = function.map(|function| callback(function, context as usize));
            request.target = target;
        }
        Ok(())
    })
}

/// Ends the request and shows the bytes that will be sent, for archives and signatures. If a
/// default header changes afterwards (`vp_pool_set_default_header`), submit sends the new one.
///
/// Threads: one at a time.
/// Lifetime: `*out` is valid until the next call that changes the request.
/// Errors: ERR_NULL, ERR_PHASE, ERR_TOO_LARGE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_request_bytes(request: *mut vp_request, out: *mut vp_str) -> Status {
    status(|| {
        // SAFETY: the header.
        let (request, out) = unsafe { (borrow_mut(request)?, borrow_mut(out)?) };
        *out = vp_str::new(request.request.finish()?);
        Ok(())
    })
}

/// Wraps a C function; the context travels as a number, because it is the user's to share.
pub(super) fn callback(
    function: unsafe extern "C" fn(*mut c_void, *const vp_completion),
    context: usize,
) -> Callback {
    Arc::new(move |completion: Completion| {
        let mut place = MaybeUninit::uninit();
        let view = write_borrowed(&mut place, &completion, now_ns());
        // SAFETY: the header: the function may be called until its last completion, and does not
        // throw. What it gets lives until it returns.
        unsafe { function(context as *mut c_void, std::ptr::from_ref(view)) };
        if let Some(response) = completion.response {
            Recycled::release(response);
        }
    })
}
