//! What a pool was configured with, as its turns need it: numbers, fixed for its life.

use crate::clock::NEVER;
use crate::config::Config;
use crate::http::limits::Limits;
use crate::pool::connection_maintenance::Rules;
use crate::pool::slot::StepTimeouts;

/// Limits and times that never change. Nanoseconds; [`NEVER`] for no limit, unless said otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// How far a peer may go.
    pub limits: Limits,
    /// What live connections need.
    pub rules: Rules,
    /// From submit to completion.
    pub request_timeout_ns: u64,
    /// How long the steps of an exchange may take.
    pub steps: StepTimeouts,
    /// In the queue.
    pub queue_timeout_ns: u64,
    /// How long an answer is waited for after its deadline; 0 for not at all.
    pub linger_ns: u64,
    /// An answer after the completion is a completion, too.
    pub late_completes: bool,
    /// The pool thread never sleeps.
    pub busy_poll: bool,
    /// What orders use takes its memory at once, and keeps it.
    pub prefault: bool,
    /// How old the last look at an idle connection may be.
    pub look_after_ns: u64,
    /// How many local addresses the slots connect from; 0 if the system chooses.
    pub sources: u32,
}

impl Policy {
    /// The policy of a pool opened with `config`.
    pub fn new(config: &Config) -> Self {
        let (timeouts, maintenance) = (config.timeouts(), config.maintenance());
        let optional = |ns| if ns == 0 { NEVER } else { ns };
        Self {
            limits: *config.limits(),
            rules: maintenance.rules,
            request_timeout_ns: timeouts.request_ns,
            steps: StepTimeouts {
                write_ns: optional(timeouts.write_ns),
                first_byte_ns: optional(timeouts.first_byte_ns),
            },
            queue_timeout_ns: optional(timeouts.queue_ns),
            linger_ns: timeouts.linger_ns,
            late_completes: timeouts.late_completes,
            busy_poll: config.busy_poll(),
            prefault: config.sizes().prefault,
            look_after_ns: maintenance.look_after_ns,
            sources: config.sockets().bind_addresses.len() as u32,
        }
    }

    /// The shortest of the times after which something may be due, once a request is accepted.
    pub fn shortest_ns(&self) -> u64 {
        let steps = self.steps.write_ns.min(self.steps.first_byte_ns);
        self.request_timeout_ns.min(steps).min(self.queue_timeout_ns)
    }
}
