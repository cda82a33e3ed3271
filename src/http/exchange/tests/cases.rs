//! The table: what a response may look like, and what becomes of it.
//!
//! A case that is named after a fault of the predecessor carries its number (W1 to W19).

mod chunked;
mod endings;
mod limits;

use super::feed::{End, Verdict};
use crate::error::CloseReason::{CloseDelimited, RequestClose, ResponseClose, SurplusBytes};
use crate::error::Outcome;
use crate::http::exchange::Reuse::{self, Close, KeepAlive};
use crate::http::limits::Limits;

#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    pub(super) head_request: bool,
    pub(super) request_close: bool,
    pub(super) limits: Limits,
    pub(super) end: End,
    /// The body of the response has no other end than the close.
    pub(super) until_close: bool,
    pub(super) want: Want,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Done {
        status: u16,
        body: Vec<u8>,
        reuse: Reuse,
        trailers: usize,
        interim: usize,
        /// So many bytes of the case lie behind the response.
        surplus: usize,
        /// Fields that must be found, and the reason phrase.
        headers: Vec<(String, Vec<u8>)>,
        reason: Option<Vec<u8>>,
    },
    Fails(Outcome),
}

impl Case {
    pub(super) fn new(name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let want = Want::Done {
            status: 200,
            body: Vec::new(),
            reuse: KeepAlive,
            trailers: 0,
            interim: 0,
            surplus: 0,
            headers: Vec::new(),
            reason: None,
        };
        Self {
            name: name.to_owned(),
            bytes: bytes.as_ref().to_vec(),
            head_request: false,
            request_close: false,
            limits: Limits::default(),
            end: End::Open,
            until_close: false,
            want,
        }
    }

    /// A case that is refused.
    fn bad(outcome: Outcome, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        Self { want: Want::Fails(outcome), ..Self::new(name, bytes) }
    }

    /// A 200 with these head lines and this body.
    fn ok(name: &str, lines: &str, body: &str) -> Self {
        Self::new(name, format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n{body}"))
    }

    fn head_request(mut self) -> Self {
        self.head_request = true;
        self
    }

    fn request_close(mut self) -> Self {
        self.request_close = true;
        self
    }

    fn limits(mut self, set: impl Fn(&mut Limits)) -> Self {
        set(&mut self.limits);
        self
    }

    fn end(mut self, end: End) -> Self {
        self.end = end;
        self
    }

    fn until_close(mut self) -> Self {
        self.until_close = true;
        self.reuse(Close(CloseDelimited))
    }

    fn fails(mut self, outcome: Outcome) -> Self {
        self.want = Want::Fails(outcome);
        self
    }

    fn status(mut self, wanted: u16) -> Self {
        if let Want::Done { status, .. } = &mut self.want {
            *status = wanted;
        }
        self
    }

    fn body(mut self, wanted: impl AsRef<[u8]>) -> Self {
        if let Want::Done { body, .. } = &mut self.want {
            *body = wanted.as_ref().to_vec();
        }
        self
    }

    fn reuse(mut self, wanted: Reuse) -> Self {
        if let Want::Done { reuse, .. } = &mut self.want {
            *reuse = wanted;
        }
        self
    }

    fn counts(mut self, interim_wanted: usize, trailers_wanted: usize) -> Self {
        if let Want::Done { interim, trailers, .. } = &mut self.want {
            (*interim, *trailers) = (interim_wanted, trailers_wanted);
        }
        self
    }

    fn surplus(mut self, wanted: usize) -> Self {
        if let Want::Done { surplus, .. } = &mut self.want {
            *surplus = wanted;
        }
        self.reuse(Close(SurplusBytes))
    }

    fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        if let Want::Done { headers, .. } = &mut self.want {
            headers.push((name.to_owned(), value.as_ref().to_vec()));
        }
        self
    }

    fn reason(mut self, wanted: impl AsRef<[u8]>) -> Self {
        if let Want::Done { reason, .. } = &mut self.want {
            *reason = Some(wanted.as_ref().to_vec());
        }
        self
    }

