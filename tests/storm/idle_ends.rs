//! A venue that ends connections which nobody uses, again and again: what it sees of 10,000 pools,
//! and what the pools have of it.
//!
//! Ended in good order is a habit of the venue, ended by a reset is trouble; the same lives, once
//! in each way, show what the difference costs the venue and what it is worth to the pools.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write;

use venuepool::error::CloseReason;
use venuepool::pool::backoff::{Backoff, Bounds};
use venuepool::pool::connection_state::Loss;
use venuepool::pool::dial_limit::{DialLimit, Purpose};

use crate::{MS, ROUND_TRIP_NS, Random, S};

/// Counted from here on: what happens at the start is over.
const FROM_NS: u64 = 60 * S;
const UNTIL_NS: u64 = 120 * S;

/// How the pools are set, and how long the venue lets their connections live.
#[derive(Clone, Copy)]
pub(crate) struct Venue {
    pub(crate) pools: usize,
    pub(crate) slots: usize,
    pub(crate) bounds: Bounds,
    pub(crate) life_ns: u64,
    pub(crate) ends_with: CloseReason,
}

/// What came of it.
pub(crate) struct Seen {
    /// Dials of all pools together, in a second on average.
    pub(crate) dials_per_second: f64,
    /// Of the time of all slots, how much one was live.
    pub(crate) live: f64,
}

/// Runs the pools until the end. Each slot has one event to come: its next dial.
pub(crate) fn run(venue: Venue) -> Seen {
    let mut random = Random(2026);
    let slots = venue.pools * venue.slots;
    let mut backoffs: Vec<_> = (0..slots).map(|_| Backoff::new(venue.bounds)).collect();
    let mut new_limit = || DialLimit::new(venue.slots as u32, 5, random.next());
    let mut limits: Vec<_> = (0..venue.pools).map(|_| new_limit()).collect();
    let mut events = BinaryHeap::new();
    for (slot, backoff) in backoffs.iter_mut().enumerate() {
        backoff.next_delay(0);
        events.push(Reverse((random.next() % S, slot)));
    }
    let (mut dials, mut live_ns) = (0u64, 0u64);
    while let Some(Reverse((now, slot))) = events.pop() {
        if now >= UNTIL_NS {
            break;
        }
        let limit = &mut limits[slot / venue.slots];
        let wait_ns = limit.wait_ns(Purpose::Loss, now);
        if wait_ns > 0 {
            events.push(Reverse((now + wait_ns, slot)));
            continue;
        }
        limit.take(now);
        dials += u64::from(now >= FROM_NS);
        let backoff = &mut backoffs[slot];
        backoff.begins();
        backoff.came_up();
        let (born_ns, end_ns) = (now + ROUND_TRIP_NS, now + ROUND_TRIP_NS + venue.life_ns);
        live_ns += end_ns.min(UNTIL_NS).saturating_sub(born_ns.max(FROM_NS));
        let (reason, lifetime_ns) = (venue.ends_with, venue.life_ns);
        let loss =
            Loss { reason, lifetime_ns, answered: false, replaced: false, unheard_since_ns: 0 };
        backoff.lost(&loss, 0);
        events.push(Reverse((end_ns + backoff.next_delay(random.next()), slot)));
    }
    let time_ns = UNTIL_NS - FROM_NS;
    let live = live_ns as f64 / (time_ns as f64 * slots as f64);
    Seen { dials_per_second: dials as f64 / (time_ns as f64 / 1e9), live }
}

/// The lives that are shown.
const LIVES_NS: [u64; 7] = [MS, 500 * MS, 1_400 * MS, 1_600 * MS, 2 * S, 4 * S, 10 * S];

/// The table of docs/healing.md: pools of four slots, with the default delays.
pub(crate) fn table() -> String {
    let mut text = String::from(
        "| ended after | in good order: dials per second | live | by a reset: dials per second | \
         live |\n|---|---|---|---|---|\n",
    );
    for life_ns in LIVES_NS {
        let [order, reset] = [CloseReason::IdleClosed, CloseReason::IdleReset].map(|ends_with| {
            let Seen { dials_per_second, live } = run(Venue { ends_with, ..default(life_ns) });
            format!("{dials_per_second:.0} | {:.1} %", live * 100.0)
        });
        writeln!(text, "| {} s | {order} | {reset} |", life_ns as f64 / 1e9).unwrap();
    }
    text
}

/// 10,000 pools of four slots with the default delays, and a venue that ends them in good order.
pub(crate) fn default(life_ns: u64) -> Venue {
    let (pools, slots, bounds) = (crate::POOLS, crate::SLOTS, crate::BOUNDS);
    Venue { pools, slots, bounds, life_ns, ends_with: CloseReason::IdleClosed }
}
