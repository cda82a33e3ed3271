//! What is known of each slot, for monitors.

use strum::{IntoStaticStr, VariantArray};

use super::slot::SlotState;
use crate::error::{CloseReason, c_name};

/// What a slot does.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(prefix = "VP_SLOT_STATE_", suffix = "\0", serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Activity {
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

impl Activity {
    /// Each of them, in the order of their declaration.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The name as C spells it.
    pub fn name(self) -> &'static std::ffi::CStr {
        c_name(self.into())
    }
}

/// One slot at one moment. Times are nanoseconds, 0 for what never was.
#[derive(Clone, Copy, Debug)]
pub struct SlotHealth {
    /// Its number.
    pub slot: u32,
    /// What it does.
    pub state: Activity,
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
    /// When the pause is over that holds it, the pool's or its source's; 0 without one.
    pub suspended_until_ns: u64,
    /// Connections that it had.
    pub connections: u32,
    /// Why the last one was given up.
    pub last_close_reason: Option<CloseReason>,
}

impl SlotHealth {
    /// What is known of the slot of that number. `next_dial_ns`: when its next dial begins, 0 when
    /// none waits. `suspended_until_ns`: when the pause is over that holds it, 0 without one.
    /// `is_leased`: a lease has reserved it.
    pub fn new(
        slot: u32,
        known: &SlotState,
        next_dial_ns: u64,
        suspended_until_ns: u64,
        is_leased: bool,
    ) -> Self {
        let state = match (known.is_live(), known.exchange()) {
            (false, _) if next_dial_ns != 0 => Activity::Waiting,
            (false, _) => Activity::Dialling,
            (true, Some(exchange)) if exchange.id.is_none() => Activity::Heartbeat,
            (true, Some(_)) => Activity::InFlight,
            (true, None) if is_leased => Activity::Leased,
            (true, None) => Activity::Idle,
        };
        let here = known.is_live().then(|| known.maintenance());
        Self {
            slot,
            state,
            up_ns: here.map_or(0, |here| here.born_ns()),
            requests: here.map_or(0, |here| here.requests()),
            proven_ns: known.proven_ns(),
            rtt_ns: known.rtt_ns(),
            next_dial_ns,
            suspended_until_ns,
            connections: known.epoch(),
            last_close_reason: known.last_loss(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::connection_maintenance::Rules;
    use crate::pool::slot::{Look, Request, Sent};

    struct Silent;

    impl Look for Silent {
        fn look(&mut self) -> Option<CloseReason> {
            None
        }
    }

    fn start(slot: &mut SlotState, id: Option<u64>) {
        let request = Request { id, deadline_ns: u64::MAX };
        let send = |_: &mut Silent| Sent::Begun { begin_ns: 0, end_ns: 9 };
        assert!(slot.start(request, &Rules::default(), 0, 9, &mut Silent, send).is_ok());
    }

    #[test]
    fn a_slot_is_in_the_state_that_tells_most() {
        let state = |slot: &SlotState, next_dial_ns, is_leased| {
            SlotHealth::new(3, slot, next_dial_ns, 0, is_leased).state
        };
        let mut slot = SlotState::default();
        assert_eq!(state(&slot, 5, false), Activity::Waiting);
        assert_eq!(state(&slot, 0, true), Activity::Dialling);
        slot.came_up(7, 0);
        assert_eq!(state(&slot, 5, false), Activity::Idle, "a replacement waits for its dial");
        assert_eq!(state(&slot, 0, true), Activity::Leased);
        let mut beats = SlotState::default();
        beats.came_up(7, 0);
        start(&mut beats, None);
        assert_eq!(state(&beats, 0, true), Activity::Heartbeat);
        start(&mut slot, Some(1));
        assert_eq!(state(&slot, 0, true), Activity::InFlight);
        let health = SlotHealth::new(3, &slot, 0, 9, false);
        assert_eq!((health.slot, health.up_ns, health.connections), (3, 7, 1));
        assert_eq!(health.suspended_until_ns, 9);
        slot.abandon();
        let health = SlotHealth::new(3, &slot, 0, 9, false);
        assert_eq!((health.up_ns, health.requests, health.proven_ns), (0, 0, 7));
    }
}
