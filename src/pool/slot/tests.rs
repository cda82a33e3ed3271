//! The life of a slot, step by step, with a connection that does what the test says.

use super::exchange::Failure;
use super::*;
use crate::error::{Outcome, WireState};
use crate::http::exchange::Reuse;
use crate::pool::connection_maintenance::Announced;
use crate::pool::exchange_time::Spent;

const S: u64 = 1_000_000_000;
const NO_RULES: Rules = Rules { heartbeat_ns: 0, idle_limit_ns: 0, max_age_ns: 0, max_requests: 0 };
const NO_STEPS: StepTimeouts = StepTimeouts { write_ns: NEVER, first_byte_ns: NEVER };
const RESET: (Outcome, CloseReason) = (Outcome::ConnectionReset, CloseReason::Reset);
const FAILED: Stop = Stop::Failed(RESET.0, RESET.1);
const TERMS: Terms<'_> =
    Terms { rules: &NO_RULES, steps: &NO_STEPS, grace_ns: NEVER, waits_for_late: false };

/// A connection for one turn: what each step finds, and which steps were made.
struct Fake {
    found: Option<CloseReason>,
    read: Read,
    sending: Option<Failure>,
    first_byte_ns: u64,
    is_on_wire: bool,
    steps: Vec<&'static str>,
}

impl Default for Fake {
    fn default() -> Self {
        let (found, sending, steps) = (None, None, Vec::new());
        Self { found, read: Read::Nothing, sending, first_byte_ns: 0, is_on_wire: true, steps }
    }
}

impl Look for Fake {
    fn look(&mut self) -> Option<CloseReason> {
        self.steps.push("look");
        self.found
    }
}

impl Wire for Fake {
    /// How it has stopped, and whether it lingers.
    type Ended = (Stop, bool);

    fn advance(&mut self, exchange: &mut Exchange, _: u64) -> (Read, Option<Failure>) {
        self.steps.push("advance");
        exchange.first_byte_ns = self.first_byte_ns;
        (self.read, self.sending)
    }

    fn is_on_wire(&self) -> bool {
        self.is_on_wire
    }

    fn end(&mut self, _: &Exchange, stop: &Stop, lingers: bool, _: u64) -> (Stop, bool) {
        self.steps.push("end");
        (*stop, lingers)
    }

    fn announced(&self, _: &(Stop, bool)) -> Announced {
        Announced::default()
    }

    fn give_up(&mut self, _: u32, loss: &Loss) {
        self.steps.push(if loss.replaced { "replaced" } else { "given up" });
    }
}

impl Fake {
    /// A response is whole.
    fn answered(first_byte_ns: u64) -> Self {
        Self { read: Read::Answered(None), first_byte_ns, ..Self::default() }
    }
}

fn live() -> SlotState {
    let mut slot = SlotState::default();
    slot.came_up(0, 0);
    slot
}

fn start(slot: &mut SlotState, id: Option<u64>, sent: Sent) -> Result<(), NotStarted> {
    let request = Request { id, deadline_ns: 3 * S };
    slot.start(request, &NO_RULES, NEVER, S, &mut Fake::default(), |_| sent).map(|_| ())
}

/// A slot with a request in flight, sent at one second, which must be over at three.
fn busy() -> SlotState {
    let mut slot = live();
    start(&mut slot, Some(7), Sent::Begun { begin_ns: 0, end_ns: S + 1 }).unwrap();
    slot
}

/// The turn at two seconds.
fn turn(slot: &mut SlotState, wire: &mut Fake, terms: Terms<'_>) -> TurnEnd<(Stop, bool)> {
    slot.turn(wire, &terms, 2 * S)
}

