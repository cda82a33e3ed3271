//! The short way through a head that is whole and plain, as nearly all of them are.
//!
//! One pass with wide instructions instead of two careful ones, and no verdicts: whatever is not
//! plain to the last byte is left to the strict way ([`Scan`](super::Scan) and `httparse`), which
//! alone refuses. So the rules stand in one place, and all that has to hold here is: what this
//! accepts, the strict way accepts too, and reads the same (the property test below, and the fuzz
//! targets).

use memchr::memchr_iter;

use super::{Field, Head, MAX_HEADERS, STATUS_CODE_END};
use crate::http::field::is_token_byte;
use crate::http::response::Limits;

/// Reads the head that `bytes` begin with into `head`, and answers its length; `None` when it is
/// not complete or not plain, and then `head` holds nothing of use.
pub(in crate::http) fn read(bytes: &[u8], l: &Limits, head: &mut Head) -> Option<usize> {
    head.clear();
    head.version_minor = version_minor(bytes)?;
    head.status = status(bytes)?;
    let bytes = &bytes[..bytes.len().min(l.max_head_size)];
    let mut line_start = 0;
    for line_feed in memchr_iter(b'\n', bytes) {
        #[cfg(test)]
        crate::buf::cost::add(2 * (line_feed + 1 - line_start));
        let line_end = line_feed.checked_sub(1).filter(|end| bytes[*end] == b'\r')?;
        if line_start == 0 {
            head.reason = (STATUS_CODE_END + 1).min(line_end)..line_end;
        } else if line_start == line_end {
            // Each line has two control bytes at its end, so that there are no others.
            let lines = head.fields.len() + 2;
            let end = line_feed + 1;
            return (controls(&bytes[..end]) == 2 * lines).then_some(end);
        } else if head.fields.len() == l.max_headers.min(MAX_HEADERS) {
            return None;
        } else {
            head.fields.push(field(bytes, line_start, line_end)?);
        }
        line_start = line_feed + 1;
    }
    #[cfg(test)]
    crate::buf::cost::add(bytes.len() - line_start);
    None
}

fn version_minor(bytes: &[u8]) -> Option<u8> {
    match bytes.first_chunk::<9>()? {
        b"HTTP/1.1 " => Some(1),
        b"HTTP/1.0 " => Some(0),
        _ => None,
    }
}

fn status(bytes: &[u8]) -> Option<u16> {
    let [hundreds @ b'1'..=b'5', tens @ b'0'..=b'9', ones @ b'0'..=b'9', b' ' | b'\r'] =
        bytes.get(9..=STATUS_CODE_END)?
    else {
        return None;
    };
    let digit = |byte: &u8| u16::from(byte - b'0');
    Some(digit(hundreds) * 100 + digit(tens) * 10 + digit(ones))
}

/// The field in the line from `start` to `end`, its line end not included.
fn field(bytes: &[u8], start: usize, end: usize) -> Option<Field> {
    let line = &bytes[start..end];
    let colon = line.iter().position(|byte| !is_token_byte(*byte))?;
    if colon == 0 || line[colon] != b':' {
        return None;
    }
    let (mut value, mut value_end) = (start + colon + 1, end);
    while value < value_end && is_space(bytes[value]) {
        value += 1;
    }
    while value < value_end && is_space(bytes[value_end - 1]) {
        value_end -= 1;
    }
    Some(Field { name: start..start + colon, value: value..value_end })
}

fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// How many control bytes but HTAB there are.
fn controls(bytes: &[u8]) -> usize {
    // No early exit, and a count that fits a byte: so the compiler looks at 16 bytes at a time.
    let is_control = |byte: u8| (byte < 0x20) & (byte != b'\t') | (byte == 0x7f);
    let chunks = bytes.chunks(usize::from(u8::MAX));
    chunks.map(|c| usize::from(c.iter().fold(0, |n: u8, &b| n + u8::from(is_control(b))))).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Scan;
    use super::*;

    /// What a head says, without where it stands: its parts, one after the other.
    fn said(bytes: &[u8], head: &Head) -> (u16, u8, Vec<Vec<u8>>) {
        let fields = head.fields.iter().flat_map(|field| [&field.name, &field.value]);
        let parts = std::iter::once(&head.reason).chain(fields);
        (head.status, head.version_minor, parts.map(|p| bytes[p.clone()].to_vec()).collect())
    }

    /// Reads both ways; answers whether the short way read it.
    fn both_ways(bytes: &[u8], limits: &Limits) -> bool {
        let (mut short, mut strict) = (Head::default(), Head::default());
        let Some(len) = read(bytes, limits, &mut short) else { return false };
        let mut scan = Scan::default();
        assert_eq!(scan.advance(bytes, limits), Ok(Some(len)), "{}", bytes.escape_ascii());
        let parsed = strict.parse(&bytes[..len], scan.fields());
        assert_eq!(parsed, Ok(()), "{}", bytes.escape_ascii());
        assert_eq!(said(bytes, &short), said(bytes, &strict), "{}", bytes.escape_ascii());
        true
    }

    #[test]
    fn what_servers_send_goes_the_short_way() {
        for head in [
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 404\r\nA:b\r\n\r\n",
            "HTTP/1.1 200 \r\nA:\r\nB: \t \r\n\r\n",
            "HTTP/1.0 503 Slow Down\r\nRetry-After:  5 \r\nServer: nginx\t\r\n\r\nbody\n",
            "HTTP/1.1 200 \u{e9}\r\nSet-Cookie: a=\u{fc}; b\r\nx-mbx-used-weight-1m: 1\r\n\r\n",
        ] {
            assert!(both_ways(head.as_bytes(), &Limits::default()), "{head:?}");
        }
    }

    #[test]
    fn what_is_not_plain_goes_the_strict_way() {
        for head in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\nA: b\r\n",
            "HTTP/1.1 200 OK\n\n",
            "HTTP/1.1 200 OK\r\nA: b\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\r\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\u{7f}\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
            "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
            "HTTP/1.2 200 OK\r\n\r\n",
            "HTTP/1.1 600 OK\r\n\r\n",
            "HTTP/1.1 20x OK\r\n\r\n",
            "HTTP/1.1 200OK\r\n\r\n",
            "\r\nHTTP/1.1 200 OK\r\n\r\n",
        ] {
            assert!(!both_ways(head.as_bytes(), &Limits::default()), "{head:?}");
        }
    }

    #[test]
    fn limits_are_left_to_the_strict_way() {
        let head = b"HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\n\r\n";
        let with = |max_head_size, max_headers| {
            both_ways(head, &Limits { max_head_size, max_headers, ..Limits::default() })
        };
        assert!(with(head.len(), 2));
        assert!(!with(head.len() - 1, 2));
        assert!(!with(head.len(), 1));
    }

    /// Pieces of heads, good and bad, so that a random sequence of them is often almost a head.
    const PIECES: &[&str] = &[
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.0 404 ",
        "HTTP/1.1 ",
        "\r\n",
        "\r\n\r\n",
        "\n",
        "\r",
        ": ",
        ":",
        "Content-Length: 5\r\n",
        "X-A",
        " ",
        "\t",
        "\0",
        "\u{7f}",
        "\u{e9}",
        "value\r\n",
        "200",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn both_ways_agree(
            pieces in prop::collection::vec(0..PIECES.len(), 0..12),
            max in 0..4_usize,
        ) {
            let head: String = pieces.iter().map(|piece| PIECES[*piece]).collect();
            let limits = Limits { max_headers: max, ..Limits::default() };
            for start in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n"] {
                both_ways(format!("{start}{head}\r\n\r\n").as_bytes(), &limits);
            }
        }

        #[test]
        fn both_ways_agree_on_one_odd_byte(at in 0..60_usize, byte: u8) {
            let mut head = *b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: 5\r\nA:\r\n\r\n";
            head[at.min(head.len() - 1)] = byte;
            both_ways(&head, &Limits::default());
        }
    }
}
