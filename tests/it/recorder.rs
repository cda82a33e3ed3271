//! What happened to order 4711? The flight recorder of a pool with real connections.

use std::sync::{Arc, Mutex};

use mock_venue::{CertificateKind, Fault, FaultKind, How, Options, Peer, Place, Script, Venue};
use rustls::version::TLS13;
use serde_json::{Value, json};
use venuepool::completion::Completion;
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{Outcome, Status};
use venuepool::event::{Event, EventHook};
use venuepool::log::{Level, LogHook, Record};
use venuepool::recorder::json::json as for_programs;
use venuepool::recorder::recording::Wanted;
use venuepool::recorder::text::text;
use venuepool::tag::Tag;

use crate::rig::{
    config, get, lose_connections, next_completion, order, request, switch, until, until_idle,
    venue_config,
};
use crate::tls_peer::{Tls, TlsPeer};

pub(crate) fn tag(name: &str) -> Tag {
    Tag::new(name.as_bytes()).unwrap()
}

/// Sends an order of that name.
pub(crate) fn send(pool: &Pool, name: &str) -> Completion {
    let mut orders = request(pool);
    order(&mut orders, name);
    orders.set_tag(tag(name));
    pool.execute(&mut orders, WhenBusy::Queue).unwrap()
}

/// What the recorder says of an order, for programs.
fn find(pool: &Pool, wanted: Wanted) -> Vec<Value> {
    entries(&for_programs(&pool.recording_of(wanted).unwrap()))
}

pub(crate) fn find_tag(pool: &Pool, name: &str) -> Vec<Value> {
    find(pool, Wanted::Tagged(tag(name)))
}

/// All that the recorder says.
pub(crate) fn all(pool: &Pool) -> Vec<Value> {
    entries(&for_programs(&pool.recording(None).unwrap()))
}

pub(crate) fn entries(text: &str) -> Vec<Value> {
    let value: Value = serde_json::from_str(text).unwrap();
    value["entries"].as_array().unwrap().clone()
}

pub(crate) fn of_type<'a>(entries: &'a [Value], kind: &str) -> Vec<&'a Value> {
    entries.iter().filter(|entry| entry["type"] == kind).collect()
}

/// The one entry of that type.
pub(crate) fn the<'a>(entries: &'a [Value], kind: &str) -> &'a Value {
    let found = of_type(entries, kind);
    assert_eq!(found.len(), 1, "{kind} in {entries:#?}");
    found[0]
}

/// With a recorder.
pub(crate) fn recording(mut config: Config) -> Config {
    config.set_recorder(16).unwrap();
    config
}

/// Waits until the one slot has lost a connection, and has another.
pub(crate) fn until_healed(pool: &Pool) {
    until(|| (pool.stats().heals.get() >= 1).then_some(()));
    until_idle(pool, 1);
}

#[test]
fn an_order_that_was_lost_by_a_reset_is_found_by_its_tag_with_the_words_of_the_system() {
    for drive in [Drive::Thread, Drive::Caller] {
        let venue = Venue::start(Options::plain()).unwrap();
        let mut config = recording(venue_config(&venue, 1));
        config.set_drive(drive);
        let pool = Pool::open(&config).unwrap();
        send(&pool, "4710");
        let reset = FaultKind::Cut(Place::Byte(0), How::Rst);
        venue.set_fault(Fault::first(1, reset).on("/api/v3/order")).unwrap();
        let done = send(&pool, "4711");
        assert_eq!(done.outcome, Outcome::ConnectionReset);
        let entries = find_tag(&pool, "4711");
        let (order, lost) = (the(&entries, "order"), the(&entries, "lost"));
        assert_eq!(order["outcome"], "VP_OUTCOME_CONNECTION_RESET");
        assert_eq!(order["wire_state"], "VP_WIRE_SENT");
        assert_eq!(order["line"], "POST /api/v3/order");
        assert_eq!(
            (&order["request"], &order["done_ns"]),
            (&json!(done.id), &json!(done.times.done_ns))
        );
        assert_eq!(lost["words"], "Connection reset by peer (os error 104)");
        assert_eq!(lost["reason"], "VP_CLOSE_REASON_RESET");
        assert_eq!((&lost["request"], &lost["tag"]), (&json!(done.id), &json!("4711")));
        assert_eq!(lost["tcp_info"]["state"], "CLOSE");
        assert!(lost["tcp_info"]["bytes_acked"].as_u64().unwrap() > done.bytes_sent);
        let live = the(&entries, "live");
        assert_eq!(live["peer"], venue.address().to_string());
        assert!(live.get("tls").is_none());
        the(&entries, "dial");
        let people = text(&pool.recording_of(Wanted::Id(done.id)).unwrap());
        assert_eq!(people.lines().count(), entries.len(), "{people}");
        assert!(people.contains(": request 2 \"4711\" POST /api/v3/order"), "{people}");
        assert!(people.contains("VP_CLOSE_REASON_RESET: Connection reset by peer (os error 104)"));
        pool.close().unwrap();
    }
}

