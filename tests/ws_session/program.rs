//! A server in another language: a child process that prints its port, and ends with its standard
//! input, so none is left behind. And what a session does with each of them.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use mock_venue::{CertificateKind, Certificates};
use venuepool::config::Config;
use venuepool::error::Outcome;
use venuepool::session::Session;
use venuepool::session::event::WsLoss;
use venuepool::ws::session::life::Stage;

use crate::desk::{Desk, SECOND, settings};

/// Where scripts/ensure-test-tools.sh puts the libraries of these servers.
pub(crate) fn tools(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("build/tools").join(name)
}

/// A test that cannot run says so where it is seen: the output of a test that passes is kept back.
pub(crate) fn skipped(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = std::io::stderr().write_all(format!("\nSKIPPED: {test}, because {why}\n").as_bytes());
}

/// A certificate for `localhost` in files: `server.pem` and `server.key`.
pub(crate) struct Credential {
    pub(crate) folder: PathBuf,
    pub(crate) ca_pem: String,
}

impl Credential {
    pub(crate) fn new() -> Self {
        let name = format!("vp-ws-credential-{:x}", fastrand::u64(..));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let certificates = Certificates::new().unwrap();
        certificates.write(&folder, CertificateKind::Good).unwrap();
        Self { folder, ca_pem: certificates.ca_pem().to_owned() }
    }
}

impl Drop for Credential {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub(crate) struct Program {
    child: Child,
    port: u16,
    credential: Option<Credential>,
}

impl Program {
    /// Starts `server`, which speaks TLS if it has an argument: the folder of a [`Credential`].
    pub(crate) fn start(mut server: Command, is_tls: bool) -> Self {
        let credential = is_tls.then(Credential::new);
        server.args(credential.iter().map(|credential| &credential.folder));
        server.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = server.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, port: line.trim().parse().unwrap(), credential }
    }

    fn config(&self) -> Config {
        let mut config = Config::default();
        config.set_backoff_ns(1_000_000, 5_000_000).unwrap();
        config.set_addresses(b"127.0.0.1").unwrap();
        let scheme = if let Some(credential) = &self.credential {
            config.set_ca_pem(credential.ca_pem.as_bytes()).unwrap();
            "https"
        } else {
            "http"
        };
        config.set_url(format!("{scheme}://localhost:{}", self.port).as_bytes()).unwrap();
        config
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Echoes, calls, fragments, pings both ways, a close by the server and the next connection.
///
/// The server echoes, answers `id:N` by `id:N ok`, sends the text behind `fragments ` back in
/// fragments of one character, and closes with N at `close N`.
pub(crate) fn trade(program: &Program, deflate: bool) {
    let mut settings = settings();
    settings.add_subprotocol(b"orders.v1").unwrap();
    settings.add_subprotocol(b"orders.v2").unwrap();
    settings.set_codec(deflate, true);
    settings.set_keep_alive(SECOND / 50, 10 * SECOND, 0).unwrap();
    let mut desk = Desk::of(Session::open(&program.config(), &settings, b"/").unwrap());
    desk.up();
    for size in [1, 125, 126, 60_000] {
        let long = "{\"s\":\"BTC\"}".repeat(size / 11 + 1)[..size].to_owned();
        desk.send(&long);
        assert_eq!(desk.message(), long);
    }
    desk.send("fragments of a µ-text");
    assert_eq!(desk.message(), "of a µ-text");
    for key in 0..50 {
        let id = desk.call(key);
        let (ended, answer) = desk.completion();
        assert_eq!((ended.call.id, ended.outcome), (id, Outcome::Ok));
        assert_eq!(answer, format!("id:{key} ok"));
    }
    while desk.session.health().rtt_ns == 0 {
        std::thread::yield_now();
    }
    desk.send("close 4001");
    let lost = desk.lost();
    assert_eq!((lost.loss, lost.close_code), (WsLoss::PeerClosed, 4001));
    desk.up();
    assert_eq!(desk.session.health().stage, Stage::Up);
    assert_eq!(desk.close().unwrap().loss, WsLoss::Closed);
}
