//! Stands before the dispatcher: it keeps the same in plain lists, and whatever the dispatcher
//! answers must be what the lists say.

mod apart;
mod lanes;
mod pauses;
mod sources;

use std::collections::VecDeque;

use venuepool_model::lane::Lane;
use venuepool_model::pool::dispatch::{
    Action, Cancel, Dispatcher, End, Lease, Queued, Refusal, Route, Waiter, Want,
};
use venuepool_model::pool::exchange_time::{Due, Estimate};
use venuepool_model::pool::lanes::{LANES, LaneRules};
use venuepool_model::pool::slot::{Fate, NoStart, TurnReport};
use venuepool_model::source::Source;

use pauses::Hold;

/// What is written down of one slot.
#[derive(Clone, Default)]
pub(crate) struct Line {
    pub(crate) up: bool,
    epoch: u32,
    pub(crate) in_use: bool,
    has_heartbeat: bool,
    pub(crate) lease: Option<u64>,
    /// The ticket of the request that waits for the end of the heartbeat.
    behind: Option<u64>,
    /// For which lane it is in use or leased.
    lane: Option<Lane>,
    path: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct InQueue {
    ticket: u64,
    is_caller: bool,
    deadline_ns: u64,
    lane: Lane,
    source: Source,
}

impl InQueue {
    fn of(queued: &Queued<u64>) -> Self {
        let Queued { ticket, deadline_ns, due, .. } = queued;
        Self {
            ticket: *ticket,
            is_caller: false,
            deadline_ns: *deadline_ns,
            lane: due.lane,
            source: due.source,
        }
    }
}

impl Line {
    fn is_free(&self) -> bool {
        self.up && !self.in_use && self.lease.is_none() && self.behind.is_none()
    }
}

/// The dispatcher, and the same in plain lists. Requests and callers are told by their numbers.
pub(crate) struct Desk {
    dispatcher: Dispatcher<u64, u64>,
    lanes: LaneRules,
    /// How many sources there are, at least 1.
    sources: u32,
    /// The pool's pause, and then those of the sources, if there are several.
    holds: Vec<Hold>,
    /// The lanes that no drain has closed.
    open: Vec<Lane>,
    /// Of each source: slots in a row that a waiting lane could have had, and that went to lanes
    /// above it.
    passed: Vec<[u32; LANES]>,
    pub(crate) lines: Vec<Line>,
    /// The one that was used last is the last.
    pub(crate) idle: Vec<u32>,
    queue: VecDeque<InQueue>,
    /// How many of them are in each lane.
    in_lanes: [usize; LANES],
    /// Requests behind heartbeats, and their slots.
    behind: Vec<(InQueue, u32)>,
    /// Out of the queue, not sent, whether cancelled, and whether bound to its slot.
    on_their_way: Vec<(u64, bool, bool)>,
}

impl Desk {
    pub(crate) fn new(slots: u32, sources: u32, lanes: LaneRules, estimate: Estimate) -> Self {
        let most = sources.max(1);
        Self {
            dispatcher: Dispatcher::new(slots, sources, lanes, estimate),
            lanes,
            sources: most,
            holds: Self::holds(sources),
            open: Lane::ALL.to_vec(),
            passed: vec![[0; LANES]; most as usize],
            lines: vec![Line::default(); slots as usize],
            idle: Vec::new(),
            queue: VecDeque::new(),
            in_lanes: [0; LANES],
            behind: Vec::new(),
            on_their_way: Vec::new(),
        }
    }

