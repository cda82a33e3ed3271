//! The measurement: opens a pool, sends each request at its time, and takes what comes back.
//!
//! One thread sends and receives, in caller drive, as an engine's loop does. It sleeps until
//! shortly before a request is due, and then looks at the sockets until it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use venuepool::clock::{now_ns, wall_ns};
use venuepool::completion::Completion;
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::error::Status;
use venuepool::http::request::Request;
use venuepool::metrics::Kind;
use venuepool::metrics::snapshot::Snapshot;
use venuepool::pool::dispatch::Lease;
use venuepool::pool::edges::Placement;
use venuepool::recycle::Recycled;

use crate::options::Probe;
use crate::progress::{Live, Progress};
use crate::sample::{Addresses, Due, End, Sample};
use crate::schedule::Schedule;
use crate::timeline::{Happened, Timeline};
use crate::waiting::{Offer, Waiting};

/// A sleep ends so long before a request is due, because the system wakes late.
const SPIN_NS: u64 = 100_000;

/// The longest sleep: then it is looked whether the user wants an end.
const NAP: Duration = Duration::from_millis(50);

/// While requests wait for a connection, it is looked so often whether one is back.
const LOOK: Duration = Duration::from_millis(1);

/// Time for the threads to start before the first request is due.
const LEAD_NS: u64 = 2_000_000;

/// The most completions that are taken at once.
const BATCH: usize = 256;

const MILLISECOND_NS: u64 = 1_000_000;

const SECOND_NS: u64 = 1_000_000_000;

/// What the library itself measures of connections, from the opening on.
const PER_CONNECTION: [Kind; 3] = [Kind::Connect, Kind::Handshake, Kind::Heal];

/// What was measured.
pub(crate) struct Measured {
    /// The requests that count, in the order of their intended times.
    pub(crate) samples: Vec<Sample>,
    pub(crate) addresses: Addresses,
    pub(crate) happened: Vec<Happened>,
    /// What the library has measured itself.
    pub(crate) kinds: Vec<Snapshot>,
    /// When the part began that counts, by the system's clock.
    pub(crate) begun_wall_ns: u64,
    /// How long that part was.
    pub(crate) lasted_ns: u64,
    /// The user has ended it.
    pub(crate) is_cut_short: bool,
}

/// Opens a pool, and sends what was asked for, until it is all answered or `stop` is set.
pub(crate) fn run(options: &Probe, stop: &AtomicBool) -> Result<Measured, String> {
    let timeline = Timeline::default();
    let config = config(options, &timeline)?;
    let pool = Pool::open(&config)
        .map_err(|error| format!("no connection to {}: {}", options.target().origin, error.text))?;
    timeline.watch(&pool);
    let measured = measure(&pool, options, &timeline, stop);
    pool.shutdown(Duration::ZERO);
    let _ = pool.close();
    measured
}

fn measure(
    pool: &Arc<Pool>,
    options: &Probe,
    timeline: &Timeline,
    stop: &AtomicBool,
) -> Result<Measured, String> {
    let request = request(pool, options)?;
    let leases: Result<Vec<Lease>, Status> =
        (0..pool.slots()).map(|_| pool.acquire(options.timeout)).collect();
    let mut leases = leases.map_err(|status| refused("a connection was lost at once", status))?;
    leases.sort_by_key(|lease| lease.slot);
    let schedule = Schedule::new(options.rate, options.warm_up, options.duration);
    let live = Live::default();
    let mut sender = Sender {
        pool,
        waiting: Waiting::new(leases.len()),
        leases,
        request,
        begin_ns: now_ns() + LEAD_NS,
        schedule,
        timeout_ns: nanos(options.timeout),
        seen_ns: vec![0; schedule.requests()],
        samples: vec![None; schedule.requests()],
        addresses: Addresses::default(),
        outstanding: 0,
        live: &live,
    };
    let counts_from_ns = sender.counts_from_ns();
    let begun_wall_ns = wall_ns() + counts_from_ns.saturating_sub(now_ns());
    let progress = Progress { pool, live: &live, counts_from_ns, duration: options.duration };
    let due = progress.shown_during(|| sender.run(stop))?;
    let kind = |kind| pool.histogram(kind, None, false).ok();
    let kinds = PER_CONNECTION.into_iter().filter_map(kind).collect();
    let counted = schedule.warm_up().min(due)..due;
    let lasted_ns = (now_ns().saturating_sub(counts_from_ns)).min(nanos(options.duration));
    Ok(Measured {
        samples: sender.samples[counted].iter().flatten().copied().collect(),
        addresses: sender.addresses,
        happened: timeline.since(counts_from_ns),
        kinds,
        begun_wall_ns,
        lasted_ns,
        is_cut_short: due < schedule.requests(),
    })
}

