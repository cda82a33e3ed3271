//! The task that watches the deadlines of all slots and of the queue.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::now_ns;
use crate::driver::Pool;
use crate::pool::watch_period::WatchPeriod;

/// The task that watches the deadlines until it is dropped.
pub(super) async fn keep_time(pool: Arc<Pool>) {
    let mut period = WatchPeriod::new(pool.policy.shortest_ns());
    loop {
        let armed = pool.keep_deadlines(period.ns());
        let sleep = Duration::from_nanos(armed.saturating_sub(now_ns()));
        tokio::select! {
            () = tokio::time::sleep(sleep) => period.slept(),
            () = pool.watches.deadlines.rearm.notified() => {
                period.woken(pool.next_deadline().saturating_sub(now_ns()));
            }
        }
    }
}
