//! Collects the counters, states and durations of a pool for a text of OpenMetrics.
//!
//! Counters are read without a lock. The dispatcher is locked for its counts, each slot for its
//! state and for copies of its durations, as for any snapshot.

use crate::driver::Pool;
use crate::error::{CloseReason, Outcome, Status, WireState};
use crate::lane::Lane;
use crate::metrics::Kind;
use crate::metrics::open_metrics::{Family, Samples};
use crate::pool::health::Activity;

/// With which a submit, or a request for a lease, is refused.
const REFUSALS: [Status; 12] = [
    Status::ERR_NO_SLOT,
    Status::ERR_SLOT_DOWN,
    Status::ERR_SLOT_BUSY,
    Status::ERR_STALE_LEASE,
    Status::ERR_WAITING_FULL,
    Status::ERR_COMPLETIONS_FULL,
    Status::ERR_TIMEOUT,
    Status::ERR_CLOSED,
    Status::ERR_WOULD_DEADLOCK,
    Status::ERR_SUSPENDED,
    Status::ERR_DRAINING,
    Status::ERR_INTERNAL,
];

/// The steps of a dial at which it may fail.
const STEPS: [&str; 4] = ["resolve", "connect", "tls", "system"];

impl Pool {
    /// All that is known of the pool now. Any thread.
    pub fn samples(&self) -> Samples {
        let mut samples = Samples::new(&self.reporting.name, &self.host());
        self.sample_requests(&mut samples);
        self.sample_connections(&mut samples);
        self.sample_states(&mut samples);
        for kind in Kind::ALL {
            // Without histograms there are no samples of them.
            if let Ok(snapshot) = self.histogram(*kind, None, false) {
                samples.histogram(&snapshot);
            }
        }
        samples
    }

    fn sample_requests(&self, samples: &mut Samples) {
        let stats = self.stats();
        for lane in Lane::ALL {
            let accepted = stats.submitted.of(lane as usize);
            samples.labelled(Family::Requests, "lane", lane.name(), accepted);
        }
        for status in Status::ALL {
            let refused = stats.refusals(*status);
            if refused > 0 || REFUSALS.contains(status) {
                let reason = label(status.name(), "VP_ERR_");
                samples.labelled(Family::RequestsRefused, "reason", reason, refused);
            }
        }
        for outcome in Outcome::ALL {
            let (name, ended) = (label(outcome.name(), "VP_OUTCOME_"), stats.outcome(*outcome));
            samples.labelled(Family::Completions, "outcome", name, ended);
        }
        for state in WireState::ALL {
            let (name, ended) = (label(state.name(), "VP_WIRE_"), stats.wire_state(*state));
            samples.labelled(Family::CompletionWireStates, "wire_state", name, ended);
        }
        samples.number(Family::LateAnswers, stats.late.get());
        samples.number(Family::Fanouts, stats.fanouts.get());
        samples.number(Family::FanoutCopies, stats.copies.get());
    }

    fn sample_connections(&self, samples: &mut Samples) {
        let stats = self.stats();
        samples.number(Family::Dials, stats.dials.get());
        for (step, failed) in STEPS.iter().zip(&stats.dial_failures) {
            samples.labelled(Family::DialFailures, "reason", step, failed.get());
        }
        samples.number(Family::ConnectionsOpened, stats.connected.get());
        for reason in CloseReason::ALL {
            let name = label(reason.name(), "VP_CLOSE_REASON_");
            let closed = stats.closed[*reason as usize].get();
            samples.labelled(Family::ConnectionsClosed, "reason", name, closed);
        }
        samples.number(Family::Heals, stats.heals.get());
        samples.number(Family::Rotations, stats.rotations.get());
        samples.number(Family::Heartbeats, stats.heartbeats.get());
        samples.number(Family::StaleLookups, self.stale_answers());
        samples.number(Family::Pauses, stats.pauses.get());
    }

    fn sample_states(&self, samples: &mut Samples) {
        let (counts, open, slots) = (self.counts(), self.open_lanes(), self.slot_healths());
        let is_suspended = self.suspended_until_ns() != 0;
        samples.number(Family::Suspended, u8::from(is_suspended));
        for lane in Lane::ALL {
            samples.labelled(Family::LaneOpen, "lane", lane.name(), u8::from(open.has(lane)));
        }
        for state in Activity::ALL {
            let here = slots.iter().filter(|slot| slot.state == *state).count();
            samples.labelled(Family::Slots, "state", label(state.name(), "VP_SLOT_STATE_"), here);
        }
        samples.number(Family::RequestsWaiting, counts.waiting);
        samples.number(Family::RequestsOutstanding, counts.outstanding());
        for slot in &slots {
            let (number, is_live) = (slot.slot, u8::from(slot.up_ns != 0));
            samples.labelled(Family::SlotLive, "slot", number, is_live);
            samples.labelled(Family::SlotConnections, "slot", number, slot.connections);
            let seconds = slot.rtt_ns as f64 / 1e9;
            samples.labelled(Family::SlotRoundTripSeconds, "slot", number, seconds);
        }
    }
}

/// The value of a label: a name of C without its beginning, in small letters.
fn label(name: &std::ffi::CStr, beginning: &str) -> String {
    let name = name.to_string_lossy();
    name.strip_prefix(beginning).unwrap_or(&name).to_ascii_lowercase()
}
