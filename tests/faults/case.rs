//! The one check that every fault goes through.
//!
//! A case says what the fault is, how the order that meets it ends, and how the pool heals from it.
//! [`Case::run`] opens a pool for each transport and drive, and repeats: an order on each
//! connection that must be answered, the fault, the orders that meet it, its end, healing, another
//! order that must be answered. After each round nothing may be held that was not held before; at
//! the end the ledger must agree with the far side's.
//!
//! Of the three kinds of healing ([`Heals`]) only one is a matter of time. The other two are judged
//! by what the pool has counted, and hold on any machine.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mock_venue::Transport;
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{CloseReason, Outcome, WireState};
use venuepool::http::Request;
use venuepool::pool::dispatch::Lease;
use venuepool::recycle::Recycled;
use venuepool::stats::Counter;

use crate::far::Far;
use crate::ledger::{End, Ledger};
use crate::process::{POOL_THREADS, Usage, live_bytes};
use crate::rig::{PATIENCE, until};

pub(crate) const MS: u64 = 1_000_000;

/// What the orders that do not meet the fault end with.
pub(crate) const ANSWERED: End = (Outcome::Ok, WireState::Answered);

/// A fault is repeated for so long, by default, and at least and at most so many times;
/// `FAULT_ROUNDS` says another number, exactly.
const REPEATED_FOR: Duration = Duration::from_millis(60);
const ROUNDS: std::ops::RangeInclusive<u32> = 6..=50;

/// Rounds after which session tickets, buffers and tables have their size. The fewest rounds are
/// enough for one more in their first half, and three in the second.
const WARM_UP: usize = 2;

/// Longer than any run: who waits for that is not healed at once.
const HOURS: u64 = 24 * 3_600_000 * MS;

/// What a healing that takes one step may take longer, on a machine that is busy with other things.
const BUSY: Duration = Duration::from_millis(500);

/// A deadline may be told so late, on a machine that is busy with other things.
const LATE: Duration = Duration::from_secs(1);

/// What the far side remembers of an order, with the ledger of this side, in bytes, and what the
/// tables of both may grow in one go.
const REMEMBERED: i64 = 128;
const TABLES: i64 = 24 * 1024;

/// Descriptors, threads and memory are those of the whole process, and so are its limits and
/// clocks: one case at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

pub(crate) const BOTH_DRIVES: &[Drive; 2] = &[Drive::Thread, Drive::Caller];
pub(crate) const BOTH: &[Transport] = &[Transport::Plain, Transport::Tls];
pub(crate) const PLAIN: &[Transport] = &[Transport::Plain];
pub(crate) const TLS: &[Transport] = &[Transport::Tls];

/// How a pool heals from a fault; `docs/faults.md` says it of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heals {
    /// One dial for each connection that is lost, none of which waits or fails. A backoff that
    /// lasts for hours, and timeouts that no busy machine comes to, make it a matter of counting.
    AtOnce,
    /// Dials fail while there is a fault, and wait longer each time; then one more step.
    OneStep,
    /// No connection is lost, and none dialled.
    NoneLost,
}

impl Heals {
    /// The settings by which that can be told.
    pub(crate) fn set(self, config: &mut Config) {
        let patience_ns = PATIENCE.as_nanos() as u64;
        let (backoff_ns, connect_ns, tls_ns) = match self {
            Self::OneStep => ((MS, 20 * MS), 100 * MS, 200 * MS),
            Self::AtOnce | Self::NoneLost => ((HOURS, HOURS), patience_ns, patience_ns),
        };
        config.set_backoff_ns(backoff_ns.0, backoff_ns.1).unwrap();
        config.set_connect_timeout_ns(connect_ns).unwrap();
        config.set_tls_handshake_timeout_ns(tls_ns).unwrap();
    }
}

/// How long one step takes at most: a dial that was begun too early has its timeouts, the next one
/// waits for the longest backoff and for its permit, and is made.
pub(crate) fn one_step(config: &Config) -> Duration {
    let timeouts = config.timeouts();
    let permits_ns =
        1_000 * MS * config.connections() as u64 / u64::from(config.dials_per_second());
    let dial_ns = timeouts.connect_ns + timeouts.tls_handshake_ns;
    Duration::from_nanos(dial_ns + config.backoff().max_ns + permits_ns) + BUSY
}

/// What a pool has counted since it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counted {
    dials: u64,
    failed_dials: u64,
    connected: u64,
    lost: u64,
}

impl Counted {
    fn by(pool: &Pool) -> Self {
        let stats = pool.stats();
        let sum = |counters: &[Counter]| counters.iter().map(Counter::get).sum();
        Self {
            dials: stats.dials.get(),
            failed_dials: sum(&stats.dial_failures),
            connected: stats.connected.get(),
            lost: sum(&stats.closed),
        }
    }

