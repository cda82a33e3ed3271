//! Who waits for a slot: by lane, and within a lane by ticket and by source.
//!
//! It keeps [`Turns`] true: of each source, which lanes have somebody waiting who may use it. What
//! waits is any value `W`.

use std::collections::BTreeMap;

use super::lanes::{LANES, Turns};
use crate::lane::Lane;
use crate::source::Source;

/// Of each lane: by ticket, which is the order in which they are served.
type Lanes<W> = [BTreeMap<u64, W>; LANES];

/// The queue of a pool.
#[derive(Debug)]
pub struct Queue<W> {
    /// Those that may use any source.
    any: Lanes<W>,
    /// Those that may use one source only, by its number; empty in a pool without several sources.
    of_source: Vec<Lanes<W>>,
    /// How many wait in each lane, and in all.
    len: [usize; LANES],
    all: usize,
    /// Whose turn it is on the first source. Apart, so that a pool without sources is as quick as
    /// one that knows of none.
    turns: Turns,
    /// On the other sources.
    more_turns: Vec<Turns>,
}

fn no_lanes<W>() -> Lanes<W> {
    std::array::from_fn(|_| BTreeMap::new())
}

impl<W> Queue<W> {
    /// It is empty. `sources`: how many there are, at least 1.
    pub fn new(sources: u32) -> Self {
        let (others, named) = (sources - 1, if sources > 1 { sources } else { 0 });
        Self {
            any: no_lanes(),
            of_source: (0..named).map(|_| no_lanes()).collect(),
            len: [0; LANES],
            all: 0,
            turns: Turns::default(),
            more_turns: (0..others).map(|_| Turns::default()).collect(),
        }
    }

    /// Whose turn it is on the first source: on all slots, if there are no others.
    pub fn turns(&self) -> &Turns {
        &self.turns
    }

    /// The same, to be changed.
    pub fn turns_mut(&mut self) -> &mut Turns {
        &mut self.turns
    }

    /// Whose turn it is on the source of that number.
    pub fn turns_of(&self, source: u32) -> &Turns {
        if source == 0 { &self.turns } else { &self.more_turns[source as usize - 1] }
    }

    /// The same, to be changed.
    pub fn turns_of_mut(&mut self, source: u32) -> &mut Turns {
        if source == 0 { &mut self.turns } else { &mut self.more_turns[source as usize - 1] }
    }

    /// Puts somebody into a lane, who may use that source. No two have the same ticket.
    pub fn insert(&mut self, lane: Lane, source: Source, ticket: u64, who: W) {
        self.len[lane as usize] += 1;
        self.all += 1;
        match self.place_of(source) {
            None => {
                self.any[lane as usize].insert(ticket, who);
                self.turns.note(lane, true);
                self.more_turns.iter_mut().for_each(|turns| turns.note(lane, true));
            }
            Some(number) => {
                self.of_source[number][lane as usize].insert(ticket, who);
                self.turns_of_mut(number as u32).note(lane, true);
            }
        }
    }

    /// Where those wait that may use that source only; `None`: with those that may use any.
    fn place_of(&self, source: Source) -> Option<usize> {
        source.number().map(|number| number as usize).filter(|it| *it < self.of_source.len())
    }

    /// Takes whoever has that ticket out, from any lane.
    pub fn remove(&mut self, ticket: u64) -> Option<W> {
        for lane in Lane::ALL {
            if let Some(who) = self.any[lane as usize].remove(&ticket) {
                self.len[lane as usize] -= 1;
                self.all -= 1;
                if self.any[lane as usize].is_empty() {
                    (0..=self.more_turns.len()).for_each(|source| self.look_at(lane, source));
                }
                return Some(who);
            }
        }
        let named = (0..self.of_source.len()).flat_map(|it| Lane::ALL.map(|lane| (it, lane)));
        for (source, lane) in named {
            let waiting = &mut self.of_source[source][lane as usize];
            if let Some(who) = waiting.remove(&ticket) {
                self.len[lane as usize] -= 1;
                self.all -= 1;
                self.look_at(lane, source);
                return Some(who);
            }
        }
        None
    }

