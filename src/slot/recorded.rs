//! What the flight recorders of a pool's slots tell: put together from copies.
//!
//! A slot is locked for one short copy at a time, and only one slot. Requests that end without a
//! slot are recorded under a lock of their own, which no exchange takes. It knows slots, and of
//! their pool the name.

use std::sync::PoisonError;

use crate::clock::by_wall_clock;
use crate::completion::Completion;
use crate::recorder::record::{End, EventRecord, OrderRecord, What};
use crate::recorder::recording::{Order, Recording, SlotRecording};
use crate::recorder::redact;
use crate::recorder::ring::Ring;
use crate::recorder::slot_recorder::{Piece, Position, Size, SlotRecorder};
use crate::slot::Slot;
use crate::sync::Mutex;
use crate::tag::Tag;

/// Under one lock at most so many bytes are copied: an order may wait for that.
const PIECE_BYTES: usize = 20 * 1024;

/// What is recorded besides the slots.
pub(crate) struct Recorded {
    /// The name of the pool, and host and port of its venue.
    about: (Box<str>, Box<str>),
    /// How much is kept of each slot.
    size: Size,
    /// Requests that ended without a slot. Boxed, as it is rarely used and its neighbours are not.
    slotless: Option<Box<Mutex<Ring<OrderRecord>>>>,
}

impl Recorded {
    /// Nothing was recorded yet. `size`: how much is kept of each slot. `name` and `host` are those
    /// of the pool.
    pub(crate) fn new(size: Size, name: &str, host: &str) -> Self {
        let slotless = || Box::new(Mutex::new(Ring::new(size.records)));
        let slotless = (size.records > 0).then(slotless);
        Self { about: (name.into(), host.into()), size, slotless }
    }

    /// Room for what is copied under one lock.
    fn piece(&self) -> Piece {
        let heads = 2 * usize::from(self.size.head_bytes);
        let each = size_of::<OrderRecord>() + size_of::<EventRecord>() + heads;
        Piece::new((PIECE_BYTES / each).max(1), self.size.head_bytes)
    }

    /// A request has ended without a slot.
    #[cold]
    pub(crate) fn ended_without_slot(&self, completion: &Completion, line: &[u8], tag: &Tag) {
        if let Some(slotless) = &self.slotless {
            let mut slotless = slotless.lock().unwrap_or_else(PoisonError::into_inner);
            let order = slotless.push();
            order.begin(completion.id, completion.times, 0, line, tag);
            order.end = Some(End::of(completion));
        }
    }

    /// What was recorded lately in these slots. `all`: they are all that there are, so requests
    /// that had none belong to it. `None`: nothing is recorded.
    pub(crate) fn of_slots(&self, slots: &[Slot], all: bool) -> Option<Recording> {
        let slotless = self.slotless.as_ref()?;
        let mut copies: Vec<_> = slots.iter().map(|slot| self.copy_of(slot)).collect();
        if all {
            let mut orders = Vec::with_capacity(self.size.records);
            let slotless = slotless.lock().unwrap_or_else(PoisonError::into_inner);
            slotless.copy(slotless.last(self.size.records), &mut orders);
            drop(slotless);
            let orders = orders.into_iter().map(Order::from).collect();
            copies.push(SlotRecording { orders, ..SlotRecording::default() });
        }
        Some(self.recording_with(copies))
    }

    /// What is told with the loss of a connection of that slot: the order that was lost with it,
    /// and what has happened to the connection lately. `None` if no order was, or nothing is
    /// recorded.
    pub(crate) fn of_loss(&self, slot: &Slot, connection: u32) -> Option<Recording> {
        self.slotless.as_ref()?;
        let mut piece = self.piece();
        let was_lost = slot.with_recorder(|it| it.copy_loss(connection, &mut piece))?;
        let mut copy = SlotRecording { slot: Some(slot.index), ..SlotRecording::default() };
        copy.take(&mut piece);
        was_lost.then(|| self.recording_with(vec![copy]))
    }

    /// An answer has come after the completion of its request.
    pub(crate) fn late(&self, slots: &[Slot], late: &Completion) {
        if self.slotless.is_none() {
            return;
        }
        let response = late.response.as_ref().map(|it| &it.response);
        let (head, status) = response.map_or((&[][..], 0), |it| (it.received().0, it.status()));
        if let Some(slot) = late.slot.and_then(|slot| slots.get(usize::from(slot))) {
            let what = What::LateAnswer { id: late.id, status, head: redact::answer(head, &[]) };
            slot.happened_to(late.connection, what);
        }
    }

    fn recording_with(&self, slots: Vec<SlotRecording>) -> Recording {
        let (pool, host) = (self.about.0.to_string(), self.about.1.to_string());
        Recording { pool, host, ahead_ns: by_wall_clock(1) - 1, slots }
    }

    fn copy_of(&self, slot: &Slot) -> SlotRecording {
        let mut copy = SlotRecording { slot: Some(slot.index), ..SlotRecording::default() };
        let mut piece = self.piece();
        let end = slot.with_recorder(SlotRecorder::end).unwrap_or_default();
        let mut at = Position::default();
        while at.orders < end.orders || at.events < end.events {
            at = slot.with_recorder(|it| it.copy(at, &mut piece)).unwrap_or(end);
            copy.take(&mut piece);
        }
        copy
    }
}
