//! What is measured: the kinds of durations, how they are recorded, and what is told of them.
//!
//! It knows no clock, socket, thread or lock: it is told what has happened, and how long it took.

mod buckets;
pub mod export;
pub mod open_metrics;
mod present;
pub mod records;
pub mod snapshot;

use hdrhistogram::Histogram;
use strum::{IntoStaticStr, VariantArray};

/// What a duration is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// A request waited for a slot: until it had one, or ended without.
    QueueWait,
    /// From the first byte handed over until the kernel had taken the last one of the request.
    Write,
    /// From then until the first byte of the response was read.
    FirstByte,
    /// From submit to the end of the exchange, whatever its outcome.
    Total,
    /// A dial: until the socket was connected.
    Connect,
    /// A dial: the TLS handshake.
    Handshake,
    /// A heartbeat: from its first byte to the end of its answer.
    Heartbeat,
    /// A slot had no live connection.
    Heal,
}

impl Kind {
    /// Each of them, in the order of their numbers.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The kind of that number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }

    /// Its name, for logs and metrics.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The shortest difference that is kept, in nanoseconds.
pub const LOWEST_NS: u64 = 64;

/// The longest duration that is kept; longer ones count as this one.
pub const HIGHEST_NS: u64 = 60_000_000_000;

/// Two significant digits: an error of less than one percent, in 12 KiB for each histogram. Three
/// digits would take 72 KiB.
const DIGITS: u8 = 2;

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(LOWEST_NS, HIGHEST_NS, DIGITS).expect("the bounds are good ones")
}

#[cfg(test)]
mod tests;
