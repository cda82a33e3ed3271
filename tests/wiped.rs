//! No key or token is left behind in memory that was freed: looked for by a global allocator, in
//! each block that is given back.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mock_venue::{Certificates, Peer, Script, ScriptServer, Transport};
use venuepool::completion::Completion;
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::Outcome;
use venuepool::http::Request;
use venuepool::recorder::recording::Order;
use venuepool::recycle::Recycled;
use venuepool::ws::frame::Kind;
use venuepool::ws::writer::FrameWriter;

/// In all tokens of this test; not on the heap itself.
const SECRET: &[u8] = b"token-of-this-test-";

/// Looks into each block that is freed, but not on the threads that play the venue.
struct Looking;

static LEFT_BEHIND: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static PLAYS_THE_VENUE: Cell<bool> = const { Cell::new(false) };
}

// SAFETY: all is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Looking {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Cleared, so that what was left by the venue's threads is not found in a block of others.
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if !PLAYS_THE_VENUE.try_with(Cell::get).unwrap_or(true) {
            // SAFETY: the block is the caller's until it is freed, and was cleared at first.
            let block = unsafe { std::slice::from_raw_parts(pointer, layout.size()) };
            if block.windows(SECRET.len()).any(|window| window == SECRET) {
                LEFT_BEHIND.fetch_add(1, Ordering::SeqCst);
            }
        }
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Looking = Looking;

fn venue(certificates: Option<&Certificates>) -> ScriptServer {
    let handler = |peer: &mut Peer, _| {
        PLAYS_THE_VENUE.with(|venue| venue.set(true));
        while let Ok(Some(_)) = peer.read_request() {
            if peer.write(b"HTTP/1.1 204 No Content\r\n\r\n").is_err() {
                return;
            }
        }
    };
    match certificates {
        None => Script::serve(handler).unwrap(),
        Some(certificates) => Script::serve_tls(Transport::Tls, certificates, handler).unwrap(),
    }
}

/// A proxy that serves each connection so, on a thread that plays the venue, too.
fn proxy(serve: fn(TcpStream, SocketAddr) -> io::Result<()>, venue: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        PLAYS_THE_VENUE.with(|venue| venue.set(true));
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                PLAYS_THE_VENUE.with(|venue| venue.set(true));
                drop(serve(stream, venue));
            });
        }
    });
    address
}

/// Refuses user and password by HTTP, when it has read them.
fn refuse(mut stream: TcpStream, _: SocketAddr) -> io::Result<()> {
    let mut seen = [0; 1024];
    let mut len = 0;
    while !seen[..len].ends_with(b"\r\n\r\n") {
        len += stream.read(&mut seen[len..])?;
    }
    stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
}

/// Takes user and password by SOCKS 5, and leads to the venue.
fn lead(mut stream: TcpStream, venue: SocketAddr) -> io::Result<()> {
    stream.read_exact(&mut [0; 4])?;
    stream.write_all(&[5, 2])?;
    stream.read_exact(&mut [0; 2 + 1 + 1 + SECRET.len() + 1])?;
    stream.write_all(&[1, 0])?;
    let mut request = [0; 5];
    stream.read_exact(&mut request)?;
    // An IPv4 address, or a name that says how long it is.
    let rest = if request[3] == 1 { 5 } else { usize::from(request[4]) + 2 };
    stream.read_exact(&mut [0; 64][..rest])?;
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    let mut far = TcpStream::connect(venue)?;
    let (mut answers, mut back) = (far.try_clone()?, stream.try_clone()?);
    std::thread::spawn(move || {
        PLAYS_THE_VENUE.with(|venue| venue.set(true));
        let _ = io::copy(&mut answers, &mut back);
        back.shutdown(Shutdown::Write)
    });
    io::copy(&mut stream, &mut far)?;
    far.shutdown(Shutdown::Write)
}

/// Both, in this order.
fn add_proxies(config: &mut Config, venue: SocketAddr) {
    for (scheme, serve) in [("http", refuse as fn(_, _) -> _), ("socks5", lead)] {
        let address = proxy(serve, venue);
        let text = token(6);
        let password = std::str::from_utf8(&text).unwrap();
        // Neither moved nor freed: it is not the library's to wipe.
        let mut url = String::with_capacity(200);
        write!(url, "{scheme}://u:{password}@{address}").unwrap();
        config.add_proxy(url.leak().as_bytes()).unwrap();
    }
}

