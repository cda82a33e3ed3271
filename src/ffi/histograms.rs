//! Histograms: what took how long, for the pool, for each slot and for each address.

use std::ffi::c_char;

use super::config::{switch, vp_config};
use super::handle::vp_pool;
use super::text::write_text;
use super::types::{vp_str, vp_summary};
use super::versioned::{struct_size, write_sized};
use super::{borrow, borrow_mut, status};
use crate::config::parse_address;
use crate::error::Status;
use crate::metrics::Kind;
use crate::metrics::snapshot::Snapshot;

/// How long requests waited in the queue, also those that ended there.
pub const VP_HISTOGRAM_QUEUE_WAIT: u32 = 0;
/// From `write_begin_ns` to `write_ns`: encryption and `send`.
pub const VP_HISTOGRAM_WRITE: u32 = 1;
/// From `write_ns` to `first_byte_ns`: the network and the venue.
pub const VP_HISTOGRAM_FIRST_BYTE: u32 = 2;
/// From `submit_ns` to `done_ns`, whatever the outcome: a request that ran out of time counts, too.
pub const VP_HISTOGRAM_TOTAL: u32 = 3;
/// Of each dial that succeeded: until the socket was connected, the look-up of the name left out.
pub const VP_HISTOGRAM_CONNECT: u32 = 4;
/// Of each dial that succeeded: the TLS handshake.
pub const VP_HISTOGRAM_HANDSHAKE: u32 = 5;
/// Of each heartbeat that was answered: from its first byte to the end of the answer.
pub const VP_HISTOGRAM_HEARTBEAT: u32 = 6;
/// How long a slot had no live connection: from the loss to the next connection.
pub const VP_HISTOGRAM_HEAL: u32 = 7;

/// Slot of `vp_pool_histogram`: all slots together, and the requests that never had one.
pub const VP_ALL_SLOTS: u32 = u32::MAX;

/// Flag of `vp_pool_histogram` and `vp_pool_address_histogram`: what is given counts from zero
/// again.
pub const VP_HISTOGRAM_RESET: u32 = 1;

/// Flag of `vp_histogram_log`: the lines that begin a log come first.
pub const VP_HISTOGRAM_LOG_HEAD: u32 = 1;

/// A histogram of durations at one moment. It does not change any more.
pub struct vp_histogram {
    snapshot: Snapshot,
}

/// Counts durations in histograms (on when not 0, the default). They reserve about 110 KiB for each
/// slot and 100 KiB for each address, of which only pages with a count in them take memory. Without
/// them `vp_pool_histogram` and `vp_pool_address_histogram` answer ERR_NOT_FOUND. See
/// docs/seeing-inside.md.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_histograms(config: *mut vp_config, on: i32) -> Status {
    // SAFETY: the header.
    unsafe { switch(config, |config| config.set_histograms(on != 0)) }
}

/// Gives a histogram as it is now: `kind` is a VP_HISTOGRAM_ constant, `slot` the number of a slot
/// or VP_ALL_SLOTS.
///
/// A histogram keeps two significant digits of durations from 64 ns to 60 s; longer ones count as
/// 60 s. With the flag VP_HISTOGRAM_RESET it counts from zero again. No duration is lost or given
/// twice, so a call each second makes the intervals of a log.
///
/// Threads: any, also in a callback. An order waits for it for at most three passes over 12 KiB.
/// Lifetime: `out` is yours, and independent of the pool; `vp_histogram_free` frees it.
/// Errors: ERR_NULL, ERR_ARGUMENT for another kind, slot or flag, ERR_NOT_FOUND if the pool has no
/// histograms, ERR_FORKED, ERR_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_histogram(
    pool: *const vp_pool,
    kind: u32,
    slot: u32,
    flags: u32,
    out: *mut *mut vp_histogram,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let (pool, out) = unsafe { (borrow(pool)?, borrow_mut(out)?) };
        let kind = Kind::from_number(kind).ok_or(Status::ERR_ARGUMENT)?;
        let slot = (slot != VP_ALL_SLOTS).then_some(slot);
        let resets = flag(flags, VP_HISTOGRAM_RESET)?;
        let snapshot = pool.with_open(|pool| pool.histogram(kind, slot, resets))?;
        *out = Box::into_raw(Box::new(vp_histogram { snapshot }));
        Ok(())
    })
}