#[test]
fn a_request_is_sent_on_a_live_connection_after_a_look_and_before_its_deadline() {
    let mut wire = Fake::default();
    let ask = |slot: &mut SlotState, wire: &mut Fake, now| {
        let request = Request { id: Some(7), deadline_ns: 9 * S };
        let sent = slot
            .start(request, &NO_RULES, 10, now, wire, |_| Sent::Begun { begin_ns: 0, end_ns: now })
            .map(|_| ());
        slot.exchange = None;
        (sent, std::mem::take(&mut wire.steps))
    };
    let gone = |epoch, wakes_task| Err(NotStarted { why: NoStart::Lost(epoch), wakes_task });
    let mut slot = SlotState::default();
    assert_eq!(ask(&mut slot, &mut wire, S), (gone(0, false), vec![]));
    slot.came_up(0, 0);
    assert_eq!(ask(&mut slot, &mut wire, S), (Ok(()), vec!["look"]));
    assert_eq!(ask(&mut slot, &mut wire, S + 9), (Ok(()), vec![]), "it was looked at just now");
    assert_eq!(ask(&mut slot, &mut wire, S + 10), (Ok(()), vec!["look"]));
    let too_late = Err(NotStarted { why: NoStart::TooLate, wakes_task: false });
    assert_eq!(ask(&mut slot, &mut wire, 9 * S), (too_late, vec![]));
    wire.found = Some(CloseReason::IdleBytes);
    assert_eq!(ask(&mut slot, &mut wire, 2 * S), (gone(1, true), vec!["look"]));
    assert_eq!(ask(&mut slot, &mut wire, 2 * S), (gone(1, false), vec![]), "its task knows");
    let turn = turn(&mut slot, &mut wire, TERMS);
    assert_eq!((turn.fate, slot.last_loss()), (Fate::Lost, Some(CloseReason::IdleBytes)));
}

#[test]
fn a_connection_that_takes_no_byte_is_dead_and_its_task_is_told() {
    let mut slot = live();
    let gone = Err(NotStarted { why: NoStart::Lost(1), wakes_task: true });
    assert_eq!(start(&mut slot, Some(7), Sent::Nothing(CloseReason::IdleReset)), gone);
    assert!(slot.exchange().is_none());
    let mut wire = Fake::default();
    assert_eq!(turn(&mut slot, &mut wire, TERMS).fate, Fate::Lost);
    assert_eq!((wire.steps, slot.last_loss()), (vec!["given up"], Some(CloseReason::IdleReset)));
}

#[test]
fn a_request_that_is_withdrawn_at_the_last_moment_leaves_the_connection_as_it_was() {
    let mut slot = live();
    let withdrawn = Err(NotStarted { why: NoStart::Withdrawn, wakes_task: false });
    assert_eq!(start(&mut slot, Some(7), Sent::Withdrawn), withdrawn);
    assert!(slot.exchange().is_none() && slot.is_live());
    assert_eq!(start(&mut slot, Some(8), Sent::Begun { begin_ns: 0, end_ns: S }), Ok(()));
}

#[test]
fn a_connection_beyond_its_idle_limit_takes_no_request_and_its_task_is_told() {
    let rules = Rules { idle_limit_ns: S, ..NO_RULES };
    let mut slot = live();
    let request = Request { id: Some(7), deadline_ns: NEVER };
    let start = |slot: &mut SlotState, now| {
        slot.start(request, &rules, 0, now, &mut Fake::default(), |_| Sent::Begun {
            begin_ns: 0,
            end_ns: 0,
        })
        .map(|_| ())
    };
    assert_eq!(start(&mut slot, S - 1), Ok(()));
    slot.exchange = None;
    assert_eq!(start(&mut slot, S), Err(NotStarted { why: NoStart::Lost(1), wakes_task: true }));
    turn(&mut slot, &mut Fake::default(), TERMS);
    assert_eq!(slot.last_loss(), Some(CloseReason::IdleLimit));
}