    /// Compares `verdict` with what is wanted.
    pub(super) fn check(&self, verdict: &Verdict) {
        let name = &self.name;
        match (&self.want, verdict) {
            (Want::Fails(wanted), Verdict::Failed(outcome, _)) => {
                assert_eq!(outcome, wanted, "{name}");
            }
            (
                Want::Done { status, body, reuse, trailers, interim, headers, reason, .. },
                Verdict::Done(seen, seen_reuse),
            ) => {
                assert_eq!(seen.status, *status, "{name}");
                assert_eq!(seen.body, *body, "{name}");
                assert_eq!(seen_reuse, reuse, "{name}");
                assert_eq!((seen.interim, seen.trailers), (*interim, *trailers), "{name}");
                for (wanted, value) in headers {
                    let found = seen.headers.iter().find(|(n, _)| n == wanted.as_bytes());
                    assert_eq!(found.map(|(_, v)| v), Some(value), "{name}: {wanted}");
                }
                if let Some(reason) = reason {
                    assert_eq!(seen.reason, *reason, "{name}");
                }
            }
            (want, verdict) => panic!("{name}: wanted {want:?}, got {verdict:?}"),
        }
    }
}

pub(super) fn table() -> Vec<Case> {
    [
        status_lines(),
        bad_status_lines(),
        fields(),
        bad_fields(),
        lengths(),
        bad_lengths(),
        chunked::codings(),
        chunked::chunks(),
        chunked::bad_chunks(),
        chunked::trailers(),
        interim(),
        bodyless(),
        endings::reuse(),
        endings::until_close(),
        limits::head_limits(),
        limits::body_limits(),
        limits::chunk_limits(),
    ]
    .concat()
}

const EMPTY: &str = "Content-Length: 0";

fn status_lines() -> Vec<Case> {
    let line = |name: &str, line: &[u8]| {
        Case::new(name, [line, b"\r\nContent-Length: 2\r\n\r\nok"].concat()).body("ok")
    };
    vec![
        line("usual", b"HTTP/1.1 200 OK").reason("OK"),
        line("W11: no reason, no space", b"HTTP/1.1 200").reason(""),
        line("W11: no reason, a space", b"HTTP/1.1 200 ").reason(""),
        line("W11: obs-text in the reason", b"HTTP/1.1 200 sch\xc3\xb6n").reason("schön"),
        line("reason with tab and spaces", b"HTTP/1.1 200  a \t b ").reason(" a \t b "),
        line("reason with colon", b"HTTP/1.1 200 a: b").reason("a: b"),
        line("lowest final status", b"HTTP/1.1 200 ").status(200),
        line("highest status", b"HTTP/1.1 599 Odd").status(599),
        line("unknown status", b"HTTP/1.1 299 Odd").status(299),
        line("early 413", b"HTTP/1.1 413 Too Large").status(413),
        line("503", b"HTTP/1.1 503 Service Unavailable").status(503),
    ]
}

