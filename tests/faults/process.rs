//! What this process uses and sees: descriptors, threads, live memory, the limit of descriptors,
//! and the clocks. It knows no pool.
//!
//! The clocks are this program's own: its `clock_gettime` stands before the C library's, for all of
//! its code, and adds what a test wants to the system's answer.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What the names of all threads of the pools under test begin with; look-ups have their own.
pub(crate) const POOL_THREADS: &str = "faulty-pool";

/// Counts the bytes that are allocated and not freed.
struct Counting;

static LIVE: AtomicI64 = AtomicI64::new(0);

// SAFETY: all is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that are allocated now.
pub(crate) fn live_bytes() -> i64 {
    LIVE.load(Ordering::SeqCst)
}

/// What the process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    fds: usize,
    pool_threads: usize,
}

impl Usage {
    pub(crate) fn look() -> Self {
        let fds = std::fs::read_dir("/proc/self/fd").unwrap().count();
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let is_pools = |task: std::io::Result<std::fs::DirEntry>| {
            // A thread may end between the listing and the look.
            let name = std::fs::read_to_string(task.unwrap().path().join("comm"));
            name.is_ok_and(|name| name.starts_with(POOL_THREADS))
        };
        Self { fds, pool_threads: tasks.filter_map(|task| is_pools(task).then_some(())).count() }
    }

    /// Waits until no more is held than now.
    pub(crate) fn await_again(self, when: &str) {
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            let now = Self::look();
            if now.fds <= self.fds && now.pool_threads <= self.pool_threads {
                return;
            }
            assert!(Instant::now() < end, "{when}: {now:?}, and before it was {self:?}");
            std::thread::sleep(Duration::from_micros(500));
        }
    }
}

/// No new descriptor can be had until this is dropped.
pub(crate) struct NoDescriptors {
    soft: u64,
    hard: u64,
}

impl NoDescriptors {
    pub(crate) fn left() -> Self {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        // Those that are open stay; the next free number is above the limit.
        setrlimit(Resource::RLIMIT_NOFILE, 3, hard).unwrap();
        Self { soft, hard }
    }
}

impl Drop for NoDescriptors {
    fn drop(&mut self) {
        setrlimit(Resource::RLIMIT_NOFILE, self.soft, self.hard).unwrap();
    }
}

static WALL_CLOCK_IS_AHEAD_S: AtomicI64 = AtomicI64::new(0);
static MONOTONIC_CLOCK_IS_AHEAD_S: AtomicI64 = AtomicI64::new(0);

/// Sets the wall clock so many seconds before or behind the system's.
pub(crate) fn set_wall_clock(ahead_s: i64) {
    WALL_CLOCK_IS_AHEAD_S.store(ahead_s, Ordering::SeqCst);
}

/// Lets so much time pass at once, as when the host was suspended and CLOCK_MONOTONIC ran on.
pub(crate) fn skip_time(seconds: u32) {
    MONOTONIC_CLOCK_IS_AHEAD_S.fetch_add(seconds.into(), Ordering::SeqCst);
}

/// # Safety
/// As clock_gettime(2): `time` points to a timespec.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(
    clock: libc::clockid_t,
    time: *mut libc::timespec,
) -> libc::c_int {
    // SAFETY: the caller's promise, passed on.
    let answer = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) };
    let ahead = match clock {
        libc::CLOCK_REALTIME => &WALL_CLOCK_IS_AHEAD_S,
        // The first thread is the test harness, which tells how long all took.
        // SAFETY: they take nothing and cannot fail.
        libc::CLOCK_MONOTONIC if unsafe { libc::gettid() != libc::getpid() } => {
            &MONOTONIC_CLOCK_IS_AHEAD_S
        }
        _ => return answer as libc::c_int,
    };
    if answer == 0 {
        // SAFETY: the system has just written it.
        unsafe { (*time).tv_sec += ahead.load(Ordering::Relaxed) };
    }
    answer as libc::c_int
}
