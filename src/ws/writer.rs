//! Builds the frames of a client, each in one contiguous run of bytes (RFC 6455 sections 5.2, 5.3).
//!
//! ```text
//!   0 ....... start ......... 14 ............... 14 + len ......... capacity
//!   | unused  | header, key   | payload, masked  | room that was not used  |
//!             `---------- what commit answers ---'
//! ```
//!
//! A header is 6, 8 or 14 bytes long, and that is known only when the payload is. So the payload
//! has a fixed place, and the header is written right in front of it: the engine's bytes are masked
//! where it wrote them, and nothing is moved. It knows no socket, and takes the keys as given: each
//! frame must have a fresh one. A message is one frame; nothing is compressed.

use std::fmt;

use zeroize::Zeroize;

use super::frame::{FIN, Kind, LENGTH_16, LENGTH_64, MASK, MAX_CONTROL_PAYLOAD, Opcode};
use super::mask::{Key, mask, mask_into};
use crate::error::Status;

/// The longest header of a client's frame, in bytes.
const MAX_HEADER: usize = 14;
/// The header of a client's control frame, in bytes.
const CONTROL_HEADER: usize = 6;

/// One frame with a message, built in memory that is used again and again.
pub struct FrameWriter {
    /// INVARIANT: for ever of this length; [`MAX_HEADER`] bytes and the payload's room.
    buf: Box<[u8]>,
    /// The payload's room was given out and not committed.
    reserved: bool,
    /// How much of the payload's room has ever been written.
    dirty: usize,
}

impl FrameWriter {
    /// A writer for payloads of up to `capacity` bytes. Allocates its memory, once and for all.
    pub fn new(capacity: usize) -> Self {
        let buf = vec![0; capacity.saturating_add(MAX_HEADER)].into_boxed_slice();
        Self { buf, reserved: false, dirty: 0 }
    }

    /// The most payload of a frame, in bytes.
    pub const fn capacity(&self) -> usize {
        self.buf.len() - MAX_HEADER
    }

    /// The whole room for the next payload, to be filled from its front. It holds what was there:
    /// bytes of the last frame, masked.
    pub fn reserve(&mut self) -> &mut [u8] {
        self.reserved = true;
        self.dirty = self.capacity();
        &mut self.buf[MAX_HEADER..]
    }

    /// The first `len` bytes of the room, which are a message that is not committed yet.
    ///
    /// # Errors
    /// Those of [`FrameWriter::commit`].
    pub fn written(&mut self, len: usize) -> Result<&mut [u8], Status> {
        if !self.reserved {
            return Err(Status::ERR_PHASE);
        }
        self.check(len)?;
        Ok(&mut self.buf[MAX_HEADER..MAX_HEADER + len])
    }

    /// Makes the first `len` bytes of the room a whole message, and answers the frame, ready to be
    /// sent. That a text is UTF-8 is for the caller to see.
    ///
    /// # Errors
    /// `ERR_PHASE` without [`FrameWriter::reserve`]; `ERR_TOO_LARGE` if there is no such room. What
    /// was written stays reserved then.
    pub fn commit(&mut self, kind: Kind, len: usize, key: Key) -> Result<&[u8], Status> {
        if !self.reserved {
            return Err(Status::ERR_PHASE);
        }
        self.check(len)?;
        self.reserved = false;
        mask(&mut self.buf[MAX_HEADER..MAX_HEADER + len], key);
        Ok(self.head(kind, len, key))
    }

    /// Copies `payload`, a whole message, and answers its frame.
    ///
    /// # Errors
    /// `ERR_TOO_LARGE` if it is longer than the capacity.
    pub fn write(&mut self, kind: Kind, payload: &[u8], key: Key) -> Result<&[u8], Status> {
        let len = payload.len();
        self.check(len)?;
        self.reserved = false;
        self.dirty = self.dirty.max(len);
        mask_into(&mut self.buf[MAX_HEADER..MAX_HEADER + len], payload, key);
        Ok(self.head(kind, len, key))
    }

