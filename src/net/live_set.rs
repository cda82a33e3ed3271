//! Sets of live sockets that one epoll descriptor watches, for caller drive, and sets of such sets
//! for groups of pools.
//!
//! Two sets of sockets are kept: the engine reads through one, and the pool thread learns of losses
//! from the other, which data never wakes. Both are edge-triggered: an event says "look again", and
//! whoever looks, looks until there is nothing more. A socket leaves its sets when it is closed.

use std::ffi::{c_int, c_void};
use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::net::standard::spared;

/// Events taken from the kernel by one call; what is left is taken by the next. Few, because room
/// for them is cleared at each call.
const BATCH: usize = 16;

/// The longest single wait in seconds, which epoll_wait(2) can be told in milliseconds.
const MOST_S: u64 = 2_000_000;

/// Sockets under one epoll descriptor, each known by a number.
pub struct LiveSet {
    epoll: Epoll,
    interest: EpollFlags,
}

impl LiveSet {
    /// A set that tells of all that a reader or a writer waits for.
    pub fn of_traffic() -> io::Result<Self> {
        Self::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLRDHUP)
    }

    /// A set that tells of ended and reset connections alone.
    pub fn of_losses() -> io::Result<Self> {
        Self::new(EpollFlags::EPOLLRDHUP)
    }

    /// A set of descriptors that are each readable for as long as there is something to do.
    pub fn of_descriptors() -> io::Result<Self> {
        Self::new(EpollFlags::empty())
    }

    fn new(interest: EpollFlags) -> io::Result<Self> {
        let epoll = spared(|| Ok(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?))?;
        Ok(Self { epoll, interest: interest | EpollFlags::EPOLLET })
    }

    /// Watches a socket until it is closed.
    pub fn add(&self, socket: &TcpStream, number: u64) -> io::Result<()> {
        Ok(self.epoll.add(socket, EpollEvent::new(self.interest, number))?)
    }

    /// Watches a descriptor that is readable for as long as there is something to do.
    pub fn add_level(&self, fd: BorrowedFd<'_>, number: u64) -> io::Result<()> {
        Ok(self.epoll.add(fd, EpollEvent::new(EpollFlags::EPOLLIN, number))?)
    }

    /// Watches a descriptor no more.
    pub fn remove(&self, fd: BorrowedFd<'_>) {
        // It may have left by its end already.
        let _ = self.epoll.delete(fd);
    }

    /// Tells of all sockets that something happened to, without waiting. It leaves none: another
    /// set that watches this one edge-triggered would not report what was left.
    pub fn tell_all(&self, mut tell: impl FnMut(u64)) -> io::Result<()> {
        let mut told = BATCH;
        while told == BATCH {
            told = 0;
            self.wait(Some(Duration::ZERO), |number| {
                told += 1;
                tell(number);
            })?;
        }
        Ok(())
    }

    /// Tells of the sockets that something happened to, waiting for at most `patience` for the
    /// first, perhaps a millisecond less; `None` waits without end.
    pub fn wait(&self, patience: Option<Duration>, mut tell: impl FnMut(u64)) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); BATCH];
        let found = match patience {
            Some(patience) if !patience.is_zero() => self.wait_for(&mut events, patience),
            Some(_) => self.epoll.wait(&mut events, EpollTimeout::ZERO),
            None => self.epoll.wait(&mut events, EpollTimeout::NONE),
        };
        match found {
            Ok(count) => events[..count].iter().for_each(|event| tell(event.data())),
            Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

impl LiveSet {
    /// Waits for the whole milliseconds of `patience`, so it may end less than one too early: who
    /// has time left asks again. By epoll_wait(2), which kernel bypass stacks stand in front of.
    /// Less than a millisecond takes a newer call.
    #[inline(always)]
    fn wait_for(&self, events: &mut [EpollEvent], patience: Duration) -> nix::Result<usize> {
        let ms = patience.as_secs().min(MOST_S) as i32 * 1_000 + patience.subsec_millis() as i32;
        if ms == 0 && !HAS_NO_PWAIT2.load(Ordering::Relaxed) {
            match epoll_pwait2(self.as_raw_fd(), events, patience) {
                // Also a sandbox may not know the call.
                Err(nix::Error::ENOSYS | nix::Error::EPERM) => {
                    HAS_NO_PWAIT2.store(true, Ordering::Relaxed);
                }
                found => return found,
            }
        }
        // Not 0: waking a little late beats turning in circles until it is time.
        let timeout = EpollTimeout::try_from(ms.max(1)).unwrap_or(EpollTimeout::ZERO);
        self.epoll.wait(events, timeout)
    }
}

/// The system has no epoll_pwait2.
static HAS_NO_PWAIT2: AtomicBool = AtomicBool::new(!cfg!(target_pointer_width = "64"));

type Pwait2 = unsafe extern "C" fn(
    c_int,
    *mut libc::epoll_event,
    c_int,
    *const libc::timespec,
    *const libc::sigset_t,
) -> c_int;

/// The function of the C library, which has it since glibc 2.35 only, or of what is preloaded.
#[allow(unsafe_code)]
fn library_pwait2() -> Option<Pwait2> {
    static FOUND: OnceLock<Option<Pwait2>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        // SAFETY: the name is a C string.
        let at = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"epoll_pwait2".as_ptr()) };
        // SAFETY: a function of this name has this type (epoll_pwait2(2)).
        (!at.is_null()).then(|| unsafe { std::mem::transmute::<*mut c_void, Pwait2>(at) })
    })
}

