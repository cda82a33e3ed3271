//! What the flight recorders of a pool tell: put together from copies.
//!
//! A slot is locked for one short copy at a time, and only one slot. Requests that end without a
//! slot are recorded under a lock of their own, which no exchange takes.

use std::sync::PoisonError;

use super::Pool;
use crate::clock::by_wall_clock;
use crate::completion::Completion;
use crate::error::Status;
use crate::recorder::record::{End, EventRecord, OrderRecord, What};
use crate::recorder::recording::{Order, Recording, SlotRecording, Wanted};
use crate::recorder::redact;
use crate::recorder::ring::Ring;
use crate::recorder::slot_recorder::{Piece, Position, Size, SlotRecorder};
use crate::slot::Slot;
use crate::sync::Mutex;
use crate::tag::Tag;

/// Under one lock at most so many bytes are copied: an order may wait for that.
const PIECE_BYTES: usize = 20 * 1024;

/// What is recorded besides the slots.
pub(super) struct Recorded {
    /// How much is kept of each slot.
    size: Size,
    /// Requests that ended without a slot. Boxed, as it is rarely used and its neighbours are not.
    slotless: Option<Box<Mutex<Ring<OrderRecord>>>>,
}

impl Recorded {
    /// Nothing was recorded yet. `size`: how much is kept of each slot.
    pub(super) fn new(size: Size) -> Self {
        let slotless = || Box::new(Mutex::new(Ring::new(size.records)));
        Self { size, slotless: (size.records > 0).then(slotless) }
    }

    /// Room for what is copied under one lock.
    fn piece(&self) -> Piece {
        let heads = 2 * usize::from(self.size.head_bytes);
        let each = size_of::<OrderRecord>() + size_of::<EventRecord>() + heads;
        Piece::new((PIECE_BYTES / each).max(1), self.size.head_bytes)
    }

    /// A request has ended without a slot.
    #[cold]
    pub(super) fn ended_without_slot(&self, completion: &Completion, line: &[u8], tag: &Tag) {
        if let Some(slotless) = &self.slotless {
            let mut slotless = slotless.lock().unwrap_or_else(PoisonError::into_inner);
            let order = slotless.push();
            order.begin(completion.id, completion.times, 0, line, tag);
            order.end = Some(End::of(completion));
        }
    }
}

impl Pool {
    /// What was recorded lately in a slot, or in all and of requests that had none. Any thread.
    ///
    /// `ERR_ARGUMENT`: there is no such slot. `ERR_NOT_FOUND`: the pool has no recorder.
    pub fn recording(&self, slot: Option<u32>) -> Result<Recording, Status> {
        let slots = match slot {
            None => &self.slots[..],
            Some(index) => {
                let index = index as usize;
                self.slots.get(index..=index).ok_or(Status::ERR_ARGUMENT)?
            }
        };
        let slotless = self.reporting.recorded.slotless.as_ref().ok_or(Status::ERR_NOT_FOUND)?;
        let mut copies: Vec<_> = slots.iter().map(|slot| self.copy_of(slot)).collect();
        if slot.is_none() {
            let mut orders = Vec::with_capacity(self.reporting.recorded.size.records);
            let slotless = slotless.lock().unwrap_or_else(PoisonError::into_inner);
            slotless.copy(slotless.last(self.reporting.recorded.size.records), &mut orders);
            drop(slotless);
            let orders = orders.into_iter().map(Order::from).collect();
            copies.push(SlotRecording { orders, ..SlotRecording::default() });
        }
        Ok(self.recording_with(copies))
    }

    fn recording_with(&self, slots: Vec<SlotRecording>) -> Recording {
        let ways = &self.dialling.ways;
        Recording {
            pool: self.name.to_string(),
            host: format!("{}:{}", ways.dialer.host, ways.port),
            ahead_ns: by_wall_clock(1) - 1,
            slots,
        }
    }

    /// What is told with the loss of a connection of that slot: the order that was lost with it,
    /// and what has happened to the connection lately. `None` if no order was, or nothing is
    /// recorded.
    pub(super) fn recording_of_loss(&self, slot: u32, connection: u32) -> Option<Recording> {
        self.reporting.recorded.slotless.as_ref()?;
        let slot = self.slots.get(slot as usize)?;
        let mut piece = self.reporting.recorded.piece();
        let was_lost = slot.with_recorder(|it| it.copy_loss(connection, &mut piece))?;
        let mut copy = SlotRecording { slot: Some(slot.index), ..SlotRecording::default() };
        copy.take(&mut piece);
        was_lost.then(|| self.recording_with(vec![copy]))
    }

    /// What was recorded of an order, and of the connections that it was sent on. Any thread.
    ///
    /// `ERR_NOT_FOUND`: the pool has no recorder, or the order is not there any more.
    pub fn recording_of(&self, wanted: Wanted) -> Result<Recording, Status> {
        let mut recording = self.recording(None)?;
        if recording.select(wanted) { Ok(recording) } else { Err(Status::ERR_NOT_FOUND) }
    }

    /// An answer has come after the completion of its request.
    pub(super) fn record_late(&self, late: &Completion) {
        if self.reporting.recorded.slotless.is_none() {
            return;
        }
        let response = late.response.as_ref().map(|it| &it.response);
        let (head, status) = response.map_or((&[][..], 0), |it| (it.received().0, it.status()));
        if let Some(slot) = late.slot.and_then(|slot| self.slots.get(usize::from(slot))) {
            let what = What::LateAnswer { id: late.id, status, head: redact::answer(head, &[]) };
            slot.happened_to(late.connection, what);
        }
    }

    fn copy_of(&self, slot: &Slot) -> SlotRecording {
        let mut copy = SlotRecording { slot: Some(slot.index), ..SlotRecording::default() };
        let mut piece = self.reporting.recorded.piece();
        let end = slot.with_recorder(SlotRecorder::end).unwrap_or_default();
        let mut at = Position::default();
        while at.orders < end.orders || at.events < end.events {
            at = slot.with_recorder(|it| it.copy(at, &mut piece)).unwrap_or(end);
            copy.take(&mut piece);
        }
        copy
    }
}
