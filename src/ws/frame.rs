//! One frame header: what its bits mean, and how those of a server are read (RFC 6455 section 5.2).
//!
//! It judges a header byte by byte, in the order in which the bytes come, so the verdict does not
//! depend on how many of them are there. It knows nothing of messages, and of payloads no more than
//! their lengths.

use super::error::Error;

/// The most payload of a control frame, in bytes (RFC 6455 section 5.5).
pub(crate) const MAX_CONTROL_PAYLOAD: usize = 125;

/// A payload length of 7 bits that stands for 16 bits that follow.
pub(super) const LENGTH_16: u8 = 126;
/// A payload length of 7 bits that stands for 64 bits that follow.
pub(super) const LENGTH_64: u8 = 127;

pub(super) const FIN: u8 = 0x80;
pub(super) const MASK: u8 = 0x80;
const RSV: u8 = 0x70;
const RSV1: u8 = 0x40;
const CONTROL: u8 = 0x08;

/// What a frame is (RFC 6455 section 11.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// A further fragment of a message.
    Continuation = 0,
    /// The first frame of a text.
    Text = 1,
    /// The first frame of a binary message.
    Binary = 2,
    /// The end, from the one who sends it.
    Close = 8,
    /// Asks for a pong.
    Ping = 9,
    /// Answers a ping, or tells that the sender is alive.
    Pong = 10,
}

impl Opcode {
    fn of(byte: u8) -> Result<Self, Error> {
        match byte & 0x0f {
            0 => Ok(Self::Continuation),
            1 => Ok(Self::Text),
            2 => Ok(Self::Binary),
            8 => Ok(Self::Close),
            9 => Ok(Self::Ping),
            10 => Ok(Self::Pong),
            _ => Err(Error::ReservedOpcode),
        }
    }

    /// Whether it may stand between the fragments of a message.
    pub const fn is_control(self) -> bool {
        self as u8 & CONTROL != 0
    }
}

/// The two kinds of messages (RFC 6455 section 5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

impl Kind {
    pub(super) const fn opcode(self) -> Opcode {
        match self {
            Self::Text => Opcode::Text,
            Self::Binary => Opcode::Binary,
        }
    }
}

/// The header of a frame that a server sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// It is the last frame of its message.
    pub fin: bool,
    /// RSV1: the message is compressed (RFC 7692 section 6).
    pub compressed: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// The length of the payload in bytes, less than 2^63.
    pub payload_len: u64,
}

impl Header {
    /// Reads the header that `bytes` begin with, and answers its own length, too. `None`: more
    /// bytes are needed. `deflate`: permessage-deflate was agreed, so RSV1 has a meaning.
    ///
    /// # Errors
    /// `ReservedBits`, `ReservedOpcode`, `FragmentedControl`, `MaskedFrame`, `ControlTooLong`,
    /// `LengthTooLarge`, `LengthNotMinimal`: the first of these that the bytes show.
    pub fn read(bytes: &[u8], deflate: bool) -> Result<Option<(Self, usize)>, Error> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        let mut header = Self::of_first(first, deflate)?;
        let Some(&second) = bytes.get(1) else { return Ok(None) };
        if second & MASK != 0 {
            return Err(Error::MaskedFrame);
        }
        if header.opcode.is_control() && usize::from(second) > MAX_CONTROL_PAYLOAD {
            return Err(Error::ControlTooLong);
        }
        let Some((payload_len, size)) = read_length(second, &bytes[2..])? else { return Ok(None) };
        header.payload_len = payload_len;
        Ok(Some((header, 2 + size)))
    }

    /// What the first byte says. RFC 7692 section 6: only the first frame of a message has RSV1.
    fn of_first(first: u8, deflate: bool) -> Result<Self, Error> {
        let (fin, rsv, compressed) = (first & FIN != 0, first & RSV, first & RSV1 != 0);
        if rsv != 0 && !(deflate && rsv == RSV1) {
            return Err(Error::ReservedBits);
        }
        let opcode = Opcode::of(first)?;
        if compressed && !matches!(opcode, Opcode::Text | Opcode::Binary) {
            return Err(Error::ReservedBits);
        }
        if opcode.is_control() && !fin {
            return Err(Error::FragmentedControl);
        }
        Ok(Self { fin, compressed, opcode, payload_len: 0 })
    }
}

