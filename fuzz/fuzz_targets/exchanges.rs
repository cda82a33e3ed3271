//! Many exchanges on one connection: see `venuepool_fuzz::exchanges`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| venuepool_fuzz::exchanges::check(data));
