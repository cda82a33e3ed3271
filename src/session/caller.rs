//! A session in caller drive: the engine's own thread receives, and does what is due, whenever it
//! polls or waits. There is no other thread but that of the dials.
//!
//! ```text
//!  poll   a pass: the end of a dial, one read, what is due
//!  wait   the same, and sleep in the set until something happens, or until something is due
//!  fd     that set: the socket, the wake-up descriptor, and the timer of what is due next
//! ```
//!
//! One thread drives at a time. Others send meanwhile, and notify it ([`WakeFd`]) of what the
//! one that drives is to look at.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::dialling::{Dials, of_system};
use super::due::{Next, Work};
use super::event::Kept;
use super::receiving::{MAX_TURN, ONE_READ};
use super::wake_fd::{DueTimer, WakeFd};
use super::{NotUp, Session};
use crate::clock::now_ns;
use crate::error::Status;
use crate::group::Driven;
use crate::net::connect::DialError;
use crate::net::dial_thread::DialThread;
use crate::net::live_set::LiveSet;
use crate::threads::current::this_thread;

/// The number of the wake-up descriptor in the set.
const WAKE: u64 = u64::MAX;
/// The number of the clock in the set.
const TIMER: u64 = u64::MAX - 1;

/// At so many polls the slots that wait to take over have one look.
const POLLS_ASIDE: u32 = 32;

/// How long a driver pauses when the system does not say what has come in.
const BLIND: Duration = Duration::from_millis(1);

/// What caller drive keeps beside the session.
pub(super) struct Caller {
    set: LiveSet,
    wake_fd: Arc<WakeFd>,
    timer: DueTimer,
    /// The number of the thread that drives; 0 for none.
    driver: AtomicUsize,
    state: Mutex<DriveState>,
}

/// What belongs to who drives.
struct DriveState {
    /// Before the dial thread, which waits for the end of a dial.
    work: Work,
    dial_thread: Option<DialThread>,
    waker: Waker,
    /// Nothing is due before.
    until_ns: u64,
    /// The engine was told that nothing follows.
    has_ended: bool,
    /// Polls since the slots that wait to take over had a look.
    polls: u32,
}

/// The right to drive, for the length of one call.
struct Driving<'a> {
    caller: &'a Caller,
    state: MutexGuard<'a, DriveState>,
}

impl Drop for Driving<'_> {
    fn drop(&mut self) {
        self.caller.driver.store(0, Ordering::Relaxed);
    }
}

impl Caller {
    /// Makes the set for so many slots, and holds the dial thread.
    ///
    /// # Errors
    /// What the system refuses.
    pub(super) fn new(slots: usize) -> Result<Self, DialError> {
        let refused = DialError::of_system;
        let set = LiveSet::of_traffic().map_err(refused("epoll"))?;
        let wake_fd = Arc::new(WakeFd::new().map_err(refused("eventfd"))?);
        let timer = DueTimer::new().map_err(refused("timerfd"))?;
        set.add_level(wake_fd.as_fd(), WAKE).map_err(refused("epoll"))?;
        set.add_level(timer.as_fd(), TIMER).map_err(refused("epoll"))?;
        let state = DriveState {
            work: Work::new(slots),
            dial_thread: Some(DialThread::hold().map_err(refused("dial thread"))?),
            waker: Waker::from(Arc::clone(&wake_fd)),
            until_ns: 0,
            has_ended: false,
            polls: 0,
        };
        Ok(Self { set, wake_fd, timer, driver: AtomicUsize::new(0), state: Mutex::new(state) })
    }

    /// Whether the calling thread drives at the moment: it is in a function of the session.
    pub(super) fn is_driver(&self) -> bool {
        self.driver.load(Ordering::Relaxed) == this_thread()
    }

    /// Something is to be looked at; any thread.
    pub(super) fn notify(&self) {
        self.wake_fd.notify();
    }