/// The payload length that begins with `short`, and how many bytes of `behind` belong to it.
fn read_length(short: u8, behind: &[u8]) -> Result<Option<(u64, usize)>, Error> {
    match short {
        LENGTH_16 => {
            let Some(length) = behind.first_chunk() else { return Ok(None) };
            match u16::from_be_bytes(*length) {
                0..126 => Err(Error::LengthNotMinimal),
                length => Ok(Some((length.into(), 2))),
            }
        }
        LENGTH_64 if behind.first().is_some_and(|first| first & 0x80 != 0) => {
            Err(Error::LengthTooLarge)
        }
        LENGTH_64 => {
            let Some(length) = behind.first_chunk() else { return Ok(None) };
            match u64::from_be_bytes(*length) {
                0..=0xffff => Err(Error::LengthNotMinimal),
                length => Ok(Some((length, 8))),
            }
        }
        short => Ok(Some((short.into(), 0))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads byte by byte and whole, with and without bytes behind; all must agree.
    fn read(bytes: &[u8], deflate: bool) -> Result<Option<(Header, usize)>, Error> {
        let whole = Header::read(bytes, deflate);
        let mut in_bytes = Ok(None);
        for len in 0..=bytes.len() {
            in_bytes = Header::read(&bytes[..len], deflate);
            if in_bytes != Ok(None) {
                break;
            }
        }
        assert_eq!(in_bytes, whole);
        if whole != Ok(None) {
            for behind in [0, 0xff] {
                let mut followed = bytes.to_vec();
                followed.extend([behind; 20]);
                assert_eq!(Header::read(&followed, deflate), whole);
            }
        }
        whole
    }

    fn text(payload_len: u64) -> Header {
        Header { fin: true, compressed: false, opcode: Opcode::Text, payload_len }
    }

    #[test]
    fn lengths_are_read_in_their_shortest_form_only() {
        assert_eq!(read(&[0x81, 0], false), Ok(Some((text(0), 2))));
        assert_eq!(read(&[0x81, 125], false), Ok(Some((text(125), 2))));
        assert_eq!(read(&[0x81, 126, 0, 125], false), Err(Error::LengthNotMinimal));
        assert_eq!(read(&[0x81, 126, 0, 126], false), Ok(Some((text(126), 4))));
        assert_eq!(read(&[0x81, 126, 255, 255], false), Ok(Some((text(65535), 4))));
        let long = |length: u64| [&[0x81, 127][..], &length.to_be_bytes()].concat();
        assert_eq!(read(&long(65535), false), Err(Error::LengthNotMinimal));
        assert_eq!(read(&long(0), false), Err(Error::LengthNotMinimal));
        assert_eq!(read(&long(65536), false), Ok(Some((text(65536), 10))));
        let most = (1 << 63) - 1;
        assert_eq!(read(&long(most), false), Ok(Some((text(most), 10))));
        assert_eq!(read(&long(1 << 63), false), Err(Error::LengthTooLarge));
        assert_eq!(read(&[0x81, 127, 0x80], false), Err(Error::LengthTooLarge));
    }

    #[test]
    fn a_header_that_is_cut_short_needs_more() {
        for bytes in [&[][..], &[0x81], &[0x81, 126], &[0x81, 126, 1], &[0x82, 127, 0, 0, 0, 1]] {
            assert_eq!(read(bytes, false), Ok(None));
        }
    }

    /// All 65,536 beginnings, judged once more by the words of the RFC.
    #[test]
    fn every_first_pair_of_bytes_has_its_verdict() {
        for (first, second) in (0..=255_u8).flat_map(|a| (0..=255_u8).map(move |b| (a, b))) {
            for deflate in [false, true] {
                let opcode = first & 15;
                let is_control = opcode >= 8;
                let may_compress = deflate && matches!(opcode, 1 | 2);
                let rsv_allowed = if may_compress { 0x40 } else { 0 };
                let reserved = matches!(opcode, 3..=7 | 11..=15);
                let rsv = first & 0x70;
                let want = if rsv & !if deflate { 0x40 } else { 0 } != 0 {
                    Some(Error::ReservedBits)
                } else if reserved {
                    Some(Error::ReservedOpcode)
                } else if rsv & !rsv_allowed != 0 {
                    Some(Error::ReservedBits)
                } else if is_control && first < 128 {
                    Some(Error::FragmentedControl)
                } else if second >= 128 {
                    Some(Error::MaskedFrame)
                } else if is_control && second > 125 {
                    Some(Error::ControlTooLong)
                } else {
                    None
                };
                let found = Header::read(&[first, second], deflate);
                assert_eq!(found.err(), want, "{first:#x} {second:#x}");
                if let Ok(Some((header, size))) = found {
                    assert_eq!((header.fin, header.opcode as u8), (first >= 128, opcode));
                    assert_eq!((header.payload_len, size), (second.into(), 2));
                    assert_eq!(header.compressed, first & 0x40 != 0);
                    assert_eq!(header.opcode.is_control(), is_control);
                }
            }
        }
    }
}
