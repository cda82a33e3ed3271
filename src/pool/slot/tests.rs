//! The life of a slot, step by step.

use super::*;

const S: u64 = 1_000_000_000;
const NO_RULES: Rules = Rules { heartbeat_ns: 0, idle_limit_ns: 0, max_age_ns: 0, max_requests: 0 };
const NO_STEPS: StepTimeouts = StepTimeouts { write_ns: NEVER, first_byte_ns: NEVER };
const FAILED: Stop = Stop::Failed(Outcome::ConnectionReset, CloseReason::Reset);

fn live() -> SlotState {
    let mut slot = SlotState::default();
    slot.came_up(0, 0);
    slot
}

/// A slot with a request in flight, sent at one second, which must be over at three.
fn busy() -> SlotState {
    let mut slot = live();
    slot.began(Exchange::new(Some(7), S, 3 * S));
    slot
}

fn finish(slot: &mut SlotState, stop: Stop) -> Finished {
    slot.finished(stop, Announced::default, &NO_RULES, true, 2 * S)
}

#[test]
fn a_request_is_sent_on_a_live_connection_after_a_look_and_before_its_deadline() {
    let ready = |slot: &mut SlotState, now| slot.ready(now, 9 * S, &NO_RULES, 10);
    let mut slot = SlotState::default();
    assert_eq!(ready(&mut slot, S), Ready::Gone { is_news: false });
    slot.came_up(0, 0);
    assert_eq!(ready(&mut slot, S), Ready::Look);
    slot.looked(S, None);
    assert_eq!(ready(&mut slot, S + 9), Ready::Yes, "it was looked at just now");
    assert_eq!(ready(&mut slot, S + 10), Ready::Look);
    assert_eq!(ready(&mut slot, 9 * S), Ready::TooLate);
    slot.looked(S, Some(CloseReason::IdleBytes));
    assert_eq!(ready(&mut slot, S), Ready::Gone { is_news: false });
    assert_eq!(slot.idle(true), Then::Close(CloseReason::IdleBytes));
}

#[test]
fn a_connection_beyond_its_idle_limit_takes_no_request_and_its_task_is_told() {
    let rules = Rules { idle_limit_ns: S, ..NO_RULES };
    let mut slot = live();
    assert_eq!(slot.ready(S - 1, NEVER, &rules, 0), Ready::Look);
    assert_eq!(slot.ready(S, NEVER, &rules, 0), Ready::Gone { is_news: true });
    assert_eq!(slot.idle(true), Then::Close(CloseReason::IdleLimit));
}

#[test]
fn an_exchange_ends_by_what_was_read_before_all_else() {
    let exchange = Exchange::new(Some(7), S, 3 * S);
    let sending = Some((Outcome::ConnectionReset, CloseReason::Reset));
    let stop = |read, sending, now| exchange.stop(read, sending, &NO_STEPS, NEVER, now);
    let answered = Read::Answered(None);
    assert_eq!(stop(answered, sending, 9 * S), Some(Stop::Answered(None)));
    let closed = Read::Failed(Outcome::ConnectionClosed, CloseReason::Closed);
    let stops = Some(Stop::Failed(Outcome::ConnectionClosed, CloseReason::Closed));
    assert_eq!(stop(closed, sending, 9 * S), stops);
    assert_eq!(stop(Read::Nothing, sending, 9 * S), Some(FAILED));
    assert_eq!(stop(Read::More, sending, 9 * S), None, "all of it is read first");
    let timeout = Some(Stop::Failed(Outcome::Timeout, CloseReason::Timeout));
    assert_eq!(stop(Read::Nothing, None, 3 * S), timeout);
    assert_eq!(stop(Read::Nothing, None, 3 * S - 1), None);
}

#[test]
fn a_shutdown_ends_an_exchange_when_its_grace_is_over_and_a_heartbeat_at_once() {
    let stop = |id, grace_ns| {
        Exchange::new(id, S, 9 * S).stop(Read::Nothing, None, &NO_STEPS, grace_ns, 2 * S)
    };
    let shutdown = Some(Stop::Failed(Outcome::Shutdown, CloseReason::Shutdown));
    assert_eq!(stop(Some(7), 3 * S), None);
    assert_eq!(stop(Some(7), 2 * S), shutdown);
    assert_eq!(stop(None, 3 * S), shutdown);
    assert_eq!(stop(None, NEVER), None);
    let missed = Exchange::new(None, S, 2 * S).stop(Read::Nothing, None, &NO_STEPS, NEVER, 2 * S);
    assert_eq!(missed, Some(Stop::Failed(Outcome::Timeout, CloseReason::Heartbeat)));
}

#[test]
fn each_step_of_an_exchange_has_its_limit() {
    let steps = StepTimeouts { write_ns: S, first_byte_ns: 2 * S };
    let mut exchange = Exchange::new(Some(7), 10 * S, 20 * S);
    assert_eq!(exchange.ends_ns(&steps), 11 * S);
    exchange.write_ns = 10 * S + 5;
    assert_eq!(exchange.ends_ns(&steps), 12 * S + 5);
    exchange.first_byte_ns = 11 * S;
    assert_eq!(exchange.ends_ns(&steps), 20 * S);
    assert_eq!(Exchange::new(Some(7), 10 * S, 10 * S + 3).ends_ns(&steps), 10 * S + 3);
}

