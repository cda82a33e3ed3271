//! Tests of the request builder: tables for each call, then whatever proptest thinks of, read back
//! by httparse.

mod capacity;
mod placeholder;
mod take_over;
mod templates;
mod written;

use proptest::prelude::*;

use super::*;

const KIB: usize = 1024;

fn origin(headers: &[(&str, &str)], capacity: usize) -> Arc<Origin> {
    let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    Arc::new(Origin::new(b"h", b"/v1", headers, capacity).unwrap())
}

fn request() -> Request {
    Request::new(origin(&[("User-Agent", "ua")], 16 * KIB))
}

fn begun(method: &str, path: &str) -> Request {
    let mut request = request();
    request.begin(method.as_bytes(), path.as_bytes()).unwrap();
    request
}

fn finished(request: &mut Request) -> String {
    String::from_utf8(request.finish().unwrap().to_vec()).unwrap()
}

/// The target of a request without its base path.
fn target(request: &mut Request) -> String {
    let text = finished(request);
    let target = text.split(' ').nth(1).unwrap();
    target.strip_prefix("/v1").unwrap_or(target).to_owned()
}

/// A call is refused, and so is everything after it; then the request is as it was, for the next
/// call of the test.
#[track_caller]
fn assert_refuses(
    request: &mut Request,
    status: Status,
    call: impl FnOnce(&mut Request) -> Result<(), Status>,
) {
    let (state, mark) = (request.state, request.mark);
    assert_eq!(call(request), Err(status));
    assert_spoiled(request, status);
    request.state = state;
    request.mark = mark;
}

/// Nothing can be made of the request any more, and nothing of it can be sent.
#[track_caller]
fn assert_spoiled(request: &mut Request, status: Status) {
    assert_eq!(request.header(b"a", b"b"), Err(status));
    assert_eq!(request.query(b"a", b"b"), Err(status));
    assert_eq!(request.body(b"b"), Err(status));
    assert_eq!(request.body_reserve(1).map(drop), Err(status));
    assert_eq!(request.body_commit(0), Err(status));
    let template = request.mark;
    assert_eq!(request.mark(), Err(status));
    request.mark = template;
    assert_eq!(request.finish().map(drop), Err(status));
    assert_eq!(request.bytes().map(drop), Err(status));
}

#[test]
fn a_refused_begin_does_not_leave_the_order_before_it_to_be_sent_again() {
    let mut request = begun("POST", "/order");
    request.mark().unwrap();
    request.body(b"the order before").unwrap();
    assert_eq!(request.begin(b"POST", b"/order x"), Err(Status::ERR_PATH));
    assert_spoiled(&mut request, Status::ERR_PATH);
    assert_eq!(request.rewind(), Err(Status::ERR_PHASE), "nor does the template of it");
    request.begin(b"POST", b"/order").unwrap();
    assert!(!finished(&mut request).contains("before"));
}

#[test]
fn a_refused_mark_does_not_leave_the_template_before_it() {
    let mut request = begun("POST", "/order");
    request.mark().unwrap();
    request.body(b"").unwrap();
    assert_eq!(request.mark(), Err(Status::ERR_PHASE));
    assert_eq!(request.rewind(), Err(Status::ERR_PHASE));
}

#[test]
fn rewind_and_begin_start_anew_after_a_refusal() {
    let mut request = begun("POST", "/order");
    request.mark().unwrap();
    assert_eq!(request.header(b"bad name", b""), Err(Status::ERR_HEADER_NAME));
    assert_spoiled(&mut request, Status::ERR_HEADER_NAME);
    request.rewind().unwrap();
    request.body(b"ok").unwrap();
    request.spoil(Status::ERR_NULL);
    assert_spoiled(&mut request, Status::ERR_NULL);
    request.begin(b"GET", b"/").unwrap();
    assert!(request.finish().is_ok());
}

// Headers.

#[test]
fn a_control_byte_in_any_place_of_a_header() {
    let controls = (0..0x20).chain([0x7f]).filter(|&byte| byte != b'\t');
    for byte in controls {
        for at in 0..=4 {
            let mut text = b"abcd".to_vec();
            text.insert(at, byte);
            let mut request = begun("GET", "/");
            assert_refuses(&mut request, Status::ERR_HEADER_VALUE, |r| r.header(b"A", &text));
            assert_refuses(&mut request, Status::ERR_HEADER_NAME, |r| r.header(&text, b"a"));
        }
    }
}

