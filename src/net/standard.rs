//! The standard descriptors 0, 1 and 2 belong to the host, also while the host has closed them.
//!
//! The system gives a new descriptor the lowest free number (POSIX 2.14). A socket with number 2
//! would send to the venue what the host writes to its standard error.

use std::io;
use std::os::fd::{IntoRawFd, RawFd};
use std::sync::{Mutex, PoisonError};

use nix::sys::epoll::{Epoll, EpollCreateFlags};

/// Held while numbers are occupied. A second thread would take an occupied number for an open one,
/// and could then get it when the first thread frees it.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs `open` such that no descriptor which it opens is a standard one.
///
/// # Errors
/// What `open` says, or the system when it has no descriptor.
pub fn spared<T>(open: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut occupied = Vec::new();
    for _ in (0..3).filter(|number| flags(*number).is_none()) {
        occupied.push(Occupied::lowest_free()?);
    }
    open()
}

/// A number that is occupied until this is dropped.
struct Occupied(RawFd);

impl Occupied {
    fn lowest_free() -> io::Result<Self> {
        // A write to an epoll descriptor is an error, as a write to a closed one is.
        Ok(Self(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?.0.into_raw_fd()))
    }
}

impl Drop for Occupied {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // The host may have put its own file in this place meanwhile. dup2 clears the flag.
        if flags(self.0) == Some(libc::FD_CLOEXEC) {
            // SAFETY: the number is this type's own.
            unsafe { libc::close(self.0) };
        }
    }
}

/// The descriptor's flags, if it is open.
#[allow(unsafe_code)]
fn flags(number: RawFd) -> Option<libc::c_int> {
    // SAFETY: the call reads the flags of a number, whatever the number is.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
    (flags != -1).then_some(flags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsRawFd;
    use std::process::Command;

    const IN_A_PROCESS_OF_ITS_OWN: &str = "STANDARD_DESCRIPTORS_ALONE";

    const ROUNDS: usize = 20_000;

    /// Runs `test` in a process of its own, because it closes the standard descriptors. It cannot
    /// print there, so its verdict is the exit code.
    fn alone(name: &str, test: fn() -> bool) {
        if std::env::var_os(IN_A_PROCESS_OF_ITS_OWN).is_some() {
            std::process::exit(if test() { 0 } else { 3 });
        }
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", &format!("net::standard::tests::{name}"), "--nocapture"]);
        let status = again.env(IN_A_PROCESS_OF_ITS_OWN, "1").status().unwrap();
        assert!(status.success(), "{status}");
    }

    #[allow(unsafe_code)]
    fn close(number: RawFd) {
        // SAFETY: this process is the test's own, and it does not use the number any more.
        unsafe { libc::close(number) };
    }

    fn open_often() -> bool {
        let open = || File::open("/dev/null");
        (0..ROUNDS).all(|_| spared(open).unwrap().as_raw_fd() >= 3)
    }

    /// One thread must not count another's held descriptors as the host's: they are soon gone.
    #[test]
    fn threads_that_open_at_the_same_time_all_spare_the_standard_descriptors() {
        alone("threads_that_open_at_the_same_time_all_spare_the_standard_descriptors", || {
            (0..3).for_each(close);
            let threads = [std::thread::spawn(open_often), std::thread::spawn(open_often)];
            threads.map(|thread| thread.join().unwrap()).iter().all(|spared| *spared)
        });
    }

    /// The host may put its log in place of its standard error at any moment, so also while this
    /// holds the number.
    #[test]
    #[allow(unsafe_code)]
    fn what_the_host_puts_in_place_meanwhile_stays_open() {
        alone("what_the_host_puts_in_place_meanwhile_stays_open", || {
            let log = File::open("/dev/null").unwrap().into_raw_fd();
            (0..3).for_each(close);
            // SAFETY: both numbers are this test's.
            spared(|| Ok(unsafe { libc::dup2(log, 2) })).unwrap();
            flags(0).is_none() && flags(1).is_none() && flags(2).is_some()
        });
    }
}
