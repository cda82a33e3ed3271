//! The bytes of a page: the one place that knows where each field is.
//!
//! All numbers are 64 bits, little-endian, one after the other; a text has a fixed length,
//! filled up with NUL. The order is that in which [`Fields`] goes through a page, to write it
//! and to read it.
//!
//! ```text
//! magic, version, size, sequence, slots, addresses | fields | checksum, sequence
//! ```
//!
//! A page is written from its begin to its end. So whoever reads a sequence number at the end,
//! then the page, then the same number at the begin, has read one page and no mixture
//! ([`read_page`](super::file::read_page)). [`decode`] compares both, too, and the checksum:
//! that tells a mixture whatever the order is in which the system copies.
//!
//! [`VERSION`] goes up with each change, also of the lists of outcomes, statuses and so on. A
//! test below fails for a change without it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use flate2::Crc;

use super::page::{
    Address, Durations, MAX_ADDRESSES, MAX_SLOTS, Page, Percentiles, Rate, Slot, State, Totals,
    Writer,
};

/// With which each page begins.
pub const MAGIC: [u8; 8] = *b"vp-page\n";

/// The version of the layout that is written and read.
pub const VERSION: u64 = 1;

/// Where the sequence number at the begin is.
pub const SEQUENCE_AT: usize = 24;

/// The checksum and the sequence number at the end.
const TRAILER: usize = 16;

/// The bytes of a name.
const NAME: usize = 64;

/// The bytes of a host with its port.
const HOST: usize = 264;

/// No page is longer, in bytes.
pub const MAX_SIZE: u64 = 256 * 1024;

/// Why bytes are no page that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// They do not begin as a page does.
    NotAPage,
    /// They are a page of this version.
    Version(u64),
    /// They are a part of a page.
    Truncated,
    /// They were written while they were read, or are damaged.
    Torn,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAPage => f.write_str("not a page of venuepool"),
            Self::Version(its) => {
                write!(f, "a page of layout version {its}; this program reads version {VERSION}")
            }
            Self::Truncated => f.write_str("a page that is cut off"),
            Self::Torn => f.write_str("a page that is damaged, or never at rest"),
        }
    }
}

/// Goes through the fields of a page: to write them, or to read them.
enum Cursor<'a> {
    Writes(&'a mut Vec<u8>),
    /// What is left; `None` once it was not enough for a field.
    Reads(Option<&'a [u8]>),
}

impl Cursor<'_> {
    fn bytes<const N: usize>(&mut self, value: &mut [u8; N]) {
        match self {
            Self::Writes(bytes) => bytes.extend_from_slice(value),
            Self::Reads(left) => {
                let split = left.and_then(|bytes| bytes.split_first_chunk());
                *left = split.map(|(first, rest)| {
                    *value = *first;
                    rest
                });
            }
        }
    }

    fn number(&mut self, value: &mut u64) {
        let mut bytes = value.to_le_bytes();
        self.bytes(&mut bytes);
        *value = u64::from_le_bytes(bytes);
    }

    fn numbers<const N: usize>(&mut self, values: [&mut u64; N]) {
        values.into_iter().for_each(|value| self.number(value));
    }

    fn each(&mut self, values: &mut [u64]) {
        values.iter_mut().for_each(|value| self.number(value));
    }

    fn flag(&mut self, value: &mut bool) {
        let mut number = u64::from(*value);
        self.number(&mut number);
        *value = number != 0;
    }

    fn text<const N: usize>(&mut self, value: &mut String) {
        let mut bytes = [0; N];
        let fits = (0..=value.len().min(N)).rev().find(|end| value.is_char_boundary(*end));
        let fits = fits.unwrap_or(0);
        bytes[..fits].copy_from_slice(&value.as_bytes()[..fits]);
        self.bytes(&mut bytes);
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(N);
        *value = String::from_utf8_lossy(&bytes[..end]).into_owned();
    }

    /// An address as 16 bytes, an IPv4 one as IPv4-mapped, and its port and one more; 0: none.
    fn address(&mut self, value: &mut Option<SocketAddr>) {
        let mut ip = match value.map(|address| address.ip()) {
            Some(IpAddr::V4(ip)) => ip.to_ipv6_mapped().octets(),
            Some(IpAddr::V6(ip)) => ip.octets(),
            None => [0; 16],
        };
        let mut port = value.map_or(0, |address| u64::from(address.port()) + 1);
        self.bytes(&mut ip);
        self.number(&mut port);
        let port = port.checked_sub(1).and_then(|port| u16::try_from(port).ok());
        *value = port.map(|port| SocketAddr::new(Ipv6Addr::from(ip).to_canonical(), port));
    }
}

