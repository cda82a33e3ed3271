//! Nothing comes, or too slowly: stalls, slow bytes, a peer that does not read, packets that the
//! network swallows.

use std::time::Duration;

use mock_venue::{Fault, FaultKind, How, Peer};
use venuepool::error::{CloseReason, Outcome, WireState};

use crate::cable::{ENGINE, Net, ip};
use crate::case::{ANSWERED, Case, Heals, MS, Scene, TLS, case};
use crate::far::{Far, Ledger, Stage};
use crate::resets::{lose_idle, next};
use crate::rig::until;

/// How long orders that meet silence may take.
const DEADLINE: u64 = 50 * MS;

#[test]
fn a_response_that_never_comes_is_sent_at_the_deadline() {
    case("stall")
        .fault(next(FaultKind::Stall))
        .deadline(DEADLINE)
        .expect(&[(Outcome::Timeout, WireState::Sent)])
        .closes(1, CloseReason::Timeout)
        .run(Heals::AtOnce);
}

/// A case in which the peer does something, and then nothing, until the order has ended.
fn stall(
    name: &'static str,
    stage: Stage,
    first: impl Fn(&mut Peer) + Copy + Send + Sync + 'static,
) -> Case {
    case(name)
        .against(move |transport| {
            Some(Far::script(transport, stage, move |peer: &mut Peer, ledger: &Ledger| {
                first(peer);
                ledger.hold();
            }))
        })
        .with(|config| config.set_send_buffer(Some(16 * 1024)).unwrap())
        .fault(|scene| scene.far.ledger.spoil_and_hold())
        .until(|scene| scene.far.ledger.let_go())
        .deadline(DEADLINE)
        .closes(1, CloseReason::Timeout)
}

#[test]
fn a_response_that_stops_within_its_head_is_answering_at_the_deadline() {
    stall("stall within the head", Stage::Whole, |peer| {
        peer.write(b"HTTP/1.1 200 OK\r\nContent-Le").unwrap();
    })
    .expect(&[(Outcome::Timeout, WireState::Answering)])
    .run(Heals::AtOnce);
}

#[test]
fn a_response_that_stops_within_its_body_is_answering_at_the_deadline() {
    stall("stall within the body", Stage::Whole, |peer| {
        peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").unwrap();
    })
    .expect(&[(Outcome::Timeout, WireState::Answering)])
    .run(Heals::AtOnce);
}

#[test]
fn a_request_that_the_peer_stops_reading_is_partial_at_the_deadline() {
    stall("slow reader", Stage::FirstByte, |_| {})
        .body(6 << 20)
        .expect(&[(Outcome::Timeout, WireState::Partial)])
        .run(Heals::AtOnce);
}

#[test]
fn slow_bytes_do_not_move_the_deadline() {
    case("slow bytes, beyond the deadline")
        .fault(next(FaultKind::Slow { bytes: 1, every: Duration::from_millis(1) }))
        .deadline(2 * DEADLINE)
        .expect(&[(Outcome::Timeout, WireState::Answering)])
        .closes(1, CloseReason::Timeout)
        .run(Heals::AtOnce);
}

#[test]
fn slow_bytes_in_time_are_an_answer() {
    case("slow bytes, in time")
        .fault(next(FaultKind::Slow { bytes: 100, every: Duration::from_millis(1) }))
        .expect(&[ANSWERED])
        .run(Heals::NoneLost);
}

fn net<'a>(scene: &Scene<'a>) -> &'a Net {
    scene.far.net.as_ref().unwrap()
}

/// The end of faults after which the venue holds connections whose end it has not heard of.
pub(crate) fn end_all(scene: &Scene<'_>) {
    let venue = scene.far.first();
    venue.clear_faults().unwrap();
    venue.kill_connections(How::Rst);
}

fn heal_cable(scene: &Scene<'_>) {
    end_all(scene);
    net(scene).mend();
}

/// A case across a network that swallows what the engine sends.
fn black_hole(name: &'static str) -> Case {
    case(name)
        .against(Far::behind_cable)
        .fault(|scene| net(scene).cut())
        .until(heal_cable)
        .deadline(DEADLINE)
}

#[test]
fn a_request_that_the_network_swallows_is_sent_at_the_deadline() {
    black_hole("black hole before the request")
        .expect(&[(Outcome::Timeout, WireState::Sent)])
        .closes(1, CloseReason::Timeout)
        .run(Heals::OneStep);
}

#[test]
fn a_large_request_that_the_network_swallows_is_partial_at_the_deadline() {
    black_hole("black hole during the request")
        .with(|config| config.set_send_buffer(Some(16 * 1024)).unwrap())
        .body(6 << 20)
        .expect(&[(Outcome::Timeout, WireState::Partial)])
        .closes(1, CloseReason::Timeout)
        .run(Heals::OneStep);
}

#[test]
fn a_response_that_the_network_swallows_is_sent_and_never_answers_another() {
    let nobody = "lladdr 02:00:00:00:00:99 dev cable nud permanent";
    black_hole("black hole before the response")
        .fault(move |scene| {
            assert!(ip(&format!("-n {} neighbour replace {ENGINE} {nobody}", net(scene).venue)));
        })
        .until(|scene| {
            assert!(ip(&format!("-n {} neighbour del {ENGINE} dev cable", net(scene).venue)));
            end_all(scene);
        })
        .expect(&[(Outcome::Timeout, WireState::Sent)])
        .closes(1, CloseReason::Timeout)
        .run(Heals::OneStep);
}

#[test]
fn a_heartbeat_finds_a_black_hole_before_an_order_does() {
    black_hole("black hole while idle")
        .with(|config| {
            config.set_heartbeat(b"GET", b"/api/v3/ping", 10 * MS, 100 * MS).unwrap();
        })
        .fault(|scene| {
            let stats = scene.pool.stats();
            let missed = || stats.closed[CloseReason::Heartbeat as usize].get();
            let before = missed();
            net(scene).cut();
            until(|| (missed() >= before + 2).then_some(()));
        })
        .expect(&[(Outcome::Timeout, WireState::NotSent)])
        .dials_fail_at(1)
        .run(Heals::OneStep);
}

#[test]
fn a_dial_whose_syn_is_swallowed_fails_in_time() {
    black_hole("SYN dropped")
        .fault(|scene| {
            net(scene).cut();
            lose_idle(How::Rst)(scene);
        })
        .expect(&[(Outcome::Timeout, WireState::NotSent)])
        .closes(2, CloseReason::IdleReset)
        .dials_fail_at(1)
        .run(Heals::OneStep);
}

#[test]
fn a_black_hole_in_the_midst_of_a_handshake_fails_the_dial_in_time() {
    black_hole("black hole during the handshake")
        .over(TLS)
        .fault(|scene| {
            let venue = scene.far.first();
            // The handshake waits for the venue; what it says next is swallowed.
            venue.set_fault(Fault::always(FaultKind::BlackHole)).unwrap();
            let before = venue.stats().connections;
            lose_idle(How::Rst)(scene);
            until(|| (venue.stats().connections >= before + 2).then_some(()));
            net(scene).cut();
            venue.clear_faults().unwrap();
        })
        .expect(&[(Outcome::Timeout, WireState::NotSent)])
        .dials_fail_at(2)
        .run(Heals::OneStep);
}
