//! When the live connections of a pool are looked at, and how many heartbeats are in flight.
//!
//! [`connection_maintenance`](super::connection_maintenance) says what one of them needs. Here is
//! what concerns all of them:
//! - A round looks at all slots. The next one is due when the first connection needs something, and
//!   after the shortest time of any rule at the latest, for those that are at work now.
//! - A heartbeat that is due waits for its turn while too many are in flight, so that orders find
//!   the other slots free. It waits while its slot is in use, which is the better proof. It waits
//!   until the end of a pause, because the venue has asked for silence.
//!
//! Times are nanoseconds on any clock that never goes back.

use super::connection_maintenance::Rules;
use super::pause::Pause;
use crate::source::{MOST_SOURCES, source_of_slot};

/// No such time.
const NEVER: u64 = u64::MAX;

/// One in so many slots may have a heartbeat in flight at a time.
const SHARE: u32 = 4;

/// How long a heartbeat that is due waits for its turn, at least, in nanoseconds.
const TURN_NS: u64 = 1_000_000;

/// It waits for so many parts of the time between two heartbeats.
const TURNS: u64 = 50;

/// A connection that needs nothing now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest {
    /// When to look at it again at the latest.
    pub look_ns: u64,
    /// The dials that its limits ask for in a thousand seconds, if the engine sends nothing.
    pub dials: u64,
}

/// One look at all slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    due_ns: u64,
    sources: u32,
    /// Of the slots of each source. An array, so that a round allocates nothing.
    dials: [u64; MOST_SOURCES as usize],
}

impl Round {
    /// A round that begins now. `sources`: of how many the slots are, 1 to 64.
    pub fn new(rules: &Rules, sources: u32, now_ns: u64) -> Self {
        let due_ns = now_ns.saturating_add(rules.shortest_ns());
        Self { due_ns, sources, dials: [0; MOST_SOURCES as usize] }
    }

    /// A slot was looked at, and needs nothing now.
    pub fn add(&mut self, slot: u32, rest: Rest) {
        self.due_ns = self.due_ns.min(rest.look_ns);
        let source = source_of_slot(slot, self.sources);
        let dials = &mut self.dials[source as usize];
        *dials = dials.saturating_add(rest.dials);
    }

    /// When the next round is due.
    pub fn due_ns(&self) -> u64 {
        self.due_ns
    }

    /// How many dials a second the limits of the connections ask for while the engine sends
    /// nothing, rounded up. As if each source needed as many as the one that needs most, because
    /// none can use what the limit leaves to another.
    pub fn dials_needed(&self) -> u32 {
        let most = self.dials.iter().copied().max().unwrap_or(0);
        let all = most.saturating_mul(self.sources.into()).div_ceil(1_000);
        u32::try_from(all).unwrap_or(u32::MAX)
    }
}

/// The heartbeats of one pool.
#[derive(Debug)]
pub struct Heartbeats {
    most: u32,
    turn_ns: u64,
    in_flight: u32,
}

impl Heartbeats {
    /// None is in flight in a pool of so many slots.
    pub fn new(slots: u32, rules: &Rules) -> Self {
        let (most, turn_ns) = ((slots / SHARE).max(1), (rules.heartbeat_ns / TURNS).max(TURN_NS));
        Self { most, turn_ns, in_flight: 0 }
    }

    /// A heartbeat is due. It counts as in flight from now on; as the error, it does not begin and
    /// is to ask again at that time.
    pub fn begin(&mut self, pause: &Pause, now_ns: u64) -> Result<(), u64> {
        if pause.until_ns() > now_ns {
            return Err(pause.until_ns());
        }
        if self.in_flight >= self.most {
            return Err(now_ns.saturating_add(self.turn_ns));
        }
        self.in_flight += 1;
        Ok(())
    }

    /// A heartbeat that began was not sent, because its slot is in use. Answers when it is to ask
    /// again.
    pub fn put_off(&mut self, now_ns: u64) -> u64 {
        self.ended();
        now_ns.saturating_add(self.turn_ns)
    }

    /// A heartbeat was answered, or missed, or could not be sent.
    pub fn ended(&mut self) {
        self.in_flight -= 1;
    }
}

/// The steps of sending a heartbeat, as a task carries them out.
pub trait Sending {
    /// Why a slot could not begin.
    type NotSent;

    /// Asks [`Heartbeats::begin`], with the pause that counts for the slot.
    fn begin(&mut self) -> Result<(), u64>;

    /// Takes the slot for it. `false`: the slot is in use.
    fn take_slot(&mut self) -> bool;

    /// Tells [`Heartbeats::put_off`].
    fn put_off(&mut self) -> u64;

    /// Sends it on the slot.
    fn start(&mut self) -> Result<(), Self::NotSent>;

    /// Sees to it that somebody looks for the answer.
    fn listen(&mut self);

    /// Tells [`Heartbeats::ended`].
    fn ended(&mut self);

    /// Gives the slot back, perhaps to who waits.
    fn give_back(&mut self, why: Self::NotSent);
}

