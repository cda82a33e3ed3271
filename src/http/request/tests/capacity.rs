//! What fits, and what becomes of what does not.

use super::*;

#[test]
fn capacity_to_the_byte_for_each_call() {
    let path = format!("/{}", "p".repeat(100));
    let begin = |r: &mut Request| r.begin(b"POST", path.as_bytes());
    let nothing = |_: &mut Request| Ok(());
    let header = |r: &mut Request| r.header(b"User-Agent", b"mine");
    let whole = |r: &mut Request| r.begin(b"OPTIONS", b"*");
    type Step<'a> = &'a dyn Fn(&mut Request) -> Result<(), Status>;
    let table: &[(Step<'_>, Step<'_>, usize)] = &[
        (&nothing, &begin, 0),
        (&begin, &|r| r.begin(b"GET", &[path.as_bytes(), b"and-more"].concat()), 0),
        (&begin, &|r| r.query(b"a", b"b"), 0),
        (&begin, &|r| r.query(b"\n", b"\xff\xff"), 0),
        (&begin, &|r| r.query_raw(b"a=b"), 0),
        (&begin, &|r| r.query_raw(b"a"), 0),
        (&begin, &|r| r.header(b"A", b"value"), 0),
        (&begin, &header, 0),
        (&begin, &|r| r.body(b""), 0),
        (&begin, &|r| r.body(b"0123456789"), 0),
        (&begin, &|r| r.body_reserve(0).map(drop), 0),
        (&begin, &|r| r.body_reserve(10).map(drop), 10),
        (&begin, &|r| r.finish().map(drop), 0),
        (&|r| begin(r).and_then(|()| header(r)), &|r| r.finish().map(drop), 0),
        (&|r| whole(r).and_then(|()| header(r)), &|r| r.header(b"A", &[b'v'; 99]), 0),
    ];
    for (index, (before, call, reserved)) in table.iter().enumerate() {
        let defaults = [("User-Agent", "ua")];
        let mut request = Request::new(origin(&defaults, KIB));
        before(&mut request).unwrap();
        call(&mut request).unwrap();
        let needed = request.state.len + reserved;

        let mut exact = Request::new(origin(&defaults, needed));
        before(&mut exact).unwrap();
        assert_eq!(call(&mut exact), Ok(()), "{index}");
        assert_eq!(exact.state.len + reserved, needed);

        let mut short = Request::new(origin(&defaults, needed - 1));
        before(&mut short).unwrap();
        assert_refuses(&mut short, Status::ERR_TOO_LARGE, call);
    }
}

#[test]
fn an_empty_piece_fits_into_a_full_buffer() {
    let room = KIB - "GET /v1".len();
    let path = format!("/{}", "p".repeat(room - 1));
    let mut request = Request::new(origin(&[], KIB));
    request.begin(b"GET", path.as_bytes()).unwrap();
    request.query_raw(b"").unwrap();
    assert_refuses(&mut request, Status::ERR_TOO_LARGE, |r| r.query_raw(b"a"));
    assert_refuses(&mut request, Status::ERR_TOO_LARGE, |r| r.finish().map(drop));
}

#[test]
fn a_refused_begin_leaves_the_finished_request_and_its_mark() {
    let mut request = begun("POST", "/order");
    request.mark().unwrap();
    request.body(b"body").unwrap();
    let long = [b"/", &[b'x'; 16 * KIB][..]].concat();
    assert_refuses(&mut request, Status::ERR_TOO_LARGE, |r| r.begin(b"GET", &long));
    assert_refuses(&mut request, Status::ERR_METHOD, |r| r.begin(b"CONNECT", b"/"));
    assert_refuses(&mut request, Status::ERR_PATH, |r| r.begin(b"GET", b"order"));
    request.rewind().unwrap();
    request.body(b"b").unwrap();
    assert!(finished(&mut request).starts_with("POST /v1/order HTTP/1.1\r\n"));
}

#[test]
fn the_buffer_never_moves_or_grows() {
    let mut request = request();
    let place = request.buf.as_ptr_range();
    for round in 0..1000_usize {
        request.begin(b"POST", b"/order").unwrap();
        request.query(b"id", round.to_string().as_bytes()).unwrap();
        request.header(b"X-Key", &vec![b'k'; round]).unwrap();
        match round % 3 {
            0 => request.body(&vec![b'b'; round * 10]).unwrap(),
            1 => {
                request.body_reserve(round * 10).unwrap();
                request.body_commit(round).unwrap();
            }
            _ => {
                assert_eq!(request.body(&[0; 16 * KIB]), Err(Status::ERR_TOO_LARGE));
                request.begin(b"GET", b"/after").unwrap();
            }
        }
        let bytes = request.finish().unwrap().as_ptr();
        assert_eq!(bytes, place.start);
        assert_eq!(request.buf.as_ptr_range(), place);
        assert_eq!(request.buf.len(), 16 * KIB);
    }
}
