//! The pool against real peers, through its Rust face: sockets, TLS, threads and time are real.
//!
//! The C face of the same promises is tested by the ctest suite in `tests/c`.

mod cable;
mod caller;
mod deadlines;
mod desync;
mod dials;
mod drain;
mod edges;
mod events;
mod fanout;
mod healing;
mod healing_beside_trading;
mod incomplete;
mod lanes;
mod large;
mod late;
mod leased_beats;
mod leases_by_completion;
mod lifecycle;
mod load;
mod maintenance;
mod memory;
mod network;
mod nginx;
mod opening;
mod outcomes;
mod overload;
mod pins;
mod proxies;
mod queue;
mod relay;
mod responses;
mod rig;
mod road;
mod segmentation;
mod sleepers;
mod sources;
mod suspend;
mod tls_faults;
mod tls_peer;
mod tokens;
mod unix;
mod watched;
mod wire_state;
