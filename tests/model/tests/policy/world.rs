//! The world of a simulated pool: a venue with its moods, chance, and how a pool is set.
//!
//! It knows connections as the wire does: what was sent, what has arrived. It knows no pool.

use std::net::SocketAddr;
use std::ops::Range;

use venuepool_model::error::{CloseReason, Outcome};
use venuepool_model::lane::Lane;
use venuepool_model::pool::backoff::Bounds;
use venuepool_model::pool::connection_maintenance::{Announced, Rules};
use venuepool_model::pool::exchange_time::Estimate;
use venuepool_model::pool::lanes::{LaneRule, LaneRules};
use venuepool_model::pool::slot::Read;

pub(crate) const US: u64 = 1_000;
pub(crate) const MS: u64 = 1_000 * US;
pub(crate) const S: u64 = 1_000 * MS;

/// SplitMix64: repeatable from its seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn within(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % (most - least + 1)
    }

    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.next() as usize % choices.len()]
    }
}

/// How one pool is set, and what its venue is like.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) slots: u32,
    /// The local addresses that the slots connect from; 0 if the system chooses.
    pub(crate) sources: u32,
    /// A response that asks for a pause holds its source only.
    pub(crate) suspends_source: bool,
    pub(crate) lanes: LaneRules,
    /// The engine uses all lanes.
    pub(crate) uses_lanes: bool,
    /// How long an engine mostly waits before it asks for something else, at most.
    pub(crate) think_ns: u64,
    pub(crate) dials_per_second: u32,
    pub(crate) bounds: Bounds,
    pub(crate) rules: Rules,
    pub(crate) beat_timeout_ns: u64,
    pub(crate) look_after_ns: u64,
    pub(crate) request_ns: u64,
    pub(crate) queue_ns: u64,
    pub(crate) connect_ns: u64,
    pub(crate) estimate: Estimate,
    /// As in caller drive: who drives is another than who heals, and each may be late.
    pub(crate) is_loose: bool,
    /// How late, in a loose pool.
    pub(crate) late_ns: u64,
    /// The venue announces after how much idle time it closes, and after how many requests.
    pub(crate) idle_close_ns: u64,
    pub(crate) announces: bool,
    /// Or it announces that it ends the connection behind each answer.
    pub(crate) ends_each: bool,
    /// The venue ends a connection that was never used after so long.
    pub(crate) unused_close_ns: u64,
    pub(crate) max_requests: Option<u64>,
    pub(crate) addresses: u8,
    /// What of a hundred exchanges go wrong.
    pub(crate) faults: u64,
    /// The engine does nothing but send, steadily.
    pub(crate) load: Option<Load>,
}

/// An engine that sends steadily, to a venue that does nothing wrong but may freeze.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    /// From one request to the next.
    pub(crate) every_ns: u64,
    /// The least and the most time that an exchange takes.
    pub(crate) exchange_ns: (u64, u64),
    /// So many requests more, at one moment, once the pool is up.
    pub(crate) burst: u64,
    /// The venue does nothing, and goes on afterwards where it was. Its kernel accepts connections.
    pub(crate) frozen: Range<u64>,
    /// As the pool was before it knew which requests are too late.
    pub(crate) is_before: bool,
}

impl Load {
    /// How long an exchange takes that begins at that moment.
    fn takes_ns(&self, now: u64, random: &mut Random) -> u64 {
        let (least, most) = self.exchange_ns;
        let takes_ns = random.within(least, most);
        let Range { start, end } = self.frozen;
        if now >= end || now + takes_ns < start {
            return takes_ns;
        }
        takes_ns + end - now.max(start)
    }
}

/// The lanes of a pool of so many slots. The lowest one has at least one slot that is not kept.
fn lanes(slots: u32, uses_lanes: bool, random: &mut Random) -> LaneRules {
    let mut rules = LaneRules::with_capacity(random.within(1, 12) as usize);
    let mut left = u64::from(slots) - 1;
    for lane in Lane::ALL.into_iter().filter(|_| uses_lanes) {
        let reserved = random.within(0, left.min(2));
        left -= reserved;
        rules.set(
            lane,
            LaneRule {
                reserved_slots: reserved as u32,
                queue_capacity: random.within(1, 12) as usize,
                through_pause: random.percent(40),
            },
        );
    }
    rules
}

