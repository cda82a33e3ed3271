//! From which local address a request goes.

use super::request::{build, vp_request};
use crate::error::Status;
use crate::source::Source;

/// No source of its own: a request goes on any slot.
pub const VP_SOURCE_ANY: u32 = u32::MAX;

/// Sets from which local address a request goes: its number, from 0, in the order of
/// `vp_config_set_bind_address` and `vp_config_add_bind_address`. VP_SOURCE_ANY until it is set,
/// and again to undo it. Stays until it is changed.
///
/// The request is sent only on a slot of that source. While none is free, it waits or is refused as
/// if no slot were free. It delays no one who waits for another source. The copies of
/// `vp_submit_fanout` all go from that source. See docs/sources.md.
///
/// A submit is refused with ERR_ADDRESS if the pool has no such source, or if the lease is of a
/// slot of another one. Nothing is sent then, and the lease stays.
///
/// Threads: one at a time.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT for a number above 63 that is not VP_SOURCE_ANY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_request_set_source(request: *mut vp_request, source: u32) -> Status {
    // SAFETY: the header.
    unsafe {
        build(request, |request| {
            request.set_source(match source {
                VP_SOURCE_ANY => Source::ANY,
                number => Source::from_number(number).ok_or(Status::ERR_ARGUMENT)?,
            });
            Ok(())
        })
    }
}
