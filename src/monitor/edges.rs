//! What is known of the venue's addresses, and of the connection of each slot.

use std::net::IpAddr;

use crate::driver::Pool;
use crate::net::path::Path;
use crate::pool::edges::EdgeHealth;

impl Pool {
    /// What is known of each slot's connection, in the order of their numbers.
    pub fn slot_paths(&self) -> Vec<Option<Path>> {
        self.dialling.edges.paths()
    }

    /// The addresses of the venue; none when the pool goes through a proxy or a Unix socket.
    pub fn addresses(&self) -> Vec<EdgeHealth<IpAddr>> {
        if !self.dialling.ways.is_straight() {
            return Vec::new();
        }
        self.measure_round_trips();
        self.dialling.edges.all()
    }

    /// The port of each of them.
    pub fn port(&self) -> u16 {
        self.dialling.ways.port
    }
}
