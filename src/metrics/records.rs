//! The durations of one slot, as they are recorded, and those that are kept of a slot or of an
//! address: in address space that is taken once, and memory where something is counted.
//!
//! What a slot records belongs to two: to the slot, and to the address that its connection goes to.
//! It is recorded once, in the slot's *present part*. That part is added to what is kept of both
//! when the address becomes another, or when one of them begins anew. So an order has one record.
//!
//! An order that ends writes the buckets of its durations into a short list: eight bytes, in one
//! cache line. They are counted when the list is full, or when somebody asks. Counted at once, they
//! would cost an order a line for each kind.

use std::io;
use std::ops::Range;

use super::Kind;
use super::buckets::{BUCKETS, bucket, lowest_ns};
use super::present::{OF_ORDER, Present};
use crate::completion::Times;
use crate::net::pages::Pages;

/// How many orders are kept until they are counted.
const RECENT: usize = 32;

/// The bucket of what has not happened: there is none of that number.
const NEVER: u16 = u16::MAX;

const _: () = assert!(BUCKETS <= NEVER as usize);

/// The buckets of the durations of one order.
#[derive(Clone, Copy)]
struct Order([u16; OF_ORDER.len()]);

/// The last orders. Aligned, so that none is in two cache lines.
#[repr(align(64))]
struct Recent([Order; RECENT]);

/// A copy of one histogram, and since when it counts.
pub struct Record {
    /// By bucket.
    counts: Box<[u32; BUCKETS]>,
    /// By the system's clock.
    pub(super) since_wall_ns: u64,
}

/// The durations of one slot.
pub struct Records {
    filled: usize,
    recent: Box<Recent>,
    /// Boxed, as an order does not need it, and its neighbours it does.
    parts: Box<Parts>,
}

/// What was counted in a slot is in both parts together.
struct Parts {
    /// Of the address that the slot's connection goes to. It is not in what is kept of the address.
    present: Present,
    kept: Kept,
}

/// The durations of a slot, or of an address, that are in no present part.
pub struct Kept {
    counts: Counts,
    /// Since when each kind is counted, by the system's clock.
    since_wall_ns: [u64; Kind::ALL.len()],
}

/// The histograms, one for each kind: a count for each bucket, which stops at the most that it can
/// hold. That takes years.
///
/// Most buckets stay empty, and their pages take no memory.
struct Counts(Pages);

impl Order {
    #[inline]
    fn new(times: &Times) -> Self {
        let between = |from: u64, to: u64| match (from, to) {
            (0, _) | (_, 0) => NEVER,
            _ => bucket(to.saturating_sub(from)),
        };
        Self([
            bucket(times.queue_wait_ns()),
            between(times.write_begin_ns, times.write_ns),
            between(times.write_ns, times.first_byte_ns),
            between(times.submit_ns, times.done_ns),
        ])
    }
}

impl Record {
    /// Nothing was recorded yet.
    pub fn new(since_wall_ns: u64) -> Self {
        Self { counts: Box::new([0; BUCKETS]), since_wall_ns }
    }

    /// The buckets that are not empty: a value of each, and how many it has.
    pub(super) fn counted(&self) -> impl Iterator<Item = (u64, u32)> {
        let buckets = self.counts.iter().enumerate();
        buckets.filter(|(_, count)| **count > 0).map(|(index, count)| (lowest_ns(index), *count))
    }
}

impl Counts {
    fn new() -> io::Result<Self> {
        Ok(Self(Pages::new(Kind::ALL.len() * BUCKETS * size_of::<u32>())?))
    }

    fn place(kind: Kind) -> Range<usize> {
        let begin = kind as usize * BUCKETS;
        begin..begin + BUCKETS
    }

    fn of(&mut self, kind: Kind) -> &mut [u32] {
        &mut bytemuck::cast_slice_mut(&mut self.0)[Self::place(kind)]
    }

    /// Only what is not 0 is written, so that no further page is touched.
    fn clear(&mut self, kind: Kind) {
        let counted = self.of(kind).iter_mut().filter(|count| **count != 0);
        counted.for_each(|count| *count = 0);
    }
}

