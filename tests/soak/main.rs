//! Random faults under load, by seed: engines send orders in every way there is while the venue
//! misbehaves in every way that it knows, and after each round the ledger must balance.
//!
//! `cargo test --test soak` runs for 15 s from a fixed seed; `make soak` for 30 minutes from a
//! random one. `SOAK_SECONDS` and `SOAK_SEED` say otherwise. `SOAK_ROUND` begins with a later
//! round, whose settings are then those that it had (what its threads make of them is not), and
//! `SOAK_VERBOSE=1` shows them. It ends with a table, and with an error as soon as a promise is
//! broken.
//!
//! - `venue.rs`: the venue, a process of its own (this program once more)
//! - `round.rs`: one pool from open to close, its engines and its faults
//! - `lanes.rs`: the lanes of that pool, its drain, and what must hold of each request for its lane
//! - `overload.rs`: one pool under more load than its venue can take, and a venue that stops
//! - `sessions.rs`: a WebSocket session beside the pool of a round
//! - `ledger.rs`: what was promised for each order, and what was kept

mod lanes;
mod ledger;
mod overload;
mod round;
mod sessions;
mod venue;

use std::time::{Duration, Instant};

use ledger::Ledger;
use venue::VenueProcess;

/// Rounds between two rows of the progress.
const ROUNDS_A_ROW: u32 = 10;

/// How much a process may grow, in KiB, from the end of the first rounds to the end of the run:
/// allocators keep what they have, but a leak of one response per order is many times this.
const MOST_GROWTH_KIB: u64 = 64 * 1024;

/// One round in so many is one of overload.
const OVERLOAD_EVERY: u32 = 5;
const OVERLOAD_AT: u32 = 3;

/// Rounds after which buffers, threads and allocator have their size.
const WARM_UP: u32 = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == venue::ARGUMENT) {
        return venue::serve();
    }
    // The harness of cargo passes filters for other tests, and asks what there is.
    let is_filtered = arguments.iter().any(|a| !a.starts_with('-') && !"soak".contains(&**a));
    if is_filtered || arguments.iter().any(|argument| argument == "--list") {
        return;
    }
    let seconds = number("SOAK_SECONDS").unwrap_or(15);
    let seed = number("SOAK_SEED").unwrap_or(20_261_124);
    println!("soak: {seconds} s, SOAK_SEED={seed}");
    // A broken promise ends it, whichever thread finds it; the others would go on.
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::exit(101);
    }));
    soak(Duration::from_secs(seconds), seed);
    println!("\ntest result: ok. 1 passed; 0 failed");
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn soak(time: Duration, seed: u64) {
    let end = Instant::now() + time;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut venues = [VenueProcess::start(false), VenueProcess::start(true)];
    let mut ledger = Ledger::new(seed);
    let first_round = number("SOAK_ROUND").unwrap_or(0);
    for _ in 0..first_round {
        let _ = (random.usize(..2), random.fork());
    }
    ledger.begin_with(first_round as u32);
    let warm = first_round as u32 + WARM_UP;
    let mut first_kib = 0;
    let (mut fds, mut threads) = (0, 0);
    while Instant::now() < end || ledger.rounds <= warm {
        let venue = &mut venues[random.usize(..2)];
        let round = random.fork();
        match ledger.rounds % OVERLOAD_EVERY {
            OVERLOAD_AT => overload::run(venue, &mut ledger, round),
            _ => round::run(venue, &mut ledger, round),
        }
        ledger.reconcile(venue);
        let now = Process::look();
        if ledger.rounds <= warm {
            (first_kib, fds, threads) = (now.rss_kib, now.fds, now.threads);
        }
        await_no_more_than(fds, threads);
        let growth = now.rss_kib.saturating_sub(first_kib);
        assert!(growth < MOST_GROWTH_KIB, "{growth} KiB more than after the first rounds");
        if ledger.rounds.is_multiple_of(ROUNDS_A_ROW) {
            println!("{} rounds, {} orders, {} KiB", ledger.rounds, ledger.accepted(), now.rss_kib);
        }
    }
    let now = Process::look();
    ledger.print();
    println!("descriptors         {:>10}\nthreads             {:>10}", now.fds, now.threads);
    println!("memory, first KiB   {first_kib:>10}\nmemory, last KiB    {:>10}", now.rss_kib);
}

/// A name look-up outlives its pool by as long as the system's resolver takes, with its thread and
/// its descriptors; nothing else does.
fn await_no_more_than(fds: usize, threads: usize) {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let now = Process::look();
        if now.fds <= fds && now.threads <= threads {
            return;
        }
        let grown = (now.fds, now.threads, fds, threads);
        assert!(Instant::now() < end, "descriptors and threads do not grow: {grown:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What this process uses.
struct Process {
    fds: usize,
    threads: usize,
    rss_kib: u64,
}

impl Process {
    fn look() -> Self {
        let count = |folder: &str| std::fs::read_dir(folder).unwrap().count();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        let rss_kib = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        Self { fds: count("/proc/self/fd"), threads: count("/proc/self/task"), rss_kib }
    }
}
