//! Pools as lines of text, for a terminal and for a file. It knows no terminal: each piece of a
//! line says what it is, and not its colour.

use venuepool::error::{CloseReason, Outcome, Status};
use venuepool::metrics::Kind;
use venuepool::pool::health::Activity;
use venuepool::publish::page::{Page, Percentiles, Slot};

use crate::found::{Condition, Found, Read};
use crate::units::{age, count, duration, harmless, rate};

/// Which durations are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durations {
    /// Those of the last seconds.
    Recent,
    /// Those since the pool was opened.
    All,
}

/// What a piece of a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Plain,
    /// The name of a pool.
    Name,
    /// The heading of columns.
    Heading,
    Good,
    /// It needs no action, but is not as it should be for long.
    Passing,
    Bad,
}

/// A line of pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line(pub(crate) Vec<(Piece, String)>);

impl Line {
    fn of(kind: Piece, text: impl Into<String>) -> Self {
        Self(vec![(kind, text.into())])
    }

    fn plain_text(text: impl Into<String>) -> Self {
        Self::of(Piece::Plain, text)
    }

    fn and(mut self, kind: Piece, text: impl Into<String>) -> Self {
        self.0.push((kind, text.into()));
        self
    }

    /// Its text alone.
    pub(crate) fn plain(&self) -> String {
        self.0.iter().map(|(_, text)| text.as_str()).collect()
    }
}

/// All that was found.
pub(crate) fn lines(found: &[Found], durations: Durations) -> Vec<Line> {
    if found.is_empty() {
        return vec![Line::of(Piece::Bad, "no pool publishes here")];
    }
    let mut lines = Vec::new();
    for one in found {
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        let path = harmless(&one.path.display().to_string());
        match &one.page {
            Ok(read) => pool(&mut lines, &path, read, durations),
            Err(why) => {
                let line = Line::of(Piece::Name, path).and(Piece::Plain, ": ");
                lines.push(line.and(Piece::Bad, harmless(why)));
            }
        }
    }
    lines
}

fn pool(lines: &mut Vec<Line>, path: &str, read: &Read, durations: Durations) {
    let page = &read.page;
    let kind = match read.condition {
        Condition::Live => Piece::Good,
        Condition::Suspended | Condition::ShutDown => Piece::Passing,
        Condition::Silent | Condition::Ended => Piece::Bad,
    };
    let title = format!("{} {}", harmless(&page.name), harmless(&page.host));
    let of = format!("  pid {}  written {} ago  {path}", page.writer.pid, duration(read.age_ns));
    let line = Line::of(Piece::Name, title).and(Piece::Plain, "  ");
    lines.push(line.and(kind, read.condition.name()).and(Piece::Plain, of));
    state(lines, read);
    totals(lines, page);
    percentiles(lines, page, durations);
    slots(lines, read);
    addresses(lines, page);
}

fn state(lines: &mut Vec<Line>, read: &Read) {
    let (page, state) = (&read.page, &read.page.state);
    let (slots, rates) = (page.slots.len() as u64, page.rate);
    let line = Line::plain_text(format!(
        "  orders/s {}  in flight {}  waiting {}  slots ",
        rate(rates.accepted, rates.over_ns),
        count(state.in_flight),
        count(state.waiting)
    ));
    let kind = if state.live == slots { Piece::Good } else { Piece::Bad };
    let line = line.and(kind, format!("{} of {slots} live", state.live));
    let rest = format!(", {} idle, {} leased", state.idle, state.leased);
    let line = line.and(Piece::Plain, rest);
    let left_ns = state.suspended_until_ns.saturating_sub(read.now_ns);
    lines.push(match left_ns {
        0 => line,
        _ => line.and(Piece::Passing, format!("  suspended for {}", age(left_ns))),
    });
}

