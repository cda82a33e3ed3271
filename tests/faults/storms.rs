//! Many faults at once, or one again and again, while eight threads submit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use mock_venue::{CertificateKind, Fault, FaultKind, How, Transport};
use venuepool::config::Drive;
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{CloseReason, Outcome, Status, WireState};
use venuepool::http::Request;
use venuepool::recycle::Recycled;

use crate::cable::{ENGINE, ip, on};
use crate::case::{
    ANSWERED, BOTH, BOTH_DRIVES, Heals, MS, OpenPool, PLAIN, TLS, build, case, config,
    one_at_a_time, one_step,
};
use crate::far::{Far, Stage};
use crate::ledger::Ledger;
use crate::process::{NoDescriptors, Usage, set_wall_clock};
use crate::resets::lose_idle;
use crate::rig::until;

const ENGINES: usize = 8;

/// What engines and heartbeats under load are patient for.
const LONGEST_ORDER_NS: u64 = 200 * MS;
const BEAT_NS: u64 = 10 * MS;
const BEAT_TIMEOUT_NS: u64 = 200 * MS;

#[test]
fn connections_that_are_accepted_and_closed_at_once_are_not_dialled_in_a_storm() {
    let storm =
        || case("accept-and-close storm").with(|config| config.set_dials_per_second(100).unwrap());
    let closed_at_once = FaultKind::MaxConnections { limit: 0, answer_429: false };
    let fault = move |scene: &crate::case::Scene<'_>| {
        let (start, before) = (Instant::now(), scene.pool.stats().dials.get());
        scene.far.first().set_fault(Fault::always(closed_at_once.clone())).unwrap();
        lose_idle(How::Rst)(scene);
        std::thread::sleep(Duration::from_millis(60));
        let dials = scene.pool.stats().dials.get() - before;
        // The burst, and what the time allows since.
        let most = 3 + start.elapsed().as_millis() as u64 / 10;
        assert!(dials <= most, "{dials} dials where {most} are allowed");
    };
    // Over TLS such a connection never comes to live.
    storm()
        .over(TLS)
        .fault(fault.clone())
        .deadline(30 * MS)
        .expect(&[(Outcome::Timeout, WireState::NotSent)])
        .dials_fail_at(2)
        .run(Heals::OneStep);
    // Without, it is live until the FIN is there, and may be given an order.
    storm()
        .over(PLAIN)
        .fault(fault)
        .deadline(30 * MS)
        .expect(&[
            (Outcome::Timeout, WireState::NotSent),
            (Outcome::ConnectionClosed, WireState::Sent),
            (Outcome::ConnectionReset, WireState::Sent),
        ])
        .run(Heals::OneStep);
}

#[test]
fn a_storm_of_503_that_closes_is_told_as_it_is() {
    case("503 and Connection: close")
        .fault(|scene| {
            let venue = scene.far.first();
            let status = FaultKind::Status { code: 503, retry_after: None, as_date: false };
            let close = FaultKind::CloseAfter { requests: 1, announce: true, how: How::Fin };
            venue.set_fault(Fault::always(status)).unwrap();
            venue.set_fault(Fault::always(close)).unwrap();
        })
        .orders(10)
        .expect(&[ANSWERED])
        .closes(10, CloseReason::ResponseClose)
        .run(Heals::AtOnce);
}

#[test]
fn a_storm_of_resets_costs_one_order_each() {
    case("every order is reset")
        .against(|transport| {
            Some(Far::script(transport, Stage::Whole, |peer, _| peer.reset().unwrap()))
        })
        .fault(|scene| scene.far.ledger.spoil(10))
        .orders(10)
        .expect(&[(Outcome::ConnectionReset, WireState::Sent)])
        .closes(10, CloseReason::Reset)
        .run(Heals::OneStep);
}

