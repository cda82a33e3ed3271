//! The short way through a head that is whole and plain, as nearly all of them are.
//!
//! One pass of 16 bytes at a time instead of two careful ones, and no verdicts: whatever is not
//! plain to the last byte is left to the strict way ([`Scan`](super::Scan) and `httparse`), which
//! alone refuses. So the rules stand in one place, and all that has to hold here is: what this
//! accepts, the strict way accepts too, and reads the same (the property test below, and the fuzz
//! targets).
//!
//! A plain head has no control bytes but the CR LF at the end of each line. So a field is two
//! searches: for the end of its name, and from its colon for the next control byte, which checks
//! the text of the value at once.

use super::{Field, Head, STATUS_CODE_END, reason_before};
use crate::buf::TAIL;
use crate::http::lanes::{LANES, Lanes, controls, not_of_a_name, not_of_a_usual_name};
use crate::http::limits::Limits;

/// How many bytes must be left where the end of a value is looked for, so that CR LF behind it is
/// among them.
const VALUE_AHEAD: usize = 2 * LANES;

/// The same for a name, so that there are enough for the value behind it.
const NAME_AHEAD: usize = LANES + VALUE_AHEAD;

/// Reads the head that `padded` begins with into `head`, and answers its length; `None` when it is
/// not complete or not plain, and then `head` holds nothing of use. The last [`TAIL`] bytes of
/// `padded` have not been received: they may be looked at, and say nothing.
#[inline(never)] // Its loop needs all registers.
pub(in crate::http) fn read(padded: &[u8], l: &Limits, head: &mut Head) -> Option<usize> {
    const { assert!(NAME_AHEAD <= TAIL) };
    head.version_minor = version_minor(padded)?;
    head.status = status(padded)?;
    // The lengths of slices, which all end where `padded` does, tell where they begin.
    let offset = |behind: &[u8]| padded.len() - behind.len();
    let line_end = find::<VALUE_AHEAD>(padded.get(STATUS_CODE_END..)?, controls)?;
    if !line_end.starts_with(b"\r\n") {
        return None;
    }
    head.reason = reason_before(offset(line_end));
    // Of a head with more fields it is not the reader: the careful one then makes places for them.
    let most = l.max_headers.min(head.places.len());
    let mut places = head.places[..most].iter_mut();
    let mut line = &line_end[2..];
    // Until the empty line, or the first that is not plain.
    while let Some(colon) = behind_name(line)
        && let name_len @ 1.. = line.len() - colon.len()
        && let value = &colon[1..]
        && let Some(line_end) = find::<VALUE_AHEAD>(value, controls)
        && line_end.starts_with(b"\r\n")
        && let Some(place) = places.next()
    {
        *place = Field::new(offset(line), name_len, value.len() - line_end.len());
        line = &line_end[2..];
    }
    head.count = most - places.len();
    let end = offset(line) + 2;
    let is_end = line.starts_with(b"\r\n");
    (is_end && end <= l.max_head_size && end + TAIL <= padded.len()).then_some(end)
}

/// What stands behind the name of a field, from its colon on.
#[inline(always)]
fn behind_name(line: &[u8]) -> Option<&[u8]> {
    let is_colon = |end: &&[u8]| end.starts_with(b":");
    let end = find::<NAME_AHEAD>(line, not_of_a_usual_name)?;
    if is_colon(&end) {
        return Some(end);
    }
    find::<NAME_AHEAD>(end, not_of_a_name).filter(is_colon)
}

/// What stands in `bytes` from the first of the class on. It is looked for while at least `AHEAD`
/// bytes are left. The compiler sees from that how many there are in the answer, and leaves out
/// the checks.
#[inline(always)]
fn find<const AHEAD: usize>(bytes: &[u8], class: impl Fn(Lanes) -> u32) -> Option<&[u8]> {
    let mut rest = bytes;
    loop {
        let window: &[u8; AHEAD] = rest.first_chunk()?;
        #[cfg(test)]
        crate::buf::cost::add(LANES);
        let found = class(*window.first_chunk()?);
        if found != 0 {
            return Some(&rest[found.trailing_zeros() as usize % LANES..]);
        }
        rest = &rest[LANES..];
    }
}

fn version_minor(bytes: &[u8]) -> Option<u8> {
    if bytes.starts_with(b"HTTP/1.1 ") {
        Some(1)
    } else {
        bytes.starts_with(b"HTTP/1.0 ").then_some(0)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Scan;
    use super::*;

    /// What a head says, without where it stands: its parts, one after the other.
    fn said(bytes: &[u8], head: &Head) -> (u16, u8, Vec<Vec<u8>>) {
        let fields = head.fields().iter().flat_map(|f| [f.name(bytes), f.value(bytes)]);
        let parts = std::iter::once(head.reason.of(bytes)).chain(fields);
        (head.status, head.version_minor, parts.map(<[u8]>::to_vec).collect())
    }

    /// Reads both ways; answers whether the short way read it.
    fn both_ways(bytes: &[u8], limits: &Limits) -> bool {
        let (mut short, mut strict) = (Head::default(), Head::default());
        // What lies behind the head must not matter, be it the end that is missing.
        let padded = [bytes, &b"\r\n".repeat(TAIL / 2)].concat();
        let Some(len) = read(&padded, limits, &mut short) else { return false };
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
            "HTTP/1.1 200 \r\nA:\r\nB:   \r\n\r\n",
            "HTTP/1.0 503 Slow Down\r\nRetry-After:  5 \r\nServer:nginx  \r\n\r\nbody\n",
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
            "HTTP/1.1 200 OK\r\nA:\tb\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\tc\r\n\r\n",
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
            assert_eq!(controls(bytes), u32::from(byte.is_ascii_control()) << 5, "{byte}");
            assert!(byte.is_ascii_control() || crate::http::field::is_value_byte(byte));
            let of_a_usual_name = byte.is_ascii_alphabetic() || byte == b'-';
            assert_eq!(not_of_a_usual_name(bytes), u32::from(!of_a_usual_name) << 5, "{byte}");
            let of_a_name = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            assert_eq!(not_of_a_name(bytes), u32::from(!of_a_name) << 5, "{byte}");
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

    #[test]
    fn a_head_of_many_fields_goes_the_short_way_from_the_second_one_on() {
        let (limits, mut head) =
            (Limits { max_headers: 256, ..Limits::default() }, Head::default());
        let bytes = [b"HTTP/1.1 200 OK\r\n", &b"A: b\r\n".repeat(200)[..], b"\r\n"].concat();
        let padded = [&bytes[..], &[0; TAIL]].concat();
        assert_eq!(read(&padded, &limits, &mut head), None);
        assert_eq!(head.parse(&bytes, 200), Ok(()));
        assert_eq!(read(&padded, &limits, &mut head), Some(bytes.len()));
        assert_eq!(head.fields().len(), 200);
        assert_eq!(head.fields()[199].value(&bytes), b"b");
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
