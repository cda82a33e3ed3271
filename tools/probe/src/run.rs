//! One run as it is told: what the page shows, and `--json` writes. Its size does not grow with the
//! number of requests. Names of fields are a format: `FORMAT` goes up when their meaning changes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use venuepool::metrics::snapshot::Snapshot;

use crate::distribution::{Distribution, LEVELS, counted};
use crate::options::Probe;
use crate::probe::Measured;
use crate::sample::{End, Sample};
use crate::timeline::{Happened, What};

/// The version of what `--json` writes.
pub(crate) const FORMAT: u32 = 1;

/// Curves of so many connections and addresses are told; of more, only the numbers.
const MOST_CURVES: usize = 32;

/// About so many intervals make the series.
const INTERVALS: u64 = 120;

/// The most single requests that are told.
const MOST_POINTS: usize = 3_000;

/// One run.
#[derive(Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) format: u32,
    /// The program that has measured.
    pub(crate) program: String,
    pub(crate) asked: Asked,
    /// When the part began that counts, in milliseconds since 1970.
    pub(crate) begun_ms: u64,
    pub(crate) lasted_ns: u64,
    pub(crate) is_cut_short: bool,
    pub(crate) counts: Counts,
    /// How requests ended, and how many.
    pub(crate) outcomes: Vec<(String, u64)>,
    /// From the intended time to the end of the answer.
    pub(crate) latency: Distribution,
    /// From sending to the end of the answer.
    pub(crate) service: Distribution,
    pub(crate) connections: Vec<Group>,
    pub(crate) addresses: Vec<Group>,
    pub(crate) series: Series,
    /// Single requests: when they were intended and their latency, both in microseconds, and the
    /// place of their connection.
    pub(crate) points: Vec<(u64, u64, u32)>,
    /// Requests without an answer: when they were intended, in microseconds, and the place of their
    /// end in `outcomes`.
    pub(crate) unanswered: Vec<(u64, usize)>,
    pub(crate) happened: Vec<Happened>,
    /// Parts of the latency, and what the library has measured of connections, by its names.
    pub(crate) parts: BTreeMap<String, Distribution>,
}

/// What was asked for. Secrets are not in it: no query, no value of a header, no body.
#[derive(Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) venue: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<String>,
    pub(crate) connections: u16,
    pub(crate) rate: f64,
    pub(crate) duration_ns: u64,
    pub(crate) warm_up_ns: u64,
    pub(crate) timeout_ns: u64,
}

/// How many.
#[derive(Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Requests that fell due.
    pub(crate) due: u64,
    /// Of them, those of which a byte may have left.
    pub(crate) sent: u64,
    pub(crate) answered: u64,
    pub(crate) heals: u64,
    pub(crate) rotations: u64,
    pub(crate) pauses: u64,
    /// Connections that came up, those of the opening among them.
    pub(crate) connections: u64,
    pub(crate) failed_dials: u64,
}

/// The requests that went over one connection, or to one address.
#[derive(Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) sent: u64,
    pub(crate) latency: Distribution,
}

/// The run in intervals of the same length, by the intended times.
#[derive(Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) width_ns: u64,
    pub(crate) intervals: Vec<Interval>,
}

/// One of them. Durations are nanoseconds, 0 without an answer.
#[derive(Serialize, Deserialize)]
pub(crate) struct Interval {
    pub(crate) answered: u64,
    pub(crate) unanswered: u64,
    pub(crate) p50_ns: u64,
    pub(crate) p99_ns: u64,
    pub(crate) max_ns: u64,
}

impl Run {
    /// Sums up what was measured.
    pub(crate) fn of(options: &Probe, measured: &Measured) -> Self {
        let samples = &measured.samples;
        let outcomes = outcomes(samples);
        let names = measured.addresses.names();
        let by_slot = |sample: &Sample| sample.slot.map(usize::from);
        let by_address = |sample: &Sample| sample.address.map(usize::from);
        let slots: Vec<String> =
            (0..options.connections).map(|slot| format!("slot {slot}")).collect();
        let latency = counted(samples.iter().filter_map(Sample::latency_ns));
        let service = counted(samples.iter().filter_map(Sample::service_ns));
        Self {
            format: FORMAT,
            program: concat!("venuepool-probe ", env!("CARGO_PKG_VERSION")).to_owned(),
            asked: Asked::of(options),
            begun_ms: measured.begun_wall_ns / 1_000_000,
            lasted_ns: measured.lasted_ns,
            is_cut_short: measured.is_cut_short,
            counts: Counts::of(measured),
            latency: Distribution::of(&latency, 5),
            service: Distribution::of(&service, 5),
            connections: groups(samples, slots, by_slot),
            addresses: groups(samples, names, by_address),
            series: series(samples, measured.lasted_ns),
            points: points(samples),
            unanswered: unanswered(samples, &outcomes),
            outcomes,
            happened: measured.happened.clone(),
            parts: parts(measured),
        }
    }
}