    fn check(&self, len: usize) -> Result<(), Status> {
        if len > self.capacity() { Err(Status::ERR_TOO_LARGE) } else { Ok(()) }
    }

    /// Writes the header in front of the payload.
    fn head(&mut self, kind: Kind, len: usize, key: Key) -> &[u8] {
        let [k0, k1, k2, k3] = key;
        let first = FIN | kind.opcode() as u8;
        let head = &mut self.buf[..MAX_HEADER];
        let start = match len {
            0..126 => {
                head[8..].copy_from_slice(&[first, MASK | len as u8, k0, k1, k2, k3]);
                8
            }
            126..=0xffff => {
                let [l0, l1] = (len as u16).to_be_bytes();
                head[6..].copy_from_slice(&[first, MASK | LENGTH_16, l0, l1, k0, k1, k2, k3]);
                6
            }
            _ => {
                head[..2].copy_from_slice(&[first, MASK | LENGTH_64]);
                head[2..10].copy_from_slice(&(len as u64).to_be_bytes());
                head[10..].copy_from_slice(&key);
                0
            }
        };
        &self.buf[start..MAX_HEADER + len]
    }
}

impl Drop for FrameWriter {
    fn drop(&mut self) {
        // A key and what it masks: as good as the plain text.
        self.buf[..MAX_HEADER + self.dirty].zeroize();
    }
}

/// A frame holds orders and signatures: its size is shown, its bytes are not.
impl fmt::Debug for FrameWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("FrameWriter");
        out.field("capacity", &self.capacity()).field("reserved", &self.reserved).finish()
    }
}

/// A ping, pong or close frame, which needs no memory of its own.
#[derive(Clone, Copy)]
pub struct ControlFrame {
    bytes: [u8; CONTROL_HEADER + MAX_CONTROL_PAYLOAD],
    len: usize,
}

impl ControlFrame {
    /// A ping (RFC 6455 section 5.5.2).
    ///
    /// # Errors
    /// `ERR_TOO_LARGE` for more than 125 bytes of payload.
    pub fn ping(payload: &[u8], key: Key) -> Result<Self, Status> {
        Self::new(Opcode::Ping, payload, key)
    }

    /// A pong (RFC 6455 section 5.5.3).
    ///
    /// # Errors
    /// `ERR_TOO_LARGE` for more than 125 bytes of payload.
    pub fn pong(payload: &[u8], key: Key) -> Result<Self, Status> {
        Self::new(Opcode::Pong, payload, key)
    }

    /// A close frame with what [`Closing`](super::closing::Closing) says.
    pub fn close(payload: &super::close_frame::ClosePayload, key: Key) -> Self {
        Self::of_short(Opcode::Close, payload.bytes(), key)
    }

    fn new(opcode: Opcode, payload: &[u8], key: Key) -> Result<Self, Status> {
        if payload.len() > MAX_CONTROL_PAYLOAD {
            return Err(Status::ERR_TOO_LARGE);
        }
        Ok(Self::of_short(opcode, payload, key))
    }

    fn of_short(opcode: Opcode, payload: &[u8], key: Key) -> Self {
        let len = CONTROL_HEADER + payload.len();
        let mut bytes = [0; CONTROL_HEADER + MAX_CONTROL_PAYLOAD];
        bytes[0] = FIN | opcode as u8;
        bytes[1] = MASK | payload.len() as u8;
        bytes[2..CONTROL_HEADER].copy_from_slice(&key);
        mask_into(&mut bytes[CONTROL_HEADER..len], payload, key);
        Self { bytes, len }
    }

    /// The frame, ready to be sent.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl fmt::Debug for ControlFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControlFrame").field("len", &self.len).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::close_frame::ClosePayload;

    const KEY: Key = [0x37, 0xfa, 0x21, 0x3d];