#[test]
fn an_exchange_ends_by_what_was_read_before_all_else() {
    let stop = |read, sending, now| {
        Exchange::new(Some(7), 1, S, 3 * S).stop(read, sending, &NO_STEPS, NEVER, now)
    };
    let answered = Read::Answered(None);
    assert_eq!(stop(answered, Some(RESET), 9 * S), Some(Stop::Answered(None)));
    let closed = Read::Failed(Outcome::ConnectionClosed, CloseReason::Closed);
    let stops = Some(Stop::Failed(Outcome::ConnectionClosed, CloseReason::Closed));
    assert_eq!(stop(closed, Some(RESET), 9 * S), stops);
    assert_eq!(stop(Read::Nothing, Some(RESET), 9 * S), Some(FAILED));
    assert_eq!(stop(Read::More, Some(RESET), 9 * S), None, "all of it is read first");
    let timeout = Some(Stop::Failed(Outcome::Timeout, CloseReason::Timeout));
    assert_eq!(stop(Read::Nothing, None, 3 * S), timeout);
    assert_eq!(stop(Read::Nothing, None, 3 * S - 1), None);
}

#[test]
fn what_still_comes_after_the_end_is_read_for_a_while_only() {
    let mut exchange = Exchange::new(Some(7), 1, S, 3 * S);
    let mut turns = |now| {
        let stop = || exchange.stop(Read::More, None, &NO_STEPS, NEVER, now);
        std::iter::repeat_with(stop).take(500).take_while(Option::is_none).count()
    };
    assert_eq!(turns(3 * S - 1), 500, "before its end it is read without a bound");
    assert_eq!(turns(3 * S), 127);
    let mut exchange = Exchange::new(Some(7), 1, S, 3 * S);
    let mut shut = || exchange.stop(Read::More, None, &NO_STEPS, 2 * S, 2 * S);
    assert_eq!((0..127).filter(|_| shut().is_none()).count(), 127);
    assert_eq!(shut(), Some(Stop::Failed(Outcome::Shutdown, CloseReason::Shutdown)));
}

#[test]
fn a_shutdown_ends_an_exchange_when_its_grace_is_over_and_a_heartbeat_at_once() {
    let stop = |id, grace_ns| {
        Exchange::new(id, 1, S, 9 * S).stop(Read::Nothing, None, &NO_STEPS, grace_ns, 2 * S)
    };
    let shutdown = Some(Stop::Failed(Outcome::Shutdown, CloseReason::Shutdown));
    assert_eq!(stop(Some(7), 3 * S), None);
    assert_eq!(stop(Some(7), 2 * S), shutdown);
    assert_eq!(stop(None, 3 * S), shutdown);
    assert_eq!(stop(None, NEVER), None);
    let missed =
        Exchange::new(None, 1, S, 2 * S).stop(Read::Nothing, None, &NO_STEPS, NEVER, 2 * S);
    assert_eq!(missed, Some(Stop::Failed(Outcome::Timeout, CloseReason::Heartbeat)));
}

#[test]
fn each_step_of_an_exchange_has_its_limit_which_is_watched_until_it_has_passed() {
    let steps = StepTimeouts { write_ns: S, first_byte_ns: 2 * S };
    let mut exchange = Exchange::new(Some(7), 1, 10 * S, 20 * S);
    assert_eq!(exchange.ends_ns(&steps), 11 * S);
    assert_eq!(exchange.end_to_watch(&steps, 11 * S - 1), Some(11 * S));
    assert_eq!(exchange.end_to_watch(&steps, 11 * S), Some(NEVER));
    exchange.write_ns = 10 * S + 5;
    assert_eq!(exchange.ends_ns(&steps), 12 * S + 5);
    exchange.first_byte_ns = 11 * S;
    assert_eq!(exchange.ends_ns(&steps), 20 * S);
    assert_eq!(Exchange::new(Some(7), 1, 10 * S, 10 * S + 3).ends_ns(&steps), 10 * S + 3);
    assert_eq!(Exchange::new(None, 1, S, 2 * S).end_to_watch(&steps, S), None, "a heartbeat");
}

