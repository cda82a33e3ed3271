//! The durations of one slot, as they are recorded, and those that are kept of a slot or of an
//! address: in memory that is taken once, and touched only where something is counted.
//!
//! What a slot records belongs to two: to the slot, and to the address that its connection goes to.
//! It is recorded once, in the slot's *present part*. That part is added to what is kept of both
//! when the address becomes another, or when one of them begins anew. So an order has one record.
//!
//! An order that ends writes the buckets of its durations into a short list: eight bytes, in one
//! cache line. They are counted when the list is full, or when somebody asks. Counted at once, they
//! would cost an order a line for each kind.
//!
//! The buckets are those of HdrHistogram with these bounds. They are counted here, because that
//! takes a fifth of the instructions; all else is left to the crate.

use std::io;
use std::ops::Range;

use memmap2::{Advice, MmapMut};

use super::{HIGHEST_NS, Kind, LOWEST_NS};
use crate::completion::Times;

/// How many orders are kept until they are counted.
const RECENT: usize = 32;

/// The bucket of what has not happened.
const NEVER: u16 = u16::MAX;

/// The buckets of the durations of one order.
#[derive(Clone, Copy)]
struct Order([u16; 4]);

/// The last orders. Aligned, so that none is in two cache lines.
#[repr(align(64))]
struct Recent([Order; RECENT]);

/// The kinds of an order's durations.
const OF_ORDER: [Kind; 4] = [Kind::QueueWait, Kind::Write, Kind::FirstByte, Kind::Total];

/// Values below this many units have a bucket each: two significant digits.
const FINE: u64 = 256;

/// So many buckets for each further power of two.
const HALF: usize = FINE as usize / 2;

/// All buckets of one histogram.
const BUCKETS: usize = bucket(HIGHEST_NS) as usize + 1;

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
    present: Counts,
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
/// It has pages of its own. Most buckets stay empty, and the system gives memory for a page when
/// something is counted there for the first time. The heap promises no such thing.
struct Counts(MmapMut);

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
        let pages = MmapMut::map_anon(Kind::ALL.len() * BUCKETS * size_of::<u32>())?;
        // A huge page would be memory for all buckets. Where there are none, this is refused.
        let _ = pages.advise(Advice::NoHugePage);
        Ok(Self(pages))
    }

    fn place(kind: Kind) -> Range<usize> {
        let begin = kind as usize * BUCKETS;
        begin..begin + BUCKETS
    }

    fn all(&mut self) -> &mut [u32] {
        bytemuck::cast_slice_mut(&mut self.0)
    }

    fn of(&mut self, kind: Kind) -> &mut [u32] {
        &mut self.all()[Self::place(kind)]
    }

    /// Only what is not 0 is written, so that no further page is touched.
    fn clear(&mut self, kind: Kind) {
        let counted = self.of(kind).iter_mut().filter(|count| **count != 0);
        counted.for_each(|count| *count = 0);
    }
}

/// Adds what is not 0, so that no further page is touched.
fn add(to: &mut [u32], from: &[u32]) {
    for (to, from) in to.iter_mut().zip(from).filter(|(_, from)| **from != 0) {
        *to = to.saturating_add(*from);
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
        count(self.counts.of(kind), bucket(ns));
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

fn count(counts: &mut [u32], bucket: u16) {
    let count = &mut counts[usize::from(bucket)];
    *count = count.saturating_add(1);
}

impl Records {
    /// Nothing was recorded yet. All address space is taken here.
    ///
    /// # Errors
    /// The system has none.
    pub fn new(since_wall_ns: u64) -> io::Result<Self> {
        Ok(Self {
            filled: 0,
            recent: Box::new(Recent([Order([NEVER; 4]); RECENT])),
            parts: Box::new(Parts { present: Counts::new()?, kept: Kept::new(since_wall_ns)? }),
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
        let counts = self.parts.present.all();
        for order in &self.recent.0[..self.filled] {
            for (kind, bucket) in OF_ORDER.into_iter().zip(order.0) {
                if bucket != NEVER {
                    let count = &mut counts[kind as usize * BUCKETS + usize::from(bucket)];
                    *count = count.saturating_add(1);
                }
            }
        }
        self.filled = 0;
    }

    /// Something took that long that happens seldom.
    pub fn record(&mut self, kind: Kind, ns: u64) {
        count(self.parts.present.of(kind), bucket(ns));
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
        add(&mut copy.counts[..], self.parts.present.of(kind));
    }

    /// The slot begins anew, at that time. `address` keeps its present part, if there is one.
    pub fn reset(&mut self, kind: Kind, now_wall_ns: u64, address: Option<&mut Kept>) {
        self.count();
        let Parts { present, kept } = &mut *self.parts;
        if let Some(address) = address {
            add(address.counts.of(kind), present.of(kind));
        }
        present.clear(kind);
        kept.reset(kind, now_wall_ns);
    }

    /// Adds the present part to what is kept of the slot and of `address`. Nothing is in it then.
    pub fn settle(&mut self, kind: Kind, address: &mut Kept) {
        self.count();
        let Parts { present, kept } = &mut *self.parts;
        add(kept.counts.of(kind), present.of(kind));
        add(address.counts.of(kind), present.of(kind));
        present.clear(kind);
    }
}

/// The bucket of a duration.
const fn bucket(ns: u64) -> u16 {
    let ns = if ns < HIGHEST_NS { ns } else { HIGHEST_NS };
    let units = ns / LOWEST_NS;
    // How many times it is halved to be below FINE.
    let halvings = (FINE - 1).leading_zeros() - (units | (FINE - 1)).leading_zeros();
    (halvings as usize * HALF + (units >> halvings) as usize) as u16
}

/// The shortest duration of a bucket.
fn lowest_ns(bucket: usize) -> u64 {
    let halvings = (bucket / HALF).saturating_sub(1);
    (((bucket - halvings * HALF) as u64) << halvings) * LOWEST_NS
}
