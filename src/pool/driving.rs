//! Who drives a pool in caller drive, when several threads could.
//!
//! Rules, all kept here:
//! - One thread drives at a time. A thread that is in a callback of the pool drives it already.
//! - Who polls or waits comes before a caller that sleeps in execute or acquire: the sleeper leaves
//!   the driving to it. Of two that poll or wait, the second one is refused.
//! - The thread that closes the pool drives for the last time, and is not disturbed.
//! - Who polls looks at each exchange in flight if they are few. With more than [`DIRECT_LOOKS`] it
//!   asks the system first which of them have something to read. It also asks while the engine
//!   sleeps on the descriptor by itself: the question clears it.
//! - A sleeper drives when no other thread has done so for [`TAKE_OVER_NS`]. While the engine is
//!   told of a completion, its thread may be the one that sleeps. So the sleeper waits for an
//!   eighth of what it has slept, at least [`SHORTEST_PAUSE_NS`].
//!
//! It knows threads by their numbers, which are even and not 0.

/// Added to the number of a thread that drives only until somebody polls or waits.
pub(crate) const SLEEPER: usize = 1;

/// How long a driver pauses when the system does not say what has come in.
pub(crate) const BLIND_NS: u64 = 1_000_000;

/// Looks of a thread that polls all the time, between two turns of the runtime.
pub(crate) const BUSY_LOOKS: u32 = 16;

/// With more exchanges in flight the system is asked first: a look that finds nothing costs as much
/// as that.
const DIRECT_LOOKS: u32 = 2;

/// A sleeper drives when no other thread has done so for this long.
const TAKE_OVER_NS: u64 = 5_000_000;

/// A sleeper that has others take what is in the queue looks for itself this often at the most.
const SHORTEST_PAUSE_NS: u64 = 50_000;

/// Why a thread that polls or waits does not drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It drives already: it is in a callback.
    InCallback,
    /// The closing thread drives, for the last time.
    Closing,
    /// Another thread polls or waits.
    Driven,
    /// A sleeper drives, and is to leave.
    BySleeper,
}

/// Why the thread `here` does not drive, when `driver` does: the number of a thread, perhaps with
/// [`SLEEPER`].
pub fn refused(driver: usize, here: usize, is_closed: bool) -> Refused {
    match driver {
        _ if is_driven_by(driver, here) => Refused::InCallback,
        _ if is_closed => Refused::Closing,
        _ if is_driven_by_sleeper(driver) => Refused::BySleeper,
        _ => Refused::Driven,
    }
}

/// Whether that thread drives, as a sleeper or not.
#[inline]
pub fn is_driven_by(driver: usize, here: usize) -> bool {
    driver & !SLEEPER == here
}

/// Whether a sleeper drives.
#[inline]
pub fn is_driven_by_sleeper(driver: usize) -> bool {
    driver & SLEEPER != 0
}

/// Whether who polls asks the system which exchanges have something to read, and does not look at
/// each. `is_fd_out`: the engine sleeps on the descriptor by itself. `exceed`: whether more than so
/// many are in flight.
#[inline(always)]
pub fn asks_system(is_fd_out: bool, exceed: impl FnOnce(u32) -> bool) -> bool {
    is_fd_out || exceed(DIRECT_LOOKS)
}

/// Whether a sleeper leaves the driving to others. `is_claimed`: they ask for it. `is_told`:
/// whether the engine is told of a completion, whose thread is to take it.
pub fn is_others_turn(is_claimed: bool, is_told: impl FnOnce() -> bool) -> bool {
    is_claimed || is_told()
}

/// Whether a caller that begins to sleep may drive at once. `polls`: who polled or waited last; 0
/// for none.
pub fn may_drive_at_once(polls: usize, here: usize) -> bool {
    polls == 0 || polls == here
}

/// How long a sleeper leaves the driving to others. `is_told`: the engine is told of a completion.
pub fn pause_of_sleeper_ns(slept_ns: u64, is_told: bool) -> u64 {
    if is_told { (slept_ns / 8).clamp(SHORTEST_PAUSE_NS, TAKE_OVER_NS) } else { TAKE_OVER_NS }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: usize = 16;
    const OTHER: usize = 32;

    #[test]
    fn one_that_polls_is_refused_by_who_drives_but_not_by_a_sleeper() {
        for is_closed in [false, true] {
            assert_eq!(refused(HERE, HERE, is_closed), Refused::InCallback);
            assert_eq!(refused(HERE | SLEEPER, HERE, is_closed), Refused::InCallback);
        }
        assert_eq!(refused(OTHER, HERE, false), Refused::Driven);
        assert_eq!(refused(OTHER | SLEEPER, HERE, false), Refused::BySleeper);
        assert_eq!(refused(OTHER, HERE, true), Refused::Closing);
        assert_eq!(refused(OTHER | SLEEPER, HERE, true), Refused::Closing);
    }

    #[test]
    fn who_polls_looks_at_each_exchange_only_if_they_are_few_and_nobody_sleeps_on_the_descriptor() {
        let asks = |is_fd_out, in_flight| asks_system(is_fd_out, |most| in_flight > most);
        assert!([0, 1, 2].iter().all(|few| !asks(false, *few)));
        assert!(asks(false, 3) && asks(false, 1_000));
        assert!([0, 1, 3].iter().all(|any| asks(true, *any)));
    }

    #[test]
    fn a_sleeper_leaves_when_it_is_asked_to_or_the_engine_is_told() {
        assert!(!is_others_turn(false, || false));
        assert!(is_others_turn(true, || false) && is_others_turn(false, || true));
    }

    #[test]
    fn a_sleeper_drives_at_once_if_no_other_thread_polls() {
        assert!(may_drive_at_once(0, HERE) && may_drive_at_once(HERE, HERE));
        assert!(!may_drive_at_once(OTHER, HERE));
    }

    #[test]
    fn a_sleeper_leaves_the_driving_to_others_for_a_part_of_what_it_has_slept() {
        let pauses = [0, 800_000, 1_000_000_000].map(|slept| pause_of_sleeper_ns(slept, true));
        assert_eq!(pauses, [SHORTEST_PAUSE_NS, 100_000, TAKE_OVER_NS]);
        assert_eq!(pause_of_sleeper_ns(0, false), TAKE_OVER_NS);
    }
}
