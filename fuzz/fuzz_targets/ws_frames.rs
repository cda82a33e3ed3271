//! Frames of a WebSocket server, against tungstenite: see `venuepool_fuzz::ws_frames`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| venuepool_fuzz::ws_frames::check(data));
