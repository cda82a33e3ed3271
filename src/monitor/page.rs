//! Puts together the page of a pool for monitors.
//!
//! It runs on the publishing thread. Counters are read without a lock. The dispatcher is locked for
//! its counts, each slot for its state and for copies of its durations, as for any snapshot.

use std::array::from_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::NEVER;
use crate::clock::{now_ns, wall_ns};
use crate::driver::Pool;
use crate::error::{CloseReason, Outcome, Status, WireState};
use crate::metrics::Kind;
use crate::metrics::snapshot::Snapshot;
use crate::net::path::Path;
use crate::pool::health::SlotHealth;
use crate::publish::layout::encode;
use crate::publish::page::{
    Address, Durations, Page, Percentiles, Rate, Slot, State, Totals, Writer,
};
use crate::publish::process::this_process;

/// Rates are of at least so much time, in nanoseconds.
const RATE_NS: u64 = 1_000_000_000;

/// Recent durations are those of one to two times so much, in nanoseconds.
const RECENT_NS: u64 = 10_000_000_000;

/// Round trips are asked for at most so often, in nanoseconds.
const MEASURE_NS: u64 = 1_000_000_000;

/// What a pool publishes: its pages, one after the other.
pub(super) struct Publication {
    pool: Arc<Pool>,
    writer: Writer,
    period_ns: u64,
    sequence: u64,
    rate: Rate,
    counted: Counted,
    /// Recent durations are those since the first of these; then the second takes its place.
    earlier: [Moment; 2],
    addresses: Vec<Address>,
    measured_ns: u64,
    bytes: Vec<u8>,
}

/// Requests up to one moment.
#[derive(Clone, Copy)]
struct Counted {
    ns: u64,
    accepted: u64,
    ended: u64,
}

/// The durations of each kind up to one moment; none if the pool does not count them.
#[derive(Clone)]
struct Moment {
    ns: u64,
    kinds: Arc<[Snapshot]>,
}

impl Publication {
    /// Nothing was written yet.
    pub(super) fn new(pool: Arc<Pool>, period: Duration) -> Self {
        let (counted, moment) = (Counted::now(&pool), Moment::now(&pool));
        Self {
            pool,
            writer: this_process(),
            period_ns: period.as_nanos() as u64,
            sequence: 0,
            rate: Rate::default(),
            counted,
            earlier: [moment.clone(), moment],
            addresses: Vec::new(),
            measured_ns: 0,
            bytes: Vec::new(),
        }
    }

    /// The page of now.
    pub(super) fn next_page(&mut self) -> &[u8] {
        self.sequence += 1;
        self.count_requests();
        self.look_at_addresses();
        let moment = Moment::now(&self.pool);
        let mut page = Page {
            sequence: self.sequence,
            writer: self.writer,
            period_ns: self.period_ns,
            name: self.pool.reporting.name.to_string(),
            host: self.pool.host(),
            state: self.pool.page_state(!moment.kinds.is_empty()),
            rate: self.rate,
            totals: self.pool.page_totals(),
            durations: moment.durations(&self.earlier[0]),
            recent_ns: moment.ns - self.earlier[0].ns,
            slots: self.pool.page_slots(),
            addresses: self.addresses.clone(),
            written_ns: now_ns(),
            written_wall_ns: wall_ns(),
        };
        if moment.ns - self.earlier[1].ns >= RECENT_NS {
            self.earlier.swap(0, 1);
            self.earlier[1] = moment;
        }
        encode(&mut page, &mut self.bytes);
        &self.bytes
    }

    fn count_requests(&mut self) {
        let now = Counted::now(&self.pool);
        let over_ns = now.ns - self.counted.ns;
        if over_ns >= RATE_NS {
            let accepted = now.accepted - self.counted.accepted;
            let ended = now.ended - self.counted.ended;
            self.rate = Rate { over_ns, accepted, ended };
            self.counted = now;
        }
    }

    fn look_at_addresses(&mut self) {
        let now_ns = now_ns();
        if now_ns - self.measured_ns >= MEASURE_NS {
            self.addresses = self.pool.page_addresses();
            self.measured_ns = now_ns;
        }
    }
}

impl Counted {
    fn now(pool: &Pool) -> Self {
        let stats = pool.stats();
        let ended = Outcome::ALL.iter().map(|outcome| stats.outcome(*outcome)).sum();
        Self { ns: now_ns(), accepted: stats.submitted.get(), ended }
    }
}

impl Moment {
    fn now(pool: &Pool) -> Self {
        let kinds = Kind::ALL.iter().map_while(|kind| pool.histogram(*kind, None, false).ok());
        Self { ns: now_ns(), kinds: kinds.collect() }
    }

