//! The mock venue, seen from plain clients that know nothing of its insides.

mod client;
mod control;
mod endpoints;
mod faults;
mod grammar;
mod lifecycle;
mod man;
mod script;
mod tls;
