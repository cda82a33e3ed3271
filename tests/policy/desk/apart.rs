//! Which slot a further copy of an order has, in plain lists.

use venuepool::lane::Lane;
use venuepool::pool::dispatch::Refusal;

use super::Desk;

impl Desk {
    /// The connection of a slot goes that way.
    pub(crate) fn goes_by(&mut self, slot: u32, way: u64) {
        self.dispatcher.goes_by(slot, way);
        self.lines[slot as usize].way = way;
    }

    /// Of the idle slots on which no copy was sent: one that goes another way than all of them, or
    /// else any; of several the one that was used last.
    pub(super) fn expected_apart(
        &self,
        used: &[u32],
        lane: Lane,
        now: u64,
    ) -> Result<u32, Refusal> {
        if let Some(refusal) = self.refusal(lane, now) {
            return Err(refusal);
        }
        let ways: Vec<_> = used.iter().map(|slot| self.lines[*slot as usize].way).collect();
        let apart: Vec<_> = self.idle.iter().filter(|slot| !used.contains(slot)).collect();
        let goes_another = |slot: &&&u32| !ways.contains(&self.lines[***slot as usize].way);
        let best = apart.iter().rev().find(goes_another).or(apart.last());
        best.map(|slot| **slot).ok_or(Refusal::NoSlot)
    }
}