fn bad_status_lines() -> Vec<Case> {
    let bad = |name: &str, line: &[u8]| {
        let bytes = [line, b"\r\nContent-Length: 0\r\n\r\n"].concat();
        Case::bad(Outcome::BadStatusLine, name, bytes)
    };
    let version = |name: &str, line: &[u8]| bad(name, line).fails(Outcome::BadVersion);
    vec![
        bad("empty line first", b"\r\nHTTP/1.1 200 OK"),
        bad("LF first", b"\nHTTP/1.1 200 OK"),
        bad("space first", b" HTTP/1.1 200 OK"),
        bad("nothing but CRLF", b""),
        bad("an answer of HTTP/0.9", b"<html>hello</html>"),
        bad("lower case", b"http/1.1 200 OK"),
        bad("another protocol", b"ICY 200 OK"),
        bad("RTSP", b"RTSP/1.1 200 OK"),
        bad("a request", b"GET / HTTP/1.1"),
        bad("TLS alert", b"\x15\x03\x03\x00\x02\x02\x28"),
        bad("two spaces before the status", b"HTTP/1.1  200 OK"),
        bad("tab before the status", b"HTTP/1.1\t200 OK"),
        bad("status of two digits", b"HTTP/1.1 20 OK"),
        bad("two digits at the end", b"HTTP/1.1 20"),
        bad("four digits", b"HTTP/1.1 2000 OK"),
        bad("letters in the status", b"HTTP/1.1 2x0 OK"),
        bad("signed status", b"HTTP/1.1 +20 OK"),
        bad("status 000", b"HTTP/1.1 000 OK"),
        bad("status 099", b"HTTP/1.1 099 OK"),
        bad("status 600", b"HTTP/1.1 600 OK"),
        bad("status 999", b"HTTP/1.1 999 OK"),
        bad("tab behind the status", b"HTTP/1.1 200\tOK"),
        bad("no status", b"HTTP/1.1"),
        bad("NUL in the reason", b"HTTP/1.1 200 O\0K"),
        bad("DEL in the reason", b"HTTP/1.1 200 O\x7fK"),
        bad("escape in the reason", b"HTTP/1.1 200 O\x1bK"),
        bad("bare CR in the reason", b"HTTP/1.1 200 O\rK"),
        bad("CR CR LF behind the reason", b"HTTP/1.1 200 OK\r"),
        bad("bare CR behind the status", b"HTTP/1.1 200\rOK"),
        bad("two-digit minor", b"HTTP/1.10 200 OK"),
        Case::bad(
            Outcome::BadStatusLine,
            "W8: bare LF behind the status line",
            "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
        ),
        Case::bad(Outcome::BadStatusLine, "LF behind the status", "HTTP/1.1 200\nA: b\r\n\r\n"),
        Case::bad(Outcome::BadStatusLine, "LF in the prefix", "HTTP\n\n"),
        version("HTTP/1.2", b"HTTP/1.2 200 OK"),
        version("HTTP/1.9", b"HTTP/1.9 200 OK"),
        version("HTTP/2.0", b"HTTP/2.0 200 OK"),
        version("HTTP/2", b"HTTP/2 200 OK"),
        version("HTTP/3", b"HTTP/3 200 OK"),
        version("HTTP/0.9", b"HTTP/0.9 200 OK"),
        version("HTTP/1", b"HTTP/1 200 OK"),
        version("HTTP/01.1", b"HTTP/01.1 200 OK"),
        version("HTTP/1,1", b"HTTP/1,1 200 OK"),
        version("bare LF in the version", b"HTTP/1.\n"),
    ]
}

fn fields() -> Vec<Case> {
    let with = |name: &str, field: &[u8]| {
        let bytes = [b"HTTP/1.1 200 OK\r\n", field, b"\r\nContent-Length: 0\r\n\r\n"].concat();
        Case::new(name, bytes)
    };
    vec![
        with("usual field", b"A: b").header("A", "b"),
        with("no space behind the colon", b"A:b").header("A", "b"),
        with("much white space", b"A: \t b \t ").header("A", "b"),
        with("empty value", b"A:").header("A", ""),
        with("empty value with spaces", b"A: \t  ").header("A", ""),
        with("obs-text in the value", b"A: \xff\x80 \xc3\xb6").header("A", b"\xff\x80 \xc3\xb6"),
        with("tab in the value", b"A: b\tc").header("A", "b\tc"),
        with("colon in the value", b"A: :b:c").header("A", ":b:c"),
        with("every kind of token byte", b"!#$%&'*+-.^_`|~09AZaz: v")
            .header("!#$%&'*+-.^_`|~09AZaz", "v"),
        with("every visible byte", b"A: !\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~")
            .header("A", "!\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~"),
        with("repeated fields keep their order", b"A: 1\r\nB: 2\r\nA: 3").header("A", "1"),
        with("long value", format!("A: {}", "x".repeat(1000)).as_bytes())
            .header("A", "x".repeat(1000)),
        with("other lengths are no length", b"Content-Lengths: 7\r\nX-Content-Length: 9"),
        with("a length in a value", b"A: Content-Length: 7"),
    ]
}

