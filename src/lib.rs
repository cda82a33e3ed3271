//! venuepool keeps hot HTTP/1.1 connections to one trading venue and heals them in the background.
//!
//! This crate is the implementation behind a C ABI; its users include `venuepool.h` or
//! `venuepool.hpp` and link `libvenuepool`. ARCHITECTURE.md draws the picture. From the outside in:
//!
//! - [`ffi`]: the C functions, glue only.
//! - [`tasks`]: what waits for a pool, on the pool thread: dials, deadlines, maintenance.
//! - [`driver`]: the pool at work, on any thread: orders are sent, received and completed.
//! - [`threads`]: the threads that pools and sessions run on.
//! - [`group`]: the completions of many pools by one call.
//! - [`monitor`]: what a pool tells of itself: histograms, metrics, its page.
//! - [`slot`]: one connection and the order in flight on it, under one lock.
//! - [`net`]: dialling (async), and the live connection (synchronous, plain or TLS).
//! - [`pool`]: policy as pure functions: who gets which slot, when to dial again.
//! - [`http`]: HTTP/1.1 without I/O: the request builder and the response decoder.
//! - [`ws`]: WebSocket without I/O: the handshake, frames, messages and policy.
//! - [`session`]: a WebSocket session at work, on a thread of its own.
//! - [`publish`]: the page that a pool shares with `venuepool-top`, its bytes and its file.
//! - [`recorder`]: what has happened in a slot lately, and how it is told.
//! - [`clock`], [`config`], [`error`], [`completion`], [`event`], [`lane`], [`last_values`],
//!   [`metrics`], [`recycle`], [`stats`], [`buf`]: what they talk about.
//!
//! ARCHITECTURE.md says which of them imports which.

#![deny(unsafe_code)]
#![allow(rustdoc::private_intra_doc_links)] // Its readers work on the crate itself.

pub mod buf;
mod caller;
pub mod clock;
pub mod completion;
pub mod config;
mod dialling;
pub mod driver;
pub mod error;
pub mod event;
#[cfg(not(feature = "model"))] // The models are of what lies behind it.
#[allow(unsafe_code)] // The C boundary: raw pointers in, raw pointers out.
pub mod ffi;
pub mod fifo;
pub mod group;
pub mod http;
pub mod lane;
pub mod last_values;
pub mod log;
pub mod metrics;
pub mod monitor;
pub mod net;
mod orders;
pub mod pool;
pub mod publish;
pub mod recorder;
pub mod recycle;
pub mod session;
pub mod slot;
pub mod source;
pub mod stats;
pub mod sync;
pub mod tag;
pub mod tasks;
pub mod threads;
pub mod ws;
