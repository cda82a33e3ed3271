//! What is measured, and how it goes to stdout: the lines of ../../harness.hpp. It does not know
//! what the figures are of.

use std::io::{BufWriter, Write, stdout};
use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};

use crate::fail;

/// What an engine saw.
#[derive(Debug, Default)]
pub struct Record {
    /// Of each request, or of each burst.
    pub latency_ns: Vec<u64>,
    /// Submitted until the kernel had its last byte.
    pub wire_ns: Vec<u64>,
    /// Requests without a right answer.
    pub failed: u64,
}

/// The clock of all figures.
pub fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("every Linux has this clock");
    now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
}

/// When the last send on a socket returned, as the library in ../../preload.c saw it; none without.
pub fn last_send_ns() -> Option<&'static AtomicU64> {
    // SAFETY: the name is a C string; a symbol of this name is an atomic 64-bit number which lives
    // as long as the process.
    unsafe {
        let at = libc::dlsym(libc::RTLD_DEFAULT, c"bench_last_send_ns".as_ptr());
        at.cast::<AtomicU64>().as_ref()
    }
}

pub(crate) fn last_send(at: &AtomicU64) -> u64 {
    at.load(Ordering::Acquire)
}

/// Memory in use.
pub fn rss_kib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_else(|_| fail("statm"));
    let pages: u64 = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE);
    pages * page.ok().flatten().unwrap_or(4096) as u64 / 1024
}

/// CPU time of the process.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// In the program.
    pub user_us: i64,
    /// In the kernel.
    pub sys_us: i64,
}

impl Usage {
    /// Until now.
    pub fn now() -> Self {
        let usage = getrusage(UsageWho::RUSAGE_SELF).expect("it has no way to fail");
        Self {
            user_us: usage.user_time().num_microseconds(),
            sys_us: usage.system_time().num_microseconds(),
        }
    }
}

/// All that one run found.
#[derive(Debug)]
pub struct Report {
    /// Of all engines.
    pub record: Record,
    /// From the first request to the last answer.
    pub elapsed_ns: u64,
    /// CPU time before and after them, and after idling.
    pub usage: [Usage; 3],
    /// Memory before and after dialing.
    pub rss_kib: [u64; 2],
}

impl Report {
    /// To stdout.
    pub fn print(&self) -> std::io::Result<()> {
        let mut out = BufWriter::new(stdout().lock());
        let record = &self.record;
        for (name, values) in [("latency_ns", &record.latency_ns), ("wire_ns", &record.wire_ns)] {
            write!(out, "{name}")?;
            for value in values {
                write!(out, " {value}")?;
            }
            writeln!(out)?;
        }
        let [before, after, idle] = self.usage;
        writeln!(out, "elapsed_ns {}", self.elapsed_ns)?;
        writeln!(out, "user_us {}", after.user_us - before.user_us)?;
        writeln!(out, "sys_us {}", after.sys_us - before.sys_us)?;
        writeln!(out, "failed {}", record.failed)?;
        writeln!(out, "rss_before_kib {}\nrss_open_kib {}", self.rss_kib[0], self.rss_kib[1])?;
        let idle_us = idle.user_us + idle.sys_us - after.user_us - after.sys_us;
        writeln!(out, "idle_us {idle_us}")?;
        out.flush()
    }
}
