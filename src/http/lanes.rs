//! Classes of bytes, decided for 16 bytes together.
//!
//! A class here is of bytes that need a closer look. Nearly all text has none of them, and is then
//! good. What has one is judged elsewhere, byte by byte, by the rules of the RFCs.

use std::ops::RangeInclusive;

use wide::{i8x16, u8x16};

/// How many bytes those are.
pub(super) const LANES: usize = 16;

/// Bytes that are looked at together.
pub(super) type Lanes = [u8; LANES];

/// Whether none of `bytes` is of the class. Of fewer than eight bytes it is not known: `false`.
#[inline(always)]
pub(super) fn has_none(bytes: &[u8], mut class: impl FnMut(Lanes) -> u32) -> bool {
    const HALF: usize = LANES / 2;
    if let Some(last) = bytes.last_chunk::<LANES>() {
        let (chunks, _) = bytes.as_chunks::<LANES>();
        chunks.iter().fold(class(*last), |found, lanes| found | class(*lanes)) == 0
    } else if let (Some(first), Some(last)) =
        (bytes.first_chunk::<HALF>(), bytes.last_chunk::<HALF>())
    {
        let both = [u64::from_ne_bytes(*first), u64::from_ne_bytes(*last)];
        class(bytemuck::cast(both)) == 0
    } else {
        false
    }
}

/// Which of them are control bytes, a bit for each.
pub(super) fn controls(lanes: Lanes) -> u32 {
    let lanes = u8x16::new(lanes);
    (lanes.simd_le(u8x16::splat(0x1f)) | lanes.simd_eq(u8x16::splat(0x7f))).to_bitmask()
}

/// Which of them are no letters and not `-`. Few names have anything else.
pub(super) fn not_of_a_usual_name(lanes: Lanes) -> u32 {
    let lanes = i8x16::new(lanes.map(u8::cast_signed));
    let no_letter = outside(lanes | i8x16::splat(0x20), b'a'..=b'z');
    (no_letter & !lanes.simd_eq(i8x16::splat(b'-'.cast_signed()))).to_bitmask()
}

/// Which of them are no letters, digits, `-` or `_`: of what a token may hold besides, nothing is
/// found in the names of real fields.
pub(super) fn not_of_a_name(lanes: Lanes) -> u32 {
    let lanes = i8x16::new(lanes.map(u8::cast_signed));
    // Sets the bit that tells small letters from capital ones.
    let no_letter = outside(lanes | i8x16::splat(0x20), b'a'..=b'z');
    let is = |mark: u8| lanes.simd_eq(i8x16::splat(mark.cast_signed()));
    let mark = is(b'-') | is(b'_');
    (no_letter & outside(lanes, b'0'..=b'9') & !mark).to_bitmask()
}

/// Which of them are not in the range. It is moved down to the least number that there is, so that
/// one comparison does, of signed numbers, which is the one that all processors have.
fn outside(lanes: i8x16, range: RangeInclusive<u8>) -> i8x16 {
    let down = i8::MIN.wrapping_sub(range.start().cast_signed());
    let last = range.end().cast_signed().wrapping_add(down);
    (lanes + i8x16::splat(down)).simd_gt(i8x16::splat(last))
}

/// Which of them are no letters, digits or `&'()*+,-./:;=?@_`: all of these may stand in a target
/// (RFC 3986 sections 3.3 and 3.4).
pub(super) fn not_of_a_target(lanes: Lanes) -> u32 {
    let lanes = i8x16::new(lanes.map(u8::cast_signed));
    let no_letter = outside(lanes, b'a'..=b'z') & outside(lanes, b'?'..=b'Z');
    let is = |mark: u8| lanes.simd_eq(i8x16::splat(mark.cast_signed()));
    (no_letter & outside(lanes, b'&'..=b';') & !(is(b'=') | is(b'_'))).to_bitmask()
}

/// Which of them are question marks.
pub(super) fn questions(lanes: Lanes) -> u32 {
    u8x16::new(lanes).simd_eq(u8x16::splat(b'?')).to_bitmask()
}
