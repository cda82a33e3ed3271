//! Random bytes of the system, which no one can foresee (getrandom(2)).

use std::fs::File;
use std::io::Read;

/// Fills `bytes`. Up to 256 of them come without a wait, once the system has started.
///
/// # Panics
/// When the system has no random bytes, and then TLS does not work either.
#[allow(unsafe_code)]
pub fn fill(bytes: &mut [u8]) {
    let mut filled = 0;
    while filled < bytes.len() {
        let rest = &mut bytes[filled..];
        let (place, room) = (rest.as_mut_ptr(), rest.len());
        // The call itself: glibc has a function for it only since 2.25.
        // SAFETY: there is room for so many bytes.
        let got = unsafe { libc::syscall(libc::SYS_getrandom, place, room, 0) };
        match usize::try_from(got) {
            Ok(got) => filled += got,
            Err(_) if nix::Error::last() == nix::Error::EINTR => {}
            // A sandbox may not know the call.
            Err(_) => {
                let file = File::open("/dev/urandom");
                file.and_then(|mut file| file.read_exact(rest)).expect("there are random bytes");
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_it_is_filled_with_other_bytes_each_time() {
        let mut seen = [[0; 1024]; 3];
        seen.iter_mut().for_each(|bytes| fill(bytes));
        assert!(seen[0] != seen[1] && seen[1] != seen[2]);
        // Of 128 words none is 0 but once in 10^17.
        assert!(seen.iter().all(|bytes| bytes.chunks(8).all(|word| word != [0; 8])));
    }
}
