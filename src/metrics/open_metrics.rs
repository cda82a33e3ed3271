//! Counts and durations as a text of OpenMetrics 1.0, which Prometheus reads.
//!
//! Each pool writes its samples by family, and [`text`] puts those of several pools together: the
//! format wants the samples of a family in one place. It knows no pool, only names and numbers.

use std::fmt::{Display, Write as _};

use strum::{IntoStaticStr, VariantArray};

use super::Kind;
use super::snapshot::Snapshot;

/// What all names begin with.
const PREFIX: &str = "venuepool_";

/// The bounds of the buckets of a histogram: in seconds as the format wants them, and in ns.
const BUCKETS: [(&str, u64); 23] = [
    ("1e-06", 1_000),
    ("2e-06", 2_000),
    ("5e-06", 5_000),
    ("1e-05", 10_000),
    ("2e-05", 20_000),
    ("5e-05", 50_000),
    ("0.0001", 100_000),
    ("0.0002", 200_000),
    ("0.0005", 500_000),
    ("0.001", 1_000_000),
    ("0.002", 2_000_000),
    ("0.005", 5_000_000),
    ("0.01", 10_000_000),
    ("0.02", 20_000_000),
    ("0.05", 50_000_000),
    ("0.1", 100_000_000),
    ("0.2", 200_000_000),
    ("0.5", 500_000_000),
    ("1.0", 1_000_000_000),
    ("2.0", 2_000_000_000),
    ("5.0", 5_000_000_000),
    ("10.0", 10_000_000_000),
    ("60.0", 60_000_000_000),
];

/// A family of metrics. Its name is that of the variant; one in seconds ends with the unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case")]
#[allow(missing_docs)] // `help` says what each is.
pub enum Family {
    Build,
    Requests,
    RequestsRefused,
    Completions,
    CompletionWireStates,
    LateAnswers,
    Fanouts,
    FanoutCopies,
    Dials,
    DialFailures,
    ConnectionsOpened,
    ConnectionsClosed,
    Heals,
    Rotations,
    Heartbeats,
    StaleLookups,
    Pauses,
    Suspended,
    LaneOpen,
    Slots,
    RequestsWaiting,
    RequestsOutstanding,
    SlotLive,
    SlotConnections,
    SlotRoundTripSeconds,
    QueueWaitSeconds,
    WriteSeconds,
    FirstByteSeconds,
    RequestSeconds,
    ConnectSeconds,
    HandshakeSeconds,
    HeartbeatSeconds,
    HealSeconds,
}

