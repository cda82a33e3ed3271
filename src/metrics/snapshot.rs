//! One histogram as it was at one moment, of one slot or of several together.

use hdrhistogram::Histogram;

use super::records::Record;
use super::{Kind, histogram};

/// A histogram that does not change any more.
pub struct Snapshot {
    pub(super) kind: Kind,
    pub(super) counts: Histogram<u64>,
    pub(super) since_wall_ns: u64,
    pub(super) until_wall_ns: u64,
}

/// The most important numbers of a histogram; durations are in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many durations.
    pub count: u64,
    /// The shortest one; 0 if there is none.
    pub min_ns: u64,
    /// The longest one; 0 if there is none.
    pub max_ns: u64,
    /// The mean.
    pub mean_ns: u64,
    /// The standard deviation.
    pub stdev_ns: u64,
    /// The first moment that counts, by the system's clock.
    pub since_wall_ns: u64,
    /// The last one.
    pub until_wall_ns: u64,
}

impl Snapshot {
    /// Nothing yet, at that time.
    pub fn new(kind: Kind, now_wall_ns: u64) -> Self {
        let counts = histogram();
        Self { kind, counts, since_wall_ns: now_wall_ns, until_wall_ns: now_wall_ns }
    }

    /// Adds what was recorded in one place.
    pub fn add(&mut self, record: &Record) {
        for (ns, count) in record.counted() {
            self.counts.saturating_record_n(ns, count.into());
        }
        self.since_wall_ns = self.since_wall_ns.min(record.since_wall_ns);
    }

    /// What has come since `earlier`, a snapshot of the same; `None` if it began anew in between.
    pub fn since(&self, earlier: &Self) -> Option<Self> {
        if self.since_wall_ns != earlier.since_wall_ns {
            return None;
        }
        let mut counts = self.counts.clone();
        counts.subtract(&earlier.counts).ok()?;
        let (kind, until_wall_ns) = (self.kind, self.until_wall_ns);
        Some(Self { kind, counts, since_wall_ns: earlier.until_wall_ns, until_wall_ns })
    }

    /// What it is of.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The duration that so many percent do not exceed, in nanoseconds; 0 if there is none. `None`:
    /// that is no percentage.
    pub fn at_percentile(&self, percentile: f64) -> Option<u64> {
        (0.0..=100.0).contains(&percentile).then(|| self.counts.value_at_percentile(percentile))
    }

    /// How many are at most as long, as far as the histogram can tell.
    pub fn count_up_to(&self, ns: u64) -> u64 {
        self.counts.count_between(0, ns)
    }

    /// All durations together, in seconds.
    pub fn sum_seconds(&self) -> f64 {
        self.counts.mean() * self.counts.len() as f64 / 1e9
    }

    /// The most important numbers.
    pub fn summary(&self) -> Summary {
        Summary {
            count: self.counts.len(),
            min_ns: self.counts.min(),
            max_ns: self.counts.max(),
            mean_ns: self.counts.mean() as u64,
            stdev_ns: self.counts.stdev() as u64,
            since_wall_ns: self.since_wall_ns,
            until_wall_ns: self.until_wall_ns,
        }
    }
}