/// Gives a histogram of the connections to one address, as it is now: `kind` is a VP_HISTOGRAM_
/// constant, `address` an IP address as text, such as `vp_address.address`.
///
/// An order and a heartbeat count for the address that they were sent to. A dial counts for the one
/// that was connected, and a heal for the one at which the slot came back. The address is the peer
/// of the TCP connection: behind a proxy, the proxy. Over a Unix socket there is none. Requests
/// that never had a slot are in the histogram of the pool only. An address of `vp_pool_addresses`
/// to which no connection was made has an empty histogram.
///
/// Precision and reset are those of `vp_pool_histogram`. A reset here changes no histogram of a
/// slot or of the pool, and a reset there changes none of an address. The pool remembers 128
/// addresses, and all that slots use. Then the oldest one that no slot uses is forgotten.
///
/// Threads: any, also in a callback. An order waits for it for at most three passes over 12 KiB.
/// Lifetime: `address` is read in the call. `out` is yours, and independent of the pool;
/// `vp_histogram_free` frees it.
/// Errors: ERR_NULL, ERR_ARGUMENT for another kind or flag, ERR_ADDRESS for what is no IP address,
/// ERR_NOT_FOUND for an unknown one and without histograms, ERR_FORKED, ERR_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_address_histogram(
    pool: *const vp_pool,
    kind: u32,
    address: vp_str,
    flags: u32,
    out: *mut *mut vp_histogram,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let (pool, address, out) = unsafe { (borrow(pool)?, address.bytes()?, borrow_mut(out)?) };
        let kind = Kind::from_number(kind).ok_or(Status::ERR_ARGUMENT)?;
        let resets = flag(flags, VP_HISTOGRAM_RESET)?;
        let ip = parse_address(address)?;
        let snapshot = pool.with_open(|pool| pool.address_histogram(kind, ip, resets))?;
        *out = Box::into_raw(Box::new(vp_histogram { snapshot }));
        Ok(())
    })
}

/// Frees a histogram. NULL is allowed.
///
/// Threads: any; no other call uses it.
/// Lifetime: it is gone.
/// Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_histogram_free(histogram: *mut vp_histogram) {
    super::guard((), || {
        if !histogram.is_null() {
            // SAFETY: the header: it came from a pool, and nothing uses it any more.
            drop(unsafe { Box::from_raw(histogram) });
        }
    });
}

/// Reads the most important numbers of a histogram.
///
/// Threads: any.
/// Lifetime: `out` is written; set its `struct_size` first.
/// Errors: ERR_NULL, ERR_STRUCT_SIZE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_histogram_summary(
    histogram: *const vp_histogram,
    out: *mut vp_summary,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let (histogram, size) = unsafe { (borrow(histogram)?, struct_size(out)?) };
        let summary = vp_summary::new(&histogram.snapshot.summary());
        // SAFETY: the header; `size` is what the caller's struct has.
        unsafe { write_sized(out, size, &summary) };
        Ok(())
    })
}

/// Gives the duration that `percentile` percent of all do not exceed, in nanoseconds; 0 if there is
/// none. For example 50 for the median, and 99.9.
///
/// Threads: any.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT for what is not between 0 and 100.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_histogram_percentile(
    histogram: *const vp_histogram,
    percentile: f64,
    out_ns: *mut u64,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let (histogram, out) = unsafe { (borrow(histogram)?, borrow_mut(out_ns)?) };
        *out = histogram.snapshot.at_percentile(percentile).ok_or(Status::ERR_ARGUMENT)?;
        Ok(())
    })
}

/// Writes the histogram as a line of an HdrHistogram log (V2, compressed, in base64), which the
/// tools of HdrHistogram read. The tag is the kind, such as `first_byte`. Durations are in
/// nanoseconds, the maximum of the interval is in milliseconds. Start and end are by the system's
/// clock. Flag VP_HISTOGRAM_LOG_HEAD: for the first line of a file.
///
/// The text ends with NUL. `needed` is set to its length with the NUL, also when it does not fit;
/// then nothing is written. `buffer` may be NULL if `capacity` is 0.
///
/// Threads: any.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT for another flag, ERR_TOO_LARGE if it does not fit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_histogram_log(
    histogram: *const vp_histogram,
    flags: u32,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let histogram = unsafe { borrow(histogram) }?;
        let with_head = flag(flags, VP_HISTOGRAM_LOG_HEAD)?;
        // SAFETY: the header.
        unsafe { write_text(&histogram.snapshot.log(with_head), buffer, capacity, needed) }
    })
}

/// Writes the table of percentiles (.hgrm), in microseconds, which the plotters of HdrHistogram
/// read.
///
/// Threads: any.
/// Lifetime: none.
/// Errors: as `vp_histogram_log`, which also tells of `buffer`, `capacity` and `needed`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_histogram_percentile_table(
    histogram: *const vp_histogram,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let histogram = unsafe { borrow(histogram) }?;
        // SAFETY: the header.
        unsafe { write_text(&histogram.snapshot.percentile_table(), buffer, capacity, needed) }
    })
}

/// Whether the one flag that is known is set.
fn flag(flags: u32, known: u32) -> Result<bool, Status> {
    match flags {
        0 => Ok(false),
        _ if flags == known => Ok(true),
        _ => Err(Status::ERR_ARGUMENT),
    }
}
