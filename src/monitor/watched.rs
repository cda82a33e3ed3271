//! The last value of each watched header, for whoever wants to know at a glance.

use crate::driver::Pool;
use crate::error::Status;
use crate::last_values::LastValue;

impl Pool {
    /// The last value of the watched field with that index. Any thread.
    ///
    /// # Errors
    /// `ERR_ARGUMENT` if no field has that index; `ERR_NOT_FOUND` if no response had the field.
    pub fn watched(&self, index: usize) -> Result<LastValue, Status> {
        let last = self.reporting.last_values.as_ref().and_then(|last| last.get(index));
        last.ok_or(Status::ERR_ARGUMENT)?.ok_or(Status::ERR_NOT_FOUND)
    }
}
