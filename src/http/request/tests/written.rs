//! What goes out.

use super::*;

#[test]
fn a_whole_order() {
    let mut request = begun("POST", "/order");
    request.query(b"symbol", b"BTCUSDT").unwrap();
    request.query_raw(b"side=BUY&type=LIMIT").unwrap();
    request.header(b"X-Key", b"k").unwrap();
    request.body(b"{}").unwrap();
    let expected = "POST /v1/order?symbol=BTCUSDT&side=BUY&type=LIMIT HTTP/1.1\r\n\
                    Host: h\r\nX-Key: k\r\nUser-Agent: ua\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(finished(&mut request), expected);
}

/// What is told of a request: no query, whichever way it was written.
#[test]
fn method_and_path_end_before_the_query() {
    let line = |request: &mut Request| {
        let len = request.line_len();
        finished(request)[..len].to_owned()
    };
    for path in ["/p", "/p?", "/p?a=1", "/p?a=?&b=2"] {
        let mut request = begun("GET", path);
        request.query(b"signature", b"s").unwrap();
        request.header(b"X-Key", b"k").unwrap();
        assert_eq!(line(&mut request), "GET /v1/p", "{path}");
        request.begin(b"POST", b"/longer").unwrap();
        assert_eq!(line(&mut request), "POST /v1/longer");
    }
    assert_eq!(line(&mut begun("OPTIONS", "*")), "OPTIONS *");
}

#[test]
fn each_method_without_a_body() {
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "post", "M!#$~"]
    {
        let expected = format!("{method} /v1/p HTTP/1.1\r\nHost: h\r\nUser-Agent: ua\r\n\r\n");
        assert_eq!(finished(&mut begun(method, "/p")), expected);
    }
    for method in ["POST", "PUT", "PATCH"] {
        let expected = format!(
            "{method} /v1/p HTTP/1.1\r\nHost: h\r\nUser-Agent: ua\r\nContent-Length: 0\r\n\r\n"
        );
        assert_eq!(finished(&mut begun(method, "/p")), expected);
    }
}

#[test]
fn each_method_with_a_body() {
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "X"] {
        for body in ["", "b"] {
            let mut request = begun(method, "/p");
            request.body(body.as_bytes()).unwrap();
            let ending = format!("Content-Length: {}\r\n\r\n{body}", body.len());
            assert!(finished(&mut request).ends_with(&ending), "{method} {body}");
        }
    }
}

#[test]
fn method_and_is_head() {
    let mut request = request();
    assert_eq!(request.method(), b"");
    assert!(!request.is_head());
    request.begin(b"HEAD", b"/").unwrap();
    assert_eq!(request.method(), b"HEAD");
    assert!(request.is_head());
    request.begin(b"head", b"/").unwrap();
    assert!(!request.is_head());
}

#[test]
fn options_of_the_whole_server() {
    let mut request = begun("OPTIONS", "*");
    assert_refuses(&mut request, Status::ERR_PHASE, |r| r.query(b"a", b"b"));
    assert_refuses(&mut request, Status::ERR_PHASE, |r| r.query_raw(b""));
    request.mark().unwrap();
    request.header(b"A", b"b").unwrap();
    request.rewind().unwrap();
    let expected = "OPTIONS * HTTP/1.1\r\nHost: h\r\nUser-Agent: ua\r\n\r\n";
    assert_eq!(finished(&mut request), expected);
}

#[test]
fn bad_methods() {
    for method in
        ["", "CONNECT", "GE T", "GET ", " GET", "GET\r\n", "G\0T", "G\u{e9}T", "GET/", "(G)"]
    {
        for mut request in [request(), begun("GET", "/old")] {
            let begin = |r: &mut Request| r.begin(method.as_bytes(), b"/");
            assert_refuses(&mut request, Status::ERR_METHOD, begin);
        }
    }
}

