//! Random responses: valid ones, damaged ones, and heaps of fragments.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::cases::Case;
use super::feed::{Verdict, feed_cut, in_bytes, whole};
use super::model::{Ask, Model, judge};
use crate::http::exchange::Reuse;

/// A valid response, and what it must decode to.
#[derive(Clone, Debug)]
struct Valid {
    bytes: Vec<u8>,
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    trailers: usize,
    interim: usize,
}

fn field() -> impl Strategy<Value = (String, Vec<u8>)> {
    let byte = prop_oneof![8 => 0x21_u8..0x7f, 1 => 0x80_u8..=0xff, 1 => Just(b' '), 1 => Just(9)];
    // The prefix keeps the name from being one that means something.
    ("x[!#$%&'*+.^_`|~0-9A-Za-z-]{0,12}", vec(byte, 0..20)).prop_map(|(name, value)| {
        let trimmed = value.trim_ascii().to_vec();
        (name, trimmed)
    })
}

fn add_fields(bytes: &mut Vec<u8>, fields: &[(String, Vec<u8>)]) {
    for (name, value) in fields {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
}

fn chunks() -> impl Strategy<Value = Vec<(Vec<u8>, String)>> {
    let extension = prop_oneof![3 => Just(String::new()), 1 => "[ \t]{0,2};[ -~]{0,20}"];
    vec((vec(any::<u8>(), 1..60), extension), 0..8)
}

fn valid() -> impl Strategy<Value = Valid> {
    let head = (200_u16..600, "[ -~]{0,10}", vec(field(), 0..8), any::<bool>());
    (head, chunks(), vec(field(), 0..3), vec(vec(field(), 0..3), 0..4)).prop_map(
        |((status, reason, fields, chunked), chunks, trailers, interim)| {
            let mut bytes = Vec::new();
            for fields in &interim {
                bytes.extend_from_slice(b"HTTP/1.1 103 Early Hints\r\n");
                add_fields(&mut bytes, fields);
                bytes.extend_from_slice(b"\r\n");
            }
            let bodyless = matches!(status, 204 | 304);
            let mut body: Vec<u8> = chunks.iter().flat_map(|(data, _)| data.clone()).collect();
            let mut headers = fields;
            headers.push(match chunked {
                true => ("Transfer-Encoding".to_owned(), b"chunked".to_vec()),
                false => ("Content-Length".to_owned(), body.len().to_string().into_bytes()),
            });
            bytes.extend_from_slice(format!("HTTP/1.1 {status} {reason}\r\n").as_bytes());
            add_fields(&mut bytes, &headers);
            bytes.extend_from_slice(b"\r\n");
            let trailer_count = if chunked && !bodyless { trailers.len() } else { 0 };
            if bodyless {
                body.clear();
            } else if chunked {
                for (data, extension) in &chunks {
                    bytes.extend_from_slice(format!("{:x}{extension}\r\n", data.len()).as_bytes());
                    bytes.extend_from_slice(data);
                    bytes.extend_from_slice(b"\r\n");
                }
                bytes.extend_from_slice(b"0\r\n");
                add_fields(&mut bytes, &trailers);
                bytes.extend_from_slice(b"\r\n");
            } else {
                bytes.extend_from_slice(&body);
            }
            let interim = interim.len();
            Valid { bytes, status, headers, body, trailers: trailer_count, interim }
        },
    )
}

fn cuts(len: usize, points: &[Index]) -> Vec<usize> {
    let mut cuts: Vec<_> = points.iter().map(|point| point.index(len + 1)).collect();
    cuts.sort_unstable();
    cuts
}

/// Pieces that responses are made of, and some that they must not be made of.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    const FRAGMENTS: &[&[u8]] = &[
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 204 \r\n",
        b"HTTP/1.0 304\r\n",
        b"HTTP/1.2 200 OK\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length: 0\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: , chunked\t,\r\n",
        b"Transfer-Encoding: ,\r\n",
        b"Connection: close\r\n",
        b"Connection: ,\t, close\r\n",
        b"Connection: keep-alive, Close\r\n",
        b"A: b\r\n",
        b"A : b\r\n",
        b" folded\r\n",
        b"hello",
        b"5\r\nhello\r\n",
        b"5;a=b\r\nhello\r\n",
        b"5 ;a\r\n",
        b"0\r\n\r\n",
        b"0\r\n",
        b"ffffffffffffffff\r\n",
        b"\r\n\r\n",
        b"\r\n",
        b"\r",
        b"\n",
        b"\0",
        b" ",
        b":",
        b";",
        b"5",
        b"0",
        b"\xff",
    ];
    select(FRAGMENTS).prop_map(<[u8]>::to_vec)
}

