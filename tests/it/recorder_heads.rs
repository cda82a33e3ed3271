//! The flight recorder, continued: heads, what comes behind an answer, what is told with a loss.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mock_venue::{Certificates, Fault, FaultKind, How, Options, Peer, Place, Script};
use mock_venue::{ScriptServer, Transport, Venue};
use serde_json::{Value, json};
use venuepool::completion::Completion;
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::Outcome;
use venuepool::event::{Event, EventHook, EventKind};
use venuepool::recorder::json::json as for_programs;
use venuepool::recorder::recording::Wanted;

use crate::recorder::{all, entries, find_tag, of_type, recording, send, tag, the, until_healed};
use crate::rig::{config, lose_connections, order, request, until, until_idle, venue_config};

/// Each drive, plain and over TLS.
fn each_way(test: impl Fn(Drive, Option<&Certificates>)) {
    let certificates = Certificates::new().unwrap();
    for drive in [Drive::Thread, Drive::Caller] {
        test(drive, None);
        test(drive, Some(&certificates));
    }
}

/// Answers each request with these bytes, in one write.
fn answering(certificates: Option<&Certificates>, answer: &'static [u8]) -> ScriptServer {
    let handler = move |peer: &mut Peer, _| {
        while let Ok(Some(_)) = peer.read_request() {
            if peer.write(answer).is_err() {
                return;
            }
        }
    };
    match certificates {
        None => Script::serve(handler).unwrap(),
        Some(certificates) => Script::serve_tls(Transport::Tls, certificates, handler).unwrap(),
    }
}

/// One connection to that server, with a recorder and so many bytes of each head.
fn open(
    server: &ScriptServer,
    (drive, certificates): (Drive, Option<&Certificates>),
    heads: usize,
) -> Arc<Pool> {
    let mut config = recording(config(&server.url(), 1));
    config.set_recorder_heads(heads).unwrap();
    config.set_drive(drive);
    if let Some(certificates) = certificates {
        config.set_ca_pem(certificates.ca_pem().as_bytes()).unwrap();
    }
    config.add_default_header(b"Authorization", b"Bearer s3cret").unwrap();
    Pool::open(&config).unwrap()
}

fn signed(pool: &Pool, name: &str) -> Completion {
    let mut orders = request(pool);
    orders.begin(b"POST", b"/api/v3/order").unwrap();
    orders.query(b"symbol", b"BTCUSDT").unwrap();
    orders.query(b"signature", b"s3cret").unwrap();
    orders.header(b"X-MBX-APIKEY", b"s3cret").unwrap();
    orders.header(b"X-Timestamp", b"1700000000000").unwrap();
    orders.body(b"passphrase=s3cret").unwrap();
    orders.set_tag(tag(name));
    pool.execute(&mut orders, WhenBusy::Queue).unwrap()
}

#[test]
fn heads_of_orders_and_of_good_answers_are_told_without_secrets() {
    let answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: s3cret\r\nX-Weight: 17\r\n\
                   Content-Length: 6\r\n\r\ns3cret";
    each_way(|drive, certificates| {
        let server = answering(certificates, answer);
        let pool = open(&server, (drive, certificates), 512);
        assert_eq!(signed(&pool, "4711").outcome, Outcome::Ok);
        let entries = find_tag(&pool, "4711");
        let order = the(&entries, "order");
        let request = order["request_head"].as_str().unwrap();
        let line = "POST /api/v3/order?symbol=BTCUSDT&signature=*** HTTP/1.1\\r\\nHost: ";
        assert!(request.starts_with(line), "{request}");
        for field in ["X-MBX-APIKEY: ***", "Authorization: ***", "X-Timestamp: 1700000000000"] {
            assert!(request.contains(&format!("\\r\\n{field}\\r\\n")), "{field}: {request}");
        }
        assert!(request.ends_with("Content-Length: 17\\r\\n\\r\\n"), "{request}");
        let expected = "HTTP/1.1 200 OK\\r\\nSet-Cookie: ***\\r\\nX-Weight: 17\\r\\n\
                        Content-Length: 6\\r\\n\\r\\n";
        assert_eq!(order["answer_head"], expected);
        pool.close().unwrap();
    });
}

#[test]
fn heads_are_cut_at_their_budget_and_none_are_kept_without_one() {
    let server = answering(None, b"HTTP/1.1 204 No Content\r\n\r\n");
    let pool = open(&server, (Drive::Thread, None), 64);
    signed(&pool, "4711");
    let entries = find_tag(&pool, "4711");
    let request = the(&entries, "order")["request_head"].as_str().unwrap();
    assert_eq!(request, "POST /api/v3/order?symbol=BTCUSDT&signature=*** HTTP/1.1\\r\\nHos...");
    pool.close().unwrap();
    let pool = open(&server, (Drive::Thread, None), 0);
    signed(&pool, "4711");
    let entries = find_tag(&pool, "4711");
    let order = the(&entries, "order");
    assert_eq!((&order["request_head"], &order["answer_head"]), (&Value::Null, &Value::Null));
    pool.close().unwrap();
    let mut config = Config::default();
    for refused in [1, 63, 4097] {
        assert!(config.set_recorder_heads(refused).is_err(), "{refused}");
    }
}

