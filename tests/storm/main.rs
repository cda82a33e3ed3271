//! A thousand engines lose one venue at the same moment: how hard do they knock until it is back?
//!
//! 10,000 pools of four slots, driven by the pool's own policy (backoff, jitter, dial limit) and a
//! false clock. The venue is down for 30 s and then takes up to 2,000 connections a second. The
//! figures and the plot in docs/healing.md are made here, from a fixed seed, and compared with what
//! is committed; `UPDATE_DOCS=1 cargo test --test storm` rewrites them.

mod idle_ends;
mod plot;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write;
use std::path::PathBuf;

use venuepool::error::CloseReason;
use venuepool::pool::backoff::{Backoff, Bounds};
use venuepool::pool::dial_limit::{DialLimit, Purpose};

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;
const POOLS: usize = 10_000;
const SLOTS: usize = 4;
const DOWN_NS: u64 = 30 * S;
const END_NS: u64 = 90 * S;
/// Connections that the venue takes per second once it is back.
const ACCEPTS: u64 = 2_000;
/// From a dial to its refusal.
const ROUND_TRIP_NS: u64 = MS;
const BOUNDS: Bounds = Bounds { first_ns: 100 * MS, max_ns: 5 * S };

/// How the pools are set.
#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    jitter: bool,
    dials_per_second: Option<u32>,
}

const WAYS: [Way; 3] = [
    Way { name: "backoff alone", jitter: false, dials_per_second: None },
    Way { name: "with full jitter", jitter: true, dials_per_second: None },
    Way { name: "with full jitter and the dial limit", jitter: true, dials_per_second: Some(5) },
];

/// What came of it.
struct Storm {
    /// Dials in each tenth of a second.
    dials: Vec<u64>,
    /// When each slot was live again.
    healed_ns: Vec<u64>,
}

/// SplitMix64: repeatable from its seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// Lets all pools lose the venue at time 0. They notice within a millisecond of each other.
fn storm(way: Way) -> Storm {
    let mut random = Random(2026);
    let mut backoffs: Vec<_> = (0..POOLS * SLOTS).map(|_| Backoff::new(BOUNDS)).collect();
    let rate = way.dials_per_second.unwrap_or(1);
    let mut new_limit = || DialLimit::new(SLOTS as u32, rate, random.next());
    let mut limits: Vec<_> = (0..POOLS).map(|_| new_limit()).collect();
    let mut result =
        Storm { dials: vec![0; (END_NS / (100 * MS)) as usize], healed_ns: Vec::new() };
    let mut events = BinaryHeap::new();
    for (slot, backoff) in backoffs.iter_mut().enumerate() {
        backoff.next_delay(0);
        events.push(Reverse((random.next() % MS, slot)));
    }
    let (mut second, mut accepted) = (0, 0);
    while let Some(Reverse((now, slot))) = events.pop() {
        if now >= END_NS {
            break;
        }
        if way.dials_per_second.is_some() {
            let limit = &mut limits[slot / SLOTS];
            let wait_ns = limit.wait_ns(Purpose::Loss, now);
            if wait_ns > 0 {
                events.push(Reverse((now + wait_ns, slot)));
                continue;
            }
            limit.take(now);
        }
        result.dials[(now / (100 * MS)) as usize] += 1;
        if now / S != second {
            (second, accepted) = (now / S, 0);
        }
        if now >= DOWN_NS && accepted < ACCEPTS {
            accepted += 1;
            result.healed_ns.push(now + ROUND_TRIP_NS);
            continue;
        }
        let drawn = if way.jitter { random.next() } else { u64::MAX };
        let delay = backoffs[slot].next_delay(drawn);
        events.push(Reverse((now + ROUND_TRIP_NS + delay, slot)));
    }
    result
}

impl Storm {
    /// The most dials in one second, from `from_ns` on.
    fn peak(&self, from_ns: u64) -> u64 {
        let tenths = &self.dials[(from_ns / (100 * MS)) as usize..];
        tenths.windows(10).map(|second| second.iter().sum()).max().unwrap_or(0)
    }

    /// When so many of a hundred slots were live again, after the venue was.
    fn healed(&self, percent: usize) -> String {
        let needed = POOLS * SLOTS * percent / 100;
        match self.healed_ns.get(needed - 1) {
            Some(at) => format!("{:.1} s", at.saturating_sub(DOWN_NS) as f64 / 1e9),
            None => format!("over {} s", (END_NS - DOWN_NS) / S),
        }
    }
}

