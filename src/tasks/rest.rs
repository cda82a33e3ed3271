//! Memory that only large requests and answers need is given back when none has come for a while.
//!
//! When that is, is decided in [`quiet`]. Slots, connections and responses know which memory.
//! Orders of other slots do not wait for it: it goes on slot by slot.

use std::sync::Arc;
use std::time::Duration;

use crate::driver::Pool;
use crate::pool::quiet;

/// The task that gives memory back, until it is dropped. It sleeps while nothing large comes.
pub(super) async fn give_memory_back(pool: Arc<Pool>) {
    let free_list = &pool.slots.free_list;
    loop {
        free_list.large_noted().await;
        while let Some(ns) = quiet::wait_ns(free_list.take_large()) {
            tokio::time::sleep(Duration::from_nanos(ns)).await;
        }
        for slot in pool.slots.iter() {
            if !slot.rest() {
                free_list.note_large();
            }
            pool.let_others_go_first().await;
        }
        for place in 0.. {
            if !free_list.rest(place) {
                break;
            }
            pool.let_others_go_first().await;
        }
    }
}
