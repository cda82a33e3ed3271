//! WebSocket sessions against real peers, plain and over TLS: tungstenite as a server, and raw
//! sockets where a fault must be exact to the byte.
//!
//! - `peer.rs`: the servers
//! - `desk.rs`: the engine's side
//! - `trading.rs`: sending, calls, messages
//! - `faults.rs`: what becomes of messages and calls when a connection is lost
//! - `venue_faults.rs`: orders that meet the faults of the mock venue
//! - `frames.rs`: messages that are written straight into their frames
//! - `log.rs`: what the log of the engine is told
//! - `opening.rs`: the upgrade and the opening messages
//! - `races.rs`: several threads at once, slow functions, a close in the midst of something
//! - `program.rs`: servers in other languages; `python.rs`: `websockets` of Python, `node.rs`: `ws`
//!   of Node.js
//! - `nginx.rs`: nginx in front
//! - `allocations.rs`: nothing is allocated to send over plaintext
//! - `roads.rs`: a proxy, a Unix socket, local addresses
//! - `key_log.rs`: Wireshark reads what was captured, with the secrets
//! - `storm.rs`: many threads, while connections are lost
//! - `simulated.rs`: the policy in a random world, by seed

mod allocations;
#[path = "../it/capture.rs"]
mod capture;
mod desk;
mod faults;
mod frames;
mod key_log;
mod log;
mod nginx;
#[path = "../it/nginx_server.rs"]
mod nginx_server;
mod node;
mod opening;
mod peer;
mod program;
mod python;
mod races;
mod roads;
mod simulated;
mod storm;
mod trading;
mod venue_faults;
