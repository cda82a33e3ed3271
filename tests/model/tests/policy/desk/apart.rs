//! Which slot a further copy of an order has, in plain lists.

use venuepool_model::pool::dispatch::Refusal;
use venuepool_model::pool::exchange_time::Due;

use super::Desk;

impl Desk {
    /// The connection of a slot takes that path.
    pub(crate) fn takes_path(&mut self, slot: u32, path: u64) {
        self.dispatcher.takes_path(slot, path);
        self.lines[slot as usize].path = path;
    }

    /// Of the idle slots on which no copy was sent: one of a source that is not held, or else any;
    /// of these one on another path than all of them, or else any; of several the one that was used
    /// last.
    pub(super) fn expected_apart(&self, used: &[u32], due: &Due, now: u64) -> Result<u32, Refusal> {
        let slots = self.choice(due.lane, due.source, now)?;
        let paths: Vec<_> = used.iter().map(|slot| self.lines[*slot as usize].path).collect();
        let apart = slots.into_iter().filter(|slot| !used.contains(slot));
        let takes_another = |slot: u32| !paths.contains(&self.lines[slot as usize].path);
        let is_open = |slot: u32| !self.is_held(self.source_of(slot), now);
        let best = apart.max_by_key(|slot| (is_open(*slot), takes_another(*slot)));
        best.ok_or(Refusal::NoSlot)
    }
}
