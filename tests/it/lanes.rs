//! Lanes: urgent requests go before others, and some slots are kept for them.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

use mock_venue::{Fault, FaultKind, Options, Script, ScriptServer, Venue};
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{Outcome, Status};
use venuepool::lane::Lane;

use crate::rig::{
    config, get, next_completion, order, request, status, switch, until, until_idle, venue_config,
};

/// The paths of the requests that have arrived, in their order.
type Arrived = Arc<Mutex<Vec<String>>>;

/// A server that answers one request each time the switch is thrown.
fn server() -> (ScriptServer, Arrived, Sender<()>) {
    let arrived = Arrived::default();
    let (throw, thrown) = switch();
    let noted = Arc::clone(&arrived);
    let server = Script::serve(move |peer, _| {
        while let Ok(Some(request)) = peer.read_request() {
            noted.lock().unwrap().push(request.target);
            let _ = thrown.lock().unwrap().recv();
            peer.write(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        }
    })
    .unwrap();
    (server, arrived, throw)
}

fn submit(pool: &Pool, lane: Lane, path: &str, when_busy: WhenBusy) -> Result<u64, Status> {
    let mut request = request(pool);
    request.set_lane(lane);
    request.begin(b"GET", path.as_bytes()).unwrap();
    pool.submit(&mut request, None, when_busy)
}

/// Waits for so many arrivals.
fn until_arrived(arrived: &Arrived, count: usize) -> Vec<String> {
    until(|| {
        let arrived = arrived.lock().unwrap();
        (arrived.len() == count).then(|| arrived.clone())
    })
}

/// One slot is kept for the lane of cancels.
fn reserving(config: &mut Config) {
    config.set_lane(Lane::Urgent, 1, 0, false).unwrap();
}

#[test]
fn a_cancel_is_sent_before_the_orders_that_wait() {
    let (server, arrived, throw) = server();
    let pool = Pool::open(&config(&server.url(), 4)).unwrap();
    for number in 0..10 {
        submit(&pool, Lane::Orders, &format!("/order/{number}"), WhenBusy::Queue).unwrap();
    }
    until_arrived(&arrived, 4);
    submit(&pool, Lane::Background, "/account", WhenBusy::Queue).unwrap();
    submit(&pool, Lane::Queries, "/trades", WhenBusy::Queue).unwrap();
    submit(&pool, Lane::Urgent, "/cancel", WhenBusy::Queue).unwrap();
    for answered in 0..9 {
        throw.send(()).unwrap();
        until_arrived(&arrived, 5 + answered);
    }
    let last = &until_arrived(&arrived, 13)[4..];
    let orders = ["/order/4", "/order/5", "/order/6", "/order/7", "/order/8", "/order/9"];
    assert_eq!(last[0], "/cancel");
    assert_eq!(last[1..7], orders);
    assert_eq!(last[7..], ["/trades", "/account"]);
    drop(throw);
    (0..13).for_each(|_| assert_eq!(next_completion(&pool).outcome, Outcome::Ok));
    pool.close().unwrap();
}

#[test]
fn queries_never_have_the_reserved_slot() {
    let (server, arrived, throw) = server();
    let mut config = config(&server.url(), 2);
    reserving(&mut config);
    let pool = Pool::open(&config).unwrap();
    submit(&pool, Lane::Background, "/account", WhenBusy::Queue).unwrap();
    let refused = submit(&pool, Lane::Background, "/account", WhenBusy::Refuse);
    assert_eq!(refused, Err(Status::ERR_NO_SLOT));
    assert_eq!(pool.try_acquire(), Err(Status::ERR_NO_SLOT), "a lease counts as an order");
    submit(&pool, Lane::Orders, "/order", WhenBusy::Queue).unwrap();
    assert_eq!(pool.counts().idle, 1);
    submit(&pool, Lane::Urgent, "/cancel", WhenBusy::Refuse).unwrap();
    until_arrived(&arrived, 2);
    drop(throw);
    let arrived = until_arrived(&arrived, 3);
    assert_eq!(arrived[2], "/order");
    (0..3).for_each(|_| assert_eq!(next_completion(&pool).outcome, Outcome::Ok));
    until_idle(&pool, 2);
    pool.close().unwrap();
}

#[test]
fn a_pool_whose_lanes_reserve_every_slot_does_not_open() {
    let (server, _, _) = server();
    let mut config = config(&server.url(), 2);
    config.set_lane(Lane::Urgent, 1, 0, false).unwrap();
    config.set_lane(Lane::Queries, 1, 0, false).unwrap();
    assert_eq!(Pool::open(&config).err().map(|error| error.step), Some(Status::ERR_ARGUMENT));
    config.set_lane(Lane::Queries, 0, 0, false).unwrap();
    config.set_lane(Lane::Background, 9, 0, false).unwrap();
    Pool::open(&config).unwrap().close().unwrap();
}

#[test]
fn each_lane_has_its_own_bound_of_waiting_requests() {
    let (server, arrived, throw) = server();
    let mut config = config(&server.url(), 1);
    config.set_waiting_capacity(2).unwrap();
    config.set_lane(Lane::Background, 0, 1, false).unwrap();
    let pool = Pool::open(&config).unwrap();
    submit(&pool, Lane::Orders, "/", WhenBusy::Queue).unwrap();
    until_arrived(&arrived, 1);
    for (lane, room) in [(Lane::Background, 1), (Lane::Orders, 2), (Lane::Urgent, 2)] {
        for _ in 0..room {
            submit(&pool, lane, "/", WhenBusy::Queue).unwrap();
        }
        let refused = submit(&pool, lane, "/", WhenBusy::Queue);
        assert_eq!(refused, Err(Status::ERR_WAITING_FULL), "{lane:?}");
    }
    assert_eq!(pool.counts().waiting, 5);
    drop(throw);
    (0..6).for_each(|_| assert_eq!(next_completion(&pool).outcome, Outcome::Ok));
    pool.close().unwrap();
}

#[test]
fn an_exempt_lane_is_sent_while_the_pool_is_suspended() {
    for drive in [Drive::Thread, Drive::Caller] {
        let venue = Venue::start(Options::plain()).unwrap();
        let limited = FaultKind::Status { code: 429, retry_after: Some(60), as_date: false };
        venue.set_fault(Fault::first(1, limited).on("/api/v3/order")).unwrap();
        let mut config = venue_config(&venue, 2);
        config.set_drive(drive);
        config.suspend_on(429, 1_000_000_000, false).unwrap();
        config.set_lane(Lane::Urgent, 0, 0, true).unwrap();
        let pool = Pool::open(&config).unwrap();
        assert_eq!(status(&get(&pool, "/api/v3/ping")), 200);
        let mut request = request(&pool);
        order(&mut request, "limited");
        assert_eq!(status(&pool.execute(&mut request, WhenBusy::Queue).unwrap()), 429);
        order(&mut request, "refused");
        let refused = pool.submit(&mut request, None, WhenBusy::Queue);
        assert_eq!(refused, Err(Status::ERR_SUSPENDED));
        request.set_lane(Lane::Urgent);
        order(&mut request, "exempt");
        let done = pool.execute(&mut request, WhenBusy::Queue).unwrap();
        assert_eq!((done.outcome, status(&done)), (Outcome::Ok, 200));
        assert_ne!(pool.suspended_until_ns(), 0, "the others go on waiting");
        assert_eq!((venue.orders_with_id("refused"), venue.orders_with_id("exempt")), (0, 1));
        pool.close().unwrap();
    }
}
