//! How models are run: bounded in `make test`, as far as time allows in `make model`.
//!
//! A model that cannot fail shows nothing. Whoever adds one breaks the line that it is about (a
//! fence, a second look, a wake-up, an epoch, a recall), sees it fail, and mends the line again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use loom::thread::JoinHandle;

/// Words of stack for a thread of a model: debug builds are generous with it.
const STACK: usize = 0x8000;

/// How often a model may look at its clock: once in so many runs.
const RUNS_PER_LOOK: usize = 1_000;

/// Runs `model` in every order of its threads that has at most `preemptions` switches away from a
/// thread that could have gone on; with `MODEL_SECONDS` set, in every order, for that long at most.
pub fn check(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let seconds = std::env::var("MODEL_SECONDS").ok();
    let seconds = seconds.map(|seconds| seconds.parse().expect("MODEL_SECONDS is a number"));
    let mut checker = loom::model::Builder::new();
    checker.preemption_bound = seconds.is_none().then_some(preemptions);
    checker.max_duration = seconds.map(Duration::from_secs);
    checker.checkpoint_interval = RUNS_PER_LOOK;
    checker.max_branches = 20_000;
    let runs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&runs);
    checker.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        model();
    });
    // One order is no choice, so such a model would show nothing.
    let runs = runs.load(Ordering::Relaxed);
    println!("{runs} orders");
    assert!(runs > 1, "the threads of this model do not meet");
}

/// A thread of a model.
pub fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let thread = loom::thread::Builder::new().stack_size(STACK);
    thread.spawn(work).expect("the checker starts threads")
}
