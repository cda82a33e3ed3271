//! TLS ends, breaks or never begins; and certificates that were good once.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use mock_venue::{CertificateKind, Fault, FaultKind, How, Peer, Place};
use rustls::version::{TLS12, TLS13};
use venuepool::error::{CloseReason, Outcome, Status, WireState};

use crate::case::{ANSWERED, Case, Heals, MS, TLS, case};
use crate::far::{Far, Ledger, Stage, answer, whole_size};
use crate::resets::{lose_idle, next};
use crate::silence::end_all;
use crate::tls_peer::{Tls, TlsPeer};

/// Serves orders on one connection; the spoilt ones get what `spoil` sends.
fn serve(peer: &mut TlsPeer<'_>, ledger: &Ledger, spoil: fn(&mut TlsPeer<'_>, &[u8])) {
    loop {
        while whole_size(&peer.received).is_none_or(|size| peer.received.len() < size) {
            if !peer.read() {
                return;
            }
        }
        let order = std::mem::take(&mut peer.received);
        ledger.arrived(&order);
        if ledger.takes_one() {
            return spoil(peer, &order);
        }
        let records = peer.records(&answer(&order), 16 * 1024);
        if peer.socket.write(&records).is_err() {
            return;
        }
    }
}

/// A far side whose TLS can be spoilt: handshakes by `hello`, connections by `spoil`.
fn far(tls: &Tls, hello: fn(&mut Peer, &Ledger), spoil: fn(&mut TlsPeer<'_>, &[u8])) -> Far {
    let ledger: Arc<Ledger> = Arc::default();
    let theirs = Arc::clone(&ledger);
    let server = tls.raw_server(move |peer, settings| {
        let ledger = &theirs;
        if ledger.spoils_dials.load(Ordering::SeqCst) {
            return hello(peer, ledger);
        }
        let Some(mut peer) = TlsPeer::try_accept(peer, settings) else { return };
        ledger.open.fetch_add(1, Ordering::SeqCst);
        let tickets = peer.take_records();
        if peer.socket.write(&tickets).is_ok() {
            serve(&mut peer, ledger, spoil);
        }
        ledger.open.fetch_sub(1, Ordering::SeqCst);
    });
    let url = server.url().replace("http:", "https:");
    Far { url, ..Far::scripted(server, tls.ca_pem(), ledger) }
}

/// Cases, one for each version, in which the peer's TLS says something that ends the exchange.
fn broken(name: &'static str, spoil: fn(&mut TlsPeer<'_>, &[u8])) -> [Case; 2] {
    [&TLS12, &TLS13].map(|version| {
        case(name)
            .over(TLS)
            .against(move |_| {
                Some(far(&Tls::new(version, CertificateKind::Good), |_, _| {}, spoil))
            })
            .fault(|scene| scene.far.ledger.spoil(1))
            .expect(&[(Outcome::TlsError, WireState::Sent)])
            .closes(1, CloseReason::Tls)
    })
}

/// A fatal alert.
fn alert(peer: &mut TlsPeer<'_>) -> Vec<u8> {
    // A record that the client has not sealed makes the session say so.
    let forged = [&[23, 3, 3, 0, 32][..], &[0; 32]].concat();
    peer.session.read_tls(&mut &forged[..]).unwrap();
    assert!(peer.session.process_new_packets().is_err());
    let alert = peer.take_records();
    assert!(!alert.is_empty());
    alert
}

#[test]
fn an_alert_instead_of_the_response_is_sent() {
    let cases = broken("TLS alert", |peer, _| {
        let alert = alert(peer);
        peer.socket.write(&alert).unwrap();
        let _ = peer.socket.wait_eof();
    });
    cases.into_iter().for_each(|case| case.run(Heals::AtOnce));
}

/// What was decrypted before the alert came before it.
#[test]
fn an_alert_in_the_segment_of_the_response_takes_nothing_back() {
    let cases = broken("TLS alert in the segment of the response", |peer, order| {
        let mut segment = peer.records(&answer(order), 16 * 1024);
        segment.extend(alert(peer));
        peer.socket.write(&segment).unwrap();
        let _ = peer.socket.wait_eof();
    });
    cases.into_iter().for_each(|case| case.expect(&[ANSWERED]).run(Heals::AtOnce));
}

