//! A thread that many pools and sessions share: one runtime, on which the tasks of each of them
//! run.
//!
//! It knows tasks. What one pool may do before the others have had their turn is bounded
//! (`turns.rs`).

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{JoinHandle, ThreadId};

use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};

use super::host_dials::HostDials;
use super::hosts::Hosts;
use super::own_thread::{runtime, try_cpu};
use super::turns::{Turns, go_round};
use super::{current, guests};
use crate::config::Config;
use crate::error::Status;
use crate::net::connect::DialError;
use crate::net::fork;
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
        try_cpu(config)?;
        let runtime = runtime(guests::tell_of_all)?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<Infallible>();
        let spent = Arc::new(Notify::new());
        runtime.spawn(go_round(Arc::clone(&spent)));
        let body = move || {
            current::is_pool_thread_now();
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
    pub(crate) fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// The dials of what is no pool to a host, from these local addresses.
    pub(crate) fn host_dials(
        &self,
        host: (&str, u16),
        sources: &[IpAddr],
        lines: usize,
    ) -> HostDials {
        HostDials::new(&self.hosts, host, sources, lines)
    }

    /// Whether it never sleeps.
    pub(crate) fn busy_poll(&self) -> bool {
        self.busy_poll
    }

    /// The turns of a further pool on it.
    pub(crate) fn turns(&self) -> Turns {
        Turns::new(Arc::clone(&self.spent))
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