/// Eight threads submit, one takes the completions, and this one is given to `misbehave`, until
/// that is done. Then all must be well again.
fn under_load(far: &Far, drive: Drive, name: &str, misbehave: impl FnOnce(&Pool), heals: Heals) {
    let mut config = config(far, heals);
    config.set_drive(drive);
    config.set_connections(4).unwrap();
    config.set_heartbeat(b"GET", b"/api/v3/ping", BEAT_NS, BEAT_TIMEOUT_NS).unwrap();
    // Nobody knows of a connection that has died in silence until it has missed a heartbeat, and
    // one connection beats at a time, behind the last orders.
    let beats_ns = 4 * (BEAT_NS * 6 / 5 + BEAT_TIMEOUT_NS);
    let heals_within = one_step(&config) + Duration::from_nanos(beats_ns + LONGEST_ORDER_NS);
    let open = OpenPool(far.open(&config));
    let pool = &*open.0;
    let ledger = Ledger::new(&format!("{:08x}", fastrand::u32(..)));
    let (over, taken) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let engines: Vec<_> =
            (0..ENGINES).map(|_| scope.spawn(|| engine(pool, &ledger, &over))).collect();
        scope.spawn(|| collect(pool, &ledger, &taken));
        // What fails here must not leave the others running.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| misbehave(pool)));
        over.store(true, Ordering::SeqCst);
        let start = Instant::now();
        let engines = engines.into_iter().map(std::thread::ScopedJoinHandle::join);
        let engines: Vec<_> = engines.collect();
        let is_well = || ledger.owed() == 0 && pool.counts().live == pool.slots();
        while !is_well() && start.elapsed() < heals_within {
            std::thread::sleep(Duration::from_millis(1));
        }
        let well = is_well().then(|| start.elapsed());
        let state = (pool.counts(), ledger.owed());
        taken.store(true, Ordering::SeqCst);
        done.unwrap();
        assert!(engines.iter().all(Result::is_ok), "an engine has failed");
        println!("{name}, {drive:?}: {} orders, well in {well:?}", ledger.accepted());
        assert!(well.is_some(), "{name}: not well within {heals_within:?}: {state:?}");
    });
    pool.close().unwrap();
    ledger.reconcile(far);
    ledger.check_counters(pool);
}

/// Submits as fast as the pool takes it, with the queue and without, with long and short deadlines.
fn engine(pool: &Pool, ledger: &Ledger, over: &AtomicBool) {
    let mut request = Request::new(Arc::clone(pool.origin()));
    let mut random = Rng::new();
    while !over.load(Ordering::SeqCst) {
        let deadline_ns = random.u64(5 * MS..LONGEST_ORDER_NS);
        let number = build(ledger, &mut request, 0, deadline_ns);
        let when_busy = if random.bool() { WhenBusy::Queue } else { WhenBusy::Refuse };
        match pool.submit(&mut request, None, when_busy) {
            Ok(id) if random.u8(..32) == 0 => drop(pool.cancel(id)),
            Ok(_) => {}
            Err(Status::ERR_NO_SLOT | Status::ERR_WAITING_FULL | Status::ERR_COMPLETIONS_FULL) => {
                ledger.refused(number);
            }
            Err(status) => panic!("{status:?}"),
        }
        std::thread::sleep(Duration::from_micros(random.u64(100..1000)));
    }
}

/// Takes completions, and in caller drive drives.
fn collect(pool: &Pool, ledger: &Ledger, over: &AtomicBool) {
    while !over.load(Ordering::SeqCst) {
        let taken = pool.wait(16, Duration::from_millis(2), |done| {
            ledger.completed(&done);
            if let Some(response) = done.response {
                Recycled::release(response);
            }
        });
        assert!(matches!(taken, Ok(Some(_))), "{taken:?}");
    }
}

#[test]
fn a_venue_that_restarts_under_load_is_back_in_no_time() {
    let _turn = one_at_a_time();
    for transport in BOTH {
        for drive in BOTH_DRIVES {
            let before = Usage::look();
            let far = Far::venue(*transport);
            let restarts = |_: &Pool| {
                for how in [How::Rst, How::Fin, How::BareFin] {
                    std::thread::sleep(Duration::from_millis(30));
                    far.first().stop(how).unwrap();
                    std::thread::sleep(Duration::from_millis(20));
                    far.first().restart().unwrap();
                }
            };
            under_load(&far, *drive, "restarts under load", restarts, Heals::OneStep);
            drop(far);
            before.await_again("restarts under load");
        }
    }
}

