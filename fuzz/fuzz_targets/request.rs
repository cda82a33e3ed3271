//! Arbitrary calls of the request builder: see `venuepool_fuzz::request`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| venuepool_fuzz::request::check(data));