impl Setting {
    pub(crate) fn new(random: &mut Random) -> Self {
        let first_ns = random.one_of(&[10 * MS, 100 * MS, 200 * MS]);
        let slots = random.one_of(&[1, 2, 3, 4, 4, 5, 8]);
        let uses_lanes = random.percent(40);
        Self {
            slots,
            sources: random.one_of(&[0, 0, 1, 2, 3]),
            suspends_source: random.percent(60),
            lanes: lanes(slots, uses_lanes, random),
            uses_lanes,
            dials_per_second: random.one_of(&[1, 5, 5, 20]),
            bounds: Bounds { first_ns, max_ns: random.one_of(&[first_ns, S, 5 * S]) },
            rules: Rules {
                heartbeat_ns: random.one_of(&[0, 20 * MS, 200 * MS, S]),
                idle_limit_ns: random.one_of(&[0, 0, 2 * S, 10 * S]),
                max_age_ns: random.one_of(&[0, 0, 5 * S, 20 * S]),
                max_requests: random.one_of(&[0, 0, 1, 20, 100]),
            },
            beat_timeout_ns: random.one_of(&[50 * MS, 500 * MS]),
            look_after_ns: random.one_of(&[0, 10 * US, MS]),
            request_ns: random.one_of(&[20 * MS, 200 * MS, 2 * S]),
            queue_ns: random.one_of(&[10 * MS, 100 * MS, u64::MAX]),
            connect_ns: random.one_of(&[500 * MS, 3 * S]),
            estimate: random.one_of(&[Estimate::Measured, Estimate::Fixed(0)]),
            is_loose: random.percent(60),
            late_ns: random.one_of(&[50 * US, 2 * MS, 20 * MS]),
            idle_close_ns: random.one_of(&[S, 3 * S, 60 * S]),
            announces: random.percent(50),
            ends_each: random.percent(10),
            unused_close_ns: random.one_of(&[S, 2 * S, 60 * S]),
            max_requests: random.one_of(&[None, None, Some(2), Some(30)]),
            addresses: random.within(1, 4) as u8,
            faults: random.one_of(&[0, 1, 5, 30]),
            think_ns: random.one_of(&[MS, MS, 50 * MS]),
            load: None,
        }
    }

    /// Whether the pool takes its own deadline as evidence against the venue, as it did once.
    pub(crate) fn is_before(&self) -> bool {
        self.load.as_ref().is_some_and(|load| load.is_before)
    }

    /// The defaults of a pool of four, and this load.
    pub(crate) fn under(load: Load, request_ns: u64, is_loose: bool) -> Self {
        let estimate = if load.is_before { Estimate::Fixed(0) } else { Estimate::Measured };
        Self {
            slots: 4,
            sources: 0,
            suspends_source: false,
            lanes: LaneRules::with_capacity(1024),
            uses_lanes: false,
            dials_per_second: 5,
            bounds: Bounds { first_ns: 100 * MS, max_ns: 5 * S },
            rules: Rules::default(),
            beat_timeout_ns: S,
            look_after_ns: 10 * US,
            request_ns,
            queue_ns: u64::MAX,
            connect_ns: S,
            estimate,
            is_loose,
            late_ns: 50 * US,
            idle_close_ns: u64::MAX,
            announces: false,
            ends_each: false,
            unused_close_ns: u64::MAX,
            max_requests: None,
            addresses: 1,
            faults: 0,
            think_ns: MS,
            load: Some(load),
        }
    }
}

impl Setting {
    /// Whether the dial limit allows as much as the rules of maintenance ask for, twice over, while
    /// nothing is sent but heartbeats. If not, some slot is always being replaced too late.
    pub(crate) fn is_sustainable(&self) -> bool {
        let per_second = |ns: u64| if ns == 0 { 0.0 } else { S as f64 / ns as f64 };
        let theirs_ns = if self.announces { self.idle_close_ns * 8 / 10 } else { 0 };
        let ends_each = u64::from(self.ends_each && !self.announces);
        let limits = [ends_each, self.rules.max_requests, self.max_requests.unwrap_or(0)];
        let requests = limits.into_iter().filter(|limit| *limit != 0).min();
        let beats = per_second(self.rules.heartbeat_ns) * 1.25;
        let each = per_second(self.rules.idle_limit_ns)
            + per_second(self.rules.max_age_ns)
            + per_second(theirs_ns)
            + requests.map_or(0.0, |requests| beats / (requests as f64 / 2.0));
        2.0 * each * f64::from(self.slots) <= f64::from(self.dials_per_second)
    }
}

