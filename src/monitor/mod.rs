//! What a pool tells of itself when it is asked: histograms, OpenMetrics, the page for monitors.
//!
//! It stands on the driver and reads: it changes nothing of a pool but what it resets on demand. No
//! order passes through it.

mod histograms;
mod metrics;
mod page;
mod publish;
