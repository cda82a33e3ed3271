//! Views of a response, in place.

use std::sync::Arc;

use super::handle::is_forked;
use super::types::{vp_response, vp_str};
use super::{borrow_mut, guard, status};
use crate::error::Status;
use crate::http::response::Response;
use crate::recycle::Recycled;

const EMPTY: vp_str = vp_str { ptr: std::ptr::null(), len: 0 };

/// Reads a response; `default` stands for one that is NULL.
///
/// # Safety
/// `response` is as the header demands.
unsafe fn read<T>(response: *const vp_response, default: T, view: impl FnOnce(&Response) -> T) -> T
where
    T: Copy,
{
    guard(default, || {
        // SAFETY: the caller's promise: it came from the library and is still counted.
        let response = unsafe { response.cast::<Recycled>().as_ref() };
        response.map_or(default, |recycled| view(&recycled.response))
    })
}

/// Returns the status code, 200 to 599; 0 for NULL.
///
/// Threads: any. Lifetime: none. Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_response_status(response: *const vp_response) -> i32 {
    // SAFETY: the header.
    unsafe { read(response, 0, |r| r.status().into()) }
}

/// Returns the reason phrase. It is often empty, and a program must not depend on it.
///
/// Threads: any. Lifetime: until the last release. Errors: none, empty for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_response_reason(response: *const vp_response) -> vp_str {
    // SAFETY: the header.
    unsafe { read(response, EMPTY, |r| vp_str::new(r.reason())) }
}

/// Returns the HTTP version: 10 for HTTP/1.0, 11 for HTTP/1.1; 0 for NULL.
///
/// Threads: any. Lifetime: none. Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_response_version(response: *const vp_response) -> i32 {
    // SAFETY: the header.
    unsafe { read(response, 0, |r| 10 + i32::from(r.version_minor())) }
}

/// Returns the number of header fields; 0 for NULL.
///
/// Threads: any. Lifetime: none. Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_response_header_count(response: *const vp_response) -> usize {
    // SAFETY: the header.
    unsafe { read(response, 0, Response::header_count) }
}

/// Reads the header field at `index`, in the order of arrival. `name` and `value` may be NULL.
///
/// Threads: any.
/// Lifetime: both until the last release.
/// Errors: ERR_NULL, ERR_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_response_header_at(
    response: *const vp_response,
    index: usize,
    name: *mut vp_str,
    value: *mut vp_str,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let recycled = unsafe { super::borrow(response.cast::<Recycled>()) }?;
        let found = recycled.response.header(index).ok_or(Status::ERR_NOT_FOUND)?;
        for (out, bytes) in [(name, found.0), (value, found.1)] {
            if !out.is_null() {
                // SAFETY: the header; not NULL.
                unsafe { out.write(vp_str::new(bytes)) };
            }
        }
        Ok(())
    })
}

/// Reads the first header field of that name; upper and lower case are the same.
///
/// Threads: any.
/// Lifetime: `value` until the last release.
/// Errors: ERR_NULL, ERR_NOT_FOUND.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_response_header_find(
    response: *const vp_response,
    name: vp_str,
    value: *mut vp_str,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let (recycled, out) =
            unsafe { (super::borrow(response.cast::<Recycled>())?, borrow_mut(value)?) };
        // SAFETY: the header.
        let found = recycled.response.find(unsafe { name.bytes() }?);
        *out = vp_str::new(found.ok_or(Status::ERR_NOT_FOUND)?);
        Ok(())
    })
}

/// Returns 1 if the response is complete; 0 if it ended early after its head, and for NULL. The
/// response of a completion is complete if its outcome is OK, and only then.
///
/// Threads: any. Lifetime: none. Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_response_is_complete(response: *const vp_response) -> i32 {
    // SAFETY: the header.
    unsafe { read(response, 0, |r| r.is_complete().into()) }
}

/// Returns the body: contiguous, without chunk framing, followed by 64 readable zero bytes. For a
/// response that is not complete it is the part that had arrived.
///
/// Threads: any. Lifetime: until the last release. Errors: none, empty for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_response_body(response: *const vp_response) -> vp_str {
    // SAFETY: the header.
    unsafe { read(response, EMPTY, |r| vp_str::new(r.body())) }
}

/// Adds a reference to a response. It stays valid until it is released once more.
///
/// Threads: any.
/// Lifetime: prolonged, also beyond the pool's.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_response_retain(response: *mut vp_response) -> Status {
    status(|| {
        if response.is_null() {
            return Err(Status::ERR_NULL);
        }
        // SAFETY: the header: it came from the library, where it was an `Arc`, and is counted.
        unsafe { Arc::increment_strong_count(response.cast::<Recycled>().cast_const()) };
        Ok(())
    })
}

/// Releases a reference to a response; NULL is allowed. The last release returns its buffer to the
/// pool. A forked child may call it, too.
///
/// Threads: any.
/// Lifetime: ends it for this holder.
/// Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_response_release(response: *mut vp_response) {
    guard((), || {
        if !response.is_null() {
            // SAFETY: the header: one count is the caller's to give back.
            let response = unsafe { Arc::from_raw(response.cast::<Recycled>().cast_const()) };
            if is_forked() {
                Recycled::release_without_waiting(response);
            } else {
                Recycled::release(response);
            }
        }
    });
}
