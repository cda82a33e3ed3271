//! A WebSocket session at work: a connection that is kept logged in, and others that take over.
//!
//! ```text
//!  engine threads                        | who drives: thread.rs (one of the library, tokio)
//!  Session::send, call                   |             caller.rs (the engine's, in poll, wait)
//!    frame.rs is written by the engine   |  due.rs        does what is due
//!    core.rs  frame, mask, encrypt, send |  receiving.rs  reads, takes apart, tells
//!             (one lock)                 |  waiting.rs    sends calls that had to wait
//!                                        |  dialling.rs   dials, and asks for WebSocket
//!                                        |  upgrade.rs    (both on the dial thread)
//!  Session::poll, wait  ◄─ delivery.rs ◄─┴─ or the engine's function, here
//! ```
//!
//! The policy is `src/ws/session`: when it dials, what became of each message, which call is
//! answered. Here are the clock, the socket and the thread. Locks: that of [`core`] is held for one
//! send or one read, that of the queue under it or alone; neither while an engine's function runs.
//! In caller drive who drives holds a lock of its own, which is taken before these.

mod batch;
mod caller;
mod core;
pub mod data;
mod delivery;
mod dialling;
mod due;
pub mod event;
pub mod frame;
mod keys;
mod log;
#[cfg(feature = "model")]
#[path = "../../tests/model/src/session.rs"]
pub mod model;
mod receiving;
pub mod settings;
mod slot;
mod thread;
mod upgrade;
mod waiting;
mod wake_fd;

pub use delivery::Hook;

use std::borrow::Cow;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, mpsc};
use std::time::Duration;

use self::core::Core;
use crate::clock::now_ns;
use crate::config::{Config, Drive};
use crate::error::{Outcome, Status};
use crate::net::configured::unplaced_ways;
use crate::net::connect::DialError;
use crate::pool::backoff::Bounds;
use crate::sync::{Mutex, MutexGuard, Notify};
use crate::threads::shared_thread::SharedThread;
use crate::ws::frame::Kind;
use crate::ws::session::calls::Call;
use crate::ws::session::life::Stage;
use caller::Caller;
use delivery::Delivery;
use dialling::Dials;
use event::{Ended, Event, Kept, Told};
use frame::{Frame, Payload};
use log::Log;
use settings::{Opening, Settings, Source};
use slot::Accepted;
use upgrade::Asks;
use waiting::CallMessage;

/// The report of the first dial.
type Report = mpsc::Sender<Result<(), NotUp>>;

/// Why the first dial came to nothing.
struct NotUp {
    error: DialError,
    /// The same in words, without a byte of the venue's.
    logged: String,
}

impl From<DialError> for NotUp {
    /// An error whose text has no byte of the venue's.
    fn from(error: DialError) -> Self {
        let logged = error.text.clone();
        Self { error, logged }
    }
}

/// The sessions that the process has had.
static SESSIONS: AtomicU64 = AtomicU64::new(0);

/// One session.
pub struct Session {
    /// What its frames know it by: no other session of the process has it.
    number: u64,
    dials: Arc<Dials>,
    log: Log,
    core: Mutex<Core>,
    delivery: Delivery,
    thread: Thread,
    /// In caller drive.
    caller: Option<Caller>,
    /// The number of the live connection, or of the last one.
    connection: AtomicU32,
    report: Mutex<Option<Report>>,
}

/// The thread that drives a session in thread drive.
#[derive(Default)]
struct Thread {
    id: std::sync::OnceLock<std::thread::ThreadId>,
    /// It never sleeps.
    busy_poll: bool,
    /// It is to look around.
    wake: Notify,
    /// Waits for its end.
    until_end: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

/// The state of a session at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Where it stands.
    pub stage: Stage,
    /// Connections that it had, the present one included.
    pub connections: u32,
    /// Connections that are logged in and wait to take over.
    pub ready: usize,
    /// Calls that are not answered, with those that wait.
    pub calls: usize,
    /// Calls that wait until they can go.
    pub waiting: usize,
    /// Bytes that wait for the kernel.
    pub unsent: usize,
    /// The last round trip of a ping, in nanoseconds; 0 before the first.
    pub rtt_ns: u64,
}

