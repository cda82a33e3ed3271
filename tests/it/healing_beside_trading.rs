//! No order waits behind a handshake: what a handshake computes is computed on the dial thread.
//!
//! Counted is the CPU time of the threads, which does not depend on what else the machine does. The
//! test is a process of its own, because the dial thread serves all pools of a process.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use mock_venue::{Certificates, Peer, Script, ScriptServer};
use nix::time::{ClockId, clock_gettime};
use venuepool::config::Drive;
use venuepool::driver::Pool;
use venuepool::error::Outcome;

use crate::rig::{config, get, until};

/// Within what a verifier tries before it gives up, which is a hundred signatures.
const MOST_DECOYS: usize = 95;

/// What one verification takes at least.
const VERIFICATION: Duration = Duration::from_millis(20);

/// Who computes as much from one completion to the next has verified. A verification is one step,
/// so it is never spread over several; and the kernel charges a thread with interrupts, too, which
/// may be a millisecond.
const BEHIND: Duration = Duration::from_millis(10);

/// The dials that are waited for.
const DIALS: u64 = 12;

const IN_A_PROCESS_OF_ITS_OWN: &str = "IT_HEALING_BESIDE_TRADING";

const DIAL_THREAD: &str = "venuepool-dial";

/// The CPU time that the thread of that name has used; `None` without one. A look-up's thread has
/// the name of the dial thread, which starts it, for a moment: it has used the least.
fn cpu_time(name: &str) -> Option<Duration> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let times = tasks.filter_map(|task| {
        let path = task.unwrap().path();
        // A thread may end between the listing and the look.
        let comm = std::fs::read_to_string(path.join("comm")).ok()?;
        let id: i32 = path.file_name()?.to_str()?.parse().ok()?;
        // CPUCLOCK_PERTHREAD | CPUCLOCK_SCHED of Linux's posix-timers.h.
        let clock = ClockId::from_raw((!id << 3) | 6);
        (comm.trim() == name).then(|| clock_gettime(clock).ok()).flatten()
    });
    times.map(Duration::from).max()
}

/// Serves orders on its first connection, and hangs up on all later ones.
fn server(certificates: &Certificates) -> ScriptServer {
    let serve = |peer: &mut Peer, number: usize| {
        while number == 0 && matches!(peer.read_request(), Ok(Some(_))) {
            if peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_err() {
                return;
            }
        }
    };
    Script::serve_tls_without_tickets(certificates, serve).unwrap()
}

fn open(drive: Drive, name: &str, certificates: &Certificates, url: &str) -> Arc<Pool> {
    let mut config = config(url, 2);
    config.set_drive(drive);
    config.set_thread_name(name.as_bytes()).unwrap();
    config.set_ca_pem(certificates.ca_pem().as_bytes()).unwrap();
    config.set_tls_handshake_timeout_ns(60_000_000_000).unwrap();
    config.set_backoff_ns(1_000, 1_000).unwrap();
    Pool::open(&config).unwrap()
}

#[test]
fn no_order_waits_behind_a_handshake() {
    if std::env::var_os(IN_A_PROCESS_OF_ITS_OWN).is_some() {
        return count_who_waits();
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    let name = "healing_beside_trading::no_order_waits_behind_a_handshake";
    again.args(["--exact", name, "--nocapture"]).env(IN_A_PROCESS_OF_ITS_OWN, "1");
    let output = again.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {text}", output.status);
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{text}");
}

fn count_who_waits() {
    let used = |name: &str| cpu_time(name).expect("there is such a thread");
    let certificates = Certificates::slow_to_verify(MOST_DECOYS).unwrap();
    for (drive, name) in [(Drive::Thread, "beside-thread"), (Drive::Caller, "beside-caller")] {
        let server = server(&certificates);
        let pool = open(drive, name, &certificates, &server.url());
        let dials = || pool.stats().connected.get();
        let (first, dialled_before) = (dials(), used(DIAL_THREAD));
        let (mut answered, mut waited, mut before) = (0, 0, used(name));
        until(|| {
            for _ in 0..10 {
                // On a connection that is hung up on it fails, and that is not counted.
                answered += u64::from(get(&pool, "/").outcome == Outcome::Ok);
                let now = used(name);
                waited += u64::from(now.saturating_sub(before) >= BEHIND);
                before = now;
            }
            (dials() >= first + DIALS && answered >= 100).then_some(())
        });
        assert_eq!(waited, 0, "of {answered} orders in {drive:?}");
        let dialled = used(DIAL_THREAD) - dialled_before;
        let each = dialled / u32::try_from(dials() - first).unwrap();
        assert!(each >= VERIFICATION, "{each:?} for a dial proves nothing");
        pool.close().unwrap();
        // The system lists a thread for a moment after it was joined.
        until(|| cpu_time(DIAL_THREAD).is_none().then_some(()));
    }
}
