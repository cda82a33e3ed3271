//! What became of one request.
//!
//! Times are nanoseconds since the part of the run began that counts.

use venuepool::completion::Completion;
use venuepool::error::{Outcome, Status, WireState};
use venuepool::net::endpoints::{Endpoint, Endpoints};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With a whole response of that status.
    Answered(u16),
    /// Without one.
    Failed(Outcome, WireState),
    /// The pool did not take it: nothing was sent.
    Refused(Status),
    /// No connection was idle until its time was over: nothing was sent.
    NoConnection,
}

/// When a request was due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    /// When it was to be sent.
    pub(crate) intended_ns: u64,
    /// When the probe saw that.
    pub(crate) seen_ns: u64,
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// When it was to be sent.
    pub(crate) intended_ns: u64,
    /// When the probe saw that it was due, and looked for an idle connection.
    pub(crate) seen_ns: u64,
    /// Sending began; 0 if it never did, as for the other times.
    pub(crate) write_ns: u64,
    /// The kernel had taken the last byte.
    pub(crate) written_ns: u64,
    /// The first byte of the answer was read.
    pub(crate) first_ns: u64,
    /// The exchange was over.
    pub(crate) done_ns: u64,
    /// The connection's place, if it had one.
    pub(crate) slot: Option<u16>,
    /// The number of the connection in its place, from 1.
    pub(crate) connection: u32,
    /// The place of the venue's address in the list of all.
    pub(crate) address: Option<u16>,
    pub(crate) end: End,
}

impl Sample {
    /// A request that was not sent.
    pub(crate) fn unsent(due: Due, end: End) -> Self {
        Self {
            intended_ns: due.intended_ns,
            seen_ns: due.seen_ns,
            write_ns: 0,
            written_ns: 0,
            first_ns: 0,
            done_ns: 0,
            slot: None,
            connection: 0,
            address: None,
            end,
        }
    }

    /// A request that the pool had accepted. `begin_ns` is the clock's time of the time 0.
    pub(crate) fn completed(
        due: Due,
        begin_ns: u64,
        completion: &Completion,
        addresses: &mut Addresses,
    ) -> Self {
        let times = &completion.times;
        let since = |ns: u64| if ns == 0 { 0 } else { ns.saturating_sub(begin_ns) };
        let end = match (&completion.outcome, &completion.response) {
            (Outcome::Ok, Some(response)) => End::Answered(response.response.status()),
            (outcome, _) => End::Failed(*outcome, completion.wire_state),
        };
        Self {
            intended_ns: due.intended_ns,
            seen_ns: due.seen_ns,
            write_ns: since(times.write_begin_ns),
            written_ns: since(times.write_ns),
            first_ns: since(times.first_byte_ns),
            done_ns: since(times.done_ns),
            slot: completion.slot,
            connection: completion.connection,
            address: completion.endpoints().and_then(|ends| addresses.number(ends)),
            end,
        }
    }

    /// Whether a whole response came.
    pub(crate) fn is_answered(&self) -> bool {
        matches!(self.end, End::Answered(_))
    }

    /// Whether a byte of it may have left.
    pub(crate) fn is_sent(&self) -> bool {
        match self.end {
            End::Answered(_) => true,
            End::Failed(_, wire_state) => wire_state != WireState::NotSent,
            End::Refused(_) | End::NoConnection => false,
        }
    }

    /// From the time at which it was to be sent to the end of the answer. So it has in it what the
    /// request waited because others were slow.
    pub(crate) fn latency_ns(&self) -> Option<u64> {
        self.is_answered().then(|| self.done_ns.saturating_sub(self.intended_ns))
    }

    /// From the time at which it was sent to the end of the answer.
    pub(crate) fn service_ns(&self) -> Option<u64> {
        self.is_answered().then(|| self.done_ns.saturating_sub(self.write_ns))
    }

    /// What this machine was late: from the intended time until the probe saw that it had come.
    pub(crate) fn own_delay_ns(&self) -> Option<u64> {
        Some(self.seen_ns.saturating_sub(self.intended_ns))
    }

    /// From then until it was sent: what it waited for an idle connection.
    pub(crate) fn wait_ns(&self) -> Option<u64> {
        self.is_answered().then(|| self.write_ns.saturating_sub(self.seen_ns))
    }

    /// From the first byte handed over until the kernel had taken the last one.
    pub(crate) fn writing_ns(&self) -> Option<u64> {
        self.is_answered().then(|| self.written_ns.saturating_sub(self.write_ns))
    }

    /// From then until the first byte of the answer was read.
    pub(crate) fn first_byte_ns(&self) -> Option<u64> {
        self.is_answered().then(|| self.first_ns.saturating_sub(self.written_ns))
    }
}

impl End {
    /// In the words of the library, without its prefixes.
    pub(crate) fn name(self) -> String {
        let short = |name: &std::ffi::CStr| {
            let name = name.to_string_lossy();
            let ends = ["VP_OUTCOME_", "VP_WIRE_", "VP_"];
            let short = ends.iter().find_map(|begin| name.strip_prefix(begin));
            short.unwrap_or(&name).to_owned()
        };
        match self {
            Self::Answered(status) => status.to_string(),
            Self::Failed(outcome, wire) => {
                format!("{} ({})", short(outcome.name()), short(wire.name()))
            }
            Self::Refused(status) => format!("{} (NOT_SENT)", short(status.name())),
            Self::NoConnection => "NO_IDLE_CONNECTION (NOT_SENT)".to_owned(),
        }
    }
}

/// The venue's addresses that requests went to.
#[derive(Default)]
pub(crate) struct Addresses(Vec<Endpoint>);

impl Addresses {
    fn number(&mut self, ends: &Endpoints) -> Option<u16> {
        if ends.peer.is_none() {
            return None;
        }
        let known = self.0.iter().position(|address| *address == ends.peer);
        let number = known.unwrap_or_else(|| {
            self.0.push(ends.peer);
            self.0.len() - 1
        });
        u16::try_from(number).ok()
    }

    /// Each of them, such as `192.0.2.1:443`.
    pub(crate) fn names(&self) -> Vec<String> {
        let name = |end: &Endpoint| std::net::SocketAddr::new(end.ip(), end.port).to_string();
        self.0.iter().map(name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_counts_from_the_intended_time_and_service_from_sending() {
        let due = Due { intended_ns: 1_000, seen_ns: 1_500 };
        let mut sample = Sample::unsent(due, End::Answered(200));
        (sample.write_ns, sample.done_ns) = (5_000, 7_000);
        assert_eq!((sample.latency_ns(), sample.service_ns()), (Some(6_000), Some(2_000)));
        assert_eq!((sample.own_delay_ns(), sample.wait_ns()), (Some(500), Some(3_500)));
        sample.end = End::Failed(Outcome::Timeout, WireState::Sent);
        assert_eq!((sample.latency_ns(), sample.is_sent()), (None, true));
    }

    #[test]
    fn ends_have_the_names_of_the_library() {
        assert_eq!(End::Answered(429).name(), "429");
        let failed = End::Failed(Outcome::ConnectionReset, WireState::Sent);
        assert_eq!(failed.name(), "CONNECTION_RESET (SENT)");
        let refused = End::Refused(Status::ERR_SUSPENDED);
        assert_eq!(refused.name(), "ERR_SUSPENDED (NOT_SENT)");
    }
}
