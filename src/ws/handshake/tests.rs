//! The opening handshake: the request it writes, and a table of answers, each fed in every way.

use std::collections::HashSet;
use std::sync::Arc;

use super::*;
use crate::error::Outcome;
use crate::http::Origin;
use crate::ws::error::ErrorKind;

/// The key of the example in RFC 6455 section 1.3.
const NONCE: [u8; 16] = *b"the sample nonce";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn deflate() -> DeflateOffer {
    DeflateOffer::default()
}

fn handshake(subprotocols: &[&str], deflate: Option<DeflateOffer>) -> Handshake {
    let subprotocols = subprotocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Handshake::new(NONCE, Offer { subprotocols, deflate }).unwrap()
}

fn request() -> Request {
    let defaults: [(&[u8], &[u8]); 2] = [(b"User-Agent", b"v"), (b"Connection", b"keep-alive")];
    Request::new(Arc::new(Origin::new(b"venue:1", b"/ws", defaults, 1000).unwrap()))
}

#[test]
fn the_request_asks_for_the_upgrade() {
    let mut request = request();
    request.begin(b"GET", b"/stream?a=b").unwrap();
    handshake(&[], None).write(&mut request).unwrap();
    request.header(b"X-Key", b"k").unwrap();
    let want = "GET /ws/stream?a=b HTTP/1.1\r\nHost: venue:1\r\nConnection: Upgrade\r\n\
                Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Key: k\r\nUser-Agent: v\r\n\r\n";
    assert_eq!(std::str::from_utf8(request.finish().unwrap()).unwrap(), want);
}

#[test]
fn the_request_offers_subprotocols_and_compression() {
    let mut request = request();
    request.begin(b"GET", b"/").unwrap();
    handshake(&["v2.orders", "v1.orders"], Some(deflate())).write(&mut request).unwrap();
    let bytes = String::from_utf8(request.finish().unwrap().to_vec()).unwrap();
    assert!(bytes.contains("\r\nSec-WebSocket-Protocol: v2.orders, v1.orders\r\n"), "{bytes}");
    let extension = String::from_utf8(deflate().value()).unwrap();
    assert!(bytes.contains(&format!("\r\nSec-WebSocket-Extensions: {extension}\r\n")), "{bytes}");
}

#[test]
fn a_request_that_cannot_take_the_fields_is_spoiled() {
    let mut request = request();
    assert_eq!(handshake(&[], None).write(&mut request), Err(Status::ERR_PHASE));
    request.begin(b"GET", b"/").unwrap();
    let long = "p".repeat(1000);
    assert_eq!(handshake(&[&long], None).write(&mut request), Err(Status::ERR_TOO_LARGE));
    assert_eq!(request.finish(), Err(Status::ERR_TOO_LARGE));
}

#[test]
fn an_offer_that_must_not_be_sent_is_refused() {
    let refused = |subprotocols: &[&[u8]], bits| {
        let subprotocols = subprotocols.iter().map(|name| name.to_vec()).collect();
        let deflate = Some(DeflateOffer { server_max_window_bits: bits, ..deflate() });
        Handshake::new(NONCE, Offer { subprotocols, deflate }).err()
    };
    assert_eq!(refused(&[b"a", b"b", b"A"], None), None);
    assert_eq!(refused(&[b"a", b"b", b"a"], None), Some(Status::ERR_ARGUMENT));
    assert_eq!(refused(&[b""], None), Some(Status::ERR_ARGUMENT));
    assert_eq!(refused(&[b"a, b"], None), Some(Status::ERR_ARGUMENT));
    assert_eq!(refused(&[], Some(7)), Some(Status::ERR_ARGUMENT));
}

/// What becomes of an answer.
type Verdict = Result<Option<Agreed>, Error>;

struct Case {
    name: &'static str,
    bytes: String,
    want: Verdict,
}

const PLAIN: Verdict = Ok(Some(Agreed { subprotocol: None, deflate: None }));

