//! A session in thread drive: on a thread of its own, or as a task on one that it shares. It does
//! what is due, and sleeps until there is more.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::unix::AsyncFdReadyGuard;
use tokio::runtime::Builder;
use tokio::time::Sleep;

use super::Session;
use super::dialling::{Dial, Dialled, Dials, of_system};
use super::due::{Next, Work};
use super::receiving::MAX_TURN;
use super::slot::Slot;
use super::upgrade::Refused;
use crate::clock::now_ns;
use crate::config::Config;
use crate::net::cancellation::PutOff;
use crate::net::connect::DialError;
use crate::net::dial_thread::DialThread;
use crate::net::standard::spared;
use crate::net::thread;
use crate::net::watch::{Watch, watch};
use crate::threads::shared_thread::SharedThread;
use crate::ws::session::life::Why;

/// With busy polling: looks between two turns of the runtime, which serves everything else.
const LOOKS: u32 = 16;

/// Starts the thread, or the task on a shared one. Gives what waits for its end.
pub(super) fn spawn(
    session: &Arc<Session>,
    config: &Config,
    shared: Option<&Arc<SharedThread>>,
) -> Result<Box<dyn FnOnce() + Send>, DialError> {
    let dial_thread = DialThread::hold().map_err(DialError::of_system("dial thread"))?;
    let its_session = Arc::clone(session);
    if let Some(shared) = shared {
        return Ok(shared.run_task(async move {
            its_session.live(&dial_thread).await;
            // Letting go of it may wait, which is for the thread that closes the session.
            dial_thread
        }));
    }
    let runtime = || Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = spared(runtime).map_err(DialError::of_system("runtime"))?;
    let body = move || {
        runtime.block_on(its_session.live(&dial_thread));
        drop(dial_thread);
    };
    let thread = thread::spawn(config.thread_name(), config.cpu(), body)
        .map_err(DialError::of_system("thread"))?;
    // It catches its panics in its end.
    Ok(Box::new(move || drop(thread.join())))
}

/// What must happen however the thread ends: the engine is told.
struct End<'a>(&'a Session);

impl Drop for End<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let slots = self.0.core().slots.len();
            let is_open = |slot: &usize| self.0.core().slots[*slot].has_connection().is_ok();
            (0..slots).filter(is_open).for_each(|slot| self.0.lose(slot, Why::Internal));
            let _ = self.0.core().close(None, "", now_ns());
        }
        self.0.end();
    }
}

/// Lets others on the thread have their turns, and looks whether the dial has ended.
async fn go_round(dial: &mut Option<(usize, Dial)>) -> Woken {
    tokio::task::yield_now().await;
    let Some((_, dial)) = dial else { return Woken::Otherwise };
    poll_fn(|context| {
        Poll::Ready(match Pin::new(&mut *dial).poll(context) {
            Poll::Ready(dialled) => Woken::Dialled(Box::new(dialled)),
            Poll::Pending => Woken::Otherwise,
        })
    })
    .await
}

/// What has ended a wait.
enum Woken {
    /// A socket has something, and nothing else has happened.
    BySocket,
    /// A dial has ended.
    Dialled(Box<Result<Dialled, Refused>>),
    /// Time has passed, or another thread has something to be done.
    Otherwise,
}

/// The clock of the waits. It is set anew only for an earlier time than before: it is cheaper to be
/// woken now and then for nothing.
struct Clock {
    sleep: Pin<Box<Sleep>>,
    /// When it ends a wait; [`u64::MAX`]: it is not set.
    at_ns: u64,
    /// It is set to the end of a [watch period](crate::pool::watch_period), and to nothing else.
    is_watch: bool,
    /// Nothing has come since it was set.
    was_idle: bool,
}

impl Clock {
    fn new() -> Self {
        let sleep = Box::pin(tokio::time::sleep(Duration::ZERO));
        Self { sleep, at_ns: u64::MAX, is_watch: false, was_idle: true }
    }

    /// Sets it to that time, and to no later one than the end of a watch period from now.
    fn set(&mut self, due_ns: u64, watch_ns: u64) {
        if self.at_ns != u64::MAX && self.at_ns <= due_ns {
            return;
        }
        let now_ns = now_ns();
        let watch_ns = now_ns.saturating_add(watch_ns);
        (self.at_ns, self.is_watch) = (due_ns.min(watch_ns), watch_ns <= due_ns);
        self.was_idle = true;
        let left = Duration::from_nanos(self.at_ns.saturating_sub(now_ns));
        self.sleep.set(tokio::time::sleep(left));
    }

    /// Whether a whole watch period has passed, and nothing came in it.
    const fn has_watched(&self) -> bool {
        self.is_watch && self.was_idle
    }
}

fn clear<T: std::os::fd::AsRawFd>(mut ready: AsyncFdReadyGuard<'_, T>) {
    ready.clear_ready();
}

impl Session {
    async fn live(self: Arc<Self>, dial_thread: &DialThread) {
        // A function of the engine may cancel the thread that it runs on.
        PutOff::begin().for_ever();
        let _ = self.thread.id.set(std::thread::current().id());
        let end = End(&self);
        self.run(dial_thread).await;
        drop(end);
    }

