//! The page that a pool shares with `venuepool-top`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use super::handle::vp_pool;
use super::types::vp_str;
use super::{borrow, status};
use crate::error::Status;

/// The time between two writes when 0 is given, in nanoseconds.
pub const VP_PUBLISH_PERIOD_NS: u64 = 250_000_000;

/// The shortest time between two writes.
const SHORTEST_NS: u64 = 10_000_000;

/// The longest time between two writes: an hour.
const LONGEST_NS: u64 = 3_600_000_000_000;

/// Shares counters, states, durations, slots and addresses of the pool in a file, for
/// `venuepool-top`: see docs/top.md. The file is written anew each `period_ns`, 10 ms to 1 hour; 0
/// is VP_PUBLISH_PERIOD_NS. An empty path ends it, and removes the file. So does `vp_pool_close`.
/// A second call changes path and period.
///
/// No order waits for it, and no reader holds it up. It is written on a thread of its own,
/// "venuepool-pub", which all pools of the process share. Use a folder in memory, such as /dev/shm.
/// The file has no byte of a request or of an answer. Its mode is 0644 without the bits of the
/// umask.
///
/// The path must be free. A page of a process that has ended is replaced. Any other file is left as
/// it is, and the call answers ERR_FILE, as it does when the file cannot be made. A refused call
/// changes nothing; `vp_config_set_log` tells the reason in words.
///
/// Threads: any. It waits for the file system, so do not call it where orders wait.
/// Lifetime: `path` is copied.
/// Errors: ERR_NULL, ERR_ARGUMENT for the period and for a path with NUL, ERR_FILE, ERR_SYSTEM when
/// there can be no thread, ERR_FORKED, ERR_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_publish(
    pool: *mut vp_pool,
    path: vp_str,
    period_ns: u64,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let (pool, path) = unsafe { (borrow(pool)?, path.bytes()?) };
        let period_ns = if period_ns == 0 { VP_PUBLISH_PERIOD_NS } else { period_ns };
        if !(SHORTEST_NS..=LONGEST_NS).contains(&period_ns) || path.contains(&0) {
            return Err(Status::ERR_ARGUMENT);
        }
        pool.with_open(|pool| match path {
            [] => {
                pool.end_publishing();
                Ok(())
            }
            path => {
                let path = Path::new(OsStr::from_bytes(path));
                pool.publish(path, Duration::from_nanos(period_ns))
            }
        })
    })
}
