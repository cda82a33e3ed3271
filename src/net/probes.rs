//! The static probes (USDT) of the library: a `nop` each, which a tracer puts its trap on.
//!
//! Here because a probe is inline assembly: the macro of the crate has an `unsafe` block inside. A
//! note in the library names each probe, and the registers that its arguments are in
//! (`.note.stapsdt`). Arguments are what the caller has at hand anyway. `pool` is a number that
//! stands for the pool, the same in all its probes. All this is documented in `docs/probes.md`.

use probe::probe;

use crate::error::{CloseReason, Outcome, WireState};

/// A request has its id. It may still be refused; then there is no other probe of it.
#[inline(always)]
pub fn submit<P>(pool: &P, id: u64, user_data: u64) {
    probe!(venuepool, submit, std::ptr::from_ref(pool), id, user_data);
}

/// The kernel has taken the whole request, or a part of it. A heartbeat has the id 0.
#[inline(always)]
pub fn write<P>(pool: &P, id: u64, slot: u32, is_whole: bool) {
    probe!(venuepool, write, std::ptr::from_ref(pool), id, slot, is_whole);
}

/// The first bytes of the response were read. A heartbeat has the id 0.
#[inline(always)]
pub fn first_byte<P>(pool: &P, id: u64, slot: u32, bytes: usize) {
    probe!(venuepool, first_byte, std::ptr::from_ref(pool), id, slot, bytes);
}

/// The one completion of a request goes to the engine. Without a slot: 65535.
#[inline(always)]
pub fn done<P>(pool: &P, id: u64, slot: Option<u16>, outcome: Outcome, wire_state: WireState) {
    let slot = slot.unwrap_or(u16::MAX);
    probe!(venuepool, done, std::ptr::from_ref(pool), id, slot, outcome, wire_state);
}

/// A connection was given up after `lifetime_ns`. `name`: that of the pool.
#[inline(always)]
pub fn lost<P>(pool: &P, slot: u32, reason: CloseReason, lifetime_ns: u64, name: &str) {
    let pool = std::ptr::from_ref(pool);
    probe!(venuepool, lost, pool, slot, reason, lifetime_ns, name.as_ptr(), name.len());
}

/// A slot that was without a connection for `down_ns` has one again. `name`: that of the pool.
#[inline(always)]
pub fn healed<P>(pool: &P, slot: u32, down_ns: u64, name: &str) {
    let pool = std::ptr::from_ref(pool);
    probe!(venuepool, healed, pool, slot, down_ns, name.as_ptr(), name.len());
}
