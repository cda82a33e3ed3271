//! Writes the files: the page, the rows of all requests, the log of HdrHistogram, and the run.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::distribution::counted;
use crate::options::Files;
use crate::page;
use crate::probe::Measured;
use crate::run::{FORMAT, Run};
use crate::sample::Sample;

/// The first line of a log of HdrHistogram, and the names of its columns.
const LOG_HEAD: &str = "#[Histogram log format version 1.3]\n\
    \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n";

/// The maximum of an interval is in milliseconds, as in the logs of other programs.
const LOG_MAX_UNIT: f64 = 1e6;

const SECOND_NS: u64 = 1_000_000_000;

/// Writes what is wanted; answers where.
pub(crate) fn write(wanted: &Files, run: &Run, measured: &Measured) -> Result<Vec<String>, String> {
    let mut written = Vec::new();
    let mut put = |file: &Option<std::path::PathBuf>, text: &dyn Fn() -> String| match file {
        None => Ok(()),
        Some(file) => {
            written.push(file.display().to_string());
            write_file(file, &text())
        }
    };
    put(&wanted.csv, &|| rows(measured))?;
    put(&wanted.hdr, &|| log(measured))?;
    put(&wanted.json, &|| json(run))?;
    put(&wanted.html, &|| page::page(&[run]))?;
    Ok(written)
}

/// Writes a file.
pub(crate) fn write_file(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}

/// A run as text.
fn json(run: &Run) -> String {
    serde_json::to_string(run).expect("names and numbers only") + "\n"
}

/// A run that `--json` has written.
pub(crate) fn read(file: &Path) -> Result<Run, String> {
    let name = file.display();
    let text = fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
    let is_no_run = |error| format!("{name} is no file of --json: {error}");
    let run: Run = serde_json::from_str(&text).map_err(is_no_run)?;
    if run.format == FORMAT {
        Ok(run)
    } else {
        Err(format!("{name} has format {}, and this program reads {FORMAT}", run.format))
    }
}

/// One row for each request. Times are microseconds since the part began that counts, with the
/// nanoseconds behind the point; empty for what never was.
fn rows(measured: &Measured) -> String {
    let names = measured.addresses.names();
    let mut text = String::from(
        "request,intended_us,seen_us,sent_us,written_us,first_byte_us,done_us,latency_us,\
         service_us,slot,connection,address,outcome\n",
    );
    let us = |ns: Option<u64>| {
        ns.map_or_else(String::new, |ns| format!("{}.{:03}", ns / 1_000, ns % 1_000))
    };
    let was = |ns: u64| us((ns != 0).then_some(ns));
    for (number, sample) in measured.samples.iter().enumerate() {
        let _ = writeln!(
            text,
            "{number},{},{},{},{},{},{},{},{},{},{},{},{}",
            us(Some(sample.intended_ns)),
            us(Some(sample.seen_ns)),
            was(sample.write_ns),
            was(sample.written_ns),
            was(sample.first_ns),
            was(sample.done_ns),
            us(sample.latency_ns()),
            us(sample.service_ns()),
            sample.slot.map_or_else(String::new, |slot| slot.to_string()),
            sample.connection,
            sample.address.map_or("", |place| &names[usize::from(place)]),
            sample.end.name(),
        );
    }
    text
}

/// A log of HdrHistogram: latency and service time of each second, and what the library has
/// measured itself.
fn log(measured: &Measured) -> String {
    let mut text = LOG_HEAD.to_owned();
    let mut rest = &measured.samples[..];
    while let Some(first) = rest.first() {
        let second = first.intended_ns / SECOND_NS;
        let end = rest.partition_point(|sample| sample.intended_ns / SECOND_NS <= second);
        let (these, others) = rest.split_at(end);
        rest = others;
        let since = Duration::from_nanos(measured.begun_wall_ns) + Duration::from_secs(second);
        let latency = counted(these.iter().filter_map(Sample::latency_ns));
        let service = counted(these.iter().filter_map(Sample::service_ns));
        text += &interval("latency", &latency, since);
        text += &interval("service", &service, since);
    }
    for kind in measured.kinds.iter().filter(|kind| kind.summary().count > 0) {
        text += &kind.log(false);
    }
    text
}

/// One line of it.
fn interval(tag: &str, counts: &Histogram<u64>, since: Duration) -> String {
    let (mut line, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
    let mut builder = IntervalLogWriterBuilder::new();
    let builder = builder.with_max_value_divisor(LOG_MAX_UNIT);
    let mut writer = builder.begin_log_with(&mut line, &mut serializer).expect("to memory");
    let second = Duration::from_secs(1);
    writer.write_histogram(counts, since, second, Tag::new(tag)).expect("bounds of the format");
    let text = String::from_utf8(line).expect("numbers and Base64");
    text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect()
}