impl Family {
    /// Each of them, in the order of the text.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Its name without the prefix.
    fn name(self) -> &'static str {
        self.into()
    }

    /// Its type, as the format calls it.
    fn kind(self) -> &'static str {
        match self {
            Self::Build => "info",
            Self::Suspended
            | Self::LaneOpen
            | Self::Slots
            | Self::RequestsWaiting
            | Self::RequestsOutstanding
            | Self::SlotLive
            | Self::SlotRoundTripSeconds => "gauge",
            _ if self as usize >= Self::QueueWaitSeconds as usize => "histogram",
            _ => "counter",
        }
    }

    /// What is behind the name of its samples.
    fn suffix(self) -> &'static str {
        match self.kind() {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        }
    }

    fn unit(self) -> &'static str {
        if self.name().ends_with("_seconds") { "seconds" } else { "" }
    }

    /// What it counts.
    fn help(self) -> &'static str {
        match self {
            Self::Build => "The version of the library.",
            Self::Requests => "Requests accepted, by lane.",
            Self::RequestsRefused => "Requests and leases refused by the call, by reason.",
            Self::Completions => "Requests that ended, by outcome.",
            Self::CompletionWireStates => "Requests that ended, by how far they had come.",
            Self::LateAnswers => "Answers that came after the completion of their request.",
            Self::Fanouts => "Orders of several copies.",
            Self::FanoutCopies => "Copies of such orders.",
            Self::Dials => "Connections begun.",
            Self::DialFailures => "Dials that failed, by step.",
            Self::ConnectionsOpened => "Connections that came to live.",
            Self::ConnectionsClosed => "Connections given up, by close reason.",
            Self::Heals => "Slots that had no connection and have one again.",
            Self::Rotations => "Connections that took over from one that still served.",
            Self::Heartbeats => "Heartbeats sent.",
            Self::StaleLookups => "Dials for which the last good look-up of the name stood in.",
            Self::Pauses => "Pauses that began.",
            Self::Suspended => "1 during a pause.",
            Self::LaneOpen => "1 for a lane whose requests are accepted.",
            Self::Slots => "Slots, by state.",
            Self::RequestsWaiting => "Requests in the queue.",
            Self::RequestsOutstanding => "Requests in the queue and in flight.",
            Self::SlotLive => "1 for a slot with a live connection.",
            Self::SlotConnections => "Connections that a slot has had.",
            Self::SlotRoundTripSeconds => "From sent to the first byte, in the last exchange.",
            Self::QueueWaitSeconds => "How long requests waited in the queue.",
            Self::WriteSeconds => "Encryption and send of a request.",
            Self::FirstByteSeconds => "From written to the first byte of the response.",
            Self::RequestSeconds => "From submit to the end, whatever the outcome.",
            Self::ConnectSeconds => "The connect of dials that succeeded.",
            Self::HandshakeSeconds => "The TLS handshake of dials that succeeded.",
            Self::HeartbeatSeconds => "Heartbeats that were answered.",
            Self::HealSeconds => "How long slots had no live connection.",
        }
    }
}

/// The family of a histogram.
impl From<Kind> for Family {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::QueueWait => Self::QueueWaitSeconds,
            Kind::Write => Self::WriteSeconds,
            Kind::FirstByte => Self::FirstByteSeconds,
            Kind::Total => Self::RequestSeconds,
            Kind::Connect => Self::ConnectSeconds,
            Kind::Handshake => Self::HandshakeSeconds,
            Kind::Heartbeat => Self::HeartbeatSeconds,
            Kind::Heal => Self::HealSeconds,
        }
    }
}

/// The samples of one pool at one moment.
pub struct Samples {
    /// The labels of all its samples.
    labels: String,
    by_family: Vec<String>,
}

impl Samples {
    /// No samples yet. Two pools of the same name and host would have the same ones.
    pub fn new(pool: &str, host: &str) -> Self {
        let labels = format!("pool=\"{}\",host=\"{}\"", Escaped(pool), Escaped(host));
        Self { labels, by_family: vec![String::new(); Family::ALL.len()] }
    }

    /// Whether its samples and those of another pool could not be told apart.
    pub fn collides(&self, other: &Self) -> bool {
        self.labels == other.labels
    }

    /// A number of a family.
    pub fn number(&mut self, family: Family, value: impl Display) {
        self.line(family, family.suffix(), "", value);
    }

    /// A number of a family, of those with that label.
    pub fn labelled(&mut self, family: Family, label: &str, of: impl Display, value: impl Display) {
        self.line(family, family.suffix(), &format!(",{label}=\"{of}\""), value);
    }

    /// A histogram.
    pub fn histogram(&mut self, snapshot: &Snapshot) {
        let (family, all) = (snapshot.kind().into(), snapshot.summary().count);
        for (le, ns) in BUCKETS {
            let up_to = snapshot.count_up_to(ns);
            self.line(family, "_bucket", &format!(",le=\"{le}\""), up_to);
        }
        self.line(family, "_bucket", ",le=\"+Inf\"", all);
        self.line(family, "_count", "", all);
        self.line(family, "_sum", "", snapshot.sum_seconds());
    }

    fn line(&mut self, family: Family, suffix: &str, label: &str, value: impl Display) {
        let (name, labels) = (family.name(), &self.labels);
        let text = &mut self.by_family[family as usize];
        let _ = writeln!(text, "{PREFIX}{name}{suffix}{{{labels}{label}}} {value}");
    }
}