/// Sends and receives.
struct Sender<'a> {
    pool: &'a Pool,
    /// Each connection is reserved, so that the requests can take turns.
    leases: Vec<Lease>,
    request: Request,
    schedule: Schedule,
    /// The intended time of the first request, by the clock.
    begin_ns: u64,
    timeout_ns: u64,
    waiting: Waiting,
    /// When it was seen that a request was due, by its number and the clock.
    seen_ns: Vec<u64>,
    /// By the number of the request.
    samples: Vec<Option<Sample>>,
    addresses: Addresses,
    outstanding: usize,
    live: &'a Live,
}

impl Sender<'_> {
    /// Runs to the end; answers how many requests fell due.
    fn run(&mut self, stop: &AtomicBool) -> Result<usize, String> {
        let (mut next, mut end) = (0, self.schedule.requests());
        let mut taken = Vec::with_capacity(BATCH);
        loop {
            if stop.load(Ordering::Relaxed) {
                end = next;
            }
            let now = now_ns();
            while next < end && self.due_ns(next) <= now {
                self.seen_ns[next] = now;
                self.waiting.push(next);
                next += 1;
            }
            self.send();
            if next == end && self.waiting.is_empty() && self.outstanding == 0 {
                return Ok(next);
            }
            let due_ns = (next < end).then(|| self.due_ns(next));
            self.receive(due_ns, &mut taken)?;
        }
    }

    fn due_ns(&self, request: usize) -> u64 {
        self.begin_ns + self.schedule.intended_ns(request)
    }

    fn counts_from_ns(&self) -> u64 {
        self.begin_ns + self.schedule.counts_from_ns()
    }

    /// Sends what waits, as far as connections are idle. What has waited for too long is not sent.
    fn send(&mut self) {
        let (begin_ns, schedule, timeout_ns) = (self.begin_ns, self.schedule, self.timeout_ns);
        let deadline = |request| begin_ns + schedule.intended_ns(request) + timeout_ns;
        let now = now_ns();
        while let Some(request) = self.waiting.pop_if(|request| deadline(request) <= now) {
            self.note(request, Sample::unsent(self.due(request), End::NoConnection));
        }
        let (pool, leases, bytes) = (self.pool, &self.leases, &mut self.request);
        let mut offer = |request, connection: usize| {
            let left_ns = deadline(request).saturating_sub(now_ns()).max(1_000);
            bytes.set_timeout_ns(left_ns);
            bytes.set_user_data(request as u64);
            match pool.submit_on(leases[connection], bytes, None) {
                Err(Status::ERR_SLOT_BUSY | Status::ERR_SLOT_DOWN) => Offer::NotIdle,
                result => Offer::Settled(result),
            }
        };
        let mut refusals = Vec::new();
        while let Some((request, result)) = self.waiting.offer(&mut offer) {
            match result {
                Ok(_) => self.outstanding += 1,
                Err(status) => refusals.push((request, status)),
            }
        }
        for (request, status) in refusals {
            self.note(request, Sample::unsent(self.due(request), End::Refused(status)));
        }
    }

    /// Takes what has come, and sleeps if there is time before the next request is due.
    fn receive(&mut self, due_ns: Option<u64>, taken: &mut Vec<Completion>) -> Result<(), String> {
        let longest = if self.waiting.is_empty() { NAP } else { LOOK };
        let left_ns = due_ns.map_or(u64::MAX, |due| due.saturating_sub(now_ns()));
        let result = match left_ns.checked_sub(SPIN_NS) {
            Some(nap_ns) => self
                .pool
                .wait(BATCH, whole(nap_ns).min(longest), |completion| taken.push(completion)),
            None => self.pool.poll(BATCH, |completion| taken.push(completion)),
        };
        result.map_err(|status| refused("the pool cannot be driven", status))?;
        let count_ns = self.counts_from_ns();
        for mut completion in taken.drain(..) {
            self.outstanding -= 1;
            let request = completion.user_data as usize;
            let due = self.due(request);
            let sample = Sample::completed(due, count_ns, &completion, &mut self.addresses);
            if let Some(response) = completion.response.take() {
                Recycled::release(response);
            }
            self.note(request, sample);
        }
        Ok(())
    }

    fn due(&self, request: usize) -> Due {
        let seen_ns = self.seen_ns[request].saturating_sub(self.counts_from_ns());
        Due { intended_ns: self.schedule.counted_ns(request), seen_ns }
    }

    /// Keeps what became of a request, and shows it if it counts.
    fn note(&mut self, request: usize, sample: Sample) {
        self.samples[request] = Some(sample);
        if request >= self.schedule.warm_up() {
            self.live.note(&sample);
        }
    }
}

