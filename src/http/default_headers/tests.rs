//! How the lines are encoded, what is overridden, and what the next generation keeps.

use super::*;

const HEADERS: [(&[u8], &[u8]); 3] =
    [(b"Accept", b"*/*"), (b"X-API-Key", b"secret"), (b"Connection", b"close")];

fn lines(headers: &DefaultHeaders, overridden: HeaderSet) -> String {
    let lines = headers.lines(overridden).collect::<Vec<_>>().concat();
    assert!(overridden != 0 || lines == headers.all_lines());
    String::from_utf8(lines).unwrap()
}

fn all(headers: &DefaultHeaders) -> String {
    lines(headers, 0)
}

#[test]
fn overridden_lines_are_left_out() {
    let headers = DefaultHeaders::new(HEADERS);
    assert_eq!(all(&headers), "Accept: */*\r\nX-API-Key: secret\r\nConnection: close\r\n");
    assert_eq!(lines(&headers, 0b001), "X-API-Key: secret\r\nConnection: close\r\n");
    assert_eq!(lines(&headers, 0b010), "Accept: */*\r\nConnection: close\r\n");
    assert_eq!(lines(&headers, 0b111), "");
}

#[test]
fn names_are_compared_in_any_case_and_whole() {
    let headers = DefaultHeaders::new(HEADERS);
    assert_eq!(headers.overridden_by(b"ACCEPT"), 0b001);
    assert_eq!(headers.overridden_by(b"x-api-key"), 0b010);
    assert_eq!(headers.overridden_by(b"connection"), 0b100);
    assert_eq!(headers.overridden_by(b"Accep"), 0);
    assert_eq!(headers.overridden_by(b"Accept-Encoding"), 0);
}

#[test]
fn a_default_close_counts_until_it_is_overridden() {
    let headers = DefaultHeaders::new(HEADERS);
    assert!(headers.closes(0) && headers.closes(0b011) && !headers.closes(0b100));
}

#[test]
fn as_many_headers_as_bits() {
    let names: Vec<String> = (0..MAX_DEFAULT_HEADERS).map(|n| format!("X-{n}")).collect();
    let headers = DefaultHeaders::new(names.iter().map(|name| (name.as_bytes(), &b"v"[..])));
    assert_eq!(headers.overridden_by(b"x-63"), 1 << 63);
    assert_eq!(headers.lines(1 << 63).count(), 63);
    assert_eq!(headers.with(b"X-64", Some(b"v")).err(), Some(Status::ERR_ARGUMENT));
    let without = headers.with(b"X-0", None).unwrap();
    let refused = without.with(b"X-64", Some(b"v")).err();
    assert_eq!(refused, Some(Status::ERR_ARGUMENT), "a removed name keeps its place");
    assert!(without.with(b"x-0", Some(b"v")).is_ok());
}

#[test]
fn the_next_generation_has_another_value() {
    let first = DefaultHeaders::new(HEADERS);
    let next = first.with(b"x-api-KEY", Some(b"another")).unwrap();
    assert_eq!(all(&next), "Accept: */*\r\nx-api-KEY: another\r\nConnection: close\r\n");
    assert_eq!((first.generation(), next.generation()), (0, 1));
    assert_eq!(all(&first), "Accept: */*\r\nX-API-Key: secret\r\nConnection: close\r\n");
    let empty = next.with(b"X-API-Key", Some(b"")).unwrap();
    assert_eq!(all(&empty), "Accept: */*\r\nX-API-Key: \r\nConnection: close\r\n");
    assert_eq!(all(&empty.with(b"Accept", Some(b"a")).unwrap()).len(), all(&empty).len() - 2);
}

#[test]
fn names_are_added_behind_and_keep_their_places() {
    let first = DefaultHeaders::new(HEADERS);
    let added = first.with(b"Authorization", Some(b"Bearer 1")).unwrap();
    assert!(all(&added).ends_with("Connection: close\r\nAuthorization: Bearer 1\r\n"));
    assert_eq!((first.len(), added.len()), (3, 4));
    let removed = added.with(b"connection", None).unwrap();
    assert_eq!(all(&removed), "Accept: */*\r\nX-API-Key: secret\r\nAuthorization: Bearer 1\r\n");
    assert!(added.closes(0) && !removed.closes(0));
    assert_eq!(removed.overridden_by(b"authorization"), 0b1000);
    assert_eq!(lines(&removed, 0b1010), "Accept: */*\r\n");
    let back = removed.with(b"Connection", Some(b"close")).unwrap();
    assert!(back.closes(0) && back.overridden_by(b"connection") == 0b100);
}

#[test]
fn what_is_not_there_cannot_be_removed() {
    let first = DefaultHeaders::new(HEADERS);
    assert_eq!(first.with(b"Authorization", None).err(), Some(Status::ERR_NOT_FOUND));
    let without = first.with(b"Accept", None).unwrap();
    assert_eq!(without.with(b"Accept", None).err(), Some(Status::ERR_NOT_FOUND));
}

#[test]
fn an_empty_user_agent_is_not_sent() {
    let first = DefaultHeaders::new([(&b"User-Agent"[..], &b"ua"[..])]);
    let without = first.with(b"user-agent", Some(b"")).unwrap();
    assert_eq!(all(&without), "");
    assert_eq!(all(&without.with(b"User-Agent", Some(b"")).unwrap()), "");
    assert_eq!(all(&without.with(b"User-Agent", Some(b"x")).unwrap()), "User-Agent: x\r\n");
    let none = DefaultHeaders::new([]).with(b"User-Agent", Some(b"")).unwrap();
    assert_eq!((all(&none).as_str(), none.len()), ("", 0));
}

#[test]
fn what_a_configuration_would_refuse_is_refused() {
    let headers = DefaultHeaders::new(HEADERS);
    for (name, value, status) in [
        ("", "v", Status::ERR_HEADER_NAME),
        ("a b", "v", Status::ERR_HEADER_NAME),
        ("a\r\n", "v", Status::ERR_HEADER_NAME),
        ("A", "v\r\nB: c", Status::ERR_HEADER_VALUE),
        ("A", "v\0", Status::ERR_HEADER_VALUE),
        ("Host", "v", Status::ERR_HEADER_RESERVED),
        ("content-length", "1", Status::ERR_HEADER_RESERVED),
        ("Transfer-Encoding", "chunked", Status::ERR_HEADER_RESERVED),
        ("Expect", "100-continue", Status::ERR_HEADER_RESERVED),
        ("Connection", "upgrade", Status::ERR_HEADER_RESERVED),
    ] {
        let answer = headers.with(name.as_bytes(), Some(value.as_bytes()));
        assert_eq!(answer.err(), Some(status), "{name}: {value}");
    }
    assert_eq!(headers.with(b"Host", None).err(), Some(Status::ERR_HEADER_RESERVED));
}
