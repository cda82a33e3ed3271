//! The publishing thread: one for the process, on which all its pools write their pages.
//!
//! A page takes a millisecond of a large pool, and a file system may let its writer wait. On a
//! pool thread answers would wait for it, and on the dial thread heals. So it has a thread of its
//! own, which starts with the first page and ends with the last.
//!
//! It knows jobs and files, and no pool. The list of jobs, its start and its end are under one
//! lock of the process. No lock is held while a job runs but the job's own.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock::now_ns;
use crate::net::fork::{self, PerProcess};
use crate::net::thread;
use crate::publish::file::PageFile;

/// What the system calls the thread.
const NAME: &str = "venuepool-pub";

/// The thread of this process, while there are jobs.
static RUNNING: PerProcess<Option<Running>> = PerProcess::new(None);

/// What is done; `None` once it is not to be done any more.
type Work = Arc<Mutex<Option<Box<dyn FnMut() + Send>>>>;

struct Running {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    jobs: Mutex<Jobs>,
    /// The list has changed.
    changed: Condvar,
}

#[derive(Default)]
struct Jobs {
    list: Vec<Job>,
    is_over: bool,
}

struct Job {
    work: Work,
    due_ns: u64,
    period_ns: u64,
}

/// Keeps a job on the thread. When it is dropped, the job does not run and will not; the last one
/// ends the thread. It must not be dropped by a job.
pub(crate) struct Repeated {
    process: &'static PerProcess<Option<Running>>,
    work: Work,
}

/// A pool that publishes. The job ends before the file goes.
pub(crate) struct Publishing {
    _job: Repeated,
    file: Arc<PageFile>,
}

impl Publishing {
    pub(crate) fn new(job: Repeated, file: Arc<PageFile>) -> Self {
        Self { _job: job, file }
    }

    pub(crate) fn file(&self) -> &PageFile {
        &self.file
    }
}

impl Repeated {
    /// Has `work` done each `period`, for the first time when one is over.
    ///
    /// # Errors
    /// What the system says when there can be no thread.
    pub(crate) fn start(period: Duration, work: impl FnMut() + Send + 'static) -> io::Result<Self> {
        fork::watch();
        let process = RUNNING.current();
        let mut running = process.lock();
        if running.is_none() {
            *running = Some(Running::start()?);
        }
        let shared = &running.as_ref().expect("it was just started").shared;
        let work: Work = Arc::new(Mutex::new(Some(Box::new(work))));
        let period_ns = period.as_nanos() as u64;
        let due_ns = now_ns().saturating_add(period_ns);
        let job = Job { work: Arc::clone(&work), due_ns, period_ns };
        shared.jobs().list.push(job);
        shared.changed.notify_one();
        Ok(Self { process, work })
    }
}

impl Drop for Repeated {
    fn drop(&mut self) {
        // Waits for the run that is going on.
        let work = locked(&self.work).take();
        // It may hold what must not be let go of under a lock.
        drop(work);
        let mut process = self.process.lock();
        let Some(running) = process.as_ref() else { return };
        let mut jobs = running.shared.jobs();
        jobs.list.retain(|job| !Arc::ptr_eq(&job.work, &self.work));
        jobs.is_over = jobs.list.is_empty();
        let is_over = jobs.is_over;
        drop(jobs);
        if is_over && let Some(running) = process.take() {
            running.shared.changed.notify_one();
            // It catches the panics of its jobs; there is nothing to learn here.
            let _ = running.thread.join();
        }
    }
}

impl Running {
    fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let its = Arc::clone(&shared);
        let thread = thread::spawn(NAME, None, move || its.run())?;
        Ok(Self { shared, thread })
    }
}

impl Shared {
    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        locked(&self.jobs)
    }

    fn run(&self) {
        let mut jobs = self.jobs();
        while !jobs.is_over {
            let now = now_ns();
            let Some(next) = jobs.list.iter_mut().min_by_key(|job| job.due_ns) else {
                jobs = self.changed.wait(jobs).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            if next.due_ns > now {
                let early = Duration::from_nanos(next.due_ns - now);
                let waited = self.changed.wait_timeout(jobs, early);
                jobs = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            // A run that was late is not made up for.
            next.due_ns = now.saturating_add(next.period_ns);
            let work = Arc::clone(&next.work);
            drop(jobs);
            run_once(&work);
            jobs = self.jobs();
        }
    }
}

/// A job that panics, which would be a defect of ours, does not run again.
fn run_once(work: &Work) {
    let mut work = locked(work);
    if let Some(job) = work.as_mut()
        && catch_unwind(AssertUnwindSafe(job)).is_err()
    {
        *work = None;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};

    /// Whoever asks for the thread of the process, so that its end can be seen.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    const SHORT: Duration = Duration::from_millis(1);

    /// Says that a job runs, to whoever still listens.
    fn tell(runs: &Sender<()>) {
        let _ = runs.send(());
    }

    #[test]
    fn jobs_run_again_and_again_until_they_are_dropped_and_the_thread_ends() {
        let _one = locked(&ONE_AT_A_TIME);
        let ((often, runs), (other, other_runs)) = (channel(), channel());
        let one = Repeated::start(SHORT, move || tell(&often)).unwrap();
        let two = Repeated::start(SHORT, move || tell(&other)).unwrap();
        for _ in 0..3 {
            runs.recv().unwrap();
            other_runs.recv().unwrap();
        }
        drop(one);
        // Its end of the channel is gone, so nothing runs it any more.
        while runs.try_recv().is_ok() {}
        assert!(runs.recv().is_err());
        other_runs.recv().unwrap();
        drop(two);
        assert!(RUNNING.lock().is_none());
    }

    #[test]
    fn a_drop_waits_for_the_run_that_goes_on() {
        let _one = locked(&ONE_AT_A_TIME);
        let ((tell, begun), (go, wait)) = (channel(), channel::<()>());
        let is_over = Arc::new(Mutex::new(false));
        let over = Arc::clone(&is_over);
        let job = Repeated::start(SHORT, move || {
            let _ = tell.send(());
            let _ = wait.recv();
            *locked(&over) = true;
        });
        begun.recv().unwrap();
        let dropper = std::thread::spawn(move || drop(job.unwrap()));
        drop(go);
        dropper.join().unwrap();
        assert!(*locked(&is_over));
    }

    #[test]
    fn a_job_that_panics_takes_no_other_with_it() {
        let _one = locked(&ONE_AT_A_TIME);
        let (good_one, runs) = channel();
        let bad = Repeated::start(SHORT, || panic!("a defect, on purpose")).unwrap();
        let good = Repeated::start(SHORT, move || tell(&good_one)).unwrap();
        for _ in 0..3 {
            runs.recv().unwrap();
        }
        drop(bad);
        drop(good);
    }
}
