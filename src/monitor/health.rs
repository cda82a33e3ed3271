//! Collects what is known of each slot, for monitors.

use crate::clock::now_ns;
use crate::driver::Pool;
use crate::pool::health::SlotHealth;

impl Pool {
    /// Each slot, in the order of their numbers. They are looked at one after the other.
    pub fn slot_healths(&self) -> Vec<SlotHealth> {
        (0..self.slots()).map(|slot| self.slot_health(slot)).collect()
    }

    fn slot_health(&self, slot: u32) -> SlotHealth {
        let (pause, now) = (self.pause_of_slot(slot), now_ns());
        let dials = &self.dialling.dials;
        let next_ns = dials.tell(|healing| healing.next_dial_after_pause_ns(slot, &pause, now));
        let is_leased = self.dispatcher().is_leased(slot);
        let held_until_ns = if pause.until_ns() > now { pause.until_ns() } else { 0 };
        self.slots[slot as usize].health(next_ns, held_until_ns, is_leased)
    }
}
