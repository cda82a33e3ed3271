//! The ledger: the promises of the pool, kept a second time in the simplest way, and compared.
//!
//! [`Ledger`] knows what was promised for each request, each dial, each delay. It does not know how
//! the pool comes to its decisions.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use venuepool_model::error::{CloseReason, Outcome};
use venuepool_model::lane::{Lane, LaneSet};
use venuepool_model::pool::backoff::Bounds;

use crate::world::{MS, Random, S, Setting};

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// `is_open`: its lane was, when it was submitted.
    Promised {
        deadline_ns: u64,
        lane: Lane,
        is_open: bool,
    },
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
    /// Its delay lasts until then.
    until_ns: u64,
    /// The last of them connects.
    connects: bool,
}

/// The dials of one source.
struct Dialling {
    dials: VecDeque<u64>,
    burst: u64,
    reserve: u64,
    /// The slots that are beyond their delay: without a connection, and with one to be replaced.
    lines: [Vec<usize>; 2],
}

impl Dialling {
    /// A source of so many slots.
    fn of(slots: u64) -> Self {
        let (dials, lines) = Default::default();
        Self { dials, burst: slots.max(1) + 1, reserve: slots / 2, lines }
    }
}

/// What is told of a pause, of the pool or of a source.
#[derive(Clone, Copy)]
struct Event {
    /// The end of the pause that was told; 0 for none.
    told_ns: u64,
    /// Since when a pause is to be told.
    untold_ns: u64,
    is_ended: bool,
}

/// See [`Ledger::losses`].
const ALWAYS: u64 = 0;
const NEVER: u64 = u64::MAX;

/// How late a completion may be: the driver needs its turns.
const TURN_NS: u64 = 100_000_000;

/// What else was promised.
pub(crate) struct Ledger {
    requests: Vec<State>,
    /// The lanes that no drain has closed.
    open_lanes: Vec<Lane>,
    pub(crate) open: usize,
    beating: u32,
    most_beating: u32,
    /// By source.
    dialling: Vec<Dialling>,
    /// Of the pool's pause, and then of those of its sources.
    event: Vec<Event>,
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
    pub(crate) late_events: u64,
    pub(crate) pauses: u64,
    /// Pauses of one source, and requests that were sent by another one meanwhile.
    pub(crate) source_pauses: u64,
    pub(crate) beside_held: u64,
    /// Heartbeats on leased slots, and requests that waited behind one.
    pub(crate) leased_beats: u64,
    pub(crate) behind: u64,
    /// Drains, and requests whose waiting ended by one.
    pub(crate) drains: u64,
    pub(crate) drained: u64,
    /// Orders of several copies, copies after the first, and answers that came late.
    pub(crate) orders: u64,
    pub(crate) copies: u64,
    pub(crate) late_copies: u64,
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
        self.late_events += other.late_events;
        self.pauses += other.pauses;
        self.source_pauses += other.source_pauses;
        self.beside_held += other.beside_held;
        self.leased_beats += other.leased_beats;
        self.behind += other.behind;
        self.drains += other.drains;
        self.drained += other.drained;
        self.orders += other.orders;
        self.copies += other.copies;
        self.late_copies += other.late_copies;
    }
}

/// Slot `n` connects from source `n` modulo their number.
fn dialling(setting: &Setting) -> Vec<Dialling> {
    let (slots, sources) = (u64::from(setting.slots), u64::from(setting.sources.max(1)));
    let of = |source: u64| (source..slots).step_by(sources as usize).count() as u64;
    (0..sources).map(|source| Dialling::of(of(source))).collect()
}

impl Ledger {
    fn source_of(&self, slot: usize) -> usize {
        slot % self.dialling.len()
    }

