//! What is in the way of a session's next connection: refusals, silence, certificates, proxies, the
//! upgrade, the opening messages.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mock_venue::{CertificateKind, Fault, FaultKind, How, Place};
use socket2::{Domain, Socket, Type};
use venuepool::error::Status;
use venuepool::session::event::WsLoss;
use venuepool::session::settings::{Settings, Verdict};
use venuepool::ws::frame::Kind;

use crate::case::{Heals, TLS};
use crate::far::{Far, Ledger};
use crate::proxy::{Mood, Proxy};
use crate::session_case::{Scene, SessionCase, run_together, session_case};

/// A case in which something is done before the connection is lost, and in the way of the next one.
fn dial(name: &'static str, fault: impl Fn(&mut Scene<'_>) + Sync + 'static) -> SessionCase {
    session_case(name)
        .fault(move |scene| {
            fault(scene);
            scene.far.await_connections(1);
            assert_eq!(scene.far.first().kill_connections(How::Rst), 1);
        })
        .loses(&[WsLoss::Reset])
}

/// A case in which the venue shows this fault where an upgrade is asked for.
fn upgrade(name: &'static str, kind: FaultKind, words: &'static str) -> SessionCase {
    dial(name, move |scene| {
        scene.far.first().set_fault(Fault::always(kind.clone()).on("/ws")).unwrap();
    })
    .dials_fail(Status::ERR_UPGRADE, words)
}

#[test]
fn an_upgrade_that_is_never_answered_refused_or_cut_is_asked_for_again() {
    let refused = FaultKind::Status { code: 503, retry_after: None, as_date: false };
    let cut = |place, how| FaultKind::Cut(place, how);
    let cases = vec![
        upgrade("session: upgrade stalls", FaultKind::Stall, "no answer within"),
        upgrade("session: upgrade refused", refused, "answered 503"),
        upgrade("session: RST in the upgrade", cut(Place::Byte(0), How::Rst), "upgrade"),
        upgrade("session: FIN in the upgrade", cut(Place::Byte(0), How::Fin), "upgrade"),
        upgrade("session: RST in the answer", cut(Place::Byte(20), How::Rst), "upgrade"),
    ];
    run_together(cases, Heals::OneStep);
}

#[test]
fn a_venue_that_refuses_connections_is_dialled_until_it_is_back_for_a_session() {
    session_case("session: refused")
        .fault(|scene| {
            scene.far.await_connections(1);
            scene.far.first().stop(How::Rst).unwrap();
        })
        .loses(&[WsLoss::Reset])
        .dials_fail(Status::ERR_CONNECT, "")
        .until(|scene| scene.far.first().restart().unwrap())
        .run(Heals::OneStep);
}

/// A listener that accepts nothing, and whose queue is full: it drops each SYN.
struct FullQueue {
    _listener: Socket,
    _waiting: Vec<TcpStream>,
}

impl FullQueue {
    fn at(address: SocketAddr) -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.set_reuse_address(true).unwrap();
        listener.bind(&address.into()).unwrap();
        listener.listen(0).unwrap();
        let wait = Duration::from_millis(50);
        let waiting = std::iter::from_fn(|| TcpStream::connect_timeout(&address, wait).ok());
        Self { _waiting: waiting.take(64).collect(), _listener: listener }
    }
}

#[test]
fn a_venue_whose_accept_queue_is_full_is_left_in_time() {
    session_case("session: accept queue full")
        .rounds(2)
        .fault(|scene| {
            scene.far.await_connections(1);
            scene.far.first().stop(How::Rst).unwrap();
            *scene.in_the_way = Some(Box::new(FullQueue::at(scene.far.first().address())));
        })
        .loses(&[WsLoss::Reset])
        .dials_fail(Status::ERR_CONNECT, "within")
        .until(|scene| {
            *scene.in_the_way = None;
            scene.far.first().restart().unwrap();
        })
        .run(Heals::OneStep);
}

/// A case in which the venue has another certificate when the session dials again.
fn certificate(name: &'static str, kind: CertificateKind, reason: &'static str) -> SessionCase {
    dial(name, move |scene| scene.far.first().set_certificate(kind).unwrap())
        .over(TLS)
        .dials_fail(Status::ERR_TLS, reason)
        .until(|scene| scene.far.first().set_certificate(CertificateKind::Good).unwrap())
}

