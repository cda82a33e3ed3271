//! The load of each scenario, on one thread: the shapes of ../../harness.hpp, for clients whose
//! requests are futures. It does not know how a request is sent.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::{JoinHandle, spawn_local};

use crate::options::Options;
use crate::record::{Record, last_send, last_send_ns, now_ns};
use crate::request::{Answer, Request};

/// How a peer sends a request.
pub trait Client: Sized + 'static {
    /// Dials all connections, and returns when they are live.
    fn open(options: &Options) -> impl Future<Output = Self>;

    /// Sends a request and tells its answer; an empty one if there is none. Never twice. No two
    /// requests of one number, which is below the depth, are in flight.
    fn send(
        &self,
        number: usize,
        request: &Request,
        answered: impl FnOnce(&Answer<'_>),
    ) -> impl Future<Output = ()>;
}

/// As much as a cache holds in one place.
#[derive(Clone)]
struct CacheLine([Cell<u8>; 64]);

/// Keeps up to `depth` requests in flight, or sends bursts.
pub(crate) struct Engine<C> {
    options: Options,
    client: C,
    requests: Vec<Cell<Option<Box<Request>>>>,
    random: Cell<u64>,
    washing: Vec<CacheLine>,
    record: RefCell<Record>,
    to_start: Cell<u64>,
    burst_left: Cell<u64>,
    burst_ns: Cell<u64>,
}

impl<C: Client> Engine<C> {
    pub(crate) async fn open(options: &Options, number: u64) -> Rc<Self> {
        let request = |tag: usize| {
            let id = 1_000_000_000 * (number + 1) + 10_000_000 * tag as u64;
            Cell::new(Some(Box::new(Request::new(&options.content, id))))
        };
        Rc::new(Self {
            options: options.clone(),
            client: C::open(options).await,
            requests: (0..options.depth).map(request).collect(),
            random: Cell::new(number.max(1)),
            washing: vec![CacheLine([const { Cell::new(0) }; 64]); options.wash_kib * 1024 / 64],
            record: RefCell::default(),
            to_start: Cell::new(0),
            burst_left: Cell::new(0),
            burst_ns: Cell::new(0),
        })
    }

    /// The warm-up is the same as the load, but not recorded.
    pub(crate) async fn run(self: &Rc<Self>, requests: u64) -> Record {
        let room = |wanted: bool| Vec::with_capacity(if wanted { requests as usize } else { 0 });
        *self.record.borrow_mut() =
            Record { latency_ns: room(true), wire_ns: room(last_send_ns().is_some()), failed: 0 };
        let mut lanes = Vec::with_capacity(self.options.depth);
        if self.options.burst > 0 {
            self.bursts(requests, &mut lanes).await;
        } else if self.options.depth == 1 {
            self.one_by_one(requests).await;
        } else {
            self.to_start.set(requests);
            self.all_lanes(&mut lanes).await;
        }
        self.record.take()
    }

    async fn one_by_one(&self, requests: u64) {
        let sent = last_send_ns();
        let mut request = self.requests[0].take().expect("nothing is in flight");
        for _ in 0..requests {
            if self.options.pause_us > 0 {
                self.pause().await;
            }
            if self.options.gap_us > 0 {
                std::thread::sleep(Duration::from_micros(self.options.gap_us));
            }
            self.wash();
            let (submitted, answered) = self.send(0, &mut request).await;
            let mut record = self.record.borrow_mut();
            record.latency_ns.push(answered - submitted);
            if let Some(sent) = sent {
                record.wire_ns.push(last_send(sent).wrapping_sub(submitted));
            }
        }
        self.requests[0].set(Some(request));
    }

    /// What another program does to the caches of this processor between two orders.
    fn wash(&self) {
        for line in &self.washing {
            line.0[0].set(line.0[0].get().wrapping_add(1));
        }
    }

    /// Random to the microsecond, which tokio's timer is not: the rest of it is the engine's own
    /// work. Then the runtime has its turn, so that it has seen a close before the request is sent.
    async fn pause(&self) {
        let random = self.random.get() * 48271 % 2_147_483_647;
        self.random.set(random);
        let until = Instant::now() + Duration::from_micros(random % self.options.pause_us);
        // The timer is up to a millisecond late.
        let timed = until.saturating_duration_since(Instant::now());
        if timed > Duration::from_millis(2) {
            tokio::time::sleep(timed - Duration::from_millis(1)).await;
        }
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
        // The first turn reads what has come, the second one wakes the tasks that it is for.
        for _ in 0..2 {
            tokio::task::yield_now().await;
        }
    }

    async fn bursts(self: &Rc<Self>, requests: u64, lanes: &mut Vec<JoinHandle<()>>) {
        for _ in 0..requests.div_ceil(self.options.burst) {
            self.to_start.set(self.options.burst);
            self.burst_left.set(self.options.burst);
            self.burst_ns.set(now_ns());
            self.all_lanes(lanes).await;
        }
    }

    async fn all_lanes(self: &Rc<Self>, lanes: &mut Vec<JoinHandle<()>>) {
        lanes.extend((0..self.options.depth).map(|tag| spawn_local(self.clone().lane(tag))));
        for lane in lanes.drain(..) {
            lane.await.expect("a wrong answer ends the process");
        }
    }

    /// Each answer sends the next request.
    async fn lane(self: Rc<Self>, tag: usize) {
        let mut request = self.requests[tag].take().expect("each lane has its own");
        while let Some(left) = self.to_start.get().checked_sub(1) {
            self.to_start.set(left);
            let (submitted, answered) = self.send(tag, &mut request).await;
            if self.options.burst == 0 {
                self.record.borrow_mut().latency_ns.push(answered - submitted);
                continue;
            }
            self.burst_left.set(self.burst_left.get() - 1);
            if self.burst_left.get() == 0 {
                self.record.borrow_mut().latency_ns.push(answered - self.burst_ns.get());
            }
        }
        self.requests[tag].set(Some(request));
    }

    /// When it was submitted, and when answered.
    async fn send(&self, tag: usize, request: &mut Request) -> (u64, u64) {
        request.next();
        let request = &*request;
        let submitted = now_ns();
        let mut answered = 0;
        let tell = |answer: &Answer<'_>| {
            answered = now_ns();
            if !request.is_answered_by(answer) {
                if !self.options.tolerant {
                    crate::fail(&format!("a wrong answer to {}", request.path()));
                }
                self.record.borrow_mut().failed += 1;
            }
        };
        self.client.send(tag, request, tell).await;
        (submitted, answered)
    }
}