#[test]
fn a_garbage_answer_keeps_its_first_bytes() {
    let server = Script::serve(|peer: &mut Peer, _| {
        if let Ok(Some(_)) = peer.read_request() {
            peer.write(b"SSH-2.0-OpenSSH_9.2p1\r\ntoken: s3cret\r\n").unwrap();
            let _ = peer.wait_eof();
        }
    })
    .unwrap();
    let pool = Pool::open(&recording(config(&server.url(), 1))).unwrap();
    let done = send(&pool, "4711");
    assert_ne!(done.outcome, Outcome::Ok);
    until_healed(&pool);
    let entries = find_tag(&pool, "4711");
    let kept = "SSH-2.0-OpenSSH_9.2p1\\r\\ntoken: ***\\r\\n";
    assert_eq!(the(&entries, "order")["answer"], kept);
    assert_eq!(the(&entries, "broke_rule")["bytes"], kept);
    assert_eq!(the(&entries, "lost")["reason"], "VP_CLOSE_REASON_PROTOCOL");
    pool.close().unwrap();
}

#[test]
fn a_head_that_breaks_a_rule_is_kept_without_the_values_of_its_fields() {
    let server = Script::serve(|peer: &mut Peer, _| {
        if let Ok(Some(_)) = peer.read_request() {
            let head = "HTTP/1.1 200 OK\r\nContent-Length: x\r\nX-Account: s3cret\r\n\r\n";
            peer.write(head.as_bytes()).unwrap();
            let _ = peer.wait_eof();
        }
    })
    .unwrap();
    let pool = Pool::open(&recording(config(&server.url(), 1))).unwrap();
    send(&pool, "4711");
    until_healed(&pool);
    let entries = find_tag(&pool, "4711");
    let kept = "HTTP/1.1 200 OK\\r\\nContent-Length: x\\r\\nX-Account: ***\\r\\n\\r\\n";
    assert_eq!(the(&entries, "broke_rule")["bytes"], kept);
    pool.close().unwrap();
}

#[test]
fn bytes_on_an_idle_connection_are_kept_with_its_end() {
    let (send_stray, stray_is_due) = switch();
    let server = Script::serve(move |peer: &mut Peer, number| {
        while let Ok(Some(_)) = peer.read_request() {
            peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
            if number == 0 && stray_is_due.lock().unwrap().recv().is_ok() {
                peer.write(b"HTTP/1.1 408 Request Timeout\r\nX-Id: s3cret\r\n\r\n").unwrap();
            }
        }
    })
    .unwrap();
    let pool = Pool::open(&recording(config(&server.url(), 1))).unwrap();
    get(&pool, "/");
    until_idle(&pool, 1);
    send_stray.send(()).unwrap();
    until_healed(&pool);
    let entries = all(&pool);
    let kept = "HTTP/1.1 408 Request Timeout\\r\\nX-Id: ***\\r\\n\\r\\n";
    assert_eq!(the(&entries, "broke_rule")["bytes"], kept);
    assert_eq!(the(&entries, "lost")["reason"], "VP_CLOSE_REASON_IDLE_BYTES");
    pool.close().unwrap();
}

