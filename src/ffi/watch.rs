//! Watched headers: found in each response without a search, and the last value of each.

use std::ffi::c_char;

use super::config::{add, vp_config};
use super::handle::vp_pool;
use super::types::{VP_WATCHED_TEXT, vp_response, vp_str, vp_watched};
use super::versioned::{struct_size, write_sized};
use super::{borrow, borrow_mut, status};
use crate::error::Status;
use crate::http::watch::number;
use crate::last_values::{KEPT_BYTES, LastValue};
use crate::recycle::Recycled;

const _: () = assert!(KEPT_BYTES < VP_WATCHED_TEXT);

/// Watches a response header, for example one that tells how much of a rate limit is used. The pool
/// finds it in each response once, while it reads the head. `vp_response_watched` then gives its
/// value without a search, and `vp_pool_watched` the last value that any response had.
///
/// `index` is set to the number by which the header is asked for: 0 to 15, in the order of these
/// calls. A name that is watched already, in any case, keeps its index. At most 16 names. `index`
/// may be NULL.
///
/// If a response has the header more than once, the first one counts, as in
/// `vp_response_header_find`. Interim (1xx) responses and trailers do not count.
///
/// Threads: as `vp_config_new`.
/// Lifetime: `name` is copied.
/// Errors: ERR_NULL, ERR_HEADER_NAME, ERR_ARGUMENT for one too many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_watch_header(
    config: *mut vp_config,
    name: vp_str,
    index: *mut u32,
) -> Status {
    // SAFETY: the header.
    unsafe {
        add(config, "vp_config_watch_header", |config| {
            let given = config.watch_header(name.bytes()?)?;
            if !index.is_null() {
                index.write(given as u32);
            }
            Ok(())
        })
    }
}

/// Reads the watched header with the index that `vp_config_watch_header` gave. There is no limit on
/// the length of the value.
///
/// Threads: any.
/// Lifetime: `value` until the last release.
/// Errors: ERR_NULL, ERR_ARGUMENT if no header has that index, ERR_NOT_FOUND if the response has no
/// such header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_response_watched(
    response: *const vp_response,
    index: u32,
    value: *mut vp_str,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let (recycled, out) = unsafe { (borrow(response.cast::<Recycled>())?, borrow_mut(value)?) };
        *out = vp_str::new(recycled.response.watched(index as usize)?);
        Ok(())
    })
}

/// Reads a watched header as a number. The value must be decimal digits and nothing else, at most
/// UINT64_MAX; zeros may lead.
///
/// Threads: any.
/// Lifetime: none.
/// Errors: as `vp_response_watched`; ERR_HEADER_VALUE if the value is no such number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_response_watched_u64(
    response: *const vp_response,
    index: u32,
    value: *mut u64,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let (recycled, out) = unsafe { (borrow(response.cast::<Recycled>())?, borrow_mut(value)?) };
        *out =
            number(recycled.response.watched(index as usize)?).ok_or(Status::ERR_HEADER_VALUE)?;
        Ok(())
    })
}

/// Reads the last value of a watched header that any response of the pool had: the one whose first
/// byte was read last. The answers of heartbeats count, and so do late answers, which come as
/// events, and responses that broke off behind their head. A value is kept when its exchange is
/// over.
///
/// Threads: any. It does not wait for exchanges.
/// Lifetime: `out` is written; set its `struct_size` first.
/// Errors: ERR_NULL, ERR_STRUCT_SIZE, ERR_ARGUMENT if no header has that index, ERR_NOT_FOUND if no
/// response had the header yet, ERR_FORKED, ERR_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_watched(
    pool: *const vp_pool,
    index: u32,
    out: *mut vp_watched,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let (pool, size) = unsafe { (borrow(pool)?, struct_size(out)?) };
        let last = pool.with_open(|pool| pool.watched(index as usize))?;
        // SAFETY: the header; `size` is what the caller's struct has.
        unsafe { write_sized(out, size, &vp_watched::new(&last)) };
        Ok(())
    })
}

impl vp_watched {
    fn new(last: &LastValue) -> Self {
        let mut text = [0; VP_WATCHED_TEXT];
        // The last byte stays NUL.
        for (to, from) in text.iter_mut().zip(last.text) {
            *to = from as c_char;
        }
        Self {
            struct_size: size_of::<Self>(),
            time_ns: last.time_ns,
            number: last.number.unwrap_or(0),
            is_number: last.number.is_some().into(),
            len: last.len as u32,
            text,
        }
    }
}
