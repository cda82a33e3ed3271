//! What the flight recorders of a pool tell: put together from copies.
//!
//! A slot is locked for one short copy at a time, and only one slot. Requests that end without a
//! slot are recorded under a lock of their own, which no exchange takes.

use std::sync::PoisonError;

use super::Pool;
use crate::clock::by_wall_clock;
use crate::completion::Completion;
use crate::error::Status;
use crate::recorder::record::{End, OrderRecord};
use crate::recorder::recording::{Recording, SlotRecording, Wanted};
use crate::recorder::ring::Ring;
use crate::recorder::slot_recorder::{Position, SlotRecorder};
use crate::slot::Slot;
use crate::sync::Mutex;
use crate::tag::Tag;

/// Under one lock so many orders and events are copied: 16 KiB.
const PIECE: usize = 32;

/// What is recorded besides the slots.
pub(super) struct Recorded {
    /// How many orders and events are kept of each slot; 0 if none are.
    size: usize,
    /// Requests that ended without a slot. Boxed, as it is rarely used and its neighbours are not.
    slotless: Option<Box<Mutex<Ring<OrderRecord>>>>,
}

impl Recorded {
    /// Nothing was recorded yet. `size`: how many orders and events are kept of each slot.
    pub(super) fn new(size: usize) -> Self {
        let slotless = || Box::new(Mutex::new(Ring::new(size)));
        Self { size, slotless: (size > 0).then(slotless) }
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
        let slotless = self.recorded.slotless.as_ref().ok_or(Status::ERR_NOT_FOUND)?;
        let mut copies: Vec<_> = slots.iter().map(|slot| self.copy_of(slot)).collect();
        if slot.is_none() {
            let mut copy = self.room(None);
            let slotless = slotless.lock().unwrap_or_else(PoisonError::into_inner);
            slotless.copy(0, self.recorded.size, &mut copy.orders);
            drop(slotless);
            copies.push(copy);
        }
        let ways = &self.dialling.ways;
        Ok(Recording {
            pool: self.name.to_string(),
            host: format!("{}:{}", ways.dialer.host, ways.port),
            ahead_ns: by_wall_clock(1) - 1,
            slots: copies,
        })
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
        let status = late.response.as_ref().map_or(0, |it| it.response.status());
        if let Some(slot) = late.slot.and_then(|slot| self.slots.get(usize::from(slot))) {
            slot.answered_late(late.connection, late.id, status);
        }
    }

    fn copy_of(&self, slot: &Slot) -> SlotRecording {
        // Taken before a lock is.
        let mut copy = self.room(Some(slot.index));
        let end = slot.with_recorder(SlotRecorder::end).unwrap_or_default();
        let mut at = Position::default();
        while at.orders < end.orders || at.events < end.events {
            let (orders, events) = (&mut copy.orders, &mut copy.events);
            let next = slot.with_recorder(|it| it.copy(at, PIECE, orders, events));
            at = next.unwrap_or(end);
        }
        copy
    }

    /// Room for all that a slot keeps, and for what is written while it is copied.
    fn room(&self, slot: Option<u32>) -> SlotRecording {
        let size = self.recorded.size + PIECE;
        SlotRecording { slot, orders: Vec::with_capacity(size), events: Vec::with_capacity(size) }
    }
}
