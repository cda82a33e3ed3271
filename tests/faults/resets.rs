//! The peer resets the connection: before, during and after the request and the response.

use mock_venue::{Fault, FaultKind, How, Place};
use venuepool::error::{CloseReason, Outcome, WireState};

use crate::case::{ANSWERED, Heals, Scene, case};
use crate::far::{Far, Stage};

/// Spoils the next answer.
pub(crate) fn next(kind: FaultKind) -> impl Fn(&Scene<'_>) {
    move |scene| scene.far.first().set_fault(Fault::first(1, kind.clone())).unwrap()
}

/// Loses all connections while they are idle.
pub(crate) fn lose_idle(how: How) -> impl Fn(&Scene<'_>) {
    move |scene| {
        scene.far.await_connections(scene.connections);
        assert_eq!(scene.far.first().kill_connections(how), scene.connections);
    }
}

#[test]
fn a_reset_before_the_request_costs_no_order() {
    case("RST idle")
        .fault(lose_idle(How::Rst))
        .expect(&[ANSWERED])
        .closes(2, CloseReason::IdleReset)
        .run(Heals::AtOnce);
}

#[test]
fn a_reset_during_the_request_is_partial() {
    case("RST during the request")
        .against(|transport| {
            Some(Far::script(transport, Stage::FirstByte, |peer, _| peer.reset().unwrap()))
        })
        .with(|config| config.set_send_buffer(Some(16 * 1024)).unwrap())
        .fault(|scene| scene.far.ledger.spoil(1))
        .body(6 << 20)
        .expect(&[(Outcome::ConnectionReset, WireState::Partial)])
        .closes(1, CloseReason::Reset)
        .run(Heals::AtOnce);
}

#[test]
fn a_reset_instead_of_the_response_is_sent() {
    case("RST instead of the response")
        .fault(next(FaultKind::Cut(Place::Byte(0), How::Rst)))
        .expect(&[(Outcome::ConnectionReset, WireState::Sent)])
        .closes(1, CloseReason::Reset)
        .run(Heals::AtOnce);
}

#[test]
fn a_reset_within_the_head_of_the_response_is_answering() {
    case("RST within the head")
        .fault(next(FaultKind::Cut(Place::Byte(20), How::Rst)))
        .expect(&[(Outcome::ConnectionReset, WireState::Answering)])
        .closes(1, CloseReason::Reset)
        .run(Heals::AtOnce);
}

#[test]
fn a_reset_within_the_body_of_the_response_is_answering() {
    case("RST within the body")
        .fault(next(FaultKind::Cut(Place::HalfBody, How::Rst)))
        .expect(&[(Outcome::ConnectionReset, WireState::Answering)])
        .closes(1, CloseReason::Reset)
        .run(Heals::AtOnce);
}

#[test]
fn a_reset_behind_the_response_takes_nothing_back() {
    case("RST behind the response")
        .against(|transport| {
            Some(Far::script(transport, Stage::Answered, |peer, _| peer.reset().unwrap()))
        })
        .fault(|scene| scene.far.ledger.spoil(1))
        .expect(&[ANSWERED])
        .closes(1, CloseReason::IdleReset)
        .run(Heals::AtOnce);
}
