//! Copies of what slots have recorded: all of it, or what belongs to one order.

use super::record::{EventRecord, OrderRecord};
use super::redact;
use super::slot_recorder::Piece;
use crate::tag::Tag;

/// What is known of a pool at one moment.
pub struct Recording {
    /// The name of the pool.
    pub pool: String,
    /// The host and the port.
    pub host: String,
    /// How far the system's clock is ahead of CLOCK_MONOTONIC, in nanoseconds.
    pub ahead_ns: u64,
    /// Each slot.
    pub slots: Vec<SlotRecording>,
}

/// What is known of a slot.
#[derive(Default)]
pub struct SlotRecording {
    /// Its number; `None` for the requests that never had a slot.
    pub slot: Option<u32>,
    /// Its last orders, the oldest first.
    pub orders: Vec<Order>,
    /// The last events of its connections, the oldest first.
    pub events: Vec<EventRecord>,
}

/// What is known of an order.
#[derive(Clone, Default)]
pub struct Order {
    /// What became of it.
    pub record: OrderRecord,
    /// Its head and that of its answer, without secrets; empty if they were not kept.
    pub heads: Heads,
}

/// The heads of a request and its answer, as they are told.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct Heads {
    /// Of the request.
    pub request: String,
    /// Of the answer.
    pub answer: String,
}

/// Which order is looked for.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    /// The one of that number.
    Id(u64),
    /// All that have that tag.
    Tagged(Tag),
}

/// One of the things that are told.
#[derive(Clone, Copy)]
pub enum Entry<'a> {
    /// An order.
    Order(&'a Order),
    /// An event.
    Event(&'a EventRecord),
}

impl Wanted {
    fn is(self, id: u64, tag: &Tag) -> bool {
        match self {
            Self::Id(wanted) => id == wanted,
            Self::Tagged(wanted) => !tag.is_none() && *tag == wanted,
        }
    }
}

impl Entry<'_> {
    /// When it happened: an order, when it had its slot, or ended without.
    pub fn time_ns(&self) -> u64 {
        match self {
            Self::Order(Order { record, .. }) if record.times.start_ns == 0 => record.times.done_ns,
            Self::Order(Order { record, .. }) => record.times.start_ns,
            Self::Event(event) => event.time_ns,
        }
    }
}

impl Recording {
    /// Keeps the order that is wanted, and what happened to its connections. `false`: it is not
    /// here.
    pub fn select(&mut self, wanted: Wanted) -> bool {
        let ids: Vec<u64> = self.slots.iter().flat_map(|slot| slot.ids(wanted)).collect();
        for slot in &mut self.slots {
            slot.select(&ids);
        }
        !ids.is_empty()
    }

    /// All that is kept, the oldest first, each with the number of its slot.
    pub fn entries(&self) -> Vec<(Option<u32>, Entry<'_>)> {
        let entries = self.slots.iter().flat_map(|slot| {
            let orders = slot.orders.iter().map(Entry::Order);
            orders.chain(slot.events.iter().map(Entry::Event)).map(|entry| (slot.slot, entry))
        });
        let mut entries: Vec<_> = entries.collect();
        entries.sort_by_key(|(_, entry)| entry.time_ns());
        entries
    }
}

impl From<OrderRecord> for Order {
    /// An order without heads.
    fn from(record: OrderRecord) -> Self {
        Self { record, heads: Heads::default() }
    }
}

impl SlotRecording {
    /// Appends what was copied from the slot, and leaves out the secrets of heads. With no lock
    /// held, because that takes a while.
    pub fn take(&mut self, piece: &mut Piece) {
        let begin = self.orders.len();
        self.orders.extend(piece.orders.drain(..).map(Order::from));
        let mut orders = self.orders[begin..].iter_mut();
        piece.heads.take(|[request, answer]| {
            if let Some(order) = orders.next() {
                let (request, answer) = (redact::request_head(request), redact::head(answer));
                order.heads = Heads { request, answer };
            }
        });
        self.events.append(&mut piece.events);
    }

    /// The numbers of the orders that are wanted.
    fn ids(&self, wanted: Wanted) -> impl Iterator<Item = u64> {
        let orders = self.orders.iter().map(|order| (order.record.id, order.record.tag()));
        let events = self.events.iter().filter_map(EventRecord::order);
        orders.chain(events).filter(move |(id, tag)| wanted.is(*id, tag)).map(|(id, _)| id)
    }

    fn select(&mut self, ids: &[u64]) {
        self.orders.retain(|order| ids.contains(&order.record.id));
        let is_about = |event: &EventRecord| event.order().is_some_and(|(id, _)| ids.contains(&id));
        let connections: Vec<u32> = self
            .orders
            .iter()
            .map(|order| order.record.connection)
            .chain(self.events.iter().filter(|event| is_about(event)).map(|it| it.connection))
            .collect();
        self.events.retain(|event| connections.contains(&event.connection));
    }
}