impl Session {
    /// Opens a session: dials, asks for the upgrade of `path`, sends the opening messages, and
    /// returns when it is up. Without that all is undone, unless the configuration allows a
    /// degraded start. In caller drive the calling thread drives meanwhile.
    pub fn open(config: &Config, settings: &Settings, path: &[u8]) -> Result<Arc<Self>, DialError> {
        Self::open_on(None, config, settings, path)
    }

    /// As [`Session::open`], but on a thread that it shares with pools and other sessions. Not on
    /// that thread. In caller drive a session needs none.
    pub fn open_on(
        shared: Option<&Arc<SharedThread>>,
        config: &Config,
        settings: &Settings,
        path: &[u8],
    ) -> Result<Arc<Self>, DialError> {
        let opened = Self::open_unlogged(shared, config, settings, path);
        opened.map_err(|NotUp { error, logged }| {
            Log::new(config).not_opened(error.step, &logged);
            error
        })
    }

    fn open_unlogged(
        shared: Option<&Arc<SharedThread>>,
        config: &Config,
        settings: &Settings,
        path: &[u8],
    ) -> Result<Arc<Self>, NotUp> {
        if shared.is_some_and(|shared| shared.is_current()) {
            let text = "open on its own thread";
            return Err(refused(text)(Status::ERR_WOULD_DEADLOCK).into());
        }
        let session = Arc::new(Self::new(shared, config, settings, path)?);
        session.dials.asks.request().map_err(refused("the request for the upgrade"))?;
        let (report, reports) = mpsc::channel();
        *session.report.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
        let first = match &session.caller {
            Some(caller) => session.open_here(caller, &reports),
            None => {
                let until_end = thread::spawn(&session, config, shared)?;
                session.set_until_end(until_end);
                // Each step of the first dial has a deadline, and the end of the thread reports.
                reports.recv().unwrap_or_else(|_| Err(session.ended_early().into()))
            }
        };
        if let Err(error) = first
            && !config.allow_degraded_open()
        {
            let _ = session.shutdown(None, "");
            session.join();
            return Err(error);
        }
        Ok(session)
    }

    fn new(
        shared: Option<&Arc<SharedThread>>,
        config: &Config,
        settings: &Settings,
        path: &[u8],
    ) -> Result<Self, DialError> {
        let url = config.url().map_err(refused("no URL is set"))?;
        check(settings)?;
        let origin = config.origin().map_err(refused("the default headers are too long"))?;
        let backoff = config.backoff();
        let bounds = Bounds { first_ns: backoff.first_ns, max_ns: backoff.max_ns };
        let (capacity, overflow) = settings.queue;
        let ways = unplaced_ways(from_source(config, settings)?.as_ref(), url)?;
        let asks = Asks {
            origin: Arc::new(origin),
            path: path.to_vec(),
            limits: *config.limits(),
            settings: Arc::new(settings.clone()),
        };
        let core = Core::new(settings, bounds, now_ns());
        let slots = core.slots.len();
        let host = shared.map(|shared| {
            let dialer = &ways.dialer;
            shared.host_dials((&dialer.host, ways.port), &dialer.sockets.bind_addresses, slots)
        });
        let busy_poll = shared.map_or(config.busy_poll(), |shared| shared.busy_poll());
        Ok(Self {
            number: SESSIONS.fetch_add(1, Ordering::Relaxed),
            dials: Arc::new(Dials { ways, host, asks }),
            thread: Thread { busy_poll, ..Thread::default() },
            log: Log::new(config),
            caller: (config.drive() == Drive::Caller).then(|| Caller::new(slots)).transpose()?,
            core: Mutex::new(core),
            delivery: Delivery::new(settings.hooks.told.clone(), capacity, overflow),
            connection: AtomicU32::new(0),
            report: Mutex::default(),
        })
    }

