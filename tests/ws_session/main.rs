//! WebSocket sessions against real peers, plain and over TLS: tungstenite as a server, and raw
//! sockets where a fault must be exact to the byte.
//!
//! - `peer.rs`: the servers
//! - `desk.rs`: the engine's side
//! - `trading.rs`: sending, calls, messages
//! - `takers.rs`: an engine that takes nothing for a while
//! - `caller_drive/`: the same tests in caller drive, and those of that drive
//! - `faults.rs`: what becomes of messages and calls when a connection is lost
//! - `venue_faults.rs`: orders that meet the faults of the mock venue
//! - `frames.rs`: messages that are written straight into their frames
//! - `late.rs`: messages that are signed when they are sent
//! - `waiting.rs`: calls that wait until they can go
//! - `log.rs`: what the log of the engine is told
//! - `opening.rs`: the upgrade and the opening messages
//! - `races.rs`: several threads at once, slow functions, a close in the midst of something
//! - `program.rs`: servers in other languages; `python.rs`: `websockets` of Python, `node.rs`: `ws`
//!   of Node.js
//! - `nginx.rs`: nginx in front
//! - `allocations.rs`: nothing is allocated to send over plaintext, nor to receive
//! - `shared.rs`: a thread that sessions share
//! - `shared_limits.rs`: what such a thread limits, and one that never sleeps
//! - `named.rs`: a group names the sessions that have something to take
//! - `roads.rs`: a proxy, a Unix socket, local addresses
//! - `key_log.rs`: Wireshark reads what was captured, with the secrets
//! - `storm.rs`: many threads, while connections are lost
//! - `standby.rs`: connections that take over, or replace old ones
//! - `simulated.rs`: the policy in a random world, by seed; `simulated_standby.rs`: of the lines

#![allow(clippy::duplicate_mod)] // The tests of both drives are compiled once for each.

mod allocations;
mod caller_drive;
#[path = "../it/capture.rs"]
mod capture;
mod desk;
mod faults;
mod frames;
mod key_log;
mod late;
mod log;
mod named;
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
mod shared;
mod shared_limits;
mod simulated;
mod simulated_standby;
mod standby;
mod storm;
mod takers;
mod trading;
mod venue_faults;
mod waiting;

/// Who drives, in the tests of both drives; `caller_drive` has another one.
const DRIVE: venuepool::config::Drive = venuepool::config::Drive::Thread;
