//! The key log opens captured traffic to Wireshark, and only that.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use mock_venue::{CertificateKind, Options, Venue};
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use venuepool::config::{Config, KeyLogHook};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::Outcome;
use venuepool::log::{Level, LogHook, Record};

use crate::capture::{Folder, Tap};
use crate::rig::{config, get, request, skipped, status, venue_config};
use crate::tls_peer::{Tls, TlsPeer};

const TOKEN: &str = "t0p-secret-token";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nsecret-answer";

/// Sends one request over TLS of that version, through a tap, with its secrets in `keys`.
fn exchange(version: &'static SupportedProtocolVersion, keys: &Path) -> Tap {
    let tls = Tls::new(version, CertificateKind::Good);
    let server = tls.raw_server(|socket, config| {
        let mut peer = TlsPeer::accept(socket, config);
        // With TLS 1.2 the end of the handshake, with TLS 1.3 session tickets.
        let rest = peer.take_records();
        peer.socket.write(&rest).unwrap();
        while peer.read_request() {
            let records = peer.records(ANSWER, ANSWER.len());
            peer.socket.write(&records).unwrap();
        }
    });
    let tap = Tap::before(server.address());
    let mut config = config(&format!("https://localhost:{}", tap.address.port()), 1);
    config.set_addresses(b"127.0.0.1").unwrap();
    config.set_ca_pem(tls.ca_pem().as_bytes()).unwrap();
    config.set_key_log_file(keys.to_str().unwrap().as_bytes()).unwrap();
    let pool = Pool::open(&config).unwrap();
    let mut order = request(&pool);
    order.begin(b"GET", b"/api/v3/account").unwrap();
    order.header(b"X-MBX-APIKEY", TOKEN.as_bytes()).unwrap();
    let completion = pool.execute(&mut order, WhenBusy::Refuse).unwrap();
    assert_eq!((completion.outcome, status(&completion)), (Outcome::Ok, 200));
    pool.close().unwrap();
    tap
}

/// The labels of the NSS key log format that the file has, each once.
fn labels(keys: &Path) -> Vec<String> {
    let text = fs::read_to_string(keys).unwrap();
    let parts = |line: &str| -> Vec<String> { line.split(' ').map(str::to_owned).collect() };
    let mut labels = Vec::new();
    for line in text.lines().map(parts) {
        let is_hex = |part: &String| part.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(line.len() == 3 && line[1].len() == 64 && line[1..].iter().all(is_hex), "{line:?}");
        labels.push(line[0].clone());
    }
    labels.sort();
    labels
}

fn is_decrypted(version: &'static SupportedProtocolVersion, expected: &[&str]) {
    let folder = Folder::new();
    let (keys, no_keys) = (folder.0.join("keys"), folder.0.join("no-keys"));
    let tap = exchange(version, &keys);
    assert_eq!(labels(&keys), expected);
    fs::write(&no_keys, "").unwrap();
    let Some(closed) = tap.read_with(&no_keys) else { return skipped("there is no tshark") };
    let open = tap.read_with(&keys).expect("it was there");
    for part in ["GET /api/v3/account HTTP/1.1", TOKEN, "secret-answer"] {
        assert!(!closed.contains(part), "{part} is not encrypted: {closed}");
        assert!(open.contains(part), "{part} is not decrypted: {open}");
    }
}

#[test]
fn wireshark_decrypts_tls_1_3_by_the_key_log() {
    let labels = [
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "EXPORTER_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_TRAFFIC_SECRET_0",
    ];
    is_decrypted(&TLS13, &labels);
}

#[test]
fn wireshark_decrypts_tls_1_2_by_the_key_log() {
    is_decrypted(&TLS12, &["CLIENT_RANDOM"]);
}

#[test]
fn a_function_is_given_whole_lines_on_the_dial_thread() {
    let venue = Venue::start(Options::tls()).unwrap();
    let mut config = venue_config(&venue, 1);
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    config.set_key_log_hook(Some(KeyLogHook(Arc::new(move |line| {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        kept.lock().unwrap().push((name, String::from_utf8(line.to_vec()).unwrap()));
    }))));
    let pool = Pool::open(&config).unwrap();
    pool.close().unwrap();
    let lines = lines.lock().unwrap();
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert!(lines.iter().all(|(name, line)| name == "venuepool-dial" && !line.contains('\n')));
}

/// All records of the log of that level, as text.
fn listen(config: &mut Config, level: Level) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    let function = Arc::new(move |record: &Record<'_>| {
        kept.lock().unwrap().push(format!("{:?} {}", record.level, record.message));
    });
    config.set_log_hook(Some(LogHook { level, function }));
    lines
}

#[test]
fn a_full_disk_ends_the_key_log_and_not_the_trading() {
    let venue = Venue::start(Options::tls()).unwrap();
    let mut config = venue_config(&venue, 2);
    config.set_key_log_file(b"/dev/full").unwrap();
    let lines = listen(&mut config, Level::Warn);
    let pool = Pool::open(&config).unwrap();
    assert_eq!(status(&get(&pool, "/api/v3/time")), 200);
    pool.close().unwrap();
    let expected = [
        "Warn TLS secrets are written to /dev/full: they open all captured traffic",
        "Warn the key log has ended, secrets are missing: No space left on device (os error 28)",
    ];
    let lines = lines.lock().unwrap();
    let told: Vec<_> = lines.iter().filter(|line| line.contains("secrets")).collect();
    assert_eq!(told, expected);
}
