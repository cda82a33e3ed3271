//! The recorder of one slot: two rings, and the heads of the orders.

use super::heads::{HeadCopies, Heads};
use super::record::{Answer, End, EventRecord, OrderRecord, What};
use super::ring::Ring;
use crate::completion::{Completion, Times};
use crate::error::Outcome;
use crate::tag::Tag;

/// How much is recorded of each slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// How many orders, and how many events; 0 if nothing is recorded.
    pub records: usize,
    /// How many bytes of each head; 0 if no head is kept.
    pub head_bytes: u16,
}

/// The last orders and the last events of a slot.
pub struct SlotRecorder {
    orders: Ring<OrderRecord>,
    /// Of the orders, each at the place that it has in their ring.
    heads: Option<Heads>,
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

/// Copies of some of what is kept. The room for them is taken before a lock is.
pub struct Piece {
    /// Orders.
    pub orders: Vec<OrderRecord>,
    /// Their heads; none if none are kept.
    pub heads: HeadCopies,
    /// Events.
    pub events: Vec<EventRecord>,
    most: usize,
}

impl Piece {
    /// Room for at most so many orders and events.
    pub fn new(most: usize, head_bytes: u16) -> Self {
        let (orders, events) = (Vec::with_capacity(most), Vec::with_capacity(most));
        Self { orders, heads: HeadCopies::with_room(most, head_bytes), events, most }
    }
}

impl SlotRecorder {
    /// An empty recorder of that size, for at least one order and one event.
    pub fn new(size: Size) -> Self {
        let Size { records, head_bytes } = size;
        let heads = (head_bytes > 0).then(|| Heads::new(records.max(1), head_bytes));
        Self { orders: Ring::new(records), heads, events: Ring::new(records) }
    }

    /// An order has its slot: it is sent, at least in part. `line`: method and path. `request`: all
    /// its bytes.
    #[inline]
    pub fn began(
        &mut self,
        (id, connection): (u64, u32),
        times: Times,
        line: &[u8],
        tag: &Tag,
        request: &[u8],
    ) {
        self.orders.push().begin(id, times, connection, line, tag);
        if let (Some(heads), Some(place)) = (&mut self.heads, self.orders.last_place()) {
            heads.began(place, request);
        }
    }

    /// The order that began last has ended.
    #[inline]
    pub fn ended(&mut self, completion: &Completion) {
        if let Some(order) = self.orders.last_mut() {
            (order.times, order.end) = (completion.times, Some(End::of(completion)));
        }
    }

    /// The answer to the order that began last, or a part of it: its head, if that is whole, and
    /// what came behind it.
    #[inline]
    pub fn received(&mut self, head: &[u8], behind: &[u8]) {
        let (Some(heads), Some(place)) = (&mut self.heads, self.orders.last_place()) else {
            return;
        };
        if !head.is_empty() {
            heads.answered(place, head);
        } else if behind.starts_with(b"HTTP/") {
            heads.refused(place, behind);
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

    /// Copies what follows `from`, as much as there is room for, and answers how far that is.
    pub fn copy(&self, from: Position, to: &mut Piece) -> Position {
        let orders = self.orders.kept(from.orders, to.most);
        let events = self.events.kept(from.events, to.most);
        let end = Position { orders: orders.end, events: events.end };
        orders.for_each(|number| self.copy_order(number, to));
        self.events.copy(events, &mut to.events);
        end
    }

    /// Copies what is told with the loss of that connection: the order that was lost with it, and
    /// its last events, as much as there is room for. `false`: no order was lost with it, or that
    /// is not known any more.
    pub fn copy_loss(&self, connection: u32, to: &mut Piece) -> bool {
        let events = self.events.last(to.most).map(|number| self.events.get(number));
        to.events.extend(events.filter(|event| event.connection == connection));
        let lost = to.events.iter().rev().find(|event| matches!(event.what, What::Lost(_)));
        let Some((id, _)) = lost.and_then(EventRecord::order) else { return false };
        let mut orders = self.orders.last(to.most).rev();
        // Later orders may have driven it out.
        if let Some(number) = orders.find(|number| self.orders.get(*number).id == id) {
            self.copy_order(number, to);
        }
        true
    }

    fn copy_order(&self, number: u64, to: &mut Piece) {
        to.orders.push(*self.orders.get(number));
        if let Some(heads) = &self.heads {
            heads.copy(self.orders.place(number), &mut to.heads);
        }
    }
}