    /// A descriptor that is readable while a poll may find something.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        // It notifies, so the next pass sets the timer.
        self.wake_fd.give();
        self.set.as_fd()
    }

    /// The engine sleeps on the set by itself, so a pass must clear it.
    fn has_fd_out(&self) -> bool {
        self.wake_fd.is_given()
    }

    /// Takes the right to drive. `None`: another thread has it.
    ///
    /// # Errors
    /// `ERR_WOULD_DEADLOCK` in a function of the session.
    fn begin(&self) -> Result<Option<Driving<'_>>, Status> {
        if self.is_driver() {
            return Err(Status::ERR_WOULD_DEADLOCK);
        }
        Ok(match self.state.try_lock() {
            Ok(state) => Some(self.driving(state)),
            Err(TryLockError::Poisoned(poisoned)) => Some(self.driving(poisoned.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        })
    }

    /// Takes the right to drive when the thread that has it leaves.
    fn last_turn(&self) -> Driving<'_> {
        self.driving(self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn driving<'a>(&'a self, state: MutexGuard<'a, DriveState>) -> Driving<'a> {
        self.driver.store(this_thread(), Ordering::Relaxed);
        Driving { caller: self, state }
    }

    /// Asks the system what has happened, waiting for at most `patience`.
    fn ask(&self, patience: Option<Duration>) -> io::Result<()> {
        self.set.wait(patience, |number| match number {
            WAKE => self.wake_fd.drain(),
            TIMER => self.timer.stop(),
            // Each pass looks at the socket.
            _ => {}
        })
    }
}

impl Driving<'_> {
    /// Looks at all that may have happened, and does what is due.
    ///
    /// # Errors
    /// `ERR_SYSTEM`.
    fn pass(&mut self, session: &Session) -> Result<(), Status> {
        let caller = self.caller;
        let has_fd_out = caller.has_fd_out();
        if has_fd_out {
            // An edge that is not taken would be told of for ever.
            caller.ask(Some(Duration::ZERO)).map_err(|_| Status::ERR_SYSTEM)?;
        }
        let is_notified = caller.wake_fd.take();
        let is_dialled = self.end_dial(session);
        // Without a descriptor each pass looks by itself, so what one read gives is told at once.
        let most = if has_fd_out { MAX_TURN } else { ONE_READ };
        self.look(session, most);
        let is_eventful = self.state.work.is_eventful;
        if is_notified
            || is_dialled
            || (is_eventful && has_fd_out)
            || now_ns() >= self.state.until_ns
        {
            self.run_due(session);
        } else if is_eventful {
            // The engine has what was read before the next pass does what is due behind it.
            self.state.until_ns = 0;
        }
        Ok(())
    }

    /// A look at each slot. At those that wait to take over now and then: an empty look costs as
    /// much as one at the live slot.
    fn look(&mut self, session: &Session, most: usize) {
        let DriveState { work, polls, .. } = &mut *self.state;
        *polls += 1;
        let looks_aside = most == MAX_TURN || *polls >= POLLS_ASIDE;
        if looks_aside {
            *polls = 0;
        }
        for slot in 0..work.readings.len() {
            let reading = work.readings[slot].as_ref();
            if looks_aside || reading.is_some_and(|reading| reading.has_more || !reading.is_aside())
            {
                session.look(slot, work, most);
            }
        }
    }

    /// What descriptors tell of is cleared by a pass; what is left then makes them readable again.
    fn leave(&self, session: &Session) {
        if self.caller.has_fd_out() {
            if self.has_more() || session.delivery.has_any() {
                self.caller.wake_fd.notify();
            }
            self.caller.timer.set(self.state.until_ns);
        }
    }

    /// Something is to be done besides reading.
    fn is_due(&self) -> bool {
        self.caller.wake_fd.is_notified() || now_ns() >= self.state.until_ns
    }

    /// There is more to be done at once.
    fn has_more(&self) -> bool {
        self.state.work.has_more()
    }

    fn run_due(&mut self, session: &Session) {
        let until_ns = loop {
            let state = &mut *self.state;
            match session.run_due(&mut state.work) {
                Next::Dial(slot, purpose) => {
                    let Some(dial_thread) = &state.dial_thread else { break None };
                    let dial = Dials::begin(&session.dials, slot, purpose, dial_thread);
                    state.work.dial = Some((slot, dial));
                    // It notifies when it has ended; asked once, so that it knows whom.
                    self.end_dial(session);
                }
                Next::Wait(until_ns) => break until_ns,
                Next::Closed => {
                    state.work.dial = None;
                    if !state.has_ended {
                        state.has_ended = true;
                        session.end();
                    }
                    break None;
                }
            }
        };
        let mut core = session.core();
        let until_ns = until_ns.into_iter().chain(core.calls.deadline_ns()).min();
        self.state.until_ns = until_ns.unwrap_or(u64::MAX);
        // A call that ends sooner notifies.
        core.wakes_ns = self.state.until_ns;
        if self.caller.has_fd_out() {
            core.wakes_ns = core.wakes_ns.min(self.caller.timer.at_ns());
        }
    }

    /// Takes the connection of a dial that has ended. `false`: there is none, or it goes on.
    fn end_dial(&mut self, session: &Session) -> bool {
        let DriveState { work, waker, .. } = &mut *self.state;
        let Some((slot, dial)) = &mut work.dial else { return false };
        if session.core().is_ending() {
            // Its slot is at its end.
            work.dial = None;
            return true;
        }
        let mut context = Context::from_waker(waker);
        let Poll::Ready(dialled) = Pin::new(dial).poll(&mut context) else { return false };
        let slot = *slot;
        work.dial = None;
        let watched = dialled.and_then(|dialled| {
            let socket = dialled.connection.stream();
            self.caller.set.add(socket, slot as u64).map_err(of_system("epoll"))?;
            Ok(dialled)
        });
        work.readings[slot] = session.dialled(slot, watched);
        true
    }

    /// Sleeps until something happens, until something is due, or for `left`.
    fn sleep(&mut self, left: Option<Duration>) -> Result<(), Status> {
        let caller = self.caller;
        let may_sleep = caller.wake_fd.begin_sleep();
        let slept = if self.has_more() || !may_sleep {
            Ok(())
        } else {
            let due = match self.state.until_ns {
                u64::MAX => None,
                until_ns => Some(Duration::from_nanos(until_ns.saturating_sub(now_ns()))),
            };
            caller.ask(left.into_iter().chain(due).min())
        };
        // Any slot may have woken it.
        self.state.polls = POLLS_ASIDE;
        caller.wake_fd.end_sleep();
        slept.map_err(|_| Status::ERR_SYSTEM)
    }
}

