//! What a session has told and the engine has not taken yet, in order, with its bounds.
//!
//! Completions are never dropped: a call is refused while too many are untaken. Messages have a
//! bound and a policy, event of the connection a bound. What was dropped is told where it stood. It
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
    /// Event of the connection.
    Event,
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

/// What has a place in the queue: one thing that is told, or several messages in a row.
pub trait Several: Sized {
    /// How many there are: at least one.
    fn count(&self) -> usize;

    /// Takes the first of several. `None`: there is one only.
    fn take_first(&mut self) -> Option<Self>;

    /// Only so many of the first ones are to stay, which is at least one.
    fn truncate(&mut self, count: usize);
}

/// The queue.
#[derive(Debug)]
pub struct Inbox<T> {
    items: VecDeque<Item<T>>,
    counts: [usize; 3],
    capacity: usize,
    overflow: Overflow,
}

/// As many event as are kept. A connection that is lost and healed makes three.
const MAX_NEWS: usize = 256;

impl<T: Several> Inbox<T> {
    /// An empty queue for `capacity` messages.
    pub fn new(capacity: usize, overflow: Overflow) -> Self {
        Self { items: VecDeque::new(), counts: [0; 3], capacity, overflow }
    }

    /// How many completions are not taken.
    pub const fn completions(&self) -> usize {
        self.counts[Class::Completion as usize]
    }

    /// How many are to be taken, what stands for dropped ones not counted unless there is nothing
    /// else.
    pub fn len(&self) -> usize {
        self.counts.iter().sum::<usize>().max(self.items.len())
    }

    /// Whether there is nothing to be taken.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Puts an item behind all others. `false`: it was refused, by [`Overflow::Close`], or a part
    /// of it.
    pub fn push(&mut self, class: Class, mut item: T) -> bool {
        let room = match class {
            Class::Message => self.capacity,
            Class::Event => MAX_NEWS,
            Class::Completion => usize::MAX,
        };
        let (mut count, free) = (item.count(), room.saturating_sub(self.counts[class as usize]));
        let is_refused =
            count > free && class == Class::Message && self.overflow == Overflow::Close;
        if is_refused {
            if free == 0 {
                return false;
            }
            item.truncate(free);
            count = free;
        }
        self.counts[class as usize] += count;
        self.items.push_back(Item::Told(class, item));
        while self.counts[class as usize] > room {
            self.drop_oldest(class);
        }
        !is_refused
    }

    /// Gives up to `limit` items of the oldest place, but not its last one, and answers how many.
    /// That place is looked up once for all of them.
    #[inline]
    pub fn take_firsts(&mut self, limit: usize, mut give: impl FnMut(T)) -> usize {
        let Some(Item::Told(class, item)) = self.items.front_mut() else { return 0 };
        let mut count = 0;
        while count < limit
            && let Some(first) = item.take_first()
        {
            self.counts[*class as usize] -= 1;
            count += 1;
            give(first);
        }
        count
    }

    /// Takes the oldest one.
    pub fn take(&mut self) -> Option<Item<T>> {
        if let Item::Told(class, item) = self.items.front_mut()? {
            self.counts[*class as usize] -= 1;
            if let Some(first) = item.take_first() {
                return Some(Item::Told(*class, first));
            }
        }
        self.items.pop_front()
    }