impl Kept {
    /// Nothing was kept yet. All address space is taken here.
    ///
    /// # Errors
    /// The system has none.
    pub fn new(since_wall_ns: u64) -> io::Result<Self> {
        let since_wall_ns = [since_wall_ns; Kind::ALL.len()];
        Ok(Self { counts: Counts::new()?, since_wall_ns })
    }

    /// Something took that long that happens seldom.
    pub fn record(&mut self, kind: Kind, ns: u64) {
        let count = &mut self.counts.of(kind)[usize::from(bucket(ns))];
        *count = count.saturating_add(1);
    }

    /// Copies what is kept over `copy`, and allocates nothing.
    pub fn copy(&mut self, kind: Kind, copy: &mut Record) {
        copy.counts.copy_from_slice(self.counts.of(kind));
        copy.since_wall_ns = self.since_wall_ns[kind as usize];
    }

    /// Begins anew, at that time.
    pub fn reset(&mut self, kind: Kind, now_wall_ns: u64) {
        self.counts.clear(kind);
        self.since_wall_ns[kind as usize] = now_wall_ns;
    }
}

impl Records {
    /// Nothing was recorded yet. All address space is taken here.
    ///
    /// # Errors
    /// The system has none.
    pub fn new(since_wall_ns: u64) -> io::Result<Self> {
        Ok(Self {
            filled: 0,
            recent: Box::new(Recent([Order([NEVER; OF_ORDER.len()]); RECENT])),
            parts: Box::new(Parts { present: Present::new()?, kept: Kept::new(since_wall_ns)? }),
        })
    }

    /// An order has ended.
    #[inline(always)] // Its times are then read where they are.
    pub fn order(&mut self, times: &Times) {
        if self.is_full() {
            self.count();
        }
        self.recent.0[self.filled] = Order::new(times);
        self.filled += 1;
    }

    /// Whether it is time to [`count`](Self::count).
    pub fn is_full(&self) -> bool {
        self.filled >= RECENT
    }

    /// Counts the orders that have ended.
    #[inline(never)]
    pub fn count(&mut self) {
        let orders = self.recent.0.iter().take(self.filled);
        self.parts.present.count_orders(orders.map(|order| &order.0));
        self.filled = 0;
    }

    /// Takes memory for all that an order writes, so that none is a page fault.
    pub fn touch(&mut self) {
        self.parts.present.touch();
    }

    /// Something took that long that happens seldom.
    pub fn record(&mut self, kind: Kind, ns: u64) {
        self.parts.present.count(kind, bucket(ns));
    }

    /// The same, for a dial to an `address` that is not the one of the present part.
    pub fn record_elsewhere(&mut self, kind: Kind, ns: u64, address: &mut Kept) {
        self.parts.kept.record(kind, ns);
        address.record(kind, ns);
    }

    /// Copies what the slot has recorded over `copy`, and allocates nothing.
    pub fn copy(&mut self, kind: Kind, copy: &mut Record) {
        self.count();
        self.parts.kept.copy(kind, copy);
        self.parts.present.add_to(kind, &mut copy.counts[..]);
    }

    /// The slot begins anew, at that time. `address` keeps its present part, if there is one.
    pub fn reset(&mut self, kind: Kind, now_wall_ns: u64, address: Option<&mut Kept>) {
        self.count();
        let Parts { present, kept } = &mut *self.parts;
        if let Some(address) = address {
            present.add_to(kind, address.counts.of(kind));
        }
        present.clear(kind);
        kept.reset(kind, now_wall_ns);
    }

    /// Adds the present part to what is kept of the slot and of `address`. Nothing is in it then.
    pub fn settle(&mut self, kind: Kind, address: &mut Kept) {
        self.count();
        let Parts { present, kept } = &mut *self.parts;
        present.add_to(kind, kept.counts.of(kind));
        present.add_to(kind, address.counts.of(kind));
        present.clear(kind);
    }
}
