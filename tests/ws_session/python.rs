//! The `websockets` library of Python as the server: a peer that we did not write, which compresses
//! what it sends if that is offered.
//!
//! Skipped, with a loud line, where it is not installed; `make test` installs it where it can.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use venuepool::config::Config;
use venuepool::error::Outcome;
use venuepool::session::Session;
use venuepool::session::event::WsLoss;
use venuepool::ws::session::life::Stage;

use super::desk::{Desk, SECOND, settings};

/// Echoes texts, answers `id:N`, and closes with a code when it is told to. It ends with its
/// standard input, so none is left behind.
const SERVER: &str = r#"
import sys, threading, os
from websockets.sync.server import serve

def handle(connection):
    for message in connection:
        if message.startswith("close "):
            connection.close(int(message[6:]), "as asked")
            return
        if message.startswith("id:"):
            message += " ok"
        connection.send(message)

def end_with_parent():
    sys.stdin.read()
    os._exit(0)

threading.Thread(target=end_with_parent, daemon=True).start()
with serve(handle, "127.0.0.1", 0, subprotocols=["orders.v2"]) as server:
    print(server.socket.getsockname()[1], flush=True)
    server.serve_forever()
"#;

struct Python {
    child: Child,
    port: u16,
}

impl Python {
    fn start() -> Option<Self> {
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/tools/python");
        let python = |code: &str| {
            let mut command = Command::new("python3");
            command.args(["-c", code]).env("PYTHONPATH", &tools);
            command
        };
        let has_it = python("import websockets.sync.server").output();
        if !has_it.is_ok_and(|output| output.status.success()) {
            eprintln!("SKIPPED: there is no python3 with websockets");
            return None;
        }
        let mut server = python(SERVER);
        server.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = server.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Some(Self { child, port: line.trim().parse().unwrap() })
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_session_trades_with_websockets_of_python_compressed_and_not() {
    let Some(python) = Python::start() else { return };
    for deflate in [false, true] {
        let mut config = Config::default();
        config.set_url(format!("http://127.0.0.1:{}", python.port).as_bytes()).unwrap();
        let mut settings = settings();
        settings.add_subprotocol(b"orders.v1").unwrap();
        settings.add_subprotocol(b"orders.v2").unwrap();
        settings.set_codec(deflate, true);
        settings.set_keep_alive(SECOND / 50, 10 * SECOND, 0).unwrap();
        let mut desk = Desk::of(Session::open(&config, &settings, b"/").unwrap());
        desk.up();
        for size in [1, 125, 126, 60_000] {
            let long = "{\"s\":\"BTC\"}".repeat(size / 11 + 1)[..size].to_owned();
            desk.send(&long);
            assert_eq!(desk.message(), long);
        }
        for key in 0..50 {
            let id = desk.call(key);
            let (ended, answer) = desk.completion();
            assert_eq!((ended.call.id, ended.outcome), (id, Outcome::Ok));
            assert_eq!(answer, format!("id:{key} ok"));
        }
        desk.send("close 4001");
        let lost = desk.lost();
        assert_eq!((lost.loss, lost.close_code), (WsLoss::PeerClosed, 4001));
        desk.up();
        assert_eq!(desk.session.health().stage, Stage::Up);
        assert_eq!(desk.close().unwrap().loss, WsLoss::Closed);
    }
}
