//! What came before a fault of TLS counts, also when both came in one segment; and the fault is
//! told in words.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mock_venue::{CertificateKind, Peer, ScriptServer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::error::{CloseReason, Outcome, Status, WireState};
use venuepool::event::{Event, EventHook, EventKind};

use crate::rig::{body, config, get, until};
use crate::tls_peer::{Tls, TlsPeer};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];
const DRIVES: [Drive; 2] = [Drive::Thread, Drive::Caller];
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// What ends the session.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Spoiler {
    Alert,
    BrokenRecord,
    Plaintext,
}

impl Spoiler {
    const ALL: [Self; 3] = [Self::Alert, Self::BrokenRecord, Self::Plaintext];

    fn bytes(self, peer: &mut TlsPeer<'_>) -> Vec<u8> {
        let forged = [&[23, 3, 3, 0, 32][..], &[0; 32]].concat();
        match self {
            Self::Alert => {
                // A record that the client has not sealed makes the session say so.
                peer.session.read_tls(&mut &forged[..]).unwrap();
                assert!(peer.session.process_new_packets().is_err());
                peer.take_records()
            }
            Self::BrokenRecord => forged,
            Self::Plaintext => b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        }
    }

    /// A part of what the pool says of it.
    fn words(self) -> &'static str {
        match self {
            Self::Alert => "received fatal alert: BadRecordMac",
            Self::BrokenRecord => "cannot decrypt peer's message",
            Self::Plaintext => "received corrupt message",
        }
    }
}

/// The texts of the events of lost connections.
fn losses(config: &mut Config) -> Arc<Mutex<Vec<String>>> {
    let texts: Arc<Mutex<Vec<String>>> = Arc::default();
    let told = Arc::clone(&texts);
    config.set_event_hook(Some(EventHook(Arc::new(move |event: &Event| {
        if event.kind == EventKind::Lost && event.close_reason == Some(CloseReason::Tls) {
            told.lock().unwrap().push(event.text.clone());
        }
    }))));
    texts
}

fn driven(tls: &Tls, server: &ScriptServer, drive: Drive) -> Config {
    let mut config = config(&server.url().replace("http:", "https:"), 1);
    config.set_ca_pem(tls.ca_pem().as_bytes()).unwrap();
    config.set_drive(drive);
    config
}

/// For each way to end a session: `size` bytes of the answer and the end in one segment.
fn each(size: usize, check: impl Fn(&Pool, &str)) {
    for version in VERSIONS {
        let tls = Tls::new(version, CertificateKind::Good);
        for (spoiler, drive) in Spoiler::ALL.into_iter().flat_map(|s| DRIVES.map(|d| (s, d))) {
            let server = tls.raw_server(move |peer, settings| {
                let mut peer = TlsPeer::accept(peer, settings);
                let tickets = peer.take_records();
                peer.socket.write(&tickets).unwrap();
                if peer.read_request() {
                    let mut segment = peer.records(&ANSWER[..size], 16 * 1024);
                    segment.extend(spoiler.bytes(&mut peer));
                    peer.socket.write(&segment).unwrap();
                }
                let _ = peer.socket.wait_eof();
            });
            let mut config = driven(&tls, &server, drive);
            let texts = losses(&mut config);
            let pool = Pool::open(&config).unwrap();
            let how = format!("{version:?} {spoiler:?} {drive:?}");
            check(&pool, &how);
            until(|| (pool.stats().closed[CloseReason::Tls as usize].get() == 1).then_some(()));
            let text = until(|| texts.lock().unwrap().first().cloned());
            assert!(text.contains(spoiler.words()), "{how}: {text}");
            pool.close().unwrap();
        }
    }
}

#[test]
fn a_whole_answer_before_a_tls_fault_in_its_segment_is_an_answer() {
    each(ANSWER.len(), |pool, how| {
        let done = get(pool, "/");
        assert_eq!((done.outcome, done.wire_state), (Outcome::Ok, WireState::Answered), "{how}");
        assert_eq!(body(&done), "hello", "{how}");
    });
}

