//! Writes the pieces of a request into its buffer, each whole or not at all, and never beyond it.
//!
//! It knows bytes and their encodings. What may follow what is the request's to say.

use crate::error::Status;
use crate::http::default_headers::{DefaultHeaders, HeaderSet};
use crate::http::field;

/// Writes into the buffer from `at` on, and refuses what does not fit.
pub(super) struct Writer<'a> {
    pub(super) buf: &'a mut [u8],
    pub(super) at: usize,
}

impl Writer<'_> {
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), Status> {
        self.skip(bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    /// Writes a whole line, or nothing.
    pub(super) fn put_all<const N: usize>(&mut self, pieces: [&[u8]; N]) -> Result<(), Status> {
        let mut line = self.skip(pieces.iter().map(|piece| piece.len()).sum())?;
        for piece in pieces {
            let (place, rest) = line.split_at_mut(piece.len());
            place.copy_from_slice(piece);
            line = rest;
        }
        Ok(())
    }

    /// Writes the default headers that are not overridden.
    #[inline(never)] // Nearly always none is, and then they are one piece.
    pub(super) fn put_each(
        &mut self,
        headers: &DefaultHeaders,
        overridden: HeaderSet,
    ) -> Result<(), Status> {
        headers.lines(overridden).try_for_each(|line| self.put(line))
    }

    pub(super) fn put_encoded(&mut self, bytes: &[u8]) -> Result<(), Status> {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        for &byte in bytes {
            if field::is_unreserved(byte) {
                self.put(&[byte])?;
            } else {
                self.put(&[b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]])?;
            }
        }
        Ok(())
    }

    /// Steps over `len` bytes, and gives them to be written.
    pub(super) fn skip(&mut self, len: usize) -> Result<&mut [u8], Status> {
        // No overflow in the subtraction: `at` never passes the end.
        if len > self.buf.len() - self.at {
            return Err(Status::ERR_TOO_LARGE);
        }
        let start = self.at;
        self.at += len;
        Ok(&mut self.buf[start..self.at])
    }
}

/// How many digits `number` has.
pub(super) fn decimal_width(number: usize) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// Writes `number` right-aligned into `field`, behind spaces.
pub(super) fn write_decimal(field: &mut [u8], number: usize) {
    debug_assert!(decimal_width(number) <= field.len());
    let mut rest = Some(number);
    for byte in field.iter_mut().rev() {
        *byte = rest.map_or(b' ', |number| b'0' + (number % 10) as u8);
        rest = rest.and_then(|number| (number >= 10).then_some(number / 10));
    }
}
