//! The real session for the models: without its runtime, and with a venue in the next room.
//!
//! The core with its lock, the calls, the delivery and the wake-up are what they are, and so is the
//! connection: its socket is one end of a local pair. The thread of the session is one of the
//! model, which does what that does at each wake-up; it dials no second time. The venue is asked by
//! that thread, because the checker sees no socket: an answer comes where it is looked for.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};

use super::dialling::Dialled;
use super::due::{Next, Work};
use super::receiving::MAX_TURN;
use super::wake_fd::WakeFd;
use super::{Hook, Session, Settings};
use crate::clock::now_ns;
use crate::config::Config;
use crate::net::connection::Connection;
use crate::sync::{begin_run, park_runtime, set_now_ns, unpark_runtime};
use crate::ws::message::Receiver;
use crate::ws::settings::{Limits, ReceiverSettings};

/// The first byte and the length of a frame of a client that holds one byte, and its key.
const FRAME: usize = 7;

/// A session that is up, and the other end of its connection.
pub struct Model {
    /// The session.
    pub session: Arc<Session>,
    /// What its thread keeps; a lock that the checker does not see.
    work: Mutex<Work>,
    /// The venue's end, and what it has read; the same.
    venue: Mutex<(Option<UnixStream>, Vec<u8>)>,
    /// Until when the thread sleeps; the same.
    sleeps_until_ns: Mutex<Option<u64>>,
}

impl Model {
    /// A session in a new run, whose UP is not taken. A message's first byte is its key.
    pub fn new(told: Option<Hook>) -> Arc<Self> {
        Self::with(told, 0)
    }

    /// The same, where so many calls may wait in each lane.
    pub fn patient(capacity: usize) -> Arc<Self> {
        Self::with(None, capacity)
    }

    fn with(told: Option<Hook>, max_waiting: usize) -> Arc<Self> {
        begin_run();
        let mut config = Config::default();
        config.set_url(b"http://127.0.0.1:1").expect("a URL");
        let mut settings = Settings::default();
        settings.set_match(Some(Arc::new(|_, padded: &[u8]| Some(padded[0].into()))));
        settings.set_told(told);
        settings.set_keep_alive(0, 0, 0).expect("no ping");
        settings.set_sizes(64, 64, 1024).expect("so many bytes");
        settings.set_counts(4, 8).expect("so many calls");
        settings.set_waiting(max_waiting).expect("so many that wait");
        let session = Arc::new(Session::new(None, &config, &settings, b"/").expect("a session"));
        let mut work = Work::new(1);
        assert!(matches!(session.run_due(&mut work), Next::Dial(0, _)));
        let (near, far) = UnixStream::pair().expect("a pair of sockets");
        near.set_nonblocking(true).expect("non-blocking");
        far.set_nonblocking(true).expect("non-blocking");
        let connection = Connection::plain(TcpStream::from(OwnedFd::from(near)));
        let limits = Limits { max_frame_size: 125, max_message_size: 125, max_fragments: 1 };
        let receiver = ReceiverSettings { limits, check_utf8: true, deflate: None };
        let receiver = Receiver::new(receiver, 4096);
        work.readings[0] = session.dialled(0, Ok(Dialled { connection, receiver }));
        assert_eq!(session.run_due(&mut work), Next::Wait(None));
        let venue = Mutex::new((Some(far), Vec::new()));
        let (work, sleeps_until_ns) = (Mutex::new(work), Mutex::default());
        Arc::new(Self { session, work, venue, sleeps_until_ns })
    }