/// What the venue does to who comes to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// It does well, but takes its time with dials.
    Slow,
    /// It refuses all dials.
    Refusing,
    /// It answers nothing at all.
    Silent,
    /// It accepts, and closes at once.
    Overloaded,
}

/// A whole response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) announced: Announced,
    pub(crate) closes: bool,
    /// It asks for a pause of so long, and perhaps without connections.
    pub(crate) pause: Option<(u64, bool)>,
}

/// What arrives from the venue.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arrival {
    Answer(Answer),
    Fin,
    Reset,
    /// Bytes that nobody asked for.
    Stray,
}

/// One connection, as the wire knows it.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Nothing comes through any more.
    pub(crate) silent: bool,
    /// What the socket holds.
    pub(crate) answer: Option<Answer>,
    pub(crate) ended: Option<Arrival>,
    pub(crate) stray: bool,
    /// When the end came, or bytes that nobody asked for.
    pub(crate) spoilt_ns: u64,
    /// Maintenance has told the pool that it is to go.
    pub(crate) retired: bool,
    /// The pool has given it up.
    pub(crate) given_up: bool,
    /// Requests that were sent, and answers that were read.
    pub(crate) requests: u64,
    pub(crate) answers: u64,
    /// When the pool read the last answer; its birth before.
    pub(crate) used_ns: u64,
    /// The pool knows of the limits.
    pub(crate) heard: bool,
    /// When the last request was sent on it, if that had no answer; else 0.
    pub(crate) unheard_since_ns: u64,
}

impl Connection {
    /// What reading finds while a request is in flight.
    pub(crate) fn read(&self) -> Read {
        match (self.answer, self.ended) {
            (Some(answer), _) => {
                Read::Answered(answer.closes.then_some(CloseReason::ResponseClose))
            }
            _ if self.stray => Read::Failed(Outcome::UnsolicitedResponse, CloseReason::Protocol),
            (None, Some(Arrival::Reset)) => {
                Read::Failed(Outcome::ConnectionReset, CloseReason::Reset)
            }
            (None, Some(_)) => Read::Failed(Outcome::ConnectionClosed, CloseReason::Closed),
            (None, None) => Read::Nothing,
        }
    }

    /// What a look at the idle socket finds.
    pub(crate) fn look(&self) -> Option<CloseReason> {
        match self.ended {
            _ if self.stray || self.answer.is_some() => Some(CloseReason::IdleBytes),
            Some(Arrival::Reset) => Some(CloseReason::IdleReset),
            Some(_) => Some(CloseReason::IdleClosed),
            None => None,
        }
    }
}

/// How a dial ends, and when.
pub(crate) struct Dialled {
    pub(crate) after_ns: u64,
    /// Whether there is a connection, by which address.
    pub(crate) by: Option<SocketAddr>,
    pub(crate) failed: Vec<SocketAddr>,
}

/// The venue.
pub(crate) struct Venue {
    pub(crate) mood: Mood,
    /// Nothing goes wrong any more.
    pub(crate) healed: bool,
    pub(crate) connections: Vec<Connection>,
    pub(crate) addresses: Vec<SocketAddr>,
    /// Which of them refuse.
    bad: Vec<bool>,
}

impl Venue {
    pub(crate) fn new(setting: &Setting) -> Self {
        let address = |n: u8| match n % 2 {
            0 => SocketAddr::from(([10, 0, 0, n], 443)),
            _ => SocketAddr::from(([0xfd00, 0, 0, 0, 0, 0, 0, u16::from(n)], 443)),
        };
        Self {
            mood: Mood::Well,
            healed: false,
            connections: Vec::new(),
            addresses: (0..setting.addresses).map(address).collect(),
            bad: vec![false; usize::from(setting.addresses)],
        }
    }

    /// Another mood. Answers which connections are lost by it, with what arrives.
    pub(crate) fn turn(&mut self, random: &mut Random) -> Vec<(usize, Arrival)> {
        let moods = [Mood::Well, Mood::Slow, Mood::Refusing, Mood::Silent, Mood::Overloaded];
        self.mood = if random.percent(60) { Mood::Well } else { random.one_of(&moods) };
        self.bad.iter_mut().for_each(|bad| *bad = random.percent(25));
        let share = match self.mood {
            Mood::Well | Mood::Slow => 10,
            _ => random.one_of(&[30, 100]),
        };
        let mut lost = Vec::new();
        for (id, connection) in self.connections.iter_mut().enumerate() {
            if connection.given_up || !random.percent(share) {
                continue;
            }
            match self.mood {
                Mood::Silent => connection.silent = true,
                _ => lost.push((id, random.one_of(&[Arrival::Fin, Arrival::Reset]))),
            }
        }
        lost
    }

