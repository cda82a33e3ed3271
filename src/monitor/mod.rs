//! What a pool tells of itself when it is asked: histograms, OpenMetrics, the page for monitors,
//! the health of its slots, what was recorded of orders, the last values of watched headers.
//!
//! It stands on the driver and reads: it changes nothing of a pool but what it resets on demand. No
//! order passes through it.

mod edges;
mod health;
mod histograms;
mod metrics;
mod page;
mod publish;
mod recordings;
mod watched;
