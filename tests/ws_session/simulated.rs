//! The policy of a session in a random world with a false clock, by seed: a wire that takes, loses
//! and acknowledges bytes, a venue that answers, closes, refuses and falls silent. A simple account
//! of all that was sent must agree with what the policy tells.

use std::collections::BTreeMap;

use fastrand::Rng;
use venuepool::error::WireState;
use venuepool::lane::Lane;
use venuepool::pool::backoff::Bounds;
use venuepool::ws::close_frame::CloseFrame;
use venuepool::ws::closing::CloseLimits;
use venuepool::ws::keep_alive::KeepAliveSettings;
use venuepool::ws::session::calls::{Call, Calls};
use venuepool::ws::session::ledger::Ledger;
use venuepool::ws::session::life::{Due, Life, Rules, Stage, Why};
use venuepool::ws::session::waiting::Waiting;

const MS: u64 = 1_000_000;
const MOST: usize = 16;
/// So many calls may wait in each lane.
const MOST_WAITING: usize = 3;

/// The bytes of one connection.
#[derive(Default)]
struct Wire {
    handed: u64,
    taken: u64,
    acked: u64,
}

struct World {
    rng: Rng,
    now: u64,
    life: Life,
    ledger: Ledger,
    calls: Calls,
    /// Calls that have not gone, with their lanes.
    waiting: Waiting<Lane>,
    /// The last call of each lane that has gone.
    last_gone: [u64; Lane::ALL.len()],
    went_later: u64,
    never_went: u64,
    wire: Option<Wire>,
    /// The messages of this connection: number, first and last byte.
    sent: Vec<(u64, u64, u64)>,
    /// Calls that have not ended, by id, with the number of their message.
    open: BTreeMap<u64, (u64, u64)>,
    ids: u64,
    ended: u64,
    openings_sent: usize,
    ups: u32,
    losses: u32,
}

const OPENINGS: usize = 2;
const BOUNDS: Bounds = Bounds { first_ns: 100 * MS, max_ns: 5_000 * MS };