fn bad_fields() -> Vec<Case> {
    let bad = |name: &str, field: &[u8]| {
        let bytes = [b"HTTP/1.1 200 OK\r\nA: b\r\n", field, b"\r\nContent-Length: 0\r\n\r\n"];
        Case::bad(Outcome::BadHeader, name, bytes.concat())
    };
    vec![
        bad("W9: obs-fold by space", b"A: b\r\n c"),
        bad("W9: obs-fold by tab", b"A: b\r\n\tc"),
        bad("a line of one space", b" "),
        bad("W9: space before the colon", b"A : b"),
        bad("tab before the colon", b"A\t: b"),
        bad("space before a length's colon", b"Content-Length : 5"),
        bad("space in the name", b"A B: c"),
        bad("no colon", b"Abc"),
        bad("empty name", b": b"),
        bad("NUL in the name", b"A\0: b"),
        bad("obs-text in the name", b"\xc3\xb6: b"),
        bad("slash in the name", b"A/B: c"),
        bad("quote in the name", b"\"A\": c"),
        bad("bracket in the name", b"A[0]: c"),
        bad("at in the name", b"A@B: c"),
        bad("NUL in the value", b"A: b\0c"),
        bad("DEL in the value", b"A: b\x7fc"),
        bad("escape in the value", b"A: b\x1bc"),
        bad("vertical tab in the value", b"A: b\x0bc"),
        bad("form feed in the value", b"A: b\x0cc"),
        bad("bare CR in the value", b"A: b\rc"),
        bad("bare CR hides a field", b"A: b\rContent-Length: 7"),
        bad("bare CR before CRLF", b"A: b\r"),
        bad("bare CR first", b"\rA: b"),
        bad("bare CR in the name", b"A\r: b"),
        bad("W8: bare LF ends a field", b"A: b\nC: d"),
        bad("bare LF hides a length", b"A: b\nContent-Length: 7"),
        bad("bare LF as the empty line", b"A: b\r\n\n"),
        bad("LF LF ends the head", b"A: b\n\n"),
        bad("CR CR LF as the empty line", b"\r"),
        bad("NUL alone", b"\0"),
        Case::bad(
            Outcome::BadHeader,
            "fold behind the status line",
            "HTTP/1.1 200 OK\r\n A: b\r\n",
        ),
        Case::bad(Outcome::BadHeader, "refused before the head ends", "HTTP/1.1 200 OK\r\nA: \0"),
        Case::bad(
            Outcome::BadHeader,
            "CR and space end the head",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r ",
        ),
    ]
}

fn lengths() -> Vec<Case> {
    vec![
        Case::ok("length", "Content-Length: 5", "hello").body("hello"),
        Case::ok("length 0", EMPTY, ""),
        Case::ok("zero-padded length", "Content-Length: 0005", "hello").body("hello"),
        Case::ok("long zero-padded length", &format!("Content-Length: {:0>60}", 2), "ab")
            .body("ab"),
        Case::ok("mixed-case name", "cOnTeNt-LeNgTh:5", "hello").body("hello"),
        Case::ok("white space around the length", "Content-Length:  \t5 \t", "hello").body("hello"),
        Case::ok("body of line ends", "Content-Length: 4", "\r\n\r\n").body("\r\n\r\n"),
        Case::ok("body of NUL", "Content-Length: 3", "\0\0\0").body("\0\0\0"),
        Case::ok(
            "W19: a body after many fields",
            &format!("{}\r\nContent-Length: 9", ["X-Padding: some"; 60].join("\r\n")),
            "123456789",
        )
        .body("123456789"),
        Case::ok("W2: body longer than said", "Content-Length: 5", "helloEVIL")
            .body("hello")
            .surplus(4),
        Case::ok("CRLF behind the body", "Content-Length: 5", "hello\r\n").body("hello").surplus(2),
        Case::ok(
            "two responses in one read",
            EMPTY,
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        )
        .surplus(38),
        Case::ok(
            "W13: body larger than the first buffer",
            "Content-Length: 70000",
            &"z".repeat(70000),
        )
        .body("z".repeat(70000)),
    ]
}