    /// The calling thread is the session's own from now on. It serves until `done`, or until the
    /// session has ended. `answers`: the venue answers so many messages, each by itself.
    pub fn serve(&self, mut answers: usize, mut done: impl FnMut(&Session) -> bool) {
        let session = &*self.session;
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut is_due, mut was_done, mut until_ns) = (true, false, None);
        loop {
            // Asked first: what came before it is then served before this returns.
            let is_done = done(session);
            // While only messages come, what is due stays what it is.
            if is_due {
                until_ns = match session.run_due(&mut work) {
                    Next::Closed => return session.end(),
                    Next::Dial(..) => None,
                    Next::Wait(until_ns) => until_ns,
                };
            }
            let had = work.received(0);
            session.look(0, &mut work, MAX_TURN);
            let is_found = work.received(0) != had;
            let is_answered = answers > 0 && self.answer();
            answers -= usize::from(is_answered);
            let is_woken = session.thread.wake.take();
            is_due = is_woken || work.is_eventful;
            if is_woken || is_found || is_answered {
                was_done = false;
                continue;
            }
            if is_done {
                return;
            }
            // Before it sleeps it does what is due behind the look, once.
            if is_due && !was_done {
                was_done = true;
                continue;
            }
            // What is due may have been done just now.
            if !done(session) {
                self.sleep(until_ns);
                (is_due, was_done) = (true, false);
            }
        }
    }

    /// What the session's thread does before it sleeps, its sleep, and what it does behind that.
    fn sleep(&self, until_ns: Option<u64>) {
        let wakes_ns = {
            let mut core = self.session.core();
            let due_ns = until_ns.into_iter().chain(core.calls.deadline_ns()).min();
            core.wakes_ns = due_ns.unwrap_or(u64::MAX);
            core.wakes_ns
        };
        *self.until() = Some(wakes_ns);
        if now_ns() < wakes_ns {
            park_runtime();
        }
        *self.until() = None;
        self.session.core().wakes_ns = 0;
    }

    fn until(&self) -> std::sync::MutexGuard<'_, Option<u64>> {
        self.sleeps_until_ns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is later now, and whose time has come wakes.
    pub fn pass_time_until(&self, later_ns: u64) {
        set_now_ns(later_ns);
        let is_due = self.until().is_some_and(|until_ns| until_ns <= later_ns);
        if is_due {
            unpark_runtime();
        }
    }

    /// What an engine sees of a message that it has sent: the venue may answer.
    pub fn sent(&self) {
        unpark_runtime();
    }

    /// The venue hangs up, and whoever watches the socket is told.
    pub fn hang_up(&self) {
        self.venue().0 = None;
        unpark_runtime();
    }

    /// The payloads of the frames that have come to the venue, each of one byte.
    pub fn received(&self) -> Vec<u8> {
        self.read();
        let venue = self.venue();
        let frames = venue.1.chunks(FRAME);
        frames
            .map(|frame| {
                assert_eq!((frame.len(), frame[0] & 0x0f, frame[1]), (FRAME, 1, 0x81), "a frame");
                frame[6] ^ frame[2]
            })
            .collect()
    }

    /// Whether the descriptor of the queue is readable.
    pub fn is_readable(&self) -> bool {
        self.session.delivery.is_readable()
    }

    fn venue(&self) -> std::sync::MutexGuard<'_, (Option<UnixStream>, Vec<u8>)> {
        self.venue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The venue reads what has come, and answers how many bytes of it there were.
    fn read(&self) -> usize {
        let mut venue = self.venue();
        let (peer, received) = &mut *venue;
        let Some(peer) = peer else { return 0 };
        let mut bytes = [0; 64];
        let Ok(count) = peer.read(&mut bytes) else { return 0 };
        received.extend_from_slice(&bytes[..count]);
        count
    }

    /// The venue answers each message that has come by itself. A close frame is none: its bytes
    /// are random by its mask, and its answer would be, too.
    fn answer(&self) -> bool {
        let count = self.read();
        let mut venue = self.venue();
        let (Some(peer), received) = &mut *venue else { return false };
        let new = received[received.len() - count..].chunks_exact(FRAME);
        let texts = new.filter(|frame| frame[..2] == [0x81, 0x81]);
        let answers: Vec<u8> = texts.flat_map(|it| [0x81, 1, it[6] ^ it[2]]).collect();
        !answers.is_empty() && peer.write_all(&answers).is_ok()
    }
}

impl Session {
    /// The number of the last call.
    pub fn last_call(&self) -> u64 {
        self.core().last_id
    }
}

/// The wake-up of a session in caller drive, and nothing else of that.
pub struct WakeFdModel(WakeFd);

impl WakeFdModel {
    /// A wake-up in a new run.
    pub fn new() -> Arc<Self> {
        begin_run();
        Arc::new(Self(WakeFd::new().expect("a wake_fd")))
    }

    /// Any thread notifies.
    pub fn notify(&self) {
        self.0.notify();
    }

    /// The engine asks for the descriptor.
    pub fn give(&self) {
        self.0.give();
    }

    /// Who drives goes to sleep; whether it does.
    pub fn begin_sleep(&self) -> bool {
        self.0.begin_sleep()
    }

    /// And is awake.
    pub fn end_sleep(&self) {
        self.0.end_sleep();
    }

    /// A pass begins: the descriptor is cleared, and then it is asked whether it was notified.
    pub fn pass(&self) -> bool {
        self.0.drain();
        self.0.take()
    }

    /// Whether who sleeps on the descriptor wakes.
    pub fn is_readable(&self) -> bool {
        self.0.is_readable()
    }
}
