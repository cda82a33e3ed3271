//! What a response announces about the life of its connection: `Keep-Alive: timeout=5, max=100`.
//!
//! The field is from RFC 2068 section 19.7.1.1 and was not standardised again, but servers send it
//! and mean it. What cannot be read counts as not said.

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

/// Reads the `Keep-Alive` field of a response, if there is one.
pub fn keep_alive(response: &Response) -> KeepAlive {
    let mut found = KeepAlive::default();
    let Some(value) = response.find(b"keep-alive") else { return found };
    for parameter in value.split(|byte| *byte == b',') {
        let Some(equals) = parameter.iter().position(|byte| *byte == b'=') else { continue };
        let (name, number) = (parameter[..equals].trim_ascii(), number(&parameter[equals + 1..]));
        if name.eq_ignore_ascii_case(b"timeout") {
            found.timeout_ns = number.map(|seconds| seconds.saturating_mul(SECOND_NS));
        } else if name.eq_ignore_ascii_case(b"max") {
            found.requests_left = number;
        }
    }
    found
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::exchange::Exchange;
    use crate::http::response::Limits;

    fn read(field: &str) -> (Option<u64>, Option<u64>) {
        let mut response = Response::with_capacity(1024);
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{field}\r\n");
        response.space(&Limits::default())[..head.len()].copy_from_slice(head.as_bytes());
        response.commit(head.len());
        Exchange::new(false, false).on_bytes(&mut response, &Limits::default()).unwrap();
        let KeepAlive { timeout_ns, requests_left } = keep_alive(&response);
        (timeout_ns.map(|ns| ns / SECOND_NS), requests_left)
    }

    #[test]
    fn what_servers_send_is_read() {
        assert_eq!(read("Keep-Alive: timeout=5, max=100\r\n"), (Some(5), Some(100)));
        assert_eq!(read("keep-alive: timeout=60\r\n"), (Some(60), None));
        assert_eq!(read("Keep-Alive: MAX = 3 ,Timeout= 7\r\n"), (Some(7), Some(3)));
        assert_eq!(read(""), (None, None));
    }

    #[test]
    fn what_cannot_be_read_is_not_said() {
        for bad in ["timeout", "timeout=", "timeout=-1", "timeout=5s", "max=99999999999999999999"] {
            assert_eq!(read(&format!("Keep-Alive: {bad}\r\n")), (None, None), "{bad}");
        }
        assert_eq!(read("Keep-Alive: x=1, timeout=5\r\n"), (Some(5), None));
        assert_eq!(read("Keep-Alive: timeout=99999999999999\r\n").0, Some(u64::MAX / SECOND_NS));
    }
}
