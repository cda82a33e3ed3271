//! Maintenance of a live connection: when it wants a heartbeat, a replacement, or its end.
//!
//! ```text
//!   limit          its replacement is dialled    the connection itself goes
//!   idle time      at 8/10 .. 9/10, by chance    when replaced, at the limit at the latest
//!   requests       a tenth of them before        when replaced, at the limit at the latest
//!   age            at 8/10 .. 10/10, by chance   when replaced
//! ```
//!
//! A connection beyond its idle or request limit may die with the next order, so no connection is
//! better: an engine that is told "no slot" knows where it stands. Age alone loses no order, so an
//! old connection serves until its replacement is live.
//!
//! The moment of a replacement is left to chance, because all connections of a pool come up
//! together, and would otherwise want their replacements together for ever.
//!
//! What the venue announces (`Keep-Alive: timeout=5, max=100`) is a limit too, where it is the
//! stricter one. Times are nanoseconds on any clock that never goes back.

use crate::error::CloseReason;

const SECOND_NS: u64 = 1_000_000_000;

/// No such moment.
const NEVER: u64 = u64::MAX;

/// Requests before an announced limit at which the replacement is dialled.
const EARLY_REQUESTS: u64 = 5;

/// An announced idle time that is shorter than this, in nanoseconds, counts as this for the next
/// connection, which has announced nothing yet and must be able to serve.
const INHERITED_NS: u64 = SECOND_NS;

/// The limits that a pool is configured with; 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// A heartbeat after so much idle time, give or take a fifth.
    pub heartbeat_ns: u64,
    /// No request on a connection that was idle for longer.
    pub idle_limit_ns: u64,
    /// A replacement at this age, or up to a fifth earlier.
    pub max_age_ns: u64,
    /// No more requests on one connection, heartbeats included.
    pub max_requests: u64,
}

/// What a response announced about its connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// The venue closes the connection after so much idle time; 0: behind this response.
    pub timeout_ns: Option<u64>,
    /// So many more requests are served on it.
    pub requests_left: Option<u64>,
}

/// What a connection needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Proof of life.
    Heartbeat,
    /// A replacement, dialled while it still serves.
    Replace(CloseReason),
    /// Its end, replaced or not.
    Retire(CloseReason),
}

/// The maintenance of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectionMaintenance {
    born_ns: u64,
    used_ns: u64,
    requests: u64,
    announced: Announced,
    /// Uniform over all of `u64`; all choices of this connection come from it.
    random: u64,
}

impl ConnectionMaintenance {
    /// A connection that came up now. `random` is uniform over all of `u64`.
    pub fn new(now_ns: u64, random: u64) -> Self {
        Self { born_ns: now_ns, used_ns: now_ns, random, ..Self::default() }
    }

    /// The connection that follows this one in its slot. How long the venue keeps idle connections
    /// is taken over: it is the venue's habit, not the connection's. That it ends one after its
    /// answer is not.
    pub fn next(&self, now_ns: u64, random: u64) -> Self {
        let kept_ns = self.announced.timeout_ns.filter(|ns| *ns != 0);
        let timeout_ns = kept_ns.map(|ns| ns.max(INHERITED_NS));
        let announced = Announced { timeout_ns, requests_left: None };
        Self { announced, ..Self::new(now_ns, random) }
    }

    /// When it came up.
    pub fn born_ns(&self) -> u64 {
        self.born_ns
    }

    /// When the last exchange on it ended; when it came up, if there was none.
    pub fn used_ns(&self) -> u64 {
        self.used_ns
    }

    /// How many exchanges it carried.
    pub fn requests(&self) -> u64 {
        self.requests
    }

    /// An exchange on it has ended.
    pub fn used(&mut self, now_ns: u64) {
        self.used_ns = now_ns;
        self.requests += 1;
        if let Some(left) = &mut self.announced.requests_left {
            *left = left.saturating_sub(1);
        }
    }

    /// Takes over what the last response announced.
    pub fn heard(&mut self, announced: Announced) {
        self.announced = announced;
    }

    /// Whether the last response has announced that the venue ends the connection behind it.
    pub fn ends_now(&self) -> bool {
        self.announced.timeout_ns == Some(0)
    }