    /// From now on all is well; what hung in the air is reset.
    pub(crate) fn heal(&mut self) -> Vec<(usize, Arrival)> {
        (self.mood, self.healed) = (Mood::Well, true);
        self.bad.fill(false);
        let lost = self.connections.iter_mut().enumerate();
        let lost = lost.filter(|(_, connection)| connection.silent && !connection.given_up);
        lost.map(|(id, connection)| {
            connection.silent = false;
            (id, Arrival::Reset)
        })
        .collect()
    }

    /// Somebody dials, the addresses in that order.
    pub(crate) fn dial(
        &self,
        order: &[SocketAddr],
        setting: &Setting,
        random: &mut Random,
    ) -> Dialled {
        let mut dialled = Dialled { after_ns: 0, by: None, failed: Vec::new() };
        if self.mood == Mood::Silent {
            return Dialled { after_ns: setting.connect_ns, failed: order.to_vec(), ..dialled };
        }
        for address in order {
            dialled.after_ns += match self.mood {
                Mood::Slow => random.within(50 * MS, setting.connect_ns / 4),
                _ => random.within(100 * US, 5 * MS),
            };
            let index = self.addresses.iter().position(|known| known == address).unwrap();
            if self.mood == Mood::Refusing || self.bad[index] {
                dialled.failed.push(*address);
            } else {
                dialled.by = Some(*address);
                break;
            }
        }
        dialled
    }

    /// There is a new connection, its number is answered, and how it ends at once if it does.
    pub(crate) fn accept(&mut self, now: u64) -> (usize, Option<Arrival>) {
        self.connections.push(Connection {
            silent: false,
            answer: None,
            ended: None,
            stray: false,
            spoilt_ns: u64::MAX,
            retired: false,
            given_up: false,
            requests: 0,
            answers: 0,
            used_ns: now,
            heard: false,
            unheard_since_ns: 0,
        });
        let refuses = matches!(self.mood, Mood::Overloaded | Mood::Refusing);
        (self.connections.len() - 1, refuses.then_some(Arrival::Fin))
    }

    /// A request comes. What the venue does, and after how long.
    pub(crate) fn request(
        &mut self,
        id: usize,
        now: u64,
        setting: &Setting,
        random: &mut Random,
    ) -> Option<(u64, Arrival)> {
        let connection = &mut self.connections[id];
        connection.requests += 1;
        if let Some(load) = &setting.load {
            let announced = Announced::default();
            let answer = Answer { announced, closes: false, pause: None };
            return Some((load.takes_ns(now, random), Arrival::Answer(answer)));
        }
        if connection.silent || connection.ended.is_some() {
            return None;
        }
        let left = setting.max_requests.map(|max| max.checked_sub(connection.requests));
        if left == Some(None) && connection.heard {
            panic!("the venue announced its last request, and another one is sent");
        }
        let left = left.map(Option::unwrap_or_default);
        let announced = match setting.announces {
            true => Announced { timeout_ns: Some(setting.idle_close_ns), requests_left: left },
            false if setting.ends_each => Announced { timeout_ns: Some(0), requests_left: None },
            false => Announced::default(),
        };
        let mut answer = Answer { announced, closes: false, pause: None };
        // Some say that it was the last, some only have announced it.
        answer.closes = left == Some(0) && random.percent(50);
        let after_ns = match self.healed || random.percent(95) {
            true => random.within(50 * US, 10 * MS),
            false => random.within(10 * MS, 3 * S),
        };
        let arrival = match random.within(0, 7) {
            _ if self.healed || !random.percent(setting.faults) => Arrival::Answer(answer),
            0 => Arrival::Fin,
            1 => Arrival::Reset,
            2 => Arrival::Stray,
            3 => return None,
            4 if random.percent(60) => {
                answer.pause = Some((random.within(MS, 2 * S), random.percent(50)));
                Arrival::Answer(answer)
            }
            _ => Arrival::Answer(Answer { closes: true, ..answer }),
        };
        Some((after_ns, arrival))
    }
}
