//! Caller drive: the engine's own loop receives, decodes and completes.
//!
//! ```text
//!  poll   one or two in flight: look at each, one recv; more: ask the set of live sockets first
//!  wait   sleep on the set of live sockets, then the same
//!  fd     that set, for the engine's own epoll
//! ```
//!
//! It runs the very code of thread drive ([`Slot::drive`](crate::slot::Slot::drive)), on the
//! engine's thread. One thread drives at a time. A caller that sleeps in execute or acquire drives
//! only while no thread polls or waits, and leaves it to the one that does. The pool thread only
//! heals: it learns of losses by a set of its own, and of deadlines by its timer, and wakes the
//! engine by the descriptor of the completion queue, which is in the engine's set too.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::Pool;
use crate::caller::{Caller, Driving, QUEUE};
use crate::clock::{NEVER, now_ns};
use crate::completion::Completion;
use crate::completion::queue::Taker;
use crate::error::Status;
use crate::group::Polled;
use crate::net::standard::spared;
use crate::pool::driving::{self, Refused};
use crate::sync::atomic::Ordering;
use crate::threads::current::this_thread;

/// How long a driver pauses when the system does not say what has come in.
const BLIND: Duration = Duration::from_nanos(driving::BLIND_NS);

impl Polled for Pool {
    fn fd(&self) -> io::Result<BorrowedFd<'_>> {
        self.event_fd()
    }

    fn look(&self, taker: &mut Taker<'_>) -> Result<Option<usize>, Status> {
        self.poll_to(taker)
    }
}

impl Pool {
    /// Whether the calling thread is in a callback of this pool, or is its pool thread.
    pub fn is_delivering(&self) -> bool {
        self.lifetime.is_pool_thread() || self.is_driver()
    }

    /// Whether the calling thread drives this pool at the moment, in caller drive.
    pub(super) fn is_driver(&self) -> bool {
        let driver = |caller: &Caller| caller.driver.load(Ordering::Relaxed);
        self.delivery
            .caller
            .as_ref()
            .map(driver)
            .is_some_and(|driver| driving::is_driven_by(driver, this_thread()))
    }

    /// Takes up to `limit` completions; in caller drive after a look at what is in flight.
    /// `Ok(None)`: the pool has ended and all were taken.
    pub fn poll(
        &self,
        limit: usize,
        mut take: impl FnMut(Completion),
    ) -> Result<Option<usize>, Status> {
        self.poll_to(&mut Taker::new(limit, &mut |completion| take(completion.take())))
    }

    /// As [`Pool::poll`], for a taker that has taken nothing yet.
    pub fn poll_to(&self, taker: &mut Taker<'_>) -> Result<Option<usize>, Status> {
        let Some(caller) = &self.delivery.caller else {
            return Ok(self.delivery.completions.poll_to(taker));
        };
        let Some(_driving) = self.begin_to_drive(caller, &mut { BLIND })? else {
            // Not the end yet: the closing thread may still hold a last completion.
            return Ok(self.delivery.completions.drain(taker).or(Some(0)));
        };
        let is_fd_out = caller.fd_is_out.load(Ordering::Relaxed);
        if driving::asks_system(is_fd_out, |most| self.slots.in_flight.exceed(most)) {
            self.drive_signalled(caller, Some(Duration::ZERO), taker)?;
        } else {
            self.drive_in_flight(taker);
        }
        self.deliver_handed_over();
        let taken = self.delivery.completions.drain(taker);
        self.leave_readable(caller);
        Ok(taken)
    }

    /// As [`Pool::poll`], but sleeps until there is a completion, at most for `patience`.
    /// `ERR_WOULD_DEADLOCK` on the pool thread, too.
    pub fn wait(
        &self,
        limit: usize,
        patience: Duration,
        mut take: impl FnMut(Completion),
    ) -> Result<Option<usize>, Status> {
        let mut take = |completion: &mut Completion| take(completion.take());
        self.wait_to(patience, &mut Taker::new(limit, &mut take))
    }

