//! How long a response asks to wait: `Retry-After` (RFC 9110 section 10.2.3), in seconds or as a
//! date.

use std::time::{Duration, SystemTime};

use crate::http::response::Response;

/// How long the response asks to wait; `None` when it does not say so legibly. A date is measured
/// against the response's own `Date`, so that the clocks need not agree, or else against `now`.
pub(super) fn retry_after(response: &Response, now: SystemTime) -> Option<Duration> {
    let value = text(response.find(b"retry-after")?)?;
    if value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty() {
        // More than can be counted is for ever, as far as anybody can tell.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let date = response.find(b"date").and_then(text);
    let since = date.and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or(now);
    // A moment that has passed asks for no wait.
    Some(until.duration_since(since).unwrap_or(Duration::ZERO))
}

fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::exchange::Exchange;
    use crate::http::response::Limits;

    /// 2026-11-24 12:00:00 UTC.
    const NOON: Duration = Duration::from_secs(1_795_521_600);

    fn read(fields: &str) -> Option<u64> {
        let mut response = Response::with_capacity(1024);
        let head = format!("HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n{fields}\r\n");
        response.space(&Limits::default(), head.len()).unwrap().copy_from_slice(head.as_bytes());
        response.commit(head.len());
        Exchange::new(false, false).on_bytes(&mut response, &Limits::default()).unwrap();
        let now = SystemTime::UNIX_EPOCH + NOON;
        retry_after(&response, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_are_seconds() {
        assert_eq!(read("Retry-After: 120\r\n"), Some(120));
        assert_eq!(read("retry-after:  0 \r\n"), Some(0));
        assert_eq!(read("Retry-After: 99999999999999999999999\r\n"), Some(u64::MAX));
        assert_eq!(read(""), None);
    }

    #[test]
    fn a_date_is_measured_against_the_date_of_the_response() {
        let until = "Retry-After: Tue, 24 Nov 2026 12:01:30 GMT\r\n";
        assert_eq!(read(until), Some(90));
        assert_eq!(read(&format!("Date: Tue, 24 Nov 2026 12:01:00 GMT\r\n{until}")), Some(30));
        assert_eq!(read(&format!("Date: Tue, 24 Nov 2026 13:00:00 GMT\r\n{until}")), Some(0));
        assert_eq!(read(&format!("Date: tomorrow\r\n{until}")), Some(90));
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        for bad in ["", "soon", "-1", "1.5", "12 s", "Tue, 24 Nov 2026", "\u{b2}"] {
            assert_eq!(read(&format!("Retry-After: {bad}\r\n")), None, "{bad}");
        }
    }
}
