//! The short way through a head that is whole and plain, as nearly all of them are.
//!
//! One pass of 16 bytes at a time instead of two careful ones, and no verdicts: whatever is not
//! plain to the last byte is left to the strict way ([`Scan`](super::Scan) and `httparse`), which
//! alone refuses. So the rules stand in one place, and all that has to hold here is: what this
//! accepts, the strict way accepts too, and reads the same (the property test below, and the fuzz
//! targets).
//!
//! A plain head has no control bytes (HTAB aside) but the CR LF at the end of each line. So the
//! search for control bytes finds the lines and checks their text at once.

use wide::u8x16;

use super::{Field, Head, MAX_HEADERS, STATUS_CODE_END, Span, reason_before};
use crate::http::response::Limits;

/// How many bytes are looked at together.
const LANES: usize = 16;

/// Reads the head that `bytes` begin with into `head`, and answers its length; `None` when it is
/// not complete or not plain, and then `head` holds nothing of use.
#[inline(never)] // Its loop needs all registers.
pub(in crate::http) fn read(bytes: &[u8], l: &Limits, head: &mut Head) -> Option<usize> {
    head.clear();
    head.version_minor = version_minor(bytes)?;
    head.status = status(bytes)?;
    let bytes = &bytes[..bytes.len().min(l.max_head_size)];
    let max_headers = l.max_headers.min(MAX_HEADERS);
    // The status code was read, and holds none.
    let mut controls = Controls::new(bytes, STATUS_CODE_END);
    head.reason = reason_before(controls.line_end()?);
    loop {
        let line_start = controls.next_line;
        let line_end = controls.line_end()?;
        if line_end == line_start {
            return Some(controls.next_line);
        }
        if head.fields.len() == max_headers {
            return None;
        }
        head.push(field(bytes, line_start, line_end)?);
    }
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

/// The control bytes of a head, one after the other.
struct Controls<'a> {
    bytes: &'a [u8],
    /// What was not looked at yet.
    ahead: &'a [u8],
    /// The control bytes among the lanes in front of it that were not told yet, a bit each.
    rest: u32,
    /// Where these lanes begin.
    base: usize,
    /// Where the next line begins.
    next_line: usize,
}

impl<'a> Controls<'a> {
    fn new(bytes: &'a [u8], from: usize) -> Self {
        let base = from.wrapping_sub(LANES);
        Self { bytes, ahead: bytes.get(from..).unwrap_or_default(), rest: 0, base, next_line: 0 }
    }

    /// Where the next line ends, its CR LF not included; `None` when it is not plain or not there.
    #[inline(always)]
    fn line_end(&mut self) -> Option<usize> {
        let (cr, lf) = (self.next()?, self.next()?);
        self.next_line = lf + 1;
        // The padding behind the bytes is control bytes too, but no LF.
        (self.bytes.get(cr..=lf)? == b"\r\n").then_some(cr)
    }

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        while self.rest == 0 {
            #[cfg(test)]
            crate::buf::cost::add(LANES);
            let lanes;
            (lanes, self.ahead) = next_lanes(self.ahead)?;
            self.base = self.base.wrapping_add(LANES);
            self.rest = controls(lanes);
        }
        let at = self.base + self.rest.trailing_zeros() as usize;
        self.rest &= self.rest - 1;
        Some(at)
    }
}

/// The field in the line from `start` to `end`, its line end not included.
#[inline(always)]
fn field(bytes: &[u8], start: usize, end: usize) -> Option<Field> {
    let (mut colon, mut ahead) = (start, bytes.get(start..)?);
    loop {
        let lanes;
        (lanes, ahead) = next_lanes(ahead)?;
        let others = not_of_a_name(lanes);
        if others != 0 {
            colon += others.trailing_zeros() as usize;
            break;
        }
        // The CR at the end of the line is not of a name, so this ends.
        colon += LANES;
    }
    if colon == start || bytes.get(colon) != Some(&b':') {
        return None;
    }
    let mut value = bytes.get(colon + 1..end)?;
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    let value_start = end - value.len();
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    let value = Span::new(value_start, value_start + value.len());
    Some(Field { name: Span::new(start, colon), value })
}

/// The first of `bytes`, with zeros behind the last, and what follows; `None` when there are none.
#[inline(always)]
fn next_lanes(bytes: &[u8]) -> Option<(u8x16, &[u8])> {
    if let Some((lanes, rest)) = bytes.split_first_chunk::<LANES>() {
        return Some((u8x16::new(*lanes), rest));
    }
    last_lanes(bytes)
}

/// Less than the lanes hold.
#[cold]
fn last_lanes(bytes: &[u8]) -> Option<(u8x16, &[u8])> {
    let mut padded = [0; LANES];
    padded[..bytes.len()].copy_from_slice(bytes);
    (!bytes.is_empty()).then_some((u8x16::new(padded), &[]))
}

/// Which of them are control bytes but HTAB (RFC 9110 section 5.5), a bit for each.
fn controls(lanes: u8x16) -> u32 {
    let low = lanes.simd_le(u8x16::splat(0x1f)) & !lanes.simd_eq(u8x16::splat(b'\t'));
    (low | lanes.simd_eq(u8x16::splat(0x7f))).to_bitmask()
}

/// Which of them are no letters, digits, `-` or `_`: of what a token may hold besides, nothing is
/// found in the names of real fields.
fn not_of_a_name(lanes: u8x16) -> u32 {
    let within = |lanes: u8x16, first: u8, last: u8| {
        (lanes - u8x16::splat(first)).simd_le(u8x16::splat(last - first))
    };
    // Sets the bit that tells small letters from capital ones.
    let letter = within(lanes | u8x16::splat(0x20), b'a', b'z');
    let mark = lanes.simd_eq(u8x16::splat(b'-')) | lanes.simd_eq(u8x16::splat(b'_'));
    (!(letter | within(lanes, b'0', b'9') | mark)).to_bitmask()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Scan;
    use super::*;

    /// What a head says, without where it stands: its parts, one after the other.
    fn said(bytes: &[u8], head: &Head) -> (u16, u8, Vec<Vec<u8>>) {
        let fields = head.fields.iter().flat_map(|field| [field.name, field.value]);
        let parts = std::iter::once(head.reason).chain(fields);
        (head.status, head.version_minor, parts.map(|p| p.of(bytes).to_vec()).collect())
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
    fn classes_of_bytes_are_those_of_the_strict_way() {
        for byte in 0..=u8::MAX {
            let mut bytes = [b'a'; LANES];
            bytes[5] = byte;
            let control = !crate::http::field::is_value_byte(byte);
            assert_eq!(controls(u8x16::new(bytes)), u32::from(control) << 5, "{byte}");
            let of_a_name = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            assert_eq!(not_of_a_name(u8x16::new(bytes)), u32::from(!of_a_name) << 5, "{byte}");
            assert!(!of_a_name || crate::http::field::is_token_byte(byte));
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
