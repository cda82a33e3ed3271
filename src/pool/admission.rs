//! What a request is given when it is submitted: until when it has time; and whether the pool has
//! the source that it asks for.
//!
//! Rules, all kept here:
//! - A request that brings no timeout of its own has that of its pool.
//! - A deadline comes at some time, so that each accepted request ends.
//! - A request goes from any source, or asks for one that the pool has.
//!
//! Times are nanoseconds on any clock that never goes back.

use crate::source::Source;

/// No such time.
const NEVER: u64 = u64::MAX;

/// When a request that is submitted now must be over. `timeout_ns`: its own; 0 for that of the
/// pool.
#[inline(always)]
pub fn deadline_ns(submit_ns: u64, timeout_ns: u64, of_pool_ns: u64) -> u64 {
    let timeout_ns = match timeout_ns {
        0 => of_pool_ns,
        ns => ns,
    };
    deadline_after_ns(submit_ns, timeout_ns)
}

/// The deadline of what may take so long from now on.
#[inline(always)]
pub fn deadline_after_ns(now_ns: u64, timeout_ns: u64) -> u64 {
    now_ns.saturating_add(timeout_ns).min(NEVER - 1)
}

/// Whether a pool has that source. `sources`: how many it has; 0 if the system chooses.
#[inline]
pub fn has_source(source: Source, sources: u32) -> bool {
    source.number().is_none_or(|number| number < sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_its_own_timeout_or_that_of_the_pool() {
        assert_eq!(deadline_ns(100, 7, 50), 107);
        assert_eq!(deadline_ns(100, 0, 50), 150);
        assert_eq!(deadline_after_ns(100, 0), 100);
    }

    #[test]
    fn a_deadline_comes_at_some_time() {
        for timeout_ns in [NEVER - 101, NEVER - 100, NEVER] {
            assert_eq!(deadline_ns(100, timeout_ns, 0), NEVER - 1, "{timeout_ns}");
            assert_eq!(deadline_ns(100, 0, timeout_ns), NEVER - 1, "{timeout_ns}");
        }
        assert_eq!(deadline_ns(100, NEVER - 102, 0), NEVER - 2);
    }

    #[test]
    fn a_source_is_one_of_the_pools_or_any() {
        let [first, third] = [0, 2].map(|number| Source::from_number(number).unwrap());
        assert!(has_source(Source::ANY, 0) && has_source(Source::ANY, 2));
        assert!(!has_source(first, 0), "the system chooses");
        assert!(has_source(first, 2) && !has_source(third, 2) && has_source(third, 3));
    }
}
