//! Clocks that jump. The pool lives by CLOCK_MONOTONIC; the wall clock is for certificates, and for
//! a Retry-After that is a date.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mock_venue::{FaultKind, How};
use venuepool::error::{CloseReason, Outcome, WireState};

use crate::case::{ANSWERED, Case, Heals, MS, Scene, TLS, case, one_at_a_time};
use crate::process::{set_wall_clock, skip_time};
use crate::resets::{lose_idle, next};

const YEAR_S: i64 = 365 * 24 * 3600;

/// A wall clock that jumps every now and then, until this is dropped.
struct Jumping {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Jumping {
    fn begin() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut random = fastrand::Rng::with_seed(13);
            while !theirs.load(Ordering::SeqCst) {
                set_wall_clock(random.i64(-YEAR_S / 2..YEAR_S));
                std::thread::sleep(Duration::from_micros(200));
            }
        });
        Self { over, thread: Some(thread) }
    }
}

impl Drop for Jumping {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = self.thread.take().map(JoinHandle::join);
        set_wall_clock(0);
    }
}

/// A case during whose fault the wall clock jumps.
fn jumping(name: &'static str, fault: impl Fn(&Scene<'_>) + 'static) -> Case {
    let jumps: Arc<Mutex<Option<Jumping>>> = Arc::default();
    let end = Arc::clone(&jumps);
    case(name)
        .fault(move |scene| {
            *jumps.lock().unwrap() = Some(Jumping::begin());
            fault(scene);
        })
        .until(move |scene| {
            drop(end.lock().unwrap().take());
            scene.far.first().clear_faults().unwrap();
        })
}

#[test]
fn a_wall_clock_that_jumps_is_no_matter() {
    jumping("wall clock jumps, orders and dials", lose_idle(How::Rst))
        .orders(10)
        .expect(&[ANSWERED])
        .closes(2, CloseReason::IdleReset)
        .run(Heals::AtOnce);
}

#[test]
fn a_wall_clock_that_jumps_moves_no_deadline() {
    jumping("wall clock jumps, deadline", next(FaultKind::Stall))
        .deadline(50 * MS)
        .expect(&[(Outcome::Timeout, WireState::Sent)])
        .closes(1, CloseReason::Timeout)
        .run(Heals::AtOnce);
}

#[test]
fn certificates_are_judged_by_the_wall_clock() {
    case("wall clock beyond the certificate")
        .over(TLS)
        .fault(|scene| {
            set_wall_clock(40 * YEAR_S);
            lose_idle(How::Rst)(scene);
        })
        .deadline(50 * MS)
        .expect(&[(Outcome::Timeout, WireState::NotSent)])
        .dials_fail_at(2)
        .until(|scene| {
            assert!(scene.pool.last_dial_error().unwrap().text.contains("expired"));
            set_wall_clock(0);
        })
        .run(Heals::OneStep);
}

/// What makes this program the one in which an hour passes.
const IN_A_PROCESS_OF_ITS_OWN: &str = "FAULTS_SKIP_AN_HOUR";

/// The kernel's own clock does not skip anything, so that a sleep until a moment of this program's
/// clock is long from then on: no other case could run in this process.
#[test]
fn an_hour_that_passes_at_once_costs_no_order() {
    if std::env::var_os(IN_A_PROCESS_OF_ITS_OWN).is_none() {
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "clocks::an_hour_that_passes_at_once_costs_no_order"]);
        again.arg("--nocapture").env(IN_A_PROCESS_OF_ITS_OWN, "1").stdin(Stdio::null());
        let _turn = one_at_a_time();
        let mut child = again.spawn().unwrap();
        let ended = until_or_give_up(|| child.try_wait().unwrap());
        if ended.is_none() {
            let _ = child.kill();
            let _ = child.wait();
        }
        assert!(ended.is_some_and(|status| status.success()), "{ended:?}");
        return;
    }
    case("an hour at once")
        .with(|config| {
            config.set_idle_limit_ns(60_000 * MS).unwrap();
            config.set_heartbeat(b"GET", b"/api/v3/ping", 10_000 * MS, 5_000 * MS).unwrap();
        })
        .fault(|_| skip_time(3600))
        .expect(&[ANSWERED])
        .run(Heals::AtOnce);
}

/// Repeats a look until it answers something, for a minute.
fn until_or_give_up<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = look();
        if answer.is_some() || Instant::now() > end {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
