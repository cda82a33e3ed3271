//! How much memory things may take.

use super::{Config, KIB, MIB, within};
use crate::error::Status;

/// How much memory things may take; bytes unless the name says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The buffer of a request: the longest head and body together.
    pub request_capacity: usize,
    /// What a response buffer begins with; it grows as the body needs.
    pub response_capacity: usize,
    /// The most completions that may be outstanding at a time in a completion queue.
    pub completion_capacity: usize,
    /// The most callers and requests that may wait in each lane of the queue.
    pub waiting_capacity: usize,
    /// What orders use takes its memory when the pool is opened, and keeps it.
    pub prefault: bool,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            request_capacity: 64 * KIB,
            response_capacity: 64 * KIB,
            completion_capacity: 4096,
            waiting_capacity: 1024,
            prefault: false,
        }
    }
}

/// Sizes.
impl Config {
    /// Sets the size of the buffer of each request, 1 KiB to 64 MiB.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_request_capacity(&mut self, bytes: usize) -> Result<(), Status> {
        self.sizes.request_capacity = within(bytes, KIB..=64 * MIB)?;
        Ok(())
    }

    /// Sets what each response buffer begins with, 1 KiB to 64 MiB.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_response_capacity(&mut self, bytes: usize) -> Result<(), Status> {
        self.sizes.response_capacity = within(bytes, KIB..=64 * MIB)?;
        Ok(())
    }

    /// Sets how many completions a completion queue can hold, 1 to 1048576.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_completion_capacity(&mut self, count: usize) -> Result<(), Status> {
        self.sizes.completion_capacity = within(count, 1..=MIB)?;
        Ok(())
    }

    /// Sets how many may wait in each lane of the queue for a slot, 1 to 1048576.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_waiting_capacity(&mut self, count: usize) -> Result<(), Status> {
        self.sizes.waiting_capacity = within(count, 1..=MIB)?;
        Ok(())
    }

    /// Whether what orders use takes its memory when the pool is opened, and keeps it.
    pub const fn set_prefault(&mut self, enabled: bool) {
        self.sizes.prefault = enabled;
    }

    /// How much memory things may take.
    pub const fn sizes(&self) -> &Sizes {
        &self.sizes
    }
}
