//! The books: the pool's promises, kept a second time in the simplest way, and compared.
//!
//! [`Desk`] stands before the roster: it does the same with plain lists, and whatever the roster
//! answers must be what the lists say. [`Books`] knows what was promised for each request, each
//! dial, each delay. Neither knows how the pool comes to its decisions.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use venuepool::error::{CloseReason, Outcome};
use venuepool::pool::backoff::Bounds;
use venuepool::pool::exchange_time::{Due, Estimate, Spent};
use venuepool::pool::roster::{Checkout, Grant, Lease, LeaseError, Roster, Waiting, Wanted};

use crate::world::{Random, S, Setting};

/// What is written down of one slot.
#[derive(Clone, Default)]
pub(crate) struct Line {
    pub(crate) up: bool,
    epoch: u32,
    pub(crate) at_work: bool,
    pub(crate) lease: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct InLine {
    ticket: u64,
    wanted: Wanted,
    deadline_ns: u64,
}

/// The roster, and the same in plain lists. Who waits is told by the deadline of the request.
pub(crate) struct Desk {
    roster: Roster<u64>,
    capacity: usize,
    pub(crate) lines: Vec<Line>,
    /// The hottest is the last.
    pub(crate) idle: Vec<u32>,
    waiting: VecDeque<InLine>,
    /// Granted, not started, and whether recalled.
    granted: Vec<(u64, bool)>,
}

impl Desk {
    pub(crate) fn new(slots: u32, capacity: usize, estimate: Estimate) -> Self {
        Self {
            roster: Roster::new(slots, capacity, estimate),
            capacity,
            lines: vec![Line::default(); slots as usize],
            idle: Vec::new(),
            waiting: VecDeque::new(),
            granted: Vec::new(),
        }
    }

