//! Every fault that a venue, a network or a host can show, through one common check.
//!
//! `docs/faults.md` is the table of the faults: what becomes of the order that meets one, and how
//! soon the pool is whole again. Each fault is a test here, in both drives, and for each of them
//! `case.rs` checks the same: every order is completed exactly once, the far side has none twice
//! and none that was told not to be sent, all slots are live again in time, and no descriptor, no
//! thread and no memory is kept.
//!
//! A fault is repeated for 60 ms, six times at least; `FAULT_ROUNDS=50` repeats each fifty times
//! instead. `FAULT_SECONDS` is the length of `everything_at_once`, `FAULT_SEED` its seed.
//!
//! - `resets.rs`: RST at every moment
//! - `ends.rs`: FIN, half-close, unasked-for bytes
//! - `silence.rs`: black holes, stalls, slow bytes, a peer that does not read
//! - `tls.rs`: alerts, truncation, handshakes, certificates
//! - `dialling.rs`: refusals, names and addresses, descriptors, restarts
//! - `clocks.rs`: clocks that jump
//! - `storms.rs`: many at once
//! - `sessions.rs`, `session_dials.rs`: the same of WebSocket sessions, and of their dials
//! - `case.rs`: the check; `ledger.rs`: the orders
//! - `session_case.rs`: the check for sessions; `desk.rs`: their orders; `proxy.rs`: a proxy
//! - `far.rs`: the other side; `process.rs`: this one

#[path = "../it/cable.rs"]
mod cable;
mod case;
mod clocks;
mod desk;
mod dialling;
mod ends;
mod far;
mod ledger;
mod process;
mod proxy;
mod resets;
#[allow(dead_code)] // What only tests/it needs.
#[path = "../it/rig.rs"]
mod rig;
mod session_case;
mod session_dials;
mod sessions;
mod silence;
mod storms;
mod tls;
#[allow(dead_code)] // What only tests/it needs.
#[path = "../it/tls_peer.rs"]
mod tls_peer;