#[test]
fn an_order_that_the_venue_refuses_keeps_the_first_bytes_of_the_answer() {
    let server = Script::serve(|peer: &mut Peer, _| {
        while let Ok(Some(_)) = peer.read_request() {
            let body = r#"{"code":-2010,"msg":"Insufficient balance."}"#;
            let head =
                format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\n\r\n", body.len());
            peer.write(format!("{head}{body}").as_bytes()).unwrap();
        }
    })
    .unwrap();
    let pool = Pool::open(&recording(config(&server.url(), 1))).unwrap();
    let done = send(&pool, "4711");
    assert_eq!(done.outcome, Outcome::Ok);
    let entries = find_tag(&pool, "4711");
    let order = the(&entries, "order");
    assert_eq!(order["status"], 400);
    assert_eq!(order["answer"], r#"{"code":-2010,"msg":"Insufficient balance."}"#);
    assert!(of_type(&entries, "lost").is_empty());
    pool.close().unwrap();
}

#[test]
fn the_words_of_a_tls_alert_are_kept() {
    let tls = Tls::new(&TLS13, CertificateKind::Good);
    let server = tls.raw_server(|peer, settings| {
        let mut peer = TlsPeer::accept(peer, settings);
        let tickets = peer.take_records();
        peer.socket.write(&tickets).unwrap();
        if peer.read_request() {
            // A record that the client has not sealed makes the session send an alert.
            let forged = [&[23, 3, 3, 0, 32][..], &[0; 32]].concat();
            peer.session.read_tls(&mut &forged[..]).unwrap();
            assert!(peer.session.process_new_packets().is_err());
            let alert = peer.take_records();
            peer.socket.write(&alert).unwrap();
        }
        let _ = peer.socket.wait_eof();
    });
    let mut config = recording(config(&server.url().replace("http:", "https:"), 1));
    config.set_ca_pem(tls.ca_pem().as_bytes()).unwrap();
    let pool = Pool::open(&config).unwrap();
    let mut orders = request(&pool);
    orders.begin(b"GET", b"/").unwrap();
    orders.set_tag(tag("4711"));
    let done = pool.execute(&mut orders, WhenBusy::Queue).unwrap();
    assert_eq!(done.outcome, Outcome::TlsError);
    until(|| (pool.stats().connected.get() >= 2).then_some(()));
    let entries = find_tag(&pool, "4711");
    assert_eq!(the(&entries, "lost")["words"], "received fatal alert: BadRecordMac");
    let live = the(&entries, "live");
    assert_eq!((&live["tls"], &live["resumed"]), (&json!("TLS 1.3"), &json!(false)));
    assert!(live["handshake_ns"].as_u64().unwrap() > 0);
    pool.close().unwrap();
}

#[test]
fn a_request_that_never_had_a_slot_is_found() {
    let server = Script::serve(|peer: &mut Peer, _| {
        let _ = peer.wait_eof();
    })
    .unwrap();
    let pool = Pool::open(&recording(config(&server.url(), 1))).unwrap();
    let mut orders = request(&pool);
    order(&mut orders, "first");
    orders.set_tag(tag("first"));
    let first = pool.submit(&mut orders, None, WhenBusy::Refuse).unwrap();
    assert_eq!(the(&find(&pool, Wanted::Id(first)), "order")["in_flight"], true);
    order(&mut orders, "second");
    orders.set_tag(tag("second"));
    let second = pool.submit(&mut orders, None, WhenBusy::Queue).unwrap();
    pool.cancel(second).unwrap();
    assert_eq!(next_completion(&pool).id, second);
    let entries = find_tag(&pool, "second");
    assert_eq!(entries.len(), 1);
    let order = the(&entries, "order");
    assert_eq!((&order["slot"], &order["connection"]), (&Value::Null, &json!(0)));
    assert_eq!(
        (&order["outcome"], &order["wire_state"]),
        (&json!("VP_OUTCOME_CANCELLED"), &json!("VP_WIRE_NOT_SENT"))
    );
    assert_eq!(order["line"], "POST /api/v3/order");
    pool.close().unwrap();
}

#[test]
fn failed_dials_drive_no_order_out_and_say_why_they_failed() {
    let venue = Venue::start(Options::plain()).unwrap();
    let mut config = recording(venue_config(&venue, 1));
    config.set_recorder(4).unwrap();
    config.set_backoff_ns(1_000_000, 1_000_000).unwrap();
    let pool = Pool::open(&config).unwrap();
    send(&pool, "4711");
    venue.set_fault(Fault::always(FaultKind::Refuse)).unwrap();
    lose_connections(&venue, How::Rst, 1);
    let failures =
        |pool: &Pool| pool.stats().dial_failures.iter().map(|step| step.get()).sum::<u64>();
    until(|| (failures(&pool) > 8).then_some(()));
    let entries = all(&pool);
    assert_eq!(of_type(&entries, "order").len(), 1);
    let failed = of_type(&entries, "dial_failed");
    assert!(failed.iter().all(|entry| entry["status"] == "VP_ERR_CONNECT"), "{failed:?}");
    assert!(failed[0]["words"].as_str().unwrap().contains("Connection refused (os error 111)"));
    assert_eq!(the(&find_tag(&pool, "4711"), "order")["outcome"], "VP_OUTCOME_OK");
    pool.close().unwrap();
}

#[test]
fn the_last_orders_are_kept_and_a_pool_without_a_recorder_has_none() {
    let venue = Venue::start(Options::plain()).unwrap();
    let mut config = recording(venue_config(&venue, 1));
    config.set_recorder(3).unwrap();
    let pool = Pool::open(&config).unwrap();
    for number in 0..10 {
        send(&pool, &number.to_string());
    }
    let entries = all(&pool);
    let tags: Vec<_> = of_type(&entries, "order").iter().map(|order| &order["tag"]).collect();
    assert_eq!(tags, ["7", "8", "9"]);
    assert_eq!(pool.recording_of(Wanted::Tagged(tag("6"))).err(), Some(Status::ERR_NOT_FOUND));
    assert_eq!(pool.recording(Some(1)).err(), Some(Status::ERR_ARGUMENT));
    pool.close().unwrap();
    config.set_recorder(0).unwrap();
    let pool = Pool::open(&config).unwrap();
    send(&pool, "4711");
    assert_eq!(pool.recording(None).err(), Some(Status::ERR_NOT_FOUND));
    pool.close().unwrap();
}

#[test]
fn a_late_answer_is_told_with_its_order() {
    let venue = Venue::start(Options::plain()).unwrap();
    let mut config = recording(venue_config(&venue, 1));
    config.set_linger_ns(20_000_000_000).unwrap();
    let pool = Pool::open(&config).unwrap();
    let delay = FaultKind::Delay(std::time::Duration::from_millis(300));
    venue.set_fault(Fault::first(1, delay).on("/api/v3/order")).unwrap();
    let mut orders = request(&pool);
    order(&mut orders, "4711");
    orders.set_tag(tag("4711"));
    orders.set_timeout_ns(50_000_000);
    assert_eq!(pool.execute(&mut orders, WhenBusy::Queue).unwrap().outcome, Outcome::Timeout);
    until(|| (pool.stats().late.get() == 1).then_some(()));
    let late = until(|| {
        let entries = find_tag(&pool, "4711");
        of_type(&entries, "late_answer").first().map(|late| (*late).clone())
    });
    assert_eq!((&late["status"], &late["connection"]), (&json!(200), &json!(1)));
    let entries = find_tag(&pool, "4711");
    assert_eq!(the(&entries, "order")["outcome"], "VP_OUTCOME_TIMEOUT");
    assert_eq!(the(&entries, "lost")["reason"], "VP_CLOSE_REASON_TIMEOUT");
    pool.close().unwrap();
}

#[test]
fn who_reads_while_orders_are_sent_sees_each_as_a_whole() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = Pool::open(&recording(venue_config(&venue, 2))).unwrap();
    std::thread::scope(|scope| {
        let trades =
            scope.spawn(|| (0..300).for_each(|number| drop(send(&pool, &number.to_string()))));
        while !trades.is_finished() {
            for order in of_type(&all(&pool), "order") {
                let (id, name) =
                    (order["request"].as_u64().unwrap(), order["tag"].as_str().unwrap());
                assert_eq!(name, (id - 1).to_string(), "one order after the other");
                let is_over = order["in_flight"] == false;
                assert_eq!(order["done_ns"] != 0, is_over, "{order}");
                assert!(!is_over || order["status"] == 200, "{order}");
            }
        }
    });
    pool.close().unwrap();
}

