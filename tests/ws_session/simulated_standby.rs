//! The slots of a session in a random world with a false clock, by seed: venues that refuse, close
//! and reset, calls that are answered or not, slots that grow old. A simple account of which slot
//! is live must agree with what the policy tells.

use fastrand::Rng;
use venuepool::pool::backoff::Bounds;
use venuepool::ws::close_frame::CloseFrame;
use venuepool::ws::closing::CloseLimits;
use venuepool::ws::keep_alive::KeepAliveSettings;
use venuepool::ws::session::life::{Due, Life, Rules, Stage, Why};
use venuepool::ws::session::standby::{Standby, StandbyRules, Step, Then};

const MS: u64 = 1_000_000;

const LIFE: Rules = Rules {
    bounds: Bounds { first_ns: 20 * MS, max_ns: 500 * MS },
    opening_ns: 300 * MS,
    keep_alive: KeepAliveSettings { interval_ns: None, deadline_ns: 0, idle_ns: None },
    close: CloseLimits { answer_ns: 50 * MS, eof_ns: 50 * MS },
    openings: 1,
};

struct World {
    rng: Rng,
    now: u64,
    rules: StandbyRules,
    standby: Standby,
    lives: Vec<Life>,
    /// When the connection of each slot began, if it has one.
    since: Vec<Option<u64>>,
    /// Calls of each slot.
    calls: Vec<u32>,
    /// When each slot was left.
    left: Vec<u64>,
    /// The slot that the engine was told of.
    live: Option<usize>,
    ups: u32,
    take_overs: u32,
    rotations: u32,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let max_age_ns = [0, 3_000 * MS][rng.usize(..2)];
        let rules = StandbyRules { slots: rng.usize(1..=4), max_age_ns, drain_ns: 100 * MS };
        let standby = Standby::new(rules);
        let life = |slot| match standby.is_spare(slot) {
            true => Life::at_rest(LIFE, 1),
            false => Life::new(LIFE, 1),
        };
        let lives: Vec<_> = (0..standby.slots()).map(life).collect();
        let count = lives.len();
        Self {
            rng,
            now: 1,
            rules,
            standby,
            lives,
            since: vec![None; count],
            calls: vec![0; count],
            left: vec![0; count],
            live: None,
            ups: 0,
            take_overs: 0,
            rotations: 0,
        }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.u32(0..100) < percent
    }

    fn step(&mut self) -> Step {
        let calls = &self.calls;
        self.standby.step(self.now, |slot| calls[slot] > 0)
    }

    /// Does all that is due, and answers until when there is nothing.
    fn run_due(&mut self) -> Option<u64> {
        for _ in 0..200 {
            match self.step() {
                Step::Wait(until) => {
                    if let Some(until) = self.step_slots(until) {
                        return until;
                    }
                }
                step => self.carry_out(step),
            }
        }
        panic!("it is never at rest");
    }

    fn carry_out(&mut self, step: Step) {
        match step {
            Step::Up(to) => {
                assert_eq!(self.live.replace(to), None, "it was down");
                assert!(self.lives[to].is_up());
                self.ups += 1;
            }
            Step::Switch { from, to, is_rotation } => {
                assert_eq!(self.live.replace(to), Some(from));
                assert!(self.lives[to].is_up(), "it can be sent on at once");
                self.left[from] = self.now;
                match is_rotation {
                    true => {
                        let since = self.since[from].expect("it serves until then");
                        assert!(self.now - since >= self.rules.max_age_ns / 5 * 4);
                        self.rotations += 1;
                    }
                    false => self.take_overs += 1,
                }
            }
            Step::Open(slot) => {
                assert_eq!((self.lives[slot].stage(), self.since[slot]), (Stage::Closed, None));
                self.lives[slot] = Life::new(LIFE, self.now);
            }
            Step::Close(slot) => {
                assert_ne!(self.live, Some(slot));
                let is_over = self.now >= self.left[slot] + self.rules.drain_ns;
                assert!(self.calls[slot] == 0 || is_over, "its calls have their time");
                let _ = self.lives[slot].close(Some(1000), "", self.now);
            }
            Step::Wait(_) => unreachable!("it was looked at before"),
        }
    }

    /// What is due on the slots. `None`: something was done.
    fn step_slots(&mut self, mut until: Option<u64>) -> Option<Option<u64>> {
        let comes = |life: &Life| matches!(life.stage(), Stage::Dialling | Stage::Opening);
        for slot in 0..self.lives.len() {
            let waits = self.lives[slot].stage() == Stage::Waiting;
            if waits && self.lives.iter().any(comes) {
                continue;
            }
            match self.lives[slot].due(self.now) {
                Due::Wait(its) => until = until.into_iter().chain(its).min(),
                Due::Closed => {}
                Due::Dial => return None,
                Due::Open(_) => {
                    let awaits = self.chance(50);
                    self.lives[slot].opening_sent(awaits, self.now);
                    return None;
                }
                Due::Up => {
                    let since = self.since[slot].expect("it has a connection");
                    self.standby.ready(slot, since, self.rng.u64(..));
                    return None;
                }
                Due::GiveUp(why) => {
                    self.lose(slot, why);
                    return None;
                }
                Due::Ping(_) => unreachable!("there are no pings"),
            }
        }
        Some(until)
    }

    fn lose(&mut self, slot: usize, why: Why) {
        self.since[slot] = None;
        self.calls[slot] = 0;
        self.lives[slot].lost(why, self.now, self.rng.u64(..));
        let was_live = self.live == Some(slot);
        if self.standby.lost(slot) == Then::Rests {
            self.lives[slot] = Life::at_rest(LIFE, self.now);
        }
        if was_live {
            let is_ready = self.standby.ready_lines() > 0;
            // The very next step is the switch, if there is one that is ready.
            match self.step() {
                Step::Switch { from, to, is_rotation: false } => {
                    assert!(is_ready && from == slot);
                    self.carry_out(Step::Switch { from, to, is_rotation: false });
                }
                step => {
                    assert!(!is_ready, "one that is ready does not take over");
                    self.live = None;
                    if !matches!(step, Step::Wait(_)) {
                        self.carry_out(step);
                    }
                }
            }
        }
    }

    /// Something that nobody has asked for.
    fn happen(&mut self) {
        let slot = self.rng.usize(..self.lives.len());
        match self.lives[slot].stage() {
            Stage::Dialling if self.chance(70) => {
                assert!(self.lives[slot].switched(self.now));
                self.since[slot] = Some(self.now);
            }
            Stage::Dialling => drop(self.lives[slot].dial_failed(self.now, self.rng.u64(..))),
            Stage::Opening if self.chance(80) => self.lives[slot].acknowledged(self.now),
            Stage::Opening if self.chance(20) => self.lose(slot, Why::OpeningRefused),
            Stage::Up => match self.rng.u32(0..40) {
                0 => self.lose(slot, Why::Reset),
                1 => {
                    let frame = CloseFrame { code: Some(1001), reason: "" };
                    assert!(self.lives[slot].on_close(&frame, self.now).is_some());
                    self.standby.going(slot, self.now);
                }
                2..20 if self.live == Some(slot) => self.calls[slot] += 1,
                _ => self.calls[slot] = self.calls[slot].saturating_sub(1),
            },
            Stage::Closing if self.chance(50) => {
                let why = self.lives[slot].on_eof();
                self.lose(slot, why);
            }
            _ => {}
        }
    }

    fn check(&self) {
        assert_eq!(self.standby.live(), self.live);
        let coming = self
            .lives
            .iter()
            .filter(|life| matches!(life.stage(), Stage::Dialling | Stage::Opening));
        assert!(coming.count() <= 1, "one slot comes at a time");
        if let Some(live) = self.live {
            assert!(self.since[live].is_some());
            let told = (0..self.lives.len()).filter(|slot| self.standby.is_told(*slot));
            assert!(told.clone().all(|slot| slot == live || self.standby.is_leaving(slot)));
        }
        let wanted = (0..self.lives.len())
            .filter(|slot| !self.standby.is_spare(*slot) && !self.standby.is_leaving(*slot));
        assert!(wanted.count() <= self.rules.slots + 1);
    }
}