    /// As [`Pool::wait`], for a taker that has taken nothing yet.
    pub fn wait_to(
        &self,
        mut patience: Duration,
        taker: &mut Taker<'_>,
    ) -> Result<Option<usize>, Status> {
        let Some(caller) = &self.delivery.caller else {
            // Its own thread would wait for itself.
            if self.lifetime.is_pool_thread() {
                return Err(Status::ERR_WOULD_DEADLOCK);
            }
            return Ok(self.delivery.completions.wait_to(patience, taker));
        };
        let Some(_driving) = self.begin_to_drive(caller, &mut patience)? else {
            return Ok(self.wait_for_driver(caller, patience, taker));
        };
        let mut taken = Some(0);
        self.drive_until(caller, patience, taker, |taker| {
            taken = self.delivery.completions.drain(taker);
            taken != Some(0)
        })?;
        self.leave_readable(caller);
        Ok(taken)
    }

    /// Takes what is in the queue while another thread drives, and the last completions when that
    /// is the closing one.
    #[cold]
    fn wait_for_driver(
        &self,
        caller: &Caller,
        patience: Duration,
        taker: &mut Taker<'_>,
    ) -> Option<usize> {
        let completions = &self.delivery.completions;
        if !self.is_closed() {
            return completions.drain(taker).or(Some(0));
        }
        completions.sleep(patience);
        let taken = completions.drain(taker);
        if taken.is_some() {
            return taken;
        }
        // The closing thread may still hold a last completion; it is done in no time.
        drop(self.last_turn(caller));
        completions.drain(taker)
    }

    /// What is in the queue when a driver leaves keeps the descriptor readable.
    pub(super) fn leave_readable(&self, caller: &Caller) {
        if caller.fd_is_out.load(Ordering::Relaxed) {
            self.delivery.completions.signal_if_any();
        }
    }

    /// Sleeps until `is_over`, at most until the deadline, and drives while no other thread does.
    pub(super) fn sleep_or_drive(
        &self,
        caller: &Caller,
        deadline: Option<Instant>,
        is_over: impl Fn() -> bool,
    ) {
        caller.sleepers.fetch_add(1, Ordering::SeqCst);
        let begin = Instant::now();
        let polls = caller.polls.load(Ordering::SeqCst);
        let mut may_drive = driving::may_drive_at_once(polls, this_thread());
        loop {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if is_over() || left.is_some_and(|left| left.is_zero()) {
                break;
            }
            may_drive &= !self.is_others_turn(caller);
            if may_drive && let Some(driving) = caller.drive_as_sleeper() {
                self.drive_for_sleeper(caller, left, &is_over);
                drop(driving);
                // Others may drive now: who polls or waits, or the next sleeper.
                caller.ring();
                continue;
            }
            // Whoever polls from now on shows that it need not be done here.
            caller.polls.store(0, Ordering::SeqCst);
            let pause = self.pause_of_sleeper(caller, begin);
            caller.pause(left.map_or(pause, |left| left.min(pause)), &is_over);
            may_drive = caller.polls.load(Ordering::SeqCst) == 0;
            if may_drive && self.is_others_turn(caller) {
                // No thread has come for what is in the queue. One look, and it is left to them.
                self.look_for_sleeper(caller);
            }
        }
        caller.sleepers.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether a sleeper must leave the driving to others: they ask for it, or are told.
    fn is_others_turn(&self, caller: &Caller) -> bool {
        let is_claimed = caller.claimed.load(Ordering::SeqCst);
        driving::is_others_turn(is_claimed, || self.is_told(caller))
    }

    /// Whether the descriptor tells of a completion; it does only while no thread lowers it here.
    fn is_told(&self, caller: &Caller) -> bool {
        caller.fd_is_out.load(Ordering::Relaxed) && self.delivery.completions.has_any()
    }

    /// How long to leave the driving to others.
    fn pause_of_sleeper(&self, caller: &Caller, begin: Instant) -> Duration {
        let slept_ns = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(NEVER);
        Duration::from_nanos(driving::pause_of_sleeper_ns(slept_ns, self.is_told(caller)))
    }

    fn look_for_sleeper(&self, caller: &Caller) {
        let Some(driving) = caller.drive_as_sleeper() else { return };
        self.drive_in_flight(&mut Taker::none());
        self.deliver_handed_over();
        self.leave_readable(caller);
        drop(driving);
        if caller.claimed.load(Ordering::SeqCst) {
            caller.ring();
        }
    }

    /// Drives until a sleeper has what it sleeps for, or it is the turn of others.
    fn drive_for_sleeper(
        &self,
        caller: &Caller,
        patience: Option<Duration>,
        is_over: impl Fn() -> bool,
    ) {
        let deadline = patience.and_then(|patience| Instant::now().checked_add(patience));
        self.deliver_handed_over();
        while !is_over() && !self.is_others_turn(caller) {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                break;
            }
            let mut none = Taker::none();
            if self.drive_signalled(caller, left, &mut none).is_err() {
                // The request is accepted, and its completion must come: look without being told.
                self.drive_in_flight(&mut none);
                std::thread::sleep(BLIND);
            }
            self.deliver_handed_over();
        }
        self.leave_readable(caller);
    }