/// The text of several pools.
pub fn text(pools: &[Samples]) -> String {
    let mut text = String::new();
    for family in Family::ALL {
        let (name, kind, unit) = (family.name(), family.kind(), family.unit());
        let _ = writeln!(text, "# TYPE {PREFIX}{name} {kind}");
        if !unit.is_empty() {
            let _ = writeln!(text, "# UNIT {PREFIX}{name} {unit}");
        }
        let _ = writeln!(text, "# HELP {PREFIX}{name} {}", family.help());
        if *family == Family::Build {
            let version = env!("CARGO_PKG_VERSION");
            let _ = writeln!(text, "{PREFIX}{name}_info{{version=\"{version}\"}} 1");
        }
        pools.iter().for_each(|pool| text.push_str(&pool.by_family[*family as usize]));
    }
    text.push_str("# EOF\n");
    text
}

/// A value of a label: backslash, quotation mark and line feed are escaped.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::records::{Record, Records};

    fn snapshot(kind: Kind, durations: &[u64]) -> Snapshot {
        let mut records = Records::new(0).unwrap();
        durations.iter().for_each(|ns| records.record(kind, *ns));
        let (mut copy, mut snapshot) = (Record::new(0), Snapshot::new(kind, 0));
        records.copy(kind, &mut copy);
        snapshot.add(&copy);
        snapshot
    }

    #[test]
    fn a_label_cannot_end_its_own_quotation() {
        let mut samples = Samples::new("a\"b\\c\nd", "h:1");
        samples.number(Family::Heals, 3);
        let line = "venuepool_heals_total{pool=\"a\\\"b\\\\c\\nd\",host=\"h:1\"} 3\n";
        assert!(text(&[samples]).contains(line));
    }

    #[test]
    fn the_samples_of_a_family_stand_together_whatever_the_number_of_pools() {
        let pools = ["one", "two"].map(|name| {
            let mut samples = Samples::new(name, "h:1");
            samples.number(Family::Heals, 1);
            samples.number(Family::Dials, 2);
            samples
        });
        let text = text(&pools);
        assert_eq!(text.matches("# TYPE venuepool_heals counter\n").count(), 1);
        let heals: Vec<_> =
            text.lines().skip_while(|line| !line.starts_with("venuepool_heals")).take(2).collect();
        assert!(heals.iter().all(|line| line.starts_with("venuepool_heals_total{pool=")));
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn buckets_count_all_that_is_at_most_as_long() {
        let mut samples = Samples::new("p", "h:1");
        let durations = [500, 1_900, 1_900, 30_000_000, 61_000_000_000];
        samples.histogram(&snapshot(Kind::Total, &durations));
        let text = text(&[samples]);
        let count = |le: &str| {
            let label = format!("request_seconds_bucket{{pool=\"p\",host=\"h:1\",le=\"{le}\"}} ");
            let (_, rest) = text.split_once(&label).unwrap();
            rest.lines().next().unwrap().parse::<u64>().unwrap()
        };
        let found = ["1e-06", "2e-06", "0.02", "0.05", "60.0", "+Inf"].map(count);
        assert_eq!(found, [1, 3, 3, 4, 5, 5], "what is longer than 60 s counts as 60 s");
        let sum = text.split_once("request_seconds_sum{pool=\"p\",host=\"h:1\"} ").unwrap().1;
        let sum: f64 = sum.lines().next().unwrap().parse().unwrap();
        assert!((59.5..60.6).contains(&sum), "{sum}");
    }

    #[test]
    fn bounds_are_what_they_say() {
        for (le, ns) in BUCKETS {
            let seconds: f64 = le.parse().unwrap();
            assert_eq!((seconds * 1e9).round() as u64, ns);
        }
        assert!(BUCKETS.is_sorted_by_key(|(_, ns)| *ns));
    }
}
