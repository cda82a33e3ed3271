//! What is known of each slot, for monitors.

use super::Pool;
use super::clock::now_ns;
use crate::error::CloseReason;

/// What a slot does.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlotState {
    /// It has no connection, and waits for the time of the next dial.
    Waiting = 0,
    /// It has no connection; one is being dialled.
    Dialling = 1,
    /// It is live, and a submit can take it.
    Idle = 2,
    /// A request is in flight.
    InFlight = 3,
    /// A heartbeat is in flight.
    Heartbeat = 4,
    /// It is live and reserved by a lease.
    Leased = 5,
}

impl SlotState {
    /// Every state, in the order of their declaration.
    pub const ALL: &[Self] =
        &[Self::Waiting, Self::Dialling, Self::Idle, Self::InFlight, Self::Heartbeat, Self::Leased];

    /// The name as C spells it.
    pub const fn name(self) -> &'static std::ffi::CStr {
        match self {
            Self::Waiting => c"VP_SLOT_STATE_WAITING",
            Self::Dialling => c"VP_SLOT_STATE_DIALLING",
            Self::Idle => c"VP_SLOT_STATE_IDLE",
            Self::InFlight => c"VP_SLOT_STATE_IN_FLIGHT",
            Self::Heartbeat => c"VP_SLOT_STATE_HEARTBEAT",
            Self::Leased => c"VP_SLOT_STATE_LEASED",
        }
    }
}

/// One slot at one moment. Times are nanoseconds, 0 for what never was.
#[derive(Clone, Copy, Debug)]
pub struct SlotHealth {
    /// Its number.
    pub slot: u32,
    /// What it does.
    pub state: SlotState,
    /// When its connection came up; 0 when it has none.
    pub up_ns: u64,
    /// Exchanges on this connection.
    pub requests: u64,
    /// When the peer last proved that it is there.
    pub proven_ns: u64,
    /// From the last byte sent to the first byte received, in the last answered exchange.
    pub rtt_ns: u64,
    /// When the next dial begins; 0 when none waits.
    pub next_dial_ns: u64,
    /// Connections that it had.
    pub connections: u32,
    /// Why the last one was given up.
    pub last_close_reason: Option<CloseReason>,
}

impl Pool {
    /// Each slot, in the order of their numbers. They are looked at one after the other.
    pub fn slot_healths(&self) -> Vec<SlotHealth> {
        (0..self.slots()).map(|slot| self.slot_health(slot)).collect()
    }

    fn slot_health(&self, index: u32) -> SlotHealth {
        let report = self.slots[index as usize].report();
        let (pause, now) = (self.pause(), now_ns());
        let next_dial_ns = (self.repair.dials)
            .tell(|healing| healing.next_dial_after_pause_ns(index, &pause, now));
        let state = match (report.live, report.at_work) {
            (false, _) if next_dial_ns != 0 => SlotState::Waiting,
            (false, _) => SlotState::Dialling,
            (true, Some(true)) => SlotState::Heartbeat,
            (true, Some(false)) => SlotState::InFlight,
            (true, None) if self.dispatcher().is_leased(index) => SlotState::Leased,
            (true, None) => SlotState::Idle,
        };
        SlotHealth {
            slot: index,
            state,
            up_ns: if report.live { report.upkeep.born_ns() } else { 0 },
            requests: if report.live { report.upkeep.requests() } else { 0 },
            proven_ns: report.proven_ns,
            rtt_ns: report.rtt_ns,
            next_dial_ns,
            connections: report.connections,
            last_close_reason: report.last_loss,
        }
    }
}
