//! Moments as people and other programs read them: RFC 3339, in UTC, with nanoseconds.

use std::fmt;

/// A moment, in nanoseconds since 1970 by the system's clock.
pub struct Utc(pub u64);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, ns) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        let (day, second) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = date(day);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ns:09}Z")
    }
}

/// The Gregorian date of a day since 1970. Years are counted from the first of March of year 0, so
/// that the day that may be missing is the last one.
const fn date(day: u64) -> (u64, u64, u64) {
    const DAYS_BEFORE_1970: u64 = 719_468;
    const DAYS_OF_400_YEARS: u64 = 146_097;
    let day = day + DAYS_BEFORE_1970;
    let (era, day) = (day / DAYS_OF_400_YEARS, day % DAYS_OF_400_YEARS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Months from March on: 153 days in each five of them.
    let march_month = (5 * day + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year + (month <= 2) as u64;
    (year, month, day - (153 * march_month + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    /// The crate that writes the dates of HTTP agrees, for a day in each month of 230 years.
    #[test]
    fn a_moment_is_that_of_another_calendar() {
        let months = "JanFebMarAprMayJunJulAugSepOctNovDec";
        for seconds in (0..7_258_118_400_u64).step_by(86_400 * 27 + 3_661) {
            let http = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
            let words: Vec<&str> = http.split(' ').collect();
            let month = months.find(words[2]).unwrap() / 3 + 1;
            let expected = format!("{}-{month:02}-{}T{}.000000007Z", words[3], words[1], words[4]);
            assert_eq!(Utc(seconds * 1_000_000_000 + 7).to_string(), expected);
        }
    }
}