    /// Leaves the number of what was dropped in its place.
    fn drop_oldest(&mut self, class: Class) {
        let is_it = |item: &Item<T>| matches!(item, Item::Told(of, _) if *of == class);
        let Some(mut at) = self.items.iter().position(is_it) else { return };
        self.counts[class as usize] -= 1;
        let is_last = match &mut self.items[at] {
            Item::Told(_, item) => item.take_first().is_none(),
            Item::Dropped(_) => return,
        };
        let mut dropped = 1;
        // Neighbours are one item, so that a queue which no one takes from does not grow.
        if let Some(before) = at.checked_sub(1)
            && let Item::Dropped(count) = &mut self.items[before]
        {
            if !is_last {
                *count += 1;
                return;
            }
            dropped += *count;
            self.items.remove(before);
            at = before;
        }
        if !is_last {
            return self.items.insert(at, Item::Dropped(dropped));
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

    /// One thing.
    impl Several for u32 {
        fn count(&self) -> usize {
            1
        }

        fn take_first(&mut self) -> Option<Self> {
            None
        }

        fn truncate(&mut self, _count: usize) {}
    }

    /// Numbers in a row.
    impl Several for std::ops::Range<u32> {
        fn count(&self) -> usize {
            self.len()
        }

        fn take_first(&mut self) -> Option<Self> {
            (self.len() > 1).then(|| {
                self.start += 1;
                self.start - 1..self.start
            })
        }

        fn truncate(&mut self, count: usize) {
            self.end = self.end.min(self.start + count as u32);
        }
    }

    /// Many queues with rows, beside one that gets the same numbers one by one.
    #[test]
    fn a_row_is_as_its_messages_one_by_one() {
        let mut state = 7_u64;
        // Below `most`: the generator of Knuth's MMIX.
        let mut random = |most: usize| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as usize % most
        };
        for _ in 0..2_000 {
            let capacity = 1 + random(11);
            let overflow = [Overflow::DropOldest, Overflow::Close][random(2)];
            let (mut rows, mut singles) =
                (Inbox::new(capacity, overflow), Inbox::new(capacity, overflow));
            let mut number = 0;
            for _ in 0..1 + random(19) {
                let class = [Class::Message, Class::Event, Class::Completion][random(3)];
                let most = if class == Class::Message { 15 } else { 2 };
                let row = number..number + 1 + random(most - 1) as u32;
                number = row.end;
                // Each is pushed, also behind one that was refused.
                let refused = row.clone().filter(|it| !singles.push(class, *it)).count();
                let kept = refused == 0;
                assert_eq!(rows.push(class, row), kept);
                for _ in 0..random(6) {
                    let mut given = Vec::new();
                    let count = rows.take_firsts(random(4), |row| given.push(row));
                    assert_eq!(count, given.len());
                    for row in given {
                        let single = singles.take().map(|it| format!("{it:?}")).unwrap_or_default();
                        assert!(row.len() == 1 && single.ends_with(&format!(", {})", row.start)));
                    }
                    assert_eq!(shown(rows.take().map(of_row)), shown(singles.take()));
                }
                assert_eq!(rows.len().min(1), usize::from(!rows.is_empty()));
                assert_eq!(
                    (rows.completions(), rows.counts),
                    (singles.completions(), singles.counts)
                );
            }
            while !rows.is_empty() {
                assert_eq!(shown(rows.take().map(of_row)), shown(singles.take()));
            }
            assert!(singles.is_empty() && rows.counts == [0; 3]);
        }
    }

    fn of_row(item: Item<std::ops::Range<u32>>) -> Item<u32> {
        match item {
            Item::Told(class, row) => {
                assert_eq!(row.len(), 1);
                Item::Told(class, row.start)
            }
            Item::Dropped(count) => Item::Dropped(count),
        }
    }

    fn shown(item: Option<Item<u32>>) -> String {
        format!("{item:?}")
    }

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
        inbox.push(Class::Event, 1);
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
            inbox.push(Class::Event, item);
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
        assert!(inbox.push(Class::Event, 3), "event have room of their own");
        assert_eq!(all(&mut inbox), [(0, 1), (1, 3)]);
    }

    #[test]
    fn news_are_bounded_and_completions_never_dropped() {
        let mut inbox = Inbox::new(1, Overflow::DropOldest);
        for item in 0..1_000 {
            inbox.push(Class::Event, item);
            inbox.push(Class::Completion, item);
        }
        let taken = all(&mut inbox);
        let count = |class| taken.iter().filter(|(of, _)| *of == class).count();
        assert_eq!((count(1), count(2)), (MAX_NEWS, 1_000));
        let dropped: u64 = taken.iter().filter(|(of, _)| *of == -1).map(|(_, n)| n).sum();
        assert_eq!(dropped, 1_000 - MAX_NEWS as u64);
    }
}