fn totals(lines: &mut Vec<Line>, page: &Page) {
    let totals = &page.totals;
    let mut line = Line::plain_text("  ended");
    for (outcome, ended) in Outcome::ALL.iter().zip(totals.outcomes) {
        let text = format!("  {} {}", word(outcome.name(), "VP_OUTCOME_"), count(ended));
        match outcome {
            Outcome::Ok => line = line.and(Piece::Good, text),
            _ if ended > 0 => line = line.and(Piece::Bad, text),
            _ => {}
        }
    }
    lines.push(line);
    let refused = Status::ALL.iter().zip(totals.refused).filter(|(_, refused)| *refused > 0);
    let refused: Vec<String> = refused
        .map(|(status, refused)| format!("  {} {}", word(status.name(), "VP_"), count(refused)))
        .collect();
    if !refused.is_empty() {
        let line = Line::plain_text("  refused");
        lines.push(line.and(Piece::Passing, refused.concat()));
    }
    let failed: u64 = totals.dial_failures.iter().sum();
    lines.push(Line::plain_text(format!(
        "  heals {}  dials {}  failed dials {}  rotations {}  heartbeats {}  pauses {}  late {}",
        count(totals.heals),
        count(totals.dials),
        count(failed),
        count(totals.rotations),
        count(totals.heartbeats),
        count(totals.pauses),
        count(totals.late)
    )));
}

fn percentiles(lines: &mut Vec<Line>, page: &Page, durations: Durations) {
    if !page.state.has_histograms {
        return;
    }
    let of = match durations {
        Durations::Recent => format!("last {}", age(page.recent_ns)),
        Durations::All => "since open".to_owned(),
    };
    lines.push(Line::of(
        Piece::Heading,
        format!("  {of:<14}{:>12}{:>10}{:>10}{:>10}{:>10}", "count", "p50", "p99", "p99.9", "max"),
    ));
    for (kind, its) in Kind::ALL.iter().zip(&page.durations) {
        let shown: &Percentiles = match durations {
            Durations::Recent => &its.recent,
            Durations::All => &its.all,
        };
        // Of the others there may be none for long.
        let is_of_orders =
            matches!(kind, Kind::QueueWait | Kind::Write | Kind::FirstByte | Kind::Total);
        if is_of_orders || shown.count > 0 {
            lines.push(Line::plain_text(format!(
                "  {:<14}{:>12}{:>10}{:>10}{:>10}{:>10}",
                kind.name().replace('_', " "),
                count(shown.count),
                duration_of(shown, shown.p50_ns),
                duration_of(shown, shown.p99_ns),
                duration_of(shown, shown.p999_ns),
                duration_of(shown, shown.max_ns)
            )));
        }
    }
}

/// A wait may have taken no time at all.
fn duration_of(percentiles: &Percentiles, ns: u64) -> String {
    if percentiles.count > 0 && ns == 0 { "0 ns".to_owned() } else { duration(ns) }
}

fn slots(lines: &mut Vec<Line>, read: &Read) {
    lines.push(Line::of(
        Piece::Heading,
        format!(
            "  {:<5}{:<11}{:<24}{:>8}{:>6}{:>7}{:>12}{:>10}  {}",
            "slot", "state", "address", "age", "conn", "heals", "requests", "rtt", "last close"
        ),
    ));
    for (number, slot) in read.page.slots.iter().enumerate() {
        lines.push(slot_line(number, slot, read.now_ns));
    }
}

fn slot_line(number: usize, slot: &Slot, now_ns: u64) -> Line {
    let (kind, state) = match slot.activity() {
        Some(state @ (Activity::Waiting | Activity::Dialling)) => (Piece::Bad, Some(state)),
        Some(Activity::Leased) => (Piece::Passing, Some(Activity::Leased)),
        other => (Piece::Good, other),
    };
    let state =
        state.map_or_else(|| slot.state.to_string(), |state| word(state.name(), "VP_SLOT_STATE_"));
    let up = match slot.up_ns {
        0 => "-".to_owned(),
        up_ns => age(now_ns.saturating_sub(up_ns)),
    };
    let address = match slot.peer {
        Some(peer) => peer.to_string(),
        None if slot.up_ns != 0 => "unix".to_owned(),
        None => "-".to_owned(),
    };
    let close = |reason: CloseReason| word(reason.name(), "VP_CLOSE_REASON_");
    let close = slot.last_close_reason().map_or_else(|| "-".to_owned(), close);
    Line::plain_text(format!("  {number:<5}")).and(kind, format!("{state:<11}")).and(
        Piece::Plain,
        format!(
            "{address:<24}{up:>8}{:>6}{:>7}{:>12}{:>10}  {close}",
            slot.connection,
            slot.heals,
            count(slot.requests),
            duration(slot.rtt_ns)
        ),
    )
}

