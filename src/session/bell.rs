//! What wakes a thread that drives a session: a bell that others ring, and a clock.
//!
//! It knows descriptors and no session. While no one listens, ringing is one write to memory.

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

/// A bell. Who listens first sets what is to be heard, and then looks whether it was rung.
pub(super) struct Bell {
    event: EventFd,
    is_rung: OrderedBool,
    /// Someone sleeps on the descriptor, or may do so at any moment.
    is_heard: OrderedBool,
    /// The engine has the descriptor, and may sleep on it at any moment.
    is_given: OrderedBool,
}

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let event = spared(|| Ok(EventFd::from_value_and_flags(0, flags)?))?;
        let [is_rung, is_heard, is_given] = [false; 3].map(OrderedBool::new);
        Ok(Self { event, is_rung, is_heard, is_given })
    }

    /// Rings, behind what it is rung for.
    pub(super) fn ring(&self) {
        if !self.is_rung.swap(true, Ordering::SeqCst) && self.is_heard.load(Ordering::SeqCst) {
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
            self.is_heard.store(true, Ordering::SeqCst);
            self.is_rung.store(true, Ordering::SeqCst);
            self.write();
        }
    }

    /// Whether the engine has the descriptor.
    pub(super) fn is_given(&self) -> bool {
        self.is_given.load(Ordering::SeqCst)
    }

    /// Who drives is about to sleep on the descriptor, which is readable from now on when it is
    /// rung. `false`: it was rung before, so there is to be no sleep.
    pub(super) fn begin_sleep(&self) -> bool {
        self.is_heard.store(true, Ordering::SeqCst);
        !self.is_rung.load(Ordering::SeqCst)
    }

    /// Who drives is awake, and looks before the next sleep.
    pub(super) fn end_sleep(&self) {
        self.is_heard.store(false, Ordering::SeqCst);
        // Behind that: the descriptor may be asked for meanwhile.
        if self.is_given() {
            self.is_heard.store(true, Ordering::SeqCst);
        }
    }

    /// Whether it was rung, and not taken since.
    pub(super) fn is_rung(&self) -> bool {
        self.is_rung.load(Ordering::SeqCst)
    }

    /// Whether it was rung. What is looked at from now on has what it was rung for.
    pub(super) fn take(&self) -> bool {
        // Not relaxed: who was woken by the descriptor must see what was set before it was written.
        self.is_rung.load(Ordering::SeqCst) && self.is_rung.swap(false, Ordering::SeqCst)
    }

    /// The descriptor is not readable any more; before [`Bell::take`].
    pub(super) fn silence(&self) {
        let _ = self.event.read();
    }
}

#[cfg(feature = "model")]
impl Bell {
    /// Whether the descriptor is readable.
    pub(super) fn is_readable(&self) -> bool {
        self.event.is_readable()
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
        assert!(!is_readable(bell.as_fd(), 0) && !bell.begin_sleep());
        assert!(bell.take() && !bell.take() && bell.begin_sleep());
        bell.ring();
        bell.ring();
        assert!(is_readable(bell.as_fd(), 0));
        bell.silence();
        assert!(bell.take() && !is_readable(bell.as_fd(), 0));
        bell.end_sleep();
        bell.ring();
        assert!(bell.take() && !is_readable(bell.as_fd(), 0));
    }

    #[test]
    fn a_bell_whose_descriptor_was_given_is_heard_for_ever() {
        let bell = Bell::new().unwrap();
        bell.give();
        assert!(is_readable(bell.as_fd(), 0));
        bell.silence();
        assert!(bell.take() && bell.begin_sleep());
        bell.end_sleep();
        bell.ring();
        assert!(is_readable(bell.as_fd(), 0));
        bell.silence();
        bell.give();
        assert!(!is_readable(bell.as_fd(), 0), "it is told of once");
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
