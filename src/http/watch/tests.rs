//! What is watched, which field of a head it is, and what counts as a number.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::http::exchange::{Exchange, Progress, read_whole};
use crate::http::limits::Limits;
use crate::http::response::Response;

fn list(names: &[&str]) -> WatchList {
    let mut list = WatchList::default();
    for (index, name) in names.iter().enumerate() {
        assert_eq!(list.add(name.as_bytes()), Ok(index));
    }
    list
}

/// Feeds `bytes` in segments of `step` bytes.
fn feed(response: &mut Response, bytes: &[u8], step: usize) {
    let limits = Limits::default();
    let mut exchange = Exchange::new(false, false);
    let mut progress = Ok(Progress::NeedMore);
    for segment in bytes.chunks(step) {
        response.space(&limits, segment.len()).unwrap().copy_from_slice(segment);
        response.commit(segment.len());
        progress = exchange.on_bytes(response, &limits);
    }
    assert!(matches!(progress, Ok(Progress::Done(_))), "{progress:?}");
}

#[test]
fn a_name_has_one_index_in_any_case() {
    let mut list = list(&["X-MBX-Used-Weight-1m", "Retry-After", "X"]);
    assert_eq!(list.add(b"retry-after"), Ok(1));
    assert_eq!(list.add(b"x"), Ok(2));
    assert_eq!((list.len(), list.is_empty()), (3, false));
}

#[test]
fn what_is_no_name_or_one_too_many_is_refused() {
    let mut list = WatchList::default();
    for bad in ["", "a b", "a:", "a\r\n", "\u{e9}"] {
        assert_eq!(list.add(bad.as_bytes()), Err(Status::ERR_HEADER_NAME), "{bad:?}");
    }
    for index in 0..MAX_WATCHED {
        assert_eq!(list.add(format!("X-{index}").as_bytes()), Ok(index));
    }
    assert_eq!(list.add(b"X-16"), Err(Status::ERR_ARGUMENT));
    assert_eq!(list.add(b"x-15"), Ok(15));
}

#[test]
fn names_of_any_length_are_found() {
    let names: Vec<String> = [1, 30, 62, 63, 64, 200].map(|len| "n".repeat(len)).into();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let list = Arc::new(list(&names));
    let fields: String = names.iter().map(|name| format!("{name}: {}\r\n", name.len())).collect();
    let head = format!("HTTP/1.1 204 No Content\r\n{fields}{}: no\r\n\r\n", "n".repeat(90));
    let mut response = Response::with_capacity(1024);
    response.watch(&list);
    feed(&mut response, head.as_bytes(), head.len());
    for (index, name) in names.iter().enumerate() {
        assert_eq!(response.watched(index), Ok(name.len().to_string().as_bytes()));
    }
}

#[test]
fn of_two_fields_it_is_the_first_and_interim_heads_and_trailers_say_nothing() {
    let list = Arc::new(list(&["X-Weight", "Link", "X-Late", "X-None"]));
    let bytes = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nX-Weight: 1\r\n\r\n\
                  HTTP/1.1 200 OK\r\nx-weight: 17\r\nTransfer-Encoding: chunked\r\n\
                  X-WEIGHT: 18\r\n\r\n2\r\n{}\r\n0\r\nX-Late: 5\r\n\r\n";
    for step in [1, 2, 7, bytes.len()] {
        let mut response = Response::with_capacity(64);
        response.watch(&list);
        feed(&mut response, bytes, step);
        assert_eq!(response.watched(0), Ok(&b"17"[..]), "steps of {step}");
        for index in 1..4 {
            assert_eq!(response.watched(index), Err(Status::ERR_NOT_FOUND), "steps of {step}");
        }
    }
}

#[test]
fn a_response_that_is_used_again_tells_nothing_of_the_one_before() {
    let mut response = Response::with_capacity(1024);
    response.watch(&Arc::new(list(&["X-Weight"])));
    feed(&mut response, b"HTTP/1.1 204 No Content\r\nX-Weight: 7\r\n\r\n", 1);
    assert_eq!(response.clone().watched(0), Ok(&b"7"[..]));
    response.recycle(1024);
    assert_eq!(response.watched(0), Err(Status::ERR_NOT_FOUND));
    feed(&mut response, b"HTTP/1.1 204 No Content\r\n\r\n", 1);
    assert_eq!(response.watched(0), Err(Status::ERR_NOT_FOUND));
}

#[test]
fn a_response_of_a_pool_that_watches_nothing_has_no_index() {
    let response = read_whole("HTTP/1.1 204 No Content\r\nA: b\r\n\r\n");
    assert_eq!(response.watched(0), Err(Status::ERR_ARGUMENT));
}

#[test]
fn a_number_is_digits_and_nothing_else() {
    for (value, number) in [
        ("0", Some(0)),
        ("0017", Some(17)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("3ms", None),
        ("1 2", None),
        ("1,2", None),
        ("\u{b2}", None),
    ] {
        assert_eq!(super::number(value.as_bytes()), number, "{value:?}");
    }
}

/// Fields of a head, so that names come more than once, in other cases, and as parts of others.
const NAMES: &[&str] =
    &["A", "a", "X-Weight", "x-weight", "X-Weight-1m", "Retry-After", "retry-afteR", "B!", "C"];

proptest! {
    /// Plain heads and others, whole and cut: what is watched is what a search finds.
    #[test]
    fn what_is_watched_is_what_a_search_finds(
        fields in prop::collection::vec((prop::sample::select(NAMES), "[ -~]{0,20}"), 0..30),
        watched in prop::collection::vec(prop::sample::select(NAMES), 0..MAX_WATCHED),
        step in 1_usize..200,
        behind in "[ -~]{0,40}",
    ) {
        let mut list = WatchList::default();
        let indices: Vec<_> =
            watched.iter().map(|name| list.add(name.as_bytes()).unwrap()).collect();
        let lines: String =
            fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!(
            "HTTP/1.1 200 OK\r\n{lines}Content-Length: {}\r\n\r\n{behind}", behind.len(),
        );
        let mut response = Response::with_capacity(64);
        response.watch(&Arc::new(list));
        feed(&mut response, head.as_bytes(), step);
        for (name, index) in watched.iter().zip(indices) {
            let found = response.find(name.as_bytes()).ok_or(Status::ERR_NOT_FOUND);
            prop_assert_eq!(response.watched(index), found);
        }
    }
}