fn bad_lengths() -> Vec<Case> {
    let bad =
        |name: &str, lines: &str| Case::ok(name, lines, "hello7").fails(Outcome::BadContentLength);
    let both = |name: &str, lines: &str| {
        Case::ok(name, lines, "5\r\nhello\r\n0\r\n\r\n").fails(Outcome::AmbiguousLength)
    };
    vec![
        bad("W4: differing lengths", "Content-Length: 5\r\nContent-Length: 7"),
        bad("identical lengths", "Content-Length: 5\r\nContent-Length: 5"),
        bad("lengths apart and in mixed case", "content-length: 5\r\nA: b\r\nCONTENT-LENGTH: 5"),
        bad("repeat after zero", "Content-Length: 0\r\nContent-Length: 0"),
        bad("W6: signed length", "Content-Length: +5"),
        bad("negative length", "Content-Length: -5"),
        bad("minus zero", "Content-Length: -0"),
        bad("W9: list of lengths", "Content-Length: 5, 5"),
        bad("list without space", "Content-Length: 5,5"),
        bad("list with empty part", "Content-Length: 5,"),
        bad("space inside", "Content-Length: 5 5"),
        bad("empty length", "Content-Length:"),
        bad("empty length with spaces", "Content-Length:   "),
        bad("hexadecimal length", "Content-Length: 0x5"),
        bad("underscore in the length", "Content-Length: 1_0"),
        bad("fraction", "Content-Length: 5.0"),
        bad("exponent", "Content-Length: 5e0"),
        bad("letters", "Content-Length: five"),
        bad("quoted length", "Content-Length: \"5\""),
        bad("full-width digit", "Content-Length: \u{ff15}"),
        bad("length one above u64", "Content-Length: 18446744073709551616"),
        bad("length that wraps to 5", "Content-Length: 18446744073709551621"),
        bad("length with 40 digits", &format!("Content-Length: {}", "9".repeat(40))),
        both("W5: both lengths", "Content-Length: 5\r\nTransfer-Encoding: chunked"),
        both("both, the other way round", "Transfer-Encoding: chunked\r\nContent-Length: 5"),
        both("both, coding unknown", "Transfer-Encoding: gzip\r\nContent-Length: 5"),
        both("both, length bad", "Transfer-Encoding: chunked\r\nContent-Length: x"),
        both("both, coding empty", "Transfer-Encoding:\r\nContent-Length: 5"),
        both(
            "both, coding behind an empty element",
            "Transfer-Encoding: ,chunked\r\nContent-Length: 5",
        ),
        both("both, length zero", "Transfer-Encoding: chunked\r\nContent-Length: 0"),
        Case::ok("largest length that can be counted", "Content-Length: 18446744073709551615", "")
            .fails(Outcome::BodyTooLarge),
    ]
}

