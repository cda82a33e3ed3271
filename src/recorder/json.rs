//! A recording as JSON (RFC 8259), for programs.

use std::fmt::{self, Display, Write as _};

use super::record::{EventRecord, Lost, What};
use super::recording::{Entry, Order, Recording};
use super::redact::path;
use super::rfc3339::Utc;
use crate::net::evidence::TcpInfo;
use crate::net::path::Path;

/// Writes it: one object.
pub fn json(recording: &Recording) -> String {
    let mut out = String::new();
    let mut object = Object::begin(&mut out);
    object.text("pool", &recording.pool).text("host", &recording.host);
    object.name("entries").push('[');
    for (number, (slot, entry)) in recording.entries().into_iter().enumerate() {
        object.out.push_str(if number == 0 { "\n" } else { ",\n" });
        let mut it = Object::begin(object.out);
        let time_ns = entry.time_ns();
        let utc = Utc(time_ns.wrapping_add(recording.ahead_ns));
        it.text("time", utc).number("time_ns", time_ns);
        match slot {
            Some(slot) => it.number("slot", slot),
            None => it.number("slot", "null"),
        };
        match entry {
            Entry::Order(order) => write_order(&mut it, order),
            Entry::Event(event) => write_event(&mut it, event),
        }
        it.end();
    }
    object.out.push_str("\n]");
    object.end();
    out.push('\n');
    out
}

/// An object that is written. Writing to a string does not fail.
struct Object<'a> {
    out: &'a mut String,
    is_empty: bool,
}

/// Writes the inside of a JSON string.
struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            match letter {
                '"' | '\\' => self.0.extend(['\\', letter]),
                '\0'..='\x1f' => write!(self.0, "\\u{:04x}", u32::from(letter))?,
                _ => self.0.push(letter),
            }
        }
        Ok(())
    }
}

impl<'a> Object<'a> {
    fn begin(out: &'a mut String) -> Self {
        out.push('{');
        Self { out, is_empty: true }
    }

    fn end(self) {
        self.out.push('}');
    }

    /// A name is plain; what follows is its value.
    fn name(&mut self, name: &str) -> &mut String {
        let comma = if self.is_empty { "" } else { "," };
        self.is_empty = false;
        let _ = write!(self.out, "{comma}\"{name}\":");
        self.out
    }

    fn text(&mut self, name: &str, value: impl Display) -> &mut Self {
        let out = self.name(name);
        out.push('"');
        let _ = write!(Escaped(out), "{value}");
        out.push('"');
        self
    }

    /// A number, true, false or null.
    fn number(&mut self, name: &str, value: impl Display) -> &mut Self {
        let _ = write!(self.name(name), "{value}");
        self
    }
}

fn write_order(it: &mut Object<'_>, Order { record: order, heads }: &Order) {
    it.text("type", "order").number("connection", order.connection).number("request", order.id);
    if !order.tag().is_none() {
        it.text("tag", order.tag());
    }
    it.text("line", path(&order.line));
    let times = &order.times;
    for (name, ns) in [
        ("submit_ns", times.submit_ns),
        ("start_ns", times.start_ns),
        ("write_begin_ns", times.write_begin_ns),
        ("write_ns", times.write_ns),
        ("first_byte_ns", times.first_byte_ns),
        ("head_ns", times.head_ns),
        ("done_ns", times.done_ns),
    ] {
        it.number(name, ns);
    }
    for (name, head) in [("request_head", &heads.request), ("answer_head", &heads.answer)] {
        if !head.is_empty() {
            it.text(name, head);
        }
    }
    it.number("in_flight", order.end.is_none());
    let Some(end) = &order.end else { return };
    it.text("outcome", end.outcome.name().to_string_lossy());
    it.text("wire_state", end.wire_state.name().to_string_lossy());
    it.number("bytes_sent", end.bytes_sent).number("bytes_received", end.bytes_received);
    it.number("status", end.status);
    if !order.answer().is_empty() {
        it.text("answer", order.answer());
    }
}

fn write_event(it: &mut Object<'_>, event: &EventRecord) {
    let name = match &event.what {
        What::Dials => "dial",
        What::DialFailed { .. } => "dial_failed",
        What::Live(_) => "live",
        What::BrokeRule { .. } => "broke_rule",
        What::LateAnswer { .. } => "late_answer",
        What::Lost(_) => "lost",
    };
    it.text("type", name).number("connection", event.connection);
    match &event.what {
        What::Dials => {}
        What::DialFailed { step, words } => {
            it.text("status", step.name().to_string_lossy()).text("words", words);
        }
        What::Live(path) => write_path(it, path),
        What::BrokeRule { bytes } => {
            it.text("bytes", bytes);
        }
        What::LateAnswer { id, status, head } => {
            it.number("request", id).number("status", status).text("answer_head", head);
        }
        What::Lost(lost) => write_lost(it, lost),
    }
}

fn write_path(it: &mut Object<'_>, path: &Path) {
    if let (Some(local), Some(peer)) = (path.local, path.peer) {
        it.text("local", local).text("peer", peer).number("connect_ns", path.connect_ns);
    }
    if path.tls_version != 0 {
        it.text("tls", path.tls_name()).number("resumed", path.is_resumed);
        it.number("handshake_ns", path.handshake_ns);
    }
}

fn write_lost(it: &mut Object<'_>, lost: &Lost) {
    it.text("reason", lost.reason.name().to_string_lossy());
    if !lost.words.is_empty() {
        it.text("words", lost.words);
    }
    it.number("lifetime_ns", lost.lifetime_ns).number("replaced", lost.is_replaced);
    if lost.id != 0 {
        it.number("request", lost.id);
    }
    if !lost.tag.is_none() {
        it.text("tag", lost.tag);
    }
    if let Some(tcp) = &lost.tcp {
        let mut info = Object::begin(it.name("tcp_info"));
        write_tcp(&mut info, tcp);
        info.end();
    }
}

fn write_tcp(it: &mut Object<'_>, tcp: &TcpInfo) {
    it.text("state", tcp.state_name());
    it.number("bytes_acked", tcp.bytes_acked).number("bytes_received", tcp.bytes_received);
    it.number("bytes_not_sent", tcp.bytes_not_sent).number("unacked", tcp.unacked);
    it.number("lost", tcp.lost).number("retransmits", tcp.retransmits);
    it.number("total_retrans", tcp.total_retrans).number("rto_us", tcp.rto_us);
    it.number("rtt_us", tcp.rtt_us).number("rttvar_us", tcp.rttvar_us);
    it.number("last_data_sent_ms", tcp.last_data_sent_ms);
    it.number("last_data_received_ms", tcp.last_data_received_ms);
    it.number("last_ack_received_ms", tcp.last_ack_received_ms);
}
