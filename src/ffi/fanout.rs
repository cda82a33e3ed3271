//! Orders that are sent on several connections.

use super::handle::vp_pool;
use super::request::vp_request;
use super::submit::{give, when_busy};
use super::{borrow, borrow_mut, status};
use crate::error::Status;
use crate::pool::fanout::{Completes, FanoutRules, MAX_COPIES};

/// Fan-out flag: only an answer with a status from 200 to 299 completes the order, while another
/// copy may still bring one.
pub const VP_FANOUT_FIRST_SUCCESS: u32 = 2;

/// Fan-out flag: the function of `vp_request_set_on_send` signs each copy anew, and the venue
/// accepts each of them. Without it a request with such a function is refused.
pub const VP_FANOUT_SIGN_EACH: u32 = 4;

/// The most copies of `vp_submit_fanout`.
pub const VP_MAX_COPIES: u32 = 8;

const _: () = assert!(VP_MAX_COPIES == MAX_COPIES);

/// Sends the same request on up to `copies` connections. THE VENUE RECEIVES THE ORDER MORE THAN
/// ONCE. It must know the order by its client order id, and must refuse the second one.
///
/// With `hedge_after_ns` 0, all copies are sent at once, each on a free connection of its own.
/// Otherwise one copy is sent at once. A further one is sent each time that `hedge_after_ns` passes
/// without an answer, and when all copies that were sent have ended without one. Connections to
/// other addresses are used first. The first copy is sent as `vp_submit` sends a request, and may
/// wait with `VP_QUEUE`. A further copy never waits: without a free connection it is not sent.
///
/// There is one completion. It is that of the first answer, or with `VP_FANOUT_FIRST_SUCCESS` of
/// the first answer from 200 to 299. `slot` says which copy that was, and `copies_sent` how many
/// left. Without such an answer it is that of the copy that got furthest: NOT_SENT only when no
/// copy left. Answers of other copies are told as LATE_RESPONSE events with the same id. A copy
/// that is not sent yet is withdrawn. `vp_cancel` cancels all copies.
///
/// Threads: any, also in a callback. A copy that a hedge has made due is sent on the pool thread.
/// One that follows because all others have ended is sent on the thread that drives.
/// Lifetime: the pool keeps nothing of `request`.
/// Errors: as `vp_submit`. ERR_ARGUMENT for copies 0 or more than `VP_MAX_COPIES`. ERR_ARGUMENT for
/// a request that is signed when it is sent, unless `VP_FANOUT_SIGN_EACH` is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_submit_fanout(
    pool: *mut vp_pool,
    request: *mut vp_request,
    copies: u32,
    hedge_after_ns: u64,
    flags: u32,
    out_id: *mut u64,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let (pool, request) = unsafe { (borrow(pool)?, borrow_mut(request)?) };
        let own = VP_FANOUT_FIRST_SUCCESS | VP_FANOUT_SIGN_EACH;
        let when_busy = when_busy(flags & !own)?;
        let is_signed_once = request.request.is_late() && flags & VP_FANOUT_SIGN_EACH == 0;
        if !(1..=MAX_COPIES).contains(&copies) || is_signed_once {
            return Err(Status::ERR_ARGUMENT);
        }
        let completes = match flags & VP_FANOUT_FIRST_SUCCESS {
            0 => Completes::First,
            _ => Completes::FirstSuccess,
        };
        let rules = FanoutRules { copies, hedge_after_ns, completes };
        let callback = request.callback.clone();
        let submit = |request| {
            pool.with_open(|pool| pool.submit_fanout(request, callback, when_busy, rules))
        };
        let id = submit(&mut request.request)?;
        // SAFETY: the header.
        unsafe { give(out_id, id) };
        Ok(())
    })
}
