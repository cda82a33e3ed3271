//! What was counted in a slot since its present part began. There may be a thousand slots, so it is
//! small. The counts of an order's kinds have a byte each: 12 KiB of address space, of which one
//! page holds all up to a millisecond, and the next one all up to a quarter of a second. What a
//! byte cannot hold, and what happens seldom, is in a list.

use std::io;

use super::Kind;
use super::buckets::BUCKETS;
use crate::net::pages::Pages;

/// The kinds of an order's durations.
pub(super) const OF_ORDER: [Kind; 4] = [Kind::QueueWait, Kind::Write, Kind::FirstByte, Kind::Total];

/// How long the list is before it grows: 400 bytes. That happens a few times in the life of a slot,
/// after some thousand orders at the earliest, and behind the completion of one.
const ROOM: usize = 48;

/// The counts of one bucket, one for each kind of an order's durations.
type Counts = [u8; OF_ORDER.len()];

/// A histogram of each kind.
pub(super) struct Present {
    /// By bucket. The kinds of one bucket lie side by side, because durations that are near each
    /// other are in the same page then.
    of_orders: Pages,
    /// What happens seldom, and what a count of `of_orders` could not hold: by kind and bucket, in
    /// that order. Boxed, as an order does not need it.
    #[allow(clippy::box_collection)]
    seldom: Box<Vec<(Kind, u16, u32)>>,
}

impl Present {
    /// Nothing was counted yet. All address space is taken here.
    ///
    /// # Errors
    /// The system has none.
    pub(super) fn new() -> io::Result<Self> {
        let of_orders = Pages::new(BUCKETS * size_of::<Counts>())?;
        Ok(Self { of_orders, seldom: Box::new(Vec::with_capacity(ROOM)) })
    }

    /// Counts the durations of orders, each by its bucket; one that has none is no duration.
    pub(super) fn count_orders<'a>(
        &mut self,
        orders: impl Iterator<Item = &'a [u16; OF_ORDER.len()]>,
    ) {
        let Self { of_orders, seldom } = self;
        let counts: &mut [Counts] = bytemuck::cast_slice_mut(of_orders);
        for order in orders {
            for (place, bucket) in order.iter().enumerate() {
                let Some(counts) = counts.get_mut(usize::from(*bucket)) else { continue };
                match counts[place].checked_add(1) {
                    Some(more) => counts[place] = more,
                    None => {
                        let held = std::mem::replace(&mut counts[place], 1);
                        add(seldom, OF_ORDER[place], *bucket, held.into());
                    }
                }
            }
        }
    }

    /// Counts what happens seldom.
    pub(super) fn count(&mut self, kind: Kind, bucket: u16) {
        add(&mut self.seldom, kind, bucket, 1);
    }

    /// Adds what was counted of that kind, by bucket. Only what is not 0 is written, so that no
    /// further page of `to` is used.
    pub(super) fn add_to(&self, kind: Kind, to: &mut [u32]) {
        let add = |to: &mut u32, more: u32| *to = to.saturating_add(more);
        if let Some(place) = place_of(kind) {
            let counts: &[Counts] = bytemuck::cast_slice(&self.of_orders);
            let counted = to.iter_mut().zip(counts).filter(|(_, counts)| counts[place] != 0);
            counted.for_each(|(to, counts)| add(to, counts[place].into()));
        }
        for (_, bucket, count) in self.seldom.iter().filter(|it| it.0 == kind) {
            add(&mut to[usize::from(*bucket)], *count);
        }
    }

    /// Nothing is counted of that kind any more. Only what is not 0 is written.
    pub(super) fn clear(&mut self, kind: Kind) {
        if let Some(place) = place_of(kind) {
            let counted = self.counts_mut().iter_mut().filter(|counts| counts[place] != 0);
            counted.for_each(|counts| counts[place] = 0);
        }
        self.seldom.retain(|it| it.0 != kind);
    }

    /// Takes memory for all that orders count.
    pub(super) fn touch(&mut self) {
        self.of_orders.touch();
    }

    fn counts_mut(&mut self) -> &mut [Counts] {
        bytemuck::cast_slice_mut(&mut self.of_orders)
    }
}

/// Counts in the list of what happens seldom.
fn add(seldom: &mut Vec<(Kind, u16, u32)>, kind: Kind, bucket: u16, more: u32) {
    let key = (kind as usize, bucket);
    match seldom.binary_search_by_key(&key, |it| (it.0 as usize, it.1)) {
        Ok(at) => seldom[at].2 = seldom[at].2.saturating_add(more),
        Err(at) => seldom.insert(at, (kind, bucket, more)),
    }
}

fn place_of(kind: Kind) -> Option<usize> {
    OF_ORDER.iter().position(|it| *it == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(present: &Present, kind: Kind) -> Vec<(usize, u32)> {
        let mut counts = [0; BUCKETS];
        present.add_to(kind, &mut counts);
        counts.into_iter().enumerate().filter(|(_, count)| *count != 0).collect()
    }

    #[test]
    fn more_than_a_count_can_hold_is_counted() {
        let mut present = Present::new().unwrap();
        const NONE: u16 = u16::MAX;
        present.count_orders(std::iter::repeat_n(&[NONE, 77, NONE, NONE], 200_000));
        present.count_orders([[NONE, NONE, 77, NONE]].iter());
        present.count(Kind::Heal, 78);
        present.count(Kind::Heal, 77);
        assert_eq!(counted(&present, Kind::Write), [(77, 200_000)]);
        assert_eq!(counted(&present, Kind::FirstByte), [(77, 1)]);
        assert_eq!(counted(&present, Kind::Heal), [(77, 1), (78, 1)]);
        present.clear(Kind::Write);
        assert_eq!(counted(&present, Kind::Write), []);
        assert_eq!(counted(&present, Kind::FirstByte), [(77, 1)]);
        present.clear(Kind::Heal);
        assert_eq!(counted(&present, Kind::Heal), []);
    }

    #[test]
    fn a_count_that_is_full_stays() {
        let mut present = Present::new().unwrap();
        add(&mut present.seldom, Kind::Heal, 3, u32::MAX);
        present.count(Kind::Heal, 3);
        assert_eq!(counted(&present, Kind::Heal), [(3, u32::MAX)]);
    }
}
