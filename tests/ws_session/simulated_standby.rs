//! The lines of a session in a random world with a false clock, by seed: venues that refuse, close
//! and reset, calls that are answered or not, lines that grow old. A simple account of which line
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
    /// When the connection of each line began, if it has one.
    since: Vec<Option<u64>>,
    /// Calls of each line.
    calls: Vec<u32>,
    /// When each line was left.
    left: Vec<u64>,
    /// The line that the engine was told of.
    live: Option<usize>,
    ups: u32,
    take_overs: u32,
    rotations: u32,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let max_age_ns = [0, 3_000 * MS][rng.usize(..2)];
        let rules = StandbyRules { lines: rng.usize(1..=4), max_age_ns, drain_ns: 100 * MS };
        let standby = Standby::new(rules);
        let life = |line| match standby.is_spare(line) {
            true => Life::at_rest(LIFE, 1),
            false => Life::new(LIFE, 1),
        };
        let lives: Vec<_> = (0..standby.lines()).map(life).collect();
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
        self.standby.step(self.now, |line| calls[line] > 0)
    }

    /// Does all that is due, and answers until when there is nothing.
    fn settle(&mut self) -> Option<u64> {
        for _ in 0..200 {
            match self.step() {
                Step::Wait(until) => {
                    if let Some(until) = self.settle_lines(until) {
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
            Step::Open(line) => {
                assert_eq!((self.lives[line].stage(), self.since[line]), (Stage::Closed, None));
                self.lives[line] = Life::new(LIFE, self.now);
            }
            Step::Close(line) => {
                assert_ne!(self.live, Some(line));
                let is_over = self.now >= self.left[line] + self.rules.drain_ns;
                assert!(self.calls[line] == 0 || is_over, "its calls have their time");
                let _ = self.lives[line].close(Some(1000), "", self.now);
            }
            Step::Wait(_) => unreachable!("it was looked at before"),
        }
    }

    /// What is due on the lines. `None`: something was done.
    fn settle_lines(&mut self, mut until: Option<u64>) -> Option<Option<u64>> {
        let comes = |life: &Life| matches!(life.stage(), Stage::Dialling | Stage::Opening);
        for line in 0..self.lives.len() {
            let waits = self.lives[line].stage() == Stage::Waiting;
            if waits && self.lives.iter().any(comes) {
                continue;
            }
            match self.lives[line].due(self.now) {
                Due::Wait(its) => until = until.into_iter().chain(its).min(),
                Due::Closed => {}
                Due::Dial => return None,
                Due::Open(_) => {
                    let awaits = self.chance(50);
                    self.lives[line].opening_sent(awaits, self.now);
                    return None;
                }
                Due::Up => {
                    let since = self.since[line].expect("it has a connection");
                    self.standby.ready(line, since, self.rng.u64(..));
                    return None;
                }
                Due::GiveUp(why) => {
                    self.lose(line, why);
                    return None;
                }
                Due::Ping(_) => unreachable!("there are no pings"),
            }
        }
        Some(until)
    }

    fn lose(&mut self, line: usize, why: Why) {
        self.since[line] = None;
        self.calls[line] = 0;
        self.lives[line].lost(why, self.now, self.rng.u64(..));
        let was_live = self.live == Some(line);
        if self.standby.lost(line) == Then::Rests {
            self.lives[line] = Life::at_rest(LIFE, self.now);
        }
        if was_live {
            let is_ready = self.standby.ready_lines() > 0;
            // The very next step is the switch, if there is one that is ready.
            match self.step() {
                Step::Switch { from, to, is_rotation: false } => {
                    assert!(is_ready && from == line);
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
        let line = self.rng.usize(..self.lives.len());
        match self.lives[line].stage() {
            Stage::Dialling if self.chance(70) => {
                assert!(self.lives[line].switched(self.now));
                self.since[line] = Some(self.now);
            }
            Stage::Dialling => drop(self.lives[line].dial_failed(self.now, self.rng.u64(..))),
            Stage::Opening if self.chance(80) => self.lives[line].acknowledged(self.now),
            Stage::Opening if self.chance(20) => self.lose(line, Why::OpeningRefused),
            Stage::Up => match self.rng.u32(0..40) {
                0 => self.lose(line, Why::Reset),
                1 => {
                    let frame = CloseFrame { code: Some(1001), reason: "" };
                    assert!(self.lives[line].on_close(&frame, self.now).is_some());
                    self.standby.going(line, self.now);
                }
                2..20 if self.live == Some(line) => self.calls[line] += 1,
                _ => self.calls[line] = self.calls[line].saturating_sub(1),
            },
            Stage::Closing if self.chance(50) => {
                let why = self.lives[line].on_eof();
                self.lose(line, why);
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
        assert!(coming.count() <= 1, "one line comes at a time");
        if let Some(live) = self.live {
            assert!(self.since[live].is_some());
            let told = (0..self.lives.len()).filter(|line| self.standby.is_told(*line));
            assert!(told.clone().all(|line| line == live || self.standby.is_leaving(line)));
        }
        let wanted = (0..self.lives.len())
            .filter(|line| !self.standby.is_spare(*line) && !self.standby.is_leaving(*line));
        assert!(wanted.count() <= self.rules.lines + 1);
    }
}

#[test]
fn one_line_is_live_and_a_ready_one_takes_over_in_each_of_many_worlds() {
    let (mut ups, mut take_overs, mut rotations) = (0, 0, 0);
    for seed in 0..400 {
        let mut world = World::new(seed);
        for _ in 0..800 {
            let until = world.settle();
            world.check();
            let step = world.rng.u64(0..20) * MS;
            world.now = until.map_or(world.now + step, |until| until.min(world.now + step));
            world.happen();
        }
        // Left in peace, all lines come, and none is left over.
        for _ in 0..400 {
            let until = world.settle();
            world.check();
            for line in 0..world.lives.len() {
                match world.lives[line].stage() {
                    Stage::Dialling => {
                        assert!(world.lives[line].switched(world.now));
                        world.since[line] = Some(world.now);
                    }
                    Stage::Opening => world.lives[line].acknowledged(world.now),
                    _ => {}
                }
                world.calls[line] = 0;
            }
            world.now = until.unwrap_or(world.now + MS).min(world.now + 10 * MS);
        }
        world.settle();
        assert!(world.live.is_some(), "seed {seed}");
        let lines = world.standby.ready_lines() + 1;
        assert_eq!(lines, world.rules.lines, "seed {seed}");
        (ups, take_overs) = (ups + world.ups, take_overs + world.take_overs);
        rotations += world.rotations;
    }
    // The worlds are not empty.
    assert!(ups > 500 && take_overs > 500 && rotations > 100, "{ups} {take_overs} {rotations}");
}
