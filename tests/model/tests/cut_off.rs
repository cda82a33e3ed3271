//! A model that did not come to its end says so: it would pass for a proof otherwise.

mod checker;

use std::process::Command;

use checker::{check, spawn};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};

/// Two threads that meet so many times each.
fn meet(times: usize) {
    check(2, move || {
        let count = Arc::new(AtomicUsize::new(0));
        let other = Arc::clone(&count);
        let add = move |count: &AtomicUsize| {
            for _ in 0..times {
                count.fetch_add(1, Ordering::SeqCst);
            }
        };
        let thread = spawn(move || add(&other));
        add(&count);
        thread.join().unwrap();
        assert_eq!(count.load(Ordering::SeqCst), 2 * times);
    });
}

#[test]
fn a_small_model() {
    meet(2);
}

/// Of some three thousand orders.
#[test]
fn a_large_model() {
    meet(7);
}

/// What this program says when it runs that model, for no time at all if so, and passes.
fn told(model: &str, has_time: bool) -> String {
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", model, "--quiet", "--test-threads=2"]).env_remove("MODEL_SECONDS");
    if !has_time {
        again.env("MODEL_SECONDS", "0");
    }
    let output = again.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_model_that_time_cuts_off_says_so_though_it_passes() {
    let told = told("a_large_model", false);
    assert!(told.starts_with("CUT OFF: a_large_model: 999 orders in "), "{told:?}");
}

#[test]
fn a_model_that_came_to_its_end_says_nothing_of_it() {
    assert_eq!(told("a_small_model", false), "");
    assert_eq!(told("a_large_model", true), "");
}
