//! The state of a slot's connection: whether it may serve, why it goes, and what follows it.
//!
//! ```text
//!   begin ──► serves ──► dead: gone at the next turn
//!                    ──► retires: gone as soon as no exchange is in flight
//!                    ──► is to be replaced ──► succeeded: retires, and may serve until then
//! ```
//!
//! It knows neither the connection nor the exchange on it: whoever holds them says what happened.
//! Times are nanoseconds on any clock that never goes back.

use super::connection_maintenance::{Action, Announced, ConnectionMaintenance, Rules};
use crate::error::CloseReason;

/// No such moment.
const NEVER: u64 = u64::MAX;

/// A connection that was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Why.
    pub reason: CloseReason,
    /// How long it had lived, in nanoseconds.
    pub lifetime_ns: u64,
    /// Whether it had brought at least one response.
    pub answered: bool,
    /// Its replacement took over.
    pub replaced: bool,
    /// When its last exchange was sent, if not one byte of an answer to it came; 0 otherwise.
    pub unheard_since_ns: u64,
}

impl Loss {
    /// Whether this side ended the connection for a reason that says nothing against the venue.
    /// `answered_ns`: when the venue answered last, on any connection. A deadline of ours is no
    /// evidence against a venue that has been heard from since the request was sent.
    pub fn is_ours(&self, answered_ns: u64) -> bool {
        let was_heard = self.unheard_since_ns <= answered_ns;
        self.reason.is_ours() || self.reason == CloseReason::Timeout && was_heard
    }

    /// Whether the end of the connection counts as a failed dial for the engine. In TLS 1.3 the
    /// peer judges the client's certificate after the handshake has ended on this side. So a TLS
    /// fault before the first answer is a refused handshake.
    pub fn is_failed_dial(&self, has_tls_fault: bool) -> bool {
        has_tls_fault && !self.answered
    }
}

/// What a connection has proven so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Whether it has brought at least one response.
    pub answered: bool,
    /// How long it has lived, in nanoseconds.
    pub lifetime_ns: u64,
}

/// What is known of the connection that a slot has, or had last.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectionState {
    /// Counts the connections that this slot had.
    epoch: u32,
    maintenance: ConnectionMaintenance,
    /// The connection has brought a response.
    answered: bool,
    /// The connection was found dead by a submitter; the slot's task has yet to clear it away.
    dead: Option<CloseReason>,
    /// Why the connection is given up as soon as no exchange is in flight.
    retire: Option<CloseReason>,
    /// Why a replacement is wanted, which the slot's task has yet to dial.
    replace: Option<CloseReason>,
    /// A replacement was asked for.
    replacing: bool,
    /// When the socket was last seen to hold nothing.
    looked_ns: u64,
    /// Something may have come in that the exchange will not read: look when it is over.
    look_again: bool,
    /// As in [`Loss`].
    unheard_since_ns: u64,
}

impl ConnectionState {
    /// A new connection takes the slot. `random` is uniform over all of `u64`.
    pub fn begin(&mut self, now_ns: u64, random: u64) {
        // All else is of the old connection, also the last look: this one was not looked at yet.
        let (epoch, maintenance) = (self.epoch + 1, self.maintenance.next(now_ns, random));
        *self = Self { epoch, maintenance, ..Self::default() };
    }

    /// The number of the connection in its slot, from 1; 0 before the first.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// When it came up, how many exchanges it carried, when the last one ended.
    pub fn maintenance(&self) -> &ConnectionMaintenance {
        &self.maintenance
    }

    /// Whether a request may be sent on it, for all that is known. `has_next`: its replacement is
    /// live and waits.
    pub fn may_serve(&self, has_next: bool) -> bool {
        // One that is about to be replaced may serve once more.
        let is_over = self.retire.is_some() && !has_next;
        self.dead.is_none() && !is_over
    }

    /// Why no request may be sent on it at that moment, although it was not retired yet.
    pub fn outlived(&self, rules: &Rules, now_ns: u64) -> Option<CloseReason> {
        self.maintenance.is_idle_too_long(rules, now_ns).then_some(CloseReason::IdleLimit)
    }

    /// Whether the last look at it is too old to send without another.
    pub fn needs_look(&self, now_ns: u64, look_after_ns: u64) -> bool {
        now_ns.saturating_sub(self.looked_ns) >= look_after_ns
    }

