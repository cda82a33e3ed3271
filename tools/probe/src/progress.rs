//! What is shown while the probe runs, on standard error: one line that changes in a terminal, or
//! else a line each second. A thread of its own shows it, so that sending does not wait for it.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressStyle};
use venuepool::clock::now_ns;
use venuepool::driver::Pool;

use crate::distribution::{histogram, short_time};
use crate::sample::Sample;

/// What the sender has counted so far.
pub(crate) struct Live {
    answered: AtomicU64,
    others: AtomicU64,
    latency: Mutex<Histogram<u64>>,
}

impl Default for Live {
    fn default() -> Self {
        let latency = Mutex::new(histogram());
        Self { answered: AtomicU64::new(0), others: AtomicU64::new(0), latency }
    }
}

impl Live {
    /// A request has ended.
    pub(crate) fn note(&self, sample: &Sample) {
        match sample.latency_ns() {
            None => self.others.fetch_add(1, Ordering::Relaxed),
            Some(ns) => {
                let mut latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
                latency.saturating_record(ns);
                self.answered.fetch_add(1, Ordering::Relaxed)
            }
        };
    }

    fn line(&self, pool: &Pool) -> String {
        let percentile = |level| {
            let latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
            short_time(latency.value_at_percentile(level))
        };
        let others = match self.others.load(Ordering::Relaxed) {
            0 => String::new(),
            count => format!(", {count} not"),
        };
        let count = |count: u64, what: &str| match count {
            0 => String::new(),
            count => format!("  {what} {count}"),
        };
        let stats = pool.stats();
        format!(
            "{} answered{others}  p50 {}  p99 {}{}{}{}",
            self.answered.load(Ordering::Relaxed),
            percentile(50.0),
            percentile(99.0),
            count(stats.heals.get(), "heals"),
            count(stats.rotations.get(), "rotations"),
            count(stats.pauses.get(), "pauses"),
        )
    }
}

/// Shows how far the run is.
pub(crate) struct Progress<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) live: &'a Live,
    /// When the part begins that counts, by the clock.
    pub(crate) counts_from_ns: u64,
    pub(crate) duration: Duration,
}

impl Progress<'_> {
    /// Shows it while `work` runs.
    pub(crate) fn shown_during<T>(&self, work: impl FnOnce() -> T) -> T {
        std::thread::scope(|scope| {
            let (running, ended) = mpsc::channel::<()>();
            scope.spawn(|| self.show(ended));
            let result = work();
            drop(running);
            result
        })
    }

    fn show(&self, ended: mpsc::Receiver<()>) {
        let is_terminal = std::io::stderr().is_terminal();
        let interval = Duration::from_millis(if is_terminal { 100 } else { 1000 });
        let bar = ProgressBar::new(self.duration.as_millis() as u64);
        let template = "{bar:20.cyan} {prefix}  {wide_msg}";
        bar.set_style(ProgressStyle::with_template(template).expect("a template of ours"));
        while ended.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
            let (passed, line) = (self.passed(), self.live.line(self.pool));
            let seconds = |time: Duration| time.as_secs_f64();
            let of = match passed {
                Duration::ZERO => "warm-up".to_owned(),
                _ => format!("{:.1} of {:.1} s", seconds(passed), seconds(self.duration)),
            };
            if is_terminal {
                bar.set_position(passed.as_millis() as u64);
                bar.set_prefix(of);
                bar.set_message(line);
            } else {
                eprintln!("{of}: {line}");
            }
        }
        bar.finish_and_clear();
    }

    /// Of the part that counts.
    fn passed(&self) -> Duration {
        let passed_ns = now_ns().saturating_sub(self.counts_from_ns);
        Duration::from_nanos(passed_ns).min(self.duration)
    }
}
