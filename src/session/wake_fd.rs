//! What wakes the thread that drives a session: an eventfd that others write, and a timer.
//!
//! It knows descriptors and no session. While no thread sleeps, a notification is one write to
//! memory.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::Wake;
use std::time::Duration;

use nix::sys::eventfd::EfdFlags;
use nix::sys::time::TimeSpec;
use nix::sys::timer::{Expiration, TimerSetTimeFlags};
use nix::sys::timerfd::{ClockId, TimerFd, TimerFlags};

use crate::net::standard::spared;
use crate::sync::EventFd;
use crate::sync::atomic::{OrderedBool, Ordering};

/// An eventfd. Who is about to sleep arms it first, and then looks whether it was notified.
pub(super) struct WakeFd {
    event: EventFd,
    is_notified: OrderedBool,
    /// Someone sleeps on the descriptor, or may do so at any moment.
    is_armed: OrderedBool,
    /// The engine has the descriptor, and may sleep on it at any moment.
    is_given: OrderedBool,
}

impl WakeFd {
    pub(super) fn new() -> io::Result<Self> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let event = spared(|| Ok(EventFd::from_value_and_flags(0, flags)?))?;
        let [is_notified, is_armed, is_given] = [false; 3].map(OrderedBool::new);
        Ok(Self { event, is_notified, is_armed, is_given })
    }

    /// Notifies, behind what it notifies of.
    pub(super) fn notify(&self) {
        if !self.is_notified.swap(true, Ordering::SeqCst) && self.is_armed.load(Ordering::SeqCst) {
            self.write();
        }
    }

    fn write(&self) {
        // It fails when the descriptor is readable for long.
        let _ = self.event.write(1);
    }

    /// The engine gets the descriptor. It is readable at once, the first time.
    pub(super) fn give(&self) {
        if !self.is_given.swap(true, Ordering::SeqCst) {
            self.is_armed.store(true, Ordering::SeqCst);
            self.is_notified.store(true, Ordering::SeqCst);
            self.write();
        }
    }

    /// Whether the engine has the descriptor.
    pub(super) fn is_given(&self) -> bool {
        self.is_given.load(Ordering::SeqCst)
    }

    /// Who drives is about to sleep on the descriptor, which is readable from now on when it is
    /// notified. `false`: it was notified before, so there is to be no sleep.
    pub(super) fn begin_sleep(&self) -> bool {
        self.is_armed.store(true, Ordering::SeqCst);
        !self.is_notified.load(Ordering::SeqCst)
    }

    /// Who drives is awake, and looks before the next sleep.
    pub(super) fn end_sleep(&self) {
        self.is_armed.store(false, Ordering::SeqCst);
        // Behind that: the descriptor may be asked for meanwhile.
        if self.is_given() {
            self.is_armed.store(true, Ordering::SeqCst);
        }
    }

    /// Whether it was notified, and that was not taken since.
    pub(super) fn is_notified(&self) -> bool {
        self.is_notified.load(Ordering::SeqCst)
    }

    /// Takes the notification, if there is one. What is looked at from now on has what it was for.
    pub(super) fn take(&self) -> bool {
        // Not relaxed: who was woken by the descriptor must see what was set before it was written.
        self.is_notified.load(Ordering::SeqCst) && self.is_notified.swap(false, Ordering::SeqCst)
    }

    /// The descriptor is not readable any more; before [`WakeFd::take`].
    pub(super) fn drain(&self) {
        let _ = self.event.read();
    }
}

#[cfg(feature = "model")]
impl WakeFd {
    /// Whether the descriptor is readable.
    pub(super) fn is_readable(&self) -> bool {
        self.event.is_readable()
    }
}

impl AsFd for WakeFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

impl Wake for WakeFd {
    fn wake(self: Arc<Self>) {
        self.notify();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.notify();
    }
}

/// A clock whose descriptor becomes readable at a time of CLOCK_MONOTONIC.
pub(super) struct DueTimer {
    timer: TimerFd,
    /// [`u64::MAX`]: it is not set.
    at_ns: AtomicU64,
}

impl DueTimer {
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

impl AsFd for DueTimer {
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
        let wake_fd = WakeFd::new().unwrap();
        wake_fd.notify();
        assert!(!is_readable(wake_fd.as_fd(), 0) && !wake_fd.begin_sleep());
        assert!(wake_fd.take() && !wake_fd.take() && wake_fd.begin_sleep());
        wake_fd.notify();
        wake_fd.notify();
        assert!(is_readable(wake_fd.as_fd(), 0));
        wake_fd.drain();
        assert!(wake_fd.take() && !is_readable(wake_fd.as_fd(), 0));
        wake_fd.end_sleep();
        wake_fd.notify();
        assert!(wake_fd.take() && !is_readable(wake_fd.as_fd(), 0));
    }

    #[test]
    fn a_bell_whose_descriptor_was_given_is_heard_for_ever() {
        let wake_fd = WakeFd::new().unwrap();
        wake_fd.give();
        assert!(is_readable(wake_fd.as_fd(), 0));
        wake_fd.drain();
        assert!(wake_fd.take() && wake_fd.begin_sleep());
        wake_fd.end_sleep();
        wake_fd.notify();
        assert!(is_readable(wake_fd.as_fd(), 0));
        wake_fd.drain();
        wake_fd.give();
        assert!(!is_readable(wake_fd.as_fd(), 0), "it is told of once");
    }

    #[test]
    fn an_alarm_tells_at_its_time_and_the_earliest_stays() {
        let timer = DueTimer::new().unwrap();
        assert!(!is_readable(timer.as_fd(), 0));
        let soon = now_ns() + 2_000_000;
        timer.set(soon);
        timer.set(soon + 60_000_000_000);
        assert_eq!(timer.at_ns(), soon);
        assert!(is_readable(timer.as_fd(), 20_000));
        assert!(now_ns() >= soon);
        timer.stop();
        assert!(!is_readable(timer.as_fd(), 0) && timer.at_ns() == u64::MAX);
    }
}