    /// Sends a message on the caller's thread, and gives its number. Any thread.
    ///
    /// # Errors
    /// `ERR_SLOT_DOWN` while the session is not up, `ERR_CLOSED`, `ERR_TOO_LARGE`,
    /// `ERR_WAITING_FULL` if too many bytes or messages are on their way. Nothing is sent then.
    pub fn send(&self, kind: Kind, payload: &[u8]) -> Result<u64, Status> {
        self.send_payload(kind, Payload::Copied(payload))
    }

    /// Sends a message that is answered by one with that key, and gives the number of the call. Its
    /// end is told exactly once. If calls may wait ([`Settings::set_waiting`]), one that cannot go
    /// now is copied, and waits in the lane of orders. Any thread.
    ///
    /// # Errors
    /// As for [`Session::send`]; `ERR_COMPLETIONS_FULL` if there are too many calls,
    /// `ERR_ARGUMENT` if a call with that key is on its way. If calls may wait, not
    /// `ERR_SLOT_DOWN`, and `ERR_WAITING_FULL` only if too many do.
    pub fn call(
        &self,
        kind: Kind,
        payload: &[u8],
        key: u64,
        timeout_ns: u64,
        user_data: u64,
    ) -> Result<u64, Status> {
        let call = Self::new_call(key, timeout_ns, user_data);
        match self.settings().max_waiting {
            0 => self.call_payload(kind, Payload::Copied(payload), call),
            _ => self.call_or_wait(kind, CallMessage::Bytes(payload), call),
        }
    }

    /// Makes a frame for messages of up to `capacity` bytes, which are sent on this session.
    ///
    /// # Errors
    /// `ERR_ARGUMENT` for 0; `ERR_TOO_LARGE` for more than the longest message that is sent.
    pub fn frame(&self, capacity: usize) -> Result<Frame, Status> {
        match capacity {
            0 => Err(Status::ERR_ARGUMENT),
            _ if capacity > self.settings().max_send => Err(Status::ERR_TOO_LARGE),
            _ => Ok(Frame::new(self.number, capacity)),
        }
    }

    /// Sends the first `len` bytes of the room of a frame, as [`Session::send`] does. They are
    /// masked where they are, so the next message begins by [`Frame::room`].
    ///
    /// # Errors
    /// As for [`Session::send`]; `ERR_PHASE` without a room, `ERR_TOO_LARGE` if it is smaller,
    /// `ERR_ARGUMENT` if the function of [`Frame::set_on_send`] has withdrawn the message,
    /// `ERR_WRONG_POOL` for a frame of another session. What was written stays as it is then.
    pub fn send_frame(&self, frame: &mut Frame, kind: Kind, len: usize) -> Result<u64, Status> {
        self.send_payload(kind, frame.payload(self.number, len)?)
    }

    /// Sends the first `len` bytes of the room of a frame, as [`Session::call`] does. A call that
    /// waits has its frame until it goes or ends.
    ///
    /// # Errors
    /// As for [`Session::call`] and [`Session::send_frame`].
    pub fn call_frame(
        &self,
        frame: &mut Frame,
        kind: Kind,
        len: usize,
        key: u64,
        timeout_ns: u64,
        user_data: u64,
    ) -> Result<u64, Status> {
        let call = Self::new_call(key, timeout_ns, user_data);
        match self.settings().max_waiting {
            0 => self.call_payload(kind, frame.payload(self.number, len)?, call),
            _ => self.call_or_wait(kind, CallMessage::Written(frame, len), call),
        }
    }

    /// A call that begins now.
    fn new_call(key: u64, timeout_ns: u64, user_data: u64) -> Call {
        let sent_ns = now_ns();
        let deadline_ns = sent_ns.saturating_add(timeout_ns);
        Call { id: 0, key, user_data, deadline_ns, sequence: 0, connection: 0, sent_ns }
    }

    fn send_payload(&self, kind: Kind, payload: Payload<'_>) -> Result<u64, Status> {
        let mut core = self.core();
        core.check(&payload)?;
        let Accepted { sequence, wakes } = core.send(kind, payload)?;
        drop(core);
        if wakes {
            self.wake();
        }
        Ok(sequence)
    }

