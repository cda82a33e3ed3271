//! What is measured is what has happened: each request once, at its time, with its end.

use std::net::SocketAddr;

use mock_venue::{How, Options, Venue};

use crate::run::{Ended, Run, await_requests, plain_venue};

const PATH: &str = "/api/v3/time";

#[test]
fn as_many_requests_are_sent_as_asked_and_each_answer_is_counted() {
    let venue = plain_venue();
    let options = ["--rate", "200", "--duration", "1s", "--warm-up", "250ms", "--connections", "3"];
    let ended = Ended::of(&venue, PATH, &options);
    assert_eq!(venue.stats().requests, 250, "50 of the warm-up and 200 that count");
    for what in ["due", "sent", "answered"] {
        assert_eq!(ended.count(what), 200, "{what}");
    }
    assert_eq!((ended.count("connections"), ended.outcome("200")), (3, 200));
    let json = ended.json();
    assert_eq!(json["latency"]["count"], 200);
    assert_eq!(json["service"]["count"], 200);
    let by_slot = json["connections"].as_array().unwrap();
    let sent: Vec<u64> = by_slot.iter().map(|slot| slot["sent"].as_u64().unwrap()).collect();
    assert_eq!((sent.len(), sent.iter().sum::<u64>()), (3, 200));
    assert!(sent.iter().all(|sent| *sent > 0), "they take turns: {sent:?}");
    assert_eq!(json["addresses"].as_array().unwrap().len(), 1);
}

#[test]
fn requests_are_sent_at_their_times_and_never_before() {
    let venue = plain_venue();
    let ended = Ended::of(&venue, PATH, &["--rate", "100", "--duration", "1s"]);
    let intended = ended.column("intended_us");
    assert_eq!(intended, (0..100).map(|n| f64::from(n) * 10_000.0).collect::<Vec<_>>());
    let order = ["intended_us", "seen_us", "sent_us", "written_us", "first_byte_us", "done_us"];
    let columns = order.map(|name| ended.column(name));
    for two in columns.windows(2) {
        let is_ordered = two[0].iter().zip(&two[1]).all(|(before, after)| before <= after);
        assert!(is_ordered, "{two:?}");
    }
}

/// A request that waits behind a slow one is late because of it: its latency has the wait in it.
#[test]
fn the_wait_behind_a_slow_answer_is_in_the_latency() {
    let venue = plain_venue();
    venue.set_fault("delay=300ms,first:1".parse().unwrap()).unwrap();
    let options = ["--rate", "100", "--duration", "1s", "--connections", "1"];
    let ended = Ended::of(&venue, PATH, &options);
    let [intended, sent, done, latency, service] =
        ["intended_us", "sent_us", "done_us", "latency_us", "service_us"]
            .map(|name| ended.column(name));
    assert!(service[0] >= 300_000.0, "{service:?}");
    let behind: Vec<usize> =
        (1..100).filter(|n| intended[*n] > sent[0] && intended[*n] < done[0]).collect();
    assert!(!behind.is_empty(), "{intended:?} {done:?}");
    for n in behind {
        assert!(sent[n] >= done[0], "request {n} was sent while the connection was busy");
        assert!(latency[n] >= done[0] - intended[n], "request {n}: {}", latency[n]);
        assert!((latency[n] - (done[n] - intended[n])).abs() < 0.01);
    }
}

#[test]
fn a_killed_connection_is_shown_as_a_heal() {
    let venue = plain_venue();
    let run = Run::begin(&venue, PATH, &["--rate", "100", "--duration", "3s"]);
    await_requests(&venue, 50);
    assert_eq!(venue.kill_some(How::Rst, 1), 1);
    let ended = run.end();
    assert_eq!((ended.count("heals"), ended.count("connections")), (1, 3));
    let json = ended.json();
    let happened = json["happened"].as_array().unwrap();
    let healed = happened.iter().find(|one| one["what"] == "healed").unwrap();
    let lost = happened.iter().find(|one| one["what"] == "lost").unwrap();
    assert_eq!(healed["slot"], lost["slot"]);
    assert!(healed["at_ns"].as_i64() > lost["at_ns"].as_i64());
    let outcomes = json["outcomes"].as_array().unwrap().iter();
    assert_eq!(outcomes.map(|one| one[1].as_u64().unwrap()).sum::<u64>(), 300);
    let printed = String::from_utf8(ended.output.stdout).unwrap();
    assert!(printed.contains("heals 1 "), "{printed}");
}

