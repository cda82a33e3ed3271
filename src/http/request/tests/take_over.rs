//! Default headers that change while a request is built, marked, finished or reserved.

use super::*;

fn set(request: &Request, name: &str, value: Option<&str>) {
    let value = value.map(str::as_bytes);
    request.origin().set_default_header(name.as_bytes(), value, 0).unwrap();
}

/// A request with a token as its only default header.
fn with_token(token: &str) -> Request {
    Request::new(origin(&[("Authorization", token)], KIB))
}

/// What stands between Host and the end of the head.
fn headers(request: &mut Request) -> String {
    let text = finished(request);
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    head.split("\r\n").skip(2).collect::<Vec<_>>().join("; ")
}

/// A change at each moment of a request's life is in what is sent.
#[test]
fn what_is_sent_has_the_default_headers_of_its_submit() {
    for token in ["t", "a token of the same length", "a longer one, so that the body has to move"] {
        for moment in 0..6 {
            let mut request = with_token("the token of the beginning");
            let change = |request: &Request, now| {
                if now == moment {
                    set(request, "authorization", Some(token));
                }
            };
            change(&request, 0);
            request.begin(b"POST", b"/order").unwrap();
            change(&request, 1);
            request.header(b"X-Own", b"1").unwrap();
            request.mark().unwrap();
            change(&request, 2);
            request.body_reserve(100).unwrap()[..4].copy_from_slice(b"body");
            change(&request, 3);
            request.body_commit(4).unwrap();
            change(&request, 4);
            request.finish().unwrap();
            change(&request, 5);
            let wanted = format!("X-Own: 1; authorization: {token}; Content-Length:   4");
            assert_eq!(headers(&mut request), wanted, "at moment {moment}");
            assert!(finished(&mut request).ends_with("\r\n\r\nbody"));
            assert_eq!(finished(&mut request), finished(&mut request));
            request.rewind().unwrap();
            let wanted = format!("X-Own: 1; authorization: {token}; Content-Length: 0");
            assert_eq!(headers(&mut request), wanted, "at moment {moment}");
        }
    }
}

#[test]
fn several_changes_are_taken_over_at_once() {
    let mut request = with_token("1");
    request.begin(b"GET", b"/").unwrap();
    request.finish().unwrap();
    for (name, value) in [
        ("Authorization", Some("2")),
        ("X-New", Some("new")),
        ("Authorization", Some("3")),
        ("X-Gone", Some("gone")),
        ("X-Gone", None),
    ] {
        set(&request, name, value);
    }
    assert_eq!(headers(&mut request), "Authorization: 3; X-New: new");
    set(&request, "Authorization", None);
    assert_eq!(headers(&mut request), "X-New: new");
    set(&request, "X-New", None);
    assert_eq!(finished(&mut request), "GET /v1/ HTTP/1.1\r\nHost: h\r\n\r\n");
}

/// A name that becomes that of a default header meets requests that have it already.
#[test]
fn an_own_header_stays_when_its_name_becomes_a_default() {
    for finish_before in [false, true] {
        let mut request = with_token("1");
        request.begin(b"POST", b"/a?b=c:d").unwrap();
        request.header(b"X-New", b"own").unwrap();
        request.mark().unwrap();
        request.header(b"X-Other", b"own: 2").unwrap();
        if finish_before {
            request.body(b"X-Third: body\nX-Third: body\n").unwrap();
        }
        for name in ["x-new", "X-Other", "X-Third"] {
            set(&request, name, Some("default"));
        }
        let all = "X-New: own; X-Other: own: 2; Authorization: 1; X-Third: default; Content-Length";
        assert!(headers(&mut request).starts_with(all), "{}", headers(&mut request));
        request.rewind().unwrap();
        let marked = "X-New: own; Authorization: 1; X-Other: default; X-Third: default; ";
        assert!(headers(&mut request).starts_with(marked), "{}", headers(&mut request));
        request.begin(b"GET", b"/").unwrap();
        request.header(b"X-THIRD", b"own").unwrap();
        let begun = "X-THIRD: own; Authorization: 1; x-new: default; X-Other: default";
        assert_eq!(headers(&mut request), begun);
    }
}

#[test]
fn a_close_that_is_set_or_removed_counts() {
    let mut request = with_token("1");
    request.begin(b"GET", b"/").unwrap();
    request.finish().unwrap();
    set(&request, "Connection", Some("close"));
    request.finish().unwrap();
    assert!(request.closes());
    set(&request, "Connection", None);
    request.finish().unwrap();
    assert!(!request.closes());
}

#[test]
fn what_does_not_fit_any_more_is_refused_and_a_rewind_makes_it_good() {
    let mut request = with_token("1");
    request.begin(b"POST", b"/").unwrap();
    request.mark().unwrap();
    request.body(&[b'x'; 900]).unwrap();
    set(&request, "Authorization", Some(&"2".repeat(200)));
    assert_eq!(request.finish(), Err(Status::ERR_TOO_LARGE));
    assert_spoiled(&mut request, Status::ERR_TOO_LARGE);
    request.rewind().unwrap();
    request.body(&[b'x'; 600]).unwrap();
    assert!(finished(&mut request).contains("\r\nAuthorization: 222"));
}

/// Nothing of an old value is left in the buffer, wherever it stood.
#[test]
fn the_old_value_is_not_left_in_the_buffer() {
    for (body, token) in [("", "t"), ("0123456789", "t"), ("b", "longer than the one before it")] {
        let mut request = with_token("old-old-old-old-old");
        request.begin(b"POST", b"/").unwrap();
        request.body(body.as_bytes()).unwrap();
        set(&request, "Authorization", Some(token));
        request.finish().unwrap();
        assert!(!request.buf.windows(3).any(|window| window == b"old"), "{body}, {token}");
    }
}

/// As `the_old_value_...`, for what `Drop` wipes: all that was ever written is counted.
#[test]
fn all_that_was_written_is_counted() {
    let mut request = with_token("secret");
    let counted = |request: &mut Request| {
        request.forget();
        assert!(request.buf[request.dirty..].iter().all(|byte| *byte == 0));
    };
    request.begin(b"GET", &[&b"/"[..], &[b'p'; 300]].concat()).unwrap();
    request.finish().unwrap();
    request.begin(b"GET", b"/").unwrap();
    counted(&mut request);
    request.mark().unwrap();
    request.body_reserve(600).unwrap().fill(b'b');
    request.body_commit(1).unwrap();
    request.rewind().unwrap();
    counted(&mut request);
    assert_eq!(request.body(&[b'x'; 960]), Err(Status::ERR_TOO_LARGE));
    counted(&mut request);
}