    /// What it would be if each loss was followed by one dial, and that one was good.
    fn at_once(connections: usize, lost: u64) -> Self {
        let dials = connections as u64 + lost;
        Self { dials, failed_dials: 0, connected: dials, lost }
    }
}

type MakeFar = Box<dyn Fn(Transport) -> Option<Far>>;
type Step = Box<dyn Fn(&Scene<'_>)>;

/// What a step of a case can see and touch.
pub(crate) struct Scene<'a> {
    pub(crate) far: &'a Far,
    pub(crate) pool: &'a Pool,
    pub(crate) connections: usize,
}

/// A fault, and what is expected of the pool.
pub(crate) struct Case {
    name: &'static str,
    transports: &'static [Transport],
    drives: &'static [Drive],
    far: MakeFar,
    settings: Box<dyn Fn(&mut Config)>,
    fault: Step,
    end_of_fault: Step,
    ends: Vec<End>,
    orders: usize,
    body: usize,
    deadline_ns: u64,
    closes: Option<(CloseReason, u64)>,
    failed_dials: Option<usize>,
    heals: Heals,
    drives_on: bool,
}

/// A case with a mock venue, one order that meets the fault, and no fault yet. [`Case::run`] is
/// told how it heals.
pub(crate) fn case(name: &'static str) -> Case {
    Case {
        name,
        transports: BOTH,
        drives: BOTH_DRIVES,
        far: Box::new(|transport| Some(Far::venue(transport))),
        settings: Box::new(|_| {}),
        fault: Box::new(|_| {}),
        end_of_fault: Box::new(|scene| {
            scene.far.venues.iter().for_each(|venue| venue.clear_faults().unwrap());
        }),
        ends: vec![ANSWERED],
        orders: 1,
        body: 0,
        deadline_ns: PATIENCE.as_nanos() as u64,
        closes: None,
        failed_dials: None,
        heals: Heals::AtOnce,
        drives_on: false,
    }
}

impl Case {
    pub(crate) fn over(mut self, transports: &'static [Transport]) -> Self {
        self.transports = transports;
        self
    }

    /// Against this far side instead of a mock venue.
    pub(crate) fn against(mut self, far: impl Fn(Transport) -> Option<Far> + 'static) -> Self {
        self.far = Box::new(far);
        self
    }

    pub(crate) fn with(mut self, settings: impl Fn(&mut Config) + 'static) -> Self {
        self.settings = Box::new(settings);
        self
    }

