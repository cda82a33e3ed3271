//! How a pool ends: until when what is in flight may finish, and how long the end waits for
//! requests that are about to be sent.
//!
//! Rules, all kept here:
//! - The grace of a shutdown ends at some time, also if the engine asks for all the time there is.
//! - An engine's thread may just be starting a request from the queue. It finds no connection and
//!   puts it back, in no time. The end looks for that each millisecond, and gives up after
//!   [`MOST_LOOKS`]: a thread that never comes back must not hold the end up.
//!
//! Times are nanoseconds on any clock that never goes back.

/// No such time: the pool is open.
const NEVER: u64 = u64::MAX;

/// How often the end looks whether all requests on their way were sent or put back.
const MOST_LOOKS: u32 = 2_000;

/// The time between two looks.
const LOOK_NS: u64 = 1_000_000;

/// When the grace of a shutdown is over that begins now.
pub fn grace_ends_ns(now_ns: u64, grace_ns: u64) -> u64 {
    now_ns.saturating_add(grace_ns).min(NEVER - 1)
}

/// Whether a pool was never shut down, so that who closes it does so without grace.
pub fn is_open(grace_ends_ns: u64) -> bool {
    grace_ends_ns == NEVER
}

/// The looks of the end of a pool.
#[derive(Clone, Copy, Debug)]
pub struct LastLooks(u32);

impl Default for LastLooks {
    fn default() -> Self {
        Self(MOST_LOOKS)
    }
}

impl LastLooks {
    /// So many requests are on their way to a slot. Answers in how many nanoseconds to look again;
    /// `None` when the pool ends now.
    pub fn again_in_ns(&mut self, on_their_way: usize) -> Option<u64> {
        if on_their_way == 0 {
            return None;
        }
        self.0 = self.0.checked_sub(1)?;
        Some(LOOK_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grace_of_a_shutdown_ends_at_some_time() {
        assert_eq!(grace_ends_ns(100, 50), 150);
        assert_eq!(grace_ends_ns(100, 0), 100);
        assert_eq!(grace_ends_ns(100, NEVER), NEVER - 1);
        assert!(is_open(NEVER) && !is_open(grace_ends_ns(100, NEVER)));
    }

    #[test]
    fn the_end_waits_until_no_request_is_on_its_way() {
        let mut looks = LastLooks::default();
        assert_eq!(
            [2, 1, 0].map(|left| looks.again_in_ns(left)),
            [Some(LOOK_NS), Some(LOOK_NS), None]
        );
    }

    #[test]
    fn the_end_waits_for_two_seconds_at_most() {
        let mut looks = LastLooks::default();
        let waits_ns: u64 = std::iter::from_fn(|| looks.again_in_ns(1)).sum();
        assert_eq!(waits_ns, 2_000_000_000);
        assert_eq!(looks.again_in_ns(1), None, "and not again");
    }
}
