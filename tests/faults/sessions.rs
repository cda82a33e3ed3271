//! A WebSocket session whose connection is lost, or troubled: what is told of it and of the calls
//! that are out, and how it heals.

use std::time::Duration;

use mock_venue::How;
use serde_json::json;
use venuepool::config::Config;
use venuepool::error::{Outcome, Status, WireState};
use venuepool::session::event::{Lost, WsLoss};
use venuepool::session::settings::Settings;

use crate::case::{ANSWERED, Heals, MS};
use crate::desk::Desk;
use crate::far::Far;
use crate::ledger::End;
use crate::rig::{PATIENCE, until};
use crate::session_case::{Scene, SessionCase, run_together, session_case, unanswered};

/// How long a pong may take, where silence is the fault; a busy machine is none.
const PONG_NS: u64 = 1_500 * MS;
/// Rounds of such a case in each half: each takes as long as that.
const SILENT_ROUNDS: u32 = 1;

/// Sends an order that shows this fault of the venue.
fn asks_for(fault: serde_json::Value) -> impl Fn(&mut Scene<'_>) {
    move |scene| scene.desk.meets(fault.clone())
}

/// The same, with a second order in front of it that has no answer: both are out at the loss.
fn asks_for_with_two_out(fault: serde_json::Value) -> impl Fn(&mut Scene<'_>) {
    move |scene| {
        scene.desk.meets(json!({"fault": "mute"}));
        scene.desk.meets(fault.clone());
    }
}

/// All that was numbered was sent whole.
fn is_all_sent(_: &Desk, lost: &Lost) {
    assert_eq!((lost.fate.sent_through, lost.fate.partial), (lost.fate.last, 0), "{lost:?}");
}

#[test]
fn a_reset_ends_each_call_as_sent() {
    session_case("session: RST instead of the answer")
        .fault(asks_for_with_two_out(json!({"fault": "rst"})))
        .expect(&[unanswered(Outcome::ConnectionReset)])
        .loses(&[WsLoss::Reset])
        .told(is_all_sent)
        .run(Heals::AtOnce);
}

#[test]
fn a_reset_within_a_frame_tells_no_half_of_it() {
    session_case("session: RST within a frame")
        .fault(asks_for_with_two_out(json!({"fault": "half-rst"})))
        .expect(&[unanswered(Outcome::ConnectionReset)])
        .loses(&[WsLoss::Reset])
        .told(is_all_sent)
        .run(Heals::AtOnce);
}

#[test]
fn an_end_within_a_frame_tells_no_half_of_it() {
    session_case("session: FIN within a frame")
        .fault(asks_for_with_two_out(json!({"fault": "half-frame"})))
        .expect(&[unanswered(Outcome::ConnectionClosed)])
        .loses(&[WsLoss::Ended])
        .told(is_all_sent)
        .run(Heals::AtOnce);
}

#[test]
fn a_half_close_is_an_end() {
    session_case("session: half-close")
        .fault(asks_for_with_two_out(json!({"fault": "half-close"})))
        .expect(&[unanswered(Outcome::ConnectionClosed)])
        .loses(&[WsLoss::Ended])
        .told(is_all_sent)
        .run(Heals::AtOnce);
}

#[test]
fn a_close_frame_of_any_code_ends_each_call_as_sent_and_tells_its_code() {
    let by_code = |code: u16| {
        session_case("session: close frame")
            .rounds(1)
            .fault(asks_for_with_two_out(json!({"fault": "close", "code": code})))
            .expect(&[unanswered(Outcome::ConnectionClosed)])
            .loses_by(code)
            .told(is_all_sent)
    };
    let codes = [1000, 1001, 1008, 1011, 1012, 1013, 3000, 4999];
    run_together(codes.map(by_code).into(), Heals::AtOnce);
}

/// A case in which the venue ends all connections while nothing is out.
fn idle(name: &'static str, how: How, losses: &'static [WsLoss]) -> SessionCase {
    session_case(name)
        .fault(move |scene| {
            scene.far.await_connections(1);
            assert_eq!(scene.far.first().kill_connections(how), 1);
        })
        .loses(losses)
        .told(is_all_sent)
}

#[test]
fn a_connection_that_ends_while_idle_costs_no_order() {
    let cases = vec![
        idle("session: RST while idle", How::Rst, &[WsLoss::Reset]),
        idle("session: FIN while idle", How::Fin, &[WsLoss::Ended]),
        idle("session: bare FIN while idle", How::BareFin, &[WsLoss::Ended]),
    ];
    run_together(cases, Heals::AtOnce);
}

/// A case in which the venue is silent, which only a ping can find.
fn silent(name: &'static str) -> SessionCase {
    session_case(name)
        .rounds(SILENT_ROUNDS)
        .with(|_, settings, _| settings.set_keep_alive(100 * MS, PONG_NS, 0).unwrap())
        .loses(&[WsLoss::NoPong])
}

fn stall(name: &'static str, fault: &'static str) -> SessionCase {
    silent(name)
        .fault(asks_for_with_two_out(json!({"fault": fault})))
        .expect(&[unanswered(Outcome::ConnectionClosed)])
        .told(is_all_sent)
}

