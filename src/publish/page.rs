//! What a page tells of a pool: plain numbers and names, as they were at one moment.
//!
//! It knows nothing of bytes and files. Times are nanoseconds of CLOCK_MONOTONIC, which all
//! processes of a machine share; 0 stands for what never was.

use std::net::SocketAddr;

use crate::error::{CloseReason, Outcome, Status, WireState};
use crate::lane::Lane;
use crate::metrics::Kind;
use crate::pool::health::Activity;

/// So many addresses of the venue have a place; a pool remembers no more.
pub const MAX_ADDRESSES: usize = 128;

/// The most slots of a page.
pub const MAX_SLOTS: usize = 1024;

/// A pool at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// How often it was written.
    pub sequence: u64,
    /// The process of the pool.
    pub writer: Writer,
    /// When it was written.
    pub written_ns: u64,
    /// The same by the system's clock, since 1970.
    pub written_wall_ns: u64,
    /// The time between two writes.
    pub period_ns: u64,
    /// The name of the pool's thread.
    pub name: String,
    /// Host and port of the venue.
    pub host: String,
    /// How the pool is.
    pub state: State,
    /// What happened lately.
    pub rate: Rate,
    /// What happened since the pool was opened.
    pub totals: Totals,
    /// Durations, in the order of [`Kind::ALL`].
    pub durations: [Durations; Kind::ALL.len()],
    /// The recent durations are of so much time.
    pub recent_ns: u64,
    /// Each slot, in the order of their numbers.
    pub slots: Vec<Slot>,
    /// The addresses of the venue.
    pub addresses: Vec<Address>,
}

/// A process, so that another one of the same number is not taken for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Writer {
    /// Its number.
    pub pid: u64,
    /// The namespace in which it has that number; 0 if the system does not tell.
    pub namespace: u64,
    /// When it was started, in ticks since the system was; 0 if the system does not tell.
    pub started_ticks: u64,
}

/// How a pool is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// It was shut down.
    pub is_shut_down: bool,
    /// Durations are counted.
    pub has_histograms: bool,
    /// The end of the present pause; 0 if there is none.
    pub suspended_until_ns: u64,
    /// The lanes whose requests are accepted, a bit for each.
    pub open_lanes: u64,
    /// Slots with a live connection.
    pub live: u64,
    /// Of these, those that are free.
    pub idle: u64,
    /// Of these, those that a lease has reserved.
    pub leased: u64,
    /// Requests in flight, without heartbeats.
    pub in_flight: u64,
    /// Heartbeats in flight.
    pub heartbeats: u64,
    /// Requests that wait for a slot.
    pub waiting: u64,
}

/// Requests within a short time before the page was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// That time; 0 while nothing was measured.
    pub over_ns: u64,
    /// Requests that were accepted.
    pub accepted: u64,
    /// Requests that ended.
    pub ended: u64,
}

/// Counters that only grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Requests accepted, by lane.
    pub accepted: [u64; Lane::ALL.len()],
    /// Calls refused, in the order of [`Status::ALL`].
    pub refused: [u64; Status::ALL.len()],
    /// Requests that ended, in the order of [`Outcome::ALL`].
    pub outcomes: [u64; Outcome::ALL.len()],
    /// The same, in the order of [`WireState::ALL`].
    pub wire_states: [u64; WireState::ALL.len()],
    /// Connections given up, in the order of [`CloseReason::ALL`].
    pub closed: [u64; CloseReason::ALL.len()],
    /// Dials that failed at: resolving, connecting, TLS, a system call.
    pub dial_failures: [u64; 4],
    /// Dials that began.
    pub dials: u64,
    /// Connections that came up.
    pub connected: u64,
    /// Slots that had no connection and have one again.
    pub heals: u64,
    /// Connections that were replaced while they served.
    pub rotations: u64,
    /// Heartbeats sent.
    pub heartbeats: u64,
    /// Pauses that began.
    pub pauses: u64,
    /// Answers after the completion of their request.
    pub late: u64,
    /// Orders of several copies.
    pub fanouts: u64,
    /// Their copies.
    pub copies: u64,
    /// How often the last good answer stood in for a look-up.
    pub stale_lookups: u64,
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            accepted: [0; _],
            refused: [0; _],
            outcomes: [0; _],
            wire_states: [0; _],
            closed: [0; _],
            dial_failures: [0; _],
            dials: 0,
            connected: 0,
            heals: 0,
            rotations: 0,
            heartbeats: 0,
            pauses: 0,
            late: 0,
            fanouts: 0,
            copies: 0,
            stale_lookups: 0,
        }
    }
}

/// Durations of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Durations {
    /// Since the pool was opened, or its histograms were reset.
    pub all: Percentiles,
    /// Those of [`Page::recent_ns`].
    pub recent: Percentiles,
}

/// Percentiles in nanoseconds; 0 when there is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Percentiles {
    /// How many durations.
    pub count: u64,
    /// The median.
    pub p50_ns: u64,
    /// Of a hundred, one is longer.
    pub p99_ns: u64,
    /// Of a thousand, one is longer.
    pub p999_ns: u64,
    /// The longest.
    pub max_ns: u64,
}

/// One slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// What it does, by its number in C.
    pub state: u64,
    /// Why its last connection was given up, by its number in C and one more; 0: none was.
    pub last_close: u64,
    /// The number of its connection: how many it had.
    pub connection: u64,
    /// How often it had no connection and got one again.
    pub heals: u64,
    /// Exchanges on this connection.
    pub requests: u64,
    /// When its connection came up; 0 when it has none.
    pub up_ns: u64,
    /// When the peer last proved that it is there.
    pub proven_ns: u64,
    /// From the last byte sent to the first one received, in the last exchange.
    pub rtt_ns: u64,
    /// When the next dial begins; 0 when none waits.
    pub next_dial_ns: u64,
    /// The version as TLS has it on the wire; 0 on plaintext.
    pub tls_version: u64,
    /// The TLS session went on from an earlier one.
    pub is_resumed: bool,
    /// The address here; `None` over a Unix socket, and without a connection.
    pub local: Option<SocketAddr>,
    /// The address there: the venue's, or that of the proxy.
    pub peer: Option<SocketAddr>,
}

impl Slot {
    /// What it does; `None` for a number that has no name.
    pub fn activity(&self) -> Option<Activity> {
        Activity::ALL.iter().copied().find(|state| *state as u64 == self.state)
    }

    /// Why its last connection was given up, if one was.
    pub fn last_close_reason(&self) -> Option<CloseReason> {
        let number = self.last_close.checked_sub(1)?;
        CloseReason::ALL.iter().copied().find(|reason| *reason as u64 == number)
    }
}

/// One address of the venue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub address: Option<SocketAddr>,
    /// The newest look-up or list has it.
    pub is_listed: bool,
    /// How many slots have their connection there.
    pub slots: u64,
    /// Connections that were made.
    pub connections: u64,
    /// Dials that failed there.
    pub failures: u64,
    /// The smoothed time of a TCP connect.
    pub connect_ns: u64,
    /// The smoothed round trip.
    pub rtt_ns: u64,
    /// The shortest round trip.
    pub rtt_min_ns: u64,
}
