//! The result does not depend on segmentation: the same responses through the whole pool, with TCP
//! segments and TLS records cut anywhere.

use std::time::Duration;

use mock_venue::{CertificateKind, Peer, Script, ScriptServer};
use rustls::crypto::cipher::{OutboundChunks, OutboundPlainMessage};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ConnectionTrafficSecrets, ContentType, ProtocolVersion, ServerConnection, SupportedCipherSuite,
};
use venuepool::driver::Pool;
use venuepool::error::{CloseReason, Outcome};

use crate::rig::{body, get, script_pool, status, until_idle};
use crate::tls_peer::{Tls, TlsPeer};

/// The largest plaintext of one TLS record (RFC 8446 section 5.1).
const RECORD: usize = 16 * 1024;

/// A response and its body.
type Answer = (Vec<u8>, String);

/// One of each framing that keeps the connection.
fn answers() -> Vec<Answer> {
    let long = "0123456789abcdef".repeat(20);
    vec![
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_vec(), "hello".to_owned()),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n\
              3;a=b\r\nhel\r\n02\r\nlo\r\n0\r\nA: b\r\n\r\n"
                .to_vec(),
            "hello".to_owned(),
        ),
        (b"HTTP/1.1 204 No Content\r\nA: b\r\n\r\n".to_vec(), String::new()),
        (format!("HTTP/1.1 200 \r\ncontent-length: 320\r\n\r\n{long}").into_bytes(), long),
    ]
}

/// A body that takes several of the largest records.
fn large_answer() -> Answer {
    let body: String = (0..5 * RECORD + 77).map(|n| char::from(b'a' + (n % 23) as u8)).collect();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    ((head + &body).into_bytes(), body)
}

/// Gets each answer twice, all on one connection.
fn assert_arrives(pool: &Pool, server: &ScriptServer, answers: &[Answer], how: &str) {
    for (bytes, wanted) in answers.iter().chain(answers) {
        let done = get(pool, "/");
        assert_eq!(done.outcome, Outcome::Ok, "{how}: {:?}", bytes.escape_ascii().to_string());
        assert_eq!(body(&done), *wanted, "{how}");
        assert!(matches!(status(&done), 200 | 204), "{how}");
    }
    let lost = pool.slot_healths()[0].last_close_reason;
    assert_eq!(server.connections(), 1, "{how}: {lost:?}");
}

/// Writes `bytes` in segments of `size`, slowly enough for the client to see most of them alone.
fn write_segments(peer: &mut Peer, bytes: &[u8], size: usize) {
    for segment in bytes.chunks(size) {
        peer.write(segment).unwrap();
        if bytes.len() / size < 1000 {
            std::thread::sleep(Duration::from_micros(20));
        }
    }
}

#[test]
fn plaintext_segments_of_any_size_make_the_same_responses() {
    for size in [1, 2, 3, 7, 64, 4096] {
        let server = Script::serve(move |peer, _| {
            for (bytes, _) in answers().iter().cycle() {
                let Ok(Some(_)) = peer.read_request() else { return };
                write_segments(peer, bytes, size);
            }
        })
        .unwrap();
        let pool = script_pool(&server);
        assert_arrives(&pool, &server, &answers(), &format!("segments of {size}"));
        pool.close().unwrap();
    }
}

#[test]
fn tls_records_and_segments_of_any_size_make_the_same_responses() {
    for version in [&TLS13, &TLS12] {
        let tls = Tls::new(version, CertificateKind::Good);
        // Bytes in a record, bytes in a segment.
        for (record, segment) in
            [(1, 1), (1, usize::MAX), (RECORD, 1), (7, 11), (64, 3), (3, 1000), (RECORD, RECORD)]
        {
            let (server, pool) = tls.serve(move |mut peer| {
                let tickets = peer.take_records();
                write_segments(peer.socket, &tickets, segment);
                for (bytes, _) in answers().iter().cycle() {
                    if !peer.read_request() {
                        return;
                    }
                    let records = peer.records(bytes, record);
                    write_segments(peer.socket, &records, segment);
                }
            });
            let how = format!("{version:?}: records of {record}, segments of {segment}");
            assert_arrives(&pool, &server, &answers(), &how);
            pool.close().unwrap();
        }
    }
}

