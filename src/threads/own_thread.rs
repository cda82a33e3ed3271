//! A thread that one pool has for itself: its runtime, its name and its CPU.
//!
//! It knows a body to run, and not what that does.

use std::io;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use tokio::runtime::{Builder, Runtime};

use crate::config::Config;
use crate::net::connect::DialError;
use crate::net::standard::spared;
use crate::net::thread;

/// A runtime of the thread that runs it. `on_park`: all that is ready is done, and it would sleep.
pub(crate) fn runtime(on_park: impl Fn() + Send + Sync + 'static) -> Result<Runtime, DialError> {
    let build = || -> io::Result<_> {
        let mut builder = Builder::new_current_thread();
        builder.enable_io().enable_time().on_thread_park(on_park).build()
    };
    spared(build).map_err(DialError::of_system("runtime"))
}

/// Starts the thread, with the name and the CPU of a configuration. Gives what waits for its end.
pub(crate) fn spawn(
    config: &Config,
    body: impl FnOnce() + Send + 'static,
) -> Result<Box<dyn FnOnce() + Send>, DialError> {
    let thread = thread::spawn(config.thread_name(), config.cpu(), body)
        .map_err(DialError::of_system("thread"))?;
    // The thread catches its panics, so its result says nothing more.
    Ok(Box::new(move || drop(thread.join())))
}

/// Tries the CPU on the opener's own thread first, where a refusal can be told.
pub(crate) fn try_cpu(config: &Config) -> Result<(), DialError> {
    let Some(cpu) = config.cpu() else { return Ok(()) };
    let mut wanted = CpuSet::new();
    wanted.set(cpu).map_err(os("CPU number"))?;
    let before = sched_getaffinity(Pid::from_raw(0)).map_err(os("CPU affinity"))?;
    sched_setaffinity(Pid::from_raw(0), &wanted).map_err(os("CPU affinity"))?;
    sched_setaffinity(Pid::from_raw(0), &before).map_err(os("CPU affinity"))
}

fn os(what: &'static str) -> impl Fn(nix::Error) -> DialError {
    move |error| DialError::of_system(what)(error.into())
}