#[test]
fn a_replaced_connection_is_shown_as_a_rotation() {
    let venue = plain_venue();
    let options = ["--rate", "50", "--duration", "2s", "--max-age", "400ms"];
    let ended = Ended::of(&venue, PATH, &options);
    assert!(ended.count("rotations") >= 1, "{}", ended.json()["counts"]);
    assert_eq!((ended.count("heals"), ended.count("answered")), (0, 100));
    assert_eq!(ended.count("connections"), 2 + ended.count("rotations"));
}

/// The venue asks for a pause: what falls due in it is not sent, neither then nor later.
#[test]
fn nothing_is_sent_in_a_pause() {
    let venue = plain_venue();
    venue.set_fault("status=429,retry-after:1,first:1".parse().unwrap()).unwrap();
    let options = ["--rate", "50", "--duration", "2s", "--connections", "1"];
    let ended = Ended::of(&venue, PATH, &options);
    let refused = ended.outcome("ERR_SUSPENDED (NOT_SENT)");
    assert_eq!((ended.count("pauses"), ended.outcome("429")), (1, 1));
    assert!(refused > 0);
    assert_eq!((ended.count("due"), ended.count("sent")), (100, 100 - refused));
    assert_eq!(venue.stats().requests, ended.count("sent"));
}

#[test]
fn the_body_and_the_headers_are_sent() {
    let venue = plain_venue();
    let folder = crate::run::folder();
    let body = folder.join("body");
    std::fs::write(&body, "newClientOrderId=one").unwrap();
    let mut options = vec!["--rate", "50", "--duration", "200ms", "--method", "POST"];
    options.extend(["--body-file", body.to_str().unwrap()]);
    options.extend(["--header", "Content-Type: application/x-www-form-urlencoded"]);
    let ended = Ended::of(&venue, "/api/v3/order", &options);
    assert_eq!((ended.outcome("200"), venue.orders_with_id("one")), (10, 10));
    assert_eq!(ended.json()["asked"]["headers"][0], "Content-Type");
}

/// Two venues on one port of two addresses.
fn venue_with_two_addresses() -> [Venue; 2] {
    for _ in 0..20 {
        let first = plain_venue();
        let listen = SocketAddr::from(([127, 0, 0, 2], first.address().port()));
        // The port may be taken on the other address.
        if let Ok(second) = Venue::start(Options { listen, ..Options::plain() }) {
            return [first, second];
        }
    }
    panic!("no port is free on both addresses");
}

#[test]
fn each_address_is_measured_and_told_apart() {
    let venues = venue_with_two_addresses();
    venues[1].set_fault("delay=20ms".parse().unwrap()).unwrap();
    let options = ["--rate", "50", "--duration", "1s", "--addresses", "127.0.0.1,127.0.0.2"];
    let ended = Ended::of(&venues[0], PATH, &options);
    let json = ended.json();
    let addresses = json["addresses"].as_array().unwrap();
    assert_eq!(addresses.len(), 2);
    for (venue, ip) in venues.iter().zip(["127.0.0.1:", "127.0.0.2:"]) {
        let is_it = |group: &&serde_json::Value| group["name"].as_str().unwrap().starts_with(ip);
        let group = addresses.iter().find(is_it).unwrap();
        assert!(venue.stats().requests > 0);
        assert_eq!(group["sent"], venue.stats().requests);
        let fastest_ns = group["latency"]["min_ns"].as_u64().unwrap();
        assert!(ip == "127.0.0.1:" || fastest_ns >= 19_000_000, "{fastest_ns}");
    }
}
