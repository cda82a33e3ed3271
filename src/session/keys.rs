//! The keys that mask frames: fresh ones, which no third party can foresee (RFC 6455 section 5.3).
//!
//! Random bytes of the system are taken by the block, because each call costs more than a frame.
//! The generator of the TLS library is seeded once for each thread: the first order of a thread of
//! the engine would wait milliseconds for that.

use zeroize::Zeroize;

use crate::net::random;
use crate::ws::mask::Key;

/// The keys that one call of the system gives.
const BLOCK: usize = 64;

/// Keys, each given once.
pub(super) struct Keys {
    block: [u8; 4 * BLOCK],
    used: usize,
}

impl Keys {
    pub(super) fn new() -> Self {
        Self { block: [0; 4 * BLOCK], used: BLOCK }
    }

    /// The next key.
    ///
    /// # Panics
    /// When there are no random bytes, without which TLS does not work either.
    pub(super) fn next(&mut self) -> Key {
        if self.used == BLOCK {
            random::fill(&mut self.block);
            self.used = 0;
        }
        let place = 4 * self.used..4 * (self.used + 1);
        self.used += 1;
        self.block[place].try_into().unwrap_or_default()
    }
}

/// 16 random bytes, for one handshake.
pub(super) fn nonce() -> [u8; 16] {
    let mut nonce = [0; 16];
    random::fill(&mut nonce);
    nonce
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.block.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_differ_over_blocks_and_sessions() {
        let (mut one, mut other) = (Keys::new(), Keys::new());
        let keys: HashSet<Key> = (0..4 * BLOCK).flat_map(|_| [one.next(), other.next()]).collect();
        // Of 2048 random numbers of 32 bits two are equal now and then, and ten never.
        assert!(keys.len() > 8 * BLOCK - 10, "{}", keys.len());
    }
}
