//! A text of limited length in a fixed place.

use std::fmt::{self, Write as _};

/// At most `N` bytes, of which further ones were left out if it says so.
#[derive(Clone, Copy)]
pub struct Excerpt<const N: usize> {
    len: u8,
    is_cut: bool,
    bytes: [u8; N],
}

impl<const N: usize> Excerpt<N> {
    /// Empty.
    pub const EMPTY: Self = Self { len: 0, is_cut: false, bytes: [0; N] };

    /// The bytes, as many as there is room for.
    pub fn of(bytes: &[u8]) -> Self {
        let mut excerpt = Self::EMPTY;
        excerpt.set(bytes);
        excerpt
    }

    /// Puts these bytes in place of the old ones, as many as there is room for.
    #[inline]
    pub fn set(&mut self, bytes: &[u8]) {
        const { assert!(N <= u8::MAX as usize) };
        let len = bytes.len().min(N);
        self.bytes[..len].copy_from_slice(&bytes[..len]);
        self.len = len as u8;
        self.is_cut = len < bytes.len();
    }

    /// Empties it. Its bytes stay behind in the memory.
    #[inline]
    pub fn clear(&mut self) {
        (self.len, self.is_cut) = (0, false);
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Whether something was left out behind them.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The same, of which something was left out.
    pub fn cut(self) -> Self {
        Self { is_cut: true, ..self }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Bytes as an excerpt shows them.
pub struct Escaped<'a>(pub &'a [u8]);

/// Takes bytes for an excerpt, of whatever length.
pub trait Push {
    /// Appends these bytes, as many as there is room for. Answers whether there was room for all.
    fn push(&mut self, bytes: &[u8]) -> bool;
}

impl<const N: usize> Push for Excerpt<N> {
    fn push(&mut self, bytes: &[u8]) -> bool {
        let start = usize::from(self.len);
        let len = bytes.len().min(N - start);
        self.bytes[start..start + len].copy_from_slice(&bytes[..len]);
        self.len += len as u8;
        self.is_cut |= len < bytes.len();
        !self.is_cut
    }
}

/// Has room for all.
impl Push for Vec<u8> {
    fn push(&mut self, bytes: &[u8]) -> bool {
        self.extend_from_slice(bytes);
        true
    }
}

impl<const N: usize> Default for Excerpt<N> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<const N: usize> fmt::Display for Excerpt<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(self.bytes()).fmt(f)?;
        f.write_str(if self.is_cut { "..." } else { "" })
    }
}

/// Printable ASCII as it is, but for the backslash; all else with the escapes of C.
impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            match byte {
                b'"' | b'\'' => f.write_char(char::from(*byte))?,
                _ => write!(f, "{}", byte.escape_ascii())?,
            }
        }
        Ok(())
    }
}

impl<const N: usize> fmt::Debug for Excerpt<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_left_out_and_that_is_told() {
        let mut excerpt = Excerpt::<4>::of(b"abcdef");
        assert_eq!(excerpt.to_string(), "abcd...");
        excerpt.set(b"ab");
        assert!(excerpt.push(b"\r") && !excerpt.push(b"\xffg"));
        assert_eq!(excerpt.to_string(), "ab\\r\\xff...");
        excerpt.clear();
        assert!(excerpt.is_empty() && excerpt.to_string().is_empty());
    }
}