/// Faults that the venue knows, in its own words.
const FAULTS: &[&str] = &[
    "delay=5ms,every:3",
    "stall=every:20",
    "rst-response=every:5",
    "fin-response=every:5",
    "cut=20,every:5",
    "cut=20,fin,every:5",
    "cut=half,bare-fin,every:5",
    "cut=half,every:5",
    "slow=100,1ms,every:5",
    "status=503,every:3",
    "interim=100,every:2",
    "close-after=5,announce",
    "close-after=3,fin",
    "close-after=2,rst",
    "idle-close=2ms",
    "idle-close=1ms,rst",
    "black-hole=every:2",
    "refuse",
    "max-connections=0",
    "max-connections=2",
];

/// One fault, for some milliseconds, and its end.
fn one_of_all(far: &Far, random: &mut Rng) {
    let venue = far.first();
    let pause = Duration::from_millis(random.u64(5..40));
    let kill = [How::Rst, How::Fin, How::BareFin][random.usize(..3)];
    let is_plain = far.url.starts_with("http:");
    match random.u8(..16) {
        0 => drop(venue.kill_connections(kill)),
        1 => {
            venue.stop(kill).unwrap();
            std::thread::sleep(pause);
            venue.restart().unwrap();
        }
        2 => {
            let _none_left = NoDescriptors::left();
            venue.kill_connections(kill);
            std::thread::sleep(pause);
        }
        3 if !is_plain => {
            use CertificateKind::{Expired, UnknownCa, WrongHost};
            venue.set_certificate([Expired, UnknownCa, WrongHost][random.usize(..3)]).unwrap();
            venue.kill_connections(kill);
            std::thread::sleep(pause);
            venue.set_certificate(CertificateKind::Good).unwrap();
        }
        4 => {
            set_wall_clock(random.i64(-1_000_000..1_000_000));
            std::thread::sleep(pause);
            set_wall_clock(0);
        }
        5 | 6 => swallow(far, pause, random.bool()),
        _ => {
            let fault = FAULTS[random.usize(..FAULTS.len())];
            venue.set_fault(fault.parse().unwrap()).unwrap();
            std::thread::sleep(pause);
            venue.clear_faults().unwrap();
        }
    }
}

/// The network swallows the requests or the responses, where there is one.
fn swallow(far: &Far, pause: Duration, requests: bool) {
    let Some(net) = &far.net else { return };
    if requests {
        net.cut();
        std::thread::sleep(pause);
        net.mend();
    } else {
        let nobody = "lladdr 02:00:00:00:00:99 dev cable nud permanent";
        assert!(ip(&format!("-n {} neighbour replace {ENGINE} {nobody}", net.venue)));
        std::thread::sleep(pause);
        assert!(ip(&format!("-n {} neighbour del {ENGINE} dev cable", net.venue)));
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn everything_at_once() {
    let _turn = one_at_a_time();
    let seconds = number("FAULT_SECONDS").unwrap_or(1);
    let mut random = Rng::with_seed(number("FAULT_SEED").unwrap_or(20_261_125));
    for transport in BOTH {
        for drive in BOTH_DRIVES {
            let before = Usage::look();
            let far = across_a_network_if_there_is_one(*transport);
            let mut all_of_it = || {
                let end = Instant::now() + Duration::from_secs(seconds);
                while Instant::now() < end {
                    one_of_all(&far, &mut random);
                    std::thread::sleep(Duration::from_millis(random.u64(..10)));
                }
                // The venue has not heard of every end.
                far.first().kill_connections(How::Rst);
            };
            // A venue that is to listen again has to do so on its own host.
            let all_of_it = |_: &Pool| match &far.net {
                Some(net) => on(&net.venue, all_of_it),
                None => all_of_it(),
            };
            under_load(&far, *drive, "everything at once", all_of_it, Heals::OneStep);
            until(|| {
                // What is left is of connections that the venue has not heard the end of.
                far.first().kill_connections(How::Rst);
                (far.first().stats().open == 0).then_some(())
            });
            drop(far);
            before.await_again("everything at once");
        }
    }
}

fn across_a_network_if_there_is_one(transport: Transport) -> Far {
    Far::behind_cable(transport).unwrap_or_else(|| Far::venue(transport))
}
