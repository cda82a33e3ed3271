//! How models are run: bounded in `make test`, as far as time allows in `make model`.
//!
//! Within the bound all orders are run. Without it most models have more orders than anybody has
//! time for: one that its time cuts off is not refuted, and no more, and says so in a loud line.
//!
//! A model that cannot fail shows nothing. Whoever adds one breaks the line that it is about (a
//! fence, a second look, a wake-up, an epoch, a recall), sees it fail, and mends the line again.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use loom::thread::JoinHandle;

/// Words of stack for a thread of a model: debug builds are generous with it.
const STACK: usize = 0x8000;

/// How often a model may look at its clock: once in so many runs.
const RUNS_PER_LOOK: usize = 1_000;

/// Runs `model` in every order of its threads that has at most `preemptions` switches away from a
/// thread that could have gone on; with `MODEL_SECONDS` set, in whatever orders there are, until
/// that time is over.
pub fn check(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let seconds = std::env::var("MODEL_SECONDS").ok();
    let seconds = seconds.map(|seconds| seconds.parse().expect("MODEL_SECONDS is a number"));
    let mut checker = loom::model::Builder::new();
    checker.preemption_bound = seconds.is_none().then_some(preemptions);
    checker.max_duration = seconds.map(Duration::from_secs);
    checker.max_permutations = None;
    checker.checkpoint_interval = RUNS_PER_LOOK;
    checker.max_branches = 20_000;
    let (runs, start) = (Arc::new(AtomicUsize::new(0)), Instant::now());
    let count = Arc::clone(&runs);
    checker.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let (runs, took) = (runs.load(Ordering::Relaxed), start.elapsed());
    // One order is no choice, so such a model would show nothing.
    assert!(runs > 1, "the threads of this model do not meet");
    // The checker does not tell, but it looks at its clock only before these runs.
    let is_cut_off = (runs + 1).is_multiple_of(RUNS_PER_LOOK)
        && checker.max_duration.is_some_and(|most| took >= most);
    if is_cut_off {
        let name = std::thread::current().name().unwrap_or("a model").to_owned();
        // Past the test harness, which keeps what tests that pass have printed to itself.
        let line = format!("CUT OFF: {name}: {runs} orders in {took:.0?}, and there are more\n");
        std::io::stderr().write_all(line.as_bytes()).expect("stderr is open");
    } else if seconds.is_none() {
        println!("all {runs} orders with at most {preemptions} preemptions, in {took:.0?}");
    } else {
        println!("all {runs} orders, in {took:.0?}");
    }
}

/// A thread of a model.
pub fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let thread = loom::thread::Builder::new().stack_size(STACK);
    thread.spawn(work).expect("the checker starts threads")
}