#[test]
fn bytes_that_are_no_tls_instead_of_the_response_are_sent() {
    let cases = broken("no TLS instead of the response", |peer, _| {
        peer.socket.write(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        let _ = peer.socket.wait_eof();
    });
    cases.into_iter().for_each(|case| case.run(Heals::AtOnce));
}

/// Answers, and ends the session, with so many bytes behind it, all in one segment.
fn answer_and_end<const BEHIND: usize>(peer: &mut TlsPeer<'_>, order: &[u8]) {
    let mut segment = peer.records(&answer(order), 16 * 1024);
    peer.session.send_close_notify();
    segment.extend(peer.take_records());
    segment.resize(segment.len() + BEHIND, 0);
    peer.socket.write(&segment).unwrap();
    let _ = peer.socket.wait_eof();
}

/// Nothing more arrives then that could tell of the end. What follows close_notify is nothing.
#[test]
fn a_close_notify_in_the_segment_of_the_response_is_seen() {
    for version in [&TLS12, &TLS13] {
        for spoil in [answer_and_end::<0>, answer_and_end::<12_000>] {
            case("close_notify in the segment of the response")
                .over(TLS)
                .against(move |_| {
                    Some(far(&Tls::new(version, CertificateKind::Good), |_, _| {}, spoil))
                })
                .fault(|scene| scene.far.ledger.spoil(1))
                .expect(&[ANSWERED])
                .closes(1, CloseReason::IdleClosed)
                .run(Heals::AtOnce);
        }
    }
}

#[test]
fn a_truncated_response_is_answering_and_never_a_short_body() {
    case("TLS truncated within the body")
        .over(TLS)
        .fault(next(FaultKind::Cut(Place::HalfBody, How::BareFin)))
        .expect(&[(Outcome::ConnectionClosed, WireState::Answering)])
        .closes(1, CloseReason::Closed)
        .run(Heals::AtOnce);
}

#[test]
fn a_truncated_body_until_the_close_is_answering_and_never_a_short_body() {
    case("TLS truncated, body until the close")
        .over(TLS)
        .against(|transport| {
            Some(Far::script(transport, Stage::Whole, |peer, _| {
                peer.write(b"HTTP/1.1 200 OK\r\n\r\nhalf of").unwrap();
                peer.finish().unwrap();
                let _ = peer.wait_eof();
            }))
        })
        .fault(|scene| scene.far.ledger.spoil(1))
        .expect(&[(Outcome::BodyTruncated, WireState::Answering)])
        .closes(1, CloseReason::Closed)
        .run(Heals::AtOnce);
}

/// A case in which a connection is lost, and the handshakes that are to replace it are spoilt.
fn handshake(name: &'static str, hello: fn(&mut Peer, &Ledger)) -> Case {
    case(name)
        .over(TLS)
        // Not before: this one's certificates would count as memory that the case before has kept.
        .against(move |_| Some(far(&Tls::new(&TLS13, CertificateKind::Good), hello, |_, _| {})))
        .with(|config| config.set_connections(1).unwrap())
        .fault(|scene| {
            scene.far.ledger.spoils_dials.store(true, Ordering::SeqCst);
            scene.far.ledger.spoil_and_hold();
        })
        .until(|scene| {
            scene.far.ledger.spoils_dials.store(false, Ordering::SeqCst);
            scene.far.ledger.let_go();
        })
        .orders(2)
        .deadline(50 * MS)
        .expect(&[
            (Outcome::ConnectionClosed, WireState::Sent),
            (Outcome::Timeout, WireState::NotSent),
        ])
        .dials_fail_at(2)
}

#[test]
fn a_handshake_that_stalls_fails_in_time() {
    handshake("handshake stalls", |_, ledger| ledger.hold()).run(Heals::OneStep);
}

#[test]
fn a_handshake_that_drips_fails_in_time() {
    handshake("handshake drips", |peer, _| {
        // The head of a handshake record of 16 KiB, and then byte after byte of it.
        let _ = peer.write(&[22, 3, 3, 0x40, 0, 2, 0, 0x3f, 0xfc, 3, 3]);
        let _ = peer.write_slowly(&[7; 200], 1, std::time::Duration::from_millis(2));
    })
    .run(Heals::OneStep);
}

#[test]
fn a_handshake_that_the_peer_ends_refuses_or_does_not_understand_fails() {
    handshake("FIN in the handshake", |peer, _| {
        let _ = peer.read_some(&mut [0; 4096]);
    })
    .run(Heals::OneStep);
    handshake("RST in the handshake", |peer, _| {
        let _ = peer.read_some(&mut [0; 4096]);
        let _ = peer.reset();
    })
    .run(Heals::OneStep);
    handshake("alert in the handshake", |peer, _| {
        let _ = peer.read_some(&mut [0; 4096]);
        let _ = peer.write(&[21, 3, 3, 0, 2, 2, 40]);
    })
    .run(Heals::OneStep);
    handshake("no TLS in the handshake", |peer, _| {
        let _ = peer.read_some(&mut [0; 4096]);
        let _ = peer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    })
    .run(Heals::OneStep);
}

#[test]
fn a_venue_that_accepts_and_shakes_no_hands_is_left_in_time() {
    case("accepted, and no handshake")
        .over(TLS)
        .fault(|scene| {
            scene.far.first().set_fault(Fault::always(FaultKind::BlackHole)).unwrap();
            lose_idle(How::Rst)(scene);
        })
        .deadline(50 * MS)
        .expect(&[(Outcome::Timeout, WireState::NotSent)])
        .dials_fail_at(2)
        .until(end_all)
        .run(Heals::OneStep);
}

/// A case in which the venue has another certificate when the pool dials again.
fn certificate(name: &'static str, kind: CertificateKind, reason: &'static str) -> Case {
    case(name)
        .over(TLS)
        .fault(move |scene| {
            scene.far.first().set_certificate(kind).unwrap();
            lose_idle(How::Fin)(scene);
        })
        .deadline(50 * MS)
        .expect(&[(Outcome::Timeout, WireState::NotSent)])
        .closes(2, CloseReason::IdleClosed)
        .dials_fail_at(2)
        .until(move |scene| {
            let error = scene.pool.last_dial_error().unwrap();
            assert_eq!(error.step, Status::ERR_TLS);
            assert!(error.text.contains(reason), "{}", error.text);
            scene.far.first().set_certificate(CertificateKind::Good).unwrap();
        })
}

#[test]
fn an_expired_certificate_on_a_re_dial_is_not_used() {
    certificate("expired certificate", CertificateKind::Expired, "expired").run(Heals::OneStep);
}

#[test]
fn a_certificate_for_another_host_on_a_re_dial_is_not_used() {
    certificate("certificate for another host", CertificateKind::WrongHost, "not valid for name")
        .run(Heals::OneStep);
}

#[test]
fn a_certificate_of_an_unknown_ca_on_a_re_dial_is_not_used() {
    certificate("certificate of an unknown CA", CertificateKind::UnknownCa, "UnknownIssuer")
        .run(Heals::OneStep);
}
