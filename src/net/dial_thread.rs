//! The dial thread: one for the process, on which all its pools resolve, connect and shake hands.
//!
//! A handshake is a millisecond of computing and more. On the thread that receives, answers of
//! other connections would wait for it. So a dial runs here, and the pool thread is given what it
//! ended with. The thread starts with the first pool and ends with the last.
//!
//! A thread's sockets belong to its network namespace, which it takes over from the thread that
//! starts it. So a process whose pools are opened in several namespaces has a dial thread in each.
//!
//! It knows threads and futures. It knows no pool, no address and no TLS.
//!
//! The count of its holders, its start and its end are under one lock. So a pool that opens while
//! the last one closes waits for the old thread's end, and starts a new one.

use std::convert::Infallible;
use std::io;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task;

use super::fork::{self, PerProcess};
use super::standard::spared;
use super::thread;

/// What the system calls the thread.
const NAME: &str = "venuepool-dial";

/// The threads of the process.
static RUNNING: PerProcess<Vec<Running>> = PerProcess::new(Vec::new());

/// A network namespace, by what its file is.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Network {
    device: u64,
    inode: u64,
}

/// The thread of a network namespace, while anything holds it.
struct Running {
    /// `None`: the system does not tell.
    network: Option<Network>,
    holders: usize,
    handle: Handle,
    /// Dropped to end it.
    end: oneshot::Sender<Infallible>,
    thread: JoinHandle<()>,
}

/// Keeps the dial thread, for one pool. When it is dropped, nothing of that pool is left there,
/// and the last one ends the thread.
pub struct DialThread {
    process: &'static PerProcess<Vec<Running>>,
    network: Option<Network>,
    handle: Handle,
    /// A copy goes with each task; `None` only while this is dropped.
    present: Option<Sender<Infallible>>,
    /// Ends when all copies are gone.
    gone: Receiver<Infallible>,
}

/// What runs on the dial thread, until it is done or this is dropped.
pub struct Dialling<T> {
    /// The mark goes with the result, which may hold a socket, and is dropped behind it.
    task: task::JoinHandle<(T, Sender<Infallible>)>,
}

impl DialThread {
    /// Starts the thread, or joins those who hold it.
    ///
    /// # Errors
    /// What the system says when there can be no thread.
    pub fn hold() -> io::Result<Self> {
        fork::watch();
        let (process, network) = (RUNNING.current(), Network::of_this_thread());
        let mut all = process.lock();
        let index = match all.iter().position(|running| running.network == network) {
            Some(index) => index,
            None => {
                all.push(Running::start(network)?);
                all.len() - 1
            }
        };
        all[index].holders += 1;
        let (present, gone) = bounded(0);
        let handle = all[index].handle.clone();
        Ok(Self { process, network, handle, present: Some(present), gone })
    }

    /// Runs `dial` there.
    pub fn run<T>(&self, dial: impl Future<Output = T> + Send + 'static) -> Dialling<T>
    where
        T: Send + 'static,
    {
        let present = self.present.clone().expect("it is there until the drop");
        // What is captured is dropped in this order: the dial and its sockets, then the mark.
        let task = self.handle.spawn(async move { (dial.await, present) });
        Dialling { task }
    }
}

impl Drop for DialThread {
    fn drop(&mut self) {
        self.present = None;
        // Whoever waited for a dial is gone, and has cancelled it. It ends behind the step that it
        // is in, which never blocks.
        let _ = self.gone.recv();
        let mut all = self.process.lock();
        let Some(index) = all.iter().position(|running| running.network == self.network) else {
            return;
        };
        all[index].holders -= 1;
        if all[index].holders == 0 {
            let last = all.swap_remove(index);
            drop(last.end);
            // It catches the panics of its tasks; there is nothing to learn here.
            let _ = last.thread.join();
        }
    }
}

impl<T> Future for Dialling<T> {
    type Output = io::Result<T>;

    /// A panic of the dial goes on here. An error says that the thread has ended.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(Pin::new(&mut self.task).poll(context)) {
            Ok((done, _)) => Ok(done),
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(error) => Err(io::Error::other(error)),
        })
    }
}

impl<T> Drop for Dialling<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Network {
    #[cfg(target_os = "linux")]
    fn of_this_thread() -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let file = std::fs::metadata("/proc/thread-self/ns/net").ok()?;
        Some(Self { device: file.dev(), inode: file.ino() })
    }

    #[cfg(not(target_os = "linux"))]
    fn of_this_thread() -> Option<Self> {
        None
    }
}

impl Running {
    fn start(network: Option<Network>) -> io::Result<Self> {
        let runtime = spared(|| Builder::new_current_thread().enable_io().enable_time().build())?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        let body = move || {
            // Nothing is ever sent: it ends when the other side is dropped.
            let _ = runtime.block_on(ended);
        };
        let thread = thread::spawn(NAME, None, body)?;
        Ok(Self { network, holders: 0, handle, end, thread })
    }
}

#[cfg(test)]
mod tests;
