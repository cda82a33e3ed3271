//! The time of the system's clock that never goes back.
//!
//! Read for each order several times, so it costs one call and nothing else.

use std::mem::MaybeUninit;

/// Nanoseconds of CLOCK_MONOTONIC (clock_gettime(2)). Never 0.
#[inline(always)]
#[allow(unsafe_code)]
pub fn monotonic_ns() -> u64 {
    let mut now = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: it writes a timespec. It fails for an unknown clock only, and every Linux has this
    // one.
    let now = unsafe {
        libc::clock_gettime(libc::CLOCK_MONOTONIC, now.as_mut_ptr());
        now.assume_init()
    };
    (now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64).max(1)
}
