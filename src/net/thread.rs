//! Starting a thread that takes nothing over from whoever starts it: not its CPUs, not its
//! scheduling class, not its signals.
//!
//! An engine's thread may be pinned to one CPU, be real-time (SCHED_FIFO) and never sleep. A thread
//! that took this over would never run (sched(7), pthread_create(3)).

use std::io;
use std::os::unix::thread::JoinHandleExt;
use std::sync::{OnceLock, mpsc};
use std::thread::{Builder, JoinHandle};

use nix::sys::signal::{SigSet, SigmaskHow};

/// The CPUs that the process had when this library was loaded; `None` if they could not be read.
static PROCESS_CPUS: OnceLock<Option<libc::cpu_set_t>> = OnceLock::new();

/// Run by the loader. For a program that links the library this is before `main`, so before any
/// thread is pinned.
// SAFETY: the section holds functions of this very type (System V ABI, gABI chapter 5).
#[allow(unsafe_code)]
#[used]
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = {
    extern "C" fn at_load() {
        process_cpus();
    }
    at_load
};

#[allow(unsafe_code)]
fn process_cpus() -> Option<libc::cpu_set_t> {
    *PROCESS_CPUS.get_or_init(|| {
        let mut cpus = no_cpus();
        // SAFETY: the set is as large as is said.
        let read = unsafe { libc::sched_getaffinity(0, size_of_val(&cpus), &raw mut cpus) };
        (read == 0).then_some(cpus)
    })
}

#[allow(unsafe_code)]
fn no_cpus() -> libc::cpu_set_t {
    // SAFETY: the set is plain bits; none of them set is a set.
    unsafe { std::mem::zeroed() }
}

/// Starts a thread that takes no signal, runs as SCHED_OTHER, and runs on `cpu`, or else on the
/// CPUs that the process had when the library was loaded.
///
/// # Errors
/// What the system says when there can be no thread.
pub fn spawn(
    name: &str,
    cpu: Option<usize>,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    // The new thread inherits this mask, so there is no moment at which it could be picked for a
    // signal. The signals belong to the host's threads.
    let mask = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let (is_apart, until_apart) = mpsc::channel::<()>();
    let started = Builder::new().name(name.to_owned()).spawn(move || {
        let _stays = Stays(until_apart);
        body();
    });
    mask.thread_set_mask()?;
    let thread = started?;
    set_apart(&thread, cpu);
    drop(is_apart);
    Ok(thread)
}

/// Keeps a thread from its end until its starter has set it apart. The C library's calls for a
/// thread that has ended act on their caller: its number is 0 then (sched_setaffinity(2)).
struct Stays(mpsc::Receiver<()>);

impl Drop for Stays {
    fn drop(&mut self) {
        // Nothing is ever sent: it ends when the starter drops its side.
        let _ = self.0.recv();
    }
}

/// Done by the starter: the new thread may not get to run before. A refusal changes nothing; the
/// thread then runs as the starter does.
#[allow(unsafe_code)]
fn set_apart(thread: &JoinHandle<()>, cpu: Option<usize>) {
    let thread = thread.as_pthread_t();
    let cpus = match cpu {
        Some(cpu) => {
            let mut one = no_cpus();
            // SAFETY: the number is within the set: the configuration allows none beyond 1023.
            unsafe { libc::CPU_SET(cpu, &mut one) };
            Some(one)
        }
        None => process_cpus(),
    };
    // SAFETY: all zero is a value of this plain struct: no priority, as SCHED_OTHER demands.
    let ordinary: libc::sched_param = unsafe { std::mem::zeroed() };
    // SAFETY: the thread was neither joined nor detached, and it has not ended ([`Stays`]); the
    // parameter is only read.
    unsafe { libc::pthread_setschedparam(thread, libc::SCHED_OTHER, &raw const ordinary) };
    if let Some(cpus) = cpus {
        // SAFETY: as above, and the set is as large as is said.
        unsafe { libc::pthread_setaffinity_np(thread, size_of_val(&cpus), &raw const cpus) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    use nix::unistd::Pid;

    fn cpus() -> Vec<usize> {
        let cpus = sched_getaffinity(Pid::from_raw(0)).unwrap();
        (0..CpuSet::count()).filter(|cpu| cpus.is_set(*cpu).unwrap()).collect()
    }

    fn pin_to(cpu: usize) {
        let mut one = CpuSet::new();
        one.set(cpu).unwrap();
        sched_setaffinity(Pid::from_raw(0), &one).unwrap();
    }

    /// What a thread sees that is started by a thread which is pinned to `starter`.
    fn cpus_of_child(starter: usize, cpu: Option<usize>) -> Vec<usize> {
        let run = move || {
            pin_to(starter);
            let (go, wait) = mpsc::channel::<()>();
            let (tell, told) = mpsc::channel();
            let body = move || {
                wait.recv().unwrap();
                tell.send(cpus()).unwrap();
            };
            let thread = spawn("child", cpu, body).unwrap();
            go.send(()).unwrap();
            thread.join().unwrap();
            told.recv().unwrap()
        };
        std::thread::spawn(run).join().unwrap()
    }

    #[test]
    fn the_cpus_are_the_processs_and_not_the_starters() {
        let all = cpus();
        for starter in [all[0], all[all.len() - 1]] {
            assert_eq!(cpus_of_child(starter, None), all);
            assert_eq!(cpus_of_child(starter, Some(all[0])), [all[0]]);
        }
    }

    #[test]
    fn a_child_that_ends_at_once_leaves_its_starter_where_it_is() {
        let all = cpus();
        let starter = std::thread::spawn(move || {
            pin_to(all[0]);
            for _ in 0..2_000 {
                spawn("child", None, || {}).unwrap().join().unwrap();
                assert_eq!(cpus(), [all[0]]);
            }
        });
        starter.join().unwrap();
    }

    #[test]
    fn a_child_blocks_signals_and_its_starter_gets_its_own_mask_back() {
        let mask = || SigSet::thread_get_mask().unwrap();
        let before = mask();
        let (tell, told) = mpsc::channel();
        spawn("child", None, move || tell.send(mask()).unwrap()).unwrap().join().unwrap();
        assert!(told.recv().unwrap().contains(nix::sys::signal::Signal::SIGTERM));
        assert_eq!(mask(), before);
    }
}