    /// All, and those since an earlier moment. What began anew in between is recent as a whole.
    fn durations(&self, earlier: &Self) -> [Durations; Kind::ALL.len()] {
        from_fn(|kind| {
            let (Some(all), Some(earlier)) = (self.kinds.get(kind), earlier.kinds.get(kind)) else {
                return Durations::default();
            };
            let recent = all.since(earlier);
            let recent = percentiles(recent.as_ref().unwrap_or(all));
            Durations { all: percentiles(all), recent }
        })
    }
}

impl Pool {
    /// Host and port of the venue.
    pub(super) fn host(&self) -> String {
        let ways = &self.dialling.ways;
        format!("{}:{}", ways.dialer.host, ways.port)
    }

    fn page_state(&self, has_histograms: bool) -> State {
        let counts = self.counts();
        State {
            is_shut_down: self.lifetime.grace_ns() != NEVER,
            has_histograms,
            suspended_until_ns: self.suspended_until_ns(),
            open_lanes: self.open_lanes().bits().into(),
            live: counts.live.into(),
            idle: counts.idle.into(),
            leased: counts.leased.into(),
            in_flight: (counts.in_use - counts.beating).into(),
            heartbeats: counts.beating.into(),
            waiting: (counts.waiting + counts.behind).into(),
        }
    }

    fn page_totals(&self) -> Totals {
        let stats = self.stats();
        Totals {
            accepted: from_fn(|lane| stats.submitted.of(lane)),
            refused: from_fn(|place| stats.refusals(Status::ALL[place])),
            outcomes: from_fn(|place| stats.outcome(Outcome::ALL[place])),
            wire_states: from_fn(|place| stats.wire_state(WireState::ALL[place])),
            closed: from_fn(|place| stats.closed[CloseReason::ALL[place] as usize].get()),
            dial_failures: from_fn(|step| stats.dial_failures[step].get()),
            dials: stats.dials.get(),
            connected: stats.connected.get(),
            heals: stats.heals.get(),
            rotations: stats.rotations.get(),
            heartbeats: stats.heartbeats.get(),
            pauses: stats.pauses.get(),
            late: stats.late.get(),
            fanouts: stats.fanouts.get(),
            copies: stats.copies.get(),
            stale_lookups: self.stale_answers(),
        }
    }

    fn page_slots(&self) -> Vec<Slot> {
        let (healths, paths) = (self.slot_healths(), self.slot_paths());
        let heals = self.slots.heals.iter();
        let known = healths.iter().zip(paths).zip(heals);
        known.map(|((health, path), heals)| slot(health, path, heals.get())).collect()
    }

    fn page_addresses(&self) -> Vec<Address> {
        let port = self.port();
        let address = |edge: crate::pool::edges::EdgeHealth<_>| Address {
            address: Some(SocketAddr::new(edge.address, port)),
            is_listed: edge.is_listed,
            slots: edge.slots.into(),
            connections: edge.seen.connections,
            failures: edge.seen.failures,
            connect_ns: edge.seen.connect_ns,
            rtt_ns: edge.seen.rtt_ns,
            rtt_min_ns: edge.seen.rtt_min_ns,
        };
        self.addresses().into_iter().map(address).collect()
    }
}

fn slot(health: &SlotHealth, path: Option<Path>, heals: u64) -> Slot {
    // Without a connection the address is that of none.
    let path = path.filter(|_| health.up_ns != 0).unwrap_or_default();
    Slot {
        state: health.state as u64,
        last_close: health.last_close_reason.map_or(0, |reason| reason as u64 + 1),
        connection: health.connections.into(),
        heals,
        requests: health.requests,
        up_ns: health.up_ns,
        proven_ns: health.proven_ns,
        rtt_ns: health.rtt_ns,
        next_dial_ns: health.next_dial_ns,
        tls_version: path.tls_version.into(),
        is_resumed: path.is_resumed,
        local: path.local,
        peer: path.peer,
    }
}

fn percentiles(snapshot: &Snapshot) -> Percentiles {
    let at = |percentile| snapshot.at_percentile(percentile).unwrap_or(0);
    let summary = snapshot.summary();
    if summary.count == 0 {
        // What is left of a subtraction has a longest duration, even if there is none.
        return Percentiles::default();
    }
    Percentiles {
        count: summary.count,
        p50_ns: at(50.0),
        p99_ns: at(99.0),
        p999_ns: at(99.9),
        max_ns: summary.max_ns,
    }
}
