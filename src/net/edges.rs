//! The addresses of a pool's venue, and what its dials and round trips have shown of them.
//!
//! It decides nothing. Where a slot dials, and which one is moved, is decided in
//! [`edges`](crate::pool::edges). Its lock is held for arithmetic only.

use std::net::{IpAddr, SocketAddr};
use std::sync::PoisonError;

use super::addresses::Placing;
use super::evidence;
use super::path::Path;
use super::resolve::Resolver;
use super::socket::Socket;
use crate::clock::now_ns;
use crate::config::Config;
use crate::pool::dispatch::SlotIndex;
use crate::pool::edges::{EdgeHealth, Edges as Policy};
use crate::sync::{Mutex, MutexGuard, Notify};

/// The edges of a pool.
pub(crate) struct Edges {
    known: Mutex<Known>,
    /// `None`: nothing is to be done at times.
    pub(crate) measure_ns: Option<u64>,
    pub(crate) resolve_interval_ns: u64,
    /// A slot is to be moved at once.
    pub(crate) look: Notify,
    /// The name is to be looked up at once.
    pub(crate) resolve: Notify,
}

struct Known {
    policy: Policy<IpAddr>,
    paths: Vec<Paths>,
}

/// The connections of one slot.
#[derive(Clone, Copy, Default)]
struct Paths {
    serves: Option<Path>,
    /// Of the one that waits to take over.
    next: Option<Path>,
}

impl Edges {
    /// Nothing was dialled yet.
    pub(crate) fn new(config: &Config) -> Self {
        let (slots, settings) = (config.connections(), config.edges());
        let rules = settings.placement;
        let mut policy = Policy::new(slots as u32, rules);
        policy.pinned(&config.sockets().addresses);
        let paths = vec![Paths::default(); slots];
        Self {
            known: Mutex::new(Known { policy, paths }),
            measure_ns: rules.measure_every_ns(),
            resolve_interval_ns: settings.resolve_interval_ns,
            look: Notify::new(),
            resolve: Notify::new(),
        }
    }

    /// The dial of the slot has brought a connection.
    pub(crate) fn dialled(&self, slot: u32, path: &Path) {
        let mut known = self.known();
        known.paths[slot as usize].next = Some(*path);
        if let Some(peer) = path.peer {
            known.policy.dialled(slot, peer.ip(), path.connect_ns, now_ns());
        }
    }

    /// The dial of the slot has failed.
    pub(crate) fn dial_failed(&self, slot: u32) {
        self.known().policy.dial_failed(slot);
    }

    /// The connection that was dialled last serves.
    pub(crate) fn serves(&self, slot: u32) {
        let mut known = self.known();
        let paths = &mut known.paths[slot as usize];
        *paths = Paths { serves: paths.next.take(), next: None };
        known.policy.serves(slot);
        let is_to_go = known.policy.has_removed();
        drop(known);
        if is_to_go {
            self.look.notify_one();
        }
    }

    /// The slot has no connection any more.
    pub(crate) fn lost(&self, slot: u32) {
        let mut known = self.known();
        known.paths[slot as usize] = Paths::default();
        known.policy.lost(slot);
    }

    /// What is known of the slot's connection.
    pub(crate) fn path(&self, slot: u32) -> Option<Path> {
        self.known().paths[slot as usize].serves
    }

    /// What is known of the connection of each slot, in the order of their numbers.
    pub(crate) fn paths(&self) -> Vec<Option<Path>> {
        self.known().paths.iter().map(|paths| paths.serves).collect()
    }

    /// All addresses of the venue, with what is known of them.
    pub(crate) fn all(&self) -> Vec<EdgeHealth<IpAddr>> {
        self.known().policy.all()
    }

    /// Uses these addresses from now on; none: those of the name, which is looked up if need be.
    pub(crate) fn pin(&self, resolver: &Resolver, addresses: Vec<SocketAddr>) {
        let ips: Vec<_> = addresses.iter().map(SocketAddr::ip).collect();
        let mut known = self.known();
        // Under the lock, so that of two calls the later one holds for both.
        resolver.pin(addresses);
        let is_looked_up = known.policy.pinned(&ips);
        drop(known);
        if is_looked_up {
            self.resolve.notify_one();
        }
        self.look.notify_one();
    }

    /// Asks the kernel for the round trip of a connection.
    pub(crate) fn measure(&self, socket: &Socket) {
        // The socket says where it goes: the slot's task may not have told yet of a replacement.
        if let (Ok(peer), Some(trip)) = (socket.peer_addr(), evidence::round_trip(socket)) {
            let (smoothed_ns, min_ns) = (trip.smoothed_ns, trip.min_ns);
            self.known().policy.measured(peer.ip(), smoothed_ns, min_ns, now_ns());
        }
    }

    /// Whether that is an address of the venue.
    pub(crate) fn knows(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.known().policy.all().iter().any(|edge| edge.address.to_canonical() == ip)
    }

    /// The slot that is to be moved now, if there is one.
    pub(crate) fn next_move(&self) -> Option<SlotIndex> {
        self.known().policy.next_move(now_ns())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Placing for Edges {
    fn resolved(&self, addresses: &[SocketAddr]) {
        let ips: Vec<_> = addresses.iter().map(SocketAddr::ip).collect();
        self.known().policy.looked_up(&ips);
    }

    fn order(&self, slot: u32, good: Vec<SocketAddr>) -> Vec<SocketAddr> {
        let ips: Vec<_> = good.iter().map(SocketAddr::ip).collect();
        let order = self.known().policy.begins(slot, &ips, now_ns());
        let address = |ip: IpAddr| good.iter().find(|address| address.ip() == ip).copied();
        order.into_iter().filter_map(address).collect()
    }

    fn failed(&self, ip: IpAddr) {
        self.known().policy.failed(ip, now_ns());
    }
}
