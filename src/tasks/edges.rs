//! The tasks that measure round trips, move slots to better addresses, and look the name up; and
//! other addresses for them, which the engine sets.
//!
//! Which slot is moved is decided in [`edges`](crate::pool::edges).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::driver::Pool;
use crate::error::Status;
use crate::net::dial_thread::DialThread;
use crate::slot::Slot;

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
    /// Uses these addresses from now on; none: those of the name. Connections to others are
    /// replaced while they serve. Any thread.
    ///
    /// # Errors
    /// `ERR_ADDRESS` when the pool goes through a proxy or a Unix socket.
    pub fn set_addresses(&self, ips: &[IpAddr]) -> Result<(), Status> {
        let ways = &self.dialling.ways;
        if !ways.is_straight() {
            return Err(Status::ERR_ADDRESS);
        }
        let addresses = ips.iter().map(|ip| SocketAddr::new(*ip, ways.port)).collect();
        self.dialling.edges.pin(&ways.dialer.resolver, addresses);
        Ok(())
    }

    /// Asks the kernel for the round trip of each live connection.
    pub(crate) fn measure_round_trips(&self) {
        let sockets = self.slots.iter().filter_map(Slot::socket);
        sockets.for_each(|socket| self.dialling.edges.measure(&socket));
    }

    /// Lets the slots dial that are to be moved.
    fn move_slots(&self) {
        while let Some(slot) = self.dialling.edges.next_move() {
            self.slots[slot as usize].move_away();
        }
    }
}
