//! What a session is opened with, besides the configuration of a pool. Valid at every moment: a
//! setter checks a value before it stores it, and leaves all as it was when it refuses.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::delivery::Hook;
use crate::error::Status;
use crate::http::field;
use crate::source::Source as LocalSource;
use crate::ws::closing::CloseLimits;
use crate::ws::extension::DeflateOffer;
use crate::ws::frame::Kind;
use crate::ws::handshake::Offer;
use crate::ws::keep_alive::KeepAliveSettings;
use crate::ws::session::inbox::Overflow;
use crate::ws::session::standby::StandbyRules;
use crate::ws::settings::Limits;
use crate::ws::text_ping::TextPing;

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;
const DAY: u64 = 86_400 * S;
const GIB: usize = 1 << 30;
/// The most opening messages, headers and subprotocols of each kind.
const MOST: usize = 1024;
/// The most connections.
const MOST_LINES: usize = 8;

/// Writes an opening message: gets the system's time in nanoseconds since 1970 and the room for it,
/// and answers its length. `None`: it cannot.
pub type Write = Arc<dyn Fn(u64, &mut [u8]) -> Option<usize> + Send + Sync>;

/// Reads the key of a call from a message, which has 64 zeros behind it. `None`: it has none.
pub type Match = Arc<dyn Fn(Kind, &[u8]) -> Option<u64> + Send + Sync>;

/// Judges a message while the opening message of an index is to be acknowledged.
pub type AckMatcher = Arc<dyn Fn(usize, Kind, &[u8]) -> Verdict + Send + Sync>;

/// What a message says of an opening message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Other,
    /// It is acknowledged.
    Acknowledged,
    /// It is refused.
    Refused,
}

/// Where the bytes of an opening message come from.
#[derive(Clone)]
pub(super) enum Source {
    Fixed(Zeroizing<Vec<u8>>),
    Written(Write),
}

/// A message that is sent before the session is up.
#[derive(Clone)]
pub(super) struct Opening {
    pub(super) kind: Kind,
    pub(super) source: Source,
    pub(super) awaits: bool,
}

/// The functions of the engine.
#[derive(Clone, Default)]
pub(super) struct Hooks {
    pub(super) told: Option<Hook>,
    pub(super) key: Option<Match>,
    pub(super) match_ack: Option<AckMatcher>,
}

/// The settings of a session.
#[derive(Clone)]
pub struct Settings {
    pub(super) headers: Vec<(Vec<u8>, Zeroizing<Vec<u8>>)>,
    pub(super) offer: Offer,
    pub(super) openings: Vec<Opening>,
    pub(super) hooks: Hooks,
    pub(super) keep_alive: KeepAliveSettings,
    /// Pings are messages, and no control frames.
    pub(super) text_ping: Option<TextPing>,
    pub(super) upgrade_ns: u64,
    pub(super) opening_ns: u64,
    pub(super) close: CloseLimits,
    pub(super) limits: Limits,
    pub(super) check_utf8: bool,
    /// The longest message that is sent.
    pub(super) max_send: usize,
    /// The most bytes that wait for the kernel.
    pub(super) max_unsent: usize,
    pub(super) max_calls: usize,
    /// The most calls that wait in each lane; 0: none waits.
    pub(super) max_waiting: usize,
    pub(super) max_unacknowledged: usize,
    pub(super) queue: (usize, Overflow),
    /// Which of the local addresses it connects from; any: the first.
    pub(super) source: LocalSource,
    /// The slots, and how old one may be.
    pub(super) standby: StandbyRules,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            headers: Vec::new(),
            offer: Offer::default(),
            openings: Vec::new(),
            hooks: Hooks::default(),
            keep_alive: KeepAliveSettings {
                interval_ns: Some(15 * S),
                deadline_ns: 5 * S,
                idle_ns: None,
            },
            text_ping: None,
            upgrade_ns: 5 * S,
            opening_ns: 5 * S,
            close: CloseLimits { answer_ns: S, eof_ns: S },
            limits: Limits::default(),
            check_utf8: true,
            max_send: 64 * 1024,
            max_unsent: 1024 * 1024,
            max_calls: 1024,
            max_waiting: 0,
            max_unacknowledged: 4096,
            queue: (65_536, Overflow::DropOldest),
            source: LocalSource::ANY,
            standby: StandbyRules { slots: 1, max_age_ns: 0, drain_ns: 0 },
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("openings", &self.openings.len()).finish_non_exhaustive()
    }
}

