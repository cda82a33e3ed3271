//! Each kind of response through the whole pool, plaintext and TLS, and the connection afterwards.

use mock_venue::{Fault, FaultKind, Options, Script, Venue};
use venuepool::config::Config;
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{CloseReason, Outcome, Status};

use crate::rig::{body, get, request, script_pool, status, until, until_idle, venue_pool};

#[test]
fn every_kind_of_good_response_keeps_the_connection() {
    for options in [Options::plain(), Options::tls()] {
        let venue = Venue::start(options).unwrap();
        let pool = venue_pool(&venue, 1);
        let mut request = request(&pool);
        for method in ["GET", "HEAD"] {
            request.begin(method.as_bytes(), b"/api/v3/time").unwrap();
            let done = pool.execute(&mut request, WhenBusy::Refuse).unwrap();
            assert_eq!(status(&done), 200);
            assert_eq!(body(&done).is_empty(), method == "HEAD");
        }
        for code in [200, 204, 304, 404, 429, 503] {
            let done = get(&pool, &format!("/status/{code}"));
            assert_eq!((done.outcome, status(&done)), (Outcome::Ok, code));
        }
        let plain = body(&get(&pool, "/api/v3/account"));
        assert_eq!(body(&get(&pool, "/api/v3/account?chunked=1")).len(), plain.len());
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "REPORT"] {
            request.begin(method.as_bytes(), b"/echo?raw=1").unwrap();
            let done = pool.execute(&mut request, WhenBusy::Refuse).unwrap();
            assert_eq!(done.outcome, Outcome::Ok, "{method}");
        }
        assert_eq!(venue.stats().connections, 1);
        pool.close().unwrap();
    }
}

#[test]
fn bodies_of_megabytes_arrive_whole_and_go_out_whole() {
    for options in [Options::plain(), Options::tls()] {
        let venue = Venue::start(options).unwrap();
        let mut config = crate::rig::venue_config(&venue, 1);
        config.set_request_capacity(4 << 20).unwrap();
        let pool = Pool::open(&config).unwrap();
        for path in ["/api/v3/exchangeInfo?bytes=5000000", "/api/v3/exchangeInfo?chunked=1"] {
            let done = get(&pool, path);
            assert_eq!(done.outcome, Outcome::Ok);
            assert!(body(&done).len() >= 4_000_000);
        }
        let mut request = request(&pool);
        let sent: Vec<u8> = (0..3_000_000_u32).map(|n| b'a' + (n % 26) as u8).collect();
        request.begin(b"POST", b"/echo?raw=1").unwrap();
        request.body(&sent).unwrap();
        let done = pool.execute(&mut request, WhenBusy::Refuse).unwrap();
        assert!(done.response.as_ref().unwrap().response.body() == sent);
        assert_eq!(venue.stats().connections, 1);
        pool.close().unwrap();
    }
}

#[test]
fn slow_bytes_make_the_same_response() {
    let venue = Venue::start(Options::tls()).unwrap();
    let pool = venue_pool(&venue, 1);
    let whole = body(&get(&pool, "/api/v3/account"));
    let slow = FaultKind::Slow { bytes: 97, every: std::time::Duration::from_millis(1) };
    venue.set_fault(Fault::always(slow)).unwrap();
    assert_eq!(body(&get(&pool, "/api/v3/account")).len(), whole.len());
    pool.close().unwrap();
}

#[test]
fn a_close_delimited_response_ends_with_its_connection() {
    let server = Script::serve(|peer, _| {
        if let Ok(Some(request)) = peer.read_request() {
            peer.write(format!("HTTP/1.1 200 OK\r\n\r\n{}", request.target).as_bytes()).unwrap();
        }
    })
    .unwrap();
    let pool = script_pool(&server);
    for target in ["/a", "/b"] {
        assert_eq!(body(&get(&pool, target)), target);
    }
    until(|| (pool.stats().closed[CloseReason::CloseDelimited as usize].get() == 2).then_some(()));
    pool.close().unwrap();
}