#[test]
fn bad_header_names() {
    for name in ["", " ", "A ", " A", "A:", "A B", "A\t", "\u{e9}", "A,", "(A)", "A\r\nB", "\"A\""]
    {
        let call = |r: &mut Request| r.header(name.as_bytes(), b"v");
        assert_refuses(&mut begun("GET", "/"), Status::ERR_HEADER_NAME, call);
    }
}

#[test]
fn header_values_go_out_as_they_are() {
    for value in ["", " ", "\t", "a", " a\tb ", "\u{e9}", "a: b, c; d=\"e\""] {
        let mut request = begun("GET", "/");
        request.header(b"A", value.as_bytes()).unwrap();
        assert!(finished(&mut request).contains(&format!("\r\nA: {value}\r\n")));
    }
    let mut request = begun("GET", "/");
    request.header(b"A", &[0x80, 0xff]).unwrap();
    request.header(b"A", b"twice").unwrap();
    let line = b"\r\nA: \x80\xff\r\nA: twice\r\n";
    assert!(request.finish().unwrap().windows(line.len()).any(|window| window == line));
}

#[test]
fn reserved_headers() {
    for name in ["Host", "host", "CONTENT-LENGTH", "transfer-encoding", "Expect", "upgrade"] {
        let call = |r: &mut Request| r.header(name.as_bytes(), b"1");
        assert_refuses(&mut begun("GET", "/"), Status::ERR_HEADER_RESERVED, call);
    }
    let call = |r: &mut Request| r.header(b"Connection", b"Upgrade, close");
    assert_refuses(&mut begun("GET", "/"), Status::ERR_HEADER_RESERVED, call);
}

#[test]
fn a_default_header_is_sent_unless_overridden() {
    let defaults = [("User-Agent", "ua"), ("X-Key", "k"), ("X-Keys", "ks")];
    let mut request = Request::new(origin(&defaults, KIB));
    let mut head = |headers: &[(&str, &str)]| {
        request.begin(b"GET", b"/").unwrap();
        for (name, value) in headers {
            request.header(name.as_bytes(), value.as_bytes()).unwrap();
        }
        let text = finished(&mut request);
        text.strip_prefix("GET /v1/ HTTP/1.1\r\nHost: h\r\n").unwrap().to_owned()
    };
    let all = "User-Agent: ua\r\nX-Key: k\r\nX-Keys: ks\r\n\r\n";
    assert_eq!(head(&[]), all);
    assert_eq!(head(&[("X-Ke", "1")]), format!("X-Ke: 1\r\n{all}"));
    let without_key = "User-Agent: ua\r\nX-Keys: ks\r\n\r\n";
    assert_eq!(head(&[("x-kEY", "1")]), format!("x-kEY: 1\r\n{without_key}"));
    assert_eq!(head(&[("X-Key", "")]), format!("X-Key: \r\n{without_key}"));
    assert_eq!(
        head(&[("X-Key", "1"), ("x-key", "2")]),
        format!("X-Key: 1\r\nx-key: 2\r\n{without_key}")
    );
    let mine = [("USER-AGENT", "1"), ("X-KEYS", "2"), ("X-KEY", "3")];
    assert_eq!(head(&mine), "USER-AGENT: 1\r\nX-KEYS: 2\r\nX-KEY: 3\r\n\r\n");
    // The next request is not touched by it.
    assert_eq!(head(&[]), all);
}

#[test]
fn a_refused_header_overrides_nothing() {
    let mut request = begun("GET", "/");
    assert_refuses(&mut request, Status::ERR_HEADER_VALUE, |r| r.header(b"User-Agent", b"\n"));
    let long = vec![b'x'; 16 * KIB];
    assert_refuses(&mut request, Status::ERR_TOO_LARGE, |r| r.header(b"User-Agent", &long));
    assert!(finished(&mut request).contains("User-Agent: ua\r\n"));
}

#[test]
fn closes() {
    let mut request = begun("GET", "/");
    request.header(b"Connection", b"keep-alive").unwrap();
    assert!(!request.closes());
    assert_refuses(&mut request, Status::ERR_HEADER_VALUE, |r| {
        r.header(b"Connection", b"close,\0")
    });
    assert!(!request.closes());
    request.mark().unwrap();
    request.header(b"CONNECTION", b"a, Close").unwrap();
    assert!(request.closes());
    request.header(b"Connection", b"keep-alive").unwrap();
    request.header(b"X-Other", b"keep-alive").unwrap();
    assert!(request.closes());
    request.finish().unwrap();
    assert!(request.closes());
    request.rewind().unwrap();
    assert!(!request.closes());
    request.header(b"Connection", b"close").unwrap();
    request.begin(b"GET", b"/").unwrap();
    assert!(!request.closes());
}