    fn call_payload(&self, kind: Kind, payload: Payload<'_>, call: Call) -> Result<u64, Status> {
        let untaken = self.delivery.untaken_completions();
        let mut core = self.core();
        core.check(&payload)?;
        core.calls.check(call.key, untaken)?;
        let (id, accepted) = core.call(kind, payload, call)?;
        self.watch(core, &call, accepted.wakes);
        Ok(id)
    }

    /// A call has begun. Who drives is woken for its deadline, or because that is to be.
    fn watch(&self, mut core: MutexGuard<'_, Core>, call: &Call, wakes: bool) {
        let is_early = call.deadline_ns < core.wakes_ns;
        if is_early {
            core.watch.woken(call.deadline_ns - call.sent_ns);
        }
        drop(core);
        if wakes || is_early {
            self.wake();
        }
    }

    /// Ends a call: its end is told as CANCELLED. If its message was sent, it is not taken back.
    ///
    /// # Errors
    /// `ERR_UNKNOWN_ID` when it has ended.
    pub fn cancel(&self, id: u64) -> Result<(), Status> {
        let mut core = self.core();
        let (call, wire_state) = core.cancelled(id).ok_or(Status::ERR_UNKNOWN_ID)?;
        let (connection, outcome) = (call.connection, Outcome::Cancelled);
        let event = Event::Completion(Ended { call, outcome, wire_state }, Kind::Text);
        // Under the lock: the loss that comes next, and the end of the session, are told behind it.
        self.delivery.keep(&Told { time_ns: now_ns(), connection, event: &event, padded: &[] });
        drop(core);
        self.wake();
        Ok(())
    }

    /// Begins the end of the session: a close frame, and no dial any more. Any thread.
    ///
    /// # Errors
    /// `ERR_CLOSED` the second time; `ERR_ARGUMENT` for a code that must not be on the wire, or a
    /// reason without one; `ERR_TOO_LARGE` for a long reason.
    pub fn shutdown(&self, code: Option<u16>, reason: &str) -> Result<(), Status> {
        self.core().close(code, reason, now_ns())?;
        self.wake();
        Ok(())
    }

    /// Waits for the end that [`Session::shutdown`] has begun. When it returns, no function of the
    /// engine runs and none will.
    ///
    /// # Errors
    /// `ERR_WOULD_DEADLOCK` on the session's own thread.
    pub fn close(&self) -> Result<(), Status> {
        if self.is_own_thread() {
            return Err(Status::ERR_WOULD_DEADLOCK);
        }
        self.join();
        Ok(())
    }

    /// Whether the calling thread is the session's own, or drives it at the moment: it is in a
    /// function of the session.
    pub fn is_own_thread(&self) -> bool {
        match &self.caller {
            Some(caller) => caller.is_driver(),
            None => self.thread.id.get() == Some(&std::thread::current().id()),
        }
    }

    /// Takes up to `limit` items that were told, waiting for the first one; `None`: nothing is told
    /// any more. In caller drive it receives first, and does what is due. It gives 0 also when a
    /// function was told something.
    ///
    /// # Errors
    /// `ERR_PHASE` if a function is told, in thread drive; `ERR_DRIVEN` while another thread polls
    /// or waits, in caller drive; `ERR_WOULD_DEADLOCK` in a function of the session, in thread
    /// drive only to wait.
    pub fn poll(
        &self,
        limit: usize,
        patience: Duration,
        give: impl FnMut(Kept),
    ) -> Result<Option<usize>, Status> {
        if let Some(caller) = &self.caller {
            return self.poll_here(caller, limit, patience, give);
        }
        if !patience.is_zero() && self.is_own_thread() {
            return Err(Status::ERR_WOULD_DEADLOCK);
        }
        self.delivery.poll(limit, patience, give)
    }

