//! The addresses of the venue: which ones the slots use, and what is known of each.

use std::ffi::c_char;
use std::net::IpAddr;

use super::config::{configure, vp_config};
use super::handle::vp_pool;
use super::types::{VP_ADDRESS_TEXT, vp_address, vp_str};
use super::versioned::{struct_size, write_all};
use super::{borrow, count, status};
use crate::config::parse_addresses;
use crate::error::Status;
use crate::pool::edges::{EdgeHealth, Placement};

/// Placement: the first address that is good, in the order of the resolver or of the list. The
/// default.
pub const VP_PLACEMENT_IN_ORDER: i32 = 0;

/// Placement: the address with the fewest slots.
pub const VP_PLACEMENT_SPREAD: i32 = 1;

/// Placement: the address with the shortest round trip.
pub const VP_PLACEMENT_BEST: i32 = 2;

/// Placement: as `VP_PLACEMENT_BEST`, but one slot uses another address.
pub const VP_PLACEMENT_BEST_AND_OTHER: i32 = 3;

/// Sets to which of the venue's addresses the slots dial, a `VP_PLACEMENT_*`, and when live
/// connections are moved to another one. See docs/edges.md.
///
/// With `VP_PLACEMENT_BEST` and `VP_PLACEMENT_BEST_AND_OTHER`, a slot is moved when its address is
/// behind the best one: its round trip is longer by more than `margin_percent`, 1 to 1000. The best
/// one stays the best until another is shorter by that margin. With `VP_PLACEMENT_SPREAD` a
/// slot is moved when its address has two slots more than another. One slot is moved at a time, and
/// `between_moves_ns`, 1 ms to 1 day, is at least between two moves; 0 moves no live connection, so
/// that only slots that dial anyway choose. The new connection is live before the old one goes
/// (VP_CLOSE_REASON_MOVED), and its dial counts for the dial limit as a replacement.
///
/// Whatever the placement is, an address to which a dial failed within the last minute is tried
/// last. A placement does not go together with a proxy or a Unix socket: open refuses it as
/// ERR_ADDRESS.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_placement(
    config: *mut vp_config,
    placement: i32,
    margin_percent: u32,
    between_moves_ns: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_placement", |config| {
            let placement = match placement {
                VP_PLACEMENT_IN_ORDER => Placement::InOrder,
                VP_PLACEMENT_SPREAD => Placement::Spread,
                VP_PLACEMENT_BEST => Placement::Best,
                VP_PLACEMENT_BEST_AND_OTHER => Placement::BestAndOther,
                _ => return Err(Status::ERR_ARGUMENT),
            };
            config.set_placement(placement, margin_percent, between_moves_ns)
        })
    }
}

/// Sets how often the name is looked up in the background, 1 ms to 1 day; 0, the default, looks it
/// up for dials only. So the addresses of `vp_pool_addresses` are those of now, and the last good
/// answer, which stands in when the resolver fails, is fresh. Connections to addresses that are
/// left out of an answer stay.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_resolve_interval_ns(
    config: *mut vp_config,
    interval_ns: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_resolve_interval_ns", |config| {
            config.set_resolve_interval_ns(interval_ns)
        })
    }
}

/// Sets the IP addresses to connect to while the pool is open, at most 64, separated by commas.
/// They take the place of those of the name, or of `vp_config_set_addresses`. The name is still
/// used for Host, SNI and the certificate. An empty text looks the name up again.
///
/// A connection to an address that is not in the list is replaced while it serves, as fast as the
/// dial limit allows (VP_CLOSE_REASON_MOVED). If no address of the list can be connected, it stays.
/// An empty text replaces no connection.
///
/// Threads: any, also in a callback. Returns at once.
/// Lifetime: `addresses` is copied.
/// Errors: ERR_NULL, ERR_ADDRESS for what is no IP address, for too many, and when the pool goes
/// through a proxy or a Unix socket, ERR_FORKED, ERR_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_set_addresses(pool: *mut vp_pool, addresses: vp_str) -> Status {
    status(|| {
        // SAFETY: the header.
        let (pool, addresses) = unsafe { (borrow(pool)?, addresses.bytes()?) };
        let ips = parse_addresses(addresses)?;
        pool.with_open(|pool| pool.set_addresses(&ips))
    })
}

/// Reads what is known of up to `capacity` addresses of the venue, and returns how many were
/// written: those of the newest look-up or list, and others that were used before. None are when
/// the pool goes through a proxy or a Unix socket.
///
/// Threads: any. It asks the kernel for the round trip of each connection, and waits for no
/// exchange.
/// Lifetime: `out[]` is written; set the `struct_size` of the first, which is also the distance
/// from one to the next.
/// Errors: ERR_NULL, ERR_ARGUMENT for capacity 0, ERR_STRUCT_SIZE, ERR_FORKED, ERR_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_addresses(
    pool: *const vp_pool,
    out: *mut vp_address,
    capacity: usize,
) -> i32 {
    count(|| {
        // SAFETY: the header.
        let (pool, size) = unsafe { (borrow(pool)?, struct_size(out)?) };
        let (port, addresses) = pool.with_open(|pool| Ok((pool.port(), pool.addresses())))?;
        let addresses = addresses.iter().map(|address| vp_address::new(address, port));
        // SAFETY: the header: `capacity` structs of `size` bytes each.
        unsafe { write_all(out, size, capacity, addresses) }
    })
}

impl vp_address {
    fn new(edge: &EdgeHealth<IpAddr>, port: u16) -> Self {
        let seen = edge.seen;
        Self {
            struct_size: size_of::<Self>(),
            connect_min_ns: seen.connect_min_ns,
            connect_ns: seen.connect_ns,
            rtt_min_ns: seen.rtt_min_ns,
            rtt_ns: seen.rtt_ns,
            connections: seen.connections,
            failures: seen.failures,
            slots: edge.slots,
            port,
            is_listed: edge.is_listed.into(),
            address: ip_text(edge.address),
        }
    }
}

/// An IP address as text. The last byte stays NUL: the longest has 45 letters.
pub(super) fn ip_text(ip: IpAddr) -> [c_char; VP_ADDRESS_TEXT] {
    let mut text = [0; VP_ADDRESS_TEXT];
    for (to, from) in text.iter_mut().zip(ip.to_string().bytes()) {
        *to = from as c_char;
    }
    text
}