#[test]
fn paths() {
    for path in
        ["/", "//", "/a/b", "/a;b=c,d", "/a:b@c", "/%20%aF", "/?", "/a?b=c/d?e", "/~!$&'()*+"]
    {
        assert_eq!(target(&mut begun("GET", path)), path);
    }
    let bad = [
        "",
        "*",
        "a",
        "?a",
        "http://h/",
        "/a b",
        "/a#b",
        "/#",
        "/a\r\nX: y",
        "/a\n",
        "/a\r",
        "/a\0",
        "/a\t",
        "/\x7f",
        "/\u{e9}",
        "/%",
        "/%4",
        "/%4g",
        "/a\\b",
        "/[",
        "/\"",
        "/<",
        "/{",
        "/|",
        "/^",
        "/`",
        " /",
    ];
    for path in bad {
        for mut request in [request(), begun("GET", "/old")] {
            let begin = |r: &mut Request| r.begin(b"GET", path.as_bytes());
            assert_refuses(&mut request, Status::ERR_PATH, begin);
        }
    }
    assert_refuses(&mut request(), Status::ERR_PATH, |r| r.begin(b"OPTIONS", b"**"));
}

#[test]
fn query_encodes_each_byte() {
    for byte in 0..=u8::MAX {
        let encoded = match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        };
        let mut request = begun("GET", "/");
        request.query(&[byte], &[b'a', byte]).unwrap();
        assert_eq!(target(&mut request), format!("/?{encoded}=a{encoded}"));
    }
}

#[test]
fn query_table() {
    let table = [
        ("a", "b", "a=b"),
        ("", "", "="),
        ("a", "", "a="),
        ("", "b", "=b"),
        ("a b", "c d", "a%20b=c%20d"),
        ("a+b", "c&d=e", "a%2Bb=c%26d%3De"),
        ("symbols", "[\"BTCUSDT\"]", "symbols=%5B%22BTCUSDT%22%5D"),
        ("\u{e9}", "\u{20ac}", "%C3%A9=%E2%82%AC"),
        ("%41", "100%", "%2541=100%25"),
        ("a", "\r\nX: y", "a=%0D%0AX%3A%20y"),
        ("a", "\0", "a=%00"),
        ("a/b", "?#", "a%2Fb=%3F%23"),
    ];
    for (name, value, encoded) in table {
        let mut request = begun("GET", "/");
        request.query(name.as_bytes(), value.as_bytes()).unwrap();
        assert_eq!(target(&mut request), format!("/?{encoded}"));
    }
}

#[test]
fn pieces_of_query_are_joined() {
    for (path, expected) in [
        ("/a", "/a?b=c&d&e=f"),
        ("/a?", "/a?b=c&d&e=f"),
        ("/a?x=y", "/a?x=y&b=c&d&e=f"),
        ("/a?x=y&", "/a?x=y&b=c&d&e=f"),
        ("/a?x?", "/a?x?&b=c&d&e=f"),
    ] {
        let mut request = begun("GET", path);
        request.query_raw(b"").unwrap();
        request.query(b"b", b"c").unwrap();
        request.query_raw(b"d").unwrap();
        request.query_raw(b"").unwrap();
        request.query(b"e", b"f").unwrap();
        assert_eq!(target(&mut request), expected);
    }
    let mut request = begun("GET", "/");
    request.query_raw(b"a?b/c").unwrap();
    request.query_raw(b"d").unwrap();
    assert_eq!(target(&mut request), "/?a?b/c&d");
    let mut request = begun("GET", "/?");
    request.query_raw(b"a=1&").unwrap();
    request.query(b"b", b"2").unwrap();
    assert_eq!(target(&mut request), "/?a=1&b=2");
}

#[test]
fn bad_raw_queries() {
    for piece in ["a b", "a#b", "a\r\n", "a\0", "%", "%2", "%2x", "\u{e9}", "\"", "[", "a\x7f"] {
        let call = |r: &mut Request| r.query_raw(piece.as_bytes());
        assert_refuses(&mut begun("GET", "/"), Status::ERR_PATH, call);
    }
}
