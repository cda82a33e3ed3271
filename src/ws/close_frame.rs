//! The payload of a close frame: a code and a reason, read and written (RFC 6455 section 5.5.1).
//!
//! Who closes, and when, is for `closing`.

use super::close_code::is_code;
use super::error::Error;
use super::frame::MAX_CONTROL_PAYLOAD;
use crate::error::Status;

/// A close frame that the peer has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseFrame<'a> {
    /// Its code; `None` if it has none.
    pub code: Option<u16>,
    /// Its reason, empty if it has none.
    pub reason: &'a str,
}

impl<'a> CloseFrame<'a> {
    /// Reads the payload of a close frame.
    ///
    /// # Errors
    /// `BadCloseLength`, `BadCloseCode`, `BadCloseReason`.
    pub fn read(payload: &'a [u8]) -> Result<Self, Error> {
        let (code, reason) = match payload {
            [] => return Ok(Self { code: None, reason: "" }),
            [_] => return Err(Error::BadCloseLength),
            [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
        };
        if !is_code(code) {
            return Err(Error::BadCloseCode);
        }
        let reason = std::str::from_utf8(reason).map_err(|_| Error::BadCloseReason)?;
        Ok(Self { code: Some(code), reason })
    }
}

/// The payload of a close frame to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosePayload {
    bytes: [u8; MAX_CONTROL_PAYLOAD],
    len: usize,
}

impl ClosePayload {
    /// A code and a reason of up to 123 bytes; without a code there is no reason.
    ///
    /// # Errors
    /// `ERR_ARGUMENT` for a code that must not be on the wire, or a reason without one;
    /// `ERR_TOO_LARGE` for a longer reason.
    pub fn new(code: Option<u16>, reason: &str) -> Result<Self, Status> {
        let mut payload = Self { bytes: [0; MAX_CONTROL_PAYLOAD], len: 0 };
        let Some(code) = code else {
            return if reason.is_empty() { Ok(payload) } else { Err(Status::ERR_ARGUMENT) };
        };
        if !is_code(code) {
            return Err(Status::ERR_ARGUMENT);
        }
        payload.len = 2 + reason.len();
        if payload.len > MAX_CONTROL_PAYLOAD {
            return Err(Status::ERR_TOO_LARGE);
        }
        payload.bytes[..2].copy_from_slice(&code.to_be_bytes());
        payload.bytes[2..payload.len].copy_from_slice(reason.as_bytes());
        Ok(payload)
    }

    /// A code that the library has chosen, without a reason.
    pub(super) fn of_code(code: Option<u16>) -> Self {
        let mut payload = Self { bytes: [0; MAX_CONTROL_PAYLOAD], len: 0 };
        if let Some(code) = code {
            payload.bytes[..2].copy_from_slice(&code.to_be_bytes());
            payload.len = 2;
        }
        payload
    }

    /// The payload, not masked.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_judged_by_the_rfc_and_the_registry() {
        for code in 0..=u16::MAX {
            let registered = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011];
            let later = [1012, 1013, 1014];
            let private = (3000..5000).contains(&code);
            let want = registered.contains(&code) || later.contains(&code) || private;
            assert_eq!(is_code(code), want, "{code}");
            let payload = code.to_be_bytes();
            let read = CloseFrame::read(&payload);
            let (good, bad) =
                (Ok(CloseFrame { code: Some(code), reason: "" }), Err(Error::BadCloseCode));
            assert_eq!(read, if want { good } else { bad });
            assert_eq!(ClosePayload::new(Some(code), "").is_ok(), want);
        }
    }

    #[test]
    fn code_and_reason_are_read() {
        assert_eq!(CloseFrame::read(b""), Ok(CloseFrame { code: None, reason: "" }));
        assert_eq!(CloseFrame::read(b"\x03"), Err(Error::BadCloseLength));
        let read = CloseFrame::read("\x03\u{0}".as_bytes());
        assert_eq!(read, Err(Error::BadCloseCode), "0x0300");
        let bye = CloseFrame { code: Some(1001), reason: "büro zu" };
        assert_eq!(CloseFrame::read(b"\x03\xe9b\xc3\xbcro zu"), Ok(bye));
        assert_eq!(CloseFrame::read(b"\x03\xe9b\xc3"), Err(Error::BadCloseReason));
        // The code is judged first.
        assert_eq!(CloseFrame::read(b"\x00\x00\xff"), Err(Error::BadCloseCode));
    }

    #[test]
    fn what_is_written_can_be_read() {
        for (code, reason) in [(None, ""), (Some(1000), ""), (Some(4999), &*"r".repeat(123))] {
            let payload = ClosePayload::new(code, reason).unwrap();
            assert_eq!(CloseFrame::read(payload.bytes()), Ok(CloseFrame { code, reason }));
        }
        assert_eq!(ClosePayload::of_code(None).bytes(), b"");
        assert_eq!(ClosePayload::of_code(Some(1002)).bytes(), b"\x03\xea");
        assert_eq!(ClosePayload::new(None, "why"), Err(Status::ERR_ARGUMENT));
        assert_eq!(ClosePayload::new(Some(1005), ""), Err(Status::ERR_ARGUMENT));
        let long = "r".repeat(124);
        assert_eq!(ClosePayload::new(Some(1000), &long), Err(Status::ERR_TOO_LARGE));
    }
}
