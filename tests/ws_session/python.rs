//! The `websockets` library of Python as the server: a peer that we did not write, which compresses
//! what it sends if that is offered.
//!
//! Skipped, with a loud line, where it is not installed; `make test` installs it where it can.

use std::process::Command;

use crate::program::{Program, skipped, tools, trade};

/// Echoes texts, answers `id:N`, and closes with a code when it is told to. It ends with its
/// standard input, so none is left behind.
const SERVER: &str = r#"
import os, ssl, sys, threading
from websockets.sync.server import serve

def handle(connection):
    for message in connection:
        if message.startswith("close "):
            connection.close(int(message[6:]), "as asked")
            return
        if message.startswith("fragments "):
            connection.send(iter(message[10:]))
            continue
        if message.startswith("id:"):
            message += " ok"
        connection.send(message)

def end_with_parent():
    sys.stdin.read()
    os._exit(0)

tls = None
if len(sys.argv) > 1:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(sys.argv[1] + "/server.pem", sys.argv[1] + "/server.key")
threading.Thread(target=end_with_parent, daemon=True).start()
with serve(handle, "127.0.0.1", 0, ssl=tls, subprotocols=["orders.v2"]) as server:
    print(server.socket.getsockname()[1], flush=True)
    server.serve_forever()
"#;

fn python(code: &str) -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", code]).env("PYTHONPATH", tools("python"));
    command
}

#[test]
fn a_session_trades_with_websockets_of_python_compressed_and_not() {
    let has_it = python("import websockets.sync.server").output();
    if !has_it.is_ok_and(|output| output.status.success()) {
        return skipped("there is no python3 with websockets");
    }
    for is_tls in [false, true] {
        let program = Program::start(python(SERVER), is_tls);
        [false, true].iter().for_each(|deflate| trade(&program, *deflate));
    }
}
