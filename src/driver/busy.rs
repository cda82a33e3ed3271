//! Busy polling: the pool thread looks at what is in flight all the time, and never sleeps.
//!
//! An answer is then found without the wake-up that follows an interrupt, at the price of a CPU.
//! For thread drive: in caller drive the engine's own thread is the one that may spin.

use std::sync::Arc;

use super::{Pool, thread_pools};

/// Looks between two turns of the runtime, which serves everything else.
const LOOKS: u32 = 16;

/// The task that looks, until it is dropped.
pub(super) async fn look_all_the_time(pool: Arc<Pool>) {
    if !pool.policy.busy_poll || pool.delivery.caller.is_some() {
        return;
    }
    // With others on the thread each has a look in turn.
    let looks = if thread_pools::are_there() { 1 } else { LOOKS };
    loop {
        for _ in 0..looks {
            pool.drive_in_flight();
            pool.delivery.completions.ring();
            std::hint::spin_loop();
        }
        tokio::task::yield_now().await;
    }
}