#[test]
fn a_cancel_ends_its_own_exchange_unless_the_answer_is_here() {
    let mut slot = busy();
    assert!(!slot.cancel(8) && slot.cancel(7));
    let stop = |read| slot.exchange.unwrap().stop(read, None, &NO_STEPS, NEVER, S);
    assert_eq!(stop(Read::Answered(None)), Some(Stop::Answered(None)));
    let cancelled = Stop::Failed(Outcome::Cancelled, CloseReason::Cancelled);
    assert_eq!(stop(Read::More), Some(cancelled), "it does not wait for the rest");
    let turn = turn(&mut slot, &mut Fake::default(), TERMS);
    assert_eq!(turn.ended, Some((cancelled, false)));
    assert!(!slot.cancel(7), "it is over");
    let mut slot = live();
    start(&mut slot, None, Sent::Begun { begin_ns: 0, end_ns: S }).unwrap();
    assert!(!slot.cancel(0), "a heartbeat has no number");
}

#[test]
fn a_response_may_be_the_last_of_its_connection() {
    let behind = || Some(CloseReason::SurplusBytes);
    let closes = Reuse::Close(CloseReason::ResponseClose);
    let answered = |reuse, is_sent| Read::answered(reuse, is_sent, behind);
    let early = Read::Answered(Some(CloseReason::EarlyResponse));
    assert_eq!((answered(closes, false), answered(Reuse::KeepAlive, false)), (early, early));
    assert_eq!(answered(closes, true), Read::Answered(Some(CloseReason::ResponseClose)));
    let surplus = Read::Answered(Some(CloseReason::SurplusBytes));
    assert_eq!(answered(Reuse::KeepAlive, true), surplus);
}

#[test]
fn what_is_told_of_a_failure_is_how_far_request_and_answer_came() {
    let told = |sent, has_begun| FAILED.told(|| (sent, has_begun));
    assert_eq!(told(WireState::Sent, true), (RESET.0, WireState::Answering));
    assert_eq!(told(WireState::Sent, false), (RESET.0, WireState::Sent));
    assert_eq!(told(WireState::Partial, true), (RESET.0, WireState::Partial));
    let ok = (Outcome::Ok, WireState::Answered);
    assert_eq!(Stop::Answered(None).told(|| (WireState::Partial, true)), ok);
}

#[test]
fn after_an_answer_the_connection_serves_on_and_says_how_long_it_took() {
    let (mut slot, mut wire) = (busy(), Fake::answered(S + 5));
    let turn_end = turn(&mut slot, &mut wire, TERMS);
    assert_eq!(turn_end.ended, Some((Stop::Answered(None), false)));
    assert_eq!((turn_end.fate, turn_end.spent), (Fate::Kept, Some(Spent::Answered(S))));
    assert_eq!(wire.steps, ["advance", "end"]);
    assert_eq!((slot.rtt_ns(), slot.proven_ns()), (4, 2 * S));
    assert!(slot.exchange().is_none());
    let report = turn_end.report().expect("the exchange has ended");
    assert!(report.has_ended && report.fate == Fate::Kept);
    let closes = Read::Answered(Some(CloseReason::ResponseClose));
    for (read, reason) in
        [(closes, CloseReason::ResponseClose), (Read::Failed(RESET.0, RESET.1), RESET.1)]
    {
        let (mut slot, mut wire) = (busy(), Fake { read, ..Fake::default() });
        let turn_end = turn(&mut slot, &mut wire, TERMS);
        assert_eq!((turn_end.fate, slot.last_loss()), (Fate::Lost, Some(reason)));
        assert_eq!(wire.steps, ["advance", "end", "given up"]);
    }
}

