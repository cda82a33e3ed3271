//! The result does not depend on segmentation: the same responses through the whole pool, with TCP
//! segments and TLS records cut anywhere.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mock_venue::{CertificateKind, Certificates, Peer, Script, ScriptServer};
use rustls::crypto::aws_lc_rs;
use rustls::crypto::cipher::{OutboundChunks, OutboundPlainMessage};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ConnectionTrafficSecrets, ContentType, ProtocolVersion, ServerConfig, ServerConnection,
    SupportedCipherSuite, SupportedProtocolVersion,
};
use venuepool::driver::Pool;
use venuepool::error::{CloseReason, Outcome};

use crate::rig::{body, config, get, script_pool, status, until_idle};

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
    assert_eq!(server.connections(), 1, "{how}");
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

/// The server's end of a TLS connection, which says what is a record and what a segment.
struct TlsPeer<'a> {
    socket: &'a mut Peer,
    session: ServerConnection,
    received: Vec<u8>,
}

impl<'a> TlsPeer<'a> {
    /// Shakes hands. The session tickets of TLS 1.3 are not sent yet.
    fn accept(socket: &'a mut Peer, config: &Arc<ServerConfig>) -> Self {
        let session = ServerConnection::new(Arc::clone(config)).unwrap();
        let mut this = Self { socket, session, received: Vec::new() };
        while this.session.is_handshaking() {
            let flight = this.take_records();
            this.socket.write(&flight).unwrap();
            assert!(this.read());
        }
        this
    }

    /// What the session has to send.
    fn take_records(&mut self) -> Vec<u8> {
        let mut records = Vec::new();
        while self.session.wants_write() {
            self.session.write_tls(&mut records).unwrap();
        }
        records
    }

    /// Reads once; `false` at the end.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let Ok(count @ 1..) = self.socket.read_some(&mut buffer) else { return false };
        let mut ciphertext = &buffer[..count];
        while !ciphertext.is_empty() {
            self.session.read_tls(&mut ciphertext).unwrap();
            let state = self.session.process_new_packets().unwrap();
            let mut plaintext = vec![0; state.plaintext_bytes_to_read()];
            std::io::Read::read_exact(&mut self.session.reader(), &mut plaintext).unwrap();
            self.received.extend_from_slice(&plaintext);
        }
        true
    }

    /// Waits for a request without a body.
    fn read_request(&mut self) -> bool {
        while !self.received.ends_with(b"\r\n\r\n") {
            if !self.read() {
                return false;
            }
        }
        self.received.clear();
        true
    }

    /// Encrypts `bytes` in records of `size`.
    fn records(&mut self, bytes: &[u8], size: usize) -> Vec<u8> {
        let mut records = Vec::new();
        for plaintext in bytes.chunks(size) {
            std::io::Write::write_all(&mut self.session.writer(), plaintext).unwrap();
            records.extend(self.take_records());
        }
        records
    }
}

struct Tls {
    certificates: Certificates,
    config: Arc<ServerConfig>,
}

impl Tls {
    fn new(version: &'static SupportedProtocolVersion, kind: CertificateKind) -> Self {
        let certificates = Certificates::new().unwrap();
        let folder = folder();
        certificates.write(&folder, kind).unwrap();
        let chain = CertificateDer::pem_file_iter(folder.join("server.pem")).unwrap();
        let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider);
        let builder = builder.with_protocol_versions(&[version]).unwrap();
        let mut config = builder.with_no_client_auth().with_single_cert(chain, key).unwrap();
        config.ticketer = aws_lc_rs::Ticketer::new().unwrap();
        config.enable_secret_extraction = true;
        Self { certificates, config: Arc::new(config) }
    }

    /// A scripted server, and a pool of one connection to it.
    fn serve(
        &self,
        handler: impl Fn(TlsPeer<'_>) + Send + Sync + 'static,
    ) -> (ScriptServer, Arc<Pool>) {
        let tls = Arc::clone(&self.config);
        let server = Script::serve(move |peer, _| handler(TlsPeer::accept(peer, &tls))).unwrap();
        let mut config = config(&server.url().replace("http:", "https:"), 1);
        config.set_ca_pem(self.certificates.ca_pem().as_bytes()).unwrap();
        let pool = Pool::open(&config).unwrap();
        (server, pool)
    }
}

fn folder() -> PathBuf {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("venuepool-segmentation-{}-{number}", std::process::id()))
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
