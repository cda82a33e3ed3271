//! Where a place may be, and what becomes of it when a request is built anew.

use super::*;

#[test]
fn a_place_is_in_the_query_or_at_the_end_of_the_last_header_value_or_in_the_body() {
    let mut request = begun("POST", "/order");
    assert_eq!(request.query_raw(b"t="), Ok(()));
    assert_eq!(request.placeholder(4), Ok(0));
    request.query_raw(b"side=BUY").unwrap();
    request.header(b"Sign", b"v1=").unwrap();
    assert_eq!(request.placeholder(2), Ok(1));
    assert_eq!(request.placeholder(1), Ok(2), "it follows the one before");
    request.header(b"After", b"it").unwrap();
    request.body(b"abcdef").unwrap();
    assert_eq!(request.body_placeholder(1, 2), Ok(3));
    let text = finished(&mut request);
    assert!(text.starts_with("POST /v1/order?t=0000&side=BUY HTTP/1.1\r\n"), "{text}");
    assert!(text.contains("\r\nSign: v1=000\r\nAfter: it\r\n"), "{text}");
    request.set_on_send(Some(Arc::new(|sending: &mut crate::http::late::Sending<'_>| {
        let values: [&[u8]; 4] = [b"1234", b"ab", b"c", b"YZ"];
        values.iter().enumerate().all(|(place, value)| sending.fill(place, value).is_ok())
    })));
    assert!(request.late().unwrap().0.sign(Default::default()));
    let text = finished(&mut request);
    assert!(text.contains("?t=1234&side=BUY ") && text.contains("\r\nSign: v1=abc\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\naYZdef"), "{text}");
}

#[test]
fn a_place_that_cannot_be_is_refused_and_spoils_the_request() {
    type Step = fn(&mut Request) -> Result<usize, Status>;
    let refused: [(Step, Status); 8] = [
        (|r| r.placeholder(1), Status::ERR_PHASE),
        (|r| r.query(b"a", b"b").and_then(|()| r.placeholder(0)), Status::ERR_ARGUMENT),
        (|r| r.query(b"a", b"b").and_then(|()| r.placeholder(1 << 40)), Status::ERR_TOO_LARGE),
        (|r| r.header(b"Connection", b"c").and_then(|()| r.placeholder(1)), Status::ERR_PHASE),
        (|r| r.body(b"ab").and_then(|()| r.placeholder(1)), Status::ERR_PHASE),
        (|r| r.body_placeholder(0, 1), Status::ERR_PHASE),
        (|r| r.body(b"ab").and_then(|()| r.body_placeholder(1, 2)), Status::ERR_ARGUMENT),
        (|r| r.body(b"ab").and_then(|()| r.body_placeholder(usize::MAX, 2)), Status::ERR_ARGUMENT),
    ];
    for (number, (step, status)) in refused.into_iter().enumerate() {
        let mut request = begun("POST", "/order");
        assert_eq!(step(&mut request), Err(status), "{number}");
        assert_spoiled(&mut request, status);
    }
    let mut request = begun("GET", "/a?b=");
    assert!((0..8).all(|number| request.placeholder(1) == Ok(number)));
    assert_eq!(request.placeholder(1), Err(Status::ERR_TOO_LARGE));
}

#[test]
fn a_template_keeps_its_places_and_rewind_forgets_those_behind_it() {
    let mut request = begun("POST", "/order?t=");
    assert_eq!(request.placeholder(4), Ok(0));
    request.mark().unwrap();
    for _ in 0..20 {
        request.body(b"body").unwrap();
        assert_eq!(request.body_placeholder(0, 4), Ok(1));
        request.rewind().unwrap();
    }
    assert!(request.is_late());
    request.begin(b"GET", b"/").unwrap();
    assert!(!request.is_late());
}
