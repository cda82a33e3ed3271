//! The tag of a request: what its engine calls the order. This file knows nothing but its bytes.

use std::fmt;

use crate::error::Status;

/// The longest tag, in bytes.
pub const MAX_TAG: usize = 64;

/// A tag, for example a client order id. Empty for a request that has none.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Tag {
    len: u8,
    bytes: [u8; MAX_TAG],
}

impl Tag {
    /// No tag.
    pub const NONE: Self = Self { len: 0, bytes: [0; MAX_TAG] };

    /// A tag of these bytes; none if there are none.
    ///
    /// # Errors
    /// `ERR_TOO_LARGE` above 64 bytes; `ERR_ARGUMENT` for what is not printable ASCII.
    pub fn new(text: &[u8]) -> Result<Self, Status> {
        if text.len() > MAX_TAG {
            return Err(Status::ERR_TOO_LARGE);
        }
        if !text.iter().all(|byte| (0x20..0x7f).contains(byte)) {
            return Err(Status::ERR_ARGUMENT);
        }
        let mut tag = Self::NONE;
        tag.len = text.len() as u8;
        tag.bytes[..text.len()].copy_from_slice(text);
        Ok(tag)
    }

    /// Makes it none. Its bytes stay behind in the memory.
    #[inline]
    pub const fn clear(&mut self) {
        self.len = 0;
    }

    /// Its bytes, which are printable ASCII.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.len == 0
    }
}

impl PartialEq for Tag {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Tag {}

impl Default for Tag {
    fn default() -> Self {
        Self::NONE
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(self.bytes()).unwrap_or_default())
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_printable_and_not_longer_than_its_place() {
        let longest = [b'x'; MAX_TAG];
        assert_eq!(Tag::new(&longest).unwrap().bytes(), longest);
        assert_eq!(Tag::new(b"order 4711").unwrap().to_string(), "order 4711");
        assert!(Tag::new(b"").unwrap().is_none() && !Tag::new(b"a").unwrap().is_none());
        assert_eq!(Tag::new(&[b'x'; MAX_TAG + 1]), Err(Status::ERR_TOO_LARGE));
        for bad in [&b"a\n"[..], b"\0", "\u{e4}".as_bytes(), b"\x7f"] {
            assert_eq!(Tag::new(bad), Err(Status::ERR_ARGUMENT), "{bad:?}");
        }
    }
}
