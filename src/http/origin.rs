//! What all requests to one origin have in common, encoded.
//!
//! It holds bytes that are ready to be copied: the base path, the end of the request line with the
//! Host field, and the default headers, which any thread may change. It knows no configuration,
//! connection or address.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::default_headers::DefaultHeaders;
use crate::error::Status;
use crate::http::field;

/// The pre-encoded parts of every request to one origin. Shared by its requests in an `Arc`, and
/// so their proof that they were made for the same pool.
pub struct Origin {
    base_path: Box<[u8]>,
    target_end: Box<[u8]>,
    request_capacity: usize,
    /// The generation of `default_headers`, so that a request sees without the lock that its own
    /// set is still the present one. Who knows that a change is done sees it here. It hands nothing
    /// over: the lock does.
    generation: AtomicU64,
    default_headers: Mutex<Arc<DefaultHeaders>>,
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
    /// If there are more than [`MAX_DEFAULT_HEADERS`](super::MAX_DEFAULT_HEADERS) headers.
    pub fn new<'a>(
        host: &[u8],
        base_path: &[u8],
        default_headers: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
        request_capacity: usize,
    ) -> Result<Self, Status> {
        debug_assert!(field::is_value(host) && !host.is_empty() && field::is_base_path(base_path));
        let default_headers = DefaultHeaders::new(default_headers);
        let origin = Self {
            base_path: base_path.into(),
            target_end: [b" HTTP/1.1\r\nHost: ", host, b"\r\n"].concat().into(),
            request_capacity,
            generation: AtomicU64::new(default_headers.generation()),
            default_headers: Mutex::new(Arc::new(default_headers)),
        };
        origin.check_room(&origin.default_headers(), 0)?;
        Ok(origin)
    }

    /// The size in bytes of the buffer of a request: no request can be longer.
    pub const fn request_capacity(&self) -> usize {
        self.request_capacity
    }

    /// Sets the value of a default header, or removes it, for all requests that are submitted once
    /// this has returned. `beside` is what a request must have room for besides all default
    /// headers, in bytes. Any thread.
    ///
    /// # Errors
    /// `ERR_HEADER_NAME`, `ERR_HEADER_VALUE`, `ERR_HEADER_RESERVED` as for the header of a request;
    /// `ERR_ARGUMENT` for one name too many, removed ones included; `ERR_NOT_FOUND` if there is no
    /// such header to be removed; `ERR_TOO_LARGE` if the room is not left. Nothing is changed then.
    pub fn set_default_header(
        &self,
        name: &[u8],
        value: Option<&[u8]>,
        beside: usize,
    ) -> Result<(), Status> {
        let mut present = self.lock();
        let next = present.with(name, value)?;
        self.check_room(&next, beside)?;
        self.generation.store(next.generation(), Ordering::Release);
        let past = std::mem::replace(&mut *present, Arc::new(next));
        drop(present);
        // Without the lock, because this may wipe it.
        drop(past);
        Ok(())
    }

    /// The default headers as they are now.
    pub(super) fn default_headers(&self) -> Arc<DefaultHeaders> {
        Arc::clone(&self.lock())
    }

    /// Whether these default headers are not those of now. Takes no lock.
    pub(super) fn has_changed(&self, since: &DefaultHeaders) -> bool {
        self.generation.load(Ordering::Acquire) != since.generation()
    }

    pub(super) fn base_path(&self) -> &[u8] {
        &self.base_path
    }

    /// What follows the request target: the rest of the request line, and the Host field.
    pub(super) fn target_end(&self) -> &[u8] {
        &self.target_end
    }

    /// Whether `GET <base path>/`, and a request of `beside` bytes, fit with all default headers.
    fn check_room(&self, headers: &DefaultHeaders, beside: usize) -> Result<(), Status> {
        let line = b"GET ".len() + self.base_path.len() + b"/".len() + self.target_end.len();
        let smallest = line + b"\r\n".len();
        let needed = headers.all_lines().len() + smallest.max(beside);
        if needed > self.request_capacity { Err(Status::ERR_TOO_LARGE) } else { Ok(()) }
    }

    fn lock(&self) -> MutexGuard<'_, Arc<DefaultHeaders>> {
        self.default_headers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Default headers hold API keys: how many there are is all that is shown of them.
impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin")
            .field("base_path", &self.base_path.escape_ascii().to_string())
            .field("default_headers", &self.default_headers().len())
            .field("request_capacity", &self.request_capacity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        let headers: [(&[u8], &[u8]); 1] = [(b"X-API-Key", b"secret")];
        Origin::new(b"venue.test:8080", b"/api/v3", headers, 1024).unwrap()
    }

    #[test]
    fn parts_are_encoded() {
        let origin = origin();
        assert_eq!(origin.base_path(), b"/api/v3");
        assert_eq!(origin.target_end(), b" HTTP/1.1\r\nHost: venue.test:8080\r\n");
        assert_eq!(origin.request_capacity(), 1024);
        assert_eq!(origin.default_headers().all_lines(), b"X-API-Key: secret\r\n");
    }

    #[test]
    fn parts_that_leave_no_room_are_refused() {
        let smallest = "GET / HTTP/1.1\r\nHost: h\r\n\r\n".len();
        assert!(Origin::new(b"h", b"", [], smallest).is_ok());
        let refused = Origin::new(b"h", b"", [], smallest - 1);
        assert_eq!(refused.unwrap_err(), Status::ERR_TOO_LARGE);
    }

    #[test]
    fn a_change_is_seen_and_a_refused_one_changes_nothing() {
        let origin = origin();
        let first = origin.default_headers();
        let set = |value, beside| origin.set_default_header(b"x-api-key", value, beside);
        assert_eq!(set(Some(&[b'v'; 1024]), 0), Err(Status::ERR_TOO_LARGE));
        assert_eq!(
            set(Some(b"other"), 1024 - b"x-api-key: other".len()),
            Err(Status::ERR_TOO_LARGE)
        );
        assert_eq!(origin.set_default_header(b"Host", None, 0), Err(Status::ERR_HEADER_RESERVED));
        assert!(!origin.has_changed(&first));
        assert_eq!(set(Some(b"other"), 1024 - b"x-api-key: other\r\n".len()), Ok(()));
        assert!(origin.has_changed(&first));
        assert_eq!(first.all_lines(), b"X-API-Key: secret\r\n", "who holds it has it still");
        assert_eq!(origin.default_headers().all_lines(), b"x-api-key: other\r\n");
        assert!(!origin.has_changed(&origin.default_headers()));
    }

    #[test]
    fn debug_shows_no_secret() {
        let text = format!("{:?}", origin());
        assert!(text.contains("/api/v3") && !text.contains("secret"), "{text}");
    }
}
