//! A peer in the same process that answers each request with the request's own body, byte for byte,
//! so that whoever writes the request says what the response looks like.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// More than the connections that the checks open at a time, and some that are still ending.
const THREADS: usize = 16;

/// Starts the peer; it lives as long as the process.
pub(super) fn start() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
    let address = listener.local_addr().expect("it is bound");
    // All threads begin here and none ends: one that is just beginning looks like a leak.
    for _ in 0..THREADS {
        let listener = listener.try_clone().expect("a descriptor");
        thread::spawn(move || listener.incoming().flatten().for_each(serve));
    }
    address
}

/// Answers until the client ends the connection. A target that ends with `f` asks for a FIN behind
/// the answer, one that ends with `n` for no answer.
fn serve(mut stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut received = Vec::new();
    let mut chunk = [0; 8192];
    loop {
        while let Some((len, body, end)) = request(&received) {
            let answer = if body.is_empty() { OK } else { &received[body] };
            if end != b'n' && stream.write_all(answer).is_err() || end == b'f' {
                return;
            }
            received.drain(..len);
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(n) => received.extend_from_slice(&chunk[..n]),
        }
    }
}

/// The length of the first request, where its body lies, and the last byte of its target.
fn request(bytes: &[u8]) -> Option<(usize, std::ops::Range<usize>, u8)> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&bytes[..head]);
    let mut words = text.split(' ');
    let end = words.nth(1).and_then(|target| target.bytes().last()).unwrap_or(b'/');
    let length = text.split("\r\n").find_map(|line| line.strip_prefix("Content-Length:"));
    let length: usize = length.map_or(0, |number| number.trim().parse().unwrap_or(0));
    (bytes.len() >= head + length).then_some((head + length, head..head + length, end))
}