/// A nap that is not longer than that. The system counts naps of a millisecond and more in
/// milliseconds, and rounds up.
fn whole(nap_ns: u64) -> Duration {
    let rest_ns = if nap_ns < MILLISECOND_NS { 0 } else { nap_ns % MILLISECOND_NS };
    Duration::from_nanos(nap_ns - rest_ns)
}

fn config(options: &Probe, timeline: &Timeline) -> Result<Config, String> {
    let mut config = Config::default();
    let target = options.target();
    let set =
        |what: &str, result: Result<(), Status>| result.map_err(|status| refused(what, status));
    set(&target.origin, config.set_url(target.origin.as_bytes()))?;
    set("--connections", config.set_connections(options.connections.into()))?;
    set("--timeout", config.set_request_timeout_ns(nanos(options.timeout)))?;
    config.set_drive(Drive::Caller);
    config.set_event_hook(Some(timeline.hook()));
    // Each address is to be measured, and a dial over the world takes its time.
    set("placement", config.set_placement(Placement::Spread, 1, 0))?;
    set("connect timeout", config.set_connect_timeout_ns(5 * SECOND_NS))?;
    set("resolve timeout", config.set_resolve_timeout_ns(5 * SECOND_NS))?;
    set("TLS timeout", config.set_tls_handshake_timeout_ns(5 * SECOND_NS))?;
    // What venues ask for: nothing more is sent until their pause is over.
    set("pauses", config.suspend_on(429, 10 * SECOND_NS, false))?;
    set("pauses", config.suspend_on(418, 120 * SECOND_NS, true))?;
    if let Some(age) = options.max_age {
        set("--max-age", config.set_max_age_ns(nanos(age)))?;
    }
    if let Some(addresses) = &options.addresses {
        set("--addresses", config.set_addresses(addresses.as_bytes()))?;
    }
    if let Some(file) = &options.ca_file {
        let pem = read(file)?;
        set(&file.display().to_string(), config.set_ca_pem(&pem))?;
    }
    Ok(config)
}

/// The bytes of each request.
fn request(pool: &Pool, options: &Probe) -> Result<Request, String> {
    let mut request = Request::new(Arc::clone(pool.origin()));
    let (method, path) = (&options.method, &options.target().path);
    let begun = request.begin(method.as_bytes(), path.as_bytes());
    begun.map_err(|status| {
        refused(&format!("{method} {}", options.target().shown_path()), status)
    })?;
    for header in &options.headers {
        let added = request.header(header.name.as_bytes(), header.value.as_bytes());
        added.map_err(|status| refused(&format!("--header {}", header.name), status))?;
    }
    if let Some(file) = &options.body_file {
        let added = request.body(&read(file)?);
        added.map_err(|status| refused(&file.display().to_string(), status))?;
    }
    request.end().map_err(|status| refused("the request", status))?;
    Ok(request)
}

fn read(file: &std::path::Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn refused(what: &str, status: Status) -> String {
    format!("{what}: {}", status.name().to_string_lossy())
}
