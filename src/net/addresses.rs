//! In which order the addresses of a venue are tried.
//!
//! The resolver's order, with the families taking turns (RFC 8305 section 4), so that a broken IPv6
//! does not come before all of IPv4; and an address that failed not long ago goes behind the
//! others, so that a dead one costs one dial and not each. Connections are not spread over the good
//! addresses: the resolver has put the best one first, and rotates them if it wants them spread.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::time::Instant;

/// How long a failure counts against an address.
const MEMORY: Duration = Duration::from_secs(60);

/// What is remembered of addresses.
#[derive(Debug, Default)]
pub struct Addresses {
    /// Addresses that failed, and until when that counts.
    failed: Vec<(IpAddr, Instant)>,
}

impl Addresses {
    /// The addresses in the order in which they are to be tried.
    pub fn ordered(&mut self, resolved: &[SocketAddr], now: Instant) -> Vec<SocketAddr> {
        self.failed.retain(|(_, until)| *until > now);
        let is_good =
            |address: &&SocketAddr| !self.failed.iter().any(|failed| failed.0 == address.ip());
        let good = resolved.iter().copied().filter(|address| is_good(&address)).collect();
        let bad = resolved.iter().copied().filter(|address| !is_good(&address)).collect();
        let mut ordered = taking_turns(good);
        ordered.extend(taking_turns(bad));
        ordered
    }

    /// The address could not be connected, or its handshake failed.
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
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<SocketAddr> {
        let address = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 443);
        text.split_whitespace().map(address).collect()
    }

    #[test]
    fn families_take_turns_and_the_resolver_says_which_begins() {
        let (mut addresses, now) = (Addresses::default(), Instant::now());
        let ordered = addresses.ordered(&list("::1 ::2 ::3 1.0.0.1 1.0.0.2"), now);
        assert_eq!(ordered, list("::1 1.0.0.1 ::2 1.0.0.2 ::3"));
        let ordered = addresses.ordered(&list("1.0.0.1 ::1 ::2"), now);
        assert_eq!(ordered, list("1.0.0.1 ::1 ::2"));
        assert_eq!(addresses.ordered(&[], now), []);
    }

    #[test]
    fn a_failed_address_goes_behind_the_others_for_a_while() {
        let (mut addresses, start) = (Addresses::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let resolved = list("1.0.0.1 1.0.0.2 1.0.0.3");
        addresses.failed(resolved[0].ip(), at(5));
        assert_eq!(addresses.ordered(&resolved, at(6)), list("1.0.0.2 1.0.0.3 1.0.0.1"));
        addresses.failed(resolved[1].ip(), at(7));
        assert_eq!(addresses.ordered(&resolved, at(8)), list("1.0.0.3 1.0.0.1 1.0.0.2"));
        let later = addresses.ordered(&resolved, at(5) + MEMORY);
        assert_eq!(later, list("1.0.0.1 1.0.0.3 1.0.0.2"), "forgotten in time");
        addresses.worked(resolved[1].ip());
        assert_eq!(addresses.ordered(&resolved, at(8)), resolved);
    }

    #[test]
    fn when_all_have_failed_all_are_tried() {
        let (mut addresses, now) = (Addresses::default(), Instant::now());
        let resolved = list("1.0.0.1 ::1");
        resolved.iter().for_each(|address| addresses.failed(address.ip(), now));
        assert_eq!(addresses.ordered(&resolved, now), resolved);
    }
}