impl Settings {
    /// Adds a header to the request for the upgrade.
    ///
    /// # Errors
    /// As for the header of a request; `ERR_ARGUMENT` for one too many, `ERR_HEADER_RESERVED` for
    /// one that the upgrade has itself.
    pub fn add_header(&mut self, name: &[u8], value: &[u8]) -> Result<(), Status> {
        field::check_setting(name, value)?;
        let own = |prefix: &[u8]| {
            name.len() >= prefix.len() && name[..prefix.len()].eq_ignore_ascii_case(prefix)
        };
        if own(b"sec-websocket-") || name.eq_ignore_ascii_case(b"connection") {
            return Err(Status::ERR_HEADER_RESERVED);
        }
        room(self.headers.len())?;
        self.headers.push((name.to_vec(), Zeroizing::new(value.to_vec())));
        Ok(())
    }

    /// Offers a subprotocol behind those that were offered before.
    ///
    /// # Errors
    /// `ERR_ARGUMENT` for what is no token, for one that is offered already, or one too many.
    pub fn add_subprotocol(&mut self, name: &[u8]) -> Result<(), Status> {
        let names = &mut self.offer.subprotocols;
        if !field::is_token(name) || names.iter().any(|known| known == name) {
            return Err(Status::ERR_ARGUMENT);
        }
        room(names.len())?;
        names.push(name.to_vec());
        Ok(())
    }

    /// Adds a message that is sent before the session is up; `awaits`: the next one waits for its
    /// acknowledgement.
    ///
    /// # Errors
    /// `ERR_ARGUMENT` for one too many.
    pub fn add_opening(&mut self, kind: Kind, bytes: &[u8], awaits: bool) -> Result<(), Status> {
        room(self.openings.len())?;
        let source = Source::Fixed(Zeroizing::new(bytes.to_vec()));
        self.openings.push(Opening { kind, source, awaits });
        Ok(())
    }

    /// The same with a function that writes the message when it is sent.
    ///
    /// # Errors
    /// `ERR_ARGUMENT` for one too many.
    pub fn add_written(&mut self, kind: Kind, write: Write, awaits: bool) -> Result<(), Status> {
        room(self.openings.len())?;
        self.openings.push(Opening { kind, source: Source::Written(write), awaits });
        Ok(())
    }

    /// Sets the function that judges acknowledgements.
    pub fn set_match_ack(&mut self, match_ack: Option<AckMatcher>) {
        self.hooks.match_ack = match_ack;
    }

    /// Sets the function that reads the key of an answer.
    pub fn set_match(&mut self, key: Option<Match>) {
        self.hooks.key = key;
    }

    /// Sets the function that is told all; without one it goes to the queue.
    pub fn set_told(&mut self, told: Option<Hook>) {
        self.hooks.told = told;
    }

    /// Sets the keep-alive. 0: no pings; no idle limit.
    ///
    /// # Errors
    /// `ERR_ARGUMENT` for more than a day, or pings without a deadline.
    pub fn set_keep_alive(&mut self, every: u64, deadline: u64, idle: u64) -> Result<(), Status> {
        if every.max(deadline).max(idle) > DAY || every != 0 && deadline == 0 {
            return Err(Status::ERR_ARGUMENT);
        }
        let some = |ns: u64| (ns != 0).then_some(ns);
        self.keep_alive = KeepAliveSettings {
            interval_ns: some(every),
            deadline_ns: deadline,
            idle_ns: some(idle),
        };
        Ok(())
    }

    /// Sets the message that is sent as a ping; `None`: pings are control frames.
    pub fn set_text_ping(&mut self, ping: Option<TextPing>) {
        self.text_ping = ping;
    }

    /// Sets how long the answer to the upgrade, the acknowledgements of all opening messages, and
    /// each half of the close handshake may take, in nanoseconds.
    ///
    /// # Errors
    /// `ERR_ARGUMENT` for 0 or more than a day.
    pub fn set_timeouts(&mut self, upgrade: u64, opening: u64, close: u64) -> Result<(), Status> {
        if [upgrade, opening, close].iter().any(|ns| !(1..=DAY).contains(ns)) {
            return Err(Status::ERR_ARGUMENT);
        }
        (self.upgrade_ns, self.opening_ns) = (upgrade, opening);
        self.close = CloseLimits { answer_ns: close, eof_ns: close };
        Ok(())
    }

