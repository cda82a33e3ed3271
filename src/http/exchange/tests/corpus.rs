//! Each case of the table as a seed for the fuzz targets `response` and `exchanges`.
//!
//! The seeds are files in the repository; `UPDATE_CORPUS=1` writes them anew. Their form is said in
//! `fuzz/src/response.rs` and `fuzz/src/exchanges.rs`.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::cases::{Case, table};
use super::feed::End;
use crate::http::limits::Limits;

/// Longer cases are about limits that a fuzzer reaches by setting them small.
const MAX_SEED: usize = 1200;

#[test]
fn the_corpus_holds_every_case() {
    for (target, encode) in
        [("response", response as fn(&Case) -> Vec<u8>), ("exchanges", exchanges)]
    {
        let mut seeds = HashSet::new();
        for case in table().iter().filter(|case| case.bytes.len() <= MAX_SEED) {
            let path = place(target, &case.name);
            let seed = encode(case);
            if std::env::var_os("UPDATE_CORPUS").is_some() {
                fs::write(&path, &seed).unwrap();
            }
            let found = fs::read(&path).unwrap_or_default();
            assert!(found == seed, "{}: run the tests with UPDATE_CORPUS=1", path.display());
            assert!(seeds.insert(path), "two cases are called {}", case.name);
        }
        assert!(seeds.len() > 300, "only {}", seeds.len());
    }
}

fn place(target: &str, name: &str) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = name.chars().map(plain).collect();
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fuzz/corpus/{target}/case-{name}"))
}

fn flag(set: bool, bit: u8) -> u8 {
    u8::from(set) << bit
}

fn limits(l: &Limits) -> Vec<u8> {
    let usual = Limits::default();
    let pairs = [
        (l.max_head_size, usual.max_head_size),
        (l.max_headers, usual.max_headers),
        (l.max_interim, usual.max_interim),
        (l.max_chunk_line, usual.max_chunk_line),
        (l.max_chunk_overhead, usual.max_chunk_overhead),
        (l.max_trailer_size, usual.max_trailer_size),
        (l.max_body_size, usual.max_body_size),
    ];
    let byte = |(limit, usual)| match u8::try_from(limit) {
        Ok(small) if limit != usual => small,
        _ => u8::MAX,
    };
    pairs.into_iter().map(byte).collect()
}

fn response(case: &Case) -> Vec<u8> {
    let own_limits = case.limits != Limits::default();
    let end = match case.end {
        End::Open => 0,
        End::Clean => 1,
        End::Unclean => 2,
    };
    let flags = flag(case.head_request, 0) | flag(case.request_close, 1) | end << 2;
    let mut seed = vec![flags | flag(own_limits, 4)];
    if own_limits {
        seed.extend(limits(&case.limits));
    }
    // One read in the middle of each, then single bytes.
    seed.extend([2, 20, 0]);
    seed.extend_from_slice(&case.bytes);
    seed
}

/// A good exchange, the case, and another good exchange behind it.
fn exchanges(case: &Case) -> Vec<u8> {
    const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let own_limits = case.limits != Limits::default();
    let mut seed = vec![flag(own_limits, 0) | flag(case.end == End::Clean, 1)];
    if own_limits {
        seed.extend(limits(&case.limits));
    }
    let kind = flag(case.head_request, 0) | flag(case.request_close, 1) | 4;
    seed.extend([1, 200, 3, 4, kind, 4]);
    for bytes in [GOOD, &case.bytes, GOOD] {
        seed.extend_from_slice(bytes);
    }
    seed
}
