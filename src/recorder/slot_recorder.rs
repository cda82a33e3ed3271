//! The recorder of one slot: two rings.

use super::record::{Answer, End, EventRecord, OrderRecord, What};
use super::ring::Ring;
use crate::completion::{Completion, Times};
use crate::error::Outcome;
use crate::tag::Tag;

/// The last orders and the last events of a slot.
pub struct SlotRecorder {
    orders: Ring<OrderRecord>,
    events: Ring<EventRecord>,
}

/// How far a reader has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The number of the next order.
    pub orders: u64,
    /// The number of the next event.
    pub events: u64,
}

impl SlotRecorder {
    /// An empty recorder for `size` orders and as many events, at least one of each.
    pub fn new(size: usize) -> Self {
        Self { orders: Ring::new(size), events: Ring::new(size) }
    }

    /// An order has its slot: it is sent, at least in part. `line`: method and path.
    #[inline]
    pub fn began(&mut self, id: u64, times: Times, connection: u32, line: &[u8], tag: &Tag) {
        self.orders.push().begin(id, times, connection, line, tag);
    }

    /// The order that began last has ended.
    #[inline]
    pub fn ended(&mut self, completion: &Completion) {
        if let Some(order) = self.orders.last_mut() {
            (order.times, order.end) = (completion.times, Some(End::of(completion)));
        }
    }

    /// The first bytes of the answer to the order that began last, which did not accept it.
    pub fn answered(&mut self, answer: Answer) {
        if let Some(order) = self.orders.last_mut() {
            order.set_answer(answer);
        }
    }

    /// The number and the tag of the order that began last, if it had no whole answer on that
    /// connection.
    pub fn lost_order(&mut self, connection: u32) -> Option<(u64, Tag)> {
        let order = self.orders.last_mut()?;
        let is_lost = order.connection == connection
            && order.end.is_none_or(|end| end.outcome != Outcome::Ok);
        is_lost.then(|| (order.id, order.tag()))
    }

    /// Something has happened to the connections.
    pub fn happened(&mut self, time_ns: u64, connection: u32, what: What) {
        *self.events.push() = EventRecord { time_ns, connection, what };
    }

    /// Where a reader ends that begins now.
    pub fn end(&self) -> Position {
        Position { orders: self.orders.end(), events: self.events.end() }
    }

    /// Appends copies of what follows `from`, at most `most` of each kind, and answers how far that
    /// is.
    pub fn copy(
        &self,
        from: Position,
        most: usize,
        orders: &mut Vec<OrderRecord>,
        events: &mut Vec<EventRecord>,
    ) -> Position {
        Position {
            orders: self.orders.copy(from.orders, most, orders),
            events: self.events.copy(from.events, most, events),
        }
    }
}
