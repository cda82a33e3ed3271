//! All counters, states and durations as a text, for monitors.

use std::ffi::c_char;
use std::slice;

use super::handle::vp_pool;
use super::text::write_text;
use super::{borrow, status};
use crate::error::Status;
use crate::metrics::open_metrics::{Samples, text};

/// The most pools of one text of `vp_metrics_text`.
pub const VP_METRICS_POOLS: usize = 1024;

/// Writes the counters, states and durations of a pool as a text of OpenMetrics 1.0, which
/// Prometheus reads: see docs/seeing-inside.md. As `vp_metrics_text` for that pool alone.
///
/// Threads: as `vp_metrics_text`.
/// Lifetime: none.
/// Errors: as `vp_metrics_text`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_metrics_text(
    pool: *const vp_pool,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let pool = unsafe { borrow(pool) }?;
        let samples = pool.with_open(|pool| Ok(pool.samples()))?;
        // SAFETY: the header.
        unsafe { write_text(&text(&[samples]), buffer, capacity, needed) }
    })
}

/// Writes the counters, states and durations of `count` pools as one text of OpenMetrics 1.0, at
/// most VP_METRICS_POOLS. Two texts cannot be joined: the format wants each metric in one place.
/// Each sample has the labels `pool`, the name of its thread (`vp_config_set_thread_name`), and
/// `host`. So pools of the same host need different names.
///
/// The text ends with NUL. `needed` is set to its length with the NUL, also when it does not fit;
/// then nothing is written. `buffer` may be NULL if `capacity` is 0. A text grows while it counts,
/// so give a buffer some room to spare. The call takes memory for the text, and frees it.
///
/// Threads: any, also in a callback. It may wait for a turn of each slot. An order waits for it for
/// at most one copy of 12 KiB.
/// Lifetime: none. The array and the pools are borrowed.
/// Errors: ERR_NULL, ERR_ARGUMENT for too many pools and for two of the same name and host,
/// ERR_TOO_LARGE if the text does not fit, ERR_FORKED, ERR_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_metrics_text(
    pools: *const *const vp_pool,
    count: usize,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> Status {
    status(|| {
        if count > VP_METRICS_POOLS {
            return Err(Status::ERR_ARGUMENT);
        }
        let pools = match count {
            0 => &[],
            _ if pools.is_null() => return Err(Status::ERR_NULL),
            // SAFETY: the header: so many pools are there.
            _ => unsafe { slice::from_raw_parts(pools, count) },
        };
        let mut all: Vec<Samples> = Vec::new();
        for pool in pools {
            // SAFETY: the header.
            let pool = unsafe { borrow(*pool) }?;
            let samples = pool.with_open(|pool| Ok(pool.samples()))?;
            if all.iter().any(|other| other.collides(&samples)) {
                return Err(Status::ERR_ARGUMENT);
            }
            all.push(samples);
        }
        // SAFETY: the header.
        unsafe { write_text(&text(&all), buffer, capacity, needed) }
    })
}