    /// After each event: the counts agree. If nobody is about to ask what to do next, then nobody
    /// waits beside an idle slot, or until after `late_ns`, or in a pause or a drain.
    pub(crate) fn check(&self, now: u64, late_ns: u64, asks: bool) {
        let counts = self.dispatcher.counts();
        let count = |fits: fn(&Line) -> bool| self.lines.iter().filter(|l| fits(l)).count() as u32;
        assert_eq!(counts.idle, self.idle.len() as u32, "idle slots");
        assert_eq!(counts.waiting, self.queue.len() as u32, "the queue");
        assert_eq!(counts.in_use, count(|line| line.in_use), "slots in use");
        let waiting = (self.queue.len() + self.behind.len()) as u32;
        let in_flight = count(|line| line.in_use && !line.has_heartbeat);
        assert_eq!(counts.outstanding(), in_flight + waiting, "what has not ended");
        let open = Lane::ALL.into_iter().filter(|lane| self.dispatcher.open_lanes().has(*lane));
        assert!(open.eq(self.open.iter().copied()), "lanes that are open");
        assert_eq!(counts.leased, count(|line| line.lease.is_some()), "leases");
        assert_eq!(counts.live, count(|line| line.up), "live slots");
        assert_eq!(self.dispatcher.on_their_way(), self.on_their_way.len(), "on their way");
        for (slot, line) in self.lines.iter().enumerate() {
            let is_free = line.is_free();
            let times = self.idle.iter().filter(|idle| **idle as usize == slot).count();
            assert_eq!(times, usize::from(is_free), "slot {slot} is idle, or it is something else");
        }
        if asks || self.is_over_by_now(now) {
            return;
        }
        let beside = self.queue.iter().find(|one| {
            let may = |it: &u32| self.may_use_anyway(one.lane, self.source_of(*it), now);
            self.idle.iter().any(|it| self.fits(*it, one.source) && may(it))
        });
        assert_eq!(beside, None, "somebody waits beside an idle slot");
        let late = self.queue.iter().find(|waiting| waiting.deadline_ns < late_ns);
        assert_eq!(late, None, "somebody waits beyond the deadline");
        let may_not = |one: &&InQueue| self.is_shut(one.lane, one.source, now).is_some();
        let shut_out = self.queue.iter().find(may_not).copied().or(self.behind_shut(now));
        assert_eq!(shut_out, None, "somebody waits in a pause or a drain");
        let ready = self.behind.iter().find(|one| !self.lines[one.1 as usize].in_use);
        assert_eq!(ready, None, "a request waits behind nothing");
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.behind.is_empty()
    }

    /// The first behind a heartbeat that may not wait any more.
    fn behind_shut(&self, now: u64) -> Option<InQueue> {
        let is_out =
            |one: &&(InQueue, u32)| self.is_shut(one.0.lane, self.as_source(one.1), now).is_some();
        let first = self.behind.iter().filter(is_out).min_by_key(|one| one.0.ticket);
        // From there it could only go by the source of its slot.
        first.map(|one| InQueue { source: self.as_source(one.1), ..one.0 })
    }

    /// A request, or a lease, has a slot: no other leaves by a held source than those of exempt
    /// lanes.
    fn leaves(&self, slot: u32, lane: Lane, now: u64) {
        let is_exempt = self.lanes.of(lane).through_pause;
        assert!(is_exempt || !self.is_silent(slot, now), "slot {slot}: its source is held");
    }

    fn is_used(&mut self, slot: u32, lane: Lane) {
        let line = &mut self.lines[slot as usize];
        assert!(line.up && !line.in_use && line.lease.is_none(), "a slot is in one place");
        (line.in_use, line.lane) = (true, Some(lane));
    }

    pub(crate) fn heartbeat(&mut self, slot: u32, now: u64) -> bool {
        let line = &self.lines[slot as usize];
        let rests = line.lease.is_some() && line.up && !line.in_use && line.behind.is_none();
        // Also a slot that is kept for others.
        let is_free =
            self.idle.contains(&slot) && self.next_lane(self.source_of(slot), now).is_none();
        let can =
            !self.is_suspended(Lane::Background, self.as_source(slot), now) && (rests || is_free);
        assert_eq!(self.dispatcher.heartbeat(slot, now), can, "a slot that rests can beat");
        if can {
            self.idle.retain(|idle| *idle != slot);
            let line = &mut self.lines[slot as usize];
            (line.in_use, line.has_heartbeat) = (true, true);
            line.lane.get_or_insert(Lane::Background);
        }
        can
    }

    pub(crate) fn is_leased(&self, slot: u32) -> bool {
        self.lines[slot as usize].lease.is_some()
    }

    pub(crate) fn lease(&mut self, source: Source, now: u64) -> Result<Lease, Refusal> {
        let expected = self.expected(Lane::Orders, source, now);
        let lease = self.dispatcher.lease(source, now);
        assert_eq!(lease.map(|lease| lease.slot), expected, "a lease takes a free slot");
        if let Ok(lease) = lease {
            assert!(self.fits(lease.slot, source), "a lease of another source");
            self.is_leased_now(lease, now);
        }
        lease
    }

