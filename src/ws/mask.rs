//! Masking: the exclusive or of a payload and a key of four bytes (RFC 6455 section 5.3).
//!
//! It works on eight bytes at a time, which the compiler makes sixteen and more. It does not know
//! where a key comes from: each frame must have a fresh one that a third party cannot foresee.

/// The key of one frame.
pub type Key = [u8; 4];

/// Masks `payload` in place. Masking once more with the same key undoes it.
pub fn mask(payload: &mut [u8], key: Key) {
    let word = word(key);
    let (words, rest) = payload.as_chunks_mut::<8>();
    for chunk in words {
        *chunk = (u64::from_ne_bytes(*chunk) ^ word).to_ne_bytes();
    }
    // Eight is a multiple of four, so the rest begins with the first byte of the key.
    for (byte, key) in rest.iter_mut().zip(word.to_ne_bytes()) {
        *byte ^= key;
    }
}

/// Writes `from`, masked, to `to`, in one pass.
///
/// # Panics
/// When the lengths differ.
pub fn mask_into(to: &mut [u8], from: &[u8], key: Key) {
    assert_eq!(to.len(), from.len(), "the masked payload is as long as the payload");
    let word = word(key);
    let ((to, to_rest), (from, from_rest)) = (to.as_chunks_mut::<8>(), from.as_chunks::<8>());
    for (to, from) in to.iter_mut().zip(from) {
        *to = (u64::from_ne_bytes(*from) ^ word).to_ne_bytes();
    }
    for ((to, from), key) in to_rest.iter_mut().zip(from_rest).zip(word.to_ne_bytes()) {
        *to = from ^ key;
    }
}

/// The key twice, in the order of memory.
fn word([a, b, c, d]: Key) -> u64 {
    u64::from_ne_bytes([a, b, c, d, a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 6455 section 5.3.
    fn by_octet(payload: &[u8], key: Key) -> Vec<u8> {
        payload.iter().enumerate().map(|(i, octet)| octet ^ key[i % 4]).collect()
    }

    #[test]
    fn each_length_is_masked_as_the_rfc_says() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let payload: Vec<u8> = (0..300_u32).map(|i| (i * 7 % 251) as u8).collect();
        for len in 0..payload.len() {
            for start in 0..(payload.len() - len).min(9) {
                let plain = &payload[start..start + len];
                let want = by_octet(plain, key);
                let mut masked = plain.to_vec();
                mask(&mut masked, key);
                assert_eq!(masked, want, "{len} bytes");
                let mut copied = vec![0; len];
                mask_into(&mut copied, plain, key);
                assert_eq!(copied, want, "{len} bytes, copied");
                mask(&mut masked, key);
                assert_eq!(masked, plain, "masked twice");
            }
        }
    }

    #[test]
    #[should_panic(expected = "as long as the payload")]
    fn lengths_that_differ_are_refused() {
        mask_into(&mut [0; 3], &[0; 4], [0; 4]);
    }
}