#[test]
fn a_cancel_ends_its_own_exchange_unless_the_answer_is_here() {
    let mut slot = busy();
    assert!(!slot.cancel(8) && slot.cancel(7));
    let exchange = *slot.exchange().unwrap();
    let stop = |read| exchange.stop(read, None, &NO_STEPS, NEVER, S);
    assert_eq!(stop(Read::Answered(None)), Some(Stop::Answered(None)));
    assert_eq!(stop(Read::More), stop(Read::Nothing), "it does not wait for the rest");
    let stop = stop(Read::Nothing);
    assert_eq!(stop, Some(Stop::Failed(Outcome::Cancelled, CloseReason::Cancelled)));
    finish(&mut slot, stop.unwrap());
    assert!(!slot.cancel(7), "it is over");
    slot.began(Exchange::new(None, S, 3 * S));
    assert!(!slot.cancel(0), "a heartbeat is nobody's");
}

#[test]
fn after_an_answer_the_connection_serves_on_and_says_how_long_it_took() {
    let mut slot = busy();
    let exchange = slot.exchange_mut().unwrap();
    (exchange.write_ns, exchange.first_byte_ns) = (S + 1, S + 5);
    let finished = finish(&mut slot, Stop::Answered(None));
    assert_eq!((finished.then, finished.spent), (Then::Keep, Some(Spent::Answered(S))));
    assert_eq!((slot.rtt_ns(), slot.proven_ns()), (4, 2 * S));
    assert!(slot.exchange().is_none());
    let closes = Stop::Answered(Some(CloseReason::ResponseClose));
    let mut slot = busy();
    assert_eq!(finish(&mut slot, closes).then, Then::Close(CloseReason::ResponseClose));
    let mut slot = busy();
    assert_eq!(finish(&mut slot, FAILED).then, Then::Close(CloseReason::Reset));
}

#[test]
fn what_ends_a_connection_waits_for_its_exchange() {
    let mut slot = busy();
    slot.retire(CloseReason::Suspended);
    let finished = finish(&mut slot, Stop::Answered(None));
    assert_eq!(finished.then, Then::Close(CloseReason::Suspended));
    let mut slot = busy();
    slot.look_later();
    assert_eq!(finish(&mut slot, Stop::Answered(None)).then, Then::Look);
    slot.began(Exchange::new(Some(8), S, 3 * S));
    assert_eq!(finish(&mut slot, Stop::Answered(None)).then, Then::Keep, "it was looked at");
    let mut slot = busy();
    let closed = slot.finished(Stop::Answered(None), Announced::default, &NO_RULES, false, S);
    assert_eq!(closed.then, Then::Close(CloseReason::Shutdown));
}

#[test]
fn a_timeout_tells_since_when_nothing_was_heard() {
    let timeout = Stop::Failed(Outcome::Timeout, CloseReason::Timeout);
    let lost = |first_byte_ns| {
        let mut slot = busy();
        slot.exchange_mut().unwrap().first_byte_ns = first_byte_ns;
        assert_eq!(finish(&mut slot, timeout).spent, Some(Spent::RanOut(S)));
        slot.give_up(CloseReason::Timeout, true, 2 * S);
        slot.take_loss().unwrap().unheard_since_ns
    };
    assert_eq!((lost(0), lost(S + 1)), (S, 0));
}

#[test]
fn a_replacement_waits_for_the_exchange_and_takes_over_in_an_open_pool_only() {
    for (is_open, fate) in [(true, Fate::Replaced), (false, Fate::Lost)] {
        let rules = Rules { max_age_ns: S, ..NO_RULES };
        let mut slot = live();
        assert_eq!(slot.maintain(&rules, S), Ok(Action::Replace(CloseReason::MaxAge)));
        assert!(slot.wants_replacement(S).is_some());
        slot.began(Exchange::new(Some(7), S, 3 * S));
        assert!(!slot.replacement_came_up(S + 1, 0) && slot.has_next());
        let finished = finish(&mut slot, Stop::Answered(None));
        assert_eq!(finished.then, Then::Close(CloseReason::MaxAge));
        assert_eq!(slot.give_up(CloseReason::MaxAge, is_open, 2 * S), fate);
        assert_eq!((slot.is_live(), slot.has_next()), (is_open, false));
        assert_eq!(slot.epoch(), if is_open { 2 } else { 1 });
        let loss = slot.take_loss().unwrap();
        assert_eq!((loss.replaced, loss.answered, slot.take_loss()), (is_open, true, None));
        assert_eq!(slot.last_loss(), Some(CloseReason::MaxAge));
    }
}

#[test]
fn a_replacement_that_comes_after_the_loss_takes_over_at_once() {
    let mut slot = live();
    assert_eq!(slot.give_up(CloseReason::IdleReset, true, S), Fate::Lost);
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
    assert_eq!((slot.epoch(), slot.maintain(&NO_RULES, S)), (1, Err(NEVER)));
    slot.came_up(2 * S, 0);
    assert_eq!(slot.epoch(), 2);
}
