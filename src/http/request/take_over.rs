//! When the default headers have changed: a request takes over those of now.
//!
//! A request that is not at its end only needs to know which of them it overrides. One that is has
//! the old ones among its bytes, so they are exchanged there, and what is behind them moves. All of
//! this is done once for each change, by the next call that looks; a request that is built and sent
//! otherwise pays a comparison.

use zeroize::Zeroize;

use super::writer::Writer;
use super::{Phase, Request};
use crate::error::Status;

impl Request {
    /// Takes the default headers of now instead of the old ones, which it lets go of.
    #[cold]
    pub(super) fn take_over(&mut self) {
        self.defaults = self.origin.default_headers();
        self.compare_again();
    }

    /// Finds out which default headers the own ones override. A name may have become that of a
    /// default header after the request had a header of that name.
    #[cold]
    pub(super) fn compare_again(&mut self) {
        let overrides = |line: &[u8]| {
            let colon = line.iter().position(|byte| *byte == b':');
            colon.map_or(0, |colon| self.defaults.overridden_by(&line[..colon]))
        };
        // Behind the request line and Host.
        let lines = self.own_head().split(|byte| *byte == b'\n').skip(2);
        self.state.overridden = lines.map(overrides).fold(0, |all, one| all | one);
    }

    /// The request line, Host and the own headers, as far as they are written.
    fn own_head(&self) -> &[u8] {
        match self.state.phase {
            Phase::Reserved { .. } | Phase::Finished => &self.buf[..self.state.defaults_at],
            _ => &self.buf[..self.state.len],
        }
    }

    /// Writes the default headers of now into a request that is at its end, in place of the old
    /// ones.
    ///
    /// # Errors
    /// `ERR_TOO_LARGE` if they do not fit.
    #[cold]
    pub(super) fn write_defaults_anew(&mut self) -> Result<(), Status> {
        let (start, old_len) = (self.state.defaults_at, self.state.len);
        let old_end = start + self.defaults_len();
        self.take_over();
        let new_end = start + self.defaults_len();
        let new_len = new_end + (old_len - old_end);
        if new_len > self.buf.len() {
            return Err(Status::ERR_TOO_LARGE);
        }
        self.buf.copy_within(old_end..old_len, new_end);
        let mut out = Writer { buf: &mut self.buf, at: start };
        out.put_each(&self.defaults, self.state.overridden)?;
        // A part of the old ones may stand behind the new end.
        self.buf[new_len..old_len.max(new_len)].zeroize();
        self.state.len = new_len;
        Ok(())
    }

    /// How long a request that is at its end is without the default headers.
    pub fn len_without_defaults(&self) -> usize {
        self.state.len - self.defaults_len()
    }

    /// How long the default headers are that the request does not override.
    fn defaults_len(&self) -> usize {
        self.defaults.lines(self.state.overridden).map(<[u8]>::len).sum()
    }
}