fn table(storms: &[Storm]) -> String {
    let mut text = String::from(
        "| | all dials | first second | most in a second after 10 s | half healed after | 99 % \
         healed after |\n|---|---|---|---|---|---|\n",
    );
    for (way, storm) in WAYS.iter().zip(storms) {
        let all: u64 = storm.dials.iter().sum();
        let first: u64 = storm.dials[..10].iter().sum();
        let later = storm.peak(10 * S);
        let (name, half, most) = (way.name, storm.healed(50), storm.healed(99));
        writeln!(text, "| {name} | {all} | {first} | {later} | {half} | {most} |").unwrap();
    }
    text
}

/// Compares a file with what it should hold, or writes it.
fn compare(path: &str, wanted: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "{}: run this test with UPDATE_DOCS=1", path.display());
}

#[test]
fn the_figures_in_the_docs_are_what_the_policy_does() {
    let storms = WAYS.map(storm);
    let names = WAYS.map(|way| way.name);
    let series: Vec<_> = names.iter().zip(&storms).map(|(name, s)| (*name, &s.dials[..])).collect();
    compare("docs/healing.svg", &plot::svg(&series));
    let page =
        std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/healing.md"));
    let page = page.unwrap();
    let (before, rest) = page.split_once("<!-- storm -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- /storm -->").unwrap();
    let table = table(&storms);
    let page = format!("{before}<!-- storm -->\n{table}<!-- /storm -->{after}");
    let (before, rest) = page.split_once("<!-- idle ends -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- /idle ends -->").unwrap();
    let table = idle_ends::table();
    let page = format!("{before}<!-- idle ends -->\n{table}<!-- /idle ends -->{after}");
    compare("docs/healing.md", &page);
}

#[test]
fn the_dial_limit_holds_for_each_pool_and_jitter_spreads_the_rest() {
    let [alone, jitter, limited] = WAYS.map(storm);
    // A burst of four or five, then five a second for each pool, whatever happens.
    assert!(limited.peak(0) <= (5 + 5) * POOLS as u64, "{}", limited.peak(0));
    assert!(limited.peak(2 * S) <= 5 * POOLS as u64, "{}", limited.peak(2 * S));
    assert!(jitter.peak(0) > limited.peak(0), "else the limit is good for nothing");
    assert!(jitter.peak(10 * S) * 3 < alone.peak(10 * S) * 2, "{}", jitter.peak(10 * S));
    for storm in [jitter, limited] {
        assert_eq!(storm.healed_ns.len(), POOLS * SLOTS, "everything heals");
    }
}

#[test]
fn a_venue_that_ends_idle_connections_in_order_leaves_every_pool_live() {
    for (slots, life_ns, max_ns) in
        [(1, 2 * S, 5 * S), (4, 2 * S, 5 * S), (1, 2 * S, 30 * S), (1, 10 * S, 30 * S)]
    {
        let bounds = Bounds { max_ns, ..BOUNDS };
        let venue = idle_ends::Venue { pools: 500, slots, bounds, ..idle_ends::default(life_ns) };
        let live = idle_ends::run(venue).live;
        assert!(
            live > 0.99,
            "{slots} slots, ended after {life_ns} ns: live for {live} of the time"
        );
    }
}

#[test]
fn a_venue_that_accepts_and_ends_at_once_is_dialled_less_and_less() {
    let at_once = idle_ends::run(idle_ends::default(MS)).dials_per_second;
    let reset = idle_ends::Venue { ends_with: CloseReason::IdleReset, ..idle_ends::default(MS) };
    assert_eq!(at_once, idle_ends::run(reset).dials_per_second, "an order makes no difference");
    // Never more than twice of what such a venue sees, whatever life it chooses.
    for life_ns in (1..40).map(|tenths| tenths * 100 * MS) {
        let seen = idle_ends::run(idle_ends::Venue { pools: 500, ..idle_ends::default(life_ns) });
        let all = seen.dials_per_second * (POOLS / 500) as f64;
        assert!(all < 2.0 * at_once, "{life_ns} ns: {all} dials a second, at once {at_once}");
    }
}
