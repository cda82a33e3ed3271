//! The messages that were sent and are not acknowledged by the peer's TCP yet, and what became of
//! each of them when the connection is lost.
//!
//! A message is a stretch of the bytes of its connection, as they are on the wire (under TLS:
//! ciphertext). Messages leave in the order of their numbers, so their fates are ranges. It knows
//! numbers only; who counts the bytes is not its business.

use std::collections::VecDeque;
use std::ops::Range;

use crate::error::WireState;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Sent {
    sequence: u64,
    bytes: Range<u64>,
}

/// What became of the messages of a connection that is lost. All of one connection, by their
/// numbers: acknowledged, then sent, then at most one in part, then those that were not sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// The number of the last message that the session has accepted; 0 for none.
    pub last: u64,
    /// The peer's TCP has all bytes of the messages up to this one. At least: where the system does
    /// not tell, it stays behind.
    pub acked_through: u64,
    /// The kernel had taken all bytes of the messages up to this one: they may have arrived.
    pub sent_through: u64,
    /// The kernel had taken a part of this one, so the peer cannot have a whole message; 0 for
    /// none.
    pub partial: u64,
    /// Bytes of the message behind `acked_through` that the peer's TCP has; `None` where the system
    /// does not tell.
    pub bytes_acked: Option<u64>,
}

impl Fate {
    /// What became of that message.
    pub const fn of(&self, sequence: u64) -> WireState {
        if sequence <= self.sent_through {
            WireState::Sent
        } else if sequence == self.partial {
            WireState::Partial
        } else {
            WireState::NotSent
        }
    }
}

/// The messages of one connection that are not known to be acknowledged.
#[derive(Debug)]
pub struct Ledger {
    sent: VecDeque<Sent>,
    most: usize,
    /// The number of the last message, ever.
    last: u64,
    /// The last one that is known to be acknowledged.
    acked_through: u64,
}

impl Ledger {
    /// A ledger for `most` messages at a time. All memory is taken here.
    pub fn new(most: usize) -> Self {
        Self { sent: VecDeque::with_capacity(most), most, last: 0, acked_through: 0 }
    }

    /// Its numbers go on behind those of another connection: behind `last`, of which those up to
    /// `acked_through` are acknowledged. What was noted before is numbered anew.
    pub fn go_on_behind(&mut self, last: u64, acked_through: u64) {
        self.sent.iter_mut().for_each(|sent| sent.sequence += last);
        self.acked_through = match self.acked_through {
            0 => acked_through,
            own => last + own,
        };
        self.last += last;
    }

    /// Begins anew, with the numbers from 1 and the memory that it has.
    pub fn begin_anew(&mut self) {
        self.sent.clear();
        (self.last, self.acked_through) = (0, 0);
    }

    /// The number of the last message, and of the last one that is known to be acknowledged.
    pub const fn numbers(&self) -> (u64, u64) {
        (self.last, self.acked_through)
    }

    /// Whether there is no room for one more message: [`Ledger::acknowledged`] makes some.
    pub fn is_full(&self) -> bool {
        self.sent.len() >= self.most
    }

    /// Notes a message that has these bytes of its connection, and gives its number.
    ///
    /// # Panics
    /// When it is full.
    pub fn note(&mut self, bytes: Range<u64>) -> u64 {
        assert!(!self.is_full(), "the caller makes room first");
        self.last += 1;
        self.sent.push_back(Sent { sequence: self.last, bytes });
        self.last
    }

    /// The peer's TCP has so many bytes of the connection.
    pub fn acknowledged(&mut self, acked: u64) {
        while let Some(first) = self.sent.front()
            && first.bytes.end <= acked
        {
            self.acked_through = first.sequence;
            self.sent.pop_front();
        }
    }

    /// Makes room where the system tells of no acknowledgement: forgets the oldest message if the
    /// kernel has taken all of it. It counts as sent, and not as acknowledged.
    pub fn forget_oldest(&mut self, taken: u64) {
        if self.sent.front().is_some_and(|first| first.bytes.end <= taken) {
            self.sent.pop_front();
        }
    }

