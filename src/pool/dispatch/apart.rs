//! A slot for a further copy of an order: another slot than its copies have, and rather another way
//! to the venue.

use super::{Dispatcher, Refusal, SlotIndex};
use crate::pool::exchange_time::Due;

impl<R, L> Dispatcher<R, L> {
    /// The connection of the slot goes that way: a number, equal for the same pair of addresses.
    pub fn goes_by(&mut self, slot: SlotIndex, way: u64) {
        self.slot(slot).way = way;
    }

    /// As [`Dispatcher::checkout`], but none of the `used` slots. A slot whose way is not that of
    /// any of them comes first, and of several the one that was used last.
    pub(super) fn checkout_apart(
        &mut self,
        used: &[SlotIndex],
        due: &Due,
        now_ns: u64,
    ) -> Result<SlotIndex, Refusal> {
        self.has_slot(due.lane, now_ns)?;
        let is_apart = |slot: &SlotIndex| !used.contains(slot);
        let way = |slot: SlotIndex| self.slots[slot as usize].way;
        let goes_another_way = |slot: &SlotIndex| used.iter().all(|one| way(*one) != way(*slot));
        let index = (self.idle.iter())
            .rposition(|slot| is_apart(slot) && goes_another_way(slot))
            .or_else(|| self.idle.iter().rposition(is_apart))
            .ok_or(Refusal::NoSlot)?;
        if self.exchange_time.is_too_late(due, now_ns) {
            return Err(Refusal::TooLate);
        }
        let slot = self.idle.remove(index);
        // Taken as any other: on the top of the stack.
        self.idle.push(slot);
        let slot = self.take(due.lane).ok_or(Refusal::NoSlot)?;
        self.slot(slot).in_use = true;
        Ok(slot)
    }
}