/// The venue reads no more: what it has not read is whole in the kernels, in part, or not at all.
fn slow_reader() -> SessionCase {
    silent("session: slow reader")
        .with(with_small_buffer)
        .fault(|scene| {
            scene.desk.meets(json!({"fault": "stall"}));
            let sent = scene.desk.met[0];
            until(|| (scene.desk.times(scene.far, sent) == 1).then_some(()));
            send_more_than_fits(scene.desk);
        })
        .expect(LEFT_IN_PART)
        .told(|_, lost| {
            let fate = lost.fate;
            assert!(fate.sent_through < fate.last && fate.acked_through > 0, "{fate:?}");
            assert!(fate.acked_through <= fate.sent_through, "{fate:?}");
            assert!([0, fate.sent_through + 1].contains(&fate.partial), "{fate:?}");
        })
}

#[test]
fn a_stalled_venue_is_found_by_a_ping_and_leaves_calls_sent_partial_or_unsent() {
    let cases = vec![
        stall("session: stall", "stall"),
        stall("session: stall within a frame", "half-stall"),
        slow_reader(),
    ];
    run_together(cases, Heals::AtOnce);
}

/// How calls end when some were not sent, or not whole.
const LEFT_IN_PART: &[End] = &[
    unanswered(Outcome::ConnectionClosed),
    (Outcome::ConnectionClosed, WireState::Partial),
    (Outcome::ConnectionClosed, WireState::NotSent),
];

fn with_small_buffer(config: &mut Config, settings: &mut Settings, _: &Far) {
    config.set_send_buffer(Some(16 * 1024)).unwrap();
    settings.set_sizes(1 << 20, 1 << 20, 4 << 20).unwrap();
    settings.set_keep_alive(100 * MS, PONG_NS, 0).unwrap();
}

/// Orders that are too long for what the kernels of both sides keep, taken together.
fn send_more_than_fits(desk: &mut Desk) {
    for _ in 0..4 {
        let id = desk.order(json!({}), 160 * 1024, PATIENCE).unwrap();
        desk.met.push(id);
    }
}

#[test]
fn a_flood_of_pings_delays_no_answer_beyond_it_and_loses_nothing() {
    session_case("session: ping flood")
        .fault(asks_for(json!({"fault": "pings", "count": 2_000})))
        .expect(&[ANSWERED])
        .run(Heals::NoneLost);
}

#[test]
fn slow_bytes_are_an_answer() {
    session_case("session: slow bytes")
        .rounds(1)
        .fault(asks_for(json!({"fault": "slow"})))
        .expect(&[ANSWERED])
        .run(Heals::NoneLost);
}

#[test]
fn an_answer_that_never_comes_is_sent_at_the_deadline_and_loses_no_connection() {
    session_case("session: no answer")
        .fault(|scene| {
            let fields = json!({"fault": "mute"});
            let id = scene.desk.order(fields, 0, Duration::from_millis(20)).unwrap();
            scene.desk.met.push(id);
        })
        .expect(&[unanswered(Outcome::Timeout)])
        .run(Heals::NoneLost);
}

#[test]
fn an_answer_that_comes_twice_ends_its_order_once() {
    session_case("session: answered twice")
        .fault(asks_for(json!({"fault": "twice"})))
        .expect(&[ANSWERED])
        .run(Heals::NoneLost);
}

/// The peer vanishes: the network swallows what the engine sends, and tells no one.
fn vanished(name: &'static str) -> SessionCase {
    silent(name)
        .against(Far::behind_cable)
        .dials_fail(Status::ERR_CONNECT, "")
        .until(|scene| scene.far.net.as_ref().unwrap().mend())
}

/// What the peer's TCP had before it vanished is told as acknowledged, and no more than that.
#[test]
fn a_peer_that_vanishes_is_found_by_a_ping_and_leaves_each_call_with_the_truth() {
    let idle = vanished("session: black hole while idle")
        .fault(|scene| scene.far.net.as_ref().unwrap().cut())
        .told(is_all_sent);
    let busy = vanished("session: black hole with calls out")
        .with(with_small_buffer)
        .fault(|scene| {
            scene.desk.meets(json!({"fault": "mute"}));
            let known = scene.desk.met[0];
            until(|| (scene.desk.times(scene.far, known) == 1).then_some(()));
            // Its answer has the acknowledgement of what came before it.
            scene.desk.expect_answer("before the network is cut");
            scene.far.net.as_ref().unwrap().cut();
            scene.desk.meets(json!({}));
            send_more_than_fits(scene.desk);
        })
        .expect(LEFT_IN_PART)
        .told(|desk, lost| {
            let fate = lost.fate;
            // Behind the last that was acknowledged there is one that was taken whole, at least.
            assert!(fate.acked_through < fate.sent_through, "{fate:?}");
            assert!(fate.sent_through < fate.last, "{fate:?}");
            assert_eq!(fate.bytes_acked, Some(0), "{fate:?}");
            assert_eq!(fate.last - fate.acked_through + 1, desk.met.len() as u64, "{fate:?}");
        });
    run_together(vec![idle, busy], Heals::OneStep);
}
