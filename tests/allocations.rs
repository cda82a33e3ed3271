//! No heap allocation per request in steady state (promise 8): counted over the engine's thread and
//! the pool thread, with a global allocator that counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use mock_venue::{Certificates, Peer, Script, ScriptServer, Transport};
use venuepool::completion::Callback;
use venuepool::config::Config;
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::Outcome;
use venuepool::http::Request;
use venuepool::recycle::Recycled;

/// Counts allocations on all threads but those that play the venue.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static PLAYS_THE_VENUE: Cell<bool> = const { Cell::new(false) };
}

// SAFETY: all is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !PLAYS_THE_VENUE.with(Cell::get) {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const WARM_UP: u64 = 200;
const REQUESTS: u64 = 2_000;

/// Serves the same answer to each request.
fn venue(answer: Vec<u8>, certificates: Option<&Certificates>) -> ScriptServer {
    let handler = move |peer: &mut Peer, _| {
        PLAYS_THE_VENUE.with(|venue| venue.set(true));
        while let Ok(Some(_)) = peer.read_request() {
            if peer.write(&answer).is_err() {
                return;
            }
        }
    };
    match certificates {
        None => Script::serve(handler).unwrap(),
        Some(certificates) => Script::serve_tls(Transport::Tls, certificates, handler).unwrap(),
    }
}

fn open(
    server: &ScriptServer,
    certificates: Option<&Certificates>,
    watched: &[&str],
    recorder: usize,
) -> Arc<Pool> {
    let mut config = Config::default();
    config.set_url(server.url().as_bytes()).unwrap();
    // No more, because the venue closes what it hears nothing of for ten seconds, and a dial does
    // allocate: on a slow machine a second one would be idle for so long.
    config.set_connections(1).unwrap();
    if let Some(certificates) = certificates {
        config.set_ca_pem(certificates.ca_pem().as_bytes()).unwrap();
    }
    for name in watched {
        config.watch_header(name.as_bytes()).unwrap();
    }
    config.set_recorder(recorder).unwrap();
    config.set_recorder_heads(512).unwrap();
    Pool::open(&config).unwrap()
}

fn build(request: &mut Request, number: u64) {
    let mut digits = [0; 20];
    let mut rest = &mut digits[..];
    write!(rest, "{number:020}").unwrap();
    request.begin(b"POST", b"/api/v3/order").unwrap();
    request.query(b"newClientOrderId", &digits).unwrap();
    request.header(b"X-Request-Id", &digits).unwrap();
    request.body(b"symbol=BTCUSDT&side=BUY").unwrap();
}

/// Sends orders one after the other and polls for their completions.
fn by_queue(pool: &Pool, requests: u64) {
    let mut request = Request::new(Arc::clone(pool.origin()));
    for number in 0..requests + WARM_UP {
        if number == WARM_UP {
            ALLOCATIONS.store(0, Ordering::SeqCst);
        }
        build(&mut request, number);
        pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
        let count = pool.completions().wait(1, Duration::from_secs(30), |done| {
            assert_eq!(done.outcome, Outcome::Ok);
            Recycled::release(done.response.unwrap());
        });
        assert_eq!(count, Some(1));
    }
}

/// Sends orders one after the other and is called back.
fn by_callback(pool: &Pool, requests: u64) {
    let (tell, told) = mpsc::sync_channel(1);
    let callback: Callback = Arc::new(move |done| {
        Recycled::release(done.response.expect("an answer"));
        tell.send(()).unwrap();
    });
    let mut request = Request::new(Arc::clone(pool.origin()));
    for number in 0..requests + WARM_UP {
        if number == WARM_UP {
            ALLOCATIONS.store(0, Ordering::SeqCst);
        }
        build(&mut request, number);
        pool.submit(&mut request, Some(Arc::clone(&callback)), WhenBusy::Refuse).unwrap();
        told.recv_timeout(Duration::from_secs(30)).unwrap();
    }
}

fn framed(length: usize) -> Vec<u8> {
    let mut answer =
        format!("HTTP/1.1 200 OK\r\nX-Weight: 17\r\nContent-Length: {length}\r\n\r\n").into_bytes();
    answer.resize(answer.len() + length, b'x');
    answer
}

// One test, because the counter is the process's.
#[test]
fn a_request_in_steady_state_allocates_nothing() {
    drop(std::hint::black_box(vec![0_u8; 100]));
    assert!(ALLOCATIONS.load(Ordering::SeqCst) > 0, "the allocator counts");
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                   5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: t\r\n\r\n";
    let watched: &[&str] = &["X-Weight", "Content-Length", "Transfer-Encoding", "X-Not-There"];
    let refused = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 11\r\n\r\n{\"code\":-1}";
    for (kind, answer, watched, recorder) in [
        ("framed", framed(900), &[][..], 0),
        ("chunked", chunked.as_bytes().to_vec(), &[], 0),
        ("16 KiB", framed(16 * 1024), &[], 0),
        ("framed and watched", framed(900), watched, 0),
        ("chunked and watched", chunked.as_bytes().to_vec(), watched, 0),
        ("framed and recorded", framed(900), &[], 16),
        ("chunked and recorded", chunked.as_bytes().to_vec(), &[], 16),
        ("refused and recorded", refused.to_vec(), &[], 16),
    ] {
        let server = venue(answer, None);
        let pool = open(&server, None, watched, recorder);
        by_queue(&pool, REQUESTS);
        assert_eq!(ALLOCATIONS.load(Ordering::SeqCst), 0, "{kind}, by queue");
        by_callback(&pool, REQUESTS);
        assert_eq!(ALLOCATIONS.load(Ordering::SeqCst), 0, "{kind}, by callback");
        assert_eq!(pool.watched(0).is_ok(), kind == "framed and watched");
        let orders = pool.recording(Some(0)).map_or(0, |it| it.slots[0].orders.len());
        assert_eq!(orders, recorder, "{kind}");
        pool.close().unwrap();
    }
    let certificates = Certificates::new().unwrap();
    let server = venue(framed(900), Some(&certificates));
    let pool = open(&server, Some(&certificates), watched, 16);
    by_queue(&pool, REQUESTS);
    let per_request = ALLOCATIONS.load(Ordering::SeqCst) / REQUESTS;
    // One record out and one in: rustls takes one allocation for each.
    assert!(per_request <= 2, "{per_request} allocations a request on TLS");
    pool.close().unwrap();
}
