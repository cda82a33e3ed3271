//! Random frames by seed: what our receiver sees, cut anyhow, is what tungstenite sees; what our
//! writer sends, a tungstenite server reads. The comparison is that of the fuzz target.
//!
//! `VENUEPOOL_WS_SEEDS=N` runs N seeds.

use venuepool::ws::error::Error;
use venuepool::ws::settings::{Limits, ReceiverSettings};

use crate::checks::ws_frames::compare;
use crate::peer::frame;

const SEEDS: u64 = 3_000;

/// Frames of a server that mostly keeps the rules.
struct Server {
    random: fastrand::Rng,
    in_message: bool,
}

impl Server {
    fn bytes(&mut self) -> Vec<u8> {
        let count = self.random.usize(1..12);
        (0..count).flat_map(|_| self.frame()).collect()
    }

    fn frame(&mut self) -> Vec<u8> {
        match self.random.u32(0..100) {
            0..60 => self.data(),
            60..80 => {
                let len = self.random.usize(0..126);
                frame(if self.random.bool() { 0x89 } else { 0x8a }, &self.payload(len))
            }
            80..85 => self.close(),
            85..90 => self.broken(),
            // A frame that is right, but perhaps not there.
            90..95 => {
                let payload = self.payload(3);
                frame(self.random.u8(..), &payload)
            }
            _ => self.random_bytes(),
        }
    }

    fn data(&mut self) -> Vec<u8> {
        let fin = self.random.u32(0..3) > 0;
        let opcode = if self.in_message { 0 } else { self.random.u8(1..3) };
        self.in_message = !fin;
        let len = match self.random.u32(0..20) {
            0..14 => self.random.usize(0..130),
            14..19 => self.random.usize(0..3000),
            _ => self.random.usize(65_000..66_000),
        };
        let payload = self.payload(len);
        frame(opcode | if fin { 0x80 } else { 0 }, &payload)
    }

    /// Mostly UTF-8, so that texts come through.
    fn payload(&mut self, len: usize) -> Vec<u8> {
        let mut text = String::new();
        while text.len() < len {
            text.push(self.random.char('\0'..='\u{10ffff}'));
        }
        let mut bytes = text.into_bytes();
        if self.random.u32(0..8) == 0 {
            // In the midst of a character, or not.
            bytes.truncate(len);
        }
        bytes.truncate(bytes.len().min(if len < 126 { 125 } else { len + 3 }));
        bytes
    }

    fn close(&mut self) -> Vec<u8> {
        let code = match self.random.u32(0..3) {
            0 => self.random.u16(995..1020),
            1 => self.random.u16(2995..5005),
            _ => self.random.u16(..),
        };
        let reason = self.payload(10);
        let payload = [&code.to_be_bytes()[..], &reason].concat();
        let len = *self.random.choice([0, 1, 2, payload.len()].iter()).unwrap();
        frame(0x88, &payload[..len])
    }

    /// A good frame with one bit of its header flipped, or with a length that is not the shortest.
    fn broken(&mut self) -> Vec<u8> {
        if self.random.u32(0..4) == 0 {
            return [[0x82, 126, 0].as_slice(), &frame(0, b"long")[1..]].concat();
        }
        let mut bytes = self.data();
        let at = self.random.usize(0..bytes.len().min(4));
        bytes[at] ^= 1 << self.random.u32(0..8);
        bytes
    }

    fn random_bytes(&mut self) -> Vec<u8> {
        let len = self.random.usize(0..20);
        std::iter::repeat_with(|| self.random.u8(..)).take(len).collect()
    }
}

#[test]
fn random_frames_are_seen_as_tungstenite_sees_them() {
    let seeds = std::env::var("VENUEPOOL_WS_SEEDS").map_or(SEEDS, |n| n.parse().unwrap());
    let mut errors = Vec::new();
    let mut good = 0;
    for seed in 0..seeds {
        // Shown only when the comparison panics.
        println!("seed {seed}");
        let mut server = Server { random: fastrand::Rng::with_seed(seed), in_message: false };
        let bytes = server.bytes();
        let limits = Limits {
            max_frame_size: 70_000,
            max_message_size: if server.random.bool() { 70_000 } else { 2_000 },
            max_fragments: usize::MAX,
        };
        let settings = ReceiverSettings { limits, ..ReceiverSettings::default() };
        let cuts: Vec<u8> = (0..server.random.usize(0..5)).map(|_| server.random.u8(..)).collect();
        match compare(settings, &bytes, &cuts) {
            Some(error) => errors.push(error),
            None => good += 1,
        }
    }
    // The test sees what it is for.
    assert!(good > seeds / 5, "only {good} good ones");
    for error in [
        Error::ReservedBits,
        Error::ReservedOpcode,
        Error::MaskedFrame,
        Error::LengthNotMinimal,
        Error::FragmentedControl,
        Error::UnexpectedContinuation,
        Error::ExpectedContinuation,
        Error::MessageTooLarge,
        Error::InvalidUtf8,
        Error::BadCloseLength,
        Error::BadCloseCode,
    ] {
        assert!(errors.contains(&error) || seeds < SEEDS, "no seed shows {error:?}");
    }
}