impl World {
    fn new(seed: u64) -> Self {
        let rules = Rules {
            bounds: BOUNDS,
            opening_ns: 300 * MS,
            keep_alive: KeepAliveSettings {
                interval_ns: Some(500 * MS),
                deadline_ns: 100 * MS,
                idle_ns: Some(2_000 * MS),
            },
            close: CloseLimits { answer_ns: 50 * MS, eof_ns: 50 * MS },
            openings: OPENINGS,
        };
        Self {
            rng: Rng::with_seed(seed),
            now: 1,
            life: Life::new(rules, 1),
            ledger: Ledger::new(MOST),
            calls: Calls::new(MOST),
            waiting: Waiting::new(MOST_WAITING),
            last_gone: [0; Lane::ALL.len()],
            went_later: 0,
            never_went: 0,
            wire: None,
            sent: Vec::new(),
            open: BTreeMap::new(),
            ids: 0,
            ended: 0,
            openings_sent: 0,
            ups: 0,
            losses: 0,
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.u32(0..100) < percent
    }

    /// Puts a message of random length on the wire, as the session does. `None`: there is no room.
    fn put(&mut self) -> Option<u64> {
        let len = self.rng.u64(1..2_000);
        let wire = self.wire.as_mut()?;
        if self.ledger.is_full() {
            self.ledger.acknowledged(wire.acked);
        }
        if self.ledger.is_full() {
            return None;
        }
        let bytes = wire.handed..wire.handed + len;
        wire.handed = bytes.end;
        let number = self.ledger.note(bytes.clone());
        self.sent.push((number, bytes.start, bytes.end));
        Some(number)
    }

    /// The kernel and the peer's TCP go on for a while.
    fn flow(&mut self) {
        let takes_all = self.chance(50);
        let Some(wire) = &mut self.wire else { return };
        wire.taken = match takes_all {
            true => wire.handed,
            false => self.rng.u64(wire.taken..=wire.handed),
        };
        wire.acked += self.rng.u64(0..=wire.taken - wire.acked);
    }

    /// Does all that is due, and answers until when there is nothing.
    fn run_due(&mut self) -> Option<u64> {
        let mut has_read = false;
        for _ in 0..100 {
            while let Some(call) = self.calls.expired(self.now) {
                assert!(call.deadline_ns <= self.now);
                self.leave(&call);
            }
            self.serve_waiting();
            match self.life.due(self.now) {
                Due::Wait(until) => {
                    let until = until.into_iter().chain(self.calls.deadline_ns()).min();
                    if until.is_some_and(|until| until <= self.now) {
                        assert!(!has_read, "time stands still");
                        has_read = true;
                        self.life.on_empty(self.now);
                        continue;
                    }
                    return until;
                }
                Due::Closed => return None,
                Due::Dial => assert!(self.wire.is_none(), "one connection at a time"),
                Due::Open(index) => {
                    assert_eq!(index, self.openings_sent);
                    self.openings_sent += 1;
                    self.put().expect("a new connection has room");
                    let awaits = self.chance(50);
                    self.life.opening_sent(awaits, self.now);
                }
                Due::Up => {
                    assert_eq!((self.openings_sent, self.life.awaited()), (OPENINGS, None));
                    self.ups += 1;
                }
                Due::Ping(payload) => {
                    self.life.ping_sent(self.now);
                    if self.chance(90) {
                        self.life.on_pong(&payload, self.now);
                        self.life.on_bytes(self.now);
                    }
                }
                Due::GiveUp(why) => self.lose(why),
            }
        }
        panic!("it is never at rest");
    }

    /// Whether a message that may wait can go now: all before it is with the kernel.
    fn is_clear(&mut self) -> bool {
        let Some(wire) = self.wire.as_ref().filter(|_| self.life.is_up()) else { return false };
        if self.ledger.is_full() {
            self.ledger.acknowledged(wire.acked);
        }
        wire.handed == wire.taken && !self.ledger.is_full()
    }

    /// Sends those that wait and can go, as the session does.
    fn serve_waiting(&mut self) {
        while self.life.is_ending()
            && let Some((id, _)) = self.waiting.take_oldest()
        {
            let call = self.calls.cancelled(id).expect("one that waits has not ended");
            self.never_went += 1;
            self.end(&call);
        }
        while self.is_clear()
            && let Some((id, lane)) = self.waiting.take_first()
        {
            let sequence = self.put().expect("there is room");
            self.calls.went(id, sequence, 1, self.now);
            self.open.get_mut(&id).expect("it has not ended").1 = sequence;
            self.went_later += 1;
            self.goes(lane, id);
        }
    }

    /// Within a lane calls go in their order.
    fn goes(&mut self, lane: Lane, id: u64) {
        assert!(self.last_gone[lane as usize] < id, "{lane:?}");
        self.last_gone[lane as usize] = id;
    }

    /// A call ends without an answer. One that waits was never on the wire.
    fn leave(&mut self, call: &Call) {
        let waits = self.waiting.leave(call.id).is_some();
        assert_eq!((waits, call.connection), (call.sequence == 0, u32::from(!waits)));
        self.never_went += u64::from(waits);
        self.end(call);
    }

    fn end(&mut self, call: &Call) {
        assert!(self.open.remove(&call.id).is_some(), "a call ends once");
        self.ended += 1;
    }

    fn lose(&mut self, why: Why) {
        let wire = self.wire.take().expect("there is a connection to lose");
        let fate = self.ledger.lost(wire.taken, Some(wire.acked));
        for (number, start, end) in self.sent.drain(..) {
            let want = match wire.taken {
                taken if taken >= end => WireState::Sent,
                taken if taken > start => WireState::Partial,
                _ => WireState::NotSent,
            };
            assert_eq!(fate.of(number), want, "message {number} of {why:?}");
            assert_eq!(number <= fate.acked_through, wire.acked >= end);
        }
        for call in self.calls.lost(1) {
            self.end(&call);
        }
        assert_eq!(self.open.len(), self.waiting.len(), "a loss ends all calls that have gone");
        assert!(self.open.values().all(|(_, sequence)| *sequence == 0));
        self.losses += 1;
        self.openings_sent = 0;
        match self.life.lost(why, self.now, self.rng.u64(..)) {
            None => assert!(self.life.is_ending()),
            Some(until) => assert!(until <= self.now + BOUNDS.max_ns),
        }
    }

    /// The engine closes the session, and waits for its end.
    fn close(&mut self) {
        let _ = self.life.close(Some(1000), "", self.now);
        while let Some(until) = self.run_due() {
            self.now = until;
        }
        if self.life.stage() == Stage::Dialling {
            self.life.dial_failed(self.now, 0);
        }
    }

    /// Something that nobody has asked for.
    fn happen(&mut self) {
        match self.life.stage() {
            Stage::Dialling if self.chance(70) => {
                self.wire = Some(Wire::default());
                assert!(self.life.switched(self.now));
            }
            Stage::Dialling => drop(self.life.dial_failed(self.now, self.rng.u64(..))),
            Stage::Opening if self.life.awaited().is_some() && self.chance(60) => {
                self.life.acknowledged(self.now);
            }
            Stage::Opening if self.chance(20) => self.lose(Why::OpeningRefused),
            Stage::Up => self.trade(),
            Stage::Waiting if self.chance(30) => self.call(),
            Stage::Closing if self.chance(30) => {
                let why = self.life.on_eof();
                self.lose(why);
            }
            _ => {}
        }
    }

    fn trade(&mut self) {
        match self.rng.u32(0..20) {
            0..8 => drop(self.put()),
            8..13 => self.call(),
            13..17 => {
                let key = self.open.values().map(|(key, _)| *key).next();
                if let Some(call) = key.and_then(|key| self.calls.answered(key, 1)) {
                    self.end(&call);
                    self.life.on_bytes(self.now);
                }
            }
            17 => {
                if let Some(id) = self.open.keys().next_back().copied() {
                    let call = self.calls.cancelled(id).unwrap();
                    self.leave(&call);
                }
            }
            18 => {
                let frame = CloseFrame { code: Some(1001), reason: "" };
                assert!(self.life.on_close(&frame, self.now).is_some());
                assert!(!self.life.may_send());
            }
            _ => self.lose(Why::Reset),
        }
    }

    fn call(&mut self) {
        let key = self.rng.u64(0..64);
        if self.calls.check(key, 0).is_err() {
            return;
        }
        let lane = Lane::ALL[self.rng.usize(..Lane::ALL.len())];
        let goes = self.is_clear() && self.waiting.may_pass(lane);
        if !goes && self.waiting.check(lane).is_err() {
            return;
        }
        let (sequence, connection) = match goes {
            true => (self.put().expect("there is room"), 1),
            false => (0, 0),
        };
        self.ids += 1;
        let deadline_ns = self.now + self.rng.u64(1..2_000) * MS;
        let (id, sent_ns) = (self.ids, self.now);
        match goes {
            true => {
                self.waiting.passed(lane);
                self.goes(lane, id);
            }
            false => self.waiting.join(lane, id, lane),
        }
        let call = Call { id, key, user_data: 0, deadline_ns, sequence, connection, sent_ns };
        self.calls.begin(call);
        self.open.insert(id, (key, sequence));
    }
}

#[test]
fn what_is_told_agrees_with_the_wire_in_each_of_many_worlds() {
    let (mut ups, mut losses, mut ended) = (0, 0, 0);
    let (mut went_later, mut never_went) = (0, 0);
    for seed in 0..400 {
        let mut world = World::new(seed);
        for _ in 0..500 {
            let until = world.run_due();
            world.flow();
            let step = world.rng.u64(0..60) * MS;
            world.now = until.map_or(world.now + step, |until| until.min(world.now + step));
            world.happen();
        }
        world.close();
        assert_eq!(world.life.stage(), Stage::Closed, "seed {seed}");
        assert_eq!((world.open.len(), world.ended), (0, world.ids), "each call ends once");
        (ups, losses, ended) = (ups + world.ups, losses + world.losses, ended + world.ended);
        went_later += world.went_later;
        never_went += world.never_went;
    }
    // The worlds are not empty.
    assert!(ups > 1_000 && losses > 1_000 && ended > 5_000, "{ups} {losses} {ended}");
    assert!(went_later > 1_000 && never_went > 1_000, "{went_later} {never_went}");
}