/// A 101 whose fields are those of a good one, but for `fields`: these replace the ones of the same
/// name, and a field that is empty only removes it.
fn switched(fields: &str) -> String {
    let accept = format!("Sec-WebSocket-Accept: {ACCEPT}");
    let mut lines: Vec<&str> = vec!["Upgrade: websocket", "Connection: Upgrade", &accept];
    let name = |line: &str| line.split(':').next().unwrap().to_ascii_lowercase();
    for field in fields.lines() {
        lines.retain(|line| fields.contains(line) || name(line) != name(field));
    }
    lines.extend(fields.lines().filter(|field| !field.ends_with(':')));
    format!("HTTP/1.1 101 Switching Protocols\r\n{}\r\n\r\n", lines.join("\r\n"))
}

fn good(name: &'static str, fields: &str, want: Agreed) -> Case {
    Case { name, bytes: switched(fields), want: Ok(Some(want)) }
}

fn bad(name: &'static str, error: Error, fields: &str) -> Case {
    Case { name, bytes: switched(fields), want: Err(error) }
}

fn other(name: &'static str, error: Error, bytes: &str) -> Case {
    Case { name, bytes: bytes.to_owned(), want: Err(error) }
}

/// The answers to a handshake that offers the subprotocols `v1` and `v2`, and compression.
fn table() -> Vec<Case> {
    [accepted(), refused_fields(), refused_answers()].into_iter().flatten().collect()
}

fn accepted() -> Vec<Case> {
    let plain = Agreed { subprotocol: None, deflate: None };
    let deflate = |forgets, bits| Agreed {
        deflate: Some(DeflateAgreed {
            server_no_context_takeover: forgets,
            server_max_window_bits: bits,
        }),
        ..plain
    };
    let extensions = "Sec-WebSocket-Extensions: permessage-deflate";
    vec![
        good("a plain 101", "", plain),
        good("tokens in any case", "upgrade: WebSocket\nconnection: UPGRADE", plain),
        good("connection lists more", "Connection: keep-alive, Upgrade", plain),
        good("connection twice", "Connection: keep-alive\nConnection: upgrade", plain),
        good("a length is ignored", "Content-Length: 5", plain),
        good("a coding is ignored", "Transfer-Encoding: chunked", plain),
        good(
            "first subprotocol",
            "Sec-WebSocket-Protocol: v1",
            Agreed { subprotocol: Some(0), ..plain },
        ),
        good(
            "second subprotocol",
            "Sec-WebSocket-Protocol: v2",
            Agreed { subprotocol: Some(1), ..plain },
        ),
        good("deflate", extensions, deflate(false, 15)),
        good(
            "deflate without context",
            &format!("{extensions}; server_no_context_takeover; server_max_window_bits=10"),
            deflate(true, 10),
        ),
        Case {
            name: "interim responses first",
            bytes: format!("HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n{}", switched("")),
            want: PLAIN,
        },
        Case {
            name: "another reason",
            bytes: switched("").replace("Switching Protocols", ""),
            want: PLAIN,
        },
    ]
}

