//! When memory is given back that only large requests and answers need.
//!
//! Rules, all kept here:
//! - What is larger than a page, request or answer, counts as large.
//! - Memory is given back when nothing large has come for [`QUIET_NS`]. An engine that asks for
//!   large answers more often has no page faults for them.

/// So long nothing large comes before memory is given back.
const QUIET_NS: u64 = 400_000_000;

/// All of it is back within a second: a pause may just have begun when something large comes.
const _: () = assert!(2 * QUIET_NS < 1_000_000_000);

/// Whether an exchange has used memory that others do not need. `page`: the size of a page.
#[inline(always)]
pub fn is_large(bytes_sent: u64, bytes_received: u64, page: usize) -> bool {
    bytes_received.max(bytes_sent) > page as u64
}

/// For how long to wait before memory is given back; `None` when it is given back now.
/// `is_noted`: something large has come since the last time that this was asked.
pub fn wait_ns(is_noted: bool) -> Option<u64> {
    is_noted.then_some(QUIET_NS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_larger_than_a_page_is_large() {
        assert!(!is_large(4096, 4096, 4096));
        assert!(is_large(4097, 0, 4096) && is_large(0, 4097, 4096));
    }

    #[test]
    fn memory_is_given_back_once_nothing_large_has_come_for_a_while() {
        assert_eq!(wait_ns(true), Some(QUIET_NS));
        assert_eq!(wait_ns(false), None);
    }
}
