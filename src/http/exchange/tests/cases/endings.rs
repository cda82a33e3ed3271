//! What becomes of the connection behind a response.

use super::chunked::chunked;
use super::*;

pub(super) fn reuse() -> Vec<Case> {
    let with = |name: &str, lines: &str| Case::ok(name, &format!("{lines}\r\n{EMPTY}"), "");
    let closes = |name: &str, lines: &str| with(name, lines).reuse(Close(ResponseClose));
    let old = |name: &str, lines: &str| {
        Case::new(name, format!("HTTP/1.0 200 OK\r\n{lines}Content-Length: 2\r\n\r\nok"))
            .body("ok")
            .reuse(Close(ResponseClose))
    };
    vec![
        closes("W14: Connection: close", "Connection: close"),
        closes("close in mixed case", "cOnNeCtIoN: ClOsE"),
        closes("close in a list", "Connection: keep-alive, close"),
        closes("close first in a list", "Connection: close,Upgrade"),
        closes("close in a list with empty parts", "Connection: , ,\tclose\t,"),
        closes("close in the second field", "Connection: Keep-Alive\r\nConnection: close"),
        closes("close in the first field", "Connection: close\r\nConnection: keep-alive"),
        with("keep-alive", "Connection: Keep-Alive"),
        with("empty Connection", "Connection:"),
        with("close as part of a word", "Connection: closed, not-close, clos"),
        with("another field with close", "X-Connection: close\r\nProxy-Connection: close"),
        with("request close", "A: b").request_close().reuse(Close(RequestClose)),
        closes("both close", "Connection: close").request_close().reuse(Close(RequestClose)),
        Case::ok("surplus before close", &format!("Connection: close\r\n{EMPTY}"), "x").surplus(1),
        Case::ok("surplus before request close", EMPTY, "x").request_close().surplus(1),
        Case::new("408", "HTTP/1.1 408 Slow\r\nContent-Length: 2\r\n\r\nok")
            .status(408)
            .body("ok")
            .reuse(Close(ResponseClose)),
        old("HTTP/1.0", ""),
        old("HTTP/1.0 with keep-alive", "Connection: keep-alive\r\n"),
        old("HTTP/1.0 with close", "Connection: close\r\n"),
    ]
}

pub(super) fn until_close() -> Vec<Case> {
    let until = |name: &str, bytes: &str| Case::new(name, bytes).end(End::Clean).until_close();
    let body = "HTTP/1.1 200 OK\r\nA: b\r\n\r\nhello";
    vec![
        until("W14: body until close", body).body("hello"),
        until("empty body until close", "HTTP/1.1 200 OK\r\n\r\n"),
        until("HTTP/1.0 until close", "HTTP/1.0 200 OK\r\n\r\nhello").body("hello"),
        until("a close said and done", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello")
            .body("hello"),
        until("a body that looks like a response", &format!("{body}{body}"))
            .body(format!("hello{body}")),
        until("body until close after 100", &format!("HTTP/1.1 100 \r\n\r\n{body}"))
            .body("hello")
            .counts(1, 0),
        until("until close, unclean", body).end(End::Unclean).fails(Outcome::BodyTruncated),
        until("empty until close, unclean", "HTTP/1.1 200 OK\r\n\r\n")
            .end(End::Unclean)
            .fails(Outcome::BodyTruncated),
        Case::bad(Outcome::ConnectionClosed, "EOF before anything", "").end(End::Clean),
        Case::bad(Outcome::ConnectionClosed, "unclean EOF before anything", "").end(End::Unclean),
        Case::bad(Outcome::ConnectionClosed, "EOF in the head", "HTTP/1.1 200 OK\r\n")
            .end(End::Clean),
        Case::bad(Outcome::ConnectionClosed, "EOF after 100", "HTTP/1.1 100 \r\n\r\n")
            .end(End::Clean),
        Case::ok("EOF in the body", "Content-Length: 5", "hell")
            .end(End::Clean)
            .fails(Outcome::ConnectionClosed),
        chunked("EOF before the last chunk", "5\r\nhello\r\n")
            .end(End::Clean)
            .fails(Outcome::ConnectionClosed),
        chunked("EOF before the last line", "5\r\nhello\r\n0\r\n")
            .end(End::Clean)
            .fails(Outcome::ConnectionClosed),
    ]
}
