//! The faults a venue can be told to show, and the choice of when each of them strikes.

use crate::options::How;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Where in an answer the connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// After so many bytes of the answer; 0 is before its first byte.
    Byte(usize),
    /// After the head and half of the body.
    HalfBody,
}

/// One kind of misbehaviour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The order or other request is executed, its answer comes so much later.
    Delay(Duration),
    /// The request is executed and never answered.
    Stall,
    /// The request is executed and its answer cut.
    Cut(Place, How),
    /// The answer comes in pieces of `bytes`, one `every` so often.
    Slow {
        /// The size of a piece.
        bytes: usize,
        /// The time between two pieces, in effect not below 1 ms.
        every: Duration,
    },
    /// The request is answered with this status, with JSON for 429 and 418 and HTML otherwise.
    /// A status below 500 is a refusal: the request is not executed. From 500 it is.
    Status {
        /// The status.
        code: u16,
        /// Seconds for a `Retry-After` header.
        retry_after: Option<u64>,
        /// Write `Retry-After` as a date instead of seconds.
        as_date: bool,
    },
    /// An interim answer (100 to 199, but not 101) is sent ahead of the answer.
    Interim(u16),
    /// A second answer that nobody asked for follows the answer, in the same flight.
    Surplus,
    /// The connection ends with its `requests`-th answer.
    CloseAfter {
        /// How many requests a connection serves.
        requests: u64,
        /// Say so with `Connection: close` in the last answer.
        announce: bool,
        /// How it ends when it is not announced.
        how: How,
    },
    /// A connection that has been idle for so long is ended.
    IdleClose(Duration, How),
    /// A `408 Request Timeout` is sent on a connection that has been idle for so long. The
    /// connection stays open.
    IdleBytes(Duration),
    /// The connection is accepted and never served, not even its TLS handshake.
    BlackHole,
    /// New connections are refused: nobody listens while this fault is set.
    Refuse,
    /// No more connections than this are served at a time.
    MaxConnections {
        /// How many are served.
        limit: u64,
        /// Answer the first request of the others with 429; otherwise they are closed at once.
        answer_429: bool,
    },
}

/// When a fault strikes, counted in the requests, connections or idle times it could apply to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Every time.
    Always,
    /// The first so many times.
    First(u64),
    /// Every so-manieth time, so not the times before.
    Every(u64),
}

/// A kind of fault, when it strikes, and for which requests.
///
/// It can be written as text, see the table in the README of this crate:
///
/// ```
/// use mock_venue::{Fault, FaultKind, How, Place};
/// let fault: Fault = "rst-response=first:3,on:/api/v3/order".parse()?;
/// let reset = FaultKind::Cut(Place::Byte(0), How::Rst);
/// assert_eq!(fault, Fault::first(3, reset).on("/api/v3/order"));
/// # Ok::<(), mock_venue::SpecError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happens.
    pub kind: FaultKind,
    /// How often it happens.
    pub when: When,
    /// The path it is limited to, for the faults that concern a request.
    pub path: Option<String>,
}

impl Fault {
    /// A fault that always strikes.
    #[must_use]
    pub fn always(kind: FaultKind) -> Self {
        Self { kind, when: When::Always, path: None }
    }

    /// A fault that strikes the first `times`.
    #[must_use]
    pub fn first(times: u64, kind: FaultKind) -> Self {
        Self { when: When::First(times), ..Self::always(kind) }
    }

    /// A fault that strikes every `nth` time.
    #[must_use]
    pub fn every(nth: u64, kind: FaultKind) -> Self {
        Self { when: When::Every(nth), ..Self::always(kind) }
    }

    /// Limits the fault to requests for `path`.
    #[must_use]
    pub fn on(self, path: &str) -> Self {
        Self { path: Some(path.into()), ..self }
    }
}

/// What the faults make of one exchange.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) delay: Duration,
    pub(crate) stall: bool,
    pub(crate) status: Option<Refusal>,
    pub(crate) interim: Option<u16>,
    pub(crate) announce_close: bool,
    pub(crate) cut: Option<(Place, How)>,
    pub(crate) slow: Option<(usize, Duration)>,
    pub(crate) surplus: bool,
    pub(crate) close: Option<How>,
}

/// A status that takes the place of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) retry_after: Option<u64>,
    pub(crate) as_date: bool,
}

/// What is done to a connection that has been idle for long enough.
#[derive(Clone, Copy, Debug)]
pub(crate) enum IdleAction {
    End(How),
    SendTimeout,
}

struct Armed {
    fault: Fault,
    seen: u64,
}

