//! Carries bytes both ways between two sockets, as a sidecar or a proxy does once it is set up.

use std::io::{Read, Write, copy};
use std::net::Shutdown;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

/// One end of a relay.
pub(crate) trait End: Read + Write + Send + Sized + 'static {
    /// A second handle of the same socket.
    fn again(&self) -> Self;
    /// Says that nothing more is written.
    fn finish(&self);
}

impl End for TcpStream {
    fn again(&self) -> Self {
        self.try_clone().unwrap()
    }

    fn finish(&self) {
        // The peer may be gone.
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl End for UnixStream {
    fn again(&self) -> Self {
        self.try_clone().unwrap()
    }

    fn finish(&self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

/// Relays until both sides have ended.
pub(crate) fn relay(one: impl End, other: impl End) {
    let (mut back, mut forth) = (other.again(), one.again());
    let answers = std::thread::spawn(move || {
        let _ = copy(&mut back, &mut forth);
        forth.finish();
    });
    let (mut one, mut other) = (one, other);
    let _ = copy(&mut one, &mut other);
    other.finish();
    answers.join().unwrap();
}
