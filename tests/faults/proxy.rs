//! A proxy that asks a venue by CONNECT, and refuses or keeps silent when it is told to.

use std::collections::HashMap;
use std::io::{Read, Write, copy};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// What it does with the next connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It carries bytes.
    Serves = 0,
    /// It answers 502.
    Refuses = 1,
    /// It answers nothing.
    IsSilent = 2,
}

/// A proxy on a port of its own. It ends, with all its connections, when this is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    venue: SocketAddr,
    mood: AtomicU8,
    is_over: AtomicBool,
    /// Both sides of each connection that is carried, to end it.
    carried: Mutex<HashMap<u64, [TcpStream; 2]>>,
}

impl Proxy {
    /// `venue`: where it connects to, whatever it is asked for.
    pub(crate) fn start(venue: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (mood, is_over) = (AtomicU8::new(Mood::Serves as u8), AtomicBool::new(false));
        let shared = Arc::new(Shared { venue, mood, is_over, carried: Mutex::default() });
        let its = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            thread::scope(|scope| {
                for near in listener.incoming().map_while(Result::ok) {
                    if its.is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    scope.spawn(|| its.serve(near));
                }
            });
        });
        Self { address, shared, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn set(&self, mood: Mood) {
        self.shared.mood.store(mood as u8, Ordering::SeqCst);
    }

    /// Closes all that it carries.
    pub(crate) fn end_carried(&self) {
        for side in self.shared.carried.lock().unwrap().values().flatten() {
            let _ = side.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        self.end_carried();
        // It waits for a connection.
        let _ = TcpStream::connect(self.address);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || ended.is_none_or(|ended| ended.is_ok()));
    }
}

impl Shared {
    fn serve(&self, mut near: TcpStream) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            // A dial that was given up.
            let Ok(1) = near.read(&mut byte) else { return };
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"CONNECT "), "{}", String::from_utf8_lossy(&head));
        match self.mood.load(Ordering::SeqCst) {
            mood if mood == Mood::Serves as u8 => self.carry(near),
            mood if mood == Mood::Refuses as u8 => {
                let _ = near.write_all(b"HTTP/1.1 502 No way\r\nContent-Length: 0\r\n\r\n");
            }
            // Until the other side gives up.
            _ => drop(near.read(&mut [0])),
        }
    }

    fn carry(&self, mut near: TcpStream) {
        let Ok(far) = TcpStream::connect(self.venue) else { return };
        if near.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").is_err() {
            return;
        }
        let sides = [near.try_clone().unwrap(), far.try_clone().unwrap()];
        let number = fastrand::u64(..);
        self.carried.lock().unwrap().insert(number, sides);
        if !self.is_over.load(Ordering::SeqCst) {
            thread::scope(|scope| {
                scope.spawn(|| pass(&far, &near));
                pass(&near, &far);
            });
        }
        self.carried.lock().unwrap().remove(&number);
    }
}

/// Carries one way until it ends, and then ends both.
fn pass(mut from: &TcpStream, mut to: &TcpStream) {
    let _ = copy(&mut from, &mut to);
    for side in [from, to] {
        let _ = side.shutdown(Shutdown::Both);
    }
}
