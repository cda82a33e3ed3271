//! The records of a pool in `tracing`: [`write`] is the whole adapter. A field of `tracing` has a
//! name that is known when it is compiled, so keys and values are one field, `pairs`.
//!
//!   cargo run --example log_to_tracing -- https://api.example.com
//!
//! It opens a pool, and closes it. What is logged meanwhile is printed.

use std::fmt::Debug;
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record as Values};
use tracing::{Event, Metadata, Subscriber, event};
use venuepool::config::Config;
use venuepool::driver::Pool;
use venuepool::log::{Level, LogHook, Record};

/// Gives a record to the subscriber. It runs on the pool thread, so the subscriber must not block.
fn write(record: &Record<'_>) {
    let Record { target, message, pairs, .. } = record;
    match record.level {
        Level::Error => event!(tracing::Level::ERROR, target, ?pairs, "{message}"),
        Level::Warn => event!(tracing::Level::WARN, target, ?pairs, "{message}"),
        Level::Info => event!(tracing::Level::INFO, target, ?pairs, "{message}"),
        Level::Debug => event!(tracing::Level::DEBUG, target, ?pairs, "{message}"),
        Level::Trace => event!(tracing::Level::TRACE, target, ?pairs, "{message}"),
    }
}

/// Gives each event away as a line. An engine has a subscriber of its own, set for the process.
pub(crate) struct Lines(pub(crate) fn(String));

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Values<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        (self.0)(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!(" {}={value:?}", field.name());
    }
}

/// Opens a pool and closes it, and gives the records of that to the subscriber.
pub(crate) fn open_and_close(url: &str) {
    let mut config = Config::default();
    config.set_url(url.as_bytes()).expect("a URL of a venue");
    config.set_log_hook(Some(LogHook { level: Level::Info, function: Arc::new(write) }));
    if let Ok(pool) = Pool::open(&config) {
        pool.close().expect("it is open");
    }
}

fn main() {
    tracing::subscriber::set_global_default(Lines(|line| println!("{line}")))
        .expect("it is the only one");
    open_and_close(&std::env::args().nth(1).expect("usage: log_to_tracing URL"));
}
