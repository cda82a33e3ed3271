//! A pool thread that many pools share: one runtime, on which the tasks of each of them run.
//!
//! It knows pools as tasks and as completion queues to ring, and others as tasks alone. What one
//! pool may do before the others have had their turn is bounded (`turns.rs`).

use std::convert::Infallible;
#[cfg(not(feature = "model"))]
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{JoinHandle, ThreadId};

use tokio::runtime::{Builder, Handle};
use tokio::sync::{Notify, oneshot};

#[cfg(not(feature = "model"))]
use super::guests::Guest;
use super::hosts::Hosts;
use super::slot_task::Report;
use super::thread::{EndOfPool, run, try_cpu};
use super::turns::{Turns, go_round};
use super::{Pool, lifetime, thread_pools};
use crate::config::Config;
use crate::error::Status;
use crate::net::connect::DialError;
use crate::net::dial_thread::DialThread;
use crate::net::fork;
use crate::net::standard::spared;
use crate::net::thread;
use crate::pool::host_limits::Limits;

/// A thread that lives until the last pool on it has ended and all who hold it have let go.
pub struct SharedThread {
    handle: Handle,
    id: ThreadId,
    busy_poll: bool,
    /// The hosts of its pools.
    hosts: Hosts,
    /// Rung by a pool that has used up its budget.
    spent: Arc<Notify>,
    /// The forks that this process had gone through when it was started.
    forks: u64,
    /// Dropped to end it.
    end: Option<oneshot::Sender<Infallible>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl SharedThread {
    /// Starts it, with the name, the CPU and the busy polling of a configuration.
    pub fn start(config: &Config) -> Result<Arc<Self>, DialError> {
        fork::watch();
        let forks = fork::count();
        config.cpu().map(try_cpu).transpose()?;
        let runtime = || {
            let mut builder = Builder::new_current_thread();
            builder.enable_io().enable_time().on_thread_park(thread_pools::tell_of_all).build()
        };
        let runtime = spared(runtime).map_err(DialError::of_system("runtime"))?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<Infallible>();
        let spent = Arc::new(Notify::new());
        runtime.spawn(go_round(Arc::clone(&spent)));
        let body = move || {
            lifetime::is_pool_thread_now();
            let _ = runtime.block_on(ended);
        };
        let thread = thread::spawn(config.thread_name(), config.cpu(), body)
            .map_err(DialError::of_system("thread"))?;
        let (id, busy_poll) = (thread.thread().id(), config.busy_poll());
        let (end, thread) = (Some(end), Mutex::new(Some(thread)));
        let hosts = Hosts::default();
        Ok(Arc::new(Self { handle, id, busy_poll, hosts, spent, forks, end, thread }))
    }

    /// Sets the limits that all its pools of a host share. `ERR_ARGUMENT` out of range, and
    /// `ERR_PHASE` after the first pool was opened on it.
    pub fn set_host_limits(&self, limits: Limits) -> Result<(), Status> {
        self.hosts.set_limits(limits)
    }

    /// Whether the calling thread is this one.
    pub fn is_current(&self) -> bool {
        std::thread::current().id() == self.id
    }

    /// Whether it is in this process, and not in the one that this was forked from.
    pub fn is_here(&self) -> bool {
        self.forks == fork::count()
    }

    /// The hosts of its pools.
    pub(super) fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// What is no pool and dials for itself to a host, from these local addresses.
    #[cfg(not(feature = "model"))]
    pub(crate) fn guest(&self, host: (&str, u16), sources: &[IpAddr], lines: usize) -> Guest {
        Guest::new(&self.hosts, host, sources, lines)
    }

    /// Whether it never sleeps.
    pub(crate) fn busy_poll(&self) -> bool {
        self.busy_poll
    }

    /// The turns of a further pool on it.
    pub(super) fn turns(&self) -> Turns {
        Turns::new(Arc::clone(&self.spent))
    }

    /// Runs a pool on it. Each slot's first dial is reported once. Gives what waits for its end.
    pub(super) fn run(
        self: &Arc<Self>,
        pool: Arc<Pool>,
        report: Report,
    ) -> Result<Box<dyn FnOnce() + Send>, DialError> {
        let dial_thread = DialThread::hold().map_err(DialError::of_system("dial thread"))?;
        let dial_thread = Arc::new(dial_thread);
        Ok(self.run_task(async move {
            pool.lifetime.set_thread_id();
            thread_pools::enter(&pool);
            let leaves = Leaves(&pool);
            run(&pool, &dial_thread, report).await;
            drop(leaves);
            // Before the end is told: whoever closes the pool then has the last of it.
            drop(pool);
            // Letting go of it may wait, which is for the thread that closes the pool.
            dial_thread
        }))
    }

    /// Runs a task on it. Gives what waits for its end, and then drops what the task has ended with
    /// and lets go of the thread.
    pub(crate) fn run_task<T: Send + 'static>(
        self: &Arc<Self>,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Box<dyn FnOnce() + Send> {
        let (tell_end, end) = mpsc::channel();
        self.handle.spawn(async move {
            let _ = tell_end.send(task.await);
        });
        let thread = Arc::clone(self);
        Box::new(move || {
            // An error: the task has panicked, and its end came with that.
            drop(end.recv());
            drop(thread);
        })
    }
}

/// A pool leaves the thread, however its task ends.
struct Leaves<'a>(&'a Arc<Pool>);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        drop(EndOfPool(self.0));
        thread_pools::leave(self.0);
    }
}

impl Drop for SharedThread {
    fn drop(&mut self) {
        if !self.is_here() {
            // Nothing of the parent's is touched.
            std::mem::forget(self.end.take());
            return;
        }
        drop(self.end.take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A thread cannot wait for itself; it ends by itself then.
        if let Some(thread) = thread
            && !self.is_current()
        {
            let _ = thread.join();
        }
    }
}
