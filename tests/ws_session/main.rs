//! WebSocket sessions against real peers, plain and over TLS: tungstenite as a server, and raw
//! sockets where a fault must be exact to the byte.
//!
//! - `peer.rs`: the servers
//! - `desk.rs`: the engine's side
//! - `trading.rs`: sending, calls, messages
//! - `faults.rs`: what becomes of messages and calls when a connection is lost
//! - `opening.rs`: the upgrade and the opening messages
//! - `simulated.rs`: the policy in a random world, by seed

mod desk;
mod faults;
mod opening;
mod peer;
mod simulated;
mod trading;
