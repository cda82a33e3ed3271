//! One round: a pool of random settings from open to close, engines that send in every way there
//! is, and faults one after the other.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fastrand::Rng;
use venuepool::completion::{Callback, Completion};
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::Status;
use venuepool::event::{Event, EventHook, EventKind};
use venuepool::http::Request;
use venuepool::lane::Lane;
use venuepool::pool::dispatch::Lease;
use venuepool::pool::fanout::{Completes, FanoutRules};
use venuepool::recycle::Recycled;
use venuepool::source::Source;

use crate::lanes::{Lanes, data, number_of, of_lease};
use crate::ledger::{Ledger, MOST_COPIES, MOST_ORDERS, Page};
use crate::sessions::Trading;
use crate::venue::VenueProcess;

const MS: u64 = 1_000_000;

/// How long a round sends.
const LOAD: Duration = Duration::from_millis(1500);

/// All slots are live so long after the last fault at the latest; and no close takes longer.
const HEALED_IN: Duration = Duration::from_secs(10);

/// Faults that the venue knows, in its own words; each is cleared after a while.
const FAULTS: &[&str] = &[
    "delay=5ms,every:3",
    "stall=every:20",
    "rst-response=every:10",
    "fin-response=every:10",
    "cut=20,every:10",
    "cut=half,fin,every:10",
    "cut=half,every:10",
    "slow=100,1ms,every:5",
    "status=429,retry-after:1,every:50",
    "status=503,every:10",
    "status=418,every:100",
    "interim=100,every:2",
    "surplus=every:10",
    "close-after=5,announce",
    "close-after=7,fin",
    "close-after=3,rst",
    "idle-close=2ms",
    "idle-close=1ms,rst",
    "idle-bytes=2ms",
    "black-hole=every:2",
    "refuse",
    "max-connections=1",
    "max-connections=2,429",
];

/// What the threads of a round share.
struct Scene<'a> {
    pool: &'a Pool,
    lanes: &'a Lanes,
    page: &'a Page,
    /// How many local addresses the pool has.
    sources: u32,
    next: AtomicUsize,
    over: AtomicBool,
}

/// Runs a round, and counts what became of it. The ledger is reconciled by the caller.
pub(crate) fn run(venue: &mut VenueProcess, ledger: &mut Ledger, mut random: Rng) {
    let heals = Arc::new(Mutex::new(Heals::default()));
    let mut config = config(venue, &mut random, &heals);
    let lanes = Lanes::set(&mut config, &mut random);
    if std::env::var_os("SOAK_VERBOSE").is_some() {
        println!("{:?} {:?} {:?}", config.drive(), config.maintenance(), config.timeouts());
    }
    let drive = config.drive();
    let pool = open(&config);
    let scene = Scene {
        pool: &pool,
        lanes: &lanes,
        page: &ledger.page,
        sources: config.sockets().bind_addresses.len() as u32,
        next: AtomicUsize::new(0),
        over: AtomicBool::new(false),
    };
    let drains = random.bool();
    let trading = Trading::open(venue, format!("ws-{}", ledger.page.name(0)), &mut random);
    let trading_is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| trading.take());
        let traders: Vec<_> = (0..random.usize(1..=2))
            .map(|_| {
                let (trading, over, random) = (&trading, &trading_is_over, random.fork());
                scope.spawn(move || trading.send(over, random))
            })
            .collect();
        for _ in 0..random.usize(1..=4) {
            let (scene, random) = (&scene, random.fork());
            scope.spawn(move || engine(scene, random));
        }
        scope.spawn(|| collect(&scene));
        let end = Instant::now() + LOAD;
        while Instant::now() < end {
            misbehave(venue, &mut random);
        }
        if drains {
            // In the midst of it, and the lanes that are open go on for a while.
            lanes.drain(&pool, &mut random);
            misbehave(venue, &mut random);
        }
        venue.tell("clear");
        // Some pools end in the midst of it, some when all is well again.
        if random.bool() {
            scene.over.store(true, Ordering::SeqCst);
            await_health(&scene);
            trading.await_up();
        }
        trading_is_over.store(true, Ordering::SeqCst);
        traders.into_iter().for_each(|trader| trader.join().unwrap());
        trading.close();
        pool.shutdown(Duration::from_millis(random.u64(..30)));
        scene.over.store(true, Ordering::SeqCst);
    });
    let start = Instant::now();
    match pool.close() {
        Ok(()) => {}
        Err(status) => panic!("{status:?} from close, {drive:?}"),
    }
    assert!(start.elapsed() < HEALED_IN, "close took {:?}", start.elapsed());
    lanes.check_slots();
    trading.reconcile(venue, &mut ledger.sessions);
    ledger.count(pool.stats());
    ledger.with_lanes += u32::from(lanes.are_used());
    ledger.drains += u32::from(drains);
    ledger.drain_refused += lanes.refused.into_inner();
    ledger.heals.append(&mut heals.lock().unwrap().took_ns);
}

