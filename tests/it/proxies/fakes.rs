//! Proxies that a test writes: to count, to be exact to the byte, and to misbehave.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::relay::relay;

/// A proxy whose every connection a function serves, on a thread of its own. It lives until the
/// process ends.
pub(super) struct Fake {
    pub(super) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Fake {
    pub(super) fn start<H>(serve: H) -> Self
    where
        H: Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (count, serve) = (Arc::clone(&connections), Arc::new(serve));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                count.fetch_add(1, Ordering::SeqCst);
                let serve = Arc::clone(&serve);
                // A peer that goes away early is part of many tests.
                std::thread::spawn(move || drop(serve(stream)));
            }
        });
        Self { address, connections }
    }

    /// An HTTP proxy that leads to `venue`, and keeps what it was asked.
    pub(super) fn http(venue: SocketAddr) -> (Self, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&asked);
        let fake = Self::start(move |mut stream| {
            keep.lock().unwrap().push(read_head(&mut stream)?);
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
            relay(stream, TcpStream::connect(venue)?);
            Ok(())
        });
        (fake, asked)
    }

    /// An HTTP proxy that answers so, a piece at a time, and waits for the end.
    pub(super) fn answering(answer: &'static [u8]) -> Self {
        Self::start(move |mut stream| {
            read_head(&mut stream)?;
            stream.write_all(answer)?;
            stream.read_to_end(&mut Vec::new())?;
            Ok(())
        })
    }

    /// How many connections it has accepted.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) fn http_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn socks_url(&self) -> String {
        format!("socks5://{}", self.address)
    }
}

/// Reads a request's head and nothing behind it.
pub(super) fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    String::from_utf8(head).map_err(io::Error::other)
}

/// Reads exactly so many bytes.
pub(super) fn read<const LEN: usize>(stream: &mut TcpStream) -> io::Result<[u8; LEN]> {
    let mut bytes = [0; LEN];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Writes a byte at a time, each in a segment of its own.
pub(super) fn trickle(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.set_nodelay(true)?;
    for byte in bytes {
        stream.write_all(&[*byte])?;
        std::thread::yield_now();
    }
    Ok(())
}
