//! Records and snapshots: nothing is lost, nothing is allocated, and others read what is written.

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use proptest::prelude::*;

use super::records::{Kept, Record, Records};
use super::snapshot::{Snapshot, Summary};
use super::*;
use crate::completion::Times;

const MS: u64 = 1_000_000;

/// When snapshots are taken, by the system's clock.
const NOW_NS: u64 = 10_000 * MS;

/// An order that took so long in each step, from 1 s on.
fn order(queue: u64, write: u64, first_byte: u64, rest: u64) -> Times {
    let (submit_ns, start_ns) = (1_000 * MS, 1_000 * MS + queue);
    let write_ns = start_ns + write;
    let first_byte_ns = write_ns + first_byte;
    let done_ns = first_byte_ns + rest;
    let write_begin_ns = start_ns;
    Times {
        submit_ns,
        start_ns,
        write_begin_ns,
        write_ns,
        first_byte_ns,
        done_ns,
        ..Times::default()
    }
}

fn snapshot(records: &mut Records, kind: Kind, reset_wall_ns: Option<u64>) -> Snapshot {
    let (mut copy, mut snapshot) = (Record::new(0), Snapshot::new(kind, NOW_NS));
    records.copy(kind, &mut copy);
    if let Some(now_wall_ns) = reset_wall_ns {
        records.reset(kind, now_wall_ns, None);
    }
    snapshot.add(&copy);
    snapshot
}

/// Two significant digits.
fn is_near(found: u64, exact: u64) -> bool {
    found.abs_diff(exact) <= (exact / 100).max(LOWEST_NS)
}

#[test]
fn each_step_of_an_order_is_counted_under_its_kind() {
    let mut records = Records::new(7).unwrap();
    records.order(&order(MS, 2 * MS, 3 * MS, 4 * MS));
    for (kind, ns) in [
        (Kind::QueueWait, MS),
        (Kind::Write, 2 * MS),
        (Kind::FirstByte, 3 * MS),
        (Kind::Total, 10 * MS),
    ] {
        let summary = snapshot(&mut records, kind, None).summary();
        assert_eq!((summary.count, summary.since_wall_ns, summary.until_wall_ns), (1, 7, NOW_NS));
        assert!(is_near(summary.min_ns, ns) && is_near(summary.max_ns, ns), "{kind:?} {summary:?}");
    }
    assert_eq!(snapshot(&mut records, Kind::Heal, None).summary().count, 0);
}

#[test]
fn a_step_that_was_never_made_is_not_counted() {
    let mut records = Records::new(0).unwrap();
    let unanswered = Times { first_byte_ns: 0, ..order(0, MS, 0, MS) };
    records.order(&unanswered);
    records.order(&Times { submit_ns: MS, done_ns: 3 * MS, ..Times::default() });
    let counts = |records: &mut Records, kind| snapshot(records, kind, None).summary().count;
    assert_eq!(counts(&mut records, Kind::QueueWait), 2);
    assert_eq!(counts(&mut records, Kind::Write), 1);
    assert_eq!(counts(&mut records, Kind::FirstByte), 0);
    assert_eq!(counts(&mut records, Kind::Total), 2);
}

/// How many are kept of an address.
fn kept(address: &mut Kept, kind: Kind) -> u64 {
    let (mut copy, mut snapshot) = (Record::new(0), Snapshot::new(kind, NOW_NS));
    address.copy(kind, &mut copy);
    snapshot.add(&copy);
    snapshot.summary().count
}

#[test]
fn each_order_is_in_one_record_of_a_slot_and_in_one_of_an_address() {
    let mut records = Records::new(0).unwrap();
    let mut addresses = [(); 2].map(|()| Kept::new(0).unwrap());
    let [mut of_slot, mut of_address] = [0; 2];
    for number in 1..=1_000 {
        records.order(&order(number, 1, 1, 1));
        let present = number as usize / 300 % 2;
        if number % 7 == 0 {
            of_slot += snapshot(&mut records, Kind::Total, None).summary().count;
            records.reset(Kind::Total, number, Some(&mut addresses[present]));
        }
        if number % 11 == 0 {
            records.settle(Kind::Total, &mut addresses[present]);
            of_address += kept(&mut addresses[present], Kind::Total);
            addresses[present].reset(Kind::Total, number);
        }
        // The slot goes to the other address.
        if number % 300 == 299 {
            Kind::ALL.iter().for_each(|kind| records.settle(*kind, &mut addresses[present]));
        }
    }
    records.settle(Kind::Total, &mut addresses[1]);
    of_slot += snapshot(&mut records, Kind::Total, None).summary().count;
    of_address += addresses.iter_mut().map(|it| kept(it, Kind::Total)).sum::<u64>();
    assert_eq!((of_slot, of_address), (1_000, 1_000));
    let writes = snapshot(&mut records, Kind::Write, None).summary().count;
    assert_eq!(writes, 1_000, "of another kind, nothing began anew");
    records.settle(Kind::Write, &mut addresses[1]);
    assert_eq!(addresses.map(|mut it| kept(&mut it, Kind::Write)), [599, 401]);
}

#[test]
fn a_dial_elsewhere_is_of_the_slot_and_of_that_address() {
    let mut records = Records::new(0).unwrap();
    let mut addresses = [(); 2].map(|()| Kept::new(0).unwrap());
    records.record(Kind::Connect, MS);
    records.record_elsewhere(Kind::Connect, 2 * MS, &mut addresses[1]);
    records.settle(Kind::Connect, &mut addresses[0]);
    let of_slot = snapshot(&mut records, Kind::Connect, None).summary();
    assert_eq!((of_slot.count, addresses.map(|mut it| kept(&mut it, Kind::Connect))), (2, [1, 1]));
    assert!(is_near(of_slot.min_ns, MS) && is_near(of_slot.max_ns, 2 * MS));
}

