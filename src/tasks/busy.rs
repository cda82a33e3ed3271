//! Busy polling: the pool thread looks at what is in flight all the time, and never sleeps.
//!
//! An answer is then found without the wake-up that follows an interrupt, at the price of a CPU.
//! For thread drive: in caller drive the engine's own thread is the one that may spin.

use std::sync::Arc;

use crate::completion::queue::Taker;
use crate::driver::Pool;
use crate::pool::driving::BUSY_LOOKS;

/// The task that looks, until it is dropped.
pub(super) async fn look_all_the_time(pool: Arc<Pool>) {
    if !pool.policy.busy_poll || pool.delivery.caller.is_some() {
        return;
    }
    loop {
        if pool.lifetime.turns.is_some() {
            look_in_turn(&pool).await;
        } else {
            for _ in 0..BUSY_LOOKS {
                pool.drive_in_flight(&mut Taker::none());
                pool.delivery.completions.ring();
                std::hint::spin_loop();
            }
        }
        tokio::task::yield_now().await;
    }
}

/// One look at each connection, with others on the thread: within what the pool may do.
async fn look_in_turn(pool: &Pool) {
    for slot in pool.slots.in_flight.iter() {
        let turn = pool.next_turn().await;
        let received = pool.drive_slot(slot, &mut Taker::none());
        turn.into_iter().for_each(|turn| turn.end(received));
    }
    pool.delivery.completions.ring();
}
