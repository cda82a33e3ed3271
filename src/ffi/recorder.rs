//! The flight recorder: what has happened lately, and what became of an order.

use std::ffi::c_char;

use super::config::{configure, vp_config};
use super::handle::vp_pool;
use super::histograms::VP_ALL_SLOTS;
use super::request::{build, vp_request};
use super::text::write_text;
use super::types::vp_str;
use super::{borrow, status};
use crate::error::Status;
use crate::recorder::json::json;
use crate::recorder::recording::{Recording, Wanted};
use crate::recorder::text::text;
use crate::tag::{MAX_TAG, Tag};

/// The longest tag of a request, in bytes.
pub const VP_TAG_BYTES: usize = 64;

/// Format of a recording: a line for each thing that happened, for people.
pub const VP_RECORDER_TEXT: u32 = 0;
/// Format of a recording: one object of JSON (RFC 8259), for programs.
pub const VP_RECORDER_JSON: u32 = 1;

const _: () = assert!(MAX_TAG == VP_TAG_BYTES);

/// Sets how many orders the flight recorder keeps of each slot, and how many events of its
/// connections: 1 to 4096 of each, or 0, the default, to record nothing. 16 are enough to ask at
/// once. See docs/flight-recorder.md.
///
/// The memory is taken when the pool opens: 640 bytes for each of them, so 10 KiB for each slot
/// with 16. The requests that never had a slot have a recorder of the same size.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_recorder(
    config: *mut vp_config,
    events_per_slot: u32,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_recorder", |config| {
            config.set_recorder(events_per_slot as usize)
        })
    }
}

/// Sets how many bytes the flight recorder keeps of the head of each order, and as many of the head
/// of its answer: 64 to 4096, or 0, the default, to keep no head. 512 are enough for most venues;
/// what does not fit is cut off. Nothing is kept without `vp_config_set_recorder`.
///
/// A head is told without what looks like a secret, and no byte of a body is. In memory it stands
/// as it was sent, with its keys, until later orders have driven it out or the pool is closed; then
/// it is wiped. The memory is taken when the pool opens: twice as many bytes for each order that is
/// kept, so 16 KiB for each slot with 16 orders and 512 bytes.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_recorder_heads(
    config: *mut vp_config,
    bytes_per_head: u32,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_recorder_heads", |config| {
            config.set_recorder_heads(bytes_per_head as usize)
        })
    }
}

/// Sets what you call the order, for example its client order id: at most VP_TAG_BYTES bytes of
/// printable ASCII. The flight recorder finds the order by it (`vp_pool_recorder_find_tag`). It is
/// not sent, and it is told as it is: give no secret. It stays until it is changed; an empty one
/// undoes it.
///
/// Threads: one at a time.
/// Lifetime: `tag` is copied.
/// Errors: ERR_NULL, ERR_TOO_LARGE, ERR_ARGUMENT for what is not printable ASCII.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_request_set_tag(request: *mut vp_request, tag: vp_str) -> Status {
    // SAFETY: the header.
    unsafe {
        build(request, |request| {
            request.set_tag(Tag::new(tag.bytes()?)?);
            Ok(())
        })
    }
}

/// Writes what has happened lately in a slot, the oldest first; with VP_ALL_SLOTS in all of them,
/// and to the requests that never had a slot. `format`: VP_RECORDER_TEXT or VP_RECORDER_JSON.
///
/// No body of a request is in it, and heads only with `vp_config_set_recorder_heads`. Of the
/// answers that refused an order or broke a rule the first bytes are. What looks like a secret is
/// left out.
///
/// The text ends with NUL. `needed` is set to its length with the NUL, also when it does not fit;
/// then nothing is written. `buffer` may be NULL if `capacity` is 0. The text grows while the pool
/// trades, so give a buffer some room to spare. The call takes memory for the text, and frees it.
///
/// Threads: any, also in a callback. It may wait for a turn of each slot. An order waits for it for
/// at most one copy of 20 KiB.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT for another slot or format, ERR_NOT_FOUND if the pool has no
/// recorder, ERR_TOO_LARGE if the text does not fit, ERR_FORKED, ERR_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_recorder_text(
    pool: *const vp_pool,
    slot: u32,
    format: u32,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> Status {
    status(|| {
        let writer = writer(format)?;
        let slot = (slot != VP_ALL_SLOTS).then_some(slot);
        // SAFETY: the header.
        let recording = unsafe { borrow(pool) }?.with_open(|pool| pool.recording(slot))?;
        // SAFETY: the header.
        unsafe { write_text(&writer(&recording), buffer, capacity, needed) }
    })
}

/// Writes what is known of the request with that id: each time that it had a slot, and what
/// happened to the connections that it was sent on. As `vp_pool_recorder_text` otherwise.
///
/// Threads: as `vp_pool_recorder_text`.
/// Lifetime: none.
/// Errors: as `vp_pool_recorder_text`; ERR_NOT_FOUND also if the request is not recorded any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_recorder_find(
    pool: *const vp_pool,
    request_id: u64,
    format: u32,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> Status {
    status(|| {
        // SAFETY: the header.
        unsafe { find(pool, || Ok(Wanted::Id(request_id)), format, (buffer, capacity, needed)) }
    })
}

/// As `vp_pool_recorder_find`, for the requests with that tag.
///
/// Threads: as `vp_pool_recorder_text`.
/// Lifetime: `tag` is borrowed.
/// Errors: as `vp_pool_recorder_find`; ERR_ARGUMENT also for what is no tag, or empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_recorder_find_tag(
    pool: *const vp_pool,
    tag: vp_str,
    format: u32,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> Status {
    let wanted = || {
        // SAFETY: the header.
        let tag = Tag::new(unsafe { tag.bytes() }?).unwrap_or_default();
        if tag.is_none() { Err(Status::ERR_ARGUMENT) } else { Ok(Wanted::Tagged(tag)) }
    };
    // SAFETY: the header.
    status(|| unsafe { find(pool, wanted, format, (buffer, capacity, needed)) })
}

/// # Safety
/// As the header demands of `pool`, and of the place of the text.
unsafe fn find(
    pool: *const vp_pool,
    wanted: impl FnOnce() -> Result<Wanted, Status>,
    format: u32,
    (buffer, capacity, needed): (*mut c_char, usize, *mut usize),
) -> Result<(), Status> {
    // SAFETY: the caller's promise.
    let pool = unsafe { borrow(pool) }?;
    let (writer, wanted) = (writer(format)?, wanted()?);
    let recording = pool.with_open(|pool| pool.recording_of(wanted))?;
    // SAFETY: the caller's promise.
    unsafe { write_text(&writer(&recording), buffer, capacity, needed) }
}

/// What writes that format.
fn writer(format: u32) -> Result<fn(&Recording) -> String, Status> {
    match format {
        VP_RECORDER_TEXT => Ok(text),
        VP_RECORDER_JSON => Ok(json),
        _ => Err(Status::ERR_ARGUMENT),
    }
}
