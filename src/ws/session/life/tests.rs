//! The life of a session, event by event.

use super::*;

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;

const RULES: Rules = Rules {
    bounds: Bounds { first_ns: 100 * MS, max_ns: 5 * S },
    opening_ns: 2 * S,
    keep_alive: KeepAliveSettings { interval_ns: Some(10 * S), deadline_ns: S, idle_ns: None },
    close: CloseLimits { answer_ns: S, eof_ns: S },
    openings: 0,
};

fn with_openings(openings: usize) -> Life {
    let mut life = Life::new(Rules { openings, ..RULES }, 0);
    assert_eq!(life.due(0), Due::Dial);
    assert!(life.switched(0));
    life
}

#[test]
fn it_dials_at_once_and_is_up_once_the_server_has_switched() {
    let mut life = Life::new(RULES, 7);
    assert_eq!(
        (life.stage(), life.due(7), life.stage()),
        (Stage::Waiting, Due::Dial, Stage::Dialling)
    );
    assert_eq!(life.due(8), Due::Wait(None));
    assert!(life.switched(9));
    assert!(life.is_up());
    assert_eq!((life.due(9), life.due(9)), (Due::Up, Due::Wait(Some(9 + 10 * S))));
}

#[test]
fn up_comes_only_behind_the_last_acknowledgement() {
    let mut life = with_openings(2);
    assert_eq!((life.due(1), life.awaited()), (Due::Open(0), None));
    life.opening_sent(true, 1);
    assert_eq!((life.due(2), life.awaited()), (Due::Wait(Some(2 * S)), Some(0)));
    assert!(!life.is_up() && life.may_send());
    life.acknowledged(3);
    assert_eq!(life.due(3), Due::Open(1));
    life.opening_sent(false, 4);
    assert!(life.is_up());
    assert_eq!(life.due(4), Due::Up);
}

#[test]
fn openings_that_are_not_acknowledged_in_time_end_the_connection() {
    let mut life = with_openings(1);
    life.due(1);
    life.opening_sent(true, 1);
    assert_eq!(life.due(2 * S), Due::GiveUp(Why::OpeningTimeout));
    let until = life.lost(Why::OpeningTimeout, 2 * S, u64::MAX).unwrap();
    assert_eq!(until, 2 * S + 100 * MS, "it counts as a failed dial");
}

#[test]
fn a_session_that_was_of_use_is_dialled_at_once_and_another_less_and_less() {
    let mut life = with_openings(0);
    assert_eq!(life.lost(Why::Reset, 10 * S, u64::MAX), Some(10 * S));
    let mut delays = Vec::new();
    let mut now = 10 * S;
    for _ in 0..5 {
        assert_eq!(life.due(now), Due::Dial);
        assert!(life.switched(now));
        // It is up for a moment, and then closed.
        let until = life.lost(Why::PeerClosed(1008), now + MS, u64::MAX).unwrap();
        delays.push((until - now - MS) / MS);
        now = until;
    }
    assert_eq!(delays, [100, 200, 400, 800, 1600]);
    for _ in 0..4 {
        assert_eq!(life.due(now), Due::Dial);
        now = life.dial_failed(now, u64::MAX).unwrap();
    }
    assert_eq!(life.due(now - 1), Due::Wait(Some(now)));
}

#[test]
fn a_taker_that_is_too_slow_proves_nothing() {
    let mut life = with_openings(0);
    assert_eq!(life.lost(Why::SlowTaker, 4 * S, u64::MAX), Some(4 * S + 100 * MS));
}

#[test]
fn a_ping_is_due_and_a_missing_pong_ends_the_connection() {
    let mut life = with_openings(0);
    life.due(0);
    let Due::Ping(payload) = life.due(10 * S) else { panic!("no ping") };
    life.ping_sent(10 * S);
    life.on_pong(&payload, 10 * S + 5);
    assert_eq!(life.rtt_ns(), Some(5));
    assert!(matches!(life.due(20 * S), Due::Ping(_)));
    life.ping_sent(20 * S);
    assert_eq!(life.due(21 * S), Due::Wait(Some(21 * S)), "it may lie in the socket");
    life.on_empty(21 * S);
    assert_eq!(life.due(21 * S), Due::GiveUp(Why::NoPong));
}

#[test]
fn the_peer_closes_and_the_session_heals() {
    let mut life = with_openings(0);
    let frame = CloseFrame { code: Some(1012), reason: "restart" };
    assert_eq!(life.on_close(&frame, 5).unwrap().bytes(), b"\x03\xf4");
    assert!(!life.is_up() && !life.may_send());
    assert_eq!((life.stage(), life.due(5)), (Stage::Closing, Due::Wait(Some(S + 5))));
    assert_eq!(life.on_eof(), Why::PeerClosed(1012));
    assert!(life.lost(Why::PeerClosed(1012), 6, 0).is_some());
}

#[test]
fn the_engine_closes_and_the_session_ends() {
    let mut life = with_openings(0);
    let payload = life.close(Some(1000), "done", 5).unwrap().unwrap();
    assert_eq!(payload.bytes(), b"\x03\xe8done");
    assert_eq!(life.close(None, "", 6), Err(Status::ERR_CLOSED));
    assert_eq!(life.due(S + 4), Due::Wait(Some(S + 5)));
    assert_eq!(life.due(S + 5), Due::GiveUp(Why::CloseTimeout));
    assert_eq!(life.lost(Why::CloseTimeout, S + 5, 0), None);
    assert_eq!((life.due(S + 6), life.stage()), (Due::Closed, Stage::Closed));
}

#[test]
fn an_answered_close_is_the_end_that_was_asked_for() {
    let mut life = with_openings(0);
    life.close(Some(1000), "", 5).unwrap();
    assert_eq!(life.on_close(&CloseFrame { code: Some(1000), reason: "" }, 6), None);
    assert_eq!(life.on_eof(), Why::Here);
}

#[test]
fn without_a_connection_it_ends_at_once() {
    let mut life = Life::new(RULES, 0);
    assert_eq!(life.close(Some(1005), "", 0), Err(Status::ERR_ARGUMENT));
    assert!(!life.is_ending());
    assert_eq!(life.close(Some(1000), "", 0), Ok(None));
    assert_eq!(life.due(0), Due::Closed);
    let mut dialling = Life::new(RULES, 0);
    dialling.due(0);
    dialling.close(None, "", 1).unwrap();
    assert!(!dialling.switched(2), "its connection comes too late");
    assert_eq!((dialling.due(2), dialling.dial_failed(3, 0)), (Due::Closed, None));
}

#[test]
fn a_broken_rule_is_told_with_its_code() {
    let mut life = with_openings(0);
    assert_eq!(life.on_error(Error::InvalidUtf8).unwrap().bytes(), b"\x03\xef");
    assert_eq!(life.due(1), Due::GiveUp(Why::Protocol(Error::InvalidUtf8)));
}