    /// What happens to the pool.
    pub(crate) fn fault(mut self, fault: impl Fn(&Scene<'_>) + 'static) -> Self {
        self.fault = Box::new(fault);
        self
    }

    /// How it stops happening, after the orders that met it have ended.
    pub(crate) fn until(mut self, end: impl Fn(&Scene<'_>) + 'static) -> Self {
        self.end_of_fault = Box::new(end);
        self
    }

    /// How an order that meets the fault ends: in one of these ways.
    pub(crate) fn expect(mut self, ends: &[End]) -> Self {
        self.ends = ends.to_vec();
        self
    }

    /// How many orders meet the fault, one after the other.
    pub(crate) fn orders(mut self, orders: usize) -> Self {
        self.orders = orders;
        self
    }

    /// How large they are.
    pub(crate) fn body(mut self, bytes: usize) -> Self {
        self.body = bytes;
        self
    }

    /// How long they may take.
    pub(crate) fn deadline(mut self, deadline_ns: u64) -> Self {
        self.deadline_ns = deadline_ns;
        self
    }

    /// So many connections at least are given up for that reason, in each round.
    pub(crate) fn closes(mut self, count: u64, reason: CloseReason) -> Self {
        self.closes = Some((reason, count));
        self
    }

    /// Dials fail at this step, in each round: 0 resolve, 1 connect, 2 TLS, 3 system.
    pub(crate) fn dials_fail_at(mut self, step: usize) -> Self {
        self.failed_dials = Some(step);
        self
    }

    /// In caller drive the engine goes on looking while the pool heals: bytes, unlike ends, wake
    /// nobody else.
    pub(crate) fn seen_by_who_drives(mut self) -> Self {
        self.drives_on = true;
        self
    }

    pub(crate) fn run(mut self, heals: Heals) {
        self.heals = heals;
        let _turn = one_at_a_time();
        for transport in self.transports {
            for drive in self.drives {
                self.run_over(*transport, *drive);
            }
        }
    }

    fn run_over(&self, transport: Transport, drive: Drive) {
        let before = Usage::look();
        let Some(far) = (self.far)(transport) else { return };
        let mut config = config(&far, self.heals);
        config.set_drive(drive);
        (self.settings)(&mut config);
        let step = one_step(&config);
        let open = OpenPool(far.open(&config));
        let pool = &*open.0;
        let ledger = Ledger::new(&format!("{:08x}", fastrand::u32(..)));
        let mut request = Request::new(Arc::clone(pool.origin()));
        let mut record = Record::default();
        far.await_connections(config.connections());
        let at_rest = Usage::look();
        let start = Instant::now();
        let exactly = std::env::var("FAULT_ROUNDS").ok().and_then(|text| text.parse().ok());
        let rounds = exactly.map_or(ROUNDS, |rounds: u32| rounds..=rounds);
        let scene = Scene { far: &far, pool, connections: config.connections() };
        for round in 0..*rounds.end() {
            if round >= *rounds.start() && start.elapsed() > REPEATED_FOR {
                break;
            }
            record.healed.push(self.round(&scene, &ledger, &mut request, step));
            at_rest.await_again(self.name);
            record.live.push(live_bytes());
        }
        record.print(self.name, transport, drive, start.elapsed());
        record.check_growth(self.name, ledger.accepted());
        pool.close().unwrap();
        ledger.reconcile(&far);
        ledger.check_counters(pool);
        drop((request, open, far));
        before.await_again(self.name);
    }

    /// One fault, from before it to after it; answers how long the pool took to heal.
    fn round(
        &self,
        scene: &Scene<'_>,
        ledger: &Ledger,
        request: &mut Request,
        step: Duration,
    ) -> Duration {
        let Scene { far, pool, connections } = *scene;
        // Only what has proven itself is dialled at once again.
        let ends = send_on_each(scene, ledger, request);
        ends.into_iter().for_each(|end| self.expect_end("before the fault", end, &[ANSWERED]));
        let stats = pool.stats();
        let closed = |reason: CloseReason| stats.closed[reason as usize].get();
        let closed_before = self.closes.map_or(0, |(reason, _)| closed(reason));
        let failed_before = self.failed_dials.map(|step| stats.dial_failures[step].get());
        (self.fault)(scene);
        for _ in 0..self.orders {
            let end = send(pool, ledger, request, self.body, self.deadline_ns);
            self.expect_end("in the fault", end, &self.ends);
        }
        if let Some(step) = self.failed_dials {
            until(|| (Some(stats.dial_failures[step].get()) > failed_before).then_some(()));
        }
        (self.end_of_fault)(scene);
        let start = Instant::now();
        until(|| {
            if self.drives_on {
                assert_eq!(pool.wait(1, Duration::ZERO, drop), Ok(Some(0)));
            }
            let all_lost =
                self.closes.is_none_or(|(reason, n)| closed(reason) >= closed_before + n);
            (all_lost && pool.counts().idle as usize == connections).then_some(())
        });
        let took = start.elapsed();
        self.check_healing(scene, took, step);
        far.await_connections(connections);
        self.expect_end("after the fault", send(pool, ledger, request, 0, 0), &[ANSWERED]);
        took
    }

    /// The pool is whole again: was it so by the rules?
    fn check_healing(&self, scene: &Scene<'_>, took: Duration, step: Duration) {
        let Scene { pool, connections, .. } = *scene;
        let name = self.name;
        match self.heals {
            Heals::OneStep => assert!(took <= step, "{name}: healed in {took:?}, not {step:?}"),
            Heals::NoneLost => {
                assert_eq!(Counted::by(pool), Counted::at_once(connections, 0), "{name}");
            }
            // A connection may be found lost only now, and its dial is then under way.
            Heals::AtOnce => {
                let end = Instant::now() + PATIENCE;
                loop {
                    let found = Counted::by(pool);
                    let expected = Counted::at_once(connections, found.lost);
                    if found == expected && pool.counts().idle as usize == connections {
                        return;
                    }
                    let is_over = found.failed_dials > 0 || Instant::now() > end;
                    assert!(!is_over, "{name}: {found:?}, and at once were {expected:?}");
                    std::thread::sleep(Duration::from_micros(200));
                }
            }
        }
    }

    fn expect_end(&self, when: &str, found: End, ends: &[End]) {
        assert!(ends.contains(&found), "{}, {when}: {found:?}, not of {ends:?}", self.name);
    }
}

/// A case that fails must not leave its pool to the next one.
pub(crate) struct OpenPool(pub(crate) Arc<Pool>);

impl Drop for OpenPool {
    fn drop(&mut self) {
        // Most are closed already.
        let _ = self.0.close();
    }
}

/// Waits for its turn.
pub(crate) fn one_at_a_time() -> impl Drop {
    // A case that failed has ended, too.
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The settings that cases share, with two connections.
pub(crate) fn config(far: &Far, heals: Heals) -> Config {
    // By number: looking names up takes threads, whose number is counted.
    let url = far.url.replace("localhost", "127.0.0.1");
    let mut config = crate::rig::config(&url, 2);
    config.set_ca_pem(far.ca_pem.as_bytes()).unwrap();
    config.set_server_name(b"localhost").unwrap();
    // On a busy machine an order would rightly end before its deadline, for want of time.
    config.set_exchange_time_ns(0).unwrap();
    heals.set(&mut config);
    config.set_thread_name(POOL_THREADS.as_bytes()).unwrap();
    config.set_request_capacity(8 << 20).unwrap();
    config
}

/// Builds the next order.
pub(crate) fn build(ledger: &Ledger, request: &mut Request, body: usize, deadline_ns: u64) -> u64 {
    let number = ledger.next();
    let padding = "x".repeat(body);
    request.begin(b"POST", b"/api/v3/order").unwrap();
    let id = ledger.name(number);
    request.body(format!("padding={padding}&newClientOrderId={id}").as_bytes()).unwrap();
    request.set_user_data(number);
    request.set_timeout_ns(if deadline_ns == 0 { PATIENCE.as_nanos() as u64 } else { deadline_ns });
    number
}

/// Sends an order on each connection, and waits for their ends. No more responses are ever in use
/// at a time than here, also with heartbeats between: the first round makes all their buffers.
fn send_on_each(scene: &Scene<'_>, ledger: &Ledger, request: &mut Request) -> Vec<End> {
    let pool = scene.pool;
    let lease = |_| until(|| pool.try_acquire().ok());
    let leases: Vec<_> = (0..scene.connections).map(lease).collect();
    let send = |lease: &Lease| {
        let number = build(ledger, request, 0, 0);
        pool.submit_on(*lease, request, None).unwrap();
        number
    };
    let numbers: Vec<_> = leases.iter().map(send).collect();
    let ends = ends_of(pool, ledger, &numbers, 0);
    leases.into_iter().for_each(|lease| pool.release(lease).unwrap());
    ends
}

/// Sends an order, in the queue if need be, and waits for its end.
fn send(pool: &Pool, ledger: &Ledger, request: &mut Request, body: usize, deadline_ns: u64) -> End {
    let number = build(ledger, request, body, deadline_ns);
    pool.submit(request, None, WhenBusy::Queue).unwrap();
    ends_of(pool, ledger, &[number], deadline_ns)[0]
}

/// Waits for the ends of the orders that are out, and only then lets go of their responses.
fn ends_of(pool: &Pool, ledger: &Ledger, numbers: &[u64], deadline_ns: u64) -> Vec<End> {
    let (mut ends, mut responses) = (Vec::new(), Vec::new());
    until(|| {
        let taken = pool.wait(4, Duration::from_millis(100), |done| {
            let (ended, how) = ledger.completed(&done);
            if how.0 == Outcome::Timeout {
                let took = done.times.done_ns - done.times.submit_ns;
                let late = took.checked_sub(deadline_ns).expect("not before its deadline");
                assert!(late < LATE.as_nanos() as u64, "{late} ns behind its deadline");
            }
            assert!(numbers.contains(&ended), "no other order is out");
            ends.push(how);
            responses.extend(done.response);
        });
        assert!(matches!(taken, Ok(Some(_))), "{taken:?}");
        (ends.len() == numbers.len()).then_some(())
    });
    responses.into_iter().for_each(Recycled::release);
    ends
}

/// What was measured.
#[derive(Default)]
struct Record {
    healed: Vec<Duration>,
    live: Vec<i64>,
}

impl Record {
    fn print(&self, name: &str, transport: Transport, drive: Drive, took: Duration) {
        let most = self.healed.iter().max().unwrap();
        let (rounds, growth) = (self.live.len(), self.growth());
        println!(
            "{name}, {transport:?}, {drive:?}: {rounds} rounds in {took:?}, healed in {most:?},"
        );
        println!("    {growth} bytes more live in the second half of them");
    }

    /// The least that was held in the second half of the rounds, against the least in the first:
    /// what is only held for a moment does not count.
    fn growth(&self) -> i64 {
        let (early, late) = self.live.split_at(self.live.len() / 2);
        let least = |half: &[i64]| *half.iter().min().unwrap();
        least(late) - least(&early[early.len().min(WARM_UP + 1) - 1..])
    }

    /// Memory grows by what is remembered of each order, and by the tables that hold it.
    fn check_growth(&self, name: &str, orders: usize) {
        let most = TABLES + REMEMBERED * orders as i64 / 2;
        assert!(self.growth() < most, "{name}: {} bytes more, {:?}", self.growth(), self.live);
    }
}