    /// The lease is given, at once or after waiting.
    fn is_leased_now(&mut self, lease: Lease, now: u64) {
        self.leaves(lease.slot, Lane::Orders, now);
        self.serves(Lane::Orders, lease.slot, now);
        self.idle.retain(|idle| *idle != lease.slot);
        let line = &mut self.lines[lease.slot as usize];
        (line.lease, line.lane) = (Some(lease.generation), Some(Lane::Orders));
    }

    /// What a lease can be used for.
    fn expected_of_lease(&self, lease: Lease, due: &Due, now: u64) -> Result<u32, Refusal> {
        if let Some(why) = self.is_shut(due.lane, self.as_source(lease.slot), now) {
            return Err(why);
        }
        match &self.lines[lease.slot as usize] {
            line if line.lease != Some(lease.generation) => Err(Refusal::StaleLease),
            _ if !self.fits(lease.slot, due.source) => Err(Refusal::OtherSource),
            Line { behind: Some(_), .. } => Err(Refusal::SlotBusy),
            Line { has_heartbeat: true, .. } => Err(Refusal::Heartbeat),
            Line { in_use: true, .. } => Err(Refusal::SlotBusy),
            Line { up: false, .. } => Err(Refusal::SlotDown),
            _ => Ok(lease.slot),
        }
    }

    pub(crate) fn release(&mut self, lease: Lease) -> Result<(), Refusal> {
        let line = &mut self.lines[lease.slot as usize];
        let is_stale = line.lease != Some(lease.generation);
        let released = self.dispatcher.release(lease);
        assert_eq!(released.is_err(), is_stale, "a stale lease is recognised");
        if released.is_ok() {
            line.lease = None;
            self.may_be_free(lease.slot);
        }
        released
    }

    /// Where a request goes, and why it has no slot if it goes elsewhere.
    pub(crate) fn route(&mut self, want: Want<'_>, due: &Due, now: u64) -> Route {
        let route = self.dispatcher.route(want, due, now);
        self.routed(route, want, due, now);
        route
    }

    fn routed(&mut self, route: Route, want: Want<'_>, due: &Due, now: u64) {
        let expected = match want {
            Want::Leased(lease) => self.expected_of_lease(lease, due, now),
            Want::Apart(used) => self.expected_apart(used, due, now),
            _ => self.expected(due.lane, due.source, now),
        };
        match (route, expected) {
            (Route::Send(slot), expected) => {
                assert!(now < due.deadline_ns, "a slot behind the deadline");
                assert_eq!(Ok(slot), expected, "the slot that was used last, or the leased one");
                assert!(self.fits(slot, due.source), "it goes by another source");
                self.leaves(slot, due.lane, now);
                match want {
                    Want::Leased(_) => self.lines[slot as usize].in_use = true,
                    _ => {
                        self.serves(due.lane, slot, now);
                        self.idle.retain(|idle| *idle != slot);
                        self.is_used(slot, due.lane);
                    }
                }
            }
            (Route::End(end), expected) => {
                assert!(end == End::TooLate && expected.is_ok(), "there was a slot");
            }
            (Route::Wait, expected) => {
                let may_wait = match want {
                    Want::Idle | Want::Apart(_) => None,
                    Want::IdleOrQueue => Some(Refusal::NoSlot),
                    Want::Leased(_) => Some(Refusal::Heartbeat),
                };
                assert_eq!(expected.err(), may_wait, "who may wait");
            }
            (Route::Refuse(refusal), expected) => assert_eq!(Err(refusal), expected, "why not"),
        }
    }

    /// The request could not be started on its slot: where it goes then.
    pub(crate) fn reroute(
        &mut self,
        want: Want<'_>,
        due: &Due,
        slot: u32,
        why: NoStart,
        now: u64,
    ) -> Route {
        let route = self.dispatcher.reroute(want, due, slot, why, now);
        self.not_used(slot, why);
        match (want, why) {
            (_, NoStart::Withdrawn) => {
                assert_eq!(route, Route::End(End::Cancelled), "it was withdrawn");
            }
            (Want::Leased(_), NoStart::TooLate) => {
                assert_eq!(route, Route::End(End::TooLate), "it is up");
            }
            (Want::Leased(_), _) => {
                assert_eq!(route, Route::Refuse(Refusal::SlotDown), "it has no other slot");
            }
            _ => self.routed(route, want, due, now),
        }
        route
    }