    /// Sets how many messages may wait for the engine, and what becomes of more.
    ///
    /// # Errors
    /// `ERR_ARGUMENT` for 0 or more than 16,777,216.
    pub fn set_queue(&mut self, capacity: usize, overflow: Overflow) -> Result<(), Status> {
        if !(1..=1 << 24).contains(&capacity) {
            return Err(Status::ERR_ARGUMENT);
        }
        self.queue = (capacity, overflow);
        Ok(())
    }

    /// Sets the longest message that is sent, the longest that is received, and the most bytes
    /// that may wait for the kernel, in bytes.
    ///
    /// # Errors
    /// `ERR_ARGUMENT` for 0 or more than 1 GiB.
    pub fn set_sizes(&mut self, send: usize, receive: usize, unsent: usize) -> Result<(), Status> {
        if [send, receive, unsent].iter().any(|size| !(1..=GIB).contains(size)) {
            return Err(Status::ERR_ARGUMENT);
        }
        (self.max_send, self.max_unsent) = (send, unsent);
        (self.limits.max_frame_size, self.limits.max_message_size) = (receive, receive);
        Ok(())
    }

    /// Sets how many calls may be on their way, and how many messages may be without an
    /// acknowledgement of the peer's TCP.
    ///
    /// # Errors
    /// `ERR_ARGUMENT` for 0 or more than 1,048,576.
    pub fn set_counts(&mut self, calls: usize, unacknowledged: usize) -> Result<(), Status> {
        if [calls, unacknowledged].iter().any(|count| !(1..=1 << 20).contains(count)) {
            return Err(Status::ERR_ARGUMENT);
        }
        (self.max_calls, self.max_unacknowledged) = (calls, unacknowledged);
        Ok(())
    }

    /// Sets how many calls may wait in each lane until they can go; 0: none waits, and what cannot
    /// go is refused.
    ///
    /// # Errors
    /// `ERR_ARGUMENT` for more than 1,048,576.
    pub fn set_waiting(&mut self, capacity: usize) -> Result<(), Status> {
        if capacity > 1 << 20 {
            return Err(Status::ERR_ARGUMENT);
        }
        self.max_waiting = capacity;
        Ok(())
    }

    /// Sets which of the local addresses the session connects from. [`LocalSource::ANY`]: the
    /// first, or as the system chooses if there are none.
    pub const fn set_source(&mut self, source: LocalSource) {
        self.source = source;
    }

    /// Sets how many connections are to be logged in: one is live, the others take over.
    ///
    /// # Errors
    /// `ERR_ARGUMENT` for 0 or more than 8.
    pub fn set_connections(&mut self, count: usize) -> Result<(), Status> {
        if !(1..=MOST_LINES).contains(&count) {
            return Err(Status::ERR_ARGUMENT);
        }
        self.standby.slots = count;
        Ok(())
    }

    /// Sets the age at which a connection is replaced, and how long the calls of one that was
    /// replaced may await their answers, in nanoseconds. An age of 0: none is replaced.
    ///
    /// # Errors
    /// `ERR_ARGUMENT` for more than 30 days, or more than a day for the calls.
    pub fn set_max_age_ns(&mut self, age: u64, drain: u64) -> Result<(), Status> {
        if age > 30 * DAY || drain > DAY {
            return Err(Status::ERR_ARGUMENT);
        }
        (self.standby.max_age_ns, self.standby.drain_ns) = (age, drain);
        Ok(())
    }

    /// Sets whether compression of what the server sends is offered, and whether texts are checked
    /// to be UTF-8.
    pub fn set_codec(&mut self, deflate: bool, check_utf8: bool) {
        self.offer.deflate = deflate.then(DeflateOffer::default);
        self.check_utf8 = check_utf8;
    }
}

fn room(count: usize) -> Result<(), Status> {
    if count < MOST { Ok(()) } else { Err(Status::ERR_ARGUMENT) }
}