fn refused_fields() -> Vec<Case> {
    let other_key = "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let lower = format!("Sec-WebSocket-Accept: {}", ACCEPT.to_ascii_lowercase());
    let twice = format!("Sec-WebSocket-Accept: {ACCEPT}\nsec-websocket-accept: {ACCEPT}");
    let deflate = "Sec-WebSocket-Extensions: permessage-deflate";
    vec![
        bad("no upgrade", Error::BadUpgrade, "Upgrade:"),
        bad("upgrade to another", Error::BadUpgrade, "Upgrade: h2c"),
        bad("upgrade lists two", Error::BadUpgrade, "Upgrade: websocket, h2c"),
        bad("upgrade twice", Error::BadUpgrade, "Upgrade: websocket\nupgrade: websocket"),
        bad("no connection", Error::BadConnection, "Connection:"),
        bad("connection without upgrade", Error::BadConnection, "Connection: keep-alive"),
        bad("connection close", Error::BadConnection, "Connection: close, upgraded"),
        bad("no accept", Error::BadAccept, "Sec-WebSocket-Accept:"),
        bad("accept of another key", Error::BadAccept, other_key),
        bad("accept in another case", Error::BadAccept, &lower),
        bad("accept twice", Error::BadAccept, &twice),
        bad("subprotocol not offered", Error::BadSubprotocol, "Sec-WebSocket-Protocol: v3"),
        bad("subprotocol in another case", Error::BadSubprotocol, "Sec-WebSocket-Protocol: V1"),
        bad("two subprotocols", Error::BadSubprotocol, "Sec-WebSocket-Protocol: v1, v2"),
        bad("empty subprotocol", Error::BadSubprotocol, "Sec-WebSocket-Protocol: "),
        bad(
            "subprotocol twice",
            Error::BadSubprotocol,
            "Sec-WebSocket-Protocol: v1\nsec-websocket-protocol: v1",
        ),
        bad("extension not offered", Error::UnknownExtension, "Sec-WebSocket-Extensions: x"),
        bad("deflate twice", Error::UnknownExtension, &format!("{deflate}, permessage-deflate")),
        bad("extensions malformed", Error::BadExtensions, &format!("{deflate}; =")),
        bad("extensions empty", Error::BadExtensions, "Sec-WebSocket-Extensions: "),
        bad(
            "extensions in two fields",
            Error::BadExtensions,
            &format!("{deflate}\nsec-websocket-extensions: permessage-deflate"),
        ),
        bad("unknown parameter", Error::BadDeflateParameter, &format!("{deflate}; level=9")),
        bad(
            "window of 7 bits",
            Error::BadDeflateParameter,
            &format!("{deflate}; server_max_window_bits=7"),
        ),
    ]
}