    /// Lets a request wait.
    pub(crate) fn wait(
        &mut self,
        want: Want<'_>,
        queued: Queued<u64>,
        now: u64,
    ) -> Result<(), Refusal> {
        match want {
            Want::Leased(lease) => self.wait_behind(want, lease, queued, now),
            _ => {
                let who = InQueue::of(&queued);
                let joined = self.dispatcher.wait(want, queued, now);
                self.joined(joined, who, now)
            }
        }
    }

    /// A turn on a slot is over.
    pub(crate) fn turn_is_over(&mut self, slot: u32, turn: &TurnReport) -> bool {
        let has_waiting = self.dispatcher.turn_is_over(slot, turn);
        match turn.fate {
            Fate::Kept => {}
            Fate::Lost => self.is_down(slot, turn.epoch),
            Fate::Replaced => self.is_up(slot, turn.epoch),
        }
        if turn.has_ended {
            self.is_over(slot);
        }
        assert_eq!(has_waiting, !self.is_empty(), "whether somebody waits");
        has_waiting
    }

    fn is_over(&mut self, slot: u32) {
        let line = &mut self.lines[slot as usize];
        assert!(std::mem::take(&mut line.in_use), "what ends has begun");
        line.has_heartbeat = false;
        self.may_be_free(slot);
    }

    pub(crate) fn start_failed(&mut self, slot: u32, why: NoStart) {
        self.dispatcher.start_failed(slot, why);
        self.not_used(slot, why);
    }

    fn not_used(&mut self, slot: u32, why: NoStart) {
        if let NoStart::Lost(epoch) = why {
            self.is_down(slot, epoch);
        }
        self.is_over(slot);
    }

    pub(crate) fn came_up(&mut self, slot: u32, epoch: u32) {
        self.dispatcher.came_up(slot, epoch);
        self.is_up(slot, epoch);
    }

    fn is_up(&mut self, slot: u32, epoch: u32) {
        let line = &mut self.lines[slot as usize];
        let (is_newer, was_up) = (epoch > line.epoch, line.up);
        if is_newer {
            (line.up, line.epoch) = (true, epoch);
        }
        if is_newer && !was_up {
            self.may_be_free(slot);
        }
    }

    fn is_down(&mut self, slot: u32, epoch: u32) {
        let line = &mut self.lines[slot as usize];
        if epoch >= line.epoch {
            (line.up, line.epoch) = (false, epoch);
            self.idle.retain(|idle| *idle != slot);
        }
    }

    /// Lets a request wait for the end of a heartbeat.
    fn wait_behind(
        &mut self,
        want: Want<'_>,
        lease: Lease,
        queued: Queued<u64>,
        now: u64,
    ) -> Result<(), Refusal> {
        let who = InQueue::of(&queued);
        let joined = self.dispatcher.wait(want, queued, now);
        if joined.is_ok() {
            let line = &mut self.lines[lease.slot as usize];
            assert_eq!(line.behind.replace(who.ticket), None, "one waits behind a heartbeat");
            self.behind.push((who, lease.slot));
        }
        joined
    }

    /// Puts a caller that wants a lease into the queue.
    pub(crate) fn enqueue_caller(
        &mut self,
        ticket: u64,
        source: Source,
        deadline_ns: u64,
        now: u64,
    ) -> Result<(), Refusal> {
        let joined = self.dispatcher.enqueue_caller(ticket, source, deadline_ns, ticket, now);
        let lane = Lane::Orders;
        self.joined(joined, InQueue { ticket, is_caller: true, deadline_ns, lane, source }, now)
    }

    fn joined(
        &mut self,
        joined: Result<(), Refusal>,
        who: InQueue,
        now: u64,
    ) -> Result<(), Refusal> {
        let is_full = self.in_lanes[who.lane as usize] >= self.lanes.of(who.lane).queue_capacity;
        let may = |it: &u32| self.may_use(who.lane, self.source_of(*it), now);
        let has_idle = self.idle.iter().any(|slot| self.fits(*slot, who.source) && may(slot));
        let is_full = is_full && !has_idle;
        let expected = match self.is_shut(who.lane, who.source, now) {
            Some(why) => Err(why),
            None if is_full => Err(Refusal::QueueFull),
            None => Ok(()),
        };
        assert_eq!(joined, expected, "the queue is bounded");
        if joined.is_ok() {
            self.insert(who);
        }
        joined
    }

