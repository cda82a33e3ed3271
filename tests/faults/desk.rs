//! The engine's side of a session: orders as calls, and a ledger of how each of them ended.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use venuepool::error::{Outcome, Status, WireState};
use venuepool::session::Session;
use venuepool::session::event::{Ended, Event, Kept};
use venuepool::ws::frame::Kind;

use crate::case::ANSWERED;
use crate::far::Far;
use crate::ledger::End;
use crate::rig::PATIENCE;

/// The key of a message to or from the mock venue: the number behind `"id":`.
pub(crate) fn key_of(padded: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(padded).ok()?.split_once("\"id\":")?.1;
    text.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

/// One session, and what was told about it.
pub(crate) struct Desk {
    pub(crate) session: Arc<Session>,
    /// When it came up last.
    pub(crate) up_ns: u64,
    /// The calls that have met the fault of this round, in their order.
    pub(crate) met: Vec<u64>,
    prefix: u32,
    orders: u64,
    /// The end of each call, by its id; `None`: it is out.
    calls: HashMap<u64, (u64, Option<End>)>,
    event: VecDeque<(u64, Event)>,
}

/// A case that fails must not leave its session to the next one.
impl Drop for Desk {
    fn drop(&mut self) {
        // Most are closed already.
        let _ = self.session.shutdown(None, "");
        let _ = self.session.close();
    }
}

impl Desk {
    pub(crate) fn new(session: Arc<Session>) -> Self {
        let (calls, event) = (HashMap::new(), VecDeque::new());
        let prefix = fastrand::u32(..);
        Self { session, up_ns: 0, met: Vec::new(), prefix, orders: 0, calls, event }
    }

    fn name(&self, number: u64) -> String {
        format!("{:08x}-{number:06}", self.prefix)
    }

    /// Takes what is told, and waits for that at most so long.
    fn take(&mut self, patience: Duration) {
        let mut taken = Vec::new();
        let polled = self.session.poll(16, patience, |kept| taken.push(kept));
        assert!(matches!(polled, Ok(Some(_))), "{polled:?}");
        taken.into_iter().for_each(|kept| self.file(kept));
    }

    fn file(&mut self, kept: Kept) {
        match kept.event {
            Event::Completion(ended, _) => {
                let data = kept.data.as_ref().map_or(&[][..], |data| data.padded());
                self.completed(&ended, &String::from_utf8_lossy(data));
            }
            // A late answer, or one too many.
            Event::Message(..) => {}
            event => {
                if event == Event::Up {
                    self.up_ns = kept.time_ns;
                }
                self.event.push_back((kept.time_ns, event));
            }
        }
    }

    fn completed(&mut self, ended: &Ended, answer: &str) {
        let id = ended.call.id;
        let (number, end) = self.calls.get_mut(&id).expect("completed, but never accepted");
        assert_eq!(*end, None, "call {id} is completed twice");
        *end = Some((ended.outcome, ended.wire_state));
        assert_ne!(ended.outcome, Outcome::Internal, "a defect");
        assert_eq!(ended.outcome == Outcome::Ok, ended.wire_state == WireState::Answered);
        let name = format!("{:08x}-{number:06}", self.prefix);
        assert!(ended.outcome != Outcome::Ok || answer.contains(&name), "{name}: {answer}");
    }

    /// Sends an order with more fields, as a call that meets no fault.
    pub(crate) fn order(
        &mut self,
        mut fields: Value,
        padding: usize,
        timeout: Duration,
    ) -> Result<u64, Status> {
        let number = self.orders + 1;
        fields["op"] = "order".into();
        fields["id"] = number.into();
        fields["clientOrderId"] = self.name(number).into();
        if padding > 0 {
            fields["padding"] = "x".repeat(padding).into();
        }
        let text = fields.to_string();
        let timeout_ns = timeout.as_nanos() as u64;
        let id = self.session.call(Kind::Text, text.as_bytes(), number, timeout_ns, number)?;
        self.orders = number;
        self.calls.insert(id, (number, None));
        Ok(id)
    }

    /// Sends an order that meets the fault.
    pub(crate) fn meets(&mut self, fields: Value) {
        let id = self.order(fields, 0, PATIENCE).unwrap();
        self.met.push(id);
    }

    /// How often the venue has that order.
    pub(crate) fn times(&self, far: &Far, id: u64) -> u64 {
        far.times(&self.name(self.calls[&id].0))
    }

    /// Waits for the end of a call.
    pub(crate) fn end_of(&mut self, id: u64) -> End {
        self.until(|desk| desk.calls[&id].1.is_some());
        self.calls[&id].1.expect("it has ended")
    }

    pub(crate) fn expect_answer(&mut self, name: &str) {
        let id = self.order(serde_json::json!({}), 0, PATIENCE).unwrap();
        assert_eq!(self.end_of(id), ANSWERED, "{name}");
    }

    /// Drives the session, if that is for the engine to do, until something is so.
    pub(crate) fn until(&mut self, is_so: impl Fn(&Self) -> bool) {
        let begin = Instant::now();
        while !is_so(self) {
            assert!(begin.elapsed() < PATIENCE, "it never is so");
            self.take(Duration::from_millis(1));
        }
    }

    /// The next event, and when they were.
    pub(crate) fn event(&mut self) -> (u64, Event) {
        self.until(|desk| !desk.event.is_empty());
        self.event.pop_front().expect("there are some")
    }

    /// Whether nothing was told that was not asked for.
    pub(crate) fn told_nothing(&self) -> bool {
        self.event.is_empty()
    }

    /// Waits until it is up, whatever fails before.
    pub(crate) fn up(&mut self) {
        loop {
            match self.event().1 {
                Event::Up => return,
                Event::Failed(_) | Event::Lost(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Ends the session. Each call has ended once, and the venue agrees with what was told: what
    /// was answered is there once, what was not sent is not, and nothing is there twice.
    pub(crate) fn close_and_reconcile(mut self, far: &Far) {
        self.session.shutdown(Some(1000), "").unwrap();
        self.session.close().unwrap();
        let mut rest = Vec::new();
        while self.session.poll(16, PATIENCE, |kept| rest.push(kept)).unwrap().is_some() {}
        assert_eq!(rest.last().map(|kept| &kept.event), Some(&Event::Closed));
        rest.into_iter().for_each(|kept| self.file(kept));
        assert_eq!(far.duplicates(), 0, "an order was sent twice");
        for (number, end) in self.calls.values() {
            let (outcome, wire_state) = end.expect("each call ends");
            let found = far.times(&self.name(*number));
            let agrees = match wire_state {
                WireState::Answered => found == 1,
                WireState::NotSent | WireState::Partial => found == 0,
                _ => found <= 1,
            };
            assert!(agrees, "{number}: {outcome:?} {wire_state:?}, and the venue has {found}");
        }
    }
}