/// In a group of pools.
impl Driven for Session {
    fn fd(&self) -> io::Result<BorrowedFd<'_>> {
        self.event_fd()
    }

    fn look(&self) -> Result<Option<bool>, Status> {
        let told = self.delivery.told();
        if let Some(caller) = &self.caller {
            // It takes nothing.
            self.poll_here(caller, 0, Duration::ZERO, drop)?;
        }
        if self.is_drained() {
            return Ok(None);
        }
        Ok(Some(self.delivery.told() != told || self.delivery.has_any()))
    }

    fn is_taken_from(&self) -> bool {
        self.settings().hooks.told.is_none()
    }
}

impl Session {
    /// Whether it can be in a group: its function does not run on a thread of the library.
    pub fn fits_group(&self) -> bool {
        self.caller.is_some() || self.is_taken_from()
    }

    /// A pass, and what the queue has then. Without anything it sleeps, at most for `patience`, and
    /// begins anew. See [`Session::poll`].
    pub(super) fn poll_here(
        &self,
        caller: &Caller,
        limit: usize,
        patience: Duration,
        mut give: impl FnMut(Kept),
    ) -> Result<Option<usize>, Status> {
        let Some(mut driving) = caller.begin()? else {
            // The closing thread drives, for the last time.
            let is_ending = self.core().is_ending();
            if !is_ending {
                return Err(Status::ERR_DRIVEN);
            }
            return Ok(self.delivery.wait(limit, patience, give));
        };
        let told = self.delivery.told();
        // A deadline too far to represent is no deadline. A poll reads no clock.
        let waits = !patience.is_zero();
        let deadline = waits.then(|| Instant::now().checked_add(patience)).flatten();
        loop {
            // What is there already is given first: who takes is not to be outrun.
            if self.delivery.len() < limit.max(1) || driving.is_due() {
                driving.pass(self)?;
            }
            let taken = self.delivery.drain(limit, &mut give);
            // What a function was told is an end of the wait, too.
            if taken != Some(0) || self.delivery.told() != told || !waits {
                driving.leave(self);
                return Ok(taken);
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                driving.leave(self);
                return Ok(Some(0));
            }
            driving.sleep(left)?;
        }
    }

    /// Drives until the first dial is reported.
    pub(super) fn open_here(
        &self,
        caller: &Caller,
        reports: &Receiver<Result<(), NotUp>>,
    ) -> Result<(), NotUp> {
        let mut driving = caller.last_turn();
        loop {
            driving.pass_or_pause(self);
            if let Ok(first) = reports.try_recv() {
                return first;
            }
            driving.sleep_or_pause();
        }
    }

    /// Drives to the end that was begun, once another thread that drives has left.
    pub(super) fn close_here(&self, caller: &Caller) {
        let mut driving = caller.last_turn();
        while !driving.state.has_ended {
            driving.pass_or_pause(self);
            if !driving.state.has_ended {
                driving.sleep_or_pause();
            }
        }
        driving.leave(self);
        let dial_thread = driving.state.dial_thread.take();
        drop(driving);
        // This may wait for its end.
        drop(dial_thread);
    }
}

impl Driving<'_> {
    /// A pass that must be made, also if the system does not say what has come in.
    fn pass_or_pause(&mut self, session: &Session) {
        if self.pass(session).is_err() {
            std::thread::sleep(BLIND);
        }
    }

    fn sleep_or_pause(&mut self) {
        if self.sleep(None).is_err() {
            std::thread::sleep(BLIND);
        }
    }
}
