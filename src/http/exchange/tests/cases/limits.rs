//! What is longer than it may be.

use super::chunked::chunked;
use super::*;

pub(super) fn head_limits() -> Vec<Case> {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
    let small = |name: &str, max: usize| {
        Case::new(name, format!("{head}ok")).body("ok").limits(|l| l.max_head_size = max)
    };
    let headers = |name: &str, count: usize, max: usize| {
        let lines = "A: b\r\n".repeat(count);
        Case::new(name, format!("HTTP/1.1 204 \r\n{lines}\r\n"))
            .status(204)
            .limits(|l| l.max_headers = max)
    };
    let interim = |name: &str, max| {
        Case::new(name, format!("{}{head}ok", "HTTP/1.1 100 \r\n\r\n".repeat(2)))
            .body("ok")
            .counts(2, 0)
            .limits(|l| l.max_interim = max)
    };
    vec![
        small("W12: head at the limit", head.len()),
        small("W12: head over the limit", head.len() - 1).fails(Outcome::HeadTooLarge),
        small("head far over the limit", 20).fails(Outcome::HeadTooLarge),
        small("no head fits", 0).fails(Outcome::HeadTooLarge),
        Case::new(
            "W12: small head, long body in one read",
            format!("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{}", "x".repeat(500)),
        )
        .limits(|l| l.max_head_size = 41)
        .body("x".repeat(500)),
        Case::new("a line without end", format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(100)))
            .limits(|l| l.max_head_size = 100)
            .fails(Outcome::HeadTooLarge),
        Case::new(
            "the limit is for each interim head",
            "HTTP/1.1 100 Continue\r\n\r\n".repeat(2) + "HTTP/1.1 204 \r\n\r\n",
        )
        .limits(|l| l.max_head_size = 25)
        .status(204)
        .counts(2, 0),
        Case::new(
            "a fault behind the limit is not seen",
            format!("HTTP/1.1 200 OK\r\nA: {}\0\r\n\r\n", "x".repeat(100)),
        )
        .limits(|l| l.max_head_size = 100)
        .fails(Outcome::HeadTooLarge),
        Case::new(
            "a fault before the limit is seen first",
            format!("HTTP/1.1 200 OK\r\nA: \0{}\r\n\r\n", "x".repeat(100)),
        )
        .limits(|l| l.max_head_size = 100)
        .fails(Outcome::BadHeader),
        headers("headers at the limit", 3, 3),
        headers("headers over the limit", 4, 3).fails(Outcome::TooManyHeaders),
        headers("no headers allowed, none sent", 0, 0),
        headers("256 headers", 256, usize::MAX),
        headers("257 headers", 257, usize::MAX).fails(Outcome::TooManyHeaders),
        interim("interim at the limit", 2),
        interim("interim over the limit", 1).fails(Outcome::TooManyInterim),
        interim("no interim allowed", 0).fails(Outcome::TooManyInterim),
    ]
}

pub(super) fn body_limits() -> Vec<Case> {
    let body = |case: Case| case.limits(|l| l.max_body_size = 5);
    vec![
        body(Case::ok("length at the limit", "Content-Length: 5", "hello").body("hello")),
        body(
            Case::ok("length over the limit", "Content-Length: 6", "").fails(Outcome::BodyTooLarge),
        ),
        body(chunked("chunks at the limit", "4\r\nhell\r\n1\r\no\r\n0\r\n\r\n").body("hello")),
        body(chunked("chunks over the limit", "4\r\nhell\r\n2\r\n").fails(Outcome::BodyTooLarge)),
        body(chunked("one chunk over the limit", "6\r\n").fails(Outcome::BodyTooLarge)),
        body(Case::new("until close at the limit", "HTTP/1.1 200 \r\n\r\nhello"))
            .end(End::Clean)
            .body("hello")
            .until_close(),
        body(Case::new("until close over the limit", "HTTP/1.1 200 \r\n\r\nhello!"))
            .until_close()
            .fails(Outcome::BodyTooLarge),
    ]
}

pub(super) fn chunk_limits() -> Vec<Case> {
    let line = |name: &str, max| {
        chunked(name, "0005;a=b\r\nhello\r\n0\r\n\r\n")
            .body("hello")
            .limits(|l| l.max_chunk_line = max)
    };
    let trailer = |name: &str, max| {
        chunked(name, "0\r\nA: b\r\nC: d\r\n\r\n").counts(0, 2).limits(|l| l.max_trailer_size = max)
    };
    vec![
        line("chunk line at the limit", 10),
        line("chunk line over the limit", 9).fails(Outcome::ChunkOverhead),
        chunked("endless zeros in a size", "0".repeat(9000)).fails(Outcome::ChunkOverhead),
        chunked("endless extension", format!("1;{}", "x".repeat(9000)))
            .fails(Outcome::ChunkOverhead),
        // Framing here: 12 + 2 around the data, 3 at the end; the body weighs 2 against it.
        chunked("overhead at the limit", "2;12345678\r\nok\r\n0\r\n\r\n")
            .body("ok")
            .limits(|l| l.max_chunk_overhead = 15),
        chunked("overhead over the limit", "2;12345678\r\nok\r\n0\r\n\r\n")
            .limits(|l| l.max_chunk_overhead = 14)
            .fails(Outcome::ChunkOverhead),
        chunked("a body in single bytes", "1\r\nx\r\n".repeat(30))
            .limits(|l| l.max_chunk_overhead = 100)
            .fails(Outcome::ChunkOverhead),
        chunked("a body in small chunks", "8\r\n12345678\r\n".repeat(100) + "0\r\n\r\n")
            .limits(|l| l.max_chunk_overhead = 100)
            .body("12345678".repeat(100)),
        trailer("trailers at the limit", 12),
        trailer("W15: trailers over the limit", 11).fails(Outcome::TrailersTooLarge),
        chunked("no trailers allowed, none sent", "0\r\n\r\n").limits(|l| l.max_trailer_size = 0),
    ]
}