/// Waits until every slot is live and every order completed.
fn await_health(scene: &Scene<'_>) {
    let healed = Instant::now() + HEALED_IN;
    loop {
        // A pause may have been asked for by the last answers.
        scene.pool.suspend(0);
        let (counts, owed) = (scene.pool.counts(), scene.page.owed());
        let has_ended = owed == 0 && counts.outstanding() == 0;
        if counts.live == scene.pool.slots() && has_ended {
            return;
        }
        let slots = scene.pool.slot_healths();
        assert!(Instant::now() < healed, "{counts:?}, owed {owed}, {slots:#?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// When each slot was lost, and how long it took to heal.
#[derive(Default)]
struct Heals {
    lost_ns: HashMap<u32, u64>,
    took_ns: Vec<u64>,
}

fn config(venue: &VenueProcess, random: &mut Rng, heals: &Arc<Mutex<Heals>>) -> Config {
    let mut config = Config::default();
    config.set_url(venue.url.as_bytes()).unwrap();
    config.set_ca_pem(venue.ca_pem.as_bytes()).unwrap();
    config.set_connections(random.usize(1..=8)).unwrap();
    let sources = random.usize(0..=3).min(config.connections());
    for number in 0..sources {
        config.add_bind_address(format!("127.0.0.{}", 2 + number).as_bytes()).unwrap();
    }
    config.set_suspends_source(random.bool());
    config.set_drive(if random.bool() { Drive::Thread } else { Drive::Caller });
    config.set_busy_poll(random.u8(..8) == 0);
    config.set_backoff_ns(MS, 50 * MS).unwrap();
    config.set_dials_per_second(1000).unwrap();
    // A look-up asks the kernel for its addresses, which may wait for all that goes on besides (a
    // network namespace that goes, for one); one that never ends is found all the same.
    config.set_resolve_timeout_ns(HEALED_IN.as_nanos() as u64).unwrap();
    config.set_connect_timeout_ns(200 * MS).unwrap();
    config.set_tls_handshake_timeout_ns(200 * MS).unwrap();
    config.set_request_timeout_ns(100 * MS).unwrap();
    if random.bool() {
        config.set_heartbeat(b"GET", b"/api/v3/ping", random.u64(2..20) * MS, 50 * MS).unwrap();
    }
    if random.bool() {
        // Not so short that keeping it takes more dials than the limit allows.
        config.set_idle_limit_ns(random.u64(30..200) * MS).unwrap();
    }
    if random.bool() {
        config.set_max_age_ns(random.u64(5..500) * MS).unwrap();
    }
    if random.bool() {
        config.set_max_requests(random.u64(1..200));
    }
    if random.bool() {
        config.set_first_byte_timeout_ns(random.u64(1..50) * MS).unwrap();
        config.set_queue_timeout_ns(random.u64(1..50) * MS).unwrap();
    }
    if random.bool() {
        config.set_linger_ns(random.u64(1..50) * MS).unwrap();
    }
    if random.bool() {
        config.suspend_on(429, 5 * MS, random.bool()).unwrap();
        config.suspend_on(418, 20 * MS, random.bool()).unwrap();
    }
    config.set_look_after_ns(if random.bool() { 0 } else { 10_000 }).unwrap();
    let heals = Arc::clone(heals);
    config.set_event_hook(Some(EventHook(Arc::new(move |event: &Event| {
        let (Some(slot), mut heals) = (event.slot, heals.lock().unwrap()) else { return };
        if event.kind == EventKind::Lost {
            heals.lost_ns.insert(slot, event.time_ns);
        } else if event.kind == EventKind::Up
            && let Some(lost_ns) = heals.lost_ns.remove(&slot)
        {
            heals.took_ns.push(event.time_ns - lost_ns);
        }
    }))));
    config
}

fn misbehave(venue: &mut VenueProcess, random: &mut Rng) {
    match random.u8(..10) {
        0 => drop(venue.tell("kill rst")),
        1 => drop(venue.tell("kill fin")),
        2 => drop(venue.tell("kill bare-fin")),
        3 => drop(venue.tell("restart rst")),
        _ => {
            let fault = FAULTS[random.usize(..FAULTS.len())];
            venue.tell(&format!("fault {fault}"));
        }
    }
    std::thread::sleep(Duration::from_millis(random.u64(5..60)));
    venue.tell("clear");
    std::thread::sleep(Duration::from_millis(random.u64(..20)));
}

/// Opens a pool. On a busy machine a handshake may take longer than the configuration allows, so
/// this tries again.
pub(crate) fn open(config: &Config) -> Arc<Pool> {
    let end = Instant::now() + HEALED_IN;
    loop {
        match Pool::open(config) {
            Ok(pool) => return pool,
            Err(error) => {
                let is_late = matches!(error.step, Status::ERR_CONNECT | Status::ERR_TLS);
                assert!(is_late && Instant::now() < end, "{error:?}");
            }
        }
    }
}

/// Sends orders until the round is over.
fn engine(scene: &Scene<'_>, mut random: Rng) {
    let mut request = Request::new(Arc::clone(scene.pool.origin()));
    let mut last_id = 0;
    while !scene.over.load(Ordering::SeqCst) {
        let number = scene.next.fetch_add(1, Ordering::SeqCst);
        if number >= MOST_ORDERS {
            return;
        }
        let lane = scene.lanes.choose(&mut random);
        build(&mut request, scene.page, number, &mut random);
        request.set_lane(lane);
        let source = random.u32(..=scene.sources);
        let is_any = source == scene.sources;
        request.set_source(if is_any { Source::ANY } else { Source::from_number(source).unwrap() });
        request.set_user_data(data(number, lane));
        scene.page.submitting(number);
        match send(scene, &mut request, &mut random) {
            Ok(id) => last_id = id,
            Err(Status::ERR_INTERNAL) => panic!("a defect"),
            Err(_) => scene.page.refused(number),
        }
        if random.u8(..16) == 0 {
            // Of this engine's last order, or of one long gone.
            let _ = scene.pool.cancel(last_id.saturating_sub(random.u64(..2)));
        }
        if random.u8(..4) == 0 {
            std::thread::sleep(Duration::from_micros(random.u64(..500)));
        }
    }
}

fn build(request: &mut Request, page: &Page, number: usize, random: &mut Rng) {
    let path = if random.bool() { "/api/v3/order" } else { "/api/v3/order?chunked=1" };
    request.begin(b"POST", path.as_bytes()).unwrap();
    let body = format!("symbol=BTCUSDT&side=BUY&newClientOrderId={}", page.name(number));
    request.body(body.as_bytes()).unwrap();
    request.set_timeout_ns(if random.u8(..8) == 0 { random.u64(1..30) * MS } else { 0 });
}

/// Sends in one of the ways that there are. An error means: refused.
fn send(scene: &Scene<'_>, request: &mut Request, random: &mut Rng) -> Result<u64, Status> {
    let (pool, lanes, lane) = (scene.pool, scene.lanes, request.lane());
    match random.u8(..22) {
        0..9 => lanes.check(lane, || pool.submit(request, None, WhenBusy::Refuse)),
        9..14 => lanes.check(lane, || pool.submit(request, None, WhenBusy::Queue)),
        14..17 => with_callback(scene, request),
        17 => {
            let lease = lanes.check(Lane::Orders, || pool.try_acquire())?;
            on_lease(scene, request, lease)
        }
        18 => {
            let patience = Duration::from_millis(random.u64(..20));
            let lease = lanes.check(Lane::Orders, || pool.acquire(patience))?;
            on_lease(scene, request, lease)
        }
        19 | 20 => on_several(scene, request, random),
        _ => {
            let done = lanes.check(lane, || pool.execute(request, WhenBusy::Queue))?;
            let id = done.id;
            note(scene, done);
            Ok(id)
        }
    }
}

/// Sends copies on several connections, at once or while no answer comes.
fn on_several(scene: &Scene<'_>, request: &mut Request, random: &mut Rng) -> Result<u64, Status> {
    let (number, lane) = (number_of(request.user_data()), request.lane());
    scene.page.may_be_sent_again(number);
    let rules = FanoutRules {
        copies: random.u32(1..=MOST_COPIES),
        hedge_after_ns: if random.bool() { 0 } else { random.u64(1..20) * MS },
        completes: if random.bool() { Completes::First } else { Completes::FirstSuccess },
    };
    let when_busy = if random.bool() { WhenBusy::Queue } else { WhenBusy::Refuse };
    let submit = || scene.pool.submit_fanout(request, None, when_busy, rules);
    scene.lanes.check(lane, submit)
}

/// Sends on a leased slot, and gives it back at once.
fn on_lease(scene: &Scene<'_>, request: &mut Request, lease: Lease) -> Result<u64, Status> {
    let (pool, lane) = (scene.pool, request.lane());
    request.set_user_data(of_lease(request.user_data()));
    let id = scene.lanes.check(lane, || pool.submit_on(lease, request, None));
    pool.release(lease).unwrap();
    id
}

/// Sends with a callback, and waits for it.
fn with_callback(scene: &Scene<'_>, request: &mut Request) -> Result<u64, Status> {
    let told: Arc<Mutex<Option<Completion>>> = Arc::default();
    let (place, lane) = (Arc::clone(&told), request.lane());
    let callback: Callback = Arc::new(move |done| {
        let before = place.lock().unwrap().replace(done);
        assert!(before.is_none(), "called twice");
    });
    let submit = || scene.pool.submit(request, Some(callback), WhenBusy::Queue);
    let id = scene.lanes.check(lane, submit)?;
    // Whoever drives calls it within the request's deadline.
    let end = Instant::now() + HEALED_IN;
    loop {
        if let Some(done) = told.lock().unwrap().take() {
            note(scene, done);
            return Ok(id);
        }
        assert!(Instant::now() < end, "a callback is missing");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Drives, if the engine is to, and takes completions, until the pool has ended.
fn collect(scene: &Scene<'_>) {
    loop {
        let taken = scene.pool.wait(16, Duration::from_millis(1), |done| note(scene, done));
        scene.lanes.check_queue(scene.pool);
        match taken {
            Ok(None) => return,
            Ok(_) => {}
            Err(status) => panic!("{status:?}"),
        }
    }
}

/// Notes a completion, and checks it for its lane.
fn note(scene: &Scene<'_>, done: Completion) {
    scene.lanes.completed(&done);
    record(scene.page, done);
}

/// Notes a completion, and gives its response back.
pub(crate) fn record(page: &Page, done: Completion) {
    page.completed(&done);
    if let Some(response) = done.response {
        Recycled::release(response);
    }
}