/// In the query, in a header of the request, in a default header, in the body, and in answers.
const SECRETS: [&str; 5] = ["q-s3cret", "h-s3cret", "d-s3cret", "b-s3cret", "a-s3cret"];

/// One after the other: refuses the order, breaks off, sends garbage, sends a broken head, accepts
/// the order, and sends more than an answer.
fn echo_secrets(peer: &mut Peer, number: usize) {
    let Ok(Some(_)) = peer.read_request() else { return };
    let body = r#"{"apiKey":"h-s3cret","signature":"q-s3cret","token":"d-s3cret","n":1}"#;
    let fields = format!("X-Account: a-s3cret\r\nContent-Length: {}\r\n\r\n", body.len());
    let good = format!("HTTP/1.1 200 OK\r\nSet-Cookie: id=a-s3cret; Secure\r\n{fields}{body}");
    let answer = match number % 6 {
        0 => format!("HTTP/1.1 401 Unauthorized\r\n{fields}{body}"),
        1 => format!("HTTP/1.1 200 OK\r\n{fields}{}", &body[..50]),
        2 => good,
        3 => format!("{good}a-s3cret-s3cret\r\nSet-Cookie: a-s3cret\r\n\"token\":\"d-s3cret\""),
        4 => "signature=q-s3cret and Authorization: Bearer d-s3cret\r\n\r\n".to_owned(),
        _ => format!("HTTP/1.1 200 OK\r\nSet-Cookie: a-s3cret\r\nBroken a-s3cret: {body}\r\n\r\n"),
    };
    peer.write(answer.as_bytes()).unwrap();
    peer.finish().unwrap();
    let _ = peer.wait_eof();
}

