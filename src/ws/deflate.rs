//! Inflates the messages of a server that compresses them (RFC 7692 section 7.2.2).
//!
//! Memory follows what comes out, and no more comes out than the limit of a message and one byte
//! more: a message that inflates a thousandfold is refused as soon as it is over the limit. The
//! window is of the largest size, 32 KiB, whatever was agreed. It knows no frame and no fragment.
//!
//! The decoder is that of zlib, which refuses a reference to what was never sent. What it cannot
//! tell is a payload that stops within a block: the bytes up to there are the message.

use std::fmt;

use flate2::{Decompress, FlushDecompress, Status};

use super::error::Error;
use super::extension::DeflateAgreed;
use crate::buf::Buf;

/// What the sender has cut off the end of each message (RFC 7692 section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// The least room for what is inflated, in bytes.
const LEAST_ROOM: usize = 4 * 1024;

/// Inflates one message after the other.
pub(super) struct Inflater {
    stream: Decompress,
    /// The message so far.
    out: Buf,
    forgets: bool,
}

impl Inflater {
    pub(super) fn new(agreed: &DeflateAgreed) -> Self {
        Self {
            stream: Decompress::new(false),
            out: Buf::with_capacity(LEAST_ROOM),
            forgets: agreed.server_no_context_takeover,
        }
    }

    /// The message so far, and once it is whole the zero bytes behind.
    pub(super) fn message(&self) -> &Buf {
        &self.out
    }

    /// Forgets the message and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.out.clear();
    }

    /// Inflates `input`, more of the message.
    ///
    /// # Errors
    /// `BadDeflate`, `MessageTooLarge` for more than `limit` bytes, `OutOfMemory`.
    pub(super) fn inflate(&mut self, mut input: &[u8], limit: usize) -> Result<(), Error> {
        loop {
            self.make_room(limit)?;
            let room = self.out.spare((limit - self.out.len()).saturating_add(1));
            let len = room.len();
            let (read, written) = (self.stream.total_in(), self.stream.total_out());
            let status = self.stream.decompress(input, room, FlushDecompress::None);
            let read = (self.stream.total_in() - read) as usize;
            let written = (self.stream.total_out() - written) as usize;
            self.out.commit(written);
            input = &input[read..];
            if self.out.len() > limit {
                return Err(Error::MessageTooLarge);
            }
            match status.map_err(|_| Error::BadDeflate)? {
                // Section 7.2.3.4: a final block may end a message, or stand within it.
                Status::StreamEnd => self.stream.reset(false),
                // All that could come out is there, unless the room was too short for it.
                _ if input.is_empty() && written < len => return Ok(()),
                _ if read == 0 && written == 0 => return Err(Error::BadDeflate),
                _ => {}
            }
        }
    }

    /// The message has come to its end.
    ///
    /// # Errors
    /// As for [`Inflater::inflate`].
    pub(super) fn finish(&mut self, limit: usize) -> Result<(), Error> {
        self.inflate(&TAIL, limit)?;
        if self.forgets {
            self.stream.reset(false);
        }
        self.out.seal(self.out.len());
        Ok(())
    }

    fn make_room(&mut self, limit: usize) -> Result<(), Error> {
        let (len, capacity) = (self.out.len(), self.out.capacity());
        if len == capacity {
            let most = limit.saturating_add(1).max(LEAST_ROOM);
            let wanted = capacity.saturating_mul(2).clamp(LEAST_ROOM, most);
            self.out.grow_to(wanted).map_err(|_| Error::OutOfMemory)?;
        }
        Ok(())
    }
}

/// Shows sizes, never content.
impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").field("out", &self.out).field("forgets", &self.forgets).finish()
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compress, Compression, FlushCompress};

    use super::*;

    fn inflater(forgets: bool) -> Inflater {
        let agreed =
            DeflateAgreed { server_no_context_takeover: forgets, server_max_window_bits: 15 };
        Inflater::new(&agreed)
    }

    /// The message of these bytes, given whole or byte by byte.
    fn read(inflater: &mut Inflater, bytes: &[u8], step: usize) -> Result<Vec<u8>, Error> {
        inflater.clear();
        for piece in bytes.chunks(step) {
            inflater.inflate(piece, 1 << 20)?;
        }
        inflater.finish(1 << 20)?;
        let message = inflater.message();
        assert_eq!(message.padded_from(message.len()), [0; crate::buf::TAIL]);
        Ok(message.filled().to_vec())
    }

    /// RFC 7692 section 7.2.3.
    #[test]
    fn the_examples_of_the_rfc() {
        let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let again = [0xf2, 0x00, 0x11, 0x00, 0x00];
        let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
        let last = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
        let two = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
        for step in [1, 2, 100] {
            let mut keeps = inflater(false);
            for bytes in [&hello[..], &again, &stored, &hello, &two, &last, &hello] {
                assert_eq!(read(&mut keeps, bytes, step).unwrap(), b"Hello", "{bytes:x?}");
            }
            let mut forgets = inflater(true);
            for bytes in [&hello[..], &stored, &two, &last, &hello] {
                assert_eq!(read(&mut forgets, bytes, step).unwrap(), b"Hello", "{bytes:x?}");
            }
            // It refers to a message that is forgotten.
            assert_eq!(read(&mut forgets, &again, step), Err(Error::BadDeflate));
        }
    }

    #[test]
    fn an_empty_message_is_one_byte() {
        let mut inflater = inflater(false);
        assert_eq!(read(&mut inflater, &[0], 1).unwrap(), b"");
        assert_eq!(read(&mut inflater, &[2, 0], 1).unwrap(), b"");
    }

    #[test]
    fn what_is_no_deflate_is_refused() {
        for bytes in [&b"\x07"[..], b"\xff\xff\xff", b"\x00\x05\x00\x00\x00", b"Hello"] {
            assert_eq!(read(&mut inflater(false), bytes, 1), Err(Error::BadDeflate), "{bytes:x?}");
            assert_eq!(read(&mut inflater(false), bytes, 9), Err(Error::BadDeflate), "{bytes:x?}");
        }
    }

    fn compress(plain: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; plain.len() + 1000];
        let mut stream = Compress::new(Compression::best(), false);
        stream.compress(plain, &mut bytes, FlushCompress::Sync).unwrap();
        bytes.truncate(stream.total_out() as usize);
        assert!(bytes.ends_with(&TAIL));
        bytes.truncate(bytes.len() - TAIL.len());
        bytes
    }

    /// A thousand bytes for each that comes: refused at the limit, with no more memory than that.
    #[test]
    fn a_bomb_is_refused_at_the_limit() {
        let bomb = compress(&vec![b'0'; 8 << 20]);
        assert!(bomb.len() < 10_000);
        for limit in [0, 1, 4096, 100_000] {
            let mut inflater = inflater(false);
            assert_eq!(inflater.inflate(&bomb, limit), Err(Error::MessageTooLarge));
            assert_eq!(inflater.message().len(), limit + 1);
            assert!(inflater.message().capacity() <= limit.max(LEAST_ROOM) + 1);
        }
        let mut inflater = inflater(false);
        inflater.inflate(&bomb, 8 << 20).unwrap();
        inflater.finish(8 << 20).unwrap();
        assert_eq!(inflater.message().len(), 8 << 20);
    }
}