#[test]
fn a_wrong_certificate_on_a_re_dial_is_not_used_by_a_session() {
    use CertificateKind::{Expired, UnknownCa, WrongHost};
    let other = "not valid for name";
    let cases = vec![
        certificate("session: expired certificate", Expired, "expired"),
        certificate("session: certificate for another host", WrongHost, other),
        certificate("session: unknown CA", UnknownCa, "UnknownIssuer"),
    ];
    run_together(cases, Heals::OneStep);
}

#[test]
fn a_venue_that_accepts_and_shakes_no_hands_is_left_in_time_by_a_session() {
    dial("session: no handshake", |scene| {
        scene.far.first().set_fault(Fault::always(FaultKind::BlackHole)).unwrap();
    })
    .over(TLS)
    .dials_fail(Status::ERR_TLS, "")
    .run(Heals::OneStep);
}

fn proxy<'a>(scene: &Scene<'a>) -> &'a Proxy {
    scene.far.proxy.as_ref().unwrap()
}

/// A case behind a proxy that fails, and ends what it carries.
fn behind_proxy(name: &'static str, mood: Mood, words: &'static str) -> SessionCase {
    session_case(name)
        .against(|transport| Some(Far::behind_proxy(transport)))
        .with(|config, _, far| {
            config.add_proxy(far.proxy.as_ref().unwrap().url().as_bytes()).unwrap();
        })
        .fault(move |scene| {
            proxy(scene).set(mood);
            proxy(scene).end_carried();
        })
        .loses(&[WsLoss::Ended, WsLoss::Reset])
        .dials_fail(Status::ERR_PROXY, words)
        .until(|scene| proxy(scene).set(Mood::Serves))
}

#[test]
fn a_proxy_that_refuses_or_is_silent_is_asked_until_it_serves() {
    let cases = vec![
        behind_proxy("session: proxy refuses", Mood::Refuses, "502"),
        behind_proxy("session: proxy is silent", Mood::IsSilent, "within"),
    ];
    run_together(cases, Heals::OneStep);
}

/// A connection that a proxy ends while all is well is dialled at once.
#[test]
fn a_proxy_that_ends_what_it_carries_costs_one_dial() {
    session_case("session: proxy ends a connection")
        .against(|transport| Some(Far::behind_proxy(transport)))
        .with(|config, _, far| {
            config.add_proxy(far.proxy.as_ref().unwrap().url().as_bytes()).unwrap();
        })
        .fault(|scene| proxy(scene).end_carried())
        .loses(&[WsLoss::Ended, WsLoss::Reset])
        .run(Heals::AtOnce);
}

/// Opening messages that ask for a fault while the switch is thrown: a login, and then this.
fn opens_with(settings: &mut Settings, ledger: Arc<Ledger>, fault: &'static str) {
    let write = move |_, room: &mut [u8]| {
        let spoilt = format!(r#"{{"op":"fault","name":"{fault}"}}"#);
        let is_spoilt = ledger.spoils_dials.load(Ordering::SeqCst);
        let text = if is_spoilt { &spoilt } else { r#"{"op":"login"}"# };
        room[..text.len()].copy_from_slice(text.as_bytes());
        Some(text.len())
    };
    settings.add_opening(Kind::Text, br#"{"op":"login"}"#, true).unwrap();
    settings.add_written(Kind::Text, Arc::new(write), true).unwrap();
    settings.set_match_ack(Some(Arc::new(|_, _, padded: &[u8]| {
        match padded.starts_with(br#"{"event":"login"}"#) {
            true => Verdict::Acknowledged,
            false => Verdict::Other,
        }
    })));
}

/// A case in which each next connection meets a fault behind its first opening message.
fn opening(name: &'static str, fault: &'static str, loss: WsLoss) -> SessionCase {
    dial(name, |scene| scene.far.ledger.spoils_dials.store(true, Ordering::SeqCst))
        .with(move |_, settings, far| {
            opens_with(settings, Arc::clone(&far.ledger), fault);
        })
        .opening_fails(loss)
        .until(|scene| scene.far.ledger.spoils_dials.store(false, Ordering::SeqCst))
}

#[test]
fn a_connection_that_is_lost_during_its_opening_messages_is_never_up() {
    let cases = vec![
        opening("session: RST in the opening", "rst", WsLoss::Reset),
        opening("session: FIN in the opening", "half-frame", WsLoss::Ended),
        opening("session: close in the opening", "close", WsLoss::PeerClosed),
        opening("session: half-close in the opening", "half-close", WsLoss::Ended),
        opening("session: stall in the opening", "stall", WsLoss::OpeningTimeout),
        opening("session: half a frame in the opening", "half-stall", WsLoss::OpeningTimeout),
    ];
    run_together(cases, Heals::OneStep);
}
