//! Numbers as people read them.

/// A duration in three digits and a unit; "-" for 0, which stands for none.
pub(crate) fn duration(ns: u64) -> String {
    let scaled = |unit_ns: u64, unit: &str| {
        let value = ns as f64 / unit_ns as f64;
        let digits = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
        format!("{value:.digits$} {unit}")
    };
    match ns {
        0 => "-".to_owned(),
        1..1_000 => format!("{ns} ns"),
        1_000..999_500 => scaled(1_000, "us"),
        999_500..999_500_000 => scaled(1_000_000, "ms"),
        _ => scaled(1_000_000_000, "s"),
    }
}

/// How long something has lasted, in its two largest units.
pub(crate) fn age(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{minutes}m{:02}s", seconds % 60),
        3_600..86_400 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

/// A number with a space between each three digits.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut spaced = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            spaced.push(' ');
        }
        spaced.push(digit);
    }
    spaced
}

/// So many in that time, each second; "-" when no time is known.
pub(crate) fn rate(number: u64, over_ns: u64) -> String {
    match over_ns {
        0 => "-".to_owned(),
        _ => {
            let rate = number as f64 * 1e9 / over_ns as f64;
            if rate < 10.0 { format!("{rate:.1}") } else { count(rate.round() as u64) }
        }
    }
}

/// A text without what would control a terminal: whoever writes a page chooses its names.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits() {
        let cases = [
            (0, "-"),
            (1, "1 ns"),
            (999, "999 ns"),
            (1_000, "1.00 us"),
            (12_345, "12.3 us"),
            (999_499, "999 us"),
            (999_500, "1.00 ms"),
            (9_994_000, "9.99 ms"),
            (9_996_000, "10.0 ms"),
            (123_400_000, "123 ms"),
            (60_000_000_000, "60.0 s"),
        ];
        for (ns, text) in cases {
            assert_eq!(duration(ns), text);
        }
    }

    #[test]
    fn numbers_are_read_at_a_glance() {
        assert_eq!(
            (count(0), count(999), count(1_000)),
            ("0".into(), "999".into(), "1 000".into())
        );
        assert_eq!(count(12_345_678), "12 345 678");
        assert_eq!((rate(5, 0), rate(5, 2_000_000_000)), ("-".into(), "2.5".into()));
        assert_eq!(rate(2_468, 2_000_000_000), "1 234");
        let ages = [59, 60, 3_599, 3_600, 86_399, 90_000].map(|s| age(s * 1_000_000_000));
        assert_eq!(ages, ["59s", "1m00s", "59m59s", "1h00m", "23h59m", "1d01h"]);
        assert_eq!(harmless("a\x1b[2Jb\n"), "a?[2Jb?");
    }
}