    /// Something was given to a sleeper: it may pause, or sleep in the set of sockets.
    pub(super) fn wake_sleepers(&self, caller: &Caller) {
        if caller.sleepers.load(Ordering::SeqCst) == 0 {
            return;
        }
        caller.ring();
        if !self.is_driver() {
            self.delivery.completions.signal();
        }
    }

    /// A descriptor that is readable when a poll may find something.
    pub fn event_fd(&self) -> io::Result<BorrowedFd<'_>> {
        let Some(caller) = &self.delivery.caller else {
            return spared(|| self.delivery.completions.event_fd());
        };
        caller.fd_is_out.store(true, Ordering::Relaxed);
        if !caller.unread.is_empty() {
            self.delivery.completions.signal();
        }
        self.delivery.completions.signal_if_any();
        Ok(caller.live.as_fd())
    }

    /// Takes the right to drive, for who polls or waits. A sleeper that drives is asked to leave it
    /// to them. It cannot while it is in a callback, so this waits at most for `patience`, and
    /// leaves the rest of it there. `None` when others drive: there is something to take, it took
    /// too long, or the closing thread drives, for the last time.
    #[inline(always)] // Nearly always it is one exchange of a number.
    fn begin_to_drive<'a>(
        &self,
        caller: &'a Caller,
        patience: &mut Duration,
    ) -> Result<Option<Driving<'a>>, Status> {
        let here = this_thread();
        if self.lifetime.is_pool_thread() {
            return Err(Status::ERR_WOULD_DEADLOCK);
        }
        caller.polls.store(here, Ordering::Relaxed);
        match caller.drive_as(here) {
            Ok(driving) => Ok(Some(driving)),
            Err(driver) => match self.refused_by(driver) {
                Some(answer) => answer.map(|()| None),
                None => self.claim(caller, patience),
            },
        }
    }

    /// What who polls is answered while that thread drives; `None` if it is to leave.
    #[cold]
    #[inline(never)]
    fn refused_by(&self, driver: usize) -> Option<Result<(), Status>> {
        match driving::refused(driver, this_thread(), self.is_closed()) {
            Refused::InCallback => Some(Err(Status::ERR_WOULD_DEADLOCK)),
            Refused::Closing => Some(Ok(())),
            Refused::Driven => Some(Err(Status::ERR_DRIVEN)),
            Refused::BySleeper => None,
        }
    }

    /// Has a sleeper leave the driving to this thread, as [`Pool::begin_to_drive`] says.
    #[cold]
    #[inline(never)]
    fn claim<'a>(
        &self,
        caller: &'a Caller,
        patience: &mut Duration,
    ) -> Result<Option<Driving<'a>>, Status> {
        let begin = Instant::now();
        let mut left = *patience;
        let claimed = loop {
            if left.is_zero() || self.delivery.completions.has_any() {
                break Ok(None);
            }
            caller.claimed.store(true, Ordering::SeqCst);
            self.delivery.completions.signal();
            caller.pause(left.min(BLIND), || !caller.is_driven_by_sleeper());
            left = patience.saturating_sub(begin.elapsed());
            match caller.drive_as(this_thread()) {
                Ok(driving) => break Ok(Some(driving)),
                Err(driver) => {
                    if let Some(answer) = self.refused_by(driver) {
                        break answer.map(|()| None);
                    }
                }
            }
        };
        *patience = left;
        caller.claimed.store(false, Ordering::SeqCst);
        claimed
    }

    /// Takes the right to drive for the last time, once the thread that drives has left.
    pub(super) fn last_turn<'a>(&self, caller: &'a Caller) -> Driving<'a> {
        loop {
            if let Ok(driving) = caller.drive_as(this_thread()) {
                return driving;
            }
            caller.pause(BLIND, || caller.driver.load(Ordering::SeqCst) == 0);
        }
    }

    /// Drives until `done`, at most for `patience`. `done` is asked before each sleep.
    pub(super) fn drive_until(
        &self,
        caller: &Caller,
        patience: Duration,
        taker: &mut Taker<'_>,
        mut done: impl FnMut(&mut Taker<'_>) -> bool,
    ) -> Result<(), Status> {
        self.deliver_handed_over();
        if done(taker) {
            return Ok(());
        }
        // A deadline too far to represent is no deadline.
        let patience_ns = u64::try_from(patience.as_nanos()).unwrap_or(NEVER);
        let deadline_ns = now_ns().saturating_add(patience_ns);
        let mut left = (deadline_ns != NEVER).then_some(patience);
        loop {
            // One look even without any patience: the call is a poll then.
            self.drive_signalled(caller, left, taker)?;
            self.deliver_handed_over();
            if done(taker) || left.is_some_and(|left| left.is_zero()) {
                return Ok(());
            }
            left = left.map(|_| Duration::from_nanos(deadline_ns.saturating_sub(now_ns())));
        }
    }

    /// `Err`: the system does not tell, and nothing was taken.
    fn drive_signalled(
        &self,
        caller: &Caller,
        patience: Option<Duration>,
        taker: &mut Taker<'_>,
    ) -> Result<(), Status> {
        let mut unread = !caller.unread.is_empty();
        let patience = if unread { Some(Duration::ZERO) } else { patience };
        let driven = caller.live.wait(patience, |number| match number {
            // Deadlines and cancels say no more than: look. Lowered first, so that the next one is
            // heard.
            QUEUE => {
                self.delivery.completions.clear_now();
                self.drive_in_flight(taker);
                unread = false;
            }
            slot => {
                self.drive_slot(slot as usize, taker);
            }
        });
        if unread {
            // After those that have waited for their first turn.
            for slot in caller.unread.iter() {
                self.drive_slot(slot, taker);
            }
        }
        // What was taken must be told of: the error comes again.
        driven.or_else(|_| if taker.taken() > 0 { Ok(()) } else { Err(Status::ERR_SYSTEM) })
    }

    pub(crate) fn drive_in_flight(&self, taker: &mut Taker<'_>) {
        for slot in self.slots.in_flight.iter() {
            self.drive_slot(slot, taker);
        }
    }

    /// A turn of a slot. Answers how many bytes of a response it has received.
    pub(crate) fn drive_slot(&self, index: usize, taker: &mut Taker<'_>) -> usize {
        let slot = &self.slots[index];
        let mut over = None;
        let turn = slot.drive(self.setting(), &mut over);
        let received = turn.received;
        if let Some(caller) = &self.delivery.caller
            && caller.note_unread(slot.index, turn.unread)
        {
            self.delivery.completions.signal();
        }
        self.after_turn(slot, &turn, &mut over, taker);
        received
    }
}
