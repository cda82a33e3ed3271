//! The table that is printed at the end.

use std::fmt::Write as _;
use std::time::Duration;

use crate::distribution::{Distribution, LEVELS, short_time};
use crate::run::Run;

/// The parts that are told, in this order and by these names.
const PARTS: [(&str, &str); 7] = [
    ("own_delay", "own delay"),
    ("wait", "wait"),
    ("write", "write"),
    ("first_byte", "first byte"),
    ("connect", "connect"),
    ("handshake", "TLS handshake"),
    ("heal", "heal"),
];

/// The run in text.
pub(crate) fn table(run: &Run) -> String {
    let (asked, counts) = (&run.asked, &run.counts);
    let time = |ns| humantime::format_duration(Duration::from_nanos(ns)).to_string();
    let mut text = format!(
        "\n{} {}{}\n{} connections, {} requests/s for {}, open loop, after a warm-up of {}\n\n",
        asked.method,
        asked.venue,
        asked.path,
        asked.connections,
        asked.rate,
        time(asked.duration_ns),
        time(asked.warm_up_ns),
    );
    if run.is_cut_short {
        let _ = writeln!(text, "ended early, after {}\n", short_time(run.lasted_ns));
    }
    let _ = write!(text, "{:<24}{:>9}", "", "count");
    for level in LEVELS {
        let _ = write!(text, "{:>10}", format!("p{level}"));
    }
    let _ = writeln!(text, "{:>10}", "max");
    row(&mut text, "latency (from intended)", &run.latency);
    row(&mut text, "service time (from sent)", &run.service);
    for (key, name) in PARTS {
        if let Some(part) = run.parts.get(key).filter(|part| part.count > 0) {
            row(&mut text, name, part);
        }
    }
    groups(&mut text, run);
    let _ = writeln!(text, "\n{:<40}{:>9}", "outcome", "count");
    for (outcome, count) in &run.outcomes {
        let _ = writeln!(text, "{outcome:<40}{count:>9}");
    }
    let _ = writeln!(
        text,
        "\ndue {}  sent {}  answered {}\nheals {}  rotations {}  pauses {}  connections {}  \
         failed dials {}",
        counts.due,
        counts.sent,
        counts.answered,
        counts.heals,
        counts.rotations,
        counts.pauses,
        counts.connections,
        counts.failed_dials,
    );
    text
}

fn row(text: &mut String, name: &str, durations: &Distribution) {
    let _ = write!(text, "{name:<24}{:>9}", durations.count);
    for ns in durations.at_levels_ns.iter().chain([&durations.max_ns]) {
        let _ = write!(text, "{:>10}", short_time(*ns));
    }
    text.push('\n');
}

/// By connection and by address, if there are several and not too many.
fn groups(text: &mut String, run: &Run) {
    for groups in [&run.connections, &run.addresses] {
        if (2..=16).contains(&groups.len()) {
            text.push('\n');
            groups.iter().for_each(|group| row(text, &group.name, &group.latency));
        }
    }
}
