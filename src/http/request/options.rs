//! What the pool is told of a request besides its bytes. None of it is sent, and all of it is kept
//! across [`Request::begin`].

use super::Request;
use crate::lane::Lane;
use crate::source::Source;
use crate::tag::Tag;

impl Request {
    /// Sets how long an exchange of this request may take, in nanoseconds; 0 is the pool's own
    /// limit. Kept across [`begin`](Self::begin).
    pub const fn set_timeout_ns(&mut self, timeout_ns: u64) {
        self.timeout_ns = timeout_ns;
    }

    /// How long an exchange may take, in nanoseconds; 0 is the pool's own limit.
    pub const fn timeout_ns(&self) -> u64 {
        self.timeout_ns
    }

    /// Sets the number that comes back with the completion. Kept across [`begin`](Self::begin).
    pub const fn set_user_data(&mut self, user_data: u64) {
        self.user_data = user_data;
    }

    /// The number that comes back with the completion.
    pub const fn user_data(&self) -> u64 {
        self.user_data
    }

    /// Sets what the request may go before. Kept across [`begin`](Self::begin).
    pub const fn set_lane(&mut self, lane: Lane) {
        self.lane = lane;
    }

    /// What the request may go before.
    pub const fn lane(&self) -> Lane {
        self.lane
    }

    /// Sets from which local address the request goes. Kept across [`begin`](Self::begin).
    pub const fn set_source(&mut self, source: Source) {
        self.source = source;
    }

    /// From which local address the request goes.
    pub const fn source(&self) -> Source {
        self.source
    }

    /// Sets what the engine calls it, for the flight recorder. Kept across [`begin`](Self::begin).
    pub const fn set_tag(&mut self, tag: Tag) {
        self.tag = tag;
    }

    /// What the engine calls it.
    pub const fn tag(&self) -> &Tag {
        &self.tag
    }
}
