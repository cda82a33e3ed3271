//! Bodies in chunks: their codings, sizes and trailers.

use super::*;

pub(super) fn codings() -> Vec<Case> {
    let ok =
        |name: &str, lines: &str| Case::ok(name, lines, "5\r\nhello\r\n0\r\n\r\n").body("hello");
    let bad = |name: &str, lines: &str| ok(name, lines).fails(Outcome::BadTransferEncoding);
    vec![
        ok("chunked", "Transfer-Encoding: chunked"),
        ok("chunked in mixed case", "tRANSFER-eNCODING: ChUnKeD"),
        ok("chunked with white space", "Transfer-Encoding: \t chunked \t"),
        ok("empty element before the coding", "Transfer-Encoding: , chunked"),
        ok("empty element behind the coding", "Transfer-Encoding: chunked,"),
        ok("empty elements everywhere", "Transfer-Encoding:,, \t,chunked\t, ,,"),
        ok("empty field before the coding", "Transfer-Encoding:\r\nTransfer-Encoding: chunked"),
        ok("empty field behind the coding", "Transfer-Encoding: chunked\r\nTransfer-Encoding: ,"),
        bad(
            "W5: two codings, identity last",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        ),
        bad("W5: chunked is not last", "Transfer-Encoding: chunked, gzip"),
        bad("chunked is not alone", "Transfer-Encoding: gzip, chunked"),
        bad("chunked twice in a list", "Transfer-Encoding: chunked, chunked"),
        bad("chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        bad("gzip and chunked apart", "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"),
        bad("identity", "Transfer-Encoding: identity"),
        bad("gzip", "Transfer-Encoding: gzip"),
        bad("unknown coding", "Transfer-Encoding: xchunked"),
        bad("suffix", "Transfer-Encoding: chunkedx"),
        bad("empty coding", "Transfer-Encoding:"),
        bad("nothing but empty elements", "Transfer-Encoding: , ,\t,"),
        bad("empty codings in two fields", "Transfer-Encoding:\r\nTransfer-Encoding: ,"),
        bad("chunked twice around an empty element", "Transfer-Encoding: chunked, , chunked"),
        bad(
            "chunked twice around an empty field",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\nTransfer-Encoding: chunked",
        ),
        bad("another coding behind an empty element", "Transfer-Encoding: chunked, , gzip"),
        bad("a parameter that quotes a comma", "Transfer-Encoding: chunked;a=\",chunked,\""),
        bad("two words without a comma", "Transfer-Encoding: chunked chunked"),
        bad("parameter", "Transfer-Encoding: chunked;q=1"),
        bad("quoted", "Transfer-Encoding: \"chunked\""),
        bad("vertical separation", "Transfer-Encoding: chun ked"),
        bad("W5: coding that is no UTF-8", "Transfer-Encoding: chunked\u{a0}"),
        Case::new(
            "coding on HTTP/1.0",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        )
        .fails(Outcome::BadTransferEncoding),
    ]
}

pub(super) fn chunked(name: &str, body: impl AsRef<[u8]>) -> Case {
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    Case::new(name, [&head[..], body.as_ref()].concat())
}

pub(super) fn chunks() -> Vec<Case> {
    let many = format!("{}0\r\n\r\n", "1\r\nx\r\n".repeat(500));
    vec![
        chunked("empty chunked body", "0\r\n\r\n"),
        chunked("two chunks", "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n").body("hello!"),
        chunked("hex in both cases", "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n")
            .body("01234567890123456789"),
        chunked("size of two digits", format!("1f\r\n{}\r\n0\r\n\r\n", "y".repeat(31)))
            .body("y".repeat(31)),
        chunked("W10: zero-padded size", "00000000000000000000000005\r\nhello\r\n0\r\n\r\n")
            .body("hello"),
        chunked("zero-padded end", "5\r\nhello\r\n000\r\n\r\n").body("hello"),
        chunked(
            "W10: long extension",
            format!("5;chunk-signature={}\r\nhello\r\n0\r\n\r\n", "f".repeat(64)),
        )
        .body("hello"),
        chunked("extension without value", "5;a\r\nhello\r\n0;b\r\n\r\n").body("hello"),
        chunked("extension with quoted value", "5;a=\"b;\\\"c \"\r\nhello\r\n0\r\n\r\n")
            .body("hello"),
        chunked("extensions with bad white space", "5 \t; a = b\t\r\nhello\r\n0\r\n\r\n")
            .body("hello"),
        chunked("extension with obs-text", b"5;a=\xff\r\nhello\r\n0\r\n\r\n").body("hello"),
        chunked("empty extension", "5;\r\nhello\r\n0\r\n\r\n").body("hello"),
        chunked("data that looks like framing", "7\r\n0\r\n\r\n5\r\r\n0\r\n\r\n")
            .body("0\r\n\r\n5\r"),
        chunked("many chunks", many).body("x".repeat(500)),
        chunked("W3: surplus behind the last chunk", "5\r\nhello\r\n0\r\n\r\nEVIL")
            .body("hello")
            .surplus(4),
        chunked("a second end", "0\r\n\r\n0\r\n\r\n").surplus(5),
        chunked("CRLF behind the end", "0\r\n\r\n\r\n").surplus(2),
    ]
}

pub(super) fn bad_chunks() -> Vec<Case> {
    let bad = |name: &str, body: &[u8]| chunked(name, body).fails(Outcome::BadChunk);
    vec![
        bad("W6: signed size", b"+5\r\nhello\r\n0\r\n\r\n"),
        bad("negative size", b"-5\r\nhello\r\n0\r\n\r\n"),
        bad("prefix 0x", b"0x5\r\nhello\r\n0\r\n\r\n"),
        bad("underscore", b"0_5\r\nhello\r\n0\r\n\r\n"),
        bad("space before the size", b" 5\r\nhello\r\n0\r\n\r\n"),
        bad("space behind the size", b"5 \r\nhello\r\n0\r\n\r\n"),
        bad("space inside the size", b"1 0\r\n0123456789abcdef\r\n0\r\n\r\n"),
        bad("W9: empty size", b"\r\nhello\r\n0\r\n\r\n"),
        bad("empty size with extension", b";a=b\r\nhello\r\n0\r\n\r\n"),
        bad("no hex digit", b"g\r\nhello\r\n0\r\n\r\n"),
        bad("W8: CR inside the size", b"1\r0\r\n0123456789abcdef\r\n0\r\n\r\n"),
        bad("CR CR LF behind the size", b"5\r\r\nhello\r\n0\r\n\r\n"),
        bad("W8: bare LF behind the size", b"5\nhello\r\n0\r\n\r\n"),
        bad("bare LF behind the last size", b"0\n\r\n"),
        bad("bare LF behind an extension", b"5;a=b\nhello\r\n0\r\n\r\n"),
        bad("bare CR in an extension", b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
        bad("NUL in an extension", b"5;a\0\r\nhello\r\n0\r\n\r\n"),
        bad("DEL in an extension", b"5;a\x7f\r\nhello\r\n0\r\n\r\n"),
        bad("NUL behind the size", b"5\0\r\nhello\r\n0\r\n\r\n"),
        bad("comma behind the size", b"5,5\r\nhello\r\n0\r\n\r\n"),
        bad("W7: garbage behind the data", b"5\r\nhelloEVIL\r\n0\r\n\r\n"),
        bad("data too short", b"5\r\nhell\r\n0\r\n\r\n"),
        bad("no line end behind the data", b"5\r\nhello0\r\n\r\n"),
        bad("bare LF behind the data", b"5\r\nhello\n0\r\n\r\n"),
        bad("bare CR behind the data", b"5\r\nhello\r0\r\n\r\n"),
        bad("another byte for the CR behind the data", b"5\r\nhelloX\n0\r\n\r\n"),
        bad("another byte for the LF behind the data", b"5\r\nhello\rX0\r\n\r\n"),
        bad("another byte for the LF behind the size", b"5\rXhello\r\n0\r\n\r\n"),
        bad("space and extension without a size", b" ;a=b\r\n\r\n"),
        bad("two line ends behind the data", b"5\r\nhello\r\n\r\n0\r\n\r\n"),
        bad("size of 17 digits", b"10000000000000000\r\n"),
        bad("size that wraps to 5", b"100000000000000005\r\nhello\r\n0\r\n\r\n"),
        chunked("largest size that can be counted", "ffffffffffffffff\r\n")
            .fails(Outcome::BodyTooLarge),
        chunked("sizes whose sum wraps", "1\r\nx\r\nffffffffffffffff\r\n")
            .fails(Outcome::BodyTooLarge),
    ]
}

pub(super) fn trailers() -> Vec<Case> {
    let with = |name: &str, trailer: &[u8]| {
        chunked(name, [b"1\r\nx\r\n0\r\n", trailer, b"\r\n"].concat()).body("x")
    };
    let bad = |name: &str, trailer: &[u8]| with(name, trailer).fails(Outcome::BadTrailer);
    vec![
        with("trailers", b"A: b\r\nC:\r\n").counts(0, 2),
        with("trailer with obs-text", b"A: \xff\t\r\n").counts(0, 1),
        with("a trailer is never a length", b"Content-Length: 7\r\nTransfer-Encoding: x\r\n")
            .counts(0, 2),
        with("a trailer is no header", b"Connection: close\r\n").counts(0, 1),
        bad("trailer folded", b"A: b\r\n c\r\n"),
        bad("space before the colon of a trailer", b"A : b\r\n"),
        bad("trailer without colon", b"Abc\r\n"),
        bad("trailer without name", b": b\r\n"),
        bad("W15: NUL in a trailer", b"A: b\0\r\n"),
        bad("bare CR in a trailer", b"A: b\rc\r\n"),
        bad("bare LF behind a trailer", b"A: b\nC: d\r\n"),
        bad("bare LF at the end", b"\n"),
        bad("bare LF at the end, after a trailer", b"A: b\r\n\n"),
        bad("space as the last line", b" \r\n"),
        bad("CR and no LF at the end", b"\rX"),
        bad("CR CR LF at the end", b"\r"),
        bad("a response instead of the last line", b"HTTP/1.1 200 OK\r\n"),
    ]
}
