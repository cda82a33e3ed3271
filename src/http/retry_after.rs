//! How long a response asks to wait: `Retry-After` (RFC 9110 section 10.2.3), in seconds or as a
//! date.
//!
//! It is read leniently, because who cannot read it sends too early: a fraction is rounded up, a
//! unit of seconds, a sign and quotes are no matter, and of several values the longest counts. A
//! number that is too large for a wait is a moment, in seconds or milliseconds since 1970, as some
//! venues send it.

use std::time::{Duration, UNIX_EPOCH};

use super::response::Response;

/// From so many seconds on a number is a moment: 2001 as a moment, 31 years as a wait.
const MOMENT_S: u64 = 1_000_000_000;

/// From this number on a moment is in milliseconds: 2001 in these, and the year 33658 in seconds.
const MOMENT_MS: u64 = 1_000 * MOMENT_S;

/// How long the response asks to wait, the longest of all that it says; `None` when it says nothing
/// legible. A moment that has passed asks for no wait. Moments are measured against the response's
/// own `Date`, so that the clocks need not agree, or else against `now`, since 1970.
pub fn retry_after(response: &Response, now: Duration) -> Option<Duration> {
    let fields = response.find_all(b"retry-after");
    fields.filter_map(|value| wait(text(value)?, || since_1970(response, now))).max()
}

/// The time of the response.
fn since_1970(response: &Response, now: Duration) -> Duration {
    let date = response.find(b"date").and_then(text);
    let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
    date.map_or(now, |date| date.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// The wait that one field asks for: a date, or a number, or several numbers, as whoever puts two
/// fields together makes them.
fn wait(value: &str, sent: impl Fn() -> Duration) -> Option<Duration> {
    let value = value.trim_matches('"').trim();
    if let Ok(until) = httpdate::parse_http_date(value) {
        let until = until.duration_since(UNIX_EPOCH).unwrap_or_default();
        return Some(until.saturating_sub(sent()));
    }
    let longest = value.split(',').filter_map(seconds).max()?;
    Some(match longest {
        MOMENT_MS.. => Duration::from_millis(longest).saturating_sub(sent()),
        MOMENT_S.. => Duration::from_secs(longest).saturating_sub(sent()),
        _ => Duration::from_secs(longest),
    })
}

/// A number of seconds, rounded up; `u64::MAX` for more than can be counted.
fn seconds(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let units = ["seconds", "second", "secs", "sec", "s"];
    let number = units.iter().find_map(|unit| text.strip_suffix(unit)).unwrap_or(&text).trim();
    let number = number.strip_prefix('+').unwrap_or(number);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let begun = u64::from(fraction.bytes().any(|digit| digit != b'0'));
    Some(whole.parse().unwrap_or(u64::MAX).saturating_add(begun))
}

fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::exchange::read_whole;

    /// 2026-11-24 12:00:00 UTC.
    const NOON: Duration = Duration::from_secs(1_795_521_600);

    fn read(fields: &str) -> Option<u64> {
        let head = format!("HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n{fields}\r\n");
        retry_after(&read_whole(&head), NOON).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_are_seconds() {
        assert_eq!(read("Retry-After: 120\r\n"), Some(120));
        assert_eq!(read("retry-after:  0 \r\n"), Some(0));
        assert_eq!(read("Retry-After: 999999999\r\n"), Some(999_999_999));
        assert_eq!(read(""), None);
    }

    #[test]
    fn a_fraction_is_rounded_up_and_other_ways_to_write_seconds_are_read() {
        for (text, wait) in [
            ("299.997", 300),
            ("299.0", 299),
            ("299.", 299),
            ("0.001", 1),
            ("0.000", 0),
            ("12s", 12),
            ("12 S", 12),
            ("1.5 sec", 2),
            ("12 seconds", 12),
            ("+12", 12),
            ("\"12\"", 12),
            ("0012", 12),
            ("\t12 \t", 12),
            (", 12,,", 12),
        ] {
            assert_eq!(read(&format!("Retry-After: {text}\r\n")), Some(wait), "{text}");
        }
    }

    #[test]
    fn of_several_values_the_longest_counts() {
        let until = "Retry-After: Tue, 24 Nov 2026 12:01:30 GMT\r\n";
        assert_eq!(read("Retry-After: 5\r\nRetry-After: 60\r\n"), Some(60));
        assert_eq!(read("Retry-After: 60\r\nA: b\r\nRETRY-AFTER: 5\r\n"), Some(60));
        assert_eq!(read("Retry-After: 5, 60.5, soon\r\n"), Some(61));
        assert_eq!(read("Retry-After: soon\r\nRetry-After: 5\r\n"), Some(5));
        assert_eq!(read(&format!("Retry-After: 60\r\n{until}")), Some(90));
        assert_eq!(read(&format!("{until}Retry-After: 100\r\n")), Some(100));
    }

    #[test]
    fn a_date_is_measured_against_the_date_of_the_response() {
        let until = "Retry-After: Tue, 24 Nov 2026 12:01:30 GMT\r\n";
        assert_eq!(read(until), Some(90));
        assert_eq!(read("Retry-After: Tuesday, 24-Nov-26 12:01:30 GMT\r\n"), Some(90));
        assert_eq!(read("Retry-After: \"Tue Nov 24 12:01:30 2026\"\r\n"), Some(90));
        assert_eq!(read(&format!("Date: Tue, 24 Nov 2026 12:01:00 GMT\r\n{until}")), Some(30));
        assert_eq!(read(&format!("Date: Tue, 24 Nov 2026 13:00:00 GMT\r\n{until}")), Some(0));
        assert_eq!(read(&format!("Date: tomorrow\r\n{until}")), Some(90));
    }

    #[test]
    fn a_moment_since_1970_is_one() {
        for (moment, wait) in [
            ("1795521720", 120),
            ("1795521719.2", 120),
            ("1795521720000", 120),
            ("1795521599", 0),
            ("1000000000", 0),
            ("9999999999", 9_999_999_999 - NOON.as_secs()),
            ("99999999999999999999999", u64::MAX / 1000 - NOON.as_secs()),
        ] {
            assert_eq!(read(&format!("Retry-After: {moment}\r\n")), Some(wait), "{moment}");
        }
        let date = "Date: Tue, 24 Nov 2026 12:01:00 GMT\r\n";
        assert_eq!(read(&format!("{date}Retry-After: 1795521720\r\n")), Some(60));
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        let bad =
            ["", "soon", "-1", ".", ".5", "1.-5", "1 2", "12 ms", "1e3", "0x5", "s", "\u{b2}"];
        for bad in bad.into_iter().chain(["Tue, 24 Nov 2026", ",", "1.2.3", "12 m"]) {
            assert_eq!(read(&format!("Retry-After: {bad}\r\n")), None, "{bad}");
        }
    }
}