    fn insert(&mut self, who: InQueue) {
        let before = self.queue.iter().take_while(|waiting| waiting.ticket < who.ticket).count();
        self.queue.insert(before, who);
        self.in_lanes[who.lane as usize] += 1;
    }

    /// A request from the queue was sent. Answers whether it was cancelled on its way.
    pub(crate) fn sent(&mut self, ticket: u64) -> bool {
        let cancelled = self.dispatcher.sent(ticket);
        assert_eq!(cancelled, self.arrives(ticket), "who sends it knows of the cancel");
        cancelled
    }

    fn arrives(&mut self, ticket: u64) -> bool {
        let index = self.on_their_way.iter().position(|one| one.0 == ticket);
        self.on_their_way.swap_remove(index.expect("it was given a slot")).1
    }

    fn is_bound(&self, ticket: u64) -> bool {
        self.on_their_way.iter().any(|one| one.0 == ticket && one.2)
    }

    pub(crate) fn not_sent(
        &mut self,
        slot: u32,
        why: NoStart,
        queued: Queued<u64>,
    ) -> Option<(u64, End)> {
        let who = InQueue::of(&queued);
        let ticket = who.ticket;
        let end = self.dispatcher.not_sent(slot, why, queued);
        let is_bound = self.is_bound(ticket);
        let expected = match (self.arrives(ticket), why) {
            (true, _) => Some(End::Cancelled),
            (false, NoStart::TooLate) => Some(End::TooLate),
            (false, NoStart::Withdrawn) => Some(End::Cancelled),
            (false, NoStart::Lost(_)) if is_bound => Some(End::SlotDown),
            (false, NoStart::Lost(_)) => None,
        };
        self.not_used(slot, why);
        assert_eq!(end.as_ref().map(|(_, end)| *end), expected, "what could not be sent");
        if expected.is_none() {
            self.insert(who);
        }
        end.map(|(_, end)| (ticket, end))
    }

    pub(crate) fn cancel(&mut self, ticket: u64) -> Cancel<u64, u64> {
        let was_behind = self.leaves_behind(ticket);
        let was_in_queue = self.leaves_queue(ticket);
        let on_its_way = self.on_their_way.iter_mut().find(|one| one.0 == ticket);
        let is_on_its_way = on_its_way.map(|one| one.1 = true).is_some();
        let cancel = self.dispatcher.cancel(ticket);
        let was_waiting = was_in_queue || was_behind;
        assert_eq!(matches!(cancel, Cancel::Left(_)), was_waiting, "who waits can leave");
        assert_eq!(cancel.is_without_lease(), was_waiting, "a lease that is on its way comes");
        assert_eq!(cancel == Cancel::Marked, is_on_its_way, "a request on its way is marked");
        cancel
    }

