//! Default headers that are replaced while a pool trades: tokens that expire.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use mock_venue::{Peer, Script, ScriptServer};
use venuepool::completion::Completion;
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{Outcome, Status};
use venuepool::http::Request;

use crate::rig::{PATIENCE, body, config, request, switch, until};

const MS: u64 = 1_000_000;
const DRIVES: [Drive; 2] = [Drive::Thread, Drive::Caller];

/// Answers each request with the token that it carried, or `none`; it may note them first.
fn venue(note: impl Fn(&str, &str) + Send + Sync + 'static) -> ScriptServer {
    Script::serve(move |peer: &mut Peer, _| {
        while let Ok(Some(request)) = peer.read_request() {
            let token = request.header("authorization").unwrap_or("none");
            note(&request.target, token);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", token.len());
            if peer.write(format!("{head}{token}").as_bytes()).is_err() {
                return;
            }
        }
    })
    .unwrap()
}

fn with_token(server: &ScriptServer, connections: usize, drive: Drive) -> Config {
    let mut config = config(&server.url(), connections);
    config.set_drive(drive);
    config.add_default_header(b"Authorization", b"Bearer 0").unwrap();
    config
}

fn set(pool: &Pool, token: &str) {
    pool.set_default_header(b"Authorization", Some(token.as_bytes())).unwrap();
}

/// Sends the request as it is, and gives the token that arrived.
fn arrives(pool: &Pool, request: &mut Request) -> String {
    body(&pool.execute(request, WhenBusy::Queue).unwrap())
}

#[test]
fn each_request_carries_the_token_of_its_submit_whenever_it_was_built() {
    for drive in DRIVES {
        let server = venue(|_, _| ());
        let pool = Pool::open(&with_token(&server, 1, drive)).unwrap();
        let [mut begun, mut built, mut marked, mut sent] = std::array::from_fn(|_| request(&pool));
        begun.begin(b"POST", b"/begun").unwrap();
        built.begin(b"POST", b"/built").unwrap();
        built.body(b"order").unwrap();
        marked.begin(b"POST", b"/marked").unwrap();
        marked.mark().unwrap();
        marked.body(b"order").unwrap();
        sent.begin(b"GET", b"/sent").unwrap();
        assert_eq!(arrives(&pool, &mut sent), "Bearer 0");
        for token in ["Bearer 1", "Bearer 2, longer than the others", "B 3"] {
            set(&pool, token);
            for request in [&mut begun, &mut built, &mut marked, &mut sent] {
                assert_eq!(arrives(&pool, request), token);
            }
            marked.rewind().unwrap();
            assert_eq!(arrives(&pool, &mut marked), token);
        }
        pool.close().unwrap();
    }
}

#[test]
fn a_request_in_the_queue_keeps_the_token_of_its_submit() {
    let (throw, thrown) = switch();
    let server = venue(move |_, _| {
        let _ = thrown.lock().unwrap().recv();
    });
    let pool = Pool::open(&with_token(&server, 1, Drive::Thread)).unwrap();
    let mut request = request(&pool);
    request.begin(b"GET", b"/").unwrap();
    for token in ["Bearer 0", "Bearer 1", "Bearer 2"] {
        set(&pool, token);
        pool.submit(&mut request, None, WhenBusy::Queue).unwrap();
    }
    set(&pool, "Bearer 3");
    drop(throw);
    for token in ["Bearer 0", "Bearer 1", "Bearer 2"] {
        assert_eq!(body(&next(&pool)), token);
    }
    pool.close().unwrap();
}

fn next(pool: &Pool) -> Completion {
    let mut taken = None;
    assert_eq!(pool.wait(1, PATIENCE, |done| taken = Some(done)), Ok(Some(1)));
    taken.unwrap()
}

