//! Arbitrary calls of the C functions: see `venuepool_fuzz::c_api`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| venuepool_fuzz::c_api::check(data));
