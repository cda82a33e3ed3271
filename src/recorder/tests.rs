//! What is recorded, selected and told, without a pool.

use proptest::prelude::*;
use serde_json::Value;

use super::excerpt::Excerpt;
use super::json::json;
use super::record::{Answer, End, EventRecord, Lost, OrderRecord, What, Words};
use super::recording::{Heads, Order, Recording, SlotRecording, Wanted};
use super::redact;
use super::slot_recorder::{Piece, Position, Size, SlotRecorder};
use super::text::text;
use crate::completion::Times;
use crate::error::{CloseReason, Outcome, Status, WireState};
use crate::net::evidence::TcpInfo;
use crate::net::path::Path;
use crate::tag::Tag;

/// An order that had its slot at that time.
fn order(id: u64, start_ns: u64, connection: u32, tag: &str) -> OrderRecord {
    let mut order = OrderRecord::default();
    let times = Times { submit_ns: start_ns, start_ns, ..Times::default() };
    let tag = Tag::new(tag.as_bytes()).unwrap();
    order.begin(id, times, connection, b"POST /api/v3/order", &tag);
    order
}

fn event(time_ns: u64, connection: u32, what: What) -> EventRecord {
    EventRecord { time_ns, connection, what }
}

fn lost(id: u64, tag: &str) -> What {
    What::Lost(Lost {
        reason: CloseReason::Reset,
        words: Words::of(b"words"),
        lifetime_ns: 1,
        is_replaced: false,
        tcp: Some(TcpInfo { state: 7, ..TcpInfo::default() }),
        id,
        tag: Tag::new(tag.as_bytes()).unwrap(),
    })
}

fn recording(orders: Vec<OrderRecord>, events: Vec<EventRecord>) -> Recording {
    let orders = orders.into_iter().map(Order::from).collect();
    let slot = SlotRecording { slot: Some(0), orders, events };
    let (pool, host) = ("venuepool".to_owned(), "h:443".to_owned());
    Recording { pool, host, ahead_ns: 0, slots: vec![slot] }
}

/// The entries of the JSON: the type, and the whole.
fn entries(recording: &Recording) -> Vec<(String, Value)> {
    let value: Value = serde_json::from_str(&json(recording)).unwrap();
    let entries = value["entries"].as_array().unwrap().iter();
    entries.map(|it| (it["type"].as_str().unwrap().to_owned(), it.clone())).collect()
}

#[test]
fn each_kind_is_told_in_both_formats_in_the_order_of_time() {
    let mut ended = order(7, 30, 1, "a \"tag\"\\");
    ended.times.done_ns = 40;
    ended.end = Some(End {
        outcome: Outcome::Ok,
        wire_state: WireState::Answered,
        bytes_sent: 1,
        bytes_received: 2,
        status: 400,
    });
    ended.set_answer(Answer::of(b"\x00\"no\""));
    let (v4, v6) = ("192.0.2.1:1".parse().ok(), "[2001:db8::1]:443".parse().ok());
    let path = Path { local: v4, peer: v6, tls_version: 0x0304, ..Path::default() };
    let failed = What::DialFailed { step: Status::ERR_CONNECT, words: Words::of(b"refused") };
    let events = vec![
        event(10, 1, What::Dials),
        event(11, 1, failed),
        event(20, 1, What::Live(path)),
        event(50, 1, What::BrokeRule { bytes: Words::of(b"SSH\r\n") }),
        event(60, 1, What::LateAnswer { id: 7, status: 200, head: Words::of(b"HTTP/1.1 200") }),
        event(70, 1, lost(8, "b")),
    ];
    let mut recording = recording(vec![ended, order(8, 35, 1, "b")], events);
    let [request, answer] = ["POST / \"q\"", "HTTP/1.1 400"].map(str::to_owned);
    recording.slots[0].orders[0].heads = Heads { request, answer };
    let told = entries(&recording);
    let kinds: Vec<&str> = told.iter().map(|(kind, _)| kind.as_str()).collect();
    let expected =
        ["dial", "dial_failed", "live", "order", "order", "broke_rule", "late_answer", "lost"];
    assert_eq!(kinds, expected);
    assert_eq!(told[3].1["tag"], "a \"tag\"\\");
    assert_eq!(told[3].1["answer"], "\\x00\"no\"");
    assert_eq!(told[3].1["request_head"], "POST / \"q\"");
    assert_eq!(told[3].1["answer_head"], "HTTP/1.1 400");
    assert_eq!(told[4].1["answer_head"], Value::Null);
    assert_eq!(told[6].1["answer_head"], "HTTP/1.1 200");
    assert_eq!((&told[4].1["in_flight"], &told[4].1["outcome"]), (&true.into(), &Value::Null));
    assert_eq!((&told[2].1["peer"], &told[2].1["tls"]), (&v6_text().into(), &"TLS 1.3".into()));
    assert_eq!(told[7].1["tcp_info"]["state"], "CLOSE");
    let people = text(&recording);
    assert_eq!(people.lines().count(), told.len(), "{people}");
    assert!(
        people.starts_with("1970-01-01T00:00:00.000000010Z venuepool slot 0 connection 1: dial")
    );
}