#[test]
fn heartbeats_carry_the_new_token() {
    for drive in DRIVES {
        let pings = Arc::new(Mutex::new(String::new()));
        let last = Arc::clone(&pings);
        let server = venue(move |target, token| {
            assert_eq!(target, "/ping");
            token.clone_into(&mut last.lock().unwrap());
        });
        let mut config = with_token(&server, 1, drive);
        config.set_heartbeat(b"GET", b"/ping", 2 * MS, 5_000 * MS).unwrap();
        let pool = Pool::open(&config).unwrap();
        for token in ["Bearer 0", "Bearer 1 is longer", "B2"] {
            set(&pool, token);
            until(|| (*pings.lock().unwrap() == token).then_some(()));
        }
        pool.set_default_header(b"authorization", None).unwrap();
        until(|| (*pings.lock().unwrap() == "none").then_some(()));
        pool.close().unwrap();
    }
}

#[test]
fn headers_are_added_and_removed_and_a_refused_change_changes_nothing() {
    let server = venue(|_, _| ());
    let mut config = with_token(&server, 1, Drive::Thread);
    config.set_request_capacity(1024).unwrap();
    config.set_heartbeat(b"GET", &[&b"/"[..], &[b'p'; 600]].concat(), 60_000 * MS, MS).unwrap();
    let pool = Pool::open(&config).unwrap();
    let mut request = request(&pool);
    request.begin(b"GET", b"/").unwrap();
    let long = [b'x'; 400];
    for (name, value, status) in [
        (&b"Authorization"[..], Some(&b"a\r\nb"[..]), Status::ERR_HEADER_VALUE),
        (b"Author ization", Some(b"a"), Status::ERR_HEADER_NAME),
        (b"Host", Some(b"a"), Status::ERR_HEADER_RESERVED),
        (b"Content-Length", None, Status::ERR_HEADER_RESERVED),
        (b"X-Not-There", None, Status::ERR_NOT_FOUND),
        // There would be room for other requests, but not for the heartbeat.
        (b"Authorization", Some(&long), Status::ERR_TOO_LARGE),
    ] {
        assert_eq!(pool.set_default_header(name, value), Err(status));
        assert_eq!(arrives(&pool, &mut request), "Bearer 0");
    }
    pool.set_default_header(b"authorization", None).unwrap();
    assert_eq!(arrives(&pool, &mut request), "none");
    set(&pool, "Bearer 1");
    assert_eq!(arrives(&pool, &mut request), "Bearer 1");
    request.begin(b"GET", b"/").unwrap();
    request.header(b"AUTHORIZATION", b"its own").unwrap();
    set(&pool, "Bearer 2");
    assert_eq!(arrives(&pool, &mut request), "its own");
    pool.close().unwrap();
}

/// Four engines send while a fifth thread replaces the token: each request has a whole token, and
/// none that is older than the last one whose call had returned when submit was called.
#[test]
fn no_submit_sends_a_token_that_was_replaced_before_it() {
    for drive in DRIVES {
        let server = venue(|_, _| ());
        let pool = Pool::open(&with_token(&server, 4, drive)).unwrap();
        let (done, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 1.. {
                    if is_over.load(Ordering::SeqCst) {
                        break;
                    }
                    let padding = "=".repeat(1 + number % 50);
                    set(&pool, &format!("Bearer {number} {padding}"));
                    done.store(number as u64, Ordering::SeqCst);
                    std::thread::yield_now();
                }
            });
            let engines = [(); 4].map(|()| {
                scope.spawn(|| {
                    let mut request = request(&pool);
                    for order in 0..200 {
                        if order % 3 == 0 {
                            request.begin(b"POST", b"/order").unwrap();
                            request.body(b"order").unwrap();
                        }
                        let least = done.load(Ordering::SeqCst);
                        let answer = pool.execute(&mut request, WhenBusy::Queue).unwrap();
                        assert_eq!(answer.outcome, Outcome::Ok);
                        let token = body(&answer);
                        let (number, padding) = token[7..].split_once(' ').unwrap_or(("0", ""));
                        let number: u64 = number.parse().unwrap();
                        assert!(number >= least, "{token} after {least}");
                        let whole = if number == 0 { 0 } else { 1 + number % 50 };
                        assert_eq!(padding.len() as u64, whole, "{token}");
                    }
                })
            });
            engines.into_iter().for_each(|engine| engine.join().unwrap());
            is_over.store(true, Ordering::SeqCst);
        });
        pool.close().unwrap();
    }
}