impl Armed {
    fn strikes(&mut self) -> bool {
        self.seen += 1;
        match self.fault.when {
            When::Always => true,
            When::First(times) => self.seen <= times,
            When::Every(nth) => self.seen.is_multiple_of(nth.max(1)),
        }
    }

    fn exhausted(&self) -> bool {
        matches!(self.fault.when, When::First(times) if self.seen >= times)
    }

    fn idle_limit(&self) -> Option<Duration> {
        match self.fault.kind {
            FaultKind::IdleClose(after, _) | FaultKind::IdleBytes(after) => Some(after),
            _ => None,
        }
    }
}

/// The faults that are set, in the order in which they were.
#[derive(Default)]
pub(crate) struct Faults {
    armed: Mutex<Vec<Armed>>,
}

impl Faults {
    pub(crate) fn add(&self, fault: Fault) {
        self.with(|armed| armed.push(Armed { fault, seen: 0 }));
    }

    pub(crate) fn clear(&self) {
        self.with(Vec::clear);
    }

    /// What happens to a request for `path` that is the `nth` on its connection.
    pub(crate) fn plan(&self, path: &str, nth: u64) -> Plan {
        let mut plan = Plan::default();
        self.with(|armed| {
            for armed in armed.iter_mut() {
                let elsewhere = armed.fault.path.as_ref().is_some_and(|only| only != path);
                if !elsewhere && concerns(&armed.fault.kind, nth) && armed.strikes() {
                    plan.apply(&armed.fault.kind);
                }
            }
        });
        plan
    }

    /// Whether a connection that was just accepted is never served.
    pub(crate) fn black_hole(&self) -> bool {
        self.with(|armed| {
            armed
                .iter_mut()
                .filter(|armed| armed.fault.kind == FaultKind::BlackHole)
                .any(Armed::strikes)
        })
    }

    pub(crate) fn refuses_connections(&self) -> bool {
        self.with(|armed| armed.iter().any(|armed| armed.fault.kind == FaultKind::Refuse))
    }

    /// The limit on open connections, and whether those above it are told so with a 429.
    pub(crate) fn connection_limit(&self) -> Option<(u64, bool)> {
        self.with(|armed| {
            armed.iter().find_map(|armed| match armed.fault.kind {
                FaultKind::MaxConnections { limit, answer_429 } => Some((limit, answer_429)),
                _ => None,
            })
        })
    }

    /// The shortest idle time above `passed` at which something is to happen.
    pub(crate) fn next_idle(&self, passed: Duration) -> Option<Duration> {
        self.with(|armed| {
            let live = armed.iter().filter(|armed| !armed.exhausted());
            live.filter_map(Armed::idle_limit).filter(|&limit| limit > passed).min()
        })
    }

    /// What happens to a connection that has now been idle for `limit`.
    pub(crate) fn idle_action(&self, limit: Duration) -> Option<IdleAction> {
        self.with(|armed| {
            let mut live = armed.iter_mut().filter(|armed| !armed.exhausted());
            let due = live.find(|armed| armed.idle_limit() == Some(limit))?;
            if !due.strikes() {
                return None;
            }
            match due.fault.kind {
                FaultKind::IdleClose(_, how) => Some(IdleAction::End(how)),
                _ => Some(IdleAction::SendTimeout),
            }
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Vec<Armed>) -> T) -> T {
        work(&mut self.armed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether a fault of this kind could strike the `nth` request of a connection.
fn concerns(kind: &FaultKind, nth: u64) -> bool {
    match kind {
        FaultKind::CloseAfter { requests, .. } => nth >= *requests,
        FaultKind::IdleClose(..)
        | FaultKind::IdleBytes(_)
        | FaultKind::BlackHole
        | FaultKind::Refuse
        | FaultKind::MaxConnections { .. } => false,
        _ => true,
    }
}

impl Plan {
    fn apply(&mut self, kind: &FaultKind) {
        match *kind {
            FaultKind::Delay(time) => self.delay += time,
            FaultKind::Stall => self.stall = true,
            FaultKind::Cut(place, how) => self.cut = Some((place, how)),
            FaultKind::Slow { bytes, every } => self.slow = Some((bytes.max(1), every)),
            FaultKind::Status { code, retry_after, as_date } => {
                self.status = Some(Refusal { code, retry_after, as_date });
            }
            FaultKind::Interim(code) => self.interim = Some(code),
            FaultKind::Surplus => self.surplus = true,
            FaultKind::CloseAfter { announce: true, .. } => self.announce_close = true,
            FaultKind::CloseAfter { how, .. } => self.close = Some(how),
            // The rest concerns connections and not requests.
            _ => {}
        }
    }
}
