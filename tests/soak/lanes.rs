//! The lanes of one round, and what must hold of each request for its lane, at all times.
//!
//! - Of a lane that is exempt from pauses nothing is refused, and nothing ends, by a pause.
//! - Of a lane that a drain has closed nothing is accepted once the drain has returned; and nothing
//!   is refused, or ends, by a drain that has not begun.
//! - What a pause or a drain has ended was not sent.
//! - Slots that lanes reserve are used by no lane below.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use fastrand::Rng;
use venuepool::completion::Completion;
use venuepool::config::Config;
use venuepool::driver::Pool;
use venuepool::error::{Outcome, Status, WireState};
use venuepool::lane::{Lane, LaneSet};

/// Where the lane stands in the data that a completion brings back: above the number.
const LANE_SHIFT: u32 = 32;
/// A request on a leased slot, which counts for the lane of the orders whatever its own is.
const ON_LEASE: u64 = 1 << 40;

/// What the lanes of a pool are set to.
#[derive(Clone, Copy, Debug, Default)]
struct Rule {
    reserved_slots: u32,
    queue_capacity: usize,
    through_pause: bool,
}

/// When a request had its slot, and for which lane.
struct Use {
    lane: Lane,
    start_ns: u64,
    done_ns: u64,
}

/// The lanes of one pool.
pub(crate) struct Lanes {
    slots: u32,
    /// `None`: all requests are orders, and no lane is special.
    rules: Option<[Rule; Lane::ALL.len()]>,
    /// The lanes that a drain may have closed by now, and those that it has.
    closing: AtomicU32,
    closed: AtomicU32,
    uses: Mutex<Vec<Use>>,
    /// Requests that were refused by a drain.
    pub(crate) refused: AtomicU64,
}

impl Lanes {
    /// Sets lanes of a pool by chance.
    pub(crate) fn set(config: &mut Config, random: &mut Rng) -> Self {
        let slots = config.connections() as u32;
        let mut left = slots - 1;
        let rules = random.bool().then(|| {
            Lane::ALL.map(|lane| {
                let reserved_slots = random.u32(0..=left.min(2));
                left -= reserved_slots;
                let queue_capacity = random.usize(1..=64);
                let through_pause = lane == Lane::Urgent || random.u8(..8) == 0;
                config.set_lane(lane, reserved_slots, queue_capacity, through_pause).unwrap();
                Rule { reserved_slots, queue_capacity, through_pause }
            })
        });
        Self {
            slots,
            rules,
            closing: AtomicU32::new(0),
            closed: AtomicU32::new(0),
            uses: Mutex::default(),
            refused: AtomicU64::new(0),
        }
    }

    /// Whether all lanes are used.
    pub(crate) fn are_used(&self) -> bool {
        self.rules.is_some()
    }

    /// A lane for the next request.
    pub(crate) fn choose(&self, random: &mut Rng) -> Lane {
        if self.are_used() { Lane::ALL[random.usize(..Lane::ALL.len())] } else { Lane::Orders }
    }

    /// Drains the pool, but for some lanes.
    pub(crate) fn drain(&self, pool: &Pool, random: &mut Rng) {
        let but_orders = LaneSet::ALL.bits() & !(1 << Lane::Orders as u32);
        let bits = if random.bool() { but_orders } else { random.u32(..=LaneSet::ALL.bits()) };
        self.closing.store(LaneSet::ALL.bits() & !bits, Ordering::SeqCst);
        let open = LaneSet::from_bits(bits).unwrap();
        assert_eq!(pool.drain(open), Ok(()));
        self.closed.store(LaneSet::ALL.bits() & !bits, Ordering::SeqCst);
        assert_eq!((pool.open_lanes(), pool.drain(LaneSet::ALL)), (open, Ok(())));
    }

    fn is_exempt(&self, lane: Lane) -> bool {
        self.rules.is_some_and(|rules| rules[lane as usize].through_pause)
    }

    /// Makes a call for a request of that lane, and checks its answer.
    pub(crate) fn check<T>(
        &self,
        lane: Lane,
        call: impl FnOnce() -> Result<T, Status>,
    ) -> Result<T, Status> {
        let is_in = |lanes: &AtomicU32| lanes.load(Ordering::SeqCst) & (1 << lane as u32) != 0;
        let was_closed = is_in(&self.closed);
        let answer = call();
        match answer.as_ref().err() {
            None => assert!(!was_closed, "{lane:?} is accepted after the drain"),
            Some(&Status::ERR_DRAINING) => {
                assert!(is_in(&self.closing), "{lane:?} is refused without a drain");
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
            Some(&Status::ERR_SUSPENDED) => {
                assert!(!self.is_exempt(lane) && !was_closed, "{lane:?} is refused in a pause");
            }
            Some(_) => {}
        }
        answer
    }

    /// Checks a completion.
    pub(crate) fn completed(&self, done: &Completion) {
        let lane = Lane::from_number((done.user_data >> LANE_SHIFT) as u8 as u32).unwrap();
        let was_sent = done.wire_state != WireState::NotSent;
        match done.outcome {
            Outcome::Suspended => {
                assert!(!was_sent && !self.is_exempt(lane), "{lane:?} in a pause")
            }
            Outcome::Draining => {
                let is_closing = self.closing.load(Ordering::SeqCst) & (1 << lane as u32) != 0;
                assert!(!was_sent && is_closing, "{lane:?} ends by a drain");
            }
            _ => {}
        }
        if was_sent && self.are_used() {
            let lane = if done.user_data & ON_LEASE != 0 { Lane::Orders } else { lane };
            let (start_ns, done_ns) = (done.times.start_ns, done.times.done_ns);
            self.uses.lock().unwrap().push(Use { lane, start_ns, done_ns });
        }
    }

    /// No more wait than may; those that come back from a slot that was dead are let in again.
    pub(crate) fn check_queue(&self, pool: &Pool) {
        let Some(rules) = self.rules else { return };
        let may_wait: usize = rules.iter().map(|rule| rule.queue_capacity).sum();
        let waiting = pool.counts().waiting as usize;
        assert!(waiting <= may_wait + self.slots as usize, "{waiting} wait, {may_wait} may");
    }

    /// At the end of the round: at no time did a lane and those below it use more slots than the
    /// lanes above leave to them.
    pub(crate) fn check_slots(&self) {
        let Some(rules) = self.rules else { return };
        let uses = self.uses.lock().unwrap();
        for lane in Lane::ALL {
            let above = &rules[..lane as usize];
            let most = self.slots - above.iter().map(|rule| rule.reserved_slots).sum::<u32>();
            let here = uses.iter().filter(|one| one.lane >= lane);
            // One that ends at the very moment at which another begins has left its slot.
            let mut changes: Vec<_> =
                here.flat_map(|one| [(one.start_ns, 1), (one.done_ns, -1)]).collect();
            changes.sort_unstable();
            let mut used = 0;
            for (_, change) in changes {
                used += change;
                assert!(used <= most as i32, "{lane:?} uses more slots than {most}: {rules:?}");
            }
        }
    }
}

/// What a completion is to bring back: the number of the order, and its lane.
pub(crate) fn data(number: usize, lane: Lane) -> u64 {
    number as u64 | (lane as u64) << LANE_SHIFT
}

/// The number of the order that a completion has brought back.
pub(crate) fn number_of(data: u64) -> usize {
    data as u32 as usize
}

/// The same for a request on a leased slot.
pub(crate) fn of_lease(data: u64) -> u64 {
    data | ON_LEASE
}