impl Asked {
    fn of(options: &Probe) -> Self {
        let nanos = |time: std::time::Duration| time.as_nanos() as u64;
        Self {
            venue: options.target().origin.clone(),
            method: options.method.clone(),
            path: options.target().shown_path(),
            headers: options.headers.iter().map(|header| header.name.clone()).collect(),
            connections: options.connections,
            rate: options.rate,
            duration_ns: nanos(options.duration),
            warm_up_ns: nanos(options.warm_up),
            timeout_ns: nanos(options.timeout),
        }
    }
}

impl Counts {
    fn of(measured: &Measured) -> Self {
        let count = |is_it: &dyn Fn(&Happened) -> bool| {
            measured.happened.iter().filter(|one| is_it(one)).count() as u64
        };
        // What happened in the warm-up does not count, but the connections of the opening do.
        let within = |what| count(&|one| one.what == what && one.at_ns >= 0);
        let of = |is_it: fn(&Sample) -> bool| {
            measured.samples.iter().filter(|sample| is_it(sample)).count() as u64
        };
        Self {
            due: measured.samples.len() as u64,
            sent: of(Sample::is_sent),
            answered: of(Sample::is_answered),
            heals: within(What::Healed),
            rotations: within(What::Rotated),
            pauses: within(What::Paused),
            connections: count(&|one| matches!(one.what, What::Up | What::Healed | What::Rotated)),
            failed_dials: within(What::DialFailed),
        }
    }
}

/// The most frequent first.
fn outcomes(samples: &[Sample]) -> Vec<(String, u64)> {
    let mut counts: Vec<(End, u64)> = Vec::new();
    for sample in samples {
        match counts.iter_mut().find(|(end, _)| *end == sample.end) {
            Some((_, count)) => *count += 1,
            None => counts.push((sample.end, 1)),
        }
    }
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.into_iter().map(|(end, count)| (end.name(), count)).collect()
}

fn groups(
    samples: &[Sample],
    names: Vec<String>,
    place: impl Fn(&Sample) -> Option<usize>,
) -> Vec<Group> {
    let mut members: Vec<Vec<&Sample>> = vec![Vec::new(); names.len()];
    for sample in samples {
        if let Some(members) = place(sample).and_then(|place| members.get_mut(place)) {
            members.push(sample);
        }
    }
    let has_curves = names.len() <= MOST_CURVES;
    let group = |(name, members): (String, Vec<&Sample>)| {
        let counts = counted(members.iter().filter_map(|sample| sample.latency_ns()));
        let mut latency = Distribution::of(&counts, 3);
        if !has_curves {
            latency.curve.clear();
            latency.bins.clear();
        }
        let sent = members.iter().filter(|sample| sample.is_sent()).count() as u64;
        Group { name, sent, latency }
    };
    names.into_iter().zip(members).map(group).collect()
}

fn series(samples: &[Sample], lasted_ns: u64) -> Series {
    let width_ns = width_ns(lasted_ns);
    let of = |sample: &Sample| sample.intended_ns / width_ns;
    let last = samples.last().map_or(0, of).max(lasted_ns.saturating_sub(1) / width_ns);
    let mut rest = samples;
    let mut interval = |number: u64| {
        let (these, others) = rest.split_at(rest.partition_point(|sample| of(sample) <= number));
        rest = others;
        let counts = counted(these.iter().filter_map(Sample::latency_ns));
        Interval {
            answered: counts.len(),
            unanswered: these.len() as u64 - counts.len(),
            p50_ns: counts.value_at_percentile(50.0),
            p99_ns: counts.value_at_percentile(99.0),
            max_ns: counts.max(),
        }
    };
    Series { width_ns, intervals: (0..=last).map(&mut interval).collect() }
}

/// 1, 2 or 5 times a power of ten, at least 10 ms.
fn width_ns(lasted_ns: u64) -> u64 {
    let mut unit = 10_000_000;
    loop {
        for width in [unit, 2 * unit, 5 * unit] {
            if lasted_ns / width <= INTERVALS {
                return width;
            }
        }
        unit *= 10;
    }
}

/// Some of the answered requests: the slowest ones in any case, and of the others each so-many-th.
fn points(samples: &[Sample]) -> Vec<(u64, u64, u32)> {
    let mut all: Vec<(u64, u64, u32)> = samples
        .iter()
        .filter_map(|sample| {
            let latency_us = sample.latency_ns()? / 1_000;
            Some((sample.intended_ns / 1_000, latency_us, u32::from(sample.slot.unwrap_or(0))))
        })
        .collect();
    if all.len() <= MOST_POINTS {
        return all;
    }
    all.sort_unstable_by_key(|(_, latency_us, _)| std::cmp::Reverse(*latency_us));
    let mut others = all.split_off(MOST_POINTS / 4);
    others.sort_unstable();
    let step = others.len().div_ceil(MOST_POINTS - all.len());
    all.extend(others.into_iter().step_by(step));
    all.sort_unstable();
    all
}