/// Waits with the full precision of the clock (epoll_pwait2(2), Linux 5.11). An older C library is
/// passed by.
#[allow(unsafe_code)]
#[inline(never)]
fn epoll_pwait2(epoll: RawFd, events: &mut [EpollEvent], patience: Duration) -> nix::Result<usize> {
    let timeout = libc::timespec {
        tv_sec: patience.as_secs().min(i32::MAX as u64) as libc::time_t,
        tv_nsec: patience.subsec_nanos().into(),
    };
    let (at, room) = (events.as_mut_ptr().cast::<libc::epoll_event>(), events.len());
    let no_mask = std::ptr::null::<libc::sigset_t>();
    let found = match library_pwait2() {
        // SAFETY: `EpollEvent` is a transparent `epoll_event`, of which there is room for `room`;
        // the timeout lives as long as the call.
        Some(wait) => unsafe { wait(epoll, at, room as c_int, &raw const timeout, no_mask) }.into(),
        // SAFETY: as above; without a mask its size is not looked at.
        None => unsafe {
            libc::syscall(libc::SYS_epoll_pwait2, epoll, at, room, &raw const timeout, no_mask, 0)
        },
    };
    nix::Error::result(found).map(|found| found as usize)
}

impl AsFd for LiveSet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}

impl AsRawFd for LiveSet {
    fn as_raw_fd(&self) -> RawFd {
        self.epoll.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (near, listener.accept().unwrap().0)
    }

    fn told(set: &LiveSet) -> Vec<u64> {
        let mut numbers = Vec::new();
        set.wait(Some(Duration::ZERO), |number| numbers.push(number)).unwrap();
        numbers
    }

    fn told_within_seconds(set: &LiveSet) -> Vec<u64> {
        let mut numbers = Vec::new();
        set.wait(Some(Duration::from_secs(10)), |number| numbers.push(number)).unwrap();
        numbers
    }

    #[test]
    fn losses_are_told_and_data_is_not() {
        let set = LiveSet::of_losses().unwrap();
        let (near, mut far) = pair();
        set.add(&near, 7).unwrap();
        far.write_all(b"data").unwrap();
        assert_eq!(told(&set), [0; 0]);
        drop(far);
        assert_eq!(told_within_seconds(&set), [7]);
        assert_eq!(told(&set), [0; 0], "once");
    }

    #[test]
    fn all_losses_are_told_at_once_however_many_there_are() {
        let set = LiveSet::of_losses().unwrap();
        let pairs: Vec<_> = (0..2 * BATCH as u64 + 1).map(|number| (number, pair())).collect();
        for (number, (near, far)) in &pairs {
            set.add(near, *number).unwrap();
            far.shutdown(std::net::Shutdown::Write).unwrap();
            let mut near = near;
            assert_eq!(near.read(&mut [0]).unwrap(), 0, "it has come");
        }
        let mut numbers = Vec::new();
        set.tell_all(|number| numbers.push(number)).unwrap();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..2 * BATCH as u64 + 1));
    }

    #[test]
    fn a_wait_ends_within_less_than_a_millisecond_if_it_is_shorter() {
        let set = LiveSet::of_traffic().unwrap();
        let patience = Duration::from_micros(50);
        let waits = |_| {
            let start = std::time::Instant::now();
            set.wait(Some(patience), |_| panic!("nothing is there")).unwrap();
            start.elapsed()
        };
        // The machine may be busy, but not each time.
        let shortest = (0..1_000).map(waits).min().unwrap();
        assert!(shortest >= patience, "{shortest:?}");
        let is_old = HAS_NO_PWAIT2.load(Ordering::Relaxed);
        assert!(is_old || shortest < Duration::from_millis(1), "{shortest:?}");
    }

    #[test]
    fn traffic_is_told_at_each_arrival() {
        let set = LiveSet::of_traffic().unwrap();
        let (near, mut far) = pair();
        set.add(&near, 3).unwrap();
        assert_eq!(told(&set), [3], "writable from the start");
        assert_eq!(told(&set), [0; 0]);
        for _ in 0..2 {
            far.write_all(b"data").unwrap();
            assert_eq!(told_within_seconds(&set), [3]);
        }
        drop(near);
        drop(far);
        assert_eq!(told(&set), [0; 0], "a closed socket has left the set");
    }
}
