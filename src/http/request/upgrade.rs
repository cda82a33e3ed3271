//! The fields that ask for another protocol, which [`Request::header`] refuses (RFC 9110 section
//! 7.8).
//!
//! A pool's request must not ask for an upgrade; a handshake must. It writes what it is given, as
//! headers of the request itself, and does not know which protocol is asked for.

use super::{Phase, Request};
use crate::error::Status;

impl Request {
    /// Adds these fields, whose bytes are the library's own.
    ///
    /// # Errors
    /// As for [`Request::header`], but none is reserved.
    pub(crate) fn upgrade(&mut self, fields: &[(&[u8], &[u8])]) -> Result<(), Status> {
        let written = fields.iter().try_for_each(|(name, value)| self.write_own(name, value));
        self.keep(written)
    }

    fn write_own(&mut self, name: &[u8], value: &[u8]) -> Result<(), Status> {
        let mut out = self.header_writer()?;
        out.put_all([name, b": ", value, b"\r\n"])?;
        self.state.len = out.at;
        self.state.phase = Phase::Header;
        self.state.overridden |= self.defaults.overridden_by(name);
        self.state.takes_place = false;
        Ok(())
    }
}
