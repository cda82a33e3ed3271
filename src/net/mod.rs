//! Sockets and TLS: making a connection (async), using one (plain synchronous code).
//!
//! A connection is dialled on the dial thread's runtime, where waiting is cheap to write. Once it
//! lives, it is taken out of the runtime and becomes a [`connection::Connection`]: non-blocking
//! calls, no futures, usable from the caller's own thread. This folder knows no pool and no policy.

pub mod addresses;
mod arrival;
pub mod cancellation;
pub mod code;
pub(crate) mod configured;
pub mod connect;
pub mod connection;
pub mod dial_thread;
pub(crate) mod edges;
pub mod endpoints;
pub mod evidence;
pub mod fork;
pub mod key_log;
pub mod live_set;
pub mod pages;
pub mod path;
pub mod pins;
pub mod probes;
pub mod proxy;
pub mod proxy_order;
pub mod random;
pub mod resolve;
pub mod socket;
mod socks5;
pub mod standard;
pub mod thread;
pub mod time;
pub mod tls;
mod unix;
pub mod watch;
pub mod ways;