fn v6_text() -> String {
    "[2001:db8::1]:443".to_owned()
}

#[test]
fn an_order_comes_with_what_happened_to_its_connection_and_no_other() {
    let orders = vec![order(1, 10, 1, "a"), order(2, 20, 2, "b"), order(3, 30, 3, "b")];
    let events = (1..=4).map(|number| event(5, number, What::Dials));
    let all = || recording(orders.clone(), events.clone().collect());
    let told = |wanted| {
        let mut recording = all();
        let is_here = recording.select(wanted);
        let slot = &recording.slots[0];
        let ids: Vec<u64> = slot.orders.iter().map(|order| order.record.id).collect();
        let connections: Vec<u32> = slot.events.iter().map(|event| event.connection).collect();
        (is_here, ids, connections)
    };
    assert_eq!(told(Wanted::Id(1)), (true, vec![1], vec![1]));
    assert_eq!(told(Wanted::Tagged(Tag::new(b"b").unwrap())), (true, vec![2, 3], vec![2, 3]));
    assert_eq!(told(Wanted::Id(4)), (false, vec![], vec![]));
    assert_eq!(told(Wanted::Tagged(Tag::NONE)), (false, vec![], vec![]));
}

#[test]
fn a_loss_is_told_with_its_order_and_its_connection_and_no_other() {
    let told = |recorder: &SlotRecorder, connection| {
        let mut piece = Piece::new(4, 0);
        let was_lost = recorder.copy_loss(connection, &mut piece);
        let ids: Vec<u64> = piece.orders.iter().map(|order| order.id).collect();
        (was_lost, ids, piece.events.len())
    };
    let mut recorder = recorder(Size { records: 4, head_bytes: 0 }, 3);
    assert_eq!(told(&recorder, 1), (false, vec![], 0), "nothing was lost");
    recorder.happened(1, 1, lost(3, "a"));
    recorder.happened(1, 2, What::Dials);
    recorder.happened(2, 2, lost(0, ""));
    assert_eq!(told(&recorder, 1), (true, vec![3], 1));
    assert!(!told(&recorder, 2).0, "no order was lost with it");
    for id in 4..9 {
        recorder.began((id, 3), Times::default(), b"GET /", &Tag::NONE, b"");
    }
    assert_eq!(told(&recorder, 1), (true, vec![], 1), "later orders have driven it out");
}

#[test]
fn a_lost_order_is_found_when_later_ones_have_driven_it_out() {
    let events =
        vec![event(5, 1, What::Dials), event(9, 1, lost(1, "a")), event(9, 2, What::Dials)];
    let mut recording = recording(vec![order(2, 20, 2, "b")], events);
    assert!(recording.select(Wanted::Tagged(Tag::new(b"a").unwrap())));
    let kinds: Vec<String> = entries(&recording).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["dial", "lost"]);
}