    /// A descriptor that is readable while a poll may find something.
    pub fn event_fd(&self) -> io::Result<BorrowedFd<'_>> {
        match &self.caller {
            Some(caller) => Ok(caller.fd()),
            None => self.delivery.event_fd(),
        }
    }

    /// Whether it has ended, and all was taken.
    pub fn is_drained(&self) -> bool {
        self.delivery.is_drained()
    }

    /// Its state now.
    pub fn health(&self) -> Health {
        let core = self.core();
        let slot = core.foremost();
        Health {
            stage: slot.life.stage(),
            connections: core.connections,
            ready: core.standby.ready_lines(),
            calls: core.calls.len(),
            waiting: core.waiting(),
            rtt_ns: slot.life.rtt_ns().unwrap_or(0),
            unsent: slot.unsent(),
        }
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells something that was at that time, on that connection, by who drives.
    fn tell_at(&self, time_ns: u64, connection: u32, event: &Event, padded: &[u8]) -> bool {
        self.delivery.tell(&Told { time_ns, connection, event, padded })
    }

    /// Tells an event of a connection, by who drives, the log first.
    fn log_and_tell(&self, connection: u32, event: &Event, padded: &[u8]) {
        self.log.told(connection, event);
        self.tell_at(now_ns(), connection, event, padded);
    }

    /// Reports what came of the first dial, once.
    fn report(&self, result: Result<(), NotUp>) {
        let report = self.report.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(report) = report {
            // The opener may be gone.
            let _ = report.send(result);
        }
    }

    fn ended_early(&self) -> DialError {
        refused("the session has ended")(Status::ERR_CLOSED)
    }

    fn settings(&self) -> &Settings {
        &self.dials.asks.settings
    }

    /// Who drives is to look around.
    fn wake(&self) {
        match &self.caller {
            Some(caller) => caller.notify(),
            None => self.thread.wake.notify_one(),
        }
    }

    fn set_until_end(&self, until_end: Box<dyn FnOnce() + Send>) {
        *self.thread.until_end.lock().unwrap_or_else(PoisonError::into_inner) = Some(until_end);
    }

    fn join(&self) {
        if let Some(caller) = &self.caller {
            return self.close_here(caller);
        }
        // The lock is held meanwhile: a second caller waits for the end, too.
        let mut until_end = self.thread.until_end.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until_end) = until_end.take() {
            until_end();
        }
    }
}

/// Settings that do not go together are refused.
fn check(settings: &Settings) -> Result<(), DialError> {
    if settings.hooks.match_ack.is_none() && settings.openings.iter().any(|open| open.awaits) {
        let text = "an opening message awaits its acknowledgement, and no function judges it";
        return Err(refused(text)(Status::ERR_ARGUMENT));
    }
    let is_long = |opening: &Opening| match &opening.source {
        Source::Fixed(bytes) => bytes.len() > settings.max_send,
        Source::Written(_) => false,
    };
    if settings.openings.iter().any(is_long) {
        let text = "an opening message is longer than the longest that is sent";
        return Err(refused(text)(Status::ERR_TOO_LARGE));
    }
    if settings.text_ping.as_ref().is_some_and(|ping| ping.max_len() > settings.max_send) {
        let text = "a ping is longer than the longest message that is sent";
        return Err(refused(text)(Status::ERR_TOO_LARGE));
    }
    Ok(())
}

/// The configuration with the local address that the session asks for, or else its first one. A
/// pool would spread several over its slots. Those of a session take over from each other, so the
/// venue is to see one address.
fn from_source<'a>(config: &'a Config, settings: &Settings) -> Result<Cow<'a, Config>, DialError> {
    let Some(number) = settings.source.number() else {
        return Ok(config.from_source(0).map_or(Cow::Borrowed(config), Cow::Owned));
    };
    if config.ways().unix_socket.is_some() {
        return Err(refused("a Unix socket, and a source")(Status::ERR_ADDRESS));
    }
    let no_source = refused("there is no bind address of the number of the source");
    config.from_source(number).map(Cow::Owned).ok_or_else(|| no_source(Status::ERR_ADDRESS))
}

fn refused(text: &'static str) -> impl FnOnce(Status) -> DialError {
    move |step| DialError { step, os_error: 0, text: text.to_owned() }
}