#[test]
fn the_largest_tls_records_are_taken_however_they_are_cut() {
    let tls = Tls::new(&TLS13, CertificateKind::Good);
    // On its own, three in a segment, a record and a bit, and in Ethernet's size.
    for segment in [RECORD + 22, 3 * (RECORD + 22), RECORD + 100, 1460, usize::MAX] {
        let (server, pool) = tls.serve(move |mut peer| {
            while peer.read_request() {
                let records = peer.records(&large_answer().0, RECORD);
                write_segments(peer.socket, &records, segment);
            }
        });
        assert_arrives(&pool, &server, &[large_answer()], &format!("segments of {segment}"));
        pool.close().unwrap();
    }
}

/// RFC 8446 section 4.6.1: tickets come when the server likes, and are no part of any response.
#[test]
fn a_response_in_one_segment_with_the_session_tickets() {
    for kind in [CertificateKind::Good, CertificateKind::LongChain] {
        let tls = Tls::new(&TLS13, kind);
        let (server, pool) = tls.serve(|mut peer| {
            let mut held = peer.take_records();
            assert!(held.len() > 200, "there are tickets");
            while peer.read_request() {
                held.extend(peer.records(&answers()[0].0, RECORD));
                peer.socket.write(&std::mem::take(&mut held)).unwrap();
            }
        });
        assert_arrives(&pool, &server, &answers()[..1], &format!("{kind:?}"));
        pool.close().unwrap();
    }
}

/// Encrypts as the server's session would, but whatever it is told to.
fn encrypter(session: ServerConnection) -> impl FnMut(&[u8]) -> Vec<u8> {
    let Some(SupportedCipherSuite::Tls13(suite)) = session.negotiated_cipher_suite() else {
        panic!("this is TLS 1.3");
    };
    #[allow(deprecated)] // What its successor adds, the way back to a session, is of no use here.
    let (sent, secrets) = session.dangerous_extract_secrets().unwrap().tx;
    let (ConnectionTrafficSecrets::Aes128Gcm { key, iv }
    | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
    | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv }) = secrets
    else {
        panic!("an unknown cipher");
    };
    let mut encrypter = suite.aead_alg.encrypter(key, iv);
    let mut sequence = 0;
    let mut encrypt = move |plaintext: &[u8]| {
        let record = OutboundPlainMessage {
            typ: ContentType::ApplicationData,
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::Single(plaintext),
        };
        sequence += 1;
        encrypter.encrypt(record, sequence - 1).unwrap().encode()
    };
    // The cipher insists on counting from 0; what the session sent already is sent only once.
    (0..sent).for_each(|_| drop(encrypt(b"")));
    encrypt
}

/// RFC 8446 section 5.1: records of application data may be empty, and say nothing.
#[test]
fn empty_tls_records_before_within_and_behind_a_response_are_nothing() {
    for one_segment in [true, false] {
        let tls = Tls::new(&TLS13, CertificateKind::Good);
        let (server, pool) = tls.serve(move |mut peer| {
            let tickets = peer.take_records();
            peer.socket.write(&tickets).unwrap();
            if !peer.read_request() {
                return;
            }
            let TlsPeer { socket, session, .. } = peer;
            let mut encrypt = encrypter(session);
            loop {
                let answer = &answers()[0].0;
                let (front, back) = answer.split_at(20);
                let mut records = Vec::new();
                for plaintext in [b"", front, b"", b"", back, b"", b""] {
                    records.push(encrypt(plaintext));
                }
                if one_segment {
                    records = vec![records.concat()];
                }
                for record in records {
                    socket.write(&record).unwrap();
                    std::thread::sleep(Duration::from_micros(200));
                }
                // The next request is one record, and need not be understood; a close_notify is
                // shorter than any request.
                if socket.read_some(&mut [0; 4096]).unwrap_or(0) < 60 {
                    return;
                }
            }
        });
        assert_arrives(&pool, &server, &answers()[..1], &format!("one segment: {one_segment}"));
        until_idle(&pool, 1);
        assert_eq!(pool.stats().closed[CloseReason::IdleBytes as usize].get(), 0);
        pool.close().unwrap();
    }
}
