//! The time of the system's clock that never goes back.
//!
//! Read for each order several times, so it costs one call and nothing else.

/// Nanoseconds of CLOCK_MONOTONIC (clock_gettime(2)). Never 0.
#[inline(always)]
#[allow(unsafe_code)]
pub fn monotonic_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it writes to a timespec. It fails for an unknown clock only, and every Linux has this
    // one.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    (now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64).max(1)
}
