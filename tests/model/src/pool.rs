//! The real pool for the models: without its runtime, and with a venue in the next room.
//!
//! Slots, dispatcher, timer, delivery and the completion queue are what they are, and so is the
//! connection: its socket is one end of a local pair. Not here are the tasks around them, which
//! only wait and call what is called here, and dialling. The venue is asked by the pool's own
//! thread, because the checker sees no socket: an answer comes where it is looked for.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};

use super::thread::EndOfPool;
use crate::clock::{NEVER, now_ns};
use crate::config::Config;
use crate::driver::Pool;
use crate::lane::Lane;
use crate::net::connection::Connection;
use crate::pool::dispatch::Counts;
use crate::slot::in_flight::{Label, Outgoing, Payload, Pending, Recipient};
use crate::sync::{begin_run, park_runtime, unpark_runtime, yield_now};

const BEAT: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// How long the pool's own thread sleeps at most when nobody asks it to look, in nanoseconds.
const PERIOD_NS: u64 = 1_000_000_000;

/// A pool, and the other end of each of its connections.
pub struct Model {
    /// The pool.
    pub pool: Arc<Pool>,
    /// The venue's ends, by slot; a lock that the checker does not see.
    venue: Mutex<Vec<Option<UnixStream>>>,
}

impl Model {
    /// A pool of live connections, in a new run.
    pub fn new(slots: usize) -> Arc<Self> {
        begin_run();
        let mut config = Config::default();
        config.set_url(b"http://127.0.0.1:1").expect("a URL");
        config.set_connections(slots).expect("so many slots");
        config.set_completion_capacity(4).expect("so many completions");
        config.set_waiting_capacity(4).expect("so many in the queue");
        config.set_response_capacity(1024).expect("so many bytes");
        config.set_dials_per_second(1000).expect("so many dials");
        config.set_histograms(false);
        config.set_recorder(0).expect("none");
        let pool = Arc::new(Pool::new(&config).expect("a pool"));
        let venue = Mutex::new((0..slots).map(|_| None).collect());
        let model = Arc::new(Self { pool, venue });
        (0..slots).for_each(|slot| model.dial(slot));
        model
    }

    /// A live connection for a slot that has none.
    fn dial(&self, slot: usize) {
        let (near, far) = UnixStream::pair().expect("a pair of sockets");
        near.set_nonblocking(true).expect("non-blocking");
        far.set_nonblocking(true).expect("non-blocking");
        let near = Connection::plain(TcpStream::from(OwnedFd::from(near)));
        self.venue()[slot] = Some(far);
        let slot = &self.pool.slots[slot];
        slot.install(near, None, 0, &self.pool.slots.free_list);
        self.pool.slot_is_up(slot);
    }

    /// The pool has a heartbeat in flight on that leased slot.
    pub fn beat(&self, slot: usize) {
        let pause = self.pool.pause_of_slot(slot as u32);
        assert!(
            self.pool.watches.maintenance.limit().begin(&pause, now_ns()).is_ok(),
            "none is in flight"
        );
        assert!(self.pool.dispatcher().heartbeat(slot as u32, now_ns()), "the slot rests");
        let recipient = Recipient::Heartbeat;
        let (id, user_data, submit_ns, deadline_ns) = (0, 0, now_ns(), NEVER - 1);
        let lane = Lane::Background;
        let source = crate::source::Source::ANY;
        let pending = Pending { id, user_data, recipient, submit_ns, deadline_ns, lane, source };
        let payload = Payload::Ready(BEAT);
        let mut outgoing = Outgoing { payload, is_head: false, closes: false, label: Label::NONE };
        let started = self.pool.slots[slot].start(pending, &mut outgoing, &self.pool.policy);
        assert!(started.is_ok(), "the slot is idle");
    }

    /// The venue hangs up, and whoever watches the socket is told.
    pub fn hang_up(&self, slot: usize) {
        self.venue()[slot] = None;
        self.pool.slots[slot].wake.notify_one();
    }

    /// The calling thread is the pool's own from now on. It serves until `done`, and answers when
    /// it would look at the deadlines next. `answers`: the venue answers so many requests.
    pub fn serve(&self, mut answers: usize, mut done: impl FnMut(&Pool) -> bool) -> u64 {
        let pool = &*self.pool;
        pool.lifetime.set_thread_id();
        let mut armed = pool.keep_deadlines(PERIOD_NS);
        loop {
            // Asked first: what came before it is then served before this returns.
            let is_done = done(pool);
            let mut is_idle = true;
            if pool.watches.deadlines.rearm.take() {
                armed = pool.keep_deadlines(PERIOD_NS);
                is_idle = false;
            }
            for index in 0..pool.slots.len() {
                let answered = answers > 0 && self.answer(index);
                answers -= usize::from(answered);
                if pool.slots[index].wake.take() || answered {
                    self.take_turn(index);
                    is_idle = false;
                }
            }
            if !is_idle {
                // What was sent in this turn may be answered by now.
                continue;
            }
            pool.delivery.completions.ring();
            if is_done {
                return armed;
            }
            park_runtime();
        }
    }

    /// What the slot's task does at a wake-up; its dial takes as long as others want to go on.
    fn take_turn(&self, index: usize) {
        let slot = &self.pool.slots[index];
        self.pool.take_turn(slot);
        while let Some((loss, end)) = slot.take_loss() {
            self.pool.slot_lost(slot, &loss, &end);
            if !loss.replaced && !self.is_ending() {
                yield_now();
                self.dial(index);
            }
        }
    }

    /// The end of the pool thread after a shutdown: what is left is ended.
    pub fn end(&self) {
        let pool = &*self.pool;
        pool.dispatch(pool.dispatcher());
        (0..pool.slots.len()).for_each(|slot| self.take_turn(slot));
        while pool.dispatcher().on_their_way() > 0 {
            yield_now();
        }
        drop(EndOfPool(pool));
    }

    /// Whether a shutdown was asked for.
    pub fn is_ending(&self) -> bool {
        *self.pool.lifetime.ending.borrow()
    }

    /// The earliest deadline of all that is under way.
    pub fn next_deadline(&self) -> Option<u64> {
        Some(self.pool.next_deadline()).filter(|deadline| *deadline != NEVER)
    }

    /// What an engine sees of a request that it has sent: the venue may answer.
    pub fn sent(&self) {
        unpark_runtime();
    }

    /// How many slots are in which state.
    pub fn counts(&self) -> Counts {
        self.pool.counts()
    }

    /// The venue answers a request on that slot, if there is one.
    fn answer(&self, slot: usize) -> bool {
        let mut venue = self.venue();
        let Some(peer) = &mut venue[slot] else { return false };
        let mut request = [0; 1024];
        let Ok(1..) = peer.read(&mut request) else { return false };
        peer.write_all(ANSWER).is_ok()
    }

    fn venue(&self) -> std::sync::MutexGuard<'_, Vec<Option<UnixStream>>> {
        self.venue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
