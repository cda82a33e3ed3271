//! Memory that only large requests and answers need is given back when none has come for a while.
//!
//! It knows when; slots, connections and responses know which memory. Orders of other slots do not
//! wait for it: it goes on slot by slot.

use std::sync::Arc;
use std::time::Duration;

use crate::driver::Pool;

/// The pause without anything large after which memory is given back. An engine that asks for large
/// answers more often has no page faults for them.
const PAUSE: Duration = Duration::from_millis(400);

/// All of it is back within a second: a pause may just have begun when something large comes.
const _: () = assert!(2 * PAUSE.as_millis() < 1000);

/// The task that gives memory back, until it is dropped. It sleeps while nothing large comes.
pub(super) async fn give_memory_back(pool: Arc<Pool>) {
    let free_list = &pool.slots.free_list;
    loop {
        free_list.large_noted().await;
        while free_list.take_large() {
            tokio::time::sleep(PAUSE).await;
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
