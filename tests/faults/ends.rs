//! The peer ends the connection in good order, by halves, or says what nobody has asked.

use mock_venue::{Fault, FaultKind, How, Place};
use venuepool::error::{CloseReason, Outcome, WireState};

use crate::case::{ANSWERED, Case, Heals, TLS, case};
use crate::far::{Far, Stage};
use crate::resets::{lose_idle, next};

#[test]
fn an_end_while_idle_costs_no_order() {
    for (name, how) in [("FIN idle", How::Fin), ("FIN idle, no close_notify", How::BareFin)] {
        case(name)
            .fault(lose_idle(how))
            .expect(&[ANSWERED])
            .closes(2, CloseReason::IdleClosed)
            .run(Heals::AtOnce);
    }
}

#[test]
fn an_end_instead_of_the_response_is_sent() {
    case("FIN instead of the response")
        .fault(next(FaultKind::Cut(Place::Byte(0), How::Fin)))
        .expect(&[(Outcome::ConnectionClosed, WireState::Sent)])
        .closes(1, CloseReason::Closed)
        .run(Heals::AtOnce);
}

#[test]
fn an_end_within_the_response_is_answering_and_never_a_short_body() {
    let places =
        [("FIN within the head", Place::Byte(20)), ("FIN within the body", Place::HalfBody)];
    for (name, place) in places {
        case(name)
            .fault(next(FaultKind::Cut(place, How::Fin)))
            .expect(&[(Outcome::ConnectionClosed, WireState::Answering)])
            .closes(1, CloseReason::Closed)
            .run(Heals::AtOnce);
    }
}

#[test]
fn an_end_behind_an_announced_close_costs_no_order() {
    let close = FaultKind::CloseAfter { requests: 1, announce: true, how: How::Fin };
    case("Connection: close")
        .fault(move |scene| scene.far.first().set_fault(Fault::always(close.clone())).unwrap())
        .orders(3)
        .expect(&[ANSWERED])
        .closes(3, CloseReason::ResponseClose)
        .run(Heals::AtOnce);
}

/// A case whose peer shuts its half of the connection, at that stage, and goes on reading.
fn half_close(name: &'static str, stage: Stage) -> Case {
    case(name)
        .against(move |transport| {
            Some(Far::script(transport, stage, |peer, _| {
                peer.finish().unwrap();
                let _ = peer.wait_eof();
            }))
        })
        .fault(|scene| scene.far.ledger.spoil(1))
}

#[test]
fn a_half_close_behind_the_request_is_sent() {
    half_close("half-close behind the request", Stage::Whole)
        .expect(&[(Outcome::ConnectionClosed, WireState::Sent)])
        .closes(1, CloseReason::Closed)
        .run(Heals::AtOnce);
}

#[test]
fn a_half_close_behind_the_response_costs_no_order() {
    half_close("half-close behind the response", Stage::Answered)
        .expect(&[ANSWERED])
        .closes(1, CloseReason::IdleClosed)
        .run(Heals::AtOnce);
}

#[test]
fn an_end_during_the_request_is_partial() {
    case("FIN during the request")
        .against(|transport| {
            Some(Far::script(transport, Stage::FirstByte, |peer, ledger| {
                peer.finish().unwrap();
                ledger.hold();
            }))
        })
        .with(|config| config.set_send_buffer(Some(16 * 1024)).unwrap())
        .fault(|scene| scene.far.ledger.spoil_and_hold())
        .until(|scene| scene.far.ledger.let_go())
        .body(6 << 20)
        .expect(&[(Outcome::ConnectionClosed, WireState::Partial)])
        .closes(1, CloseReason::Closed)
        .run(Heals::AtOnce);
}

#[test]
fn a_close_notify_without_an_end_costs_no_order() {
    case("close_notify and no FIN")
        .over(TLS)
        .against(|transport| {
            Some(Far::script(transport, Stage::Answered, |peer, _| {
                peer.close_notify().unwrap();
                let _ = peer.wait_eof();
            }))
        })
        .fault(|scene| scene.far.ledger.spoil(1))
        .expect(&[ANSWERED])
        .closes(1, CloseReason::IdleClosed)
        .seen_by_who_drives()
        .run(Heals::AtOnce);
}

#[test]
fn unrequested_bytes_answer_no_order() {
    case("408 while idle")
        .against(|transport| {
            Some(Far::script(transport, Stage::Answered, |peer, ledger| {
                // Until the answer was received: right behind it they would be surplus.
                ledger.hold();
                let _ = peer.write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
                let _ = peer.wait_eof();
            }))
        })
        .fault(|scene| scene.far.ledger.spoil_and_hold())
        .until(|scene| scene.far.ledger.let_go())
        .expect(&[ANSWERED])
        .closes(1, CloseReason::IdleBytes)
        .seen_by_who_drives()
        .run(Heals::AtOnce);
}
