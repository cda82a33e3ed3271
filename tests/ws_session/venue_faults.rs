//! Orders on a session to the mock venue, each of which meets a fault: what is told about the order
//! agrees with what the venue has counted, and no order arrives twice.

use mock_venue::{Options, Transport, Venue};
use serde_json::json;
use std::sync::Arc;
use venuepool::config::Config;
use venuepool::error::{Outcome, WireState};
use venuepool::session::Session;
use venuepool::session::event::WsLoss;
use venuepool::session::settings::Settings;
use venuepool::ws::frame::Kind;

use crate::desk::{Desk, SECOND};

struct Floor {
    venue: Venue,
    desk: Desk,
    orders: u64,
}

impl Floor {
    /// `pong_ns`: the deadline of a pong.
    fn open(transport: Transport, pong_ns: u64) -> Self {
        let venue = Venue::start(Options { transport, ..Options::plain() }).unwrap();
        let mut config = Config::default();
        config.set_url(venue.url().as_bytes()).unwrap();
        config.set_ca_pem(venue.ca_pem().as_bytes()).unwrap();
        config.set_addresses(b"127.0.0.1").unwrap();
        config.set_backoff_ns(1_000_000, 5_000_000).unwrap();
        let mut settings = Settings::default();
        // The number behind "id" is the key.
        settings.set_match(Some(Arc::new(|_, padded: &[u8]| {
            let text = std::str::from_utf8(padded).ok()?.split_once("\"id\":")?.1;
            text.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
        })));
        settings.set_keep_alive(SECOND / 20, pong_ns, 0).unwrap();
        let mut desk = Desk::of(Session::open(&config, &settings, b"/ws").unwrap());
        desk.up();
        Self { venue, desk, orders: 0 }
    }

    /// Calls with an order that meets a fault: its name, and more fields of JSON.
    fn order(&mut self, fault: serde_json::Value, timeout_ns: u64) -> u64 {
        self.orders += 1;
        let mut order = fault;
        order["op"] = "order".into();
        order["id"] = self.orders.into();
        order["clientOrderId"] = self.name().into();
        let text = order.to_string();
        self.desk.session.call(Kind::Text, text.as_bytes(), self.orders, timeout_ns, 0).unwrap()
    }

    fn name(&self) -> String {
        format!("order-{}", self.orders)
    }

    /// The venue has counted that order once, whatever was told about it.
    fn was_executed_once(&self, name: &str) {
        assert_eq!(self.venue.orders_with_id(name), 1, "{name}");
        assert_eq!(self.venue.stats().duplicates, 0);
    }

    /// The fault ends the connection: the order was sent, and that is all that is known of it.
    fn loses(&mut self, fault: serde_json::Value, loss: WsLoss, close_code: u16) -> Outcome {
        let what = fault.to_string();
        let id = self.order(fault, 10 * SECOND);
        let lost = self.desk.lost();
        assert_eq!((lost.loss, lost.close_code), (loss, close_code), "{what}");
        assert_eq!((lost.fate.sent_through, lost.fate.partial), (lost.fate.last, 0), "{what}");
        let (outcome, wire_state) = self.desk.fails(id);
        assert_eq!(wire_state, WireState::Sent, "{what}");
        self.was_executed_once(&self.name());
        self.desk.up();
        outcome
    }

    /// The order is answered in spite of the fault.
    fn is_answered(&mut self, fault: serde_json::Value) {
        let id = self.order(fault, 10 * SECOND);
        let (ended, answer) = self.desk.completion();
        assert_eq!((ended.call.id, ended.outcome), (id, Outcome::Ok));
        assert!(answer.contains("\"NEW\"") && answer.contains(&self.name()), "{answer}");
        self.was_executed_once(&self.name());
    }

    /// The order is not answered in time, and the session goes on. Answers its name; the venue may
    /// read it only later.
    fn misses_its_deadline(&mut self, fault: serde_json::Value) -> String {
        let id = self.order(fault, SECOND / 10);
        assert_eq!(self.desk.fails(id), (Outcome::Timeout, WireState::Sent));
        self.name()
    }
}

fn on_each_transport(pong_ns: u64, check: impl Fn(&mut Floor)) {
    for transport in [Transport::Plain, Transport::Tls] {
        let mut floor = Floor::open(transport, pong_ns);
        check(&mut floor);
        // The session is as good as new.
        floor.is_answered(json!({}));
        floor.desk.close();
    }
}

#[test]
fn an_order_whose_connection_ends_is_told_as_sent_and_the_venue_has_it_once() {
    on_each_transport(10 * SECOND, |floor| {
        for code in [1000_u16, 1001, 1008, 1011, 1012, 1013, 3000, 4999] {
            let outcome =
                floor.loses(json!({"fault": "close", "code": code}), WsLoss::PeerClosed, code);
            assert_eq!(outcome, Outcome::ConnectionClosed);
        }
        floor.loses(json!({"fault": "half-frame"}), WsLoss::Ended, 0);
        let outcome = floor.loses(json!({"fault": "rst"}), WsLoss::Reset, 0);
        assert_eq!(outcome, Outcome::ConnectionReset);
    });
}

#[test]
fn a_venue_that_stalls_before_its_answer_or_within_it_is_given_up() {
    on_each_transport(SECOND / 2, |floor| {
        floor.loses(json!({"fault": "stall"}), WsLoss::NoPong, 0);
        floor.loses(json!({"fault": "half-stall"}), WsLoss::NoPong, 0);
    });
}

#[test]
fn an_answer_that_is_slow_or_behind_pings_is_an_answer() {
    on_each_transport(10 * SECOND, |floor| {
        floor.is_answered(json!({"fault": "slow"}));
        floor.is_answered(json!({"fault": "pings", "count": 2000}));
    });
}

#[test]
fn an_answer_that_is_late_missing_or_there_twice_ends_its_order_once() {
    on_each_transport(10 * SECOND, |floor| {
        let name = floor.misses_its_deadline(json!({"fault": "late", "ms": 300}));
        let late = floor.desk.message();
        assert!(late.contains(&name), "{late}");
        floor.was_executed_once(&name);
        floor.is_answered(json!({"fault": "twice"}));
        let again = floor.desk.message();
        assert!(again.contains(&floor.name()), "{again}");
        let name = floor.misses_its_deadline(json!({"fault": "mute"}));
        // Behind an answer to the next one, the venue has read it.
        floor.is_answered(json!({}));
        floor.was_executed_once(&name);
    });
}

/// The venue counts by client order id, so an engine that sends again by itself is seen.
#[test]
fn a_duplicate_is_counted_by_its_client_order_id() {
    let mut floor = Floor::open(Transport::Plain, 10 * SECOND);
    floor.is_answered(json!({}));
    floor.desk.send(r#"{"op":"order","id":99,"clientOrderId":"order-1"}"#);
    assert!(floor.desk.message().contains("order-1"));
    assert_eq!((floor.venue.orders_with_id("order-1"), floor.venue.stats().duplicates), (2, 1));
    floor.desk.close();
}