#[test]
fn half_an_answer_before_a_tls_fault_in_its_segment_is_answering_and_told() {
    for (size, shown) in [(ANSWER.len() - 2, Some("hel")), (20, None)] {
        each(size, |pool, how| {
            let done = get(pool, "/");
            let told = (done.outcome, done.wire_state);
            assert_eq!(told, (Outcome::TlsError, WireState::Answering), "{how}");
            assert_eq!(done.response.is_some(), shown.is_some(), "{how}");
            if let Some(shown) = shown {
                assert_eq!(body(&done), shown, "{how}");
                assert!(!done.response.as_ref().unwrap().response.is_complete(), "{how}");
            }
        });
    }
}

/// More ciphertext than the session takes at once, so that the stray record is still unread when
/// the answer is whole.
#[test]
fn a_stray_record_behind_a_long_answer_ends_the_connection_and_answers_no_request() {
    for (version, drive) in VERSIONS.into_iter().flat_map(|v| DRIVES.map(|d| (v, d))) {
        let tls = Tls::new(version, CertificateKind::Good);
        let server = tls.raw_server(|peer, settings| {
            let mut peer = TlsPeer::accept(peer, settings);
            let tickets = peer.take_records();
            peer.socket.write(&tickets).unwrap();
            while peer.read_request() {
                let long = "x".repeat(6_000);
                let own = format!("HTTP/1.1 200 OK\r\nContent-Length: 6000\r\n\r\n{long}");
                let stray = format!("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{:5000}", "");
                let mut segment = peer.records(own.as_bytes(), 16 * 1024);
                segment.extend(peer.records(stray.as_bytes(), 16 * 1024));
                peer.socket.write(&segment).unwrap();
            }
        });
        let mut config = driven(&tls, &server, drive);
        // No other look finds it.
        config.set_look_after_ns(1_000_000_000).unwrap();
        let pool = Pool::open(&config).unwrap();
        for number in 1..4 {
            let done = get(&pool, "/");
            assert_eq!((done.outcome, body(&done)), (Outcome::Ok, "x".repeat(6_000)), "{drive:?}");
            let surplus = &pool.stats().closed[CloseReason::SurplusBytes as usize];
            until(|| (surplus.get() == number).then_some(()));
        }
        pool.close().unwrap();
    }
}

/// The settings of a server that wants a client certificate.
fn demanding(tls: &Tls, plain: &ServerConfig) -> Arc<ServerConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(tls.ca_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::clone(plain.crypto_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = builder.with_protocol_versions(&[&TLS13]).unwrap();
    let builder = builder.with_client_cert_verifier(verifier.build().unwrap());
    Arc::new(builder.with_cert_resolver(Arc::clone(&plain.cert_resolver)))
}

/// Shakes hands with a client that has no certificate, and says so.
fn refuse(peer: &mut Peer, settings: Arc<ServerConfig>) {
    let mut session = ServerConnection::new(settings).unwrap();
    loop {
        let mut buffer = [0; 4096];
        let Ok(count @ 1..) = peer.read_some(&mut buffer) else { return };
        session.read_tls(&mut &buffer[..count]).unwrap();
        let is_over = session.process_new_packets().is_err();
        let mut flight = Vec::new();
        while session.wants_write() {
            session.write_tls(&mut flight).unwrap();
        }
        if peer.write(&flight).is_err() || is_over {
            let _ = peer.wait_eof();
            return;
        }
    }
}

#[test]
fn a_certificate_refused_after_the_handshake_is_told_as_a_failed_dial() {
    for drive in DRIVES {
        let tls = Arc::new(Tls::new(&TLS13, CertificateKind::Good));
        let theirs = Arc::clone(&tls);
        let server =
            tls.raw_server(move |peer, settings| refuse(peer, demanding(&theirs, settings)));
        let mut config = driven(&tls, &server, drive);
        let texts = losses(&mut config);
        let pool = Pool::open(&config).unwrap();
        let text = until(|| {
            // In caller drive an alert without a FIN is seen by whoever drives.
            let _ = pool.wait(1, Duration::from_millis(1), drop);
            texts.lock().unwrap().first().cloned()
        });
        assert!(text.contains("received fatal alert: CertificateRequired"), "{text}");
        let error = until(|| pool.last_dial_error());
        assert_eq!(error.step, Status::ERR_TLS);
        assert!(error.text.contains("localhost") || error.text.contains("127.0.0.1"));
        assert!(error.text.contains("received fatal alert: CertificateRequired"), "{}", error.text);
        pool.close().unwrap();
    }
}
