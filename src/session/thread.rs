//! A session in thread drive: on a thread of its own, or as a task on one that it shares. It does
//! what is due, and sleeps until there is more.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::unix::AsyncFdReadyGuard;
use tokio::runtime::Builder;

use super::Session;
use super::dialling::{Dials, of_system};
use super::due::{Next, Reading};
use super::receiving::MAX_TURN;
use crate::config::Config;
use crate::driver::clock::now_ns;
use crate::driver::shared_thread::SharedThread;
use crate::net::cancellation::PutOff;
use crate::net::connect::DialError;
use crate::net::dial_thread::DialThread;
use crate::net::standard::spared;
use crate::net::thread;
use crate::net::watch::{Watch, watch};
use crate::ws::session::life::Why;

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
            self.0.lose(Why::Internal);
            let _ = self.0.core().life.close(None, "", now_ns());
        }
        self.0.end();
    }
}

fn clear<T: std::os::fd::AsRawFd>(mut ready: AsyncFdReadyGuard<'_, T>) {
    ready.clear_ready();
}

impl Session {
    async fn live(self: Arc<Self>, dial_thread: &DialThread) {
        // A function of the engine may cancel the thread that it runs on.
        PutOff::begin().for_ever();
        let _ = self.thread_id.set(std::thread::current().id());
        let end = End(&self);
        self.run(dial_thread).await;
        drop(end);
    }

    async fn run(&self, dial_thread: &DialThread) {
        let (mut reading, mut watch) = (None, None);
        loop {
            match self.settle(&mut reading) {
                Next::Closed => return,
                Next::Dial => {
                    // The old registration goes before the new one comes.
                    watch = None;
                    if let Some(dialled) = self.dial(dial_thread).await {
                        reading = Some(dialled.0);
                        watch = Some(dialled.1);
                    }
                }
                Next::Wait(until_ns) => {
                    let watch = watch.as_ref().filter(|_| reading.is_some());
                    let has_more = reading.as_ref().is_some_and(|reading| reading.has_more);
                    if has_more || self.core().fault.is_some() {
                        tokio::task::yield_now().await;
                    } else {
                        self.wait(watch, until_ns).await;
                    }
                    self.look(&mut reading, MAX_TURN);
                }
            }
        }
    }

    async fn wait(&self, watch: Option<&Watch>, until_ns: Option<u64>) {
        let (until_ns, has_unsent) = {
            let mut core = self.core();
            let until_ns = until_ns.into_iter().chain(core.calls.deadline_ns()).min();
            core.wakes_ns = until_ns.unwrap_or(u64::MAX);
            (until_ns, core.has_unsent())
        };
        let sleep = async {
            match until_ns {
                None => std::future::pending().await,
                Some(until_ns) => {
                    let left = Duration::from_nanos(until_ns.saturating_sub(now_ns()));
                    tokio::time::sleep(left).await;
                }
            }
        };
        let socket = async {
            let Some(watch) = watch else { return std::future::pending().await };
            // Cleared before the read: what comes from now on makes it ready again.
            tokio::select! {
                ready = watch.readable() => drop(ready.map(clear)),
                ready = watch.writable(), if has_unsent => drop(ready.map(clear)),
            }
        };
        tokio::select! {
            () = socket => {}
            () = self.wake.notified() => {}
            () = sleep => {}
        }
        self.core().wakes_ns = 0;
    }

    /// Dials, and registers the connection. `None`: there is none, and the next dial waits.
    async fn dial(&self, dial_thread: &DialThread) -> Option<(Reading, Watch)> {
        let mut dial = Dials::begin(&self.dials, dial_thread);
        let dialled = loop {
            tokio::select! {
                dialled = &mut dial => break dialled,
                // The engine may have closed the session meanwhile.
                () = self.wake.notified() => {
                    self.delivery.hand_on();
                    if self.core().life.is_ending() {
                        return None;
                    }
                }
            }
        };
        let watched = dialled.and_then(|dialled| {
            let watch = watch(&dialled.connection).map_err(of_system("epoll"))?;
            Ok((dialled, watch))
        });
        let (dialled, watch) = match watched {
            Ok((dialled, watch)) => (Ok(dialled), Some(watch)),
            Err(refused) => (Err(refused), None),
        };
        self.dialled(dialled).zip(watch)
    }
}
