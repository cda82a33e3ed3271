//! In which order the addresses of a venue are tried.
//!
//! The resolver's order, with the families taking turns (RFC 8305 section 4), so that a broken IPv6
//! does not come before all of IPv4; and an address that failed not long ago goes behind the
//! others, so that a dead one costs one dial and not each. Whoever places slots may put the good
//! ones into another order ([`Placing`]). Without that the resolver's holds: it has put the best
//! one first, and rotates them if it wants them spread.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::time::Instant;

/// How long a failure counts against an address.
const MEMORY: Duration = Duration::from_secs(60);

/// Says which of the good addresses a slot tries first, and is told which ones have failed.
pub trait Placing: Send + Sync {
    /// The name has these addresses now.
    fn resolved(&self, addresses: &[SocketAddr]);

    /// The dial of the slot begins: the order in which it tries these.
    fn order(&self, slot: u32, good: Vec<SocketAddr>) -> Vec<SocketAddr>;

    /// The address could not be connected, or its handshake failed.
    fn failed(&self, ip: IpAddr);
}

/// What is remembered of addresses.
#[derive(Debug, Default)]
pub struct Addresses {
    /// Addresses that failed, and until when that counts.
    failed: Vec<(IpAddr, Instant)>,
}

impl Addresses {
    /// The addresses in the order in which they are to be tried.
    pub fn ordered(&mut self, resolved: &[SocketAddr], now: Instant) -> Vec<SocketAddr> {
        let (mut ordered, bad) = self.good_and_bad(resolved, now);
        ordered.extend(bad);
        ordered
    }

    /// The same, but those that failed not long ago are apart.
    pub fn good_and_bad(
        &mut self,
        resolved: &[SocketAddr],
        now: Instant,
    ) -> (Vec<SocketAddr>, Vec<SocketAddr>) {
        self.failed.retain(|(_, until)| *until > now);
        let is_good =
            |address: &&SocketAddr| !self.failed.iter().any(|failed| failed.0 == address.ip());
        let good = resolved.iter().copied().filter(|address| is_good(&address)).collect();
        let bad = resolved.iter().copied().filter(|address| !is_good(&address)).collect();
        (taking_turns(good), taking_turns(bad))
    }

    /// The address could not be connected, or its handshake failed, and not for want of
    /// something on this machine: that says nothing of it.
    pub fn failed(&mut self, ip: IpAddr, now: Instant) {
        self.worked(ip);
        self.failed.push((ip, now + MEMORY));
    }

    /// The address gave a live connection.
    pub fn worked(&mut self, ip: IpAddr) {
        self.failed.retain(|failed| failed.0 != ip);
    }
}

/// One of the first address's family, one of the other, and so on.
fn taking_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else { return addresses };
    let first_is_v6 = first.is_ipv6();
    let (mut one, mut other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut ordered = Vec::with_capacity(one.len() + other.len());
    let (mut one, mut other) = (one.drain(..), other.drain(..));
    loop {
        let turn = [one.next(), other.next()];
        if turn == [None, None] {
            return ordered;
        }
        ordered.extend(turn.into_iter().flatten());
    }
}

#[cfg(test)]
mod tests;