fn addresses(lines: &mut Vec<Line>, page: &Page) {
    if page.addresses.is_empty() {
        return;
    }
    lines.push(Line::of(
        Piece::Heading,
        format!(
            "  {:<40}{:>6}{:>7}{:>10}{:>10}{:>10}{:>10}",
            "address", "slots", "conns", "failures", "connect", "rtt", "least rtt"
        ),
    ));
    for its in &page.addresses {
        let address = its.address.map_or_else(|| "-".to_owned(), |address| address.to_string());
        let address = if its.is_listed { address } else { format!("{address} (not listed)") };
        lines.push(Line::plain_text(format!(
            "  {address:<40}{:>6}{:>7}{:>10}{:>10}{:>10}{:>10}",
            its.slots,
            count(its.connections),
            count(its.failures),
            duration(its.connect_ns),
            duration(its.rtt_ns),
            duration(its.rtt_min_ns)
        )));
    }
}

/// A name of C without its beginning, in small letters and words.
pub(crate) fn word(name: &std::ffi::CStr, beginning: &str) -> String {
    let name = name.to_string_lossy();
    name.strip_prefix(beginning).unwrap_or(&name).to_ascii_lowercase().replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(page: Page) -> Found {
        let read = Read { page, condition: Condition::Live, age_ns: 1_000, now_ns: 61_000_000_000 };
        Found { path: "/dev/shm/a".into(), page: Ok(read) }
    }

    fn text(found: &[Found], durations: Durations) -> String {
        lines(found, durations).iter().map(|line| line.plain() + "\n").collect()
    }

    #[test]
    fn what_would_control_a_terminal_is_not_printed() {
        let evil = "\x1b]0;x\x07".to_owned();
        let page = Page { name: evil.clone(), host: evil.clone(), ..Page::default() };
        let bad = Found { path: evil.clone().into(), page: Err(evil) };
        let text = text(&[read(page), bad], Durations::Recent);
        assert!(text.contains("?]0;x?"));
        assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()));
    }

    #[test]
    fn a_slot_is_told_as_it_is() {
        let mut page = Page::default();
        let (up_ns, peer) = (1_000_000_000, Some("10.0.0.1:443".parse().unwrap()));
        let (state, rtt_ns) = (Activity::InFlight as u64, 112_000);
        page.slots = vec![
            Slot { state, up_ns, peer, rtt_ns, connection: 2, heals: 1, ..Slot::default() },
            Slot { state: 99, ..Slot::default() },
        ];
        let text = text(&[read(page)], Durations::Recent);
        let line = |begin: &str| text.lines().find(|line| line.starts_with(begin)).unwrap();
        let words: Vec<_> = line("  0 ").split_whitespace().collect();
        assert_eq!(
            words,
            ["0", "in", "flight", "10.0.0.1:443", "1m00s", "2", "1", "0", "112", "us", "-"]
        );
        assert!(line("  1 ").contains("99"), "a state without a name");
    }

    #[test]
    fn durations_are_recent_or_all() {
        let mut page = Page { recent_ns: 12_000_000_000, ..Page::default() };
        page.state.has_histograms = true;
        let percentiles = |count, p50_ns| Percentiles { count, p50_ns, ..Percentiles::default() };
        page.durations[Kind::Total as usize].all = percentiles(7, 7_000);
        page.durations[Kind::Total as usize].recent = percentiles(3, 0);
        let found = [read(page)];
        let (recent, all) = (text(&found, Durations::Recent), text(&found, Durations::All));
        assert!(recent.contains("last 12s") && recent.contains("3      0 ns"), "{recent}");
        assert!(all.contains("since open") && all.contains("7   7.00 us"), "{all}");
        assert!(!all.contains("heal  "), "there was none");
    }
}