    /// Whether a response has announced a limit.
    pub fn has_heard(&self) -> bool {
        self.announced != Announced::default()
    }

    /// Requests that may still be sent on it.
    pub fn requests_left(&self, rules: &Rules) -> u64 {
        let ours = match rules.max_requests {
            0 => NEVER,
            limit => limit.saturating_sub(self.requests),
        };
        ours.min(self.announced.requests_left.unwrap_or(NEVER))
    }

    /// Whether its replacement should be dialled because of the requests that are left. An unused
    /// one has no fewer left than its replacement would.
    pub fn runs_out(&self, rules: &Rules) -> bool {
        let ours = (rules.max_requests / 10).max(1);
        let margin = if self.announced.requests_left.is_some() { EARLY_REQUESTS } else { ours };
        self.requests != 0 && self.requests_left(rules) <= margin.max(ours)
    }

    /// What it needs now, the gravest first; or, as the error, when to look again at the latest.
    /// `replacing`: its replacement is under way already.
    pub fn action(&self, rules: &Rules, now_ns: u64, replacing: bool) -> Result<Action, u64> {
        let (early, _) = self.idle_ns(rules);
        let aged = self.aged_ns(rules);
        let heartbeat = self.heartbeat_due_ns(rules);
        if self.requests_left(rules) == 0 {
            Ok(Action::Retire(CloseReason::MaxRequests))
        } else if self.is_idle_too_long(rules, now_ns) {
            Ok(Action::Retire(CloseReason::IdleLimit))
        } else if !replacing && self.runs_out(rules) {
            Ok(Action::Replace(CloseReason::MaxRequests))
        } else if !replacing && early <= now_ns {
            Ok(Action::Replace(CloseReason::IdleLimit))
        } else if !replacing && aged <= now_ns {
            Ok(Action::Replace(CloseReason::MaxAge))
        } else if heartbeat <= now_ns {
            Ok(Action::Heartbeat)
        } else {
            Err(self.next_limit_ns(rules, replacing).min(heartbeat))
        }
    }

    /// When the first of its limits asks for something, at the latest. A heartbeat that is due may
    /// have to wait, and the limits do not.
    pub fn next_limit_ns(&self, rules: &Rules, replacing: bool) -> u64 {
        let (early, last) = self.idle_ns(rules);
        if replacing { last } else { early.min(self.aged_ns(rules)) }
    }

    /// Whether it was idle for so long that it may die with the next request.
    pub fn is_idle_too_long(&self, rules: &Rules, now_ns: u64) -> bool {
        self.idle_ns(rules).1 <= now_ns
    }

    /// When idleness asks for a replacement, and when for the end.
    fn idle_ns(&self, rules: &Rules) -> (u64, u64) {
        let ours = (rules.idle_limit_ns != 0).then_some(rules.idle_limit_ns);
        // The venue's clock runs while its answer is on the way, so it may close a little early.
        let theirs = self.announced.timeout_ns.map(|timeout| timeout - timeout / 10);
        let Some(limit) = ours.into_iter().chain(theirs).min() else { return (NEVER, NEVER) };
        // A new choice for each use, so that connections which are used together drift apart.
        let random = mixed(!self.random ^ self.requests);
        let early = limit - limit / 5 + part(limit / 10, random);
        (self.used_ns.saturating_add(early), self.used_ns.saturating_add(limit))
    }

