//! A mock crypto exchange: an HTTP/1.1 server, plain or over TLS, that answers like a venue and
//! misbehaves on request.
//!
//! [`Venue`] is the exchange: it counts what it receives, so that a test can prove that no order
//! was sent twice, and it takes [`Fault`]s that cut, stall, slow or refuse. [`Script`] is a raw
//! server for what must be exact to the byte. Both own their threads and have blocking
//! interfaces, so that a test needs no async runtime.
//!
//! ```
//! use std::io::{Read, Write};
//!
//! let venue = mock_venue::Venue::start(mock_venue::Options::plain())?;
//! let mut client = std::net::TcpStream::connect(venue.address())?;
//! client.write_all(b"GET /api/v3/ping HTTP/1.1\r\nHost: v\r\nConnection: close\r\n\r\n")?;
//! let mut answer = String::new();
//! client.read_to_string(&mut answer)?;
//! assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"));
//! assert_eq!(venue.stats().requests, 1);
//! # Ok::<(), std::io::Error>(())
//! ```

#![forbid(unsafe_code)]

mod accept;
mod answer;
mod certs;
mod control;
mod fault;
mod grammar;
mod idle;
mod ledger;
mod line;
mod options;
mod replies;
mod script;
mod service;
mod signature;
mod state;
mod tls;
mod venue;
mod websocket;
mod wire;

pub use certs::{CertificateKind, Certificates};
pub use control::Control;
pub use fault::{Fault, FaultKind, Place, When};
pub use grammar::SpecError;
pub use ledger::Stats;
pub use options::{How, Options, Transport};
pub use script::{Peer, Request, Script, ScriptServer};
pub use signature::SigningKey;
pub use venue::Venue;
pub use websocket::server_frame;
