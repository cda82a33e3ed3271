//! The limits of a response. They are settings: nothing is counted here.

/// How much a peer may send before a response is refused. Sizes are in bytes; each limit is the
/// most that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One head, from the status line to the empty line, both included.
    pub max_head_size: usize,
    /// Fields in one head; values above 256 count as 256.
    pub max_headers: usize,
    /// Interim (1xx) responses before the final one.
    pub max_interim: usize,
    /// One chunk size line: size, extensions and CRLF.
    pub max_chunk_line: usize,
    /// All chunk framing together (size lines and the CRLF behind the data), as far as it outweighs
    /// the body: a long body in small but good chunks is not refused for their number.
    pub max_chunk_overhead: usize,
    /// All trailer fields together with their line ends.
    pub max_trailer_size: usize,
    /// The body, without chunk framing; `usize::MAX` for any.
    pub max_body_size: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_head_size: 32 * 1024,
            max_headers: 128,
            max_interim: 16,
            max_chunk_line: 8 * 1024,
            max_chunk_overhead: 16 * 1024,
            max_trailer_size: 16 * 1024,
            max_body_size: 16 * 1024 * 1024,
        }
    }
}