#[test]
fn one_line_is_live_and_a_ready_one_takes_over_in_each_of_many_worlds() {
    let (mut ups, mut take_overs, mut rotations) = (0, 0, 0);
    for seed in 0..400 {
        let mut world = World::new(seed);
        for _ in 0..800 {
            let until = world.run_due();
            world.check();
            let step = world.rng.u64(0..20) * MS;
            world.now = until.map_or(world.now + step, |until| until.min(world.now + step));
            world.happen();
        }
        // Left in peace, all slots come, and none is left over.
        for _ in 0..400 {
            let until = world.run_due();
            world.check();
            for slot in 0..world.lives.len() {
                match world.lives[slot].stage() {
                    Stage::Dialling => {
                        assert!(world.lives[slot].switched(world.now));
                        world.since[slot] = Some(world.now);
                    }
                    Stage::Opening => world.lives[slot].acknowledged(world.now),
                    _ => {}
                }
                world.calls[slot] = 0;
            }
            world.now = until.unwrap_or(world.now + MS).min(world.now + 10 * MS);
        }
        world.run_due();
        assert!(world.live.is_some(), "seed {seed}");
        let slots = world.standby.ready_lines() + 1;
        assert_eq!(slots, world.rules.slots, "seed {seed}");
        (ups, take_overs) = (ups + world.ups, take_overs + world.take_overs);
        rotations += world.rotations;
    }
    // The worlds are not empty.
    assert!(ups > 500 && take_overs > 500 && rotations > 100, "{ups} {take_overs} {rotations}");
}
