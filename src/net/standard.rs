//! The standard descriptors 0, 1 and 2 belong to the host, also while the host has closed them.
//!
//! The system gives a new descriptor the lowest free number (POSIX 2.14). A socket with number 2
//! would send to the venue what the host writes to its standard error.

use std::io;
use std::os::fd::RawFd;

use nix::sys::epoll::{Epoll, EpollCreateFlags};

/// Runs `open` such that no descriptor which it opens is a standard one.
///
/// # Errors
/// What `open` says, or the system when it has no descriptor.
pub fn spared<T>(open: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let mut held = Vec::new();
    for _ in (0..3).filter(|number| !is_open(*number)) {
        // A write to an epoll descriptor is an error, as a write to a closed one is.
        held.push(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?);
    }
    open()
}

#[allow(unsafe_code)]
fn is_open(number: RawFd) -> bool {
    // SAFETY: the call reads the flags of a number, whatever the number is.
    unsafe { libc::fcntl(number, libc::F_GETFD) != -1 }
}
