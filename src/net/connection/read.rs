//! One read from the socket, without blocking, and what it says besides bytes.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;

use super::{Arrivals, Fault, Received};

/// Reads once what came over the wire. `was_reset`: an end is a reset that sending has met.
/// `os_error` is set to the number of the error that ends the connection.
#[inline(always)] // It is on the path of each order, and has more arguments than registers.
pub(super) fn read(
    stream: &TcpStream,
    arrivals: &mut Option<Box<Arrivals>>,
    was_reset: bool,
    os_error: &mut i32,
    space: &mut [u8],
) -> Result<Received, Fault> {
    let mut stream = stream;
    loop {
        let read = match arrivals {
            None => stream.read(space),
            Some(arrivals) => arrivals.read(stream, space),
        };
        match read {
            Ok(0) if was_reset => return Err(Fault::Reset),
            Ok(0) => return Ok(Received::End { clean: true }),
            Ok(n) => return Ok(Received::Bytes(n)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Received::Nothing),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                *os_error = error.raw_os_error().unwrap_or(0);
                return Err(error.into());
            }
        }
    }
}