    /// The connection is lost. The kernel had taken `taken` bytes of it, and the peer's TCP has
    /// `acked` of these, if the system tells that. The next message is on another connection.
    pub fn lost(&mut self, taken: u64, acked: Option<u64>) -> Fate {
        if let Some(acked) = acked {
            self.acknowledged(acked);
        }
        let rest = self.sent.iter().find(|sent| sent.bytes.end > taken);
        let sent_through = rest.map_or(self.last, |sent| sent.sequence - 1);
        let partial = rest.filter(|sent| sent.bytes.start < taken);
        let front = self.sent.front();
        let fate = Fate {
            last: self.last,
            acked_through: self.acked_through,
            sent_through,
            partial: partial.map_or(0, |sent| sent.sequence),
            bytes_acked: acked
                .map(|acked| front.map_or(0, |first| acked.saturating_sub(first.bytes.start))),
        };
        self.sent.clear();
        fate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fates_are_ranges_in_the_order_of_sending() {
        let mut ledger = Ledger::new(8);
        for end in [10, 20, 30, 40, 50_u64] {
            ledger.note(end - 10..end);
        }
        let fate = ledger.lost(35, Some(14));
        let want =
            Fate { last: 5, acked_through: 1, sent_through: 3, partial: 4, bytes_acked: Some(4) };
        assert_eq!(fate, want);
        let states: Vec<_> = (1..=5).map(|sequence| fate.of(sequence)).collect();
        use WireState::{NotSent, Partial, Sent};
        assert_eq!(states, [Sent, Sent, Sent, Partial, NotSent]);
    }

    #[test]
    fn numbers_go_on_over_connections_and_bytes_do_not() {
        let mut ledger = Ledger::new(2);
        ledger.note(0..10);
        ledger.lost(10, Some(10));
        assert_eq!(ledger.note(0..7), 2);
        let fate = ledger.lost(0, Some(0));
        let want =
            Fate { last: 2, acked_through: 1, sent_through: 1, partial: 0, bytes_acked: Some(0) };
        assert_eq!((fate, fate.of(2)), (want, WireState::NotSent));
    }

    #[test]
    fn what_was_sent_before_a_take_over_is_numbered_behind_the_other_connection() {
        let mut ledger = Ledger::new(4);
        for bytes in [0..10, 10..20, 20..30] {
            ledger.note(bytes);
        }
        ledger.acknowledged(10);
        ledger.go_on_behind(7, 5);
        assert_eq!((ledger.numbers(), ledger.note(30..40)), ((10, 8), 11));
        let fate = ledger.lost(25, Some(20));
        assert_eq!(
            (fate.last, fate.acked_through, fate.sent_through, fate.partial),
            (11, 9, 9, 10)
        );
        ledger.begin_anew();
        assert_eq!(ledger.numbers(), (0, 0));
        ledger.go_on_behind(11, 9);
        assert_eq!(ledger.lost(0, Some(0)).acked_through, 9);
    }

    #[test]
    fn what_is_acknowledged_makes_room() {
        let mut ledger = Ledger::new(2);
        ledger.note(5..10);
        ledger.note(10..20);
        assert!(ledger.is_full());
        ledger.acknowledged(9);
        assert!(ledger.is_full());
        ledger.acknowledged(19);
        assert!(!ledger.is_full());
        assert_eq!(ledger.lost(20, Some(20)).acked_through, 2);
    }

    #[test]
    fn where_the_system_tells_nothing_sent_is_not_acknowledged() {
        let mut ledger = Ledger::new(1);
        ledger.note(0..10);
        ledger.forget_oldest(9);
        assert!(ledger.is_full());
        ledger.forget_oldest(10);
        ledger.note(10..20);
        let fate = ledger.lost(20, None);
        assert_eq!((fate.acked_through, fate.sent_through, fate.bytes_acked), (0, 2, None));
    }
}
