//! Answers to a WebSocket handshake, against a model: see `venuepool_fuzz::ws_handshake`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| venuepool_fuzz::ws_handshake::check(data));