#[test]
fn a_default_header_closes_too() {
    let mut request = Request::new(origin(&[("Connection", "close")], KIB));
    request.begin(b"GET", b"/").unwrap();
    assert!(request.closes());
    request.header(b"connection", b"keep-alive").unwrap();
    assert!(!request.closes());
}

// Bodies in place.

#[test]
fn reserve_and_commit_at_each_width() {
    for capacity in [0, 1, 9, 10, 11, 99, 100, 101, 999, 1000, 9999, 10_000] {
        for len in [0, 1, 9, 10, 11, 99, 100, 101, 999, 1000, 9999, 10_000] {
            let mut request = begun("POST", "/");
            let reserved = request.body_reserve(capacity).unwrap();
            assert_eq!(reserved.len(), capacity);
            reserved.fill(b'x');
            if len > capacity {
                assert_refuses(&mut request, Status::ERR_ARGUMENT, |r| r.body_commit(len));
                continue;
            }
            request.body_commit(len).unwrap();
            let width = capacity.to_string().len();
            let ending = format!("\r\nContent-Length: {len:>width$}\r\n\r\n{}", "x".repeat(len));
            assert!(finished(&mut request).ends_with(&ending), "{len} of {capacity}");
        }
    }
}

#[test]
fn all_that_is_left_can_be_reserved_and_nothing_more() {
    let mut request = begun("POST", "/");
    assert_refuses(&mut request, Status::ERR_TOO_LARGE, |r| r.body_reserve(usize::MAX).map(drop));
    assert_refuses(&mut request, Status::ERR_TOO_LARGE, |r| r.body_reserve(16 * KIB).map(drop));
    request.mark().unwrap();
    let head = request.body_reserve(10_000).unwrap().len();
    request.body_commit(head).unwrap();
    let left = 16 * KIB - (request.finish().unwrap().len() - 10_000);
    request.rewind().unwrap();
    assert_refuses(&mut request, Status::ERR_TOO_LARGE, |r| r.body_reserve(left + 1).map(drop));
    request.body_reserve(left).unwrap();
    request.body_commit(left).unwrap();
    assert_eq!(request.finish().unwrap().len(), 16 * KIB);
}

#[test]
fn an_open_reserve_is_no_request() {
    let mut request = begun("POST", "/");
    request.body_reserve(10).unwrap();
    assert_refuses(&mut request, Status::ERR_PHASE, |r| r.finish().map(drop));
    assert_refuses(&mut request, Status::ERR_PHASE, |r| r.bytes().map(drop));
    assert_refuses(&mut request, Status::ERR_ARGUMENT, |r| r.body_commit(usize::MAX));
    request.body_commit(0).unwrap();
    request.finish().unwrap();
}

#[test]
fn a_reserve_can_be_abandoned() {
    let mut request = begun("POST", "/");
    request.mark().unwrap();
    request.body_reserve(10).unwrap();
    request.rewind().unwrap();
    request.body(b"b").unwrap();
    assert!(finished(&mut request).ends_with("Content-Length: 1\r\n\r\nb"));
    request.rewind().unwrap();
    request.body_reserve(10).unwrap();
    request.begin(b"GET", b"/").unwrap();
    assert!(finished(&mut request).ends_with("User-Agent: ua\r\n\r\n"));
}

// Phases.

