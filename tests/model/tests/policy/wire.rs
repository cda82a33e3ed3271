//! The connection of a slot of the simulated pool, in place of the driver's socket.

use venuepool_model::error::{CloseReason, Outcome};
use venuepool_model::pool::connection_maintenance::Announced;
use venuepool_model::pool::connection_state::Loss;
use venuepool_model::pool::slot::{Exchange, Failure, Look, Read, Stop, Wire};

use crate::pool::{Ended, NEVER};
use crate::world::{Connection, Setting, Venue};

/// The connection that a slot has, and the one that takes over, by their numbers at the venue.
pub(crate) struct FakeWire<'a> {
    pub(crate) connection: &'a mut Option<usize>,
    pub(crate) next: &'a mut Option<usize>,
    pub(crate) venue: &'a mut Venue,
}

impl FakeWire<'_> {
    fn here(&mut self) -> &mut Connection {
        &mut self.venue.connections[self.connection.expect("the state says that it is there")]
    }

    /// What must hold when a request is sent.
    pub(crate) fn check_before_sending(&mut self, setting: &Setting, now: u64) {
        let has_next = self.next.is_some();
        let here = self.here();
        assert!(!here.retired || has_next, "a request on a retired connection");
        let (rules, idle_ns) = (&setting.rules, now - here.used_ns);
        let limit_ns = if rules.idle_limit_ns == 0 { NEVER } else { rules.idle_limit_ns };
        assert!(idle_ns <= limit_ns, "a request on a connection idle for {idle_ns} ns");
        let most = if rules.max_requests == 0 { NEVER } else { rules.max_requests };
        assert!(here.requests < most, "request {} on one connection", here.requests + 1);
        let has_ended = here.ended.is_some() || here.stray;
        // Only what came after a look that was made just now is missed, or right behind an answer.
        let unseen_ns = now.saturating_sub(here.spoilt_ns.max(here.used_ns));
        let is_seen = unseen_ns >= setting.look_after_ns;
        assert!(!has_ended || !is_seen, "sent on what was seen to be dead");
    }
}

impl Look for FakeWire<'_> {
    fn look(&mut self) -> Option<CloseReason> {
        self.here().look()
    }
}

impl Wire for FakeWire<'_> {
    type Ended = Ended;

    fn advance(&mut self, exchange: &mut Exchange, now: u64) -> (Read, Option<Failure>) {
        let read = self.here().read();
        if matches!(read, Read::Answered(_)) {
            exchange.first_byte_ns = now;
        }
        (read, None)
    }

    fn is_on_wire(&self) -> bool {
        true
    }

    fn end(&mut self, exchange: &Exchange, stop: &Stop, _: bool, now: u64) -> Ended {
        let here = self.here();
        here.used_ns = now;
        let (outcome, answer) = match stop {
            Stop::Answered(_) => (Outcome::Ok, here.answer.take()),
            Stop::Failed(outcome, _) => (*outcome, None),
        };
        if let Some(answer) = answer {
            here.answers += 1;
            here.heard = answer.announced.timeout_ns.is_some();
        } else {
            here.unheard_since_ns = exchange.start_ns;
        }
        Ended { id: exchange.id, outcome, answer }
    }

    fn announced(&self, ended: &Ended) -> Announced {
        ended.answer.expect("it was answered").announced
    }

    fn give_up(&mut self, _: u32, loss: &Loss) {
        self.here().given_up = true;
        *self.connection = self.next.take();
        assert_eq!(self.connection.is_some(), loss.replaced, "who follows");
    }
}
