//! The tasks that measure round trips, move slots to better addresses, and look the name up.
//!
//! Which slot is moved is decided in [`edges`](crate::pool::edges).

use std::sync::Arc;
use std::time::Duration;

use crate::driver::Pool;
use crate::net::dial_thread::DialThread;

/// The task that measures round trips and moves slots, until it is dropped.
pub(super) async fn watch_edges(pool: Arc<Pool>) {
    let edges = &pool.dialling.edges;
    loop {
        match edges.measure_ns {
            Some(ns) => tokio::select! {
                () = tokio::time::sleep(Duration::from_nanos(ns)) => {}
                () = edges.look.notified() => {}
            },
            None => edges.look.notified().await,
        }
        if edges.measure_ns.is_some() {
            pool.measure_round_trips();
        }
        pool.move_slots();
    }
}

/// The task that looks the name up in the background, until it is dropped.
pub(super) async fn resolve_again(pool: Arc<Pool>, dial_thread: Arc<DialThread>) {
    let edges = &pool.dialling.edges;
    loop {
        match edges.resolve_interval_ns {
            0 => edges.resolve.notified().await,
            ns => tokio::select! {
                () = tokio::time::sleep(Duration::from_nanos(ns)) => {}
                () = edges.resolve.notified() => {}
            },
        }
        let dialer = pool.dialling.ways.dialer.clone();
        // A failure is counted where the last good answer stands in; there is no more to tell.
        let _ = dial_thread.run(async move { dialer.resolve().await }).await;
    }
}

impl Pool {
    /// Lets the slots dial that are to be moved.
    fn move_slots(&self) {
        while let Some(slot) = self.dialling.edges.next_move() {
            self.slots[slot as usize].move_away();
        }
    }
}