    /// After each event: the counts agree, nobody waits beside an idle slot, or until after
    /// `late_ns`.
    pub(crate) fn check(&self, late_ns: u64, is_paused: bool) {
        let census = self.roster.census();
        let count = |fits: fn(&Line) -> bool| self.lines.iter().filter(|l| fits(l)).count() as u32;
        assert_eq!(census.idle, self.idle.len() as u32, "idle slots");
        assert_eq!(census.waiting, self.waiting.len() as u32, "waiters");
        assert_eq!(census.at_work, count(|line| line.at_work), "slots at work");
        assert_eq!(census.leased, count(|line| line.lease.is_some()), "leases");
        assert_eq!(census.live, count(|line| line.up), "live slots");
        assert_eq!(self.roster.granted(), self.granted.len(), "requests between line and slot");
        assert!(census.idle == 0 || census.waiting == 0, "a waiter beside an idle slot");
        for (slot, line) in self.lines.iter().enumerate() {
            let is_free = line.up && !line.at_work && line.lease.is_none();
            let times = self.idle.iter().filter(|idle| **idle as usize == slot).count();
            assert_eq!(times, usize::from(is_free), "slot {slot} is idle, or it is something else");
        }
        let late = self.waiting.iter().find(|waiting| waiting.deadline_ns < late_ns);
        assert_eq!(late, None, "a waiter outlives its deadline");
        assert!(!is_paused || self.waiting.is_empty(), "somebody waits in a pause");
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn checkout(&mut self, due: &Due, now: u64) -> Checkout {
        let checkout = self.roster.checkout(due, now);
        match checkout {
            Checkout::TooLate => assert!(self.roster.is_too_late(due, now), "it had time"),
            Checkout::NoneIdle => assert!(self.idle.is_empty(), "an idle slot is given out"),
            Checkout::Slot(slot) => {
                assert!(!self.roster.is_too_late(due, now), "it has no time");
                assert_eq!(Some(slot), self.idle.pop(), "check-out takes the hottest");
                self.works(Some(slot));
            }
        }
        checkout
    }

    pub(crate) fn is_too_late(&self, due: &Due, now: u64) -> bool {
        self.roster.is_too_late(due, now)
    }

    pub(crate) fn took(&mut self, spent: Spent, now: u64) {
        self.roster.took(spent, now);
    }

    pub(crate) fn answered_ns(&self) -> u64 {
        self.roster.answered_ns()
    }

    fn works(&mut self, slot: Option<u32>) -> Option<u32> {
        let line = &mut self.lines[slot? as usize];
        assert!(line.up && !line.at_work && line.lease.is_none(), "a slot is in one place");
        line.at_work = true;
        slot
    }

    pub(crate) fn take(&mut self, slot: u32) -> bool {
        let taken = self.roster.take(slot);
        assert_eq!(taken, self.idle.contains(&slot), "an idle slot can be taken");
        self.idle.retain(|idle| *idle != slot);
        taken && self.works(Some(slot)).is_some()
    }

    pub(crate) fn lease(&mut self) -> Option<Lease> {
        let lease = self.roster.lease();
        assert_eq!(lease.map(|lease| lease.slot), self.idle.pop(), "a lease takes the hottest");
        self.lines[lease?.slot as usize].lease = lease.map(|lease| lease.generation);
        lease
    }

    pub(crate) fn begin(&mut self, lease: Lease) -> Result<u32, LeaseError> {
        let begun = self.roster.begin(lease);
        let line = &mut self.lines[lease.slot as usize];
        let expected = match &*line {
            line if line.lease != Some(lease.generation) => Err(LeaseError::Stale),
            Line { at_work: true, .. } => Err(LeaseError::Busy),
            Line { up: false, .. } => Err(LeaseError::Down),
            _ => Ok(lease.slot),
        };
        assert_eq!(begun, expected, "what a lease can be used for");
        line.at_work |= begun.is_ok();
        begun
    }

    pub(crate) fn release(&mut self, lease: Lease) -> Result<Option<Grant<u64>>, LeaseError> {
        let released = self.roster.release(lease);
        let line = &mut self.lines[lease.slot as usize];
        let is_stale = line.lease != Some(lease.generation);
        assert_eq!(released.is_err(), is_stale, "a stale lease is recognised");
        let grant = released?;
        line.lease = None;
        self.rejoined(lease.slot, &grant);
        Ok(grant)
    }

    pub(crate) fn finished(&mut self, slot: u32) -> Option<Grant<u64>> {
        let grant = self.roster.finished(slot);
        assert!(std::mem::take(&mut self.lines[slot as usize].at_work), "what ends has begun");
        self.rejoined(slot, &grant);
        grant
    }

    pub(crate) fn came_up(&mut self, slot: u32, epoch: u32) -> Option<Grant<u64>> {
        let grant = self.roster.came_up(slot, epoch);
        let line = &mut self.lines[slot as usize];
        let is_news = epoch > line.epoch;
        let was_up = line.up;
        if is_news {
            (line.up, line.epoch) = (true, epoch);
        }
        if is_news && !was_up {
            self.rejoined(slot, &grant);
        } else {
            assert_eq!(grant, None, "no news of a slot, no grant");
        }
        grant
    }

    pub(crate) fn went_down(&mut self, slot: u32, epoch: u32) {
        self.roster.went_down(slot, epoch);
        let line = &mut self.lines[slot as usize];
        if epoch >= line.epoch {
            (line.up, line.epoch) = (false, epoch);
            self.idle.retain(|idle| *idle != slot);
        }
    }

    pub(crate) fn wait(&mut self, ticket: u64, wanted: Wanted, deadline_ns: u64, own: u64) -> bool {
        let joined = self.roster.wait(ticket, wanted, deadline_ns, own).is_ok();
        assert_eq!(joined, self.waiting.len() < self.capacity, "the line is bounded");
        if joined {
            self.waiting.push_back(InLine { ticket, wanted, deadline_ns });
        }
        joined
    }

    pub(crate) fn carried_out(&mut self, ticket: u64) -> bool {
        let recalled = self.roster.carried_out(ticket);
        assert_eq!(recalled, self.leaves_grants(ticket), "who starts it knows of the recall");
        recalled
    }

    fn leaves_grants(&mut self, ticket: u64) -> bool {
        let index = self.granted.iter().position(|granted| granted.0 == ticket);
        self.granted.swap_remove(index.expect("it was granted")).1
    }

    pub(crate) fn recall(&mut self, ticket: u64) -> bool {
        let found = self.granted.iter_mut().find(|granted| granted.0 == ticket);
        let is_found = found.map(|granted| granted.1 = true).is_some();
        assert_eq!(self.roster.recall(ticket), is_found, "a request under way can be recalled");
        is_found
    }

    pub(crate) fn wait_again(&mut self, waiting: Waiting<u64>) -> Result<Option<Grant<u64>>, u64> {
        let Waiting { ticket, wanted, deadline_ns, .. } = waiting;
        let again = self.roster.wait_again(waiting);
        let recalled = self.leaves_grants(ticket);
        assert_eq!(again.is_err(), recalled, "a recalled request does not wait again");
        if let Ok(grant) = &again {
            let older = self.waiting.iter().take_while(|waiting| waiting.ticket < ticket).count();
            self.waiting.insert(older, InLine { ticket, wanted, deadline_ns });
            match self.idle.pop() {
                Some(slot) => self.rejoined(slot, grant),
                None => assert_eq!(grant, &None),
            }
        }
        again
    }

    /// `true`: it stood in line, and does no more.
    pub(crate) fn withdraw(&mut self, ticket: u64) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| waiting.ticket != ticket);
        let found = self.waiting.len() != before;
        assert_eq!(self.roster.withdraw(ticket).is_some(), found, "who waits can leave");
        found
    }