fn interim() -> Vec<Case> {
    let last = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let after = |name: &str, interim: &str, count| {
        Case::new(name, format!("{interim}{last}")).body("ok").counts(count, 0)
    };
    vec![
        after("W1: 100", "HTTP/1.1 100 Continue\r\n\r\n", 1),
        after("102", "HTTP/1.1 102 Processing\r\n\r\n", 1),
        after("103 with fields", "HTTP/1.1 103 Early Hints\r\nLink: a\r\nLink: b\r\n\r\n", 1),
        after("199 without reason", "HTTP/1.1 199\r\n\r\n", 1),
        after(
            "100, 102, 103",
            "HTTP/1.1 100 \r\n\r\nHTTP/1.1 102 \r\n\r\nHTTP/1.1 103 \r\n\r\n",
            3,
        ),
        after("16 interim responses", &"HTTP/1.1 100 Continue\r\n\r\n".repeat(16), 16),
        after("17 interim responses", &"HTTP/1.1 100 Continue\r\n\r\n".repeat(17), 0)
            .fails(Outcome::TooManyInterim),
        // RFC 9112 section 6.3 item 1: an interim response ends with its head, whatever it says.
        after("interim with a length", "HTTP/1.1 100 \r\nContent-Length: 5\r\n\r\n", 1),
        after("interim with a coding", "HTTP/1.1 100 \r\nTransfer-Encoding: chunked\r\n\r\n", 1),
        after("interim with Connection: close", "HTTP/1.1 100 \r\nConnection: close\r\n\r\n", 1),
        after("interim with a body", "HTTP/1.1 100 \r\nContent-Length: 5\r\n\r\nhello", 1)
            .fails(Outcome::BadStatusLine),
        after("interim with a bad field", "HTTP/1.1 100 \r\nA : b\r\n\r\n", 0)
            .fails(Outcome::BadHeader),
        after("interim with a fold", "HTTP/1.1 100 \r\nA: b\r\n c\r\n\r\n", 0)
            .fails(Outcome::BadHeader),
        after("101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", 0)
            .fails(Outcome::UnexpectedUpgrade),
        after("101 after 100", "HTTP/1.1 100 \r\n\r\nHTTP/1.1 101 \r\n\r\n", 0)
            .fails(Outcome::UnexpectedUpgrade),
        after("CRLF behind an interim response", "HTTP/1.1 100 \r\n\r\n\r\n", 0)
            .fails(Outcome::BadStatusLine),
        Case::new(
            "fields of the interim are gone",
            "HTTP/1.1 103 \r\nA: old\r\n\r\nHTTP/1.1 204 \r\nA: new\r\n\r\n",
        )
        .status(204)
        .counts(1, 0)
        .header("A", "new"),
        Case::new(
            "interim before a chunked response",
            [&b"HTTP/1.1 100 \r\n\r\n"[..], &chunked::chunked("", "2\r\nok\r\n0\r\n\r\n").bytes]
                .concat(),
        )
        .counts(1, 0)
        .body("ok"),
    ]
}

fn bodyless() -> Vec<Case> {
    let head = |name: &str, status: u16, lines: &str| {
        Case::new(name, format!("HTTP/1.1 {status} X\r\n{lines}\r\n")).status(status)
    };
    vec![
        head("HEAD with length", 200, "Content-Length: 5\r\n").head_request(),
        head("HEAD with a length over the limit", 200, "Content-Length: 99999999999\r\n")
            .head_request(),
        head("HEAD with coding", 200, "Transfer-Encoding: chunked\r\n").head_request(),
        head("HEAD with neither", 200, "").head_request(),
        head("HEAD with 404", 404, "Content-Length: 5\r\n").head_request(),
        head("HEAD with close", 200, "Connection: close\r\n")
            .head_request()
            .reuse(Close(ResponseClose)),
        head("204", 204, ""),
        head("204 with length 0", 204, "Content-Length: 0\r\n"),
        head("204 with length", 204, "Content-Length: 5\r\n"),
        head("204 with coding", 204, "Transfer-Encoding: chunked\r\n"),
        head("304", 304, "ETag: x\r\n"),
        head("304 with length", 304, "Content-Length: 5\r\n"),
        head("304 with coding", 304, "Transfer-Encoding: chunked\r\n"),
        head("205 with length 0", 205, "Content-Length: 0\r\n"),
        Case::new("205 with a body", "HTTP/1.1 205 X\r\nContent-Length: 2\r\n\r\nok")
            .status(205)
            .body("ok"),
        Case::new("W2: 204 with a body", "HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\nhello")
            .status(204)
            .surplus(5),
        Case::new("HEAD with a body", "HTTP/1.1 200 X\r\nContent-Length: 5\r\n\r\nhello")
            .head_request()
            .surplus(5),
        head("HEAD with a bad length", 200, "Content-Length: x\r\n")
            .head_request()
            .fails(Outcome::BadContentLength),
        head("HEAD with both lengths", 200, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")
            .head_request()
            .fails(Outcome::AmbiguousLength),
        head("304 with two lengths", 304, "Content-Length: 5\r\nContent-Length: 5\r\n")
            .fails(Outcome::BadContentLength),
        head("204 with an unknown coding", 204, "Transfer-Encoding: gzip\r\n")
            .fails(Outcome::BadTransferEncoding),
    ]
}
