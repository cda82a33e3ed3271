//! What a response announces about the life of its connection: `Keep-Alive: timeout=5, max=100`.
//!
//! The field is from RFC 2068 section 19.7.1.1 and was not standardised again, but servers send it
//! and mean it. All fields of the name are one list (RFC 9110 section 5.3). Of several limits the
//! strictest counts: to leave a connection too early costs a dial, too late an order. What cannot
//! be read counts as not said.

use super::response::Response;

const SECOND_NS: u64 = 1_000_000_000;

/// The announced limits of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeepAlive {
    /// The server closes the connection after so many nanoseconds without a request.
    pub timeout_ns: Option<u64>,
    /// So many more requests are served on it.
    pub requests_left: Option<u64>,
}

/// Reads the `Keep-Alive` fields of a response.
#[inline]
pub fn keep_alive(response: &Response) -> KeepAlive {
    if response.has_keep_alive { read(response) } else { KeepAlive::default() }
}

#[inline(never)] // Few responses have one.
fn read(response: &Response) -> KeepAlive {
    let mut found = KeepAlive::default();
    for list in response.find_all(b"keep-alive") {
        let mut rest = list;
        while !rest.is_empty() {
            let parameter;
            (parameter, rest) = cut_parameter(rest);
            found.add(parameter);
        }
    }
    found
}

impl KeepAlive {
    /// Adds a parameter, if it is one that means something and has a value that can be read.
    fn add(&mut self, parameter: &[u8]) {
        let Some(equals) = parameter.iter().position(|byte| *byte == b'=') else { return };
        let Some(number) = number(&parameter[equals + 1..]) else { return };
        let name = parameter[..equals].trim_ascii();
        if name.eq_ignore_ascii_case(b"timeout") {
            keep_lesser(&mut self.timeout_ns, number.saturating_mul(SECOND_NS));
        } else if name.eq_ignore_ascii_case(b"max") {
            keep_lesser(&mut self.requests_left, number);
        }
    }
}

fn keep_lesser(limit: &mut Option<u64>, other: u64) {
    *limit = Some(limit.map_or(other, |limit| limit.min(other)));
}

/// Cuts at the first comma, or semicolon (which some servers write), outside quotes.
fn cut_parameter(list: &[u8]) -> (&[u8], &[u8]) {
    let (mut quoted, mut escaped) = (false, false);
    let separates = |byte: &u8| {
        let is_literal = std::mem::take(&mut escaped);
        match byte {
            _ if is_literal => {}
            b'"' => quoted = !quoted,
            b'\\' => escaped = quoted,
            b',' | b';' => return !quoted,
            _ => {}
        }
        false
    };
    match list.iter().position(separates) {
        Some(at) => (&list[..at], &list[at + 1..]),
        None => (list, &[]),
    }
}

/// The value of a parameter: digits, which may be quoted (RFC 9110 section 5.6.6).
fn number(value: &[u8]) -> Option<u64> {
    let value = value.trim_ascii();
    let quoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    let digits = quoted.map_or(value, <[u8]>::trim_ascii);
    // Rust's own parser would take a sign.
    let is_number = digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::exchange::read_whole;

    fn read(fields: &str) -> (Option<u64>, Option<u64>) {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{fields}\r\n");
        let KeepAlive { timeout_ns, requests_left } = keep_alive(&read_whole(&head));
        (timeout_ns.map(|ns| ns / SECOND_NS), requests_left)
    }

    #[test]
    fn what_servers_send_is_read() {
        assert_eq!(read("Keep-Alive: timeout=5, max=100\r\n"), (Some(5), Some(100)));
        assert_eq!(read("keep-alive: timeout=60\r\n"), (Some(60), None));
        assert_eq!(read("Keep-Alive: MAX = 3 ,Timeout= 7\r\n"), (Some(7), Some(3)));
        assert_eq!(read("Keep-Alive: timeout=0\r\n"), (Some(0), None));
        assert_eq!(read(""), (None, None));
    }

    #[test]
    fn the_list_may_be_written_in_many_ways() {
        for list in [
            ", timeout=5,, max=9 ,",
            "\ttimeout\t=\t5\t,\tmax=9",
            "timeout=\"5\", max=\" 9 \"",
            "timeout=5; max=9",
            "x=\"a,timeout=1\", timeout=5, max=9",
            "x=\"a\\\",max=1\", timeout=5, max=9",
            "x=1\\, timeout=5, max=9",
            "timeout=5\r\nKeep-Alive: max=9",
            "\r\nKeep-Alive: ,\r\nKeep-Alive: max=9,timeout=5",
        ] {
            assert_eq!(read(&format!("Keep-Alive: {list}\r\n")), (Some(5), Some(9)), "{list}");
        }
    }

    #[test]
    fn of_several_limits_the_strictest_counts() {
        for fields in [
            "Keep-Alive: timeout=5, max=9\r\nKeep-Alive: timeout=60, max=100\r\n",
            "Keep-Alive: timeout=60, max=100\r\nA: b\r\nKEEP-ALIVE: timeout=5, max=9\r\n",
            "Keep-Alive: timeout=60, timeout=\"5\", max=9, max=10\r\n",
            "Keep-Alive: timeout=x, max=-1\r\nKeep-Alive: timeout=5, max=9\r\n",
        ] {
            assert_eq!(read(fields), (Some(5), Some(9)), "{fields}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_said() {
        for bad in [
            "timeout",
            "timeout=",
            "timeout=-1",
            "timeout=+1",
            "timeout=5s",
            "timeout=\"5",
            "timeout=5\"",
            "timeout=\"\"",
            "x=\"timeout=5",
            "max=99999999999999999999",
        ] {
            assert_eq!(read(&format!("Keep-Alive: {bad}\r\n")), (None, None), "{bad}");
        }
        assert_eq!(read("Keep-Alive: x=1, timeout=5\r\n"), (Some(5), None));
        assert_eq!(read("Keep-Alive: timeout=99999999999999\r\n").0, Some(u64::MAX / SECOND_NS));
    }
}