    /// One waiter whose time is over.
    pub(crate) fn expire(&mut self, now: u64) -> Option<u64> {
        let is_over = |waiting: &&InLine| waiting.deadline_ns <= now;
        let over = self.waiting.iter().filter(is_over);
        let found = over.min_by_key(|waiting| (waiting.deadline_ns, waiting.ticket)).copied();
        assert_eq!(self.roster.expire(now).is_some(), found.is_some(), "waiting ends in time");
        self.waiting.retain(|waiting| Some(*waiting) != found);
        found.map(|waiting| waiting.ticket)
    }

    pub(crate) fn next_deadline(&self) -> u64 {
        self.roster.next_deadline().unwrap_or(u64::MAX)
    }

    pub(crate) fn take_waiting(&mut self) -> Vec<(u64, Wanted)> {
        let taken: Vec<_> = self.roster.take_waiting().map(|w| (w.ticket, w.wanted)).collect();
        let listed: Vec<_> = self.waiting.drain(..).map(|w| (w.ticket, w.wanted)).collect();
        assert_eq!(taken, listed, "all leave the line, in its order");
        taken
    }

    /// The slot may be free: the first in line has it, or it is the hottest now.
    fn rejoined(&mut self, slot: u32, grant: &Option<Grant<u64>>) {
        let line = &mut self.lines[slot as usize];
        let told = grant.as_ref().map(|g| (g.slot, g.waiter.ticket, g.lease.is_some()));
        if !line.up || line.at_work || line.lease.is_some() {
            assert_eq!(told, None, "a slot that is not free is granted to nobody");
            return;
        }
        let Some(first) = self.waiting.pop_front() else {
            assert_eq!(told, None, "nobody waits");
            self.idle.push(slot);
            return;
        };
        let wants_lease = first.wanted == Wanted::Lease;
        assert_eq!(told, Some((slot, first.ticket, wants_lease)), "the first in line has the slot");
        match grant.as_ref().and_then(|grant| grant.lease) {
            Some(lease) => line.lease = Some(lease.generation),
            None => {
                line.at_work = true;
                self.granted.push((first.ticket, false));
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Promised { deadline_ns: u64 },
    Refused,
    Completed,
}

/// How a slot stands with its venue: what it has dialled since that has last proven itself.
#[derive(Clone, Copy, Default)]
struct Hurry {
    dials: u32,
    /// As many of them when the present connection came up; the others are for its replacement.
    until_up: u32,
    /// The last of them waits.
    waits: bool,
    /// There was a loss since it began to.
    owes_delay: bool,
}

/// See [`Books::losses`].
const ALWAYS: u64 = 0;
const NEVER: u64 = u64::MAX;

/// How late a completion may be: the driver needs its turns.
const TURN_NS: u64 = 100_000_000;

/// What else was promised.
pub(crate) struct Books {
    requests: Vec<State>,
    pub(crate) open: usize,
    beating: u32,
    most_beating: u32,
    dials: VecDeque<u64>,
    burst: u64,
    per_second: u64,
    bounds: Bounds,
    hurry: Vec<Hurry>,
    /// Of each slot the lost connections, until its task knows of them: since when they would have
    /// to have been heard from, to have proven themselves. [`ALWAYS`] and [`NEVER`] stand for those
    /// that did or did not, whatever else is heard.
    losses: Vec<VecDeque<u64>>,
    /// When the venue was heard from last.
    heard_ns: u64,
    /// When which request was answered.
    pub(crate) answered: Vec<u64>,
    failed: Vec<(IpAddr, u64)>,
    pub(crate) counts: Counts,
}

/// How often what happened, so that a run that tests nothing is seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) events: u64,
    pub(crate) answered: u64,
    pub(crate) failed: u64,
    pub(crate) dials: u64,
    pub(crate) beats: u64,
    pub(crate) replaced: u64,
    pub(crate) lost: u64,
    pub(crate) recalled: u64,
    pub(crate) again: u64,
    pub(crate) late_news: u64,
    pub(crate) pauses: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.answered += other.answered;
        self.failed += other.failed;
        self.dials += other.dials;
        self.beats += other.beats;
        self.replaced += other.replaced;
        self.lost += other.lost;
        self.recalled += other.recalled;
        self.again += other.again;
        self.late_news += other.late_news;
        self.pauses += other.pauses;
    }
}

impl Books {
    pub(crate) fn new(setting: &Setting) -> Self {
        Self {
            requests: Vec::new(),
            open: 0,
            beating: 0,
            most_beating: (setting.slots / 4).max(1),
            dials: VecDeque::new(),
            burst: u64::from(setting.slots) + 1,
            per_second: u64::from(setting.dials_per_second),
            bounds: setting.bounds,
            hurry: vec![Hurry::default(); setting.slots as usize],
            losses: vec![VecDeque::new(); setting.slots as usize],
            heard_ns: 0,
            answered: Vec::new(),
            failed: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// A new promise; its number.
    pub(crate) fn promise(&mut self, deadline_ns: u64) -> u64 {
        self.requests.push(State::Promised { deadline_ns });
        self.open += 1;
        self.requests.len() as u64 - 1
    }

    pub(crate) fn refused(&mut self, id: u64) {
        self.end(id, State::Refused);
    }

    pub(crate) fn completed(&mut self, id: u64, outcome: Outcome, now: u64) {
        let State::Promised { deadline_ns } = self.end(id, State::Completed) else { return };
        assert!(now <= deadline_ns + TURN_NS, "request {id} is completed too late");
        match outcome {
            Outcome::Ok => {
                self.counts.answered += 1;
                self.answered.push(now);
            }
            _ => self.counts.failed += 1,
        }
    }

    fn end(&mut self, id: u64, with: State) -> State {
        let before = std::mem::replace(&mut self.requests[id as usize], with);
        let is_open = matches!(before, State::Promised { .. });
        assert!(is_open, "request {id} ends once, and was {before:?}");
        self.open -= 1;
        before
    }

    pub(crate) fn beat_begins(&mut self) {
        self.beating += 1;
        self.counts.beats += 1;
        let most = self.most_beating;
        assert!(self.beating <= most, "{} slots beat, {most} may", self.beating);
    }

    pub(crate) fn beat_ends(&mut self) {
        self.beating -= 1;
    }

    pub(crate) fn beating(&self) -> u32 {
        self.beating
    }

    /// A dial begins: in no window are there more than the burst and what its time allows.
    pub(crate) fn dial(&mut self, slot: usize, now: u64) {
        self.hurry[slot].waits = false;
        self.counts.dials += 1;
        self.dials.push_back(now);
        if self.dials.len() > 64 {
            self.dials.pop_front();
        }
        for (count, from) in (1..).zip(self.dials.iter().rev()) {
            let most = self.burst + (now - from) * self.per_second / S;
            assert!(count <= most, "{count} dials within {} ns, {most} allowed", now - from);
        }
    }

    /// A dial is to wait: at once if the venue has proven itself, else by chance below a ceiling
    /// that doubles.
    pub(crate) fn delay(&mut self, slot: usize, delay_ns: u64, random: u64) {
        let hurry = &mut self.hurry[slot];
        (hurry.waits, hurry.owes_delay) = (true, false);
        let tries = hurry.dials;
        hurry.dials += 1;
        let Some(doublings) = tries.checked_sub(1) else {
            return assert_eq!(delay_ns, 0, "the first dial is at once");
        };
        let grown = self.bounds.first_ns as f64 * 2_f64.powi(doublings as i32);
        let ceiling = grown.min(self.bounds.max_ns as f64);
        let expected = random as f64 / 2_f64.powi(64) * ceiling;
        let off = (delay_ns as f64 - expected).abs();
        assert!(off < 1e3, "try {tries} waits {delay_ns} ns, and should {expected}");
        assert!(delay_ns <= self.bounds.max_ns, "a delay beyond all bounds");
    }

    /// A connection is gone: whether it was of use is judged by what the world saw of it.
    /// `sent_ns`: when the request was sent that had no answer to its end, 0 if there was none.
    pub(crate) fn lost(
        &mut self,
        slot: usize,
        reason: CloseReason,
        answers: u64,
        life_ns: u64,
        sent_ns: u64,
    ) {
        self.counts.lost += 1;
        let proven = answers > 0 || reason.is_ours() || life_ns >= self.bounds.max_ns;
        self.losses[slot].push_back(match reason {
            _ if proven => ALWAYS,
            CloseReason::Timeout => sent_ns,
            _ => NEVER,
        });
    }

    /// The venue has answered something.
    pub(crate) fn heard(&mut self, now: u64) {
        self.heard_ns = now;
    }

    /// The slot's task learns of the oldest of these losses. If it leaves the slot without a
    /// connection, what was dialled for a replacement counts no more than one that connects.
    pub(crate) fn learns(&mut self, slot: usize, is_replaced: bool) {
        let since_ns = self.losses[slot].pop_front().expect("a loss is learned of once");
        let is_proven = since_ns <= self.heard_ns;
        let hurry = &mut self.hurry[slot];
        let for_replacement = hurry.dials - hurry.until_up;
        if is_proven {
            hurry.until_up = 0;
        }
        hurry.dials = match (is_replaced, is_proven) {
            (true, false) => return,
            (true, true) => 0,
            (false, _) if for_replacement > 0 && !hurry.waits => hurry.until_up + 1,
            (false, _) => hurry.until_up,
        };
        hurry.owes_delay = hurry.waits;
    }

    /// A connection is to be replaced while it lives.
    pub(crate) fn replaces(&mut self, slot: usize, answers: u64, life_ns: u64) {
        if answers > 0 || life_ns >= self.bounds.max_ns {
            (self.hurry[slot].dials, self.hurry[slot].until_up) = (0, 0);
        }
    }

    /// A slot has a new connection.
    pub(crate) fn came_up(&mut self, slot: usize) {
        self.hurry[slot].until_up = self.hurry[slot].dials;
    }

    /// After each event: no loss waits for what was to be waited for before it.
    pub(crate) fn check(&self) {
        let late = self.hurry.iter().position(|hurry| hurry.owes_delay);
        assert_eq!(late, None, "a lost connection waits for the delay of its replacement");
    }

    /// A request that stood in line was cancelled.
    pub(crate) fn cancelled(&mut self, id: u64, now: u64) {
        self.completed(id, Outcome::Cancelled, now);
    }

    /// One of the newest requests that are not ended.
    pub(crate) fn newest_open(&self, random: &mut Random) -> Option<u64> {
        let first = self.requests.len().saturating_sub(20);
        let is_open = |id: &usize| matches!(self.requests[*id], State::Promised { .. });
        let open: Vec<_> = (first..self.requests.len()).filter(is_open).collect();
        let choice = random.next() as usize % open.len().max(1);
        open.get(choice).map(|id| *id as u64)
    }

    /// An address failed, and that counts until then; or it worked.
    pub(crate) fn address(&mut self, ip: IpAddr, failed_until_ns: Option<u64>) {
        self.failed.retain(|failed| failed.0 != ip);
        self.failed.extend(failed_until_ns.map(|until_ns| (ip, until_ns)));
    }

    /// In that order the addresses are tried: all, and the bad ones last.
    pub(crate) fn order(&self, order: &[SocketAddr], now: u64) {
        let is_bad = |address: &SocketAddr| {
            self.failed.iter().any(|failed| failed.0 == address.ip() && failed.1 > now)
        };
        assert!(order.is_sorted_by_key(is_bad), "a bad address before a good one");
    }
}