type Call = (&'static str, fn(&mut Request) -> Result<(), Status>);

const CALLS: [Call; 12] = [
    ("begin", |r| r.begin(b"GET", b"/")),
    ("query", |r| r.query(b"a", b"b")),
    ("query_raw", |r| r.query_raw(b"a")),
    ("header", |r| r.header(b"A", b"b")),
    ("body", |r| r.body(b"b")),
    ("body_reserve", |r| r.body_reserve(5).map(drop)),
    ("body_commit", |r| r.body_commit(3)),
    ("finish", |r| r.finish().map(drop)),
    ("bytes", |r| r.bytes().map(drop)),
    ("mark", Request::mark),
    ("rewind", Request::rewind),
    ("empty query_raw", |r| r.query_raw(b"")),
];

#[test]
fn each_call_in_each_phase() {
    let query = ["query", "query_raw", "empty query_raw"];
    let open = ["begin", "header", "body", "body_reserve", "finish", "mark"];
    let target = [&query[..], &open[..]].concat();
    let with = |calls: &[&'static str], more: &[&'static str]| [calls, more].concat();
    let phases: [(&[&str], Vec<&str>); 12] = [
        (&[], vec!["begin"]),
        (&["begin"], target.clone()),
        (&["begin", "query"], target.clone()),
        (&["begin", "query_raw"], target.clone()),
        (&["begin", "empty query_raw"], target.clone()),
        (&["begin", "header"], open.to_vec()),
        (&["begin", "mark"], with(&target, &["rewind"])),
        (&["begin", "header", "mark"], with(&open, &["rewind"])),
        (&["begin", "body_reserve"], vec!["begin", "body_commit"]),
        (&["begin", "mark", "body"], vec!["begin", "finish", "bytes", "rewind"]),
        (&["begin", "body_reserve", "body_commit"], vec!["begin", "finish", "bytes"]),
        (&["begin", "mark", "header", "begin", "finish"], vec!["begin", "finish", "bytes"]),
    ];
    for (before, allowed) in phases {
        for (name, call) in CALLS {
            let mut request = request();
            for step in before {
                let call = CALLS.iter().find(|(name, _)| name == step).unwrap().1;
                call(&mut request).unwrap();
            }
            if allowed.contains(&name) {
                assert_eq!(call(&mut request), Ok(()), "{name} after {before:?}");
            } else if name == "bytes" {
                // It only looks, so it spoils nothing.
                assert_eq!(call(&mut request), Err(Status::ERR_PHASE));
            } else {
                assert_refuses(&mut request, Status::ERR_PHASE, call);
            }
        }
    }
}

#[test]
fn finish_may_be_called_again() {
    let mut request = begun("PUT", "/");
    let first = finished(&mut request);
    assert_eq!(finished(&mut request), first);
    assert_eq!(request.bytes().unwrap(), first.as_bytes());
}

// The rest.

#[test]
fn timeout_and_user_data_stay() {
    let mut request = request();
    assert_eq!((request.timeout_ns(), request.user_data()), (0, 0));
    request.set_timeout_ns(5);
    request.set_user_data(u64::MAX);
    request.begin(b"GET", b"/").unwrap();
    request.mark().unwrap();
    request.finish().unwrap();
    request.rewind().unwrap();
    assert_eq!((request.timeout_ns(), request.user_data()), (5, u64::MAX));
}

#[test]
fn a_request_knows_its_origin() {
    let origin = origin(&[], KIB);
    assert!(Arc::ptr_eq(Request::new(Arc::clone(&origin)).origin(), &origin));
}

#[test]
fn debug_shows_no_bytes() {
    let mut request = begun("GET", "/secret");
    request.header(b"X-Key", b"secret").unwrap();
    assert!(!format!("{request:?}").contains("secret"));
}

#[test]
fn decimals() {
    for (number, width) in [(0, 1), (9, 1), (10, 2), (99, 2), (100, 3), (usize::MAX, 20)] {
        assert_eq!(decimal_width(number), width);
        let mut field = [0; 21];
        write_decimal(&mut field, number);
        assert_eq!(std::str::from_utf8(&field).unwrap(), format!("{number:>21}"));
    }
}

// Whatever comes in: refused, or read back as it was meant.

#[derive(Clone, Debug)]
enum Body {
    None,
    Copied(Vec<u8>),
    InPlace { capacity: usize, bytes: Vec<u8> },
}

#[derive(Clone, Debug)]
enum Query {
    Encoded(Vec<u8>, Vec<u8>),
    Raw(Vec<u8>),
}

/// Mostly text that is likely to be taken, sometimes any bytes.
fn text(likely: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let any_bytes = proptest::collection::vec(any::<u8>(), 0..12);
    prop_oneof![4 => likely.prop_map(String::into_bytes), 1 => any_bytes]
}

fn any_query() -> impl Strategy<Value = Query> {
    let any_bytes = || proptest::collection::vec(any::<u8>(), 0..12);
    prop_oneof![
        (any_bytes(), any_bytes()).prop_map(|(name, value)| Query::Encoded(name, value)),
        text("[a-z0-9=&/?%]{0,8}(%[0-9a-fA-F]{2})?").prop_map(Query::Raw),
    ]
}

fn any_body() -> impl Strategy<Value = Body> {
    let any_bytes = || proptest::collection::vec(any::<u8>(), 0..300);
    prop_oneof![
        Just(Body::None),
        any_bytes().prop_map(Body::Copied),
        (any_bytes(), 0..2000_usize)
            .prop_map(|(bytes, more)| Body::InPlace { capacity: bytes.len() + more, bytes }),
    ]
}

fn percent_encoded(bytes: &[u8]) -> String {
    let encode = |&byte: &u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    bytes.iter().map(encode).collect()
}

fn without_ows(value: &[u8]) -> Vec<u8> {
    let is_text = |byte: &u8| !b" \t".contains(byte);
    let start = value.iter().position(is_text).unwrap_or(value.len());
    let end = value.iter().rposition(is_text).map_or(start, |last| last + 1);
    value[start..end].to_vec()
}

const DEFAULTS: [(&str, &str); 2] = [("User-Agent", "ua"), ("X-Key", "k")];
const NAMES: &str = "(X-[a-z]{1,4}|user-agent|X-KEY|Host|content-length|Accept)";

/// Plays `pieces` on `request` and gives the target that they should add up to.
fn play_queries(request: &mut Request, path: &[u8], pieces: &[Query]) -> String {
    // `OPTIONS *` is about the whole server, and has no base path.
    let base_path = if path == b"*" { "" } else { "/v1" };
    let mut target = format!("{base_path}{}", std::str::from_utf8(path).unwrap());
    for piece in pieces {
        let state = request.state;
        let (answer, encoded) = match piece {
            Query::Encoded(name, value) => {
                let encoded = format!("{}={}", percent_encoded(name), percent_encoded(value));
                (request.query(name, value), encoded)
            }
            Query::Raw(raw) => (request.query_raw(raw), String::from_utf8_lossy(raw).into()),
        };
        if answer.is_err() {
            assert!(request.finish().is_err());
            request.state = state;
        } else if !encoded.is_empty() {
            if !target.contains('?') {
                target.push('?');
            } else if target.find('?') != Some(target.len() - 1) && !target.ends_with('&') {
                target.push('&');
            }
            target.push_str(&encoded);
        }
    }
    target
}

/// Plays `headers` on `request` and gives those that a server should see, but Content-Length.
fn play_headers(request: &mut Request, headers: &[(Vec<u8>, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    let mut seen = vec![("Host".to_owned(), b"h".to_vec())];
    for (name, value) in headers {
        let state = request.state;
        match request.header(name, value) {
            Ok(()) => seen.push((String::from_utf8(name.clone()).unwrap(), without_ows(value))),
            Err(_) => {
                assert!(request.finish().is_err());
                request.state = state;
            }
        }
    }
    for (name, value) in DEFAULTS {
        if !seen.iter().any(|(own, _)| own.eq_ignore_ascii_case(name)) {
            seen.push((name.to_owned(), value.as_bytes().to_vec()));
        }
    }
    seen
}

/// Plays `body` on `request` and gives its bytes, and its length if that should be announced.
fn play_body(request: &mut Request, body: &Body) -> (Vec<u8>, Option<usize>) {
    match body {
        Body::None => {
            let expects = [&b"POST"[..], b"PUT", b"PATCH"].contains(&request.method());
            (Vec::new(), expects.then_some(0))
        }
        Body::Copied(bytes) => {
            request.body(bytes).unwrap();
            (bytes.clone(), Some(bytes.len()))
        }
        Body::InPlace { capacity, bytes } => {
            request.body_reserve(*capacity).unwrap()[..bytes.len()].copy_from_slice(bytes);
            request.body_commit(bytes.len()).unwrap();
            (bytes.clone(), Some(bytes.len()))
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_taken_is_read_back(
        method in text("(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|[A-Z]{1,8})"),
        path in prop_oneof![8 => text("/[a-z0-9/?=&%.~]{0,12}"), 1 => Just(b"*".to_vec())],
        queries in proptest::collection::vec(any_query(), 0..4),
        headers in proptest::collection::vec((text(NAMES), text("[ -~\t]{0,12}")), 0..6),
        body in any_body(),
    ) {
        let mut request = Request::new(origin(&DEFAULTS, 16 * KIB));
        if request.begin(&method, &path).is_err() {
            prop_assert!(request.finish().is_err());
            return Ok(());
        }
        let target = play_queries(&mut request, &path, &queries);
        let mut seen = play_headers(&mut request, &headers);
        let (body, length) = play_body(&mut request, &body);
        if let Some(length) = length {
            seen.push(("Content-Length".to_owned(), length.to_string().into_bytes()));
        }
        let bytes = request.finish().unwrap();

        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut parsed = httparse::Request::new(&mut fields);
        let head_len = parsed.parse(bytes).unwrap().unwrap();
        prop_assert_eq!(parsed.method.unwrap().as_bytes(), &method[..]);
        prop_assert_eq!(parsed.path.unwrap(), target);
        prop_assert_eq!(parsed.version, Some(1));
        let fields: Vec<_> =
            parsed.headers.iter().map(|h| (h.name.to_owned(), h.value.to_vec())).collect();
        prop_assert_eq!(fields, seen);
        prop_assert_eq!(&bytes[head_len..], &body[..]);
    }
}
