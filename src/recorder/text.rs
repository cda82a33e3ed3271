//! A recording as text for people: a line for each thing that happened, the oldest first.

use std::fmt::{self, Write as _};

use super::record::{End, EventRecord, Lost, What};
use super::recording::{Entry, Order, Recording};
use super::redact::path;
use super::rfc3339::Utc;
use crate::net::evidence::TcpInfo;

/// Writes it.
pub fn text(recording: &Recording) -> String {
    let mut out = String::new();
    for (slot, entry) in recording.entries() {
        let utc = Utc(entry.time_ns().wrapping_add(recording.ahead_ns));
        // Writing to a string does not fail.
        let _ = match slot {
            Some(slot) => write!(out, "{utc} {} slot {slot}", recording.pool),
            None => write!(out, "{utc} {} no slot", recording.pool),
        };
        let _ = match entry {
            Entry::Order(order) => writeln!(out, "{}", ForPeople(order)),
            Entry::Event(event) => writeln!(out, "{}", ForPeople(event)),
        };
    }
    out
}

/// How people read it.
struct ForPeople<'a, T>(&'a T);

/// A duration in microseconds.
struct Us(u64, u64);

impl fmt::Display for Us {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.1.saturating_sub(self.0);
        write!(f, "{}.{:03} us", ns / 1_000, ns % 1_000)
    }
}

impl fmt::Display for ForPeople<'_, Order> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Order { record: order, heads } = self.0;
        if order.connection != 0 {
            write!(f, " connection {}", order.connection)?;
        }
        write!(f, ": request {}", order.id)?;
        if !order.tag().is_none() {
            write!(f, " \"{}\"", order.tag())?;
        }
        write!(f, " {}", path(&order.line))?;
        let times = &order.times;
        if times.start_ns > times.submit_ns {
            write!(f, ", waited {}", Us(times.submit_ns, times.start_ns))?;
        }
        let steps = [
            ("written", times.write_ns),
            ("first byte", times.first_byte_ns),
            ("head", times.head_ns),
            ("ended", times.done_ns),
        ];
        let begin_ns = if times.start_ns == 0 { times.submit_ns } else { times.start_ns };
        for (step, at_ns) in steps.into_iter().filter(|(_, at_ns)| *at_ns != 0) {
            write!(f, ", {step} after {}", Us(begin_ns, at_ns))?;
        }
        match &order.end {
            None => f.write_str(", in flight")?,
            Some(end) => write!(f, ": {}", ForPeople(end))?,
        }
        if !order.answer().is_empty() {
            write!(f, ", answer: {}", order.answer())?;
        }
        for (whose, head) in [("request", &heads.request), ("answer", &heads.answer)] {
            if !head.is_empty() {
                write!(f, ", head of the {whose}: {head}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for ForPeople<'_, End> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0;
        let (outcome, wire_state) = (end.outcome.name(), end.wire_state.name());
        let (outcome, wire_state) = (outcome.to_string_lossy(), wire_state.to_string_lossy());
        write!(f, "{outcome}, {wire_state}, {} bytes out, ", end.bytes_sent)?;
        write!(f, "{} bytes in", end.bytes_received)?;
        if end.status != 0 {
            write!(f, ", status {}", end.status)?;
        }
        Ok(())
    }
}

impl fmt::Display for ForPeople<'_, EventRecord> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " connection {}: ", self.0.connection)?;
        match &self.0.what {
            What::Dials => f.write_str("dial"),
            What::DialFailed { step, words } => {
                write!(f, "dial failed, {}: {words}", step.name().to_string_lossy())
            }
            What::Live(path) => write!(f, "live{path}"),
            What::BrokeRule { bytes } => write!(f, "received against the rules: {bytes}"),
            What::LateAnswer { id, status, head } => {
                write!(f, "late answer to request {id}, status {status}: {head}")
            }
            What::Lost(lost) => write!(f, "{}", ForPeople(lost)),
        }
    }
}

impl fmt::Display for ForPeople<'_, Lost> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lost = self.0;
        let reason = lost.reason.name().to_string_lossy();
        write!(f, "given up after {}, {reason}", Us(0, lost.lifetime_ns))?;
        if !lost.words.is_empty() {
            write!(f, ": {}", lost.words)?;
        }
        if lost.id != 0 {
            write!(f, ", with request {}", lost.id)?;
        }
        if !lost.tag.is_none() {
            write!(f, " \"{}\"", lost.tag)?;
        }
        if lost.is_replaced {
            f.write_str(", replaced")?;
        }
        match &lost.tcp {
            Some(tcp) => write!(f, "; {}", ForPeople(tcp)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ForPeople<'_, TcpInfo> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tcp = self.0;
        write!(f, "tcp {}, {} bytes acknowledged, ", tcp.state_name(), tcp.bytes_acked)?;
        write!(f, "{} received, {} not sent, ", tcp.bytes_received, tcp.bytes_not_sent)?;
        write!(f, "{} segments unacknowledged, {} lost, ", tcp.unacked, tcp.lost)?;
        write!(f, "{} retransmitted, rtt {} us", tcp.total_retrans, tcp.rtt_us)?;
        write!(f, ", last data received {} ms before", tcp.last_data_received_ms)
    }
}
