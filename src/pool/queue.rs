//! Who waits for a slot: by lane, and within a lane by ticket.
//!
//! It keeps [`Turns`] true: which lanes have somebody waiting. What waits is any value `W`.

use std::collections::BTreeMap;

use super::lanes::{LANES, Turns};
use crate::lane::Lane;

/// The queue of a pool.
#[derive(Debug)]
pub struct Queue<W> {
    /// Of each lane: by ticket, which is the order in which they are served.
    lanes: [BTreeMap<u64, W>; LANES],
    /// Whose turn it is.
    pub turns: Turns,
}

impl<W> Default for Queue<W> {
    fn default() -> Self {
        Self { lanes: std::array::from_fn(|_| BTreeMap::new()), turns: Turns::default() }
    }
}

impl<W> Queue<W> {
    /// Puts somebody into a lane. No two have the same ticket.
    pub fn insert(&mut self, lane: Lane, ticket: u64, who: W) {
        self.lanes[lane as usize].insert(ticket, who);
        self.turns.note(lane, true);
    }

    /// Takes whoever has that ticket out, from any lane.
    pub fn remove(&mut self, ticket: u64) -> Option<W> {
        for (lane, waiting) in Lane::ALL.into_iter().zip(&mut self.lanes) {
            if let Some(who) = waiting.remove(&ticket) {
                if waiting.is_empty() {
                    self.turns.note(lane, false);
                }
                return Some(who);
            }
        }
        None
    }

    /// The first in that lane, and its ticket.
    pub fn first(&self, lane: Lane) -> Option<(u64, &W)> {
        self.lanes[lane as usize].first_key_value().map(|(ticket, who)| (*ticket, who))
    }

    /// The smallest ticket in those lanes, and its lane.
    pub fn first_in(&self, lanes: impl Fn(Lane) -> bool) -> Option<(u64, Lane)> {
        let lanes = Lane::ALL.into_iter().filter(|lane| lanes(*lane));
        lanes.filter_map(|lane| self.first(lane).map(|(ticket, _)| (ticket, lane))).min()
    }

    /// How many wait in that lane.
    pub fn len_of(&self, lane: Lane) -> usize {
        self.lanes[lane as usize].len()
    }

    /// How many wait in all lanes.
    pub fn len(&self) -> usize {
        self.lanes.iter().map(BTreeMap::len).sum()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_order_a_lane_and_are_found_in_any() {
        let mut queue = Queue::default();
        assert!(queue.is_empty());
        queue.insert(Lane::Orders, 5, "b");
        queue.insert(Lane::Orders, 2, "a");
        queue.insert(Lane::Urgent, 7, "c");
        assert_eq!(queue.first(Lane::Orders), Some((2, &"a")));
        assert_eq!(queue.first_in(|_| true), Some((2, Lane::Orders)));
        let urgent = |lane| lane == Lane::Urgent;
        assert_eq!(queue.first_in(urgent), Some((7, Lane::Urgent)));
        assert_eq!((queue.len(), queue.len_of(Lane::Orders)), (3, 2));
        assert_eq!(queue.remove(7), Some("c"));
        assert_eq!(queue.remove(7), None);
        assert_eq!(queue.first_in(urgent), None);
        assert_eq!((queue.remove(2), queue.remove(5)), (Some("a"), Some("b")));
        assert!(queue.is_empty());
    }
}
