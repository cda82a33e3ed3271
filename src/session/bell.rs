//! What wakes a thread that drives a session: a bell that others ring, and a clock.
//!
//! It knows descriptors and no session. While no one listens, ringing is one write to memory.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Wake;
use std::time::Duration;

use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::time::TimeSpec;
use nix::sys::timer::{Expiration, TimerSetTimeFlags};
use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};

use crate::net::standard::spared;

/// A bell. Who listens first sets what is to be heard, and then looks whether it was rung.
pub(super) struct Bell {
    event: EventFd,
    is_rung: AtomicBool,
    /// Someone sleeps on the descriptor, or may do so at any moment.
    is_heard: AtomicBool,
}

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let event = spared(|| Ok(EventFd::from_value_and_flags(0, flags)?))?;
        Ok(Self { event, is_rung: AtomicBool::new(false), is_heard: AtomicBool::new(false) })
    }

    /// Rings, behind what it is rung for.
    pub(super) fn ring(&self) {
        if !self.is_rung.swap(true, Ordering::SeqCst) && self.is_heard.load(Ordering::SeqCst) {
            self.write();
        }
    }

    /// Rings on the descriptor, too, whether it was rung before or not.
    pub(super) fn ring_anyway(&self) {
        self.is_rung.store(true, Ordering::SeqCst);
        self.write();
    }

    fn write(&self) {
        // It fails when the descriptor is readable for long.
        let _ = self.event.write(1);
    }

    /// From now on the descriptor is readable when it is rung, or no more.
    pub(super) fn listen(&self, listens: bool) {
        self.is_heard.store(listens, Ordering::SeqCst);
    }

    /// Whether it was rung, and not taken since.
    pub(super) fn is_rung(&self) -> bool {
        self.is_rung.load(Ordering::SeqCst)
    }

    /// Whether it was rung. What is looked at from now on has what it was rung for.
    pub(super) fn take(&self) -> bool {
        self.is_rung.load(Ordering::Relaxed) && self.is_rung.swap(false, Ordering::SeqCst)
    }

    /// The descriptor is not readable any more; before [`Bell::take`].
    pub(super) fn silence(&self) {
        let _ = self.event.read();
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

/// A clock whose descriptor becomes readable at a time of CLOCK_MONOTONIC.
pub(super) struct Alarm {
    timer: TimerFd,
    /// [`u64::MAX`]: it is not set.
    at_ns: AtomicU64,
}

impl Alarm {
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        let timer = spared(|| Ok(TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?))?;
        Ok(Self { timer, at_ns: AtomicU64::new(u64::MAX) })
    }

    /// The time that it is set to.
    pub(super) fn at_ns(&self) -> u64 {
        self.at_ns.load(Ordering::Relaxed)
    }

    /// Sets it to that time, unless it is set to an earlier one: it is cheaper to be woken now and
    /// then for nothing. By who drives.
    pub(super) fn set(&self, at_ns: u64) {
        if at_ns >= self.at_ns() {
            return;
        }
        // 0 would turn it off.
        let at = TimeSpec::from_duration(Duration::from_nanos(at_ns.max(1)));
        let once = Expiration::OneShot(at);
        if self.timer.set(once, TimerSetTimeFlags::TFD_TIMER_ABSTIME).is_ok() {
            self.at_ns.store(at_ns, Ordering::Relaxed);
        }
    }

    /// It has told: the descriptor is not readable any more.
    pub(super) fn stop(&self) {
        let _ = self.timer.wait();
        self.at_ns.store(u64::MAX, Ordering::Relaxed);
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.timer.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;
    use crate::clock::now_ns;

    fn is_readable(fd: BorrowedFd<'_>, patience: u16) -> bool {
        poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], PollTimeout::from(patience)).unwrap() == 1
    }

    #[test]
    fn a_bell_is_readable_only_while_someone_listens_and_is_never_lost() {
        let bell = Bell::new().unwrap();
        bell.ring();
        assert!(!is_readable(bell.as_fd(), 0) && bell.is_rung());
        bell.listen(true);
        assert!(bell.take() && !bell.take());
        bell.ring();
        bell.ring();
        assert!(is_readable(bell.as_fd(), 0));
        bell.silence();
        assert!(bell.take() && !is_readable(bell.as_fd(), 0));
    }

    #[test]
    fn an_alarm_tells_at_its_time_and_the_earliest_stays() {
        let alarm = Alarm::new().unwrap();
        assert!(!is_readable(alarm.as_fd(), 0));
        let soon = now_ns() + 2_000_000;
        alarm.set(soon);
        alarm.set(soon + 60_000_000_000);
        assert_eq!(alarm.at_ns(), soon);
        assert!(is_readable(alarm.as_fd(), 20_000));
        assert!(now_ns() >= soon);
        alarm.stop();
        assert!(!is_readable(alarm.as_fd(), 0) && alarm.at_ns() == u64::MAX);
    }
}
