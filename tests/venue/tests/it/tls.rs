//! The venue over TLS: versions, certificates, resumption and how connections end.

use crate::client::{TlsClient, fault, is_eof, tls_connect, trust, until};
use mock_venue::{CertificateKind, How, Options, Transport, Venue};
use rustls::{HandshakeKind, ProtocolVersion};
use std::io;

fn start() -> Venue {
    Venue::start(Options::tls()).unwrap()
}

fn connect(venue: &Venue) -> io::Result<TlsClient> {
    tls_connect(venue.address(), &trust(venue.ca_pem(), None))
}

#[test]
fn the_version_can_be_chosen() {
    for (transport, version) in [
        (Transport::Tls, ProtocolVersion::TLSv1_3),
        (Transport::Tls13, ProtocolVersion::TLSv1_3),
        (Transport::Tls12, ProtocolVersion::TLSv1_2),
    ] {
        let venue = Venue::start(Options { transport, ..Options::tls() }).unwrap();
        assert_eq!(venue.url(), format!("https://localhost:{}", venue.address().port()));
        let mut client = connect(&venue).unwrap();
        assert_eq!(client.order("a").unwrap().json()["clientOrderId"], "a");
        assert_eq!(client.stream.conn.protocol_version(), Some(version));
        assert_eq!(venue.stats().tls_handshakes, 1);
    }
}

#[test]
fn bad_certificates_are_bad_for_the_right_reason() {
    let venue = start();
    for (kind, reason) in [
        (CertificateKind::Expired, "certificate expired"),
        (CertificateKind::WrongHost, "not valid for name"),
        (CertificateKind::UnknownCa, "UnknownIssuer"),
    ] {
        venue.set_certificate(kind).unwrap();
        let error = connect(&venue).err().unwrap().to_string();
        assert!(error.contains(reason), "{kind:?}: {error}");
    }
    until(&venue, |stats| stats.tls_failed == 3 && stats.open == 0);
    venue.set_certificate(CertificateKind::Good).unwrap();
    assert_eq!(connect(&venue).unwrap().order("a").unwrap().status, 200);
}

#[test]
fn a_long_chain_is_long_and_valid() {
    let long = Options { certificate: CertificateKind::LongChain, ..Options::tls() };
    let venue = Venue::start(long).unwrap();
    let mut client = connect(&venue).unwrap();
    assert_eq!(client.order("a").unwrap().status, 200);
    let chain = client.stream.conn.peer_certificates().unwrap();
    assert!(chain.iter().map(|certificate| certificate.len()).sum::<usize>() > 8 * 1024);
}

#[test]
fn sessions_are_resumed() {
    for transport in [Transport::Tls12, Transport::Tls13] {
        let venue = Venue::start(Options { transport, ..Options::tls() }).unwrap();
        let config = trust(venue.ca_pem(), None);
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut client = tls_connect(venue.address(), &config).unwrap();
            assert_eq!(client.order("a").unwrap().status, 200);
            assert_eq!(client.stream.conn.handshake_kind(), Some(expected));
        }
        assert_eq!(venue.stats().tls_resumed, 1);
    }
}

#[test]
fn client_certificates_are_required_when_asked_for() {
    let strict = Options { client_certificates: true, ..Options::tls() };
    let venue = Venue::start(strict).unwrap();
    let config = trust(venue.ca_pem(), Some(venue.client_pem()));
    let mut client = tls_connect(venue.address(), &config).unwrap();
    assert_eq!(client.order("a").unwrap().status, 200);
    // With TLS 1.3 a client learns of the refusal only when it reads.
    assert!(connect(&venue).and_then(|mut client| client.order("b")).is_err());
    assert_eq!(venue.stats().orders, 1);
}

#[test]
fn the_ways_to_end_differ_in_their_close_notify() {
    let venue = start();
    let mut client = connect(&venue).unwrap();
    assert_eq!(client.order("a").unwrap().status, 200);
    venue.kill_connections(How::Fin);
    assert!(client.end().is_ok());

    let mut client = connect(&venue).unwrap();
    assert_eq!(client.order("b").unwrap().status, 200);
    venue.kill_connections(How::BareFin);
    assert!(is_eof(client.end()));

    venue.set_fault(fault("cut=half,bare-fin")).unwrap();
    let mut client = connect(&venue).unwrap();
    client.send("GET", "/api/v3/exchangeInfo?bytes=100000", "", "").unwrap();
    client.read_head().unwrap();
    let (rest, end) = client.read_rest();
    assert_eq!(rest.len(), 50_000);
    assert!(is_eof(end));
}

#[test]
fn a_close_notify_of_the_client_is_counted() {
    let venue = start();
    let mut client = connect(&venue).unwrap();
    assert_eq!(client.order("a").unwrap().status, 200);
    client.stream.conn.send_close_notify();
    client.stream.conn.complete_io(&mut client.stream.sock).unwrap();
    until(&venue, |stats| stats.ended_close_notify == 1);
    let mut client = connect(&venue).unwrap();
    assert_eq!(client.order("b").unwrap().status, 200);
    drop(client);
    until(&venue, |stats| stats.ended_fin == 1 && stats.open == 0);
}

#[test]
fn a_black_hole_swallows_the_handshake() {
    let venue = start();
    venue.set_fault(fault("black-hole=first:1")).unwrap();
    let address = venue.address();
    let config = trust(venue.ca_pem(), None);
    let client = std::thread::spawn(move || tls_connect(address, &config).is_err());
    until(&venue, |stats| stats.open == 1);
    assert_eq!(venue.kill_connections(How::Fin), 1);
    assert!(client.join().unwrap());
    assert_eq!(venue.stats().tls_handshakes, 0);
    assert!(connect(&venue).is_ok());
}
