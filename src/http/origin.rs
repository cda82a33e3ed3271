//! What all requests to one origin have in common, encoded once.
//!
//! It holds bytes that are ready to be copied: the base path, the end of the request line with the
//! Host field, and the default headers. It knows no configuration, connection or address.

use std::fmt;

use crate::error::Status;
use crate::http::field;

/// The most default headers that an origin can have: a request has one bit for each.
pub const MAX_DEFAULT_HEADERS: usize = HeaderSet::BITS as usize;

/// A set of default headers, by their place in the list.
pub(super) type HeaderSet = u64;

/// The pre-encoded parts of every request to one origin. Shared by its requests in an `Arc`, and
/// so their proof that they were made for the same pool.
pub struct Origin {
    base_path: Box<[u8]>,
    target_end: Box<[u8]>,
    default_headers: Box<[DefaultHeader]>,
    /// The lines of all of them, for the many requests that override none.
    all_lines: Box<[u8]>,
    /// The default headers that say `Connection: close`.
    closing: HeaderSet,
    request_capacity: usize,
}

/// A header line with its CRLF, which begins with the name.
struct DefaultHeader {
    line: Box<[u8]>,
    name_len: usize,
}

impl Origin {
    /// Encodes what requests to this origin share.
    ///
    /// `host` is the value of the Host field (RFC 9110 section 7.2), `base_path` is what each path
    /// is appended to, and `request_capacity` is the size in bytes of one whole request. The bytes
    /// come from a configuration that has checked them.
    ///
    /// # Errors
    /// `ERR_TOO_LARGE` if these parts alone leave no room for a request.
    ///
    /// # Panics
    /// If there are more than [`MAX_DEFAULT_HEADERS`] headers.
    pub fn new<'a>(
        host: &[u8],
        base_path: &[u8],
        default_headers: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
        request_capacity: usize,
    ) -> Result<Self, Status> {
        debug_assert!(field::is_value(host) && !host.is_empty() && field::is_base_path(base_path));
        let mut headers = Vec::new();
        let mut closing = 0;
        for (index, (name, value)) in default_headers.into_iter().enumerate() {
            assert!(index < MAX_DEFAULT_HEADERS);
            debug_assert_eq!(field::check_header(name, value), Ok(()));
            let line = [name, b": ", value, b"\r\n"].concat().into();
            headers.push(DefaultHeader { line, name_len: name.len() });
            closing |= HeaderSet::from(field::says_close(name, value)) << index;
        }
        let all_lines = headers.iter().map(|header| &header.line[..]).collect::<Vec<_>>().concat();
        let origin = Self {
            all_lines: all_lines.into(),
            base_path: base_path.into(),
            target_end: [b" HTTP/1.1\r\nHost: ", host, b"\r\n"].concat().into(),
            default_headers: headers.into(),
            closing,
            request_capacity,
        };
        if origin.smallest_request() > request_capacity {
            return Err(Status::ERR_TOO_LARGE);
        }
        Ok(origin)
    }

    /// The size in bytes of the buffer of a request: no request can be longer.
    pub const fn request_capacity(&self) -> usize {
        self.request_capacity
    }

    pub(super) fn base_path(&self) -> &[u8] {
        &self.base_path
    }

    /// What follows the request target: the rest of the request line, and the Host field.
    pub(super) fn target_end(&self) -> &[u8] {
        &self.target_end
    }

    /// The default header that a header of this name takes the place of, if there is one.
    pub(super) fn overridden_by(&self, name: &[u8]) -> HeaderSet {
        let same = |header: &DefaultHeader| {
            // The length decides for most.
            header.name_len == name.len()
                && header.line[..header.name_len].eq_ignore_ascii_case(name)
        };
        self.default_headers.iter().position(same).map_or(0, |index| 1 << index)
    }

    /// The lines of all default headers in one piece.
    pub(super) fn all_lines(&self) -> &[u8] {
        &self.all_lines
    }

    /// The lines of the default headers that are not overridden.
    pub(super) fn default_lines(&self, overridden: HeaderSet) -> impl Iterator<Item = &[u8]> {
        let headers = self.default_headers.iter().enumerate();
        let kept = headers.filter(move |(index, _)| overridden >> index & 1 == 0);
        kept.map(|(_, header)| &header.line[..])
    }

    /// Whether a default header that is not overridden says `Connection: close`.
    pub(super) const fn closes(&self, overridden: HeaderSet) -> bool {
        self.closing & !overridden != 0
    }

    /// The length of `GET <base path>/` with all default headers.
    fn smallest_request(&self) -> usize {
        let line = b"GET ".len() + self.base_path.len() + b"/".len() + self.target_end.len();
        let headers: usize = self.default_lines(0).map(<[u8]>::len).sum();
        line + headers + b"\r\n".len()
    }
}

