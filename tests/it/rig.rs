//! What the tests share: opening pools, sending orders, waiting without sleeping.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mock_venue::{How, ScriptServer, Venue};
use socket2::{Domain, SockFilter, Socket, Type};
use venuepool::completion::Completion;
use venuepool::config::Config;
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::Status;
use venuepool::http::Request;

/// Longer than anything here takes, on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Says once why this test does not run, and not by `eprintln!`: the harness keeps that to itself
/// when a test passes. The line breaks the harness's line of dots.
pub(crate) fn skipped(why: &str) {
    static SKIPPED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = format!("\nSKIPPED: {test}, because {why}\n");
    if SKIPPED.lock().unwrap().insert(test) {
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

/// A configuration for a URL.
pub(crate) fn config(url: &str, connections: usize) -> Config {
    let mut config = Config::default();
    config.set_url(url.as_bytes()).unwrap();
    config.set_connections(connections).unwrap();
    // Tests lose connections on purpose, more often than a venue would like.
    config.set_dials_per_second(1000).unwrap();
    config
}

/// A configuration for a mock venue, which trusts its certificate.
pub(crate) fn venue_config(venue: &Venue, connections: usize) -> Config {
    let mut config = config(&venue.url(), connections);
    config.set_ca_pem(venue.ca_pem().as_bytes()).unwrap();
    config
}

/// An open pool for a mock venue.
pub(crate) fn venue_pool(venue: &Venue, connections: usize) -> Arc<Pool> {
    Pool::open(&venue_config(venue, connections)).unwrap()
}

/// An open pool of one connection for a scripted server.
pub(crate) fn script_pool(server: &ScriptServer) -> Arc<Pool> {
    Pool::open(&config(&server.url(), 1)).unwrap()
}

/// A request object.
pub(crate) fn request(pool: &Pool) -> Request {
    Request::new(Arc::clone(pool.origin()))
}

/// Builds an order of that client order id.
pub(crate) fn order(request: &mut Request, id: &str) {
    request.begin(b"POST", b"/api/v3/order").unwrap();
    request.header(b"X-Request-Id", id.as_bytes()).unwrap();
    request.body(format!("symbol=BTCUSDT&side=BUY&newClientOrderId={id}").as_bytes()).unwrap();
}

/// Sends a GET and waits for its completion, in the queue if need be.
pub(crate) fn get(pool: &Pool, path: &str) -> Completion {
    let mut request = request(pool);
    request.begin(b"GET", path.as_bytes()).unwrap();
    pool.execute(&mut request, WhenBusy::Queue).unwrap()
}

/// The body of a completion as text.
pub(crate) fn body(completion: &Completion) -> String {
    let response = &completion.response.as_ref().expect("there is a response").response;
    String::from_utf8(response.body().to_vec()).unwrap()
}

/// The status code of a completion.
pub(crate) fn status(completion: &Completion) -> u16 {
    completion.response.as_ref().expect("there is a response").response.status()
}

/// Submits until a slot is free.
pub(crate) fn submit_soon(pool: &Pool, request: &mut Request) -> u64 {
    until(|| match pool.submit(request, None, WhenBusy::Refuse) {
        Ok(id) => Some(id),
        Err(Status::ERR_NO_SLOT) => None,
        Err(status) => panic!("{status:?}"),
    })
}

/// Takes one completion from the queue.
pub(crate) fn next_completion(pool: &Pool) -> Completion {
    let mut taken = None;
    let count = pool.completions().wait(1, PATIENCE, |completion| taken = Some(completion));
    assert_eq!(count, Some(1));
    taken.unwrap()
}

/// Repeats a look until it answers something.
pub(crate) fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = look() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "nothing happened");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Waits until so many slots are live and idle.
pub(crate) fn until_idle(pool: &Pool, slots: u32) {
    until(|| (pool.counts().idle == slots).then_some(()));
}

/// A switch that a test throws for a scripted server; dropping the sender throws it too.
pub(crate) fn switch() -> (Sender<()>, Arc<Mutex<Receiver<()>>>) {
    let (throw, thrown) = channel();
    (throw, Arc::new(Mutex::new(thrown)))
}

/// Loses all connections of a venue, once it has accepted as many as a pool believes to have.
pub(crate) fn lose_connections(venue: &Venue, how: How, connections: usize) {
    until(|| (venue.stats().open == connections as u64).then_some(()));
    assert_eq!(venue.kill_connections(how), connections);
}

/// Whether the kernel lets this process filter what a TCP socket receives. Some want CAP_NET_ADMIN.
pub(crate) fn may_filter() -> bool {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let drop_all = SockFilter::new(6, 0, 0, 0); // BPF_RET of no byte
    socket.attach_filter(&[drop_all]).is_ok()
}
