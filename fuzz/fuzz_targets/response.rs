//! One response, cut anywhere, against the model: see `venuepool_fuzz::response`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| venuepool_fuzz::response::check(data));
