//! Snapshots as the tools of HdrHistogram read them: a line of a log, and a table of percentiles.

use std::fmt::Write as _;
use std::time::Duration;

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::snapshot::Snapshot;

/// The first lines of a log: what its other lines mean, as each reader wants to have it.
const LOG_HEAD: &str = "#[Histogram log format version 1.3]\n\
    \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n";

/// The maximum of an interval is in milliseconds, as in the logs of other programs.
const LOG_MAX_UNIT: f64 = 1e6;

/// The table is in microseconds.
const TABLE_UNIT: f64 = 1e3;

/// The steps of the table for each halving of what is left to 100 percent.
const TABLE_STEPS: u32 = 5;

impl Snapshot {
    /// One line of a histogram log, with the kind as its tag. `with_head`: behind the lines that
    /// begin a log.
    pub fn log(&self, with_head: bool) -> String {
        let since = Duration::from_nanos(self.since_wall_ns);
        let until = Duration::from_nanos(self.until_wall_ns);
        let mut line = Vec::new();
        let mut serializer = V2DeflateSerializer::new();
        let mut builder = IntervalLogWriterBuilder::new();
        let builder = builder.with_max_value_divisor(LOG_MAX_UNIT);
        // It writes to memory, and the bounds are ones that the format knows.
        if let Ok(mut writer) = builder.begin_log_with(&mut line, &mut serializer) {
            let tag = Tag::new(self.kind.name());
            let _ = writer.write_histogram(&self.counts, since, until.saturating_sub(since), tag);
        }
        let text = String::from_utf8(line).unwrap_or_default();
        // Each line of a log but the first ones is one of a histogram.
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.fold(if with_head { LOG_HEAD.to_owned() } else { String::new() }, |log, line| {
            log + line + "\n"
        })
    }

    /// The table of percentiles (.hgrm), in microseconds.
    pub fn percentile_table(&self) -> String {
        let counts = &self.counts;
        let mut table = format!(
            "{:>12} {:>14} {:>10} {:>14}\n\n",
            "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
        );
        let mut total = 0;
        for step in counts.iter_quantiles(TABLE_STEPS) {
            total += step.count_since_last_iteration();
            let value = step.value_iterated_to() as f64 / TABLE_UNIT;
            let level = step.quantile_iterated_to();
            let _ = write!(table, "{value:>12.3} {level:.12} {total:>10}");
            if level < 1.0 {
                let _ = write!(table, " {:>14.2}", 1.0 / (1.0 - level));
            }
            table.push('\n');
        }
        let (mean, stdev) = (counts.mean() / TABLE_UNIT, counts.stdev() / TABLE_UNIT);
        let (max, count) = (counts.max() as f64 / TABLE_UNIT, counts.len());
        let (buckets, sub_buckets) = (counts.buckets(), sub_buckets(counts.sigfig()));
        let _ = writeln!(table, "#[Mean    = {mean:>12.3}, StdDeviation   = {stdev:>12.3}]");
        let _ = writeln!(table, "#[Max     = {max:>12.3}, Total count    = {count:>12}]");
        let _ = writeln!(table, "#[Buckets = {buckets:>12}, SubBuckets     = {sub_buckets:>12}]");
        table
    }
}

/// How many parts a bucket has: the power of two that holds the digits.
fn sub_buckets(digits: u8) -> u64 {
    (2 * 10_u64.pow(digits.into())).next_power_of_two()
}