/// What has fields, in the order in which they lie.
trait Fields {
    fn go_through(&mut self, cursor: &mut Cursor<'_>);
}

impl Fields for Page {
    fn go_through(&mut self, cursor: &mut Cursor<'_>) {
        self.writer.go_through(cursor);
        cursor.numbers([&mut self.written_ns, &mut self.written_wall_ns, &mut self.period_ns]);
        cursor.text::<NAME>(&mut self.name);
        cursor.text::<HOST>(&mut self.host);
        self.state.go_through(cursor);
        self.rate.go_through(cursor);
        self.totals.go_through(cursor);
        self.durations.iter_mut().for_each(|kind| kind.go_through(cursor));
        cursor.number(&mut self.recent_ns);
        self.slots.iter_mut().for_each(|slot| slot.go_through(cursor));
        let used = self.addresses.len();
        self.addresses.resize(MAX_ADDRESSES, Address::default());
        self.addresses.iter_mut().for_each(|address| address.go_through(cursor));
        self.addresses.truncate(used);
    }
}

impl Fields for Writer {
    fn go_through(&mut self, cursor: &mut Cursor<'_>) {
        cursor.numbers([&mut self.pid, &mut self.namespace, &mut self.started_ticks]);
    }
}

impl Fields for State {
    fn go_through(&mut self, cursor: &mut Cursor<'_>) {
        cursor.flag(&mut self.is_shut_down);
        cursor.flag(&mut self.has_histograms);
        cursor.numbers([&mut self.suspended_until_ns, &mut self.open_lanes]);
        cursor.numbers([&mut self.live, &mut self.idle, &mut self.leased]);
        cursor.numbers([&mut self.in_flight, &mut self.heartbeats, &mut self.waiting]);
    }
}

impl Fields for Rate {
    fn go_through(&mut self, cursor: &mut Cursor<'_>) {
        cursor.numbers([&mut self.over_ns, &mut self.accepted, &mut self.ended]);
    }
}

impl Fields for Totals {
    fn go_through(&mut self, cursor: &mut Cursor<'_>) {
        cursor.each(&mut self.accepted);
        cursor.each(&mut self.refused);
        cursor.each(&mut self.outcomes);
        cursor.each(&mut self.wire_states);
        cursor.each(&mut self.closed);
        cursor.each(&mut self.dial_failures);
        cursor.numbers([&mut self.dials, &mut self.connected, &mut self.heals]);
        cursor.numbers([&mut self.rotations, &mut self.heartbeats, &mut self.pauses]);
        cursor.numbers([&mut self.late, &mut self.fanouts, &mut self.copies]);
        cursor.number(&mut self.stale_lookups);
    }
}

impl Fields for Durations {
    fn go_through(&mut self, cursor: &mut Cursor<'_>) {
        self.all.go_through(cursor);
        self.recent.go_through(cursor);
    }
}

impl Fields for Percentiles {
    fn go_through(&mut self, cursor: &mut Cursor<'_>) {
        cursor.numbers([&mut self.count, &mut self.p50_ns, &mut self.p99_ns]);
        cursor.numbers([&mut self.p999_ns, &mut self.max_ns]);
    }
}

impl Fields for Slot {
    fn go_through(&mut self, cursor: &mut Cursor<'_>) {
        cursor.numbers([&mut self.state, &mut self.last_close, &mut self.connection]);
        cursor.numbers([&mut self.heals, &mut self.requests, &mut self.up_ns]);
        cursor.numbers([&mut self.proven_ns, &mut self.rtt_ns, &mut self.next_dial_ns]);
        cursor.number(&mut self.tls_version);
        cursor.flag(&mut self.is_resumed);
        cursor.address(&mut self.local);
        cursor.address(&mut self.peer);
    }
}

impl Fields for Address {
    fn go_through(&mut self, cursor: &mut Cursor<'_>) {
        cursor.address(&mut self.address);
        cursor.flag(&mut self.is_listed);
        cursor.numbers([&mut self.slots, &mut self.connections, &mut self.failures]);
        cursor.numbers([&mut self.connect_ns, &mut self.rtt_ns, &mut self.rtt_min_ns]);
    }
}

/// Writes a page over `bytes`. It is only read; what does not fit is cut off: addresses beyond
/// [`MAX_ADDRESSES`], and the ends of long names.
pub fn encode(page: &mut Page, bytes: &mut Vec<u8>) {
    bytes.clear();
    page.slots.truncate(MAX_SLOTS);
    page.addresses.truncate(MAX_ADDRESSES);
    let mut cursor = Cursor::Writes(bytes);
    let (mut slots, mut addresses) = (page.slots.len() as u64, page.addresses.len() as u64);
    let (mut version, mut size) = (VERSION, 0);
    cursor.bytes(&mut MAGIC.clone());
    cursor.numbers([&mut version, &mut size, &mut page.sequence]);
    cursor.numbers([&mut slots, &mut addresses]);
    page.go_through(&mut cursor);
    let size = (bytes.len() + TRAILER) as u64;
    bytes[16..24].copy_from_slice(&size.to_le_bytes());
    let checksum = checksum(bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes.extend_from_slice(&page.sequence.to_le_bytes());
}

/// Reads a page.
///
/// # Errors
/// Why it cannot be read.
pub fn decode(bytes: &[u8]) -> Result<Page, Refusal> {
    let Some((magic, rest)) = bytes.split_first_chunk() else {
        return Err(if MAGIC.starts_with(bytes) { Refusal::Truncated } else { Refusal::NotAPage });
    };
    if *magic != MAGIC {
        return Err(Refusal::NotAPage);
    }
    let number = |at: usize| rest.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
    let (version, size) = (number(0).ok_or(Refusal::Truncated)?, number(8));
    if version != VERSION {
        return Err(Refusal::Version(version));
    }
    if size.is_none_or(|size| size > bytes.len() as u64) {
        return Err(Refusal::Truncated);
    }
    let (body, trailer) = bytes.split_last_chunk::<TRAILER>().ok_or(Refusal::Truncated)?;
    let (its_checksum, sequence) = trailer.split_at(TRAILER / 2);
    let is_whole = size == Some(bytes.len() as u64)
        && body.get(SEQUENCE_AT..SEQUENCE_AT + 8) == Some(sequence)
        && checksum(body).to_le_bytes() == its_checksum;
    if !is_whole {
        return Err(Refusal::Torn);
    }
    read(&body[SEQUENCE_AT..]).ok_or(Refusal::Torn)
}

/// Reads from the sequence number on; `None` when the numbers do not agree with the length.
fn read(bytes: &[u8]) -> Option<Page> {
    let (mut page, mut slots, mut addresses) = (Page::default(), 0, 0);
    let mut cursor = Cursor::Reads(Some(bytes));
    cursor.numbers([&mut page.sequence, &mut slots, &mut addresses]);
    if slots > MAX_SLOTS as u64 || addresses > MAX_ADDRESSES as u64 {
        return None;
    }
    page.slots.resize(slots as usize, Slot::default());
    page.addresses.resize(addresses as usize, Address::default());
    page.go_through(&mut cursor);
    matches!(cursor, Cursor::Reads(Some([]))).then_some(page)
}

fn checksum(bytes: &[u8]) -> u64 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().into()
}

#[cfg(test)]
mod tests;
