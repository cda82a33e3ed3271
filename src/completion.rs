//! Completions: what is told about an ended request.
//!
//! A completion goes to the request's callback, or else to the pool's completion queue, which is in
//! [`queue`].

pub mod queue;

use std::sync::Arc;

use crate::error::{Outcome, WireState};
use crate::net::endpoints::Endpoints;
use crate::net::evidence::Evidence;
use crate::recycle::Recycled;
use crate::sync::Shared;

/// When things happened, in nanoseconds of CLOCK_MONOTONIC; 0 for what never happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// The submit call began.
    pub submit_ns: u64,
    /// The request had a slot: it waited in the queue until then.
    pub start_ns: u64,
    /// Sending began. Between `start_ns` and this is the signature of a request that is signed
    /// late; for any other both are the same.
    pub write_begin_ns: u64,
    /// The kernel had taken the last byte of the request.
    pub write_ns: u64,
    /// The turn began that read the first byte of the response.
    pub first_byte_ns: u64,
    /// The turn began that read the end of its head.
    pub head_ns: u64,
    /// The exchange was over.
    pub done_ns: u64,
}

impl Times {
    /// How long the request waited for a slot, until it had one or ended without.
    pub fn queue_wait_ns(&self) -> u64 {
        let until_ns = if self.start_ns == 0 { self.done_ns } else { self.start_ns };
        until_ns.saturating_sub(self.submit_ns)
    }
}

/// How one accepted request ended. There is exactly one for each.
///
/// It is moved several times on its way, and no larger than the compiler moves without a call.
#[derive(Debug)]
pub struct Completion {
    /// The id that submit gave.
    pub id: u64,
    /// The caller's own number.
    pub user_data: u64,
    /// OK, or why there is no whole response.
    pub outcome: Outcome,
    /// Whether the request may have been executed.
    pub wire_state: WireState,
    /// The slot it was sent on; `None` when it never got one. There are at most 1024.
    pub slot: Option<u16>,
    /// The number of the connection in its slot, from 1; 0 when it was never sent.
    pub connection: u32,
    /// When things happened.
    pub times: Times,
    /// Bytes of the request that the kernel took, as on the wire.
    pub bytes_sent: u64,
    /// Bytes that were read from the socket since the request was sent, as on the wire.
    pub bytes_received: u64,
    /// What only few completions have.
    pub detail: Option<Box<Detail>>,
    /// The response. When the outcome is not OK: what had come of it, if its head is whole; it says
    /// itself that it is not complete.
    pub response: Option<Shared<Recycled>>,
}

/// What only few completions have. It is kept apart from them, so that the others are small.
#[derive(Debug, Default)]
pub struct Detail {
    /// What the kernel knows of the bytes of a request that has no whole response.
    pub evidence: Option<Evidence>,
    /// The ends of the connection of a request that has no whole response.
    pub endpoints: Endpoints,
    /// The number of the lease that was asked for.
    pub lease_generation: u64,
    /// Of an order with several copies, how many left, at least in part.
    pub copies_sent: u32,
    /// The answer came after the completion of its request, which this one follows.
    pub is_late: bool,
}

impl Completion {
    /// One without an answer: of no slot, and nothing was sent.
    pub fn bare(id: u64, outcome: Outcome, wire_state: WireState) -> Self {
        Self {
            id,
            user_data: 0,
            outcome,
            wire_state,
            slot: None,
            connection: 0,
            times: Times::default(),
            bytes_sent: 0,
            bytes_received: 0,
            detail: None,
            response: None,
        }
    }

    /// What the kernel knows of the bytes of the request, when there is no whole response.
    pub fn evidence(&self) -> Option<Evidence> {
        self.detail.as_deref().and_then(|detail| detail.evidence)
    }

    /// The ends of the connection that it was sent on; `None` if it never had one.
    pub fn endpoints(&self) -> Option<&Endpoints> {
        match self.outcome {
            Outcome::Ok => self.response.as_ref().map(|response| &response.endpoints),
            _ => self.detail.as_deref().map(|detail| &detail.endpoints),
        }
    }

    /// When the kernel had the first bytes of the response, in nanoseconds since 1970; 0 without a
    /// response, and if that is not known.
    pub fn arrival_wall_ns(&self) -> u64 {
        self.response.as_ref().map_or(0, |response| response.arrival_wall_ns)
    }

    /// The number of the lease that was asked for; 0 for a request, or when there is none.
    pub fn lease_generation(&self) -> u64 {
        self.detail.as_deref().map_or(0, |detail| detail.lease_generation)
    }

    /// Of an order with several copies, how many left, at least in part; 0 for other requests.
    pub fn copies_sent(&self) -> u32 {
        self.detail.as_deref().map_or(0, |detail| detail.copies_sent)
    }

    /// Whether the answer came after the completion of its request, which this one follows.
    pub fn is_late(&self) -> bool {
        self.detail.as_deref().is_some_and(|detail| detail.is_late)
    }

    /// Takes it out. What stays behind has no response and no detail.
    pub fn take(&mut self) -> Self {
        let (detail, response) = (self.detail.take(), self.response.take());
        Self { detail, response, ..*self }
    }

    /// What only few completions have, to be changed.
    pub(crate) fn detail_mut(&mut self) -> &mut Detail {
        self.detail.get_or_insert_default()
    }
}

#[cfg(all(target_pointer_width = "64", not(feature = "model")))]
const _: () = assert!(size_of::<Completion>() <= 120);

/// Where the completion of one request goes instead of the queue.
pub type Callback = Arc<dyn Fn(Completion) + Send + Sync>;
