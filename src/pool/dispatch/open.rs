//! For whom the pool is open: its end, its drain, its pauses.
//!
//! ```text
//!   open ──── drain ────► draining ──── close ────► closed
//!    │  all lanes           │  some lanes             ▲  none
//!    └──────────────────────┴───────── close ─────────┘
//! ```
//!
//! Rules, all kept here and nowhere else:
//! - A drain leaves some lanes open. Of the others, no request is accepted, and whoever waits ends
//!   without a slot. What is in flight goes on.
//! - There is no way back. A second drain can only close more lanes.
//! - A caller that wants a lease counts as an order. A lease that was given stays, and the lane of
//!   each request on it counts.
//! - Heartbeats go on in a drain, because the connections must stay good for the lanes that are
//!   open. Only a pause stops them, and the end.
//! - A request is suspended while all sources that it may use are held, and one on a leased slot
//!   while the source of that is.
//! - Of several reasons the most lasting one is told: closed, draining, suspended.

use super::{Dispatcher, End, Refusal, SlotIndex};
use crate::lane::{Lane, LaneSet};
use crate::source::Source;

impl<R, L> Dispatcher<R, L> {
    /// The pool is drained: of all lanes but these, nothing is accepted from now on, and nothing
    /// waits. `false`: it has been shut down, and nothing has changed.
    pub fn drain(&mut self, open: LaneSet) -> bool {
        if !self.is_closed {
            self.accepted = self.accepted.and(open);
        }
        !self.is_closed
    }

    /// The pool has been shut down: no slot is given out from now on.
    pub fn close(&mut self) {
        self.is_closed = true;
        self.accepted = LaneSet::NONE;
        self.idle.clear();
    }

    /// Whether [`Dispatcher::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// The lanes whose requests are accepted, when there is no pause.
    pub fn open_lanes(&self) -> LaneSet {
        self.accepted
    }

    /// Whether a request of that lane and source may be sent, or wait.
    pub(super) fn is_open(
        &self,
        lane: Lane,
        source: impl FnOnce() -> Source,
        now_ns: u64,
    ) -> Result<(), Refusal> {
        if !self.accepted.has(lane) {
            Err(if self.is_closed { Refusal::Closed } else { Refusal::Draining })
        } else if self.is_suspended(lane, source, now_ns) {
            Err(Refusal::Suspended)
        } else {
            Ok(())
        }
    }

    pub(super) fn is_open_for_heartbeats(&self, slot: SlotIndex, now_ns: u64) -> bool {
        !self.is_closed && !self.is_suspended(Lane::Background, || self.source_of(slot), now_ns)
    }

    fn is_suspended(&self, lane: Lane, source: impl FnOnce() -> Source, now_ns: u64) -> bool {
        now_ns < self.pauses.last_until_ns()
            && !self.lanes.of(lane).through_pause
            && self.pauses.hold_all(source().set(), now_ns)
    }

    /// Who may not wait any more, and why.
    pub(super) fn next_refused(&self, now_ns: u64) -> Option<(u64, End)> {
        if self.accepted == LaneSet::ALL && now_ns >= self.pauses.last_until_ns() {
            return None;
        }
        let end = |lane: Lane, source: Source| match self.is_open(lane, || source, now_ns) {
            Ok(()) => None,
            Err(Refusal::Closed) => Some(End::Closed),
            Err(Refusal::Draining) => Some(End::Draining),
            Err(_) => Some(End::Suspended),
        };
        let is_out = |lane, source| end(lane, source).is_some();
        let first = self.queue.first_where(is_out).or_else(|| {
            let mut behind = self
                .behind
                .iter()
                .map(|(ticket, (slot, one))| (*ticket, one.who.lane(), self.source_of(*slot)));
            behind.find(|(_, lane, source)| is_out(*lane, *source))
        });
        first.and_then(|(ticket, lane, source)| Some((ticket, end(lane, source)?)))
    }
}