/// A token, on the stack.
fn token(number: u8) -> [u8; SECRET.len() + 1] {
    let mut token = [b'0' + number; SECRET.len() + 1];
    token[..SECRET.len()].copy_from_slice(SECRET);
    token
}

fn open(server: &ScriptServer, certificates: Option<&Certificates>, drive: Drive) -> Arc<Pool> {
    let mut config = Config::default();
    config.set_url(server.url().as_bytes()).unwrap();
    config.set_connections(1).unwrap();
    config.set_drive(drive);
    config.set_heartbeat(b"GET", b"/ping", 1_000_000, 5_000_000_000).unwrap();
    config.add_default_header(b"Authorization", &token(8)).unwrap();
    // Replaced, and copied.
    config.add_default_header(b"Authorization", &token(0)).unwrap();
    // Behind it, so that memory that grew for it would have held the token.
    config.add_default_header(b"X-Long", &[b'x'; 300]).unwrap();
    config.add_heartbeat_header(b"X-Key", &token(9)).unwrap();
    config.set_recorder(4).unwrap();
    config.set_recorder_heads(512).unwrap();
    if let Some(certificates) = certificates {
        config.set_ca_pem(certificates.ca_pem().as_bytes()).unwrap();
    }
    add_proxies(&mut config, server.address());
    drop(config.clone());
    Pool::open(&config).unwrap()
}

fn take(done: Completion) {
    assert_eq!(done.outcome, Outcome::Ok);
    done.response.into_iter().for_each(Recycled::release);
}

/// Sends requests, in the queue too, while the token is replaced.
fn trade(pool: &Pool) {
    let mut kept = Request::new(Arc::clone(pool.origin()));
    for number in 1..=5 {
        let mut request = Request::new(Arc::clone(pool.origin()));
        request.begin(b"POST", b"/order").unwrap();
        request.header(b"X-Signature", &token(7)).unwrap();
        request.body(b"order").unwrap();
        kept.begin(b"GET", b"/").unwrap();
        kept.finish().unwrap();
        pool.set_default_header(b"Authorization", Some(&token(number))).unwrap();
        for _ in 0..3 {
            pool.submit(&mut request, None, WhenBusy::Queue).unwrap();
            pool.submit(&mut kept, None, WhenBusy::Queue).unwrap();
        }
        for _ in 0..6 {
            assert_eq!(pool.wait(1, Duration::from_secs(30), take), Ok(Some(1)));
        }
    }
    let (beats, start) = (pool.stats().heartbeats.get(), Instant::now());
    while pool.stats().heartbeats.get() < beats + 2 {
        assert!(start.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_micros(200));
    }
    pool.set_default_header(b"Authorization", None).unwrap();
}

/// Frames of a session that are freed: one that was never sent, and one whose mask changes nothing.
fn frames() {
    for is_sent in [false, true] {
        let mut frame = FrameWriter::new(100);
        frame.reserve()[50..50 + SECRET.len()].copy_from_slice(SECRET);
        if is_sent {
            frame.commit(Kind::Text, 100, [0; 4]).unwrap();
        }
    }
}

// One test, because the allocator is the process's.
#[test]
fn no_token_is_left_in_freed_memory() {
    drop(std::hint::black_box(token(0).to_vec()));
    assert_eq!(LEFT_BEHIND.swap(0, Ordering::SeqCst), 1, "the allocator looks");
    frames();
    assert_eq!(LEFT_BEHIND.load(Ordering::SeqCst), 0, "frames");
    let certificates = Certificates::new().unwrap();
    for drive in [Drive::Thread, Drive::Caller] {
        for certificates in [None, Some(&certificates)] {
            let server = venue(certificates);
            let pool = open(&server, certificates, drive);
            trade(&pool);
            let recording = pool.recording(None).unwrap();
            let is_kept = |order: &Order| order.heads.request.contains("X-Signature: ***");
            assert!(recording.slots[0].orders.iter().any(is_kept), "heads are recorded");
            drop(recording);
            pool.close().unwrap();
            drop(pool);
            let tls = certificates.is_some();
            assert_eq!(LEFT_BEHIND.load(Ordering::SeqCst), 0, "{drive:?}, TLS: {tls}");
        }
    }
}