    pub(crate) fn new(setting: &Setting) -> Self {
        Self {
            requests: Vec::new(),
            open_lanes: Lane::ALL.to_vec(),
            open: 0,
            beating: 0,
            most_beating: (setting.slots / 4).max(1),
            dialling: dialling(setting),
            event: vec![
                Event { told_ns: 0, untold_ns: NEVER, is_ended: false };
                1 + setting.sources as usize
            ],
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
    pub(crate) fn promise(&mut self, deadline_ns: u64, lane: Lane) -> u64 {
        let is_open = self.open_lanes.contains(&lane);
        self.requests.push(State::Promised { deadline_ns, lane, is_open });
        self.open += 1;
        self.requests.len() as u64 - 1
    }

    pub(crate) fn refused(&mut self, id: u64) {
        self.end(id, State::Refused);
    }

    pub(crate) fn completed(&mut self, id: u64, outcome: Outcome, now: u64) {
        let before = self.end(id, State::Completed);
        let State::Promised { deadline_ns, lane, is_open } = before else { return };
        assert!(now <= deadline_ns + TURN_NS, "request {id} is completed too late");
        assert!(is_open, "request {id} was accepted after the drain");
        if outcome == Outcome::Draining {
            assert!(!self.open_lanes.contains(&lane), "request {id} ends, and its lane is open");
            self.counts.drained += 1;
        }
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

    /// The engine drains the pool, but for these lanes.
    pub(crate) fn drained(&mut self, open: LaneSet) {
        self.open_lanes.retain(|lane| open.has(*lane));
        self.counts.drains += 1;
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

    /// A pause begins, or becomes longer, and is to be told. `place`: 0 for that of the pool.
    pub(crate) fn owe_pause(&mut self, place: usize, now: u64) {
        let untold_ns = &mut self.event[place].untold_ns;
        *untold_ns = (*untold_ns).min(now);
    }

    /// It is told that there is a pause until then: each end once.
    pub(crate) fn pause_begins(&mut self, place: usize, until_ns: u64) {
        let event = &mut self.event[place];
        assert!(until_ns != 0 && until_ns != event.told_ns, "a pause is told once");
        *event = Event { told_ns: until_ns, untold_ns: NEVER, is_ended: false };
    }

    /// The engine ends all pauses.
    pub(crate) fn engine_ends_pauses(&mut self) {
        self.event.iter_mut().for_each(|it| (it.is_ended, it.untold_ns) = (true, NEVER));
    }

    /// It is told that the pause is over.
    pub(crate) fn pause_ends(&mut self, place: usize, now: u64) {
        let event = &mut self.event[place];
        let is_over = event.is_ended || event.told_ns <= now;
        assert!(is_over && event.told_ns != 0, "a pause ends that has not");
        event.told_ns = 0;
    }

    /// Whether the end of each pause was told that was told.
    pub(crate) fn has_told_all(&self) -> bool {
        self.event.iter().all(|event| event.told_ns == 0)
    }

    /// A heartbeat that is due does not begin, and asks again at that time: in a pause at its end,
    /// and otherwise soon, because as many are in flight as may be.
    pub(crate) fn puts_beat_off(&self, at_ns: u64, pause_ends_ns: u64, now: u64) {
        if pause_ends_ns > now {
            return assert_eq!(at_ns, pause_ends_ns, "a pause is silent to its end");
        }
        assert_eq!(self.beating, self.most_beating, "a heartbeat waits for nobody");
        Self::asks_soon(at_ns, now);
    }

    /// A heartbeat asks again at that time, because its slot is in use.
    pub(crate) fn asks_soon(at_ns: u64, now: u64) {
        assert!((now + MS..=now + 20 * MS).contains(&at_ns), "its turn is not soon");
    }

    /// A slot asks for its dial. Beyond its delay it waits from then on.
    pub(crate) fn asks(&mut self, slot: usize, replaces: bool, now: u64) {
        let hurry = &self.hurry[slot];
        let source = self.source_of(slot);
        let line = &mut self.dialling[source].lines[usize::from(replaces)];
        if hurry.waits && hurry.until_ns <= now && !line.contains(&slot) {
            line.push(slot);
        }
    }

    /// It is to ask again at that time: when its delay is over, or as the first of its line when
    /// the pause is over, or else when the next dial that it may have is back in the bucket.
    pub(crate) fn waits(
        &mut self,
        slot: usize,
        replaces: bool,
        at_ns: u64,
        pause_ns: u64,
        now: u64,
    ) {
        let hurry = &self.hurry[slot];
        if hurry.until_ns > now {
            return assert_eq!(at_ns, hurry.until_ns, "slot {slot} waits for its delay");
        }
        let source = &self.dialling[self.source_of(slot)];
        assert_eq!(
            source.lines[usize::from(replaces)].first(),
            Some(&slot),
            "only the first waits"
        );
        let (wait_ns, interval_ns) = (at_ns - now, S / self.per_second);
        let reserve = if replaces { source.reserve } else { 0 };
        match pause_ns {
            0 => assert!(wait_ns <= (1 + reserve) * interval_ns, "slot {slot} waits {wait_ns} ns"),
            _ => assert_eq!(wait_ns, pause_ns, "slot {slot} waits for the end of the pause"),
        }
    }

    /// It asks again when it is woken, so it has no dial that waits, or is not the first in the
    /// queue.
    pub(crate) fn is_behind(&self, slot: usize) {
        let lines = &self.dialling[self.source_of(slot)].lines;
        let is_first = lines.iter().any(|line| line.first() == Some(&slot));
        assert!(!self.hurry[slot].waits || !is_first, "slot {slot} waits for nobody");
    }

    /// A dial begins, of the first in the queue. In no window are there more than the burst and
    /// what its time allows; replacements leave half of the burst.
    pub(crate) fn dial(&mut self, slot: usize, replaces: bool, now: u64) {
        let hurry = &mut self.hurry[slot];
        assert!(!hurry.connects, "slot {slot} dials twice at once");
        assert!(hurry.until_ns <= now, "slot {slot} dials before its delay is over");
        (hurry.waits, hurry.connects) = (false, true);
        let source = self.source_of(slot);
        let line = &mut self.dialling[source].lines[usize::from(replaces)];
        assert_eq!(line.first(), Some(&slot), "dials in the order in which slots came");
        line.remove(0);
        self.counts.dials += 1;
        let here = &mut self.dialling[source];
        here.dials.push_back(now);
        if here.dials.len() > 64 {
            here.dials.pop_front();
        }
        let burst = here.burst - if replaces { here.reserve } else { 0 };
        for (count, from) in (1..).zip(here.dials.iter().rev()) {
            let most = burst + (now - from) * self.per_second / S;
            assert!(count <= most, "{count} dials within {} ns, {most} allowed", now - from);
        }
    }

    /// The dial of a slot has ended.
    pub(crate) fn dialled(&mut self, slot: usize) {
        self.hurry[slot].connects = false;
    }

    /// A dial is to wait: at once if the venue has proven itself, else by chance below a ceiling
    /// that doubles.
    pub(crate) fn delay(&mut self, slot: usize, delay_ns: u64, random: u64, now: u64) {
        let hurry = &mut self.hurry[slot];
        assert!(!hurry.connects, "a dial that is under way is dropped");
        (hurry.waits, hurry.owes_delay) = (true, false);
        hurry.until_ns = now + delay_ns;
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
        let long_life_ns = (15 * self.bounds.first_ns).min(1_500 * MS);
        let is_habit = reason == CloseReason::IdleClosed && life_ns >= long_life_ns;
        let is_long = life_ns >= self.bounds.max_ns;
        let proven = answers > 0 || reason.is_ours() || is_habit || is_long;
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
        if !is_replaced {
            let source = self.source_of(slot);
            let lines = &mut self.dialling[source].lines;
            lines.iter_mut().for_each(|line| line.retain(|other| *other != slot));
        }
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

    /// After each event: no loss waits for what was to be waited for before it, and no pause for
    /// being told.
    pub(crate) fn check(&self, now: u64) {
        let is_told = self.event.iter().all(|event| event.untold_ns >= now);
        assert!(is_told, "nobody is told of a pause");
        let late = self.hurry.iter().position(|hurry| hurry.owes_delay);
        assert_eq!(late, None, "a lost connection waits for the delay of its replacement");
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