/// Default headers hold API keys: how many there are is all that is shown of them.
impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin")
            .field("base_path", &self.base_path.escape_ascii().to_string())
            .field("default_headers", &self.default_headers.len())
            .field("request_capacity", &self.request_capacity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADERS: [(&[u8], &[u8]); 3] =
        [(b"Accept", b"*/*"), (b"X-API-Key", b"secret"), (b"Connection", b"close")];

    fn origin() -> Origin {
        Origin::new(b"venue.test:8080", b"/api/v3", HEADERS, 1024).unwrap()
    }

    fn lines(origin: &Origin, overridden: HeaderSet) -> Vec<u8> {
        origin.default_lines(overridden).collect::<Vec<_>>().concat()
    }

    #[test]
    fn parts_are_encoded() {
        let origin = origin();
        assert_eq!(origin.base_path(), b"/api/v3");
        assert_eq!(origin.target_end(), b" HTTP/1.1\r\nHost: venue.test:8080\r\n");
        assert_eq!(origin.request_capacity(), 1024);
    }

    #[test]
    fn overridden_lines_are_left_out() {
        let origin = origin();
        let all = b"Accept: */*\r\nX-API-Key: secret\r\nConnection: close\r\n";
        assert_eq!(lines(&origin, 0), all);
        assert_eq!(lines(&origin, 0b001), b"X-API-Key: secret\r\nConnection: close\r\n");
        assert_eq!(lines(&origin, 0b010), b"Accept: */*\r\nConnection: close\r\n");
        assert_eq!(lines(&origin, 0b111), b"");
    }

    #[test]
    fn names_are_compared_in_any_case_and_whole() {
        let origin = origin();
        assert_eq!(origin.overridden_by(b"ACCEPT"), 0b001);
        assert_eq!(origin.overridden_by(b"x-api-key"), 0b010);
        assert_eq!(origin.overridden_by(b"connection"), 0b100);
        assert_eq!(origin.overridden_by(b"Accep"), 0);
        assert_eq!(origin.overridden_by(b"Accept-Encoding"), 0);
    }

    #[test]
    fn a_default_close_counts_until_it_is_overridden() {
        assert!(origin().closes(0));
        assert!(origin().closes(0b011));
        assert!(!origin().closes(0b100));
    }

    #[test]
    fn as_many_headers_as_bits() {
        let names: Vec<String> = (0..MAX_DEFAULT_HEADERS).map(|n| format!("X-{n}")).collect();
        let headers = names.iter().map(|name| (name.as_bytes(), &b"v"[..]));
        let origin = Origin::new(b"h", b"", headers, 4096).unwrap();
        assert_eq!(origin.overridden_by(b"x-63"), 1 << 63);
        assert_eq!(origin.default_lines(1 << 63).count(), 63);
    }

    #[test]
    fn parts_that_leave_no_room_are_refused() {
        let smallest = "GET / HTTP/1.1\r\nHost: h\r\n\r\n".len();
        assert!(Origin::new(b"h", b"", [], smallest).is_ok());
        let refused = Origin::new(b"h", b"", [], smallest - 1);
        assert_eq!(refused.unwrap_err(), Status::ERR_TOO_LARGE);
    }

    #[test]
    fn debug_shows_no_secret() {
        let text = format!("{:?}", origin());
        assert!(text.contains("/api/v3") && !text.contains("secret"), "{text}");
    }
}
