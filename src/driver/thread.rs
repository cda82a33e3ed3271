//! The pool thread: its start, its way to behave in the host process, its end.

use std::sync::Arc;
use std::time::Duration;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use super::slot_task::Report;
use super::{Pool, busy, edges, linger, maintenance, rest, slot_task, suspend, timer};
use crate::config::Config;
use crate::net::cancellation::PutOff;
use crate::net::connect::DialError;
use crate::net::dial_thread::DialThread;
use crate::net::standard::spared;
use crate::net::thread;

/// How often the end looks, a millisecond apart, whether all requests on their way were sent or put
/// back.
const MAX_LOOKS: u32 = 2_000;

/// Starts the thread. Each slot's first dial is reported once. Gives what waits for its end.
pub(super) fn spawn(
    pool: Arc<Pool>,
    config: &Config,
    report: Report,
) -> Result<Box<dyn FnOnce() + Send>, DialError> {
    let runtime = spared(|| runtime(&pool)).map_err(DialError::of_system("runtime"))?;
    config.cpu().map(try_cpu).transpose()?;
    let dial_thread = DialThread::hold().map_err(DialError::of_system("dial thread"))?;
    let dial_thread = Arc::new(dial_thread);
    let body = move || {
        pool.lifetime.set_thread_id();
        let end = EndOfPool(&pool);
        runtime.block_on(run(&pool, &dial_thread, report));
        // Cancels the dials, whose tasks hold the dial thread, too.
        drop(runtime);
        drop(end);
        drop(dial_thread);
    };
    let thread = thread::spawn(config.thread_name(), config.cpu(), body)
        .map_err(DialError::of_system("thread"))?;
    // The thread catches its panics, so its result says nothing more.
    Ok(Box::new(move || drop(thread.join())))
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

fn runtime(pool: &Arc<Pool>) -> std::io::Result<Runtime> {
    let ringer = Arc::clone(pool);
    Builder::new_current_thread()
        .enable_io()
        .enable_time()
        // All that is ready is done: tell the engine once of all completions of this turn.
        .on_thread_park(move || ringer.tell_of_completions())
        .build()
}

pub(super) async fn run(pool: &Arc<Pool>, dial_thread: &Arc<DialThread>, report: Report) {
    // A callback or an event function may cancel the thread that it runs on.
    PutOff::begin().for_ever();
    let mut ending = pool.lifetime.ending.subscribe();
    let mut slots = JoinSet::new();
    for index in 0..pool.slots.len() {
        let (pool, dial_thread) = (Arc::clone(pool), Arc::clone(dial_thread));
        slots.spawn(slot_task::run(pool, dial_thread, index, report.clone()));
    }
    drop(report);
    let timekeeper = tokio::spawn(timer::keep_time(Arc::clone(pool)));
    let watcher = tokio::spawn(slot_task::watch_losses(Arc::clone(pool)));
    let looker = tokio::spawn(busy::look_all_the_time(Arc::clone(pool)));
    let edges = tokio::spawn(edges::watch_edges(Arc::clone(pool)));
    let resolving = edges::resolve_again(Arc::clone(pool), Arc::clone(dial_thread));
    let resolver = tokio::spawn(resolving);
    let maintainer = tokio::spawn(maintenance::maintain(Arc::clone(pool)));
    let pauses = tokio::spawn(suspend::watch_pauses(Arc::clone(pool)));
    let late = tokio::spawn(linger::await_late_answers(Arc::clone(pool)));
    let rest = tokio::spawn(rest::give_memory_back(Arc::clone(pool)));
    // The sender lives in the pool, which we hold: this ends by a shutdown only.
    let _ = ending.wait_for(|ending| *ending).await;
    pool.dispatch(pool.dispatcher());
    while slots.join_next().await.is_some() {}
    // An engine's thread may just be starting a request from the queue. It will find no connection,
    // and put it back, in no time; the bound is for a thread that never does.
    for _ in 0..MAX_LOOKS {
        if pool.dispatcher().on_their_way() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for task in [timekeeper, watcher, maintainer, pauses, late, rest, looker, edges, resolver] {
        task.abort();
        // When this has returned, no task of the pool is left, also on a thread that goes on.
        let _ = task.await;
    }
    debug_assert_ne!(pool.lifetime.grace_ns(), super::NEVER);
}

/// Tries the CPU on the opener's own thread first, where a refusal can be told.
pub(super) fn try_cpu(cpu: usize) -> Result<(), DialError> {
    let mut wanted = CpuSet::new();
    wanted.set(cpu).map_err(os("CPU number"))?;
    let before = nix::sched::sched_getaffinity(Pid::from_raw(0)).map_err(os("CPU affinity"))?;
    sched_setaffinity(Pid::from_raw(0), &wanted).map_err(os("CPU affinity"))?;
    sched_setaffinity(Pid::from_raw(0), &before).map_err(os("CPU affinity"))
}

fn os(what: &'static str) -> impl Fn(nix::Error) -> DialError {
    move |error| DialError::of_system(what)(error.into())
}

#[cfg(test)]
mod tests;