/// Sends a heartbeat that is due, if it may be sent now. Answers when to look again for it. The
/// slot is taken last, so that none is given back because of a pause or of other heartbeats.
pub fn send_heartbeat(steps: &mut impl Sending) -> u64 {
    if let Err(again_ns) = steps.begin() {
        return again_ns;
    }
    if !steps.take_slot() {
        return steps.put_off();
    }
    match steps.start() {
        Ok(()) => steps.listen(),
        Err(why) => {
            steps.ended();
            steps.give_back(why);
        }
    }
    // Its end, or the next connection, tells the timer.
    NEVER
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers as it is told to, and writes down the steps.
    struct Notes {
        begins: Result<(), u64>,
        has_slot: bool,
        starts: Result<(), u8>,
        made: Vec<&'static str>,
    }

    impl Sending for Notes {
        type NotSent = u8;

        fn begin(&mut self) -> Result<(), u64> {
            self.made.push("begin");
            self.begins
        }

        fn take_slot(&mut self) -> bool {
            self.made.push("take");
            self.has_slot
        }

        fn put_off(&mut self) -> u64 {
            self.made.push("put off");
            7
        }

        fn start(&mut self) -> Result<(), u8> {
            self.made.push("start");
            self.starts
        }

        fn listen(&mut self) {
            self.made.push("listen");
        }

        fn ended(&mut self) {
            self.made.push("ended");
        }

        fn give_back(&mut self, why: u8) {
            assert_eq!(why, 3);
            self.made.push("give back");
        }
    }

    #[test]
    fn a_heartbeat_takes_a_slot_only_when_it_may_be_sent_and_gives_back_what_it_has_taken() {
        let send = |begins, has_slot, starts| {
            let mut notes = Notes { begins, has_slot, starts, made: Vec::new() };
            (send_heartbeat(&mut notes), notes.made)
        };
        assert_eq!(send(Err(5), true, Ok(())), (5, vec!["begin"]));
        assert_eq!(send(Ok(()), false, Ok(())), (7, vec!["begin", "take", "put off"]));
        let sent = vec!["begin", "take", "start", "listen"];
        assert_eq!(send(Ok(()), true, Ok(())), (NEVER, sent));
        let failed = vec!["begin", "take", "start", "ended", "give back"];
        assert_eq!(send(Ok(()), true, Err(3)), (NEVER, failed));
    }

    const MS: u64 = 1_000_000;
    const S: u64 = 1_000 * MS;

    fn rules(heartbeat_ns: u64) -> Rules {
        Rules { heartbeat_ns, ..Rules::default() }
    }

    #[test]
    fn a_quarter_of_the_slots_beats_at_a_time_and_the_others_wait_for_their_turn() {
        for (slots, most) in [(1, 1), (7, 1), (8, 2), (1_000, 250)] {
            let mut beats = Heartbeats::new(slots, &rules(10 * S));
            assert!((0..most).all(|_| beats.begin(&Pause::default(), S).is_ok()));
            assert_eq!(beats.begin(&Pause::default(), S), Err(S + 200 * MS));
            beats.ended();
            assert_eq!(beats.begin(&Pause::default(), S), Ok(()));
            assert_eq!(beats.put_off(S), S + 200 * MS);
            assert_eq!(beats.begin(&Pause::default(), S), Ok(()), "it has left its place");
        }
        let mut beats = Heartbeats::new(1, &rules(MS));
        assert!(beats.begin(&Pause::default(), S).is_ok());
        assert_eq!(beats.begin(&Pause::default(), S), Err(S + MS), "no sooner");
    }

    #[test]
    fn a_pause_is_silent_to_its_end() {
        let mut beats = Heartbeats::new(1, &rules(S));
        let mut pause = Pause::default();
        pause.begin(S, 60 * S, false);
        assert_eq!(beats.begin(&pause, 61 * S - 1), Err(61 * S));
        assert_eq!(beats.begin(&pause, 61 * S), Ok(()));
    }

    #[test]
    fn the_next_round_is_due_when_the_first_connection_needs_something() {
        let mut round = Round::new(&rules(10 * S), 1, S);
        assert_eq!(round.due_ns(), 9 * S, "the shortest rule");
        round.add(0, Rest { look_ns: u64::MAX, dials: 1_500 });
        round.add(1, Rest { look_ns: 5 * S, dials: 0 });
        round.add(2, Rest { look_ns: 6 * S, dials: 501 });
        assert_eq!(round.due_ns(), 5 * S);
        assert_eq!(round.dials_needed(), 3, "rounded up");
        let mut round = Round::new(&Rules::default(), 1, S);
        assert_eq!((round.due_ns(), round.dials_needed()), (u64::MAX, 0));
        (0..9).for_each(|slot| round.add(slot, Rest { look_ns: S, dials: u64::MAX / 2 }));
        assert_eq!(round.dials_needed(), u32::MAX);
    }

    #[test]
    fn the_source_that_needs_most_dials_counts_for_all() {
        let mut round = Round::new(&Rules::default(), 2, S);
        // Three slots of the first source, two of the other; four dials a second in all.
        (0..5).for_each(|slot| round.add(slot, Rest { look_ns: u64::MAX, dials: 800 }));
        assert_eq!(round.dials_needed(), 5, "2.4 for each");
    }
}
