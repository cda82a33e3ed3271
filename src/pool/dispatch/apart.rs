//! A slot for a further copy of an order: another slot than its copies have, and rather on another
//! path to the venue.

use super::{Dispatcher, Refusal, SlotIndex};
use crate::pool::exchange_time::Due;

impl<R, L> Dispatcher<R, L> {
    /// The connection of the slot takes that path: a number, equal for the same pair of addresses.
    pub fn takes_path(&mut self, slot: SlotIndex, path: u64) {
        self.slot(slot).path = path;
    }

    /// As [`Dispatcher::checkout`], but none of the `used` slots. A slot whose source is not held
    /// comes first, then one whose path is not that of any of them, and of several the one that was
    /// used last.
    pub(super) fn checkout_apart(
        &mut self,
        used: &[SlotIndex],
        due: &Due,
        now_ns: u64,
    ) -> Result<SlotIndex, Refusal> {
        let sources = self.has_slot(due.lane, due.source, now_ns)?;
        let is_apart = |slot| !used.contains(&slot) && sources.has(self.idle.source_of(slot));
        let path = |slot: SlotIndex| self.slots[slot as usize].path;
        let takes_another_path = |slot| used.iter().all(|one| path(*one) != path(slot));
        let held = self.held(now_ns);
        let is_open = |slot| !held.has(self.idle.source_of(slot));
        let rank = |slot| is_apart(slot).then(|| (is_open(slot), takes_another_path(slot)));
        let slot = self.idle.best(rank).ok_or(Refusal::NoSlot)?;
        if self.exchange_time.is_too_late(due, now_ns) {
            return Err(Refusal::TooLate);
        }
        self.take_slot(slot, due.lane, now_ns);
        self.slot(slot).in_use = true;
        Ok(slot)
    }
}