    async fn run(&self, dial_thread: &DialThread) {
        let mut work = Work::new(self.core().slots.len());
        let mut watches: Vec<Option<Watch>> = work.readings.iter().map(|_| None).collect();
        let mut clock = Clock::new();
        loop {
            match self.run_due(&mut work) {
                Next::Closed => return,
                Next::Dial(slot, purpose) => {
                    let dial = Dials::begin(&self.dials, slot, purpose, dial_thread);
                    work.dial = Some((slot, dial));
                }
                Next::Wait(until_ns) => {
                    // The registration of a slot that has no connection any more goes.
                    for (watch, reading) in watches.iter_mut().zip(&work.readings) {
                        watch.take_if(|_| reading.is_none());
                    }
                    // While only messages come, what is due stays what it is.
                    while !self.round(&mut work, &mut watches, &mut clock, until_ns).await {}
                }
            }
        }
    }

    /// Waits for what is next, and looks at all slots. Answers whether something may be due.
    async fn round(
        &self,
        work: &mut Work,
        watches: &mut [Option<Watch>],
        clock: &mut Clock,
        until_ns: Option<u64>,
    ) -> bool {
        let woken = if work.has_more() {
            // Others on the same thread have their turns.
            tokio::task::yield_now().await;
            Woken::Otherwise
        } else if self.thread.busy_poll {
            go_round(&mut work.dial).await
        } else {
            self.wait(watches, &mut work.dial, clock, until_ns).await
        };
        let by_socket = matches!(woken, Woken::BySocket);
        match woken {
            Woken::BySocket => {}
            Woken::Dialled(dialled) => self.end_dial(Some(*dialled), work, watches),
            Woken::Otherwise => self.end_dial(None, work, watches),
        }
        let looks = if self.thread.busy_poll { LOOKS } else { 1 };
        let _ = (0..looks).any(|_| self.look_at_all(work));
        // Where messages come all the time, the clock is never waited for.
        let is_late = work.readings.iter().flatten().any(|it| it.time_ns >= clock.at_ns);
        !by_socket || is_late || work.is_eventful || work.has_more()
    }

    /// A look at each slot, the one first that was left out before, if any was. All of them
    /// together receive no more than one may, so that others on the thread have their turns.
    /// `false`: nothing has come.
    fn look_at_all(&self, work: &mut Work) -> bool {
        let slots = work.readings.len();
        let (first, mut left, mut is_found) = (work.first, MAX_TURN, false);
        for slot in (0..slots).map(|at| (first + at) % slots) {
            if left == 0 {
                // Its socket tells nothing again, so it is looked at without waiting.
                work.readings[slot].iter_mut().for_each(|reading| reading.has_more = true);
                continue;
            }
            let had = work.received(slot);
            self.look(slot, work, left);
            let now = work.received(slot);
            is_found |= now != had;
            left = left.saturating_sub(now.saturating_sub(had) as usize);
            work.first = if left == 0 { (slot + 1) % slots } else { 0 };
        }
        is_found
    }

    /// Waits for what is next.
    async fn wait(
        &self,
        watches: &[Option<Watch>],
        dial: &mut Option<(usize, Dial)>,
        clock: &mut Clock,
        until_ns: Option<u64>,
    ) -> Woken {
        let unsent = {
            let mut core = self.core();
            // What a sender has met is dealt with by a look at the slot, behind what came before.
            if core.slots.iter().any(|slot| slot.fault.is_some()) {
                return Woken::Otherwise;
            }
            let due_ns = until_ns.into_iter().chain(core.calls.deadline_ns()).min();
            clock.set(due_ns.unwrap_or(u64::MAX), core.watch.ns());
            core.wakes_ns = clock.at_ns;
            let unsent = core.slots.iter().map(Slot::has_unsent).enumerate();
            unsent.fold(0_u32, |bits, (slot, it)| bits | u32::from(it) << slot)
        };
        let sockets = poll_fn(|context| {
            let mut is_ready = false;
            for (slot, watch) in watches.iter().enumerate() {
                let Some(watch) = watch else { continue };
                // Cleared before the read: what comes from now on makes it ready again.
                if let Poll::Ready(ready) = watch.poll_read_ready(context) {
                    ready.map(clear).unwrap_or_default();
                    is_ready = true;
                }
                if unsent >> slot & 1 == 1
                    && let Poll::Ready(ready) = watch.poll_write_ready(context)
                {
                    ready.map(clear).unwrap_or_default();
                    is_ready = true;
                }
            }
            if is_ready { Poll::Ready(()) } else { Poll::Pending }
        });
        let dialled = async {
            match dial {
                Some((_, dial)) => dial.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased; // A socket that is always readable comes behind what is rare.
            () = self.thread.wake.notified() => Woken::Otherwise,
            dialled = dialled => Woken::Dialled(Box::new(dialled)),
            () = sockets => {
                clock.was_idle = false;
                Woken::BySocket
            }
            () = &mut clock.sleep => {
                if clock.has_watched() {
                    self.core().watch.slept();
                }
                clock.at_ns = u64::MAX;
                Woken::Otherwise
            }
        }
    }

    /// Takes over the connection of a dial that has ended, and registers it.
    fn end_dial(
        &self,
        dialled: Option<Result<Dialled, Refused>>,
        work: &mut Work,
        watches: &mut [Option<Watch>],
    ) {
        if self.core().is_ending() {
            // Its slot is at its end.
            work.dial = None;
        }
        let Some(dialled) = dialled else { return };
        let Some((slot, _)) = work.dial.take() else { return };
        // The old registration goes before the new one comes.
        watches[slot] = None;
        let watched = dialled.and_then(|dialled| {
            watches[slot] = Some(watch(&dialled.connection).map_err(of_system("epoll"))?);
            Ok(dialled)
        });
        work.readings[slot] = self.dialled(slot, watched);
    }
}
