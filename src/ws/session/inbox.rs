//! What a session has told and the engine has not taken yet, in order, with its bounds.
//!
//! Completions are never dropped: a call is refused while too many are untaken. Messages have a
//! bound and a policy, news of the connection a bound. What was dropped is told where it stood. It
//! knows no thread; how a sleeper is woken is not its business.

use std::collections::VecDeque;

/// What becomes of a message for which there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// The oldest message in the queue is dropped.
    DropOldest,
    /// It is refused, and the connection is to be given up.
    Close,
}

/// How an item counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A message.
    Message,
    /// News of the connection.
    News,
    /// How a call ended.
    Completion,
}

/// One place in the queue.
#[derive(Debug)]
pub enum Item<T> {
    /// What was told.
    Told(Class, T),
    /// So many items were dropped here.
    Dropped(u64),
}

/// The queue.
#[derive(Debug)]
pub struct Inbox<T> {
    items: VecDeque<Item<T>>,
    counts: [usize; 3],
    capacity: usize,
    overflow: Overflow,
}

/// As many news as are kept. A connection that is lost and healed makes three.
const MAX_NEWS: usize = 256;

impl<T> Inbox<T> {
    /// An empty queue for `capacity` messages.
    pub fn new(capacity: usize, overflow: Overflow) -> Self {
        Self { items: VecDeque::new(), counts: [0; 3], capacity, overflow }
    }

    /// How many completions are not taken.
    pub const fn completions(&self) -> usize {
        self.counts[Class::Completion as usize]
    }

    /// How many items there are to be taken.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is nothing to be taken.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Puts an item behind all others. `false`: it was refused, by [`Overflow::Close`].
    pub fn push(&mut self, class: Class, item: T) -> bool {
        let room = match class {
            Class::Message => self.capacity,
            Class::News => MAX_NEWS,
            Class::Completion => usize::MAX,
        };
        if self.counts[class as usize] >= room {
            if class == Class::Message && self.overflow == Overflow::Close {
                return false;
            }
            self.drop_oldest(class);
        }
        self.counts[class as usize] += 1;
        self.items.push_back(Item::Told(class, item));
        true
    }

    /// Takes the oldest item.
    pub fn take(&mut self) -> Option<Item<T>> {
        let item = self.items.pop_front();
        if let Some(Item::Told(class, _)) = &item {
            self.counts[*class as usize] -= 1;
        }
        item
    }

    /// Leaves the number of what was dropped in its place.
    fn drop_oldest(&mut self, class: Class) {
        let is_it = |item: &Item<T>| matches!(item, Item::Told(of, _) if *of == class);
        let Some(mut at) = self.items.iter().position(is_it) else { return };
        self.counts[class as usize] -= 1;
        let before = at.checked_sub(1).and_then(|before| self.items.get(before));
        let mut dropped = 1;
        // Neighbours are one item, so that a queue which no one takes from does not grow.
        if let Some(Item::Dropped(count)) = before {
            dropped += *count;
            self.items.remove(at - 1);
            at -= 1;
        }
        if let Some(Item::Dropped(count)) = self.items.get(at + 1) {
            dropped += *count;
            self.items.remove(at + 1);
        }
        self.items[at] = Item::Dropped(dropped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(inbox: &mut Inbox<u32>) -> Vec<(i32, u64)> {
        let mut taken = Vec::new();
        while let Some(item) = inbox.take() {
            taken.push(match item {
                Item::Told(class, item) => (class as i32, item.into()),
                Item::Dropped(count) => (-1, count),
            });
        }
        taken
    }

    #[test]
    fn the_oldest_messages_are_dropped_and_counted_where_they_stood() {
        let mut inbox = Inbox::new(2, Overflow::DropOldest);
        inbox.push(Class::News, 1);
        (2..=4).for_each(|item| assert!(inbox.push(Class::Message, item)));
        inbox.push(Class::Completion, 5);
        inbox.push(Class::Message, 6);
        assert_eq!(inbox.completions(), 1);
        assert_eq!(all(&mut inbox), [(1, 1), (-1, 2), (0, 4), (2, 5), (0, 6)]);
        assert_eq!((inbox.completions(), inbox.is_empty()), (0, true));
        assert!(inbox.push(Class::Message, 7));
        assert_eq!(all(&mut inbox), [(0, 7)]);
    }

    #[test]
    fn it_does_not_grow_while_no_one_takes() {
        let mut inbox = Inbox::new(2, Overflow::DropOldest);
        for item in 0..10_000 {
            inbox.push(Class::News, item);
            (0..3).for_each(|_| assert!(inbox.push(Class::Message, item)));
        }
        assert!(inbox.items.len() <= 2 * (MAX_NEWS + 2), "{}", inbox.items.len());
        let taken = all(&mut inbox);
        let dropped: u64 = taken.iter().filter(|(of, _)| *of == -1).map(|(_, n)| n).sum();
        assert_eq!(dropped, 40_000 - MAX_NEWS as u64 - 2);
    }

    #[test]
    fn or_the_newest_is_refused() {
        let mut inbox = Inbox::new(1, Overflow::Close);
        assert!(inbox.push(Class::Message, 1));
        assert!(!inbox.push(Class::Message, 2));
        assert!(inbox.push(Class::News, 3), "news have room of their own");
        assert_eq!(all(&mut inbox), [(0, 1), (1, 3)]);
    }

    #[test]
    fn news_are_bounded_and_completions_never_dropped() {
        let mut inbox = Inbox::new(1, Overflow::DropOldest);
        for item in 0..1_000 {
            inbox.push(Class::News, item);
            inbox.push(Class::Completion, item);
        }
        let taken = all(&mut inbox);
        let count = |class| taken.iter().filter(|(of, _)| *of == class).count();
        assert_eq!((count(1), count(2)), (MAX_NEWS, 1_000));
        let dropped: u64 = taken.iter().filter(|(of, _)| *of == -1).map(|(_, n)| n).sum();
        assert_eq!(dropped, 1_000 - MAX_NEWS as u64);
    }
}
