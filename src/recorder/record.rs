//! What is recorded of an order, and of a connection. Fixed in size, so it is written in place.

use crate::completion::{Completion, Times};
use crate::error::{CloseReason, Outcome, Status, WireState};
use crate::net::evidence::TcpInfo;
use crate::net::path::Path;
use crate::recorder::excerpt::Excerpt;
use crate::tag::Tag;

/// Bytes of the method and the path that are kept.
pub const LINE_BYTES: usize = 36;

/// Bytes of an answer that are kept with its order.
pub const ANSWER_BYTES: usize = 62;

/// Bytes of words, or of an answer, that are kept with an event.
pub const WORDS_BYTES: usize = 190;

/// Method and path.
pub type Line = Excerpt<LINE_BYTES>;

/// The first bytes of an answer that did not accept the order.
pub type Answer = Excerpt<ANSWER_BYTES>;

/// Words of the system or of TLS, or the first bytes of an answer.
pub type Words = Excerpt<WORDS_BYTES>;

/// One order, from its start in a slot to its end. It is laid out for the path of an order: without
/// a tag the first two cache lines are written, with a tag three.
#[derive(Clone, Copy, Default)]
#[repr(C, align(64))]
pub struct OrderRecord {
    /// The number of the request.
    pub id: u64,
    /// When things happened; `done_ns` is 0 while it is in flight.
    pub times: Times,
    /// The number of its connection in the slot; 0 if it never had one.
    pub connection: u32,
    /// How it ended; `None` while it is in flight.
    pub end: Option<End>,
    /// Method and path.
    pub line: Line,
    has_answer: bool,
    /// Its length is in the second line, and its bytes are the third.
    tag: Tag,
    answer: Answer,
}

const _: () = assert!(size_of::<OrderRecord>() == 256);
const _: () = assert!(std::mem::offset_of!(OrderRecord, tag) == 127);

const _: () = assert!(size_of::<EventRecord>() <= 384);

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct End {
    /// Its outcome.
    pub outcome: Outcome,
    /// How far it got.
    pub wire_state: WireState,
    /// Bytes of the request that the kernel took, at most 4 GiB.
    pub bytes_sent: u32,
    /// Bytes of the answer, at most 4 GiB.
    pub bytes_received: u32,
    /// The status of the answer; 0 without one.
    pub status: u16,
}

impl End {
    /// That of a completion.
    #[inline]
    pub fn of(completion: &Completion) -> Self {
        let bytes = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            outcome: completion.outcome,
            wire_state: completion.wire_state,
            bytes_sent: bytes(completion.bytes_sent),
            bytes_received: bytes(completion.bytes_received),
            status: completion.response.as_ref().map_or(0, |it| it.response.status()),
        }
    }
}

impl OrderRecord {
    /// Makes this the record of another order, which begins.
    #[inline]
    pub fn begin(&mut self, id: u64, times: Times, connection: u32, line: &[u8], tag: &Tag) {
        (self.id, self.times, self.connection) = (id, times, connection);
        self.end = None;
        self.line.set(line);
        self.has_answer = false;
        if tag.is_none() {
            self.tag.clear();
        } else {
            self.tag = *tag;
        }
    }

    /// Keeps the first bytes of its answer.
    pub fn set_answer(&mut self, answer: Answer) {
        (self.answer, self.has_answer) = (answer, !answer.is_empty());
    }

    /// What the engine calls it.
    pub fn tag(&self) -> Tag {
        self.tag
    }

    /// The first bytes of an answer that did not accept it.
    pub fn answer(&self) -> Answer {
        if self.has_answer { self.answer } else { Answer::EMPTY }
    }
}

/// Something that happened to the connections of a slot.
#[derive(Clone, Copy, Debug)]
pub struct EventRecord {
    /// When, in nanoseconds of CLOCK_MONOTONIC.
    pub time_ns: u64,
    /// The number of the connection in the slot; of a dial that of the connection to come.
    pub connection: u32,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// A dial began.
    Dials,
    /// A dial failed.
    DialFailed {
        /// At which step.
        step: Status,
        /// The step, the address and the reason.
        words: Words,
    },
    /// A dial has brought a live connection.
    Live(Path),
    /// The peer has sent what it may not send, or not now.
    BrokeRule {
        /// The head and the first bytes of the body, or the first bytes at all; or what came behind
        /// a whole answer.
        bytes: Words,
    },
    /// The answer to an order has come after its completion.
    LateAnswer {
        /// The number of the request.
        id: u64,
        /// The status of the answer.
        status: u16,
        /// The first bytes of its head.
        head: Words,
    },
    /// The connection was given up.
    Lost(Lost),
}

/// How a connection ended.
#[derive(Clone, Copy, Debug)]
pub struct Lost {
    /// Why.
    pub reason: CloseReason,
    /// What TLS or the system says of it.
    pub words: Words,
    /// How long it had lived, in nanoseconds.
    pub lifetime_ns: u64,
    /// A replacement was live, and serves.
    pub is_replaced: bool,
    /// What the kernel knew of it at its end.
    pub tcp: Option<TcpInfo>,
    /// The last order on it, if it has ended without an answer; else 0.
    pub id: u64,
    /// What the engine calls that order.
    pub tag: Tag,
}

impl Default for EventRecord {
    fn default() -> Self {
        Self { time_ns: 0, connection: 0, what: What::Dials }
    }
}

impl EventRecord {
    /// The order that it is about, if it is about one.
    pub fn order(&self) -> Option<(u64, Tag)> {
        match &self.what {
            What::Lost(lost) if lost.id != 0 => Some((lost.id, lost.tag)),
            What::LateAnswer { id, .. } => Some((*id, Tag::NONE)),
            _ => None,
        }
    }
}