    /// How many dials a slot needs in a thousand seconds to stay within the limits of its
    /// connections while the engine sends nothing.
    pub fn dials_at_rest(&self, rules: &Rules) -> u64 {
        let theirs_ns = self.announced.timeout_ns.filter(|ns| *ns != 0);
        let theirs_ns = theirs_ns.map(|ns| (ns - ns / 10) * 17 / 20);
        let ours_ns = (rules.idle_limit_ns != 0).then_some(rules.idle_limit_ns / 20 * 17);
        let idle_ns = ours_ns.into_iter().chain(theirs_ns).min().unwrap_or(NEVER);
        let heartbeat_ns = if rules.heartbeat_ns == 0 { NEVER } else { rules.heartbeat_ns };
        // Heartbeats are use. They come a fifth late at the latest.
        let by_idleness =
            if heartbeat_ns.saturating_add(heartbeat_ns / 5) < idle_ns { NEVER } else { idle_ns };
        let by_age = if rules.max_age_ns == 0 { NEVER } else { rules.max_age_ns / 10 * 9 };
        let theirs = self.announced.requests_left.map(|left| left + self.requests);
        let ours = (rules.max_requests != 0).then_some(rules.max_requests);
        let by_heartbeats = match ours.into_iter().chain(theirs).min() {
            Some(requests) => heartbeat_ns.saturating_mul(requests.max(1)),
            None => NEVER,
        };
        let life_ns = by_idleness.min(by_age).min(by_heartbeats);
        if life_ns == NEVER { 0 } else { 1_000 * SECOND_NS / life_ns.max(1) }
    }

    fn aged_ns(&self, rules: &Rules) -> u64 {
        match rules.max_age_ns {
            0 => NEVER,
            limit => self.born_ns.saturating_add(limit - part(limit / 5, self.random)),
        }
    }

    fn heartbeat_due_ns(&self, rules: &Rules) -> u64 {
        match rules.heartbeat_ns {
            0 => NEVER,
            interval => {
                // A new choice for each beat, so that slots which beat together drift apart.
                let random = mixed(self.random ^ self.requests);
                let wait = interval - interval / 5 + part(interval / 5 * 2, random);
                self.used_ns.saturating_add(wait)
            }
        }
    }
}

impl Rules {
    /// The shortest time after which any connection may need something by these rules, in
    /// nanoseconds: whoever looks that often misses nothing by more.
    pub fn shortest_ns(&self) -> u64 {
        let heartbeat = self.heartbeat_ns - self.heartbeat_ns / 5;
        let idle = self.idle_limit_ns - self.idle_limit_ns / 5;
        let age = self.max_age_ns - self.max_age_ns / 5;
        [heartbeat, idle, age].into_iter().filter(|ns| *ns != 0).min().unwrap_or(NEVER)
    }
}

/// `random` as a part of `whole`: uniform over `0..=whole`.
fn part(whole: u64, random: u64) -> u64 {
    ((u128::from(random) * (u128::from(whole) + 1)) >> 64) as u64
}