fn unanswered(samples: &[Sample], outcomes: &[(String, u64)]) -> Vec<(u64, usize)> {
    let failed: Vec<&Sample> = samples.iter().filter(|sample| !sample.is_answered()).collect();
    let step = failed.len().div_ceil(MOST_POINTS).max(1);
    let row = |sample: &&Sample| {
        let name = sample.end.name();
        let place = outcomes.iter().position(|(outcome, _)| *outcome == name).unwrap_or(0);
        (sample.intended_ns / 1_000, place)
    };
    failed.iter().step_by(step).map(row).collect()
}

/// Where the latency went, and what the library has measured of connections.
fn parts(measured: &Measured) -> BTreeMap<String, Distribution> {
    let of = |part: fn(&Sample) -> Option<u64>| {
        Distribution::of(&counted(measured.samples.iter().filter_map(part)), 3)
    };
    let own = [
        ("own_delay", of(Sample::own_delay_ns)),
        ("wait", of(Sample::wait_ns)),
        ("write", of(Sample::writing_ns)),
        ("first_byte", of(Sample::first_byte_ns)),
    ];
    let own = own.into_iter().map(|(name, told)| (name.to_owned(), told));
    own.chain(measured.kinds.iter().map(kind)).collect()
}

fn kind(snapshot: &Snapshot) -> (String, Distribution) {
    let summary = snapshot.summary();
    let at = |level| snapshot.at_percentile(level).unwrap_or(0);
    let told = Distribution {
        count: summary.count,
        min_ns: summary.min_ns,
        max_ns: summary.max_ns,
        mean_ns: summary.mean_ns,
        stdev_ns: summary.stdev_ns,
        at_levels_ns: LEVELS.map(at).to_vec(),
        ..Distribution::default()
    };
    (snapshot.kind().name().to_owned(), told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Due;
    use venuepool::error::Status;

    fn sample(intended_ns: u64, latency_ns: u64) -> Sample {
        let mut sample =
            Sample::unsent(Due { intended_ns, seen_ns: intended_ns }, End::Answered(200));
        (sample.write_ns, sample.done_ns) = (intended_ns, intended_ns + latency_ns);
        sample.slot = Some(0);
        sample
    }

    #[test]
    fn intervals_have_each_request_once() {
        let mut samples: Vec<Sample> =
            (0..1000).map(|n| sample(n * 10_000_000, 1_000_000 + n)).collect();
        samples[500].end = End::Refused(Status::ERR_SUSPENDED);
        let series = series(&samples, 10_000_000_000);
        assert_eq!((series.width_ns, series.intervals.len()), (100_000_000, 100));
        let answered: u64 = series.intervals.iter().map(|one| one.answered).sum();
        let unanswered: u64 = series.intervals.iter().map(|one| one.unanswered).sum();
        assert_eq!((answered, unanswered), (999, 1));
        assert_eq!(series.intervals[50].unanswered, 1);
    }

    #[test]
    fn widths_are_round_and_few() {
        let second = 1_000_000_000;
        assert_eq!(width_ns(second), 10_000_000);
        assert_eq!(width_ns(60 * second), 500_000_000);
        assert_eq!(width_ns(3600 * second), 50 * second);
    }

    #[test]
    fn the_slowest_requests_are_always_told() {
        let latency = |n: u64| if n % 5_000 == 17 { 9_000_000 } else { 1_000_000 };
        let samples: Vec<Sample> = (0..50_000).map(|n| sample(n * 1_000_000, latency(n))).collect();
        let told = points(&samples);
        assert!(told.len() <= MOST_POINTS && told.len() > MOST_POINTS / 2, "{}", told.len());
        assert_eq!(told.iter().filter(|(_, latency_us, _)| *latency_us == 9_000).count(), 10);
        assert!(told.is_sorted());
    }

    #[test]
    fn outcomes_are_counted_by_their_names() {
        let mut samples: Vec<Sample> = (0..5).map(|n| sample(n, 1)).collect();
        samples[0].end = End::NoConnection;
        let outcomes = outcomes(&samples);
        assert_eq!(outcomes[0], ("200".to_owned(), 4));
        assert_eq!(unanswered(&samples, &outcomes), [(0, 1)]);
    }

    #[test]
    fn a_connection_without_requests_is_told_too() {
        let samples = [sample(0, 5_000)];
        let names = vec!["slot 0".to_owned(), "slot 1".to_owned()];
        let groups = groups(&samples, names, |sample| sample.slot.map(usize::from));
        let sent: Vec<u64> = groups.iter().map(|group| group.sent).collect();
        assert_eq!((sent, groups[1].latency.count), (vec![1, 0], 0));
    }
}
