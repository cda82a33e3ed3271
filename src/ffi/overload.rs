//! Configuration, continued: which requests are still sent when the venue cannot keep up.

use super::config::{configure, vp_config};
use crate::error::Status;

/// For `vp_config_set_exchange_time_ns`: the pool measures how long its exchanges take.
pub const VP_EXCHANGE_TIME_MEASURED: u64 = u64::MAX;

/// Sets how much time a request must have left before its deadline to be sent. A request with less
/// time ends at once with outcome TIMEOUT and wire state NOT_SENT: it was not executed. Without
/// this rule, a pool that falls behind sends requests that the venue executes too late
/// (docs/overload.md).
///
/// `needed_ns` is 1 us to 1 day, or one of two special values. With `VP_EXCHANGE_TIME_MEASURED`,
/// the default, the pool learns the time from its own recent exchanges. With 0 it sends each
/// request until its deadline.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_exchange_time_ns(
    config: *mut vp_config,
    needed_ns: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_exchange_time_ns", |config| {
            config.set_exchange_time_ns(needed_ns)
        })
    }
}