    /// Its socket is looked at now.
    pub fn looked(&mut self, now_ns: u64) {
        self.looked_ns = now_ns;
    }

    /// Somebody could not look because of the exchange: look when it is over.
    pub fn look_again_later(&mut self) {
        self.look_again = true;
    }

    /// Whether a look was put off; answered once.
    pub fn take_look_again(&mut self) -> bool {
        std::mem::take(&mut self.look_again)
    }

    /// A submitter found it dead.
    pub fn mark_dead(&mut self, reason: CloseReason) {
        self.dead = Some(reason);
    }

    /// It is to be given up as soon as no exchange is in flight.
    pub fn retire(&mut self, reason: CloseReason) {
        self.retire = Some(reason);
    }

    /// It is to be replaced by a connection to another address, unless it goes or is to be replaced
    /// anyway.
    pub fn move_away(&mut self) {
        if self.retire.is_none() && !self.replacing {
            (self.replace, self.replacing) = (Some(CloseReason::Moved), true);
        }
    }

    /// What it has proven so far.
    pub fn proof(&self, now_ns: u64) -> Proof {
        let lifetime_ns = now_ns.saturating_sub(self.maintenance.born_ns());
        Proof { answered: self.answered, lifetime_ns }
    }

    /// Whether a replacement is to be dialled.
    pub fn wants_replacement(&self) -> bool {
        self.replace.is_some()
    }

    /// Its replacement is live: it retires for the reason for which that was wanted.
    pub fn is_succeeded(&mut self) {
        self.retire = self.replace.take().or(self.retire);
    }

    /// What it needs now, or when to look again at the latest. What is not a heartbeat is noted
    /// here, for the next turn. `at_work`: an exchange is in flight.
    pub fn check(&mut self, rules: &Rules, now_ns: u64, at_work: bool) -> Result<Action, u64> {
        if self.retire.is_some() {
            return Err(NEVER);
        }
        let action = self.maintenance.action(rules, now_ns, self.replacing)?;
        match action {
            Action::Replace(reason) => {
                self.replace = Some(reason);
                self.replacing = true;
            }
            // The end of the exchange is use, and the judgement is made anew.
            _ if at_work => return Err(NEVER),
            Action::Retire(reason) => self.retire = Some(reason),
            Action::Heartbeat => {}
        }
        Ok(action)
    }

    /// When the first of its limits asks for something, at the latest.
    pub fn next_limit_ns(&self, rules: &Rules) -> u64 {
        self.maintenance.next_limit_ns(rules, self.replacing)
    }

    /// An exchange on it has ended, and all that had come in was read.
    pub fn used(&mut self, now_ns: u64) {
        self.looked_ns = now_ns;
        self.maintenance.used(now_ns);
    }

    /// Its exchange has ended, and since it was sent at that moment not one byte has come.
    pub fn unheard(&mut self, since_ns: u64) {
        self.unheard_since_ns = since_ns;
    }

    /// It brought a response, which may announce limits.
    pub fn answered(&mut self, announced: impl FnOnce() -> Announced) {
        // A server that announces limits does so from its first answer on.
        if !self.answered || self.maintenance.has_heard() {
            self.maintenance.heard(announced());
        }
        self.answered = true;
    }

    /// When maintenance must look at it, if the last exchange can have made that sooner.
    pub fn next_look_ns(&self, rules: &Rules, now_ns: u64) -> u64 {
        if rules.max_requests == 0 && !self.maintenance.has_heard() {
            return NEVER;
        }
        self.maintenance.action(rules, now_ns, self.replacing).err().unwrap_or(now_ns)
    }

    /// Why it goes when it has carried its last request.
    pub fn used_up(&self, rules: &Rules) -> Option<CloseReason> {
        if self.maintenance.ends_now() {
            return Some(CloseReason::ResponseClose);
        }
        (self.maintenance.requests_left(rules) == 0).then_some(CloseReason::MaxRequests)
    }

    /// Why it goes now that no exchange is in flight, if so.
    pub fn end(&self, is_open: bool) -> Option<CloseReason> {
        let shutdown = (!is_open).then_some(CloseReason::Shutdown);
        self.dead.or(shutdown).or(self.retire)
    }

