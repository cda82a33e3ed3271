//! The WebSocket codec from the outside: the cases of the Autobahn test suite by their numbers, and
//! random frames beside tungstenite.
//!
//! - `peer.rs`: a client made of the codec's parts, and the frames of a server
//! - `autobahn.rs`: cases 1 to 7, 9 and 10
//! - `utf8.rs`: cases 6, which are many
//! - `deflate.rs`: cases 12 and 13
//! - `reference.rs`: random frames, by seed
//! - `allocations.rs`: nothing is allocated for a message

mod allocations;
mod autobahn;
mod deflate;
mod peer;
mod reference;
mod utf8;

// The comparison with tungstenite is that of the fuzz target.
#[allow(dead_code, unreachable_pub)]
#[path = "../../fuzz/src/lib.rs"]
mod checks;