#[test]
fn a_reset_is_exact_whatever_waits_to_be_counted() {
    let mut records = Records::new(0).unwrap();
    let mut found = 0;
    for number in 1..1_000 {
        records.order(&order(number, 1, 1, 1));
        if number % 7 == 0 {
            found += snapshot(&mut records, Kind::QueueWait, Some(number)).summary().count;
        }
    }
    let rest = snapshot(&mut records, Kind::QueueWait, Some(2_000)).summary();
    assert_eq!((found + rest.count, rest.since_wall_ns), (999, 994));
    let empty = snapshot(&mut records, Kind::QueueWait, None).summary();
    let (since_wall_ns, until_wall_ns) = (2_000, NOW_NS);
    assert_eq!(empty, Summary { since_wall_ns, until_wall_ns, ..Summary::default() });
    assert_eq!(snapshot(&mut records, Kind::Total, None).summary().count, 999, "of another kind");
}

/// The crate counts the same durations, and has the same histogram.
#[test]
fn the_buckets_are_those_of_hdrhistogram() {
    let mut records = Records::new(0).unwrap();
    let mut theirs = histogram();
    let powers = (0..36).map(|power| 1_u64 << power);
    for ns in powers.flat_map(|ns| [ns - 1, ns, ns + 1, ns * 3 / 2, ns * 255 / 256]) {
        records.record(Kind::Write, ns);
        theirs.saturating_record(ns);
    }
    assert_eq!(snapshot(&mut records, Kind::Write, None).counts, theirs);
}

#[test]
fn what_is_too_long_counts_as_the_longest() {
    let mut records = Records::new(0).unwrap();
    records.record(Kind::Heal, u64::MAX);
    records.record(Kind::Heal, 0);
    let summary = snapshot(&mut records, Kind::Heal, None).summary();
    assert_eq!((summary.count, summary.min_ns), (2, 0));
    assert!(is_near(summary.max_ns, HIGHEST_NS), "{summary:?}");
}

#[test]
fn percentiles_are_between_0_and_100() {
    let mut records = Records::new(0).unwrap();
    (1..=1_000).for_each(|ns| records.record(Kind::Connect, ns * 1_000));
    let snapshot = snapshot(&mut records, Kind::Connect, None);
    for (percentile, ns) in [(0.0, 1_000), (50.0, 500_000), (99.9, 999_000), (100.0, 1_000_000)] {
        assert!(is_near(snapshot.at_percentile(percentile).unwrap(), ns), "{percentile}");
    }
    for wrong in [-0.1, 100.1, f64::NAN, f64::INFINITY] {
        assert_eq!(snapshot.at_percentile(wrong), None);
    }
    assert!((495..=505).contains(&snapshot.count_up_to(500_000)));
}

fn read_log(log: &str) -> Vec<(String, Histogram<u64>, f64)> {
    let read = |entry| match entry {
        LogEntry::Interval(line) => {
            let bytes = base64_decoded(line.encoded_histogram());
            let counts = Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
            let tag = line.tag().unwrap().as_str().to_owned();
            Some((tag, counts, line.start_timestamp().as_secs_f64()))
        }
        _ => None,
    };
    IntervalLogIterator::new(log.as_bytes()).map(Result::unwrap).filter_map(read).collect()
}

/// RFC 4648, as far as a test needs it.
fn base64_decoded(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits: Vec<u32> = text
        .bytes()
        .filter(|byte| *byte != b'=')
        .map(|byte| DIGITS.iter().position(|digit| *digit == byte).unwrap() as u32)
        .collect();
    let mut bytes = Vec::new();
    for group in digits.chunks(4) {
        let bits = group.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - group.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    bytes
}

proptest! {
    #[test]
    fn a_log_is_read_as_it_was_written(durations in prop::collection::vec(0..HIGHEST_NS, 0..300)) {
        let mut records = Records::new(5_000_000_000).unwrap();
        durations.iter().for_each(|ns| records.record(Kind::FirstByte, *ns));
        let snapshot = snapshot(&mut records, Kind::FirstByte, None);
        let log = snapshot.log(true) + &snapshot.log(false);
        prop_assert!(log.starts_with("#[Histogram log format version"));
        let read = read_log(&log);
        prop_assert_eq!(read.len(), 2, "{}", log);
        for (tag, counts, since) in read {
            prop_assert_eq!(tag, "first_byte");
            prop_assert_eq!(counts.len(), durations.len() as u64);
            prop_assert_eq!(since, 5.0);
            for percentile in [0.0, 50.0, 99.0, 100.0] {
                let found = counts.value_at_percentile(percentile);
                prop_assert_eq!(Some(found), snapshot.at_percentile(percentile));
            }
        }
    }
}

#[test]
fn the_table_ends_with_all_that_was_recorded() {
    let mut records = Records::new(0).unwrap();
    (1..=1_000).for_each(|us| records.record(Kind::Total, us * 1_000));
    let table = snapshot(&mut records, Kind::Total, None).percentile_table();
    let rows: Vec<Vec<&str>> =
        table.lines().skip(2).map(|row| row.split_whitespace().collect()).collect();
    let last = rows.iter().rfind(|row| row[0].parse::<f64>().is_ok()).unwrap();
    assert_eq!(last[1..], ["1.000000000000", "1000"]);
    assert!((990.0..1_010.0).contains(&last[0].parse().unwrap()), "microseconds: {last:?}");
    assert!(table.contains("Total count    =         1000]"), "{table}");
    assert!(table.contains("SubBuckets     =          256]"), "{table}");
}