/// All that the pool tells by itself: its events with their recordings, and its log.
fn listen_to_all(config: &mut Config) -> Arc<Mutex<String>> {
    let told = Arc::new(Mutex::new(String::new()));
    let (by_event, by_log) = (Arc::clone(&told), Arc::clone(&told));
    let on_event = move |event: &Event| {
        let mut told = by_event.lock().unwrap();
        *told += &format!("{event:?}\n");
        event.recording.iter().for_each(|it| *told += &format!("told with a loss: {it}\n"));
    };
    config.set_event_hook(Some(EventHook(Arc::new(on_event))));
    let function = move |record: &Record<'_>| *by_log.lock().unwrap() += &format!("{record:?}\n");
    config.set_log_hook(Some(LogHook { level: Level::Trace, function: Arc::new(function) }));
    told
}

#[test]
fn no_secret_comes_out_whatever_happens_to_the_orders() {
    let server = Script::serve(echo_secrets).unwrap();
    let mut config = config(&server.url(), 1);
    config.set_recorder(64).unwrap();
    config.set_recorder_heads(1024).unwrap();
    config.add_default_header(b"Authorization", b"Bearer d-s3cret").unwrap();
    let told = listen_to_all(&mut config);
    let pool = Pool::open(&config).unwrap();
    for number in 0..24 {
        let mut orders = request(&pool);
        orders.begin(b"POST", b"/api/v3/order?symbol=BTC").unwrap();
        orders.query(b"signature", b"q-s3cret").unwrap();
        orders.header(b"X-MBX-APIKEY", b"h-s3cret").unwrap();
        orders.body(b"passphrase=b-s3cret").unwrap();
        orders.set_tag(tag(&format!("order-{number}")));
        pool.execute(&mut orders, WhenBusy::Queue).unwrap();
    }
    let recording = pool.recording(None).unwrap();
    pool.close().unwrap();
    let mut told = told.lock().unwrap().clone();
    told += &[text(&recording), for_programs(&recording)].concat();
    for part in ["order-23", "Authorization: ***", "X-MBX-APIKEY: ***", "Set-Cookie: ***"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(told.contains("head of the request: ") && told.contains("signature=***"), "{told}");
    assert!(told.contains("SURPLUS_BYTES") && told.contains("told with a loss: "), "{told}");
    for secret in SECRETS {
        assert!(!told.contains(secret) && !told.contains("s3cret"), "{secret}: {told}");
    }
}
