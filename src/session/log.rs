//! What a session tells the engine's log: event of its connection, at the levels of a pool.
//!
//! Runs on the session's thread, and for an opening that has failed on the thread that asks for it.
//! No lock is held. It knows no byte of what the engine or the venue has sent.

use super::event::{Event, Failed, Lost, WsLoss};
use crate::clock::now_ns;
use crate::config::Config;
use crate::error::Status;
use crate::log::tell;
use crate::log::{Level, LogHook};

/// Keys and values of a record.
type Pairs = Vec<(&'static str, String)>;

pub(super) struct Log {
    hook: Option<LogHook>,
    name: String,
    host: String,
}

impl Log {
    pub(super) fn new(config: &Config) -> Self {
        let host = config.url().map_or("", |url| &url.host).to_owned();
        Self { hook: config.log_hook().cloned(), name: config.thread_name().to_owned(), host }
    }

    fn tell(&self, what: (Level, &'static str), make: impl FnOnce() -> (String, Pairs)) {
        tell(self.hook.as_ref(), what, (&self.name, &self.host), make);
    }

    /// A session could not be opened. `why` has no byte of the venue's.
    pub(super) fn not_opened(&self, status: Status, why: &str) {
        self.tell((Level::Error, "pool"), || {
            (format!("session: not opened: {why}"), vec![("status", name_of(status))])
        });
    }

    /// A dial begins.
    pub(super) fn dials(&self) {
        self.tell((Level::Debug, "dial"), || ("session: dials".to_owned(), Vec::new()));
    }

    /// Something that the engine is told, too. `connection` is the number of the connection.
    pub(super) fn told(&self, connection: u32, event: &Event) {
        match event {
            Event::Up => self.tell((Level::Info, "connection"), || {
                let pairs = pairs_of("VP_WS_EVENT_UP", connection);
                ("session: up".to_owned(), pairs)
            }),
            Event::Switched(switched) => self.tell((Level::Info, "connection"), || {
                let mut pairs = pairs_of("VP_WS_EVENT_SWITCHED", connection);
                pairs.push(("previous", switched.previous.to_string()));
                pairs.push(("reason", switched.loss.name().to_string_lossy().into_owned()));
                ("session: switched".to_owned(), pairs)
            }),
            Event::Lost(lost) => self.lost(connection, lost),
            Event::Failed(failed) => self.failed(connection, failed),
            Event::Closed => self.tell((Level::Info, "pool"), || {
                let pairs = pairs_of("VP_WS_EVENT_CLOSED", connection);
                ("session: closed".to_owned(), pairs)
            }),
            Event::Message(..) | Event::Completion(..) | Event::Dropped(_) => {}
        }
    }

    fn lost(&self, connection: u32, lost: &Lost) {
        let is_ours = matches!(lost.loss, WsLoss::Closed | WsLoss::Rotated);
        let level = if is_ours { Level::Info } else { Level::Warn };
        self.tell((level, "connection"), || {
            let mut pairs = pairs_of("VP_WS_EVENT_LOST", connection);
            pairs.push(("reason", lost.loss.name().to_string_lossy().into_owned()));
            if lost.close_code != 0 {
                pairs.push(("close_code", lost.close_code.to_string()));
            }
            pairs.push(("last_sequence", lost.fate.last.to_string()));
            pairs.push(("sent_through", lost.fate.sent_through.to_string()));
            pairs.push(("acked_through", lost.fate.acked_through.to_string()));
            pairs.extend(wait(lost.until_ns));
            (format!("session: lost: {}", lost.text), pairs)
        });
    }

    fn failed(&self, connection: u32, failed: &Failed) {
        // The engine has closed the session during the dial.
        let is_ours = failed.status == Status::ERR_CLOSED;
        let level = if is_ours { Level::Info } else { Level::Warn };
        self.tell((level, "dial"), || {
            let mut pairs = pairs_of("VP_WS_EVENT_FAILED", connection);
            pairs.push(("status", name_of(failed.status)));
            if failed.http_status != 0 {
                pairs.push(("http_status", failed.http_status.to_string()));
            }
            pairs.extend(wait(failed.until_ns));
            (format!("session: {}", words_of(failed)), pairs)
        });
    }
}

/// Why a dial has failed, without the body of the answer, which is in the text.
pub(super) fn words_of(failed: &Failed) -> String {
    match failed.http_status {
        0 => failed.text.clone(),
        status => format!("upgrade: answered {status}"),
    }
}

fn pairs_of(event: &str, connection: u32) -> Pairs {
    vec![("event", event.to_owned()), ("connection", connection.to_string())]
}

/// How long it is until the next dial; nothing if there is none.
fn wait(until_ns: u64) -> Option<(&'static str, String)> {
    let wait_ms = || (until_ns.saturating_sub(now_ns()) / 1_000_000).to_string();
    (until_ns != 0).then(|| ("wait_ms", wait_ms()))
}

fn name_of(status: Status) -> String {
    status.name().to_string_lossy().into_owned()
}