#[test]
fn the_head_of_an_answer_that_breaks_off_or_breaks_a_rule_is_told() {
    for (sent, expected) in [
        (
            &b"HTTP/1.1 200 OK\r\nX-A: s3cret\r\nContent-Length: 9\r\n\r\nbody"[..],
            "HTTP/1.1 200 OK\\r\\nX-A: ***\\r\\nContent-Length: 9\\r\\n\\r\\n",
        ),
        (b"HTTP/1.1 200 OK\r\nX-A: s3c", "HTTP/1.1 200 OK\\r\\nX-A: ***..."),
        (
            b"HTTP/1.1 200 OK\r\nBroken s3cret: x\r\n\r\ns3cret",
            "HTTP/1.1 200 OK\\r\\nBroken ***: ***\\r\\n\\r\\n",
        ),
    ] {
        let server = Script::serve(move |peer: &mut Peer, _| {
            if let Ok(Some(_)) = peer.read_request() {
                peer.write(sent).unwrap();
                peer.finish().unwrap();
                let _ = peer.wait_eof();
            }
        })
        .unwrap();
        let pool = open(&server, (Drive::Thread, None), 512);
        assert_ne!(signed(&pool, "4711").outcome, Outcome::Ok);
        let entries = find_tag(&pool, "4711");
        assert_eq!(the(&entries, "order")["answer_head"], expected);
        pool.close().unwrap();
    }
}