#[test]
fn a_request_may_close_its_connection() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = venue_pool(&venue, 1);
    let mut request = request(&pool);
    request.begin(b"GET", b"/api/v3/ping").unwrap();
    request.header(b"Connection", b"close").unwrap();
    assert_eq!(pool.execute(&mut request, WhenBusy::Refuse).unwrap().outcome, Outcome::Ok);
    until(|| (pool.stats().connected.get() == 2).then_some(()));
    until_idle(&pool, 1);
    pool.close().unwrap();
}

#[test]
fn responses_that_break_the_rules_end_with_their_name_and_their_connection() {
    let cases: &[(&str, Outcome)] = &[
        ("HTTP/1.1 20 OK\r\n\r\n", Outcome::BadStatusLine),
        ("HTTP/2.0 200 OK\r\n\r\n", Outcome::BadVersion),
        ("HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n", Outcome::BadHeader),
        ("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello", Outcome::BadContentLength),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", Outcome::BadTransferEncoding),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            Outcome::AmbiguousLength,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloEVIL\r\n0\r\n\r\n",
            Outcome::BadChunk,
        ),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", Outcome::UnexpectedUpgrade),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", Outcome::BodyTooLarge),
    ];
    for (answer, outcome) in cases {
        let server = Script::serve(|peer, _| {
            if let Ok(Some(_)) = peer.read_request() {
                peer.write(answer.as_bytes()).unwrap();
                let _ = peer.wait_eof();
            }
        })
        .unwrap();
        let pool = script_pool(&server);
        assert_eq!(get(&pool, "/").outcome, *outcome, "{answer:?}");
        until(|| (pool.stats().connected.get() == 2).then_some(()));
        assert_eq!(pool.stats().closed[CloseReason::Protocol as usize].get(), 1);
        pool.close().unwrap();
    }
}

/// The outcome of an answer in a pool that was configured so.
fn outcome_with(
    configure: impl FnOnce(&mut Config) -> Result<(), Status>,
    answer: &'static str,
) -> Outcome {
    let server = Script::serve(move |peer, _| {
        if let Ok(Some(_)) = peer.read_request() {
            peer.write(answer.as_bytes()).unwrap();
            let _ = peer.wait_eof();
        }
    })
    .unwrap();
    let mut config = crate::rig::config(&server.url(), 1);
    configure(&mut config).unwrap();
    let pool = Pool::open(&config).unwrap();
    let outcome = get(&pool, "/").outcome;
    pool.close().unwrap();
    outcome
}

#[test]
fn every_limit_is_a_setting() {
    const EARLY: &str = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
    const CHUNKS: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        1;extension=of-more-than-thirty-two-bytes\r\nx\r\n0\r\nTrailer: field\r\n\r\n";
    const SIZED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: b\r\n\r\nok";
    for answer in [EARLY, CHUNKS, SIZED] {
        assert_eq!(outcome_with(|_| Ok(()), answer), Outcome::Ok);
    }
    assert_eq!(outcome_with(|c| c.set_max_interim(0), EARLY), Outcome::TooManyInterim);
    assert_eq!(outcome_with(|c| c.set_max_chunk_line(32), CHUNKS), Outcome::ChunkOverhead);
    assert_eq!(outcome_with(|c| c.set_max_chunk_overhead(32), CHUNKS), Outcome::ChunkOverhead);
    assert_eq!(outcome_with(|c| c.set_max_trailer_size(4), CHUNKS), Outcome::TrailersTooLarge);
    assert_eq!(outcome_with(|c| c.set_max_body_size(1), SIZED), Outcome::BodyTooLarge);
    assert_eq!(outcome_with(|c| c.set_max_headers(1), SIZED), Outcome::TooManyHeaders);
    let long: &'static str = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "a".repeat(1024)).leak();
    assert_eq!(outcome_with(|c| c.set_max_head_size(1024), long), Outcome::HeadTooLarge);
}
