//! Which requests are still sent when the venue cannot keep up.

use super::{Config, DURATION_NS, within};
use crate::error::Status;
use crate::pool::exchange_time::Estimate;

/// Stands for a time that the pool measures itself.
const MEASURED_NS: u64 = u64::MAX;

/// Overload.
impl Config {
    /// Sets how much time a request must have left to be sent: 1 us to 1 day; 0 to send each
    /// request until its deadline; `u64::MAX`, the default, for what the pool's exchanges take now.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_exchange_time_ns(&mut self, needed_ns: u64) -> Result<(), Status> {
        self.estimate = match needed_ns {
            MEASURED_NS => Estimate::Measured,
            0 => Estimate::Fixed(0),
            ns => Estimate::Fixed(within(ns, DURATION_NS)?),
        };
        Ok(())
    }

    /// How the time that an exchange needs is judged.
    pub const fn estimate(&self) -> Estimate {
        self.estimate
    }
}
