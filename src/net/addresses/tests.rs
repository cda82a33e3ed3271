//! The order of addresses, and what is remembered of them.

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