#[test]
fn a_turn_without_an_exchange_looks_and_one_without_an_end_says_nothing() {
    let (mut slot, mut wire) = (live(), Fake::default());
    assert_eq!(turn(&mut slot, &mut wire, TERMS).report(), None);
    assert_eq!(wire.steps, ["look"]);
    wire.found = Some(CloseReason::IdleClosed);
    let report = turn(&mut slot, &mut wire, TERMS).report().expect("it is lost");
    assert_eq!((report.fate, report.epoch, report.has_ended), (Fate::Lost, 1, false));
    assert_eq!(turn(&mut slot, &mut wire, TERMS).report(), None, "there is no connection");
    let (mut slot, mut wire) = (busy(), Fake::default());
    assert_eq!(turn(&mut slot, &mut wire, TERMS).report(), None);
    assert_eq!(wire.steps, ["advance"]);
}

#[test]
fn what_ends_a_connection_waits_for_its_exchange() {
    let mut slot = busy();
    slot.retire(CloseReason::Suspended);
    turn(&mut slot, &mut Fake::answered(S), TERMS);
    assert_eq!(slot.last_loss(), Some(CloseReason::Suspended));
    let (mut slot, shut) = (busy(), Terms { grace_ns: 9 * S, ..TERMS });
    turn(&mut slot, &mut Fake::answered(S), shut);
    assert_eq!(slot.last_loss(), Some(CloseReason::Shutdown));
}

#[test]
fn the_pool_thread_leaves_a_turn_to_the_engine_and_the_look_is_made_later() {
    let mut slot = busy();
    assert!(slot.leaves_turn_to_engine(NEVER, S));
    let mut wire = Fake::answered(S);
    turn(&mut slot, &mut wire, TERMS);
    assert_eq!(wire.steps, ["advance", "end", "look"]);
    assert!(!slot.leaves_turn_to_engine(NEVER, S), "nothing is in flight");
    start(&mut slot, Some(8), Sent::Begun { begin_ns: 0, end_ns: S }).unwrap();
    let mut wire = Fake::answered(S);
    turn(&mut slot, &mut wire, TERMS);
    assert_eq!(wire.steps, ["advance", "end"], "it was looked at");
    assert!(!busy().leaves_turn_to_engine(S, S), "the grace of a shutdown is over");
    let mut slot = live();
    start(&mut slot, None, Sent::Begun { begin_ns: 0, end_ns: S }).unwrap();
    assert!(!slot.leaves_turn_to_engine(NEVER, S), "a heartbeat");
}

#[test]
fn a_late_answer_is_waited_for_if_the_whole_request_is_on_the_wire() {
    let terms = Terms { waits_for_late: true, ..TERMS };
    let lingers = |wire: &mut Fake, terms: Terms<'_>, now| {
        busy().turn(wire, &terms, now).ended.expect("it is over").1
    };
    assert!(lingers(&mut Fake::default(), terms, 3 * S));
    assert!(!lingers(&mut Fake::default(), TERMS, 3 * S), "the pool does not wait");
    assert!(!lingers(&mut Fake { is_on_wire: false, ..Fake::default() }, terms, 3 * S));
    let mut reset = Fake { read: Read::Failed(RESET.0, RESET.1), ..Fake::default() };
    assert!(!lingers(&mut reset, terms, 3 * S), "there will be no answer");
}

#[test]
fn a_timeout_tells_since_when_nothing_was_heard() {
    let lost = |first_byte_ns| {
        let (mut slot, mut wire) = (busy(), Fake { first_byte_ns, ..Fake::default() });
        let turn_end = slot.turn(&mut wire, &TERMS, 3 * S);
        assert_eq!(turn_end.spent, Some(Spent::RanOut(2 * S)));
        slot.take_loss().unwrap().unheard_since_ns
    };
    assert_eq!((lost(0), lost(S + 1)), (S, 0));
}