    /// What is to be done now: it must be what the lists say.
    pub(crate) fn next(&mut self, now: u64) -> Option<Action<u64, u64>> {
        let action = self.dispatcher.next(now);
        let is_over = |waiting: &&InQueue| waiting.deadline_ns <= now;
        let behind = self.behind.iter().map(|one| &one.0);
        let over = self.queue.iter().chain(behind).filter(is_over);
        let over = over.min_by_key(|waiting| (waiting.deadline_ns, waiting.ticket)).copied();
        let turn = self.next_turn(now);
        let first = turn.map(|turn| turn.0);
        let is_out = |one: &&InQueue| self.is_shut(one.lane, one.source, now).is_some();
        let shut_out = self.queue.iter().find(is_out).copied().or(self.behind_shut(now));
        let why_out = shut_out.and_then(|one| self.is_shut(one.lane, one.source, now));
        let ready = self.behind.iter().filter(|one| !self.lines[one.1 as usize].in_use);
        let ready = ready.min_by_key(|one| one.0.ticket).copied();
        let expected = shut_out.or(over).or(ready.map(|one| one.0)).or(first);
        let who = match &action {
            None => None,
            Some(Action::Send(_, queued)) => Some((queued.ticket, false)),
            Some(Action::Lease(_, ticket) | Action::End(Waiter::Caller(ticket), _)) => {
                Some((*ticket, true))
            }
            Some(Action::End(Waiter::Request(ticket, _), _)) => Some((*ticket, false)),
        };
        assert_eq!(who, expected.map(|e| (e.ticket, e.is_caller)), "who is served at {now}");
        if let Some(who) = expected {
            self.leaves_queue(who.ticket);
        }
        let is_bound = expected.is_some_and(|who| self.leaves_behind(who.ticket));
        if let (true, Some((_, slot))) = (is_bound, ready) {
            // It is free for that one only.
            self.idle.retain(|idle| *idle != slot);
            if !matches!(action, Some(Action::Send(..))) {
                self.may_be_free(slot);
            }
        }
        let may_have_slot = shut_out.is_none() && over.is_none();
        match (&action, why_out) {
            (Some(Action::End(_, end)), Some(why)) => assert_eq!(end.status(), why.into()),
            _ => {
                let best = turn.map(|turn| turn.1);
                self.follows(&action, may_have_slot, is_bound, ready, best, now);
            }
        }
        self.forget_passed();
        action
    }

    /// What whoever waits is answered is written down.
    fn follows(
        &mut self,
        action: &Option<Action<u64, u64>>,
        may_have_slot: bool,
        is_bound: bool,
        ready: Option<(InQueue, u32)>,
        best: Option<u32>,
        now: u64,
    ) {
        match action {
            None => {}
            Some(Action::Send(slot, queued)) => {
                assert!(may_have_slot, "a slot in a pause or drain, or behind the deadline");
                let lane = queued.due.lane;
                self.leaves(*slot, lane, now);
                if is_bound {
                    assert_eq!(ready.map(|one| one.1), Some(*slot), "its own slot");
                    let line = &mut self.lines[*slot as usize];
                    assert!(line.up && !std::mem::replace(&mut line.in_use, true), "it is free");
                    line.lane.get_or_insert(lane);
                } else {
                    assert_eq!(Some(*slot), best, "the slot that was used last");
                    self.serves(lane, *slot, now);
                    self.idle.retain(|idle| idle != slot);
                    self.is_used(*slot, lane);
                }
                self.on_their_way.push((queued.ticket, false, is_bound));
            }
            Some(Action::Lease(lease, _)) => {
                assert!(may_have_slot, "a lease in a pause or drain");
                assert_eq!(Some(lease.slot), best, "the slot that was used last");
                self.is_leased_now(*lease, now);
            }
            Some(Action::End(_, End::SlotDown)) => {
                assert!(ready.is_some_and(|one| !self.lines[one.1 as usize].up), "it is up");
            }
            Some(Action::End(_, end)) => assert_eq!(*end, End::TooLate, "why it ends"),
        }
    }

    pub(crate) fn next_deadline(&self) -> u64 {
        self.dispatcher.next_deadline().unwrap_or(u64::MAX)
    }

    pub(crate) fn answered_ns(&self) -> u64 {
        self.dispatcher.answered_ns()
    }

    /// A slot that may be free now is the one that was used last.
    fn may_be_free(&mut self, slot: u32) {
        let line = &mut self.lines[slot as usize];
        if !line.in_use && line.lease.is_none() {
            line.lane = None;
        }
        if line.is_free() {
            self.idle.push(slot);
        }
    }

    /// Whoever has that ticket waits in the queue no more. `false`: it did not.
    fn leaves_queue(&mut self, ticket: u64) -> bool {
        let index = self.queue.iter().position(|waiting| waiting.ticket == ticket);
        let left = index.and_then(|index| self.queue.remove(index));
        if let Some(who) = left {
            self.in_lanes[who.lane as usize] -= 1;
        }
        left.is_some()
    }

    /// A request waits behind no heartbeat any more. `false`: it did not.
    fn leaves_behind(&mut self, ticket: u64) -> bool {
        let index = self.behind.iter().position(|one| one.0.ticket == ticket);
        let Some((_, slot)) = index.map(|index| self.behind.swap_remove(index)) else {
            return false;
        };
        self.lines[slot as usize].behind = None;
        self.may_be_free(slot);
        true
    }
}