#[derive(Clone, Debug)]
enum Damage {
    Replace(u8),
    Insert(u8),
    Remove,
    Repeat(usize),
    End,
}

fn damage() -> impl Strategy<Value = Damage> {
    let byte = prop_oneof![
        3 => select(b"\r\n\0 \t:;,0159afxX+-_=\x7f\x80".to_vec()),
        1 => any::<u8>()
    ];
    prop_oneof![
        4 => byte.clone().prop_map(Damage::Replace),
        4 => byte.prop_map(Damage::Insert),
        2 => Just(Damage::Remove),
        1 => (1_usize..40).prop_map(Damage::Repeat),
        1 => Just(Damage::End),
    ]
}

fn apply(bytes: &mut Vec<u8>, at: Index, damage: &Damage) {
    if bytes.is_empty() {
        return;
    }
    let at = at.index(bytes.len());
    match damage {
        Damage::Replace(byte) => bytes[at] = *byte,
        Damage::Insert(byte) => bytes.insert(at, *byte),
        Damage::Remove => drop(bytes.remove(at)),
        Damage::Repeat(len) => {
            let run = bytes[at..bytes.len().min(at + len)].to_vec();
            bytes.splice(at..at, run);
        }
        Damage::End => bytes.truncate(at),
    }
}

/// However `bytes` are cut the verdict is the same, and the model agrees with it.
fn check(bytes: Vec<u8>, points: &[Index]) -> Result<(), TestCaseError> {
    let case = Case::new("random", bytes);
    let verdict = whole(&case);
    prop_assert_eq!(&in_bytes(&case), &verdict);
    prop_assert_eq!(&feed_cut(&case, &cuts(case.bytes.len(), points)), &verdict);
    match (judge(&case.bytes, &Ask::default()), &verdict) {
        (Model::Refused, Verdict::Failed(..)) | (Model::Incomplete, Verdict::Pending) => {}
        (Model::Done(answer), Verdict::Done(seen, reuse)) => {
            prop_assert_eq!((answer.status, &answer.body), (seen.status, &seen.body));
            prop_assert_eq!(&answer.headers, &seen.headers);
            prop_assert_eq!(answer.reuse, *reuse);
        }
        (model, verdict) => prop_assert!(false, "model {:?}, codec {:?}", model, verdict),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn valid_responses_decode_to_what_was_encoded(
        valid in valid(),
        points in vec(any::<Index>(), 0..8),
    ) {
        let case = Case::new("valid", &valid.bytes);
        let verdict = feed_cut(&case, &cuts(valid.bytes.len(), &points));
        let Verdict::Done(seen, reuse) = verdict else { panic!("{verdict:?}") };
        prop_assert_eq!(reuse == Reuse::KeepAlive, valid.status != 408);
        prop_assert_eq!(seen.status, valid.status);
        prop_assert_eq!(seen.body, valid.body);
        prop_assert_eq!((seen.trailers, seen.interim), (valid.trailers, valid.interim));
        let headers: Vec<_> =
            valid.headers.into_iter().map(|(name, value)| (name.into_bytes(), value)).collect();
        prop_assert_eq!(seen.headers, headers);
        check(valid.bytes, &points)?;
    }

    #[test]
    fn damaged_responses_get_one_verdict_however_they_are_cut(
        valid in valid(),
        damages in vec((any::<Index>(), damage()), 1..4),
        points in vec(any::<Index>(), 0..8),
    ) {
        let mut bytes = valid.bytes;
        for (at, damage) in &damages {
            apply(&mut bytes, *at, damage);
        }
        check(bytes, &points)?;
    }

    #[test]
    fn heaps_of_fragments_get_one_verdict_however_they_are_cut(
        fragments in vec(fragment(), 1..16),
        points in vec(any::<Index>(), 0..8),
    ) {
        check(fragments.concat(), &points)?;
    }
}
