//! An engine's side of a session, by the queue: it takes what is told, in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use venuepool::config::Config;
use venuepool::error::{Outcome, WireState};
use venuepool::session::Session;
use venuepool::session::event::{Ended, Event, Failed, Kept, Lost, Switched};
use venuepool::session::settings::{Settings, Verdict};
use venuepool::ws::frame::Kind;

use super::DRIVE;
use crate::peer::Server;

/// Longer than anything takes, unless it is lost.
const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const SECOND: u64 = 1_000_000_000;

pub(crate) struct Desk {
    pub(crate) session: Arc<Session>,
    taken: VecDeque<Kept>,
}

pub(crate) fn config(server: &Server) -> Config {
    let mut config = Config::default();
    config.set_url(server.url().as_bytes()).unwrap();
    config.set_backoff_ns(1_000_000, 5_000_000).unwrap();
    config.set_drive(DRIVE);
    // A busy machine is no fault.
    config.set_resolve_timeout_ns(20 * SECOND).unwrap();
    config.set_connect_timeout_ns(20 * SECOND).unwrap();
    config.set_tls_handshake_timeout_ns(20 * SECOND).unwrap();
    if let Some(ca) = &server.ca {
        config.set_ca_pem(ca.as_bytes()).unwrap();
    }
    config
}

/// Settings whose function reads the key of `id:N ...`, and takes `login ok` as acknowledgement.
pub(crate) fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.set_match(Some(Arc::new(|_, padded: &[u8]| {
        let text = std::str::from_utf8(padded).ok()?.strip_prefix("id:")?;
        text.split(' ').next()?.parse().ok()
    })));
    settings.set_match_ack(Some(Arc::new(|_, _, padded: &[u8]| match padded {
        _ if padded.starts_with(b"login ok") => Verdict::Acknowledged,
        _ if padded.starts_with(b"login bad") => Verdict::Refused,
        _ => Verdict::Other,
    })));
    settings
}

impl Desk {
    pub(crate) fn open(server: &Server, settings: &Settings) -> Self {
        let session = Session::open(&config(server), settings, b"/ws?a=1").unwrap();
        let mut desk = Self { session, taken: VecDeque::new() };
        desk.up();
        desk
    }

    /// The same, and nothing was taken yet.
    pub(crate) fn untaken(server: &Server, settings: &Settings) -> Self {
        Self::of(Session::open(&config(server), settings, b"/ws").unwrap())
    }

    pub(crate) fn of(session: Arc<Session>) -> Self {
        Self { session, taken: VecDeque::new() }
    }

    /// The next thing that is told.
    pub(crate) fn next(&mut self) -> Kept {
        if self.taken.is_empty() {
            assert!(self.take(PATIENCE) > 0, "nothing was told");
        }
        self.taken.pop_front().unwrap()
    }

    fn take(&mut self, patience: Duration) -> usize {
        let taken = &mut self.taken;
        let polled = self.session.poll(16, patience, |kept| taken.push_back(kept));
        polled.unwrap().expect("it has not ended")
    }

    /// Drives the session, if that is for the engine to do, until something is so.
    pub(crate) fn until(&mut self, is_so: impl Fn(&Session) -> bool) {
        let begin = Instant::now();
        while !is_so(&self.session) {
            assert!(begin.elapsed() < PATIENCE, "it never is so");
            self.take(Duration::from_millis(1));
        }
    }

    /// What is told next must be that the session is up.
    pub(crate) fn up(&mut self) {
        let kept = self.next();
        assert_eq!(kept.event, Event::Up, "{:?}", text(&kept));
    }

    pub(crate) fn message(&mut self) -> String {
        let kept = self.next();
        assert!(matches!(kept.event, Event::Message(..)), "{:?}", kept.event);
        let data = kept.data.as_ref().unwrap().padded();
        assert!(data[data.len() - 64..].iter().all(|byte| *byte == 0), "64 zeros are behind it");
        text(&kept)
    }

    pub(crate) fn completion(&mut self) -> (Ended, String) {
        let kept = self.next();
        match kept.event {
            Event::Completion(ended, _) => (ended, text(&kept)),
            ref other => panic!("{other:?}"),
        }
    }

    /// The next completion is of that call, and is not OK.
    pub(crate) fn fails(&mut self, id: u64) -> (Outcome, WireState) {
        let (ended, answer) = self.completion();
        assert_eq!((ended.call.id, answer.as_str()), (id, ""));
        (ended.outcome, ended.wire_state)
    }

    pub(crate) fn lost(&mut self) -> Lost {
        match self.next().event {
            Event::Lost(lost) => *lost,
            other => panic!("{other:?}"),
        }
    }

    /// What is told next must be a switch. Answers the number of the connection that is live now.
    pub(crate) fn switched(&mut self) -> (u32, Switched) {
        let kept = self.next();
        match kept.event {
            Event::Switched(switched) => (kept.connection, switched),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn failed(&mut self) -> (Failed, String) {
        let kept = self.next();
        match &kept.event {
            Event::Failed(failed) => (failed.as_ref().clone(), text(&kept)),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn send(&self, text: &str) -> u64 {
        self.session.send(Kind::Text, text.as_bytes()).unwrap()
    }

    /// A call whose answer begins with `id:KEY`.
    pub(crate) fn call(&self, key: u64) -> u64 {
        let text = format!("id:{key}");
        self.session.call(Kind::Text, text.as_bytes(), key, 10 * SECOND, key).unwrap()
    }

    /// Ends the session, and answers how its connection ended.
    pub(crate) fn close(mut self) -> Option<Lost> {
        self.session.shutdown(Some(1000), "done").unwrap();
        self.session.close().unwrap();
        let mut lost = None;
        loop {
            match self.next().event {
                Event::Lost(its) => lost = Some(*its),
                Event::Closed => break,
                _ => {}
            }
        }
        assert_eq!(self.session.poll(1, PATIENCE, |_| panic!("behind the end")), Ok(None));
        lost
    }
}

pub(crate) fn text(kept: &Kept) -> String {
    let data = kept.data.as_ref().map_or(&[][..], |data| data.padded());
    String::from_utf8(data[..data.len().saturating_sub(64)].to_vec()).unwrap()
}