/// The finaliser of splitmix64 (Steele, Lea, Flood 2014): each bit depends on all bits.
fn mixed(seed: u64) -> u64 {
    let x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;
    const HALF: u64 = u64::MAX / 2;

    fn idle_rules() -> Rules {
        Rules { idle_limit_ns: 50 * S, ..Rules::default() }
    }

    #[test]
    fn without_rules_nothing_is_ever_due() {
        let maintenance = ConnectionMaintenance::new(S, HALF);
        assert_eq!(maintenance.action(&Rules::default(), NEVER - 1, false), Err(NEVER));
        assert_eq!(Rules::default().shortest_ns(), NEVER);
        assert!(!maintenance.is_idle_too_long(&Rules::default(), NEVER - 1));
    }

    #[test]
    fn an_idle_connection_is_replaced_before_the_limit_and_gone_at_it() {
        let mut maintenance = ConnectionMaintenance::new(0, HALF);
        maintenance.used(10 * S);
        let rules = idle_rules();
        let Err(early) = maintenance.action(&rules, 49 * S, false) else { panic!("due at once") };
        assert!((50 * S..=55 * S).contains(&early), "{early}");
        let replace = Action::Replace(CloseReason::IdleLimit);
        assert_eq!(maintenance.action(&rules, early, false), Ok(replace));
        assert_eq!(maintenance.action(&rules, early, true), Err(60 * S));
        assert!(!maintenance.is_idle_too_long(&rules, 60 * S - 1));
        assert!(maintenance.is_idle_too_long(&rules, 60 * S));
        let retire = Action::Retire(CloseReason::IdleLimit);
        assert_eq!(maintenance.action(&rules, 60 * S, true), Ok(retire));
    }

    #[test]
    fn use_begins_the_idle_time_anew() {
        let mut maintenance = ConnectionMaintenance::new(0, HALF);
        maintenance.used(49 * S);
        let Err(early) = maintenance.action(&idle_rules(), 60 * S, false) else { panic!("due") };
        assert!((89 * S..=94 * S).contains(&early), "{early}");
    }

    #[test]
    fn age_asks_for_a_replacement_within_a_fifth_and_never_for_the_end() {
        let rules = Rules { max_age_ns: 1000 * S, ..Rules::default() };
        for (random, due) in [(0, 1000 * S), (HALF, 900 * S), (u64::MAX, 800 * S)] {
            let maintenance = ConnectionMaintenance::new(7, random);
            let Err(found) = maintenance.action(&rules, 7, false) else { panic!("due at once") };
            assert!(found.abs_diff(7 + due) <= 1, "{found}");
            let replace = Action::Replace(CloseReason::MaxAge);
            assert_eq!(maintenance.action(&rules, found, false), Ok(replace));
            assert_eq!(maintenance.action(&rules, NEVER - 1, true), Err(NEVER));
        }
    }

    #[test]
    fn the_last_requests_are_counted() {
        let rules = Rules { max_requests: 20, ..Rules::default() };
        let mut maintenance = ConnectionMaintenance::new(0, HALF);
        for request in 1..=20 {
            let expected = if maintenance.runs_out(&rules) {
                Ok(Action::Replace(CloseReason::MaxRequests))
            } else {
                Err(NEVER)
            };
            assert_eq!(maintenance.action(&rules, request, false), expected);
            assert_eq!(maintenance.runs_out(&rules), request > 18);
            maintenance.used(request);
        }
        let retire = Ok(Action::Retire(CloseReason::MaxRequests));
        assert_eq!(maintenance.action(&rules, 21, true), retire);
    }

    #[test]
    fn a_connection_for_one_request_is_not_replaced_before_it() {
        let rules = Rules { max_requests: 1, ..Rules::default() };
        let mut maintenance = ConnectionMaintenance::new(0, HALF);
        assert_eq!(maintenance.action(&rules, 1, false), Err(NEVER));
        maintenance.used(1);
        let retire = Ok(Action::Retire(CloseReason::MaxRequests));
        assert_eq!(maintenance.action(&rules, 1, false), retire);
    }

    #[test]
    fn the_stricter_limit_counts() {
        let mut maintenance = ConnectionMaintenance::new(0, HALF);
        maintenance.used(0);
        assert!(!maintenance.has_heard());
        maintenance.heard(Announced { timeout_ns: Some(5 * S), requests_left: Some(7) });
        assert!(maintenance.has_heard());
        // A tenth less than announced, and 8/10 to 9/10 of that.
        let early = |maintenance: &ConnectionMaintenance| {
            maintenance.action(&idle_rules(), 0, false).unwrap_err()
        };
        assert!((3_600_000_000..=4_050_000_000).contains(&early(&maintenance)));
        assert!(!maintenance.runs_out(&idle_rules()));
        maintenance.used(0);
        maintenance.used(0);
        assert!(maintenance.runs_out(&idle_rules()));
        assert_eq!(maintenance.requests_left(&idle_rules()), 5);
        let next = maintenance.next(0, HALF);
        assert!((3_600_000_000..=4_050_000_000).contains(&early(&next)));
        assert_eq!((next.requests_left(&idle_rules()), next.requests()), (NEVER, 0));
        maintenance.heard(Announced { timeout_ns: Some(5000 * S), requests_left: None });
        assert!((40 * S..=45 * S).contains(&early(&maintenance)));
        maintenance.heard(Announced { timeout_ns: Some(0), requests_left: Some(0) });
        let retire = Ok(Action::Retire(CloseReason::MaxRequests));
        assert_eq!(maintenance.action(&idle_rules(), 0, false), retire);
    }

    #[test]
    fn an_announced_end_and_very_short_idle_times_are_not_taken_over() {
        let after = |timeout_ns| {
            let mut maintenance = ConnectionMaintenance::new(0, HALF);
            maintenance.heard(Announced { timeout_ns: Some(timeout_ns), requests_left: None });
            assert_eq!(maintenance.ends_now(), timeout_ns == 0);
            maintenance.next(0, HALF)
        };
        let rules = Rules::default();
        assert!(!after(0).ends_now());
        assert_eq!(after(0).action(&rules, NEVER - 1, false), Err(NEVER));
        for (announced_ns, limit_ns) in [(1, S), (S, S), (5 * S, 5 * S)] {
            assert!(!after(announced_ns).is_idle_too_long(&rules, limit_ns - limit_ns / 10 - 1));
            assert!(after(announced_ns).is_idle_too_long(&rules, limit_ns - limit_ns / 10));
        }
    }

    #[test]
    fn idle_connections_of_one_birth_are_replaced_one_after_the_other() {
        let due = |random| {
            ConnectionMaintenance::new(0, random).action(&idle_rules(), 0, false).unwrap_err()
        };
        let mut dues: Vec<_> = (0..1000).map(|number| due(mixed(number))).collect();
        dues.sort_unstable();
        assert!((40 * S..41 * S).contains(&dues[0]) && (44 * S..=45 * S).contains(&dues[999]));
        assert!((42 * S..43 * S).contains(&dues[500]), "{}", dues[500]);
        assert_eq!(idle_rules().shortest_ns(), 40 * S);
    }

    #[test]
    fn what_connections_at_rest_need_in_dials() {
        let fresh = ConnectionMaintenance::new(0, HALF);
        let heard = |timeout_s, requests_left| {
            let mut maintenance = fresh;
            maintenance.heard(Announced { timeout_ns: Some(timeout_s * S), requests_left });
            maintenance
        };
        let none = Rules::default();
        assert_eq!(fresh.dials_at_rest(&none), 0);
        assert_eq!(fresh.dials_at_rest(&idle_rules()), 1000 * 20 / (50 * 17));
        // 64 connections that are told of 5 s need 16.7 dials a second.
        assert_eq!(heard(5, None).dials_at_rest(&none), 261);
        assert_eq!(heard(500, None).dials_at_rest(&idle_rules()), 23, "the stricter one counts");
        assert_eq!(heard(0, None).dials_at_rest(&none), 0, "that is about one connection");
        let beats = Rules { heartbeat_ns: 3 * S, ..none };
        assert_eq!(heard(5, None).dials_at_rest(&beats), 0, "heartbeats keep it");
        assert_eq!(heard(5, Some(19)).dials_at_rest(&beats), 17, "and use it up");
        let slow = Rules { heartbeat_ns: 4 * S, ..none };
        assert_eq!(heard(5, None).dials_at_rest(&slow), 261, "too late to keep it");
        let ages = Rules { max_age_ns: 10 * S, ..beats };
        assert_eq!(fresh.dials_at_rest(&ages), 111);
    }

    #[test]
    fn heartbeats_spread_over_two_fifths_of_the_interval() {
        let rules = Rules { heartbeat_ns: 10 * S, ..Rules::default() };
        let mut maintenance = ConnectionMaintenance::new(0, 42);
        let mut waits = Vec::new();
        for _ in 0..1000 {
            let Err(due) = maintenance.action(&rules, maintenance.used_ns(), false) else {
                panic!("due")
            };
            waits.push(due - maintenance.used_ns());
            assert_eq!(maintenance.action(&rules, due, false), Ok(Action::Heartbeat));
            maintenance.used(due);
        }
        let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
        assert!((8 * S..8 * S + S / 10).contains(least), "{least}");
        assert!((12 * S - S / 10..=12 * S).contains(most), "{most}");
        assert!(rules.shortest_ns() <= *least);
    }

    #[test]
    fn what_is_graver_comes_first() {
        let rules =
            Rules { heartbeat_ns: S, idle_limit_ns: 50 * S, max_age_ns: 60 * S, max_requests: 0 };
        let maintenance = ConnectionMaintenance::new(0, HALF);
        let now = 70 * S;
        let retire = Ok(Action::Retire(CloseReason::IdleLimit));
        assert_eq!(maintenance.action(&rules, now, false), retire);
        let replace = Ok(Action::Replace(CloseReason::IdleLimit));
        assert_eq!(maintenance.action(&rules, 49 * S, false), replace);
        assert_eq!(maintenance.action(&rules, 49 * S, true), Ok(Action::Heartbeat));
    }
}
