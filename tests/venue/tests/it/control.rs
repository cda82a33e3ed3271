//! The control server, and the program around it.

use crate::client::{Client, is_reset, tcp, tls_connect, trust};
use mock_venue::{Control, Options, Venue};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

fn start() -> (Arc<Venue>, Control, Client) {
    let venue = Arc::new(Venue::start(Options::plain()).unwrap());
    let control = Control::serve(Arc::clone(&venue), "127.0.0.1:0".parse().unwrap()).unwrap();
    let client = Client::connect(control.address());
    (venue, control, client)
}

fn post(control: &mut Client, target: &str) -> Value {
    let answer = control.request("POST", target, "", "").unwrap();
    assert_eq!(answer.status, 200, "{target}: {}", answer.json());
    answer.json()
}

#[test]
fn counts_can_be_asked_for() {
    let (venue, server, mut control) = start();
    assert_eq!(server.url(), format!("http://{}", server.address()));
    let mut client = Client::connect(venue.address());
    client.order("a").unwrap();
    client.order("a").unwrap();
    let stats = control.get("/stats").unwrap().json();
    assert_eq!((&stats["orders"], &stats["duplicates"]), (&2.into(), &1.into()));
    assert_eq!((&stats["open"], &stats["connections"]), (&1.into(), &1.into()));
    assert_eq!(control.get("/orders/a").unwrap().json()["count"], 2);
    assert_eq!(control.get("/orders/b").unwrap().json()["count"], 0);
}

#[test]
fn faults_are_set_and_cleared() {
    let (venue, _server, mut control) = start();
    let mut client = Client::connect(venue.address());
    post(&mut control, "/fault?spec=status=429,retry-after:1,first:5");
    assert_eq!(client.order("a").unwrap().status, 429);
    post(&mut control, "/faults/clear");
    assert_eq!(client.order("a").unwrap().status, 200);
    let refused = control.request("POST", "/fault?spec=nonsense", "", "").unwrap();
    assert_eq!(refused.status, 400);
    assert!(refused.json()["error"].as_str().unwrap().contains("nonsense"));
    assert_eq!(control.request("POST", "/fault", "", "").unwrap().status, 400);
    assert_eq!(control.get("/fault?spec=stall").unwrap().status, 404);
    assert_eq!(control.request("POST", "/certificate?kind=nice", "", "").unwrap().status, 400);
}

#[test]
fn connections_are_killed_and_the_venue_stopped() {
    let (venue, _server, mut control) = start();
    let connect = || {
        let mut client = Client::connect(venue.address());
        assert_eq!(client.get("/api/v3/ping").unwrap().status, 200);
        client
    };
    let (mut first, mut second) = (connect(), connect());
    assert_eq!(post(&mut control, "/kill?how=rst&count=1")["killed"], 1);
    assert!(is_reset(first.end()));
    assert_eq!(post(&mut control, "/kill?how=fin")["killed"], 1);
    assert!(second.end().is_ok());
    post(&mut control, "/stop");
    assert!(tcp(venue.address()).is_err());
    post(&mut control, "/restart?down_ms=1");
    connect();
}

/// The program, with its first line of output; it ends with its standard input.
struct Program {
    child: Child,
    ready: Value,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mock-venue"))
            .args(arguments)
            .args(["--exit-with-parent", "--max-seconds", "60"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { child, ready: serde_json::from_str(&line).unwrap() }
    }

    fn address(&self, key: &str) -> SocketAddr {
        let (_, port) = self.ready[key].as_str().unwrap().rsplit_once(':').unwrap();
        format!("127.0.0.1:{port}").parse().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

/// A folder of its own for each test, gone when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("mock-venue-{name}-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn text(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_program_serves_and_ends_with_its_parent() {
    let folder = Folder::new("serves");
    std::fs::create_dir_all(&folder.0).unwrap();
    let ready_file = folder.0.join("ready");
    let program = Program::start(&[
        "--tls-version",
        "1.3",
        "--cert-dir",
        folder.text(),
        "--ready-file",
        ready_file.to_str().unwrap(),
        "--fault",
        "close-after=2",
        "--fault",
        "delay=1ms",
    ]);
    assert_eq!(serde_json::from_str::<Value>(&folder.read("ready")).unwrap(), program.ready);
    assert_eq!(program.ready["ca"], format!("{}/ca.pem", folder.text()));
    let config = trust(&folder.read("ca.pem"), None);
    let mut client = tls_connect(program.address("url"), &config).unwrap();
    assert_eq!(client.order("a").unwrap().status, 200);
    assert_eq!(client.order("b").unwrap().status, 200);
    assert!(client.end().is_ok());
    let mut control = Client::connect(program.address("control"));
    assert_eq!(control.get("/stats").unwrap().json()["orders"], 2);
    post(&mut control, "/certificate?kind=unknown-ca");
    assert!(tls_connect(program.address("url"), &config).is_err());
}

#[test]
fn the_program_is_plain_without_options_and_ends_in_time() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mock-venue"))
        .args(["--max-seconds", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = String::new();
    child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert!(child.wait().unwrap().success());
    let ready: Value = serde_json::from_str(&output).unwrap();
    assert!(ready["url"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    assert!(ready["ca"].is_null());
}

#[test]
fn the_program_writes_certificates_and_refuses_nonsense() {
    let folder = Folder::new("certs");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mock-venue"));
        command.args(arguments).stderr(Stdio::null()).status().unwrap().success()
    };
    assert!(run(&["certs", "--dir", folder.text(), "--certificate", "long-chain"]));
    let certificates = |name: &str| folder.read(name).matches("BEGIN CERTIFICATE").count();
    assert_eq!((certificates("ca.pem"), certificates("server.pem")), (1, 6));
    assert_eq!(certificates("client.pem"), 1);
    assert!(folder.read("server.key").starts_with("-----BEGIN PRIVATE KEY-----"));
    assert!(!run(&["--fault", "nonsense"]));
    assert!(!run(&["--tls-version", "1.1"]));
}