/// A recorder of that size, in which that many orders were sent and answered.
fn recorder(size: Size, orders: u64) -> SlotRecorder {
    let mut recorder = SlotRecorder::new(size);
    for id in 1..=orders {
        let request = format!("POST /order HTTP/1.1\r\nX-Id: {id}\r\nX-Key: s3cret\r\n\r\nbody");
        let tag = Tag::new(b"a").unwrap();
        recorder.began((id, 1), Times::default(), b"POST /order", &tag, request.as_bytes());
        if id % 3 != 0 {
            let head = format!("HTTP/1.1 200 OK\r\nX-Count: {id}\r\n\r\n");
            recorder.received(head.as_bytes(), b"body");
        }
    }
    recorder
}

proptest! {
    /// In whatever pieces it is read, and however often the ring was filled.
    #[test]
    fn each_order_has_its_own_heads(
        records in 1_usize..9, orders in 0_u64..30, most in 1_usize..5,
    ) {
        let size = Size { records, head_bytes: 100 };
        let recorder = recorder(size, orders);
        let mut piece = Piece::new(most, size.head_bytes);
        let (mut at, mut slot) = (Position::default(), SlotRecording::default());
        while at != recorder.end() {
            at = recorder.copy(at, &mut piece);
            slot.take(&mut piece);
        }
        prop_assert_eq!(slot.orders.len() as u64, orders.min(records as u64));
        for Order { record, heads } in slot.orders {
            let request = format!("\\r\\nX-Id: {}\\r\\nX-Key: ***\\r\\n\\r\\n", record.id);
            prop_assert!(heads.request.ends_with(&request), "{}", heads.request);
            let answer = format!("HTTP/1.1 200 OK\\r\\nX-Count: {}\\r\\n\\r\\n", record.id);
            prop_assert_eq!(heads.answer, if record.id % 3 == 0 { String::new() } else { answer });
        }
    }

    #[test]
    fn it_is_json_whatever_a_peer_has_sent(
        bytes in proptest::collection::vec(any::<u8>(), 0..300), head in 0_usize..300,
        tag in "[ -~]{0,64}",
    ) {
        let (head, body) = bytes.split_at(head.min(bytes.len()));
        let mut refused = order(1, 10, 1, &tag);
        refused.set_answer(redact::answer(head, body));
        let broke = What::BrokeRule { bytes: redact::answer(head, body) };
        let recording = recording(vec![refused], vec![event(20, 1, broke)]);
        let told = entries(&recording);
        prop_assert_eq!(told.len(), 2);
        prop_assert_eq!(told[0].1["tag"].as_str().unwrap_or_default(), tag);
        prop_assert_eq!(text(&recording).lines().count(), 2);
    }

    /// As venues write keys, signatures and tokens, in whatever it stands.
    #[test]
    fn no_key_comes_out_of_an_answer(
        secret in "[A-Za-z0-9]{8,30}[0-9][a-z][0-9]{6,20}",
        place in 0_usize..6,
        size in 0_usize..400,
    ) {
        let answer = match place {
            0 => format!("HTTP/1.1 401 No\r\nX-Any: {secret}\r\nCookie: {secret}\r\n\r\n{secret}"),
            1 => format!("{{\"listenKey\":\"{secret}\",\"other\":[\"{secret}\"]}}"),
            2 => format!("a=1&signature={secret}&b={secret}"),
            3 => format!("plain {secret} text, {secret}."),
            4 => format!("<td>{secret}</td><input value='{secret}'>"),
            _ => format!("{secret}{secret}"),
        };
        let cut = &answer.as_bytes()[..size.min(answer.len())];
        let told: Excerpt<250> = redact::answer(b"", cut);
        // Cut short in its first letters it is none that could be used.
        prop_assert!(!told.to_string().contains(&secret[..16]), "{}", told);
    }
}
