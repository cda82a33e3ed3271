//! When the pool pauses because the venue asked for it.

use super::{Config, DAY, MS, within};
use crate::error::Status;
pub use crate::pool::pause::SuspendRule;

/// Pauses.
impl Config {
    /// Sets what a response of this status does: it suspends the pool for as long as its
    /// Retry-After says, up to [`Config::suspend_cap_ns`], or else for `for_ns` (0 to 30 days, 0
    /// for not at all). The same status again replaces; there may be 32.
    ///
    /// # Errors
    /// `ERR_ARGUMENT` for a status outside 300 to 599, a time out of range, one rule too many.
    pub fn suspend_on(
        &mut self,
        http_status: u16,
        for_ns: u64,
        closes: bool,
    ) -> Result<(), Status> {
        let http_status = within(http_status, 300..=599)?;
        let for_ns = within(for_ns, 0..=30 * DAY)?;
        self.suspend_rules.retain(|rule| rule.http_status != http_status);
        within(self.suspend_rules.len(), 0..=31)?;
        self.suspend_rules.push(SuspendRule { http_status, for_ns, closes });
        Ok(())
    }

    /// Sets the longest pause that a Retry-After can ask for, 1 ms to 30 days.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_suspend_cap_ns(&mut self, cap_ns: u64) -> Result<(), Status> {
        self.suspend_cap_ns = within(cap_ns, MS..=30 * DAY)?;
        Ok(())
    }

    /// The longest pause that a Retry-After can ask for.
    pub const fn suspend_cap_ns(&self) -> u64 {
        self.suspend_cap_ns
    }

    /// Sets whether a response suspends only the source that it came by.
    pub const fn set_suspends_source(&mut self, suspends_source: bool) {
        self.suspends_source = suspends_source;
    }

    /// Whether a response suspends only the source that it came by.
    pub const fn suspends_source(&self) -> bool {
        self.suspends_source
    }

    /// Which statuses suspend the pool.
    pub fn suspend_rules(&self) -> &[SuspendRule] {
        &self.suspend_rules
    }
}