    /// RFC 6455 section 5.7.
    #[test]
    fn the_examples_of_the_rfc() {
        let mut writer = FrameWriter::new(5);
        let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(writer.write(Kind::Text, b"Hello", KEY), Ok(&hello[..]));
        writer.reserve()[..5].copy_from_slice(b"Hello");
        assert_eq!(writer.commit(Kind::Text, 5, KEY), Ok(&hello[..]));
        let pong = [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(ControlFrame::pong(b"Hello", KEY).unwrap().bytes(), pong);
        let ping = [&[0x89][..], &pong[1..]].concat();
        assert_eq!(ControlFrame::ping(b"Hello", KEY).unwrap().bytes(), ping);
    }

    #[test]
    fn the_header_is_the_shortest_and_right_in_front() {
        let mut writer = FrameWriter::new(70_000);
        let payload: Vec<u8> = (0..70_000_u32).map(|i| i as u8).collect();
        for len in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
            let want = match len {
                0..126 => vec![0x82, 0x80 | len as u8],
                126..=65_535 => [&[0x82, 0xfe][..], &(len as u16).to_be_bytes()].concat(),
                _ => [&[0x82, 0xff][..], &(len as u64).to_be_bytes()].concat(),
            };
            writer.reserve()[..len].copy_from_slice(&payload[..len]);
            let frame = writer.commit(Kind::Binary, len, KEY).unwrap().to_vec();
            let (head, mut rest) = (frame[..want.len()].to_vec(), frame[want.len()..].to_vec());
            assert_eq!((head, &rest[..4]), (want, &KEY[..]));
            mask(&mut rest[4..], KEY);
            assert!(rest[4..] == payload[..len], "{len}");
            assert!(writer.write(Kind::Binary, &payload[..len], KEY) == Ok(&frame), "{len}");
        }
    }

    #[test]
    fn the_frame_ends_where_the_message_was_written() {
        let mut writer = FrameWriter::new(200);
        for len in [1, 125, 126, 200] {
            let end = writer.reserve()[..len].as_ptr_range().end;
            assert_eq!(writer.commit(Kind::Text, len, KEY).unwrap().as_ptr_range().end, end);
        }
    }

    #[test]
    fn what_does_not_fit_or_was_not_reserved_is_refused() {
        let mut writer = FrameWriter::new(10);
        assert_eq!(writer.capacity(), 10);
        assert_eq!(writer.commit(Kind::Text, 1, KEY), Err(Status::ERR_PHASE));
        assert_eq!(writer.write(Kind::Text, &[b'a'; 11], KEY), Err(Status::ERR_TOO_LARGE));
        writer.reserve()[..2].copy_from_slice(b"ab");
        assert_eq!(writer.commit(Kind::Text, 11, KEY), Err(Status::ERR_TOO_LARGE));
        // The refusal has masked nothing.
        assert_eq!(writer.commit(Kind::Text, 2, [0; 4]), Ok(&b"\x81\x82\0\0\0\0ab"[..]));
        assert_eq!(writer.commit(Kind::Text, 2, KEY), Err(Status::ERR_PHASE));
        for control in [ControlFrame::ping, ControlFrame::pong] {
            assert_eq!(control(&[0; 125], KEY).unwrap().bytes().len(), 131);
            assert_eq!(control(&[0; 126], KEY).err(), Some(Status::ERR_TOO_LARGE));
        }
    }

    #[test]
    fn a_close_frame_has_its_payload() {
        let payload = ClosePayload::new(Some(1000), "bye").unwrap();
        let frame = ControlFrame::close(&payload, [0; 4]);
        assert_eq!(frame.bytes(), b"\x88\x85\0\0\0\0\x03\xe8bye");
        assert_eq!(format!("{frame:?}"), "ControlFrame { len: 11 }");
    }

    #[test]
    fn debug_shows_no_content() {
        let mut writer = FrameWriter::new(10);
        writer.write(Kind::Text, b"secret", [0; 4]).unwrap();
        assert_eq!(format!("{writer:?}"), "FrameWriter { capacity: 10, reserved: false }");
    }
}