#[test]
fn a_replacement_waits_for_the_exchange_and_takes_over_in_an_open_pool_only() {
    for (grace_ns, fate, last) in
        [(NEVER, Fate::Replaced, "replaced"), (9 * S, Fate::Lost, "given up")]
    {
        let is_open = grace_ns == NEVER;
        let rules = Rules { max_age_ns: S, ..NO_RULES };
        let mut slot = live();
        let needs = slot.maintain(&rules, S);
        assert_eq!(needs.for_task, Some(Action::Replace(CloseReason::MaxAge)));
        assert!(!needs.heartbeat && slot.wants_replacement(S).is_some());
        start(&mut slot, Some(7), Sent::Begun { begin_ns: 0, end_ns: S }).unwrap();
        assert!(!slot.replacement_came_up(S + 1, 0) && slot.has_next());
        let mut wire = Fake::answered(S);
        let turn_end = turn(&mut slot, &mut wire, Terms { grace_ns, ..TERMS });
        assert_eq!((turn_end.fate, turn_end.epoch), (fate, if is_open { 2 } else { 1 }));
        assert_eq!(wire.steps, ["advance", "end", last]);
        assert_eq!((slot.is_live(), slot.has_next()), (is_open, false));
        let loss = slot.take_loss().unwrap();
        assert_eq!((loss.replaced, loss.answered, slot.take_loss()), (is_open, true, None));
    }
}

#[test]
fn a_heartbeat_that_is_put_off_does_not_put_off_the_limits() {
    let rules = Rules { heartbeat_ns: S, idle_limit_ns: 10 * S, ..NO_RULES };
    let mut slot = live();
    let needs = slot.maintain(&rules, 2 * S);
    assert!(needs.heartbeat && needs.for_task.is_none());
    let rest = needs.rest_after_heartbeat(60 * S);
    assert!((8 * S..=9 * S).contains(&rest.look_ns), "for the replacement: {rest:?}");
    assert_eq!(needs.rest_after_heartbeat(3 * S).look_ns, 3 * S);
    let needs = slot.maintain(&rules, 9 * S);
    assert!(needs.heartbeat && needs.for_task == Some(Action::Replace(CloseReason::IdleLimit)));
    assert_eq!(needs.rest_after_heartbeat(60 * S).look_ns, 10 * S, "for its end");
}

#[test]
fn a_replacement_that_comes_after_the_loss_takes_over_at_once() {
    let mut slot = live();
    assert!(!slot.give_up(CloseReason::IdleReset, true, S).replaced);
    assert!(slot.replacement_came_up(2 * S, 0));
    assert!(slot.take_loss().unwrap().replaced);
    assert_eq!((slot.is_live(), slot.epoch(), slot.proven_ns()), (true, 2, 2 * S));
}

#[test]
fn after_a_defect_only_the_number_is_kept() {
    let mut slot = busy();
    slot.give_up(CloseReason::IdleReset, true, S);
    slot.abandon();
    assert!(!slot.is_live() && slot.exchange().is_none() && slot.take_loss().is_none());
    let needs = slot.maintain(&NO_RULES, S);
    assert_eq!((slot.epoch(), needs.for_task, needs.rest.look_ns), (1, None, NEVER));
    slot.came_up(2 * S, 0);
    assert_eq!(slot.epoch(), 2);
}

#[test]
fn a_connection_that_is_moved_serves_until_its_replacement_does_and_is_moved_once() {
    let mut slot = SlotState::default();
    slot.move_away();
    assert!(slot.wants_replacement(S).is_none(), "there is nothing to move");
    slot.came_up(S, 0);
    slot.move_away();
    assert!(slot.wants_replacement(S).is_some());
    assert!(!slot.replacement_came_up(2 * S, 0));
    slot.move_away();
    assert!(slot.wants_replacement(S).is_none(), "the next one is here already");
    assert_eq!(turn(&mut slot, &mut Fake::default(), TERMS).fate, Fate::Replaced);
    assert_eq!(slot.take_loss().unwrap().reason, CloseReason::Moved);
    slot.move_away();
    assert!(slot.wants_replacement(S).is_some(), "the new one may be moved, too");
}