fn refused_answers() -> Vec<Case> {
    let old = switched("").replace("HTTP/1.1", "HTTP/1.0");
    let folded = switched("").replace("Upgrade: ", "Upgrade:\r\n ");
    vec![
        other("101 of HTTP/1.0", Error::OldVersion, &old),
        other("200", Error::NotSwitched, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
        other("redirect", Error::NotSwitched, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"),
        other("401", Error::NotSwitched, "HTTP/1.1 401 No\r\nContent-Length: 3\r\n\r\nkey"),
        other("426", Error::NotSwitched, "HTTP/1.1 426 Old\r\nContent-Length: 0\r\n\r\n"),
        other(
            "429",
            Error::NotSwitched,
            "HTTP/1.1 429 Slow\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        other("204", Error::NotSwitched, "HTTP/1.1 204 None\r\n\r\n"),
        other("folded field", Error::Http(Outcome::BadHeader), &folded),
        other("no HTTP", Error::Http(Outcome::BadStatusLine), "\u{1}\u{5}hello"),
        other("HTTP/2", Error::Http(Outcome::BadVersion), "HTTP/2 101 \r\n\r\n"),
        other(
            "both lengths",
            Error::Http(Outcome::AmbiguousLength),
            "HTTP/1.1 400 No\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        ),
        other(
            "head too large",
            Error::Http(Outcome::HeadTooLarge),
            &format!("HTTP/1.1 101 X\r\nA: {}\r\n\r\n", "a".repeat(33_000)),
        ),
    ]
}

/// Feeds `bytes` in pieces of `step`; answers the verdict and what is behind the head.
fn feed(bytes: &[u8], step: usize) -> (Verdict, Vec<u8>) {
    let mut handshake = handshake(&["v1", "v2"], Some(deflate()));
    let (mut r, l) = (Response::with_capacity(1000), Limits::default());
    let mut verdict = Ok(None);
    for piece in bytes.chunks(step) {
        let mut piece = piece;
        while !piece.is_empty() {
            let space = r.space(&l, piece.len()).unwrap();
            let (now, later) = piece.split_at(space.len());
            space.copy_from_slice(now);
            r.commit(now.len());
            piece = later;
            // What was decided stays decided.
            let again = handshake.on_bytes(&mut r, &l);
            assert!(verdict == Ok(None) || verdict == again || again == Err(Error::NotSwitched));
            verdict = again;
        }
    }
    let behind = if verdict.is_ok() { r.behind().to_vec() } else { Vec::new() };
    (verdict, behind)
}

#[test]
fn each_answer_gives_its_verdict_however_it_is_cut() {
    for case in table() {
        for step in [case.bytes.len(), 1, 2, 3, 7, 100] {
            let (verdict, behind) = feed(case.bytes.as_bytes(), step);
            assert_eq!(verdict, case.want, "{} by {step}", case.name);
            assert!(behind.is_empty(), "{}", case.name);
        }
        let cut = &case.bytes.as_bytes()[..case.bytes.len() - 1];
        let early = feed(cut, cut.len()).0;
        let is_early = matches!(case.want, Err(Error::Http(_)));
        assert!(early == Ok(None) || is_early, "{} cut short: {early:?}", case.name);
    }
}

/// Those that have no close code, because there is no connection yet to send it on.
#[test]
fn every_error_of_a_handshake_is_produced() {
    let errors: Vec<_> = table().iter().filter_map(|case| case.want.err()).collect();
    assert!(errors.iter().all(|error| error.close_code().is_none()));
    let produced: HashSet<_> = errors.into_iter().map(ErrorKind::from).collect();
    // The others are the receiver's: `message/tests.rs` has them.
    let first_of_receiver = ErrorKind::ReservedBits;
    let all = <ErrorKind as strum::VariantArray>::VARIANTS.iter();
    let wanted: HashSet<_> = all.take_while(|kind| **kind != first_of_receiver).copied().collect();
    assert_eq!(produced, wanted);
}

#[test]
fn frames_may_come_with_the_answer() {
    for case in table() {
        for step in [usize::MAX, 1, 5] {
            let bytes = [case.bytes.as_bytes(), b"\x81\x05hello\x89\0"].concat();
            let (verdict, behind) = feed(&bytes, step.min(bytes.len()));
            assert_eq!(verdict, case.want, "{} by {step}", case.name);
            let want: &[u8] = if verdict.is_ok() { b"\x81\x05hello\x89\0" } else { b"" };
            assert_eq!(behind, want, "{} by {step}", case.name);
        }
    }
}

#[test]
fn an_answer_that_is_no_101_can_be_shown() {
    let mut handshake = handshake(&[], None);
    let (mut r, l) = (Response::with_capacity(1000), Limits::default());
    let bytes = b"HTTP/1.1 403 Forbidden\r\n\r\nno such key";
    r.space(&l, bytes.len()).unwrap().copy_from_slice(bytes);
    r.commit(bytes.len());
    assert_eq!(handshake.on_bytes(&mut r, &l), Ok(None));
    assert_eq!(handshake.on_eof(&mut r, true), Err(Error::NotSwitched));
    assert_eq!((r.status(), r.body()), (403, &b"no such key"[..]));
}

#[test]
fn an_end_before_the_answer_is_whole_is_refused() {
    let mut handshake = handshake(&[], None);
    let (mut r, l) = (Response::with_capacity(1000), Limits::default());
    let closed = Err(Error::Http(Outcome::ConnectionClosed));
    assert_eq!(handshake.on_eof(&mut r, true), closed);
    assert_eq!(handshake.on_bytes(&mut r, &l), closed);
}

#[test]
fn nothing_is_agreed_that_was_not_offered() {
    for (fields, error) in [
        ("Sec-WebSocket-Protocol: v1", Error::BadSubprotocol),
        ("Sec-WebSocket-Extensions: permessage-deflate", Error::UnknownExtension),
    ] {
        let (mut r, l) = (Response::with_capacity(1000), Limits::default());
        let bytes = switched(fields);
        r.space(&l, bytes.len()).unwrap().copy_from_slice(bytes.as_bytes());
        r.commit(bytes.len());
        assert_eq!(handshake(&[], None).on_bytes(&mut r, &l), Err(error));
    }
}
