//! Lanes: which requests go before others, and which slots are kept for them.

use super::config::{configure, vp_config};
use super::request::{build, vp_request};
use crate::error::Status;
use crate::lane::Lane;

/// The lane of cancels: its requests go before all others.
pub const VP_LANE_URGENT: u32 = 0;
/// The lane of orders, and of each request for which no lane is set.
pub const VP_LANE_ORDERS: u32 = 1;
/// The lane of questions about orders and accounts.
pub const VP_LANE_QUERIES: u32 = 2;
/// The lane of what has time, for example the synchronisation of an account.
pub const VP_LANE_BACKGROUND: u32 = 3;

/// Flag of `vp_config_set_lane`: requests of the lane are sent while the pool is suspended, too.
/// For cancels, if the venue takes them after a 429. If a pause closes the connections, they
/// wait for the first new one.
pub const VP_LANE_THROUGH_PAUSE: u32 = 1;

/// The lane of that number.
pub(super) fn lane(number: u32) -> Result<Lane, Status> {
    Lane::from_number(number).ok_or(Status::ERR_ARGUMENT)
}

/// Sets what is special about a lane. Lanes are for an engine whose urgent requests must not wait
/// behind others: a cancel goes out before the orders that wait, and a slow query never has the
/// last connection.
///
/// A lane is served before the lanes below it, which have larger numbers. Within a lane, requests
/// are served in the order of the submit calls. While a lane waits, at most 64 slots in a row that
/// it could have used go to lanes above it; then the next one is its own.
///
/// `reserved_slots` are kept for requests of this lane and of the lanes above it. A request of a
/// lane below gets a free slot only if so many others stay free. So reserve few: what is reserved
/// is not used for anything else, and while connections are being healed the lower lanes wait
/// first. A lease counts as an order. A pool whose lanes reserve all its slots does not open
/// (ERR_ARGUMENT).
///
/// `waiting_capacity` is how many requests of this lane may wait, 1 to 1,048,576; 0 means as many
/// as `vp_config_set_waiting_capacity` says. `flags` is 0 or VP_LANE_THROUGH_PAUSE.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_lane(
    config: *mut vp_config,
    lane: u32,
    reserved_slots: u32,
    waiting_capacity: u32,
    flags: u32,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_lane", |config| {
            let through_pause = match flags {
                0 => false,
                VP_LANE_THROUGH_PAUSE => true,
                _ => return Err(Status::ERR_ARGUMENT),
            };
            let lane = self::lane(lane)?;
            config.set_lane(lane, reserved_slots, waiting_capacity as usize, through_pause)
        })
    }
}

/// Sets the lane of a request: what it goes before when it has to wait, and which slots it may use.
/// VP_LANE_ORDERS until it is set. Stays until it is changed.
///
/// On a leased slot the lane says only whether the request is sent while the pool is suspended or
/// drained.
///
/// Threads: one at a time.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT for a number above 3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_request_set_lane(request: *mut vp_request, lane: u32) -> Status {
    // SAFETY: the header.
    unsafe {
        build(request, |request| {
            request.set_lane(self::lane(lane)?);
            Ok(())
        })
    }
}