#[test]
fn bytes_behind_a_whole_answer_are_kept_with_the_end_of_the_connection() {
    let length = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\
                   X-Id: s3cret\r\n\r\n";
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n\
                    {\"token\":\"s3cret\"}";
    let twice = "HTTP/1.1 200 OK\\r\\nX-Id: ***\\r\\n\\r\\n";
    for (answer, kept) in [(&length[..], twice), (chunked, "{\"token\":\"***\"}")] {
        each_way(|drive, certificates| {
            let server = answering(certificates, answer);
            let pool = open(&server, (drive, certificates), 0);
            let done = send(&pool, "4711");
            assert_eq!(done.outcome, Outcome::Ok);
            assert_eq!(done.response.as_ref().unwrap().response.body(), b"ok");
            until_healed(&pool);
            let entries = find_tag(&pool, "4711");
            assert_eq!(the(&entries, "broke_rule")["bytes"], kept);
            let lost = the(&entries, "lost");
            assert_eq!(lost["reason"], "VP_CLOSE_REASON_SURPLUS_BYTES");
            assert!(lost.get("request").is_none(), "the order has its answer");
            pool.close().unwrap();
        });
    }
}

#[test]
fn of_bytes_behind_an_answer_each_connection_has_its_own() {
    let server = Script::serve(|peer: &mut Peer, number| {
        if let Ok(Some(_)) = peer.read_request() {
            let answer = format!("HTTP/1.1 204 No Content\r\n\r\n<{number}>");
            peer.write(answer.as_bytes()).unwrap();
            let _ = peer.wait_eof();
        }
    })
    .unwrap();
    let pool = open(&server, (Drive::Thread, None), 0);
    for number in 0..4 {
        send(&pool, &number.to_string());
        until(|| (pool.stats().heals.get() > number).then_some(()));
        until_idle(&pool, 1);
    }
    let entries = all(&pool);
    let kept: Vec<_> = of_type(&entries, "broke_rule").iter().map(|it| &it["bytes"]).collect();
    assert_eq!(kept, ["<0>", "<1>", "<2>", "<3>"]);
    pool.close().unwrap();
}

#[test]
fn the_head_of_a_late_answer_is_told() {
    let venue = Venue::start(Options::plain()).unwrap();
    let mut config = recording(venue_config(&venue, 1));
    config.set_linger_ns(20_000_000_000).unwrap();
    let pool = Pool::open(&config).unwrap();
    let delay = FaultKind::Delay(Duration::from_millis(300));
    venue.set_fault(Fault::first(1, delay).on("/api/v3/order")).unwrap();
    let mut orders = request(&pool);
    order(&mut orders, "4711");
    orders.set_tag(tag("4711"));
    orders.set_timeout_ns(50_000_000);
    assert_eq!(pool.execute(&mut orders, WhenBusy::Queue).unwrap().outcome, Outcome::Timeout);
    let late = until(|| {
        let entries = find_tag(&pool, "4711");
        of_type(&entries, "late_answer").first().map(|late| (*late).clone())
    });
    let head = late["answer_head"].as_str().unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\\r\\n"), "{head}");
    pool.close().unwrap();
}

/// The losses that were told: what was recorded of each.
type Losses = Arc<Mutex<Vec<Option<String>>>>;

fn listen(config: &mut Config) -> Losses {
    let losses = Losses::default();
    let told = Arc::clone(&losses);
    config.set_event_hook(Some(EventHook(Arc::new(move |event: &Event| match event.kind {
        EventKind::Lost => told.lock().unwrap().push(event.recording.clone()),
        kind => assert!(event.recording.is_none(), "{kind:?}"),
    }))));
    losses
}

/// Loses one order, and then one idle connection. Answers what was told of both.
fn lose_both(venue: &Venue, config: &mut Config) -> Vec<Option<String>> {
    let losses = listen(config);
    let pool = Pool::open(config).unwrap();
    send(&pool, "4710");
    let reset = FaultKind::Cut(Place::Byte(0), How::Rst);
    venue.set_fault(Fault::first(1, reset).on("/api/v3/order")).unwrap();
    assert_eq!(send(&pool, "4711").outcome, Outcome::ConnectionReset);
    until_healed(&pool);
    // Before, the one that is open there may be the lost one.
    until(|| (venue.stats().connections >= 2).then_some(()));
    lose_connections(venue, How::Fin, 1);
    until(|| (losses.lock().unwrap().len() == 2).then_some(()));
    pool.close().unwrap();
    let told = losses.lock().unwrap();
    told[..2].to_vec()
}

#[test]
fn the_loss_of_an_order_is_told_with_what_was_recorded_of_it() {
    for drive in [Drive::Thread, Drive::Caller] {
        for options in [Options::plain, Options::tls] {
            let venue = Venue::start(options()).unwrap();
            let mut config = recording(venue_config(&venue, 1));
            config.set_recorder_heads(512).unwrap();
            config.set_drive(drive);
            let told = lose_both(&venue, &mut config);
            let recording = told[0].as_ref().expect("an order was lost");
            let has = |part: &str| assert!(recording.contains(part), "{part}: {recording}");
            has("\"4711\" POST /api/v3/order");
            has("VP_OUTCOME_CONNECTION_RESET");
            has("head of the request: POST /api/v3/order HTTP/1.1\\r\\n");
            has(": dial\n");
            has(": live, from ");
            has("VP_CLOSE_REASON_RESET: Connection reset by peer (os error 104)");
            assert!(!recording.contains("4710"), "it is not about that one: {recording}");
            assert_eq!(told[1], None, "no order was lost with an idle connection");
        }
    }
}

#[test]
fn without_a_recorder_a_loss_is_told_without_a_recording() {
    let venue = Venue::start(Options::plain()).unwrap();
    assert_eq!(lose_both(&venue, &mut venue_config(&venue, 1)), [None, None]);
}

/// Orders are lost and answered while others read all that can be read.
#[test]
fn who_reads_while_orders_are_sent_and_lost_sees_the_heads_of_each() {
    let venue = Venue::start(Options::plain()).unwrap();
    let mut config = recording(venue_config(&venue, 2));
    config.set_recorder_heads(256).unwrap();
    config.set_backoff_ns(1_000_000, 1_000_000).unwrap();
    let losses = listen(&mut config);
    let pool = Pool::open(&config).unwrap();
    let reset = FaultKind::Cut(Place::Byte(0), How::Rst);
    venue.set_fault(Fault::every(10, reset).on("/api/v3/order")).unwrap();
    let is_its_own = |order: &Value| {
        let (name, head) = (&order["tag"], order["request_head"].as_str().unwrap());
        let field = format!("\\r\\nX-Request-Id: {}\\r\\n", name.as_str().unwrap());
        assert!(head.contains(&field), "{order}");
        if order["status"] == json!(200) {
            assert!(order["answer_head"].as_str().unwrap().starts_with("HTTP/1.1 200"), "{order}");
        }
    };
    std::thread::scope(|scope| {
        let trade = |first: u32| {
            let pool = &pool;
            scope.spawn(move || (0..150).for_each(|n| drop(send(pool, &(first + n).to_string()))))
        };
        let traders = [trade(1_000), trade(2_000)];
        while traders.iter().any(|trader| !trader.is_finished()) {
            of_type(&all(&pool), "order").into_iter().for_each(is_its_own);
            // One that may be driven out at any moment.
            if let Ok(recording) = pool.recording_of(Wanted::Tagged(tag("1001"))) {
                let found = entries(&for_programs(&recording));
                of_type(&found, "order").into_iter().for_each(is_its_own);
            }
        }
    });
    pool.close().unwrap();
    let told = losses.lock().unwrap();
    let with_order: Vec<_> = told.iter().flatten().collect();
    assert!(!with_order.is_empty(), "{told:?}");
    for recording in with_order {
        assert!(recording.contains("VP_CLOSE_REASON_RESET"), "{recording}");
    }
}
