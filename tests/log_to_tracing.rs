//! The example that gives the records of a pool to `tracing`. It has a process of its own, because
//! it sets the subscriber of the process.

#[allow(dead_code)] // Its main function.
#[path = "../examples/log_to_tracing.rs"]
mod example;

use std::sync::Mutex;

use mock_venue::{Options, Venue};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[test]
fn the_records_of_a_pool_are_events_of_tracing() {
    let keep = |line| LINES.lock().unwrap().push(line);
    tracing::subscriber::set_global_default(example::Lines(keep)).unwrap();
    let venue = Venue::start(Options::plain()).unwrap();
    example::open_and_close(&venue.url());
    let lines = LINES.lock().unwrap();
    for part in [
        "INFO message=slot 0: live",
        "INFO message=opened",
        "message=shut down",
        "target=\"pool\"",
        "(\"reason\", \"VP_CLOSE_REASON_SHUTDOWN\")",
    ] {
        assert!(lines.iter().any(|line| line.contains(part)), "{part}: {lines:?}");
    }
    assert!(!lines.iter().any(|line| line.contains("dials")), "it asked for INFO: {lines:?}");
}
