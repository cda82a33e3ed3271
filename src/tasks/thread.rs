//! A pool on its thread, its own or one that it shares: the start and the end of its tasks.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::slot_task::Report;
use super::{busy, deadlines, edges, linger, maintenance, pauses, rest, slot_task};
use crate::clock::NEVER;
use crate::config::Config;
use crate::driver::Pool;
use crate::net::cancellation::PutOff;
use crate::net::connect::DialError;
use crate::net::dial_thread::DialThread;
use crate::pool::ending::LastLooks;
use crate::threads::guests::Guest;
use crate::threads::shared_thread::SharedThread;
use crate::threads::turns::Turn;
use crate::threads::{guests, own_thread};

/// Runs the pool on a thread of its own. Each slot's first dial is reported once. Gives what waits
/// for its end.
pub(super) fn spawn(
    pool: Arc<Pool>,
    config: &Config,
    report: Report,
) -> Result<Box<dyn FnOnce() + Send>, DialError> {
    let ringer = Arc::clone(&pool);
    // All that is ready is done: tell the engine once of all completions of this turn.
    let runtime = own_thread::runtime(move || ringer.tell_of_completions())?;
    own_thread::try_cpu(config)?;
    let dial_thread = DialThread::hold().map_err(DialError::of_system("dial thread"))?;
    let dial_thread = Arc::new(dial_thread);
    own_thread::spawn(config, move || {
        pool.lifetime.set_thread_id();
        let end = EndOfPool(&pool);
        runtime.block_on(run(&pool, &dial_thread, report));
        // Cancels the dials, whose tasks hold the dial thread, too.
        drop(runtime);
        drop(end);
        drop(dial_thread);
    })
}

/// Runs the pool on a thread that it shares, as [`spawn`] does.
pub(super) fn run_on(
    shared: &Arc<SharedThread>,
    pool: Arc<Pool>,
    report: Report,
) -> Result<Box<dyn FnOnce() + Send>, DialError> {
    let dial_thread = DialThread::hold().map_err(DialError::of_system("dial thread"))?;
    let dial_thread = Arc::new(dial_thread);
    Ok(shared.run_task(async move {
        pool.lifetime.set_thread_id();
        let guest: Arc<dyn Guest> = Arc::<Pool>::clone(&pool);
        guests::enter(Arc::clone(&guest));
        let leaves = Leaves { pool: &pool, guest };
        run(&pool, &dial_thread, report).await;
        drop(leaves);
        // Before the end is told: whoever closes the pool then has the last of it.
        drop(pool);
        // Letting go of it may wait, which is for the thread that closes the pool.
        dial_thread
    }))
}

/// A pool leaves the thread that it shares, however its task ends.
struct Leaves<'a> {
    pool: &'a Pool,
    guest: Arc<dyn Guest>,
}

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        drop(EndOfPool(self.pool));
        guests::leave(&self.guest);
    }
}

impl Guest for Pool {
    fn begin_round(&self) {
        self.lifetime.turns.as_ref().inspect(|turns| turns.begin_round());
    }

    fn tell_if_any(&self) {
        self.delivery.completions.ring_if_announced();
    }
}

impl Pool {
    /// Waits for a turn, on a thread that the pool shares. On its own it never waits.
    pub(super) async fn next_turn(&self) -> Option<Turn<'_>> {
        match &self.lifetime.turns {
            None => None,
            Some(turns) => Some(turns.next().await),
        }
    }
}

/// What must happen when the thread ends, however it ends: who waits for completions is told.
pub(super) struct EndOfPool<'a>(pub(super) &'a Pool);

impl Drop for EndOfPool<'_> {
    fn drop(&mut self) {
        self.0.dispatcher().close();
        self.0.dispatch(self.0.dispatcher());
        if self.0.delivery.caller.is_none() {
            self.0.deliver_handed_over();
        }
        for slot in self.0.slots.iter() {
            // Nothing, unless this is the end by a defect.
            if let Some(ended) = slot.abandon() {
                self.0.deliver(ended);
            }
            slot.clear();
        }
        self.0.dialling.dials.leave_host();
        self.0.slots.free_list.close();
        self.0.delivery.completions.end();
    }
}

async fn run(pool: &Arc<Pool>, dial_thread: &Arc<DialThread>, report: Report) {
    // A callback or an event function may cancel the thread that it runs on.
    PutOff::begin().for_ever();
    let mut ending = pool.lifetime.ending.subscribe();
    let mut slots = JoinSet::new();
    for index in 0..pool.slots.len() {
        let (pool, dial_thread) = (Arc::clone(pool), Arc::clone(dial_thread));
        slots.spawn(slot_task::run(pool, dial_thread, index, report.clone()));
    }
    drop(report);
    let timekeeper = tokio::spawn(deadlines::keep_time(Arc::clone(pool)));
    let watcher = tokio::spawn(slot_task::watch_losses(Arc::clone(pool)));
    let looker = tokio::spawn(busy::look_all_the_time(Arc::clone(pool)));
    let edges = tokio::spawn(edges::watch_edges(Arc::clone(pool)));
    let resolving = edges::resolve_again(Arc::clone(pool), Arc::clone(dial_thread));
    let resolver = tokio::spawn(resolving);
    let maintainer = tokio::spawn(maintenance::maintain(Arc::clone(pool)));
    let pauses = tokio::spawn(pauses::watch_pauses(Arc::clone(pool)));
    let late = tokio::spawn(linger::await_late_answers(Arc::clone(pool)));
    let rest = tokio::spawn(rest::give_memory_back(Arc::clone(pool)));
    // The sender lives in the pool, which we hold: this ends by a shutdown only.
    let _ = ending.wait_for(|ending| *ending).await;
    pool.dispatch(pool.dispatcher());
    while slots.join_next().await.is_some() {}
    let mut looks = LastLooks::default();
    let on_their_way = || pool.dispatcher().on_their_way();
    while let Some(ns) = looks.again_in_ns(on_their_way()) {
        tokio::time::sleep(Duration::from_nanos(ns)).await;
    }
    for task in [timekeeper, watcher, maintainer, pauses, late, rest, looker, edges, resolver] {
        task.abort();
        // When this has returned, no task of the pool is left, also on a thread that goes on.
        let _ = task.await;
    }
    debug_assert_ne!(pool.lifetime.grace_ns(), NEVER);
}

#[cfg(test)]
mod tests;