    /// Notes whether somebody of that lane waits for the source of that number.
    fn look_at(&mut self, lane: Lane, source: usize) {
        let index = lane as usize;
        let waits_for_it = self.of_source.get(source).is_some_and(|it| !it[index].is_empty());
        let waits = waits_for_it || !self.any[index].is_empty();
        self.turns_of_mut(source as u32).note(lane, waits);
    }

    /// The first in that lane that may use the source of that number, and its ticket.
    pub fn first(&self, lane: Lane, source: u32) -> Option<(u64, &W)> {
        let of_any = self.any[lane as usize].first_key_value();
        let Some(named) = self.of_source.get(source as usize) else {
            return of_any.map(|(ticket, who)| (*ticket, who));
        };
        let both = [of_any, named[lane as usize].first_key_value()];
        both.into_iter().flatten().map(|(ticket, who)| (*ticket, who)).min_by_key(|one| one.0)
    }

    /// The smallest ticket of those whose lane and source fit, and these.
    pub fn first_where(&self, fits: impl Fn(Lane, Source) -> bool) -> Option<(u64, Lane, Source)> {
        let named = (0..).map_while(Source::from_number).zip(&self.of_source);
        let places = [(Source::ANY, &self.any)].into_iter().chain(named);
        let firsts = places.flat_map(|(source, lanes)| {
            Lane::ALL.into_iter().zip(lanes).map(move |(lane, waiting)| (lane, source, waiting))
        });
        firsts
            .filter(|(lane, source, waiting)| !waiting.is_empty() && fits(*lane, *source))
            .filter_map(|(lane, source, waiting)| Some((*waiting.keys().next()?, lane, source)))
            .min_by_key(|one| one.0)
    }

    /// How many wait in that lane.
    pub fn len_of(&self, lane: Lane) -> usize {
        self.len[lane as usize]
    }

    /// How many wait in all lanes.
    pub fn len(&self) -> usize {
        self.all
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.all == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_order_a_lane_and_are_found_in_any() {
        let mut queue = Queue::new(1);
        assert!(queue.is_empty());
        queue.insert(Lane::Orders, Source::ANY, 5, "b");
        queue.insert(Lane::Orders, Source::ANY, 2, "a");
        queue.insert(Lane::Urgent, Source::ANY, 7, "c");
        assert_eq!(queue.first(Lane::Orders, 0), Some((2, &"a")));
        let first = queue.first_where(|_, _| true);
        assert_eq!(first, Some((2, Lane::Orders, Source::ANY)));
        let urgent = |lane, _| lane == Lane::Urgent;
        assert_eq!(queue.first_where(urgent), Some((7, Lane::Urgent, Source::ANY)));
        assert_eq!((queue.len(), queue.len_of(Lane::Orders)), (3, 2));
        assert_eq!(queue.remove(7), Some("c"));
        assert_eq!(queue.remove(7), None);
        assert_eq!(queue.first_where(urgent), None);
        assert_eq!((queue.remove(2), queue.remove(5)), (Some("a"), Some("b")));
        assert!(queue.is_empty());
    }

    #[test]
    fn each_source_has_those_that_may_use_any_and_its_own() {
        let [one, other] = [0, 1].map(|number| Source::from_number(number).unwrap());
        let mut queue = Queue::new(2);
        queue.insert(Lane::Orders, one, 1, "one");
        queue.insert(Lane::Orders, Source::ANY, 2, "any");
        queue.insert(Lane::Orders, other, 3, "other");
        assert_eq!(queue.first(Lane::Orders, 0), Some((1, &"one")));
        assert_eq!(queue.first(Lane::Orders, 1), Some((2, &"any")));
        assert_eq!(queue.len_of(Lane::Orders), 3);
        let of_other = |_, source| source == other;
        assert_eq!(queue.first_where(of_other), Some((3, Lane::Orders, other)));
        let next = |queue: &Queue<&str>, source| queue.turns_of(source).next(|_| true);
        assert_eq!(queue.remove(2), Some("any"));
        assert_eq!(queue.first(Lane::Orders, 1), Some((3, &"other")));
        assert_eq!(queue.remove(1), Some("one"));
        assert_eq!((next(&queue, 0), next(&queue, 1)), (None, Some((Lane::Orders, false))));
        assert!(!queue.is_empty());
        assert_eq!(queue.remove(3), Some("other"));
        assert!(queue.is_empty());
    }
}
