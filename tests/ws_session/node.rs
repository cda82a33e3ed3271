//! The `ws` package of Node.js as the server: a peer that we did not write, which compresses what
//! it sends if that is offered, short messages too.
//!
//! Skipped, with a loud line, where it is not installed; `make test` installs it where it can.

use std::process::Command;

use crate::program::{Program, skipped, tools, trade};

const SERVER: &str = r#"
const { readFileSync } = require("fs");
const { WebSocketServer } = require("ws");

const folder = process.argv[1];
const server = folder === undefined
    ? require("http").createServer()
    : require("https").createServer({
        cert: readFileSync(folder + "/server.pem"), key: readFileSync(folder + "/server.key") });

const sockets = new WebSocketServer({
    server, perMessageDeflate: { threshold: 0 }, handleProtocols: () => "orders.v2" });
sockets.on("connection", (socket) => {
    socket.on("message", (data) => {
        const text = data.toString();
        if (text.startsWith("close ")) {
            socket.close(Number(text.slice(6)), "as asked");
        } else if (text.startsWith("fragments ")) {
            const letters = [...text.slice(10)];
            letters.forEach((letter, at) =>
                socket.send(letter, { fin: at + 1 === letters.length }));
        } else {
            socket.send(text.startsWith("id:") ? text + " ok" : text);
        }
    });
});
process.stdin.on("end", () => process.exit(0));
process.stdin.resume();
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"#;

fn node(code: &str) -> Command {
    let mut command = Command::new("node");
    // By npm, or by apt.
    let folders = [tools("node/node_modules"), tools("debian/usr/share/nodejs")];
    command.args(["-e", code]).env("NODE_PATH", std::env::join_paths(folders).unwrap());
    command
}

#[test]
fn a_session_trades_with_ws_of_node_compressed_and_not() {
    let has_it = node("require('ws')").output();
    if !has_it.is_ok_and(|output| output.status.success()) {
        return skipped("there is no node with ws");
    }
    for is_tls in [false, true] {
        let program = Program::start(node(SERVER), is_tls);
        [false, true].iter().for_each(|deflate| trade(&program, *deflate));
    }
}
