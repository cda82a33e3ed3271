//! A round of overload: more orders than the venue can take, and the venue's process is stopped for
//! a while in the midst of it. Afterwards orders must be answered in time again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::Status;
use venuepool::http::Request;

use crate::ledger::{Ledger, Page};
use crate::round::{open, record};
use crate::venue::VenueProcess;

const MS: u64 = 1_000_000;

/// How long the venue takes for each order.
const EXCHANGE: Duration = Duration::from_millis(5);

/// In a window of this length, at last, a quarter must be answered of what fits.
const WINDOW: Duration = Duration::from_millis(300);
/// How long that may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a round, and counts what became of it. The ledger is reconciled by the caller.
pub(crate) fn run(venue: &mut VenueProcess, ledger: &mut Ledger, mut random: Rng) {
    let connections = random.usize(1..=4);
    let mut config = Config::default();
    config.set_url(venue.url.as_bytes()).unwrap();
    config.set_ca_pem(venue.ca_pem.as_bytes()).unwrap();
    config.set_connections(connections).unwrap();
    config.set_drive(if random.bool() { Drive::Thread } else { Drive::Caller });
    config.set_request_timeout_ns(random.u64(60..300) * MS).unwrap();
    // A dial ends when the venue is stopped, or waits for the stop to end; it may do either.
    config.set_tls_handshake_timeout_ns(random.u64(50..500) * MS).unwrap();
    config.set_backoff_ns(MS, 50 * MS).unwrap();
    config.set_dials_per_second(1000).unwrap();
    let pool = open(&config);
    let percent = [50, 90, 150, 400][random.usize(..4)];
    let every = EXCHANGE * 100 / percent / connections as u32;
    venue.tell(&format!("fault delay={}ms", EXCHANGE.as_millis()));
    let mut load = Load::new(&pool, &ledger.page, every);
    let one_by_one = load.run_one_by_one(WINDOW);
    load.run(WINDOW);
    venue.stop();
    load.run(Duration::from_millis(random.u64(100..500)));
    venue.go_on();
    load.run(Duration::from_millis(200));
    // A pool that is stuck answers few in time for as long as the load goes on, in each window. A
    // machine that is busy runs the venue, the pool or this thread too rarely in some of them, and
    // what fits is what it can do, one order after the other.
    let fits = load_of(WINDOW, every.max(EXCHANGE / connections as u32)).min(one_by_one);
    let enough = (fits / 4).max(1);
    let end = Instant::now() + PATIENCE;
    loop {
        let before = ledger.page.answered();
        load.run(WINDOW);
        let answered = ledger.page.answered() - before;
        if answered >= enough {
            break;
        }
        let told = format!("{answered} answered in time, and {fits} fit ({percent} %)");
        assert!(Instant::now() < end, "{told}");
    }
    pool.shutdown(Duration::from_secs(1));
    while load.take(Duration::from_millis(10)) {}
    venue.tell("clear");
    pool.close().unwrap();
    ledger.count(pool.stats());
}

fn load_of(time: Duration, every: Duration) -> usize {
    (time.as_nanos() / every.as_nanos()) as usize
}

/// An engine that sends steadily, whatever comes back.
struct Load<'a> {
    pool: &'a Pool,
    page: &'a Page,
    order: Request,
    next: usize,
    every: Duration,
    due: Instant,
}

impl<'a> Load<'a> {
    fn new(pool: &'a Pool, page: &'a Page, every: Duration) -> Self {
        let order = Request::new(Arc::clone(pool.origin()));
        Self { pool, page, order, next: 0, every, due: Instant::now() }
    }

    fn run(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            while self.due <= Instant::now() {
                self.due += self.every;
                self.send();
            }
            self.take(self.due.saturating_duration_since(Instant::now()));
        }
    }

    /// Sends the next order when the one before has ended. Gives how many were answered.
    fn run_one_by_one(&mut self, time: Duration) -> usize {
        let (begin, before) = (Instant::now(), self.page.answered());
        while begin.elapsed() < time {
            self.send();
            while self.page.owed() > 0 && self.take(PATIENCE) {}
        }
        self.due = Instant::now();
        self.page.answered() - before
    }

    fn send(&mut self) {
        let number = self.next;
        self.next += 1;
        self.order.begin(b"POST", b"/api/v3/order").unwrap();
        let body = format!("symbol=BTCUSDT&side=BUY&newClientOrderId={}", self.page.name(number));
        self.order.body(body.as_bytes()).unwrap();
        self.order.set_user_data(number as u64);
        self.page.submitting(number);
        match self.pool.submit(&mut self.order, None, WhenBusy::Queue) {
            Ok(_) => {}
            Err(Status::ERR_WAITING_FULL | Status::ERR_COMPLETIONS_FULL) => {
                self.page.refused(number);
            }
            Err(status) => panic!("{status:?}"),
        }
    }

    /// Takes completions. `false`: there are no more.
    fn take(&mut self, patience: Duration) -> bool {
        let page = self.page;
        self.pool.wait(64, patience, |done| record(page, done)).unwrap().is_some()
    }
}
