//! How far a peer may go before its response is refused.

use super::{Config, GIB, KIB, MIB, within};
use crate::error::Status;
use crate::http::limits::Limits;

/// Limits.
impl Config {
    /// Sets the longest body of a response, 1 byte to 1 GiB, or 0 for any length.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_max_body_size(&mut self, bytes: usize) -> Result<(), Status> {
        self.limits.max_body_size = match bytes {
            0 => usize::MAX,
            _ => within(bytes, 1..=GIB)?,
        };
        Ok(())
    }

    /// Sets the longest head of a response, 1 KiB to 1 MiB.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_max_head_size(&mut self, bytes: usize) -> Result<(), Status> {
        self.limits.max_head_size = within(bytes, KIB..=MIB)?;
        Ok(())
    }

    /// Sets the most header fields in a response, 1 to 256.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_max_headers(&mut self, count: usize) -> Result<(), Status> {
        self.limits.max_headers = within(count, 1..=256)?;
        Ok(())
    }

    /// Sets how many interim (1xx) responses may come before the final one, 0 to 1000.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_max_interim(&mut self, count: usize) -> Result<(), Status> {
        self.limits.max_interim = within(count, 0..=1000)?;
        Ok(())
    }

    /// Sets the longest chunk size line with its extensions, 32 bytes to 1 MiB.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_max_chunk_line(&mut self, bytes: usize) -> Result<(), Status> {
        self.limits.max_chunk_line = within(bytes, 32..=MIB)?;
        Ok(())
    }

    /// Sets by how much all chunk framing together may outweigh the body, 32 bytes to 64 MiB.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_max_chunk_overhead(&mut self, bytes: usize) -> Result<(), Status> {
        self.limits.max_chunk_overhead = within(bytes, 32..=64 * MIB)?;
        Ok(())
    }

    /// Sets how long all trailer fields together may be, 0 bytes to 1 MiB.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_max_trailer_size(&mut self, bytes: usize) -> Result<(), Status> {
        self.limits.max_trailer_size = within(bytes, 0..=MIB)?;
        Ok(())
    }

    /// How far a peer may go.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }
}
