//! The end of the pool thread, with a request between the line and its slot.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::now_ns;
use crate::config::{Config, Drive};
use crate::driver::Pool;
use crate::driver::submit::WhenBusy;
use crate::error::{Outcome, WireState};
use crate::http::request::Request;
use crate::pool::dispatch::Action;

/// An engine's thread has taken a request from the line, and has not sent it yet, when the pool
/// ends. Its completion comes before the end of the completions.
#[test]
fn the_end_waits_for_a_request_on_its_way() {
    for drive in [Drive::Thread, Drive::Caller] {
        let venue = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut config = Config::default();
        config.set_url(format!("http://{}", venue.local_addr().unwrap()).as_bytes()).unwrap();
        config.set_connections(1).unwrap();
        config.set_drive(drive);
        let pool = Pool::open(&config).unwrap();
        let lease = pool.try_acquire().unwrap();
        let mut request = Request::new(Arc::clone(pool.origin()));
        request.begin(b"GET", b"/").unwrap();
        let id = pool.submit(&mut request, None, WhenBusy::Queue).unwrap();
        let action = {
            let mut dispatcher = pool.dispatcher();
            dispatcher.release(lease).unwrap();
            dispatcher.next(now_ns())
        };
        let Some(Action::Send(slot, queued)) = action else { panic!("the slot is free") };
        pool.shutdown(Duration::ZERO);
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(100) {
            assert!(!pool.completions().has_ended(), "one is still to come");
            std::thread::yield_now();
        }
        let dispatcher = pool.send_queued(slot, queued);
        pool.dispatch(dispatcher);
        let mut ends = Vec::new();
        while pool
            .wait(1, Duration::from_secs(30), |done| {
                ends.push((done.id, done.outcome, done.wire_state));
            })
            .unwrap()
            .is_some()
        {}
        assert_eq!(ends, [(id, Outcome::Shutdown, WireState::NotSent)]);
        pool.close().unwrap();
    }
}