    /// It is given up.
    pub fn loss(&self, reason: CloseReason, now_ns: u64, replaced: bool) -> Loss {
        let Proof { answered, lifetime_ns } = self.proof(now_ns);
        let unheard_since_ns = self.unheard_since_ns;
        Loss { reason, lifetime_ns, answered, replaced, unheard_since_ns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;
    const AGE: CloseReason = CloseReason::MaxAge;

    #[test]
    fn a_tls_fault_before_the_first_answer_is_a_failed_dial() {
        let lost = |answered| Loss {
            reason: CloseReason::Reset,
            lifetime_ns: 1,
            answered,
            replaced: false,
            unheard_since_ns: 0,
        };
        assert!(lost(false).is_failed_dial(true));
        assert!(!lost(false).is_failed_dial(false), "it is no matter of TLS");
        assert!(!lost(true).is_failed_dial(true), "the handshake was accepted");
    }

    fn aged() -> (ConnectionState, Rules) {
        let rules = Rules { max_age_ns: 10 * S, idle_limit_ns: 20 * S, ..Rules::default() };
        let mut connection = ConnectionState::default();
        connection.begin(0, 0);
        assert_eq!(connection.check(&rules, 10 * S, false), Ok(Action::Replace(AGE)));
        (connection, rules)
    }

    #[test]
    fn an_old_connection_serves_until_its_replacement_is_live_and_once_more() {
        let (mut connection, rules) = aged();
        assert!(connection.wants_replacement() && connection.may_serve(false));
        assert_eq!(
            (connection.end(true), connection.check(&rules, 10 * S, false)),
            (None, Err(20 * S))
        );
        connection.is_succeeded();
        assert!(!connection.wants_replacement() && connection.may_serve(true));
        assert_eq!(connection.end(true), Some(AGE));
        let loss = connection.loss(AGE, 11 * S, true);
        assert_eq!((loss.lifetime_ns, loss.answered, loss.replaced), (11 * S, false, true));
        connection.begin(11 * S, 0);
        assert_eq!((connection.epoch(), connection.end(true)), (2, None));
        assert!(connection.may_serve(false) && !connection.wants_replacement());
    }

    #[test]
    fn a_connection_beyond_its_limit_serves_no_request_and_goes_after_its_exchange() {
        let (mut connection, rules) = aged();
        assert_eq!(connection.check(&rules, 20 * S, true), Err(NEVER), "it is at work");
        let retire = Action::Retire(CloseReason::IdleLimit);
        assert_eq!(connection.check(&rules, 20 * S, false), Ok(retire));
        assert!(!connection.may_serve(false));
        assert_eq!(connection.check(&rules, 30 * S, false), Err(NEVER), "that is decided");
        assert_eq!(connection.end(true), Some(CloseReason::IdleLimit));
        assert_eq!(connection.end(false), Some(CloseReason::Shutdown));
    }

    #[test]
    fn an_answer_that_announces_the_end_ends_this_connection_and_no_other() {
        let (rules, mut connection) = (Rules::default(), ConnectionState::default());
        connection.begin(0, 0);
        connection.used(S);
        connection.answered(|| Announced { timeout_ns: Some(0), requests_left: None });
        assert_eq!(connection.used_up(&rules), Some(CloseReason::ResponseClose));
        connection.begin(S, 0);
        assert_eq!((connection.used_up(&rules), connection.outlived(&rules, 9 * S)), (None, None));
    }

    #[test]
    fn what_was_found_dead_serves_no_request_and_says_why() {
        let (mut connection, _) = aged();
        connection.mark_dead(CloseReason::Closed);
        connection.is_succeeded();
        assert!(!connection.may_serve(true));
        assert_eq!(connection.end(true), Some(CloseReason::Closed));
    }

    #[test]
    fn a_look_is_made_when_the_last_one_is_old_or_was_of_another_connection() {
        let mut connection = ConnectionState::default();
        connection.begin(5 * S, 0);
        assert!(connection.needs_look(5 * S, S));
        connection.used(6 * S);
        assert!(!connection.needs_look(7 * S - 1, S) && connection.needs_look(7 * S, S));
        assert!(connection.needs_look(6 * S, 0));
        connection.look_again_later();
        assert!(connection.take_look_again() && !connection.take_look_again());
        connection.begin(6 * S, 0);
        assert!(connection.needs_look(6 * S, S));
    }
}
