//! Marks, and going back to them.

use super::*;

#[test]
fn a_template_gives_the_same_bytes_a_thousand_times() {
    for (in_query, in_headers) in [(true, false), (false, true)] {
        let mut request = begun("POST", "/order?recvWindow=5000");
        if in_headers {
            request.header(b"user-agent", b"mine").unwrap();
        }
        request.mark().unwrap();
        let mut build = |id: usize| {
            request.rewind().unwrap();
            if in_query {
                request.query(b"id", &vec![b' '; id % 7]).unwrap();
                request.header(b"User-Agent", b"other").unwrap();
            }
            request.header(b"X-Signature", &vec![b's'; id % 11]).unwrap();
            match id % 3 {
                0 => request.body(&vec![b'b'; id]).unwrap(),
                1 => {
                    request.body_reserve(id + 1000).unwrap().fill(b'b');
                    request.body_commit(id).unwrap();
                }
                _ => {}
            }
            request.finish().unwrap().to_vec()
        };
        let first: Vec<_> = (0..1000).map(&mut build).collect();
        let again: Vec<_> = (0..1000).map(&mut build).collect();
        assert_eq!(first, again);
    }
}

#[test]
fn the_last_mark_counts_and_begin_forgets_it() {
    let mut request = begun("GET", "/");
    request.mark().unwrap();
    request.query(b"a", b"b").unwrap();
    request.mark().unwrap();
    request.query(b"c", b"d").unwrap();
    request.rewind().unwrap();
    assert_eq!(target(&mut request), "/?a=b");
    request.begin(b"GET", b"/").unwrap();
    assert_refuses(&mut request, Status::ERR_PHASE, Request::rewind);
}

#[test]
fn a_rewound_template_still_overrides() {
    let mut request = begun("GET", "/");
    request.header(b"User-Agent", b"mine").unwrap();
    request.mark().unwrap();
    request.finish().unwrap();
    request.rewind().unwrap();
    assert!(!finished(&mut request).contains("User-Agent: ua"));
}
